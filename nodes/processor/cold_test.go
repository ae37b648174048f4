package processor

import (
	"testing"
	"time"

	"edgebed/nodes/clock/clocktest"
)

// coldSpec is unitSpec whose containers start in 100 ms and go after 50.
func coldSpec(cores, workers int) Spec {
	s := unitSpec(cores, workers, 1000, "f")
	s.Containers[0].ColdStart, s.Containers[0].KeepWarm = 100*ms, 50*ms
	return s
}

// TestColdStart: a task that finds no idle instance waits for a new one, which then is
// there for the next, until it was idle for too long.
func TestColdStart(t *testing.T) {
	for _, late := range []bool{false, true} {
		clock := &clocktest.Clock{}
		e := NewEngine("test", coldSpec(2, 4), clock)
		var tasks []*Task
		for _, at := range []time.Duration{
			0, 0, // both cold, side by side: done at 110
			115 * ms, 116 * ms, // both warm
			117 * ms, // a third at once: cold, done at 227
			// The two others were left at 125 and 126, so that at 230 only the third is warm.
			230 * ms, 231 * ms,
			1000 * ms, // all are gone
		} {
			if late {
				clock.Jump(at - clock.Now())
			} else {
				clock.Advance(at - clock.Now())
			}
			task, err := e.Submit("f", 10)
			if err != nil {
				t.Fatal(err)
			}
			tasks = append(tasks, task)
		}
		clock.Advance(time.Second)

		for i, want := range []time.Duration{100, 100, 0, 0, 100, 0, 100, 100} {
			<-tasks[i].Done()
			if tasks[i].Waited() != want*ms || tasks[i].Ran() != 10*ms || !tasks[i].Completed() {
				t.Errorf("late %t: task %d waited %v and ran %v, want %d ms and 10 ms", late, i, tasks[i].Waited(), tasks[i].Ran(), want)
			}
		}
		e.Close()
	}
}

// TestColdStartTakesNoProcessor: a task whose instance starts does not slow others down,
// and has a worker: the next one waits for it.
func TestColdStartTakesNoProcessor(t *testing.T) {
	clock := &clocktest.Clock{}
	spec := unitSpec(1, 1, 1000, "f", "g")
	spec.Containers[0].ColdStart, spec.Containers[0].KeepWarm = 100*ms, time.Hour
	e := NewEngine("test", spec, clock)
	submit := func(function string, input int) *Task {
		task, err := e.Submit(function, input)
		if err != nil {
			t.Fatal(err)
		}
		return task
	}
	cold, next, other := submit("f", 10), submit("f", 10), submit("g", 50)
	if running, queued := e.Counts(); running != 2 || queued != 1 {
		t.Errorf("%d run or start, %d wait", running, queued)
	}
	clock.Advance(time.Second)
	if other.Ran() != 50*ms || cold.Waited() != 100*ms || next.Waited() != 110*ms {
		t.Errorf("the other ran %v; the cold one waited %v, the next %v", other.Ran(), cold.Waited(), next.Waited())
	}

	left := submit("f", 100)
	e.Close()
	<-left.Done()
}
