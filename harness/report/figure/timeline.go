package figure

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"edgebed/harness/matrix"
	"edgebed/harness/record"
	"edgebed/harness/report/table"
)

// Spot is an execution on a timeline.
type Spot struct {
	// At is when it was due and Delay what it took, in seconds; that of a failed one is
	// the time until it failed.
	At, Delay float64
	// Reason why it failed; empty where it did not.
	Reason string
}

// Mark is an event on a timeline, from when to when it took effect, in seconds. To is
// infinite where it did not end.
type Mark struct {
	From, To float64
	What     string
}

// newTimeline collects the executions of a figure of time.
func newTimeline(r *record.Results, f record.Figure, cells []record.CellResult, variant matrix.Point) (*Chart, error) {
	c := &Chart{Kind: f.Kind, XTitle: "Time since the load began (s)", YTitle: record.Metrics[f.Metric], LogY: f.LogY}
	if f.Metric == record.Delay {
		c.YTitle = "Delay (s)"
	}
	series := []matrix.Point{nil}
	if f.Series != "" {
		series = matrix.Points(axesNamed(r, f.Series), cells)
	}
	c.setSeries(series)

	for _, point := range c.grid(axesNamed(r, f.Panels...), cells) {
		if point == nil {
			c.Panels = append(c.Panels, nil)
			continue
		}
		p := &Panel{Title: point.Names(", "), at: *point}
		inPanel := point.Of(cells)
		for _, s := range series {
			p.Spots = append(p.Spots, spotsOf(s.Of(inPanel)))
		}
		p.Marks = marksOf(inPanel)
		c.Panels = append(c.Panels, p)
	}

	executions, failed := 0, 0
	for s := range c.spots {
		executions++
		if s.Reason != "" {
			failed++
		}
		c.Xs = []float64{0, max(c.last(), s.At)}
	}
	if executions == 0 {
		return nil, ErrNoData
	}
	c.LogY = c.LogY && !c.hasZero()
	c.Caption = c.captionOfTime(r, cells, variant, executions, failed)
	return c, nil
}

// last is the end of a timeline.
func (c *Chart) last() float64 {
	if len(c.Xs) == 0 {
		return 0
	}
	return c.Xs[len(c.Xs)-1]
}

// hasZero reports whether an execution took no time, as one that was refused.
func (c *Chart) hasZero() bool {
	for s := range c.spots {
		if s.Delay <= 0 {
			return true
		}
	}
	return false
}

// spots yields all executions of a timeline.
func (c *Chart) spots(yield func(Spot) bool) {
	for _, p := range c.Panels {
		if p == nil {
			continue
		}
		for _, s := range slices.Concat(p.Spots...) {
			if !yield(s) {
				return
			}
		}
	}
}

// spotsOf returns the executions of cells under load, warm-ups too, by time.
func spotsOf(cells []record.CellResult) []Spot {
	var spots []Spot
	for _, c := range cells {
		l, ok := c.UnderLoad()
		if !ok {
			continue
		}
		for _, e := range c.Executions {
			if e.Arrival == nil {
				continue
			}
			s := Spot{At: e.Arrival.Due.Sub(l.Started).Seconds(), Delay: float64(e.DelayNS) / 1e9}
			if !e.OK {
				s.Reason = table.OrUnknown(e.Reason)
			}
			spots = append(spots, s)
		}
	}
	slices.SortStableFunc(spots, func(a, b Spot) int { return int(math.Copysign(1, a.At-b.At)) })
	return spots
}

// mostMarks bounds the events that a panel shows.
const mostMarks = 200

// marksOf returns what happened in the cells: of those that differ only in the model
// much the same, which is shown once.
func marksOf(cells []record.CellResult) []Mark {
	var marks []Mark
	for _, c := range cells {
		l, ok := c.UnderLoad()
		if !ok {
			continue
		}
		open := map[int]int{} // marks of events that are not over
		for _, e := range c.End.Events {
			at := e.At.Sub(l.Started).Seconds()
			k, known := open[e.Index]
			if e.Over && known {
				marks[k].To = at
				delete(open, e.Index)
				continue
			}
			open[e.Index] = len(marks)
			marks = append(marks, Mark{From: at, To: math.Inf(1), What: e.What})
		}
	}

	var shown []Mark
	for _, m := range marks {
		// Within a millisecond events of two cells are the same.
		same := func(s Mark) bool { return s.What == m.What && math.Abs(s.From-m.From) < 1e-3 }
		if !slices.ContainsFunc(shown, same) && len(shown) < mostMarks {
			shown = append(shown, m)
		}
	}
	return shown
}

// Words says what happened when.
func (m Mark) Words() string {
	if math.IsInf(m.To, 0) {
		return fmt.Sprintf("from %s s %s", table.FormatNumber(round(m.From)), m.What)
	}
	return fmt.Sprintf("from %s s to %s s %s",
		table.FormatNumber(round(m.From)), table.FormatNumber(round(m.To)), m.What)
}

// round leaves milliseconds of a number of seconds.
func round(seconds float64) float64 { return math.Round(seconds*1000) / 1000 }

// namedMarks bounds the events that a caption names.
const namedMarks = 6

