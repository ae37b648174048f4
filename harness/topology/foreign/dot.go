package foreign

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/gonum/graph/formats/dot"
	"gonum.org/v1/gonum/graph/formats/dot/ast"

	"edgebed/harness/topology"
	"edgebed/nodes/units"
)

// readDOT takes nodes with their labels, and edges with attributes that are called as link
// parameters (and bandwidth, bw and latency), for instance rate="10 Mb/s" or, with _ for the
// dash that DOT would have in quotes, loss_burst=3. With reverse_ before them they are of the
// direction from the second node to the first, where it differs; in a directed graph it may
// have an arrow of its own. The attribute mtu of an edge is its link's, or its host's, and that
// of the graph the network's. A node with shape=box is a host where its links lead to nodes of
// other shapes alone (see markHosts), in the order of which they are the host's interfaces.
func readDOT(s *source) (*graph, error) {
	file, err := dot.ParseBytes(s.text)
	if err != nil {
		return nil, dotError(s, err)
	}

	r := dotReader{graph: newGraph(), boxes: map[string]bool{}, unknown: map[string]bool{}, unused: map[string]bool{}}
	if len(file.Graphs) > 1 {
		r.remark("the file holds %d graphs: the first was taken", len(file.Graphs))
	}
	if len(file.Graphs) == 0 {
		return r.graph, nil
	}

	first := file.Graphs[0]
	r.name, r.once, r.directed = unquote(first.ID), first.Directed || first.Strict, first.Directed
	if _, err := r.statements(first.Stmts); err != nil {
		return nil, err
	}
	r.network(first.Stmts)
	others := r.markHosts(func(id string) bool { return r.boxes[id] })
	if len(others) > 0 {
		r.remark("boxes without links, or with links to boxes, were taken for switches: %s", some(others))
	}
	if len(r.unused) > 0 {
		r.remark("the attributes %s of links were left out", strings.Join(slices.Sorted(maps.Keys(r.unused)), ", "))
	}

	return r.graph, nil
}

// dotPlace is how the parser writes where a mistake is, and which words it expected.
var dotPlace = regexp.MustCompile(`^(\d+):(\d+): error: (.*)$`)

// dotError puts a mistake of the parser at its place, in the words of a DOT file.
func dotError(s *source, err error) error {
	m := dotPlace.FindStringSubmatch(err.Error())
	if m == nil {
		return err
	}
	line, _ := strconv.Atoi(m[1])
	column, _ := strconv.Atoi(m[2])

	// "graphx" is the parser's name of the keyword graph.
	said, got, _ := strings.Cut(m[3], "; got: ")
	said = strings.NewReplacer("graphx", "graph", "or id", "or a name", "expected id", "expected a name").Replace(said)
	switch token, invalid := strings.CutPrefix(got, "unknown/invalid token "); {
	case got == "end-of-file":
		got = "the end of the file"
	case invalid && strings.HasPrefix(token, `"\"`):
		got = "a quotation mark without its second one"
	case invalid:
		got = token
	}
	return s.errorf(s.lineOffset(line, column), "%s; got %s", said, got)
}

type dotReader struct {
	*graph
	boxes   map[string]bool
	unknown map[string]bool
	// unused are attributes of edges that a topology has no place for.
	unused map[string]bool
	// nodeDefaults and edgeDefaults are the attributes that node [...] and edge [...] give
	// to what follows in the same braces.
	nodeDefaults, edgeDefaults []*ast.Attr
}

// network reads what the graph says of the whole network: mtu=1400, or graph [mtu=1400].
func (r *dotReader) network(list []ast.Stmt) {
	for _, s := range list {
		attributes := []*ast.Attr{}
		switch s := s.(type) {
		case *ast.Attr:
			attributes = append(attributes, s)
		case *ast.AttrStmt:
			if s.Kind == ast.GraphKind {
				attributes = s.Attrs
			}
		}
		for _, a := range attributes {
			if strings.EqualFold(unquote(a.Key), "mtu") {
				r.setMTU(&r.mtu, unquote(a.Val))
			}
		}
	}
}

// setMTU sets an MTU to what an attribute says, which may be nonsense.
func (r *dotReader) setMTU(to *int, value string) {
	mtu, err := strconv.Atoi(value)
	if err != nil {
		r.misunderstood("mtu="+value, err)
		return
	}
	*to = mtu
}

// misunderstood says once that an attribute was left out.
func (r *dotReader) misunderstood(attribute string, err error) {
	if !r.unknown[attribute] {
		r.unknown[attribute] = true
		r.remark("the attribute %s is not understood and was left out: %v", attribute, err)
	}
}

