package simnet

import (
	"time"

	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
)

// Linux's TCP lets only little of a connection's data wait in its own host's
// queues (TCP small queues, net/ipv4/tcp_output.c): two or three packets of two
// segments, or what it takes to send for a millisecond. The kernel sees the
// emulation's first link as such a queue, because a packet belongs to its socket
// until it goes onto a wire. What else there is to send stays in the socket, so
// that other connections' segments need not wait behind a window's worth of it.
//
// gVisor sends its window at once. A host's card keeps what is too much for the
// queue, by connection, and lets it go as the queue empties.
const (
	smallQueue     = 4 // full frames
	smallQueueTime = time.Millisecond
)

// sender is what a flow has in queues: bytes in the network's, and frames that the
// card keeps.
type sender struct {
	card    *card
	queued  int
	keeping fifo
}

// full tells whether no more may wait in the network.
func (s *sender) full() bool { return s.queued > s.card.smallQueue }

// submit sends a data frame or keeps it, behind those that it keeps already. It
// needs the lock.
func (s *sender) submit(now int64, f frame) {
	f.sender = s
	if s.keeping.len() > 0 || s.full() {
		s.keeping.push(dueFrame{frame: f})
		s.card.host.network.held++
		return
	}
	s.queued += f.size
	s.card.send(now, f)
}

// left notes that a frame does not wait in the network any more. It needs the lock;
// s is nil for frames that are not counted.
func (s *sender) left(now int64, size int) {
	if s == nil {
		return
	}
	s.queued -= size
	for s.keeping.len() > 0 && !s.full() {
		f := s.keeping.pop()
		s.card.host.network.held--
		s.queued += f.size
		s.card.send(now, f)
	}
}

// ordered tells whether a segment must stay behind the data of its flow.
func ordered(p *stack.PacketBuffer, flags header.TCPFlags) bool {
	return p.Data().Size() > 0 || flags&header.TCPFlagFin != 0
}
