package clock

import (
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func startThread(t testing.TB) *Thread {
	t.Helper()
	thread, err := NewThread()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { thread.Close() })
	return thread
}

func TestThreadOrderAndNeverEarly(t *testing.T) {
	thread := startThread(t)
	type ring struct{ planned, rang time.Duration }
	rings := make(chan ring, 100)
	now := thread.Now()
	var want []time.Duration
	for _, i := range []int{7, 3, 9, 1, 5, 0, 2, 8, 6, 4} {
		at := now + time.Duration(i)*2*time.Millisecond
		want = append(want, at)
		thread.NewAlarm(func() { rings <- ring{at, thread.Now()} }).Set(at)
	}
	slices.Sort(want)
	for _, at := range want {
		got := receive(t, rings, "alarm")
		if got.planned != at {
			t.Errorf("alarm for %v rang, want the one for %v", got.planned, at)
		}
		if got.rang < got.planned {
			t.Errorf("alarm for %v rang early, at %v", got.planned, got.rang)
		}
	}
}

func TestThreadSetReplacesAndStopDrops(t *testing.T) {
	thread := startThread(t)
	rang := make(chan string, 10)
	replaced := thread.NewAlarm(func() { rang <- "replaced" })
	replaced.Set(thread.Now() + time.Hour)
	stopped := thread.NewAlarm(func() { rang <- "stopped" })
	stopped.Set(thread.Now() + 5*time.Millisecond)
	stopped.Stop()
	stopped.Stop()
	replaced.Set(thread.Now() + 20*time.Millisecond) // after stopped would have rung
	if got := receive(t, rang, "alarm"); got != "replaced" {
		t.Errorf("%s rang first", got)
	}
	// An alarm can be set again, also from its own ring.
	var again Alarm
	n := 0
	again = thread.NewAlarm(func() {
		if n++; n < 3 {
			again.Set(0)
		} else {
			rang <- "again"
		}
	})
	again.Set(0)
	if got := receive(t, rang, "alarm"); got != "again" {
		t.Errorf("%s rang", got)
	}
}

func TestThreadConcurrentSet(t *testing.T) {
	thread := startThread(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			rang := make(chan bool, 1)
			alarm := thread.NewAlarm(func() { rang <- true })
			for i := range 50 {
				alarm.Set(thread.Now() + time.Duration(i%3)*100*time.Microsecond)
				select {
				case <-rang:
				case <-time.After(10 * time.Second):
					t.Error("an alarm did not ring")
					return
				}
			}
		})
	}
	wg.Wait()
}

// The OS thread is gone after Close, and plans with it.
func TestThreadEnds(t *testing.T) {
	for range 5 {
		thread, err := NewThread()
		if err != nil {
			t.Fatal(err)
		}
		tid := make(chan int, 1)
		alarm := thread.NewAlarm(func() { tid <- unix.Gettid() })
		alarm.Set(0)
		id := receive(t, tid, "thread id")
		alarm.Set(thread.Now() + time.Hour)
		for range 2 {
			if err := thread.Close(); err != nil {
				t.Error(err)
			}
		}
		alarm.Set(0) // nobody is there to ring it
		if id == os.Getpid() {
			continue // the runtime never ends the first thread
		}
		eventually(t, fmt.Sprintf("thread %d ends", id), func() bool {
			_, err := os.Stat(fmt.Sprintf("/proc/self/task/%d", id))
			return os.IsNotExist(err)
		})
	}
}

// BenchmarkAlarm tells how late alarms are, beside Go's own sleep.
func BenchmarkAlarm(b *testing.B) {
	const wait = 1100 * time.Microsecond
	report := func(b *testing.B, late []time.Duration) {
		slices.Sort(late)
		b.ReportMetric(float64(late[len(late)/2])/1e3, "p50-late-us")
		b.ReportMetric(float64(late[len(late)*9/10])/1e3, "p90-late-us")
	}
	b.Run("Thread", func(b *testing.B) {
		thread := startThread(b)
		rang := make(chan time.Duration)
		alarm := thread.NewAlarm(func() { rang <- thread.Now() })
		var late []time.Duration
		for b.Loop() {
			at := thread.Now() + wait
			alarm.Set(at)
			late = append(late, <-rang-at)
		}
		report(b, late)
	})
	b.Run("time.Sleep", func(b *testing.B) {
		var late []time.Duration
		for b.Loop() {
			start := time.Now()
			time.Sleep(wait)
			late = append(late, time.Since(start)-wait)
		}
		report(b, late)
	})
}

// receive waits for a value; the test fails where none comes.
func receive[T any](t testing.TB, ch <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(10 * time.Second):
		t.Fatalf("no %s came", what)
		panic("unreachable")
	}
}

// eventually waits until a condition holds; the test fails where it does not.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never happened: %s", what)
		}
	}
}
