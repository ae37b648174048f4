package view

import (
	"cmp"
	"fmt"
	"io"
	"regexp"
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
		fmt.Fprintf(&b, "  %s [shape=box];\n", strconv.Quote(h.Name))
		if !h.HasAccess() {
			fmt.Fprintf(&b, "  %s -- %s;\n", strconv.Quote(h.Name), strconv.Quote(h.Switch))
		}
	}
	for _, l := range t.AllLinks() {
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

// plain are the names that Mermaid takes as they are.
var plain = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)

// WriteMermaid writes the network as a Mermaid flowchart.
func WriteMermaid(w io.Writer, t *topology.Topology) error {
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	ids := map[string]string{} // which have letters, digits and _ only
	id := func(name string) string {
		if !plain.MatchString(name) && ids[name] == "" {
			ids[name] = fmt.Sprintf("_%d", len(ids))
		}
		return cmp.Or(ids[name], name)
	}
	label := func(name string) string {
		if plain.MatchString(name) {
			return name
		}
		return strconv.Quote(name)
	}

	for _, s := range t.Switches {
		fmt.Fprintf(&b, "  %s((%s))\n", id(s), label(s))
	}
	for _, h := range t.Hosts {
		if h.HasAccess() {
			fmt.Fprintf(&b, "  %s[%s]\n", id(h.Name), label(h.Name))
			continue
		}
		fmt.Fprintf(&b, "  %s[%s] --- %s\n", id(h.Name), label(h.Name), id(h.Switch))
	}
	for _, l := range t.AllLinks() {
		fmt.Fprintf(&b, "  %s ---|%s| %s\n", id(l.Between[0]), Label(t, l), id(l.Between[1]))
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
