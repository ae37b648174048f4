package testbed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"edgebed/harness/apart"
	"edgebed/harness/cgroup"
	"edgebed/harness/emu/delayline"
	"edgebed/harness/job"
	"edgebed/harness/record"
	"edgebed/harness/sandbox"
	"edgebed/harness/sandbox/sandboxtest"
	"edgebed/harness/scenario"
	"edgebed/harness/scenario/scenariotest"
	"edgebed/nodes/workflow"
)

// TestMain lets the test binary be the worker that Spawn starts, as edgebed's
// own main does.
func TestMain(m *testing.M) {
	sandbox.Enter()
	delayline.MaybeMain()
	cgroup.MaybeMain()
	apart.MaybeMain()
	if len(os.Args) == 3 && os.Args[1] == spinArg {
		spin(os.Args[2])
	}
	if len(os.Args) > 1 && os.Args[1] == WorkerArg {
		if err := Main(context.Background(), os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if len(os.Args) == 3 && os.Args[1] == DoctorArg {
		if err := Examine(context.Background(), os.Args[2], os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if err := sandbox.Probe(context.Background(), sandbox.Options{}); err != nil {
		var refused *sandbox.RefusedError
		if errors.As(err, &refused) && os.Getenv(sandboxtest.EnvRequire) == "" {
			fmt.Println("skipped:", err)
			os.Exit(0)
		}
		fmt.Println(err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// prepare returns jobs of experiment 400 with the given executions per cell.
func prepare(t *testing.T, executions int, sel scenario.Selection, given ...job.Workflow) []job.Job {
	t.Helper()
	s := scenariotest.Parse(t, "exp400")
	for name, p := range s.Profiles {
		p.Executions = executions
		s.Profiles[name] = p
	}
	sel.Profile = "quick"
	plan, err := s.Expand(sel)
	if err != nil {
		t.Fatal(err)
	}
	p, err := job.Prepare(plan, scenariotest.Topology, given)
	if err != nil {
		t.Fatal(err)
	}
	return p.Jobs
}

// collect runs the job in a worker and returns what it reported.
func collect(t *testing.T, j job.Job) (cell record.Cell, list []record.Execution, end record.CellEnd) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	err := Spawn(ctx, j, job.Reporter{
		Cell:      func(c record.Cell) error { cell = c; return nil },
		Execution: func(e record.Execution) error { list = append(list, e); return nil },
		CellEnd:   func(e record.CellEnd) error { end = e; return nil },
	})
	if err != nil {
		t.Fatalf("cell %s: %v", j.Cell.ID, err)
	}
	return cell, list, end
}

// TestModels runs one cell per model and checks what can be known beforehand:
// every execution succeeds, the wire carries what the payload, the protocol and
// the links' number predict, no execution beats the link rate, and at 1 Mb/s
// state-local, which moves the least, is the fastest.
func TestModels(t *testing.T) {
	t.Parallel()
	mean := map[workflow.Model]time.Duration{}
	for _, j := range prepare(t, 2, scenario.Selection{Where: map[string][]string{
		"rate": {"2 Mb/s"}, "panel": {"S=3,L=6"}, "argument": {"10 kB"},
	}}) {
		model := j.Cell.Execution.Model
		cell, list, end := collect(t, j)
		if !end.OK || len(list) != 2 || cell.ID != j.Cell.ID || end.Cell != cell.ID {
			t.Fatalf("%s: %d executions, end %+v", model, len(list), end)
		}
		for _, key := range []string{record.SettingDelayBackend, record.SettingCongestionControl} {
			if cell.Settings[key] == "" {
				t.Errorf("%s: the records do not say %s", model, key)
			}
		}
		known := map[string]bool{}
		for _, p := range cell.Network.Ports {
			known[p.Name] = true
		}
		for k, e := range list {
			w, err := j.Workflow(k)
			if err != nil {
				t.Fatal(err)
			}
			if !e.OK {
				t.Fatalf("%s: execution %d failed: %s", model, k, e.Reason)
			}
			if e.Index != k || e.Workload != w.Name {
				t.Errorf("%s: execution %d is recorded as %d of workload %s", model, k, e.Index, e.Workload)
			}
			for _, p := range e.Ports {
				if !known[p.Name] || len(e.Ports) != len(known) {
					t.Errorf("%s: execution %d counted port %s, the records' network has %v", model, k, p.Name, cell.Network.Ports)
				}
			}
			off := float64(e.TrunkBytes)/float64(e.PredictedTrunkBytes) - 1
			if off < -0.06 || off > 0.06 {
				t.Errorf("%s: execution %d moved %d B between switches, %+.1f %% off the prediction", model, k, e.TrunkBytes, 100*off)
			}
			if e.SwitchBytes <= e.TrunkBytes {
				t.Errorf("%s: all ports sent %d B, trunk ports alone %d B", model, e.SwitchBytes, e.TrunkBytes)
			}
			if e.Bound == nil {
				t.Fatalf("%s: execution %d has no lower bound", model, k)
			}
			least := time.Duration(e.Bound.SerialisationNS + e.Bound.PropagationNS + e.Bound.ComputingNS + e.Bound.SetUpNS)
			if functions := time.Duration(w.Workflow.Len()) * 10 * time.Millisecond; least < 2*functions {
				t.Errorf("%s: execution %d is said to take %v at least, with functions of %v at 2 Mb/s", model, k, least, functions)
			}
			if time.Duration(e.DelayNS) < least {
				t.Errorf("%s: execution %d took %v, less than the %v that links and functions need", model, k, time.Duration(e.DelayNS), least)
			}
			mean[model] += time.Duration(e.DelayNS) / 2
		}
	}
	if mean[workflow.StateLocal] >= mean[workflow.PureFaaS] || mean[workflow.StateLocal] >= mean[workflow.StateProp] {
		t.Errorf("at 2 Mb/s state-local is not the fastest: %v", mean)
	}
}

// TestConnections checks the prototype's rules on one chain whose connections
// are known: client to router (loopback), router to computers (warm), callback,
// state server, fetches.
func TestConnections(t *testing.T) {
	t.Parallel()
	w, err := workflow.ParseJSON("chain.json", []byte(`{
		"functions": ["10.1.0.2", "10.1.0.3", "10.1.0.4"],
		"dependencies": {"s0": ["10.1.0.2", "10.1.0.4"], "s1": ["10.1.0.3"], "s2": []},
		"state-sizes": {"s0": 10000, "s1": 20000, "s2": 30000}}`))
	if err != nil {
		t.Fatal(err)
	}
	// Client's Put channel, router, callback, and a fetch per state and owner.
	want := map[workflow.Model]int64{workflow.PureFaaS: 1, workflow.StateProp: 2, workflow.StateLocal: 3 + 3}
	payload := map[workflow.Model]int64{workflow.PureFaaS: 140000, workflow.StateProp: 160000, workflow.StateLocal: 80000}
	for _, j := range prepare(t, 1, scenario.Selection{
		Set:   map[string]string{"link-delay": "0 ms"},
		Where: map[string][]string{"rate": {"100 Mb/s"}, "panel": {"S=3,L=6"}, "argument": {"10 kB"}},
	}, job.Workflow{Name: "chain", Workflow: w}) {
		_, list, _ := collect(t, j)
		model := j.Cell.Execution.Model
		if len(list) != 1 || !list[0].OK {
			t.Fatalf("%s: %+v", model, list)
		}
		if list[0].ActiveOpens != want[model] {
			t.Errorf("%s opened %d TCP connections, want %d", model, list[0].ActiveOpens, want[model])
		}
		if list[0].PayloadBytes != payload[model] {
			t.Errorf("%s: payload %d B, want %d", model, list[0].PayloadBytes, payload[model])
		}
	}
}

// TestTimeout runs an execution that cannot end in time: it fails with a
// reason, and the cell goes on.
func TestTimeout(t *testing.T) {
	t.Parallel()
	jobs := prepare(t, 2, scenario.Selection{Where: map[string][]string{
		"rate": {"1 Mb/s"}, "panel": {"S=3,L=6"}, "argument": {"100 kB"}, "model": {"state-prop"},
	}})
	jobs[0].Cell.Execution.Timeout = 700 * time.Millisecond
	jobs[0].Cell.Execution.WarmUp = false
	_, list, end := collect(t, jobs[0])
	if len(list) != 2 || !end.OK {
		t.Fatalf("%d executions, end %+v", len(list), end)
	}
	for k, e := range list {
		if e.OK || e.Reason == "" {
			t.Errorf("execution %d: ok %v, reason %q; its payload takes seconds at 1 Mb/s", k, e.OK, e.Reason)
		}
	}
}

func TestSpawnStops(t *testing.T) {
	j := prepare(t, 50, scenario.Selection{Where: map[string][]string{
		"rate": {"1 Mb/s"}, "panel": {"S=3,L=6"}, "argument": {"10 kB"}, "model": {"state-local"},
	}})[0]
	none := job.Reporter{
		Cell:      func(record.Cell) error { return nil },
		Execution: func(record.Execution) error { return nil },
		CellEnd:   func(record.CellEnd) error { return nil },
	}
	t.Run("by context", func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		r := none
		r.Cell = func(record.Cell) error { cancel(); return nil }
		if err := Spawn(ctx, j, r); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want that of the context", err)
		}
	})
	t.Run("by reporter", func(t *testing.T) {
		full := errors.New("disk full")
		r := none
		r.Cell = func(record.Cell) error { return full }
		if err := Spawn(context.Background(), j, r); !errors.Is(err, full) {
			t.Errorf("error %v, want the reporter's", err)
		}
	})
	t.Run("by kill", func(t *testing.T) {
		r := none
		r.Cell = func(record.Cell) error { return killWorkers(t) }
		err := Spawn(context.Background(), j, r)
		if err == nil || !strings.Contains(err.Error(), "worker ended") {
			t.Errorf("error %v, want one that says the worker ended", err)
		}
	})
	t.Run("bad job", func(t *testing.T) {
		bad := j
		bad.TopologyText = []byte("version: 1\nname: x")
		err := Spawn(context.Background(), bad, none)
		if err == nil || !strings.Contains(err.Error(), "switches") {
			t.Errorf("error %v, want the worker's own words about the topology", err)
		}
	})
}

// killWorkers kills the sandboxes that this test process started.
func killWorkers(t *testing.T) error {
	t.Helper()
	children, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		return err
	}
	killed := 0
	for _, file := range children {
		data, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		for _, f := range bytes.Fields(data) {
			var pid int
			if _, err := fmt.Sscan(string(f), &pid); err == nil && syscall.Kill(pid, syscall.SIGKILL) == nil {
				killed++
			}
		}
	}
	if killed != 1 {
		return fmt.Errorf("killed %d children, want the worker's sandbox alone", killed)
	}
	return nil
}
