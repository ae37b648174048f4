package foreign

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"edgebed/nodes/units"
	"edgebed/nodes/workflow"
)

// refused says whether a file is read as it must be: with the error want, or with none where
// that is empty.
func refused(t *testing.T, of, name, text, want string) {
	t.Helper()
	switch _, err := Read(name, []byte(text), Scale{}); {
	case want == "" && err != nil:
		t.Errorf("%s: %v", of, err)
	case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
		t.Errorf("%s: error %v, want %q", of, err, want)
	}
}

// TestLimits reads what is as large as it may be, and refuses what is one larger.
func TestLimits(t *testing.T) {
	lines := func(format string, n int) string {
		var text strings.Builder
		for i := range n {
			fmt.Fprintf(&text, format, i)
		}
		return text.String()
	}
	own := func(format string, n int) string { return "tasks:\n" + lines(format, n) }
	wf := func(tasks string) string {
		return `{"schemaVersion": "1.5", "workflow": {"specification": {"tasks": [` + strings.TrimSuffix(tasks, ",") + `]}}}`
	}
	old := func(format string, values ...any) string {
		return `{"schemaVersion": "1.4", "workflow": {"tasks": [{"name": "a", ` + fmt.Sprintf(format, values...) + `}]}}`
	}
	for _, tt := range []struct{ of, name, text, want string }{
		{"no tasks", "w.yaml", "tasks: []\n", "expected 1 to 1000 tasks, got 0"},
		{"one task", "w.yaml", own("  - {name: t%d}\n", 1), ""},
		{"1000 tasks", "w.yaml", own("  - {name: t%d}\n", MaxTasks), ""},
		{"1001 tasks", "w.yaml", own("  - {name: t%d}\n", MaxTasks+1), "expected 1 to 1000 tasks, got 1001"},
		{"1000 tasks of WfFormat", "w.json", wf(lines(`{"name": "t%d"},`, MaxTasks)), ""},
		{"1001 tasks of WfFormat", "w.json", wf(lines(`{"name": "t%d"},`, MaxTasks+1)), "expected 1 to 1000 tasks, got 1001"},
		{"no task of WfFormat", "w.json", wf(""), "expected 1 to 1000 tasks, got 0"},
		{"1000 tasks of a job", "w.csv", lines("M%d,1,j,1,T,1,2\n", MaxTasks), ""},
		{"1001 tasks of a job", "w.csv", lines("M%d,1,j,1,T,1,2\n", MaxTasks+1), "w.csv:1001:1: expected at most 1000 tasks of job j"},
		{"10000 jobs", "w.csv", lines("M1,1,j%d,1,T,1,2\n", MaxJobs), ""},
		{"10001 jobs", "w.csv", lines("M1,1,j%d,1,T,1,2\n", MaxJobs+1), "w.csv:10001:1: expected at most 10000 jobs"},
		{"no jobs", "w.csv", "task_name,a,job_name,b,c,start_time,end_time\n", "expected rows of batch_task.csv, got none"},
		{"7 columns", "w.csv", "M1,1,j,1,T,1,2\n", ""},
		{"6 columns", "w.csv", "M1,1,j,1,T,1\n", "got 6 columns"},
		{"a header behind a row", "w.csv", "M1,1,j,1,T,1,2\ntask_name,1,j,1,T,1,2\n", ""},

		{"a task after itself", "w.yaml", own("  - {name: t%d, after: [t0]}\n", 1), "w.yaml:2:24: tasks[0].after[0]: task t0 waits for itself"},
		{"a name of 200 letters", "w.yaml", own("  - {name: "+strings.Repeat("a", maxName)+"}\n#%d\n", 1), ""},
		{"a name of 201", "w.yaml", own("  - {name: "+strings.Repeat("a", maxName+1)+"}\n#%d\n", 1), "1 to 200 characters, got 201"},
		{"no name", "w.yaml", own("  - {name: \"\"}\n#%d\n", 1), "1 to 200 characters, got 0"},

		{"an output of 250 MB", "w.yaml", own("  - {name: t%d, output: 250 MB}\n", 1), ""},
		{"one byte more", "w.yaml", own("  - {name: t%d, output: 250000001}\n", 1), "puts out 250000.001 kB, more than the 250 MB"},
		{"a day", "w.yaml", own("  - {name: t%d, time: 24h}\n", 1), ""},
		{"a day and a second", "w.yaml", own("  - {name: t%d, time: 24h1s}\n", 1), "takes 24h0m1s, more than 24h0m0s"},
		{"no time", "w.yaml", own("  - {name: t%d, time: 0s}\n", 1), ""},
		{"a year is too long by far", "w.yaml", own("  - {name: t%d, time: 8760h}\n", 1), "takes 48h0m0s, more than 24h0m0s"},

		{"files of no bytes", "w.json", old(`"files": [{"link": "input", "name": "f", "sizeInBytes": 0}]`), ""},
		{"half a byte", "w.json", old(`"files": [{"link": "input", "name": "f", "sizeInBytes": 0.5}]`), "a whole number of bytes from 0 on, got 0.5"},
		{"an input of 250 MB", "w.json", old(`"files": [{"link": "input", "name": "f", "sizeInBytes": 250000000}]`), ""},
		{"an input of one more", "w.json", old(`"files": [{"link": "input", "name": "f", "sizeInBytes": 250000001}]`),
			"the first tasks read 250000.001 kB, more than the 250 MB"},
		{"a runtime of none", "w.json", old(`"runtimeInSeconds": 0`), ""},
		{"a negative one of 1.3", "w.json", old(`"runtime": -1`), "expected a runtime from 0 on, got -1"},
	} {
		refused(t, tt.of, tt.name, tt.text, tt.want)
	}
}

