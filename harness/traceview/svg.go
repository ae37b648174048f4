package traceview

import (
	"fmt"
	"io"
	"math"
	"strings"

	"edgebed/harness/svg"
	"edgebed/nodes/trace"
)

// drawing is an SVG file that stands alone, on a light background.
type drawing struct{ svg.Drawing }

// lettering is how a text looks; anchor is start, middle or end.
type lettering struct {
	class, anchor string
	size          float64
}

// label adds a text at a baseline.
func (d *drawing) label(l lettering, x, y float64, text string) {
	w := svg.TextWidth(text) * l.size
	from := map[string]float64{"start": x, "middle": x - w/2, "end": x - w}[l.anchor]
	d.Reach(from, y-l.size)
	d.Reach(from+w, y+l.size*0.3)

	d.Add(`<text class="%s" x="%.1f" y="%.1f" font-size="%g" text-anchor="%s">%s</text>`+"\n",
		l.class, x, y, l.size, l.anchor, svg.Escape(text))
}

// tip begins a group of elements that shows a text when it is pointed at; the
// caller ends it with </g>.
func (d *drawing) tip(text string) { d.Add(`<g><title>%s</title>`, svg.Escape(text)) }

// style of both drawings. Message classes: what a message mainly carries.
const style = `text { font-family: "Liberation Sans", Arial, Helvetica, sans-serif; fill: #222; }
.halo { paint-order: stroke; stroke: #fff; stroke-width: 3px; stroke-linejoin: round; }
.muted { fill: #666; } .strong { font-weight: bold; }
.state { stroke: #b4540a; } .argument { stroke: #1a5fb4; } .control { stroke: #5e5c64; } ` +
	`.answer { stroke-dasharray: 5 3; }
.fill-state { fill: #f6c28b; stroke: #b4540a; } .fill-argument { fill: #a9cdf4; stroke: #1a5fb4; }
.fill-control { fill: #d5d3d9; stroke: #5e5c64; } .function { fill: #8fd19e; stroke: #26713b; }
.wait { fill: #fff3b0; stroke: #a08a00; stroke-dasharray: 2 2; } .connect { fill: #f2b8c6; stroke: #a51d45; }
.line { fill: none; stroke-width: 1.3; } .life { stroke: #aaa; stroke-dasharray: 3 3; } .grid { stroke: #e4e4e4; }
.band { fill: #f3f4f6; stroke: #c8ccd2; } .end { stroke: #a51d45; }
`

