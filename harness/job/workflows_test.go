package job

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unsafe"

	"edgebed/harness/scenario/scenariotest"
	"edgebed/nodes/processor"
	"edgebed/nodes/units"
	"edgebed/nodes/workflow"
	"edgebed/nodes/yamlfile"
)

// TestTexts: outputs have their sizes, and share the memory of the longest so far.
func TestTexts(t *testing.T) {
	var outputs texts
	var before string
	for _, c := range []struct {
		size   units.Size
		shared bool
	}{{3, false}, {3, true}, {1, true}, {0, true}, {5, false}, {3, true}, {5, true}} {
		got := outputs.of(c.size)
		if got != strings.Repeat("A", int(c.size)) {
			t.Errorf("an output of %d is %q", c.size, got)
		}
		if shared := unsafe.StringData(outputs.longest) == unsafe.StringData(before); shared != c.shared {
			t.Errorf("an output of %d after one of %d shares its memory: %t", c.size, len(before), shared)
		}
		before = outputs.longest
	}
}

// TestSuit: a function with a task has its output, and its time whatever the input is; one whose
// time the computer says takes that of an argument.
func TestSuit(t *testing.T) {
	j := &Job{tasks: map[string]task{
		"x": {output: 3, time: 2 * time.Second, parts: map[string]int{"y": 1}},
		"y": {output: 0, time: -1}, "z": {output: 1, time: 0}, "f~z": {output: 2, time: time.Second},
	}}
	j.Cell.Workload.Argument = 100
	for name, want := range map[string]string{
		"x":   `fixed "AAA" map[y:1] 0 1000`,
		"g~x": `fixed "AAA" map[y:1] 0 1000`,
		"y":   `fixed "" map[] 0 40`,
		"g~z": `fixed "A" map[] 0 0`,
		"f~z": `fixed "AA" map[] 0 500`,
		"f":   `copy-input "" map[] 0.4 0`,
	} {
		l := processor.Lambda{Name: name, Output: processor.CopyInput, OpCoeff: 0.4}
		j.suit(&l, 500, &texts{})
		if got := fmt.Sprintf("%s %q %v %g %g", l.Output, l.Value, l.Parts, l.OpCoeff, l.OpOffset); got != want {
			t.Errorf("%s has %s, want %s", name, got, want)
		}
	}
}

// TestSameTasks: tasks of one name are the same where all that is said of them is.
func TestSameTasks(t *testing.T) {
	one := task{output: 3, time: time.Second, parts: map[string]int{"y": 1}}
	for _, c := range []struct {
		other task
		want  bool
	}{
		{one, true}, {task{3, time.Second, map[string]int{"y": 1}}, true},
		{task{4, time.Second, one.parts}, false}, {task{3, 2 * time.Second, one.parts}, false},
		{task{3, time.Second, nil}, false}, {task{3, time.Second, map[string]int{"y": 2}}, false},
		{task{4, 2 * time.Second, nil}, false},
	} {
		if one.same(c.other) != c.want || c.other.same(one) != c.want {
			t.Errorf("%+v and %+v are the same: %t", one, c.other, !c.want)
		}
	}
}

// TestNoteTasks: what workflows say of tasks is noted under their names, and under those without
// marks that they have on other functions.
func TestNoteTasks(t *testing.T) {
	times, outputs := chain("a~1", "b"), chain("b", "c")
	times.Times = []time.Duration{time.Second, -1}
	outputs.Outputs = []units.Size{9, 5}
	parts := chain("d", "e~2", "g")
	parts.Outputs, parts.Successors = []units.Size{8, 8, 8}, [][]int{{1, 2}, {2}}
	parts.Sent = [][]units.Size{{3, -1}, {0}}
	j := &Job{Listed: []*workflow.Workflow{times, chain("plain"), parts}, serving: &serving{functions: []string{"f"}}}
	j.Given = []Workflow{{Workflow: outputs}}
	j.Cell.Workload.Argument = 9
	if err := j.noteTasks(); err != nil {
		t.Fatal(err)
	}

	some := map[string]int{"e~2": 3, "e-2": 3}
	want := map[string]task{
		"a~1": {9, time.Second, nil}, "a-1": {9, time.Second, nil}, "b": {9, -1, nil}, "c": {5, -1, nil},
		"d": {8, -1, some}, "e~2": {8, -1, map[string]int{"g": 0}}, "e-2": {8, -1, map[string]int{"g": 0}}, "g": {8, -1, nil},
	}
	if !maps.EqualFunc(j.tasks, want, task.same) {
		t.Errorf("tasks %v, want %v", j.tasks, want)
	}
}

// TestTaskMistakes: two tasks of one name that are not the same, and more tasks than computers tell
// apart.
func TestTaskMistakes(t *testing.T) {
	sized := func(name string, size units.Size, took time.Duration) *workflow.Workflow {
		w := once(name)
		w.Outputs, w.Times = []units.Size{size}, []time.Duration{took}
		return w
	}
	many := once("")
	many.Functions, many.Times = nil, make([]time.Duration, 101)
	for i := range many.Times {
		many.Functions = append(many.Functions, fmt.Sprint("t", i))
	}
	most := *many
	most.Functions, most.Times = many.Functions[:100], many.Times[:100]

	for _, c := range []struct {
		list      []*workflow.Workflow
		functions int
		want      string
	}{
		{[]*workflow.Workflow{sized("x", 3, 1), sized("x", 3, 1), sized("y", 4, 1)}, 1, ""},
		{[]*workflow.Workflow{sized("x", 3, 1), sized("x", 4, 1)}, 1, "two workflows have a task x with other sizes or times"},
		{[]*workflow.Workflow{sized("x", 3, 1), sized("x", 3, 2)}, 1, "two workflows have a task x with other sizes or times"},
		{[]*workflow.Workflow{&most}, 1000, ""},
		{[]*workflow.Workflow{many}, 990, ""},
		{[]*workflow.Workflow{many}, 1000, "101 tasks on 1000 functions are more than the 100000"},
	} {
		j := &Job{Listed: c.list, serving: &serving{functions: make([]string, c.functions)}}
		j.Cell.Workload.Pos = yamlfile.Pos{File: "s.yaml", Line: 4, Column: 2, Path: "workload"}
		err := j.noteTasks()
		if got := fmt.Sprint(err); c.want == "" && err != nil || c.want != "" && !strings.HasPrefix(got, "s.yaml:4:2: workload: "+c.want) {
			t.Errorf("%d workflows, %d functions: %v, want %q", len(c.list), c.functions, err, c.want)
		}
	}
}

