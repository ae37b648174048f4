package figure

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"edgebed/harness/record"
	"edgebed/harness/report/reporttest"
)

// heat is a heat map over Full.
func heat() record.Figure {
	return record.Figure{Name: "heat", Title: "Heat", Kind: record.KindHeatMap, Metric: record.Delay, X: "rate", Y: "argument",
		Panels: []string{"model"}, LogZ: true, Where: map[string]string{"variant": "text", "size": "s3-l6"}}
}

// TestHeatMap checks what a heat map shows and where: the same estimates as a figure of
// lines, colours that rise with them, and blank fields where nothing was measured.
func TestHeatMap(t *testing.T) {
	r := reporttest.Synthesize(reporttest.Full())
	lines := heat()
	lines.Kind, lines.Series, lines.Y, lines.LogZ = record.KindLines, "argument", "", false
	want, c := mustChart(t, r, lines), mustChart(t, r, heat())
	if c.YTitle != "A (kB)" || c.ZTitle != "Mean delay (s)" || c.XTitle != "Link rate (Mb/s)" || !slices.Equal(c.Rows, []string{"10", "100"}) {
		t.Errorf("titles %q, %q, %q, rows %q", c.XTitle, c.YTitle, c.ZTitle, c.Rows)
	}
	scale := c.ColorScale()
	last, lastShare := -1, -1.0
	for i, p := range c.Panels {
		for row, points := range p.Points {
			for k, e := range points {
				if e != want.Panels[i].Points[row][k] {
					t.Errorf("panel %d, row %d, column %d shows %v, lines %v", i, row, k, e, want.Panels[i].Points[row][k])
				}
				if share := scale.Norm(e.Value); share < 0 || share > 1 || e.N == 0 {
					t.Errorf("%v has the share %v of the colours", e.Value, share)
				}
			}
		}
	}
	for k := range 11 {
		share := float64(k) / 10
		field, _ := Scale{Min: 0, Max: 1}.Color(share)
		// Luminance as the eye has it (ITU-R BT.601).
		if light := 299*int(field.R) + 587*int(field.G) + 114*int(field.B); light <= last || share <= lastShare {
			t.Errorf("the colour of %v is not brighter than that before", share)
		} else {
			last, lastShare = light, share
		}
	}
	if !strings.Contains(c.Caption, "Each field") || strings.Contains(c.Caption, "Whiskers") {
		t.Errorf("caption %q", c.Caption)
	}
	table := c.Table()
	if len(table.Rows) != 3*7 || !slices.Equal(table.Header, []string{"Panel", "Link rate (Mb/s)", "10 kB", "100 kB"}) {
		t.Errorf("a table of %d rows with the header %q", len(table.Rows), table.Header)
	}

	// A hole, and rows of names.
	f := heat()
	f.Y, f.Panels = "model", nil
	f.Where["argument"] = "10 kB"
	r.Cells = slices.DeleteFunc(r.Cells, func(c record.CellResult) bool {
		return strings.Contains(c.Cell.ID, "text"+"s3-l6"+"10 kB"+"10"+"state-prop")
	})
	c = mustChart(t, r, f)
	if !slices.Equal(c.Rows, []string{"PureFaaS", "StateProp", "StateLocal"}) || c.Panels[0].Points[1][3].N != 0 {
		t.Errorf("rows %q, a field without executions shows %v", c.Rows, c.Panels[0].Points[1][3])
	}
	files, err := Render(r, f, t.TempDir())
	if err != nil || len(files) != 2 {
		t.Fatalf("files %q, %v", files, err)
	}
	svg, err := os.ReadFile(files[0])
	if err != nil || !strings.Contains(string(svg), "Mean delay (s), logarithmic:") || !strings.Contains(string(svg), "StateProp") {
		t.Errorf("the heat map lacks its legend or a row: %v", err)
	}
}

