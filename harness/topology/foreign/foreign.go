package foreign

import (
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"time"

	"edgebed/harness/topology"
)

// Limits of what is read.
const (
	maxNodes = 10_000
	maxEdges = 100_000
)

// Network is a network that was read, and what could not be carried over.
type Network struct {
	Topology *topology.Topology
	// Remarks say in a sentence each what the file holds and the topology does not.
	Remarks []string
}

// format reads one kind of file.
type format struct {
	name string
	// is tells from the file's name and content whether it is of this kind.
	is func(file string, data []byte) bool
	// read returns the graph that the file describes.
	read func(s *source) (*graph, error)
}

func formats() []format {
	return []format{
		{"GraphML", named(".graphml", ".xml"), readGraphML},
		{"containerlab", named(".clab.yml", ".clab.yaml"), readContainerlab},
		{"MiniEdit", named(".mn"), readMiniEdit},
		{"DOT", named(".dot", ".gv"), readDOT},
		{"edge list", named(".txt", ".edges", ".csv", ".tsv"), readEdges},
	}
}

func named(endings ...string) func(string, []byte) bool {
	return func(file string, _ []byte) bool {
		for _, ending := range endings {
			if strings.HasSuffix(strings.ToLower(file), ending) {
				return true
			}
		}

		return false
	}
}

// Known reports whether Read has a reader for a file of this name.
func Known(file string) bool {
	for _, f := range formats() {
		if f.is(file, nil) {
			return true
		}
	}

	return false
}

// Read reads a file of another program; its format follows from the file's name.
// Errors name the file, and line and column where something stands at one.
func Read(file string, data []byte) (*Network, error) {
	for _, f := range formats() {
		if !f.is(file, data) {
			continue
		}

		s, err := newSource(file, data)
		if err != nil {
			return nil, err
		}
		g, err := f.read(s)
		if err != nil {
			return nil, s.explain(f.name, err)
		}
		if g.name == "" {
			base := filepath.Base(file)
			g.name, _, _ = strings.Cut(base, ".")
		}

		n, err := g.network()
		if err != nil {
			return nil, s.explain(f.name, err)
		}

		return n, nil
	}

	return nil, fmt.Errorf("read %s: unknown kind of file; expected .graphml, .dot, .gv, .clab.yml, .mn, .txt, "+
		".edges, .csv or .tsv", file)
}

// graph is what all formats have in common.
type graph struct {
	name  string
	nodes []node
	index map[string]int
	edges []edge
	// once says that the format has no parallel links: two lines about the same nodes
	// are one link, whichever end they begin at.
	once bool
	// directed says that an edge is one direction of a link, whose other direction another
	// edge may be.
	directed bool
	// mtu is the network's, 0 where the file does not say.
	mtu int
	// again are identifiers that several nodes of the file have.
	again   []string
	remarks []string
}

// node is a switch or a host of the file.
type node struct {
	id, label string
	host      bool
	// place is latitude and longitude in degrees where the file has them.
	place *[2]float64
}

// edge is a link of the file, with what the file says of its directions.
type edge struct {
	from, to string
	forward  topology.Override
	// back is the direction from to to from; nil where the file says nothing of its own
	// about it, which is then as forward.
	back *topology.Override
	// mtu is the link's, 0 where the file does not say.
	mtu int
}

func newGraph() *graph { return &graph{index: map[string]int{}} }

func (g *graph) remark(format string, args ...any) {
	g.remarks = append(g.remarks, fmt.Sprintf(format, args...))
}

// add adds a node, unless it is there already.
func (g *graph) add(n node) error {
	if _, ok := g.index[n.id]; ok {
		return nil
	}
	if len(g.nodes) == maxNodes {
		return fmt.Errorf("more than %d nodes", maxNodes)
	}

	g.index[n.id] = len(g.nodes)
	g.nodes = append(g.nodes, n)

	return nil
}

// addOnce adds a node where the format lists each once. It reports whether it is there for the
// first time.
func (g *graph) addOnce(n node) (fresh bool, err error) {
	if _, ok := g.index[n.id]; ok {
		g.again = append(g.again, n.id)
		return false, nil
	}
	return true, g.add(n)
}

func (g *graph) connect(e edge) error {
	if len(g.edges) == maxEdges {
		return fmt.Errorf("more than %d links", maxEdges)
	}
	g.edges = append(g.edges, e)

	return nil
}

// light is how fast signals are in fibre, in metres a second: two thirds of the
// speed of light.
const light = 2e8

// earth is the mean radius of the Earth in metres.
const earth = 6_371_009

// propagation returns the delay along the great circle between two places.
func propagation(a, b [2]float64) time.Duration {
	radians := func(degrees float64) float64 { return degrees * math.Pi / 180 }
	lat1, lat2 := radians(a[0]), radians(b[0])

	h := math.Pow(math.Sin((lat2-lat1)/2), 2) +
		math.Cos(lat1)*math.Cos(lat2)*math.Pow(math.Sin(radians(b[1]-a[1])/2), 2)
	metres := 2 * earth * math.Asin(math.Min(1, math.Sqrt(h)))

	return time.Duration(metres / light * float64(time.Second)).Round(time.Microsecond)
}
