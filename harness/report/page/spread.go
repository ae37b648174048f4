package page

import (
	"fmt"
	"html/template"
	"math"
	"slices"

	"edgebed/harness/matrix"
	"edgebed/harness/record"
	"edgebed/harness/report/figure"
	"edgebed/harness/report/table"
	"edgebed/harness/stats"
)

// spread is the distribution at one point.
type spread struct {
	sorted           []float64
	q1, median, q3   float64
	whiskLow, whiskH float64
}

// kindBoxes is the kind of chart that is not a figure's.
const kindBoxes = "boxes"

// mostDots is up to how many executions a box shows each one.
const mostDots = 30

// newSpread takes the quartiles, and the values furthest away that are within
// 1.5 times the distance between them (Tukey).
func newSpread(values []float64) spread {
	s := spread{sorted: slices.Sorted(slices.Values(values))}
	s.q1, s.median, s.q3 = stats.Quantile(0.25, values), stats.Quantile(0.5, values), stats.Quantile(0.75, values)
	reach := 1.5 * (s.q3 - s.q1)
	s.whiskLow, s.whiskH = s.q1, s.q3

	for _, v := range s.sorted {
		if v >= s.q1-reach {
			s.whiskLow = math.Min(v, s.q1)
			break
		}
	}
	for _, v := range slices.Backward(s.sorted) {
		if v <= s.q3+reach {
			s.whiskH = math.Max(v, s.q3)
			break
		}
	}
	return s
}

func (s spread) least() float64 { return s.sorted[0] }
func (s spread) most() float64  { return s.sorted[len(s.sorted)-1] }

// dots returns the values to show one by one: all of a small sample, else those
// outside the whiskers.
func (s spread) dots() []float64 {
	if len(s.sorted) <= mostDots {
		return s.sorted
	}
	var out []float64
	for _, v := range s.sorted {
		if v < s.whiskLow || v > s.whiskH {
			out = append(out, v)
		}
	}
	return out
}

func (s spread) text() string {
	like := func(v float64) string { return table.FormatLike(v, s.median) }
	return fmt.Sprintf("median %s s, half of them %s to %s s, all %s to %s s, 95th percentile %s s, n = %d",
		table.FormatValue(s.median), like(s.q1), like(s.q3), like(s.least()), like(s.most()),
		like(stats.Quantile(0.95, s.sorted)), len(s.sorted))
}

// row is the distribution as a row of a table.
func (s spread) row() []string {
	row := []string{fmt.Sprint(len(s.sorted))}
	for _, v := range []float64{s.least(), s.q1, s.median, s.q3, stats.Quantile(0.95, s.sorted), s.most()} {
		row = append(row, table.FormatValue(v))
	}
	return row
}

// boxes are the distributions in a panel, by series and group.
type boxes struct {
	panel          matrix.Point
	groups, series []matrix.Point
	all            [][]spread
	low, high      float64 // range of all values, low above high without any
}

// distributions is the section on the distribution of delays: a box per point, over
// every execution; nil where there is none.
func distributions(r *record.Results, roles matrix.Roles) *section {
	if len(matrix.Counted(r.Cells)) == 0 {
		return nil
	}
	sec := &section{Legend: keyOf(roles, r.Cells, kindBoxes), Columns: panelColumns(roles, r.Cells)}
	axes := slices.Concat(roles.Rows, roles.X, roles.Columns)
	t := table.Table{Caption: "Delays in seconds", Keys: len(axes)}
	t.Header = append(table.Headings(axes), "n", "Minimum", "25 %", "Median", "75 %", "95 %", "Maximum")

	for _, panel := range roles.Panels(r.Cells) {
		b := boxes{
			panel: panel, groups: matrix.Points(roles.X, r.Cells), series: matrix.Points(roles.Columns, r.Cells),
		}
		b.collect(panel.Of(r.Cells))
		if b.low > b.high {
			continue
		}
		sec.Panels = append(sec.Panels, panelView{panel.Names(", "), b.image()})
		t.Rows = append(t.Rows, b.rows()...)
	}
	sec.Tables = []table.Table{t}
	return sec
}

