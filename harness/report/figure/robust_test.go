package figure

import (
	"bytes"
	"errors"
	"fmt"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"edgebed/harness/record"
	"edgebed/harness/report/reporttest"
)

// TestNoData checks figures that no record contributes to: without cells, with cells
// that failed before they started and so have no point, and with failures only.
func TestNoData(t *testing.T) {
	stillborn := record.CellResult{Cell: record.Cell{ID: "c"}, End: &record.CellEnd{Cell: "c", Reason: "no room"}, Attempts: 1}
	failed := reporttest.Synthesize(reporttest.Small()).Cells
	for _, c := range failed {
		for i := range c.Executions {
			c.Executions[i].OK = false
		}
	}
	for name, cells := range map[string][]record.CellResult{"none": nil, "stillborn": {stillborn}, "failed": failed} {
		r := reporttest.Synthesize(reporttest.Small())
		r.Cells = cells
		r.Campaign.Figures = append(r.Campaign.Figures, reporttest.Figures()...)
		// One over all axes leaves none to tell that there is nothing (a scenario
		// with a single axis is such).
		r.Campaign.Axes = r.Campaign.Axes[3:]
		r.Campaign.Figures = append(r.Campaign.Figures,
			record.Figure{Name: "f", Title: "T", Kind: record.KindLines, Metric: record.Delay, X: "rate", Series: "model"},
			record.Figure{Name: "g", Title: "T", Kind: record.KindBars, Metric: record.Delay, X: "rate"})
		for _, f := range r.Campaign.Figures[len(r.Campaign.Figures)-2:] {
			if _, err := Render(r, f, t.TempDir()); !errors.Is(err, ErrNoData) {
				t.Errorf("%s: Render of %s: %v, want ErrNoData", name, f.Name, err)
			}
		}
	}
}

// zeros makes some retransmissions, none at 1 Mb/s, or none at all.
func zeros(all bool) *record.Results {
	r := reporttest.Synthesize(reporttest.Small())
	for i, c := range r.Cells {
		for k := range c.Executions {
			r.Cells[i].Executions[k].Retransmissions = 0
			if c.Cell.Point[3].Number > 1 && !all {
				r.Cells[i].Executions[k].Retransmissions = int64(1 + k)
			}
		}
	}
	return r
}

// TestZeroOnLogAxes checks that what a logarithmic axis cannot show is a hole with a
// remark, and that an axis that could show nothing becomes linear.
func TestZeroOnLogAxes(t *testing.T) {
	draw := func(r *record.Results, metric string) *Chart {
		t.Helper()
		f := r.Campaign.Figures[0]
		f.Metric = metric
		if _, err := Render(r, f, t.TempDir()); err != nil {
			t.Fatalf("Render: %v", err)
		}
		return mustChart(t, r, f)
	}

	c := draw(zeros(false), record.Retransmissions)
	if want := "are left out: the logarithmic ordinate cannot show zero."; !strings.Contains(c.Caption, want) || !c.LogY {
		t.Errorf("caption %q of a logarithmic axis (%v), want %q", c.Caption, c.LogY, want)
	}
	if zero := c.Panels[0].Points[0][0]; zero.N == 0 || c.Shows(0, zero) {
		t.Errorf("zero at 1 Mb/s is %+v, want it measured and not shown", zero)
	}

	c = draw(zeros(true), record.Retransmissions)
	if want := "The ordinate is linear"; !strings.Contains(c.Caption, want) || c.LogY {
		t.Errorf("caption %q (logarithmic: %v), want %q", c.Caption, c.LogY, want)
	}

	r := reporttest.Synthesize(reporttest.Small())
	for i := range r.Cells {
		r.Cells[i].Cell.Point[3].Number-- // 0 and 9
	}
	c = draw(r, record.Delay)
	if want := "logarithmic abscissa cannot show zero"; !strings.Contains(c.Caption, want) || !c.LogX {
		t.Errorf("caption %q (logarithmic: %v), want %q", c.Caption, c.LogX, want)
	}
	for i := range r.Cells {
		r.Cells[i].Cell.Point[3].Number = 0
	}
	if c = draw(r, record.Delay); c.LogX {
		t.Error("an abscissa of zeros is logarithmic")
	}
}

