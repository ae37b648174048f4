package testbed

import (
	"context"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"edgebed/harness/job"
	"edgebed/harness/record"
	"edgebed/harness/scenario"
)

// spinArg starts this binary as a program that keeps one core busy.
const spinArg = "spin-on-core"

// spin keeps a core busy for longer than any test runs.
func spin(core string) {
	var set unix.CPUSet
	n, err := strconv.Atoi(core)
	if err != nil {
		os.Exit(1)
	}
	set.Set(n)
	runtime.LockOSThread()
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		os.Exit(1)
	}
	for end := time.Now().Add(time.Hour); time.Now().Before(end); { // its parent ends it
	}
}

// audited runs one cell of experiment 400 and returns its audit. It calls during
// after each execution.
func audited(t *testing.T, executions int, during func(worker int)) *record.Audit {
	t.Helper()
	cell := prepare(t, executions, scenario.Selection{Where: map[string][]string{
		"rate": {"10 Mb/s"}, "panel": {"S=6,L=3"}, "argument": {"10 kB"}, "model": {"state-local"},
	}})[0]
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	before := children(t, "self")
	var end record.CellEnd
	err := Spawn(ctx, cell, job.Reporter{
		Cell: func(record.Cell) error { return nil },
		Execution: func(record.Execution) error {
			for _, sandbox := range children(t, "self") {
				if slices.Contains(before, sandbox) {
					continue
				}
				for _, worker := range children(t, strconv.Itoa(sandbox)) {
					during(worker)
				}
			}
			return nil
		},
		CellEnd: func(e record.CellEnd) error { end = e; return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	if end.Audit == nil || end.Audit.Measures["links-measured"] != 12 {
		t.Fatalf("the cell's audit is %+v", end.Audit)
	}
	return end.Audit
}

// children returns the processes that a process has started.
func children(t *testing.T, process string) []int {
	t.Helper()
	tasks := "/proc/" + process + "/task/"
	threads, err := os.ReadDir(tasks)
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	for _, thread := range threads {
		list, err := os.ReadFile(tasks + thread.Name() + "/children")
		if err != nil {
			continue // the thread has ended
		}
		for _, field := range strings.Fields(string(list)) {
			pid, err := strconv.Atoi(field)
			if err != nil {
				t.Fatal(err)
			}
			pids = append(pids, pid)
		}
	}
	return pids
}

// TestAuditStoppedWorker stops the worker for 200 ms while it executes.
func TestAuditStoppedWorker(t *testing.T) {
	const stop = 200 * time.Millisecond
	stopped := false
	a := audited(t, 3, func(worker int) {
		if stopped {
			return
		}
		stopped = true
		// The next execution comes after the pause, and takes longer than this.
		time.Sleep(150 * time.Millisecond)
		if err := unix.Kill(worker, unix.SIGSTOP); err != nil {
			t.Error(err)
		}
		time.Sleep(stop)
		if err := unix.Kill(worker, unix.SIGCONT); err != nil {
			t.Error(err)
		}
	})
	i := slices.IndexFunc(a.Findings, func(f record.Finding) bool { return f.Check == "timer-lag-max" })
	if a.Verdict != record.Disturbed || i < 0 {
		t.Fatalf("%s with %+v", a.Verdict, a.Findings)
	}
	// The probe looks every 100 ms; in microseconds.
	if lag := a.Findings[i].Value; lag < 90e3 {
		t.Errorf("a worker that was stopped for %v shows a lag of %v us", stop, lag)
	}
}

// TestAuditBusyMachine has a program spin on every core.
func TestAuditBusyMachine(t *testing.T) {
	for core := range runtime.NumCPU() {
		cmd := exec.Command("/proc/self/exe", spinArg, strconv.Itoa(core))
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		defer cmd.Wait()
		defer cmd.Process.Kill()
	}
	a := audited(t, 12, func(int) {})
	i := slices.IndexFunc(a.Findings, func(f record.Finding) bool { return f.Check == "cpu-saturated" })
	if a.Verdict != record.Disturbed || i < 0 {
		t.Fatalf("%s with %+v, measures %v", a.Verdict, a.Findings, a.Measures)
	}
	if a.Findings[i].Value < 90 {
		t.Errorf("with a program on every core the machine was saturated for %v %s", a.Findings[i].Value, a.Findings[i].Unit)
	}
}
