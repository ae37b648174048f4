package job

import (
	"maps"
	"slices"

	"edgebed/harness/emu"
	"edgebed/harness/network"
	"edgebed/harness/record"
	"edgebed/harness/scenario"
	"edgebed/harness/topology"
	"edgebed/nodes/yamlfile"
)

// need is something that a job asks of its network and not every kind can do: where, and
// what has it.
type need struct {
	network.Ability
	at   yamlfile.Pos
	what string
}

// kindOf returns what the networks can do that a job runs on.
func (j *Job) kindOf(n record.NetworkKind) network.Kind {
	switch {
	case n == record.Virtual:
		return network.Virtual()
	case j.Cell.Topology.Delay == emu.DelayLine:
		return network.DelayLine()
	}
	return network.Emulated()
}

// CanRunOn returns what the job asks for that a kind of network cannot do, each with its
// place.
func (j *Job) CanRunOn(n record.NetworkKind) error {
	kind := j.kindOf(n)
	said := map[yamlfile.Pos]bool{}
	var errs []error
	for _, need := range j.needs() {
		err := kind.Can(need.Ability)
		if err != nil && !said[need.at] { // links of a class have one place
			errs = append(errs, need.at.Errorf("%s: %w", need.what, err))
			said[need.at] = true
		}
	}
	return yamlfile.Join(errs...)
}

// needs lists what the job asks for beyond what all networks do.
func (j *Job) needs() []need {
	var list []need
	spec := &j.Cell.Topology
	if j.topology.IsRouted() {
		list = append(list, need{network.Routers, j.placeOfMode(), "mode " + string(j.topology.Mode)})
	}
	if six := j.topology.IPv6; six != nil && *six {
		at := spec.Pos.At("ipv6")
		if spec.IPv6 == nil {
			at = j.placeOfTopology()
		}
		list = append(list, need{network.IPv6, at, "ipv6"})
	}
	for _, n := range j.topology.Needs() {
		list = append(list, need{n.Ability, j.placeOf(n.Link, n.Direction, n.Key),
			"link " + j.topology.LinkName(n.Link, n.Direction)})
	}
	if c := spec.CongestionControl; c != "" && !slices.Contains(network.CongestionControls, c) {
		list = append(list, need{network.AnyCongestionControl, spec.Pos.At("congestion-control"), c})
	}
	for _, name := range slices.Sorted(maps.Keys(spec.Sysctls)) {
		list = append(list, need{network.Sysctls, spec.Pos.At("sysctls", name), "set sysctl " + name})
	}

	for i := range j.Cell.Events {
		e := &j.Cell.Events[i]
		for _, d := range j.Directions(e) {
			p, err := j.topology.Params(d.From, d.To)
			if err != nil {
				continue // checkEvents says so
			}
			for _, n := range j.Change(e).Apply(p).Needs() {
				if e.Set.Has(n.Key) {
					list = append(list, need{n.Ability, e.Pos.At("set", n.Key), "link " + d.From + "-" + d.To})
				}
			}
		}
	}

	for i := range j.Cell.Programs {
		p := &j.Cell.Programs[i]
		list = append(list, need{network.Programs, p.Pos, p.String()})
	}
	return list
}

// placeOfMode returns where the scenario says what switches do, or that its topology does.
func (j *Job) placeOfMode() yamlfile.Pos {
	if spec := &j.Cell.Topology; spec.Mode != "" {
		return spec.Pos.At("mode")
	}
	return j.placeOfTopology()
}

// placeOf returns where a direction of one of the topology's links gets the parameter of a
// key from: the scenario, or the topology's file.
func (j *Job) placeOf(link, direction int, key string) yamlfile.Pos {
	spec := &j.Cell.Topology
	l := j.topology.AllLinks()[link]
	for _, c := range slices.Backward(spec.Changes) {
		o, name := j.changed(&c, link, direction)
		if o.Has(key) {
			return c.Pos.At(name, key)
		}
	}

	class, at := spec.Classes[l.Class], spec.Pos.At("classes", l.Class)
	switch way := [2]string{"forward", "reverse"}[direction]; {
	case [2]topology.Override{class.Forward, class.Reverse}[direction].Has(key):
		return at.At(way, key)
	case class.Has(key):
		return at.At(key)
	}

	if at := j.topology.Place(link, direction, key); at != (yamlfile.Pos{}) {
		return at
	}
	return j.placeOfTopology()
}

// changed returns what a change of the scenario makes of a direction of one of the
// topology's links, and its key: nothing where it is about another one.
func (j *Job) changed(c *scenario.LinkChange, link, direction int) (o topology.Override, key string) {
	ends := c.Link
	overrides, keys := [2]topology.Override{c.Forward, c.Reverse}, [2]string{"forward", "reverse"}
	if c.Host != "" {
		host, _ := j.topology.Host(c.Host)
		ends = []string{host.Name, host.Switch}
		overrides, keys = [2]topology.Override{c.Uplink, c.Downlink}, [2]string{"uplink", "downlink"}
	}
	if len(ends) != 2 {
		return o, ""
	}

	at, first, err := j.topology.Link(ends[0], ends[1])
	if err != nil || at != link {
		return o, ""
	}
	return overrides[direction^first], keys[direction^first]
}
