package job

import (
	"fmt"
	"slices"

	"edgebed/harness/scenario"
	"edgebed/harness/topology"
	"edgebed/nodes/yamlfile"
)

// lossAll is what a link that is down does.
var lossAll = topology.Loss(1)

// Direction is one direction of a link.
type Direction struct{ From, To string }

// Directions returns the directions of links that an event changes. Of parallel links the
// second one is between s0 and s1#2, or s0#2 and s1.
func (j *Job) Directions(e *scenario.Event) []Direction {
	find := func(ends []string) (link, direction int) {
		if len(ends) != 2 {
			return -1, 0
		}
		link, direction, err := j.topology.Link(ends[0], ends[1])
		if err != nil {
			return -1, 0
		}
		return link, direction
	}
	named, _ := find(e.Link)
	directed, direction := find(e.Direction)

	var list []Direction
	suffixes := j.topology.Suffixes()
	for i, l := range j.topology.AllLinks() {
		a, b := l.Between[0], l.Between[1]
		ways := [2]Direction{{a, b + suffixes[i]}, {b, a + suffixes[i]}}
		switch {
		case i == named || e.Class != "" && l.Class == e.Class:
			list = append(list, ways[0], ways[1])
		case i == directed:
			list = append(list, ways[direction])
		}
	}
	return list
}

// Change returns what an event does to its links.
func (j *Job) Change(e *scenario.Event) topology.Override {
	if e.Down {
		return topology.Override{Loss: &lossAll}
	}
	return e.Set
}

// checkEvents checks that what events are about is there, and can become what they say.
func (j *Job) checkEvents() error {
	var errs []error
	for i := range j.Cell.Events {
		e := &j.Cell.Events[i]
		if !e.Links() {
			errs = append(errs, j.checkComputer(e))
			continue
		}

		directions := j.Directions(e)
		if len(directions) == 0 {
			errs = append(errs, j.checkLink(e))
		}
		for _, d := range directions {
			if err := j.checkChange(d, j.Change(e)); err != nil {
				errs = append(errs, e.Pos.At("set").Errorf("%w", err))
				break
			}
		}
	}
	return yamlfile.Join(errs...)
}

// checkEventNames checks that the links and computers that events name are there; events
// of a Broken plan may name anything, or nothing.
func (j *Job) checkEventNames() error {
	var errs []error
	for i := range j.Cell.Events {
		e := &j.Cell.Events[i]
		switch {
		case e.Links() && len(j.Directions(e)) == 0:
			errs = append(errs, j.checkLink(e))
		case !e.Links():
			errs = append(errs, j.checkComputer(e))
		}
	}
	return yamlfile.Join(errs...)
}

// checkLink returns what is wrong with the name of an event's link, which is not there.
func (j *Job) checkLink(e *scenario.Event) error {
	if e.Class != "" {
		return e.Pos.At("link-class").Errorf("no link of topology %s is of class %s%s",
			j.topology.Name, e.Class, yamlfile.Suggest(e.Class, usedClasses(j.topology)))
	}
	key, ends := "link", e.Link
	if e.Direction != nil {
		key, ends = "direction", e.Direction
	}
	if len(ends) != 2 {
		return nil // the scenario's check says so
	}
	if _, err := j.topology.Params(ends[0], ends[1]); err != nil {
		return e.Pos.At(key).Errorf("%w", err)
	}
	return nil
}

// checkChange checks that a direction can get other parameters while the network runs.
func (j *Job) checkChange(d Direction, o topology.Override) error {
	before, err := j.topology.Params(d.From, d.To)
	if err != nil {
		return err
	}
	changed := j.topology.Clone()
	if err := changed.SetLink(d.From, d.To, o); err != nil {
		return err
	}
	after, err := changed.Params(d.From, d.To)
	if err == nil {
		err = before.CanBecome(after)
	}
	if err != nil {
		return fmt.Errorf("change link %s-%s: %w", d.From, d.To, err)
	}
	return nil
}

// checkComputer checks that there is a computer for an event.
func (j *Job) checkComputer(e *scenario.Event) error {
	var hosts []string
	for _, g := range j.Cell.Nodes.Computers {
		hosts = append(hosts, g.Hosts...)
	}
	if slices.Contains(hosts, e.Computer) {
		return nil
	}
	return e.Pos.At("computer").Errorf("there is no computer on host %s%s", e.Computer,
		yamlfile.Suggest(e.Computer, hosts))
}
