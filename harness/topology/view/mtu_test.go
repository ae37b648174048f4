package view

import (
	"bytes"
	"encoding/json"
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
			back, ok := got.Host(h.Name)
			if mtu := want.MTUOf(h.Interface(0)); !ok || got.MTUOf(back.Interface(0)) != mtu {
				t.Errorf("%s: host %s was read back with %d, want %d", name, h.Name, got.MTUOf(back.Interface(0)), mtu)
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

// TestShownMTUs checks that tables say what has another MTU than the usual one, and nothing of MTUs
// where none has.
func TestShownMTUs(t *testing.T) {
	show := func(hosts, links string) string {
		n := parse(t, "name: x\nswitches: [a, b]\nhosts: ["+hosts+"]\nlinks: [{between: [a, b]"+links+"}]\n")
		var table bytes.Buffer
		if err := WriteTable(&table, n); err != nil {
			t.Fatal(err)
		}
		return table.String()
	}
	const h, k = "{name: h, switch: a}", "{name: k, switch: b}"
	if usual := show(h+", "+k, ""); strings.Contains(usual, "mtu") {
		t.Errorf("where all MTUs are usual:\n%s", usual)
	}

	for _, tt := range []struct {
		shown string
		want  []string
	}{
		{show(h+", {name: k, switch: b, mtu: 1300}", ""),
			[]string{"host  address   switch  mtu", "h     10.1.0.1  a       1500", "k     10.1.0.2  b       1300"}},
		{show(h+", {name: k, switch: b, also: [{switch: a, mtu: 1280}]}", ""), []string{
			"host  interface  address   switch  mtu", "k     eth0       10.1.0.2  b       1500",
			"k     eth1       10.1.0.3  a       1280"}},
		{show(h+", "+k, ", mtu: 9000"), []string{"host  address   switch\n", "a - b         unshaped, 0s, mtu 9000"}},
		{show(h+", {name: k, switch: b, mtu: 1300, uplink: {delay: 1ms}}", ""),
			[]string{"k > b         unshaped, 1ms, mtu 1300"}},
	} {
		for _, want := range tt.want {
			if !strings.Contains(tt.shown, want) {
				t.Errorf("%q is missing in\n%s", want, tt.shown)
			}
		}
	}
}

// TestJSONHasAll checks that a link's object changes with each parameter, and with the MTU.
func TestJSONHasAll(t *testing.T) {
	const all = "rate: 1 Mb/s, delay: 2ms, jitter: 1ms, loss: 0.1"
	object := func(more string) string {
		n := parse(t, "name: x\nswitches: [a, b]\nhosts: [{name: h, switch: a}]\n"+
			"link-classes: {l: {"+all+more+"}}\nlinks: [{between: [a, b], class: l}]\n")
		text, err := json.Marshal(JSON(n).Links[0])
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}

	usual := object("")
	for _, more := range []string{
		"jitter-order: reorder", "loss-burst: 3", "duplicate: 0.1", "corrupt: 0.1", "queue: 7", "queue-bytes: 9 kB",
		"discipline: codel", "burst: 3 kB", "ceil-burst: 3 kB", "mtu: 9000",
	} {
		if object(", "+more) == usual {
			t.Errorf("%s does not show in %s", more, usual)
		}
	}
	if fifo := object(", jitter-order: fifo"); fifo != usual || strings.Contains(usual, "jitter_order") {
		t.Errorf("the usual order gives %s, want %s", fifo, usual)
	}
}
