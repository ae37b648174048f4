package page

import (
	"slices"

	"edgebed/harness/record"
)

// network is what the cells at a point ran over, put together.
type network struct {
	switches, hosts []string
	// home is each host's switch.
	home map[string]string
	// links between switches, each once.
	links [][2]string
	// ports by the names that executions count traffic by.
	ports map[string]record.NetworkPort
}

// direction is one direction of a link.
type direction struct{ from, to string }

// networkOf puts together what the cells' records say of their networks. Records of
// an older edgebed say nothing: without any other, the network is empty.
func networkOf(cells []record.CellResult) *network {
	n := &network{home: make(map[string]string), ports: make(map[string]record.NetworkPort)}
	for _, c := range cells {
		if c.Cell.Network != nil {
			n.add(c.Cell.Network)
		}
	}
	return n
}

func (n *network) add(other *record.Network) {
	for _, s := range other.Switches {
		if !slices.Contains(n.switches, s) {
			n.switches = append(n.switches, s)
		}
	}
	for _, h := range other.Hosts {
		// A host whose switch the record does not have has no place.
		if n.home[h.Name] == "" && slices.Contains(n.switches, h.Switch) {
			n.hosts = append(n.hosts, h.Name)
			n.home[h.Name] = h.Switch
		}
	}

	for _, p := range other.Ports {
		known := slices.Contains(n.switches, p.Switch) &&
			(n.home[p.Peer] == p.Switch || slices.Contains(n.switches, p.Peer))
		if _, seen := n.ports[p.Name]; seen || !known {
			continue
		}
		n.ports[p.Name] = p
		link := [2]string{p.Switch, p.Peer}
		back := [2]string{p.Peer, p.Switch}
		if p.Trunk && !slices.Contains(n.links, link) && !slices.Contains(n.links, back) {
			n.links = append(n.links, link)
		}
	}
}

// traffic returns the mean bytes per execution of every direction.
func (n *network) traffic(executions []record.Execution) map[direction]float64 {
	sums := make(map[direction]float64)
	for _, e := range executions {
		for _, p := range e.Ports {
			port, ok := n.ports[p.Name]
			if !ok {
				continue
			}
			sums[direction{port.Switch, port.Peer}] += float64(p.TxBytes) / float64(len(executions))
			if !port.Trunk { // what a host sends has no other counter
				sums[direction{port.Peer, port.Switch}] += float64(p.RxBytes) / float64(len(executions))
			}
		}
	}
	return sums
}

// directions lists both directions of every link, those of hosts last.
func (n *network) directions() []direction {
	var list []direction
	for _, l := range n.links {
		list = append(list, direction{l[0], l[1]}, direction{l[1], l[0]})
	}
	for _, h := range n.hosts {
		list = append(list, direction{n.home[h], h}, direction{h, n.home[h]})
	}
	return list
}

// between reports whether a direction is one between switches.
func (n *network) between(way direction) bool { return n.home[way.from] == "" && n.home[way.to] == "" }

// neighbours of a switch, in the order of the links.
func (n *network) neighbours(s string) []string {
	var list []string
	for _, l := range n.links {
		switch s {
		case l[0]:
			list = append(list, l[1])
		case l[1]:
			list = append(list, l[0])
		}
	}
	return list
}

// distances returns how far every reachable switch is from one, and through
// which neighbour.
func (n *network) distances(from string) (depth map[string]int, parent map[string]string) {
	depth, parent = map[string]int{from: 0}, map[string]string{}
	queue := []string{from}
	for len(queue) > 0 {
		s := queue[0]
		queue = queue[1:]
		for _, next := range n.neighbours(s) {
			if _, seen := depth[next]; !seen {
				depth[next], parent[next] = depth[s]+1, s
				queue = append(queue, next)
			}
		}
	}
	return depth, parent
}
