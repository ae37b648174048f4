package view

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"image/png"
	"io"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"edgebed/harness/topology"
	"edgebed/harness/topology/foreign"
	"edgebed/harness/topology/preset"
	"edgebed/nodes/units"
)

// parse reads a topology file that has no mistakes.
func parse(t *testing.T, text string) *topology.Topology {
	t.Helper()
	n, err := topology.Parse("topology.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func build(t *testing.T, reference string) *topology.Topology {
	t.Helper()
	n, err := preset.Build(reference)
	if err != nil {
		t.Fatal(err)
	}

	return n
}

// TestPairs checks hops, delays and bottlenecks against what the shape says.
func TestPairs(t *testing.T) {
	pairs := slices.Collect(Pairs(build(t, "hourglass,left=2,right=1")))
	if len(pairs) != 6 {
		t.Fatalf("%d pairs, want 6", len(pairs))
	}
	for _, p := range pairs {
		hops, delay, rate := 3, 7*time.Millisecond, 10*units.Mbps
		if p.From != "host2" && p.To != "host2" {
			hops, delay, rate = 2, 2*time.Millisecond, 100*units.Mbps
		}
		if p.Hops != hops || p.Delay != delay || p.Bottleneck != rate {
			t.Errorf("%s to %s: %d hops, %v, %v, want %d, %v, %v", p.From, p.To, p.Hops, p.Delay, p.Bottleneck, hops, delay, rate)
		}
	}
}

// TestWritePairs: rows that come one by one are what a table of all, and JSON of all, would be.
func TestWritePairs(t *testing.T) {
	for _, reference := range []string{"hourglass,left=2,right=1,delay=1.5us", "ring,hosts=1", "fattree,k=4"} {
		n := build(t, reference)
		pairs := slices.Collect(Pairs(n))

		var want, got bytes.Buffer
		table := tabwriter.NewWriter(&want, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "from\tto\thops\tdelay\tbottleneck")
		for _, p := range pairs {
			row := p.row()
			fmt.Fprintln(table, strings.Join(row[:], "\t"))
		}
		if err := errors.Join(table.Flush(), WritePairs(&got, n)); err != nil || got.String() != want.String() {
			t.Errorf("%s: %v, and the table is\n%s\nwant\n%s", reference, err, &got, &want)
		}

		got.Reset()
		text, err := json.MarshalIndent(append([]Pair{}, pairs...), "", "  ")
		if err := errors.Join(err, WritePairsJSON(&got, n)); err != nil || got.String() != string(text)+"\n" {
			t.Errorf("%s: %v, and the JSON is\n%s\nwant\n%s", reference, err, &got, text)
		}
	}
}

// TestDOT checks that what is written for Graphviz is read back to the same network.
func TestDOT(t *testing.T) {
	want := build(t, "tree,depth=2,fanout=3,rate=7 Mb/s")
	var text bytes.Buffer
	if err := WriteDOT(&text, want); err != nil {
		t.Fatal(err)
	}

	n, err := foreign.Read("written.dot", text.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	got := n.Topology
	if len(got.Hosts) != len(want.Hosts) || len(got.Switches) != len(want.Switches) || len(got.Links) != len(want.Links) {
		t.Fatalf("read back %d hosts, %d switches, %d links", len(got.Hosts), len(got.Switches), len(got.Links))
	}
	for _, l := range want.Links {
		a, _ := want.Params(l.Between[0], l.Between[1])
		b, err := got.Params(l.Between[0], l.Between[1])
		if err != nil || a.Rate != b.Rate || a.Delay != b.Delay {
			t.Errorf("link %v was read back as %v, want %v (%v)", l.Between, b, a, err)
		}
	}
	for _, h := range want.Hosts {
		if back, ok := got.Host(h.Name); !ok || back.Switch != h.Switch {
			t.Errorf("host %s was read back at %s, want %s", h.Name, back.Switch, h.Switch)
		}
	}
}

// TestDraw checks that every preset gives a picture that a reader accepts, with all
// names in it, and the same one each time.
func TestDraw(t *testing.T) {
	for _, p := range preset.List() {
		n := build(t, p.Name)
		var first, second bytes.Buffer
		if err := errors.Join(Draw(&first, n, "svg"), Draw(&second, n, "svg")); err != nil {
			t.Fatal(err)
		}
		if first.String() != second.String() {
			t.Errorf("%s is drawn differently the second time", p.Name)
		}

		for decoder := xml.NewDecoder(&second); ; {
			if _, err := decoder.Token(); err == io.EOF {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", p.Name, err)
			}
		}
		for _, h := range n.Hosts {
			if !strings.Contains(first.String(), h.Name) {
				t.Errorf("%s: host %s is not in the picture", p.Name, h.Name)
			}
		}
	}

	var picture bytes.Buffer
	if err := Draw(&picture, build(t, "ring"), "png"); err != nil {
		t.Fatal(err)
	}
	if _, err := png.Decode(&picture); err != nil {
		t.Error(err)
	}
}

func TestDrawErrors(t *testing.T) {
	if err := Draw(io.Discard, build(t, "ring"), "gif"); err == nil || !strings.Contains(err.Error(), "svg or png") {
		t.Errorf("an unknown kind of picture gives %v", err)
	}
	if err := Draw(io.Discard, build(t, "grid,20,20"), "svg"); err == nil || !strings.Contains(err.Error(), "too many") {
		t.Errorf("a large network gives %v", err)
	}
}

func TestTables(t *testing.T) {
	n := build(t, "ring")
	slow := units.Mbps
	n.Links[0].Reverse.Rate = &slow
	var table, mermaid bytes.Buffer
	if err := errors.Join(WriteTable(&table, n), WriteMermaid(&mermaid, n)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"6 hosts, 6 switches, 6 links", "host5  10.1.0.6", "s1 > s0", "1 Mb/s, 1ms"} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("the table does not say %q:\n%s", want, table.String())
		}
	}
	if want := "s0 ---|10 Mb/s 1ms / 1 Mb/s 1ms| s1"; !strings.Contains(mermaid.String(), want) {
		t.Errorf("Mermaid does not say %q:\n%s", want, mermaid.String())
	}
}

