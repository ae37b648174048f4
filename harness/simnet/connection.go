package simnet

import (
	"cmp"
	"net/netip"

	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/stack"

	"edgebed/harness/topology"
)

// flow is one direction of a connection of a host.
type flow struct {
	to       netip.Addr
	from, at uint16 // ports
}

// compare orders flows.
func (f flow) compare(g flow) int {
	return cmp.Or(f.to.Compare(g.to), cmp.Compare(f.from, g.from), cmp.Compare(f.at, g.at))
}

// connection is what a host's card knows of a flow.
type connection struct {
	receiver receiver
	sender   sender
}

// connection returns the flow's, which begins with its SYN. What is sent after the flow's
// end, such as the ACK of the other side's FIN, is not remembered: nothing would forget it.
func (h *Host) connection(key flow, flags header.TCPFlags) *connection {
	c := h.flows[key]
	if syn := flags&header.TCPFlagSyn != 0; c == nil || syn {
		if c != nil {
			c.receiver.forget() // of an earlier connection, or of a SYN that was lost
		}
		segment := h.segment
		if peer := h.network.home[key.to]; peer != nil {
			segment = min(segment, peer.segment)
		}
		c = &connection{receiver: receiver{host: h, segment: segment, quick: firstACKs}, sender: sender{host: h}}
		c.receiver.due = newPlan(c.receiver.release)
		if syn {
			h.flows[key] = c
		}
	}
	return c
}

// transmit sends a packet as Linux would: not yet, if it is an ACK that can wait or
// data for which the queue has no room. It needs the lock.
func (h *Host) transmit(now int64, key flow, p *stack.PacketBuffer, f frame) {
	flags := header.TCP(p.TransportHeader().Slice()).Flags()
	c := h.connection(key, flags)
	if flags&(header.TCPFlagFin|header.TCPFlagRst) != 0 {
		defer delete(h.flows, key)
	}

	switch {
	case c.receiver.holdBack(now, p, f):
	case ordered(p, flags):
		c.sender.submit(now, f)
	default:
		h.send(now, f)
	}
}

// smallQueueAt is how much of a connection may wait at a host of the switch: more
// where its links are faster.
func smallQueueAt(t *topology.Topology, at string) int {
	least := smallQueue * t.Frame()
	size := least
	for _, l := range t.Links {
		for dir, p := range t.Directions(l) {
			if l.Between[dir] == at {
				size = max(size, least+p.Rate.Per(smallQueueTime))
			}
		}
	}
	return int(size)
}
