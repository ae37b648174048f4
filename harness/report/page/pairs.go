package page

import (
	"slices"
	"strings"

	"edgebed/harness/matrix"
	"edgebed/harness/record"
	"edgebed/harness/report/figure"
	"edgebed/harness/report/table"
	"edgebed/harness/stats"
)

// resultAxis is the axis that a comparison adds where figures have no series.
const resultAxis = "result"

// beside stands between a series' value and the result's name in the pairs' values.
const beside = "\x00"

// draw adds the figures over both results.
func (c *comparison) draw(a, b *record.Results) {
	for _, f := range a.Campaign.Figures {
		all, err := c.charts(a, b, f)
		if err != nil {
			c.NotDrawn = append(c.NotDrawn, err.Error())
			continue
		}
		for _, v := range all {
			c.Figures = append(c.Figures, v.section())
		}
	}
}

// charts draws a figure over both results: each series twice, first and second
// result next to each other.
func (c *comparison) charts(a, b *record.Results, f record.Figure) ([]view, error) {
	both := &record.Results{Name: c.Title, Runs: 1, Campaign: a.Campaign}
	both.Campaign.Axes = slices.Clone(a.Campaign.Axes)
	if other := b.Campaign.Profile; other != a.Campaign.Profile {
		both.Campaign.Profile = table.OrUnknown(a.Campaign.Profile) + " and " + table.OrUnknown(other)
	}
	if f.Series == "" {
		f.Series = resultAxis
		both.Campaign.Axes = append(both.Campaign.Axes, record.Axis{Name: resultAxis, Label: "Result"})
	}
	k := slices.IndexFunc(both.Campaign.Axes, func(x record.Axis) bool { return x.Name == f.Series })
	if k < 0 {
		return nil, f.Check(both.Campaign.Axes)
	}

	// The series' axis gets a value for each of its own and each result.
	axis := &both.Campaign.Axes[k]
	axis.Values = c.pairs(*axis, slices.Concat(a.Cells, b.Cells))
	axis.Unit = "" // the pairs are names
	both.Cells = slices.Concat(paired(a, f.Series, c.A), paired(b, f.Series, c.B))

	all, err := figure.Charts(both, f)
	var views []view
	for _, chart := range all {
		pair(chart, axis.Values)
		views = append(views, view{Chart: chart, paired: true})
	}
	return views, err
}

// pairs are the values of an axis, each with the name of either result.
func (c *comparison) pairs(axis record.Axis, cells []record.CellResult) []string {
	var values []string
	for _, l := range matrix.Levels(axis, cells) {
		values = append(values, l.Value()+beside+c.A, l.Value()+beside+c.B)
	}
	if len(values) == 0 { // the axis that only the comparison has
		values = []string{beside + c.A, beside + c.B}
	}
	return values
}

// paired returns the cells of a result with its name in their series.
func paired(r *record.Results, series, name string) []record.CellResult {
	axis, _ := r.Axis(series)
	var cells []record.CellResult
	for _, cell := range r.Cells {
		point := slices.Clone(cell.Cell.Point)
		at := slices.IndexFunc(point, func(x record.Coord) bool { return x.Axis == series })
		if at < 0 {
			if series != resultAxis {
				continue
			}
			point, at = append(point, record.Coord{Axis: resultAxis}), len(point)
		}

		text := matrix.Level{Axis: axis, Coord: point[at]}.Text()
		point[at] = record.Coord{Axis: series, Value: point[at].Value + beside + name, Label: table.Joined(text, name)}
		cell.Cell.Point = point
		cells = append(cells, cell)
	}
	return cells
}

// pair makes a chart's series those of all values, in pairs, empty where a
// result lacks one.
func pair(c *figure.Chart, values []string) {
	have := make(map[string]int)
	for i, v := range c.SeriesValues {
		have[v] = i
	}

	var series []string
	var from []int // of each series its place in the chart, -1 for none
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
				series = append(series, strings.ReplaceAll(v, beside, ", ")+" (nothing measured)")
			} else {
				series = append(series, c.Series[i])
			}
			from = append(from, i)
		}
	}

	c.Series = series
	for _, p := range c.Panels {
		if p == nil {
			continue
		}
		points := make([][]stats.Estimate, len(from))
		for k, i := range from {
			points[k] = make([]stats.Estimate, len(c.Xs))
			if i >= 0 {
				points[k] = p.Points[i]
			}
		}
		p.Points = points
	}
}
