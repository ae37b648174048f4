package processor

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"edgebed/nodes/clock/clocktest"
	"edgebed/nodes/units"
)

const ms = time.Millisecond

// unitSpec is one processor of 1000 ops/s per core, so that an input byte is a
// millisecond of one core and, where memory is true, a byte of memory.
func unitSpec(cores, workers int, memory units.Size, functions ...string) Spec {
	s := Spec{Processors: []Processor{{Name: "cpu", Type: GenericCPU, Speed: 1000, Cores: cores, Memory: memory}}}
	for _, f := range functions {
		s.Containers = append(s.Containers, Container{
			Name: f, Processor: "cpu", Workers: workers,
			Lambda: Lambda{Name: f, Output: CopyInput, OpCoeff: 1, MemCoeff: 1},
		})
	}
	return s
}

func TestProcessorSharing(t *testing.T) {
	type arrival struct {
		at       time.Duration
		function string
		input    int
		// done is when it must be complete.
		done time.Duration
	}
	for _, test := range []struct {
		name     string
		spec     Spec
		arrivals []arrival
	}{
		{"alone", unitSpec(2, 2, 1000, "f"), []arrival{{0, "f", 10, 10 * ms}}},
		{"a core each", unitSpec(2, 2, 1000, "f"), []arrival{{0, "f", 10, 10 * ms}, {0, "f", 20, 20 * ms}}},
		// Three tasks on two cores get 2/3 of a core each.
		{"sharing", unitSpec(2, 3, 1000, "f"), []arrival{
			{0, "f", 10, 15 * ms}, {0, "f", 10, 15 * ms}, {0, "f", 10, 15 * ms},
		}},
		// After 20 ms of sharing the first has 0 ms left and the second 10.
		{"speed-up at a completion", unitSpec(1, 2, 1000, "f"), []arrival{{0, "f", 10, 20 * ms}, {0, "f", 20, 30 * ms}}},
		{"slow-down at an arrival", unitSpec(1, 2, 1000, "f"), []arrival{{0, "f", 10, 15 * ms}, {5 * ms, "f", 10, 20 * ms}}},
		{"containers share a processor", unitSpec(1, 1, 1000, "f", "g"), []arrival{{0, "f", 10, 20 * ms}, {0, "g", 10, 20 * ms}}},
		{"first in, first out", unitSpec(2, 1, 1000, "f"), []arrival{
			{0, "f", 10, 10 * ms}, {0, "f", 5, 15 * ms}, {0, "f", 1, 16 * ms}, {12 * ms, "f", 1, 17 * ms},
		}},
		// The queue of f does not hold up g; g's task makes no difference to f on
		// two cores.
		{"queues are per container", unitSpec(2, 1, 1000, "f", "g"), []arrival{
			{0, "f", 10, 10 * ms}, {0, "f", 10, 20 * ms}, {2 * ms, "g", 3, 5 * ms},
		}},
		{"no operations", unitSpec(1, 1, 1000, "f"), []arrival{{7 * ms, "f", 0, 7 * ms}}},
		{"no operations, queued", unitSpec(1, 1, 1000, "f"), []arrival{{0, "f", 4, 4 * ms}, {1 * ms, "f", 0, 4 * ms}}},
		// 60 + 50 bytes do not fit in 100: the second waits for memory, though its
		// container is idle; the end of a task of the other container starts it.
		{"memory across containers", unitSpec(2, 2, 100, "f", "g"), []arrival{{0, "f", 60, 60 * ms}, {10 * ms, "g", 50, 110 * ms}}},
		{"memory in order", unitSpec(4, 4, 100, "f"), []arrival{
			{0, "f", 60, 60 * ms}, {0, "f", 50, 110 * ms}, {1 * ms, "f", 10, 70 * ms},
		}},
		// Both wait for memory; the one that came first starts first, whatever the
		// order of containers.
		{"memory by arrival", unitSpec(2, 2, 100, "g", "f", "h"), []arrival{
			{0, "h", 90, 90 * ms}, {1 * ms, "f", 60, 150 * ms}, {2 * ms, "g", 60, 210 * ms},
		}},
		{"idle between", unitSpec(1, 1, 1000, "f"), []arrival{{0, "f", 10, 10 * ms}, {50 * ms, "f", 10, 60 * ms}}},
	} {
		for _, late := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/late=%v", test.name, late), func(t *testing.T) {
				clock := &clocktest.Clock{}
				e := NewEngine("test", test.spec, clock)
				tasks := make([]*Task, len(test.arrivals))
				for i, a := range test.arrivals {
					if late {
						clock.Jump(a.at - clock.Now())
					} else {
						clock.Advance(a.at - clock.Now())
					}
					var err error
					if tasks[i], err = e.Submit(a.function, a.input); err != nil {
						t.Fatal(err)
					}
				}
				if late {
					clock.Jump(time.Second)
				} else {
					clock.Advance(time.Second)
				}
				for i, a := range test.arrivals {
					select {
					case <-tasks[i].done:
					default:
						t.Errorf("task %d is not complete", i)
						continue
					}
					if got := tasks[i].completed; absDuration(got-a.done) > 100*time.Nanosecond {
						t.Errorf("task %d completed at %v, want %v", i, got, a.done)
					}
				}
				if running, queued := e.Counts(); running != 0 || queued != 0 {
					t.Errorf("%d running, %d queued at the end", running, queued)
				}
			})
		}
	}
}

