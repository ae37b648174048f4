package foreign

import (
	"errors"
	"slices"
	"time"

	"edgebed/nodes/units"
	"edgebed/nodes/workflow"
	"edgebed/nodes/yamlfile"
)

// unsaid is a size or a time that the file does not say.
const unsaid = -1

// Names of the tasks that join several first and several last ones.
const (
	startTask = "start"
	endTask   = "end"
)

// draft is a workflow as a file has it.
type draft struct {
	// at is the place of the workflow.
	at    yamlfile.Pos
	tasks []task
	// input is the size of what the first tasks read; unsaid where the file has no
	// sizes.
	input units.Size
	// states by name, their users by the tasks' indices.
	states map[string]units.Size
	users  map[string][]int
	// order of users where it is given, anyOrder the states where it does not matter.
	order    map[string][]int
	anyOrder []string
}

// task is a task of a draft.
type task struct {
	at   yamlfile.Pos
	name string
	// after holds the indices of the tasks before it.
	after  []int
	output units.Size
	time   time.Duration
	// reads is how much it needs of the tasks before it, by their indices, where that
	// is not all; fromStart what it needs of a start.
	reads map[int]units.Size
}

// fromStart is the place of the start among what a task reads.
const fromStart = -1

// read notes how much a task needs of one before it.
func (t *task) read(before int, size units.Size) {
	if t.reads == nil {
		t.reads = map[int]units.Size{}
	}
	t.reads[before] = size
}

// sent is how much a task of the graph sends to another; unsaid for all that it puts out.
func (d *draft) sent(from, to int, output units.Size) units.Size {
	if to == len(d.tasks)+1 {
		return unsaid
	}
	size, ok := d.tasks[to-1].reads[from-1]
	if !ok || size >= output {
		return unsaid
	}
	return size
}

// build returns the workflow: its tasks in topological order, with a start and an end
// where there are several first and last ones.
func (d *draft) build() (*workflow.Workflow, error) {
	if err := d.check(); err != nil {
		return nil, err
	}

	// With both ends at first; the first task is at 1.
	n := len(d.tasks)
	next := make([][]int, n+1)
	for i, t := range d.tasks {
		if len(t.after) == 0 {
			next[0] = append(next[0], i+1)
		}
		for _, before := range t.after {
			next[before+1] = append(next[before+1], i+1)
		}
	}
	var last []int
	for i := 1; i <= n; i++ {
		if len(next[i]) == 0 {
			next[i] = []int{n + 1}
			last = append(last, i)
		}
	}

	graph := &workflow.Workflow{Functions: d.functions(), Successors: next}
	order, err := graph.TopologicalOrder()
	var cycle *workflow.CycleError
	if errors.As(err, &cycle) {
		return nil, d.tasks[cycle.Path[0]-1].at.Errorf("%w", err)
	} else if err != nil {
		return nil, d.at.Errorf("%w", err)
	}

	// One first task, or one last, is the entry, or the exit, itself.
	if len(next[0]) == 1 {
		order = slices.DeleteFunc(order, func(i int) bool { return i == 0 })
	}
	if len(last) == 1 {
		order = slices.DeleteFunc(order, func(i int) bool { return i == n+1 })
	}

	return d.ordered(graph, order, last), nil
}

// functions returns the tasks' names between those of a start and an end, which
// differ from them.
func (d *draft) functions() []string {
	taken := map[string]bool{}
	for _, t := range d.tasks {
		taken[t.name] = true
	}
	free := func(name string) string {
		for taken[name] {
			name = "_" + name
		}
		return name
	}

	names := []string{free(startTask)}
	for _, t := range d.tasks {
		names = append(names, t.name)
	}
	return append(names, free(endTask))
}

