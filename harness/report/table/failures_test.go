package table

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"edgebed/harness/record"
	"edgebed/harness/report/reporttest"
)

// TestFailures checks that many executions that failed alike are one row, whose counts
// add up, and that there are never many rows.
func TestFailures(t *testing.T) {
	r := reporttest.Synthesize(reporttest.Small())
	failed := 0
	for i := range r.Cells {
		for k := range r.Cells[i].Executions {
			e := &r.Cells[i].Executions[k]
			e.OK, e.Reason = false, fmt.Sprintf("no answer from 10.1.0.%d within 30 s", k+1)
			if !e.WarmUp {
				failed++
			}
		}
	}
	f := Failures(r.Cells)
	if len(f.Rows) != 1 || f.Rows[0][0] != "no answer from … within … s" || f.Rows[0][2] != fmt.Sprint(failed) ||
		f.Rows[0][3] != fmt.Sprint(len(r.Cells)) || strings.Count(f.Rows[0][1], "execution") != 3 {
		t.Errorf("rows %q, want one of %d executions in %d cells with three examples", f.Rows, failed, len(r.Cells))
	}
	if !strings.Contains(f.Remark, "executions.csv") {
		t.Errorf("the remark does not say where all are: %s", f.Remark)
	}

	for i := range r.Cells {
		for k := range r.Cells[i].Executions {
			r.Cells[i].Executions[k].Reason = strings.Repeat("x", i*10+k)
		}
	}
	if f = Failures(r.Cells); len(f.Rows) != mostGroups || !strings.Contains(f.Remark, "are left out") {
		t.Errorf("%d rows, remark %q", len(f.Rows), f.Remark)
	}

	for i := range r.Cells {
		r.Cells[i].End = &record.CellEnd{Reason: "no room"}
	}
	r.Cells[0].End = nil
	got := Incomplete(r.Cells).Rows
	if len(got) != 2 || got[0][0] != "no room" || got[0][2] != fmt.Sprint(len(r.Cells)-1) ||
		!slices.Equal(got[1], []string{"interrupted after 5 executions", r.Cells[0].Cell.ID, "1"}) {
		t.Errorf("cells that are not complete: %q", got)
	}
}
