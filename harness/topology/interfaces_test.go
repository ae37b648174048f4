package topology

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"edgebed/harness/network"
)

// homes is a line of three switches with a host at both ends of it, twice at the far one.
const homes = `name: homes
switches: [s0, s1, s2]
hosts:
  - {name: home, switch: s0, also: [{switch: s2, class: dsl, uplink: {delay: 9 ms}}, {switch: s2, class: dsl}]}
  - {name: a, switch: s1}
  - {name: b, switch: s2, address: 10.1.0.3}
link-classes:
  dsl: {delay: 8 ms, mtu: 1400}
links:
  - {between: [s0, s1]}
  - {between: [s1, s2]}
  - {between: [s2, s1]}
`

// TestInterfaces reads a host with several interfaces: their addresses, which are behind those
// of all hosts, and the names of their links, which can be changed one by one; and writes it.
func TestInterfaces(t *testing.T) {
	parsed := parse(t, homes)
	check := func(n *Topology) {
		t.Helper()
		var got []string
		for f := range n.Interfaces() {
			got = append(got, fmt.Sprintf("%s %s %v %s%s %d %d", f.Host, f.Name(), f.Address, f.Switch, f.Suffix,
				n.MTUOf(f.InterfaceSpec), f.Link))
		}
		want := []string{"home eth0 10.1.0.1 s0 1500 -1", "a eth0 10.1.0.2 s1 1500 -1", "b eth0 10.1.0.3 s2 1500 -1",
			"home eth1 10.1.0.4 s2 1400 3", "home eth2 10.1.0.5 s2#2 1400 4"}
		if !slices.Equal(got, want) {
			t.Errorf("interfaces %q, want %q", got, want)
		}
	}
	check(parsed)

	for ends, want := range map[[2]string]time.Duration{
		{"home", "s2"}: 9 * time.Millisecond, {"s2", "home"}: 8 * time.Millisecond,
		{"home", "s2#2"}: 8 * time.Millisecond, {"s2#2", "home"}: 8 * time.Millisecond,
	} {
		if p, err := parsed.Params(ends[0], ends[1]); err != nil || p.Delay != want || p.MTU != 1400 {
			t.Errorf("%v: %v, %v, want %v", ends, p, err, want)
		}
	}
	for ends, want := range map[[2]string]string{
		{"home", "s0"}: "the access link of host home has no parameters", {"home", "s2#3"}: "no link home-s2#3",
		{"home", "s1"}: "no link home-s1",
	} {
		if _, err := parsed.Params(ends[0], ends[1]); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", ends, err, want)
		}
	}

	check(readBack(t, parsed))

	changed := parsed.Clone()
	if err := changed.SetLink("s2", "home#2", Override{Delay: new(time.Second)}); err != nil {
		t.Fatal(err)
	}
	if p, _ := changed.Params("s2", "home#2"); p.Delay != time.Second || parsed.Hosts[0].Also[1].Downlink.Delay != nil {
		t.Errorf("the second of two links has %v after a change to 1s; before the change it has %v", p,
			parsed.Hosts[0].Also[1].Downlink)
	}
	if got, want := parsed.Suffixes(), []string{"", "", "#2", "", "#2"}; !slices.Equal(got, want) {
		t.Errorf("suffixes %q, want %q", got, want)
	}
}

// TestExits: a host sends by the nearest of its interfaces, and paths begin there.
func TestExits(t *testing.T) {
	n := parse(t, homes)
	// To itself, a in the middle, b at the far end, itself there.
	if got, want := n.Exits(0), []int{0, 0, 1, 1, 1}; !slices.Equal(got, want) {
		t.Errorf("home leaves by %v, want %v", got, want)
	}
	for ends, want := range map[[2]string]string{
		{"home", "a"}: "s0 s1", {"home", "b"}: "s2", {"b", "home"}: "s2 s1 s0",
	} {
		if got := strings.Join(n.Path(ends[0], ends[1]), " "); got != want {
			t.Errorf("from %s to %s by %s, want %s", ends[0], ends[1], got, want)
		}
	}
	if way := n.Ways().Params("home", "b"); len(way) != 1 || way[0].Delay != 9*time.Millisecond {
		t.Errorf("from home to b: %v", way)
	}
	if way := n.Ways().Params("b", "home"); len(way) != 2 || way[0].Delay != 0 {
		t.Errorf("from b to the first interface of home: %v", way)
	}
}

