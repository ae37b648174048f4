package foreign

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"edgebed/nodes/fuzztest"
	"edgebed/nodes/units"
	"edgebed/nodes/workflow"
)

// camera is the shipped instance of WfFormat 1.5.
const camera = "../../../scenarios/examples/camera-alerts.json"

// old is an instance of WfFormat 1.4, where tasks hold their files and runtimes, and
// parents are named.
const old = `{"name": "x", "schemaVersion": "1.4", "extra": {"any": [1]}, "workflow": {"tasks": [
  {"name": "b_2", "id": "2", "category": "work", "parents": ["a"], "children": [], "runtimeInSeconds": 2,
   "files": [{"link": "input", "name": "f", "sizeInBytes": 4e3}, {"link": "output", "name": "g", "sizeInBytes": 50}]},
  {"name": "a", "id": "1", "parents": [], "children": ["b_2", "b_3"], "runtimeInSeconds": 0.5,
   "files": [{"link": "output", "name": "f", "sizeInBytes": 4000}, {"link": "output", "name": "h", "sizeInBytes": 7}]},
  {"name": "b_3", "id": "3", "category": "work", "parents": ["a"], "children": [], "runtimeInSeconds": 1,
   "files": [{"link": "input", "name": "f", "sizeInBytes": 4000}, {"link": "input", "name": "h", "sizeInBytes": 7}]}
]}}`

// jobs are rows of the Alibaba trace.
const jobs = `M1,10,j_1,1,Terminated,100,104,100,0.5
R2_1,5,j_1,1,Terminated,104,110,100,0.5
J3_2_Stg4,1,j_1,1,Terminated,110,111,100,0.5
task_abc==,1,j_2,1,Terminated,100,102,50,0.1
M1,1,j_2,1,Running,0,0,50,0.1
`

const own = `
tasks:
  - {name: fuse, after: [left, right], uses: [model]}
  - {name: left, after: [cut], output: 2 kB, time: 3 ms, uses: [model]}
  - {name: cut, output: 10 kB}
  - {name: right, after: [cut], uses: [model]}
states: {model: 100 kB}
order: {model: [right, left, fuse]}
`

// read reads a file and returns its workflows.
func read(t *testing.T, name, text string, scale Scale) []*workflow.Workflow {
	t.Helper()
	f, err := Read(name, []byte(text), scale)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range f.Workflows {
		if err := w.Validate(); err != nil {
			t.Fatalf("%s gave a workflow that cannot be run: %v", name, err)
		}
	}
	return f.Workflows
}

func TestWfFormat(t *testing.T) {
	text, err := os.ReadFile(camera)
	if err != nil {
		t.Fatal(err)
	}
	w := read(t, camera, string(text), Scale{})[0]
	want := &workflow.Workflow{
		Functions:    []string{"split", "detect~ID02", "detect~ID03", "detect~ID04", "fuse", "alert", "archive", "end"},
		Successors:   [][]int{{1, 2, 3}, {4}, {4}, {4}, {5, 6}, {7}, {7}},
		Dependencies: map[string][]string{},
		// Three parts, the boxes, the tracks, alerts and digest, and both of them.
		Outputs: []units.Size{600_000, 12_000, 9_000, 15_000, 20_000, 1_000, 4_000, 5_000},
		Times: []time.Duration{40 * time.Millisecond, 210 * time.Millisecond, 180 * time.Millisecond,
			250 * time.Millisecond, 30 * time.Millisecond, 10 * time.Millisecond, 100 * time.Millisecond, 0},
		Variant: workflow.Text,
		// Each part goes to who searches it.
		Sent: [][]units.Size{{200_000, 200_000, 200_000}, {-1}, {-1}, {-1}, {-1, -1}, {-1}, {-1}},
	}
	if !reflect.DeepEqual(w, want) {
		t.Errorf("read\n%+v\nwant\n%+v", w, want)
	}

	w = read(t, "old.json", old, Scale{Size: 0.5, Time: 0.1})[0]
	if got, want := fmt.Sprint(w.Functions, w.Successors, w.Outputs, w.Times),
		"[a work~b_2 work~b_3 end] [[1 2] [3] [3]] [2.003 kB 25 B 0 B 25 B] [50ms 200ms 100ms 0s]"; got != want {
		t.Errorf("read %s, want %s", got, want)
	}
}

func TestAlibaba(t *testing.T) {
	list := read(t, "batch_task.csv", jobs, Scale{Time: 0.01})
	if len(list) != 2 {
		t.Fatalf("%d jobs, want 2", len(list))
	}
	chain, parallel := list[0], list[1]
	if got := fmt.Sprint(chain.Functions, chain.Successors == nil, chain.Outputs, chain.Times); got !=
		"[j_1.M1 j_1.R2_1 j_1.J3_2_Stg4] true [] [40ms 60ms 10ms]" {
		t.Errorf("the first job is %s", got)
	}
	if got := fmt.Sprint(parallel.Functions, parallel.Successors, parallel.Times); got !=
		"[start j_2.task_abc== j_2.M1 end] [[1 2] [3] [3]] [0s 20ms -1ns 0s]" {
		t.Errorf("the second job is %s", got)
	}

	f, err := Read("batch_task.csv", []byte("task_name,a,job_name,b,c,start_time,end_time\n"+jobs), Scale{})
	if err != nil || len(f.Workflows) != 2 || len(f.Remarks) != 1 {
		t.Errorf("with a header: %+v, %v; want two jobs and a remark on the task that did not end", f, err)
	}
}

