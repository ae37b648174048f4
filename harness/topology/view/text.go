package view

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"edgebed/harness/topology"
)

// WriteDOT writes the network for Graphviz: hosts are boxes, switches circles, and
// links have the rate and delay that reading such a file understands.
func WriteDOT(w io.Writer, t *topology.Topology) error {
	var b strings.Builder
	fmt.Fprintf(&b, "graph %s {\n", strconv.Quote(t.Name))
	for _, s := range t.Switches {
		fmt.Fprintf(&b, "  %s [shape=circle];\n", strconv.Quote(s))
	}
	for _, h := range t.Hosts {
		fmt.Fprintf(&b,
			"  %s [shape=box];\n  %s -- %s;\n", strconv.Quote(h.Name), strconv.Quote(h.Name), strconv.Quote(h.Switch))
	}
	for _, l := range t.Links {
		p := t.Directions(l)[0]
		attributes := fmt.Sprintf("delay=%q, label=%q", p.Delay.String(), Label(t, l))
		if p.Rate > 0 {
			attributes = fmt.Sprintf("rate=%q, %s", p.Rate.String(), attributes)
		}
		fmt.Fprintf(&b, "  %s -- %s [%s];\n", strconv.Quote(l.Between[0]), strconv.Quote(l.Between[1]), attributes)
	}
	b.WriteString("}\n")

	_, err := io.WriteString(w, b.String())

	return err
}

// WriteMermaid writes the network as a Mermaid flowchart.
func WriteMermaid(w io.Writer, t *topology.Topology) error {
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	for _, s := range t.Switches {
		fmt.Fprintf(&b, "  %s((%s))\n", s, s)
	}
	for _, h := range t.Hosts {
		fmt.Fprintf(&b, "  %s[%s] --- %s\n", h.Name, h.Name, h.Switch)
	}
	for _, l := range t.Links {
		fmt.Fprintf(&b, "  %s ---|%s| %s\n", l.Between[0], Label(t, l), l.Between[1])
	}

	_, err := io.WriteString(w, b.String())

	return err
}

// Label says a link's rate and delay in a few letters, each direction's where they
// differ.
func Label(t *topology.Topology, l topology.LinkSpec) string {
	both := t.Directions(l)
	of := func(p topology.Params) string {
		rate := "unshaped"
		if p.Rate > 0 {
			rate = p.Rate.String()
		}

		return fmt.Sprintf("%s %v", rate, p.Delay)
	}
	if of(both[0]) == of(both[1]) {
		return of(both[0])
	}

	return of(both[0]) + " / " + of(both[1])
}
