package figure

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"edgebed/harness/matrix"
	"edgebed/harness/record"
	"edgebed/harness/report/table"
	"edgebed/harness/stats"
)

// Chart is what a figure shows, without how it looks.
type Chart struct {
	// Stem of the file names.
	Stem           string
	Title, Caption string
	// Kind is that of the figure: record.KindLines, record.KindBars, record.KindBox,
	// record.KindTimeline or record.KindHeatMap. A distribution function is made of
	// lines, and has Steps: a value holds up to the next position.
	Kind  string
	Steps bool
	// Stair is how far before its position along the abscissa a value holds, for curves
	// of what was sampled: they are drawn as stairs. 0 joins the values.
	Stair          float64
	XTitle, YTitle string
	// ZTitle is of the colours of a heat map, whose rows, from the lowest on, are the
	// series with Rows as their labels. LogZ spreads its colours over logarithms.
	ZTitle string
	Rows   []string
	LogZ   bool
	// Paired says that the series come in pairs, one of each of two results.
	Paired bool
	// Xs are the positions along the abscissa: numbers, or 0, 1, 2 ... where
	// Numeric is false. Ticks are their labels.
	Xs         []float64
	Ticks      []string
	Numeric    bool
	LogX, LogY bool
	// Series are the names in the legend, SeriesTitle what stands before them
	// where they are numbers.
	Series      []string
	SeriesTitle string
	// SeriesValues are the series' values as scenarios write them.
	SeriesValues []string
	Columns      int
	// Unit of the ticks' numbers, empty for names.
	Unit string
	// Panels, row by row; nil where the matrix has a hole.
	Panels []*Panel
	// groups are what the positions along the abscissa stand for, none along time, and
	// rowGroups what the rows of a heat map do.
	groups, rowGroups []matrix.Point
}

// Panel is one plot of a chart.
type Panel struct {
	Title string
	// Points by series, then by position; N is 0 where nothing was measured.
	Points [][]stats.Estimate
	// Samples holds the values of each point, sorted, for a chart of boxes.
	Samples [][][]float64
	// Spots by series are those of a timeline; Marks are what happened, in figures along
	// time.
	Spots [][]Spot
	Marks []Mark
	// at is where the panel lies in the matrix, apart the positions of each series that
	// its result has no cell at, where a figure is over two results.
	at    matrix.Point
	apart [][]bool
}

// Shows reports whether an estimate at a position along the abscissa has a place in
// the chart: it was measured, and a logarithmic axis can show it.
func (c *Chart) Shows(position int, e stats.Estimate) bool {
	return e.N > 0 && !(c.LogY && e.Value <= 0) && c.reaches(position)
}

// Breaks reports whether a series' line has a hole at a position: a point is missing
// there that its result should have.
func (c *Chart) Breaks(p *Panel, series, position int) bool {
	if series < len(p.apart) && p.apart[series][position] {
		return false
	}
	return !c.Shows(position, p.Points[series][position])
}

// reaches reports whether a position has a place along the abscissa.
func (c *Chart) reaches(position int) bool { return !c.LogX || c.Xs[position] > 0 }

// measured returns every measured point of a chart with its position.
func (c *Chart) measured(yield func(int, stats.Estimate) bool) {
	for _, p := range c.Panels {
		if p == nil {
			continue
		}
		for _, points := range p.Points {
			for k, e := range points {
				if e.N > 0 && !yield(k, e) {
					return
				}
			}
		}
	}
}

