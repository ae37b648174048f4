// Package clocktest has a clock that stands still until a test moves it.
package clocktest

import (
	"sync"
	"time"

	"edgebed/nodes/clock"
)

// Clock is a clock.Clock that stands still until a test advances it.
type Clock struct {
	mu     sync.Mutex
	now    time.Duration
	alarms []*alarm
}

type alarm struct {
	of   *Clock
	ring func()
	at   time.Duration
	set  bool
}

// Now implements clock.Clock.
func (c *Clock) Now() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// NewAlarm implements clock.Clock.
func (c *Clock) NewAlarm(ring func()) clock.Alarm {
	c.mu.Lock()
	defer c.mu.Unlock()
	a := &alarm{of: c, ring: ring}
	c.alarms = append(c.alarms, a)
	return a
}

// Set implements clock.Alarm.
func (a *alarm) Set(t time.Duration) {
	a.of.mu.Lock()
	defer a.of.mu.Unlock()
	a.at, a.set = t, true
}

// Stop implements clock.Alarm.
func (a *alarm) Stop() {
	a.of.mu.Lock()
	defer a.of.mu.Unlock()
	a.set = false
}

// Advance lets d pass, with every alarm at its own time.
func (c *Clock) Advance(d time.Duration) {
	end := c.Now() + d
	for {
		c.mu.Lock()
		var first *alarm
		for _, a := range c.alarms {
			if a.set && a.at <= end && (first == nil || a.at < first.at) {
				first = a
			}
		}
		if first == nil {
			c.now = end
			c.mu.Unlock()
			return
		}
		c.now = max(c.now, first.at)
		first.set = false
		c.mu.Unlock()
		first.ring()
	}
}

// Jump lets d pass and only then rings the alarms that were due: late.
func (c *Clock) Jump(d time.Duration) {
	c.mu.Lock()
	c.now += d
	c.mu.Unlock()
	c.Advance(0)
}
