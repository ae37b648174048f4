package simnet

import "slices"

// How long what happens in the network stays unseen: a frame that enters a switch is
// noticed by nobody before it has crossed the delays of the links that it has still to
// pass. Waiting for tokens only adds to that.

// lookahead is how many frames of a queue or wire are looked at for the first to be
// noticed.
const lookahead = 16

// least is the shortest time that a frame takes from the port's wire to its other end.
func (t *port) least() int64 { return max(0, int64(t.params.Delay-t.params.Jitter)) }

// ahead is the shortest time that a frame takes from the port to its host.
func (t *port) ahead(f frame) int64 { return t.least() + t.network.ahead(t.peer.at, f) }

// ahead is the shortest time that a frame takes from a switch to its host, or never.
func (n *Network) ahead(at int, f frame) int64 {
	if card := n.home[f.to]; card != nil && n.distances[at][card.index] != unknown {
		return n.distances[at][card.index]
	}
	return never / 2 // it is dropped
}

// unknown is the distance where there is no way.
const unknown = -1

// measure fills in the shortest times from switches to cards.
func (n *Network) measure() {
	n.distances = make([][]int64, len(n.next))
	for at := range n.distances {
		n.distances[at] = slices.Repeat([]int64{unknown}, len(n.cards))
	}

	var path []int
	for end, card := range n.cards {
		n.distances[card.port.at][end] = 0
		for at := range n.next {
			// Along the path to where the distance is known, and back.
			path = path[:0]
			for n.distances[at][end] == unknown && n.next[at][end] != nil {
				path = append(path, at)
				at = n.next[at][end].peer.at
			}
			for _, step := range slices.Backward(path) {
				port := n.next[step][end]
				n.distances[step][end] = port.least() + n.distances[port.peer.at][end]
			}
		}
	}
}

// planDeparture plans the departure of the queue's first frame.
func (t *port) planDeparture(due int64) {
	waiting := t.queue.items[t.queue.head:]
	soonest := int64(never / 2)
	if len(waiting) > lookahead {
		soonest, waiting = t.least(), nil
	}
	for _, f := range waiting {
		soonest = min(soonest, t.ahead(f.frame))
	}
	t.network.schedule.set(t.depart, due, due+soonest)
}

// planArrival plans the arrival of the wire's first frame.
func (t *port) planArrival() {
	flying := t.wire.items[t.wire.head:]
	deadline := int64(never)
	if len(flying) > lookahead {
		deadline, flying = flying[lookahead].due, flying[:lookahead]
	}
	for _, f := range flying {
		deadline = min(deadline, f.due+t.network.ahead(t.peer.at, f.frame))
	}
	t.network.schedule.set(t.arrive, flying[0].due, deadline)
}

// replan gives all that waits the deadlines of the links' present delays. It needs the
// lock, and a network that has caught up.
func (n *Network) replan() {
	n.measure()
	for _, t := range slices.Concat(n.ports, n.inner) {
		if t.card != nil {
			continue
		}
		if t.queue.len() > 0 {
			t.planDeparture(max(t.depart.at, n.schedule.now()))
		}
		if t.wire.len() > 0 {
			t.planArrival()
		}
	}
	for _, o := range n.outbox {
		n.schedule.hasten(n.dispatch, n.seen(o))
	}
	for _, c := range n.cards {
		for _, conn := range c.flows {
			if r := &conn.receiver; r.held != nil {
				n.schedule.hasten(r.due, r.due.at+n.ahead(c.port.at, *r.held))
			}
		}
	}
}
