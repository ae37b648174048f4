package foreign

import (
	"maps"
	"slices"
	"time"

	"edgebed/nodes/units"
	"edgebed/nodes/workflow"
	"edgebed/nodes/yamlfile"
)

// Description is a workflow in edgebed's own words.
type Description struct {
	Pos yamlfile.Pos `json:"-"`
	// Tasks in any order.
	Tasks []Task `yaml:"tasks" required:"true"`
	// States that tasks use, by name, and their sizes.
	States map[string]units.Size `yaml:"states"`
	// Order is the access order of a state's users, by name, where tasks that use it
	// may run at the same time: {model: [detect, track]}.
	Order map[string][]string `yaml:"order"`
	// AnyOrder names the states whose order of use does not matter.
	AnyOrder []string `yaml:"any-order"`
}

// Task is a task of a workflow.
type Task struct {
	Pos yamlfile.Pos `json:"-"`
	// Name of the task; where a computer serves a function of this name, it runs
	// there.
	Name string `yaml:"name" required:"true"`
	// After names the tasks whose outputs it needs.
	After []string `yaml:"after"`
	// Reads is how much it needs of the outputs of tasks of After, by their names, where
	// that is not all: {a: 10 kB}.
	Reads map[string]units.Size `yaml:"reads"`
	// Output is the size of what it puts out, by default the argument's.
	Output *units.Size `yaml:"output"`
	// Time that it takes on an idle processor, by default as its computer says.
	Time *time.Duration `yaml:"time"`
	// Uses names the states that it uses.
	Uses []string `yaml:"uses"`
}

// Workflow returns the workflow that is described. Errors have its place.
func (d *Description) Workflow(scale Scale) (*workflow.Workflow, error) {
	index := map[string]int{}
	var known []string
	var errs []error
	twice := map[string]bool{}
	for i, t := range d.Tasks {
		if first, again := index[t.Name]; again {
			errs = append(errs, t.Pos.At("name").Errorf("a second task %s; the first one is in line %d: "+
				"give one of them another name", t.Name, d.Tasks[first].Pos.Line))
			twice[t.Name] = true
			continue
		}
		index[t.Name] = i
		known = append(known, t.Name)
	}

	out := &draft{
		at: d.Pos, input: unsaid, anyOrder: d.AnyOrder,
		states: map[string]units.Size{}, users: map[string][]int{}, order: map[string][]int{},
	}
	find := func(at yamlfile.Pos, name string) (int, bool) {
		i, ok := index[name]
		if !ok {
			errs = append(errs, at.Errorf("there is no task %s%s", name, yamlfile.Suggest(name, known)))
		}
		return i, ok
	}

	for name, size := range d.States {
		out.states[name] = scaled(float64(size), orOne(scale.Size))
	}
	for i, t := range d.Tasks {
		one := task{at: t.Pos, name: t.Name, output: unsaid, time: unsaid}
		for k, before := range t.After {
			switch j, ok := find(t.Pos.At("after", k), before); {
			case ok && twice[before] && before == t.Name: // which of the two is meant is not known
			case ok && j == i:
				errs = append(errs, t.Pos.At("after", k).Errorf("task %s waits for itself", t.Name))
			case ok && !slices.Contains(one.after, j):
				one.after = append(one.after, j)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(t.Reads)) {
			at := t.Pos.At("reads", name)
			j, ok := find(at, name)
			switch {
			case ok && !slices.Contains(one.after, j):
				errs = append(errs, at.Errorf("task %s does not come after %s; add it to after", t.Name, name))
			case ok && d.Tasks[j].Output == nil:
				errs = append(errs, at.Errorf("task %s does not say how large its output is; give it one", name))
			case ok && t.Reads[name] > *d.Tasks[j].Output:
				errs = append(errs, at.Errorf("task %s puts out %v only", name, *d.Tasks[j].Output))
			case ok:
				one.read(j, scaled(float64(t.Reads[name]), orOne(scale.Size)))
			}
		}
		if t.Output != nil {
			one.output = scaled(float64(*t.Output), orOne(scale.Size))
		}
		if t.Time != nil {
			one.time = seconds(t.Time.Seconds(), orOne(scale.Time))
			if *t.Time < 0 {
				errs = append(errs, t.Pos.At("time").Errorf("expected a time from 0 on, got %v", *t.Time))
			}
		}
		out.tasks = append(out.tasks, one)

		for k, state := range t.Uses {
			if _, ok := d.States[state]; !ok {
				errs = append(errs, t.Pos.At("uses", k).Errorf("state %s has no size; add it to states%s",
					state, yamlfile.Suggest(state, slices.Collect(maps.Keys(d.States)))))
			} else if !slices.Contains(out.users[state], i) {
				out.users[state] = append(out.users[state], i)
			}
		}
	}

	for _, state := range slices.Sorted(maps.Keys(d.States)) {
		if len(out.users[state]) == 0 {
			errs = append(errs, d.Pos.At("states", state).Errorf("no task uses the state %s; "+
				"add it to the uses of one, or remove it", state))
		}
	}
	for _, state := range slices.Sorted(maps.Keys(d.Order)) {
		for k, name := range d.Order[state] {
			if i, ok := find(d.Pos.At("order", state, k), name); ok {
				out.order[state] = append(out.order[state], i)
			}
		}
	}

	if err := yamlfile.Join(errs...); err != nil {
		return nil, err
	}
	w, err := out.build()
	if err != nil {
		return nil, err
	}
	return w, d.Pos.Wrap(w.Validate())
}

// orOne returns a factor, 1 where it was left out.
func orOne(factor float64) float64 {
	if factor == 0 {
		return 1
	}
	return factor
}
