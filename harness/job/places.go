package job

import (
	"slices"

	"edgebed/harness/network"
	"edgebed/harness/topology"
	"edgebed/nodes/yamlfile"
)

// placeOfNeed returns where the scenario asks for what no link of its network asks for, or
// that its topology does.
func (j *Job) placeOfNeed(n topology.Need) yamlfile.Pos {
	spec := &j.Cell.Topology
	if n.Ability == network.IPv6 && spec.IPv6 != nil {
		return spec.Pos.At("ipv6")
	}
	if at := j.topology.PlaceOfNeed(n); at != (yamlfile.Pos{}) {
		return at
	}
	return j.placeOfTopology()
}

// placeOfHosts returns where hosts become larger than links of the network's own MTU: at
// the scenario's changes of hosts, or where the topology is named.
func (j *Job) placeOfHosts() yamlfile.Pos {
	for _, c := range slices.Backward(j.Cell.Topology.Changes) {
		if c.MTU != 0 && c.Host != "" {
			return c.Pos.At("mtu")
		}
	}
	return j.placeOfTopology()
}

// placeOfTopology returns where the scenario names the topology.
func (j *Job) placeOfTopology() yamlfile.Pos {
	spec := &j.Cell.Topology
	switch {
	case spec.Preset != "":
		return spec.Pos.At("preset")
	case spec.File != "":
		return spec.Pos.At("file")
	}
	return spec.Pos
}

// places find where a job's links get their parameters from.
type places struct {
	*topology.Places
	job *Job
	// changes of the scenario, by the link that they are about, the last one first.
	changes map[int][]change
}

// change is what the scenario makes of both directions of a link, and its MTU where it is
// between switches.
type change struct {
	at        yamlfile.Pos
	mtu       int
	overrides [2]topology.Override
	keys      [2]string
}

func (j *Job) places() *places {
	p := &places{Places: j.topology.Places(), job: j, changes: map[int][]change{}}
	for _, c := range slices.Backward(j.Cell.Topology.Changes) {
		ends := c.Link
		one := change{c.Pos, c.MTU, [2]topology.Override{c.Forward, c.Reverse}, [2]string{"forward", "reverse"}}
		if c.Host != "" {
			host, _ := j.topology.Host(c.Host)
			ends = []string{host.Name, host.Switch}
			one = change{c.Pos, 0, [2]topology.Override{c.Uplink, c.Downlink}, [2]string{"uplink", "downlink"}}
		}
		if len(ends) != 2 {
			continue
		}

		link, first, err := j.topology.Link(ends[0], ends[1])
		if err != nil {
			continue
		}
		if first == 1 {
			slices.Reverse(one.overrides[:])
			slices.Reverse(one.keys[:])
		}
		p.changes[link] = append(p.changes[link], one)
	}
	return p
}

// of returns where a direction of one of the topology's links gets the parameter of a
// key from: the scenario, or the topology's file.
func (p *places) of(link, direction int, key string) yamlfile.Pos {
	for _, c := range p.changes[link] {
		if c.overrides[direction].Has(key) {
			return c.at.At(c.keys[direction], key)
		}
	}

	spec, name := &p.job.Cell.Topology, p.Link(link).Class
	class, at := spec.Classes[name], spec.Pos.At("classes", name)
	switch way := [2]string{"forward", "reverse"}[direction]; {
	case [2]topology.Override{class.Forward, class.Reverse}[direction].Has(key):
		return at.At(way, key)
	case class.Has(key):
		return at.At(key)
	}

	if at := p.Of(link, direction, key); at != (yamlfile.Pos{}) {
		return at
	}
	return p.job.placeOfTopology()
}

// ofMTU returns where a link between switches gets its MTU from.
func (p *places) ofMTU(link int) yamlfile.Pos {
	for _, c := range p.changes[link] {
		if c.mtu != 0 {
			return c.at.At("mtu")
		}
	}

	spec, net := &p.job.Cell.Topology, p.job.topology
	switch l := net.Links[link]; {
	case l.MTU == 0 && spec.Classes[l.Class].MTU != 0:
		return spec.Pos.At("classes", l.Class, "mtu")
	case l.MTU == 0 && net.Classes[l.Class].MTU == 0:
		return p.job.placeOfHosts()
	}
	if at := net.PlaceOfMTU(link); at != (yamlfile.Pos{}) {
		return at
	}
	return p.job.placeOfTopology()
}