// TestDOTDirections checks that what is written for Graphviz is read back with both
// directions of every link, of access links too.
func TestDOTDirections(t *testing.T) {
	want := parse(t, "name: odd\nswitches: [b, a, c]\n"+
		"hosts: [{name: h, switch: a, uplink: {rate: 1 Mb/s, delay: 3 ms}, downlink: {rate: 9 Mb/s}}, {name: k, switch: c}]\n"+
		"links:\n"+
		"  - {between: [a, b], forward: {rate: 5 Mb/s, delay: 2 ms, jitter: 1 ms}, reverse: {rate: 1 Mb/s, loss: 1 %, queue: 7}}\n"+
		"  - {between: [c, b], forward: {rate: 2 Mb/s, delay: 4 ms}}\n")
	var text bytes.Buffer
	if err := WriteDOT(&text, want); err != nil {
		t.Fatal(err)
	}
	n, err := foreign.Read("odd.dot", text.Bytes())
	if err != nil {
		t.Fatalf("%v:\n%s", err, text.String())
	}
	if len(n.Remarks) > 0 {
		t.Errorf("remarks %q on\n%s", n.Remarks, text.String())
	}
	for _, l := range want.AllLinks() {
		for _, ends := range [][2]string{{l.Between[0], l.Between[1]}, {l.Between[1], l.Between[0]}} {
			a, _ := want.Params(ends[0], ends[1])
			b, err := n.Topology.Params(ends[0], ends[1])
			if err != nil || a.String() != b.String() {
				t.Errorf("from %s to %s: read back as %v, want %v (%v)", ends[0], ends[1], b, a, err)
			}
		}
	}
}

// TestLeftOut checks what is said of a topology whose file for Graphviz lacks something.
func TestLeftOut(t *testing.T) {
	n := build(t, "ring,4")
	if said := LeftOut(n, ".dot"); len(said) != 1 || !strings.Contains(said[0], "the subnet") {
		t.Errorf("of an ordinary ring it says %q", said)
	}

	n.IPv6, n.Hosts[0].MTU, n.Hosts[1].MTU = new(false), 1400, topology.DefaultMTU
	said := strings.Join(LeftOut(n, ".mmd"), "\n")
	for _, want := range []string{"ipv6: false is left out", "MTUs of 1 hosts: left out"} {
		if !strings.Contains(said, want) {
			t.Errorf("it does not say %q:\n%s", want, said)
		}
	}

	n.Hosts[0].Also = []topology.InterfaceSpec{{Switch: "s1", MTU: 1300}, {Switch: "s2", MTU: 1300}}
	if said := strings.Join(LeftOut(n, ".mmd"), "\n"); !strings.Contains(said, "MTUs of 1 hosts: left out") {
		t.Errorf("of three interfaces of a host it says\n%s", said)
	}
}

// TestNoNames checks that an empty list of names asks for all switches.
func TestNoNames(t *testing.T) {
	n := build(t, "ring,4")
	var all, none bytes.Buffer
	if err := errors.Join(WriteTables(&all, n), WriteTables(&none, n, []string{}...)); err != nil {
		t.Fatal(err)
	}
	if all.String() != none.String() || strings.Count(all.String(), "\n") != 1+4*4 {
		t.Errorf("an empty list gives\n%swant\n%s", &none, &all)
	}
}