// Charts selects the data of a figure: one chart for each combination of
// values on axes that the figure does not mention. The error wraps ErrNoData where
// there is nothing to show.
func Charts(r *record.Results, f record.Figure) ([]*Chart, error) {
	if err := f.Check(r.Campaign.Axes); err != nil {
		return nil, err
	}
	cells := r.Cells
	for name, want := range f.Where {
		axis, _ := r.Axis(name)
		cells = matrix.Point{matrix.On(axis, want)}.Of(cells)
	}
	if len(f.Of) > 0 {
		cells = slices.DeleteFunc(slices.Clone(cells), func(c record.CellResult) bool {
			coord, _ := c.Cell.Coord(f.Series)
			return !slices.Contains(f.Of, coord.Value)
		})
	}

	var free []record.Axis
	for _, a := range r.Campaign.Axes {
		_, fixed := f.Where[a.Name]
		part := []string{f.X, f.Y, f.Series}
		if !fixed && !slices.Contains(part, a.Name) && !slices.Contains(f.Panels, a.Name) {
			free = append(free, a)
		}
	}
	variants := matrix.Points(free, cells)

	var all []*Chart
	for _, variant := range variants {
		c, err := newChart(r, f, variant.Of(cells), variant)
		if errors.Is(err, ErrNoData) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("figure %q: %w", f.Name, err)
		}
		c.name(f, variant, free, cells)
		all = append(all, c)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("figure %q: %w: %s", f.Name, ErrNoData, whyEmpty(r, f))
	}
	return all, nil
}

// name gives the chart of a figure the name of its files and says in the title how
// it differs from the figure's others.
func (c *Chart) name(f record.Figure, variant matrix.Point, free []record.Axis, cells []record.CellResult) {
	c.Stem, c.Title = f.Name, cmp.Or(f.Title, c.whatIsDrawn(f))
	var differs []string
	for i, a := range free {
		if l := variant[i]; len(matrix.Levels(a, cells)) > 1 {
			differs = append(differs, l.Name())
			c.Stem += "-" + slug(l.Value())
		}
	}
	if len(differs) > 0 {
		c.Title += " (" + strings.Join(differs, ", ") + ")"
	}
}

// unit is what a label of an axis has in brackets at its end.
var unit = regexp.MustCompile(` \([^()]*\)$`)

// whatIsDrawn is the title of a figure that has none.
func (c *Chart) whatIsDrawn(f record.Figure) string {
	inside := func(label string) string {
		r, size := utf8.DecodeRuneInString(label)
		if next, _ := utf8.DecodeRuneInString(label[size:]); unicode.IsUpper(next) {
			return label // an abbreviation
		}
		return string(unicode.ToLower(r)) + label[size:]
	}
	x, y := unit.ReplaceAllString(c.XTitle, ""), unit.ReplaceAllString(c.YTitle, "")
	switch {
	case f.Kind == record.KindHeatMap:
		return fmt.Sprintf("%s by %s and %s", unit.ReplaceAllString(c.ZTitle, ""), inside(x), inside(y))
	case f.Kind == record.KindECDF:
		return "Distribution of " + inside(x)
	case f.Kind == record.KindTimeline:
		return y + " over time"
	case f.X == "":
		return y
	}
	return y + " against " + inside(x)
}

// newChart collects the points of one chart.
func newChart(r *record.Results, f record.Figure, cells []record.CellResult, variant matrix.Point) (*Chart, error) {
	if f.Kind == record.KindTimeline {
		if _, sampled := record.Sampled[f.Metric]; sampled {
			return newCourse(r, f, cells, variant)
		}
		return newTimeline(r, f, cells, variant)
	}
	c := &Chart{
		Kind: f.Kind, YTitle: r.Campaign.Label(f.Metric),
		LogX: f.LogX, LogY: f.LogY && (f.Kind == record.KindLines || f.Kind == record.KindBox),
	}
	if f.Kind == record.KindBox {
		c.YTitle = single(c.YTitle)
	}
	groups, panels := c.abscissa(r, f, cells)
	if len(groups) == 0 {
		return nil, ErrNoData // no cell got as far as having a point
	}

	series := []matrix.Point{nil}
	if axis := cmp.Or(f.Series, f.Y); axis != "" {
		series = matrix.Points(axesNamed(r, axis), cells)
	}
	if len(series) == 0 {
		return nil, ErrNoData
	}
	c.setSeries(series)
	if f.Kind == record.KindHeatMap {
		c.setRows(series, f)
	}
	if f.Kind == record.KindECDF {
		c.setDistribution(f.Metric, series, cells)
	} else {
		c.setPositions(groups, f.X != "")
	}

	for _, point := range c.grid(panels, cells) {
		if point == nil {
			c.Panels = append(c.Panels, nil)
			continue
		}
		if f.Kind == record.KindECDF {
			c.Panels = append(c.Panels, c.distribution(f.Metric, *point, series, cells))
			continue
		}

		p, err := newPanel(f.Metric, *point, series, groups, cells)
		if err != nil {
			return nil, err
		}
		if f.Kind == record.KindBox {
			p.addSamples(f.Metric, series, groups, point.Of(cells))
		}
		c.Panels = append(c.Panels, p)
	}

	if !c.hasData() {
		return nil, ErrNoData
	}
	remark := c.holes()
	c.Caption = c.captionOf(r, f, cells, variant) + remark
	return c, nil
}

