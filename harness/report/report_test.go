package report

import (
	"bytes"
	"encoding/csv"
	"encoding/xml"
	"errors"
	"fmt"
	"image/png"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/recorder"
	"pgregory.net/rapid"

	"edgebed/harness/golden"
	"edgebed/harness/record"
	"edgebed/harness/stats"
)

// smallWorkload is the least that shows everything: two rates, two models.
func smallWorkload() workload {
	w := fullWorkload()
	w.variants, w.sizes = w.variants[:1], w.sizes[:1]
	w.rates, w.models = []string{"1", "10"}, []string{"pure-faas", "state-local"}
	w.executions, w.failEvery = 4, 30
	return w
}

// moreFigures are figures of other shapes than the paper's.
func moreFigures() []record.Figure {
	one := func(more ...string) map[string]string {
		where := map[string]string{"variant": "text"}
		for i := 0; i < len(more); i += 2 {
			where[more[i]] = more[i+1]
		}
		return where
	}
	return []record.Figure{
		{Name: "single", Title: "One plot", Kind: record.KindLines, Metric: "traffic-volume", X: "rate", Series: "model", LogX: true,
			Where: one("size", "s3-l6", "argument", "10 kB")},
		{Name: "seven-panels", Title: strings.Repeat("A title that is too long for one line. ", 5), Kind: record.KindBars, Metric: "delay",
			X: "size", Series: "model", Panels: []string{"rate"}, Where: one("argument", "10 kB")},
		{Name: "names-along-x", Title: "Names along x", Kind: record.KindLines, Metric: "delay", X: "model", Series: "rate",
			Panels: []string{"argument"}, LogX: true, LogY: true, Where: one("size", "s3-l6")},
		{Name: "one-group", Title: "One group", Kind: record.KindBars, Metric: "trunk-volume", Series: "rate",
			Where: one("size", "s3-l6", "argument", "10 kB", "model", "pure-faas")},
		{Name: "no-series", Title: "No series", Kind: record.KindLines, Metric: "retransmissions", X: "rate",
			Where: one("size", "s3-l6", "argument", "10 kB", "model", "pure-faas")},
	}
}

func TestGolden(t *testing.T) {
	dir := t.TempDir()
	files, err := Write(dir, synthesize(smallWorkload()))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 7 { // no fig18: there is no rate of 100 Mb/s
		t.Errorf("files %q, want fig17 twice, the report twice and three tables", files)
	}
	for _, name := range []string{"fig17.svg", "report.md", "summary.csv"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		golden.Check(t, name, text)
	}
}

