package page

import (
	"fmt"
	"html/template"

	"edgebed/harness/report/figure"
	"edgebed/harness/report/table"
)

// fields draws a panel of a heat map.
func (c *canvas) fields(panel *figure.Panel) {
	scale := c.ColorScale()
	width, height := c.across(1)-c.across(0), c.up(0)-c.up(1)
	labels := ""
	if height > 13 {
		labels = valueClass(panel, width)
	}

	for i, points := range panel.Points {
		for k, e := range points {
			if e.N == 0 {
				continue
			}
			field, dark := scale.Color(e.Value)
			letters := "#fff"
			if dark {
				letters = "#222"
			}
			x, y := c.across(c.Xs[k]), c.up(float64(i))
			c.mark("field", c.describe(i, k, e), i, k, func() {
				c.Add(`<rect class="bar" x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="#%02x%02x%02x"/>`,
					x-width/2, y-height/2, width, height, field.R, field.G, field.B)
				if labels != "" {
					c.Add(`<text class="%s" x="%.1f" y="%.1f" style="fill:%s">%s</text>`,
						labels, x, y+4, letters, table.FormatValue(e.Value))
				}
			})
		}
	}
}

// mostColors is how many colours the legend of a heat map has.
const mostColors = 5

// colors is the legend of a heat map: samples between the least and the most.
func (v view) colors() []entry {
	scale := v.ColorScale()
	var entries []entry
	for k := range mostColors {
		// Even steps of the colours.
		share := float64(k) / (mostColors - 1)
		value := scale.At(share)
		field, _ := scale.Color(value)
		var d drawing
		d.Add(`<svg class="sample" viewBox="0 0 30 14" width="30" height="14" aria-hidden="true">`+
			`<rect x="1" y="1" width="28" height="12" fill="#%02x%02x%02x"/></svg>`, field.R, field.G, field.B)
		name := table.FormatValue(value)
		if k == 0 {
			name = fmt.Sprintf("%s: %s", v.ZTitle, name)
		}
		entries = append(entries, entry{fixed, name, template.HTML(d.String())})
		if scale.Min == scale.Max {
			break
		}
	}
	return entries
}
