package testbed

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"edgebed/harness/cgroup"
	"edgebed/harness/job"
	"edgebed/harness/record"
	"edgebed/harness/scenario/scenariotest"
	"edgebed/nodes/yamlfile"
)

// TestLimitedRecover: hosts have had a whole period in which none was held up before an execution
// begins, or the longest time where there is no such period.
func TestLimitedRecover(t *testing.T) {
	for name, tc := range map[string]struct {
		held    []int // in how many periods the second host was, by reading
		periods int
	}{
		"idle":         {[]int{7, 7}, 1},
		"held up once": {[]int{7, 8, 8}, 2},
		"held up late": {[]int{0, 1, 2, 2}, 3},
		"always":       {[]int{0, 1, 2, 3}, 3},
	} {
		readings := 0
		usage := func() ([]cgroup.Usage, error) {
			readings++
			return []cgroup.Usage{{}, {Throttled: tc.held[readings-1]}}, nil
		}
		began := time.Now()
		if err := recovered(t.Context(), 3*cgroup.Period, usage); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); readings != tc.periods+1 || took < time.Duration(tc.periods)*cgroup.Period {
			t.Errorf("%s: %d readings in %v, want %d, a period between any two", name, readings, took, tc.periods+1)
		}
	}
}

// nodesOf returns the process with the nodes of a host among those that have a variable in their
// environment.
func nodesOf(t *testing.T, host, variable string) int {
	t.Helper()
	processes, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range processes {
		line, _ := os.ReadFile(filepath.Join(p, "cmdline")) // it may have ended meanwhile
		environment, _ := os.ReadFile(filepath.Join(p, "environ"))
		if string(line) == "edgebed-nodes\x00"+host+"\x00" && bytes.Contains(environment, []byte(variable)) {
			pid, err := strconv.Atoi(filepath.Base(p))
			if err != nil {
				t.Fatal(err)
			}
			return pid
		}
	}
	t.Errorf("no process has the nodes of %s", host)
	return 0
}

// TestLimitedWaits: under load an execution has waited, too, while the process of its client stood
// still, as it does without a share.
func TestLimitedWaits(t *testing.T) {
	p, err := job.Prepare(scenariotest.ExpandText(t, `
name: l
topology: {preset: "linear,switches=2"}
load: {loop: closed, arrivals: periodic, rate: 4, duration: 1500 ms}
nodes: {limits: [{hosts: [host0], cpu: 2}]}
execution: {model: state-prop, keep-client: true}
profiles: {quick: {executions: 1}}
`), nil, nil)
	if err != nil {
		t.Fatal(yamlfile.Explain(err))
	}
	if err := LimitsReady(p.Jobs); err != nil {
		t.Skip(err)
	}
	mark := fmt.Sprintf("%d-%d", os.Getpid(), time.Now().UnixNano())
	t.Setenv("EDGEBED_TEST_MARK", mark)

	const still = 750 * time.Millisecond
	var stop sync.Once
	longest := record.Execution{Arrival: &record.Arrival{}}
	err = Spawn(t.Context(), p.Jobs[0], job.Reporter{
		Cell: func(record.Cell) error { return nil },
		Execution: func(e record.Execution) error {
			stop.Do(func() {
				client := nodesOf(t, "host0", mark)
				if client == 0 || syscall.Kill(client, syscall.SIGSTOP) != nil {
					t.Errorf("process %d of the client cannot be stopped", client)
					return
				}
				time.AfterFunc(still, func() { _ = syscall.Kill(client, syscall.SIGCONT) })
			})
			if e.Arrival.WaitedNS > longest.Arrival.WaitedNS {
				longest = e
			}
			return nil
		},
		CellEnd: func(record.CellEnd) error { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	if a := longest.Arrival; a.WaitedNS < int64(still/2) || longest.DelayNS <= a.WaitedNS {
		t.Errorf("executions have waited for %v at most, of %v; the client stood still for %v",
			time.Duration(a.WaitedNS), time.Duration(longest.DelayNS), still)
	}
}
