package virtual

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// jumper moves the clock on when nothing can run. The runtime does that, too, but not
// before it has looked at each goroutine for a deadlock, some 500 of them several hundred
// times an execution (see BenchmarkJump). The jumper asks the
// scheduler for the number of those that can run. And it gives way after each jump: the
// runtime's monitor takes a goroutine that a timer woke for one that has run since before
// the jump, and on a busy machine now and then halts it.
//
// It is always ready to run. So it is for a program of one P with one network at a time, as
// two would wait for each other, and halts where nothing else may be ready.
type jumper struct {
	mu     sync.Mutex  // held while it is halted
	asked  atomic.Bool // to halt
	halted chan struct{}
	again  chan struct{} // goes on, or ends when closed
	ended  chan struct{}
}

func startJumper() *jumper {
	j := &jumper{halted: make(chan struct{}), again: make(chan struct{}), ended: make(chan struct{})}
	go j.run()
	return j
}

// run ends when there is nothing left to wait for: the runtime says what it thinks of that.
func (j *jumper) run() {
	defer close(j.ended)
	jump := newJump()
	for {
		runtime.Gosched()
		if !j.asked.Load() {
			if !jump() {
				return
			}
			continue
		}

		j.halted <- struct{}{}
		if _, open := <-j.again; !open {
			return
		}
	}
}

// halt returns when the jumper is blocked, until resume or stop.
func (j *jumper) halt() {
	j.mu.Lock()
	j.asked.Store(true)
	select {
	case <-j.halted:
	case <-j.ended:
	}
	j.asked.Store(false)
}

// resume lets a halted jumper go on.
func (j *jumper) resume() {
	defer j.mu.Unlock()
	select {
	case j.again <- struct{}{}:
	case <-j.ended:
	}
}

// stop ends the jumper.
func (j *jumper) stop() {
	j.halt()
	defer j.mu.Unlock()
	close(j.again)
	<-j.ended
}
