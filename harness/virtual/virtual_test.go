package virtual

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"edgebed/harness/job"
	"edgebed/harness/record"
	"edgebed/harness/scenario"
	"edgebed/harness/scenario/scenariotest"
	"edgebed/nodes/units"
	"edgebed/scenarios"
)

// worker builds the worker. EDGEBED_TEST_WORKER names another to test, such as one of
// another architecture.
func worker(t *testing.T) string {
	t.Helper()
	if program := os.Getenv("EDGEBED_TEST_WORKER"); program != "" {
		return program
	}
	program := filepath.Join(t.TempDir(), "edgebed-virtual")
	args := slices.Concat([]string{"build", "-o", program}, BuildFlags(), []string{"edgebed/harness/cmd/edgebed-virtual"})
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, out)
	}
	return program
}

// run runs the job and returns the worker's reports.
func run(t *testing.T, program string, j job.Job) []byte {
	t.Helper()
	return runInto(t, program, j, t.TempDir())
}

// runInto does so with a folder for the files that the job writes.
func runInto(t *testing.T, program string, j job.Job, files string) []byte {
	t.Helper()
	input, err := json.Marshal(j)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program)
	cmd.Stdin = bytes.NewReader(input)
	if j.Files != "" {
		folder, err := os.Open(files)
		if err != nil {
			t.Fatal(err)
		}
		defer folder.Close()
		cmd.ExtraFiles = []*os.File{folder}
	}
	var log bytes.Buffer
	cmd.Stderr = &log
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", j.Cell.ID, err, log.Bytes())
	}
	return out
}

// hog keeps all cores busy until the test ends.
func hog(t *testing.T) {
	var ended atomic.Bool
	for range 2 * runtime.NumCPU() {
		go func() {
			for !ended.Load() {
			}
		}()
	}
	t.Cleanup(func() { ended.Store(true) })
}

// TestDeterministic runs cells twice, the second time on a busy machine: every byte
// of the records must be the same. In DAGs several calls begin at one instant.
func TestDeterministic(t *testing.T) {
	program := worker(t)
	var jobs []job.Job
	for _, cells := range []struct {
		scenario string
		where    map[string][]string
	}{
		{"exp400", map[string][]string{
			"panel": {"S=3,L=6"}, "rate": {"10 Mb/s"}, "argument": {"10 kB"}, "model": {"state-prop", "state-local"},
		}},
		{"exp401", map[string][]string{
			"rate": {"10 Mb/s"}, "argument": {"10 kB"}, "model": {"pure-faas", "state-local-carry", "state-local-direct"},
		}},
	} {
		plan := scenariotest.Expand(t, cells.scenario, scenario.Selection{Profile: "quick", Where: cells.where})
		p, err := job.Prepare(plan, scenariotest.Topology, nil)
		if err != nil {
			t.Fatal(err)
		}
		jobs = append(jobs, p.Jobs...)
	}
	if len(jobs) != 5 {
		t.Fatalf("%d cells, want 5", len(jobs))
	}
	jobs[0].Files = "files"
	jobs[0].Cell.Capture = scenario.Capture{Of: []string{"s0-s1"}, Size: units.MB, Files: 10}
	var first [][]byte
	for _, j := range jobs {
		first = append(first, run(t, program, j))
	}

	hog(t)
	for i, j := range jobs {
		again := run(t, program, j)
		if !bytes.Equal(first[i], again) {
			t.Errorf("%s: the records differ:\n%s\nand on a busy machine\n%s", j.Cell.ID, first[i], again)
		}
		check(t, j, again)
	}
}

