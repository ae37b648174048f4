package testbed

import (
	"slices"
	"testing"

	"edgebed/harness/job"
	"edgebed/harness/scenario"
	"edgebed/harness/scenario/scenariotest"
	"edgebed/nodes/workflow"
)

// TestDirect runs every shipped cell of the direct form at its fastest link rate.
// Each execution, the first one included, opens exactly the connections that are
// predicted, by the kernel's counters, and moves the bytes that are predicted,
// within what the other forms are held to; none beats its lower bound. The same
// holds for a cell that is resumed.
func TestDirect(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		scenario string
		where    map[string][]string
		cells    int
	}{
		{"exp401", map[string][]string{"rate": {"100 Mb/s"}, "argument": {"10 kB"}}, 2},
		{"exp402", map[string][]string{"state": {"100 kB"}}, 1},
		{"alibaba-mix", map[string][]string{"rate": {"100 Mb/s"}, "argument": {"10 kB"}}, 2},
	} {
		p, err := job.Prepare(scenariotest.Expand(t, test.scenario, scenario.Selection{Profile: "quick", Where: test.where}), scenariotest.Topology, nil)
		if err != nil {
			t.Fatal(err)
		}
		cells := 0
		for _, j := range p.Jobs {
			if e := j.Cell.Execution; e.Form == workflow.Carry || e.Model == workflow.PureFaaS {
				continue
			}
			cells++
			t.Run(j.Cell.ID, func(t *testing.T) { checkDirect(t, j) })
			if test.scenario == "exp401" {
				j.First = 2
				t.Run("resumed/"+j.Cell.ID, func(t *testing.T) { checkDirect(t, j) })
			}
		}
		if cells < test.cells {
			t.Errorf("%s: %d cells of the direct form, want at least %d", test.scenario, cells, test.cells)
		}
	}
}

// checkDirect runs a cell of the direct form and holds it against its predictions.
func checkDirect(t *testing.T, j job.Job) {
	t.Parallel()
	_, list, end := collect(t, j)
	if want := len(slices.Collect(j.All())); !end.OK || len(list) != want {
		t.Fatalf("%d executions, want %d; end %+v", len(list), want, end)
	}
	var before *workflow.Workflow
	for _, e := range list {
		drawn, err := j.Workflow(e.Index)
		if err != nil {
			t.Fatal(err)
		}
		w := drawn.Workflow
		if !e.OK {
			t.Fatalf("execution %d failed: %s", e.Index, e.Reason)
		}
		prediction, exact, err := j.Predict(w, before)
		if err != nil || !exact {
			t.Fatalf("execution %d: the prediction is exact: %t, %v", e.Index, exact, err)
		}
		if e.ActiveOpens != int64(prediction.ActiveOpens) {
			t.Errorf("execution %d opened %d TCP connections, predicted %d", e.Index, e.ActiveOpens, prediction.ActiveOpens)
		}
		off := float64(e.TrunkBytes)/float64(e.PredictedTrunkBytes) - 1
		t.Logf("execution %d: %d connections, %d B between switches, %+.1f %% off the prediction", e.Index, e.ActiveOpens, e.TrunkBytes, 100*off)
		if off < -0.06 || off > 0.06 {
			t.Errorf("execution %d moved %d B between switches, %+.1f %% off the prediction", e.Index, e.TrunkBytes, 100*off)
		}
		if e.Bound == nil {
			t.Fatalf("execution %d has no lower bound", e.Index)
		}
		if least := e.Bound.SerialisationNS + e.Bound.PropagationNS + e.Bound.ComputingNS + e.Bound.SetUpNS; e.DelayNS < least {
			t.Errorf("execution %d took %d ns, less than the %d ns that links and functions need", e.Index, e.DelayNS, least)
		}
		if j.Cell.Execution.KeepClient {
			before = w
		}
	}
}
