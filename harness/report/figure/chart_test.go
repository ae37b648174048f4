package figure

import (
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"edgebed/harness/record"
	"edgebed/harness/report/reporttest"
)

func TestCharts(t *testing.T) {
	r := reporttest.Synthesize(reporttest.Full())
	all, err := Charts(r, r.Campaign.Figures[0])
	if err != nil || len(all) != 2 {
		t.Fatalf("%d charts, %v; want 2", len(all), err)
	}
	c := all[1]
	if c.Stem != "fig17-text" || c.Title != "Function chains: average end-to-end delay (Variant: text)" {
		t.Errorf("chart %q with title %q", c.Stem, c.Title)
	}
	if c.XTitle != "Link rate (Mb/s)" || c.YTitle != "Mean delay (s)" || !c.LogX || !c.LogY {
		t.Errorf("axes %q (log %v) and %q (log %v)", c.XTitle, c.LogX, c.YTitle, c.LogY)
	}
	if !slices.Equal(c.Xs, []float64{1, 2, 5, 10, 20, 50, 100}) || !slices.Equal(c.Ticks, []string{"1", "2", "5", "10", "20", "50", "100"}) {
		t.Errorf("abscissa %v labelled %q", c.Xs, c.Ticks)
	}
	if !slices.Equal(c.Series, []string{"PureFaaS", "StateProp", "StateLocal"}) || c.SeriesTitle != "" {
		t.Errorf("series %q", c.Series)
	}
	var titles []string
	for _, p := range c.Panels {
		titles = append(titles, p.Title)
	}
	if !slices.Equal(titles, []string{"A = 10 kB, S = 3, L = 6", "A = 100 kB, S = 3, L = 6", "A = 10 kB, S = 6, L = 3", "A = 100 kB, S = 6, L = 3"}) || c.Columns != 2 {
		t.Errorf("panels %q in %d columns", titles, c.Columns)
	}
	for _, want := range []string{"Variant: text;", "profile test;", "link delay by a user-space delay line;", "29 to 30 executions per point from 2 seeds.",
		"95 % confidence intervals of the mean", "of 2520 executions failed"} {
		if !strings.Contains(c.Caption, want) {
			t.Errorf("the caption lacks %q: %s", want, c.Caption)
		}
	}
	// One point by hand.
	var sum float64
	var n int
	for _, cell := range r.Cells {
		if strings.HasPrefix(cell.Cell.ID, "text"+"s6-l3"+"100 kB"+"10"+"state-prop") {
			for _, e := range cell.Executions {
				if e.OK && !e.WarmUp {
					sum += float64(e.DelayNS) / 1e9
					n++
				}
			}
		}
	}
	if e := c.Panels[3].Points[1][3]; n == 0 || e.N != n || math.Abs(e.Value-sum/float64(n)) > 1e-9 {
		t.Errorf("StateProp at 10 Mb/s in the last panel: %+v, want %v of %d", e, sum/float64(n), n)
	}

	all, err = Charts(r, r.Campaign.Figures[1])
	if err != nil {
		t.Fatal(err)
	}
	c = all[0]
	if len(c.Panels) != 1 || !slices.Equal(c.Ticks, []string{"S = 3, L = 6\nA = 10 kB", "S = 3, L = 6\nA = 100 kB", "S = 6, L = 3\nA = 10 kB", "S = 6, L = 3\nA = 100 kB"}) {
		t.Errorf("bars without x: %d panels with groups %q, want one with the panels' combinations", len(c.Panels), c.Ticks)
	}
	if !strings.HasPrefix(c.Caption, "Link rate = 100 Mb/s; ") || !strings.Contains(c.Caption, "ratio estimator") {
		t.Errorf("caption %q", c.Caption)
	}
	c = mustChart(t, r, reporttest.Figures()[2])
	if c.Numeric || c.LogX || c.SeriesTitle != "Link rate:" || c.Series[0] != "1 Mb/s" {
		t.Errorf("names along x: numeric %v, log %v, series %q %q", c.Numeric, c.LogX, c.SeriesTitle, c.Series)
	}
	if c = mustChart(t, r, reporttest.Figures()[1]); c.Columns != 3 || len(c.Panels) != 9 || c.Panels[6] == nil || c.Panels[7] != nil {
		t.Errorf("seven panels: %d in %d columns", len(c.Panels), c.Columns)
	}
}

// TestSomeSeries draws only the values of the series that the figure names.
func TestSomeSeries(t *testing.T) {
	r := reporttest.Synthesize(reporttest.Full())
	f := r.Campaign.Figures[0]
	f.Of = []string{"state-local", "pure-faas"}
	if c := mustChart(t, r, f); !slices.Equal(c.Series, []string{"PureFaaS", "StateLocal"}) {
		t.Errorf("series %q, want the two of the figure in the order of the axis", c.Series)
	}
}

func mustChart(t *testing.T, r *record.Results, f record.Figure) *Chart {
	t.Helper()
	all, err := Charts(r, f)
	if err != nil {
		t.Fatal(err)
	}
	return all[0]
}

// TestPartialRecords draws what an interrupted campaign left.
func TestPartialRecords(t *testing.T) {
	r := reporttest.Synthesize(reporttest.Full())
	r.Cells = r.Cells[:50] // ends within a panel, a curve and a point
	last := &r.Cells[49]
	last.End, last.Executions = nil, last.Executions[:2]
	all, err := Charts(r, r.Campaign.Figures[0])
	if err != nil || len(all) != 1 || all[0].Stem != "fig17" {
		t.Fatalf("%d charts, %v; want fig17 without the variant in its name", len(all), err)
	}
	c := all[0]
	if !strings.Contains(c.Caption, "1 of 50 cells incomplete.") || !strings.HasPrefix(c.Caption, "Variant: artifact; ") {
		t.Errorf("caption %q", c.Caption)
	}
	holes := 0
	for _, curve := range c.Panels[1].Points {
		for _, e := range curve {
			if e.N == 0 {
				holes++
			}
		}
	}
	if holes == 0 {
		t.Error("the second panel has no hole")
	}
}

func TestSlug(t *testing.T) {
	for in, want := range map[string]string{
		"artifact": "artifact", "10 Mb/s": "10-mb-s", "1.5 kB": "1.5-kb", "../..": "other", "Süß & co.": "s-co", "": "other",
	} {
		if got := slug(in); got != want {
			t.Errorf("slug(%q) = %q, want %q", in, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		got := slug(rapid.String().Draw(t, "text"))
		if got == "" || strings.ContainsAny(got, "/\\ ") || strings.HasPrefix(got, ".") {
			t.Fatalf("slug %q is no part of a file name", got)
		}
	})
}
