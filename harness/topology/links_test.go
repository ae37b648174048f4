package topology

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"edgebed/harness/fate"
	"edgebed/nodes/units"
)

// directed has what a link can have, by direction, and hosts with access links.
const directed = `name: directed
mtu: 1400
switches: [west, east]
hosts:
  - {name: alice, switch: west, class: dsl, uplink: {loss: 0}}
  - {name: bob, switch: east, downlink: {rate: 3 Mb/s, queue-bytes: 64 kB}}
  - {name: carol, switch: east}
link-classes:
  dsl: {delay: 8 ms, loss: 2 %, loss-burst: 3, forward: {rate: 1 Mb/s, queue: 20}, reverse: {rate: 16 Mb/s, discipline: red}}
links:
  - between: [west, east]
    class: dsl
    forward: {loss: 0, loss-burst: 0, gilbert-elliott: {p: 1 %, r: 0.25, 1-k: 0.1 %}, duplicate: 0.5 %}
    reverse: {rate: 50 Mb/s, corrupt: 1 %}
`

// TestDirections: a class, a direction of it, and a direction of a link, each over the one
// before; and what a host writes.
func TestDirections(t *testing.T) {
	parsed := parse(t, directed)
	both := Params{Delay: 8 * time.Millisecond, Loss: 0.02, LossBurst: 3, Queue: DefaultQueue, MTU: 1400}
	up, down, forward, reverse, bob := both, both, both, both, Params{Queue: DefaultQueue, MTU: 1400}
	up.Rate, up.Queue, up.Loss = units.Mbps, 20, 0
	down.Rate, down.Discipline = 16*units.Mbps, RED
	forward.Rate, forward.Queue, forward.Loss, forward.LossBurst, forward.Duplicate = units.Mbps, 20, 0, 0, 0.005
	forward.Bursts = fate.GilbertElliott{P: 0.01, R: 0.25, Bad: 1, Good: 0.001}
	reverse.Rate, reverse.Discipline, reverse.Corrupt = 50*units.Mbps, RED, 0.01
	bob.Rate, bob.QueueBytes = 3*units.Mbps, 64*units.KB

	check := func(parsed *Topology) {
		t.Helper()
		for ends, want := range map[[2]string]Params{
			{"alice", "west"}: up, {"west", "alice"}: down, {"west", "east"}: forward, {"east", "west"}: reverse,
			{"east", "bob"}: bob, {"bob", "east"}: {Queue: DefaultQueue, MTU: 1400},
		} {
			if got, err := parsed.Params(ends[0], ends[1]); err != nil || got != want {
				t.Errorf("%v: %+v, %v\nwant %+v", ends, got, err, want)
			}
		}
	}
	check(parsed)
	if way := parsed.Ways().Params("alice", "bob"); !slices.Equal(way, []Params{up, forward, bob}) {
		t.Errorf("from alice to bob: %v", way)
	}
	if way := parsed.Ways().Params("carol", "alice"); !slices.Equal(way, []Params{reverse, down}) {
		t.Errorf("from carol to alice: %v", way)
	}
	if hops := parsed.Hops("alice", "bob"); hops != 1 {
		t.Errorf("%d hops from alice to bob: access links are none", hops)
	}

	// Written and read again it is the same.
	check(readBack(t, parsed))

	// What a direction has, put into another one, makes it the same.
	if err := parsed.SetLink("bob", "east", forward.Override()); err != nil {
		t.Fatal(err)
	}
	if got, err := parsed.Params("bob", "east"); err != nil || got != forward {
		t.Errorf("%+v, %v\nwant %+v", got, err, forward)
	}
}

// TestWired: each host with an access link has a switch of its own, and the paths of the
// others are what they were.
func TestWired(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		drawn := drawTopology(t)
		for i := range drawn.Hosts {
			if rapid.Bool().Draw(t, "access") {
				drawn.Hosts[i].Uplink.Rate = new(units.Mbps)
			}
		}
		if err := drawn.Validate(); err != nil {
			t.Fatal(err)
		}

		links := drawn.AllLinks()
		for f := range drawn.Interfaces() {
			if is := f.Link >= 0; is != f.HasAccess() || is && links[f.Link].Between != [2]string{f.Host, f.Switch} {
				t.Fatalf("the access link of %s of %s is number %d of %v", f.Name(), f.Host, f.Link, links)
			}
		}

		wired := drawn.Wired()
		for _, a := range drawn.Hosts {
			for _, b := range drawn.Hosts {
				want := drawn.Path(a.Name, b.Name)
				if a.HasAccess() && a.Name != b.Name {
					want = append([]string{a.Name}, want...)
				}
				if b.HasAccess() {
					want = append(want, b.Name)
				}
				if a.Name == b.Name && a.HasAccess() {
					want = []string{a.Name}
				}
				if got := wired.Path(a.Name, b.Name); !slices.Equal(got, want) {
					t.Fatalf("from %s to %s: %v, want %v", a.Name, b.Name, got, want)
				}
			}
		}
	})
}

