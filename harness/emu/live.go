package emu

import (
	"errors"
	"fmt"
	"slices"

	"edgebed/harness/topology"
)

// SetClass changes parameters of a link class while the network runs, in place:
// frames that wait in a queue or on the wire stay. Overrides of single links
// stay on top. Either all links of the class change or none.
func (n *Network) SetClass(name string, o topology.Override) error {
	return n.apply(func(t *topology.Topology) error { return t.SetClass(name, topology.Class{Override: o}) })
}

// SetLinks changes parameters of directions of links while the network runs, in place:
// between two switches, or of a host's access link. Either all change or none. Later calls
// of SetClass keep them.
func (n *Network) SetLinks(changes ...topology.Change) error {
	return n.apply(func(t *topology.Topology) error { return t.SetLinks(changes...) })
}

// apply makes a change of the topology, and all that follows for links. Where one of them
// cannot follow, those that did are put back.
func (n *Network) apply(do func(*topology.Topology) error) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	changed := n.topology.Clone()
	if err := do(changed); err != nil {
		return err
	}

	to := make(map[*link][2]topology.Params)
	var edits []edit
	for i, spec := range changed.AllLinks() {
		l, params := n.links[i], changed.Directions(spec)
		if params == l.params {
			continue
		}
		if err := n.changeable(l, params); err != nil {
			return err
		}
		to[l] = params
		edits = append(edits, n.edits(l, params)...)
	}

	if err := makeAll(edits); err != nil {
		return err
	}

	for l, params := range to {
		l.params = params
	}
	n.topology = changed
	return nil
}

// changeable returns an error where a link cannot get parameters in place.
func (n *Network) changeable(l *link, to [2]topology.Params) error {
	for dir, p := range to {
		err := errors.Join(p.Validate(), p.CanBe(n.kind()), l.params[dir].CanBecome(p))
		if err == nil && n.backend == Netem {
			_, err = netemOptions(p, 0)
		}
		if err == nil && l.medium[0] == 0 && !sameStage(l.params[dir], p) {
			err = errors.New("it was built without delay, jitter and loss; " +
				"build the network with the LiveDelay option")
		}
		if err != nil {
			return fmt.Errorf("change link %s: %w", l.direction(dir), err)
		}
	}
	return nil
}

// edit is one request to the kernel or the relay, which takes a link from parameters to
// others. The other way around it is taken back.
type edit struct {
	direction string // of the link
	from, to  [2]topology.Params
	set       func(from, to [2]topology.Params) error
}

func (e edit) do() error   { return e.set(e.from, e.to) }
func (e edit) undo() error { return e.set(e.to, e.from) }

// edits are what gives a link other parameters.
func (n *Network) edits(l *link, to [2]topology.Params) (list []edit) {
	from := l.params
	add := func(dir int, set func(from, to [2]topology.Params) error) {
		list = append(list, edit{l.direction(dir), from, to, set})
	}

	for dir := range to {
		add(dir, func(from, to [2]topology.Params) error {
			return n.fabricC.reshape(l.port[dir].index, from[dir], to[dir])
		})
		if n.backend == Netem && l.medium[0] != 0 && !sameNetem(from[dir], to[dir]) {
			add(dir, func(_, to [2]topology.Params) error { return n.changeNetem(l, dir, to[dir]) })
		}
	}
	if l.line >= 0 && !(sameStage(from[0], to[0]) && sameStage(from[1], to[1])) {
		add(0, func(_, to [2]topology.Params) error {
			return n.relay.Set(l.line, lineParams(to[0]), lineParams(to[1]))
		})
	}
	return list
}

// makeAll makes edits, or where one fails none: its error says what stands.
func makeAll(edits []edit) error {
	for i, e := range edits {
		if err := e.do(); err != nil {
			return errors.Join(fmt.Errorf("change link %s: %w", e.direction, err), undo(edits[:i+1]))
		}
	}
	return nil
}

// PartialError is among the errors of a change that failed and could not be taken back:
// the links that it names may have a part of the change, whatever the topology says.
type PartialError struct{ Err error }

// Error says which links.
func (e *PartialError) Error() string { return e.Err.Error() }

// Unwrap returns why.
func (e *PartialError) Unwrap() error { return e.Err }

// undo takes edits back, the last one first. Its error says what stands.
func undo(edits []edit) error {
	var errs []error
	for _, e := range slices.Backward(edits) {
		if err := e.undo(); err != nil {
			errs = append(errs, fmt.Errorf("link %s may have a part of the change, "+
				"since it cannot be put back either: %w", e.direction, err))
		}
	}
	if errs == nil {
		return errors.New("all links are as they were")
	}
	return &PartialError{errors.Join(errs...)}
}

// sameStage says whether two parameters ask for the same stage behind the shaper.
func sameStage(a, b topology.Params) bool {
	return lineParams(a) == lineParams(b) && a.Corrupt == b.Corrupt
}
