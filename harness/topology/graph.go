package topology

// graph is a topology's switches and the links between them, by their places.
type graph struct {
	index map[string]int
	ends  [][2]int // of each link: its two switches
	links [][]int  // of each switch
}

// graph leaves out links that have an end nowhere, or both at one switch.
func (t *Topology) graph() graph {
	index := make(map[string]int, len(t.Switches))
	for i, s := range t.Switches {
		index[s] = i
	}

	g := graph{index: index, ends: make([][2]int, len(t.Links)), links: make([][]int, len(t.Switches))}
	for i, l := range t.Links {
		a, okA := index[l.Between[0]]
		b, okB := index[l.Between[1]]
		if okA && okB && a != b {
			g.ends[i] = [2]int{a, b}
			g.links[a] = append(g.links[a], i)
			g.links[b] = append(g.links[b], i)
		}
	}
	return g
}

// other returns the switch at the other end of a link.
func (g graph) other(link, end int) int { return g.ends[link][0] + g.ends[link][1] - end }

// paths lead from all switches to one.
type paths struct {
	// next is the link to take from each switch, -1 at the end itself and where there is no
	// path, and hops how many there are, -1 where there is no path.
	next, hops []int
	// nearest are the switches that have a path, the nearest first.
	nearest []int
}

// toward returns the paths to the switch end.
//
// Paths are the shortest by hop count (paper Sec. 6 gives the ring; the
// prototype routes by hop count). Among those, a path is worth the sum of
// 2^(position in the file) over its links, and the least sum wins. No two paths
// have the same sum, so the choice depends on the file only, is the same in
// both directions, and any part of a chosen path is chosen too, which forwarding
// by destination address needs.
func (g graph) toward(end int) paths {
	next, hops := make([]int, len(g.links)), make([]int, len(g.links))
	for i := range next {
		next[i], hops[i] = -1, -1
	}
	hops[end] = 0

	nearest := append(make([]int, 0, len(g.links)), end)
	for k := 0; k < len(nearest); k++ {
		at := nearest[k]
		for _, link := range g.links[at] {
			switch from := g.other(link, at); {
			case hops[from] < 0:
				hops[from], next[from] = hops[at]+1, link
				nearest = append(nearest, from)
			case hops[from] == hops[at]+1 && g.isBetter(link, from, next):
				next[from] = link
			}
		}
	}
	return paths{next, hops, nearest}
}

// isBetter reports whether the path from a switch that begins with the link is worth less than
// the one by its next link, which has as many hops. Up to where both meet they share no
// link, so the last link in the file decides.
func (g graph) isBetter(link, from int, next []int) bool {
	here, there := from, from
	byHere, byThere := link, next[from]
	lastHere, lastThere := link, next[from]
	for {
		here, there = g.other(byHere, here), g.other(byThere, there)
		lastHere, lastThere = max(lastHere, byHere), max(lastThere, byThere)
		if here == there {
			return lastHere < lastThere
		}
		byHere, byThere = next[here], next[there]
	}
}
