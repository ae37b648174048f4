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
	page     = 1000 // after which the headings stand again
)

// sequence is a sequence diagram in the making.
type sequence struct {
	*trace.Trace
	moments []*moment
	// transfers are the messages, arrows the same as they are drawn.
	transfers []trace.Transfer
	arrows    []arrow
	boxes     []*box
	result    *moment // the execution's end

	nodes  []trace.Party
	x      map[trace.Party]float64
	tops   []float64 // of the headings
	bottom float64

	// Headings and texts stand on everything else.
	lines, texts drawing
}

// moment is something that happens on a lifeline, a row of the diagram.
type moment struct {
	at time.Duration
	// opens is 1 where a message or function begins, which has a label, and -1
	// where one ends.
	opens int
	y     float64
}

// arrow is a message, box a run of a function; level counts the runs beside it
// that began earlier.
type (
	arrow struct {
		trace.Transfer
		sent, received *moment
	}
	box struct {
		run        *trace.Span
		start, end *moment
		level      int
	}
)

// WriteSequence draws the trace as a sequence diagram: a lifeline per node, an
// arrow per message with what it carries and its size, a box per function. Rows
// are in the order of time; the space between them grows with the logarithm of
// the time, so that milliseconds and seconds have room in one drawing.
func WriteSequence(w io.Writer, t *trace.Trace) error {
	s := &sequence{Trace: t, nodes: nodesOf(t), x: make(map[trace.Party]float64)}
	s.collect()
	s.rows()
	s.lifelines()
	s.drawArrows()
	s.drawBoxes()
	left, right := min(s.lines.Left, s.texts.Left), max(s.lines.Right, s.texts.Right)
	s.drawTimes(left, right)

	var d drawing
	d.Append(&s.lines.Drawing)
	d.Append(&s.texts.Drawing)
	d.Reach(min(left, s.texts.Left), 0)
	d.Reach(right, s.texts.Bottom)
	d.caption(t, len(s.arrows), "Rows in the order of time, in ms from the start; "+
		"the space between them grows with its logarithm. Sizes after · are whole gRPC messages.",
		append(arrowLegend(), legendItem{"answers a call", func(x, y float64) string {
			return fmt.Sprintf(`<path class="line control answer" d="M%.1f %.1fh26"/>`, x, y-4)
		}}, boxItem("function", "a function runs"), boxItem("wait", "waits for its other messages (yields)")))
	return d.write(w, "Sequence diagram of "+t.Name)
}

// collect finds what is to be drawn.
func (s *sequence) collect() {
	add := func(at time.Duration, opens int) *moment {
		m := &moment{at: at, opens: opens}
		s.moments = append(s.moments, m)
		return m
	}
	s.transfers = s.Transfers()
	for _, tr := range s.transfers {
		s.arrows = append(s.arrows, arrow{tr, add(tr.Sent, 1), add(tr.Received, -1)})
	}
	ends := make(map[trace.Party][]time.Duration) // of the last run at each level
	for _, run := range runs(s.Trace) {
		level := slices.IndexFunc(ends[run.At], func(end time.Duration) bool { return end <= run.Start })
		if level < 0 {
			level = len(ends[run.At])
			ends[run.At] = append(ends[run.At], 0)
		}
		ends[run.At][level] = run.End
		s.boxes = append(s.boxes, &box{run, add(run.Start, 1), add(run.End, -1), level})
	}
	s.result = add(s.Delay, 0)
	slices.SortStableFunc(s.moments, func(a, b *moment) int { return cmp.Compare(a.at, b.at) })
}

// rows gives each moment its height, with headings in between: where nothing is
// under way, if that comes soon, and not just before the end.
func (s *sequence) rows() {
	y, last, open := headings, time.Duration(0), 0
	s.tops = []float64{0}
	for i, m := range s.moments {
		filled := y - s.tops[len(s.tops)-1]
		if (filled > page && open == 0 || filled > 1.4*page) && len(s.moments)-i > 20 {
			y += rowGap
			s.tops = append(s.tops, y)
			y += headings
		}
		gap := rowGap
		if m.opens >= 0 {
			gap = textGap
		}
		open += m.opens
		y += gap + min(26, 5*math.Log2(1+float64(m.at-last)/float64(time.Millisecond)))
		m.y, last = y, m.at
	}
	s.bottom = y + textGap
	s.tops = append(s.tops, s.bottom)
}

