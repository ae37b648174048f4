package traceview

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"edgebed/harness/svg"
	"edgebed/nodes/trace"
)

// Geometry of the timeline, in pixels.
const (
	plotWidth = 1280.0
	barHeight = 14.0
	barPitch  = 17.0
)

// bar is something that takes time in a node's lane.
type bar struct {
	start, end time.Duration
	class      string
	text, tip  string
}

// WriteTimeline draws the trace to scale: a lane per node with a bar for each
// function that it ran, each connection that it opened and each message that it
// sent, from when it began to be sent until its receiver had all of it.
func WriteTimeline(w io.Writer, t *trace.Trace) error {
	transfers := t.Transfers()
	last := t.Delay
	lanes := make(map[trace.Party][2][]bar) // what it does, and what it sends
	add := func(at trace.Party, lane int, b bar) {
		last = max(last, b.end)
		pair := lanes[at]
		pair[lane] = append(pair[lane], b)
		lanes[at] = pair
	}
	for i := range t.Spans {
		switch s := &t.Spans[i]; s.Kind {
		case trace.Function:
			if k := yielded(s, transfers); k >= 0 {
				add(s.At, 0, bar{transfers[k].Received, s.Start, "wait", s.Name + " waits",
					fmt.Sprintf("%s waits for its other messages", s.Name)})
			}
			add(s.At, 0, bar{s.Start, s.End, "function", "λ " + s.Name, describeRun(s)})
		case trace.Connect:
			add(s.At, 1, bar{s.Start, s.End, "connect", "connect",
				fmt.Sprintf("%s connects to %s\n%s ms", s.At, s.Remote, ms(s.End-s.Start))})
		}
	}
	for _, tr := range transfers {
		add(tr.From, 1, bar{tr.Sent, tr.Received, "fill-" + class(tr), What(tr) + " → " + tr.To.String(), describe(tr)})
	}

	var d drawing
	scale := plotWidth / max(1, float64(last))
	at := func(v time.Duration) float64 { return float64(v) * scale }
	var rows drawing
	y := 0.0
	nodes := nodesOf(t)
	for i, p := range nodes {
		if i > 0 && p.Host != nodes[i-1].Host {
			y += 8
		}
		top := y
		for _, list := range lanes[p] {
			y += float64(rows.bars(pack(list, scale), at, y)) * barPitch
		}
		if y == top {
			y += barPitch // a node that only answers would have a bar: none is empty
		}
		d.label(lettering{"", "end", 11}, -8, top+11, p.String())
		d.Add(`<path class="grid" d="M0 %.1fH%.1f"/>`+"\n", y+1, plotWidth)
		y += 3
	}
	for v := time.Duration(0); v <= last; v += step(last) {
		d.Add(`<path class="grid" d="M%.1f -4V%.1f"/>`+"\n", at(v), y)
		text := fmt.Sprintf("%g ms", float64(v)/float64(time.Millisecond))
		d.label(lettering{"muted", "middle", 10}, at(v), -8, text)
		d.label(lettering{"muted", "middle", 10}, at(v), y+12, text)
	}
	d.Append(&rows.Drawing)
	d.Add(`<path class="end" d="M%.1f -4V%.1f"/>`+"\n", at(t.Delay), y)
	d.label(lettering{"halo", "end", 11}, at(t.Delay), y+26, outcome(t))
	d.Reach(0, -20)
	d.Reach(plotWidth, y+26)
	d.caption(t, len(transfers), "To scale. A message's bar is in the lane of its sender, "+
		"from when it began to be sent until its receiver had all of it.",
		append(boxLegend(), boxItem("function", "a function runs"),
			boxItem("wait", "waits for its other messages (yields)"), boxItem("connect", "opens a connection")))
	return d.write(w, "Timeline of "+t.Name)
}

// pack spreads bars over rows in which they do not overlap, or by less than a
// pixel.
func pack(list []bar, scale float64) [][]bar {
	slices.SortStableFunc(list, func(a, b bar) int { return cmp.Compare(a.start, b.start) })
	var rows [][]bar
	var ends []float64
next:
	for _, b := range list {
		from, to := float64(b.start)*scale+1, float64(b.end)*scale
		for k := range rows {
			if ends[k] <= from {
				rows[k], ends[k] = append(rows[k], b), to
				continue next
			}
		}
		rows, ends = append(rows, []bar{b}), append(ends, to)
	}
	return rows
}

// bars draws rows of bars from y on and returns their number.
func (d *drawing) bars(rows [][]bar, at func(time.Duration) float64, y float64) int {
	for k, row := range rows {
		for _, b := range row {
			x, width := at(b.start), max(1.5, at(b.end)-at(b.start))
			d.tip(b.tip)
			d.Add(`<rect class="%s" x="%.1f" y="%.1f" width="%.1f" height="%g" stroke-width="0.7"/>`, b.class, x,
				y+float64(k)*barPitch, width, barHeight)
			if width > 22 {
				d.label(lettering{"", "start", 9.5}, x+3, y+float64(k)*barPitch+10.5, fit(b.text, width-6, 9.5))
			}
			d.Add("</g>\n")
		}
	}
	return len(rows)
}

// fit shortens a text to a width.
func fit(text string, width, size float64) string {
	if svg.TextWidth(text)*size <= width {
		return text
	}
	r := []rune(text)
	for len(r) > 0 && svg.TextWidth(string(r)+"…")*size > width {
		r = r[:len(r)-1]
	}
	if len(r) < 2 {
		return ""
	}
	return string(r) + "…"
}

// step returns the distance of the axis's ticks: 1, 2 or 5 times a power of ten,
// with about ten ticks.
func step(last time.Duration) time.Duration {
	ideal := max(float64(last)/12, 1)
	power := math.Pow(10, math.Floor(math.Log10(ideal)))
	for _, m := range []float64{1, 2, 5} {
		if m*power >= ideal {
			return time.Duration(m * power)
		}
	}
	return time.Duration(10 * power)
}
