package foreign

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode"

	"edgebed/harness/topology"
	"edgebed/nodes/units"
)

// Links about which a file says nothing have the parameters of the paper's ring.
const (
	defaultRate  = 10 * units.Mbps
	defaultDelay = time.Millisecond
)

// network turns the graph into a topology.
func (g *graph) network() (*Network, error) {
	if len(g.nodes) == 0 {
		return nil, errors.New("it has no nodes")
	}

	names := g.names()
	if len(g.again) > 0 {
		g.remark("several nodes have the same name, which links do not tell apart, and were taken for one: %s",
			some(slices.Compact(slices.Sorted(slices.Values(g.again)))))
	}
	rate, delay, queue := defaultRate, defaultDelay, topology.DefaultQueue
	t := &topology.Topology{
		Version: 1, Name: cleanName(g.name), Subnet: netip.MustParsePrefix("10.1.0.0/16"), MTU: g.mtu,
		Description: fmt.Sprintf("Read from the network %s.", oneLine(g.name)),
		Classes: map[string]topology.Class{
			"link": {Override: topology.Override{Rate: &rate, Delay: &delay, Queue: &queue}},
		},
	}

	for i, n := range g.nodes {
		if !n.host {
			t.Switches = append(t.Switches, names[i])
		}
	}
	g.attachHosts(t, names)
	hosts := placesOf(t.Hosts)
	direct := g.addLinks(t, names, hosts)
	g.keepMain(t)
	g.addDirect(t, names, direct)
	number(t, hosts) // whichever of them were left out

	if err := t.Check(); err != nil {
		return nil, err
	}

	return &Network{Topology: t, Remarks: g.remarks}, nil
}

// names gives every node a valid name of its own, near its label, or near its identifier where
// no letter of the label can be in a name.
func (g *graph) names() []string {
	taken := map[string]bool{}
	names := make([]string, len(g.nodes))
	changed, foreign, example := 0, 0, ""

	for i, n := range g.nodes {
		label := cmp.Or(n.label, n.id)
		unreadable := strings.ContainsFunc(label, unicode.IsLetter) && !hasLatin(label)
		if unreadable && label != n.id && strings.ContainsFunc(n.id, isNameRune) {
			names[i] = free(taken, n.id)
			foreign++
			example = cmp.Or(example, fmt.Sprintf("%s for %s", names[i], oneLine(label)))
			continue
		}
		names[i] = free(taken, label)
		if names[i] != label {
			changed++
		}
	}

	if changed > 0 {
		g.remark("%d of %d names were changed: a name is a letter and up to 31 letters, digits, _, - or dots",
			changed, len(names))
	}
	if foreign > 0 {
		g.remark("%d of %d nodes are called by their identifiers, as a name has letters from a to z: %s", foreign,
			len(names), example)
	}

	return names
}

// isNameRune tells whether a letter or digit can be in a name.
func isNameRune(r rune) bool { return r < 128 && (unicode.IsLetter(r) || unicode.IsDigit(r)) }

// hasLatin tells whether a letter of a label can be in a name.
func hasLatin(label string) bool {
	return strings.ContainsFunc(label, func(r rune) bool { return isNameRune(r) && unicode.IsLetter(r) })
}

// cleanName makes a name of a label.
func cleanName(label string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case strings.ContainsRune("_-.", r), isNameRune(r):
			return r
		case r == ' ' || r == '/' || r == ',':
			return '_'
		}

		return -1
	}, strings.TrimSpace(label))

	if name == "" || strings.ContainsRune("_-.0123456789", rune(name[0])) {
		name = "n" + name
	}

	return strings.TrimRight(name[:min(len(name), 32)], "-.")
}

// oneLine makes a label fit into a sentence.
func oneLine(label string) string { return strings.Join(strings.Fields(label), " ") }

// made is what an edge of the graph became.
type made struct {
	// link is a place in Links, and host one in Hosts of the interface of this number; -1 is
	// none, as of an edge between two hosts.
	link, host, number int
	// from is at which of the nodes the edge began that made it; where an edge back came too,
	// at none, -1.
	from int
}

