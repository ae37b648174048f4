package simnet

import (
	"time"

	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
)

// gVisor acknowledges every segment at once. Linux's receivers (net/ipv4/tcp_input.c
// and tcp.c) do so for the first segments, and again after a pause, but
// only until they answer with data of their own ("pingpong"). From then on a receiver
// acknowledges more than one full segment, or two short ones, lets data carry what it
// can, and waits at most delayedACK; if it waited that long, it is in pingpong no
// more. A host's card holds ACKs back to the same effect.
const (
	delayedACK = 40 * time.Millisecond
	// firstACKs is quickACKs for a new connection.
	firstACKs = 22
	quickACKs = 16
	// Of full segments in a row one in pushed is acknowledged at once outside pingpong:
	// Linux hands its card about as many at a time and marks the last with PSH, which
	// is acknowledged as soon as it is read.
	pushed = 3
	// pauseACK is the pause after which the kernel acknowledges at once again: a
	// retransmission time-out.
	pauseACK = 250 * time.Millisecond
)

// receiver is what a flow has acknowledged.
type receiver struct {
	card *card
	// segment is the payload of the flow's full segments.
	segment int
	// sent is the last acknowledgment that left, acked the last one that the stack
	// made; valid after the first.
	sent, acked uint32
	valid       bool
	// arrived is when data last arrived.
	arrived int64
	// quick counts the ACKs that are still sent at once outside pingpong.
	quick    int
	pingpong bool
	// short tells that a short segment waits for its ACK; full counts full ones in a row.
	short bool
	full  int
	// held waits for another one, data, or its time.
	held *frame
	due  *plan
}

// holdBack holds a pure ACK back that Linux would not send yet, and drops one that
// this packet replaces. It needs the network's lock.
func (r *receiver) holdBack(now int64, p *stack.PacketBuffer, f frame) bool {
	segment := header.TCP(p.TransportHeader().Slice())
	flags, ack := segment.Flags(), segment.AckNumber()
	pure := flags == header.TCPFlagAck && p.Data().Size() == 0
	hasSACK := int(segment.DataOffset()) > header.TCPMinimumSize+timestamps
	atOnce := !pure || hasSACK || !r.valid || r.arrival(now, ack)
	if !atOnce && (r.pingpong || r.quick == 0) {
		r.hold(now, f)
		return true
	}

	r.forget()
	if pure && ack != r.sent {
		r.quick = max(0, r.quick-1)
	}
	if p.Data().Size() > 0 && now-r.arrived < int64(delayedACK) {
		r.pingpong = true
	}
	r.sent, r.acked, r.short = ack, ack, false
	r.valid = r.valid || flags&header.TCPFlagAck != 0
	return false
}

// arrival notes what an acknowledgment says has arrived. It tells whether that must
// be acknowledged at once whatever the mode.
func (r *receiver) arrival(now int64, ack uint32) bool {
	news, open := int32(ack-r.acked), int32(ack-r.sent)
	if news <= 0 {
		return true // a duplicate, or an update of the window
	}
	if now-r.arrived > int64(pauseACK) {
		r.quick = quickACKs
	}
	short := news < r.maxHeld()
	second := short && r.short
	if r.full++; short {
		r.full = 0
	}
	last := r.full > 0 && r.full%pushed == 0 && !r.pingpong
	r.arrived, r.acked, r.short = now, ack, r.short || short
	return second || last || open > r.maxHeld()
}

// hold keeps a frame until its time, in place of an earlier one.
func (r *receiver) hold(now int64, f frame) {
	if n := r.card.host.network; r.held == nil {
		n.held++
		at := now + int64(delayedACK)
		n.schedule.set(r.due, at, at+n.ahead(r.card.port.at, f))
	} else {
		r.held.packet.DecRef()
	}
	r.held = &f
}

// maxHeld is how much may wait for its acknowledgment, in bytes.
func (r *receiver) maxHeld() int32 { return int32(r.segment) }

// release sends what was held back for long enough.
func (r *receiver) release(now int64) {
	if r.held == nil {
		return
	}
	f := *r.held
	r.held = nil
	r.card.host.network.held--
	r.sent, r.short, r.pingpong = r.acked, false, false
	r.card.send(now, f)
}

// forget drops what is held back.
func (r *receiver) forget() {
	if r.held == nil {
		return
	}
	r.held.packet.DecRef()
	r.held = nil
	r.card.host.network.held--
	r.card.host.network.schedule.drop(r.due)
}
