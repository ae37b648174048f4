package foreign

import (
	"strings"
	"time"

	"gonum.org/v1/gonum/graph/formats/dot"
	"gonum.org/v1/gonum/graph/formats/dot/ast"

	"edgebed/nodes/units"
)

// readDOT takes nodes with their labels, and edges with the attributes rate (or
// bandwidth) and delay, for instance rate="10 Mb/s". A node with shape=box is a
// host where one of its links leads to a node of another shape.
func readDOT(_ string, data []byte) (*graph, error) {
	file, err := dot.ParseBytes(data)
	if err != nil {
		return nil, err
	}

	r := dotReader{graph: newGraph(), boxes: map[string]bool{}, unknown: map[string]bool{}}
	if len(file.Graphs) > 1 {
		r.remark("the file holds %d graphs: the first was taken", len(file.Graphs))
	}
	if len(file.Graphs) == 0 {
		return r.graph, nil
	}

	first := file.Graphs[0]
	// In a directed graph a link has an arrow each way.
	r.name, r.once = unquote(first.ID), first.Directed || first.Strict
	if _, err := r.statements(first.Stmts); err != nil {
		return nil, err
	}
	r.markHosts(func(id string) bool { return r.boxes[id] })

	return r.graph, nil
}

type dotReader struct {
	*graph
	boxes   map[string]bool
	unknown map[string]bool
}

// statements adds what a list of statements says, and returns the nodes in it.
func (r *dotReader) statements(list []ast.Stmt) (nodes []string, err error) {
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
		}
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, added...)
	}

	return nodes, nil
}

func (r *dotReader) node(id string, attributes []*ast.Attr) error {
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
				r.attributes(&e, s.Attrs)
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

func (r *dotReader) attributes(e *edge, list []*ast.Attr) {
	for _, a := range list {
		value := unquote(a.Val)
		var err error
		switch strings.ToLower(a.Key) {
		case "rate", "bandwidth", "bw":
			e.rate, err = units.ParseRate(value)
		case "delay", "latency":
			e.delay, err = time.ParseDuration(strings.ReplaceAll(value, " ", ""))
			e.delay = max(0, e.delay)
		}

		if key := a.Key + "=" + value; err != nil && !r.unknown[key] {
			r.unknown[key] = true
			r.remark("the attribute %s is not understood and was left out: %v", key, err)
		}
	}
}

// unquote returns an identifier without the quotes that DOT allows around it.
func unquote(id string) string {
	if len(id) >= 2 && id[0] == '"' && id[len(id)-1] == '"' {
		return strings.ReplaceAll(id[1:len(id)-1], `\"`, `"`)
	}

	return id
}
