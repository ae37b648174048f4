package foreign

import (
	"cmp"
	"errors"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"edgebed/nodes/yamlfile"
)

// containerlabFile is what containerlab's topology files say of names and links
// (containerlab.dev/manual/topo-def-file).
type containerlabFile struct {
	Name     string `yaml:"name"`
	Topology struct {
		Nodes map[string]struct {
			Kind string `yaml:"kind"`
		} `yaml:"nodes"`
		Links []struct {
			Endpoints []yaml.Node `yaml:"endpoints"`
			MTU       int         `yaml:"mtu"`
		} `yaml:"links"`
	} `yaml:"topology"`
}

// surroundings are ends of links that are no nodes but of the machine that the lab runs on
// (containerlab.dev/manual/network).
var surroundings = []string{"host", "mgmt-net", "macvlan", "vxlan", "vxlan-stitch", "dummy"}

// yamlMistake is how the library writes that a value is of another kind.
var yamlMistake = regexp.MustCompile("^line (\\d+): cannot unmarshal !!(\\w+)(?: `([^`]*)`)? into (\\S*)")

// yamlError says what is expected in place of a value of another kind.
func yamlError(s *source, err error) error {
	mistake, ok := errors.AsType[*yaml.TypeError](err)
	if !ok || len(mistake.Errors) == 0 {
		return err
	}
	m := yamlMistake.FindStringSubmatch(mistake.Errors[0])
	if m == nil {
		return err
	}

	kinds := map[string]string{
		"map": "a mapping", "seq": "a list", "str": "text", "int": "a number", "float": "a number",
		"bool": "true or false",
	}
	want := "a mapping"
	switch into := m[4]; {
	case strings.HasPrefix(into, "[]"):
		want = "a list"
	case into == "int":
		want = "a whole number"
	case into == "string":
		want = "text"
	}
	got := cmp.Or(m[3], kinds[m[2]], m[2])
	line, _ := strconv.Atoi(m[1])
	return s.errorf(s.lineOffset(line, 1), "expected %s, got %s", want, got)
}

// readContainerlab takes names and links. A node of kind linux with links to nodes of other
// kinds alone is a host, unless it holds the network together (see markHosts, unmarkJoints).
func readContainerlab(s *source) (*graph, error) {
	// The first reader knows what is wrong where, the second one leaves out unknown keys.
	if _, err := yamlfile.Parse(s.file, s.text); err != nil {
		return nil, err
	}
	var file containerlabFile
	if err := yaml.Unmarshal(s.text, &file); err != nil {
		return nil, yamlError(s, err)
	}

	g := newGraph()
	g.name = file.Name
	for _, name := range slices.Sorted(maps.Keys(file.Topology.Nodes)) {
		if err := g.add(node{id: name}); err != nil {
			return nil, err
		}
	}

	mtus, outside := 0, map[string]bool{}
	for _, l := range file.Topology.Links {
		if l.MTU != 0 {
			mtus++
		}
		if len(l.Endpoints) != 2 {
			g.remark("a link with %d ends was left out", len(l.Endpoints))
			continue
		}

		var ends [2]string
		within := true
		for i, endpoint := range l.Endpoints {
			ends[i] = endpointNode(endpoint)
			_, known := g.index[ends[i]]
			switch {
			case known:
			case slices.Contains(surroundings, ends[i]):
				within, outside[ends[i]] = false, true
			default:
				return nil, s.errorf(s.lineOffset(endpoint.Line, endpoint.Column), "a link names the unknown node %q%s",
					ends[i], yamlfile.Suggest(ends[i], slices.Collect(maps.Keys(g.index))))
			}
		}
		if !within {
			continue
		}
		if err := g.connect(edge{from: ends[0], to: ends[1]}); err != nil {
			return nil, err
		}
	}
	if len(outside) > 0 {
		g.remark("links that lead out of the network, to %s, were left out",
			strings.Join(slices.Sorted(maps.Keys(outside)), ", "))
	}
	if mtus > 0 {
		g.remark("the MTU of %d links was left out: hosts keep that of the network (mtu)", mtus)
	}
	if len(g.nodes) > 0 {
		g.remark("images, kinds, startup configurations and addresses of nodes were left out; links have %v and %v",
			defaultRate, defaultDelay)
	}

	linux := func(name string) bool { return file.Topology.Nodes[name].Kind == "linux" }
	g.markHosts(linux)
	if joints := g.unmarkJoints(); len(joints) > 0 {
		g.remark("nodes of kind linux that hold the network together were taken for switches: %s", some(joints))
	}

	return g, nil
}

// endpointNode returns the node of an end of a link, written "node:interface" or
// as a mapping with the key node.
func endpointNode(n yaml.Node) string {
	if n.Kind == yaml.MappingNode {
		var long struct {
			Node string `yaml:"node"`
		}
		if n.Decode(&long) == nil {
			return long.Node
		}
	}
	name, _, _ := strings.Cut(n.Value, ":")

	return name
}
