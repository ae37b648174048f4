package page

import (
	"cmp"
	"fmt"
	"html/template"
	"math"
	"strings"

	"edgebed/harness/record"
	"edgebed/harness/report/figure"
	"edgebed/harness/report/table"
	"edgebed/harness/stats"
)

// canvas is a panel of a chart in the making.
type canvas struct {
	drawing
	view
	frame
	axes
}

// image draws one panel of a chart: the same data, scales and styles as the figure
// files.
func (v view) image(panel *figure.Panel) template.HTML {
	c := &canvas{view: v, frame: panelFrame}
	switch {
	case len(v.Panels) == 1:
		c.width, c.right = 500, 490
	case v.Columns > 2 && (v.Numeric || v.Kind == record.KindTimeline):
		c.frame = narrowFrame
	}
	x, y := v.Scales(c.right - c.left)
	upright := v.Kind != record.KindBars && v.Kind != record.KindHeatMap
	c.axes = axes{x: x, y: y, xTitle: v.XTitle, yTitle: v.YTitle, upright: upright}
	c.drawing.axes(c.frame, c.axes)

	switch v.Kind {
	case record.KindBars:
		c.bars(panel)
	case record.KindBox:
		c.samples(panel)
	case record.KindTimeline:
		c.timeline(panel)
	case record.KindHeatMap:
		c.fields(panel)
	default:
		c.curves(panel)
	}
	return c.drawing.image(cmp.Or(panel.Title, v.Title), c.width, c.height)
}

// across and up are where values stand in the image.
func (c *canvas) across(v float64) float64 { return c.frame.x(c.axes.x.Norm(v)) }
func (c *canvas) up(v float64) float64     { return c.frame.y(c.axes.y.Norm(v)) }

// inside is up for what may lie beyond the frame.
func (c *canvas) inside(v float64) float64 {
	share := c.axes.y.Norm(math.Max(v, c.axes.y.Min))
	return c.frame.y(math.Min(math.Max(share, 0), 1))
}

func (c *canvas) curves(panel *figure.Panel) {
	c.events(panel)
	// The curves are shifted sideways a little, so that whiskers that coincide stay
	// visible.
	shift := func(i int) float64 {
		if c.Steps || c.Stair > 0 {
			return 0 // without whiskers nothing hides
		}
		return 2.2 * (float64(i) - float64(len(panel.Points)-1)/2)
	}
	for i, points := range panel.Points {
		path, pen := "", "M"
		for k, e := range points {
			if c.Breaks(panel, i, k) {
				pen = "M" // a hole in the data is a hole in the line
			}
			if !c.Shows(k, e) {
				continue
			}
			y := c.inside(e.Value)
			switch {
			case c.Stair > 0:
				path += fmt.Sprintf("%s%.1f %.1f", pen, c.across(c.Xs[k]-c.Stair), y)
				pen = "L"
			case c.Steps && pen == "L":
				path += fmt.Sprintf("H%.1f", c.across(c.Xs[k])) // up to here the value before holds
			}
			path += fmt.Sprintf("%s%.1f %.1f", pen, c.across(c.Xs[k])+shift(i), y)
			pen = "L"
		}
		if path != "" {
			l := c.look(i)
			c.Add(`<path class="line %s" data-k="%d" d="%s" stroke-dasharray="%s"/>`, l.class(), i, path, l.dashes())
		}
	}

	for i, points := range panel.Points {
		l := c.look(i)
		for k, e := range points {
			if !c.Shows(k, e) {
				continue
			}
			x, y := c.across(c.Xs[k])+shift(i), c.inside(e.Value)
			c.mark(l.class(), c.describe(i, k, e), i, k, func() {
				if e.Known {
					c.whisker(x, c.inside(e.Low), c.inside(e.High))
				}
				c.Add(`<circle class="hit" cx="%.1f" cy="%.1f" r="11"/>`, x, y)
				if c.Marked(i, k, e) {
					c.symbol(l, x, y, 4)
				}
			})
		}
	}
}

// fits tells whether each value of a panel, written out, has room in a width.
func fits(panel *figure.Panel, width float64) bool {
	const letter = 6.2
	for _, points := range panel.Points {
		for _, e := range points {
			if e.N > 0 && width <= letter*float64(len(table.FormatValue(e.Value))) {
				return false
			}
		}
	}
	return true
}

func (c *canvas) bars(panel *figure.Panel) {
	pitch := (c.across(figure.GroupWidth) - c.across(0)) / float64(len(panel.Points))
	labelled := fits(panel, pitch) // above the bars

	for i, points := range panel.Points {
		for k, e := range points {
			if e.N == 0 {
				continue
			}
			x := c.across(c.Xs[k]-figure.GroupWidth/2) + pitch*(float64(i)+0.05)
			c.mark(c.look(i).class(), c.describe(i, k, e), i, k, func() { c.bar(c.look(i), e, x, pitch, labelled) })
		}
	}
}

// samples draws a box for each point.
func (c *canvas) samples(panel *figure.Panel) {
	pitch := (c.across(figure.GroupWidth) - c.across(0)) / float64(len(panel.Points))
	for i, points := range panel.Points {
		for k, e := range points {
			if e.N == 0 {
				continue
			}
			middle := c.across(c.Xs[k]-figure.GroupWidth/2) + pitch*(float64(i)+0.5)
			c.mark(c.look(i).class(), c.describe(i, k, e), i, k, func() {
				c.box(newSpread(panel.Samples[i][k]), middle, pitch)
			})
		}
	}
}

// bar draws one bar at x with its interval and, where labelled, its value.
func (c *canvas) bar(l look, e stats.Estimate, x, pitch float64, labelled bool) {
	zero, end := c.up(0), c.up(e.Value)
	c.Add(`<rect class="bar" x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s"/>`,
		x, math.Min(zero, end), pitch*0.9, math.Abs(zero-end), l.fill())
	top := end
	if e.Known {
		top = c.up(e.High)
		c.whisker(x+pitch*0.45, c.up(math.Max(e.Low, c.axes.y.Min)), top)
	}
	if labelled {
		c.Label("tick x", x+pitch*0.45, top-4, table.FormatValue(e.Value))
	}
}

// describe says what a point of a chart is about and what was measured there.
func (v view) describe(series, position int, e stats.Estimate) string {
	if v.Kind == record.KindHeatMap {
		return fmt.Sprintf("%s %s, %s %s: %s", v.YTitle, v.Rows[series], v.XTitle, v.Ticks[position], measured(e))
	}
	var about []string
	if series < len(v.Series) {
		about = append(about, strings.TrimSpace(v.SeriesTitle+" "+v.Series[series]))
	}
	label := v.Ticks[position]
	if v.Unit != "" {
		label += " " + v.Unit
	}
	if label = strings.ReplaceAll(label, "\n", ", "); label != "" {
		about = append(about, label)
	}
	return strings.Join(about, ", ") + ": " + measured(e)
}

// measured writes an estimate for a reader who points at it.
func measured(e stats.Estimate) string {
	text := table.FormatValue(e.Value)
	if e.Known {
		text += fmt.Sprintf(", 95 %% interval %s to %s", table.FormatLike(e.Low, e.Value),
			table.FormatLike(e.High, e.Value))
	}
	return text + ", n = " + fmt.Sprint(e.N)
}
