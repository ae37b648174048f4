package audit

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"edgebed/harness/emu"
	"edgebed/harness/network"
)

// How often the sampler looks. Each look costs 0.2 ms of processor time, with
// what the Go runtime does around it.
const (
	lagPeriod  = 100 * time.Millisecond
	lookPeriod = 100 * time.Millisecond
	cpuEvery   = 5 // looks
)

// measureTries is how often links are measured that seem unfit.
const measureTries = 3

// slowLook is how long reading the queues may take for the reading to have a
// time: longer, and the thread was interrupted in it.
const slowLook = 2 * time.Millisecond

// Sampler watches a network and the machine while a cell's executions run.
type Sampler struct {
	network  *emu.Network
	relay    string // its process id, or empty
	apart    []string
	counters network.Counters
	started  time.Time
	schedule schedule
	shaped   bool

	mu       sync.Mutex // held while sampling
	stopped  bool
	looks    int
	evidence Evidence
	backlogs []backlog
	cpu      CPU
	err      error

	lagsMu sync.Mutex // apart from mu, which may wait for the kernel
	ended  bool
	lags   []time.Duration
}

// Start measures the network's links and then begins to sample, until Stop.
// Nothing else should be on the network before Start returns. Apart are the processes, by their
// ids, that belong to the cell beside this one and the network's own.
func Start(ctx context.Context, n *emu.Network, apart []int) (*Sampler, error) {
	s := &Sampler{network: n}
	for _, pid := range apart {
		s.apart = append(s.apart, strconv.Itoa(pid))
	}
	if err := s.start(ctx); err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	return s, nil
}

func (s *Sampler) start(ctx context.Context) (err error) {
	if s.evidence.Links, err = measure(ctx, s.network.Measure); err != nil {
		return err
	}

	if r := s.network.Relay(); r != nil {
		s.relay = strconv.Itoa(r.Pid())
	}
	if s.counters, err = s.network.Counters(); err != nil {
		return err
	}
	if s.cpu, err = ReadCPU(); err != nil {
		return err
	}

	shapers, err := s.network.Shapers()
	if err != nil {
		return err
	}

	for _, sh := range shapers {
		s.shaped = s.shaped || sh.Rate > 0
	}

	s.backlogs = make([]backlog, len(shapers))
	s.schedule = s.scheduled()
	s.started = time.Now()

	go s.probe()
	go s.watch()
	return nil
}

// measure measures links, and again those that seem unfit: a moment's disturbance is no
// property of the links.
func measure(
	ctx context.Context, once func(context.Context) ([]emu.Measurement, error),
) ([]emu.Measurement, error) {
	links, err := once(ctx)
	for try := 1; err == nil && try < measureTries && slices.ContainsFunc(links, unfit); try++ {
		var again []emu.Measurement
		if again, err = once(ctx); err == nil {
			links = better(links, again)
		}
	}
	return links, err
}

// scheduled is what the scheduler did with the worker and the delay line, and how long it let the
// processes apart run: those have limits, for which they are to wait.
func (s *Sampler) scheduled() schedule {
	sum := scheduled("self")
	if s.relay != "" {
		sum = sum.add(scheduled(s.relay))
	}
	for _, pid := range s.apart {
		sum.ran += scheduled(pid).ran
	}
	return sum
}

// probe takes the lags of timers, on a thread of its own that does nothing else:
// a worker that stands still while its probe is busy must not go unseen.
func (s *Sampler) probe() {
	// The thread ends with the goroutine, and with it its timer slack.
	runtime.LockOSThread()
	// Without it the kernel may be 50 us late to save energy; so the error
	// means larger lags on every machine alike.
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
	for due := time.Now().Add(lagPeriod); ; {
		sleepUntil(due)
		lag := time.Since(due)
		if !s.lag(lag) {
			return
		}
		due = due.Add(untilNext(lag))
	}
}

// untilNext is how long after the time that was due by a lag the next one is due: whole
// periods, so that none is in the past.
func untilNext(lag time.Duration) time.Duration { return lagPeriod * (1 + lag/lagPeriod) }

