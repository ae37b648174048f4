package testbed

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"edgebed/harness/record"
	"edgebed/harness/scenario"
	"edgebed/harness/topology"
)

// restartTries and restartEvery bound how long a computer that starts again waits for its
// ports, which its old connections may still have.
const (
	restartTries = 200
	restartEvery = 50 * time.Millisecond
)

// script carries out a cell's events, one after the other.
type script struct {
	*crowd
	next   []step // what is to come of each event that is not over
	events []record.Event
}

// step is what comes next of an event.
type step struct {
	index int
	at    time.Time
	over  bool // it ends
	// random draws when it comes again.
	random *rand.Rand
}

// eventStream tells the random numbers of events from others with the same seed.
const eventStream = 0x6576656e // "even"

func newScript(c *crowd) *script {
	s := &script{crowd: c}
	for i, e := range c.job.Cell.Events {
		at := c.began.Add(e.At)
		random := rand.New(rand.NewPCG(c.job.Cell.Seed, eventStream<<32+uint64(i)))
		if e.Random {
			at = at.Add(drawn(random, e.Every))
		}
		s.next = append(s.next, step{index: i, at: at, random: random})
	}
	return s
}

// drawn is an exponential time with a mean.
func drawn(random *rand.Rand, mean time.Duration) time.Duration {
	return time.Duration(random.ExpFloat64() * float64(mean))
}

// run lets events happen until the context ends.
func (s *script) run(ctx context.Context) {
	for len(s.next) > 0 {
		first := 0
		for i, n := range s.next {
			if n.at.Before(s.next[first].at) {
				first = i
			}
		}
		now := &s.next[first]
		if s.until(ctx, now.at) != nil {
			return
		}

		e := &s.job.Cell.Events[now.index]
		what, err := s.happen(ctx, e, now.over)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			s.stop(e.Pos.Errorf("%w", err))
			return
		}
		s.events = append(s.events, record.Event{At: time.Now(), Index: now.index, What: what, Over: now.over})
		if !s.again(now, e) {
			s.next = slices.Delete(s.next, first, first+1)
		}
	}
}

// again sets what comes next of an event, and reports whether there is more.
func (s *script) again(n *step, e *scenario.Event) bool {
	switch {
	case !n.over && e.For > 0:
		n.over, n.at = true, n.at.Add(e.For)
	case n.over && e.Random:
		n.over, n.at = false, n.at.Add(drawn(n.random, e.Every))
	case n.over && e.Every > 0:
		n.over, n.at = false, n.at.Add(e.Every-e.For)
	default:
		return false
	}
	return true
}

// happen makes an event begin or end, and says what became of what.
func (s *script) happen(ctx context.Context, e *scenario.Event, over bool) (what string, err error) {
	switch {
	case e.Links():
		return s.changeLinks(e, over)
	case e.Stop && over:
		return "computer of " + e.Computer + " runs again", s.restart(ctx, e.Computer)
	case e.Stop:
		return "computer of " + e.Computer + " is stopped", s.deployment.StopComputer(e.Computer)
	}

	factor := e.Speed
	if over {
		factor = 1
	}
	what = fmt.Sprintf("computer of %s runs at %v of its speed", e.Computer, factor)
	if !s.deployment.Running(e.Computer) {
		return what + ", but is stopped", nil // by another event; it starts at its own speed
	}
	return what, s.deployment.SetSpeed(e.Computer, factor)
}

// mend puts back what the topology says of the links that events have changed, so that
// nodes can take leave of each other.
func (s *script) mend() error {
	var changes []topology.Change
	for i := range s.job.Cell.Events {
		e := &s.job.Cell.Events[i]
		if !e.Links() {
			continue
		}
		before, err := s.changes(e, true)
		if err != nil {
			return e.Pos.Errorf("%w", err)
		}
		changes = append(changes, before...)
	}
	return s.network.SetLinks(changes...)
}

// changes are those of the directions of links that an event is about, or what puts back what
// the topology says.
func (s *script) changes(e *scenario.Event, over bool) (list []topology.Change, err error) {
	for _, d := range s.job.Directions(e) {
		change := s.job.Change(e)
		if over {
			p, err := s.job.Topology().Params(d.From, d.To)
			if err != nil {
				return nil, err
			}
			change = p.Override()
		}
		list = append(list, topology.Change{From: d.From, To: d.To, Override: change})
	}
	return list, nil
}

// changeLinks changes the directions of links that an event is about, or puts back what
// the topology says: all of them, or none.
func (s *script) changeLinks(e *scenario.Event, over bool) (what string, err error) {
	changes, err := s.changes(e, over)
	if err != nil {
		return "", err
	}
	if err := s.network.SetLinks(changes...); err != nil {
		return "", err
	}

	what = "links of class " + e.Class
	verb := "are"
	if e.Link != nil {
		what, verb = "link "+strings.Join(e.Link, "-"), "is"
	}
	if e.Direction != nil {
		what, verb = "link "+strings.Join(e.Direction, " to "), "is"
	}
	switch {
	case over:
		return fmt.Sprintf("%s %s as before", what, verb), nil
	case e.Down:
		return fmt.Sprintf("%s %s down", what, verb), nil
	}

	// Directions that differed before may differ still.
	var become []string
	for _, d := range changes {
		now, err := s.job.Topology().Params(d.From, d.To)
		if err != nil {
			return "", err
		}
		if text := e.Set.Apply(now).String(); !slices.Contains(become, text) {
			become = append(become, text)
		}
	}
	return fmt.Sprintf("%s: %s", what, strings.Join(become, " / ")), nil
}

// restart starts a computer that was stopped.
func (s *script) restart(ctx context.Context, host string) error {
	var err error
	for range restartTries {
		if err = s.deployment.StartComputer(ctx, host); err == nil || ctx.Err() != nil {
			return err
		}
		if err := sleep(ctx, restartEvery); err != nil {
			return err
		}
	}
	return err
}
