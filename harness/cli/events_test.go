package cli

import (
	"bytes"
	"context"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"edgebed/harness/campaign"
	"edgebed/harness/golden"
	"edgebed/harness/job"
	"edgebed/harness/record"
	"edgebed/harness/scenario"
)

// TestEvents compares the events of a campaign whose worker, network and clock
// are made up with testdata/events.jsonl, and the plain lines with
// testdata/progress.txt: one cell is faithful, one is disturbed at first, one
// fails.
func TestEvents(t *testing.T) {
	s, find, err := loadScenario("exp400")
	if err != nil {
		t.Fatal(err)
	}
	plan, err := s.Expand(scenario.Selection{Profile: "quick", Where: map[string][]string{
		"panel": {"S=3,L=6"}, "argument": {"10 kB"}, "rate": {"1 Mb/s"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	prepared, err := job.Prepare(plan, find.Read, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range prepared.Jobs {
		prepared.Jobs[i].Cell.Executions = 1
	}
	w, err := record.Create(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	var events, lines bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		runs := map[string]int{}
		worker := func(_ context.Context, job job.Job, report job.Reporter) error {
			id := job.Cell.ID
			runs[id]++
			time.Sleep(1300 * time.Millisecond) // never together with a sample
			if job.Cell.Execution.Model == "state-prop" {
				return os.ErrDeadlineExceeded
			}
			audit := &record.Audit{Verdict: record.Faithful}
			if job.Cell.Execution.Model == "state-local" && runs[id] == 1 {
				audit = &record.Audit{Verdict: record.Disturbed, Findings: []record.Finding{
					{Check: "link-rate", Where: "sw0->sw1", Value: 0.951, Limit: 0.99, Unit: "of the rate"},
				}}
			}
			if err := report.Cell(record.Cell{ID: id, Executions: 1}); err != nil {
				return err
			}
			drawn, err := job.Workflow(0)
			if err != nil {
				return err
			}
			if err := report.Execution(record.Execution{Cell: id, Workload: drawn.Name, DelayNS: 1e9, OK: true}); err != nil {
				return err
			}
			return report.CellEnd(record.CellEnd{Cell: id, OK: true, Audit: audit})
		}
		stream, view := newEventStream(&events, true), newProgressView(&lines)
		stream.begin(record.Campaign{Scenario: "exp400", Profile: "quick"}, len(prepared.Jobs), "out")
		summary, err := campaign.Run(t.Context(), prepared.Jobs, w, campaign.Options{Reruns: campaign.Reruns,
			Worker: worker, Jobs: 1, Cores: 2, Busy: func() (float64, bool) { return 0.1, true },
			Observe: func(e campaign.Event) {
				stream.pass(e)
				view.show(e)
			},
		})
		stream.end(summary, err)
	})
	golden.Check(t, "events.jsonl", events.Bytes())
	golden.Check(t, "progress.txt", lines.Bytes())
}
