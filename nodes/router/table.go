package router

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// Policy is how a table chooses among the destinations of a function
// (prototype, Edge/Entries).
type Policy string

const (
	// Random chooses with a probability proportional to 1/weight.
	Random Policy = "random"
	// LeastImpedance chooses the smallest weight.
	LeastImpedance Policy = "least-impedance"
	// RoundRobin visits the destinations whose weight is at most twice the
	// smallest one, each in proportion to 1/weight; slower ones are probed now
	// and then. The experiments of the paper use it.
	RoundRobin Policy = "round-robin"
	// ProportionalFairness chooses the largest (1/weight) / (served / time since
	// last served).
	ProportionalFairness Policy = "proportional-fairness"
)

// Policies lists the policies.
var Policies = []Policy{Random, LeastImpedance, RoundRobin, ProportionalFairness}

// Optimizer is how a table learns weights from response times (prototype,
// Edge/localoptimizer).
type Optimizer string

const (
	// None keeps the weights that the controller set.
	None Optimizer = "none"
	// Async averages exponentially: weight = (1-alpha) t + alpha weight, where
	// t is the last response time in seconds. Its first sample, and one after a
	// gap of 5 s, replace the weight. As in the prototype's code, alpha weighs
	// the old value.
	Async Optimizer = "async"
)

const (
	// sampleGap is the time after which an old weight says nothing any more.
	sampleGap = 5 * time.Second
	// activeFactor times the smallest weight bounds the round-robin's active set.
	activeFactor = 2
	// staleMin and staleMax bound the time until a destination outside the
	// active set is probed; it doubles with each probe that fails.
	staleMin = time.Second
	staleMax = 30 * time.Second
)

// Entry is one line of a forwarding table.
type Entry struct {
	// Function is the name that requests carry.
	Function string
	// Destination is a RunLambda endpoint.
	Destination string
	// Weight is what the policy chooses by: 1 at first, then seconds where an
	// optimizer measures.
	Weight float64
	// Final is true for a computer, false for another router.
	Final bool
	// Generation tells the starts of a computer apart (wire.ComputerInfo); 0 where
	// it is not known.
	Generation uint64

	// installed numbers the changes of a router's tables: an entry that was set
	// again since has another number.
	installed uint64
}

// destination is an Entry with what the policies remember about it.
type destination struct {
	Entry
	// sampled is when the optimizer last saw a response time; zero is never.
	sampled time.Time

	// active, deficit, probeAt and stale belong to RoundRobin.
	active  bool
	probing bool
	deficit float64
	probeAt time.Time
	stale   time.Duration

	// served and last belong to ProportionalFairness.
	served int
	last   time.Time
}

// table is one forwarding table.
type table struct {
	policy    Policy
	optimizer Optimizer
	alpha     float64
	now       func() time.Time

	mu  sync.Mutex
	rng *rand.Rand
	// entries holds the destinations of a function, sorted by destination so
	// that ties are broken alike whatever the order of the announcements.
	entries map[string][]*destination
}

func newTable(policy Policy, optimizer Optimizer, alpha float64, seed uint64) *table {
	return &table{
		policy: policy, optimizer: optimizer, alpha: alpha, now: time.Now,
		rng:     rand.New(rand.NewPCG(seed, 0)),
		entries: make(map[string][]*destination),
	}
}

// change adds a destination or sets its weight.
func (t *table) change(e Entry) error {
	if e.Destination == "" {
		return fmt.Errorf("empty destination for function %q", e.Function)
	}
	if !(e.Weight > 0) || math.IsInf(e.Weight, 0) {
		return fmt.Errorf("weight %v of %q at %s: must be positive", e.Weight, e.Function, e.Destination)
	}

	t.mu.Lock()
	defer t.mu.Unlock()
	list := t.entries[e.Function]
	i, found := find(list, e.Destination)
	if found {
		list[i].Entry, list[i].sampled = e, time.Time{}
	} else {
		list = slices.Insert(list, i, &destination{Entry: e, stale: staleMin})
		t.entries[e.Function] = list
	}
	rebalance(list, t.now())
	return nil
}

// remove drops a destination of a function and tells whether it was there.
func (t *table) remove(function, dest string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	i, found := find(t.entries[function], dest)
	return found && t.delete(function, i)
}

// withdraw drops an entry that failed, unless it was set again since it was chosen:
// then the failure was that of a destination that has come back. It tells whether
// the entry was there still.
func (t *table) withdraw(e Entry) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := t.entries[e.Function]
	i, found := find(list, e.Destination)
	return found && list[i].installed == e.installed && t.delete(e.Function, i)
}

