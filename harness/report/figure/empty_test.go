package figure

import (
	"errors"
	"strings"
	"testing"

	"edgebed/harness/record"
	"edgebed/harness/report/reporttest"
)

// TestWhyEmpty checks that a figure without anything to show says why, and what to do.
func TestWhyEmpty(t *testing.T) {
	none := func(r *record.Results) { r.Cells = nil }
	stillborn := func(r *record.Results) {
		for i := range r.Cells {
			r.Cells[i].Executions, r.Cells[i].End = nil, &record.CellEnd{Reason: "no room"}
		}
	}
	failed := func(r *record.Results) {
		for i := range r.Cells {
			for k := range r.Cells[i].Executions {
				r.Cells[i].Executions[k].OK, r.Cells[i].Executions[k].Reason = false, "refused"
			}
		}
	}
	warm := func(r *record.Results) {
		for i := range r.Cells {
			r.Cells[i].Executions = r.Cells[i].Executions[:1]
		}
	}
	whole := func(*record.Results) {}

	line := record.Figure{Name: "f", Kind: record.KindLines, Metric: record.Delay, X: "rate", Series: "model"}
	with := func(change func(f *record.Figure)) record.Figure {
		f := line
		change(&f)
		return f
	}
	time := func(metric string, at ...string) record.Figure {
		return record.Figure{Name: "f", Kind: record.KindTimeline, Metric: metric, At: at}
	}
	for name, tc := range map[string]struct {
		figure record.Figure
		change func(*record.Results)
		want   string
	}{
		"no cell":      {line, none, "the records hold no cell; run the scenario first"},
		"no execution": {line, stillborn, "16 cells made no execution, mostly: no room; go on with --resume"},
		"all failed":   {line, failed, "all of 64 executions failed, mostly: refused; report.md lists the reasons"},
		"warm-ups":     {line, warm, "16 cells made warm-ups alone"},
		"where": {with(func(f *record.Figure) { f.Where = map[string]string{"argument": "7 kB"} }), whole,
			"no cell has argument = 7 kB: change where; the records have 10 kB, 100 kB"},
		"of": {with(func(f *record.Figure) { f.Of = []string{"state-prop"} }), whole,
			"no cell has model = state-prop: change of; the records have pure-faas, state-local"},
		"metric": {with(func(f *record.Figure) { f.Metric = "wrk.rate" }), whole,
			"none of 62 executions has the metric wrk.rate; they have"},
		"no load":    {time(record.Delay), whole, "give the scenario a load section"},
		"no samples": {time(record.PortRate), whole, "give the scenario a load section"},
		"no port":    {time(record.PortRate, "c"), func(r *record.Results) { *r = *sampled() }, "at names c, and what was sampled is a, b"},
	} {
		r := reporttest.Synthesize(reporttest.Small())
		tc.change(r)
		_, err := Charts(r, tc.figure)
		if !errors.Is(err, ErrNoData) || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
}