// lifelines draws a lifeline per node, those of a host side by side, and their
// headings.
func (s *sequence) lifelines() {
	x := 0.0
	for i, p := range s.nodes {
		if i > 0 {
			x += lifeGap
			if p.Host != s.nodes[i-1].Host {
				x += hostGap
			}
		}
		s.x[p] = x
		s.lines.Add(`<path class="life" d="M%.1f %.1fV%.1f"/>`+"\n", x, headings, s.bottom)
	}
	for _, top := range s.tops {
		for rest := s.nodes; len(rest) > 0; {
			n := slices.IndexFunc(rest, func(p trace.Party) bool { return p.Host != rest[0].Host })
			if n < 0 {
				n = len(rest)
			}
			s.heading(top, rest[:n])
			rest = rest[n:]
		}
	}
}

// heading draws a host with its nodes.
func (s *sequence) heading(top float64, nodes []trace.Party) {
	d := &s.texts
	from, to := s.x[nodes[0]]-lifeGap/2+3, s.x[nodes[len(nodes)-1]]+lifeGap/2-3
	d.Add(`<rect class="band" x="%.1f" y="%.1f" width="%.1f" height="38" rx="5"/>`+"\n", from, top, to-from)
	d.Reach(from, top)
	d.Reach(to, top+38)
	d.label(lettering{"strong", "middle", 12}, (from+to)/2, top+15, nodes[0].Host)
	for _, p := range nodes {
		d.label(lettering{"", "middle", 11}, s.x[p], top+31, string(p.Role))
	}
}

func (s *sequence) drawArrows() {
	for _, a := range s.arrows {
		from, to := s.x[a.From], s.x[a.To]
		if from == to { // the other side is not known
			to += lifeGap / 3
		}
		kind, dashes := class(a.Transfer), ""
		if a.Response {
			dashes = " answer"
		}
		s.lines.tip(describe(a.Transfer))
		s.lines.Add(`<path class="line %s%s" marker-end="url(#head-%s)" d="M%.1f %.1fL%.1f %.1f"/></g>`+"\n", kind,
			dashes, kind, from, a.sent.y, to, a.received.y)

		anchor, side := "start", 8.0
		if to < from {
			anchor, side = "end", -8
		}
		text := What(a.Transfer)
		if size := size(a.Message.Size); !strings.HasSuffix(text, " "+size) {
			text += " · " + size
		}
		if a.Connecting > 0 {
			text += " · new connection"
		}
		s.texts.label(lettering{"halo", anchor, 11}, from+side, a.sent.y-3, text)
	}
}

func (s *sequence) drawBoxes() {
	d := &s.lines
	left := func(b *box) float64 { return s.x[b.run.At] - barWidth/2 + float64(b.level)*(barWidth-3) }
	for _, b := range s.boxes {
		k := yielded(b.run, s.transfers)
		if k < 0 {
			continue
		}
		since := s.arrows[k].received
		d.tip(fmt.Sprintf("%s waits for its other messages since %s ms", b.run.Name, ms(since.at)))
		d.Add(`<rect class="wait" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/></g>`+"\n", left(b)+2, since.y,
			barWidth-4, b.start.y-since.y)
	}
	for _, b := range s.boxes {
		d.tip(describeRun(b.run))
		d.Add(`<rect class="function" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/></g>`+"\n", left(b), b.start.y,
			barWidth, max(2, b.end.y-b.start.y))
		s.texts.label(lettering{"halo", "start", 11}, left(b)+barWidth+4, b.start.y+4,
			fmt.Sprintf("λ %s, %s ms", b.run.Name, brief(b.run.End-b.run.Start)))
	}
}

// drawTimes writes the times of the rows at the left, where they have room, and
// draws the end of the execution.
func (s *sequence) drawTimes(left, right float64) {
	printed := 0.0
	for _, m := range s.moments {
		if m != s.result && m.y-printed >= 10 {
			s.texts.label(lettering{"muted", "end", 9}, left-6, m.y+3, brief(m.at))
			printed = m.y
		}
	}
	s.texts.Add(`<path class="end" d="M%.1f %.1fH%.1f"/>`+"\n", left, s.result.y, right)
	s.texts.label(lettering{"halo", "end", 11}, right, s.result.y-3, outcome(s.Trace))
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
