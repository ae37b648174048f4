package workflow

import (
	"errors"
	"fmt"
	"time"

	"edgebed/nodes/units"
)

// Bound is the least time that an execution can take, by cause. It is the sum
// along the critical path: the sequence of messages and computations, each of
// which waits for the one before, that ends last.
type Bound struct {
	// Serialisation is the time that payload takes at the rates of the links.
	Serialisation time.Duration
	// Propagation is the links' delay of the messages, requests for states and
	// confirmations of their deletion included.
	Propagation time.Duration
	// Computing is the functions' service times.
	Computing time.Duration
	// SetUp is the links' delay of opening connections: two round trips each,
	// one for TCP's handshake and one until the server's HTTP/2 settings, for
	// which gRPC waits, have come.
	SetUp time.Duration
}

// Total is the sum of the parts.
func (b Bound) Total() time.Duration {
	return b.Serialisation + b.Propagation + b.Computing + b.SetUp
}

func (b Bound) plus(c Bound) Bound {
	return Bound{b.Serialisation + c.Serialisation, b.Propagation + c.Propagation, b.Computing + c.Computing, b.SetUp + c.SetUp}
}

// later returns the larger of two bounds.
func (b Bound) later(c Bound) Bound {
	if c.Total() > b.Total() {
		return c
	}
	return b
}

// Costs says how long the parts of an execution take.
type Costs struct {
	// Service is how long the function at a position computes.
	Service func(position int) time.Duration
	// Delay is the links' delay one way between two hosts.
	Delay func(from, to string) time.Duration
	// Serialise is how long a payload occupies the slowest link between two
	// hosts.
	Serialise func(from, to string, payload units.Size) time.Duration
}

// LowerBound follows one execution as Predict does, over permanent connections
// that are open, and returns the least time that it can take. Transfers that
// share a link at one moment are taken not to delay each other, protocols to
// send at once whatever they have, and hosts and switches to take no time.
func LowerBound(w *Workflow, model Model, form Form, argument units.Size, place Placement, costs Costs) (Bound, error) {
	if place.Host == nil || place.Client == "" {
		return Bound{}, errors.New("bound the delay: the placement names no hosts")
	}
	if err := w.Validate(); err != nil {
		return Bound{}, fmt.Errorf("bound the delay: %w", err)
	}
	b := &bounder{Costs: costs, w: w, argument: argument, client: place.Client, host: place.Host, finish: make([]Bound, w.Len())}
	if model == PureFaaS || form == Direct {
		a, err := Augment(w)
		if err != nil {
			return Bound{}, fmt.Errorf("bound the delay: %w", err)
		}
		if model == PureFaaS {
			return b.pureFaaS(a), nil
		}
		return b.direct(a, model), nil
	}
	order, err := w.TopologicalOrder()
	if err != nil {
		return Bound{}, fmt.Errorf("bound the delay: %w", err)
	}
	return b.carry(order, model), nil
}

// bounder follows one execution.
type bounder struct {
	Costs
	w        *Workflow
	argument units.Size
	client   string
	host     func(position int) string
	// finish is when each function is done.
	finish []Bound
}

// message carries a payload to another host.
func (b *bounder) message(from, to string, payload units.Size) Bound {
	if from == to {
		return Bound{}
	}
	return Bound{Serialisation: b.Serialise(from, to, payload), Propagation: b.Delay(from, to)}
}

// connect opens a connection between two hosts.
func (b *bounder) connect(from, to string) Bound {
	if from == to {
		return Bound{}
	}
	return Bound{SetUp: 2 * (b.Delay(from, to) + b.Delay(to, from))}
}

// fetch moves a state from a server to a reader: a connection, Get, Del.
func (b *bounder) fetch(reader, server string, state string) Bound {
	f := b.connect(reader, server).plus(b.message(server, reader, b.w.StateSizes[state]))
	if reader != server {
		f.Propagation += 2*b.Delay(reader, server) + b.Delay(server, reader)
	}
	return f
}