// TestWrite draws everything twice: the files are the same, well formed, of
// printable resolution, and named by what varies.
func TestWrite(t *testing.T) {
	r := synthesize(fullWorkload())
	first, second := t.TempDir(), t.TempDir()
	files, err := Write(first, r)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Write(second, r); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range files {
		name := filepath.Base(f)
		names = append(names, name)
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if again, _ := os.ReadFile(filepath.Join(second, name)); !bytes.Equal(text, again) {
			t.Errorf("%s differs when it is written again", name)
		}
		switch filepath.Ext(name) {
		case ".svg":
			d := xml.NewDecoder(bytes.NewReader(text))
			for err == nil {
				_, err = d.Token()
			}
			if err != io.EOF {
				t.Errorf("%s: %v", name, err)
			}
			if want := "(Variant: " + strings.TrimSuffix(name[strings.Index(name, "-")+1:], ".svg") + ")"; !strings.Contains(string(text), want) {
				t.Errorf("%s does not say %q", name, want)
			}
		case ".png":
			c, err := png.DecodeConfig(bytes.NewReader(text))
			if err != nil || c.Width < 1000 || c.Height < 700 {
				t.Errorf("%s: %d by %d, %v", name, c.Width, c.Height, err)
			}
		}
	}
	want := []string{"fig17-artifact.svg", "fig17-artifact.png", "fig17-text.svg", "fig17-text.png",
		"fig18-artifact.svg", "fig18-artifact.png", "fig18-text.svg", "fig18-text.png",
		"report.html", "report.md", "summary.csv", "executions.csv", "ports.csv"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

// TestNothingClipped draws each kind of figure on a recording canvas and checks
// that all text is at least 8 pt and inside the sheet.
func TestNothingClipped(t *testing.T) {
	full := synthesize(fullWorkload())
	for _, f := range append(moreFigures(), full.Campaign.Figures...) {
		t.Run(f.Name, func(t *testing.T) {
			all, err := charts(full, f)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range all {
				s := newSheet(c)
				var rec recorder.Canvas
				s.draw(draw.NewCanvas(&rec, s.width, s.height))
				texts, rotated := 0, false
				for _, a := range rec.Actions {
					switch a := a.(type) {
					case *recorder.Push:
						rotated = false
					case *recorder.Rotate:
						rotated = true
					case *recorder.FillString:
						texts++
						if a.Size < smallSize {
							t.Errorf("%q is set in %v pt", a.String, a.Size)
						}
						width := textStyle(float64(a.Size), a.Font.Weight != 0, ink).Width(a.String)
						if !rotated && (a.Point.X < 0 || a.Point.X+width > s.width || a.Point.Y < 0 || a.Point.Y+a.Size > s.height) {
							t.Errorf("%q at %v, %v pt wide, leaves the sheet of %v by %v", a.String, a.Point, width, s.width, s.height)
						}
					}
				}
				if texts < 5 {
					t.Errorf("only %d texts were drawn", texts)
				}
			}
		})
	}
}

// TestAligned checks that the data areas of the panels form an exact grid.
func TestAligned(t *testing.T) {
	r := synthesize(fullWorkload())
	for _, f := range append(moreFigures(), r.Campaign.Figures...) {
		all, err := charts(r, f)
		if err != nil {
			t.Fatal(err)
		}
		s := newSheet(all[0])
		var rec recorder.Canvas
		plots, canvases := s.arrange(draw.NewCanvas(&rec, s.width, s.panelsHeight))
		var lefts, rights = map[int]vg.Length{}, map[int]vg.Length{}
		var size vg.Point
		for row := range plots {
			for column, p := range plots[row] {
				if p == nil {
					continue
				}
				data := p.DataCanvas(canvases[row][column])
				if data.Min.X < 0 || data.Max.X > s.width+0.01 || data.Min.Y < 0 || data.Max.Y > s.panelsHeight+0.01 {
					t.Errorf("%s: panel %d, %d leaves its sheet: %v", f.Name, row, column, data.Rectangle)
				}
				if size == (vg.Point{}) {
					size = data.Size()
				}
				if _, ok := lefts[column]; !ok {
					lefts[column], rights[column] = data.Min.X, data.Max.X
				}
				if off := max(abs(data.Size().X-size.X), abs(data.Size().Y-size.Y), abs(data.Min.X-lefts[column]), abs(data.Max.X-rights[column])); off > 0.01 {
					t.Errorf("%s: panel %d, %d is off by %v pt", f.Name, row, column, off)
				}
			}
		}
	}
}

func abs(l vg.Length) vg.Length { return max(l, -l) }

func TestEstimate(t *testing.T) {
	ok := func(delay, cycle, bytes int64) record.Execution {
		return record.Execution{OK: true, DelayNS: delay, CycleNS: cycle, SwitchBytes: bytes, TrunkBytes: bytes / 2, Table1Bytes: bytes / 4, Retransmissions: bytes / 1000}
	}
	warmUp, failed := ok(9e9, 9e9, 9e6), ok(9e9, 9e9, 9e6)
	warmUp.WarmUp = true
	failed.OK = false
	cells := []record.CellResult{
		{Executions: []record.Execution{warmUp, ok(1e9, 2e9, 1_000_000), failed}},
		{Executions: []record.Execution{ok(3e9, 6e9, 2_000_000)}},
	}
	for metric, want := range map[string]float64{
		"delay":           2,
		"traffic-rate":    3, // 24 Mb in 8 s, not the mean of 4 and 2.67
		"traffic-volume":  1500,
		"trunk-volume":    750,
		"table1-ratio":    2,
		"retransmissions": 1500,
	} {
		if e, err := Estimate(metric, cells); err != nil || e.N != 2 || math.Abs(e.Value-want) > 1e-9 || !e.Known {
			t.Errorf("%s: %+v, %v; want %v of 2", metric, e, err, want)
		}
	}
	if len(record.Metrics) != 6 {
		t.Error("a metric was added without a value here")
	}
	if _, err := Estimate("speed", cells); err == nil {
		t.Error("an unknown metric has an estimate")
	}
	if e, err := Estimate("traffic-rate", []record.CellResult{{Executions: []record.Execution{ok(1, 0, 1)}}}); err != nil || e.N != 0 {
		t.Errorf("traffic rate without a cycle time: %+v, %v; want none", e, err)
	}
}

func TestCharts(t *testing.T) {
	r := synthesize(fullWorkload())
	all, err := charts(r, r.Campaign.Figures[0])
	if err != nil || len(all) != 2 {
		t.Fatalf("%d charts, %v; want 2", len(all), err)
	}
	c := all[1]
	if c.stem != "fig17-text" || c.title != "Function chains: average end-to-end delay (Variant: text)" {
		t.Errorf("chart %q with title %q", c.stem, c.title)
	}
	if c.xTitle != "Link rate (Mb/s)" || c.yTitle != "Mean delay (s)" || !c.logX || !c.logY {
		t.Errorf("axes %q (log %v) and %q (log %v)", c.xTitle, c.logX, c.yTitle, c.logY)
	}
	if !slices.Equal(c.xs, []float64{1, 2, 5, 10, 20, 50, 100}) || !slices.Equal(c.ticks, []string{"1", "2", "5", "10", "20", "50", "100"}) {
		t.Errorf("abscissa %v labelled %q", c.xs, c.ticks)
	}
	if !slices.Equal(c.series, []string{"PureFaaS", "StateProp", "StateLocal"}) || c.seriesTitle != "" {
		t.Errorf("series %q", c.series)
	}
	var titles []string
	for _, p := range c.panels {
		titles = append(titles, p.title)
	}
	if !slices.Equal(titles, []string{"A = 10 kB, S = 3, L = 6", "A = 100 kB, S = 3, L = 6", "A = 10 kB, S = 6, L = 3", "A = 100 kB, S = 6, L = 3"}) || c.columns != 2 {
		t.Errorf("panels %q in %d columns", titles, c.columns)
	}
	for _, want := range []string{"Variant: text;", "profile test;", "link delay by a user-space delay line;", "29 to 30 executions per point from 2 seeds.",
		"95 % confidence intervals of the mean", "of 2520 executions failed"} {
		if !strings.Contains(c.caption, want) {
			t.Errorf("the caption lacks %q: %s", want, c.caption)
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
	if e := c.panels[3].points[1][3]; n == 0 || e.N != n || math.Abs(e.Value-sum/float64(n)) > 1e-9 {
		t.Errorf("StateProp at 10 Mb/s in the last panel: %+v, want %v of %d", e, sum/float64(n), n)
	}

	all, err = charts(r, r.Campaign.Figures[1])
	if err != nil {
		t.Fatal(err)
	}
	c = all[0]
	if len(c.panels) != 1 || !slices.Equal(c.ticks, []string{"S = 3, L = 6\nA = 10 kB", "S = 3, L = 6\nA = 100 kB", "S = 6, L = 3\nA = 10 kB", "S = 6, L = 3\nA = 100 kB"}) {
		t.Errorf("bars without x: %d panels with groups %q, want one with the panels' combinations", len(c.panels), c.ticks)
	}
	if !strings.HasPrefix(c.caption, "Link rate = 100 Mb/s; ") || !strings.Contains(c.caption, "ratio estimator") {
		t.Errorf("caption %q", c.caption)
	}
	c = mustChart(t, r, moreFigures()[2])
	if c.numeric || c.logX || c.seriesTitle != "Link rate:" || c.series[0] != "1 Mb/s" {
		t.Errorf("names along x: numeric %v, log %v, series %q %q", c.numeric, c.logX, c.seriesTitle, c.series)
	}
	if c = mustChart(t, r, moreFigures()[1]); c.columns != 3 || len(c.panels) != 9 || c.panels[6] == nil || c.panels[7] != nil {
		t.Errorf("seven panels: %d in %d columns", len(c.panels), c.columns)
	}
}

// TestSomeSeries draws only the values of the series that the figure names.
func TestSomeSeries(t *testing.T) {
	r := synthesize(fullWorkload())
	f := r.Campaign.Figures[0]
	f.Of = []string{"state-local", "pure-faas"}
	if c := mustChart(t, r, f); !slices.Equal(c.series, []string{"PureFaaS", "StateLocal"}) {
		t.Errorf("series %q, want the two of the figure in the order of the axis", c.series)
	}
}

func mustChart(t *testing.T, r *record.Results, f record.Figure) *chart {
	t.Helper()
	all, err := charts(r, f)
	if err != nil {
		t.Fatal(err)
	}
	return all[0]
}

// TestPartialRecords draws what an interrupted campaign left.
func TestPartialRecords(t *testing.T) {
	r := synthesize(fullWorkload())
	r.Cells = r.Cells[:50] // ends within a panel, a curve and a point
	last := &r.Cells[49]
	last.End, last.Executions = nil, last.Executions[:2]
	all, err := charts(r, r.Campaign.Figures[0])
	if err != nil || len(all) != 1 || all[0].stem != "fig17" {
		t.Fatalf("%d charts, %v; want fig17 without the variant in its name", len(all), err)
	}
	c := all[0]
	if !strings.Contains(c.caption, "1 of 50 cells incomplete.") || !strings.HasPrefix(c.caption, "Variant: artifact; ") {
		t.Errorf("caption %q", c.caption)
	}
	holes := 0
	for _, curve := range c.panels[1].points {
		for _, e := range curve {
			if e.N == 0 {
				holes++
			}
		}
	}
	if holes == 0 {
		t.Error("the second panel has no hole")
	}
	dir := t.TempDir()
	if _, err := Write(dir, r); err != nil {
		t.Error(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "report.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"336 planned, 50 started, 49 complete", "interrupted after 2 executions"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the report lacks %q", want)
		}
	}
}

func TestNoData(t *testing.T) {
	r := synthesize(smallWorkload())
	r.Cells = nil
	if figures := Figures(r); len(figures) != 0 {
		t.Errorf("%d figures without cells", len(figures))
	}
	if _, err := Render(r, r.Campaign.Figures[0], t.TempDir()); !errors.Is(err, ErrNoData) {
		t.Errorf("Render without cells: %v, want ErrNoData", err)
	}
	if _, err := Write(t.TempDir(), r); err != nil {
		t.Errorf("Write without cells: %v", err)
	}
	// A cell that failed before it started has no point.
	r.Cells = []record.CellResult{{Cell: record.Cell{ID: "c"}, End: &record.CellEnd{Cell: "c", Reason: "no room"}, Attempts: 1}}
	var b strings.Builder
	if err := Summary(&b, r); err != nil || !strings.Contains(b.String(), "Cell c: not complete: no room") {
		t.Errorf("Summary of a stillborn cell: %v\n%s", err, b.String())
	}
	// Verdicts are counted, and disturbed cells named with the reason.
	r = synthesize(smallWorkload())
	for i := range r.Cells {
		r.Cells[i].End.Audit = &record.Audit{Verdict: record.Faithful}
	}
	r.Cells[0].End.Audit = nil
	r.Cells[1].End.Audit = &record.Audit{Verdict: record.Disturbed, Neighbours: 2, Findings: []record.Finding{
		{Check: "link-rate", Where: "s0-s1", Value: -5, Limit: -2, Unit: "% off"},
		{Check: "timer-lag-max", Value: 180e3, Limit: 50e3, Unit: "us"},
	}}
	b.Reset()
	if err := Summary(&b, r); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		fmt.Sprintf("- Audit: %d of the complete cells faithful, 1 disturbed, 1 not audited\n", len(r.Cells)-2),
		"(2 neighbours): link-rate s0-s1: -5 % off (limit -2); timer-lag-max: 180000 us (limit 50000)\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the summary lacks %q:\n%s", want, b.String())
		}
	}
	// Every execution failed: they are counted, nothing is averaged.
	r = synthesize(smallWorkload())
	for _, c := range r.Cells {
		for i := range c.Executions {
			c.Executions[i].OK = false
		}
	}
	if _, err := Render(r, r.Campaign.Figures[0], t.TempDir()); !errors.Is(err, ErrNoData) {
		t.Errorf("Render of failures: %v, want ErrNoData", err)
	}
}

