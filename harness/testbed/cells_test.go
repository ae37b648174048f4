package testbed

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"edgebed/harness/job"
	"edgebed/harness/scenario"
	"edgebed/harness/scenario/scenariotest"
	"edgebed/nodes/units"
	"edgebed/nodes/workflow"
)

// shipped returns the prepared cells of a shipped scenario after edits, pairs of
// old and new text.
func shipped(t *testing.T, name string, sel scenario.Selection, edits ...string) (*job.Prepared, error) {
	t.Helper()
	return job.Prepare(scenariotest.Expand(t, name, sel, edits...), scenariotest.Topology, nil)
}

// TestKeepClient runs the same chain twice, with a client for each execution and
// with one for both. Its state then is where the first execution took it, and the
// second one moves nothing but arguments.
func TestKeepClient(t *testing.T) {
	same := job.Workflow{Name: "same", Workflow: &workflow.Workflow{
		Functions:    []string{"10.1.0.2", "10.1.0.3"},
		Dependencies: map[string][]string{"s0": {"10.1.0.2"}},
		StateSizes:   map[string]units.Size{"s0": 30 * units.KB},
	}}
	for _, keep := range []bool{false, true} {
		plan := scenariotest.Expand(t, "exp400", scenario.Selection{Profile: "quick", Where: map[string][]string{
			"panel": {"S=3,L=6"}, "argument": {"10 kB"}, "rate": {"50 Mb/s"}, "model": {"state-local"},
		}}, "warm-up: true", fmt.Sprintf("keep-client: %t", keep))
		p, err := job.Prepare(plan, scenariotest.Topology, []job.Workflow{same, same, same})
		if err != nil {
			t.Fatal(err)
		}
		_, list, _ := collect(t, p.Jobs[0])
		for _, e := range list {
			if !e.OK {
				t.Fatalf("keep-client %t: execution %d failed: %s", keep, e.Index, e.Reason)
			}
			if known := e.PayloadBytes > 0; known == keep {
				t.Errorf("keep-client %t: the payload of execution %d is given as %d B", keep, e.Index, e.PayloadBytes)
			}
		}
		// The first execution opens the nodes' connections; compare the others.
		saved := list[0].TrunkBytes - list[2].TrunkBytes
		if keep != (saved > 30_000) {
			t.Errorf("keep-client %t: execution 2 moved %d B less than execution 0, the state has 30000", keep, saved)
		}
	}
}

// TestVerified runs DAGs in every model and form with verification: each state is
// used by exactly its users, in causal order.
func TestVerified(t *testing.T) {
	for _, tc := range []struct{ name, executions string }{{"exp401", "4"}, {"alibaba-mix", "10"}} {
		p, err := shipped(t, tc.name, scenario.Selection{
			Profile: "quick", Where: map[string][]string{"argument": {"10 kB"}, "rate": {"100 Mb/s"}},
		}, "executions: "+tc.executions, "executions: 2", "warm-up: true", "verify: true")
		if err != nil {
			t.Fatal(err)
		}
		for _, j := range p.Jobs {
			_, list, end := collect(t, j)
			if len(list) != 2 || !end.OK {
				t.Errorf("%s: %d executions, end %+v", j.Cell.ID, len(list), end)
			}
			for _, e := range list {
				if !e.OK {
					t.Errorf("%s: execution %d failed: %s", j.Cell.ID, e.Index, e.Reason)
				}
			}
		}
	}
}

// TestDiscard runs a cell of experiment 400 with two executions before the
// measured ones.
func TestDiscard(t *testing.T) {
	p, err := shipped(t, "exp400", scenario.Selection{Profile: "quick", Where: map[string][]string{
		"panel": {"S=3,L=6"}, "argument": {"10 kB"}, "rate": {"50 Mb/s"}, "model": {"pure-faas"},
	}}, "executions: 8", "executions: 3", "warm-up: true", "discard: 2")
	if err != nil {
		t.Fatal(err)
	}
	cell, list, end := collect(t, p.Jobs[0])
	if cell.Executions != 3 || !end.OK {
		t.Errorf("the cell announces %d executions, want 3; it ends with %+v", cell.Executions, end)
	}
	var got []string
	for _, e := range list {
		if !e.OK {
			t.Errorf("execution %d failed: %s", e.Index, e.Reason)
		}
		w, err := p.Jobs[0].Workflow(e.Index)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprint(e.Index, e.WarmUp, e.Workload == w.Name))
	}
	if diff := cmp.Diff([]string{"-2 true true", "-1 true true", "0 false true", "1 false true", "2 false true"}, got); diff != "" {
		t.Errorf("executions (-want +got):\n%s", diff)
	}
}
