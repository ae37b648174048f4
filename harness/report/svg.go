package report

import (
	"cmp"
	"fmt"
	"html"
	"html/template"
	"math"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"

	"edgebed/harness/record"
	"edgebed/harness/stats"
)

// This file draws the charts of the HTML report: the same data, scales and
// styles as the figure files, but one SVG per panel that takes its colours from
// the page and whose marks a reader can point at.

// drawing collects the elements of an SVG image.
type drawing struct {
	text strings.Builder
	// marks counts the marks, of which the first is in the tab order.
	marks int
}

func (d *drawing) add(format string, args ...any) { fmt.Fprintf(&d.text, format, args...) }

// label adds a text.
func (d *drawing) label(class string, x, y float64, text string) {
	d.add(`<text class="%s" x="%.1f" y="%.1f">%s</text>`, class, x, y, html.EscapeString(text))
}

// mark adds a group of elements that shows a text when it is pointed at or has
// the focus. Arrow keys move between the marks of an image; row and column say
// how.
func (d *drawing) mark(class, text string, row, column int, elements func()) {
	index := -1
	if d.marks == 0 {
		index = 0
	}
	d.marks++
	d.add(`<g class="mark %s" data-k="%d" data-x="%d" role="img" tabindex="%d" aria-label="%s">`,
		class, row, column, index, html.EscapeString(text))
	elements()
	d.add(`</g>`)
}

// image returns the image, with a name for those who do not see it.
func (d *drawing) image(name string, width, height float64) template.HTML {
	return template.HTML(fmt.Sprintf(`<svg class="plot" viewBox="0 0 %g %g" role="group" aria-label="%s">%s</svg>`,
		width, height, html.EscapeString(name), d.text.String()))
}

// look is how a series is drawn: its colour, marker, dash and hatch, and whether
// it is the second of a pair.
type look struct {
	style  int
	hollow bool
}

// looks returns how series i is drawn. In a comparison two neighbours are one
// series of two results.
func (c *chart) look(i int) look {
	if c.paired {
		return look{i / 2, i%2 == 1}
	}
	return look{style: i}
}

func (l look) class() string {
	class := fmt.Sprintf("s%d", l.style%colors)
	if l.hollow {
		class += " hollow"
	}
	return class
}

// colors is the number of colours in the page's style sheet.
const colors = 8

func (l look) dashes() string {
	if l.hollow {
		return "2 3"
	}
	var parts []string
	for _, d := range seriesDashes(l.style) {
		parts = append(parts, fmt.Sprintf("%g", float64(d)*1.2))
	}
	return cmp.Or(strings.Join(parts, " "), "none")
}

// fill is the paint of a bar.
func (l look) fill() string {
	if l.hollow {
		return "var(--card)"
	}
	return fmt.Sprintf("url(#hatch%d)", l.style%colors)
}

// symbol adds the marker of a series around a point.
func (d *drawing) symbol(l look, x, y, radius float64) {
	m := seriesMarker(l.style)
	radius *= m.scale
	if m.corners == 0 {
		d.add(`<circle class="sym" cx="%.1f" cy="%.1f" r="%.1f"/>`, x, y, radius)
		return
	}
	d.add(`<path class="sym" d="`)
	for i := range m.corners {
		sin, cos := math.Sincos(m.turn + 2*math.Pi*float64(i)/float64(m.corners))
		d.add("%s%.1f %.1f", map[bool]string{true: "M", false: "L"}[i == 0], x+radius*cos, y-radius*sin)
	}
	d.add(`Z"/>`)
}

// hatches returns the patterns of the bars, once per page.
func hatches() template.HTML {
	var d drawing
	for i := range colors {
		h := seriesHatch(i)
		size := float64(h.gap) * 1.3
		if len(h.angles) == 0 {
			size = 8
		}
		turn := 0.0
		if len(h.angles) > 0 {
			turn = -h.angles[0] * 180 / math.Pi
		}
		d.add(`<pattern id="hatch%d" class="s%d" width="%.1f" height="%.1f" patternUnits="userSpaceOnUse" patternTransform="rotate(%.0f)">`, i, i, size, size, turn)
		d.add(`<rect class="tint" width="%.1f" height="%.1f"/>`, size, size)
		if len(h.angles) > 0 {
			d.add(`<path class="stripe" d="M0 0H%.1f"/>`, size)
		}
		if len(h.angles) > 1 {
			d.add(`<path class="stripe" d="M0 0V%.1f"/>`, size)
		}
		d.add(`</pattern>`)
	}
	return template.HTML(`<svg class="defs" width="0" height="0" aria-hidden="true"><defs>` + d.text.String() + `</defs></svg>`)
}

