package scenario

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"time"

	"gopkg.in/yaml.v3"

	"edgebed/harness/cgroup"
	"edgebed/harness/emu"
	"edgebed/harness/topology"
	"edgebed/nodes/alibaba"
	"edgebed/nodes/units"
	"edgebed/nodes/workflow"
	"edgebed/nodes/workflow/foreign"
	"edgebed/nodes/yamlfile"
)

// Limits of what a scenario may ask for: far above what a campaign can use, and
// low enough that checking takes moments.
const (
	// MaxExecutions of one cell, and MaxCells of one campaign.
	MaxExecutions = 1_000_000
	MaxCells      = 20_000

	maxSeeds       = 1000
	maxValueName   = 100 // characters of an axis's value
	maxTold        = 100 // mistakes, beyond which no more are looked for among values
	maxDiscard     = 100_000
	maxPause       = 24 * time.Hour
	maxTimeout     = 24 * time.Hour
	maxService     = time.Hour
	maxSpeed       = 1e18
	maxCores       = 10_000
	maxWorkers     = 10_000
	maxMemory      = 1 << 50 // bytes
	maxPerByte     = 1e9
	maxStates      = 10_000
	maxComputers   = 1000 // groups, functions of one, names of one
	maxSysctls     = 100
	maxSysctlValue = 200 // characters

	// framing is what the prototype's messages have around an argument.
	framing units.Size = 12
	// MaxState is the largest state or argument: the rest of the 256 MiB of a
	// message (package wire) has names.
	MaxState = 250 * units.MB
)

