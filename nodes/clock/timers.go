package clock

import (
	"sync"
	"time"
)

// Timers is a Clock on Go's own timers, for virtual time, where they are exact. On
// a real machine they are late by up to 1.1 ms: use a Thread there.
type Timers struct{ origin time.Time }

// NewTimers returns a clock that begins now.
func NewTimers() *Timers { return &Timers{time.Now()} }

// Now implements Clock.
func (t *Timers) Now() time.Duration { return time.Since(t.origin) }

// NewAlarm implements Clock.
func (t *Timers) NewAlarm(ring func()) Alarm { return &timerAlarm{clock: t, ring: ring} }

type timerAlarm struct {
	clock *Timers
	ring  func()

	mu    sync.Mutex
	timer *time.Timer
}

// Set implements Alarm.
func (a *timerAlarm) Set(at time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	left := at - a.clock.Now()
	if a.timer == nil {
		a.timer = time.AfterFunc(left, a.ring)
		return
	}
	a.timer.Reset(left)
}

// Stop implements Alarm.
func (a *timerAlarm) Stop() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.timer != nil {
		a.timer.Stop()
	}
}
