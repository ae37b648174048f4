package report

import (
	"fmt"
	"html/template"
	"math"
	"slices"

	"edgebed/harness/record"
)

// This file says where the time of executions goes: the parts of each
// execution's lower bound, and what is left of its delay.

// timeParts are the parts of a delay, in the order in which bars show them.
var timeParts = []struct{ name, about string }{
	{"Serialisation", "the payload of the critical path, with its frames’ headers, at the rate of the slowest link on its way, less the burst that an idle link passes at once"},
	{"Propagation", "the links’ delay of every message of the critical path"},
	{"Computing", "the functions’ service times"},
	{"Connection set-up", "the links’ delay of opening connections: TCP’s handshake and gRPC’s wait for the server’s settings"},
	{"The rest", "what no calculation accounts for: TCP’s slow start, acknowledgements, waiting behind other transfers, remote procedure calls and scheduling"},
}

// timing is the mean delay over executions and its parts, in seconds.
type timing struct {
	n     int
	delay float64
	parts [5]float64
}

// bound is the mean least delay.
func (t timing) bound() float64 { return t.delay - t.parts[4] }

// timingOf averages over the executions with a lower bound.
func timingOf(cells []record.CellResult) timing {
	var t timing
	for _, e := range counted(cells) {
		if e.Bound == nil {
			continue
		}
		t.n++
		b := e.Bound
		known := [4]int64{b.SerialisationNS, b.PropagationNS, b.ComputingNS, b.SetUpNS}
		rest := e.DelayNS
		for k, v := range known {
			t.parts[k] += float64(v) / 1e9
			rest -= v
		}
		t.parts[4] += float64(rest) / 1e9
		t.delay += float64(e.DelayNS) / 1e9
	}
	if t.n > 0 {
		t.delay /= float64(t.n)
		for k := range t.parts {
			t.parts[k] /= float64(t.n)
		}
	}
	return t
}

// timings is the section on where the time goes; nil where no execution has a
// lower bound.
func timings(r *record.Results, parts roles) *section {
	sec := &section{}
	for k, p := range timeParts {
		sec.Legend = append(sec.Legend, entry{fixed, p.name, template.HTML(fmt.Sprintf(
			`<svg class="sample" viewBox="0 0 30 14" width="30" height="14" aria-hidden="true"><rect class="part p%d" x="1" y="2" width="28" height="10"/></svg>`, k))})
		sec.Notes = append(sec.Notes, fact{p.name, p.about})
	}
	t := table{keys: len(parts.rows) + len(parts.x) + len(parts.columns)}
	for _, a := range slices.Concat(parts.rows, parts.x, parts.columns) {
		t.header = append(t.header, axisHeading(a))
	}
	t.header = append(t.header, "n", "Mean delay")
	for _, p := range timeParts {
		t.header = append(t.header, p.name)
	}
	t.header = append(t.header, "Lower bound", "Delay / bound")
	for _, place := range places(parts, r.Cells) {
		cells := at(r.Cells, place...)
		var d drawing
		height := 4.0
		row := 0
		for _, g := range combinations(parts.x, cells) {
			if len(g) > 0 {
				height += 14
				d.label("group", 0, height, g[0].name())
				height += 5
			}
			for i, s := range combinations(parts.columns, cells) {
				v := timingOf(at(at(cells, g...), s...))
				if v.n == 0 {
					continue
				}
				d.timeBar(v, look{style: i}, joined(texts(slices.Concat(s, g))), height, row)
				height += 17
				row++
				line := append(texts(slices.Concat(place, g, s)), fmt.Sprint(v.n), formatValue(v.delay))
				for _, part := range v.parts {
					line = append(line, formatLike(part, v.delay))
				}
				t.rows = append(t.rows, append(line, formatLike(v.bound(), v.delay), formatValue(v.delay/v.bound())))
			}
			height += 4
		}
		if row > 0 {
			sec.Panels = append(sec.Panels, panelView{names(place, ", "), d.image(names(place, ", "), panelFrame.width, height+4)})
		}
	}
	if len(t.rows) == 0 {
		return nil
	}
	sec.Columns = panelColumns(parts, r.Cells)
	sec.Markers = keyOf(parts, r.Cells, record.KindLines)
	for i := range sec.Markers {
		sec.Markers[i].Index = fixed // a row of bars is no series
	}
	sec.Tables = []tableView{t.view("Mean times in seconds")}
	return sec
}

// timeBar draws the parts of a delay as shares of it.
func (d *drawing) timeBar(v timing, l look, about string, y float64, row int) {
	const left, right = 18.0, 352.0
	d.add(`<g class="%s">`, l.class())
	d.symbol(l, 8, y+7, 4)
	d.add(`</g>`)
	x := left
	for k, part := range v.parts {
		width := math.Max(part, 0) / v.delay * (right - left)
		if width < 0.05 {
			continue
		}
		text := fmt.Sprintf("%s: %s %s s, %.1f %% of %s s", about, timeParts[k].name, formatLike(part, v.delay), 100*part/v.delay, formatValue(v.delay))
		d.mark("bit", text, row, k, func() {
			d.add(`<rect class="part p%d" x="%.2f" y="%.1f" width="%.2f" height="14"/>`, k, x, y, math.Max(width-0.6, 0.3))
		})
		x += width
	}
	d.label("value", right+6, y+11, fmt.Sprintf("%s s, %s×", formatValue(v.delay), formatValue(v.delay/v.bound())))
}
