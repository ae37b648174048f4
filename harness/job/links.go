package job

import (
	"cmp"

	"edgebed/harness/scenario"
	"edgebed/harness/topology"
	"edgebed/nodes/yamlfile"
)

// changeLinks makes what the scenario changes in the topology beside its classes.
func (j *Job) changeLinks(t *topology.Topology) error {
	spec := &j.Cell.Topology
	var errs []error
	if spec.MTU != 0 {
		t.MTU = spec.MTU
		if err := t.Validate(); err != nil {
			errs = append(errs, spec.Pos.At("mtu").Errorf("%w", err))
		}
	}
	if spec.Mode != "" || spec.IPv6 != nil {
		t.Mode, t.IPv6 = cmp.Or(spec.Mode, t.Mode), cmp.Or(spec.IPv6, t.IPv6)
		if err := t.Validate(); err != nil {
			errs = append(errs, spec.Pos.Errorf("%w", err))
		}
	}
	for k := range spec.Changes {
		errs = append(errs, changeLink(t, &spec.Changes[k]))
	}
	return yamlfile.Join(errs...)
}

// changeLink changes one link of the topology.
func changeLink(t *topology.Topology, c *scenario.LinkChange) error {
	if c.Host != "" {
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