// statements adds what a list of statements says, and returns the nodes in it.
func (r *dotReader) statements(list []ast.Stmt) (nodes []string, err error) {
	outerNode, outerEdge := r.nodeDefaults, r.edgeDefaults
	defer func() { r.nodeDefaults, r.edgeDefaults = outerNode, outerEdge }()

	for _, s := range list {
		var added []string
		switch s := s.(type) {
		case *ast.NodeStmt:
			added = []string{unquote(s.Node.ID)}
			err = r.node(added[0], s.Attrs)
		case *ast.EdgeStmt:
			added, err = r.edgeStatement(s)
		case *ast.Subgraph:
			added, err = r.statements(s.Stmts)
		case *ast.AttrStmt:
			switch s.Kind {
			case ast.NodeKind:
				r.nodeDefaults = slices.Concat(r.nodeDefaults, s.Attrs)
			case ast.EdgeKind:
				r.edgeDefaults = slices.Concat(r.edgeDefaults, s.Attrs)
			}
		}
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, added...)
	}

	return nodes, nil
}

func (r *dotReader) node(id string, attributes []*ast.Attr) error {
	if _, known := r.index[id]; !known {
		attributes = slices.Concat(r.nodeDefaults, attributes)
	}
	if err := r.add(node{id: id}); err != nil {
		return err
	}

	n := &r.nodes[r.index[id]]
	for _, a := range attributes {
		switch value := unquote(a.Val); strings.ToLower(a.Key) {
		case "label":
			n.label = value
		case "shape":
			r.boxes[id] = value == "box" || value == "rect" || value == "rectangle"
		}
	}

	return nil
}

// edgeStatement links each node on the left with each on the right, and those with
// the next ones in a row such as a -- b -- c.
func (r *dotReader) edgeStatement(s *ast.EdgeStmt) ([]string, error) {
	left, err := r.vertex(s.From)
	if err != nil {
		return nil, err
	}
	all := left

	for to := s.To; to != nil; to = to.To {
		right, err := r.vertex(to.Vertex)
		if err != nil {
			return nil, err
		}
		for _, a := range left {
			for _, b := range right {
				e := edge{from: a, to: b}
				r.attributes(&e, slices.Concat(r.edgeDefaults, s.Attrs))
				if err := r.connect(e); err != nil {
					return nil, err
				}
			}
		}
		left, all = right, append(all, right...)
	}

	return all, nil
}

func (r *dotReader) vertex(v ast.Vertex) ([]string, error) {
	switch v := v.(type) {
	case *ast.Node:
		id := unquote(v.ID)
		return []string{id}, r.node(id, nil)
	case *ast.Subgraph:
		return r.statements(v.Stmts)
	}

	return nil, nil
}

// attributes sets what the attributes say of a link.
func (r *dotReader) attributes(e *edge, list []*ast.Attr) {
	var reverse topology.Override
	for _, a := range list {
		key, value := strings.ReplaceAll(strings.ToLower(unquote(a.Key)), "_", "-"), unquote(a.Val)
		if key == "mtu" {
			r.setMTU(&e.mtu, value)
			continue
		}

		to := &e.forward
		if name, ok := strings.CutPrefix(key, "reverse-"); ok {
			to, key = &reverse, name
		}

		known, err := parameter(to, key, value)
		if !known && !slices.Contains(drawn, key) {
			r.unused[a.Key] = true
		}
		if err != nil {
			r.misunderstood(a.Key+"="+value, err)
		}
	}

	if reverse != (topology.Override{}) {
		back := e.forward.Merge(reverse)
		e.back = &back
	}
}

// drawn are the attributes of edges by which Graphviz draws them.
var drawn = strings.Fields(`label xlabel headlabel taillabel color fillcolor fontcolor fontname fontsize labelfontsize
	labelfontname labelfontcolor labelangle labeldistance labelfloat style penwidth weight len minlen dir arrowhead
	arrowtail arrowsize constraint decorate tooltip id class comment url href headport tailport lhead ltail
	headclip tailclip samehead sametail pos lp colorscheme layer`)

// parameter sets a parameter of a link by an attribute's name; known is false where it is
// none.
func parameter(o *topology.Override, key, value string) (known bool, err error) {
	switch key {
	case "bandwidth", "bw":
		key = "rate"
	case "latency":
		key = "delay"
	}
	switch {
	case !slices.Contains(topology.Parameters(), key):
		return false, nil
	case key == "rate" && strings.EqualFold(value, "unshaped"):
		o.Rate = new(units.Rate)
		return true, nil
	}

	set := topology.Override{}
	if err := set.Set(key, value); err != nil {
		return true, err
	}
	if set.Rate != nil && *set.Rate <= 0 {
		return true, fmt.Errorf("a link of %v carries nothing: write unshaped for one without a limit", *set.Rate)
	}
	*o = o.Merge(set)
	return true, nil
}

// unquote returns an identifier without the quotes that DOT allows around it.
func unquote(id string) string {
	if len(id) >= 2 && id[0] == '"' && id[len(id)-1] == '"' {
		return strings.ReplaceAll(id[1:len(id)-1], `\"`, `"`)
	}

	return id
}