func TestRenderErrors(t *testing.T) {
	r := synthesize(smallWorkload())
	f := r.Campaign.Figures[0]
	f.Series = "colour"
	if _, err := Render(r, f, t.TempDir()); err == nil || !strings.Contains(err.Error(), `no axis "colour"`) {
		t.Errorf("an unknown axis: %v", err)
	}
	zero := r.Campaign.Figures[0]
	zero.Metric = "retransmissions"
	if _, err := Render(r, zero, t.TempDir()); err == nil || !strings.Contains(err.Error(), "log-y") {
		t.Errorf("zeros on a logarithmic ordinate: %v", err)
	}
	for i := range r.Cells {
		r.Cells[i].Cell.Point[3].Number--
	}
	if _, err := Render(r, r.Campaign.Figures[0], t.TempDir()); err == nil || !strings.Contains(err.Error(), "log-x") {
		t.Errorf("zero on a logarithmic abscissa: %v", err)
	}
	r.Campaign.Figures = append(r.Campaign.Figures, f)
	dir := t.TempDir()
	files, err := Write(dir, r)
	if err == nil {
		t.Error("Write hides the figure that cannot be drawn")
	}
	if !slices.Contains(files, filepath.Join(dir, "report.md")) {
		t.Errorf("files %q: a bad figure keeps the report from being written", files)
	}
}

