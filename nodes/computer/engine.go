package computer

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// errClosed is why tasks and messages end that were under way at Close.
var errClosed = errors.New("the computer was closed")

// engine runs the processors of a computer in a clock's time.
type engine struct {
	name  string
	clock Clock
	alarm Alarm

	mu         sync.Mutex
	closed     bool
	processors []*processor
	containers map[string]*container // by function
}

func newEngine(name string, spec Spec, clock Clock) *engine {
	e := &engine{name: name, clock: clock, containers: make(map[string]*container)}
	now := clock.Now()
	processors := make(map[string]*processor)
	for _, p := range spec.Processors {
		proc := &processor{Processor: p, last: now, sampled: now}
		processors[p.Name] = proc
		e.processors = append(e.processors, proc)
	}
	for _, c := range spec.Containers {
		p := processors[c.Processor]
		cont := &container{Container: c, processor: p}
		p.containers = append(p.containers, cont)
		e.containers[c.Lambda.Name] = cont
	}
	e.alarm = clock.NewAlarm(e.ring)
	return e
}

// ring completes what is due.
func (e *engine) ring() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return
	}
	e.advance()
	e.plan()
}

// advance brings all processors to the present. The caller holds mu.
func (e *engine) advance() {
	now := e.clock.Now()
	for _, p := range e.processors {
		p.advance(now)
	}
}

// plan sets the alarm to the next completion. The caller holds mu.
func (e *engine) plan() {
	next := never
	for _, p := range e.processors {
		next = min(next, p.next())
	}
	if next != never {
		e.alarm.Set(next)
	}
}

// submit starts or queues a task of the function with an input of so many
// bytes.
func (e *engine) submit(function string, input int) (*task, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	c, err := e.find(function)
	if err != nil {
		return nil, err
	}
	e.advance()
	t, err := c.processor.submit(c, input)
	if err != nil {
		return nil, err
	}
	e.plan()
	return t, nil
}

// estimate returns how long such a task would take, and the loads.
func (e *engine) estimate(function string, input int) (time.Duration, [3]uint32, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	c, err := e.find(function)
	if err != nil {
		return 0, [3]uint32{}, err
	}
	e.advance()
	d, err := c.processor.estimate(c, input)
	return d, c.processor.loads(), err
}

func (e *engine) find(function string) (*container, error) {
	if e.closed {
		return nil, errClosed
	}
	c, ok := e.containers[function]
	if !ok {
		return nil, fmt.Errorf("no container for function %s at computer %s", function, e.name)
	}
	return c, nil
}

// sample returns the utilisation of every processor (0 to 1) since the last
// sample.
func (e *engine) sample() map[string]float32 {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.advance()
	values := make(map[string]float32, len(e.processors))
	for _, p := range e.processors {
		values[p.Name] = float32(p.sample())
	}
	return values
}

// counts returns the numbers of running and of waiting tasks.
func (e *engine) counts() (running, queued int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, p := range e.processors {
		running += len(p.running)
		for _, c := range p.containers {
			queued += len(c.pending)
		}
	}
	return running, queued
}

// close ends all tasks, and the engine.
func (e *engine) close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closed = true
	e.alarm.Stop()
	for _, p := range e.processors {
		for _, t := range p.running {
			close(t.done)
		}
		p.running = nil
		for _, c := range p.containers {
			for _, t := range c.pending {
				close(t.done)
			}
			c.pending, c.active = nil, 0
		}
	}
}
