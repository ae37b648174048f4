package job

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"edgebed/harness/scenario"
	"edgebed/nodes/processor"
	"edgebed/nodes/units"
	"edgebed/nodes/workflow"
	"edgebed/nodes/workflow/foreign"
	"edgebed/nodes/yamlfile"
)

// workflowFiles are the workflows that cells name.
type workflowFiles struct {
	find   func(name string) (data []byte, file string, err error)
	read   map[string]*foreign.File
	broken map[string]bool
	// plain are the workflows of files without factors.
	plain map[string][]*workflow.Workflow
	// digests of the files, by what scenarios call them.
	digests map[string]string
}

// of returns the workflows that a cell's workload names or describes, nil where a
// generator draws them, and where their mistakes have been told.
func (s *workflowFiles) of(cell *scenario.Cell) ([]*workflow.Workflow, error) {
	w := &cell.Workload
	scale := foreign.Scale{Size: w.SizeFactor, Time: w.TimeFactor}
	if w.Workflow != nil {
		one, err := w.Workflow.Workflow(scale)
		if err == nil {
			err = factorEffects(w, []*workflow.Workflow{one}, func() []*workflow.Workflow {
				plain, err := w.Workflow.Workflow(foreign.Scale{})
				if err != nil {
					return nil
				}
				return []*workflow.Workflow{plain}
			})
		}
		if err != nil {
			return nil, err
		}
		return []*workflow.Workflow{one}, nil
	}
	if w.File == "" {
		return nil, nil
	}

	key := fmt.Sprintf("%g %g %s", scale.Size, scale.Time, w.File)
	if s.broken[key] {
		return nil, nil
	}
	if file := s.read[key]; file != nil {
		return file.Workflows, nil
	}
	s.broken[key] = true
	data, name, err := s.find(w.File)
	if err != nil {
		return nil, w.Pos.At("file").Errorf("%w", err)
	}
	file, err := foreign.Read(name, data, scale)
	if err == nil {
		err = factorEffects(w, file.Workflows, func() []*workflow.Workflow { return s.plainOf(w.File, name, data) })
	}
	if err != nil {
		return nil, err
	}

	s.broken[key], s.read[key] = false, file
	if s.digests == nil {
		s.digests = map[string]string{}
	}
	s.digests[w.File] = digest(data)
	return file.Workflows, nil
}

// plainOf returns the workflows of a file without factors, which is read for them once;
// nil where they are none.
func (s *workflowFiles) plainOf(key, name string, data []byte) []*workflow.Workflow {
	list, known := s.plain[key]
	if known {
		return list
	}
	if file, err := foreign.Read(name, data, foreign.Scale{}); err == nil {
		list = file.Workflows
	}
	if s.plain == nil {
		s.plain = map[string][]*workflow.Workflow{}
	}
	s.plain[key] = list
	return list
}

// factorEffects returns an error where a factor of the workload changes nothing in its
// workflows, which plain returns without factors, or nil where nothing can be said.
func factorEffects(w *scenario.Workload, list []*workflow.Workflow, plain func() []*workflow.Workflow) error {
	if w.SizeFactor == 1 && w.TimeFactor == 1 {
		return nil
	}
	without := plain()
	if len(without) != len(list) {
		return nil
	}

	sizes, times := false, false
	for i := range list {
		a, b := *list[i], *without[i]
		times = times || !slices.Equal(a.Times, b.Times)
		a.Times, b.Times = nil, nil
		sizes = sizes || !reflect.DeepEqual(a, b)
	}

	var errs []error
	if w.SizeFactor != 1 && !sizes {
		errs = append(errs, idleFactor(w, "size-factor", "sizes"))
	}
	if w.TimeFactor != 1 && !times {
		errs = append(errs, idleFactor(w, "time-factor", "times"))
	}
	return yamlfile.Join(errs...)
}

// idleFactor says that a factor changes nothing.
func idleFactor(w *scenario.Workload, key, what string) error {
	return w.Pos.At(key).Errorf("it changes nothing: the workflows say no %s; remove it", what)
}

// note adds what decides results, and remarks.
func (s *workflowFiles) note(p *Prepared) {
	for name, d := range s.digests {
		p.Decides["workflow file "+name] = d
	}
	for _, key := range slices.Sorted(maps.Keys(s.read)) {
		for _, r := range s.read[key].Remarks {
			if !slices.Contains(p.Remarks, r) {
				p.Remarks = append(p.Remarks, r)
			}
		}
	}
}

// task is what a workflow from elsewhere says of a task.
type task struct {
	output units.Size
	time   time.Duration // negative where the computer says it
	// parts are what other tasks get of the output, in bytes by their names, where that
	// is not all.
	parts map[string]int
}

// same reports whether two tasks of one name say the same.
func (t task) same(other task) bool {
	return t.output == other.output && t.time == other.time && maps.Equal(t.parts, other.parts)
}

// partsOf returns what the successors of a task get of its output, also by the names
// that they have on other functions.
func partsOf(w *workflow.Workflow, i int) map[string]int {
	if i >= len(w.Sent) {
		return nil
	}
	parts := map[string]int{}
	for k, size := range w.Sent[i] {
		if size >= 0 {
			name := w.Functions[w.Successors[i][k]]
			parts[name], parts[workflow.TaskOf(workflow.Task("f", name))] = int(size), int(size)
		}
	}
	return parts
}

// maxTasks bounds the containers of workflows from elsewhere: tasks times functions.
const maxTasks = 100_000

// noteTasks notes the tasks whose outputs and times workflows say.
func (j *Job) noteTasks() error {
	list := j.Listed
	for _, g := range j.Given {
		list = append(slices.Clip(list), g.Workflow)
	}
	for _, w := range list {
		if w.Outputs == nil && w.Times == nil {
			continue
		}
		if j.tasks == nil {
			j.tasks = map[string]task{}
		}
		for i, name := range w.Functions {
			t := task{output: w.OutputOf(i, j.Cell.Workload.Argument), time: -1, parts: partsOf(w, i)}
			if i < len(w.Times) {
				t.time = w.Times[i]
			}
			if other, again := j.tasks[name]; again && !other.same(t) {
				return j.Cell.Workload.Pos.Errorf("two workflows have a task %s with other sizes or times; "+
					"rename one of them", name)
			}
			// On another function a task has a name without marks.
			j.tasks[name], j.tasks[workflow.TaskOf(workflow.Task("f", name))] = t, t
		}
	}

	if n := len(j.tasks) * len(j.serving.functions); n > maxTasks {
		return j.Cell.Workload.Pos.Errorf("%d tasks on %d functions are more than the %d that computers "+
			"may tell apart; take fewer", len(j.tasks), len(j.serving.functions), maxTasks)
	}
	return nil
}

// texts makes outputs of given sizes that share their memory.
type texts struct{ longest string }

func (t *texts) of(size units.Size) string {
	if int(size) > len(t.longest) {
		t.longest = strings.Repeat("A", int(size))
	}
	return t.longest[:size]
}

// suit gives a function the output and the time of its task. Neither depends on the
// input, which may be of any size.
func (j *Job) suit(l *processor.Lambda, speed float64, outputs *texts) {
	t, ok := j.tasks[l.Name]
	if !ok {
		if t, ok = j.tasks[workflow.TaskOf(l.Name)]; !ok {
			return
		}
	}

	l.Output, l.Value, l.Parts = processor.Fixed, outputs.of(t.output), t.parts
	operations := l.OpCoeff * float64(j.Cell.Workload.Argument)
	if t.time >= 0 {
		operations = t.time.Seconds() * speed
	}
	l.OpCoeff, l.OpOffset = 0, operations
}
