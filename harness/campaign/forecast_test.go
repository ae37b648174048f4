package campaign

import (
	"cmp"
	"testing"
	"testing/synctest"
	"time"

	"edgebed/harness/job"
	"edgebed/harness/record"
	"edgebed/nodes/workflow"
)

// TestForecast: from a third of a campaign on, what it says about its end is true
// to a quarter, or nearly where much runs again, on machines that keep up and on those that do not.
func TestForecast(t *testing.T) {
	cells := jobs(t, "1 Mb/s", "5 Mb/s", "20 Mb/s", "100 Mb/s")
	for _, tt := range []struct {
		name string
		// slow is how much longer things take than expected, by the time since the
		// start.
		slow  func(elapsed time.Duration) float64
		audit func(j job.Job, peak float64) *record.Audit
		// within is what it may be off where that is not a quarter.
		within float64
	}{
		{name: "idle", slow: func(time.Duration) float64 { return 1 }},
		{name: "twice as fast", slow: func(time.Duration) float64 { return 0.5 }},
		{name: "busy", slow: func(time.Duration) float64 { return 2.5 }},
		{name: "becomes slower", slow: func(d time.Duration) float64 { return 1 + min(d.Seconds()/200, 1) }},
		{name: "becomes faster", slow: func(d time.Duration) float64 { return 2 - min(d.Seconds()/35, 1) }},
		// Here a third of the cells run again, most of them alone at the end, of which
		// nothing has been seen after a third.
		{name: "disturbed", slow: func(time.Duration) float64 { return 1.5 }, audit: overload(0.8), within: 0.3},
		{name: "one model is always disturbed", slow: func(time.Duration) float64 { return 1 },
			audit: func(j job.Job, peak float64) *record.Audit {
				if j.Cell.Execution.Model == workflow.StateProp {
					peak = 2
				}
				return overload(1.9)(j, peak)
			}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, w := writer(t, len(cells))
				started := time.Now()
				fake := worker{audit: tt.audit, slow: func() float64 { return tt.slow(time.Since(started)) }}
				var list []told
				o := fake.options()
				o.Observe = func(e Event) {
					list = append(list, told{e.Progress.Elapsed, e.Progress.Elapsed + e.Progress.Left})
				}
				s, err := Run(t.Context(), cells, w, o)
				if err != nil {
					t.Fatal(err)
				}
				comesTrue(t, list, s.Elapsed, cmp.Or(tt.within, 0.25))
				t.Logf("%d runs again", s.Again)
				if s.Left > time.Second {
					t.Errorf("at its end it says %v are left", s.Left)
				}
			})
		})
	}
}

// told is what a campaign says, at a time since its start, about how long it takes.
type told struct{ elapsed, total time.Duration }

// comesTrue holds what a campaign said against how long it took: from a third of that on it
// must be true to the given share.
func comesTrue(t *testing.T, list []told, took time.Duration, within float64) {
	t.Helper()
	worst := 0.0
	for _, p := range list {
		off := p.total.Seconds()/took.Seconds() - 1
		if p.elapsed < took/3 {
			continue
		}
		if off > within || off < -within {
			t.Fatalf("after %v it says %v in all, %+.0f %% off: it took %v", p.elapsed, p.total, 100*off, took)
		}
		worst = max(worst, off, -off)
	}
	t.Logf("%v, first estimate %v, at worst %.0f %% off after a third", took, list[0].total, 100*worst)
}
