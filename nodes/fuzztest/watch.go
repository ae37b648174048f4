package fuzztest

import (
	"flag"
	"fmt"
	"runtime/debug"
	"runtime/metrics"
	"syscall"
	"time"
)

const (
	// most is what an input may take, in bytes: all that is allocated for it, whether or
	// not that is given back meanwhile. What it holds at a time is never more.
	most = 256 << 20

	// wait is how long an input that takes no time of a processor may last: it waits for
	// what does not come. The fuzzer itself gives up after 10 s.
	wait = time.Minute

	// patience is by how much more time of the processors an input may take where the
	// fuzzer does not try inputs one by one.
	patience = 10

	// look is how often is looked at an input that has not ended.
	look = 250 * time.Millisecond
)

// T is what is watched: of a *testing.T what this package needs.
type T interface {
	Helper()
	Cleanup(end func())
	Errorf(format string, args ...any)
}

// Watch fails t where more than 256 MB of memory, or more than the given time of the
// processors, is taken between this call and its end, by whatever runs in this process. An
// input that does not end is ended: the process panics, with the stacks of all goroutines,
// soon after the time is over, or after a minute without work.
//
// The time is that of an input under the flag -fuzz. Without it inputs run beside other
// tests of the package, whose time counts, too, and on a machine that does more than this;
// the race detector makes all slower. Then an input may take ten times as much.
func Watch(t T, processors time.Duration) {
	t.Helper()
	fuzz := flag.Lookup("test.fuzz")
	if raced || fuzz == nil || fuzz.Value.String() == "" {
		processors *= patience
	}
	within(t, processors)
}

// within is Watch with the time as it is given.
func within(t T, processors time.Duration) {
	t.Helper()
	w := watch{from: spent(), began: time.Now(), processors: processors}
	ended := make(chan struct{})
	go w.endless(ended)

	t.Cleanup(func() {
		close(ended)
		took := w.took()
		if took.processors > processors {
			t.Errorf("the input took %v of the processors, of at most %v", took.processors, processors)
		}
		if took.memory > most {
			t.Errorf("the input took %d MB of memory, of at most %d MB", took.memory>>20, most>>20)
		}
	})
}

// watch is of one input.
type watch struct {
	from       effort
	began      time.Time
	processors time.Duration // how much of it an input may take
}

// endless panics where the input has not ended when it should have.
func (w watch) endless(ended <-chan struct{}) {
	ticks := time.NewTicker(look)
	defer ticks.Stop()
	for {
		select {
		case <-ended:
			return
		case <-ticks.C:
		}

		// Of the two an input that ends in the meantime says it better itself.
		took, lasted := w.took(), time.Since(w.began)
		if took.processors > w.processors+2*look || lasted > wait {
			debug.SetTraceback("all")
			panic(fmt.Sprintf("the input has not ended after %v, %v of the processors and %d MB of memory",
				lasted.Round(time.Millisecond), took.processors.Round(time.Millisecond), took.memory>>20))
		}
	}
}

// took returns what was taken since the start.
func (w watch) took() effort {
	now := spent()
	return effort{processors: now.processors - w.from.processors, memory: now.memory - w.from.memory}
}

// effort is what a process has taken so far: time of its processors, and bytes of memory,
// whether or not they were given back.
type effort struct {
	processors time.Duration
	memory     uint64
}

// spent returns the effort of this process.
func spent() effort {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)

	// The call fails for a wrong argument only.
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return effort{
		processors: time.Duration(usage.Utime.Nano() + usage.Stime.Nano()),
		memory:     sample[0].Value.Uint64(),
	}
}