// TestLossModels: what the odds come to is what the file says.
func TestLossModels(t *testing.T) {
	for _, tt := range []struct {
		params Params
		mean   float64
		text   string
	}{
		{Params{}, 0, "unshaped, 0s"},
		{Params{Loss: 0.01}, 0.01, "unshaped, 0s, loss 0.01"},
		{Params{Loss: 0.01, LossBurst: 5}, 0.01, "unshaped, 0s, loss 0.01 in bursts of 5"},
		{Params{Loss: 1, LossBurst: 5}, 1, "unshaped, 0s, loss 1"},
		{Params{Bursts: fate.GilbertElliott{P: 0.1, R: 0.3, Bad: 0.8}, Duplicate: 0.1}, 0.2,
			"unshaped, 0s, loss 0.2 (p 0.1, r 0.3, 1-h 0.8, 1-k 0), duplicate 0.1"},
		// A link that is down.
		{Params{Loss: 1, Bursts: fate.GilbertElliott{P: 0.1, R: 0.3, Bad: 0.8}}, 1, "unshaped, 0s, loss 1"},
	} {
		tt.params.Queue = 1
		if err := tt.params.Validate(); err != nil {
			t.Errorf("%v: %v", tt.params, err)
		}
		if got := tt.params.MeanLoss(); math.Abs(got-tt.mean) > 1e-9 {
			t.Errorf("%v: a mean loss of %v, want %v", tt.params, got, tt.mean)
		}
		if got := tt.params.String(); got != tt.text {
			t.Errorf("%q, want %q", got, tt.text)
		}
	}
}

// TestWrongLinks: each mistake in a direction's parameters has its place and says what was
// expected.
func TestWrongLinks(t *testing.T) {
	for link, want := range map[string]string{
		"loss: 1 %, loss-burst: 0.5":                                     "loss-burst of 0.5 frames is out of range",
		"loss: 1 %, loss-burst: 2e6":                                     "loss-burst of 2e+06 frames is out of range",
		"loss: 90 %, loss-burst: 4":                                      "want at most 0.8",
		"loss: 1 %, gilbert-elliott: {p: 0.1, r: 0.2}":                   "leave loss and loss-burst out",
		"loss-burst: 4, gilbert-elliott: {p: 0.1, r: 0.2}":               "leave loss and loss-burst out",
		"gilbert-elliott: {p: 0.1}":                                      `missing required key "r"`,
		"gilbert-elliott: {p: 2, r: 0.2}":                                "expected one like 0.01 or 1 %",
		"gilbert-elliott: {p: 0.1, r: 0.2, 1-j: 1}":                      `unknown key "1-j"`,
		"duplicate: 2":                                                   "expected one like 0.01 or 1 %",
		"corrupt: -1":                                                    "expected one like 0.01 or 1 %",
		"rate: 1 Mb/s, queue-bytes: 100 B":                               "queue-bytes 100 B is out of range",
		"rate: 1 Mb/s, queue-bytes: 2 GB":                                "queue-bytes 2 GB is out of range",
		"rate: 1 Mb/s, discipline: codl":                                 "expected fifo or red or codel or fq-codel",
		"rate: 1 Mb/s, discipline: codel, queue-bytes: 64 kB":            "counts packets",
		"rate: 1 Mb/s, discipline: red, queue: 3":                        "too short for discipline red",
		"discipline: fq-codel":                                           "give the link a rate",
		"rate: 1 Mb/s, discipline: fifo, queue: 3, queue-bytes: 1514 kb": "queue-bytes",
	} {
		for place, text := range map[string]string{
			"links[0].reverse": "links: [{between: [s, r], reverse: {" + link + "}}]",
			"link-classes.x":   "link-classes: {x: {reverse: {" + link + "}}}\nlinks: [{between: [s, r], class: x}]",
			"hosts[0].uplink":  "links: [{between: [s, r]}]",
		} {
			up := ""
			if place == "hosts[0].uplink" {
				up = ", uplink: {" + link + "}"
			}
			_, err := Parse("wrong.yaml", []byte("name: wrong\nswitches: [s, r]\nhosts: [{name: a, switch: s"+up+"}]\n"+text+"\n"))
			if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), place) {
				t.Errorf("{%s} at %s gives %v\nwant %q", link, place, err, want)
			}
		}
	}
	for text, want := range map[string]string{
		"mtu: 100":    "mtu of 100 B is out of range: expected 576 to 9000",
		"mtu: 100000": "mtu of 100000 B is out of range",
		"mtu: big":    "mtu",
	} {
		if _, err := Parse("wrong.yaml", []byte("name: wrong\nswitches: [s]\nhosts: [{name: a, switch: s}]\n"+text+"\n")); err == nil ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%s gives %v, want %q", text, err, want)
		}
	}
}

// TestCanBecome: in place, the rate of a shaped link changes, but not what kind of queue it
// has.
func TestCanBecome(t *testing.T) {
	shaped := Params{Rate: units.Mbps, Queue: 10}
	for _, tt := range []struct {
		change Override
		want   bool
	}{
		{Override{Rate: new(2 * units.Mbps), Queue: new(20), Loss: new(Loss(1))}, true},
		{Override{Discipline: new(Drop)}, true},
		{Override{Rate: new(units.Rate(0))}, false},
		{Override{QueueBytes: new(64 * units.KB)}, false},
		{Override{Discipline: new(CoDel)}, false},
	} {
		if err := shaped.CanBecome(tt.change.Apply(shaped)); (err == nil) != tt.want {
			t.Errorf("to %v: %v", tt.change.Apply(shaped), err)
		}
	}
	unshaped := Params{Queue: 10}
	if err := unshaped.CanBecome(Params{Queue: 10, QueueBytes: 64 * units.KB}); err != nil {
		t.Errorf("an unshaped link, which has no queue: %v", err)
	}
}
