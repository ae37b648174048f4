package page

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"

	"edgebed/harness/matrix"
	"edgebed/harness/record"
	"edgebed/harness/report/figure"
	"edgebed/harness/report/table"
	"edgebed/harness/stats"
)

// comparison is what the template of a comparison shows.
type comparison struct {
	Title, Subtitle string
	A, B            string
	Facts           []table.Fact
	Differ          table.Table
	Same            []table.Fact
	Claims          []claimPair
	ClaimsDiffer    int
	Figures         []section
	NotDrawn        []string
	Ratios          []ratioView
	Warnings        []string
}

// claimPair is a claim with what each of the results says of it.
type claimPair struct {
	Judged
	Of [2]Judged
}

// Differ reports whether the outcomes differ.
func (p claimPair) Differ() bool { return p.Of[0].Outcome != p.Of[1].Outcome }

// ratioView is the ratios of a metric.
type ratioView struct {
	table.Table
	// Marks says of each number whether it is clearly "lower" or "higher" in the
	// second result, else empty; by row and column, without the keys.
	Marks [][]string
}

// Mark is the mark of the number in a column, keys included.
func (v ratioView) Mark(row, column int) string { return v.Marks[row][column-v.Keys] }

// Side is one of two results that are compared, with what it says of its claims.
type Side struct {
	Results *record.Results
	Claims  []Judged
}

func (s Side) facts() []table.Fact {
	return append(table.Provenance(s.Results), table.SettingsUsed(s.Results)...)
}

// WriteComparison writes two results side by side as one HTML file: both curves in
// each figure of the first, and the ratios of the second to the first. Results that
// have no point in common, and other axes, give an error. The figures are those of both.
func WriteComparison(w io.Writer, a, b Side, drawn []figure.Drawn) error {
	names := figure.NewTwo(a.Results, b.Results).Names
	c := &comparison{A: names[0], B: names[1]}
	shared := commonPoints(a.Results, b.Results)
	if len(shared) == 0 && !figure.Comparable(a.Results, b.Results) {
		return errors.New("compare results: they have no point of their matrices in common, nor the same axes: " +
			"compare results of one scenario, or of two with the same axes")
	}

	c.Title = c.A + " and " + c.B
	c.Subtitle = cmp.Or(a.Results.Campaign.Title, a.Results.Campaign.Scenario)
	if other := cmp.Or(b.Results.Campaign.Title, b.Results.Campaign.Scenario); other != c.Subtitle {
		c.Subtitle += " and " + other
	}
	c.Facts = []table.Fact{
		{Key: "points in common", Value: fmt.Sprint(len(shared))},
		{Key: "executions of " + c.A, Value: made(a.Results)},
		{Key: "executions of " + c.B, Value: made(b.Results)},
		{Key: "cells’ emulation of " + c.A, Value: auditOf(a.Results).Short},
		{Key: "cells’ emulation of " + c.B, Value: auditOf(b.Results).Short},
	}
	c.Warnings = slices.Concat(a.Results.Warnings, b.Results.Warnings)
	c.Differ, c.Same = c.beside(a.facts(), b.facts())
	c.claims(a.Claims, b.Claims)

	c.Figures, c.NotDrawn = sections(drawn)
	for _, metric := range []string{record.Delay, record.TrafficVolume, record.TrunkVolume} {
		if len(shared) == 0 {
			break
		}
		c.Ratios = append(c.Ratios, c.ratios(a.Results, b.Results, metric))
	}
	return execute(w, "comparison.html", c)
}

// made counts the executions of results.
func made(r *record.Results) string {
	t := table.Tally(r.Cells)
	return fmt.Sprintf("%d, %d failed", t.OK, t.Failed)
}

