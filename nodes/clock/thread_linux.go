package clock

import (
	"container/heap"
	"fmt"
	"math"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Thread is a Clock on an OS thread of its own, which sleeps in ppoll with a
// timer slack of 1 ns. Go's own timers wait in epoll, whose time-out is in
// whole milliseconds: they are late by up to 1.1 ms, a tenth of the service
// time of the paper's functions, where this thread is late by tens of
// microseconds. One Thread can serve all computers of a process.
type Thread struct {
	origin time.Time
	done   chan struct{}

	mu     sync.Mutex
	alarms alarmHeap
	closed bool
	event  int // eventfd that interrupts the sleep
	// wake is when the sleep ends by itself; awake while there is no sleep.
	wake time.Duration
}

const awake = time.Duration(math.MinInt64)

// NewThread starts a clock. Close ends its thread.
func NewThread() (*Thread, error) {
	event, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("start clock: create eventfd: %w", err)
	}
	t := &Thread{origin: time.Now(), done: make(chan struct{}), event: event, wake: awake}
	started := make(chan error, 1)
	go t.run(started)
	if err := <-started; err != nil {
		<-t.done
		return nil, fmt.Errorf("start clock: set timer slack: %w", err)
	}
	return t, nil
}

// Now implements Clock.
func (t *Thread) Now() time.Duration { return time.Since(t.origin) }

// NewAlarm implements Clock.
func (t *Thread) NewAlarm(ring func()) Alarm {
	return &alarm{thread: t, ring: ring, index: -1}
}

// Close ends the thread and waits for it. Alarms that are set do not ring. Only the
// first call does anything.
func (t *Thread) Close() error {
	t.mu.Lock()
	if !t.closed {
		t.closed = true
		t.interrupt()
	}
	t.mu.Unlock()
	<-t.done
	return nil
}

// interrupt ends the thread's sleep, if it sleeps. The caller holds mu.
func (t *Thread) interrupt() {
	if t.wake != awake {
		// The counter cannot overflow: the thread resets it at each wake-up.
		unix.Write(t.event, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	}
}

// run rings alarms as they are due. Its goroutine keeps the thread locked to
// the end, so that the runtime ends the thread with it and the timer slack
// reaches no other goroutine.
func (t *Thread) run(started chan<- error) {
	defer close(t.done)
	defer unix.Close(t.event)

	runtime.LockOSThread()
	err := unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
	started <- err
	if err != nil {
		return
	}

	fds := []unix.PollFd{{Fd: int32(t.event), Events: unix.POLLIN}}
	counter := make([]byte, 8)
	for {
		due, sleep, closed := t.next()
		if closed {
			return
		}
		if len(due) > 0 {
			for _, a := range due {
				a.ring()
			}
			// Who was woken up runs now, not when the runtime finds out that this
			// thread sleeps.
			runtime.Gosched()
			continue
		}

		var timeout *unix.Timespec
		if sleep >= 0 {
			ts := unix.NsecToTimespec(int64(sleep))
			timeout = &ts
		}
		// An error here is EINTR: the runtime's signals. The loop looks again.
		if n, _ := unix.Ppoll(fds, timeout, nil); n > 0 {
			unix.Read(t.event, counter)
		}
	}
}

// next takes the due alarms out of the heap. Without any it returns how long
// to sleep; a negative time means until an interrupt.
func (t *Thread) next() (due []*alarm, sleep time.Duration, closed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.wake = awake
	if t.closed {
		return nil, 0, true
	}

	now := t.Now()
	for len(t.alarms) > 0 && t.alarms[0].at <= now {
		due = append(due, heap.Pop(&t.alarms).(*alarm))
	}
	if len(due) > 0 {
		return due, 0, false
	}

	t.wake, sleep = math.MaxInt64, -1
	if len(t.alarms) > 0 {
		t.wake = t.alarms[0].at
		sleep = t.wake - now
	}
	return nil, sleep, false
}

// alarm is a Thread's alarm.
type alarm struct {
	thread *Thread
	ring   func()
	at     time.Duration
	index  int // in the heap, -1 outside it
}

// Set implements Alarm.
func (a *alarm) Set(at time.Duration) {
	t := a.thread
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return
	}

	a.at = at
	if a.index < 0 {
		heap.Push(&t.alarms, a)
	} else {
		heap.Fix(&t.alarms, a.index)
	}
	if at < t.wake {
		t.interrupt()
	}
}

// Stop implements Alarm.
func (a *alarm) Stop() {
	t := a.thread
	t.mu.Lock()
	defer t.mu.Unlock()
	if a.index >= 0 {
		heap.Remove(&t.alarms, a.index)
	}
}

// alarmHeap is a heap.Interface with the earliest alarm first.
type alarmHeap []*alarm

func (h alarmHeap) Len() int           { return len(h) }
func (h alarmHeap) Less(i, j int) bool { return h[i].at < h[j].at }
func (h alarmHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}
func (h *alarmHeap) Push(x any) {
	a := x.(*alarm)
	a.index = len(*h)
	*h = append(*h, a)
}
func (h *alarmHeap) Pop() any {
	old := *h
	a := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	a.index = -1
	return a
}
