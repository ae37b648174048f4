package simnet

import (
	"container/heap"
	"math"
	"sync"
	"time"
)

// schedule calls what is planned when it is due, from one goroutine, in the order
// of the plans' times, and of their making where these are equal.
type schedule struct {
	origin time.Time
	timer  *time.Timer
	quit   chan struct{}
	ended  sync.WaitGroup
	// deliver is called without the lock after plans have run.
	deliver func()

	mu sync.Mutex // the network's lock
	// plans wait; made counts all that were ever made.
	plans planHeap
	made  uint64
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
	do    func(now int64) // with the lock
	at    int64
	made  uint64
	index int // in the heap, -1 outside it
}

func newPlan(do func(now int64)) *plan { return &plan{do: do, index: -1} }

func newSchedule() *schedule {
	s := &schedule{origin: time.Now(), timer: time.NewTimer(time.Hour), quit: make(chan struct{}), armed: never}
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
func (s *schedule) set(p *plan, at int64) {
	s.made++
	p.at, p.made = at, s.made
	if p.index < 0 {
		heap.Push(&s.plans, p)
	} else {
		heap.Fix(&s.plans, p.index)
	}
	s.arm(at)
}

// drop takes a plan back. It needs the lock.
func (s *schedule) drop(p *plan) {
	if p.index >= 0 {
		heap.Remove(&s.plans, p.index)
	}
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

// fire runs the plans that are due, and those that become due meanwhile.
func (s *schedule) fire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.firing = true
	for {
		now := s.now()
		for len(s.plans) > 0 && s.plans[0].at <= now {
			heap.Pop(&s.plans).(*plan).do(now)
		}
		s.mu.Unlock()
		s.deliver()
		s.mu.Lock()
		if len(s.plans) == 0 || s.plans[0].at > s.now() {
			break
		}
	}
	s.firing, s.armed = false, never
	if len(s.plans) > 0 {
		s.arm(s.plans[0].at)
	}
}

// planHeap is a heap.Interface with the earliest plan first.
type planHeap []*plan

func (h planHeap) Len() int { return len(h) }
func (h planHeap) Less(i, j int) bool {
	return h[i].at < h[j].at || h[i].at == h[j].at && h[i].made < h[j].made
}
func (h planHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}
func (h *planHeap) Push(x any) {
	p := x.(*plan)
	p.index = len(*h)
	*h = append(*h, p)
}
func (h *planHeap) Pop() any {
	old := *h
	p := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	p.index = -1
	return p
}
