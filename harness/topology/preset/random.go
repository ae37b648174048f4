package preset

import (
	"math"
	"math/rand/v2"
	"time"

	"gonum.org/v1/gonum/graph/graphs/gen"
	"gonum.org/v1/gonum/graph/simple"

	"edgebed/harness/topology"
	"edgebed/nodes/units"
)

// crossing is the propagation delay from one corner of the random plane to the
// opposite one.
const crossing = 20 * time.Millisecond

// waxman places switches on a unit square and links two with the probability
// alpha exp(-d / (beta sqrt 2)), where d is their distance (B. M. Waxman, Routing
// of multipoint connections, IEEE JSAC 1988). A link's delay is its length's. What
// is not connected then is linked where the gap is shortest, so that every seed
// gives a network.
func waxman(b *builder, v values) {
	b.trunks()
	random := seeded(v)

	switches := b.addSwitches(v.int("switches"))
	places := make([][2]float64, len(switches))
	for i, s := range switches {
		places[i] = [2]float64{random.Float64(), random.Float64()}
		b.addHosts(v.int("hosts"), s)
	}

	distance := func(i, j int) float64 {
		return math.Hypot(places[i][0]-places[j][0], places[i][1]-places[j][1])
	}
	groups := newGroups(len(switches))
	join := func(i, j int) {
		b.long(switches[i], switches[j], distance(i, j)/math.Sqrt2)
		groups.join(i, j)
	}

	for j := range switches {
		for i := range j {
			if random.Float64() < v["alpha"]*math.Exp(-distance(i, j)/(v["beta"]*math.Sqrt2)) {
				join(i, j)
			}
		}
	}

	for j := 1; j < len(switches); j++ {
		if groups.of(j) == groups.of(0) {
			continue
		}
		join(nearest(groups, distance, j), j)
	}
}

// nearest returns the switch of the first switch's group that is closest to j.
func nearest(g groups, distance func(i, j int) float64, j int) int {
	best := 0
	for i := range g {
		if g.of(i) == g.of(0) && distance(i, j) < distance(best, j) {
			best = i
		}
	}

	return best
}

// long links two switches with the delay of a part of the plane's diagonal.
func (b *builder) long(x, y string, part float64) {
	before := len(b.t.Links)
	b.link(x, y, trunk)
	if len(b.t.Links) == before {
		return
	}

	delay := max(10*time.Microsecond, time.Duration(part*float64(crossing)).Round(10*time.Microsecond))
	o := topology.Override{Delay: &delay}
	b.t.Links[before].Forward, b.t.Links[before].Reverse = o, o
}

// barabasiAlbert is preferential attachment (Barabási and Albert, Emergence of
// scaling in random networks, Science 1999), by gonum.
func barabasiAlbert(b *builder, v values) {
	b.class(trunk, 10*units.Mbps, time.Millisecond)

	n, m := v.int("switches"), v.int("m")
	switches := b.addSwitches(n)
	for _, s := range switches {
		b.addHosts(v.int("hosts"), s)
	}

	dst := simple.NewUndirectedGraph()
	if err := gen.PreferentialAttachment(dst, n, min(m, n-1), seeded(v)); err != nil {
		// Only numbers out of range are an error, and the limits exclude them.
		return
	}

	groups := newGroups(n)
	for j := range n {
		for i := range j {
			if dst.HasEdgeBetween(int64(i), int64(j)) {
				b.link(switches[i], switches[j], trunk)
				groups.join(i, j)
			}
		}
	}

	// The first switches may be without a link to the others.
	for j := 1; j < n; j++ {
		if groups.of(j) != groups.of(0) {
			b.link(switches[0], switches[j], trunk)
			groups.join(0, j)
		}
	}
}

func seeded(v values) *rand.Rand { return rand.New(rand.NewPCG(uint64(v["seed"]), 0)) }

// groups are the connected parts of a network: each switch's group is named by one
// of its switches.
type groups []int

func newGroups(n int) groups {
	g := make(groups, n)
	for i := range g {
		g[i] = i
	}

	return g
}

func (g groups) of(i int) int {
	for g[i] != i {
		i = g[i]
	}

	return i
}

func (g groups) join(i, j int) { g[g.of(i)] = g.of(j) }
