package figure

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"edgebed/harness/matrix"
	"edgebed/harness/record"
	"edgebed/harness/report/table"
)

// ErrNoData is returned for a figure that no record contributes to; the error that wraps
// it says why.
var ErrNoData = errors.New("no execution to show")

// mostNamed bounds the values that an explanation names.
const mostNamed = 8

// whyEmpty says why the records have nothing for a figure, and what to do.
func whyEmpty(r *record.Results, f record.Figure) string {
	if len(r.Cells) == 0 {
		return "the records hold no cell; run the scenario first, or go on with --resume"
	}
	cells := r.Cells
	for _, name := range slices.Sorted(maps.Keys(f.Where)) {
		axis, _ := r.Axis(name)
		chosen := matrix.Point{matrix.On(axis, f.Where[name])}.Of(cells)
		if len(chosen) == 0 {
			return fmt.Sprintf("no cell has %s = %s: change where; the records have %s",
				name, f.Where[name], values(axis, cells))
		}
		cells = chosen
	}
	if len(f.Of) > 0 {
		axis, _ := r.Axis(f.Series)
		any := func(c record.CellResult) bool {
			coord, _ := c.Cell.Coord(f.Series)
			return slices.Contains(f.Of, coord.Value)
		}
		if !slices.ContainsFunc(cells, any) {
			return fmt.Sprintf("no cell has %s = %s: change of; the records have %s",
				f.Series, strings.Join(f.Of, " or "), values(axis, cells))
		}
		cells = slices.DeleteFunc(slices.Clone(cells), func(c record.CellResult) bool { return !any(c) })
	}

	if why := nothingMeasured(cells); why != "" {
		return why
	}
	if f.Kind == record.KindTimeline {
		return noTime(f, cells)
	}
	return noMetric(r, f.Metric, cells)
}

// nothingMeasured says why no execution of the cells counts; empty where some do.
func nothingMeasured(cells []record.CellResult) string {
	t := table.Tally(cells)
	first := func(t table.Table) string {
		if len(t.Rows) == 0 {
			return ""
		}
		return ", mostly: " + t.Rows[0][0]
	}
	switch {
	case t.OK > 0:
		return ""
	case t.Failed > 0:
		return fmt.Sprintf("all of %s failed%s; report.md lists the reasons",
			table.Count(t.Failed, "execution"), first(table.Failures(cells)))
	case t.WarmUps > 0:
		return fmt.Sprintf("%s warm-ups alone, which are not counted; go on with --resume",
			table.Count(len(cells), "cell")+" made")
	}
	return fmt.Sprintf("%s no execution%s; go on with --resume",
		table.Count(len(cells), "cell")+" made", first(table.Incomplete(cells)))
}

// noTime says why there is no timeline of the cells.
func noTime(f record.Figure, cells []record.CellResult) string {
	sampled := map[string]bool{}
	loaded := false
	for _, c := range cells {
		_, ok := c.UnderLoad()
		loaded = loaded || ok
		for name := range coursesOf(f.Metric, c) {
			sampled[name] = true
		}
	}

	switch {
	case !loaded:
		return "a timeline shows cells under load, and these have executions one after another; " +
			"give the scenario a load section"
	case len(f.At) > 0 && len(sampled) > 0:
		return fmt.Sprintf("at names %s, and what was sampled is %s",
			strings.Join(f.At, ", "), listed(slices.Sorted(maps.Keys(sampled))))
	}
	return fmt.Sprintf("the cells have no samples of %s: their executions were over before the first one, "+
		"or an older edgebed made the records", f.Metric)
}

// noMetric says that the cells lack a metric, and which ones they have.
func noMetric(r *record.Results, metric string, cells []record.CellResult) string {
	var have []string
	for _, name := range r.Campaign.Metrics() {
		if e, err := matrix.Estimate(name, cells); err == nil && e.N > 0 && name != metric {
			have = append(have, name)
		}
	}
	return fmt.Sprintf("none of %s has the metric %s; they have %s",
		table.Count(table.Tally(cells).OK, "execution"), metric, listed(have))
}

// values lists those that cells have on an axis.
func values(axis record.Axis, cells []record.CellResult) string {
	var names []string
	for _, l := range matrix.Levels(axis, cells) {
		names = append(names, l.Value())
	}
	return listed(names)
}

// listed lists names, of many the first ones.
func listed(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(table.First(names, mostNamed), ", ")
}
