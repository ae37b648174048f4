//go:build faketime

package virtual

import (
	"math"
	"runtime/metrics"
	"time"
	_ "unsafe" // for linkname

	"golang.org/x/sys/unix"
)

// faketime is the runtime's virtual clock, in ns. To get at it the program is linked
// with -checklinkname=0.
//
//go:linkname faketime runtime.faketime
var faketime int64

// timeSleepUntil returns when the runtime's next timer is due.
//
//go:linkname timeSleepUntil runtime.timeSleepUntil
func timeSleepUntil() int64

// newJump returns what moves the clock to the next timer if nothing can run, and tells
// whether something may still run some time.
func newJump() func() bool {
	// The one that asks runs, and is not counted.
	ready := []metrics.Sample{
		{Name: "/sched/goroutines/runnable:goroutines"},
		{Name: "/sched/goroutines/not-in-go:goroutines"},
	}
	return func() bool {
		metrics.Read(ready)
		if ready[0].Value.Uint64() > 0 {
			return true
		}
		if ready[1].Value.Uint64() > 0 {
			pause()
			return true
		}

		next := timeSleepUntil()
		if next == math.MaxInt64 {
			return false
		}
		faketime = max(faketime, next)
		return true
	}
}

// pause waits by the machine's clock, while a goroutine waits for a system call.
func pause() {
	const while = 20 * time.Microsecond
	t := unix.NsecToTimespec(int64(while))
	// Not by the runtime, which would sleep by the virtual clock.
	_ = unix.Nanosleep(&t, nil)
}
