package clock

import "time"

// Clock tells the time to emulated processors and wakes them when a task ends.
// Thread is the real one; tests drive their own.
type Clock interface {
	// Now is the time since an origin of the clock's own. It never goes back.
	Now() time.Duration
	// NewAlarm returns an alarm that calls ring when it is due. Calls of ring
	// must be short: they hold up the clock's other alarms.
	NewAlarm(ring func()) Alarm
}

// Alarm rings once at a time that is set. It is safe for concurrent use.
type Alarm interface {
	// Set makes the alarm ring once, at the clock's time t instead of any time that
	// was set before. A time in the past means at once, but never from within Set.
	Set(t time.Duration)
	// Stop keeps the alarm from ringing. A call that has begun goes on.
	Stop()
}
