package figure

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"sort"
	"strings"

	"edgebed/harness/matrix"
	"edgebed/harness/record"
	"edgebed/harness/report/table"
	"edgebed/harness/stats"
)

const (
	// courseBins is into how many parts at most a course divides its time.
	courseBins = 100
	// courseMembers is how many ports or computers it shows where the figure names none.
	courseMembers = 6
)

// course is what one port or computer showed over time in one cell.
type course struct {
	// at are the times of samples in seconds.
	at []float64
	// values are those at each; where they are sums, that since the sample before.
	values []float64
	sums   bool
}

// coursesOf returns a sampled metric of a cell by port, or by the computer's host.
func coursesOf(metric string, c record.CellResult) map[string]course {
	l, ok := c.UnderLoad()
	if !ok || l.Samples == nil {
		return nil
	}
	var at []float64
	for _, ns := range l.Samples.AtNS {
		at = append(at, float64(ns)/1e9)
	}

	all := map[string]course{}
	for _, p := range l.Samples.Ports {
		switch metric {
		case record.PortRate:
			all[p.Name] = course{at, scaled(p.SentBytes, 8/1e6), true}
		case record.PortQueue:
			all[p.Name] = course{at, scaled(p.QueuedBytes, 1e-3), false}
		}
	}
	for _, h := range l.Samples.Computers {
		switch metric {
		case record.ComputerRunning:
			all[h.Host] = course{at, scaled(h.Running, 1), false}
		case record.ComputerWaiting:
			all[h.Host] = course{at, scaled(h.Waiting, 1), false}
		}
	}
	return all
}

func scaled[T int | int64](list []T, factor float64) []float64 {
	out := make([]float64, len(list))
	for i, v := range list {
		out[i] = float64(v) * factor
	}
	return out
}

// pauses is how many times the usual time between two samples may pass before nothing is
// known of the time between them: the sampler was late, or did not run.
const pauses = 2.5

// value returns what a course shows from a time to another: of sums the rate, else the most
// that was seen. It is false beyond the course's end, and where nobody looked.
func (c course) value(from, to float64) (float64, bool) {
	n := min(len(c.at), len(c.values))
	if n == 0 || from >= c.at[n-1] {
		return 0, false
	}
	if !c.sums {
		return c.seen(from, to, n)
	}

	// What came between two samples is spread evenly over the time between them.
	sum, begin := 0.0, 0.0
	for k := range n {
		end := c.at[k]
		if overlap := math.Min(end, to) - math.Max(begin, from); overlap > 0 && end > begin {
			sum += c.values[k] * overlap / (end - begin)
		}
		begin = end
	}
	return sum / (math.Min(to, c.at[n-1]) - from), true
}

// seen returns the most that was seen from a time to another in the first n samples, or
// what was seen last before if that is not long ago.
func (c course) seen(from, to float64, n int) (most float64, ok bool) {
	const slack = 1e-9 // sums of tenths are not exact
	first := sort.Search(n, func(i int) bool { return c.at[i] > from+slack })
	for k := first; k < n && c.at[k] <= to+slack; k++ {
		if v := c.values[k]; !ok || v > most {
			most, ok = v, true
		}
	}
	if ok || first == 0 {
		return most, ok
	}
	return c.values[first-1], to-c.at[first-1] < pauses*c.usual()
}

// usual is the time between two samples: the median, which a few late ones do not change.
func (c course) usual() float64 {
	var between []float64
	before := 0.0
	for _, at := range c.at {
		between = append(between, at-before)
		before = at
	}
	slices.Sort(between)
	return stats.Quantile(0.5, between)
}

// total is what orders ports and computers by how much they have.
func (c course) total() float64 {
	sum := 0.0
	for _, v := range c.values {
		sum += v
	}
	return sum
}

