package topology

import (
	"fmt"
	"io/fs"
	"math"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"edgebed/nodes/fuzztest"
	"edgebed/nodes/units"
	"edgebed/topologies"
)

func TestRing6(t *testing.T) {
	data, err := topologies.Files.ReadFile("ring6.yaml")
	if err != nil {
		t.Fatal(err)
	}
	ring, err := Parse("ring6.yaml", data)
	if err != nil {
		t.Fatal(err)
	}
	for i, h := range ring.Hosts {
		// The prototype's addresses count from 1.
		want := HostSpec{Name: fmt.Sprintf("host%d", i), Address: netip.AddrFrom4([4]byte{10, 1, 0, byte(i + 1)}), Switch: fmt.Sprintf("s%d", i)}
		if !reflect.DeepEqual(h, want) {
			t.Errorf("host %d is %v, want %v", i, h, want)
		}
	}
	for a := range 6 {
		for b := range 6 {
			around := (a - b + 6) % 6
			want := min(around, 6-around)
			if got := ring.Hops(fmt.Sprintf("host%d", a), fmt.Sprintf("host%d", b)); got != want {
				t.Errorf("host%d to host%d: %d hops, want %d", a, b, got, want)
			}
		}
	}
	for pair, want := range map[[2]string][]string{
		{"host0", "host3"}:  {"s0", "s1", "s2", "s3"},
		{"host3", "host0"}:  {"s3", "s2", "s1", "s0"},
		{"host1", "host4"}:  {"s1", "s2", "s3", "s4"},
		{"host2", "host5"}:  {"s2", "s3", "s4", "s5"},
		{"host5", "host1"}:  {"s5", "s0", "s1"},
		{"host4", "host4"}:  {"s4"},
		{"host4", "nobody"}: nil,
	} {
		if got := ring.Path(pair[0], pair[1]); !slices.Equal(got, want) {
			t.Errorf("path %s to %s is %v, want %v", pair[0], pair[1], got, want)
		}
	}
	if hops := ring.Hops("host0", "nobody"); hops != -1 {
		t.Errorf("%d hops to nobody, want -1", hops)
	}
	p, err := ring.Params("s5", "s4")
	want := Params{Rate: 10 * units.Mbps, Delay: time.Millisecond, Queue: 1000}
	if err != nil || p != want {
		t.Errorf("link s5-s4 has %+v, %v; want %+v", p, err, want)
	}
}

// TestEmbedded parses every topology that comes with the program.
func TestEmbedded(t *testing.T) {
	files, err := fs.Glob(topologies.Files, "*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		data, err := topologies.Files.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		topology, err := Parse(name, data)
		if err != nil {
			t.Error(err)
		} else if topology.Name+".yaml" != name {
			t.Errorf("%s holds topology %s", name, topology.Name)
		}
	}
}

const small = `version: 1
name: small
subnet: 10.2.0.0/24
switches: [west, east]
hosts:
  - {name: alice, address: 10.2.0.1, switch: west}
  - {name: bob, address: 10.2.0.2, switch: east}
link-classes:
  slow: {rate: 2 Mb/s, delay: 20 ms, jitter: 5 ms, loss: 1 %, queue: 50, burst: 15 kB}
links:
  - between: [west, east]
    class: slow
    forward: {rate: 1 Mb/s, burst: auto}
    reverse: {delay: 30 ms, loss: 0.25}
`