func TestSummaryCSV(t *testing.T) {
	r := synthesize(smallWorkload())
	var b bytes.Buffer
	if err := SummaryCSV(&b, r); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&b).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if want := 1 + 2*2*2*len(record.Metrics); len(rows) != want {
		t.Fatalf("%d rows, want %d", len(rows), want)
	}
	column := map[string]int{}
	for i, name := range rows[0] {
		column[name] = i
	}
	for _, row := range rows[1:] {
		number := func(name string) float64 {
			v, err := strconv.ParseFloat(row[column[name]], 64)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
		if mean := number("mean"); number("low") > mean || number("high") < mean || number("p50") > number("p95") || number("n") < 7 {
			t.Errorf("row %q is inconsistent", row)
		}
	}
}

func TestOrdering(t *testing.T) {
	r := synthesize(fullWorkload())
	series, _ := r.Axis("model")
	slow := at(r.Cells, pick(r, "variant", "artifact"), pick(r, "size", "s3-l6"), pick(r, "argument", "10 kB"), pick(r, "rate", "1 Mb/s"))
	order, factor := ordering(metricDelay, slow, levelsOf(series, r.Cells))
	if order != "StateLocal < PureFaaS < StateProp" || factor != "3.49" {
		t.Errorf("%q, factor %s", order, factor)
	}
	for i := range slow {
		for j := range slow[i].Executions {
			slow[i].Executions[j].DelayNS = int64(1e9 + j)
		}
	}
	if order, factor := ordering(metricDelay, slow, levelsOf(series, r.Cells)); strings.Contains(order, "<") || factor != "1.00" {
		t.Errorf("equal delays: %q, factor %s", order, factor)
	}
	if order, _ := ordering(metricDelay, nil, levelsOf(series, r.Cells)); order != "–" {
		t.Errorf("no cells: %q", order)
	}
}

