package view

import (
	"bytes"
	"testing"
)

// TestMermaidNames checks that names that Mermaid does not take are labels, and no ids.
func TestMermaidNames(t *testing.T) {
	model := parse(t, "name: odd\nswitches: [core-1, \"edge two\"]\n"+
		"hosts: [{name: h, switch: core-1}, {name: a b, switch: \"edge two\"}]\nlinks: [{between: [core-1, \"edge two\"]}]\n")
	var out bytes.Buffer
	if err := WriteMermaid(&out, model); err != nil {
		t.Fatal(err)
	}
	const want = "flowchart LR\n  _0((\"core-1\"))\n  _1((\"edge two\"))\n  h[h] --- _0\n  _2[\"a b\"] --- _1\n" +
		"  _0 ---|unshaped 0s| _1\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}