// variableName is what $name can stand for.
var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]{0,63}$`)

// within returns an error at pos where v is not from least to most.
func within[T cmp.Ordered](pos yamlfile.Pos, what string, v, least, most T) error {
	if v < least || v > most || v != v {
		return pos.Errorf("%s of %v is out of range: expected %v to %v", what, v, least, most)
	}
	return nil
}

// oneOf returns an error at pos where v is none of the valid names.
func oneOf[T ~string](pos yamlfile.Pos, what string, v T, valid ...T) error {
	if slices.Contains(valid, v) {
		return nil
	}
	var names []string
	for _, name := range valid {
		names = append(names, string(name))
	}
	return pos.Errorf("unknown %s %q%s", what, v, yamlfile.Suggest(string(v), names))
}

// maxChanges bounds the changes of single links.
const maxChanges = 1000

func (t *Topology) check() error {
	var errs []error
	kinds := 0
	for _, given := range []bool{t.File != "", t.Preset != "", t.IsInline()} {
		if given {
			kinds++
		}
	}
	if kinds != 1 {
		errs = append(errs, t.Pos.Errorf("expected one of file, preset, or switches and hosts; got %d of them", kinds))
	}

	errs = append(errs, oneOf(t.Pos.At("delay"), "delay back end", t.Delay, emu.Backends...))
	for _, name := range slices.Sorted(maps.Keys(t.Classes)) {
		if t.Classes[name] == (topology.Class{}) {
			errs = append(errs, t.Pos.At("classes", name).Errorf("this changes nothing; expected parameters of links"))
		}
	}
	if len(t.Changes) > maxChanges {
		errs = append(errs,
			t.Pos.At("changes").Errorf("expected at most %d changes, got %d", maxChanges, len(t.Changes)))
	} else {
		for i := range t.Changes {
			errs = append(errs, t.Changes[i].check())
		}
	}

	if len(t.Sysctls) > maxSysctls {
		errs = append(errs, t.Pos.At("sysctls").Errorf("expected at most %d settings, got %d",
			maxSysctls, len(t.Sysctls)))
	}

	for _, name := range slices.Sorted(maps.Keys(t.Sysctls)) {
		if err := emu.CheckSysctl(name); err != nil {
			errs = append(errs, t.Pos.At("sysctls", name).Wrap(err))
		}
		if len(t.Sysctls[name]) > maxSysctlValue {
			errs = append(errs, t.Pos.At("sysctls", name).Errorf("expected a value of at most %d characters",
				maxSysctlValue))
		}
	}
	return yamlfile.Join(errs...)
}

// checkNames looks for processors and functions that stand twice.
func (g *ComputerGroup) checkNames() error {
	var errs []error
	processors, functions := map[string]bool{}, map[string]bool{}
	for i, p := range g.Processors {
		if processors[p.Name] {
			errs = append(errs, g.Pos.At("processors", i).Errorf("processor %q stands twice; give each a name", p.Name))
		}
		processors[p.Name] = true
	}
	for i, f := range g.Functions {
		for _, name := range f.Names {
			if functions[name] {
				errs = append(errs, g.Pos.At("functions", i, "names").Errorf(
					"function %s stands twice; workers says how many calls of it run at a time", name))
			}
			functions[name] = true
		}
	}
	return yamlfile.Join(errs...)
}

func (n *Nodes) check() error {
	errs := []error{
		n.expandNames(),
		within(n.Pos.At("computers"), "number of groups", len(n.Computers), 1, maxComputers),
	}

	for _, g := range n.Computers {
		errs = append(errs, g.checkNames())
		if g.Hosts != nil {
			errs = append(errs, within(g.Pos.At("hosts"), "number of hosts", len(g.Hosts), 1, maxComputers))
		}
		errs = append(errs,
			within(g.Pos.At("functions"), "number of functions", len(g.Functions), 1, maxComputers),
			within(g.Pos.At("processors"), "number of processors", len(g.Processors), 1, maxComputers))

		for i, p := range g.Processors {
			at := g.Pos.At("processors", i)
			errs = append(errs,
				within(at.At("cores"), "cores", p.Cores, 1, maxCores),
				within(at.At("speed"), "speed", p.Speed, 1, maxSpeed),
				within(at.At("memory"), "memory", p.Memory, 1, maxMemory))
		}

		for i, f := range g.Functions {
			at := g.Pos.At("functions", i)
			errs = append(errs,
				within(at.At("names"), "number of names", len(f.Names), 1, maxNames),
				within(at.At("workers"), "workers", f.Workers, 1, maxWorkers),
				within(at.At("service-time"), "service-time", f.ServiceTime, 1, maxService),
				within(at.At("memory-per-byte"), "memory-per-byte", f.MemoryPerByte, 0, maxPerByte),
				within(at.At("cold-start"), "cold-start", f.ColdStart, 0, maxService),
				within(at.At("keep-warm"), "keep-warm", f.KeepWarm, 0, maxPause))
		}
	}

	errs = append(errs, within(n.Pos.At("limits"), "number of limits", len(n.Limits), 0, maxComputers))
	for _, l := range n.Limits {
		if l.Hosts != nil {
			errs = append(errs, within(l.Pos.At("hosts"), "number of hosts", len(l.Hosts), 1, maxComputers))
		}
		errs = append(errs, within(l.Pos.At("cpu"), "cpu", l.CPU, cgroup.LeastCPU, cgroup.MostCPU))
	}

	// Where all hosts are named, states can be looked for without the topology.
	if !slices.ContainsFunc(n.Computers, func(g ComputerGroup) bool { return g.Hosts == nil }) {
		errs = append(errs, n.checkKeepers())
	}
	return yamlfile.Join(errs...)
}

func (w *Workload) check() error {
	var errs []error

	if w.Variant != "" {
		errs = append(errs, oneOf(w.Pos.At("variant"), "variant", w.Variant, workflow.Artifact, workflow.Text))
	}
	if w.Argument < framing {
		errs = append(errs, w.Pos.At("argument").Errorf("argument %v is smaller than the 12 B of its framing",
			w.Argument))
	}

	// A chain under the artifact reading has States functions and Length states;
	// so one limit holds for both. States grow by 10 kB each, and all of one
	// execution travel in one message where they are with the client.
	numbers := []struct {
		key         string
		value       int
		least, most int
	}{
		{"states", w.States, 0, maxStates}, {"length", w.Length, 1, maxStates},
		{"stages", w.Stages, 1, workflow.MaxFunctions}, {"branches", w.Branches, 1, workflow.MaxFunctions},
		{"max-tasks", w.MaxTasks, 3, alibaba.MaxTasks},
	}

	for _, n := range numbers {
		if slices.Contains(Generators[w.Generator].Keys, n.key) {
			errs = append(errs, within(w.Pos.At(n.key), n.key, n.value, n.least, n.most))
		}
	}

	if w.IsListed() {
		errs = append(errs, w.checkListed())
	}
	if yamlfile.Join(errs...) == nil {
		errs = append(errs, w.checkSize())
	}

	errs = append(errs, within(w.Pos.At("argument"), "argument", w.Argument, min(w.Argument, framing), MaxState),
		within(w.Pos.At("video-state"), "video-state", w.VideoState, 0, MaxState))
	return yamlfile.Join(errs...)
}

// minFactor is the smallest factor of sizes and times.
const minFactor = 1e-12

// checkListed checks a workload that has its workflows itself.
func (w *Workload) checkListed() error {
	errs := []error{
		within(w.Pos.At("size-factor"), "size-factor", w.SizeFactor, minFactor, foreign.MaxFactor),
		within(w.Pos.At("time-factor"), "time-factor", w.TimeFactor, minFactor, foreign.MaxFactor),
	}
	switch {
	case w.Generator == fromFile && w.File == "":
		errs = append(errs, w.Pos.At("file").Errorf("expected the name of a file of workflows, got nothing"))
	case w.Generator == fromScenario && w.Workflow == nil:
		errs = append(errs, w.Pos.At("workflow").Errorf("expected a workflow with tasks, got nothing"))
	}
	return yamlfile.Join(errs...)
}

// checkSize bounds the product of the numbers: of functions in a workflow. Those of the
// other generators are bounded by their numbers alone.
func (w *Workload) checkSize() error {
	if w.Generator != "stages" {
		return nil
	}
	functions := w.Stages*(w.Branches+2) + 1
	return within(w.Pos, "largest number of functions in a workflow", functions, 1, workflow.MaxFunctions)
}

func (e *Execution) check() error {
	return yamlfile.Join(
		oneOf(e.Pos.At("model"), "model", e.Model, workflow.Models...),
		oneOf(e.Pos.At("form"), "form", e.Form, workflow.Carry, workflow.Direct),
		within(e.Pos.At("discard"), "discard", e.Discard, 0, maxDiscard),
		within(e.Pos.At("pause"), "pause", e.Pause, 0, maxPause),
		within(e.Pos.At("timeout"), "timeout", e.Timeout, 1, maxTimeout),
		e.checkCycle(),
	)
}

// checkUses checks that whatever a parameter or an axis sets is used: else a
// figure would show curves that differ in nothing under labels that say they do.
func (s *Scenario) checkUses() error {
	used := map[string]bool{}
	known := map[string]bool{}
	for _, p := range s.Parameters {
		known[p.Name] = true
	}
	for _, a := range s.Axes {
		for _, v := range a.Values {
			for name := range v.Set {
				known[name] = true
			}
		}
	}
	names := slices.Sorted(maps.Keys(known))
	for _, section := range s.sections.all() {
		uses(section, names, used)
	}
	for name := range maps.Clone(used) {
		// A slip in a name is one mistake, and reported where it stands.
		if near, ok := yamlfile.Nearest(name, names); ok && !known[name] {
			used[near] = true
		}
	}

	var errs []error
	setBy := map[string]string{}
	for i, p := range s.Parameters {
		setBy[p.Name] = "parameter " + p.Name
		if !used[p.Name] {
			errs = append(errs, s.doc.Errorf(yamlfile.Path{"parameters", i, "name"},
				"nothing uses the parameter %s; write $%s where its value belongs, or remove it", p.Name, p.Name))
		}
	}
	for i, a := range s.Axes {
		names := map[string]int{} // variables, and the first value that sets them
		for k := len(a.Values) - 1; k >= 0; k-- {
			for name := range a.Values[k].Set {
				names[name] = k
			}
		}
		for _, name := range slices.Sorted(maps.Keys(names)) {
			path := yamlfile.Path{"matrix", i, "axis"}
			if name != a.Name {
				path = yamlfile.Path{"matrix", i, "values", names[name], "set", name}
			}
			switch by := setBy[name]; {
			case name == a.Name && !used[name]:
				errs = append(errs, s.doc.Errorf(path,
					"nothing uses the axis %s; write $%s where its value belongs, or remove it", name, name))
			case !used[name]:
				errs = append(errs, s.doc.Errorf(path, "nothing uses %s, which axis %s sets; "+
					"write $%s where its value belongs, or remove it", name, a.Name, name))
			case by != "" && name != a.Name: // an axis and its namesake are reported as such
				errs = append(errs, s.doc.Errorf(path, "%s is set by %s too", name, by))
			}
			setBy[name] = "axis " + a.Name
		}
		if len(names) == 0 && len(a.Values) > 0 {
			errs = append(errs, s.doc.Errorf(yamlfile.Path{"matrix", i, "values"}, "axis %s sets nothing", a.Name))
		}
	}
	return yamlfile.Join(errs...)
}

// uses notes the variables in the scalars of a node. Some names are known.
func uses(node *yaml.Node, known []string, used map[string]bool) {
	node = alias(node)
	if node.Kind == yaml.ScalarNode {
		for _, m := range variable.FindAllStringSubmatch(node.Value, -1) {
			names := []string{m[1]}
			if m[1] == "" {
				names, _ = namesIn(m[2], known) // what is wrong each cell says
			}
			for _, name := range names {
				used[name] = true
			}
		}
	}
	for _, part := range node.Content {
		uses(part, known, used)
	}
}

// alias returns what a node stands for.
func alias(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.AliasNode {
		return node.Alias
	}
	return node
}
