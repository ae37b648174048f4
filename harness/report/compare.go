package report

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"edgebed/harness/record"
	"edgebed/harness/stats"
)

// This file shows two results side by side.

// resultAxis is the axis that a comparison adds where figures have no series.
const resultAxis = "result"

// comparison is what the template of a comparison shows.
type comparison struct {
	Title, Subtitle string
	A, B            string
	Facts           []fact
	Differ          tableView
	Same            []fact
	Claims          []claimPair
	ClaimsDiffer    int
	Figures         []section
	NotDrawn        []string
	Ratios          []ratioView
	Warnings        []string
}

// claimPair is a claim with what each of the results says of it.
type claimPair struct {
	Claim
	Of [2]Claim
}

// Differ reports whether the verdicts differ.
func (p claimPair) Differ() bool { return p.Of[0].Verdict != p.Of[1].Verdict }

// ratioView is the ratios of a metric.
type ratioView struct {
	tableView
	// Marks says of each number whether it is clearly "lower" or "higher" in the
	// second result, else empty; by row and column, without the keys.
	Marks [][]string
}

// Mark is the mark of the number in a column, keys included.
func (v ratioView) Mark(row, column int) string { return v.Marks[row][column-v.Keys] }

// WriteComparison writes the comparison of two results as report.html in dir,
// which it makes where needed, and returns the file's name. Results without a
// point in common give an error.
func WriteComparison(dir string, a, b *record.Results) (string, error) {
	var text strings.Builder
	if err := CompareHTML(&text, a, b); err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return "", fmt.Errorf("write comparison: %w", err)
	}
	file := filepath.Join(dir, "report.html")
	if err := os.WriteFile(file, []byte(text.String()), 0o666); err != nil {
		return "", fmt.Errorf("write comparison: %w", err)
	}
	return file, nil
}

// CompareHTML writes two results side by side as one HTML file: both curves in
// each figure of the first, and the ratios of the second to the first.
func CompareHTML(w io.Writer, a, b *record.Results) error {
	c := &comparison{A: resultName(a), B: resultName(b)}
	if c.A == c.B {
		c.A, c.B = c.A+" (first)", c.B+" (second)"
	}
	shared := commonPoints(a, b)
	if len(shared) == 0 {
		return errors.New("compare results: they have no point of their matrices in common")
	}
	c.Title = c.A + " and " + c.B
	c.Subtitle = cmp.Or(a.Campaign.Title, a.Campaign.Scenario)
	if other := cmp.Or(b.Campaign.Title, b.Campaign.Scenario); other != c.Subtitle {
		c.Subtitle += " and " + other
	}
	ta, tb := tally(a.Cells), tally(b.Cells)
	c.Facts = []fact{
		{"points in common", fmt.Sprint(len(shared))},
		{"executions of " + c.A, fmt.Sprintf("%d, %d failed", ta.ok, ta.failed)},
		{"executions of " + c.B, fmt.Sprintf("%d, %d failed", tb.ok, tb.failed)},
		{"cells’ emulation of " + c.A, auditOf(a).Short},
		{"cells’ emulation of " + c.B, auditOf(b).Short},
	}
	c.Warnings = slices.Concat(a.Warnings, b.Warnings)
	c.Differ, c.Same = c.beside(append(provenance(a), settingsUsed(a)...), append(provenance(b), settingsUsed(b)...))
	c.claims(judged(a), judged(b))
	for _, f := range a.Campaign.Figures {
		all, err := c.charts(a, b, f)
		if err != nil {
			c.NotDrawn = append(c.NotDrawn, err.Error())
			continue
		}
		for _, chart := range all {
			c.Figures = append(c.Figures, chart.section())
		}
	}
	for _, metric := range []string{metricDelay, metricTrafficVolume, metricTrunkVolume} {
		c.Ratios = append(c.Ratios, c.ratios(a, b, metric))
	}
	return pages.ExecuteTemplate(w, "comparison.html", c)
}