// write writes the image with a margin around what it reaches.
func (d *drawing) write(w io.Writer, name string) error {
	const margin = 12
	x, y := math.Floor(d.Left-margin), math.Floor(d.Top-margin)
	width, height := math.Ceil(d.Right+margin-x), math.Ceil(d.Bottom+margin-y)
	var defs strings.Builder
	for _, m := range []struct{ class, colour string }{
		{"state", "#b4540a"}, {"argument", "#1a5fb4"}, {"control", "#5e5c64"},
	} {
		fmt.Fprintf(&defs, `<marker id="head-%s" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" `+
			`markerHeight="7" orient="auto"><path d="M0 0.5L8 4L0 7.5Z" fill="%s"/></marker>`+"\n", m.class, m.colour)
	}
	_, err := fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="%g %g %g %g" `+
		`width="%g" height="%g" role="img">
<title>%s</title>
<style>%s</style>
<defs>%s</defs>
<rect x="%g" y="%g" width="%g" height="%g" fill="#fff"/>
%s</svg>
`, x, y, width, height, width, height, svg.Escape(name), style, defs.String(), x, y, width, height, d.String())
	return err
}

// class of a message in the drawings.
func class(tr trace.Transfer) string {
	switch m := tr.Message; {
	case m.Payload() > m.Argument:
		return "state"
	case m.Argument > 0:
		return "argument"
	}
	return "control"
}

// classes with their explanations.
var classes = []struct{ class, text string }{
	{"state", "carries the content of states"},
	{"argument", "carries an argument or output"},
	{"control", "carries neither: references, acknowledgements"},
}

// legendItem explains a mark, which draw draws in 26 pixels from x on.
type legendItem struct {
	text string
	draw func(x, y float64) string
}

// arrowLegend explains the classes of messages as arrows, boxLegend as bars.
func arrowLegend() (list []legendItem) {
	for _, c := range classes {
		list = append(list, legendItem{c.text, func(x, y float64) string {
			return fmt.Sprintf(`<path class="line %s" marker-end="url(#head-%s)" d="M%.1f %.1fh26"/>`, c.class,
				c.class, x, y-4)
		}})
	}
	return list
}

func boxLegend() (list []legendItem) {
	for _, c := range classes {
		list = append(list, boxItem("fill-"+c.class, c.text))
	}
	return list
}

func boxItem(class, text string) legendItem {
	return legendItem{text, func(x, y float64) string {
		return fmt.Sprintf(`<rect class="%s" x="%.1f" y="%.1f" width="26" height="10"/>`, class, x, y-9)
	}}
}

// caption adds title, note and legend above what is drawn already.
func (d *drawing) caption(t *trace.Trace, messages int, note string, legend []legendItem) {
	left, top, x := d.Left, d.Top, d.Left
	wide := max(d.Right-left, 640)
	var rows [][]legendItem
	for _, item := range legend {
		w := 52 + 11*svg.TextWidth(item.text)
		if len(rows) == 0 || x+w > left+wide {
			rows, x = append(rows, nil), left
		}
		rows[len(rows)-1] = append(rows[len(rows)-1], item)
		x += w
	}
	y := top - 14 - 17*float64(len(rows)-1)
	for k, row := range rows {
		x := left
		for _, item := range row {
			d.Add("%s\n", item.draw(x, y+17*float64(k)))
			d.label(lettering{"muted", "start", 11}, x+32, y+17*float64(k), item.text)
			x += 52 + 11*svg.TextWidth(item.text)
		}
	}

	d.label(lettering{"muted", "start", 11}, left, y-20, note)
	d.label(lettering{"strong", "start", 13}, left, y-38,
		fmt.Sprintf("%s: %s ms, %d messages", t.Name, brief(t.Delay), messages))
}

// describe says of a message all that a drawing has no room for.
func describe(tr trace.Transfer) string {
	text := fmt.Sprintf("%s: %s\nfrom %s to %s\nsent at %s ms, received at %s ms (%s ms), %d B",
		tr.Method, What(tr), tr.From, tr.To, ms(tr.Sent), ms(tr.Received), ms(tr.Received-tr.Sent), tr.Message.Size)
	if tr.Connecting > 0 {
		text += fmt.Sprintf("\nover a new connection, which took %s ms to open", ms(tr.Connecting))
	}
	return text
}

// outcome says when the client had the execution's result, or that it failed.
func outcome(t *trace.Trace) string {
	if t.Spans[0].Error != "" {
		return fmt.Sprintf("the execution failed: %s ms", brief(t.Delay))
	}
	return fmt.Sprintf("the client has its result: %s ms", brief(t.Delay))
}

// runs returns the runs of functions.
func runs(t *trace.Trace) (list []*trace.Span) {
	for i := range t.Spans {
		if t.Spans[i].Kind == trace.Function {
			list = append(list, &t.Spans[i])
		}
	}
	return list
}

// describeRun says of a run of a function all that a drawing has no room for.
func describeRun(s *trace.Span) string {
	text := fmt.Sprintf("function %s at %s\nfrom %s to %s ms (%s ms)", s.Name, s.At, ms(s.Start), ms(s.End),
		ms(s.End-s.Start))
	if s.Queued > 0 {
		text += fmt.Sprintf("\nof these it waited %s ms for its processor", ms(s.Queued))
	}
	return text
}

// yielded returns which of the messages was the first that a run's computer had
// for it, where it takes several (the yield of paper Sec. 5.3, Fig. 14), and -1
// where the run had nothing to wait for.
func yielded(run *trace.Span, transfers []trace.Transfer) int {
	first, n := -1, 0
	for k, tr := range transfers {
		if tr.Response || tr.To != run.At || tr.Method != "EdgeServer/RunLambda" || tr.Received > run.Start ||
			run.Invocation == nil || tr.Message.Invocation != *run.Invocation {
			continue
		}
		if n++; n == 1 || tr.Received < transfers[first].Received {
			first = k
		}
	}
	if n < 2 {
		return -1
	}
	return first
}
