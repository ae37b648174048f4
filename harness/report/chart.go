package report

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"edgebed/harness/record"
	"edgebed/harness/stats"
)

// ErrNoData is returned for a figure that no record contributes to.
var ErrNoData = errors.New("no execution to show")

// chart is what a figure shows, without how it looks.
type chart struct {
	// stem of the file names.
	stem           string
	title, caption string
	kind           string
	xTitle, yTitle string
	// xs are the positions along the abscissa: numbers, or 0, 1, 2 ... where
	// numeric is false. ticks are their labels.
	xs         []float64
	ticks      []string
	numeric    bool
	logX, logY bool
	// series are the names in the legend, seriesTitle what stands before them
	// where they are numbers.
	series      []string
	seriesTitle string
	// seriesValues are the series' values as scenarios write them.
	seriesValues []string
	columns      int
	// unit of the ticks' numbers, empty for names.
	unit string
	// paired says that the series come in pairs: one of each of two results.
	paired bool
	// panels, row by row; nil where the matrix has a hole.
	panels []*panel
}

// panel is one plot of a chart.
type panel struct {
	title string
	// points by series, then by position; N is 0 where nothing was measured.
	points [][]stats.Estimate
}

// all returns every measured point of a chart.
func (c *chart) all(yield func(stats.Estimate) bool) {
	for _, p := range c.panels {
		if p == nil {
			continue
		}
		for _, curve := range p.points {
			for _, e := range curve {
				if e.N > 0 && !yield(e) {
					return
				}
			}
		}
	}
}

// charts selects the data of a figure: one chart for each combination of
// values on axes that the figure does not mention.
func charts(r *record.Results, f record.Figure) ([]*chart, error) {
	if err := f.Check(r.Campaign.Axes); err != nil {
		return nil, err
	}
	cells := r.Cells
	for axis, want := range f.Where {
		a, _ := r.Axis(axis)
		cells = at(cells, level{a, record.Coord{Axis: axis, Value: want}})
	}
	var free []record.Axis
	for _, a := range r.Campaign.Axes {
		if _, fixed := f.Where[a.Name]; !fixed && a.Name != f.X && a.Name != f.Series && !slices.Contains(f.Panels, a.Name) {
			free = append(free, a)
		}
	}
	var all []*chart
	for _, variant := range combinations(free, cells) {
		c, err := newChart(r, f, at(cells, variant...), variant)
		if errors.Is(err, ErrNoData) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("figure %q: %w", f.Name, err)
		}
		all = append(all, c)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("figure %q: %w", f.Name, ErrNoData)
	}
	nameVariants(all, f, combinations(free, cells), free, cells)
	return all, nil
}

// nameVariants gives the charts of a figure the names of their files and says
// in the titles how they differ.
func nameVariants(all []*chart, f record.Figure, variants [][]level, free []record.Axis, cells []record.CellResult) {
	for i, c := range all {
		c.stem, c.title = f.Name, f.Title
		var differs []string
		for j, a := range free {
			if l := variants[i][j]; len(levelsOf(a, cells)) > 1 {
				differs = append(differs, l.name())
				c.stem += "-" + slug(l.coord.Value)
			}
		}
		if len(differs) > 0 {
			c.title += " (" + strings.Join(differs, ", ") + ")"
		}
	}
}

