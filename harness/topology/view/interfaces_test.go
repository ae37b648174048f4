package view

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"edgebed/harness/golden"
	"edgebed/harness/topology"
	"edgebed/harness/topology/foreign"
)

// homes has a host with interfaces at three switches, twice at one.
const homes = `
name: homes
switches: [s0, s1, s2]
hosts:
  - {name: home, switch: s0, also: [{switch: s2, class: dsl}, {switch: s2, uplink: {rate: 3 Mb/s}}, {switch: s1}]}
  - {name: b, switch: s2}
link-classes:
  dsl: {rate: 16 Mb/s, delay: 8 ms}
links:
  - {between: [s0, s1], class: dsl}
  - {between: [s1, s2], class: dsl}
`

// TestInterfaces shows a host with several interfaces in each way that there is.
func TestInterfaces(t *testing.T) {
	n := parse(t, homes)

	var text bytes.Buffer
	show := func(err error) {
		if err != nil {
			t.Error(err)
		}
		text.WriteString("\n")
	}
	show(WriteTable(&text, n))
	show(WriteTables(&text, n))
	show(WritePairs(&text, n))
	show(WriteDOT(&text, n))
	show(WriteMermaid(&text, n))
	hosts, err := json.MarshalIndent(JSON(n).Hosts, "", " ")
	text.Write(hosts)
	show(err)
	golden.Check(t, "interfaces.txt", text.Bytes())

	var picture bytes.Buffer
	if err := Draw(&picture, n, "svg"); err != nil || !bytes.Contains(picture.Bytes(), []byte("home")) {
		t.Errorf("drawn with %v", err)
	}
}

// TestDOTInterfaces checks that what is written for Graphviz is read back to the same network:
// hosts with several interfaces in their order, each with its parameters, and networks apart.
func TestDOTInterfaces(t *testing.T) {
	const access = "link-classes: {lte: {rate: 10 Mb/s, delay: 20 ms}}\n"
	for name, text := range map[string]string{
		"homes": homes,
		"apart": "name: apart\nswitches: [s1, s2, st]\n" + access + "links: [{between: [s1, s2]}]\n" +
			"hosts: [{name: h1, switch: s1, also: [{switch: st}]}, {name: h2, switch: s2, also: [{switch: st, class: lte}]}," +
			" {name: h3, switch: s2}]\n",
		"boxed": "name: boxed\nswitches: [s1, st]\nlinks: []\n" +
			"hosts: [{name: a, switch: s1, also: [{switch: st}]}, {name: b, switch: s1, also: [{switch: st}]}]\n",
		"larger apart": "name: larger\nswitches: [s1, x, y, z]\nlinks: [{between: [x, y]}, {between: [y, z]}]\n" +
			"hosts: [{name: a, switch: s1, also: [{switch: x}]}, {name: b, switch: s1, also: [{switch: z}]}]\n",
		"mixed": "name: mixed\nswitches: [s1, s2, s3]\n" + access +
			"links: [{between: [s1, s2], class: lte}, {between: [s2, s3]}]\n" +
			"hosts: [{name: h1, switch: s1, also: [{switch: s2, class: lte}, {switch: s2, uplink: {rate: 2 Mb/s}, mtu: 1400}," +
			" {switch: s1}]}, {name: h2, switch: s3, class: lte, also: [{switch: s1, mtu: 1300}]}]\n",
	} {
		n, err := topology.Parse(name, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		var dot, again bytes.Buffer
		if err := WriteDOT(&dot, n); err != nil {
			t.Fatal(err)
		}
		back, err := foreign.Read("back.dot", dot.Bytes())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}

		if err := WriteDOT(&again, back.Topology); err != nil || again.String() != dot.String() || len(back.Remarks) > 0 {
			t.Errorf("%s is read back with %v, %q, as\n%s\nwant\n%s", name, err, back.Remarks, &again, &dot)
		}
		if got, want := interfaces(back.Topology), interfaces(n); !slices.Equal(got, want) {
			t.Errorf("%s has the interfaces %q, want %q", name, got, want)
		}
	}
}

// interfaces lists which is where, and what its link is.
func interfaces(n *topology.Topology) []string {
	var list []string
	links := n.AllLinks()
	for f := range n.Interfaces() {
		text := fmt.Sprintf("%s %s %s%s mtu %d", f.Host, f.Name(), f.Switch, f.Suffix, n.MTUOf(f.InterfaceSpec))
		if f.Link >= 0 {
			text += fmt.Sprintf(" %+v", n.Directions(links[f.Link]))
		}
		list = append(list, text)
	}
	return list
}