func TestDescription(t *testing.T) {
	w := read(t, "flow.yaml", own, Scale{})[0]
	want := &workflow.Workflow{
		Functions:    []string{"cut", "left", "right", "fuse"},
		Successors:   [][]int{{1, 2}, {3}, {3}},
		Dependencies: map[string][]string{"model": {"fuse", "left", "right"}},
		StateSizes:   map[string]units.Size{"model": 100 * units.KB},
		Order:        map[string][]int{"model": {2, 1, 3}},
		Outputs:      []units.Size{10_000, 2_000, -1, -1},
		Times:        []time.Duration{-1, 3 * time.Millisecond, -1, -1},
		Variant:      workflow.Text,
	}
	if !reflect.DeepEqual(w, want) {
		t.Errorf("read\n%+v\nwant\n%+v", w, want)
	}
	if _, err := workflow.Augment(w); err != nil {
		t.Error(err)
	}
}

// TestParts reads how much of an output each task after it needs.
func TestParts(t *testing.T) {
	const parts = `tasks:
  - {name: a, output: 60 kB}
  - {name: b, after: [a], reads: {a: 10 kB}, output: 30 kB}
  - {name: c, after: [a], reads: {a: 60 kB}}
  - {name: d, after: [b, c], reads: {b: 1 kB}}
`
	w := read(t, "flow.yaml", parts, Scale{Size: 0.5})[0]
	if got, want := fmt.Sprint(w.Successors, w.Outputs, w.Sent), "[[1 2] [3] [3]] [30 kB 15 kB -1 B -1 B] [[5 kB -1 B] [500 B] [-1 B]]"; got != want {
		t.Errorf("read %s, want %s", got, want)
	}
	for from, to := range map[string]string{
		"reads: {b: 1 kB}":  "reads: {a: 1 kB}| task d does not come after a; add it to after",
		"reads: {a: 10 kB}": "reads: {a: 61 kB}| task a puts out 60 kB only",
		"after: [b, c], ":   "after: [c], | task d does not come after b",
		"{b: 1 kB}":         "{c: 1 kB}| task c does not say how large its output is",
		"{a: 60 kB}":        "{aa: 60 kB}| there is no task aa",
	} {
		to, want, _ := strings.Cut(to, "|")
		_, err := Read("flow.yaml", []byte(strings.Replace(parts, from, to, 1)), Scale{})
		if err == nil || !strings.Contains(err.Error(), strings.TrimSpace(want)) || !strings.HasPrefix(err.Error(), "flow.yaml:") {
			t.Errorf("%s: %v, want %q", to, err, want)
		}
	}
}