// newCourse collects samples along time: a curve for each port or computer, over the
// cells of a panel the mean.
func newCourse(r *record.Results, f record.Figure, cells []record.CellResult, variant matrix.Point) (*Chart, error) {
	c := &Chart{
		Kind: record.KindLines, Numeric: true, Unit: "s",
		XTitle: "Time since the load began (s)", YTitle: record.Sampled[f.Metric],
	}
	members, more := membersOf(f, cells)
	width := c.setTimes(f.Metric, cells)
	if width == 0 || len(members) == 0 {
		return nil, ErrNoData
	}
	c.Series, c.SeriesValues, c.Stair = members, members, width

	for _, point := range c.grid(axesNamed(r, f.Panels...), cells) {
		if point == nil {
			c.Panels = append(c.Panels, nil)
			continue
		}
		inPanel := point.Of(cells)
		p := &Panel{Title: point.Names(", "), Marks: marksOf(inPanel), at: *point}
		for _, m := range members {
			p.Points = append(p.Points, c.courseOf(f.Metric, m, inPanel, width))
		}
		c.Panels = append(c.Panels, p)
	}
	if !c.hasData() {
		return nil, ErrNoData
	}

	var facts []string
	for _, l := range variant {
		facts = append(facts, l.Name())
	}
	facts = append(facts, "profile "+table.OrUnknown(r.Campaign.Profile), table.LinkDelay(cells),
		"samples from "+table.Count(len(table.Seeds(cells)), "seed"))
	c.Caption = table.UpperFirst(strings.Join(facts, "; ")) + "." + stairWords(f.Metric, cells, width)
	if more > 0 {
		c.Caption += fmt.Sprintf(" Of %d those %d with most are shown; at in the figure chooses others.",
			len(members)+more, len(members))
	}
	c.Caption += markWords(cells)
	return c, nil
}

// stairWords say what a step of a course is.
func stairWords(metric string, cells []record.CellResult, width float64) string {
	what := "the most seen in"
	if metric == record.PortRate {
		what = "the mean over"
	}
	text := fmt.Sprintf(" Each step is %s %s s", what, table.FormatValue(width))
	if len(table.Seeds(cells)) > 1 {
		text += ", over the seeds the mean"
	}
	return text + "; where a curve ends or breaks, nothing was sampled."
}

// membersOf returns the ports, or hosts, to show, and how many more there are.
func membersOf(f record.Figure, cells []record.CellResult) (members []string, more int) {
	totals := map[string]float64{}
	for _, c := range cells {
		for name, course := range coursesOf(f.Metric, c) {
			totals[name] += course.total()
		}
	}
	if len(f.At) > 0 {
		return slices.DeleteFunc(slices.Clone(f.At), func(name string) bool {
			_, ok := totals[name]
			return !ok
		}), 0
	}

	for name := range totals {
		members = append(members, name)
	}
	slices.SortFunc(members, func(a, b string) int {
		return cmp.Or(cmp.Compare(totals[b], totals[a]), strings.Compare(a, b))
	})
	more = max(0, len(members)-courseMembers)
	members = members[:len(members)-more]
	slices.Sort(members)
	return members, more
}

// setTimes makes the positions of the chart the ends of equal parts of the time, and
// returns their width.
func (c *Chart) setTimes(metric string, cells []record.CellResult) (width float64) {
	last, widest := 0.0, 0.0
	for _, cell := range cells {
		for _, course := range coursesOf(metric, cell) {
			if n := len(course.at); n > 0 {
				last, widest = math.Max(last, course.at[n-1]), math.Max(widest, course.at[n-1]/float64(n))
			}
		}
	}
	if last == 0 {
		return 0
	}

	number := max(1, min(courseBins, int(math.Round(last/widest))))
	width = last / float64(number)
	for k := range number {
		x := float64(k+1) * width
		c.Xs = append(c.Xs, x)
		c.Ticks = append(c.Ticks, table.FormatValue(x))
	}
	return width
}

// courseOf is what a port or a computer showed at each position, over the cells the mean.
func (c *Chart) courseOf(metric, member string, cells []record.CellResult, width float64) []stats.Estimate {
	points := make([]stats.Estimate, len(c.Xs))
	for _, cell := range cells {
		all := coursesOf(metric, cell)
		course, ok := all[member]
		if !ok && all != nil && strings.HasPrefix(metric, "port-") {
			// A port that nothing left is not in the samples.
			for _, other := range all {
				course = other
			}
			course.values = make([]float64, len(course.at))
		}
		for k, x := range c.Xs {
			if v, ok := course.value(x-width, x); ok {
				points[k].Value += v
				points[k].N++
			}
		}
	}

	for k := range points {
		if points[k].N > 0 {
			points[k].Value /= float64(points[k].N)
		}
	}
	return points
}
