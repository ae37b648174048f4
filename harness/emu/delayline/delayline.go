// Package delayline delays, jitters, loses and doubles the frames of emulated links in
// user space. It stands in for netem on kernels that do not have it; the rate
// of a link stays with the kernel's HTB.
//
// A line is cut into two halves whose inner ends live in a hidden network
// namespace:
//
//	host A <-- veth --> a | relay | b <-- veth --> host B
//
// Open makes the packet socket of one inner end, and Start hands the sockets of
// any number of lines to a relay: a child process of its own, so that neither
// the garbage collector nor the scheduler of a busy program shows up as link
// delay. The child has one thread per line. It takes the time of arrival from
// the kernel's receive timestamp, so a frame that had to wait for the thread is
// not late for it, and it keeps the order of frames in each direction whatever
// jitter or live changes do to their delays, unless Params.Reorder asks for a line
// on which they overtake each other.
package delayline

import (
	"fmt"
	"os"
	"time"

	"edgebed/harness/fate"
)

// Limits of Params.
const (
	// MaxDelay is the largest delay or jitter of a line.
	MaxDelay = time.Hour
	// QueueBytes is how many bytes of frames, with 16 B of bookkeeping each,
	// one direction of a line holds at most. It is 1 Gb/s for half a second.
	QueueBytes = 64 << 20
)

// Params is what happens to the frames of one direction of a line.
type Params struct {
	// Delay is the time between the arrival of a frame and its departure.
	Delay time.Duration
	// Jitter spreads the delay evenly over Delay-Jitter to Delay+Jitter, drawn
	// for each frame. Unless Reorder is set, frames do not overtake each other,
	// so that with frames closer than the jitter the mean delay is larger than
	// Delay.
	Jitter time.Duration
	// Reorder lets a frame overtake those before it whose delay was drawn larger,
	// as netem does by default. Without it a frame leaves no earlier than the one
	// before.
	Reorder bool
	// Odds are the probabilities that a frame is lost, alone or in a burst, or sent
	// twice.
	fate.Odds
}

// Validate tells whether a line can do what p asks: the delay is between 0 and
// MaxDelay, the jitter is between 0 and the delay, the odds between 0 and 1.
func (p Params) Validate() error {
	switch {
	case p.Delay < 0 || p.Delay > MaxDelay:
		return fmt.Errorf("check delay %v: want 0s to %v", p.Delay, MaxDelay)
	case p.Jitter < 0 || p.Jitter > p.Delay:
		return fmt.Errorf("check jitter %v: want 0s to the delay of %v", p.Jitter, p.Delay)
	}
	return p.Odds.Validate()
}

// Line is a full-duplex line between two packet sockets made by Open.
type Line struct {
	// A and B are the two inner ends. What arrives at A leaves at B, and the
	// reverse.
	A, B *os.File
	// AB shapes the frames from A to B, BA those from B to A.
	AB, BA Params
	// Seed decides which frames are lost and how the jitter falls. The k-th
	// frame of a direction meets the same fate with the same seed, whatever
	// its time of arrival.
	Seed uint64
}

// Stats describes a relay since its start.
type Stats struct {
	// Realtime tells whether the threads run under SCHED_FIFO. Without it the
	// delays are only as good as the machine is idle.
	Realtime bool
	// CPU is the processor time that the relay has used. It includes the
	// kernel's receive processing of the frames that the relay sends.
	CPU time.Duration
	// Lines has an entry for each line, in the order given to Start.
	Lines []LineStats
}

// LineStats describes both directions of a line.
type LineStats struct {
	AB, BA DirStats
}

// DirStats counts the frames of one direction. Every frame is in exactly one of
// Packets, Lost, Dropped and Queued, within a few milliseconds of its arrival. A
// GSO super-frame is one frame.
type DirStats struct {
	// Packets and Bytes were delivered. Bytes are those on the wire, from the
	// Ethernet header to the payload's end.
	Packets, Bytes uint64
	// Lost frames were taken by Params.Odds. Doubled ones are twice among those of
	// Packets and Queued.
	Lost, Doubled uint64
	// Dropped frames fell to the relay itself, and disturb an experiment. It is
	// the sum of RingFull, SocketFull and Refused.
	Dropped uint64
	// RingFull counts frames that arrived while QueueBytes were waiting.
	RingFull uint64
	// SocketFull counts frames that the kernel dropped because the relay was
	// too slow to read them.
	SocketFull uint64
	// Refused counts frames that could not be read or sent: the device was
	// down, or the frame was larger than its MTU.
	Refused uint64
	// Stalls counts how often sending had to wait because the kernel still
	// held too many frames of this line in queues further on.
	Stalls uint64
	// Queued and QueuedBytes are waiting now.
	Queued, QueuedBytes uint64
	// LateP50, LateP99 and LateMax are quantiles of the actual minus the due
	// time of departure. The quantiles are good to 2 %, but no better than
	// 1 us; they are zero before the first frame and can be slightly negative.
	LateP50, LateP99, LateMax time.Duration
}
