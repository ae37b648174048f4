package foreign

import (
	"cmp"
	"slices"

	"edgebed/harness/topology"
)

// part is what links between switches hold together.
type part struct {
	switches int
	// hosts have interfaces in it, first of them their first ones.
	hosts, first int
	// foreign says that hosts in it have no interface in the main part.
	foreign bool
}

// connected numbers the parts that links hold nodes together in, by the order of their first
// nodes, and returns which one each node is in, and how many nodes each has. What else links lead
// to is no way.
func connected(nodes []string, links map[string][]string) (of map[string]int, sizes []int) {
	const unseen = -1
	of = map[string]int{}
	for _, n := range nodes {
		of[n] = unseen
	}

	for _, n := range nodes {
		if of[n] != unseen {
			continue
		}
		reached := []string{n}
		of[n] = len(sizes)
		for k := 0; k < len(reached); k++ {
			for _, next := range links[reached[k]] {
				if in, is := of[next]; is && in == unseen {
					of[next] = len(sizes)
					reached = append(reached, next)
				}
			}
		}
		sizes = append(sizes, len(reached))
	}
	return of, sizes
}

// partsOf returns the network's parts, and which one each switch is in.
func partsOf(t *topology.Topology) (parts []part, of map[string]int) {
	neighbours := map[string][]string{}
	for _, l := range t.Links {
		neighbours[l.Between[0]] = append(neighbours[l.Between[0]], l.Between[1])
		neighbours[l.Between[1]] = append(neighbours[l.Between[1]], l.Between[0])
	}
	of, sizes := connected(t.Switches, neighbours)
	for _, switches := range sizes {
		parts = append(parts, part{switches: switches})
	}

	for i := range t.Hosts {
		for p, number := range firstIn(&t.Hosts[i], of) {
			parts[p].hosts++
			if number == 0 {
				parts[p].first++
			}
		}
	}
	return parts, of
}

// firstIn returns the number of a host's first interface in each part that it is in.
func firstIn(h *topology.HostSpec, of map[string]int) map[int]int {
	numbers := map[int]int{}
	for number := range 1 + len(h.Also) {
		p := of[h.Interface(number).Switch]
		if _, ok := numbers[p]; !ok {
			numbers[p] = number
		}
	}
	return numbers
}

// keepMain leaves the part of the network that has the most hosts, or the most switches of
// several such, if there are parts without a link between them. Those that hosts of this part
// alone are in are networks apart, and stay: there they have further interfaces.
func (g *graph) keepMain(t *topology.Topology) {
	parts, of := partsOf(t)
	if len(parts) < 2 {
		return
	}

	best := slices.MaxFunc(parts, func(a, b part) int {
		return cmp.Or(a.hosts-b.hosts, a.first-b.first, a.switches-b.switches)
	})
	main := slices.Index(parts, best)
	for i := range t.Hosts {
		in := firstIn(&t.Hosts[i], of)
		if _, ok := in[main]; ok {
			continue
		}
		for p := range in {
			parts[p].foreign = true
		}
	}

	gone := func(s string) bool { return of[s] != main && (parts[of[s]].foreign || parts[of[s]].hosts == 0) }
	away := func(s string) bool { return of[s] != main }
	before := len(t.Switches)
	t.Switches = slices.Concat(slices.DeleteFunc(slices.Clone(t.Switches), away),
		slices.DeleteFunc(t.Switches, func(s string) bool { return gone(s) || !away(s) }))
	if left := before - len(t.Switches); left > 0 {
		g.remark("the network has %d parts without a link between them: %d switches outside the one with the most "+
			"hosts were left out", len(parts), left)
	}
	t.Links = slices.DeleteFunc(t.Links, func(l topology.LinkSpec) bool { return gone(l.Between[0]) })

	var turned []string
	for i := range t.Hosts {
		h := &t.Hosts[i]
		dropInterfaces(h, gone)
		if h.Switch != "" && turn(h, firstIn(h, of)[main]) {
			turned = append(turned, h.Name)
		}
	}
	t.Hosts = slices.DeleteFunc(t.Hosts, func(h topology.HostSpec) bool { return h.Switch == "" })
	if len(turned) > 0 {
		g.remark("the first interface of hosts is now one in the part with the most hosts: %s", some(turned))
	}
}

// turn makes an interface of a host its first one, before the others. It reports whether it
// was another.
func turn(h *topology.HostSpec, number int) bool {
	if number == 0 {
		return false
	}
	specs := []topology.InterfaceSpec{h.Interface(number)}
	for k := range 1 + len(h.Also) {
		if k != number {
			specs = append(specs, h.Interface(k))
		}
	}
	for k, spec := range specs {
		h.SetInterface(k, spec)
	}
	return true
}
