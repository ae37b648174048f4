package page

import (
	"cmp"
	"math"
	"slices"
)

// spot is where a switch or host is drawn, in pixels, with its direction from the
// middle in radians.
type spot struct{ x, y, angle float64 }

// Sizes of a drawing of the network.
const (
	mapWidth, mapHeight = 330.0, 290.0
	switchRadius        = 82.0
	hostReach           = 42.0
)

// spots gives every switch and host its spot: a ring in a circle, anything else
// as a tree around its middle.
func (n *network) spots() map[string]spot {
	spots := make(map[string]spot)
	at := func(angle, radius float64) spot {
		sin, cos := math.Sincos(angle)
		return spot{mapWidth/2 + radius*cos, mapHeight/2 + radius*sin, angle}
	}
	ring := len(n.switches) > 2 && len(n.links) == len(n.switches)
	for _, s := range n.switches {
		ring = ring && len(n.neighbours(s)) == 2
	}
	switch {
	case ring:
		n.placeRing(spots, at)
	case len(n.switches) > 0:
		n.placeTree(spots, at)
	}
	for _, s := range n.switches {
		if _, ok := spots[s]; !ok { // not connected to the others
			spots[s] = at(math.Pi/2, switchRadius)
		}
	}

	n.placeHosts(spots)
	return spots
}

// placeRing places the switches on a circle in the order of the ring.
func (n *network) placeRing(spots map[string]spot, at func(angle, radius float64) spot) {
	s, before := n.switches[0], ""
	for k := range n.switches {
		angle := -2*math.Pi/3 + 2*math.Pi*float64(k)/float64(len(n.switches))
		spots[s] = at(angle, switchRadius)
		next := n.neighbours(s)
		if next[0] == before || before == "" && next[0] != n.switches[min(1, len(n.switches)-1)] {
			next[0] = next[1]
		}
		s, before = next[0], s
	}
}

// placeHosts fans each switch's hosts out around its direction.
func (n *network) placeHosts(spots map[string]spot) {
	siblings := make(map[string]int)
	for _, h := range n.hosts {
		siblings[n.home[h]]++
	}
	placed := make(map[string]int)
	for _, h := range n.hosts {
		s := n.home[h]
		fan := 0.7 * (float64(placed[s]) - float64(siblings[s]-1)/2)
		placed[s]++
		sin, cos := math.Sincos(spots[s].angle + fan)
		spots[h] = spot{spots[s].x + hostReach*cos, spots[s].y + hostReach*sin, spots[s].angle + fan}
	}
}

// placeTree places the switches around the one in the middle, each subtree in a
// sector as wide as its leaves need.
func (n *network) placeTree(spots map[string]spot, at func(angle, radius float64) spot) {
	eccentricity := func(s string) int {
		depth, _ := n.distances(s)
		most := 0
		for _, d := range depth {
			most = max(most, d)
		}
		return most
	}
	middle := slices.MinFunc(n.switches, func(a, b string) int {
		return cmp.Or(cmp.Compare(eccentricity(a), eccentricity(b)),
			cmp.Compare(len(n.neighbours(b)), len(n.neighbours(a))))
	})

	_, parent := n.distances(middle)
	deepest := max(eccentricity(middle), 1)
	children := func(s string) []string {
		return slices.DeleteFunc(n.neighbours(s), func(c string) bool { return parent[c] != s })
	}

	var leaves func(string) int
	leaves = func(s string) int {
		sum := 0
		for _, c := range children(s) {
			sum += leaves(c)
		}
		return max(sum, 1)
	}

	var spread func(s string, from, width float64, depth int)
	spread = func(s string, from, width float64, depth int) {
		if depth == 0 {
			// The middle's own hosts hang between its last branch and its first.
			spots[s] = at(from-math.Pi/float64(leaves(s)+1), 0)
		} else {
			spots[s] = at(from+width/2, switchRadius*float64(depth)/float64(deepest))
		}
		total := float64(leaves(s))
		for _, c := range children(s) {
			share := width * float64(leaves(c)) / total
			spread(c, from, share, depth+1)
			from += share
		}
	}

	gap := 2 * math.Pi / float64(leaves(middle)+1)
	spread(middle, math.Pi/2+gap/2, 2*math.Pi-gap, 0)
	m := spots[middle]
	m.angle = math.Pi / 2
	spots[middle] = m
}