// TestOnePoint draws figures of a single execution.
func TestOnePoint(t *testing.T) {
	w := reporttest.Small()
	w.Rates, w.Models, w.Arguments, w.Seeds, w.Executions, w.FailEvery = w.Rates[:1], w.Models[:1], w.Arguments[:1], 1, 1, 0
	r := reporttest.Synthesize(w)
	for _, f := range append(r.Campaign.Figures[:1:1],
		record.Figure{Name: "a", Title: "T", Kind: record.KindLines, Metric: record.Delay, X: "rate"},
		record.Figure{Name: "b", Title: "T", Kind: record.KindBars, Metric: record.Delay},
		record.Figure{Name: "c", Title: "T", Kind: record.KindLines, Metric: record.Delay, X: "model", LogX: true, LogY: true}) {
		if _, err := Render(r, f, t.TempDir()); err != nil {
			t.Errorf("%s: %v", f.Name, err)
		}
	}
}

// TestAnyNumbers draws charts over any positions and values without a panic, and
// finds a place inside the scale for everything that it shows.
func TestAnyNumbers(t *testing.T) {
	number := rapid.OneOf(rapid.Float64(), rapid.SampledFrom([]float64{0, 1, 1e17, 1e17 + 32, math.MaxFloat64, 5e-324, -1}))
	rapid.Check(t, func(t *rapid.T) {
		w := reporttest.Small()
		w.Arguments, w.Models, w.Seeds, w.Executions = w.Arguments[:1], w.Models[:1], 1, 2
		r := reporttest.Synthesize(w)
		for i := range r.Cells {
			r.Cells[i].Cell.Point[3].Number = number.Draw(t, "x")
			for k := range r.Cells[i].Executions {
				r.Cells[i].Executions[k].DelayNS = rapid.Int64().Draw(t, "delay")
			}
		}
		f := record.Figure{Name: "f", Kind: record.KindLines, Metric: record.Delay, X: "rate",
			LogX: rapid.Bool().Draw(t, "log x"), LogY: rapid.Bool().Draw(t, "log y")}
		all, err := Charts(r, f)
		if err != nil {
			t.Fatal(err)
		}
		x, y := all[0].Scales(300)
		for k, e := range all[0].Panels[0].Points[0] {
			if !all[0].Shows(k, e) {
				continue
			}
			for _, share := range []float64{x.Norm(all[0].Xs[k]), y.Norm(e.Value)} {
				if !math.IsInf(x.Max-x.Min, 0) && !(share >= -1e-6 && share <= 1+1e-6) {
					t.Fatalf("%v at %v stands at %v", e.Value, all[0].Xs[k], share)
				}
			}
		}
		if len(x.Ticks) > mostTicks || len(y.Ticks) > mostTicks {
			t.Fatalf("%d and %d ticks", len(x.Ticks), len(y.Ticks))
		}
	})
}

// TestLetters checks that a PNG file shows that it lacks letters, and says so, and
// that the SVG file has them.
func TestLetters(t *testing.T) {
	r := reporttest.Synthesize(reporttest.Small())
	f := r.Campaign.Figures[0]
	f.Title = "延迟 Задержка délai"
	c := mustChart(t, r, f)
	if got := string(c.Lacking()); got != "延迟" {
		t.Fatalf("the typeface lacks %q, want the Chinese letters", got)
	}

	d := c.drawable()
	if d.Title != "□□ Задержка délai" || !strings.Contains(d.Caption, "□ stands for letters that this file’s typeface lacks; fig17.svg has them.") {
		t.Errorf("the PNG file's title is %q, its caption %q", d.Title, d.Caption)
	}
	if c.Title != f.Title || len(d.Lacking()) != 0 {
		t.Errorf("the chart's own title is now %q; the copy lacks %q", c.Title, string(d.Lacking()))
	}

	dir := t.TempDir()
	if _, err := Render(r, f, dir); err != nil {
		t.Fatal(err)
	}
	svg, err := os.ReadFile(filepath.Join(dir, "fig17.svg"))
	if err != nil || !bytes.Contains(svg, []byte("延迟")) || bytes.Contains(svg, []byte("□")) {
		t.Errorf("the SVG file lacks letters (%v)", err)
	}
	file, err := os.ReadFile(filepath.Join(dir, "fig17.png"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := png.Decode(bytes.NewReader(file)); err != nil {
		t.Error(err)
	}
}

func TestRenderErrors(t *testing.T) {
	r := reporttest.Synthesize(reporttest.Small())
	f := r.Campaign.Figures[0]
	f.Series = "colour"
	if _, err := Render(r, f, t.TempDir()); err == nil || !strings.Contains(err.Error(), `no axis "colour"`) {
		t.Errorf("an unknown axis: %v", err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Render(r, r.Campaign.Figures[0], file); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("render figure %q", "fig17")) {
		t.Errorf("into a file instead of a folder: %v", err)
	}
}