// delete drops the entry at an index of a function's list. The caller holds mu.
func (t *table) delete(function string, i int) bool {
	list := t.entries[function]
	list = slices.Delete(list, i, i+1)
	if len(list) == 0 {
		delete(t.entries, function)
		return true
	}
	t.entries[function] = list
	rebalance(list, t.now())
	return true
}

// flush drops everything.
func (t *table) flush() {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.entries)
}

// choose returns the entry for the next request of a function, or false where
// there is none.
func (t *table) choose(function string) (Entry, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := t.entries[function]
	if len(list) == 0 {
		return Entry{}, false
	}

	now := t.now()
	switch t.policy {
	case LeastImpedance:
		return slices.MinFunc(list, func(a, b *destination) int {
			return cmp.Compare(a.Weight, b.Weight)
		}).Entry, true
	case RoundRobin:
		return roundRobin(list, now).Entry, true
	case ProportionalFairness:
		return fairest(list, now).Entry, true
	default: // Random
		return draw(list, t.rng).Entry, true
	}
}

// measure tells the optimizer that a destination answered a function after d.
// A destination that was removed meanwhile is ignored.
func (t *table) measure(function, dest string, d time.Duration) {
	if t.optimizer != Async {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	list := t.entries[function]
	i, found := find(list, dest)
	if !found {
		return
	}

	now, e := t.now(), list[i]
	sample := max(d.Seconds(), math.SmallestNonzeroFloat32)
	if e.sampled.IsZero() || now.Sub(e.sampled) >= sampleGap {
		e.Weight = sample
	} else {
		e.Weight = (1-t.alpha)*sample + t.alpha*e.Weight
	}
	e.sampled = now
	rebalance(list, now)
}

// list returns the table's lines, sorted by function and destination.
func (t *table) list() []Entry {
	t.mu.Lock()
	defer t.mu.Unlock()
	var all []Entry
	for _, list := range t.entries {
		for _, e := range list {
			all = append(all, e.Entry)
		}
	}
	slices.SortFunc(all, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(a.Function, b.Function), cmp.Compare(a.Destination, b.Destination))
	})
	return all
}

func find(list []*destination, dest string) (int, bool) {
	return slices.BinarySearchFunc(list, dest, func(e *destination, d string) int {
		return cmp.Compare(e.Destination, d)
	})
}

// draw picks with probability proportional to 1/weight.
func draw(list []*destination, rng *rand.Rand) *destination {
	total := 0.0
	for _, e := range list {
		total += 1 / e.Weight
	}

	x := rng.Float64() * total
	for _, e := range list {
		x -= 1 / e.Weight
		if x < 0 {
			return e
		}
	}
	return list[len(list)-1] // rounding
}

// fairest picks the largest (1/weight) / (served / (now-last)). One that never
// served anything goes first.
func fairest(list []*destination, now time.Time) *destination {
	score := func(e *destination) float64 {
		if e.served == 0 {
			return math.Inf(1)
		}
		return now.Sub(e.last).Seconds() / e.Weight / float64(e.served)
	}

	best := list[0]
	for _, e := range list[1:] {
		if score(e) > score(best) {
			best = e
		}
	}
	best.served++
	best.last = now
	return best
}

// roundRobin picks the active destination with the smallest deficit and
// charges it with its weight. A destination outside the active set gets one
// request as a probe when its stale period has expired.
func roundRobin(list []*destination, now time.Time) *destination {
	for _, e := range list {
		if !e.active && !now.Before(e.probeAt) {
			// If the probe does not bring it back, wait twice as long.
			e.probing = true
			e.stale = min(2*e.stale, staleMax)
			e.probeAt = now.Add(e.stale)
			return e
		}
	}

	var best *destination
	for _, e := range list {
		if e.active && (best == nil || e.deficit < best.deficit) {
			best = e
		}
	}
	best.deficit += best.Weight // the set holds at least the smallest weight
	return best
}

// rebalance takes the smallest deficit from all and decides who is active:
// weights of at most activeFactor times the smallest, and those never measured.
func rebalance(list []*destination, now time.Time) {
	smallest, deficit := math.Inf(1), math.Inf(1)
	for _, e := range list {
		smallest = min(smallest, e.Weight)
		if e.active {
			deficit = min(deficit, e.deficit)
		}
	}
	if math.IsInf(deficit, 1) {
		deficit = 0
	}

	for _, e := range list {
		e.deficit = max(e.deficit-deficit, 0)
		was := e.active
		e.active = e.sampled.IsZero() || e.Weight <= activeFactor*smallest
		switch {
		case e.active && e.probing:
			e.probing, e.stale, e.deficit = false, staleMin, 0
		case was && !e.active:
			e.probeAt = now.Add(e.stale)
		}
	}
}
