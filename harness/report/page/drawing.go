package page

import (
	"fmt"
	"html/template"
	"strings"

	"edgebed/harness/report/figure"
	"edgebed/harness/svg"
)

// drawing is an SVG image of the page: it takes its colours from the page, and a
// reader can point at its marks.
type drawing struct {
	svg.Drawing
	// marks counts the marks, of which the first is in the tab order.
	marks int
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
	d.Add(`<g class="mark %s" data-k="%d" data-x="%d" role="img" tabindex="%d" aria-label="%s">`,
		class, row, column, index, svg.Escape(text))
	elements()
	d.Add(`</g>`)
}

// image returns the image, with a name for those who do not see it.
func (d *drawing) image(name string, width, height float64) template.HTML {
	return template.HTML(fmt.Sprintf(`<svg class="plot" viewBox="0 0 %g %g" role="group" aria-label="%s">%s</svg>`,
		width, height, svg.Escape(name), d.String()))
}

// frame is the geometry of a panel: the plot area within the image.
type frame struct {
	width, height            float64
	left, right, top, bottom float64
}

// panelFrame leaves room for the labels of the axes.
var panelFrame = frame{width: 440, height: 290, left: 66, right: 432, top: 12, bottom: 244}

// narrowFrame is for three panels in a row, or more, whose letters would be too small
// otherwise.
var narrowFrame = frame{width: 320, height: 250, left: 58, right: 312, top: 12, bottom: 204}

func (f frame) x(share float64) float64 { return f.left + share*(f.right-f.left) }
func (f frame) y(share float64) float64 { return f.bottom - share*(f.bottom-f.top) }

// axes are those of a panel.
type axes struct {
	x, y           figure.Scale
	xTitle, yTitle string
	// upright says that there are lines at the ticks of the abscissa too.
	upright bool
}

// axes draws the frame, the grid lines and the labels of both axes.
func (d *drawing) axes(f frame, a axes) {
	visible := func(share float64) bool { return share >= -1e-9 && share <= 1+1e-9 }
	for _, t := range a.y.Ticks {
		at := a.y.Norm(t.Value)
		if t.Label == "" || !visible(at) {
			continue
		}
		d.Add(`<path class="grid" d="M%.1f %.1fH%.1f"/>`, f.left, f.y(at), f.right)
		d.Label("tick y", f.left-6, f.y(at)+4, t.Label)
	}

	for _, t := range a.x.Ticks {
		at := a.x.Norm(t.Value)
		if t.Label == "" || !visible(at) {
			continue
		}
		if a.upright {
			d.Add(`<path class="grid" d="M%.1f %.1fV%.1f"/>`, f.x(at), f.top, f.bottom)
		}
		for k, line := range strings.Split(t.Label, "\n") {
			d.Label("tick x", f.x(at), f.bottom+16+13*float64(k), line)
		}
	}

	d.Add(`<rect class="frame" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>`,
		f.left, f.top, f.right-f.left, f.bottom-f.top)
	if a.xTitle != "" {
		d.Label("title x", (f.left+f.right)/2, f.height-6, a.xTitle)
	}
	d.Add(`<text class="title x" transform="translate(13 %.1f) rotate(-90)">%s</text>`,
		(f.top+f.bottom)/2, svg.Escape(a.yTitle))
}

// whisker draws an interval with its caps.
func (d *drawing) whisker(x, low, high float64) {
	d.Add(`<path class="whisker" d="M%.1f %.1fV%.1fM%.1f %.1fh6M%.1f %.1fh6"/>`, x, low, high, x-3, low, x-3, high)
}