// TestScaled: factors multiply, and what is too large stays too large.
func TestScaled(t *testing.T) {
	for _, tt := range []struct {
		bytes, factor float64
		want          units.Size
	}{{1000, 1, 1000}, {1000, 0.5, 500}, {1000, 3, 3000}, {0, 9, 0}, {1e300, 10, 1 << 60}} {
		if got := scaled(tt.bytes, tt.factor); got != tt.want {
			t.Errorf("%g times %g are %d bytes, want %d", tt.bytes, tt.factor, got, tt.want)
		}
	}
	for _, tt := range []struct {
		s, factor float64
		want      time.Duration
	}{{2, 1, 2 * time.Second}, {2, 0.25, 500 * time.Millisecond}, {2, 4, 8 * time.Second}, {1e300, 10, 2 * workflow.MaxTime}} {
		if got := seconds(tt.s, tt.factor); got != tt.want {
			t.Errorf("%g s times %g are %v, want %v", tt.s, tt.factor, got, tt.want)
		}
	}
}

// TestTimesOfRows: a task of the trace takes from its start to its end, where it has both, and a
// row without is told once.
func TestTimesOfRows(t *testing.T) {
	for row, want := range map[string]time.Duration{
		"1,1": 0, "1,3": 2 * time.Second, "3,1": unsaid, "0,5": unsaid, "-2,5": unsaid, "x,5": unsaid, "1,x": unsaid, ",": unsaid,
	} {
		f, err := Read("w.csv", []byte("M1,1,j,1,T,"+row+"\nM2_1,1,j,1,T,1,2\n"), Scale{})
		if err != nil {
			t.Errorf("%s: %v", row, err)
			continue
		}
		if got := f.Workflows[0].Times; len(got) != 2 || got[0] != want || got[1] != time.Second {
			t.Errorf("%s gives the times %v, want %v and 1s", row, got, want)
		}
		if got := fmt.Sprint(f.Workflows[0].Functions); got != "[M1 M2_1]" {
			t.Errorf("the only job has the tasks %s, want names without its own", got)
		}
		told := len(f.Remarks) == 1 && strings.Contains(f.Remarks[0], "1 tasks have no start or no end")
		if told != (want < 0) || len(f.Remarks) > 0 && !told {
			t.Errorf("%s gives the remarks %q", row, f.Remarks)
		}
	}

	f, err := Read("w.csv", []byte("M1,1,j,1,T,,\nM2_1,1,j,1,T,,\nM1,1,k,1,T,,\n"), Scale{})
	if err != nil || len(f.Remarks) != 1 || !strings.Contains(f.Remarks[0], "3 tasks have no start") || f.Workflows[0].Times != nil {
		t.Errorf("without any times: %+v, %v", f, err)
	}
}

