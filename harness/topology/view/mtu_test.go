package view

import (
	"bytes"
	"strings"
	"testing"

	"edgebed/harness/topology"
	"edgebed/harness/topology/foreign"
)

// TestDOTMTUs checks that what is written for Graphviz is read back with the MTUs of the
// network, of links, of hosts and of their links.
func TestDOTMTUs(t *testing.T) {
	for name, text := range map[string]string{
		"usual": "switches: [a, b, c]\n" +
			"hosts: [{name: h, switch: a, mtu: 1300}, {name: k, switch: b, class: line}, {name: m, switch: c}]\n" +
			"link-classes: {line: {rate: 2 Mb/s, mtu: 1280}, wire: {rate: 5 Mb/s, mtu: 9000}}\n" +
			"links:\n  - {between: [b, a], mtu: 1300, forward: {rate: 1 Mb/s}}\n  - {between: [b, c], class: wire}\n",
		"jumbo": "mtu: 9000\nswitches: [a, b]\n" +
			"hosts: [{name: h, switch: a}, {name: k, switch: b, mtu: 1500, uplink: {rate: 1 Mb/s}}]\n" +
			"links: [{between: [a, b]}, {between: [a, b], mtu: 1500}]\n",
	} {
		want, err := topology.Parse(name+".yaml", []byte("name: "+name+"\n"+text))
		if err != nil {
			t.Fatal(err)
		}
		var dot bytes.Buffer
		if err := WriteDOT(&dot, want); err != nil {
			t.Fatal(err)
		}
		n, err := foreign.Read(name+".dot", dot.Bytes())
		if err != nil {
			t.Fatalf("%v:\n%s", err, dot.String())
		}
		if len(n.Remarks) > 0 || strings.Contains(strings.Join(LeftOut(want, ".dot"), "\n"), "MTU") {
			t.Errorf("remarks %q and %q on\n%s", n.Remarks, LeftOut(want, ".dot"), dot.String())
		}

		got := n.Topology
		if got.MTU != want.MTU {
			t.Errorf("%s: the network's MTU was read back as %d, want %d", name, got.MTU, want.MTU)
		}
		for _, h := range want.Hosts {
			if back, ok := got.Host(h.Name); !ok || got.HostMTU(back) != want.HostMTU(h) {
				t.Errorf("%s: host %s was read back with %d, want %d", name, h.Name, got.HostMTU(back), want.HostMTU(h))
			}
		}
		links := got.AllLinks()
		for i, l := range want.AllLinks() {
			a, b := want.Directions(l)[0].Frame(), got.Directions(links[i])[0].Frame()
			if a != b {
				t.Errorf("%s: link %v takes frames of %v, want %v", name, l.Between, b, a)
			}
		}
	}
}

// TestDOTNoMTU checks what is said of an MTU that is none.
func TestDOTNoMTU(t *testing.T) {
	n, err := foreign.Read("x.dot", []byte(`graph { graph [mtu=1400]; a -- b [mtu=large] }`))
	if err != nil || n.Topology.MTU != 1400 || !strings.Contains(strings.Join(n.Remarks, "\n"), "mtu=large is not understood") {
		t.Errorf("read %+v, %v", n, err)
	}
	_, err = foreign.Read("x.dot", []byte(`graph { a -- b [mtu=99] }`))
	if err == nil || !strings.Contains(err.Error(), "mtu of 99 B is out of range") {
		t.Errorf("an MTU of 99 gives %v", err)
	}
}
