package topology

import (
	"strings"
	"testing"

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
	parsed, err := Parse("jumbo.yaml", []byte(jumbo))
	if err != nil {
		t.Fatal(err)
	}
	text, err := parsed.YAML()
	if err != nil {
		t.Fatal(err)
	}
	again, err := Parse("again.yaml", text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if again.Digest() != parsed.Digest() {
		t.Errorf("written and read again it is another network:\n%s", text)
	}
	for _, topology := range []*Topology{parsed, again, parsed.Wired()} {
		for ends, want := range map[[2]string]int{{"a", "b"}: 9000, {"c", "b"}: 1500, {"slow", "c"}: 1492} {
			if p, err := topology.Params(ends[0], ends[1]); err != nil || p.MTU != want {
				t.Errorf("%v: %+v, %v", ends, p, err)
			}
		}
		for i, want := range []int{9000, 9000, 1492} {
			if got := topology.HostMTU(topology.Hosts[i]); got != want {
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

	parsed, err := Parse("jumbo.yaml", []byte(jumbo))
	if err != nil {
		t.Fatal(err)
	}
	if err := parsed.SetHostMTU("slow", 9000); err != nil || len(parsed.CheckMTUs()) != 1 || parsed.CheckMTUs()[0].Link != 1 {
		t.Errorf("a large host behind a narrow link: %v, %v", err, parsed.CheckMTUs())
	}
	if err := parsed.SetLinkMTU("c", "b", 9000); err != nil || len(parsed.CheckMTUs()) != 0 {
		t.Errorf("behind a wide one: %v, %v", err, parsed.CheckMTUs())
	}
	if err := parsed.SetLinkMTU("slow", "c", 1400); err == nil {
		t.Error("the link of a host got an MTU that is not the host's")
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
  - {between: [c, b]}
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
		"c.yaml:5:62: link-classes.core.reverse.corrupt: link b-a:", "c.yaml:9:5: links[2]: link c-b#2:",
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
	if err := parsed.CanBe(network.DelayLine()); err == nil || strings.Count(err.Error(), "\n") != 1 {
		t.Errorf("the delay line: %v", err)
	}
}