func pick(r *record.Results, axis, value string) level {
	a, _ := r.Axis(axis)
	return level{a, record.Coord{Axis: axis, Value: value}}
}

// TestRolesWithoutFigures checks the tables of a scenario that asks for none.
func TestRolesWithoutFigures(t *testing.T) {
	r := synthesize(smallWorkload())
	r.Campaign.Figures = nil
	parts := rolesOf(r)
	if len(parts.x) != 1 || parts.x[0].Name != "argument" || len(parts.columns) != 1 || parts.columns[0].Name != "model" || len(parts.rows) != 3 {
		t.Errorf("roles %+v, want the first numbers as x and the last names as columns", parts)
	}
}

func TestLevelTexts(t *testing.T) {
	rate := record.Axis{Name: "rate", Label: "Link rate", Unit: "Mb/s"}
	for _, c := range []struct {
		axis              record.Axis
		value, label      string
		text, name, short string
	}{
		{rate, "10 Mb/s", "", "10 Mb/s", "Link rate = 10 Mb/s", "Link rate = 10 Mb/s"},
		{rate, "10", "", "10 Mb/s", "Link rate = 10 Mb/s", "Link rate = 10 Mb/s"},
		{record.Axis{Name: "S"}, "3", "", "3", "S = 3", "S = 3"},
		{record.Axis{Name: "variant"}, "text", "", "text", "variant: text", "text"},
		{record.Axis{Name: "model"}, "pure-faas", "PureFaaS", "PureFaaS", "PureFaaS", "PureFaaS"},
	} {
		l := level{c.axis, record.Coord{Axis: c.axis.Name, Value: c.value, Label: c.label}}
		if l.text() != c.text || l.name() != c.name || l.shortName() != c.short {
			t.Errorf("%q: text %q, name %q, short name %q", c.value, l.text(), l.name(), l.shortName())
		}
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

func TestFormat(t *testing.T) {
	for v, want := range map[float64]string{1: "1", 0.05: "0.05", 100: "100", 20000: "20000", 1e6: "1e+06", 1e-4: "0.0001", math.Copysign(0, -1): "0"} {
		if got := formatNumber(v); got != want {
			t.Errorf("formatNumber(%v) = %q, want %q", v, got, want)
		}
	}
	for v, want := range map[float64]string{1643.4: "1643", 101.2: "101", 63.44: "63.4", 4.04: "4.04", 0.0763: "0.0763", 0: "0", -0.5: "-0.500"} {
		if got := formatValue(v); got != want {
			t.Errorf("formatValue(%v) = %q, want %q", v, got, want)
		}
	}
	for want, e := range map[string]stats.Estimate{
		"–":             {},
		"1.50":          {N: 1, Value: 1.5},
		"1.50 ± 0.25":   {N: 9, Value: 1.5, Interval: stats.Interval{Low: 1.25, High: 1.75, Known: true}},
		"150 ± 0.00100": {N: 9, Value: 150, Interval: stats.Interval{Low: 149.999, High: 150.001, Known: true}},
	} {
		if got := formatEstimate(e); got != want {
			t.Errorf("formatEstimate(%+v) = %q, want %q", e, got, want)
		}
	}
}

func TestLogTicks(t *testing.T) {
	labels := func(low, high float64) string {
		var texts []string
		for _, tick := range logTicks(low, high) {
			if tick.Label != "" {
				texts = append(texts, tick.Label)
			}
		}
		return strings.Join(texts, " ")
	}
	for _, c := range []struct {
		low, high float64
		want      string
	}{
		{0.9, 110, "1 2 5 10 20 50 100"},
		{0.06, 15, "0.1 0.2 0.5 1 2 5 10"},
		{0.5, 20000, "1 10 100 1000 10000"},
	} {
		if got := labels(c.low, c.high); got != c.want {
			t.Errorf("labels from %v to %v: %s, want %s", c.low, c.high, got, c.want)
		}
	}
}

// TestTicks checks any range: labelled ticks inside it, not too many.
func TestTicks(t *testing.T) {
	check := func(t *rapid.T, ticks []plot.Tick, low, high float64) {
		labelled := 0
		for _, tick := range ticks {
			slack := (high - low) * 1e-6
			if tick.Label == "" {
				continue
			}
			labelled++
			if tick.Value < low-slack || tick.Value > high+slack {
				t.Fatalf("tick %v outside [%v, %v]", tick.Value, low, high)
			}
		}
		if labelled < 2 || labelled > mostLabels+1 {
			t.Fatalf("%d labels over [%v, %v]", labelled, low, high)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		low := math.Pow(10, rapid.Float64Range(-9, 9).Draw(t, "low"))
		high := low * math.Pow(10, rapid.Float64Range(0.3, 20).Draw(t, "decades"))
		check(t, logTicks(low, high), low, high)
		check(t, linearTicks(0, high), 0, high)
		check(t, linearTicks(-low, high), -low, high)
	})
}

func TestHatchLines(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		length := func(name string, low float64) vg.Length {
			return vg.Length(rapid.Float64Range(low, 200).Draw(t, name))
		}
		r := vg.Rectangle{Min: vg.Point{X: length("x", 0), Y: length("y", 0)}}
		r.Max = vg.Point{X: r.Min.X + length("width", 0.1), Y: r.Min.Y + length("height", 0)}
		for i := range 8 {
			h := seriesHatch(i)
			for _, angle := range h.angles {
				for _, line := range hatchLines(r, angle, h.gap) {
					for _, p := range line {
						if p.X < r.Min.X-0.01 || p.X > r.Max.X+0.01 || p.Y < r.Min.Y-0.01 || p.Y > r.Max.Y+0.01 {
							t.Fatalf("hatch %d: %v is outside of %v", i, p, r)
						}
					}
				}
			}
		}
	})
	square := vg.Rectangle{Max: vg.Point{X: 10, Y: 10}}
	if n := len(hatchLines(square, 0, 3)); n != 3 {
		t.Errorf("%d horizontal lines 3 pt apart in 10 pt, want 3", n)
	}
	if n := len(hatchLines(square, math.Pi/4, 2)); n != 7 {
		t.Errorf("%d diagonal lines 2 pt apart over 14.1 pt, want 7", n)
	}
}

