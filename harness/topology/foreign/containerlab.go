package foreign

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
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

// readContainerlab takes names and links. A node of kind linux with links to nodes of other
// kinds alone is a host, unless it holds the network together (see markHosts, unmarkJoints).
func readContainerlab(_ string, data []byte) (*graph, error) {
	var file containerlabFile
	if err := yaml.Unmarshal(data, &file); err != nil {
		return nil, err
	}

	g := newGraph()
	g.name = file.Name
	for _, name := range slices.Sorted(maps.Keys(file.Topology.Nodes)) {
		if err := g.add(node{id: name}); err != nil {
			return nil, err
		}
	}

	mtus := 0
	for _, l := range file.Topology.Links {
		if l.MTU != 0 {
			mtus++
		}
		if len(l.Endpoints) != 2 {
			g.remark("a link with %d ends was left out", len(l.Endpoints))
			continue
		}

		var ends [2]string
		for i, endpoint := range l.Endpoints {
			ends[i] = endpointNode(endpoint)
			if _, ok := g.index[ends[i]]; !ok {
				return nil, fmt.Errorf("line %d: a link names the unknown node %q", endpoint.Line, ends[i])
			}
		}
		if err := g.connect(edge{from: ends[0], to: ends[1]}); err != nil {
			return nil, err
		}
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
