package simnet

import (
	"container/heap"
	"math"
	"sync"
	"time"
)

// schedule calls what is planned, in the order of the plans' times, and of their
// making where these are equal. Most calls only move frames on inside the network,
// where nobody sees when that is done: they wait, and are made together, in their
// order and by their own times, before the first that somebody could see. Each jump of
// the clock costs the runtime a look at all goroutines, so that this is what virtual
// time costs.
type schedule struct {
	origin time.Time
	timer  *time.Timer
	quit   chan struct{}
	ended  sync.WaitGroup
	// deliver is called without the lock after plans have run.
	deliver func()

	mu sync.Mutex // the network's lock
	// plans wait, by their times, and deadlines are the same by theirs; made counts
	// all that were ever made.
	plans, deadlines planHeap
	made             uint64
	// firing means that the goroutine looks at the plans anyway before it sleeps;
	// otherwise armed is when it wakes up.
	firing bool
	armed  int64
}

// never is after all times.
const never = math.MaxInt64

// plan is a call at a time, in ns since the schedule's origin. It is made once and
// planned any number of times.
type plan struct {
	do func(now int64) // with the lock; now is the plan's time
	at int64
	// deadline is when the call must have been made: a host sees nothing of it before.
	deadline int64
	made     uint64
	places   [2]int // in the heaps, -1 outside them
}

func newPlan(do func(now int64)) *plan { return &plan{do: do, places: [2]int{-1, -1}} }

// waits tells whether the call is planned.
func (p *plan) waits() bool { return p.places[byTime] >= 0 }

func newSchedule() *schedule {
	s := &schedule{origin: time.Now(), timer: time.NewTimer(time.Hour), quit: make(chan struct{}), armed: never}
	s.plans.of, s.deadlines.of = byTime, byDeadline
	s.timer.Stop()
	return s
}

// start starts the goroutine.
func (s *schedule) start() {
	s.ended.Go(func() {
		for {
			select {
			case <-s.timer.C:
				s.fire()
			case <-s.quit:
				return
			}
		}
	})
}

// stop ends the goroutine. Plans are dropped.
func (s *schedule) stop() {
	close(s.quit)
	s.ended.Wait()
	s.timer.Stop()
}

func (s *schedule) now() int64 { return int64(time.Since(s.origin)) }

// set plans a call in place of its earlier one. It needs the lock.
func (s *schedule) set(p *plan, at, deadline int64) {
	s.made++
	p.at, p.deadline, p.made = at, max(at, deadline), s.made
	s.plans.put(p)
	s.deadlines.put(p)
	s.arm(p.deadline)
}

// hasten gives a planned call an earlier deadline. It needs the lock.
func (s *schedule) hasten(p *plan, deadline int64) {
	if deadline = max(p.at, deadline); deadline < p.deadline {
		p.deadline = deadline
		s.deadlines.put(p)
		s.arm(deadline)
	}
}

// drop takes a plan back. It needs the lock.
func (s *schedule) drop(p *plan) {
	if p.waits() {
		heap.Remove(&s.plans, p.places[byTime])
		heap.Remove(&s.deadlines, p.places[byDeadline])
	}
}

// catchUp makes all calls that are due. It needs the lock; whoever looks at the
// network from outside calls it first.
func (s *schedule) catchUp() {
	for now := s.now(); len(s.plans.list) > 0 && s.plans.list[0].at <= now; {
		s.call(s.plans.list[0])
	}
}

// call makes a planned call.
func (s *schedule) call(p *plan) {
	s.drop(p)
	p.do(p.at)
}

// arm makes the goroutine look at the plans at the given time or before. It needs
// the lock.
func (s *schedule) arm(at int64) {
	if s.firing || at >= s.armed {
		return
	}
	s.armed = at
	s.timer.Reset(time.Duration(at - s.now()))
}

// fire makes the calls that are due, and those that become due meanwhile.
func (s *schedule) fire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.firing = true
	for {
		s.catchUp()
		s.mu.Unlock()
		s.deliver()
		s.mu.Lock()
		if s.next() > s.now() {
			break
		}
	}
	s.firing, s.armed = false, never
	s.arm(s.next())
}

// next is the earliest deadline.
func (s *schedule) next() int64 {
	if len(s.deadlines.list) == 0 {
		return never
	}
	return s.deadlines.list[0].deadline
}

// What a heap of plans is ordered by, and a plan's place in it is found by.
const (
	byTime = iota
	byDeadline
)

// planHeap is a heap.Interface with the first plan in front.
type planHeap struct {
	of   int // byTime or byDeadline
	list []*plan
}

// put adds a plan, or moves it to where it belongs now.
func (h *planHeap) put(p *plan) {
	if at := p.places[h.of]; at >= 0 {
		heap.Fix(h, at)
	} else {
		heap.Push(h, p)
	}
}

func (h *planHeap) Len() int { return len(h.list) }
func (h *planHeap) Less(i, j int) bool {
	a, b := h.list[i], h.list[j]
	if h.of == byDeadline {
		return a.deadline < b.deadline
	}
	return a.at < b.at || a.at == b.at && a.made < b.made
}
func (h *planHeap) Swap(i, j int) {
	h.list[i], h.list[j] = h.list[j], h.list[i]
	h.list[i].places[h.of], h.list[j].places[h.of] = i, j
}
func (h *planHeap) Push(x any) {
	p := x.(*plan)
	p.places[h.of] = len(h.list)
	h.list = append(h.list, p)
}
func (h *planHeap) Pop() any {
	last := len(h.list) - 1
	p := h.list[last]
	h.list[last] = nil
	h.list = h.list[:last]
	p.places[h.of] = -1
	return p
}
