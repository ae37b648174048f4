package figure

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"edgebed/harness/record"
	"edgebed/harness/report/reporttest"
)

// rated makes two results over the given rates, whose first cells lack their executions.
func rated(first, second []string) Two {
	var of [2]*record.Results
	for i, rates := range [][]string{first, second} {
		w := reporttest.Small()
		w.Rates = rates
		of[i] = reporttest.Synthesize(w)
		of[i].Name = fmt.Sprintf("results/%c/records.jsonl", 'a'+i)
	}
	return NewTwo(of[0], of[1])
}

// TestApart draws two results over other values: each curve goes through its own, and a
// point that is missing there stays a hole.
func TestApart(t *testing.T) {
	two := rated([]string{"1", "10", "100"}, []string{"2", "10", "50", "200"})
	for i, c := range two.B.Cells {
		if c.Cell.Point[3].Value == "50 Mb/s" {
			two.B.Cells[i].Executions = nil
		}
	}
	lines := record.Figure{Name: "f", Title: "T", Kind: record.KindLines, Metric: record.Delay, X: "rate", Series: "model",
		Panels: []string{"argument"}, LogX: true}
	none, alone := lines, lines
	none.Series, none.Where = "", map[string]string{"model": "pure-faas"}
	alone.Panels = []string{"result", "argument"}

	// breaks are where each of the two curves has a hole, over 1, 2, 10, 50, 100, 200.
	breaks := func(c *Chart, first, second *Panel, i, j int) (of [2][]bool) {
		for k := range c.Xs {
			of[0] = append(of[0], c.Breaks(first, i, k))
			of[1] = append(of[1], c.Breaks(second, j, k))
		}
		return of
	}
	want := [2][]bool{make([]bool, 6), {false, false, false, true, false, false}}

	for name, f := range map[string]record.Figure{"pairs": lines, "no series": none, "panels": alone} {
		all, err := two.Charts(f)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		c := all[0]
		if !slices.Equal(c.Xs, []float64{1, 2, 10, 50, 100, 200}) {
			t.Fatalf("%s: positions %v", name, c.Xs)
		}

		first, second, of := c.Panels[0], c.Panels[0], 1
		if name == "panels" {
			second, of = c.Panels[1], 0
		}
		got := breaks(c, first, second, 0, of)
		if !slices.Equal(got[0], want[0]) || !slices.Equal(got[1], want[1]) {
			t.Errorf("%s: holes %v, want %v", name, got, want)
		}
		if strings.Contains(c.Caption, "has no") {
			t.Errorf("%s: caption %q speaks of what numbers along an axis show", name, c.Caption)
		}
	}

	// A line through three points, and one through two with a hole after them.
	dir := t.TempDir()
	none.Panels, none.Where = nil, map[string]string{"model": "pure-faas", "argument": "10 kB"}
	if _, err := renderTwo(two, none, dir); err != nil {
		t.Fatal(err)
	}
	svg, err := os.ReadFile(filepath.Join(dir, "f.svg"))
	if err != nil {
		t.Fatal(err)
	}
	if corners := strings.Count(between(string(svg), "stroke:#0072B2;stroke-width:1.2", "d=\"", "\""), "L"); corners != 2 {
		t.Errorf("the first curve has %d parts, want 2 through 3 points", corners)
	}
}

// between returns what follows the last of several marks in a text, up to an end.
func between(text, mark, begin, end string) string {
	for _, part := range strings.Split(text, "<path") {
		if !strings.Contains(part, mark) {
			continue
		}
		_, after, _ := strings.Cut(part, begin)
		before, _, _ := strings.Cut(after, end)
		if strings.Count(before, "L") > 1 {
			return before
		}
	}
	return ""
}

// TestLackingCategories checks that captions of bars, boxes and heat maps say what one of
// two results lacks.
func TestLackingCategories(t *testing.T) {
	two := rated([]string{"1", "10", "100"}, []string{"10", "50"})
	where := map[string]string{"argument": "10 kB"}
	for _, kind := range []string{record.KindBars, record.KindBox} {
		f := record.Figure{Name: "f", Kind: kind, Metric: record.Delay, X: "rate", Series: "model", Where: where}
		all, err := two.Charts(f)
		if err != nil {
			t.Fatal(err)
		}
		if want := " a has no 50. b has no 1; 100."; !strings.Contains(all[0].Caption, want) {
			t.Errorf("%s: caption %q, want %q", kind, all[0].Caption, want)
		}
		if all[0].Title != "Mean delay against link rate" && all[0].Title != "Delay against link rate" {
			t.Errorf("%s: the title of a figure without one is %q", kind, all[0].Title)
		}
	}

	f := record.Figure{Name: "f", Kind: record.KindHeatMap, Metric: record.Delay, X: "model", Y: "rate", Where: where}
	all, err := two.Charts(f)
	if err != nil {
		t.Fatal(err)
	}
	if want := " a has no 50. b has no 1; 100."; !strings.Contains(all[0].Caption, want) {
		t.Errorf("heat map: caption %q, want %q", all[0].Caption, want)
	}
	if want := "Mean delay by execution model and link rate"; all[0].Title != want {
		t.Errorf("heat map: title %q, want %q", all[0].Title, want)
	}

	// Of a result that the figure leaves out nothing is said.
	f = record.Figure{Name: "f", Kind: record.KindBars, Metric: record.Delay, X: "rate",
		Where: map[string]string{"argument": "10 kB", "model": "pure-faas", "result": "a"}}
	if all, err = two.Charts(f); err != nil || strings.Contains(all[0].Caption, "has no") {
		t.Errorf("bars of one result: %v, %v", all, err)
	}
}

// TestLackingSeries checks that the series that one result lacks has the name of the
// other's.
func TestLackingSeries(t *testing.T) {
	two := rated([]string{"1"}, []string{"1"})
	two.B.Cells = slices.DeleteFunc(two.B.Cells, func(c record.CellResult) bool { return c.Cell.Point[4].Value == "pure-faas" })
	all, err := two.Charts(record.Figure{Name: "f", Kind: record.KindECDF, Metric: record.Delay, Series: "model",
		Where: map[string]string{"argument": "10 kB"}})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"PureFaaS, a", "PureFaaS, b (nothing measured)", "StateLocal, a", "StateLocal, b"}
	if !slices.Equal(all[0].Series, want) {
		t.Errorf("series %q, want %q", all[0].Series, want)
	}

	// Of few values each is a step of its own.
	values := map[float64]bool{}
	for _, r := range two.results() {
		for _, c := range r.Cells {
			if c.Cell.Point[2].Value == "10 kB" {
				for _, e := range c.Counted() {
					values[float64(e.DelayNS)/1e9] = true
				}
			}
		}
	}
	if c := all[0]; !c.Steps || len(c.Xs) != len(values) {
		t.Errorf("%d positions, want one for each of %d values", len(c.Xs), len(values))
	}
}
