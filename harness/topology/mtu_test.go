package topology

import (
	"fmt"
	"maps"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"edgebed/harness/network"
)

// jumbo has two hosts with large frames at one end, and a long way to a third.
const jumbo = `name: jumbo
mtu: 9000
switches: [a, b, c]
hosts:
  - {name: fast1, switch: a}
  - {name: fast2, switch: b}
  - {name: slow, switch: c, class: dsl}
link-classes:
  dsl: {rate: 10 Mb/s, mtu: 1492}
  wan: {delay: 10 ms, mtu: 1500}
links:
  - {between: [a, b], class: wan, mtu: 9000}
  - {between: [b, c], class: wan}
`

// TestMTUs: a link's MTU is its own, its class's or the network's, a host's that of its
// access link; and the file says so when it is written.
func TestMTUs(t *testing.T) {
	parsed := parse(t, jumbo)
	again := readBack(t, parsed)
	for _, topology := range []*Topology{parsed, again, parsed.Wired()} {
		for ends, want := range map[[2]string]int{{"a", "b"}: 9000, {"c", "b"}: 1500, {"slow", "c"}: 1492} {
			if p, err := topology.Params(ends[0], ends[1]); err != nil || p.MTU != want {
				t.Errorf("%v: %+v, %v", ends, p, err)
			}
		}
		for i, want := range []int{9000, 9000, 1492} {
			if got := topology.MTUOf(topology.Hosts[i].Interface(0)); got != want {
				t.Errorf("%s has an MTU of %d, want %d", topology.Hosts[i].Name, got, want)
			}
		}
	}
	if parsed.Frame() != 9014 {
		t.Errorf("frames have up to %v", parsed.Frame())
	}
}

// TestTooNarrow: what two hosts exchange must fit through the links between them, and no
// others.
func TestTooNarrow(t *testing.T) {
	for _, c := range []struct{ name, from, to, want string }{
		{"a third large host", "class: dsl", "mtu: 4000",
			"j.yaml:10:28: link-classes.wan.mtu: packets between hosts fast1 and slow have up to 4000 bytes, " +
				"and the link's MTU is 1500"},
		{"a narrow link of its own", "class: wan, mtu: 9000", "mtu: 576",
			"j.yaml:12:28: links[0].mtu: packets between hosts fast1 and fast2 have up to 9000 bytes"},
		{"none", "mtu: 1492", "mtu: 576", ""},
		{"too small for IPv6", "mtu: 9000", "mtu: 1279\nipv6: true",
			"j.yaml:3:7: ipv6: IPv6 needs an mtu of 1280 B, and that of host fast1 is 1279"},
		{"a host's is too small for it", "class: dsl", "mtu: 600}\nipv6: true\n#", "and that of host slow is 600"},
		{"a class's is none", "mtu: 1492", "mtu: 5", "link-classes.dsl.mtu: mtu of 5 B is out of range: expected 576 to 9000"},
		{"a host's is none", "class: dsl", "mtu: 5", "hosts[2].mtu: mtu of 5 B is out of range"},
	} {
		_, err := Parse("j.yaml", []byte(strings.Replace(jumbo, c.from, c.to, 1)))
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}

	parsed := parse(t, jumbo)
	if err := parsed.SetHostMTU("slow", 9000); err != nil || len(parsed.CheckMTUs()) != 1 || parsed.CheckMTUs()[0].Link != 1 {
		t.Errorf("a large host behind a narrow link: %v, %v", err, parsed.CheckMTUs())
	}
	if err := parsed.SetLinkMTU("c", "b", 9000); err != nil || len(parsed.CheckMTUs()) != 0 {
		t.Errorf("behind a wide one: %v, %v", err, parsed.CheckMTUs())
	}
	if err := parsed.SetHostMTU("slwo", 9000); err == nil || !strings.Contains(err.Error(), "did you mean slow?") {
		t.Errorf("the MTU of a host that is not there: %v", err)
	}
	if err := parsed.SetLinkMTU("slow", "c", 1400); err == nil {
		t.Error("the link of a host got an MTU that is not the host's")
	}
}

// TestTooNarrowParallel: of parallel links a host's frames take its share, so that a narrow
// one is no matter where no host large enough has it.
func TestTooNarrowParallel(t *testing.T) {
	const file = `name: p
switches: [a, b, c]
hosts:
  - {name: one, switch: a}
  - {name: two, switch: b%s}
  - {name: three, switch: c}
links:
  - {between: [a, b]}
  - {between: [b, a], mtu: 576}
  - {between: [b, c]}
`
	const hosts = "p.yaml:9:28: links[1].mtu: packets between hosts one and two have up to "
	for _, c := range []struct{ two, want string }{
		{"", hosts + "1500 bytes, and the link's MTU is 576"},
		{", mtu: 1000", hosts + "1000 bytes, and the link's MTU is 576"},
		{", mtu: 576", ""}, // one and three take the first link, both ways
	} {
		_, err := Parse("p.yaml", fmt.Appendf(nil, file, c.two))
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), c.want)) {
			t.Errorf("two with %q: %v, want %q", c.two, err, c.want)
		}
	}
}

