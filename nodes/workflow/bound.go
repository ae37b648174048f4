package workflow

import (
	"errors"
	"fmt"
	"slices"
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
	return Bound{
		Serialisation: b.Serialisation + c.Serialisation,
		Propagation:   b.Propagation + c.Propagation,
		Computing:     b.Computing + c.Computing,
		SetUp:         b.SetUp + c.SetUp,
	}
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
// send at once whatever they have, and hosts and switches to take no time. So is
// a sender of several messages: that it sends the next one when the one before
// was acknowledged, as computers do in both forms, is left out.
func LowerBound(w *Workflow, run Run, place Placement, costs Costs) (Bound, error) {
	if place.Host == nil || place.Client == "" {
		return Bound{}, errors.New("bound the delay: the placement names no hosts")
	}
	if err := w.Validate(); err != nil {
		return Bound{}, fmt.Errorf("bound the delay: %w", err)
	}
	b := &bounder{
		Run: run, Costs: costs, w: w, place: place, client: place.Client, host: place.Host,
		finish: make([]Bound, w.Len()),
	}

	if run.Model == PureFaaS || run.Form == Direct {
		a, err := Augment(w)
		if err != nil {
			return Bound{}, fmt.Errorf("bound the delay: %w", err)
		}
		if run.Model == PureFaaS {
			return b.pureFaaS(a), nil
		}
		return b.direct(a), nil
	}

	order, err := w.TopologicalOrder()
	if err != nil {
		return Bound{}, fmt.Errorf("bound the delay: %w", err)
	}
	return b.carry(order), nil
}

// bounder follows one execution.
type bounder struct {
	Run
	Costs
	w      *Workflow
	place  Placement
	client string
	host   func(position int) string
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

// move brings a state from the server on one host to the one that the computer of
// another uses: a connection, Get there, Put here, Del there.
func (b *bounder) move(host, from, state string) Bound {
	size, own := b.w.StateSizes[state], b.place.stateServer(host)
	m := b.connect(host, from).plus(b.message(from, host, size)).plus(b.message(host, own, size))
	if from != host {
		m.Propagation += 2*b.Delay(host, from) + b.Delay(from, host)
	}
	if own != host {
		m.Propagation += b.Delay(own, host)
	}
	return m
}

// access reads a state from the server that a computer uses, before a function
// runs, and writes it back afterwards, over one new connection.
func (b *bounder) access(host, state string) (before, after Bound) {
	size, server := b.w.StateSizes[state], b.place.stateServer(host)
	before = b.connect(host, server).plus(b.message(server, host, size))
	after = b.message(host, server, size)
	if server != host {
		before.Propagation += b.Delay(host, server)
		after.Propagation += b.Delay(server, host)
	}
	return before, after
}

// owners returns the host of the state server that has each used state at first.
// A state that is with the client is not listed: the client's server is another
// one than that of a computer on the same host.
func (b *bounder) owners(order []int) map[string]string {
	owner := map[string]string{}
	for _, i := range order {
		for _, state := range b.w.StatesOf(i) {
			if b.place.Kept {
				owner[state] = b.place.stateServer(b.host(i))
			}
		}
	}
	return owner
}

// states is what the states of a function take with state-local, before it and
// after it; join says how the times of several states combine. owner is what
// owners returned, and is kept up to date.
func (b *bounder) states(i int, owner map[string]string, join func(a, c Bound) Bound) (before, after Bound) {
	here := b.host(i)
	own := b.place.stateServer(here)
	for _, state := range b.w.StatesOf(i) {
		var one, back Bound
		from, moved := owner[state]
		if !moved {
			from = b.client
		}
		if !moved || from != own {
			one = b.move(here, from, state)
		}

		if b.place.readsAndWrites(here) {
			var read Bound
			read, back = b.access(here, state)
			one = one.plus(read)
		}
		owner[state] = own
		before, after = join(before, one), join(after, back)
	}
	return before, after
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

		in, out := b.w.InputOf(i, b.Run), b.w.OutputOf(i, b.Argument)
		for _, state := range b.w.StatesOf(i) {
			in += b.w.StateSizes[state]
			out += b.w.StateSizes[state]
			if j := a.PreviousUser(state, i); j != Client {
				start = start.later(b.finish[j])
			}
		}

		there, back := b.message(b.client, b.host(i), in), b.message(b.host(i), b.client, out)
		b.finish[i] = start.plus(there).plus(b.compute(i)).plus(back)
		last = last.later(b.finish[i])
	}
	return last
}

// carry sends arguments, and states or references to them, along the
// precedences. With state-local a function's states are moved one after the
// other.
func (b *bounder) carry(order []int) Bound {
	var states units.Size
	if b.Model == StateProp {
		states = b.w.Carried()
	}

	owner := b.owners(order)
	for _, i := range order {
		here := b.host(i)
		start := b.message(b.client, here, b.Argument+states)
		for k, j := range b.w.PredecessorsOf(i) {
			arrival := b.finish[j].plus(b.message(b.host(j), here, b.w.SentTo(j, i, b.Argument)+states))
			if k == 0 {
				start = arrival
			}
			start = start.later(arrival)
		}

		if b.Model == StateLocal {
			before, after := b.states(i, owner, Bound.plus)
			start = start.plus(before).plus(after)
		}
		b.finish[i] = start.plus(b.compute(i))
	}

	exit := len(b.finish) - 1
	return b.finish[exit].plus(b.answer(exit, b.w.OutputOf(exit, b.Argument)+states))
}

// answer calls the client back over a new connection.
func (b *bounder) answer(i int, bytes units.Size) Bound {
	return b.connect(b.host(i), b.client).plus(b.message(b.host(i), b.client, bytes))
}

// direct sends arguments along the precedences and states, or references to
// them, along the augmented graph's edges: one message from each sender to each
// receiver. A function's states are fetched at the same time, once all its
// messages are there.
func (b *bounder) direct(a *Augmented) Bound {
	order := a.TopologicalOrder()
	arrived := make([]Bound, b.w.Len())
	hostOf := func(i int) string {
		if i == Client {
			return b.client
		}
		return b.host(i)
	}
	send := func(from int, ready Bound) {
		for _, to := range a.receivers(from) {
			if to == Client {
				continue
			}
			arrival := ready.plus(b.message(hostOf(from), b.host(to), b.weight(a, from, to)))
			if from == Client && !b.place.Kept {
				arrival = arrival.plus(b.connect(b.client, b.host(to)))
			}
			arrived[to] = arrived[to].later(arrival)
		}
	}

	send(Client, Bound{})
	owner := b.owners(order)
	var last Bound
	for _, i := range order {
		var before, after Bound
		if b.Model == StateLocal {
			before, after = b.states(i, owner, Bound.later)
		}
		b.finish[i] = arrived[i].plus(before).plus(b.compute(i)).plus(after)
		send(i, b.finish[i])
		if slices.Contains(a.receivers(i), Client) {
			last = last.later(b.finish[i].plus(b.answer(i, b.weight(a, i, Client))))
		}
	}
	return last
}

// weight is the payload of one message of the direct form, or of an answer.
func (b *bounder) weight(a *Augmented, from, to int) (bytes units.Size) {
	result := to == Client && from == b.w.Len()-1
	if result || to != Client && slices.Contains(a.successors(from), to) {
		bytes = b.w.SentTo(from, to, b.Argument)
	}
	if b.Model == StateLocal {
		return bytes // references
	}
	for _, state := range a.handed(from, to) {
		bytes += b.w.StateSizes[state]
	}
	return bytes
}
