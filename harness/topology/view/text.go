package view

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"edgebed/harness/fate"
	"edgebed/harness/topology"
)

// WriteDOT writes the network for Graphviz: hosts are boxes, switches circles, and
// links have the parameters that reading such a file understands, those of the other
// direction with reverse_ before them where they differ, and their MTU, or that of their
// host, where it is not the network's. The links of a host follow it, in the order of its
// interfaces.
func WriteDOT(w io.Writer, t *topology.Topology) error {
	var b strings.Builder
	fmt.Fprintf(&b, "graph %s {\n", strconv.Quote(t.Name))
	usual := t.NetworkMTU()
	if usual != topology.DefaultMTU {
		fmt.Fprintf(&b, "  mtu=%d;\n", usual)
	}
	for _, s := range t.Switches {
		fmt.Fprintf(&b, "  %s [shape=circle];\n", strconv.Quote(s))
	}
	links := t.AllLinks()
	for _, f := range byHost(t) {
		if f.Number == 0 {
			fmt.Fprintf(&b, "  %s [shape=box];\n", strconv.Quote(f.Host))
		}
		if f.HasAccess() {
			writeDOTLink(&b, t, links[f.Link])
			continue
		}
		mtu := ""
		if own := t.MTUOf(f.InterfaceSpec); own != usual {
			mtu = fmt.Sprintf(" [mtu=%d]", own)
		}
		fmt.Fprintf(&b, "  %s -- %s%s;\n", strconv.Quote(f.Host), strconv.Quote(f.Switch), mtu)
	}
	for _, l := range t.Links {
		writeDOTLink(&b, t, l)
	}
	b.WriteString("}\n")

	_, err := io.WriteString(w, b.String())

	return err
}

// writeDOTLink writes a link with its parameters.
func writeDOTLink(b *strings.Builder, t *topology.Topology, l topology.LinkSpec) {
	both := t.Directions(l)
	attributes := dotParameters(both[0], both[0], "")
	if both[0] != both[1] {
		attributes = append(attributes, dotParameters(both[1], both[0], "reverse_")...)
	}
	if own := both[0].Packet(); own != t.NetworkMTU() {
		attributes = append(attributes, fmt.Sprintf("mtu=%d", own))
	}
	attributes = append(attributes, fmt.Sprintf("label=%q", Label(t, l)))
	fmt.Fprintf(b, "  %s -- %s [%s];\n", strconv.Quote(l.Between[0]), strconv.Quote(l.Between[1]),
		strings.Join(attributes, ", "))
}

// dotParameters are the attributes of a direction of a link: rate and delay, and of the others
// those that are not the usual ones where it or other, that of the other direction, has them.
func dotParameters(p, other topology.Params, prefix string) []string {
	own, others := dotOverride(p), dotOverride(other)
	usual := dotOverride(topology.Params{Queue: topology.DefaultQueue})

	var attributes []string
	for _, key := range topology.Parameters() {
		text := own.Text(key)
		always := key == "rate" || key == "delay"
		if !always && text == usual.Text(key) && others.Text(key) == usual.Text(key) {
			continue
		}
		if key == "rate" && p.Rate == 0 {
			text = "unshaped"
		}
		if key != "queue" { // which is a number, as DOT has them
			text = strconv.Quote(text)
		}
		attributes = append(attributes, prefix+strings.ReplaceAll(key, "-", "_")+"="+text)
	}
	return attributes
}

// dotOverride are the parameters as words: of a channel that loses in bursts the mean loss.
func dotOverride(p topology.Params) topology.Override {
	p.JitterOrder, p.Discipline = cmp.Or(p.JitterOrder, topology.FIFO), cmp.Or(p.Discipline, topology.Drop)
	if isChannel(p) {
		p.Loss = topology.Loss(p.MeanLoss())
	}
	return p.Override()
}

// isChannel reports whether losses are described by a channel, which no single word can.
func isChannel(p topology.Params) bool { return p.Bursts != fate.GilbertElliott{} }

// LeftOut says in a sentence each what of the topology a file of WriteDOT, or one of
// WriteMermaid for the ending ".mmd", does not hold.
func LeftOut(t *topology.Topology, ending string) []string {
	remarks := []string{fmt.Sprintf("the subnet %v and the addresses of hosts are left out", t.Subnet)}
	mtu := t.NetworkMTU()
	if mtu != topology.DefaultMTU && ending == ".mmd" {
		remarks = append(remarks, fmt.Sprintf("the MTU of %d is left out", mtu))
	}
	if t.Mode != "" && t.Mode != topology.Switched {
		remarks = append(remarks, fmt.Sprintf("the mode %s is left out", t.Mode))
	}
	if t.IPv6 != nil {
		remarks = append(remarks, fmt.Sprintf("ipv6: %v is left out", *t.IPv6))
	}

	own := map[string]bool{} // other hosts' MTUs are those of their links
	for f := range t.Interfaces() {
		if ending == ".mmd" && !f.HasAccess() && t.MTUOf(f.InterfaceSpec) != mtu {
			own[f.Host] = true
		}
	}
	if len(own) > 0 {
		remarks = append(remarks, fmt.Sprintf("MTUs of %d hosts: left out", len(own)))
	}

	lost := map[string]int{}
	for _, l := range t.AllLinks() {
		for _, p := range t.Directions(l) {
			said := map[string]bool{}
			if ending == ".mmd" {
				said["losses in bursts"] = p.LossBurst > 0 || isChannel(p)
				said["duplication"] = p.Duplicate > 0
				said["corruption"] = p.Corrupt > 0
				said["queues in bytes"] = p.QueueBytes > 0
				said["queue disciplines"] = p.Discipline != "" && p.Discipline != topology.Drop
				said["the order of frames under jitter"] = p.JitterOrder != "" && p.JitterOrder != topology.FIFO
				said["sizes of token buckets"] = p.Burst != 0 || p.CeilBurst != 0
				said["jitter"], said["losses"] = p.Jitter > 0, p.MeanLoss() > 0
				said["MTUs"] = p.Packet() != mtu
				said["limits of queues"] = p.Queue != topology.DefaultQueue
			} else {
				said["gilbert-elliott (the mean loss is kept)"] = isChannel(p)
			}
			for what, is := range said {
				if is {
					lost[what]++
				}
			}
		}
	}
	for _, what := range slices.Sorted(maps.Keys(lost)) {
		remarks = append(remarks, fmt.Sprintf("%s of %d directions of links: left out", what, lost[what]))
	}
	return remarks
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
	for _, f := range byHost(t) {
		switch name := fmt.Sprintf("%s[%s]", id(f.Host), label(f.Host)); {
		case !f.HasAccess():
			fmt.Fprintf(&b, "  %s --- %s\n", name, id(f.Switch))
		case f.Number == 0:
			fmt.Fprintf(&b, "  %s\n", name)
		}
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
