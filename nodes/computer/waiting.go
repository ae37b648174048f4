package computer

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"edgebed/nodes/direct"
	"edgebed/nodes/processor"
	"edgebed/nodes/wire"
)

// waitingTable holds the early arrivals of the direct form: outputs and states
// that came for tasks that still miss others (the yield of paper Sec. 5.3). An
// execution is remembered until its deadline, so that what comes late is refused
// instead of waiting for what will not come.
type waitingTable struct {
	mu         sync.Mutex
	closed     bool
	executions map[string]*directExecution // by UUID
}

// directExecution is what a computer knows of one execution.
type directExecution struct {
	waiting map[int]*directTask // by index
	// over holds the tasks that have all they need, and run or have run.
	over map[int]bool
	// failed is why nothing of the execution is accepted any more.
	failed error
	until  time.Time
}

// directTask is a task of the direct form with what has arrived for it.
type directTask struct {
	course *direct.Course
	index  int
	inputs map[int]string // by predecessor
	states map[string]*wire.State
	// arrived holds the senders whose messages are here, senders all.
	arrived map[int]bool
	senders []int
	hops    uint32
	// deadline is the earliest that the messages told.
	deadline time.Time
	timer    *time.Timer // nil once the task is complete
}

// errAbandoned is why messages of an execution are refused after Abandon.
var errAbandoned = errors.New("the client has ended the execution")

func newWaitingTable() waitingTable {
	return waitingTable{executions: make(map[string]*directExecution)}
}

// arrive adds a message. It returns the task where this one completes it, and
// nil where the task has to wait. One that is not complete at its deadline is
// taken out and given to expired, which is called under the table's lock.
func (w *waitingTable) arrive(m *direct.Message, expired func(*directTask)) (*directTask, error) {
	now := time.Now()
	deadline := now.Add(m.Remaining)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil, processor.ErrClosed
	}

	ex := w.executions[m.UUID]
	switch {
	case ex == nil:
		ex = &directExecution{waiting: make(map[int]*directTask), over: make(map[int]bool), until: deadline}
		w.executions[m.UUID] = ex
	case ex.failed != nil:
		return nil, fmt.Errorf("accept message for %s: the execution failed: %w", m.Label(m.Index), ex.failed)
	case ex.over[m.Index]:
		return nil, fmt.Errorf("accept message for %s: it has all its messages already", m.Label(m.Index))
	}
	if deadline.After(ex.until) {
		ex.until = deadline
	}

	t := ex.waiting[m.Index]
	if t == nil {
		t = newDirectTask(m, deadline)
	}
	if t.arrived[m.Sender] {
		return nil, fmt.Errorf("accept message for %s: the one from %s came twice", m.Label(m.Index), m.Label(m.Sender))
	}
	earlier := t.add(m, deadline)
	if len(t.arrived) == len(t.senders) {
		delete(ex.waiting, t.index)
		ex.over[t.index] = true
		t.stop()
		return t, nil
	}

	// The task waits, until the earliest deadline of its messages at most.
	ex.waiting[t.index] = t
	switch {
	case t.timer == nil:
		t.timer = time.AfterFunc(t.deadline.Sub(now), func() { w.expire(t, expired) })
	case earlier:
		t.timer.Reset(t.deadline.Sub(now))
	}
	return nil, nil
}

func newDirectTask(m *direct.Message, deadline time.Time) *directTask {
	return &directTask{
		course: m.Course, index: m.Index,
		inputs: make(map[int]string), states: make(map[string]*wire.State),
		arrived: make(map[int]bool), senders: m.Senders(m.Index),
		deadline: deadline,
	}
}

// add takes over what a message brings, and tells whether the message's deadline
// is earlier than those of the messages before it.
func (t *directTask) add(m *direct.Message, deadline time.Time) (earlier bool) {
	t.arrived[m.Sender] = true
	if m.Argument {
		t.inputs[m.Sender] = m.Input
	}
	for name, s := range m.States {
		t.states[name] = s
	}
	t.hops = max(t.hops, m.Hops)

	earlier = deadline.Before(t.deadline)
	if earlier {
		t.deadline = deadline
	}
	return earlier
}

func (t *directTask) stop() {
	if t.timer != nil {
		t.timer.Stop()
		t.timer = nil
	}
}

// expire takes out a task whose deadline has come, and its execution's others.
func (w *waitingTable) expire(t *directTask, expired func(*directTask)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	ex := w.executions[t.course.UUID]
	if w.closed || ex == nil || ex.waiting[t.index] != t {
		return
	}
	ex.fail(t.missing())
	expired(t)
}

// fail refuses all further messages of an execution and drops what waits. The
// first reason stays.
func (w *waitingTable) fail(uuid string, cause error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if ex := w.executions[uuid]; ex != nil && ex.failed == nil {
		ex.fail(cause)
	}
}

func (ex *directExecution) fail(cause error) {
	ex.failed = cause
	for _, index := range slices.Sorted(maps.Keys(ex.waiting)) {
		ex.waiting[index].stop()
	}
	clear(ex.waiting)
}

// missing says what a task waits for.
func (t *directTask) missing() error {
	var list []string
	for _, s := range t.senders {
		if t.arrived[s] {
			continue
		}

		var what []string
		if slices.Contains(t.course.Predecessors(t.index), s) {
			what = append(what, "the argument")
		}
		for _, state := range t.course.Handed(s, t.index) {
			what = append(what, "state "+state)
		}
		list = append(list, fmt.Sprintf("%s from %s", strings.Join(what, " and "), t.course.Label(s)))
	}
	return fmt.Errorf("at the execution's deadline %d of %d messages were here, and not %s",
		len(t.arrived), len(t.senders), strings.Join(list, ", "))
}

// forget drops the executions whose deadlines have passed. Their waiting tasks
// have timers of their own.
func (w *waitingTable) forget(now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for uuid, ex := range w.executions {
		if len(ex.waiting) == 0 && now.After(ex.until) {
			delete(w.executions, uuid)
		}
	}
}

// drop refuses all further messages of every execution that is known, drops what
// waits, and returns how many tasks that were.
func (w *waitingTable) drop() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, uuid := range slices.Sorted(maps.Keys(w.executions)) {
		ex := w.executions[uuid]
		n += len(ex.waiting)
		if ex.failed == nil {
			ex.fail(errAbandoned)
		}
	}
	return n
}

// len returns the number of tasks that wait.
func (w *waitingTable) len() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, ex := range w.executions {
		n += len(ex.waiting)
	}
	return n
}

// close drops everything and refuses what still comes.
func (w *waitingTable) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	for _, uuid := range slices.Sorted(maps.Keys(w.executions)) {
		w.executions[uuid].fail(processor.ErrClosed)
	}
	clear(w.executions)
}