func (b *bounder) compute(i int) Bound { return Bound{Computing: b.Service(i)} }

// pureFaaS calls each function from the client as soon as those before it, and
// the earlier users of its states, have answered.
func (b *bounder) pureFaaS(a *Augmented) Bound {
	var last Bound
	for _, i := range a.TopologicalOrder() {
		var start Bound
		for _, j := range b.w.PredecessorsOf(i) {
			start = start.later(b.finish[j])
		}
		bytes := b.argument
		for _, state := range b.w.StatesOf(i) {
			bytes += b.w.StateSizes[state]
			if j := a.PreviousUser(state, i); j != Client {
				start = start.later(b.finish[j])
			}
		}
		b.finish[i] = start.plus(b.message(b.client, b.host(i), bytes)).plus(b.compute(i)).plus(b.message(b.host(i), b.client, bytes))
		last = last.later(b.finish[i])
	}
	return last
}

// carry sends arguments, and states or references to them, along the
// precedences. With state-local a function's states are moved one after the
// other.
func (b *bounder) carry(order []int, model Model) Bound {
	bytes := b.argument
	if model == StateProp {
		bytes += b.w.Carried()
	}
	owner := map[string]string{}
	for _, i := range order {
		here := b.host(i)
		start := b.message(b.client, here, bytes)
		for k, j := range b.w.PredecessorsOf(i) {
			arrival := b.finish[j].plus(b.message(b.host(j), here, bytes))
			if k == 0 {
				start = arrival
			}
			start = start.later(arrival)
		}
		if model == StateLocal {
			for _, state := range b.w.StatesOf(i) {
				from, ok := owner[state]
				if !ok {
					from = b.client
				}
				owner[state] = here
				start = start.plus(b.fetch(here, from, state))
			}
		}
		b.finish[i] = start.plus(b.compute(i))
	}
	exit := len(b.finish) - 1
	return b.finish[exit].plus(b.answer(exit, bytes))
}

// answer calls the client back over a new connection.
func (b *bounder) answer(i int, bytes units.Size) Bound {
	return b.connect(b.host(i), b.client).plus(b.message(b.host(i), b.client, bytes))
}

// direct sends arguments along the precedences and states, or references to
// them, along the augmented graph's edges.
func (b *bounder) direct(a *Augmented, model Model) Bound {
	size := func(state string) units.Size {
		if model == StateLocal {
			return 0 // a reference
		}
		return b.w.StateSizes[state]
	}
	from := func(j, i int, bytes units.Size) Bound {
		if j == Client {
			return b.connect(b.client, b.host(i)).plus(b.message(b.client, b.host(i), bytes))
		}
		return b.finish[j].plus(b.message(b.host(j), b.host(i), bytes))
	}
	for _, i := range a.TopologicalOrder() {
		var start, fetched Bound
		if len(b.w.PredecessorsOf(i)) == 0 {
			start = from(Client, i, b.argument)
		}
		for _, j := range b.w.PredecessorsOf(i) {
			start = start.later(from(j, i, b.argument))
		}
		for _, state := range b.w.StatesOf(i) {
			j := a.PreviousUser(state, i)
			start = start.later(from(j, i, size(state)))
			if model == StateLocal {
				server := b.client
				if j != Client {
					server = b.host(j)
				}
				fetched = fetched.later(b.fetch(b.host(i), server, state))
			}
		}
		b.finish[i] = start.plus(fetched).plus(b.compute(i))
	}
	exit := len(b.finish) - 1
	last := b.finish[exit].plus(b.answer(exit, b.argument))
	if model == StateProp {
		for _, state := range b.w.UsedStates() {
			users := a.Users[state]
			i := users[len(users)-1]
			last = last.later(b.finish[i].plus(b.answer(i, size(state))))
		}
	}
	return last
}
