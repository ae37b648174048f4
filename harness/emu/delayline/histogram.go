package delayline

import (
	"math/bits"
	"sync/atomic"
	"time"
)

const (
	// subBits gives 64 steps to each power of two.
	subBits = 6
	// histogramShift is added to the values in ns, so that slightly negative
	// ones are counted too and those around zero have steps of 1 us.
	histogramShift = 1 << 16
	// histogramSteps reaches to 2^36 ns, about a minute.
	histogramSteps = (36 - subBits + 1) << subBits
)

// histogram counts durations with a constant relative error. One goroutine
// adds, others may read at the same time.
type histogram struct {
	counts [histogramSteps]atomic.Uint32
	max    atomic.Int64
	any    atomic.Bool
}

// add counts one duration in ns.
func (h *histogram) add(ns int64) {
	if !h.any.Load() || ns > h.max.Load() {
		h.max.Store(ns)
		h.any.Store(true)
	}
	h.counts[step(ns)].Add(1)
}

// step returns the index of the step of a value.
func step(ns int64) int {
	v := uint64(max(ns+histogramShift, 0))
	if v < 1<<subBits {
		return int(v)
	}
	exp := bits.Len64(v) - 1 - subBits
	i := exp<<subBits + int(v>>exp)
	return min(i, histogramSteps-1)
}

// middle returns the value in the middle of a step.
func middle(i int) int64 {
	if i < 1<<subBits {
		return int64(i) - histogramShift
	}
	exp := i>>subBits - 1
	low := int64(i-exp<<subBits) << exp
	return low + 1<<exp/2 - histogramShift
}

// quantiles returns the 50 % and 99 % quantiles and the maximum, or zeros if
// nothing was counted.
func (h *histogram) quantiles() (p50, p99, largest time.Duration) {
	if !h.any.Load() {
		return 0, 0, 0
	}
	largest = time.Duration(h.max.Load())
	var total uint64
	for i := range h.counts {
		total += uint64(h.counts[i].Load())
	}
	p50, p99 = largest, largest
	var seen uint64
	for i := range h.counts {
		before := seen
		seen += uint64(h.counts[i].Load())
		value := min(time.Duration(middle(i)), largest)
		if before*2 < total && seen*2 >= total {
			p50 = value
		}
		if before*100 < total*99 && seen*100 >= total*99 {
			p99 = value
		}
	}
	return p50, p99, largest
}