// addLinks makes the links between switches, and the interfaces of hosts, whose places are given. It
// returns the edges between two hosts.
func (g *graph) addLinks(t *topology.Topology, names []string, hosts map[string]int) (direct []edge) {
	first := map[[2]string]*made{}
	interfaces := map[int]int{} // of each host
	twice, loops, clamped, beyond := 0, 0, 0, 0

	for _, e := range g.edges {
		a, b := g.index[e.from], g.index[e.to]
		both, cut := g.parameters(e)
		if cut {
			clamped++
		}
		if a == b {
			loops++
			continue
		}

		ends := [2]string{names[min(a, b)], names[max(a, b)]}
		of, named := first[ends]
		if g.once && named && (!g.directed || of.from != b) {
			twice++
			continue
		}
		if g.once && named {
			back := e
			back.forward = both[0]
			g.setBack(t, of, back)
			of.from = -1
			continue
		}

		is := &made{link: -1, host: -1, from: a}
		switch hostA, hostB := g.nodes[a].host, g.nodes[b].host; {
		case hostA && hostB:
			direct = append(direct, edge{from: e.from, to: e.to, forward: both[0], back: &both[1], mtu: e.mtu})
		case hostA || hostB:
			// From the host's end on.
			ends := [2]string{names[a], names[b]}
			if hostB {
				ends[0], ends[1], both[0], both[1] = ends[1], ends[0], both[1], both[0]
			}
			is.host = hosts[ends[0]]
			if is.number = interfaces[is.host]; is.number == topology.MaxInterfaces {
				beyond++
				continue
			}
			interfaces[is.host]++
			t.Hosts[is.host].SetInterface(is.number,
				topology.InterfaceSpec{Switch: ends[1], MTU: e.mtu, Uplink: both[0], Downlink: both[1]})
		default:
			if a > b {
				both[0], both[1] = both[1], both[0]
			}
			is.link = len(t.Links)
			t.Links = append(t.Links,
				topology.LinkSpec{Between: ends, Class: "link", MTU: e.mtu, Forward: both[0], Reverse: both[1]})
		}
		if !named {
			first[ends] = is
		}
	}

	single := 0
	for _, of := range first {
		if g.directed && of.from >= 0 {
			single++
		}
	}
	if single > 0 {
		g.remark("%d links lead one way only, and got the same parameters back", single)
	}
	if twice > 0 {
		g.remark("%d links are named again, or from the other end, and were taken for one", twice)
	}
	if loops > 0 {
		g.remark("%d links lead from a switch to itself and were left out", loops)
	}
	if beyond > 0 {
		g.remark("%d links of hosts, beyond %d of each, were left out", beyond, topology.MaxInterfaces)
	}
	if clamped > 0 {
		g.remark("%d links have rates outside %v to %v, which were brought into it", clamped, topology.MinRate,
			topology.MaxRate)
	}
	return direct
}

// setBack gives what an edge made the parameters of the edge that leads back.
func (g *graph) setBack(t *topology.Topology, of *made, back edge) {
	a, b := g.index[back.from], g.index[back.to]
	switch {
	case of.link >= 0:
		l := &t.Links[of.link]
		l.MTU = cmp.Or(l.MTU, back.mtu)
		if a < b {
			l.Forward = back.forward
		} else {
			l.Reverse = back.forward
		}
	case of.host >= 0:
		spec := t.Hosts[of.host].Interface(of.number)
		spec.MTU = cmp.Or(spec.MTU, back.mtu)
		if g.nodes[a].host {
			spec.Uplink = back.forward
		} else {
			spec.Downlink = back.forward
		}
		t.Hosts[of.host].SetInterface(of.number, spec)
	}
}

// parameters returns what the file says of a link, from its first end and from its second,
// and whether a rate was brought into the limits.
func (g *graph) parameters(e edge) (both [2]topology.Override, clamped bool) {
	both = [2]topology.Override{e.forward, e.forward}
	if e.back != nil {
		both[1] = *e.back
	}
	from, to := g.nodes[g.index[e.from]], g.nodes[g.index[e.to]]
	placed := from.place != nil && to.place != nil && !from.host && !to.host

	for i := range both {
		o := &both[i]
		if o.Rate != nil && *o.Rate != 0 {
			rate := min(max(*o.Rate, topology.MinRate), topology.MaxRate)
			clamped = clamped || rate != *o.Rate
			o.Rate = &rate
		}
		if o.Delay == nil && placed {
			o.Delay = new(propagation(*from.place, *to.place))
		}
	}
	return both, clamped
}
