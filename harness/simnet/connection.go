package simnet

import (
	"cmp"
	"net/netip"

	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/stack"

	"edgebed/harness/topology"
)

// flow is one direction of a connection that goes by a card.
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
func (c *card) connection(key flow, flags header.TCPFlags) *connection {
	known := c.flows[key]
	if syn := flags&header.TCPFlagSyn != 0; known == nil || syn {
		if known != nil {
			known.receiver.forget() // of an earlier connection, or of a SYN that was lost
		}
		segment := c.segment
		if peer := c.host.network.home[key.to]; peer != nil {
			segment = min(segment, peer.segment)
		}
		known = &connection{receiver: receiver{card: c, segment: segment, quick: firstACKs}, sender: sender{card: c}}
		known.receiver.due = newPlan(known.receiver.release)
		if syn {
			c.flows[key] = known
		}
	}
	return known
}

// transmit sends a packet as Linux would: not yet, if it is an ACK that can wait or
// data for which the queue has no room. It needs the lock.
func (c *card) transmit(now int64, key flow, p *stack.PacketBuffer, f frame) {
	flags := header.TCP(p.TransportHeader().Slice()).Flags()
	conn := c.connection(key, flags)
	if flags&(header.TCPFlagFin|header.TCPFlagRst) != 0 {
		defer delete(c.flows, key)
	}

	switch {
	case conn.receiver.holdBack(now, p, f):
	case ordered(p, flags):
		conn.sender.submit(now, f)
	default:
		c.send(now, f)
	}
}

// smallQueues are how much of a connection may wait at a host of each switch, in bytes: more
// where its links are faster.
func smallQueues(t *topology.Topology) map[string]int {
	least := smallQueue * t.Frame()
	sizes := make(map[string]int, len(t.Switches))
	for _, s := range t.Switches {
		sizes[s] = int(least)
	}
	for _, l := range t.Links {
		for dir, p := range t.Directions(l) {
			at := l.Between[dir]
			sizes[at] = max(sizes[at], int(least+p.Rate.Per(smallQueueTime)))
		}
	}
	return sizes
}
