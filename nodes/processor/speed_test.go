package processor

import (
	"testing"

	"edgebed/nodes/clock/clocktest"
)

// TestSetSpeed: what is left of running tasks, and what comes, follows the speed.
func TestSetSpeed(t *testing.T) {
	clock := &clocktest.Clock{}
	e := NewEngine("test", unitSpec(1, 2, 1000, "f"), clock)
	submit := func(input int) *Task {
		task, err := e.Submit("f", input)
		if err != nil {
			t.Fatal(err)
		}
		return task
	}

	first := submit(10)
	clock.Advance(5 * ms)
	e.SetSpeed(0.5) // 5 ms are left: 10 at half speed
	clock.Advance(10 * ms)
	<-first.Done()
	second := submit(10)
	clock.Advance(10 * ms)
	e.SetSpeed(2) // 5 ms are left: 2.5 at double speed
	clock.Advance(10 * ms)
	<-second.Done()
	if first.Ran() != 15*ms || second.Ran() != 12500*ms/1000 {
		t.Errorf("tasks ran for %v and %v, want 15 ms and 12.5 ms", first.Ran(), second.Ran())
	}
	e.SetSpeed(1)
	e.Close()
	e.SetSpeed(3) // nothing runs any more
}
