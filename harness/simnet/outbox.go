package simnet

import (
	"cmp"
	"slices"

	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
)

// What hosts send at one instant is sent by goroutines that run one after the other
// in an order that the runtime does not promise, and which changes from run to run.
// So it is collected, and put on its way in an order of the network's own when all
// of it is there: as the clock stands still while a goroutine can run, that is a
// nanosecond later. Only the packets of one flow stay in the order of their making.
const instant = 1 // ns

// outgoing is a packet that a host's stack has sent.
type outgoing struct {
	at   int64 // when it is put on its way
	card *card
	flow flow
	// packet has the headers apart, frame is what goes on the wire.
	packet *stack.PacketBuffer
	frame  frame
}

// collect takes a packet that a host's stack sends by a card. It needs the lock.
func (n *Network) collect(c *card, p *stack.PacketBuffer, f frame) {
	segment := header.TCP(p.TransportHeader().Slice())
	key := flow{f.to, segment.SourcePort(), segment.DestinationPort()}
	o := outgoing{n.schedule.now() + instant, c, key, p.IncRef(), f}
	n.active = o.at
	n.outbox = append(n.outbox, o)
	if len(n.outbox) == 1 {
		n.schedule.set(n.dispatch, o.at, n.seen(o))
	} else {
		n.schedule.hasten(n.dispatch, n.seen(o))
	}
}

// seen is when a packet that is put on its way can be noticed first.
func (n *Network) seen(o outgoing) int64 { return o.at + n.ahead(o.card.port.at, o.frame) }

// transmit puts what was collected at one instant on its way.
func (n *Network) transmit(now int64) {
	end := 0
	for end < len(n.outbox) && n.outbox[end].at <= now {
		end++
	}
	list := slices.Clone(n.outbox[:end])
	n.outbox = slices.Delete(n.outbox, 0, end)

	if len(n.outbox) > 0 {
		deadline := int64(never)
		for _, o := range n.outbox {
			deadline = min(deadline, n.seen(o))
		}
		n.schedule.set(n.dispatch, n.outbox[0].at, deadline)
	}

	slices.SortStableFunc(list, func(a, b outgoing) int {
		return cmp.Or(cmp.Compare(a.card.index, b.card.index), a.flow.compare(b.flow))
	})
	for _, o := range list {
		o.card.transmit(now, o.flow, o.packet, o.frame)
		o.packet.DecRef()
	}
}