func absDuration(d time.Duration) time.Duration { return max(d, -d) }

// A task is told complete when its time has come, not before.
func TestCompletionIsTold(t *testing.T) {
	clock := &clocktest.Clock{}
	e := NewEngine("test", unitSpec(1, 1, 1000, "f"), clock)
	task, err := e.Submit("f", 10)
	if err != nil {
		t.Fatal(err)
	}
	clock.Advance(10*ms - 1)
	select {
	case <-task.done:
		t.Fatal("complete 1 ns early")
	default:
	}
	clock.Advance(1)
	select {
	case <-task.done:
	default:
		t.Fatal("not complete")
	}
}

func TestMemoryBeyondProcessor(t *testing.T) {
	e := NewEngine("test", unitSpec(1, 1, 100, "f"), &clocktest.Clock{})
	if _, err := e.Submit("f", 101); err == nil || !strings.Contains(err.Error(), "101 bytes of memory") {
		t.Errorf("submit = %v, want an error that says how much memory", err)
	}
	if _, _, err := e.Expected("f", 101); err == nil {
		t.Error("estimate gave no error")
	}
	if _, err := e.Submit("f", 100); err != nil {
		t.Errorf("a task of exactly the processor's memory: %v", err)
	}
	if _, err := e.Submit("g", 1); err == nil || !strings.Contains(err.Error(), "no container for function g") {
		t.Errorf("submit of an unknown function = %v", err)
	}
}

func TestEngineClose(t *testing.T) {
	clock := &clocktest.Clock{}
	e := NewEngine("test", unitSpec(1, 1, 100, "f"), clock)
	running, _ := e.Submit("f", 10)
	queued, _ := e.Submit("f", 10)
	e.Close()
	for _, task := range []*Task{running, queued} {
		<-task.done
		if task.ok {
			t.Error("a task that was cut off counts as completed")
		}
	}
	if _, err := e.Submit("f", 1); err != ErrClosed {
		t.Errorf("submit after close = %v, want %v", err, ErrClosed)
	}
	clock.Advance(time.Second) // rings nothing that is closed
}

// The estimates are the prototype's (Edge/container.cpp, simulate).
func TestEstimate(t *testing.T) {
	for _, test := range []struct {
		name    string
		spec    Spec
		present []string // functions of tasks of 10 ms
		want    time.Duration
	}{
		{"idle", unitSpec(1, 1, 1000, "f"), nil, 5 * ms},
		{"a free worker on a busy core", unitSpec(1, 2, 1000, "f"), []string{"f"}, 10 * ms},
		{"a free worker and core", unitSpec(2, 2, 1000, "f"), []string{"f"}, 5 * ms},
		{"busy with another function", unitSpec(1, 1, 1000, "f", "g"), []string{"g"}, 10 * ms},
		{"no free worker", unitSpec(1, 1, 1000, "f"), []string{"f"}, 15 * ms},
		{"a queue", unitSpec(1, 1, 1000, "f"), []string{"f", "f"}, 25 * ms},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := NewEngine("test", test.spec, &clocktest.Clock{})
			for _, f := range test.present {
				if _, err := e.Submit(f, 10); err != nil {
					t.Fatal(err)
				}
			}
			got, _, err := e.Expected("f", 5)
			if err != nil || absDuration(got-test.want) > 100 {
				t.Errorf("estimate = %v, %v, want %v", got, err, test.want)
			}
		})
	}
}

