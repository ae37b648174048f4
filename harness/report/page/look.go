package page

import (
	"cmp"
	"fmt"
	"html/template"
	"math"
	"strings"

	"edgebed/harness/record"
	"edgebed/harness/report/figure"
)

// look is how a series is drawn: its colour, marker, dash and hatch, and whether
// it is the second of a pair.
type look struct{ figure.Look }

// look returns how series i is drawn.
func (v view) look(i int) look { return look{v.Look(i)} }

// plainLook is that of a series that is none of a pair.
func plainLook(i int) look { return look{figure.Look{Style: i}} }

func (l look) class() string {
	class := fmt.Sprintf("s%d", l.Style%palette)
	if l.Hollow {
		class += " hollow"
	}
	return class
}

// palette is the number of colours in the page's style sheet.
const palette = 8

func (l look) dashes() string {
	scale := 1.2
	if l.Hollow {
		scale = 1
	}
	var parts []string
	for _, d := range l.Dashes() {
		parts = append(parts, fmt.Sprintf("%g", d*scale))
	}
	return cmp.Or(strings.Join(parts, " "), "none")
}

// fill is the paint of a bar.
func (l look) fill() string {
	if l.Hollow {
		return "var(--card)"
	}
	return fmt.Sprintf("url(#hatch%d)", l.Style%palette)
}

// symbol adds the marker of a series around a point.
func (d *drawing) symbol(l look, x, y, radius float64) {
	m := figure.SeriesMarker(l.Style)
	radius *= m.Scale
	if m.Corners == 0 {
		d.Add(`<circle class="sym" cx="%.1f" cy="%.1f" r="%.1f"/>`, x, y, radius)
		return
	}

	d.Add(`<path class="sym" d="`)
	for i := range m.Corners {
		sin, cos := math.Sincos(m.Turn + 2*math.Pi*float64(i)/float64(m.Corners))
		pen := "L"
		if i == 0 {
			pen = "M"
		}
		d.Add("%s%.1f %.1f", pen, x+radius*cos, y-radius*sin)
	}
	d.Add(`Z"/>`)
}

// hatches returns the patterns of the bars, once per page.
func hatches() template.HTML {
	var d drawing
	for i := range palette {
		h := figure.SeriesHatch(i)
		size, turn := 8.0, 0.0
		if len(h.Angles) > 0 {
			size, turn = h.Gap*1.3, -h.Angles[0]*180/math.Pi
		}
		d.Add(`<pattern id="hatch%d" class="s%d" width="%.1f" height="%.1f" patternUnits="userSpaceOnUse" `+
			`patternTransform="rotate(%.0f)">`,
			i, i, size, size, turn)
		d.Add(`<rect class="tint" width="%.1f" height="%.1f"/>`, size, size)
		if len(h.Angles) > 0 {
			d.Add(`<path class="stripe" d="M0 0H%.1f"/>`, size)
		}
		if len(h.Angles) > 1 {
			d.Add(`<path class="stripe" d="M0 0V%.1f"/>`, size)
		}
		d.Add(`</pattern>`)
	}
	return template.HTML(`<svg class="defs" width="0" height="0" aria-hidden="true"><defs>` +
		d.String() + `</defs></svg>`)
}

// legend returns the legend of a chart of a kind.
func (v view) legend(kind string) []entry {
	var entries []entry
	for i, name := range v.Series {
		l := v.look(i)
		var d drawing
		d.Add(`<svg class="sample %s" viewBox="0 0 30 14" width="30" height="14" aria-hidden="true">`, l.class())
		switch kind {
		case record.KindBars:
			d.Add(`<rect class="bar" x="1" y="2" width="28" height="10" fill="%s"/>`, l.fill())
		case kindBoxes, record.KindBox:
			d.Add(`<path class="whisker" d="M2 7H28"/><rect class="box" x="7" y="2" width="16" height="10"/>` +
				`<path class="median" d="M15 2V12"/>`)
		case record.KindTimeline:
			d.symbol(l, 15, 7, 4)
		default:
			d.Add(`<path class="line" d="M1 7H29" stroke-dasharray="%s"/>`, l.dashes())
			d.symbol(l, 15, 7, 4)
		}
		d.Add(`</svg>`)
		entries = append(entries, entry{i, name, template.HTML(d.String())})
	}
	return entries
}