// TestStartsAndEnds: a start and an end are there where several tasks are first and last, under
// names that no task has; they send on what is read and put out.
func TestStartsAndEnds(t *testing.T) {
	for _, tt := range []struct{ tasks, want string }{
		{"{name: a}", "[a] [] [] []"},
		{"{name: a, output: 1 kB}, {name: b, after: [a], output: 2 kB}", "[a b] [] [1 kB 2 kB] []"},
		{"{name: a, output: 1 kB}, {name: b, output: 2 kB}", "[start a b end] [[1 2] [3] [3]] [-1 B 1 kB 2 kB 3 kB] []"},
		{"{name: a, output: 1 kB}, {name: b}", "[start a b end] [[1 2] [3] [3]] [-1 B 1 kB -1 B -1 B] []"},
		{"{name: start}, {name: end}", "[_start start end _end] [[1 2] [3] [3]] [] []"},
		{"{name: a, time: 1s}, {name: b, after: [a]}, {name: c, after: [a]}", "[a b c end] [[1 2] [3] [3]] [] [1s -1ns -1ns 0s]"},
		{"{name: a, output: 0 B}", "[a] [] [0 B] []"},
		{"{name: a, time: 0s}", "[a] [] [] [0s]"},
		{"{name: c, after: [x, b]}, {name: b, after: [x]}, {name: x}", "[x b c] [[1 2] [2]] [] []"},
		{"{name: c, after: [a, b, a]}, {name: b}, {name: a}", "[start b a c] [[1 2] [3] [3]] [] []"},
	} {
		w := read(t, "w.yaml", "tasks: ["+tt.tasks+"]\n", Scale{})[0]
		if got := fmt.Sprint(w.Functions, w.Successors, w.Outputs, w.Times); got != tt.want {
			t.Errorf("%s is read as %s, want %s", tt.tasks, got, tt.want)
		}
	}
}

// TestRemarks: WfFormat without files or runtimes is told, and a file whose name is told apart by
// the task's identifier where there are several.
func TestRemarks(t *testing.T) {
	for _, tt := range []struct {
		task, names string
		remarks     int
	}{
		{`{"name": "a", "runtimeInSeconds": 1, "files": [{"link": "output", "name": "f", "sizeInBytes": 1}]}`, "[a]", 0},
		{`{"name": "a", "runtimeInSeconds": 1, "files": [{"link": "input", "name": "f", "size": 1}]}`, "[a]", 0},
		{`{"name": "a", "runtime": 1}`, "[a]", 1},
		{`{"name": "a", "files": [{"link": "output", "name": "f", "size": 1}]}`, "[a]", 1},
		{`{"name": "a"}, {"name": "b", "parents": ["a"]}`, "[a b]", 2},
		{`{"name": "a", "id": "1"}, {"name": "a", "id": "2", "parents": ["1"]}`, "[a~1 a~2]", 2},
		{`{"name": "a", "id": "1", "category": "x"}, {"name": "b", "id": "2", "category": "x", "parents": ["1"]}`, "[x~a x~b]", 2},
	} {
		f, err := Read("w.json", []byte(`{"schemaVersion": "1.4", "workflow": {"tasks": [`+tt.task+`]}}`), Scale{})
		if err != nil {
			t.Errorf("%s: %v", tt.task, err)
			continue
		}
		if got := fmt.Sprint(f.Workflows[0].Functions); got != tt.names || len(f.Remarks) != tt.remarks {
			t.Errorf("%s is read as %s with the remarks %q, want %s and %d", tt.task, got, f.Remarks, tt.names, tt.remarks)
		}
	}
	if f, err := Read("w.json", []byte(old), Scale{}); err != nil || f.Own || len(f.Remarks) != 0 {
		t.Errorf("WfFormat is read as %+v, %v", f, err)
	}
	const prototype = `{"successors":[[1]],"functionNames":["a","b"],"dependencies":{},"state-sizes":{}}`
	if f, err := Read("w.json", []byte(prototype), Scale{}); err != nil || !f.Own {
		t.Errorf("the prototype's format is read as %+v, %v", f, err)
	}
}

// TestWhatStartsRead: a start sends each of several first tasks what it reads, and has as much as
// the one that reads most; a task that is the only first one reads it itself.
func TestWhatStartsRead(t *testing.T) {
	task := func(name string, bytes int) string {
		return fmt.Sprintf(`{"name": %q, "files": [{"link": "input", "name": %q, "sizeInBytes": %d}]}`, name, "f"+name, bytes)
	}
	for _, tt := range []struct{ tasks, want string }{
		{task("a", 10) + "," + task("b", 20) + "," + task("c", 0), "[start a b c end] [20 B 0 B 0 B 0 B 0 B] [[10 B -1 B 0 B] [-1 B] [-1 B] [-1 B]]"},
		{task("a", 10), "[a] [0 B] []"},
	} {
		w := read(t, "w.json", `{"schemaVersion": "1.4", "workflow": {"tasks": [`+tt.tasks+`]}}`, Scale{})[0]
		if got := fmt.Sprint(w.Functions, w.Outputs, w.Sent); got != tt.want {
			t.Errorf("%s is read as %s, want %s", tt.tasks, got, tt.want)
		}
	}
}