// captionOfTime says what was run, and what happened.
func (c *Chart) captionOfTime(
	r *record.Results, cells []record.CellResult, variant matrix.Point, executions, failed int,
) string {
	var facts []string
	for _, l := range variant {
		facts = append(facts, l.Name())
	}
	facts = append(facts, "profile "+table.OrUnknown(r.Campaign.Profile), table.LinkDelay(cells),
		fmt.Sprintf("%s from %s, each where it was due", table.Count(executions, "execution"),
			table.Count(len(table.Seeds(cells)), "seed")))
	text := table.UpperFirst(strings.Join(facts, "; ")) + "."
	if failed > 0 {
		text += fmt.Sprintf(" %d failed: a cross where they did, after the time until then.", failed)
	}

	return text + markWords(cells)
}

// markWords says what happened in the cells, for a caption.
func markWords(cells []record.CellResult) string {
	var marks []string
	more := 0
	for _, m := range marksOf(cells) {
		if len(marks) == namedMarks {
			more++
			continue
		}
		marks = append(marks, m.Words())
	}
	if more > 0 {
		marks = append(marks, fmt.Sprintf("and %d more", more))
	}
	if len(marks) == 0 {
		return ""
	}
	return " Grey: " + strings.Join(marks, "; ") + "."
}

// timeX and timeY are the scales of a timeline.
func (c *Chart) timeX() Scale { return LinearScale(0, math.Max(1e-3, c.last()*1.02)) }

func (c *Chart) timeY() Scale {
	low, high := math.Inf(1), 0.0
	for s := range c.spots {
		low, high = math.Min(low, s.Delay), math.Max(high, s.Delay)
	}
	switch {
	case c.LogY:
		return LogScale(low, high)
	case high <= 0:
		return LinearScale(0, 1)
	}
	return LinearScale(0, 1.06*high)
}

// timeBins is into how many parts the table of a timeline divides its time.
const timeBins = 20

// timeTable is a timeline as numbers: the mean delay of the executions due in each part
// of its time, and how many they are.
func (c *Chart) timeTable() table.Table {
	t := table.Table{Header: []string{"Due (s)"}}
	titled := slices.ContainsFunc(c.Panels, func(p *Panel) bool { return p != nil && p.Title != "" })
	if titled {
		t.Header = append([]string{"Panel"}, t.Header...)
	}
	t.Keys = len(t.Header)
	t.Header = append(t.Header, c.Series...)
	if len(c.Series) == 0 {
		t.Header = append(t.Header, c.YTitle)
	}

	width := c.last() / timeBins
	for _, p := range c.Panels {
		if p == nil {
			continue
		}
		for k := range timeBins {
			from, to := float64(k)*width, float64(k+1)*width
			if k == timeBins-1 {
				to = math.Inf(1)
			}
			var row []string
			if titled {
				row = append(row, p.Title)
			}
			row = append(row, fmt.Sprintf("%s to %s",
				table.FormatNumber(round(from)), table.FormatNumber(round(from+width))))
			for _, spots := range p.Spots {
				row = append(row, binned(spots, from, to))
			}
			t.Rows = append(t.Rows, row)
		}
	}
	return t
}

// binned says what became of the executions that were due from one time until before
// another.
func binned(spots []Spot, from, to float64) string {
	sum, n, failed := 0.0, 0, 0
	for _, s := range spots {
		switch {
		case s.At < from || s.At >= to:
		case s.Reason != "":
			failed++
		default:
			sum += s.Delay
			n++
		}
	}

	text := "–"
	if n > 0 {
		text = fmt.Sprintf("%s (n = %d)", table.FormatValue(sum/float64(n)), n)
	}
	if failed > 0 {
		text += fmt.Sprintf(", %d failed", failed)
	}
	return text
}

// timeline draws the executions of a panel over what happened.
type timeline struct {
	chart *Chart
	spots [][]Spot
	marks []Mark
}

// Plot implements plot.Plotter.
func (t timeline) Plot(c draw.Canvas, p *plot.Plot) {
	toX, toY := p.Transforms(&c)
	t.drawMarks(c, toX)
	for i, spots := range t.spots {
		look := t.chart.Look(i)
		for _, s := range spots {
			at := vg.Point{X: toX(s.At), Y: toY(math.Max(s.Delay, p.Y.Min))}
			if s.Reason == "" {
				drawMarker(c, look, at)
				continue
			}
			const arm = 2.5
			cross := draw.LineStyle{Color: seriesColor(look.Style), Width: 1}
			c.StrokeLine2(cross, at.X-arm, at.Y-arm, at.X+arm, at.Y+arm)
			c.StrokeLine2(cross, at.X-arm, at.Y+arm, at.X+arm, at.Y-arm)
		}
	}
}

// drawMarks draws what happened.
func (t timeline) drawMarks(c draw.Canvas, toX func(float64) vg.Length) {
	for _, m := range t.marks {
		left, right := max(c.Min.X, toX(m.From)), c.Max.X
		if !math.IsInf(m.To, 0) {
			right = min(right, toX(m.To))
		}
		if left > c.Max.X {
			continue
		}
		c.SetColor(band)
		c.Fill(vg.Rectangle{Min: vg.Point{X: left, Y: c.Min.Y}, Max: vg.Point{X: right, Y: c.Max.Y}}.Path())
		c.StrokeLine2(draw.LineStyle{Color: faded, Width: 0.8, Dashes: []vg.Length{2, 2}}, left, c.Min.Y, left, c.Max.Y)
	}
}