// abscissa returns the groups of points along the abscissa, and the axes that are
// left for panels.
func (c *Chart) abscissa(
	r *record.Results, f record.Figure, cells []record.CellResult,
) (groups []matrix.Point, panels []record.Axis) {
	panels = axesNamed(r, f.Panels...)
	switch {
	case f.X != "":
		axis, _ := r.Axis(f.X)
		c.XTitle = matrix.Title(axis)
		return matrix.Points([]record.Axis{axis}, cells), panels
	case f.Kind == record.KindBars || f.Kind == record.KindBox:
		// Without an abscissa the panels' axes make the groups of one plot.
		return matrix.Points(panels, cells), nil
	}
	return []matrix.Point{nil}, panels
}

// newPanel estimates the points of a panel.
func newPanel(
	metric string, panel matrix.Point, series, groups []matrix.Point, cells []record.CellResult,
) (*Panel, error) {
	p := &Panel{Title: panel.Names(", "), at: panel}
	inPanel := panel.Of(cells)
	for _, s := range series {
		inSeries := s.Of(inPanel)
		points := make([]stats.Estimate, len(groups))
		for i, g := range groups {
			e, err := matrix.Estimate(metric, g.Of(inSeries))
			if err != nil {
				return nil, err
			}
			if shown(e.Value) {
				e.Known = e.Known && shown(e.Low) && shown(e.High)
				points[i] = e
			}
		}
		p.Points = append(p.Points, points)
	}
	return p, nil
}

// shown reports whether a value has a place along any axis: it is a number, and so is its
// distance to any other one.
func shown(v float64) bool { return math.Abs(v) <= 1/smallest }

func (c *Chart) hasData() bool {
	for range c.measured {
		return true
	}
	return false
}

// holes makes holes of what a logarithmic axis cannot show, and returns a remark on
// them. An axis that could show nothing becomes linear.
func (c *Chart) holes() (remark string) {
	for _, axis := range []struct {
		log    *bool
		number func(int, stats.Estimate) float64
		what   string
	}{
		{&c.LogX, func(k int, _ stats.Estimate) float64 { return c.Xs[k] }, "abscissa"},
		{&c.LogY, func(_ int, e stats.Estimate) float64 { return e.Value }, "ordinate"},
	} {
		if !*axis.log {
			continue
		}
		points, lost, verb := 0, 0, "are"
		for k, e := range c.measured {
			points++
			if axis.number(k, e) <= 0 {
				lost++
			}
		}

		if lost == 1 {
			verb = "is"
		}
		switch {
		case lost == points:
			*axis.log = false
			remark += fmt.Sprintf(" The %s is linear: a logarithmic one cannot show zero, and no point has more.",
				axis.what)
		case lost > 0:
			remark += fmt.Sprintf(" %d of %s %s left out: the logarithmic %s cannot show zero.",
				lost, table.Count(points, "point"), verb, axis.what)
		}
	}
	return remark
}

func axesNamed(r *record.Results, names ...string) []record.Axis {
	var axes []record.Axis
	for _, name := range names {
		if a, ok := r.Axis(name); ok {
			axes = append(axes, a)
		}
	}
	return axes
}

// setPositions fills in the abscissa. Lines over numbers stand where the number
// is; names, and the groups of bars, stand side by side.
func (c *Chart) setPositions(groups []matrix.Point, oneAxis bool) {
	c.groups = groups
	if oneAxis && c.setNumbers(groups) {
		return
	}
	c.LogX = false
	for i, g := range groups {
		c.Xs = append(c.Xs, float64(i))
		if len(c.Ticks) < len(groups) {
			label := g.Names("\n")
			if oneAxis {
				label = g[0].Text()
			}
			c.Ticks = append(c.Ticks, label)
		}
	}
}

