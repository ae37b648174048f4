package report

import (
	"fmt"
	"html/template"
	"math"
	"slices"

	"gonum.org/v1/plot"

	"edgebed/harness/record"
	"edgebed/harness/stats"
)

// This file draws the distribution of delays behind each mean of the HTML
// report: a box per point, over every execution.

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
	n := len(s.sorted)
	return fmt.Sprintf("median %s s, half of them %s to %s s, all %s to %s s, 95th percentile %s s, n = %d",
		formatValue(s.median), formatLike(s.q1, s.median), formatLike(s.q3, s.median),
		formatLike(s.sorted[0], s.median), formatLike(s.sorted[n-1], s.median),
		formatLike(stats.Quantile(0.95, s.sorted), s.median), n)
}

// distributions is the section on the distribution of delays.
func distributions(r *record.Results, parts roles) *section {
	groups := combinations(parts.x, r.Cells)
	series := combinations(parts.columns, r.Cells)
	if len(counted(r.Cells)) == 0 {
		return nil
	}
	sec := &section{Legend: keyOf(parts, r.Cells, kindBoxes), Columns: panelColumns(parts, r.Cells)}
	t := table{keys: len(parts.rows) + len(parts.x) + len(parts.columns)}
	for _, a := range slices.Concat(parts.rows, parts.x, parts.columns) {
		t.header = append(t.header, axisHeading(a))
	}
	t.header = append(t.header, "n", "Minimum", "25 %", "Median", "75 %", "95 %", "Maximum")
	for _, place := range places(parts, r.Cells) {
		cells := at(r.Cells, place...)
		all := make([][]spread, len(series))
		low, high := math.Inf(1), math.Inf(-1)
		for i, s := range series {
			for _, g := range groups {
				values := values(metricDelay, counted(at(at(cells, s...), g...)))
				if len(values) == 0 {
					all[i] = append(all[i], spread{})
					continue
				}
				d := newSpread(values)
				all[i] = append(all[i], d)
				low, high = math.Min(low, d.sorted[0]), math.Max(high, d.sorted[len(values)-1])
			}
		}
		if low > high {
			continue
		}
		sec.Panels = append(sec.Panels, panelView{names(place, ", "), drawSpreads(place, parts, groups, series, all, low, high)})
		for k, g := range groups {
			for i, s := range series {
				d := all[i][k]
				if n := len(d.sorted); n > 0 {
					row := append(texts(slices.Concat(place, g, s)), fmt.Sprint(n))
					for _, v := range []float64{d.sorted[0], d.q1, d.median, d.q3, stats.Quantile(0.95, d.sorted), d.sorted[n-1]} {
						row = append(row, formatValue(v))
					}
					t.rows = append(t.rows, row)
				}
			}
		}
	}
	sec.Tables = []tableView{t.view("Delays in seconds")}
	return sec
}

// drawSpreads draws one panel of boxes. The ordinate is logarithmic where the
// delays span more than a factor of five.
func drawSpreads(place []level, parts roles, groups, series [][]level, all [][]spread, low, high float64) template.HTML {
	p := plot.New()
	var ys []plot.Tick
	if low > 0 && high/low > 5 {
		p.Y.Scale = plot.LogScale{}
		p.Y.Min, p.Y.Max = widenLog(low, high, 0.05, 2)
		ys = logTicks(p.Y.Min, p.Y.Max)
	} else {
		p.Y.Min, p.Y.Max = math.Min(0, low), high*1.06
		ys = linearTicks(p.Y.Min, p.Y.Max)
	}
	p.X.Min, p.X.Max = -0.5, float64(len(groups))-0.5
	xs := make([]plot.Tick, len(groups))
	xTitle := ""
	for k, g := range groups {
		xs[k] = plot.Tick{Value: float64(k)}
		if len(g) > 0 {
			xs[k].Label = g[0].text()
			xTitle = axisHeading(g[0].axis)
			if v, ok := number(g[0]); ok {
				xs[k].Label, xTitle = formatNumber(v), axisTitle(g[0].axis)
			}
		}
	}
	f := panelFrame
	var d drawing
	d.axes(f, p, xs, ys, false, xTitle, "Delay (s)")
	y := func(v float64) float64 { return f.y(p.Y.Norm(v)) }
	pitch := (f.right - f.left) / float64(len(groups)) * groupWidth / float64(len(series))
	for i, s := range series {
		for k, g := range groups {
			v := all[i][k]
			if len(v.sorted) == 0 {
				continue
			}
			middle := f.x(p.X.Norm(float64(k)-groupWidth/2)) + pitch*(float64(i)+0.5)
			half := math.Min(pitch*0.36, 14)
			about := joined(append(texts(s), texts(g)...))
			d.mark(look{style: i}.class(), about+": "+v.text(), i, k, func() {
				d.add(`<rect class="hit" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>`, middle-pitch/2, f.top, pitch, f.bottom-f.top)
				d.add(`<path class="whisker" d="M%.1f %.1fV%.1f"/>`, middle, y(v.whiskLow), y(v.whiskH))
				d.add(`<rect class="box" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>`, middle-half, y(v.q3), 2*half, math.Max(y(v.q1)-y(v.q3), 0.5))
				d.add(`<path class="median" d="M%.1f %.1fh%.1f"/>`, middle-half, y(v.median), 2*half)
				if dots := v.dots(); len(dots) > 0 {
					d.add(`<path class="dots" d="`)
					for _, one := range dots {
						d.add("M%.1f %.1fh0", middle, y(one))
					}
					d.add(`"/>`)
				}
			})
		}
	}
	return d.image(names(place, ", "), f.width, f.height)
}