func TestLoads(t *testing.T) {
	clock := &clocktest.Clock{}
	e := NewEngine("test", unitSpec(2, 4, 1e6, "f"), clock)
	loads := func() [3]uint32 {
		_, loads, err := e.Expected("f", 1)
		if err != nil {
			t.Fatal(err)
		}
		return loads
	}
	if got := loads(); got != [3]uint32{} {
		t.Errorf("loads before the first sample: %v", got)
	}
	second := func(tasks ...int) {
		for _, input := range tasks {
			if _, err := e.Submit("f", input); err != nil {
				t.Fatal(err)
			}
		}
		clock.Advance(time.Second)
		e.Sample()
	}
	second(500) // half of one core of two
	if got, want := loads(), [3]uint32{25, 25, 25}; got != want {
		t.Errorf("loads = %v, want %v", got, want)
	}
	second(500, 500, 500, 500) // all cores
	if got, want := loads(), [3]uint32{100, 63, 63}; got != want {
		t.Errorf("loads = %v, want %v", got, want)
	}
	for range 10 {
		second()
	}
	if got, want := loads(), [3]uint32{0, 0, 10}; got != want { // 125/12
		t.Errorf("loads = %v, want %v", got, want)
	}
	for range 30 {
		second()
	}
	if got := loads(); got != [3]uint32{} {
		t.Errorf("loads after 30 idle seconds: %v", got)
	}
}

// Whatever arrives, the processor gives away exactly what it has: a task never
// gets more than a core, work is conserved, no container runs more tasks than
// it has workers, memory is never exceeded, tasks of a container start in
// order, and everything ends.
func TestProcessorProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cores := rapid.IntRange(1, 4).Draw(t, "cores")
		workers := rapid.IntRange(1, 3).Draw(t, "workers")
		spec := unitSpec(cores, workers, 100, "f", "g", "h")
		clock := &clocktest.Clock{}
		e := NewEngine("test", spec, clock)
		p := e.processors[0]

		var tasks []*Task
		total := 0.0
		for range rapid.IntRange(1, 30).Draw(t, "tasks") {
			clock.Advance(time.Duration(rapid.IntRange(0, 40).Draw(t, "gap")) * ms)
			input := rapid.IntRange(0, 100).Draw(t, "input")
			task, err := e.Submit(rapid.SampledFrom([]string{"f", "g", "h"}).Draw(t, "function"), input)
			if err != nil {
				t.Fatal(err)
			}
			tasks = append(tasks, task)
			total += float64(input)
			checkBounds(t, p)
		}
		for range 10000 {
			if running, queued := e.Counts(); running+queued == 0 {
				break
			}
			next := p.next()
			if next == never {
				t.Fatal("tasks wait and none runs")
			}
			clock.Advance(next - clock.Now())
			checkBounds(t, p)
		}
		end := clock.Now()
		for i, task := range tasks {
			if !task.ok {
				t.Fatalf("task %d never completed", i)
			}
			if least := time.Duration(task.ops) * ms; task.completed-task.submitted < least-time.Microsecond {
				t.Errorf("task %d of %v took %v", i, least, task.completed-task.submitted)
			}
		}
		// The cores were busy for as long as the operations need: busy counts
		// running tasks, which each get at most a core.
		if p.busy*1000 < total*(1-1e-6)-1e-3 {
			t.Errorf("%v ms of running for %v ms of work", p.busy*1000, total)
		}
		if float64(end/ms)*float64(cores) < math.Floor(total)-1 {
			t.Errorf("%v ms of work done by %d cores in %v", total, cores, end)
		}
	})
}

func checkBounds(t *rapid.T, p *processor) {
	used := 0.0
	for _, r := range p.running {
		used += r.memory
	}
	if used != p.used || used > float64(p.Memory) {
		t.Fatalf("running tasks use %v bytes, counted %v, of %d", used, p.used, p.Memory)
	}
	for _, c := range p.containers {
		if c.active > c.Workers {
			t.Fatalf("%d tasks on %d workers", c.active, c.Workers)
		}
		for i := 1; i < len(c.pending); i++ {
			if c.pending[i-1].seq > c.pending[i].seq {
				t.Fatal("queue out of order")
			}
		}
		if len(c.pending) > 0 {
			if p.fits(c.pending[0]) {
				t.Fatal("a task waits though it fits")
			}
			for _, r := range p.running {
				if r.container == c && r.seq > c.pending[0].seq {
					t.Fatal("a task has overtaken another of its container")
				}
			}
		}
	}
}
