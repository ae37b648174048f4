package job

import (
	"cmp"
	"maps"
	"slices"

	"edgebed/harness/scenario"
	"edgebed/harness/topology"
	"edgebed/nodes/yamlfile"
)

// changeNetwork makes what the scenario changes in the topology. Parameters of links depend on
// MTUs, which come first; what all of it makes is checked once, and what hosts send by
// checkMTUs.
func (j *Job) changeNetwork(t *topology.Topology) error {
	spec := &j.Cell.Topology
	t.MTU, t.Mode, t.IPv6 = cmp.Or(spec.MTU, t.MTU), cmp.Or(spec.Mode, t.Mode), cmp.Or(spec.IPv6, t.IPv6)

	mtus := make([]error, len(spec.Changes))
	for k := range spec.Changes {
		mtus[k] = changeMTU(t, &spec.Changes[k])
	}

	errs := append(slices.Clip(mtus), j.changeClasses(t))
	for k := range spec.Changes {
		if mtus[k] == nil { // else the same name may be wrong
			errs = append(errs, changeLink(t, &spec.Changes[k]))
		}
	}

	if err := yamlfile.Join(errs...); err != nil {
		return err
	}

	at := spec.Pos
	switch {
	case spec.MTU != 0:
		at = at.At("mtu")
	case spec.Mode != "":
		at = at.At("mode")
	case len(spec.Changes) > 0:
		at = at.At("changes")
	default:
		return nil
	}
	if err := t.Validate(); err != nil {
		return at.Errorf("%w", err)
	}
	return nil
}

// changeClasses gives the topology's link classes what the scenario says of them.
func (j *Job) changeClasses(t *topology.Topology) error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(j.Cell.Topology.Classes)) {
		at := j.Cell.Topology.Pos.At("classes", name)
		if err := t.SetClass(name, j.Cell.Topology.Classes[name]); err != nil {
			errs = append(errs, at.Errorf("%w", err))
		} else if used := usedClasses(t); !slices.Contains(used, name) {
			errs = append(errs, at.Errorf("no link of topology %s is of class %s, so that this changes nothing; "+
				"name another one, or remove it%s", t.Name, name, yamlfile.Suggest(name, used)))
		}
	}
	return yamlfile.Join(errs...)
}

// checkMTUs checks that what hosts send fits through the links, as the scenario changed
// them, and is large enough for IPv6.
func (j *Job) checkMTUs() error {
	var errs []error
	if err := j.topology.CheckIPv6(); err != nil {
		errs = append(errs, j.placeOfHosts().Errorf("%w", err))
	}
	narrow := j.topology.CheckMTUs()
	if len(narrow) == 0 {
		return yamlfile.Join(errs...)
	}
	places := j.places()
	for _, n := range narrow {
		errs = append(errs, places.ofMTU(n.Link).Errorf("link %s: %w", places.Name(n.Link, 0), n))
	}
	return yamlfile.Join(errs...)
}

// changeMTU changes that of a link or a host.
func changeMTU(t *topology.Topology, c *scenario.LinkChange) error {
	if c.MTU == 0 {
		return nil
	}

	var err error
	if c.Host != "" {
		err = t.SetHostMTU(c.Host, c.MTU)
	} else {
		err = t.SetLinkMTU(c.Link[0], c.Link[1], c.MTU)
	}
	if err != nil {
		return c.Pos.At("mtu").Errorf("%w", err)
	}
	return nil
}

// changeLink changes the parameters of one link of the topology.
func changeLink(t *topology.Topology, c *scenario.LinkChange) error {
	if c.Host != "" {
		if c.Uplink == (topology.Override{}) && c.Downlink == (topology.Override{}) {
			return nil // it stays without parameters
		}
		if err := t.SetAccess(c.Host, c.Uplink, c.Downlink); err != nil {
			return c.Pos.At("host").Errorf("%w", err)
		}
		return nil
	}

	for dir, o := range []topology.Override{c.Forward, c.Reverse} {
		if o == (topology.Override{}) {
			continue
		}
		if err := t.SetLink(c.Link[dir], c.Link[1-dir], o); err != nil {
			return c.Pos.At("link").Errorf("%w", err)
		}
	}
	return nil
}