// check holds the records of a cell against what the emulation guarantees.
func check(t *testing.T, j job.Job, lines []byte) {
	t.Helper()
	executions := 0
	var end record.CellEnd
	for line := range bytes.Lines(lines) {
		_, err := job.Reporter{
			Cell: func(c record.Cell) error {
				if got := c.Settings["network"]; got != string(record.Virtual) {
					t.Errorf("the cell's setting network is %q", got)
				}
				return nil
			},
			Execution: func(e record.Execution) error {
				if e.WarmUp {
					return nil
				}
				executions++
				if !e.OK || e.Drops != 0 || e.Retransmissions != 0 {
					t.Errorf("execution %d: %q, %d drops, %d retransmissions", e.Index, e.Reason, e.Drops, e.Retransmissions)
				}
				for _, c := range e.Captures {
					p := e.Ports[slices.IndexFunc(e.Ports, func(p record.Port) bool { return p.Name == c.Port })]
					if frames, bytes := p.TxPackets+p.RxPackets, p.TxBytes+p.RxBytes; c.Frames != frames || c.Bytes != bytes {
						t.Errorf("execution %d: captured %+v, the port counts %+v", e.Index, c, p)
					}
				}
				if want := len(j.Cell.Capture.Of); len(e.Captures) != want {
					t.Errorf("execution %d has %d captures, want %d", e.Index, len(e.Captures), want)
				}
				least := e.Bound.SerialisationNS + e.Bound.PropagationNS + e.Bound.ComputingNS
				// Branches of a DAG share links, which the bound leaves out.
				if e.DelayNS < least || e.DelayNS > 3*least {
					t.Errorf("execution %d took %d ns, at least possible are %d", e.Index, e.DelayNS, least)
				}
				if share := float64(e.TrunkBytes) / float64(e.PredictedTrunkBytes); share < 0.96 || share > 1.04 {
					t.Errorf("execution %d: %d B on trunks, predicted %d", e.Index, e.TrunkBytes, e.PredictedTrunkBytes)
				}
				return nil
			},
			CellEnd: func(c record.CellEnd) error { end = c; return nil },
		}.Receive(line)
		if err != nil {
			t.Fatal(err)
		}
	}
	if executions != j.Executions() {
		t.Errorf("%d executions, want %d", executions, j.Executions())
	}
	if !end.OK || end.Audit == nil || end.Audit.Verdict != record.Exact {
		t.Errorf("the cell ended with %+v", end)
	}
}

// TestRefusesRealTime checks that the worker does not run by the machine's clock,
// which is this test's.
func TestRefusesRealTime(t *testing.T) {
	err := Main(t.Context(), strings.NewReader("{}"), &bytes.Buffer{})
	if err == nil || !strings.Contains(err.Error(), "-tags faketime") {
		t.Errorf("error %v, want one that says how to build the worker", err)
	}
}

// TestWorkflowsFromElsewhere runs workflows whose tasks have sizes and times, in all
// models and forms: the network carries what is predicted, and no execution is faster
// than its bound.
func TestWorkflowsFromElsewhere(t *testing.T) {
	program := worker(t)
	const head = "name: s\ntopology: {preset: \"ring,switches=4,rate=20 Mb/s\"}\n" +
		"matrix: [{axis: model, values: [pure-faas, state-prop, state-local]}, {axis: form, values: [carry, direct]}]\n" +
		"exclude: [{model: [pure-faas], form: [carry]}]\nexecution: {model: $model, form: $form}\n" +
		"profiles: {quick: {executions: 2}}\n"
	for name, workload := range map[string]string{
		"parts": "workload: {workflow: {tasks: [{name: a, output: 60 kB}, {name: b, after: [a], reads: {a: 10 kB}, output: 30 kB}, " +
			"{name: c, after: [a], reads: {a: 50 kB}, output: 5 kB}, {name: d, after: [b, c], reads: {b: 1 kB}}]}}",
		"WfFormat": "workload: {file: camera-alerts.json, size-factor: 0.5}",
		"inline": "workload: {workflow: {tasks: [{name: a, output: 0 B}, {name: b, after: [a], output: 30 kB, uses: [s]}, " +
			"{name: c, after: [b], time: 0 s, uses: [s]}], states: {s: 20 kB}}}",
	} {
		s, err := scenario.Parse("s.yaml", []byte(head+workload))
		if err != nil {
			t.Fatal(err)
		}
		plan, err := s.Expand(scenario.Selection{Profile: "quick"})
		if err != nil {
			t.Fatal(err)
		}
		p, err := job.Prepare(plan, func(name string) ([]byte, string, error) {
			data, err := fs.ReadFile(scenarios.Examples(), name)
			return data, name, err
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(p.Jobs) != 5 {
			t.Fatalf("%d cells, want 5", len(p.Jobs))
		}
		for _, j := range p.Jobs {
			t.Run(name+"/"+j.Cell.ID, func(t *testing.T) { check(t, j, run(t, program, j)) })
		}
	}
}
