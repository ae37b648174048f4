package job

import (
	"slices"
	"strings"
	"sync"

	"edgebed/harness/emu"
	"edgebed/harness/topology"
	"edgebed/nodes/yamlfile"
)

// idleKey is a parameter of links that does nothing without another one.
type idleKey struct{ key, without, because string }

var idle = []idleKey{
	{"jitter-order", "jitter", "it is about what jitter does"},
	{"loss-burst", "loss", "it says how frames are lost"},
	{"queue", "rate", "the queue is in front of a rate"},
	{"queue-bytes", "rate", "the queue is in front of a rate"},
	{"discipline", "rate", "the queue is in front of a rate"},
	{"burst", "rate", "it is what a link with a rate passes at once"},
	{"ceil-burst", "rate", "it is what a link with a rate passes at once"},
}

// checkEffects checks that each parameter of links does something: that what it needs is
// said, whatever its value, in the topology, by the scenario or in an event.
func (j *Job) checkEffects() error {
	var events topology.Override // all that they set
	for i := range j.Cell.Events {
		events = events.Merge(j.Cell.Events[i].Set)
	}

	said := map[yamlfile.Pos]bool{}
	var errs []error
	fail := func(at yamlfile.Pos, format string, args ...any) {
		if !said[at] { // links of a class have one place
			errs = append(errs, at.Errorf(format, args...))
			said[at] = true
		}
	}
	places := sync.OnceValue(j.places) // for what is wrong
	delayed := false
	for i, l := range j.topology.AllLinks() {
		for dir := range 2 {
			own := j.topology.Given(l, dir)
			all := own.Merge(events)
			delayed = delayed || slices.ContainsFunc(onTheWay, all.Has)
			for _, k := range idle {
				if own.Has(k.key) && !all.Has(k.without) {
					fail(places().of(i, dir, k.key), "%s, and link %s has no %s; give it one, or remove %s",
						k.because, places().Name(i, dir), k.without, k.key)
				}
			}

			if own.Queue == nil || own.QueueBytes == nil || *own.QueueBytes == 0 {
				continue
			}
			packets, bytes := places().of(i, dir, "queue"), places().of(i, dir, "queue-bytes")
			if together(packets, bytes) {
				fail(packets, "queue-bytes limits the queue in its place; remove one of them")
			}
		}
	}
	if spec := &j.Cell.Topology; spec.Delay != emu.Auto && !delayed {
		fail(spec.Pos.At("delay"), "no link has one of %s; give one to a link, or remove this",
			strings.Join(onTheWay, ", "))
	}
	return yamlfile.Join(append(errs, j.eventEffects(events))...)
}

// onTheWay are the parameters that a delay back end makes.
var onTheWay = []string{"delay", "jitter", "loss", "gilbert-elliott", "duplicate", "corrupt"}

// together reports whether the parameters queue and queue-bytes stand side by side.
func together(queue, bytes yamlfile.Pos) bool {
	mapping, ok := strings.CutSuffix(queue.Path, "queue")
	return ok && queue.File == bytes.File && bytes.Path == mapping+"queue-bytes"
}

// eventEffects checks what events set likewise.
func (j *Job) eventEffects(events topology.Override) error {
	links := j.topology.AllLinks()
	var errs []error
	for i := range j.Cell.Events {
		e := &j.Cell.Events[i]
		if !slices.ContainsFunc(idle, func(k idleKey) bool { return e.Set.Has(k.key) }) {
			continue
		}
		for _, d := range j.Directions(e) {
			link, dir, err := j.topology.Link(d.From, d.To)
			if err != nil {
				continue // checkEvents says so
			}
			all := j.topology.Given(links[link], dir).Merge(events)
			for _, k := range idle {
				if e.Set.Has(k.key) && !all.Has(k.without) {
					errs = append(errs, e.Pos.At("set", k.key).Errorf(
						"%s, and the link has no %s; give it one, or remove %s", k.because, k.without, k.key))
				}
			}
		}
	}
	return yamlfile.Join(errs...)
}
