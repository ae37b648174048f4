//go:build faketime

package virtual

import (
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// BenchmarkJump lets the clock jump from timer to timer among as many goroutines as an
// experiment has, which wait, and tells the processor time of a jump that the runtime makes
// and of one that the jumper makes. It fails where the jumper's is more than half of it.
func BenchmarkJump(b *testing.B) {
	runtime.GOMAXPROCS(1)
	const waiting = 500
	over := make(chan struct{})
	defer close(over)
	for range waiting {
		go func() { <-over }()
	}

	for b.Loop() {
		byRuntime := jumps(b)
		j := startJumper()
		byJumper := jumps(b)
		j.stop()

		ratio := byJumper.Seconds() / byRuntime.Seconds()
		tell("a jump of the clock with %d goroutines: the runtime %v, the jumper %v, %.2f of it\n",
			waiting, byRuntime, byJumper, ratio)
		if ratio > 0.5 {
			b.Errorf("the jumper takes %.2f of the runtime's time, want half at most", ratio)
		}
	}
}

// jumps returns the processor time of one of many jumps.
func jumps(b *testing.B) time.Duration {
	const times, each = 20_000, 20 * time.Millisecond
	began, start := time.Now(), used(b)
	for range times {
		time.Sleep(each)
	}
	if passed := time.Since(began); passed != times*each {
		b.Errorf("%v passed, want %v", passed, times*each)
	}
	return (used(b) - start) / times
}

// used is the processor time of this process, which no virtual clock shows.
func used(b *testing.B) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// tell writes a line past the runtime, which puts headers before what goes to the usual
// streams.
func tell(format string, args ...any) {
	if fd, err := unix.Dup(unix.Stderr); err == nil {
		f := os.NewFile(uintptr(fd), "stderr")
		fmt.Fprintf(f, format, args...)
		f.Close()
	}
}
