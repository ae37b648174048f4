package job

import (
	"strings"
	"testing"
	"time"

	"edgebed/harness/scenario"
	"edgebed/harness/scenario/scenariotest"
	"edgebed/harness/topology"
	"edgebed/nodes/units"
	"edgebed/nodes/yamlfile"
)

// prepareText returns the jobs of a scenario's text.
func prepareText(t *testing.T, text string) ([]Job, error) {
	t.Helper()
	p, err := Prepare(scenariotest.ExpandText(t, text), scenariotest.Topology, nil)
	if err != nil {
		return nil, err
	}
	return p.Jobs, nil
}

// TestOneDirection: an axis varies one direction of one link of a shipped topology, by a
// change, by a class, or of a host's access link; the others are what they were.
func TestOneDirection(t *testing.T) {
	const rest = "\nexecution: {model: pure-faas}\nmatrix: [{axis: up, values: [1 Mb/s, 4 Mb/s]}]\n"
	for change, ends := range map[string][2]string{
		"{file: ring6.yaml, changes: [{link: [s1, s0], forward: {rate: $up}}]}":                        {"s1", "s0"},
		"{file: ring6.yaml, changes: [{link: [s0, s1], reverse: {rate: $up}}]}":                        {"s1", "s0"},
		"{file: ring6.yaml, classes: {trunk: {reverse: {rate: $up}}}}":                                 {"s1", "s0"},
		"{file: ring6.yaml, changes: [{host: host0, uplink: {rate: $up}, downlink: {rate: 10 Mb/s}}]}": {"host0", "s0"},
		`{preset: "ring,switches=3", mtu: 1400, changes: [{link: [s1, s0], forward: {rate: $up}}]}`:    {"s1", "s0"},
	} {
		jobs, err := prepareText(t, "name: one\ntopology: "+change+rest)
		if err != nil {
			t.Errorf("%s: %v", change, yamlfile.Explain(err))
			continue
		}
		for k, want := range []units.Rate{units.Mbps, 4 * units.Mbps} {
			up, err := jobs[k].Topology().Params(ends[0], ends[1])
			down, errDown := jobs[k].Topology().Params(ends[1], ends[0])
			if err != nil || errDown != nil || up.Rate != want || down.Rate != 10*units.Mbps {
				t.Errorf("%s: %v up and %v down, want %v and 10 Mb/s; %v, %v", change, up.Rate, down.Rate, want, err, errDown)
			}
		}
		if jobs[0].Expected() <= jobs[1].Expected() {
			t.Errorf("%s: expected to take %v at 1 Mb/s and %v at 4 Mb/s", change, jobs[0].Expected(), jobs[1].Expected())
		}
	}
}

// TestAccessInRecords: the records name both directions of an access link.
func TestAccessInRecords(t *testing.T) {
	jobs, err := prepareText(t, `name: access
topology:
  file: ring6.yaml
  changes: [{host: host2, uplink: {rate: 1 Mb/s, loss: 1 %, loss-burst: 4}, downlink: {delay: 30 ms, rate: 8 Mb/s}}]
events: [{at: 1 s, for: 1 s, link: [host2, s2], down: true}]
matrix: [{axis: model, values: [pure-faas]}]
`)
	if err != nil {
		t.Fatal(yamlfile.Explain(err))
	}
	n := jobs[0].Network()
	up, down := n.Hosts[2].Uplink, n.Ports[2]
	if up == nil || up.RateBPS != 1e6 || up.Loss != 0.01 || up.Bursts == nil || up.Bursts.R != 0.25 || up.Peer != "s2" {
		t.Errorf("the uplink is %+v", up)
	}
	if down.Name != "s2-host2" || down.Trunk || down.DelayNS != int64(30*time.Millisecond) || down.RateBPS != 8e6 {
		t.Errorf("the port is %+v", down)
	}
	if n.Hosts[1].Uplink != nil || len(n.Ports) != 6+2*6 {
		t.Errorf("%d ports, and another host has %+v", len(n.Ports), n.Hosts[1].Uplink)
	}

	e := &jobs[0].Cell.Events[0]
	if got := jobs[0].Directions(e); len(got) != 2 || got[0] != (Direction{From: "host2", To: "s2"}) {
		t.Errorf("the event is about %v", got)
	}
	one := &scenario.Event{Direction: []string{"s2", "host2"}}
	if got := jobs[0].Directions(one); len(got) != 1 || got[0] != (Direction{From: "s2", To: "host2"}) {
		t.Errorf("an event of one direction is about %v", got)
	}
	if got := jobs[0].Change(e); *got.Loss != topology.Loss(1) {
		t.Errorf("the event sets %+v", got)
	}
}