// TestTooNarrowFits compares CheckMTUs, in networks of all forms, with what each pair of
// hosts has on its way.
func TestTooNarrowFits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := &Topology{Switches: []string{"a", "b", "c", "d", "e"}}
		mtu := rapid.SampledFrom([]int{600, 1000, 1500, 9000})
		for i := range rapid.IntRange(4, 10).Draw(t, "links") {
			ends := rapid.Permutation(n.Switches).Draw(t, "ends")
			if i < 4 { // all can be reached
				ends = n.Switches[i : i+2]
			}
			n.Links = append(n.Links, LinkSpec{Between: [2]string{ends[0], ends[1]}, MTU: mtu.Draw(t, "link")})
		}
		for i := range rapid.IntRange(1, 8).Draw(t, "hosts") {
			at := rapid.SampledFrom(n.Switches).Draw(t, "switch")
			n.Hosts = append(n.Hosts, HostSpec{Name: fmt.Sprint("h", i), Switch: at, MTU: mtu.Draw(t, "host")})
		}

		want := map[int]int{}
		bundles := n.Bundles()
		for _, from := range n.Hosts {
			for k, to := range n.Hosts {
				path := n.Path(from.Name, to.Name)
				for i := 1; i < len(path); i++ {
					first, _, err := n.Link(path[i-1], path[i])
					if err != nil {
						t.Fatal(err)
					}
					link, needs := Share(bundles[first], k), min(from.MTU, to.MTU)
					if needs > n.Links[link].MTU {
						want[link] = max(want[link], needs)
					}
				}
			}
		}

		got := map[int]int{}
		for _, narrow := range n.CheckMTUs() {
			got[narrow.Link] = narrow.Needs
			a, _ := n.Host(narrow.Hosts[0])
			b, _ := n.Host(narrow.Hosts[1])
			if narrow.MTU != n.Links[narrow.Link].MTU || min(a.MTU, b.MTU) != narrow.Needs {
				t.Errorf("%+v is about hosts with %d and %d", narrow, a.MTU, b.MTU)
			}
		}
		if !maps.Equal(got, want) {
			t.Errorf("links need %v, want %v", got, want)
		}
	})
}

// leastTime returns the time that the processor takes for something at least, whatever
// others have of it.
func leastTime(t *testing.T, do func()) time.Duration {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	busy := func() time.Duration {
		var used unix.Timespec
		if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &used); err != nil {
			t.Fatal(err)
		}
		return time.Duration(used.Nano())
	}

	least := time.Hour
	for range 5 {
		began := busy()
		do()
		least = min(least, busy()-began)
	}
	return least
}

// TestTooNarrowLine: the check of a line of switches takes no more than what each end's
// look at all of them does.
func TestTooNarrowLine(t *testing.T) {
	check := func(switches int) time.Duration {
		n := &Topology{MTU: 9000}
		for i := range switches {
			n.Switches = append(n.Switches, fmt.Sprint("s", i))
			n.Hosts = append(n.Hosts, HostSpec{Name: fmt.Sprint("h", i), Switch: n.Switches[i]})
			if i > 0 {
				n.Links = append(n.Links, LinkSpec{Between: [2]string{n.Switches[i-1], n.Switches[i]}})
			}
		}
		n.Links[switches/2].MTU = 1500

		return leastTime(t, func() {
			found := n.CheckMTUs()
			if len(found) != 1 || found[0].Link != switches/2 || found[0].Needs != 9000 {
				t.Fatalf("found %v", found)
			}
		})
	}
	if half, whole := check(500), check(1000); whole > 6*half {
		t.Errorf("twice the line takes %v, and half of it %v", whole, half)
	}
}

// TestNoneTooNarrow: where all links take the largest host's packets, nothing is built to look
// at paths.
func TestNoneTooNarrow(t *testing.T) {
	n := &Topology{MTU: 1500}
	for i := range 100 {
		n.Switches = append(n.Switches, fmt.Sprint("s", i))
		n.Hosts = append(n.Hosts, HostSpec{Name: fmt.Sprint("h", i), Switch: n.Switches[i]})
		if i > 0 {
			n.Links = append(n.Links, LinkSpec{Between: [2]string{n.Switches[i-1], n.Switches[i]}})
		}
	}
	if allocations := testing.AllocsPerRun(10, func() { n.CheckMTUs() }); allocations > 2 {
		t.Errorf("a check of a network without narrow links allocates %v times", allocations)
	}
	n.Hosts[0].MTU = 9000
	if found := n.CheckMTUs(); found != nil {
		t.Errorf("a host larger than all others is too large: %v", found)
	}
}