// TestInterfaceMistakes: each has its place and says what was expected.
func TestInterfaceMistakes(t *testing.T) {
	for also, want := range map[string]string{
		"{switch: s9}":                                   `hosts[0].also[0].switch: unknown switch "s9"; did you mean s0?`,
		"{address: 10.1.0.9}":                            `hosts[0].also[0]: missing required key "switch"`,
		"{switch: s1, address: 10.1.0.3}":                "hosts[0].also[0].address: the address 10.1.0.3 is taken by host",
		"{switch: s1, address: 10.2.0.3}":                "hosts[0].also[0].address: the address 10.2.0.3 is outside the subnet",
		"{switch: s1, class: x}":                         `hosts[0].also[0].class: unknown link class "x"`,
		"{switch: s1, mtu: 7}":                           "hosts[0].also[0].mtu: mtu of 7 B is out of range",
		"{switch: s1, uplink: {loss-burst: 9}, name: x}": `hosts[0].also[0].name: unknown key "name"`,
		"{switch: s1, uplink: {rate: 1 b/s}}":            "hosts[0].also[0].uplink: rate 1 b/s is out of range",
		strings.Repeat("{switch: s1}, ", 16):             "hosts[0].also: host home has 17 interfaces; expected at most 16",
		"{switch: s2}, {switch: s2, mtu: 1400}":          "",
	} {
		text := strings.Replace(homes, "{switch: s2, class: dsl, uplink: {delay: 9 ms}}, {switch: s2, class: dsl}", also, 1)
		_, err := Parse("w.yaml", []byte(text))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("also: [%s] gives %v, want %q", also, err, want)
		}
	}

	parsed, err := Parse("homes.yaml", []byte(homes))
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []network.Kind{network.Virtual(), network.DelayLine()} {
		if err := parsed.CanBe(kind); err != nil {
			t.Error(err)
		}
	}
}

// TestApart: switches without a way to the others are a mistake, unless further interfaces
// alone are at them.
func TestApart(t *testing.T) {
	for hosts, want := range map[string]string{
		"{name: a, switch: s0, also: [{switch: s2}]}, {name: b, switch: s1}": "",
		"{name: a, switch: s0, also: [{switch: s3}]}, {name: b, switch: s1}": "",
		"{name: a, switch: s0, also: [{switch: s1}]}, {name: b, switch: s1}": "switches[2]: switch s2 has no path to switch s0",
		"{name: a, switch: s0, also: [{switch: s2}]}, {name: b, switch: s3}": "switches[3]: switch s3 has no path to switch s0",
		"{name: a, switch: s2, also: [{switch: s0}]}, {name: b, switch: s1}": "switches[2]: switch s2 has no path to switch s0",
	} {
		text := "name: apart\nswitches: [s0, s1, s2, s3]\nhosts: [" + hosts + "]\nlinks: [{between: [s0, s1]}, {between: [s2, s3]}]\n"
		n, err := Parse("apart.yaml", []byte(text))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("hosts %s: %v, want %q", hosts, err, want)
		}
		if err != nil {
			continue
		}
		for _, table := range n.Tables() {
			inside := table.Switch == "s0" || table.Switch == "s1"
			if got := len(table.Entries); inside && got != 2 || !inside && got != 1 {
				t.Errorf("hosts %s: %s knows %v", hosts, table.Switch, table.Entries)
			}
		}
	}
}

