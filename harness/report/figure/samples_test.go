package figure

import (
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"edgebed/harness/record"
)

// spreadResults has two series on one axis, of ten executions each: 1 to 10 s, and 10
// times that.
func spreadResults() *record.Results {
	r := &record.Results{Campaign: record.Campaign{
		Axes: []record.Axis{{Name: "rate", Unit: "Mb/s", Values: []string{"1 Mb/s"}}, {Name: "model", Values: []string{"a", "b"}}},
	}}
	for i, model := range []string{"a", "b"} {
		c := record.CellResult{Cell: record.Cell{ID: model, Seed: 1, Point: []record.Coord{
			{Axis: "rate", Value: "1 Mb/s", Number: 1}, {Axis: "model", Value: model},
		}}}
		for k := range 10 {
			c.Executions = append(c.Executions, record.Execution{
				Index: k, OK: true, DelayNS: int64(float64(k+1) * math.Pow(10, float64(i)) * 1e9), Workload: fmt.Sprint(k),
			})
		}
		r.Cells = append(r.Cells, c)
	}
	return r
}

// TestDistributionFunction checks shares at positions that are counted by hand.
func TestDistributionFunction(t *testing.T) {
	r := spreadResults()
	charts, err := Charts(r, record.Figure{Name: "f", Kind: record.KindECDF, Metric: record.Delay, Series: "model", LogX: true})
	if err != nil || len(charts) != 1 {
		t.Fatalf("%d charts, %v", len(charts), err)
	}
	c := charts[0]
	if c.XTitle != "Delay (s)" || !c.LogX || c.Xs[0] != 1 || c.Xs[len(c.Xs)-1] != 100 {
		t.Errorf("title %q, from %g to %g", c.XTitle, c.Xs[0], c.Xs[len(c.Xs)-1])
	}
	for s, factor := range []float64{1, 10} {
		before := -1.0
		for k, e := range c.Panels[0].Points[s] {
			if e.N == 0 {
				continue
			}
			if want := math.Min(math.Floor(c.Xs[k]/factor+1e-9), 10) / 10; e.Value != want || e.Value < before {
				t.Errorf("series %d: the share up to %g is %g, want %g", s, c.Xs[k], e.Value, want)
			}
			before = e.Value
		}
		if before != 1 {
			t.Errorf("series %d ends at %g", s, before)
		}
	}
}

// TestBoxes checks quartiles and what lies outside, and that each kind is drawn.
func TestBoxes(t *testing.T) {
	b := NewBox([]float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 100})
	if b.Low != 1 || b.High != 9 || len(b.Outside) != 1 || b.Outside[0] != 100 || b.Median != 5.5 {
		t.Errorf("box %+v", b)
	}

	r := spreadResults()
	for _, f := range []record.Figure{
		{Name: "box", Kind: record.KindBox, Metric: record.Delay, X: "rate", Series: "model", LogY: true},
		{Name: "boxes", Kind: record.KindBox, Metric: record.Delay, Series: "model", Panels: []string{"rate"}},
		{Name: "ecdf", Kind: record.KindECDF, Metric: record.Delay, Series: "model"},
	} {
		files, err := Render(r, f, t.TempDir())
		if err != nil || len(files) != 2 {
			t.Fatalf("%s: %q, %v", f.Name, files, err)
		}
		svg, err := os.ReadFile(files[0])
		if err != nil || !strings.Contains(string(svg), "Delay (s)") {
			t.Errorf("%s: no axis of delay, %v", f.Name, err)
		}
	}
	charts, err := Charts(r, record.Figure{Name: "box", Kind: record.KindBox, Metric: record.Delay, X: "rate", Series: "model"})
	if err != nil || charts[0].Panels[0].Points[1][0].Value != 55 || len(charts[0].Panels[0].Samples[0][0]) != 10 {
		t.Errorf("medians %+v, %v", charts, err)
	}
}

// TestKindsRefused are figures whose keys contradict their kind.
func TestKindsRefused(t *testing.T) {
	axes := spreadResults().Campaign.Axes
	for want, f := range map[string]record.Figure{
		"the metric goes along x": {Name: "f", Kind: record.KindECDF, Metric: record.Delay, X: "rate"},
		"begins at zero":          {Name: "f", Kind: record.KindBars, Metric: record.Delay, LogY: true},
		"unknown kind":            {Name: "f", Kind: "pie", Metric: record.Delay},
	} {
		if err := f.Check(axes); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