// claims puts the verdicts of the two results on each claim next to each other.
// One that a result was not asked about has none there.
func (c *comparison) claims(a, b []Claim) {
	for _, claim := range slices.Concat(a, b) {
		if slices.ContainsFunc(c.Claims, func(p claimPair) bool { return p.Name == claim.Name }) {
			continue
		}
		p := claimPair{Claim: claim}
		for i, judged := range [][]Claim{a, b} {
			p.Of[i] = Claim{Verdict: "not asked"}
			if k := slices.IndexFunc(judged, func(o Claim) bool { return o.Name == claim.Name }); k >= 0 {
				p.Of[i] = judged[k]
			}
		}
		if c.Claims = append(c.Claims, p); p.Differ() {
			c.ClaimsDiffer++
		}
	}
}

// commonPoints are the points, without seeds, that cells of both results have.
func commonPoints(a, b *record.Results) []string {
	points := func(r *record.Results) map[string]bool {
		found := make(map[string]bool)
		for _, cell := range r.Cells {
			text := ""
			for _, coord := range cell.Cell.Point {
				text += coord.Axis + "=" + coord.Value + "\n"
			}
			found[text] = true
		}
		return found
	}
	inB := points(b)
	var shared []string
	for p := range points(a) {
		if inB[p] {
			shared = append(shared, p)
		}
	}
	return shared
}

// beside puts facts of the two results next to each other: those that differ,
// and those that are the same.
func (c *comparison) beside(a, b []fact) (differ tableView, same []fact) {
	values := make(map[string][2]string)
	var keys []string
	for i, facts := range [][]fact{a, b} {
		for _, f := range facts {
			v, known := values[f.Key]
			if !known {
				keys = append(keys, f.Key)
			}
			v[i] = f.Value
			values[f.Key] = v
		}
	}
	t := table{header: []string{"", c.A, c.B}, keys: 1}
	for _, k := range keys {
		if v := values[k]; v[0] == v[1] {
			same = append(same, fact{k, v[0]})
		} else {
			t.rows = append(t.rows, []string{k, orNone(v[0]), orNone(v[1])})
		}
	}
	return t.view("What differs"), same
}

func orNone(text string) string { return cmp.Or(text, "–") }

// charts draws a figure over both results: each series twice, first and second
// result next to each other.
func (c *comparison) charts(a, b *record.Results, f record.Figure) ([]*chart, error) {
	both := &record.Results{Name: c.Title, Runs: 1, Campaign: a.Campaign}
	both.Campaign.Axes = slices.Clone(a.Campaign.Axes)
	if other := b.Campaign.Profile; other != a.Campaign.Profile {
		both.Campaign.Profile = orUnknown(a.Campaign.Profile) + " and " + orUnknown(other)
	}
	if f.Series == "" {
		f.Series = resultAxis
		both.Campaign.Axes = append(both.Campaign.Axes, record.Axis{Name: resultAxis, Label: "Result"})
	}
	k := slices.IndexFunc(both.Campaign.Axes, func(x record.Axis) bool { return x.Name == f.Series })
	if k < 0 {
		return nil, f.Check(both.Campaign.Axes)
	}
	axis := &both.Campaign.Axes[k]
	var order []string
	for _, l := range levelsOf(*axis, slices.Concat(a.Cells, b.Cells)) {
		order = append(order, l.coord.Value)
	}
	if len(order) == 0 {
		order = []string{""}
	}
	axis.Unit, axis.Values = "", nil // the pairs are names
	for _, v := range order {
		axis.Values = append(axis.Values, v+"\x00"+c.A, v+"\x00"+c.B)
	}
	for i, r := range []*record.Results{a, b} {
		name := []string{c.A, c.B}[i]
		for _, cell := range r.Cells {
			point := slices.Clone(cell.Cell.Point)
			at := slices.IndexFunc(point, func(x record.Coord) bool { return x.Axis == f.Series })
			if at < 0 {
				if f.Series != resultAxis {
					continue
				}
				point, at = append(point, record.Coord{Axis: resultAxis}), len(point)
			}
			from, _ := r.Axis(f.Series)
			text := level{from, point[at]}.text()
			point[at] = record.Coord{Axis: f.Series, Value: point[at].Value + "\x00" + name, Label: joined([]string{text, name})}
			cell.Cell.Point = point
			both.Cells = append(both.Cells, cell)
		}
	}
	all, err := charts(both, f)
	for _, one := range all {
		one.pair(axis.Values)
	}
	return all, err
}