// parse reads a topology file that has no mistakes.
func parse(t *testing.T, text string) *Topology {
	t.Helper()
	n, err := Parse("topology.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// readBack returns a topology as its file is read, which is the same network.
func readBack(t *testing.T, n *Topology) *Topology {
	t.Helper()
	text, err := n.YAML()
	if err != nil {
		t.Fatal(err)
	}
	again, err := Parse("again.yaml", text)
	if err != nil || again.Digest() != n.Digest() {
		t.Fatalf("written and read again, %v:\n%s", err, text)
	}
	return again
}

func TestOverrides(t *testing.T) {
	topology := parse(t, small)
	check := func(from, to string, want Params) {
		t.Helper()
		if got, err := topology.Params(from, to); err != nil || got != want {
			t.Errorf("%s to %s: %+v, %v; want %+v", from, to, got, err, want)
		}
	}
	forward := Params{Rate: units.Mbps, Delay: 20 * time.Millisecond, Jitter: 5 * time.Millisecond, Loss: 0.01, Queue: 50}
	reverse := Params{Rate: 2 * units.Mbps, Delay: 30 * time.Millisecond, Jitter: 5 * time.Millisecond, Loss: 0.25, Queue: 50, Burst: 15000}
	check("west", "east", forward)
	check("east", "west", reverse)
	if err := topology.SetClass("slow", Class{Override: Override{Rate: new(9 * units.Mbps), Queue: new(7), Delay: new(8 * time.Millisecond)}}); err != nil {
		t.Fatal(err)
	}
	forward.Queue, reverse.Queue = 7, 7
	forward.Delay, reverse.Rate = 8*time.Millisecond, 9*units.Mbps // the others are the link's own
	check("west", "east", forward)
	check("east", "west", reverse)
	if err := topology.SetClass("slow", Class{Override: Override{Jitter: new(time.Second)}}); err == nil {
		t.Error("a jitter above the delay was accepted")
	}
	check("west", "east", forward)
	if err := topology.SetClass("slwo", Class{}); err == nil || !strings.Contains(err.Error(), "did you mean slow?") {
		t.Errorf("an unknown class gives %v", err)
	}
	if _, err := topology.Params("west", "west"); err == nil {
		t.Error("a link that is not there has parameters")
	}
}

func TestTopologyErrors(t *testing.T) {
	for name, test := range map[string]struct {
		old, new string
		want     []string // all in the error
	}{
		"unknown key":           {"subnet:", "subnets:", []string{"small.yaml:3:", "subnet"}},
		"mode":                  {"version: 1", "version: 1\nmode: router", []string{"small.yaml:2:7:", "expected switched or routed"}},
		"IPv6 and a small mtu":  {"version: 1", "version: 1\nmtu: 1000\nipv6: true", []string{"small.yaml:3:7:", "needs an mtu of 1280 B"}},
		"version":               {"version: 1", "version: 2", []string{"small.yaml:1:10:", "expected 1"}},
		"unknown host switch":   {"switch: east", "switch: eats", []string{"small.yaml:7:44:", `unknown switch "eats"`, "did you mean east?"}},
		"unknown link switch":   {"[west, east]\n    class", "[west, easst]\n    class", []string{"small.yaml:11:", "did you mean east?"}},
		"unknown class":         {"class: slow", "class: slowly", []string{"small.yaml:12:12:", "did you mean slow?"}},
		"duplicate address":     {"10.2.0.2", "10.2.0.1", []string{"small.yaml:7:", "taken by host alice"}},
		"outside the subnet":    {"10.2.0.2", "10.3.0.2", []string{"small.yaml:7:", "outside the subnet 10.2.0.0/24"}},
		"broadcast address":     {"10.2.0.2", "10.2.0.255", []string{"small.yaml:7:", "broadcast"}},
		"IPv6 address":          {"10.2.0.2", "\"fd00::1\"", []string{"small.yaml:7:", "outside the subnet"}},
		"subnet with host":      {"10.2.0.0/24", "10.2.0.1/24", []string{"small.yaml:3:", "expected something like"}},
		"duplicate name":        {"name: bob", "name: alice", []string{"small.yaml:7:", "the name alice is taken by a host"}},
		"name of a switch":      {"name: bob", "name: west", []string{"small.yaml:7:", "taken by a switch"}},
		"bad name":              {"name: bob", "name: bob-", []string{"small.yaml:7:", `"bob-" is not a name`}},
		"rate without unit":     {"rate: 2 Mb/s", "rate: 2", []string{"small.yaml:9:", "10 Mb/s"}},
		"rate too low":          {"rate: 2 Mb/s", "rate: 2 b/s", []string{"small.yaml:9:", "out of range"}},
		"jitter above delay":    {"jitter: 5 ms", "jitter: 25 ms", []string{"small.yaml:9:", "jitter"}},
		"loss above one":        {"loss: 1 %", "loss: 101 %", []string{"small.yaml:9:", "loss"}},
		"queue of none":         {"queue: 50", "queue: 0", []string{"small.yaml:9:", "queue of 0 packets"}},
		"burst below a frame":   {"burst: 15 kB", "burst: 1500 B", []string{"small.yaml:9:", "one frame of 1514 B"}},
		"burst text":            {"burst: auto", "burst: some", []string{"small.yaml:13:", "expected auto or a size"}},
		"override out of range": {"forward: {rate: 1 Mb/s", "forward: {queue: -1, rate: 1 Mb/s", []string{"small.yaml:13:", "queue of -1"}},
		"loop":                  {"[west, east]\n    class", "[west, west]\n    class", []string{"small.yaml:11:", "linked to itself"}},
		"three ends":            {"[west, east]\n    class", "[west, east, west]\n    class", []string{"small.yaml:11:"}},
		"disconnected":          {"[west, east]\nhosts", "[west, east, lone]\nhosts", []string{"small.yaml:4:", "no path"}},
	} {
		text := strings.Replace(small, test.old, test.new, 1)
		if text == small {
			t.Fatalf("%s: nothing replaced", name)
		}
		_, err := Parse("small.yaml", []byte(text))
		if err == nil {
			t.Errorf("%s: accepted", name)
			continue
		}
		for _, want := range test.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %q does not say %q", name, err, want)
			}
		}
	}
	// All errors of a file come together.
	text := strings.NewReplacer("switch: east", "switch: eats", "10.2.0.1", "10.3.0.1").Replace(small)
	if _, err := Parse("small.yaml", []byte(text)); err == nil || strings.Count(err.Error(), "small.yaml:") != 2 {
		t.Errorf("two mistakes give %v", err)
	}
}