// ordered returns the workflow of a graph's positions in the given order, whose first
// is the entry and whose last is the exit.
func (d *draft) ordered(graph *workflow.Workflow, order, last []int) *workflow.Workflow {
	position := map[int]int{}
	for k, i := range order {
		position[i] = k
	}

	w := &workflow.Workflow{Variant: workflow.Text, StateSizes: d.states, Dependencies: map[string][]string{}}
	chain, parts := true, false
	for k, i := range order {
		w.Functions = append(w.Functions, graph.Functions[i])
		output, t := d.costs(i, last)
		w.Outputs, w.Times = append(w.Outputs, output), append(w.Times, t)
		if k == len(order)-1 {
			break
		}

		next := slices.Clone(graph.Successors[i])
		slices.SortFunc(next, func(a, b int) int { return position[a] - position[b] })
		var successors []int
		var edges []units.Size
		for _, j := range next {
			sent := d.sent(i, j, output)
			successors, edges = append(successors, position[j]), append(edges, sent)
			parts = parts || sent >= 0
		}
		chain = chain && len(successors) == 1 && successors[0] == k+1
		w.Successors, w.Sent = append(w.Successors, successors), append(w.Sent, edges)
	}
	if !parts {
		w.Sent = nil
	}
	if chain && !parts {
		w.Successors = nil
	}

	if !slices.ContainsFunc(w.Outputs, func(s units.Size) bool { return s >= 0 }) {
		w.Outputs = nil
	}
	if !slices.ContainsFunc(d.tasks, func(t task) bool { return t.time >= 0 }) {
		w.Times = nil
	}
	d.addStates(w, position)
	return w
}

// addStates gives the workflow the states and the order of their users.
func (d *draft) addStates(w *workflow.Workflow, position map[int]int) {
	w.AnyOrder = d.anyOrder
	for state, users := range d.users {
		w.Dependencies[state] = []string{}
		for _, i := range users {
			w.Dependencies[state] = append(w.Dependencies[state], d.tasks[i].name)
		}
	}
	for state, order := range d.order {
		if w.Order == nil {
			w.Order = map[string][]int{}
		}
		for _, i := range order {
			w.Order[state] = append(w.Order[state], position[i+1])
		}
	}
}

// costs returns the size of the output and the time of a task of the graph. The start
// puts out what the first tasks read, and the end all that comes out.
func (d *draft) costs(i int, last []int) (units.Size, time.Duration) {
	switch i {
	case 0:
		return d.input, 0
	case len(d.tasks) + 1:
		var sum units.Size
		for _, k := range last {
			if d.tasks[k-1].output < 0 {
				return unsaid, 0
			}
			sum += d.tasks[k-1].output
		}
		return sum, 0
	}
	return d.tasks[i-1].output, d.tasks[i-1].time
}

// check refuses what is beyond the limits.
func (d *draft) check() error {
	if n := len(d.tasks); n < 1 || n > MaxTasks {
		return d.at.Errorf("expected 1 to %d tasks, got %d", MaxTasks, n)
	}

	var errs []error
	seen := map[string]yamlfile.Pos{}
	for _, t := range d.tasks {
		first, again := seen[t.name]
		switch {
		case t.name == "" || len(t.name) > maxName:
			errs = append(errs, t.at.Errorf("expected a name of 1 to %d characters, got %d", maxName, len(t.name)))
		case again:
			errs = append(errs, t.at.Errorf("a second task %s; the first one is in line %d", t.name, first.Line))
		}
		seen[t.name] = t.at

		if t.output > MaxSize {
			errs = append(errs, t.at.Errorf("task %s puts out %v, more than the %v that fit into one message; "+
				"make it smaller with size-factor", t.name, t.output, MaxSize))
		}
		if t.time > workflow.MaxTime {
			errs = append(errs, t.at.Errorf("task %s takes %v, more than %v; make it shorter with time-factor",
				t.name, t.time, workflow.MaxTime))
		}
	}
	if d.input > MaxSize {
		errs = append(errs, d.at.Errorf("the first tasks read %v, more than the %v that fit into one message; "+
			"make it smaller with size-factor", d.input, MaxSize))
	}
	return yamlfile.Join(errs...)
}

// scaled multiplies a number of bytes; what is too large stays too large.
func scaled(bytes, factor float64) units.Size { return units.Size(min(bytes*factor, float64(1<<60))) }

// seconds returns a number of seconds as a time; what is too long stays too long.
func seconds(s, factor float64) time.Duration {
	return time.Duration(min(s*factor, 2*workflow.MaxTime.Seconds()) * float64(time.Second))
}
