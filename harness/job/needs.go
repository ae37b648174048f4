package job

import (
	"maps"
	"slices"
	"sync"

	"edgebed/harness/emu"
	"edgebed/harness/network"
	"edgebed/harness/record"
	"edgebed/nodes/yamlfile"
)

// need is something that a job asks of its network and not every kind can do: where, and
// what has it. Both are for who lacks it.
type need struct {
	network.Ability
	place func() (at yamlfile.Pos, what string)
}

// atHand is the place of a need that is at hand.
func atHand(at yamlfile.Pos, what string) func() (yamlfile.Pos, string) {
	return func() (yamlfile.Pos, string) { return at, what }
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
	if len(kind.Lacks()) == 0 {
		return nil
	}

	said := map[yamlfile.Pos]bool{}
	var errs []error
	for _, need := range j.needs() {
		err := kind.Can(need.Ability)
		if err == nil {
			continue
		}
		at, what := need.place()
		if !said[at] { // links of a class have one place
			errs = append(errs, at.Errorf("%s: %w", what, err))
			said[at] = true
		}
	}
	return yamlfile.Join(errs...)
}

// needs lists what the job asks for beyond what all networks do.
func (j *Job) needs() []need {
	var list []need
	spec := &j.Cell.Topology
	places := sync.OnceValue(j.places)
	for _, n := range j.topology.Needs() {
		list = append(list, need{n.Ability, func() (yamlfile.Pos, string) {
			if n.What != "" {
				return j.placeOfNeed(n), n.What
			}
			return places().of(n.Link, n.Direction, n.Key), "link " + places().Name(n.Link, n.Direction)
		}})
	}
	if c := spec.CongestionControl; c != "" && !slices.Contains(network.CongestionControls, c) {
		list = append(list, need{network.AnyCongestionControl, atHand(spec.Pos.At("congestion-control"), c)})
	}
	for _, name := range slices.Sorted(maps.Keys(spec.Sysctls)) {
		list = append(list, need{network.Sysctls, atHand(spec.Pos.At("sysctls", name), "set sysctl "+name)})
	}

	for i := range j.Cell.Events {
		e := &j.Cell.Events[i]
		if !e.Set.MayNeed() {
			continue
		}
		for _, d := range j.Directions(e) {
			p, err := j.topology.Params(d.From, d.To)
			if err != nil {
				continue // checkEvents says so
			}
			for _, n := range j.Change(e).Apply(p).Needs() {
				if e.Set.Has(n.Key) {
					list = append(list, need{n.Ability, atHand(e.Pos.At("set", n.Key), "link "+d.From+"-"+d.To)})
				}
			}
		}
	}

	for i := range j.Cell.Programs {
		p := &j.Cell.Programs[i]
		list = append(list, need{network.Programs, atHand(p.Pos, p.String())})
	}
	for i := range j.Cell.Nodes.Limits {
		list = append(list, need{network.HostLimits, atHand(j.Cell.Nodes.Limits[i].Pos, "limit hosts")})
	}
	return list
}
