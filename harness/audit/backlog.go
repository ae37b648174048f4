package audit

import (
	"time"

	"edgebed/harness/emu"
	"edgebed/nodes/units"
)

// Stretch is a time in which a direction of a link always had something to
// send, and so should have sent at its rate.
type Stretch struct {
	Link   string
	Rate   units.Rate
	Sent   units.Size
	Lasted time.Duration
	// Frame is the link's longest frame.
	Frame units.Size
}

// Share returns what was sent as a share of what the rate allows, with the
// frame that may have left just before or after.
func (s Stretch) Share() float64 {
	return float64(s.Sent+s.Frame) / float64(s.Rate.Per(s.Lasted))
}

// backlog finds the stretches of one direction in readings of its queue.
type backlog struct {
	last    emu.Shaper
	at      time.Time // zero if the last reading is of no use
	stretch Stretch
}

// add adds a reading. It returns a stretch that ended with it. A reading whose
// time is not sure ends a stretch too.
//
// Between two readings the queue was never empty if less was sent than waited
// at the first: it is a FIFO, and some of what waited then waits still, unless it was
// dropped from the queue.
func (b *backlog) add(now emu.Shaper, at time.Time, sure bool) *Stretch {
	last, since := b.last, b.at
	b.last, b.at = now, at
	if !sure {
		b.at = time.Time{}
	}
	sent := now.Sent - last.Sent
	gone := sent
	if now.HeadDrops {
		gone += units.Size(now.Drops-last.Drops) * jumbo
	}
	if !sure || since.IsZero() || now.Rate == 0 || now.Rate != last.Rate || gone >= last.Backlog {
		return b.end()
	}
	b.stretch.Link, b.stretch.Rate, b.stretch.Frame = now.Link, now.Rate, now.Frame
	b.stretch.Sent += sent
	b.stretch.Lasted += at.Sub(since)
	return nil
}

// jumbo is at least as large as a frame can be.
const jumbo = 10 * units.KB

// end ends a stretch. It returns nil if there is none.
func (b *backlog) end() *Stretch {
	s := b.stretch
	b.stretch = Stretch{}
	if s.Lasted == 0 {
		return nil
	}
	return &s
}