// TestMistakes changes one thing in a right file: what is wrong is said with its place.
func TestMistakes(t *testing.T) {
	text, err := os.ReadFile(camera)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, text, from, to, want string }{
		{"w.json", string(text), `"1.5"`, `"2.0"`, `w.json:4:20: schemaVersion: expected one of 1.3, 1.4, 1.5, 1.6, got "2.0"`},
		{"w.json", string(text), `{"id": "part-2", "sizeInBytes": 200000}`, `{"id": "part-2"}`,
			"w.json:26:9: workflow.specification.files[2]: file part-2 has no sizeInBytes"},
		{"w.json", string(text), `{"id": "tracks", "sizeInBytes": 20000},`, ``,
			"file tracks has no size: it is not among workflow.specification.files"},
		{"w.json", string(text), `"sizeInBytes": 12000`, `"sizeInBytes": -1`, "expected a whole number of bytes from 0 on, got -1"},
		{"w.json", string(text), `"sizeInBytes": 12000`, `"sizeInBytes": 1e12`, "puts out 1000 GB, more than the 250 MB"},
		{"w.json", string(text), `["ID06", "ID07"]`, `["ID06", "ID7"]`, "there is no task ID7; did you mean ID07?"},
		{"w.json", string(text), `["ID06", "ID07"]`, `["ID06", "ID01"]`, "order functions: cycle split -> detect~ID02 -> fuse -> split"},
		{"w.json", string(text), `["ID06", "ID07"]`, `["ID05"]`, "task fuse waits for itself"},
		{"w.json", string(text), `{"id": "ID05", "runtimeInSeconds": 0.03},`, ``, "task fuse has no runtime, and others have one"},
		{"w.json", string(text), `0.18`, `1e9`, "more than 24h0m0s; make it shorter with time-factor"},
		{"w.json", string(text), `0.18`, `-1`, "expected a runtime from 0 on, got -1"},
		{"w.json", string(text), `"specification"`, `"specifications"`, "expected 1 to 1000 tasks, got 0"},
		{"w.json", string(text), `{"name": "fuse", "id": "ID05"`, `{"name": "fuse", "id": "ID04"`, "a second task with the identifier ID04"},
		{"w.json", old, `"link": "input", "name": "h"`, `"link": "in", "name": "h"`, `expected input or output, got "in"`},
		{"w.json", `{"functions": ["f"]}`, `"f"`, `1`, "expected a list of function names"},
		{"w.csv", jobs, "R2_1,", "R2_4,", "w.csv:2:1: task R2_4 waits for task 4, which job j_1 does not have"},
		{"w.csv", jobs, "R2_1,", "R1_1,", "w.csv:2:1: job j_1 has a second task of number 1"},
		{"w.csv", jobs, "M1,10,j_1", "M1_3,10,j_1", "w.csv:1:1: order functions: cycle"},
		{"w.csv", jobs, ",110,100,0.5", "", "w.csv:2:1: expected task_name, instance_num"},
		{"w.csv", jobs, "M1,10", `"M1,10`, "read a row of the trace"},
		{"w.yaml", own, "after: [cut], output", "after: [cat], output", "w.yaml:4:26: tasks[1].after[0]: there is no task cat; did you mean cut?"},
		{"w.yaml", own, "name: cut", "name: cut, after: [fuse]", "order functions: cycle"},
		{"w.yaml", own + "  \n", "  - {name: cut, output: 10 kB}", "  - {name: cut}\n  - {name: cut}", "w.yaml:6:12: tasks[3].name: a second task cut; the first one is in line 5: give one"},
		{"w.yaml", own, "{model: 100 kB}", "{model: 100 kB, map: 1 kB}", "states.map: no task uses the state map; add it"},
		{"w.yaml", own, "{model: 100 kB}", "{}", "state model has no size; add it to states"},
		{"w.yaml", own, "[right, left, fuse]", "[right, left]", "its user fuse (index 3) is missing"},
		{"w.yaml", own, "time: 3 ms", "time: -3 ms", "expected a time from 0 on"},
		{"w.yaml", own, "output: 2 kB", "output: 2 GB", "more than the 250 MB that fit into one message"},
		{"w.txt", own, "cut", "cut", "expected a file that ends with .json, .csv, .yaml, .yml"},
	} {
		if !strings.Contains(c.text, c.from) {
			t.Fatalf("%q is not in the text", c.from)
		}
		_, err := Read(c.name, []byte(strings.Replace(c.text, c.from, c.to, 1)), Scale{})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s with %q: got %v, want %q", c.name, c.to, err, c.want)
		}
	}
}

// TestNamedTwice: of two tasks of one name it is not said that one waits for itself.
func TestNamedTwice(t *testing.T) {
	const a, b = "  - {name: a}\n", "  - {name: a, after: [a]}\n"
	for _, text := range []string{"tasks:\n" + a + b, "tasks:\n" + b + a, "tasks:\n" + b + b} {
		_, err := Read("w.yaml", []byte(text), Scale{})
		if err == nil || strings.Contains(err.Error(), "itself") ||
			!strings.Contains(err.Error(), "w.yaml:3:12: tasks[1].name: a second task a; the first one is in line 2: give one") {
			t.Errorf("%s gives %v", text, err)
		}
	}
}

// TestJoined draws graphs of tasks: whatever has no circle can be run, with one entry and
// one exit, and every task after those that it waits for.
func TestJoined(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(t, "tasks")
		names := rapid.Permutation([]int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}[:n]).Draw(t, "order")
		var d Description
		after := map[string][]string{}
		for _, i := range names {
			task := Task{Name: fmt.Sprint("t", i)}
			for j := range i {
				if rapid.IntRange(0, 3).Draw(t, "edge") == 0 {
					task.After = append(task.After, fmt.Sprint("t", j))
				}
			}
			after[task.Name] = task.After
			d.Tasks = append(d.Tasks, task)
		}

		w, err := d.Workflow(Scale{})
		if err != nil {
			t.Fatal(err)
		}
		at := map[string]int{}
		for i, name := range w.Functions {
			at[name] = i
		}
		for name, before := range after {
			for _, b := range before {
				if !contains(w.SuccessorsOf(at[b]), at[name]) || at[b] >= at[name] {
					t.Fatalf("%s does not follow %s in %v", name, b, w)
				}
			}
		}
	})
}

func contains(list []int, i int) bool {
	for _, x := range list {
		if x == i {
			return true
		}
	}
	return false
}

func FuzzRead(f *testing.F) {
	text, err := os.ReadFile(camera)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(".json", text)
	f.Add(".json", []byte(old))
	f.Add(".json", []byte(`{"successors":[[1]],"functionNames":["a","b"],"dependencies":{},"state-sizes":{}}`))
	f.Add(".csv", []byte(jobs))
	f.Add(".yaml", []byte(own))
	f.Fuzz(func(t *testing.T, ending string, data []byte) {
		fuzztest.Watch(t, time.Second)
		file, err := Read("fuzz"+ending, data, Scale{})
		if err != nil {
			return
		}
		for _, w := range file.Workflows {
			if err := w.Validate(); err != nil {
				t.Errorf("read a workflow that cannot be run: %v", err)
			}
		}
	})
}
