package processor

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// Task is one run of a function.
type Task struct {
	container *container
	seq       uint64  // order of arrival on the processor
	ops       float64 // operations it needs
	memory    float64 // bytes it needs while it runs
	// target is the processor's work at which a running task is done.
	target float64
	// loads are the processor's at the task's arrival, in percent over 1, 10
	// and 30 s.
	loads     [3]uint32
	submitted time.Duration
	started   time.Duration
	completed time.Duration
	// done is closed when the task is completed or the engine closes; ok tells
	// which and may be read afterwards.
	done chan struct{}
	ok   bool
}

// container is a first-in-first-out queue of tasks before a number of workers.
type container struct {
	Container
	processor *processor
	active    int
	pending   []*Task
	// idle are the times at which instances that are warm were left, the last one last.
	idle []time.Duration
}

// processor shares its cores among the running tasks of all its containers:
// each gets min(cores, running) * speed / running operations per second.
//
// The prototype looks for pending tasks only when a task of the same container
// ends, so that a task that waits for memory while its container is idle may
// never start. Here every completion on the processor looks at all containers.
type processor struct {
	Processor
	// factor of Speed at which it runs now.
	factor     float64
	containers []*container
	seq        uint64
	// work is the number of operations that a task would have got had it run
	// since the processor was last idle.
	work float64
	// running is sorted by target; starting waits for instances, by when they are ready.
	running  []*Task
	starting []*Task
	used     float64 // bytes of memory
	// last is the time up to which everything above holds.
	last time.Duration

	// busy is the time integral of running since sampled, in seconds.
	busy    float64
	sampled time.Duration
	samples []float64 // utilisations, newest last, at most 30
}

// never is a time that does not come.
const never = time.Duration(math.MaxInt64)

// rate returns the operations per second of each running task.
func (p *processor) rate(running int) float64 {
	return float64(min(p.Cores, running)) * p.Speed * p.factor / float64(running)
}

// next returns when the next running task completes, or the next instance is ready.
func (p *processor) next() time.Duration {
	if len(p.starting) > 0 {
		return min(p.starting[0].started, p.completion())
	}
	return p.completion()
}

// completion returns when the next running task completes.
func (p *processor) completion() time.Duration {
	if len(p.running) == 0 {
		return never
	}
	left := math.Ceil((p.running[0].target - p.work) / p.rate(len(p.running)) * 1e9)
	if left >= float64(never-p.last) {
		return never
	}
	return p.last + time.Duration(max(0, left))
}

// advance runs the processor up to now, completing tasks and starting pending
// ones each at its own time: a late wake-up does not change the model.
func (p *processor) advance(now time.Duration) {
	for {
		t := p.next()
		if t > now || t == never {
			break
		}
		if len(p.starting) > 0 && p.starting[0].started <= t && p.starting[0].started < p.completion() {
			p.step(t)
			first := p.starting[0]
			p.starting = slices.Delete(p.starting, 0, 1)
			p.run(first)
			continue
		}
		p.step(t)
		p.work = max(p.work, p.running[0].target)
		p.complete()
		p.startPending()
	}
	p.step(now)
}

// step lets time pass without any completion.
func (p *processor) step(now time.Duration) {
	elapsed := (now - p.last).Seconds()
	if elapsed <= 0 {
		return
	}
	p.last = now
	if n := len(p.running); n > 0 {
		p.work += elapsed * p.rate(n)
		p.busy += elapsed * float64(n)
	}
}

// complete ends the tasks that have got their operations.
func (p *processor) complete() {
	n := 0
	for n < len(p.running) && p.running[n].target <= p.work {
		t := p.running[n]
		t.container.active--
		if t.container.ColdStart > 0 {
			t.container.idle = append(t.container.idle, p.last)
		}
		p.used -= t.memory
		t.completed = p.last
		t.ok = true
		close(t.done)
		n++
	}
	p.running = slices.Delete(p.running, 0, n)
	if len(p.running) == 0 {
		p.work = 0
		if len(p.starting) == 0 {
			p.used = 0
		}
	}
}

// fits tells whether a task could start now.
func (p *processor) fits(t *Task) bool {
	return t.container.active < t.container.Workers && p.used+t.memory <= float64(p.Memory)
}

// startPending starts waiting tasks: each container's in order, and of the
// containers whose first task fits, the one whose task waits longest.
func (p *processor) startPending() {
	for {
		var oldest *container
		for _, c := range p.containers {
			if len(c.pending) > 0 && p.fits(c.pending[0]) &&
				(oldest == nil || c.pending[0].seq < oldest.pending[0].seq) {
				oldest = c
			}
		}
		if oldest == nil {
			return
		}

		t := oldest.pending[0]
		oldest.pending = slices.Delete(oldest.pending, 0, 1)
		p.start(t)
	}
}