// TestTwo draws each kind of figure over two results on different networks: both have
// their names and networks, and what each shows is what it shows alone.
func TestTwo(t *testing.T) {
	a, b := reporttest.Synthesize(reporttest.Full()), reporttest.Synthesize(reporttest.Full())
	a.Name, b.Name = "results/a/records.jsonl", "results/b/records.jsonl"
	b.Campaign.Network = record.Virtual
	for i := range b.Cells {
		for k := range b.Cells[i].Executions {
			b.Cells[i].Executions[k].DelayNS *= 2
		}
	}
	two := NewTwo(a, b)
	if two.Names != [2]string{"a (emulated)", "b (virtual)"} {
		t.Errorf("names %q", two.Names)
	}

	where := map[string]string{"variant": "text", "size": "s3-l6", "argument": "10 kB"}
	base := record.Figure{Name: "f", Title: "T", Metric: record.Delay, X: "rate", Series: "model", Where: where}
	for _, kind := range []string{record.KindLines, record.KindBars, record.KindBox} {
		f := base
		f.Kind = kind
		f.Of = []string{"pure-faas", "state-local"}
		alone := mustChart(t, a, f)
		all, err := two.Charts(f)
		if err != nil || len(all) != 1 {
			t.Fatalf("%s: %d charts, %v", kind, len(all), err)
		}
		c := all[0]
		want := []string{"PureFaaS, a (emulated)", "PureFaaS, b (virtual)", "StateLocal, a (emulated)", "StateLocal, b (virtual)"}
		if !slices.Equal(c.Series, want) || c.Look(2) != (Look{Style: 1}) || c.Look(3) != (Look{Style: 1, Hollow: true}) {
			t.Errorf("%s: series %q", kind, c.Series)
		}
		for i := range 2 {
			for k, e := range alone.Panels[0].Points[i] {
				one, other := c.Panels[0].Points[2*i][k], c.Panels[0].Points[2*i+1][k]
				if one != e || other.Value < 1.99*e.Value || other.Value > 2.01*e.Value {
					t.Errorf("%s: series %d at %d shows %v and %v, alone %v", kind, i, k, one, other, e)
				}
			}
		}
		if !strings.Contains(c.Caption, "a (emulated): emulated links, profile test; b (virtual): virtual links") {
			t.Errorf("%s: caption %q", kind, c.Caption)
		}
		if files, err := renderTwo(two, f, t.TempDir()); err != nil || len(files) != 2 || filepath.Ext(files[0]) != ".svg" {
			t.Errorf("%s: files %q, %v", kind, files, err)
		}
	}

	ecdf := base
	ecdf.Kind, ecdf.X = record.KindECDF, ""
	ecdf.Where = map[string]string{"variant": "text", "size": "s3-l6", "argument": "10 kB", "rate": "1 Mb/s"}
	if all, err := two.Charts(ecdf); err != nil || len(all[0].Series) != 6 {
		t.Errorf("a distribution of both: %v", err)
	}
	if all, err := two.Charts(heat()); err != nil || len(all) != 1 || len(all[0].Panels) != 6 || all[0].Panels[3].Title != "PureFaaS, Result: b (virtual)" {
		t.Errorf("a heat map of both: %d charts, %v", len(all), err)
	}

	// The result as an axis of its own.
	f := base
	f.Kind, f.X, f.Series, f.Panels = record.KindBars, "result", "model", nil
	f.Where = ecdf.Where
	if all, err := two.Charts(f); err != nil || !slices.Equal(all[0].Ticks, two.Names[:]) {
		t.Errorf("results along x: %v", err)
	}
	f.Series, f.X = "", "rate"
	f.Where = map[string]string{"variant": "text", "size": "s3-l6", "argument": "10 kB", "model": "pure-faas"}
	if all, err := two.Charts(f); err != nil || !slices.Equal(all[0].Series, two.Names[:]) {
		t.Errorf("a figure without series: %v", err)
	}
}