// TestCanBe: what a kind of network lacks is told once for each place in the file.
func TestCanBe(t *testing.T) {
	parsed, err := Parse("c.yaml", []byte(`name: c
switches: [a, b, c]
hosts: [{name: x, switch: a, uplink: {corrupt: 1 %}}, {name: y, switch: c}]
link-classes:
  core: {rate: 1 Mb/s, discipline: codel, reverse: {corrupt: 1 %}}
links:
  - {between: [a, b], class: core}
  - {between: [b, c], class: core, forward: {discipline: fifo}}
  - {between: [c, b], reverse: {corrupt: 1 %}}
`))
	if err != nil {
		t.Fatal(err)
	}
	if err := parsed.CanBe(network.Emulated()); err != nil {
		t.Error(err)
	}
	err = parsed.CanBe(network.Virtual())
	if err == nil {
		t.Fatal("virtual time can do it all")
	}
	want := []string{
		"c.yaml:3:48: hosts[0].uplink.corrupt: link x-a:", "c.yaml:5:36: link-classes.core.discipline: link a-b:",
		"c.yaml:5:62: link-classes.core.reverse.corrupt: link b-a:", "c.yaml:9:42: links[2].reverse.corrupt: link b-c#2:",
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != len(want) {
		t.Errorf("%d mistakes, want %d:\n%v", len(lines), len(want), err)
	}
	for i := range min(len(lines), len(want)) {
		if !strings.HasPrefix(lines[i], want[i]) {
			t.Errorf("%s\nwant %s", lines[i], want[i])
		}
	}
	if err := parsed.CanBe(network.DelayLine()); err == nil || strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("the delay line: %v", err)
	}
}

// TestCanBeMany: that many links ask for something takes the more time the more they are, and not
// the square of it.
func TestCanBeMany(t *testing.T) {
	check := func(hosts int) time.Duration {
		var text strings.Builder
		text.WriteString("name: many\nswitches: [s]\nlink-classes: {lossy: {corrupt: 1 %}}\nhosts:\n")
		for i := range hosts {
			fmt.Fprintf(&text, "  - {name: h%d, switch: s, class: lossy}\n", i)
		}
		many := parse(t, text.String())
		if err := many.CanBe(network.Emulated()); err != nil {
			t.Error(err)
		}
		return leastTime(t, func() {
			if err := many.CanBe(network.Virtual()); err == nil || strings.Contains(err.Error(), "\n") {
				t.Errorf("%v, want one mistake", err)
			}
		})
	}
	if half, whole := check(500), check(1000); whole > 3*half {
		t.Errorf("twice the hosts take %v, and half of them %v", whole, half)
	}
}

// TestLargest: of many interfaces the two with the largest packets are kept, of different hosts,
// the first of equal ones.
func TestLargest(t *testing.T) {
	const none = -1
	for _, tt := range []struct {
		hosts, mtus []int // of interfaces
		want        largest
	}{
		{nil, nil, largest{none, none}},
		{[]int{0}, []int{9000}, largest{0, none}},
		{[]int{0, 0}, []int{9000, 8000}, largest{0, none}},
		{[]int{0, 0}, []int{8000, 9000}, largest{1, none}},
		{[]int{0, 1}, []int{9000, 8000}, largest{0, 1}},
		{[]int{0, 1}, []int{8000, 9000}, largest{1, 0}},
		{[]int{0, 1}, []int{9000, 9000}, largest{0, 1}},
		{[]int{0, 1, 2}, []int{9000, 8000, 7000}, largest{0, 1}},
		{[]int{0, 1, 2}, []int{9000, 7000, 8000}, largest{0, 2}},
		{[]int{0, 1, 2}, []int{7000, 8000, 9000}, largest{2, 1}},
		{[]int{0, 1, 2}, []int{9000, 8000, 8000}, largest{0, 1}},
		{[]int{0, 1, 0}, []int{9000, 7000, 8000}, largest{0, 1}},
		{[]int{0, 1, 1}, []int{9000, 7000, 8000}, largest{0, 2}},
	} {
		c := &mtuCheck{mtus: tt.mtus}
		got := largest{none, none}
		for i, host := range tt.hosts {
			c.interfaces = append(c.interfaces, Interface{HostIndex: host})
			c.add(&got, i)
		}
		if got != tt.want {
			t.Errorf("of hosts %v with MTUs %v: %v, want %v", tt.hosts, tt.mtus, got, tt.want)
		}
	}
}
