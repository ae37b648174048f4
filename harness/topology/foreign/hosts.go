package foreign

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"edgebed/harness/topology"
)

// markHosts makes hosts of those nodes that may be hosts and have links, all of them to nodes
// that may not. With several links they are hosts with several interfaces. It returns the
// labels of those that may be hosts and are none.
func (g *graph) markHosts(may func(id string) bool) (others []string) {
	links := g.neighbours()
	for i, n := range g.nodes {
		if !may(n.id) {
			continue
		}
		g.nodes[i].host = len(links[n.id]) > 0 && !slices.ContainsFunc(links[n.id], may)
		if !g.nodes[i].host {
			others = append(others, cmp.Or(n.label, n.id))
		}
	}
	return others
}

// unmarkJoints makes switches of hosts without which the network would fall into parts: they
// are what holds it together. It returns their labels.
func (g *graph) unmarkJoints() (joints []string) {
	links := g.neighbours()
	var switches []string
	for _, n := range g.nodes {
		if !n.host {
			switches = append(switches, n.id)
		}
	}
	part, _ := connected(switches, links)

	for i, n := range g.nodes {
		apart := func(to string) bool { return part[to] != part[links[n.id][0]] }
		if n.host && slices.ContainsFunc(links[n.id], apart) {
			g.nodes[i].host = false
			joints = append(joints, cmp.Or(n.label, n.id))
		}
	}
	return joints
}

// some names a few of many.
func some(labels []string) string {
	const few = 8
	if len(labels) <= few {
		return strings.Join(labels, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(labels[:few], ", "), len(labels)-few)
}

// neighbours are the other ends of each node's links.
func (g *graph) neighbours() map[string][]string {
	links := map[string][]string{}
	for _, e := range g.edges {
		back := g.directed && slices.Contains(links[e.from], e.to) // the same link's other direction
		if !back {
			links[e.from] = append(links[e.from], e.to)
			links[e.to] = append(links[e.to], e.from)
		}
	}
	return links
}

// attachHosts makes the hosts: those of the file that are linked to a switch, each at the first
// one, or one at each switch.
func (g *graph) attachHosts(t *topology.Topology, names []string) {
	add := func(name, to string) {
		t.Hosts = append(t.Hosts, topology.HostSpec{Name: name, Switch: to})
	}

	if !slices.ContainsFunc(g.nodes, func(n node) bool { return n.host }) {
		taken := map[string]bool{}
		for _, s := range t.Switches {
			taken[s] = true
		}
		for _, s := range t.Switches {
			add(free(taken, "h_"+s), s)
		}

		return
	}

	first := g.firstSwitches()
	for i, n := range g.nodes {
		if !n.host {
			continue
		}
		if to, ok := first[i]; ok {
			add(names[i], names[to])
		} else {
			g.remark("host %s is linked to no switch and was left out", names[i])
		}
	}
}

// free returns a name near a label that is not taken, and takes it.
func free(taken map[string]bool, label string) string {
	base := cleanName(label)
	name := base
	for k := 2; taken[name]; k++ {
		suffix := fmt.Sprintf("_%d", k)
		name = base[:min(len(base), 32-len(suffix))] + suffix
	}
	taken[name] = true
	return name
}

// addressOf is the address of the interface of this number, from 1.
func addressOf(n int) netip.Addr { return netip.AddrFrom4([4]byte{10, 1, byte(n >> 8), byte(n)}) }

// firstSwitches returns the first switch that each host with one is linked to, by their places.
func (g *graph) firstSwitches() map[int]int {
	first := map[int]int{}
	for _, e := range g.edges {
		a, b := g.index[e.from], g.index[e.to]
		if g.nodes[b].host {
			a, b = b, a
		}
		if _, has := first[a]; !has && g.nodes[a].host && !g.nodes[b].host {
			first[a] = b
		}
	}
	return first
}

// placesOf returns the places of hosts by their names.
func placesOf(hosts []topology.HostSpec) map[string]int {
	places := make(map[string]int, len(hosts))
	for i, h := range hosts {
		places[h.Name] = i
	}
	return places
}

// dropInterfaces leaves a host those interfaces whose switches stay; without any it has no
// switch.
func dropInterfaces(h *topology.HostSpec, gone func(s string) bool) {
	var stay []topology.InterfaceSpec
	for number := range 1 + len(h.Also) {
		if spec := h.Interface(number); !gone(spec.Switch) {
			stay = append(stay, spec)
		}
	}

	h.Switch, h.Also = "", nil
	for number, spec := range stay {
		h.SetInterface(number, spec)
	}
}

// addDirect makes the links between two hosts: each has an interface for it, at a switch that
// is there for the two.
func (g *graph) addDirect(t *topology.Topology, names []string, direct []edge) {
	hosts, taken := placesOf(t.Hosts), map[string]bool{}
	for _, name := range names {
		taken[name] = true
	}

	left := 0
	for _, e := range direct {
		a, b := names[g.index[e.from]], names[g.index[e.to]]
		i, okA := hosts[a]
		k, okB := hosts[b]
		const most = topology.MaxInterfaces - 1 // beside the first one
		if !okA || !okB || len(t.Hosts[i].Also) == most || len(t.Hosts[k].Also) == most {
			left++
			continue
		}

		middle := free(taken, a+"-"+b)
		t.Switches = append(t.Switches, middle)
		t.Hosts[i].Also = append(t.Hosts[i].Also,
			topology.InterfaceSpec{Switch: middle, MTU: e.mtu, Uplink: e.forward, Downlink: *e.back})
		t.Hosts[k].Also = append(t.Hosts[k].Also, topology.InterfaceSpec{Switch: middle, MTU: e.mtu})
	}
	if left > 0 {
		g.remark("%d links between hosts, one of which is linked to no switch or has %d links, were left out", left,
			topology.MaxInterfaces)
	}
}

// number gives hosts the addresses of the places that they had, and interfaces beside the first ones
// those behind them.
func number(t *topology.Topology, places map[string]int) {
	last := 0
	for i := range t.Hosts {
		h := &t.Hosts[i]
		own := places[h.Name] + 1
		h.Address, last = addressOf(own), max(last, own)
	}
	for i := range t.Hosts {
		for k := range t.Hosts[i].Also {
			last++
			t.Hosts[i].Also[k].Address = addressOf(last)
		}
	}
}