// setNumbers labels the positions with numbers where the axis has them, and
// reports whether the positions are these numbers.
func (c *Chart) setNumbers(groups []matrix.Point) bool {
	levels := make([]matrix.Level, len(groups))
	for i, g := range groups {
		levels[i] = g[0]
	}
	numbers, ok := matrix.Numbers(levels)
	if !ok {
		return false
	}

	c.Unit = groups[0][0].Axis.Unit
	for _, v := range numbers {
		c.Ticks = append(c.Ticks, table.FormatNumber(v))
	}
	if c.Kind != record.KindLines {
		return false
	}
	c.Xs, c.Numeric = numbers, true
	return true
}

// setSeries names the series.
func (c *Chart) setSeries(series []matrix.Point) {
	for _, s := range series {
		if len(s) == 0 {
			continue
		}
		c.Series = append(c.Series, s[0].Text())
		c.SeriesValues = append(c.SeriesValues, s[0].Value())
		if _, isNumber := s[0].Number(); isNumber {
			c.SeriesTitle = matrix.Heading(s[0].Axis) + ":"
		}
	}
}

// grid places the panels: over two axes the first makes the columns and the
// second the rows; over one they fill rows of at most three. An entry is nil
// where the matrix has a hole, and the empty point for a single plot.
func (c *Chart) grid(axes []record.Axis, cells []record.CellResult) []*matrix.Point {
	var points []*matrix.Point
	if len(axes) < 2 {
		for _, p := range matrix.Points(axes, cells) {
			points = append(points, &p)
		}
		c.Columns = min(max(len(points), 1), 3)
		if len(points) == 4 {
			c.Columns = 2
		}
		for len(points)%c.Columns != 0 {
			points = append(points, nil)
		}
		return points
	}

	columns, rows := matrix.Levels(axes[0], cells), matrix.Levels(axes[1], cells)
	c.Columns = len(columns)
	for _, row := range rows {
		for _, column := range columns {
			point := matrix.Point{column, row}
			if len(point.Of(cells)) == 0 {
				points = append(points, nil)
				continue
			}
			points = append(points, &point)
		}
	}
	return points
}

// Table is what a chart shows as numbers: a row per panel and position, a column
// per series. Of a timeline there is a row per panel and part of its time.
func (c *Chart) Table() table.Table {
	if c.Kind == record.KindTimeline {
		return c.timeTable()
	}
	t := table.Table{Caption: c.ZTitle}
	titled := slices.ContainsFunc(c.Panels, func(p *Panel) bool { return p != nil && p.Title != "" })
	if titled {
		t.Header = append(t.Header, "Panel")
	}
	t.Header = append(t.Header, cmp.Or(c.XTitle, "Group"))
	t.Keys = len(t.Header)
	t.Header = append(t.Header, c.Series...)
	if len(c.Series) == 0 {
		t.Header = append(t.Header, c.YTitle)
	}

	for _, p := range c.Panels {
		if p == nil {
			continue
		}
		for k := range c.Xs {
			var row []string
			if titled {
				row = append(row, p.Title)
			}
			row = append(row, strings.ReplaceAll(c.Ticks[k], "\n", ", "))
			if values, any := p.row(k); any {
				t.Rows = append(t.Rows, append(row, values...))
			}
		}
	}
	return t
}

// row writes the points of all series at a position, and reports whether any was
// measured.
func (p *Panel) row(position int) (values []string, any bool) {
	for _, points := range p.Points {
		e := points[position]
		text := table.FormatEstimate(e)
		if e.N > 0 {
			text += fmt.Sprintf(" (n = %d)", e.N)
			any = true
		}
		values = append(values, text)
	}
	return values, any
}

// slug makes a file name's part of a value.
func slug(text string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(text) {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '.' && b.Len() > 0:
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	return cmp.Or(strings.TrimRight(b.String(), "-."), "other")
}
