package workflow

import (
	"errors"
	"maps"
	"slices"
	"strings"
)

// Listed executes given workflows in turn.
//
// Where the computers serve none of a workflow's functions, its tasks run on
// functions that they do serve, drawn anew for each execution, without repetition
// as long as there are enough: task t on function f has the name Task(f, t), so that
// computers can tell the tasks apart.
type Listed struct {
	// Workflows are at least one.
	Workflows []*Workflow
	// Functions are what the computers serve.
	Functions []string
}

// Names returns Functions.
func (g Listed) Names() []string { return slices.Clone(g.Functions) }

// Generate returns the workflow of one execution.
func (g Listed) Generate(seed uint64, execution int) (*Workflow, error) {
	if len(g.Workflows) == 0 {
		return nil, errors.New("take a workflow of the list: there is none")
	}
	w := g.Workflows[execution%len(g.Workflows)]
	if len(g.Functions) == 0 || g.Served(w) {
		return w, nil
	}

	r := stream("place", seed, execution)
	var drawn []string
	for len(drawn) < w.Len() {
		for _, i := range sample(r, len(g.Functions), min(len(g.Functions), w.Len()-len(drawn))) {
			drawn = append(drawn, g.Functions[i])
		}
	}
	names := make(map[string]string, w.Len())
	for i, task := range w.Functions {
		names[task] = Task(drawn[i], task)
	}
	return w.renamed(names), nil
}

// Served reports whether the computers serve a function of the workflow.
func (g Listed) Served(w *Workflow) bool {
	return slices.ContainsFunc(w.Functions, func(f string) bool {
		return slices.Contains(g.Functions, f) || slices.Contains(g.Functions, AliasOf(f))
	})
}

// taskMark stands between a function's name and that of the task that runs on it.
const taskMark = "~"

// Task names a task that runs on a function of another name: "f~t".
func Task(function, task string) string {
	return function + taskMark + strings.ReplaceAll(task, taskMark, "-")
}

// TaskOf returns the task of such a name, as Task writes it, or a name of another kind
// itself.
func TaskOf(name string) string {
	if at := strings.LastIndex(name, taskMark); at > 0 {
		return name[at+len(taskMark):]
	}
	return name
}

// Prefixed returns the workflow with a prefix before the names of its functions.
func (w *Workflow) Prefixed(prefix string) *Workflow {
	names := make(map[string]string, w.Len())
	for _, name := range w.Functions {
		names[name] = prefix + name
	}
	return w.renamed(names)
}

// renamed returns the workflow with other names of its functions.
func (w *Workflow) renamed(names map[string]string) *Workflow {
	rename := func(list []string) []string {
		out := make([]string, len(list))
		for i, name := range list {
			out[i] = names[name]
		}
		return out
	}

	out := *w
	out.Functions = rename(w.Functions)
	out.Dependencies = maps.Clone(w.Dependencies)
	for state, users := range w.Dependencies {
		out.Dependencies[state] = rename(users)
	}
	return &out
}
