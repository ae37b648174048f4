package simnet

import (
	"cmp"
	"net/netip"
	"slices"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/stack"

	"edgebed/harness/fate"
	"edgebed/harness/network"
	"edgebed/harness/topology"
)

// frame is an Ethernet frame on its way: an IP packet of whose header it has 14 B
// more.
type frame struct {
	packet *stack.PacketBuffer
	size   int
	to     netip.Addr
	// sender counts the frame until it is on a wire; nil if it is not counted.
	sender *sender
	// delayed tells that a link has delayed the frame.
	delayed bool
	// hops counts the routers that have passed the frame on: each took one from its time to live.
	hops int
}

// current returns a copy of the packet with the time to live that routers have left it.
func (f frame) current() *buffer.View {
	view := f.packet.ToView()
	if f.hops > 0 {
		ip := header.IPv4(view.AsSlice())
		ip.SetTTL(ip.TTL() - uint8(f.hops))
		ip.SetChecksum(0)
		ip.SetChecksum(^ip.CalculateChecksum())
	}
	return view
}

// port is a port of a switch, with the direction of the link that leaves there.
type port struct {
	counters network.PortCounters
	network  *Network
	// card is a host's at the other end, or else peer the port of another switch.
	card *card
	peer *port
	// at is the index of the port's switch.
	at      int
	capture *Capture

	params topology.Params
	bucket bucket
	dice   fate.Dice
	// queue waits for tokens; wire is on its way.
	queue, wire fifo
	depart      *plan
	arrive      *plan
	// lastDue is when the last frame on the wire arrives: none overtakes another.
	lastDue int64
}

// fifo is a queue of frames with the times at which they are due.
type fifo struct {
	items []dueFrame
	head  int
}

type dueFrame struct {
	frame
	due int64
}

func (q *fifo) len() int        { return len(q.items) - q.head }
func (q *fifo) first() dueFrame { return q.items[q.head] }
func (q *fifo) push(f dueFrame) { q.items = append(q.items, f) }

// insert puts a frame behind those that are due no later.
func (q *fifo) insert(f dueFrame) {
	i, _ := slices.BinarySearchFunc(q.items[q.head:], f, func(x, y dueFrame) int {
		return cmp.Or(cmp.Compare(x.due, y.due), -1)
	})
	q.items = slices.Insert(q.items, q.head+i, f)
}

func (q *fifo) pop() frame {
	f := q.items[q.head].frame
	q.items[q.head] = dueFrame{}
	q.head++
	// The front is freed once it is half of what is held.
	if q.head*2 >= len(q.items) {
		n := copy(q.items, q.items[q.head:])
		clear(q.items[n:])
		q.items, q.head = q.items[:n], 0
	}
	return f
}

// newTrunk returns a port to another switch. The k-th frame of a direction meets
// the same fate as in the emulation's delay line with the same seed.
func (n *Network) newTrunk(name string, at int, p topology.Params, seed, direction uint64) *port {
	t := &port{counters: network.PortCounters{Name: name, Trunk: true, Shaped: true}, network: n, at: at, params: p}
	if p.Rate > 0 {
		t.bucket = newBucket(p, n.schedule.now())
	}
	t.dice = fate.NewDice(seed, direction)
	t.depart = newPlan(t.run)
	t.arrive = newPlan(t.land)
	return t
}

// change gives the link's direction other parameters: frames that wait leave with
// the new ones, those on the wire arrive as they would have. It needs the lock.
func (t *port) change(p topology.Params) {
	t.params = p
	if p.Rate > 0 {
		t.bucket.change(p)
	}
}

// send takes a frame that leaves the switch by the port. It needs the lock.
func (t *port) send(now int64, f frame) {
	switch {
	case t.card != nil:
		t.sent(now, f)
		t.network.hand(now, t.card, f)
		f.sender.left(now, f.size)
	case t.params.Rate == 0:
		t.sent(now, f)
		t.launch(now, f)
	case !t.room(f.size):
		t.counters.Drops++
		f.packet.DecRef()
		f.sender.left(now, f.size)
	default:
		t.queue.push(dueFrame{frame: f})
		t.counters.Queued++
		t.counters.Backlog += int64(f.size)
		if t.queue.len() == 1 {
			t.run(now)
		} else {
			t.network.schedule.hasten(t.depart, t.depart.at+t.ahead(f))
		}
	}
}

// room reports whether the queue takes a frame more.
func (t *port) room(size int) bool {
	if limit := t.params.QueueBytes; limit > 0 {
		return t.counters.Backlog+int64(size) <= int64(limit)
	}
	return t.queue.len() < t.params.Queue
}

// run lets frames of the queue leave for which there are tokens, and plans the
// next one.
func (t *port) run(now int64) {
	for t.queue.len() > 0 {
		if due := t.bucket.due(); due > now {
			t.planDeparture(due)
			return
		}
		f := t.queue.pop()
		t.counters.Queued--
		t.counters.Backlog -= int64(f.size)
		t.bucket.take(now, f.size)
		t.sent(now, f)
		t.launch(now, f)
	}
}

// sent counts a frame that leaves.
func (t *port) sent(now int64, f frame) {
	t.counters.TxBytes += int64(f.size)
	t.counters.TxPackets++
	t.network.moved = now
	t.capture.write(now, f, outbound)
}

// received counts a frame that arrives at the port from outside.
func (t *port) received(now int64, f frame) {
	t.counters.RxBytes += int64(f.size)
	t.counters.RxPackets++
	t.network.moved = now
	t.capture.write(now, f, inbound)
}

// launch puts a frame on the wire, or loses it.
func (t *port) launch(now int64, f frame) {
	odds := t.params.Odds()
	drawn := t.dice.Throw(&odds)

	// On a link without a delay stage the kernel does not copy frames: they stay
	// their socket's.
	owner := f.sender
	if t.params.Delay > 0 || odds != (fate.Odds{}) {
		f.sender = nil
		defer owner.left(now, f.size)
	}

	if drawn.Lost {
		f.packet.DecRef()
		return
	}

	f.delayed = f.delayed || t.params.Delay > 0
	due := now + int64(t.params.Delay)
	if t.params.Jitter > 0 {
		due += int64(drawn.Spread * float64(t.params.Jitter))
	}
	if t.params.Jitter == 0 || t.params.JitterOrder != topology.Reorder {
		due = max(due, t.lastDue)
	}
	t.lastDue = max(due, t.lastDue)

	if drawn.Twice {
		again := f
		again.packet, again.sender = f.packet.Clone(), nil
		t.fly(again, due)
	}
	t.fly(f, due)
}

// fly puts a frame on the wire that is due at a time at the other end.
func (t *port) fly(f frame, due int64) {
	earliest := t.wire.len() == 0 || due < t.wire.first().due
	t.wire.insert(dueFrame{f, due})
	t.network.flying++
	if earliest {
		t.planArrival()
	} else {
		t.network.schedule.hasten(t.arrive, due+t.network.ahead(t.peer.at, f))
	}
}

// land takes the frames off the wire that are due at the other switch.
func (t *port) land(now int64) {
	for t.wire.len() > 0 {
		if due := t.wire.first().due; due > now {
			t.planArrival()
			return
		}
		f := t.wire.pop()
		t.network.flying--
		t.peer.received(now, f)
		t.network.forward(now, t.peer.at, f)
	}
}
