package simnet

import (
	"time"

	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
)

// gVisor acknowledges every segment at once. Linux's receivers (net/ipv4/
// tcp_input.c) do so for the first quickACKs segments of a connection and until
// they send data themselves soon after some arrived; from then on a receiver
// acknowledges more than one full segment, lets data carry what it can, and waits
// at most delayedACK. A host's card holds ACKs back to the same effect.
const (
	delayedACK = 40 * time.Millisecond
	quickACKs  = 16
)

// receiver is what a flow has acknowledged.
type receiver struct {
	host *Host
	// sent is the last acknowledgment that left; valid after the first.
	sent  uint32
	valid bool
	// quick counts the ACKs that are still sent at once; 0 once the host answers
	// with data.
	quick int
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
	news := int32(ack - r.sent)
	if pure && !hasSACK && r.valid && r.quick == 0 && news > 0 && news <= maxHeld {
		if r.held == nil {
			r.host.network.held++
			r.host.network.schedule.set(r.due, now+int64(delayedACK))
		} else {
			r.held.packet.DecRef()
		}
		r.held = &f
		return true
	}

	r.forget()
	if pure && news > 0 {
		r.quick = max(0, r.quick-1)
	} else if p.Data().Size() > 0 {
		r.quick = 0
	}
	r.sent, r.valid = ack, r.valid || flags&header.TCPFlagAck != 0
	return false
}

// maxHeld is how much may wait for its acknowledgment, in bytes.
const maxHeld = int32(segment)

// release sends what was held back for long enough.
func (r *receiver) release(now int64) {
	if r.held == nil {
		return
	}
	f := *r.held
	r.held = nil
	r.host.network.held--
	r.host.send(now, f)
}

// forget drops what is held back.
func (r *receiver) forget() {
	if r.held == nil {
		return
	}
	r.held.packet.DecRef()
	r.held = nil
	r.host.network.held--
	r.host.network.schedule.drop(r.due)
}
