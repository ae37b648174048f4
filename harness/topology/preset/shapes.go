package preset

import (
	"fmt"
	"time"

	"edgebed/nodes/units"
)

// The classes of links. Rates and delays are those of the paper where it has such
// links: trunks of its ring (Sec. 6), and its edge and cloud links (Fig. 3).
const (
	trunk       = "trunk"
	access      = "access"
	aggregation = "aggregation"
	core        = "core"
	bottleneck  = "bottleneck"
	edgeLink    = "edge"
	cloudLink   = "cloud"
)

// most is the limit of a parameter that alone decides how many switches there are.
const most = 2000

// whole is a parameter that is a whole number.
func whole(name string, value, least, largest float64, doc string) Param {
	return Param{Name: name, Default: value, Min: least, Max: largest, Doc: doc}
}

// hosts is the parameter that nearly every preset has.
func hosts(value float64, of string) Param {
	return whole("hosts", value, 1, 1000, "hosts on each "+of)
}

// shapes returns all presets.
func shapes() []Preset {
	return []Preset{
		{"single", "Hosts on one switch", []Param{whole("hosts", 3, 1, 1000, "hosts")}, single},
		{"linear", "Switches in a row", []Param{whole("switches", 4, 1, most, "switches"), hosts(1, "switch")}, linear},
		{"ring", "Switches in a ring, as in the paper's Fig. 16", []Param{
			whole("switches", 6, 3, most, "switches of the ring"), hosts(1, "switch"),
			whole("outer", 0, 0, 1, "1 adds a second ring around, with a spoke to each switch"),
		}, ring},
		{"star", "Leaves around a switch without hosts", []Param{
			whole("leaves", 5, 1, 1000, "leaves"), hosts(1, "leaf"),
		}, star},
		{"tree", "Switches in a tree, hosts below the lowest", []Param{
			whole("depth", 2, 1, 10, "levels of switches"),
			whole("fanout", 2, 1, 100, "children of each switch, and hosts of each of the lowest"),
		}, tree},

		// Meshes.
		{"grid", "Switches in rows and columns", []Param{
			whole("rows", 3, 1, 100, "rows"), whole("columns", 3, 1, 100, "columns"), hosts(1, "switch"),
		}, grid},
		{"torus", "A grid whose rows and columns close to rings", []Param{
			whole("rows", 3, 3, 100, "rows"), whole("columns", 3, 3, 100, "columns"), hosts(1, "switch"),
		}, torus},
		{"mesh", "Every switch linked to every other", []Param{
			whole("switches", 4, 1, 60, "switches"), hosts(1, "switch"),
		}, mesh},

		// Data centres.
		{"fattree", "A k-ary fat tree of three levels", []Param{
			{Name: "k", Default: 4, Min: 2, Max: 32, Even: true, Doc: "ports of each switch"},
		}, fatTree},
		{"twotier", "Leaves that are each linked to all spines", []Param{
			whole("spines", 2, 1, 100, "spines"), whole("leaves", 4, 1, 500, "leaves"), hosts(2, "leaf"),
		}, twoTier},
		{"threetier", "Access switches below pairs of aggregation switches below a core", []Param{
			whole("cores", 2, 1, 20, "core switches"), whole("pods", 2, 1, 100, "pairs of aggregation switches"),
			whole("access", 2, 1, 100, "access switches of each pair"), hosts(2, "access switch"),
		}, threeTier},

		// Networks of several sites.
		{"hourglass", "Two sides of hosts with one narrow link between them", []Param{
			whole("left", 3, 1, 1000, "switches with a host on the left"),
			whole("right", 3, 1, 1000, "and on the right"), hosts(1, "switch"),
		}, hourglass},
		{"edge-cloud", "A client and edge nodes close to each other, and a distant cloud, " +
			"as in the paper's Fig. 2", []Param{
			whole("edges", 4, 1, 1000, "edge nodes"),
		}, edgeCloud},
		{"pods", "Groups of switches that are all linked with each other, the groups in a ring", []Param{
			whole("pods", 3, 1, 100, "groups"), whole("size", 3, 1, 30, "switches of a group"), hosts(1, "switch"),
		}, pods},

		// Random networks.
		{"waxman", "A random network in which near switches are linked more often (Waxman 1988)", []Param{
			whole("switches", 20, 1, 1000, "switches"), hosts(1, "switch"),
			{Name: "alpha", Default: 0.4, Min: 0, Max: 1, Fraction: true,
				Doc: "how often switches beside each other are linked"},
			{Name: "beta", Default: 0.2, Min: 0.01, Max: 1, Fraction: true,
				Doc: "how slowly that falls with the distance"},
			whole("seed", 1, 0, 1<<53, "of the random numbers"),
		}, waxman},
		{"barabasi-albert", "A random network in which new switches link to those with many links " +
			"(Barabási and Albert 1999)", []Param{
			whole("switches", 20, 3, most, "switches"), hosts(1, "switch"),
			whole("m", 2, 1, 20, "links of each new switch"),
			whole("seed", 1, 0, 1<<53, "of the random numbers"),
		}, barabasiAlbert},
	}
}

// trunks defines the one class of the simple shapes: the links of the paper's ring.
func (b *builder) trunks() { b.class(trunk, 10*units.Mbps, time.Millisecond) }

func single(b *builder, v values) { b.addHosts(v.int("hosts"), b.addSwitch()) }

func linear(b *builder, v values) {
	b.trunks()
	switches := b.addSwitches(v.int("switches"))

	for i, s := range switches {
		b.addHosts(v.int("hosts"), s)
		if i > 0 {
			b.link(switches[i-1], s, trunk)
		}
	}
}

