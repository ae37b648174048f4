package topology

import (
	"cmp"
	"errors"
	"fmt"
	"math"

	"edgebed/nodes/units"
)

// Discipline says which frames a queue drops.
type Discipline string

const (
	// Drop takes frames while there is room, first in, first out (tc: pfifo, bfifo).
	Drop Discipline = "fifo"
	// RED drops frames at random, more of them the longer the queue is on average
	// (random early detection, tc: red), with the thresholds that tc chooses for the
	// limit.
	RED Discipline = "red"
	// CoDel drops frames that have waited for longer than 5 ms for 100 ms (RFC 8289,
	// tc: codel), or than a frame takes on slow links.
	CoDel Discipline = "codel"
	// FQCoDel has a queue with CoDel for each flow (RFC 8290, tc: fq_codel).
	FQCoDel Discipline = "fq-codel"
)

// Disciplines lists what files may say.
var Disciplines = []Discipline{Drop, RED, CoDel, FQCoDel}

// UnmarshalText reads the name of a discipline.
func (d *Discipline) UnmarshalText(text []byte) error {
	return parseWord(d, "discipline", text, Disciplines...)
}

// maxQueueBytes bounds a queue in bytes.
const maxQueueBytes = units.GB

// validateQueue returns what is wrong with a queue in bytes or its discipline.
func (p Params) validateQueue() error {
	switch p.Discipline {
	case CoDel, FQCoDel:
		if p.QueueBytes > 0 {
			return fmt.Errorf("discipline %s counts packets; say queue instead of queue-bytes", p.Discipline)
		}
	case RED:
		// Below, its thresholds would lie within a frame of each other.
		if least := 8 * p.Frame(); p.QueueLimit() < least {
			return fmt.Errorf("queue of %v is too short for discipline %s: expected at least %v",
				p.QueueLimit(), RED, least)
		}
		if p.QueueLimit() > maxQueueBytes {
			return fmt.Errorf("queue of %v is too long for discipline %s: expected at most %v",
				p.QueueLimit(), RED, maxQueueBytes)
		}
	case "", Drop:
	default:
		return fmt.Errorf("unknown discipline %q: expected one of %v", p.Discipline, Disciplines)
	}

	switch {
	case p.QueueBytes != 0 && (p.QueueBytes < p.Frame() || p.QueueBytes > maxQueueBytes):
		return fmt.Errorf("queue-bytes %v is out of range: "+
			"expected one frame of %d B to %v, or 0 for a limit in packets",
			p.QueueBytes, p.Frame(), maxQueueBytes)
	case p.Rate == 0 && p.Discipline != "" && p.Discipline != Drop:
		return errors.New("discipline is of the queue in front of a rate; give the link a rate")
	}
	return nil
}

// QueueLimit is the most that waits in the queue, in bytes of frames.
func (p Params) QueueLimit() units.Size {
	if p.QueueBytes > 0 {
		return p.QueueBytes
	}
	return units.Size(min(p.Queue, math.MaxInt32)) * p.Frame()
}

// QueueHolds is how many frames of a size wait in the queue at most.
func (p Params) QueueHolds(size units.Size) int {
	if p.QueueBytes > 0 {
		return int(p.QueueBytes / size)
	}
	return p.Queue
}

// queueText describes the queue.
func (p Params) queueText() string {
	limit := fmt.Sprint(p.Queue)
	if p.QueueBytes > 0 {
		limit = p.QueueBytes.String()
	}
	if p.Discipline != "" && p.Discipline != Drop {
		return limit + " " + string(p.Discipline)
	}
	return limit
}

// CanBecome returns an error where a running link cannot get other parameters in place.
func (p Params) CanBecome(to Params) error {
	if (p.Rate == 0) != (to.Rate == 0) {
		return errors.New("a link cannot change between shaped and unshaped in place; give it a rate from the start")
	}
	kind := func(p Params) Discipline { return cmp.Or(p.Discipline, Drop) }
	if p.Rate > 0 && (kind(p) != kind(to) || (p.QueueBytes > 0) != (to.QueueBytes > 0)) {
		return errors.New("a queue cannot change its discipline, nor between packets and bytes, in place; " +
			"what waits in it would be lost")
	}
	return nil
}
