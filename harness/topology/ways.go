package topology

import "edgebed/nodes/units"

// Ways finds what is between hosts, for many of them while the topology stays as it is. It is for
// one goroutine at a time.
type Ways struct {
	topology   *Topology
	graph      graph
	hosts      map[string]int // their places
	interfaces [][]Interface  // of each host
	links      []LinkSpec     // all
	bundles    [][]int
	toward     map[int]paths // by the switches that they lead to
}

// Ways returns those of the topology.
func (t *Topology) Ways() *Ways {
	w := &Ways{
		topology: t, graph: t.graph(), hosts: map[string]int{}, interfaces: make([][]Interface, len(t.Hosts)),
		links: t.AllLinks(), bundles: t.Bundles(), toward: map[int]paths{},
	}
	for f := range t.Interfaces() {
		w.hosts[f.Host] = f.HostIndex
		w.interfaces[f.HostIndex] = append(w.interfaces[f.HostIndex], f)
	}
	return w
}

// way is what frames take from one host to the first interface of another.
type way struct {
	from, to Interface
	switches []int // at least one, by their places
	links    []int // between these, the first of parallel ones for all
}

// find returns the way from host a to host b, false if a host is unknown or there is none.
func (w *Ways) find(a, b string) (way, bool) {
	from, okA := w.hosts[a]
	to, okB := w.hosts[b]
	if !okA || !okB {
		return way{}, false
	}
	exits, entry := w.interfaces[from], w.interfaces[to][0]
	end, ok := w.graph.index[entry.Switch]
	if !ok {
		return way{}, false
	}

	toward, ok := w.toward[end]
	if !ok {
		toward = w.graph.toward(end)
		w.toward[end] = toward
	}

	// Of several interfaces the sender takes the one that Exits says.
	exit := nearest(len(exits), func(k int) int {
		if at, ok := w.graph.index[exits[k].Switch]; ok {
			return toward.hops[at]
		}
		return -1
	})
	if exit < 0 {
		return way{}, false
	}

	at := w.graph.index[exits[exit].Switch]
	found := way{from: exits[exit], to: entry, switches: []int{at}}
	for at != end {
		link := toward.next[at]
		at = w.graph.other(link, at)
		found.switches, found.links = append(found.switches, at), append(found.links, link)
	}
	return found, true
}

// Path returns the switches that frames from host a to the first interface of host b
// cross, or nil if a host is unknown or there is no path. What b sends back to where they
// come from crosses the same ones in reverse.
func (w *Ways) Path(a, b string) []string {
	found, ok := w.find(a, b)
	if !ok {
		return nil
	}
	var names []string
	for _, at := range found.switches {
		names = append(names, w.topology.Switches[at])
	}
	return names
}

// Params returns the parameters of the links that frames from host a to the first interface of
// host b cross, those of access links among them. It is empty where there is no path.
func (w *Ways) Params(a, b string) []Params {
	found, ok := w.find(a, b)
	if !ok || a == b {
		return nil
	}

	var list []Params
	if found.from.Link >= 0 {
		list = append(list, w.topology.Directions(w.links[found.from.Link])[0])
	}
	for k, link := range found.links {
		// Of parallel links each host has its own.
		link := w.links[Share(w.bundles[link], found.to.HostIndex)]
		direction := 0
		if link.Between[0] != w.topology.Switches[found.switches[k]] {
			direction = 1
		}
		list = append(list, w.topology.Directions(link)[direction])
	}
	if found.to.Link >= 0 {
		list = append(list, w.topology.Directions(w.links[found.to.Link])[1])
	}
	return list
}

// Slowest returns the lowest rate of links, 0 where none of them is shaped.
func Slowest(links []Params) units.Rate {
	var rate units.Rate
	for _, p := range links {
		if p.Rate > 0 && (rate == 0 || p.Rate < rate) {
			rate = p.Rate
		}
	}
	return rate
}

// Path returns the switches between two hosts, as Ways does.
func (t *Topology) Path(a, b string) []string { return t.Ways().Path(a, b) }

// Hops returns the number of switch-to-switch links between hosts a and b, or
// -1 if a host is unknown or there is no path.
func (t *Topology) Hops(a, b string) int { return len(t.Path(a, b)) - 1 }