// fixed is the index of an entry of a legend that switches nothing.
const fixed = -1

// entry is an entry of a legend.
type entry struct {
	// Index of the series that the entry shows and hides.
	Index  int
	Name   string
	Sample template.HTML
}

// legend returns the legend of a chart.
func (c *chart) legend() []entry {
	var entries []entry
	for i, name := range c.series {
		l := c.look(i)
		var d drawing
		d.add(`<svg class="sample %s" viewBox="0 0 30 14" width="30" height="14" aria-hidden="true">`, l.class())
		switch c.kind {
		case record.KindBars:
			d.add(`<rect class="bar" x="1" y="2" width="28" height="10" fill="%s"/>`, l.fill())
		case kindBoxes:
			d.add(`<path class="whisker" d="M2 7H28"/><rect class="box" x="7" y="2" width="16" height="10"/><path class="median" d="M15 2V12"/>`)
		default:
			d.add(`<path class="line" d="M1 7H29" stroke-dasharray="%s"/>`, l.dashes())
			d.symbol(l, 15, 7, 4)
		}
		d.add(`</svg>`)
		entries = append(entries, entry{i, name, template.HTML(d.text.String())})
	}
	return entries
}

// frame is the geometry of a panel: the plot area within the image.
type frame struct {
	width, height            float64
	left, right, top, bottom float64
}

// panelFrame leaves room for the labels of the axes.
var panelFrame = frame{width: 440, height: 290, left: 66, right: 432, top: 12, bottom: 244}

func (f frame) x(share float64) float64 { return f.left + share*(f.right-f.left) }
func (f frame) y(share float64) float64 { return f.bottom - share*(f.bottom-f.top) }

// axes draws the frame, the grid lines and the labels of both axes.
func (d *drawing) axes(f frame, p *plot.Plot, xs, ys []plot.Tick, upright bool, xTitle, yTitle string) {
	for _, t := range ys {
		at := p.Y.Norm(t.Value)
		if at < -1e-9 || at > 1+1e-9 || t.Label == "" {
			continue
		}
		d.add(`<path class="grid" d="M%.1f %.1fH%.1f"/>`, f.left, f.y(at), f.right)
		d.label("tick y", f.left-6, f.y(at)+4, t.Label)
	}
	for _, t := range xs {
		at := p.X.Norm(t.Value)
		if at < -1e-9 || at > 1+1e-9 || t.Label == "" {
			continue
		}
		if upright {
			d.add(`<path class="grid" d="M%.1f %.1fV%.1f"/>`, f.x(at), f.top, f.bottom)
		}
		for k, line := range strings.Split(t.Label, "\n") {
			d.label("tick x", f.x(at), f.bottom+16+13*float64(k), line)
		}
	}
	d.add(`<rect class="frame" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>`, f.left, f.top, f.right-f.left, f.bottom-f.top)
	if xTitle != "" {
		d.label("title x", (f.left+f.right)/2, f.height-6, xTitle)
	}
	d.add(`<text class="title x" transform="translate(13 %.1f) rotate(-90)">%s</text>`, (f.top+f.bottom)/2, html.EscapeString(yTitle))
}

// measured writes an estimate for a reader who points at it.
func measured(e stats.Estimate) string {
	text := formatValue(e.Value)
	if e.Known {
		text += fmt.Sprintf(", 95 %% interval %s to %s", formatLike(e.Low, e.Value), formatLike(e.High, e.Value))
	}
	return text + ", n = " + fmt.Sprint(e.N)
}

// describe says what a point of a chart is about and what was measured there.
func (c *chart) describe(series, position int, e stats.Estimate) string {
	var about []string
	if series < len(c.series) {
		about = append(about, strings.TrimSpace(c.seriesTitle+" "+c.series[series]))
	}
	if label := strings.ReplaceAll(c.label(position), "\n", ", "); label != "" {
		about = append(about, label)
	}
	return strings.Join(about, ", ") + ": " + measured(e)
}

// label is the text of a position along the abscissa, with its unit.
func (c *chart) label(position int) string {
	label := c.ticks[position]
	if c.unit != "" {
		label += " " + c.unit
	}
	return label
}

// panelImage draws one panel of a chart.
func (c *chart) panelImage(panel *panel) template.HTML {
	s := newSheet(c)
	p := plot.New()
	ys := s.scaleY(p)
	f := panelFrame
	if len(c.panels) == 1 {
		f.width, f.right = 500, 490
	}
	xs := s.scaleX(p, vg.Length(f.right-f.left))
	var d drawing
	d.axes(f, p, xs, ys, c.kind == record.KindLines, c.xTitle, c.yTitle)
	if c.kind == record.KindBars {
		c.drawBars(&d, f, p, panel)
	} else {
		c.drawCurves(&d, f, p, panel)
	}
	name := panel.title
	if name == "" {
		name = c.title
	}
	return d.image(name, f.width, f.height)
}

