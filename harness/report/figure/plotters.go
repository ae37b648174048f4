package figure

import (
	"image/color"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"edgebed/harness/report/table"
	"edgebed/harness/stats"
)

// backdrop is the frame of a panel with light lines at the labelled ticks.
type backdrop struct {
	xs, ys []plot.Tick
	// upright says that there are lines at xs too.
	upright bool
}

// Plot implements plot.Plotter.
func (b backdrop) Plot(c draw.Canvas, p *plot.Plot) {
	toX, toY := p.Transforms(&c)
	line := draw.LineStyle{Color: grid, Width: 0.5}
	for _, t := range b.xs {
		if x := toX(t.Value); b.upright && t.Label != "" && c.ContainsX(x) {
			c.StrokeLine2(line, x, c.Min.Y, x, c.Max.Y)
		}
	}
	for _, t := range b.ys {
		if y := toY(t.Value); t.Label != "" && c.ContainsY(y) {
			c.StrokeLine2(line, c.Min.X, y, c.Max.X, y)
		}
	}

	border := c.Rectangle.Path()
	border.Close()
	c.SetLineStyle(draw.LineStyle{Color: ink, Width: 0.5})
	c.Stroke(border)
}

// GlyphBoxes implements plot.GlyphBoxer: every panel leaves the same room at
// its right for the labels of the abscissa, whether it shows them or not, so
// that the panels of a column stay aligned.
func (b backdrop) GlyphBoxes(p *plot.Plot) []plot.GlyphBox {
	var boxes []plot.GlyphBox
	for _, t := range b.xs {
		if x := p.X.Norm(t.Value); x > 0.5 && x <= 1 && t.Label != "" {
			half := p.X.Tick.Label.Width(t.Label) / 2
			boxes = append(boxes, plot.GlyphBox{X: x, Rectangle: vg.Rectangle{
				Min: vg.Point{X: -half}, Max: vg.Point{X: half},
			}})
		}
	}
	return boxes
}

// heading is the title of a panel, at the left above its data area.
type heading struct{ lines []string }

// headingGap is the distance from the data area to its heading.
const headingGap = 3

// Plot implements plot.Plotter.
func (h heading) Plot(c draw.Canvas, _ *plot.Plot) {
	style := boldStyle(panelSize, ink)
	drawLines(c, style, h.lines, vg.Point{X: c.Min.X, Y: c.Max.Y + h.height()}, leading(panelSize))
}

func (h heading) height() vg.Length {
	return vg.Length(len(h.lines))*leading(panelSize) + headingGap
}

// GlyphBoxes implements plot.GlyphBoxer: it makes room for the heading.
func (h heading) GlyphBoxes(*plot.Plot) []plot.GlyphBox {
	return []plot.GlyphBox{{Y: 1, Rectangle: vg.Rectangle{Max: vg.Point{Y: h.height()}}}}
}

// curve is a series of a figure of lines. Its points are shifted sideways a
// little, so that the whiskers of curves that coincide stay visible.
type curve struct {
	chart  *Chart
	panel  *Panel
	series int
	shift  vg.Length
}

// Plot implements plot.Plotter.
func (v curve) Plot(c draw.Canvas, p *plot.Plot) {
	toX, toY := p.Transforms(&c)
	look := v.chart.Look(v.series)
	style := draw.LineStyle{Color: seriesColor(look.Style), Width: 1.2}
	var line, at []vg.Point
	finish := func() {
		if len(line) > 1 {
			dashed := style
			dashed.Dashes = look.dashes()
			c.StrokeLines(dashed, line)
		}
		line = nil
	}

	for i, e := range v.panel.Points[v.series] {
		if v.chart.Breaks(v.panel, v.series, i) {
			finish() // a hole in the data is a hole in the line
		}
		if !v.chart.Shows(i, e) {
			continue
		}

		pt := vg.Point{X: toX(v.chart.Xs[i]) + v.shift, Y: toY(e.Value)}
		switch {
		case v.chart.Stair > 0:
			line = append(line, vg.Point{X: toX(v.chart.Xs[i] - v.chart.Stair), Y: pt.Y})
		case v.chart.Steps && len(line) > 0:
			line = append(line, vg.Point{X: pt.X, Y: line[len(line)-1].Y})
		}
		line = append(line, pt)
		if v.chart.Marked(v.series, i, e) {
			at = append(at, pt)
		}
		if e.Known {
			style := style
			style.Width = 0.8
			drawWhisker(c, style, pt.X, toY(math.Max(e.Low, p.Y.Min)), toY(math.Min(e.High, p.Y.Max)))
		}
	}
	finish()

	for _, pt := range at {
		drawMarker(c, look, pt)
	}
}