// TestSeriesDiffer checks that any two of eight series differ in colour, and
// without colour in marker, dashes and hatch.
func TestSeriesDiffer(t *testing.T) {
	for i := range 8 {
		for j := range i {
			if seriesColor(i) == seriesColor(j) || seriesMarker(i) == seriesMarker(j) ||
				cmp.Equal(seriesDashes(i), seriesDashes(j)) || cmp.Equal(seriesHatch(i), seriesHatch(j), cmp.AllowUnexported(hatch{})) {
				t.Errorf("series %d and %d look alike", i, j)
			}
		}
	}
}

func TestWrap(t *testing.T) {
	style := textStyle(smallSize, false, ink)
	text := strings.Repeat("some words to break ", 12)
	lines := wrap(style, text, 150)
	if len(lines) < 3 || strings.Join(lines, " ") != strings.TrimSpace(text) {
		t.Errorf("wrapped into %q", lines)
	}
	for _, line := range lines {
		if style.Width(line) > 150 {
			t.Errorf("%q is %v pt wide", line, style.Width(line))
		}
	}
	if lines := wrap(style, "", 10); lines != nil {
		t.Errorf("nothing wraps into %q", lines)
	}
}

func TestEscape(t *testing.T) {
	if got, want := escape("a|b\n<i> x < y *s* a_b `c`"), `a\|b &lt;i> x < y \*s\* a\_b 'c'`; got != want {
		t.Errorf("escape = %s, want %s", got, want)
	}
}
