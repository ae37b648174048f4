package emu

import (
	"errors"
	"fmt"

	"edgebed/harness/topology"
)

// SetClass changes parameters of a link class while the network runs, in place:
// frames that wait in a queue or on the wire stay. Overrides of single links
// stay on top.
func (n *Network) SetClass(name string, o topology.Override) error {
	return n.apply(func(t *topology.Topology) error { return t.SetClass(name, topology.Class{Override: o}) })
}

// SetLink changes parameters of one direction of one link while the network
// runs, in place: between two switches, or of a host's access link. Later calls of
// SetClass keep them.
func (n *Network) SetLink(from, to string, o topology.Override) error {
	return n.apply(func(t *topology.Topology) error { return t.SetLink(from, to, o) })
}

// apply makes a change of the topology, and all that follows for links.
func (n *Network) apply(do func(*topology.Topology) error) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	changed := n.topology.Clone()
	if err := do(changed); err != nil {
		return err
	}

	for i, spec := range changed.AllLinks() {
		l, to := n.links[i], changed.Directions(spec)
		if to == l.params {
			continue
		}
		if err := n.change(l, to); err != nil {
			return err
		}
	}

	n.topology = changed
	return nil
}

// change gives a link new parameters in place.
func (n *Network) change(l *link, to [2]topology.Params) error {
	fail := func(dir int, err error) error {
		return fmt.Errorf("change link %s: %w", l.direction(dir), err)
	}

	redelay := false
	for dir := range 2 {
		if err := to[dir].Validate(); err != nil {
			return fail(dir, err)
		}
		if err := n.can(l, dir, to[dir]); err != nil {
			return fail(dir, err)
		}
		redelay = redelay || lineParams(to[dir]) != lineParams(l.params[dir])
	}

	if redelay && l.medium[0] == 0 {
		return fail(0,
			errors.New("it was built without delay, jitter and loss; build the network with the LiveDelay option"))
	}

	for dir := range 2 {
		if err := n.fabricC.reshape(l.port[dir].index, l.params[dir], to[dir]); err != nil {
			return fail(dir, err)
		}
		if n.backend == Netem && l.medium[0] != 0 && to[dir] != l.params[dir] {
			if ordered(l.params[dir]) && !ordered(to[dir]) {
				return fail(dir, errors.New("netem cannot give up the order of frames in place; "+
					"build the network with jitter-order reorder, or with the delay line"))
			}
			if err := n.mediumC.setNetem(l.medium[1-dir], to[dir], n.netemSeed(l.medium[1-dir]), 0); err != nil {
				return fail(dir, fmt.Errorf("change netem: %w", err))
			}
		}
	}

	if redelay && l.line >= 0 {
		if err := n.relay.Set(l.line, lineParams(to[0]), lineParams(to[1])); err != nil {
			return fail(0, err)
		}
	}

	l.params = to
	return nil
}
