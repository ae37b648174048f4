package figure

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"edgebed/harness/matrix"
	"edgebed/harness/record"
	"edgebed/harness/report/table"
	"edgebed/harness/stats"
)

// Two are two results that figures show together.
type Two struct {
	A, B *record.Results
	// Names are what figures call them.
	Names [2]string
}

// NewTwo names two results by their folders, and where they differ in it by their
// networks.
func NewTwo(a, b *record.Results) Two {
	t := Two{A: a, B: b}
	networks := a.Campaign.On() != b.Campaign.On()
	for i, r := range t.results() {
		t.Names[i] = filepath.Base(filepath.Dir(r.Name))
		if networks {
			t.Names[i] += " (" + string(r.Campaign.On()) + ")"
		}
	}
	if t.Names[0] == t.Names[1] {
		t.Names[0], t.Names[1] = t.Names[0]+" (first)", t.Names[1]+" (second)"
	}
	return t
}

func (t Two) results() [2]*record.Results { return [2]*record.Results{t.A, t.B} }

// resultAxis is the axis that tells two results apart: figures over both may name it as
// any other.
const resultAxis = "result"

// Axes are those of the first result, and resultAxis.
func (t Two) Axes() []record.Axis {
	own := slices.DeleteFunc(slices.Clone(t.A.Campaign.Axes), func(a record.Axis) bool { return a.Name == resultAxis })
	return append(own, record.Axis{Name: resultAxis, Label: "Result", Values: t.Names[:]})
}

// Charts selects the data of a figure over both results. Where the figure does not say
// what resultAxis is in it, it has each of its series twice, those of the first and the
// second result next to each other; a heat map and a timeline have a panel for each, or
// where there are two axes of panels a figure for each.
// The error wraps ErrNoData where there is nothing to show.
func (t Two) Charts(f record.Figure) ([]*Chart, error) {
	_, fixed := f.Where[resultAxis]
	named := fixed || slices.Contains(append([]string{f.X, f.Y, f.Series}, f.Panels...), resultAxis)
	var all []*Chart
	var err error
	switch {
	case named:
		all, err = Charts(t.joined(), f)
	case f.Series == "" && f.Kind != record.KindHeatMap && f.Kind != record.KindTimeline:
		f.Series = resultAxis
		all, err = Charts(t.joined(), f)
	case f.Kind == record.KindHeatMap || f.Kind == record.KindTimeline:
		if len(f.Panels) < 2 {
			f.Panels = append(slices.Clone(f.Panels), resultAxis)
		}
		all, err = Charts(t.joined(), f)
	default:
		all, err = t.paired(f)
	}

	for _, c := range all {
		if !fixed {
			t.setApart(c)
		}
		c.Caption += " " + t.words()
	}
	return all, err
}

// Draw selects the data of the first result's figures over both, once for all forms of a
// comparison.
func (t Two) Draw() []Drawn {
	var all []Drawn
	for _, f := range t.A.Campaign.Figures {
		charts, err := t.Charts(f)
		all = append(all, Drawn{f, charts, err})
	}
	return all
}

// words say what the results are.
func (t Two) words() string {
	var parts []string
	for i, r := range t.results() {
		parts = append(parts, fmt.Sprintf("%s: %s links, profile %s",
			t.Names[i], r.Campaign.On(), table.OrUnknown(r.Campaign.Profile)))
	}
	return strings.Join(parts, "; ") + "."
}

// joined are both results as one, whose cells have their result's name on resultAxis.
func (t Two) joined() *record.Results {
	both := &record.Results{Name: t.A.Name, Runs: 1, Campaign: t.A.Campaign}
	both.Campaign.Axes = t.Axes()
	if other := t.B.Campaign.Profile; other != t.A.Campaign.Profile {
		both.Campaign.Profile = table.OrUnknown(t.A.Campaign.Profile) + " and " + table.OrUnknown(other)
	}
	for i, r := range t.results() {
		for _, cell := range r.Cells {
			own := slices.DeleteFunc(slices.Clone(cell.Cell.Point),
				func(x record.Coord) bool { return x.Axis == resultAxis })
			cell.Cell.Point = append(own, record.Coord{Axis: resultAxis, Value: t.Names[i]})
			both.Cells = append(both.Cells, cell)
		}
	}
	return both
}

// beside stands between a series' value and the result's name in the pairs' values.
const beside = "\x00"

// paired draws each series twice.
func (t Two) paired(f record.Figure) ([]*Chart, error) {
	both := t.joined()
	k := slices.IndexFunc(both.Campaign.Axes, func(x record.Axis) bool { return x.Name == f.Series })
	if k < 0 {
		return nil, f.Check(both.Campaign.Axes)
	}

	// The series' axis gets a value for each of its own and each result, which then
	// makes no figure of its own.
	axis := &both.Campaign.Axes[k]
	var values []string
	for _, l := range matrix.Levels(*axis, both.Cells) {
		values = append(values, l.Value()+beside+t.Names[0], l.Value()+beside+t.Names[1])
	}
	var of []string
	for _, v := range f.Of {
		of = append(of, v+beside+t.Names[0], v+beside+t.Names[1])
	}
	f.Of = of
	for i := range both.Cells {
		pairUp(&both.Cells[i].Cell, *axis)
	}
	axis.Values, axis.Unit = values, "" // the pairs are names
	both.Campaign.Axes = slices.DeleteFunc(both.Campaign.Axes, func(a record.Axis) bool { return a.Name == resultAxis })

	all, err := Charts(both, f)
	for _, c := range all {
		c.pair(values)
	}
	return all, err
}

// pairUp puts the result's name of a cell to its value on the series' axis.
func pairUp(c *record.Cell, series record.Axis) {
	last := len(c.Point) - 1
	name := c.Point[last].Value
	c.Point = c.Point[:last]
	for i, x := range c.Point {
		if x.Axis == series.Name {
			text := matrix.Level{Axis: series, Coord: x}.Text()
			c.Point[i] = record.Coord{
				Axis: series.Name, Value: x.Value + beside + name, Label: table.Joined(text, name),
			}
		}
	}
}

// lacking names the series of a pair that the chart does not have as the other one is
// named.
func (c *Chart) lacking(have map[string]int, pair []string, missing int) string {
	_, name, _ := strings.Cut(pair[missing], beside)
	_, other, _ := strings.Cut(pair[1-missing], beside)
	return table.Joined(strings.TrimSuffix(strings.TrimSuffix(c.Series[have[pair[1-missing]]], other), ", "), name)
}

// pair makes a chart's series those of all values, in pairs, empty where a result lacks
// one.
func (c *Chart) pair(values []string) {
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
		for n, v := range values[k : k+2] {
			i, ok := have[v]
			if !ok {
				i = -1
				series = append(series, c.lacking(have, values[k:k+2], n)+" (nothing measured)")
			} else {
				series = append(series, c.Series[i])
			}
			from = append(from, i)
		}
	}

	c.Series, c.Paired = series, true
	for _, p := range c.Panels {
		if p == nil {
			continue
		}
		points := make([][]stats.Estimate, len(from))
		samples := make([][][]float64, len(from))
		for k, i := range from {
			points[k], samples[k] = make([]stats.Estimate, len(c.Xs)), make([][]float64, len(c.Xs))
			if i >= 0 {
				points[k] = p.Points[i]
			}
			if i >= 0 && p.Samples != nil {
				samples[k] = p.Samples[i]
			}
		}
		p.Points = points
		if p.Samples != nil {
			p.Samples = samples
		}
	}
}