func ring(b *builder, v values) {
	b.trunks()
	inner := b.addSwitches(v.int("switches"))
	for _, s := range inner {
		b.addHosts(v.int("hosts"), s)
	}
	b.ring(inner, trunk)

	if v.int("outer") == 0 {
		return
	}

	outer := b.addSwitches(len(inner))
	for i, s := range outer {
		b.addHosts(v.int("hosts"), s)
		b.link(inner[i], s, trunk)
	}
	b.ring(outer, trunk)
}

func star(b *builder, v values) {
	b.trunks()
	hub := b.addSwitch()

	for range v.int("leaves") {
		leaf := b.addSwitch()
		b.addHosts(v.int("hosts"), leaf)
		b.link(hub, leaf, trunk)
	}
}

func tree(b *builder, v values) {
	b.trunks()

	level := []string{b.addSwitch()}
	for range v.int("depth") - 1 {
		var next []string
		for _, parent := range level {
			for range v.int("fanout") {
				child := b.addSwitch()
				b.link(parent, child, trunk)
				next = append(next, child)
			}
			if b.tooMany {
				return
			}
		}
		level = next
	}

	for _, s := range level {
		b.addHosts(v.int("fanout"), s)
	}
}

func grid(b *builder, v values) {
	b.trunks()
	lattice(b, v)
}

func torus(b *builder, v values) {
	b.trunks()

	rows, columns := v.int("rows"), v.int("columns")
	at := lattice(b, v)
	for r := range rows {
		b.link(at(r, columns-1), at(r, 0), trunk)
	}
	for c := range columns {
		b.link(at(rows-1, c), at(0, c), trunk)
	}
}

// lattice makes rows and columns, and returns which switch stands where.
func lattice(b *builder, v values) (at func(row, column int) string) {
	rows, columns := v.int("rows"), v.int("columns")
	switches := b.addSwitches(rows * columns)
	at = func(row, column int) string { return switches[row*columns+column] }

	for r := range rows {
		for c := range columns {
			b.addHosts(v.int("hosts"), at(r, c))
			if c > 0 {
				b.link(at(r, c-1), at(r, c), trunk)
			}
			if r > 0 {
				b.link(at(r-1, c), at(r, c), trunk)
			}
		}
	}

	return at
}

func mesh(b *builder, v values) {
	b.trunks()
	switches := b.addSwitches(v.int("switches"))
	for _, s := range switches {
		b.addHosts(v.int("hosts"), s)
	}
	b.mesh(switches, trunk)
}

// fatTree is the k-ary fat tree of Al-Fares et al. (SIGCOMM 2008): k pods of k/2
// aggregation and k/2 access switches, (k/2)^2 cores, k/2 hosts on each access
// switch.
func fatTree(b *builder, v values) {
	b.class(core, 100*units.Mbps, time.Millisecond)
	b.class(aggregation, 100*units.Mbps, time.Millisecond)

	half := v.int("k") / 2
	cores := b.addSwitches(half * half)
	for range 2 * half {
		upper, lower := b.addSwitches(half), b.addSwitches(half)
		for i, u := range upper {
			for j := range half {
				b.link(cores[i*half+j], u, core)
			}
			for _, l := range lower {
				b.link(u, l, aggregation)
			}
		}
		for _, l := range lower {
			b.addHosts(half, l)
		}
	}
}

func twoTier(b *builder, v values) {
	b.class(core, 100*units.Mbps, time.Millisecond)

	spines := b.addSwitches(v.int("spines"))
	for range v.int("leaves") {
		leaf := b.addSwitch()
		b.addHosts(v.int("hosts"), leaf)
		for _, spine := range spines {
			b.link(spine, leaf, core)
		}
	}
}

func threeTier(b *builder, v values) {
	b.class(core, 100*units.Mbps, 5*time.Millisecond)
	b.class(aggregation, 50*units.Mbps, 2*time.Millisecond)

	cores := b.addSwitches(v.int("cores"))
	b.mesh(cores, core)
	for range v.int("pods") {
		pair := b.addSwitches(2)
		for _, a := range pair {
			for _, c := range cores {
				b.link(c, a, core)
			}
		}

		for range v.int("access") {
			s := b.addSwitch()
			b.addHosts(v.int("hosts"), s)
			for _, a := range pair {
				b.link(a, s, aggregation)
			}
		}
	}
}

func hourglass(b *builder, v values) {
	b.class(access, 100*units.Mbps, time.Millisecond)
	b.class(bottleneck, 10*units.Mbps, 5*time.Millisecond)

	necks := b.addSwitches(2)
	b.link(necks[0], necks[1], bottleneck)
	for side, name := range []string{"left", "right"} {
		for range v.int(name) {
			s := b.addSwitch()
			b.addHosts(v.int("hosts"), s)
			b.link(necks[side], s, access)
		}
	}
}

func edgeCloud(b *builder, v values) {
	b.class(edgeLink, units.Gbps, time.Millisecond)
	b.class(cloudLink, 10*units.Mbps, 20*time.Millisecond)

	central := b.namedSwitch("s_central")
	attach := func(name, class string) {
		s := b.namedSwitch("s_" + name)
		b.namedHost(name, s)
		b.link(s, central, class)
	}

	attach("client", edgeLink)
	for i := range v.int("edges") {
		attach(fmt.Sprintf("edge%d", i+1), edgeLink)
	}
	attach("cloud", cloudLink)
}

func pods(b *builder, v values) {
	b.class(access, 100*units.Mbps, time.Millisecond)
	b.class(core, 10*units.Mbps, 5*time.Millisecond)

	var gateways []string
	for range v.int("pods") {
		group := b.addSwitches(v.int("size"))
		for _, s := range group {
			b.addHosts(v.int("hosts"), s)
		}
		b.mesh(group, access)
		gateways = append(gateways, group[0])
	}

	b.ring(gateways, core)
}