// Marked reports whether a curve has its marker at a position: a curve of many values at
// some only, which would hide it otherwise, and one that was sampled not along the bottom,
// where curves of what did not happen lie on each other.
func (c *Chart) Marked(series, position int, e stats.Estimate) bool {
	switch {
	case c.Stair > 0 && e.Value == 0:
		return false
	case c.Steps || c.Stair > 0:
		return (position+series)%6 == 0
	}
	return true
}

const markerRadius = 2.6

// drawWhisker draws an interval with its caps.
func drawWhisker(c draw.Canvas, style draw.LineStyle, x, low, high vg.Length) {
	const arm = 2.2
	c.StrokeLine2(style, x, low, x, high)
	c.StrokeLine2(style, x-arm, low, x+arm, low)
	c.StrokeLine2(style, x-arm, high, x+arm, high)
}

// bars is a panel of grouped bars.
type bars struct {
	chart *Chart
	// points by series, then by group; the groups stand at 0, 1, 2 ...
	points [][]stats.Estimate
}

// GroupWidth is the share of a group's room that its bars, or boxes, take.
const GroupWidth = 0.78

// Plot implements plot.Plotter.
func (b bars) Plot(c draw.Canvas, p *plot.Plot) {
	toX, toY := p.Transforms(&c)
	pitch := (toX(GroupWidth) - toX(0)) / vg.Length(len(b.points))
	label := textStyle(smallSize, ink)
	label.XAlign, label.YAlign = draw.XCenter, draw.YBottom

	fits := true
	for _, series := range b.points {
		fits = fits && !slices.ContainsFunc(series, func(e stats.Estimate) bool {
			return e.N > 0 && label.Width(table.FormatValue(e.Value))+2 > pitch
		})
	}

	for s, series := range b.points {
		for g, e := range series {
			if e.N == 0 {
				continue
			}
			left := toX(float64(g)-GroupWidth/2) + pitch*vg.Length(s)
			middle, top := left+pitch/2, toY(e.Value)
			drawBar(c, vg.Rectangle{
				Min: vg.Point{X: left + pitch*0.05, Y: toY(0)},
				Max: vg.Point{X: left + pitch*0.95, Y: top},
			}, b.chart.Look(s))
			if e.Known {
				high := toY(e.High)
				// A white rim keeps the whisker visible on a dark bar, if it leaves anything of it.
				if pitch > 12 {
					drawWhisker(c, draw.LineStyle{Color: color.White, Width: 2}, middle, toY(math.Max(e.Low, p.Y.Min)),
						high)
				}
				drawWhisker(c, draw.LineStyle{Color: ink, Width: 0.8}, middle, toY(math.Max(e.Low, p.Y.Min)), high)
				top = max(top, high)
			}
			if fits {
				c.FillText(label, vg.Point{X: middle, Y: top + 2}, table.FormatValue(e.Value))
			}
		}
	}
}

// drawLines draws lines of text downwards, the first one at a point.
func drawLines(c draw.Canvas, style draw.TextStyle, lines []string, at vg.Point, step vg.Length) {
	for _, line := range lines {
		c.FillText(style, at, line)
		at.Y -= step
	}
}