func (b *boxes) collect(cells []record.CellResult) {
	b.low, b.high = math.Inf(1), math.Inf(-1)
	b.all = make([][]spread, len(b.series))
	for i, s := range b.series {
		for _, g := range b.groups {
			delays := matrix.Values(record.Delay, g.Of(s.Of(cells)))
			if len(delays) == 0 {
				b.all[i] = append(b.all[i], spread{})
				continue
			}
			d := newSpread(delays)
			b.all[i] = append(b.all[i], d)
			b.low, b.high = math.Min(b.low, d.least()), math.Max(b.high, d.most())
		}
	}
}

func (b *boxes) rows() (rows [][]string) {
	for k, g := range b.groups {
		for i, s := range b.series {
			if d := b.all[i][k]; len(d.sorted) > 0 {
				rows = append(rows, append(b.panel.With(g...).With(s...).Texts(), d.row()...))
			}
		}
	}
	return rows
}

// scales are those of a panel of boxes. The ordinate is logarithmic where the delays
// span more than a factor of five.
func (b *boxes) scales() axes {
	a := axes{yTitle: "Delay (s)"}
	switch {
	case b.low > 0 && b.high/b.low > 5:
		a.y = figure.LogScale(b.low, b.high)
	case b.high <= 0:
		a.y = figure.LinearScale(math.Min(0, b.low), 1) // nothing took any time
	default:
		a.y = figure.LinearScale(math.Min(0, b.low), b.high*1.06)
	}

	a.x = figure.Scale{Min: -0.5, Max: float64(len(b.groups)) - 0.5}
	for k, g := range b.groups {
		tick := figure.Tick{Value: float64(k)}
		if len(g) > 0 {
			tick.Label, a.xTitle = g[0].Text(), matrix.Heading(g[0].Axis)
			if v, ok := g[0].Number(); ok {
				tick.Label, a.xTitle = table.FormatNumber(v), matrix.Title(g[0].Axis)
			}
		}
		a.x.Ticks = append(a.x.Ticks, tick)
	}
	return a
}

// image draws one panel of boxes.
func (b *boxes) image() template.HTML {
	c := &canvas{frame: panelFrame, axes: b.scales()}
	c.drawing.axes(c.frame, c.axes)
	pitch := (c.right - c.left) / float64(len(b.groups)) * figure.GroupWidth / float64(len(b.series))
	for i, s := range b.series {
		for k, g := range b.groups {
			d := b.all[i][k]
			if len(d.sorted) == 0 {
				continue
			}
			middle := c.across(float64(k)-figure.GroupWidth/2) + pitch*(float64(i)+0.5)
			about := table.Joined(s.With(g...).Texts()...)
			c.mark(plainLook(i).class(), about+": "+d.text(), i, k, func() { c.box(d, middle, pitch) })
		}
	}
	return c.drawing.image(b.panel.Names(", "), c.width, c.height)
}

// box draws a distribution around a middle in a room as wide as pitch.
func (c *canvas) box(d spread, middle, pitch float64) {
	half := math.Min(pitch*0.36, 14)
	c.Add(`<rect class="hit" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>`, middle-pitch/2, c.top, pitch,
		c.bottom-c.top)
	c.Add(`<path class="whisker" d="M%.1f %.1fV%.1f"/>`, middle, c.up(d.whiskLow), c.up(d.whiskH))
	c.Add(`<rect class="box" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>`,
		middle-half, c.up(d.q3), 2*half, math.Max(c.up(d.q1)-c.up(d.q3), 0.5))
	c.Add(`<path class="median" d="M%.1f %.1fh%.1f"/>`, middle-half, c.up(d.median), 2*half)

	if dots := d.dots(); len(dots) > 0 {
		c.Add(`<path class="dots" d="`)
		for _, one := range dots {
			c.Add("M%.1f %.1fh0", middle, c.up(one))
		}
		c.Add(`"/>`)
	}
}