// start gives a task a worker, and an instance: one that is warm, or a new one.
func (p *processor) start(t *Task) {
	t.container.active++
	p.used += t.memory
	if t.container.ColdStart == 0 || t.container.takeWarm(p.last) {
		p.run(t)
		return
	}

	t.started = p.last + t.container.ColdStart
	i, _ := slices.BinarySearchFunc(p.starting, t.started, func(s *Task, ready time.Duration) int {
		if s.started <= ready { // first come, first ready
			return -1
		}
		return 1
	})
	p.starting = slices.Insert(p.starting, i, t)
}

// takeWarm takes the instance that was left last, if one is warm; those that were left
// too long ago are gone.
func (c *container) takeWarm(now time.Duration) bool {
	c.idle = slices.DeleteFunc(c.idle, func(left time.Duration) bool { return left+c.KeepWarm < now })
	if len(c.idle) == 0 {
		return false
	}
	c.idle = c.idle[:len(c.idle)-1]
	return true
}

// run gives a task its share of the processor.
func (p *processor) run(t *Task) {
	t.target = p.work + t.ops
	t.started = p.last

	i, _ := slices.BinarySearchFunc(p.running, t.target, func(r *Task, target float64) int {
		if r.target <= target { // after its equals: first come, first completed
			return -1
		}
		return 1
	})
	p.running = slices.Insert(p.running, i, t)
}

// submit adds a task at the time that the processor was advanced to.
func (p *processor) submit(c *container, input int) (*Task, error) {
	t := &Task{
		container: c,
		seq:       p.seq,
		ops:       c.Lambda.operations(input),
		memory:    c.Lambda.memory(input),
		loads:     p.loads(),
		submitted: p.last,
		done:      make(chan struct{}),
	}

	if err := p.checkMemory(t); err != nil {
		return nil, err
	}

	p.seq++
	if len(c.pending) == 0 && p.fits(t) {
		p.start(t)
		p.advance(p.last) // a task without operations is done at once
	} else {
		c.pending = append(c.pending, t)
	}
	return t, nil
}

func (p *processor) checkMemory(t *Task) error {
	if t.memory <= float64(p.Memory) {
		return nil
	}
	return fmt.Errorf("container %s cannot run %s: it needs %.0f bytes of memory, more than the %d of processor %s",
		t.container.Name, t.container.Lambda.Name, t.memory, p.Memory, p.Name)
}

// estimate returns how long a task that arrived now would take, by the
// prototype's rule: the waiting tasks of its container one after the other,
// then the running one that ends first where no worker is free, then itself,
// all at the present speed.
func (p *processor) estimate(c *container, input int) (time.Duration, error) {
	t := &Task{container: c, ops: c.Lambda.operations(input), memory: c.Lambda.memory(input)}
	if err := p.checkMemory(t); err != nil {
		return 0, err
	}

	running := len(p.running)
	var present float64 // operations at the present speed
	for _, w := range c.pending {
		present += w.ops
	}

	var seconds float64
	if c.active == c.Workers {
		first := slices.IndexFunc(p.running, func(r *Task) bool { return r.container == c })
		present += p.running[first].target - p.work + t.ops
	} else {
		seconds = t.ops / p.rate(running+1)
	}
	if running > 0 {
		seconds += present / p.rate(running)
	}

	if seconds >= never.Seconds() {
		return never, nil
	}
	return time.Duration(seconds * 1e9), nil
}

// sample takes the utilisation (0 to 1) since the last sample, and keeps it.
func (p *processor) sample() float64 {
	elapsed := (p.last - p.sampled).Seconds()
	utilization := 0.0
	if elapsed > 0 {
		utilization = min(1, p.busy/(float64(p.Cores)*elapsed))
	}
	p.busy, p.sampled = 0, p.last

	p.samples = append(p.samples, utilization)
	if len(p.samples) > 30 {
		p.samples = slices.Delete(p.samples, 0, len(p.samples)-30)
	}
	return utilization
}

// loads returns the last sample and the means of the last 10 and 30, in
// percent; zeros before the first sample.
func (p *processor) loads() (out [3]uint32) {
	for i, window := range []int{1, 10, 30} {
		samples := p.samples[max(0, len(p.samples)-window):]
		sum := 0.0
		for _, s := range samples {
			sum += s
		}
		if len(samples) > 0 {
			out[i] = uint32(0.5 + 100*sum/float64(len(samples)))
		}
	}
	return out
}

// Done is closed when the task is completed or the engine closes.
func (t *Task) Done() <-chan struct{} { return t.done }

// Completed reports whether the task, which is Done, got all its operations.
func (t *Task) Completed() bool { return t.ok }

// Lambda is the function that the task runs.
func (t *Task) Lambda() Lambda { return t.container.Lambda }

// Waited is how long the task waited for a worker and an instance.
func (t *Task) Waited() time.Duration { return t.started - t.submitted }

// Ran is how long the task ran.
func (t *Task) Ran() time.Duration { return t.completed - t.started }

// Loads are the processor's at the task's arrival, in percent over 1, 10 and 30 s.
func (t *Task) Loads() [3]uint32 { return t.loads }