// lag notes a lag. It returns false after Stop.
func (s *Sampler) lag(lag time.Duration) bool {
	s.lagsMu.Lock()
	defer s.lagsMu.Unlock()
	if s.ended {
		return false
	}
	s.lags = append(s.lags, lag)
	return true
}

// watch samples the queues and the machine until Stop.
func (s *Sampler) watch() {
	ticker := time.NewTicker(lookPeriod)
	defer ticker.Stop()
	for range ticker.C {
		if !s.sample() {
			return
		}
	}
}

// sleepUntil is more precise than time.Sleep, whose timers have steps of 1 ms.
func sleepUntil(t time.Time) {
	for left := time.Until(t); left > 0; left = time.Until(t) {
		wait := unix.NsecToTimespec(int64(left))
		// An interrupted sleep goes on.
		_ = unix.ClockNanosleep(unix.CLOCK_MONOTONIC, 0, &wait, nil)
	}
}

// sample takes a sample. It returns false after Stop.
func (s *Sampler) sample() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped || s.err != nil {
		return false
	}
	if s.shaped {
		s.look()
	}
	s.looks++
	if s.looks%cpuEvery == 0 {
		s.window()
	}
	return true
}

// look reads the queues.
func (s *Sampler) look() {
	begin := time.Now()
	shapers, err := s.network.Shapers()
	took := time.Since(begin)
	if err != nil {
		s.err = err
		return
	}
	s.note(shapers, begin, took)
}

// note takes up a reading of the queues, which took a time.
func (s *Sampler) note(shapers []emu.Shaper, begin time.Time, took time.Duration) {
	for i, sh := range shapers {
		if ended := s.backlogs[i].add(sh, begin.Add(took/2), took < slowLook); ended != nil {
			s.evidence.Stretches = append(s.evidence.Stretches, *ended)
		}
	}
}

// window ends a window of the machine's processor time.
func (s *Sampler) window() {
	now, err := ReadCPU()
	if err != nil {
		s.err = err
		return
	}
	s.evidence.CPU = append(s.evidence.CPU, Window{Busy: s.cpu.Busy(now), Steal: s.cpu.Steal(now)})
	s.cpu = now
}

// Close ends the sampling. It must come before the network's Close.
func (s *Sampler) Close() {
	s.endLags()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
}

func (s *Sampler) endLags() {
	s.lagsMu.Lock()
	defer s.lagsMu.Unlock()
	s.ended = true
}

// Stop ends the sampling and returns all that was seen.
func (s *Sampler) Stop(ctx context.Context) (Evidence, error) {
	s.endLags()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
	for i := range s.backlogs {
		if ended := s.backlogs[i].end(); ended != nil {
			s.evidence.Stretches = append(s.evidence.Stretches, *ended)
		}
	}
	return s.seen(ctx)
}

// Evidence returns what was seen so far.
func (s *Sampler) Evidence(ctx context.Context) (Evidence, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen(ctx)
}

// seen needs the lock.
func (s *Sampler) seen(ctx context.Context) (Evidence, error) {
	e := s.evidence
	s.lagsMu.Lock()
	e.Lags = s.lags
	s.lagsMu.Unlock()

	if s.err != nil {
		return e, fmt.Errorf("audit: %w", s.err)
	}

	e.Lasted = time.Since(s.started)
	passed := s.scheduled().since(s.schedule)
	e.Ran, e.Waited = passed.ran, passed.waited

	counters, err := s.network.Counters()
	if err != nil {
		return e, fmt.Errorf("audit: %w", err)
	}

	for _, p := range counters.Sub(s.counters).Ports {
		if p.Shaped {
			e.QueueDrops += p.Drops
		} else if p.Drops > 0 {
			e.PortDrops = append(e.PortDrops, PortDrops{p.Name, p.Drops})
		}
	}

	if r := s.network.Relay(); r != nil {
		stats, err := r.Stats(ctx)
		if err != nil {
			return e, fmt.Errorf("audit: %w", err)
		}
		for i, name := range s.network.DelayedLinks() {
			e.Lines = append(e.Lines, Line{name, stats.Lines[i]})
		}
	}

	return e, nil
}
