package view

import (
	"bytes"
	"encoding/json"
	"errors"
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
	n, err := topology.Parse("homes.yaml", []byte(homes))
	if err != nil {
		t.Fatal(err)
	}

	var text bytes.Buffer
	show := func(err error) {
		if err != nil {
			t.Error(err)
		}
		text.WriteString("\n")
	}
	show(WriteTable(&text, n))
	show(WriteTables(&text, n))
	show(WritePairs(&text, Pairs(n)))
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

	// What is written for Graphviz is read as the same host.
	var dot bytes.Buffer
	back, err := foreign.Read("homes.dot", func() []byte { err = WriteDOT(&dot, n); return dot.Bytes() }())
	if err := errors.Join(err); err != nil {
		t.Fatal(err)
	}
	home, _ := back.Topology.Host("home")
	var at []string
	for f := range back.Topology.Interfaces() {
		if f.Host == "home" {
			at = append(at, f.Switch+f.Suffix)
		}
	}
	slices.Sort(at)
	if want := []string{"s0", "s1", "s2", "s2#2"}; !slices.Equal(at, want) || home.Name == "" {
		t.Errorf("read back, home is at %v, want %v", at, want)
	}
}
