package page

import (
	"fmt"
	"html/template"
	"math"
	"slices"

	"edgebed/harness/matrix"
	"edgebed/harness/record"
	"edgebed/harness/report/table"
)

// timeParts are the parts of a delay, in the order in which bars show them.
var timeParts = []struct{ name, about string }{
	{"Serialisation",
		"the payload of the critical path, with its frames’ headers, at the rate of the slowest link on its way, " +
			"less the burst that an idle link passes at once"},
	{"Propagation", "the links’ delay of every message of the critical path"},
	{"Computing", "the functions’ service times"},
	{"Connection set-up",
		"the links’ delay of opening connections: TCP’s handshake and gRPC’s wait for the server’s settings"},
	{"The rest",
		"what no calculation accounts for: TCP’s slow start, acknowledgements, waiting behind other transfers, " +
			"remote procedure calls and scheduling"},
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
	for _, e := range matrix.Counted(cells) {
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

// row is the timing as a row of a table.
func (t timing) row() []string {
	row := []string{fmt.Sprint(t.n), table.FormatValue(t.delay)}
	for _, part := range t.parts {
		row = append(row, table.FormatLike(part, t.delay))
	}
	return append(row, table.FormatLike(t.bound(), t.delay), table.FormatValue(t.delay/t.bound()))
}

// timings is the section that says where the time of executions goes: the parts of
// each execution's lower bound, and what is left of its delay. It is nil where no
// execution has a lower bound.
func timings(r *record.Results, roles matrix.Roles) *section {
	axes := slices.Concat(roles.Rows, roles.X, roles.Columns)
	t := table.Table{Caption: "Mean times in seconds", Keys: len(axes)}
	t.Header = append(table.Headings(axes), "n", "Mean delay")
	for _, p := range timeParts {
		t.Header = append(t.Header, p.name)
	}
	t.Header = append(t.Header, "Lower bound", "Delay / bound")

	sec := timingLegend(roles, r.Cells)
	for _, panel := range roles.Panels(r.Cells) {
		image, rows := timeBars(panel, roles, panel.Of(r.Cells))
		if len(rows) > 0 {
			sec.Panels = append(sec.Panels, panelView{panel.Names(", "), image})
			t.Rows = append(t.Rows, rows...)
		}
	}
	if len(t.Rows) == 0 {
		return nil
	}
	sec.Tables = []table.Table{t}
	return sec
}

// timingLegend is the section without its panels.
func timingLegend(roles matrix.Roles, cells []record.CellResult) *section {
	sec := &section{Columns: panelColumns(roles, cells), Markers: keyOf(roles, cells, record.KindLines)}
	for i := range sec.Markers {
		sec.Markers[i].Index = fixed // a row of bars is no series
	}
	for k, p := range timeParts {
		sample := template.HTML(fmt.Sprintf(`<svg class="sample" viewBox="0 0 30 14" width="30" `+
			`height="14" aria-hidden="true">`+
			`<rect class="part p%d" x="1" y="2" width="28" height="10"/></svg>`, k))
		sec.Legend = append(sec.Legend, entry{fixed, p.name, sample})
		sec.Notes = append(sec.Notes, table.Fact{Key: p.name, Value: p.about})
	}
	return sec
}

// timeBars draws the bars of a panel, and returns them as rows of the table.
func timeBars(panel matrix.Point, roles matrix.Roles, cells []record.CellResult) (template.HTML, [][]string) {
	var d drawing
	var rows [][]string
	height := 4.0
	for _, g := range matrix.Points(roles.X, cells) {
		if len(g) > 0 {
			height += 14
			d.Label("group", 0, height, g[0].Name())
			height += 5
		}
		for i, s := range matrix.Points(roles.Columns, cells) {
			v := timingOf(s.Of(g.Of(cells)))
			if v.n == 0 {
				continue
			}
			about := table.Joined(s.With(g...).Texts()...)
			d.timeBar(v, bar{look: plainLook(i), about: about, y: height, row: len(rows)})
			height += 17
			rows = append(rows, append(panel.With(g...).With(s...).Texts(), v.row()...))
		}
		height += 4
	}
	return d.image(panel.Names(", "), panelFrame.width, height+4), rows
}

// bar is where and how a bar of times is drawn.
type bar struct {
	look  look
	about string
	y     float64
	row   int
}

// timeBar draws the parts of a delay as shares of it.
func (d *drawing) timeBar(v timing, b bar) {
	const left, right = 18.0, 352.0
	d.Add(`<g class="%s">`, b.look.class())
	d.symbol(b.look, 8, b.y+7, 4)
	d.Add(`</g>`)

	x := left
	for k, part := range v.parts {
		if v.delay <= 0 {
			break // there is nothing to share
		}
		width := math.Max(part, 0) / v.delay * (right - left)
		if width < 0.05 {
			continue
		}
		text := fmt.Sprintf("%s: %s %s s, %.1f %% of %s s", b.about, timeParts[k].name, table.FormatLike(part, v.delay),
			100*part/v.delay, table.FormatValue(v.delay))
		d.mark("bit", text, b.row, k, func() {
			d.Add(`<rect class="part p%d" x="%.2f" y="%.1f" width="%.2f" height="14"/>`, k, x, b.y,
				math.Max(width-0.6, 0.3))
		})
		x += width
	}
	d.Label("value", right+6, b.y+11,
		fmt.Sprintf("%s s, %s×", table.FormatValue(v.delay), table.FormatValue(v.delay/v.bound())))
}