// pair makes a chart's series those of all values, in pairs, empty where a
// result lacks one.
func (c *chart) pair(values []string) {
	c.paired = true
	have := make(map[string]int)
	for i, v := range c.seriesValues {
		have[v] = i
	}
	var series []string
	var from []int
	for k := 0; k < len(values); k += 2 {
		_, first := have[values[k]]
		_, second := have[values[k+1]]
		if !first && !second {
			continue
		}
		for _, v := range values[k : k+2] {
			i, ok := have[v]
			if !ok {
				i = -1
				series = append(series, strings.ReplaceAll(v, "\x00", ", ")+" (nothing measured)")
			} else {
				series = append(series, c.series[i])
			}
			from = append(from, i)
		}
	}
	c.series = series
	for _, p := range c.panels {
		if p == nil {
			continue
		}
		points := make([][]stats.Estimate, len(from))
		for k, i := range from {
			points[k] = make([]stats.Estimate, len(c.xs))
			if i >= 0 {
				points[k] = p.points[i]
			}
		}
		p.points = points
	}
}

// ratios are a metric of the second result over that of the first, paired by
// workload where both executed the same ones.
func (c *comparison) ratios(a, b *record.Results, metric string) ratioView {
	parts := rolesOf(a)
	rowAxes := append(slices.Clone(parts.rows), parts.x...)
	columns := combinations(parts.columns, a.Cells)
	t := table{keys: len(rowAxes)}
	for _, axis := range rowAxes {
		t.header = append(t.header, axisHeading(axis))
	}
	for _, column := range columns {
		t.header = append(t.header, cmp.Or(joined(texts(column)), "Ratio"))
	}
	var marks [][]string
	paired := true
	for _, point := range combinations(rowAxes, a.Cells) {
		row := texts(point)
		var clear []string
		found := false
		for _, column := range columns {
			own := append(slices.Clone(point), column...)
			e, pairs := ratio(metric, at(a.Cells, own...), at(b.Cells, own...))
			found = found || e.N > 0
			paired = paired && (pairs || e.N == 0)
			text, mark := formatEstimate(e), ""
			if e.N > 0 {
				text += fmt.Sprintf(" (n = %d)", e.N)
			}
			switch {
			case e.Known && e.Low > 1:
				mark = "higher"
			case e.Known && e.High < 1:
				mark = "lower"
			}
			row, clear = append(row, text), append(clear, mark)
		}
		if found {
			t.rows, marks = append(t.rows, row), append(marks, clear)
		}
	}
	v := ratioView{t.view(fmt.Sprintf("%s: %s / %s", record.Metrics[metric], c.B, c.A)), marks}
	v.Remark = "Geometric means of the ratios of the same workloads, with 95 % confidence intervals. An arrow marks those whose interval excludes 1."
	if !paired {
		v.Remark = "Ratios of means where the results have no workload in common, which then have no interval; elsewhere geometric means of the ratios of the same workloads, with 95 % confidence intervals. An arrow marks those whose interval excludes 1."
	}
	return v
}

// ratio compares a metric at one point, and says whether by pairs of workloads.
func ratio(metric string, a, b []record.CellResult) (stats.Estimate, bool) {
	pairs := stats.Pair(keyed(metric, a), keyed(metric, b))
	if len(pairs.A) > 0 {
		return pairs.Ratio(), true
	}
	ma, mb := stats.Mean(values(metric, counted(a))), stats.Mean(values(metric, counted(b)))
	if ma.N == 0 || mb.N == 0 || !(ma.Value > 0) {
		return stats.Estimate{}, false
	}
	return stats.Estimate{N: min(ma.N, mb.N), Value: mb.Value / ma.Value}, false
}