// TestModes: a scenario says what the switches of a file, a preset or its own network are,
// and whether hosts have IPv6; an axis may vary it.
func TestModes(t *testing.T) {
	const own = "switches: [s0], hosts: [{name: a, switch: s0}, {name: b, switch: s0}]"
	for _, network := range []string{"file: ring6.yaml", "preset: ring", own} {
		jobs, err := prepareText(t, "name: modes\ntopology: {"+network+", mode: $mode, ipv6: false}\n"+
			"execution: {model: pure-faas}\nmatrix: [{axis: mode, values: [switched, routed]}]\n")
		if err != nil {
			t.Errorf("%s: %v", network, yamlfile.Explain(err))
			continue
		}
		for k, routed := range []bool{false, true} {
			if got := jobs[k].Topology(); got.IsRouted() != routed || got.HasIPv6() {
				t.Errorf("%s: mode %q, IPv6 %v", network, got.Mode, got.HasIPv6())
			}
		}
	}
}

// TestLinkMistakes: changes that fit no link, and events that a running link cannot follow.
func TestLinkMistakes(t *testing.T) {
	for section, want := range map[string]string{
		"topology: {file: ring6.yaml, changes: [{link: [s0, s3], forward: {rate: 1 Mb/s}}]}":              "no link s0-s3",
		"topology: {file: ring6.yaml, changes: [{link: [host0, s0], forward: {rate: 1 Mb/s}}]}":           "give the host a class",
		"topology: {file: ring6.yaml, changes: [{host: hots0, uplink: {rate: 1 Mb/s}}]}":                  "did you mean host0?",
		"topology: {file: ring6.yaml, changes: [{host: host0, uplink: {rate: 1 b/s}}]}":                   "out of range",
		"topology: {file: ring6.yaml, changes: [{link: [s0, s1], forward: {loss-burst: 0.1}}]}":           "loss-burst of 0.1",
		"topology: {file: ring6.yaml, mtu: 1000, ipv6: true}":                                             "IPv6 needs an mtu of 1280 B",
		"topology: {file: ring6.yaml, mtu: 10}":                                                           "mtu of 10 B is out of range",
		"topology: {file: ring6.yaml}\nevents: [{at: 1 s, link: [s0, s1], set: {discipline: codel}}]":     "cannot change its discipline",
		"topology: {file: ring6.yaml}\nevents: [{at: 1 s, direction: [s0, s3], down: true}]":              "no link s0-s3",
		"topology: {file: ring6.yaml}\nevents: [{at: 1 s, link: [host0, s0], down: true}]":                "give the host a class",
		"topology: {file: ring6.yaml}\nevents: [{at: 1 s, link-class: trunk, set: {queue-bytes: 64 kB}}]": "nor between packets and bytes",
	} {
		if _, err := prepareText(t, "name: wrong\n"+section+"\nmatrix: [{axis: model, values: [pure-faas]}]\n"); err == nil ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%s\ngives %v, want %q", section, err, want)
		}
	}
}

// TestChangesTogether: what a scenario changes in a network is checked when all is changed, and
// a mistake is told once.
func TestChangesTogether(t *testing.T) {
	const file = `name: narrow
switches: [a, b]
hosts: [{name: x, switch: a}, {name: y, switch: b}]
link-classes: {wan: {rate: 10 Mb/s, burst: 2 kB, ceil-burst: 2 kB}}
links: [{between: [a, b], class: wan, mtu: 1500}]
`
	find := func(string) ([]byte, string, error) { return []byte(file), "narrow.yaml", nil }
	wide := "classes: {wan: {burst: 20 kB, ceil-burst: 20 kB}}"
	for change, want := range map[string]string{
		"mtu: 9000, changes: [{link: [a, b], mtu: 9000}], " + wide:                                       "",
		"mtu: 9000, changes: [{host: x, mtu: 1500}], " + wide:                                            "",
		"mtu: 900, classes: {wan: {burst: 1 kB, ceil-burst: 1 kB}}, changes: [{link: [a, b], mtu: 900}]": "",
		"mtu: 576, ipv6: true, changes: [{host: x, mtu: 1280}, {host: y, mtu: 1280}]":                    "",
		"mtu: 9000, " + wide:                                             "narrow.yaml:5:44: links[0].mtu: link a-b: packets between hosts x and y",
		"mtu: 5, mode: routed, ipv6: true":                               "test.yaml:2:36: topology.mtu: narrow.yaml:1:1: mtu: mtu of 5 B is out of range",
		"mtu: 9000, mode: routed":                                        "topology.mtu: ",
		"changes: [{host: x, mtu: 9000}, {host: y, mtu: 9000}], " + wide: "narrow.yaml:5:44: links[0].mtu: link a-b: packets",
	} {
		text := "name: t\ntopology: {file: narrow.yaml, " + change + "}\nmatrix: [{axis: model, values: [pure-faas]}]\n"
		_, err := Prepare(scenariotest.ExpandText(t, text), find, nil)
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", change, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want) || len(yamlfile.Each(err)) != 1):
			t.Errorf("%s: %v, want only %q", change, err, want)
		}
	}
}
