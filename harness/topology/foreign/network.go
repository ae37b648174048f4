package foreign

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

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
	g.addLinks(t, names)
	g.keepLargest(t)

	if err := t.Validate(); err != nil {
		return nil, err
	}

	return &Network{Topology: t, Remarks: g.remarks}, nil
}

// names gives every node a valid name of its own, near its label.
func (g *graph) names() []string {
	taken := map[string]bool{}
	names := make([]string, len(g.nodes))
	changed := 0

	for i, n := range g.nodes {
		label := cmp.Or(n.label, n.id)
		name := cleanName(label)
		for k := 2; taken[name]; k++ {
			suffix := fmt.Sprintf("_%d", k)
			name = cleanName(label)
			name = name[:min(len(name), 32-len(suffix))] + suffix
		}
		if name != label {
			changed++
		}
		taken[name], names[i] = true, name
	}

	if changed > 0 {
		g.remark("%d of %d names were changed: a name is a letter and up to 31 letters, digits, _, - or dots",
			changed, len(names))
	}

	return names
}

// cleanName makes a name of a label.
func cleanName(label string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case strings.ContainsRune("_-.", r),
			r < 128 && ('0' <= r && r <= '9' || 'A' <= r && r <= 'Z' || 'a' <= r && r <= 'z'):
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

// attachHosts makes the hosts: those of the file, each at the first switch that it
// is linked to, or one at each switch.
func (g *graph) attachHosts(t *topology.Topology, names []string) {
	add := func(name, to string) {
		n := len(t.Hosts) + 1
		address := netip.AddrFrom4([4]byte{10, 1, byte(n >> 8), byte(n)})
		t.Hosts = append(t.Hosts, topology.HostSpec{Name: name, Address: address, Switch: to})
	}

	if !slices.ContainsFunc(g.nodes, func(n node) bool { return n.host }) {
		taken := map[string]bool{}
		for _, s := range t.Switches {
			taken[s] = true
		}
		for _, s := range t.Switches {
			name := cleanName("h_" + s)
			for k := 2; taken[name]; k++ {
				suffix := fmt.Sprintf("_%d", k)
				name = name[:min(len(name), 32-len(suffix))] + suffix
			}
			taken[name] = true
			add(name, s)
		}

		return
	}

	for i, n := range g.nodes {
		if !n.host {
			continue
		}
		if to, ok := g.switchOf(i, names); ok {
			add(names[i], to)
		} else {
			g.remark("host %s is linked to nothing and was left out", names[i])
		}
	}
}

// switchOf returns the first switch that host i is linked to.
func (g *graph) switchOf(i int, names []string) (string, bool) {
	for _, e := range g.edges {
		for _, ends := range [][2]string{{e.from, e.to}, {e.to, e.from}} {
			other := g.index[ends[1]]
			if g.index[ends[0]] == i && !g.nodes[other].host {
				return names[other], true
			}
		}
	}

	return "", false
}

// addLinks makes the links between switches, and those of hosts to theirs.
func (g *graph) addLinks(t *topology.Topology, names []string) {
	// first is where the link between two nodes is among the topology's, none for that of a
	// host, and at which of them the edge began that made it; where an edge back came too,
	// at none.
	type made struct{ link, from int }
	first := map[[2]string]made{}
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
		if g.nodes[a].host || g.nodes[b].host {
			switch {
			case named && !g.once || !addAccess(t, [2]string{names[a], names[b]}, both, e.mtu, named):
				beyond++
			case named:
				first[ends] = made{-1, -1}
			default:
				first[ends] = made{-1, a}
			}
			continue
		}

		if a > b {
			both[0], both[1] = both[1], both[0]
		}
		if g.once && named {
			g.setBack(&t.Links[of.link], a, b, both)
			t.Links[of.link].MTU = cmp.Or(t.Links[of.link].MTU, e.mtu)
			first[ends] = made{of.link, -1}
			continue
		}
		first[ends] = made{len(t.Links), a}
		t.Links = append(t.Links, topology.LinkSpec{
			Between: ends, Class: "link", MTU: e.mtu, Forward: both[0], Reverse: both[1],
		})
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
		g.remark("%d links of hosts, beyond the one to a switch that each host has, were left out", beyond)
	}
	if clamped > 0 {
		g.remark("%d links have rates outside %v to %v, which were brought into it", clamped, topology.MinRate,
			topology.MaxRate)
	}
}

// setBack gives a link the parameters of the edge from node a to node b, which leads back.
func (g *graph) setBack(l *topology.LinkSpec, a, b int, both [2]topology.Override) {
	if a < b {
		l.Forward = both[0]
	} else {
		l.Reverse = both[1]
	}
}

// addAccess gives a host what the file says of its link, from the first end and from the
// second, or where the link's edge back came before, from the first end only; false where
// this is not the link by which the host is at its switch. Places say nothing here.
func addAccess(t *topology.Topology, ends [2]string, both [2]topology.Override, mtu int, back bool) bool {
	for k, end := range ends {
		i := slices.IndexFunc(t.Hosts, func(h topology.HostSpec) bool { return h.Name == end && h.Switch == ends[1-k] })
		if i < 0 {
			continue
		}

		h := &t.Hosts[i]
		h.MTU = cmp.Or(h.MTU, mtu)
		switch up, down := both[k], both[1-k]; {
		case back && k == 0: // the edge from the switch came first
			h.Uplink = up
		case back:
			h.Downlink = down
		default:
			h.Uplink, h.Downlink = up, down
		}
		return true
	}
	return false
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

// keepLargest leaves the largest connected part of the network, if it has several.
func (g *graph) keepLargest(t *topology.Topology) {
	neighbours := map[string][]string{}
	for _, l := range t.Links {
		neighbours[l.Between[0]] = append(neighbours[l.Between[0]], l.Between[1])
		neighbours[l.Between[1]] = append(neighbours[l.Between[1]], l.Between[0])
	}

	part := map[string]int{}
	var sizes []int
	for _, s := range t.Switches {
		if _, ok := part[s]; ok {
			continue
		}
		reached := []string{s}
		part[s] = len(sizes)
		for k := 0; k < len(reached); k++ {
			for _, next := range neighbours[reached[k]] {
				if _, ok := part[next]; !ok {
					part[next] = len(sizes)
					reached = append(reached, next)
				}
			}
		}
		sizes = append(sizes, len(reached))
	}
	if len(sizes) < 2 {
		return
	}

	best := slices.Index(sizes, slices.Max(sizes))
	outside := func(s string) bool { return part[s] != best }
	g.remark("the network has %d parts without a link between them: the largest, of %d switches, was kept",
		len(sizes), sizes[best])
	t.Switches = slices.DeleteFunc(t.Switches, outside)
	t.Hosts = slices.DeleteFunc(t.Hosts, func(h topology.HostSpec) bool { return outside(h.Switch) })
	t.Links = slices.DeleteFunc(t.Links, func(l topology.LinkSpec) bool { return outside(l.Between[0]) })
}