// claims puts the outcomes of the two results on each claim next to each other.
// One that a result was not asked about has none there.
func (c *comparison) claims(a, b []Judged) {
	for _, claim := range slices.Concat(a, b) {
		if slices.ContainsFunc(c.Claims, func(p claimPair) bool { return p.Name == claim.Name }) {
			continue
		}

		p := claimPair{Judged: claim}
		for i, judged := range [][]Judged{a, b} {
			p.Of[i] = Judged{Outcome: "not asked"}
			if k := slices.IndexFunc(judged, func(o Judged) bool { return o.Name == claim.Name }); k >= 0 {
				p.Of[i] = judged[k]
			}
		}
		c.Claims = append(c.Claims, p)
		if p.Differ() {
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
func (c *comparison) beside(a, b []table.Fact) (differ table.Table, same []table.Fact) {
	values := make(map[string][2]string)
	var keys []string
	for i, facts := range [][]table.Fact{a, b} {
		for _, f := range facts {
			v, known := values[f.Key]
			if !known {
				keys = append(keys, f.Key)
			}
			v[i] = f.Value
			values[f.Key] = v
		}
	}

	differ = table.Table{Caption: "What differs", Header: []string{"", c.A, c.B}, Keys: 1}
	for _, k := range keys {
		if v := values[k]; v[0] == v[1] {
			same = append(same, table.Fact{Key: k, Value: v[0]})
		} else {
			differ.Rows = append(differ.Rows, []string{k, cmp.Or(v[0], "–"), cmp.Or(v[1], "–")})
		}
	}
	return differ, same
}

// Remarks on ratios: how to read those of pairs, and those of means.
const (
	arrowRemark = "An arrow marks those whose interval excludes 1."
	pairsRemark = "Geometric means of the ratios of the same workloads, with 95 % confidence intervals. " + arrowRemark
	meansRemark = "Ratios of means where the results have no workload in common, " +
		"which then have no interval; elsewhere geometric means of the ratios of the same workloads, " +
		"with 95 % confidence intervals. " + arrowRemark
)

// ratios are a metric of the second result over that of the first, paired by
// workload where both executed the same ones.
func (c *comparison) ratios(a, b *record.Results, metric string) ratioView {
	roles := matrix.RolesOf(a)
	columns := matrix.Points(roles.Columns, a.Cells)
	v := ratioView{Table: table.Table{
		Caption: fmt.Sprintf("%s: %s / %s", a.Campaign.Label(metric), c.B, c.A), Remark: pairsRemark,
		Header: table.Headings(roles.Keys()), Keys: len(roles.Keys()),
	}}
	for _, column := range columns {
		v.Header = append(v.Header, cmp.Or(table.Joined(column.Texts()...), "Ratio"))
	}

	for _, point := range matrix.Points(roles.Keys(), a.Cells) {
		row := point.Texts()
		var marks []string
		found := false
		for _, column := range columns {
			own := point.With(column...)
			e, paired := ratio(metric, own.Of(a.Cells), own.Of(b.Cells))
			found = found || e.N > 0
			if !paired && e.N > 0 {
				v.Remark = meansRemark
			}
			text, mark := marked(e)
			row, marks = append(row, text), append(marks, mark)
		}
		if found {
			v.Rows, v.Marks = append(v.Rows, row), append(v.Marks, marks)
		}
	}
	return v
}

// marked writes a ratio, and says whether it is clearly higher or lower than 1.
func marked(e stats.Estimate) (text, mark string) {
	text = table.FormatEstimate(e)
	if e.N > 0 {
		text += fmt.Sprintf(" (n = %d)", e.N)
	}
	switch {
	case e.Known && e.Low > 1:
		mark = "higher"
	case e.Known && e.High < 1:
		mark = "lower"
	}
	return text, mark
}

// ratio compares a metric at one point, and says whether by pairs of workloads.
func ratio(metric string, a, b []record.CellResult) (e stats.Estimate, paired bool) {
	pairs := stats.Pair(matrix.Keyed(metric, a), matrix.Keyed(metric, b))
	if len(pairs.A) > 0 {
		return pairs.Ratio(), true
	}

	meanA, meanB := stats.Mean(matrix.Values(metric, a)), stats.Mean(matrix.Values(metric, b))
	if meanA.N == 0 || meanB.N == 0 || !(meanA.Value > 0) {
		return stats.Estimate{}, false
	}
	return stats.Estimate{N: min(meanA.N, meanB.N), Value: meanB.Value / meanA.Value}, false
}