func TestLossAndBurstText(t *testing.T) {
	for text, want := range map[string]Loss{"0": 0, "1": 1, "1 %": 0.01, "0.5%": 0.005, " 100 % ": 1} {
		var l Loss
		if err := l.UnmarshalText([]byte(text)); err != nil || math.Abs(float64(l-want)) > 1e-12 {
			t.Errorf("loss %q is %v, %v; want %v", text, l, err, want)
		}
	}
	for _, text := range []string{"", "%", "-1 %", "1.1", "NaN", "x"} {
		var l Loss
		if err := l.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("loss %q was accepted", text)
		}
	}
	for rate, want := range map[units.Rate]units.Size{units.Mbps: 1514, 20 * units.Mbps: 1514, 100 * units.Mbps: 6250, units.Gbps: 62500} {
		if got := (Params{Rate: rate}).Bucket(0); got != want {
			t.Errorf("automatic burst at %v is %v, want %v", rate, got, want)
		}
	}
	if got := (Params{Rate: units.Gbps}).Bucket(15000); got != 15000 {
		t.Errorf("a burst of 15 kB is %v", got)
	}
	for _, b := range []Burst{0, 1514, 15000} {
		var again Burst
		text, err := b.MarshalText()
		if err != nil || again.UnmarshalText(text) != nil || again != b {
			t.Errorf("burst %d is written %q and read %d", b, text, again)
		}
	}
}

// drawTopology makes a connected topology with a host on each switch.
func drawTopology(t *rapid.T) *Topology {
	n := rapid.IntRange(1, 12).Draw(t, "switches")
	topology := &Topology{Version: 1, Name: "drawn", Subnet: netip.MustParsePrefix("10.0.0.0/8")}
	linked := map[[2]int]bool{}
	link := func(a, b int) {
		if a != b && !linked[[2]int{min(a, b), max(a, b)}] {
			linked[[2]int{min(a, b), max(a, b)}] = true
			topology.Links = append(topology.Links, LinkSpec{Between: [2]string{fmt.Sprintf("s%d", a), fmt.Sprintf("s%d", b)}})
		}
	}
	for i := range n {
		topology.Switches = append(topology.Switches, fmt.Sprintf("s%d", i))
		topology.Hosts = append(topology.Hosts, HostSpec{Name: fmt.Sprintf("h%d", i), Address: netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 1)}), Switch: fmt.Sprintf("s%d", i)})
		if i > 0 {
			link(rapid.IntRange(0, i-1).Draw(t, "tree"), i)
		}
	}
	for range rapid.IntRange(0, 15).Draw(t, "extra") {
		link(rapid.IntRange(0, n-1).Draw(t, "from"), rapid.IntRange(0, n-1).Draw(t, "to"))
	}
	return topology
}

