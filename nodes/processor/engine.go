package processor

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"edgebed/nodes/clock"
)

// ErrClosed is why tasks and messages end that were under way at Close.
var ErrClosed = errors.New("the computer was closed")

// Engine runs the processors of a computer in a clock's time.
type Engine struct {
	name  string
	clock clock.Clock
	alarm clock.Alarm

	mu         sync.Mutex
	closed     bool
	processors []*processor
	containers map[string]*container // by function
}

// NewEngine returns an engine for a valid specification. The name of its computer
// stands in errors.
func NewEngine(name string, spec Spec, clk clock.Clock) *Engine {
	e := &Engine{name: name, clock: clk, containers: make(map[string]*container)}

	now := clk.Now()
	processors := make(map[string]*processor)
	for _, p := range spec.Processors {
		proc := &processor{Processor: p, factor: 1, last: now, sampled: now}
		processors[p.Name] = proc
		e.processors = append(e.processors, proc)
	}

	for _, c := range spec.Containers {
		p := processors[c.Processor]
		cont := &container{Container: c, processor: p}
		p.containers = append(p.containers, cont)
		e.containers[c.Lambda.Name] = cont
	}

	e.alarm = clk.NewAlarm(e.ring)
	return e
}

// ring completes what is due.
func (e *Engine) ring() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return
	}
	e.advance()
	e.setAlarm()
}

// advance brings all processors to the present. The caller holds mu.
func (e *Engine) advance() {
	now := e.clock.Now()
	for _, p := range e.processors {
		p.advance(now)
	}
}

// setAlarm sets the alarm to the next completion. The caller holds mu.
func (e *Engine) setAlarm() {
	next := never
	for _, p := range e.processors {
		next = min(next, p.next())
	}
	if next != never {
		e.alarm.Set(next)
	}
}

// Submit starts or queues a task of the function with an input of so many
// bytes.
func (e *Engine) Submit(function string, input int) (*Task, error) {
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
	e.setAlarm()
	return t, nil
}

// SetSpeed makes all processors run at a factor of their speed from now on, which must
// be above 0: what is left of tasks takes so much less, or more.
func (e *Engine) SetSpeed(factor float64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return
	}
	e.advance()
	for _, p := range e.processors {
		p.factor = factor
	}
	e.setAlarm()
}

// Part returns what of a function's result goes on to a task, which has one of some names.
func (e *Engine) Part(function, result string, names ...string) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	c, err := e.find(function)
	if err != nil {
		return result // it was closed, and nothing goes anywhere
	}
	for _, name := range names {
		if size, ok := c.Lambda.Parts[name]; ok {
			return result[:min(size, len(result))]
		}
	}
	return result
}

// Expected returns how long such a task would take, and the loads.
func (e *Engine) Expected(function string, input int) (time.Duration, [3]uint32, error) {
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

func (e *Engine) find(function string) (*container, error) {
	if e.closed {
		return nil, ErrClosed
	}
	c, ok := e.containers[function]
	if !ok {
		return nil, fmt.Errorf("no container for function %s at computer %s", function, e.name)
	}
	return c, nil
}

// Sample returns the utilisation of every processor (0 to 1) since the last
// sample.
func (e *Engine) Sample() map[string]float32 {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.advance()
	values := make(map[string]float32, len(e.processors))
	for _, p := range e.processors {
		values[p.Name] = float32(p.sample())
	}
	return values
}

// Counts returns the numbers of running and of waiting tasks.
func (e *Engine) Counts() (running, queued int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, p := range e.processors {
		running += len(p.running) + len(p.starting)
		for _, c := range p.containers {
			queued += len(c.pending)
		}
	}
	return running, queued
}

// Close ends all tasks, and the engine.
func (e *Engine) Close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closed = true
	e.alarm.Stop()
	for _, p := range e.processors {
		for _, t := range p.running {
			close(t.done)
		}
		for _, t := range p.starting {
			close(t.done)
		}
		p.running, p.starting = nil, nil
		for _, c := range p.containers {
			for _, t := range c.pending {
				close(t.done)
			}
			c.pending, c.active = nil, 0
		}
	}
}