// newChart collects the points of one chart.
func newChart(r *record.Results, f record.Figure, cells []record.CellResult, variant []level) (*chart, error) {
	c := &chart{kind: f.Kind, yTitle: record.Metrics[f.Metric], logX: f.LogX, logY: f.LogY && f.Kind == record.KindLines}
	panelAxes := axesNamed(r, f.Panels...)
	groups := [][]level{nil}
	switch {
	case f.X != "":
		axis, _ := r.Axis(f.X)
		groups = combinations([]record.Axis{axis}, cells)
		c.xTitle = axisTitle(axis)
	case f.Kind == record.KindBars:
		// Without an abscissa the panels' axes make the groups of one plot.
		groups = combinations(panelAxes, cells)
		panelAxes = nil
	}
	if err := c.setPositions(groups, f.X != ""); err != nil {
		return nil, err
	}
	seriesLevels := [][]level{nil}
	if f.Series != "" {
		seriesLevels = combinations(axesNamed(r, f.Series), cells)
	}
	for _, s := range seriesLevels {
		if len(s) > 0 {
			c.series = append(c.series, s[0].text())
			c.seriesValues = append(c.seriesValues, s[0].coord.Value)
			if _, isNumber := number(s[0]); isNumber {
				c.seriesTitle = cmp.Or(s[0].axis.Label, s[0].axis.Name) + ":"
			}
		}
	}
	for _, place := range c.grid(panelAxes, cells) {
		if place == nil {
			c.panels = append(c.panels, nil)
			continue
		}
		p := &panel{title: names(*place, ", ")}
		inPanel := at(cells, *place...)
		for _, s := range seriesLevels {
			inSeries := at(inPanel, s...)
			curve := make([]stats.Estimate, len(groups))
			for i, g := range groups {
				var err error
				if curve[i], err = Estimate(f.Metric, at(inSeries, g...)); err != nil {
					return nil, err
				}
				if math.IsNaN(curve[i].Value) || math.IsInf(curve[i].Value, 0) {
					curve[i] = stats.Estimate{}
				}
			}
			p.points = append(p.points, curve)
		}
		c.panels = append(c.panels, p)
	}
	measured := 0
	for e := range c.all {
		if measured++; c.logY && e.Value <= 0 {
			return nil, fmt.Errorf("a value of %s is %g, which a logarithmic axis cannot show (leave out log-y)", f.Metric, e.Value)
		}
	}
	if measured == 0 {
		return nil, ErrNoData
	}
	c.caption = c.captionOf(r, f, cells, variant)
	return c, nil
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
func (c *chart) setPositions(groups [][]level, oneAxis bool) error {
	if oneAxis {
		levels := make([]level, len(groups))
		for i, g := range groups {
			levels[i] = g[0]
		}
		if values, ok := numbers(levels); ok {
			c.unit = groups[0][0].axis.Unit
			for i, v := range values {
				if c.kind == record.KindLines && c.logX && v <= 0 {
					return fmt.Errorf("axis %q has the value %s, which a logarithmic axis cannot show (leave out log-x)",
						levels[i].axis.Name, levels[i].coord.Value)
				}
				c.ticks = append(c.ticks, formatNumber(v))
			}
			if c.kind == record.KindLines {
				c.xs, c.numeric = values, true
				return nil
			}
		}
	}
	c.logX = false
	for i, g := range groups {
		c.xs = append(c.xs, float64(i))
		if len(c.ticks) < len(groups) {
			label := names(g, "\n")
			if oneAxis {
				label = g[0].text()
			}
			c.ticks = append(c.ticks, label)
		}
	}
	return nil
}

// grid places the panels: over two axes the first makes the columns and the
// second the rows; over one they fill rows of at most three. An entry is nil
// where the matrix has a hole, and the empty combination for a single plot.
func (c *chart) grid(axes []record.Axis, cells []record.CellResult) []*[]level {
	var places []*[]level
	if len(axes) < 2 {
		for _, p := range combinations(axes, cells) {
			places = append(places, &p)
		}
		switch n := len(places); {
		case n == 4:
			c.columns = 2
		default:
			c.columns = min(max(n, 1), 3)
		}
		for len(places)%c.columns != 0 {
			places = append(places, nil)
		}
		return places
	}
	columns, rows := levelsOf(axes[0], cells), levelsOf(axes[1], cells)
	c.columns = len(columns)
	for _, row := range rows {
		for _, column := range columns {
			if len(at(cells, column, row)) == 0 {
				places = append(places, nil)
				continue
			}
			places = append(places, &[]level{column, row})
		}
	}
	return places
}

// captionOf says what was really run: fixed values, profile, delay back end,
// sample sizes, what the whiskers are, and what is missing.
func (c *chart) captionOf(r *record.Results, f record.Figure, cells []record.CellResult, variant []level) string {
	var facts []string
	for _, axis := range slices.Sorted(maps.Keys(f.Where)) {
		a, _ := r.Axis(axis)
		if levels := levelsOf(a, cells); len(levels) > 0 {
			facts = append(facts, levels[0].name())
		}
	}
	for _, l := range variant {
		facts = append(facts, l.name())
	}
	facts = append(facts, "profile "+orUnknown(r.Campaign.Profile))
	facts = append(facts, delayText(settings(cells)[record.SettingDelayBackend]))
	if cycles := settings(cells)[record.SettingCycle]; f.Metric == metricTrafficRate && len(cycles) > 0 {
		facts = append(facts, "cycle of "+strings.Join(cycles, " or "))
	}

	least, most := math.MaxInt, 0
	intervals := false
	for e := range c.all {
		least, most = min(least, e.N), max(most, e.N)
		intervals = intervals || e.Known
	}
	size := fmt.Sprint(least)
	if least != most {
		size = fmt.Sprintf("%d to %d", least, most)
	}
	seeds := make(map[uint64]bool)
	for _, cell := range cells {
		seeds[cell.Cell.Seed] = true
	}
	facts = append(facts, fmt.Sprintf("%s %s per point from %s", size, plural(most, "execution"), count(len(seeds), "seed")))
	text := upperFirst(strings.Join(facts, "; ")) + "."
	switch {
	case !intervals:
		text += " Too few executions for confidence intervals."
	case f.Metric == metricTrafficRate:
		text += " Whiskers: 95 % confidence intervals (ratio estimator over executions)."
	default:
		text += " Whiskers: 95 % confidence intervals of the mean (Student’s t over executions)."
	}
	t := tally(cells)
	if t.failed > 0 {
		text += fmt.Sprintf(" %d of %s failed and are left out of the means.", t.failed, count(t.ok+t.failed, "execution"))
	}
	if t.cells > t.complete {
		text += fmt.Sprintf(" %d of %s incomplete.", t.cells-t.complete, count(t.cells, "cell"))
	}
	return text
}

// delayText says what made the links' delay.
func delayText(backends []string) string {
	switch {
	case len(backends) == 0:
		return "link delay by an unknown back end"
	case slices.Equal(backends, []string{"none"}):
		return "no link delay"
	}
	names := make([]string, len(backends))
	for i, b := range backends {
		names[i] = b
		if b == "delayline" {
			names[i] = "a user-space delay line"
		}
	}
	return "link delay by " + strings.Join(names, " and ")
}

// totals count cells and executions.
type totals struct {
	cells, complete, repeated int
	ok, failed, warmUps       int
	reasons                   map[string]int
}

func tally(cells []record.CellResult) totals {
	t := totals{cells: len(cells), reasons: make(map[string]int)}
	for _, c := range cells {
		if c.Complete() {
			t.complete++
		}
		if c.Attempts > 1 {
			t.repeated++
		}
		for _, e := range c.Executions {
			switch {
			case e.WarmUp:
				t.warmUps++
			case e.OK:
				t.ok++
			default:
				t.failed++
				t.reasons[orUnknown(e.Reason)]++
			}
		}
	}
	return t
}

// settings returns the sorted values of each setting over the cells.
func settings(cells []record.CellResult) map[string][]string {
	found := make(map[string][]string)
	for _, c := range cells {
		for key, v := range c.Cell.Settings {
			if !slices.Contains(found[key], v) {
				found[key] = append(found[key], v)
			}
		}
	}
	for _, v := range found {
		slices.Sort(v)
	}
	return found
}