// drawHomes makes a connected network whose hosts have up to four interfaces each, with
// parallel links.
func drawHomes(t *rapid.T) *Topology {
	n := drawTopology(t)
	address := netip.MustParseAddr("10.0.1.0")
	for i := range n.Hosts {
		for range rapid.IntRange(0, 3).Draw(t, "also") {
			address = address.Next()
			also := InterfaceSpec{Address: address, Switch: rapid.SampledFrom(n.Switches).Draw(t, "at")}
			if rapid.Bool().Draw(t, "access") {
				also.Uplink.Delay = new(time.Millisecond)
			}
			n.Hosts[i].Also = append(n.Hosts[i].Also, also)
		}
	}
	for range rapid.IntRange(0, min(4, len(n.Links))).Draw(t, "parallel") {
		n.Links = append(n.Links, n.Links[rapid.IntRange(0, len(n.Links)-1).Draw(t, "again")])
	}
	return n
}

// TestTablesProperty follows what any switch does with what is for any interface: it arrives
// there, after no more links than the shortest path has, so that there is no loop.
func TestTablesProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := drawHomes(t)
		if err := n.Validate(); err != nil {
			t.Fatal(err)
		}
		tables, interfaces := map[string]Table{}, slices.Collect(n.Interfaces())
		for _, table := range n.Tables() {
			tables[table.Switch] = table
		}

		g := n.graph()
		for i, f := range interfaces {
			end := g.index[f.Switch]
			hops := g.toward(end).hops
			for start, at := range n.Switches {
				left := hops[start]
				for {
					e := tables[at].Entries[i]
					if e.Address != f.Address || e.Host != f.Host {
						t.Fatalf("entry %d of %s is %v, want one of %v", i, at, e, f)
					}
					next, _, _ := strings.Cut(e.Next, "#")
					if next == f.Host {
						break
					}
					if _, _, err := n.Link(at, e.Next); err != nil || left == 0 {
						t.Fatalf("from %s to %v: %s sends to %s: %v", n.Switches[start], f.Address, at, e.Next, err)
					}
					at, left = next, left-1
				}
				if left != 0 || at != f.Switch {
					t.Fatalf("from %s to %v: it ends at %s, %d hops early", n.Switches[start], f.Address, at, left)
				}
			}
		}

		// As built, each interface is where it was, behind its box if it has one.
		wired := slices.Collect(n.Wired().Interfaces())
		for i, f := range interfaces {
			if w := wired[i]; w.Address != f.Address || (w.Switch == f.Switch) == f.HasAccess() {
				t.Fatalf("%v is wired as %v", f, w)
			}
		}

		// Each host leaves by the interface with the shortest path.
		for h, host := range n.Hosts {
			for i, exit := range n.Exits(h) {
				hops := g.toward(g.index[interfaces[i].Switch]).hops
				for k, s := range host.switches() {
					chosen := hops[g.index[host.switches()[exit]]]
					if other := hops[g.index[s]]; other < chosen || other == chosen && k < exit {
						t.Fatalf("host %s sends to %v by interface %d, and %d is nearer", host.Name,
							interfaces[i].Address, exit, k)
					}
				}
			}
		}
	})
}

// TestInterfaceOfNumber: what is said of a host's interface of a number is found there, and
// nowhere else.
func TestInterfaceOfNumber(t *testing.T) {
	var h HostSpec
	for number, name := range []string{"a", "b", "c", "d"} {
		h.SetInterface(number, InterfaceSpec{Switch: name, MTU: 1000 + number})
	}
	h.SetInterface(2, InterfaceSpec{Switch: "x", MTU: 9000})
	h.SetInterface(0, InterfaceSpec{Switch: "y", MTU: 8000})
	for number, want := range []InterfaceSpec{
		{Switch: "y", MTU: 8000}, {Switch: "b", MTU: 1001}, {Switch: "x", MTU: 9000}, {Switch: "d", MTU: 1003},
	} {
		if got := h.Interface(number); got != want {
			t.Errorf("interface %d is %+v, want %+v", number, got, want)
		}
	}
	if len(h.Also) != 3 || h.Switch != "y" {
		t.Errorf("the host is %+v", h)
	}
}
