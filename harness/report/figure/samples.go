package figure

import (
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"edgebed/harness/matrix"
	"edgebed/harness/record"
	"edgebed/harness/report/table"
	"edgebed/harness/stats"
)

// single is the label of a metric whose values are those of single executions, where
// that of their mean is given.
func single(label string) string { return table.UpperFirst(strings.TrimPrefix(label, "Mean ")) }

// finite are the values of a metric in cells that a figure can show, sorted: a program of
// others may have measured what is no number.
func finite(metric string, cells []record.CellResult) []float64 {
	values := slices.DeleteFunc(matrix.Values(metric, cells), func(v float64) bool { return !shown(v) })
	slices.Sort(values)
	return values
}

// ecdfSteps is how many positions a distribution function has: quantiles of all values
// of a chart at even steps.
const ecdfSteps = 40

// mostDistinct is up to how many values are positions themselves.
const mostDistinct = 80

// setDistribution makes the chart one of empirical distribution functions: for each
// series the share of its executions with at most the value at a position.
func (c *Chart) setDistribution(metric string, series []matrix.Point, cells []record.CellResult) {
	c.Kind, c.Numeric, c.Steps = record.KindLines, true, true
	c.XTitle, c.YTitle = single(c.YTitle), "Share of executions"

	var all []float64
	for _, s := range series {
		all = append(all, finite(metric, s.Of(cells))...)
	}
	slices.Sort(all)
	if distinct := slices.Compact(slices.Clone(all)); len(distinct) <= mostDistinct {
		c.Xs = distinct
	} else {
		for k := range ecdfSteps + 1 {
			c.Xs = append(c.Xs, stats.Quantile(float64(k)/ecdfSteps, all))
		}
		c.Xs = slices.Compact(c.Xs)
	}
	for _, x := range c.Xs {
		c.Ticks = append(c.Ticks, table.FormatValue(x))
	}
}

// distribution returns the shares of a panel at the chart's positions.
func (c *Chart) distribution(
	metric string, panel matrix.Point, series []matrix.Point, cells []record.CellResult,
) *Panel {
	p := &Panel{Title: panel.Names(", ")}
	for _, s := range series {
		values := finite(metric, s.Of(panel.Of(cells)))

		points := make([]stats.Estimate, len(c.Xs))
		for k, x := range c.Xs {
			upTo, _ := slices.BinarySearchFunc(values, x, func(v, x float64) int {
				if v <= x {
					return -1
				}
				return 1
			})
			if len(values) > 0 {
				points[k] = stats.Estimate{Value: float64(upTo) / float64(len(values)), N: len(values)}
			}
		}
		p.Points = append(p.Points, risingPart(points))
	}
	return p
}

// risingPart leaves out what is before the last point at 0 and after the first one at 1.
func risingPart(points []stats.Estimate) []stats.Estimate {
	out := slices.Clone(points)
	for k, e := range points {
		early := e.Value == 0 && k+1 < len(points) && points[k+1].Value == 0
		late := e.Value == 1 && k > 0 && points[k-1].Value == 1
		if early || late {
			out[k] = stats.Estimate{}
		}
	}
	return out
}

// addSamples gives a panel the values of each point, and makes its points medians.
func (p *Panel) addSamples(metric string, series, groups []matrix.Point, cells []record.CellResult) {
	for i, s := range series {
		samples := make([][]float64, len(groups))
		for k, g := range groups {
			values := finite(metric, g.Of(s.Of(cells)))
			samples[k] = values
			if len(values) > 0 {
				p.Points[i][k] = stats.Estimate{Value: stats.Quantile(0.5, values), N: len(values)}
			} else {
				p.Points[i][k] = stats.Estimate{}
			}
		}
		p.Samples = append(p.Samples, samples)
	}
}

// Box is what a box of a figure shows of a sample.
type Box struct {
	Q1, Median, Q3 float64
	// Low and High are the last values within 1.5 times the box's height of it.
	Low, High float64
	// Outside are the values beyond.
	Outside []float64
}

// NewBox returns the box of a sorted sample, which is not empty.
func NewBox(sorted []float64) Box {
	b := Box{Q1: stats.Quantile(0.25, sorted), Median: stats.Quantile(0.5, sorted), Q3: stats.Quantile(0.75, sorted)}
	reach := 1.5 * (b.Q3 - b.Q1)
	b.Low, b.High = b.Q1, b.Q3
	for _, v := range sorted {
		if v < b.Q1-reach || v > b.Q3+reach {
			b.Outside = append(b.Outside, v)
			continue
		}
		b.Low, b.High = math.Min(b.Low, v), math.Max(b.High, v)
	}
	return b
}

// boxes is a panel of grouped boxes.
type boxes struct {
	chart *Chart
	// samples by series, then by group.
	samples [][][]float64
}

// Plot implements plot.Plotter.
func (b boxes) Plot(c draw.Canvas, p *plot.Plot) {
	toX, toY := p.Transforms(&c)
	y := func(v float64) vg.Length { return toY(math.Max(v, p.Y.Min)) }
	pitch := (toX(GroupWidth) - toX(0)) / vg.Length(len(b.samples))
	line := draw.LineStyle{Color: ink, Width: 0.8}

	for s, groups := range b.samples {
		for g, sample := range groups {
			if len(sample) == 0 || b.chart.LogY && sample[len(sample)-1] <= 0 {
				continue
			}
			box := NewBox(sample)
			left := toX(float64(g)-GroupWidth/2) + pitch*vg.Length(s)
			middle := left + pitch/2

			drawWhisker(c, line, middle, y(box.Low), y(box.High))
			drawBar(c, vg.Rectangle{
				Min: vg.Point{X: left + pitch*0.12, Y: y(box.Q1)}, Max: vg.Point{X: left + pitch*0.88, Y: y(box.Q3)},
			}, b.chart.Look(s))
			median := y(box.Median)
			rim := draw.LineStyle{Color: grid, Width: 3}
			c.StrokeLine2(rim, left+pitch*0.12, median, left+pitch*0.88, median)
			c.StrokeLine2(draw.LineStyle{Color: ink, Width: 1.4}, left+pitch*0.12, median, left+pitch*0.88, median)

			for _, v := range box.Outside {
				dot := draw.GlyphStyle{Color: ink, Radius: 1, Shape: draw.CircleGlyph{}}
				c.DrawGlyph(dot, vg.Point{X: middle, Y: y(v)})
			}
		}
	}
}