func (c *chart) drawCurves(d *drawing, f frame, p *plot.Plot, panel *panel) {
	inside := func(v float64) float64 { return math.Min(math.Max(p.Y.Norm(math.Max(v, p.Y.Min)), 0), 1) }
	for i, points := range panel.points {
		l := c.look(i)
		shift := 2.2 * (float64(i) - float64(len(panel.points)-1)/2)
		path, pen := "", "M"
		for k, e := range points {
			if e.N == 0 {
				pen = "M" // a hole in the data is a hole in the line
				continue
			}
			path += fmt.Sprintf("%s%.1f %.1f", pen, f.x(p.X.Norm(c.xs[k]))+shift, f.y(inside(e.Value)))
			pen = "L"
		}
		if path == "" {
			continue
		}
		d.add(`<path class="line %s" data-k="%d" d="%s" stroke-dasharray="%s"/>`, l.class(), i, path, l.dashes())
	}
	for i, points := range panel.points {
		l := c.look(i)
		shift := 2.2 * (float64(i) - float64(len(panel.points)-1)/2)
		for k, e := range points {
			if e.N == 0 {
				continue
			}
			x, y := f.x(p.X.Norm(c.xs[k]))+shift, f.y(inside(e.Value))
			d.mark(l.class(), c.describe(i, k, e), i, k, func() {
				if e.Known {
					d.whisker(x, f.y(inside(e.Low)), f.y(inside(e.High)))
				}
				d.add(`<circle class="hit" cx="%.1f" cy="%.1f" r="11"/>`, x, y)
				d.symbol(l, x, y, 4)
			})
		}
	}
}

// whisker draws an interval with its caps.
func (d *drawing) whisker(x, low, high float64) {
	d.add(`<path class="whisker" d="M%.1f %.1fV%.1fM%.1f %.1fh6M%.1f %.1fh6"/>`, x, low, high, x-3, low, x-3, high)
}

func (c *chart) drawBars(d *drawing, f frame, p *plot.Plot, panel *panel) {
	pitch := (f.x(p.X.Norm(groupWidth)) - f.x(p.X.Norm(0))) / float64(len(panel.points))
	fits := true
	for _, points := range panel.points {
		for _, e := range points {
			fits = fits && (e.N == 0 || pitch > 6.2*float64(len(formatValue(e.Value))))
		}
	}
	for i, points := range panel.points {
		l := c.look(i)
		for k, e := range points {
			if e.N == 0 {
				continue
			}
			x := f.x(p.X.Norm(c.xs[k]-groupWidth/2)) + pitch*(float64(i)+0.05)
			zero, end := f.y(p.Y.Norm(0)), f.y(p.Y.Norm(e.Value))
			d.mark(l.class(), c.describe(i, k, e), i, k, func() {
				d.add(`<rect class="bar" x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s"/>`,
					x, math.Min(zero, end), pitch*0.9, math.Abs(zero-end), l.fill())
				top := end
				if e.Known {
					top = f.y(p.Y.Norm(e.High))
					d.whisker(x+pitch*0.45, f.y(p.Y.Norm(math.Max(e.Low, p.Y.Min))), top)
				}
				if fits {
					d.label("tick x", x+pitch*0.45, top-4, formatValue(e.Value))
				}
			})
		}
	}
}

// table is what a chart shows as numbers: a row per panel and position, a column
// per series.
func (c *chart) table() table {
	t := table{}
	var titled bool
	for _, p := range c.panels {
		titled = titled || p != nil && p.title != ""
	}
	if titled {
		t.header = append(t.header, "Panel")
	}
	t.header = append(t.header, cmp.Or(c.xTitle, "Group"))
	t.keys = len(t.header)
	t.header = append(t.header, c.series...)
	if len(c.series) == 0 {
		t.header = append(t.header, c.yTitle)
	}
	for _, p := range c.panels {
		if p == nil {
			continue
		}
		for k := range c.xs {
			var row []string
			if titled {
				row = append(row, p.title)
			}
			row = append(row, strings.ReplaceAll(c.ticks[k], "\n", ", "))
			empty := true
			for _, points := range p.points {
				empty = empty && points[k].N == 0
				text := formatEstimate(points[k])
				if points[k].N > 0 {
					text += fmt.Sprintf(" (n = %d)", points[k].N)
				}
				row = append(row, text)
			}
			if !empty {
				t.rows = append(t.rows, row)
			}
		}
	}
	return t
}