// TestFactorEffects: a factor must change a size or a time of the workflows.
func TestFactorEffects(t *testing.T) {
	const sizes, times = "[{name: a, output: 1 kB}]", "[{name: a, time: 1 s}]"
	const noSize = "workload.size-factor: it changes nothing: the workflows say no sizes; remove it"
	const noTime = "workload.time-factor: it changes nothing: the workflows say no times; remove it"
	for _, c := range []struct {
		tasks, factors string
		want           []string
	}{
		{sizes, "size-factor: 2", nil},
		{times, "time-factor: 2", nil},
		{sizes, "time-factor: 2", []string{noTime}},
		{times, "size-factor: 2", []string{noSize}},
		{sizes, "size-factor: 2, time-factor: 2", []string{noTime}},
		{times, "size-factor: 2, time-factor: 2", []string{noSize}},
		{"[{name: a}]", "size-factor: 2, time-factor: 2", []string{noSize, noTime}},
		{"[{name: a}]", "size-factor: 1, time-factor: 1", nil},
		{"[{name: a, output: 1 kB, time: 1 s}]", "size-factor: 2, time-factor: 2", nil},
		{"[{name: a, output: 0 B, time: 0 s}]", "size-factor: 2, time-factor: 2", []string{noSize, noTime}},
	} {
		text := tight + "workload: {workflow: {tasks: " + c.tasks + "}, " + c.factors + "}\n"
		_, err := Prepare(scenariotest.ExpandText(t, text), scenariotest.Topology, nil)
		told := yamlfile.Each(err)
		if len(told) != len(c.want) {
			t.Errorf("%s, %s: %v, want %q", c.tasks, c.factors, err, c.want)
			continue
		}
		for i, want := range c.want {
			if !strings.HasPrefix(told[i].Error(), "test.yaml:10:") || !strings.HasSuffix(told[i].Error(), want) {
				t.Errorf("%s, %s: %v, want %q", c.tasks, c.factors, told[i], want)
			}
		}
	}
}

// TestReadWorkflows: names are those of files, with numbers where one has several; tasks that may
// run anywhere have the file's name before theirs where there are several files.
func TestReadWorkflows(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"own.json": `{"functions":["f"],"dependencies":{},"state-sizes":{}}`,
		"one.yaml": "tasks: [{name: a}]", "two.yaml": "tasks: [{name: a}]", "bad.yaml": "tasks: {}", "one.json": `{"functions":["g"]}`,
		"jobs.csv": "M1,1,j_1,1,Terminated,1,2,100,0.5\nM1,1,j_2,1,Terminated,1,2,100,0.5\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for files, want := range map[string]string{
		"one.yaml":                   "one [a] true",
		"own.json":                   "own [f] false",
		"one.yaml two.yaml own.json": "one [one.a] true, two [two.a] true, own [f] false",
		"missing.yaml":               "read workflow: open DIR/missing.yaml: no such file or directory",
		"own.json bad.yaml":          "DIR/bad.yaml:1:8: tasks: ",
		"missing.yaml bad.yaml": "DIR/bad.yaml:1:8: tasks: expected a list, got a mapping\n" +
			"read workflow: open DIR/missing.yaml: no such file or directory",
		"own.json own.json": "read workflow DIR/own.json: DIR/own.json has the same name, by which results are paired; " +
			"rename one",
		"": "",
	} {
		var paths, got []string
		for _, f := range strings.Fields(files) {
			paths = append(paths, filepath.Join(dir, f))
		}
		list, err := ReadWorkflows(paths)
		for _, w := range list {
			got = append(got, fmt.Sprint(w.Name, " ", w.Workflow.Functions, " ", w.Anywhere))
		}
		text := strings.Join(got, ", ")
		if err != nil {
			text = strings.ReplaceAll(err.Error(), dir, "DIR")
		}
		if !strings.HasPrefix(text, want) || want == "" && text != "" {
			t.Errorf("%s: %s, want %s", files, text, want)
		}
	}
}

// TestRunnable: a workflow that is not the job's own calls functions by the names that computers
// serve, and not by those of further uses.
func TestRunnable(t *testing.T) {
	j := given(t, simple, []*workflow.Workflow{chain("f", "f@2")})
	for function, want := range map[string]string{
		"f": "", "g": "",
		"f@2": "workflow w: no computer serves function f@2 (valid: f, g)",
		"k":   "workflow w: no computer serves function k",
	} {
		err := j.Runnable(Workflow{Name: "w", Workflow: once(function)})
		if got := fmt.Sprint(err); want == "" && err != nil || want != "" && !strings.HasPrefix(got, want) {
			t.Errorf("%s: %v, want %q", function, err, want)
		}
	}
	if err := j.Runnable(Workflow{Name: "w", Workflow: chain()}); err == nil {
		t.Error("a workflow of nothing is runnable")
	}
	if got := fmt.Sprint(j.Functions()); got != "[f g]" {
		t.Errorf("computers serve %s", got)
	}
}
