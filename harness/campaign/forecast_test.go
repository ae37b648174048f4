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
	list := jobs(t, "1 Mb/s", "5 Mb/s", "20 Mb/s", "100 Mb/s")
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
		{name: "disturbed", slow: func(time.Duration) float64 { return 1.5 }, audit: overload(0.8), within: 0.35},
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
				_, w := writer(t, len(list))
				started := time.Now()
				fake := worker{audit: tt.audit, slow: func() float64 { return tt.slow(time.Since(started)) }}
				type point struct{ elapsed, total time.Duration }
				var trace []point
				o := fake.options()
				o.Observe = func(e Event) {
					trace = append(trace, point{e.Progress.Elapsed, e.Progress.Elapsed + e.Progress.Left})
				}
				s, err := Run(t.Context(), list, w, o)
				if err != nil {
					t.Fatal(err)
				}
				worst, within := 0.0, cmp.Or(tt.within, 0.25)
				for _, p := range trace {
					if p.elapsed < s.Elapsed/3 {
						continue
					}
					off := p.total.Seconds()/s.Elapsed.Seconds() - 1
					if off > within || off < -within {
						t.Fatalf("after %v it says %v in all, %+.0f %% off: it took %v, %d runs again", p.elapsed, p.total, 100*off, s.Elapsed, s.Again)
					}
					worst = max(worst, off, -off)
				}
				t.Logf("%v, %d runs again, first estimate %v, at worst %.0f %% off after a third", s.Elapsed, s.Again, trace[0].total, 100*worst)
				if s.Left > time.Second {
					t.Errorf("at its end it says %v are left", s.Left)
				}
			})
		})
	}
}
