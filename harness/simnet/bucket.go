package simnet

import (
	"math"
	"time"

	"edgebed/harness/topology"
)

// bucket is the kernel's hierarchical token bucket with one class (net/sched/
// sch_htb.c): a frame may leave while there are tokens, whatever its size, and
// takes as many as its length at the rate. Tokens, like all times here, are in ns.
// The kernel has a bucket for the rate and one for the ceiling; with both rates
// equal the smaller one decides.
type bucket struct {
	rate   float64 // bytes per ns
	size   int64
	tokens int64
	// checked is when tokens were counted.
	checked int64
}

// Constants of the kernel.
const (
	// psched is the unit in which a bucket's size is given to the kernel.
	psched = 64
	// longest is what a class gains by waiting, and what it owes, at most.
	longest = int64(time.Minute)
)

// newBucket returns the full bucket of a link that has a rate.
func newBucket(p topology.Params, now int64) bucket {
	b := bucket{checked: now}
	b.change(p)
	b.tokens = b.size
	return b
}

// change gives the bucket another rate or size. The tokens stay.
func (b *bucket) change(p topology.Params) {
	b.rate = math.Round(float64(p.Rate)/8) / float64(time.Second)
	ticks := func(of topology.Burst) int64 {
		return int64(math.Ceil(float64(p.Bucket(of))/b.rate/psched)) * psched
	}
	b.size = min(ticks(p.Burst), ticks(p.CeilBurst))
}

// due is when a frame may leave, if none does before.
func (b *bucket) due() int64 { return b.checked - min(b.tokens, 0) }

// take takes the tokens of a frame of the given length that leaves now.
func (b *bucket) take(now int64, length int) {
	b.tokens = min(b.tokens+min(now-b.checked, longest), b.size) - int64(float64(length)/b.rate)
	b.tokens = max(b.tokens, 1-longest)
	b.checked = now
}