// TestPathsProperty checks on any network that paths are shortest, the same in
// both directions, and that their parts are paths too, as forwarding by
// destination needs.
func TestPathsProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		topology := drawTopology(t)
		if err := topology.Validate(); err != nil {
			t.Fatal(err)
		}
		n := len(topology.Switches)
		distance := make([][]int, n)
		for i := range distance {
			distance[i] = make([]int, n)
			for j := range distance[i] {
				if i != j {
					distance[i][j] = n + 1
				}
			}
		}
		for _, l := range topology.Links {
			a, b := slices.Index(topology.Switches, l.Between[0]), slices.Index(topology.Switches, l.Between[1])
			distance[a][b], distance[b][a] = 1, 1
		}
		for k := range n {
			for i := range n {
				for j := range n {
					distance[i][j] = min(distance[i][j], distance[i][k]+distance[k][j])
				}
			}
		}
		for i := range n {
			for j := range n {
				a, b := topology.Hosts[i].Name, topology.Hosts[j].Name
				path := topology.Path(a, b)
				if len(path)-1 != distance[i][j] || topology.Hops(a, b) != distance[i][j] {
					t.Fatalf("%s to %s takes %v, but the distance is %d", a, b, path, distance[i][j])
				}
				back := topology.Path(b, a)
				slices.Reverse(back)
				if !slices.Equal(path, back) {
					t.Fatalf("%s to %s takes %v, and back %v", a, b, path, back)
				}
				if len(path) > 1 {
					k := slices.Index(topology.Switches, path[1])
					if rest := topology.Path(topology.Hosts[k].Name, b); !slices.Equal(rest, path[1:]) {
						t.Fatalf("%s to %s takes %v, but from %s on %v", a, b, path, path[1], rest)
					}
				}
				for s := range len(path) - 1 {
					if _, err := topology.Params(path[s], path[s+1]); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
	})
}

// FuzzParse checks that no file crashes the parser, and that what it
// accepts is valid and connected.
func FuzzParse(f *testing.F) {
	f.Add([]byte(small))
	ring, err := topologies.Files.ReadFile("ring6.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(ring)
	f.Fuzz(func(t *testing.T, data []byte) {
		fuzztest.Watch(t, time.Second)
		parsed, err := Parse("fuzz.yaml", data)
		if err != nil {
			return
		}
		if err := parsed.Validate(); err != nil {
			t.Errorf("accepted, but not valid: %v", err)
		}
		for _, h := range parsed.Hosts {
			if parsed.Hops(parsed.Hosts[0].Name, h.Name) < 0 {
				t.Errorf("accepted, but host %s is not connected", h.Name)
			}
		}
	})
}

// TestPortNames checks that ports of one name are refused, which dashes in names can make,
// and that names which differ are fine.
func TestPortNames(t *testing.T) {
	const text = "name: n\nswitches: [a, a-b]\nlinks: [{between: [a, a-b]}]\nhosts:\n" +
		"  - {name: %s, switch: a}\n  - {name: c, switch: a-b}\n"
	if _, err := Parse("n.yaml", fmt.Appendf(nil, text, "b-d")); err != nil {
		t.Error(err)
	}
	_, err := Parse("n.yaml", fmt.Appendf(nil, text, "b-c"))
	if err == nil || !strings.Contains(err.Error(), "two ports would be called a-b-c") {
		t.Errorf("got %v", err)
	}

	// What a port to an unknown switch would be called is not asked.
	const unknown = "name: n\nswitches: [a, a-b]\nlinks: [{between: [a, b-c]}, {between: [a-b, c]}]\n" +
		"hosts: [{name: h, switch: a}]\n"
	_, err = Parse("n.yaml", []byte(unknown))
	if err == nil || !strings.Contains(err.Error(), "b-c") || strings.Contains(err.Error(), "two ports") {
		t.Errorf("got %v", err)
	}
}
