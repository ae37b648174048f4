package traceview

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"edgebed/nodes/trace"
)

// Geometry of the sequence diagram, in pixels.
const (
	lifeGap  = 92.0 // between lifelines of a host
	hostGap  = 34.0 // more between hosts
	headings = 44.0 // height of the lifelines' headings
	rowGap   = 9.0  // between two events
	textGap  = 16.0 // before an event with a label
	barWidth = 12.0 // of a running function
	page     = 1100 // pixels after which the headings stand again
)

// moment is something that happens on a lifeline, a row of the diagram.
type moment struct {
	at       time.Duration
	order    int // among those of the same time
	labelled bool
	y        float64
}

// WriteSequence draws the trace as a sequence diagram: a lifeline per node, an
// arrow per message with what it carries and its size, a box per function. Rows
// are in the order of time; the space between them grows with the logarithm of
// the time, so that milliseconds and seconds have room in one drawing.
func WriteSequence(w io.Writer, t *trace.Trace) error {
	transfers := t.Transfers()
	functions := runs(t)
	var moments []*moment
	add := func(at time.Duration, labelled bool) *moment {
		m := &moment{at: at, order: len(moments), labelled: labelled}
		moments = append(moments, m)
		return m
	}
	type arrow struct {
		trace.Transfer
		sent, received *moment
	}
	type box struct {
		run        *trace.Span
		start, end *moment
		level      int
	}
	var arrows []*arrow
	for _, tr := range transfers {
		arrows = append(arrows, &arrow{tr, add(tr.Sent, true), add(tr.Received, false)})
	}
	var boxes []*box
	levels := make(map[trace.Place][]time.Duration) // end of the last run at each level
	for _, s := range functions {
		level := slices.IndexFunc(levels[s.At], func(end time.Duration) bool { return end <= s.Start })
		if level < 0 {
			level = len(levels[s.At])
			levels[s.At] = append(levels[s.At], 0)
		}
		levels[s.At][level] = s.End
		boxes = append(boxes, &box{s, add(s.Start, true), add(s.End, false), level})
	}
	end := add(t.Delay, true)
	slices.SortStableFunc(moments, func(a, b *moment) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.order, b.order)) })
	y, last := headings, time.Duration(0)
	tops := []float64{0} // of the headings
	for _, m := range moments {
		if y-tops[len(tops)-1] > page {
			y += rowGap
			tops = append(tops, y)
			y += headings
		}
		gap := rowGap
		if m.labelled {
			gap = textGap
		}
		y += gap + min(26, 5*math.Log2(1+float64(m.at-last)/float64(time.Millisecond)))
		m.y, last = y, m.at
	}

	// A lifeline per node, those of a host side by side.
	x := make(map[trace.Place]float64)
	var lines, back drawing
	at := 0.0
	nodes := places(t)
	for i, p := range nodes {
		if i > 0 {
			at += lifeGap
			if p.Host != nodes[i-1].Host {
				at += hostGap
			}
		}
		x[p] = at
	}
	bottom := y + textGap
	tops = append(tops, bottom)
	for _, p := range nodes {
		back.add(`<path class="life" d="M%.1f %.1fV%.1f"/>`+"\n", x[p], headings, bottom)
	}
	heading := func(top float64) {
		for i := 0; i < len(nodes); {
			k := i
			for k < len(nodes) && nodes[k].Host == nodes[i].Host {
				k++
			}
			from, to := x[nodes[i]]-lifeGap/2+3, x[nodes[k-1]]+lifeGap/2-3
			back.add(`<rect class="band" x="%.1f" y="%.1f" width="%.1f" height="38" rx="5"/>`+"\n", from, top, to-from)
			back.reach(from, top)
			back.reach(to, top+38)
			back.label("strong", "middle", 12, (from+to)/2, top+15, nodes[i].Host)
			for _, p := range nodes[i:k] {
				back.label("", "middle", 11, x[p], top+31, string(p.Role))
			}
			i = k
		}
	}
	for _, top := range tops {
		heading(top)
	}

	for _, a := range arrows {
		from, to := x[a.From], x[a.To]
		kind := class(a.Transfer)
		dashes := ""
		if a.Response {
			dashes = " answer"
		}
		back.tip(describe(a.Transfer))
		if from == to { // a node outside the deployment
			to += lifeGap / 3
		}
		back.add(`<path class="line %s%s" marker-end="url(#head-%s)" d="M%.1f %.1fL%.1f %.1f"/></g>`+"\n", kind, dashes, kind, from, a.sent.y, to, a.received.y)
	}
	for _, b := range boxes {
		left := x[b.run.At] - barWidth/2 + float64(b.level)*(barWidth-3)
		if first, ok := yielded(transfers, b.run); ok {
			k := slices.IndexFunc(arrows, func(a *arrow) bool { return a.Call == first.Call && !a.Response })
			since := arrows[k].received
			lines.tip(fmt.Sprintf("%s waits for its other messages since %s ms", b.run.Name, ms(since.at)))
			lines.add(`<rect class="wait" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/></g>`+"\n", left+2, since.y, barWidth-4, b.start.y-since.y)
		}
		lines.tip(describeRun(b.run))
		lines.add(`<rect class="function" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/></g>`+"\n", left, b.start.y, barWidth, max(2, b.end.y-b.start.y))
		lines.label("halo", "start", 11, left+barWidth+4, b.start.y+4, fmt.Sprintf("λ %s, %s ms", b.run.Name, brief(b.run.End-b.run.Start)))
	}
	for _, a := range arrows {
		anchor, side := "start", 8.0
		if x[a.To] < x[a.From] {
			anchor, side = "end", -8
		}
		text := What(a.Transfer)
		if s := size(a.Message.Size); !strings.HasSuffix(text, " "+s) {
			text += " · " + s
		}
		if a.Connecting > 0 {
			text += " · new connection"
		}
		lines.label("halo", anchor, 11, x[a.From]+side, a.sent.y-3, text)
	}

	left, right := min(back.left, lines.left), max(back.right, lines.right)
	printed := 0.0
	for _, m := range moments {
		if m.y-printed >= 10 && m != end {
			lines.label("muted", "end", 9, left-6, m.y+3, brief(m.at))
			printed = m.y
		}
	}
	lines.add(`<path class="end" d="M%.1f %.1fH%.1f"/>`+"\n", left, end.y, right)
	lines.label("halo", "end", 11, right, end.y-3, fmt.Sprintf("the client has its result: %s ms", brief(t.Delay)))

	var d drawing
	d.text.WriteString(back.text.String())
	d.text.WriteString(lines.text.String())
	d.reach(min(left, lines.left), min(back.top, lines.top))
	d.reach(right, max(back.bottom, lines.bottom))
	d.caption(t, len(transfers), "Rows in the order of time, in ms from the start; the space between them grows with its logarithm. Sizes after · are whole gRPC messages.",
		append(arrowLegend(), legendItem{"answers a call", func(x, y float64) string {
			return fmt.Sprintf(`<path class="line control answer" d="M%.1f %.1fh26"/>`, x, y-4)
		}}, boxItem("function", "a function runs"), boxItem("wait", "waits for its other messages (yields)")))
	return d.write(w, "Sequence diagram of "+t.Name)
}

// brief writes a duration in ms as exactly as a drawing needs it.
func brief(d time.Duration) string {
	v := float64(d) / float64(time.Millisecond)
	switch {
	case v >= 1000:
		return fmt.Sprintf("%.0f", v)
	case v >= 100:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}
