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
		Version: 1, Name: cleanName(g.name), Subnet: netip.MustParsePrefix("10.1.0.0/16"),
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

// addLinks makes the links between switches.
func (g *graph) addLinks(t *topology.Topology, names []string) {
	named := map[[2]string]bool{}
	twice, loops, clamped := 0, 0, 0

	for _, e := range g.edges {
		a, b := g.index[e.from], g.index[e.to]
		switch {
		case g.nodes[a].host || g.nodes[b].host:
			if g.addAccess(t, names, e) {
				clamped++
			}
			continue
		case a == b:
			loops++
			continue
		}

		ends := [2]string{names[min(a, b)], names[max(a, b)]}
		if g.once && named[ends] {
			twice++
			continue
		}
		named[ends] = true

		o, cut := g.parameters(e)
		if cut {
			clamped++
		}
		t.Links = append(t.Links, topology.LinkSpec{Between: ends, Class: "link", Forward: o, Reverse: o})
	}

	if twice > 0 {
		g.remark("%d links are named again, or from the other end, and were taken for one", twice)
	}
	if loops > 0 {
		g.remark("%d links lead from a switch to itself and were left out", loops)
	}
	if clamped > 0 {
		g.remark("%d rates are outside %v to %v and were brought into it", clamped, topology.MinRate, topology.MaxRate)
	}
}

// addAccess gives a host what the file says of its link, both ways, and reports whether a
// rate was brought into the limits. Places say nothing here: a host is at its switch.
func (g *graph) addAccess(t *topology.Topology, names []string, e edge) (clamped bool) {
	a, b := names[g.index[e.from]], names[g.index[e.to]]
	k := slices.IndexFunc(t.Hosts, func(h topology.HostSpec) bool {
		return h.Name == a && h.Switch == b || h.Name == b && h.Switch == a
	})
	if k < 0 || e.rate == 0 && e.delay == 0 && e.loss == 0 {
		return false
	}
	o, clamped := g.parameters(e)
	t.Hosts[k].Uplink, t.Hosts[k].Downlink = o, o
	return clamped
}

// parameters returns what the file says of a link.
func (g *graph) parameters(e edge) (o topology.Override, clamped bool) {
	if e.rate > 0 {
		rate := min(max(e.rate, topology.MinRate), topology.MaxRate)
		o.Rate, clamped = &rate, rate != e.rate
	}

	a, b := g.nodes[g.index[e.from]].place, g.nodes[g.index[e.to]].place
	switch {
	case e.delay > 0:
		o.Delay = &e.delay
	case a != nil && b != nil:
		delay := propagation(*a, *b)
		o.Delay = &delay
	}

	if e.jitter > 0 {
		o.Jitter = &e.jitter
	}
	if e.loss > 0 {
		o.Loss = &e.loss
	}
	if e.queue > 0 {
		o.Queue = &e.queue
	}

	return o, clamped
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
