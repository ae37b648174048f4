package figure

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"edgebed/harness/matrix"
	"edgebed/harness/record"
	"edgebed/harness/report/table"
)

// sampled is what the points' samples are: under load, what executions have in common is
// measured over parts of a cell's time, or of the whole cell.
func (c *Chart) sampled(f record.Figure, cells []record.CellResult) string {
	of := len(table.Settings(cells)[record.SettingLoad]) > 0 || f.Metric == record.FailedShare
	if _, quantile := record.Quantiles[f.Metric]; !of || quantile || f.Metric == record.Delay {
		return "execution"
	}
	return "sample"
}

// captionOf says what was really run: fixed values, profile, delay back end,
// sample sizes, what the whiskers are, and what is missing.
func (c *Chart) captionOf(r *record.Results, f record.Figure, cells []record.CellResult, variant matrix.Point) string {
	var facts []string
	for _, name := range slices.Sorted(maps.Keys(f.Where)) {
		axis, _ := r.Axis(name)
		if levels := matrix.Levels(axis, cells); len(levels) > 0 {
			facts = append(facts, levels[0].Name())
		}
	}
	for _, l := range variant {
		facts = append(facts, l.Name())
	}
	facts = append(facts, "profile "+table.OrUnknown(r.Campaign.Profile), table.LinkDelay(cells))
	if cycles := table.Settings(cells)[record.SettingCycle]; f.Metric == record.TrafficRate && len(cycles) > 0 {
		facts = append(facts, "cycle of "+strings.Join(cycles, " or "))
	}

	least, most, intervals := math.MaxInt, 0, false
	for _, e := range c.measured {
		least, most = min(least, e.N), max(most, e.N)
		intervals = intervals || e.Known
	}
	size := fmt.Sprint(least)
	if least != most {
		size = fmt.Sprintf("%d to %d", least, most)
	}
	facts = append(facts, fmt.Sprintf("%s %s per point from %s",
		size, table.Plural(most, c.sampled(f, cells)), table.Count(len(table.Seeds(cells)), "seed")))

	text := table.UpperFirst(strings.Join(facts, "; ")) + "."
	switch {
	case f.Kind == record.KindECDF:
		text += " Each curve is the share of executions up to a value."
	case f.Kind == record.KindHeatMap:
		text += " Each field has the value at its point; blank ones were not measured."
	case f.Kind == record.KindBox:
		text += " Boxes: median and quartiles; whiskers: the last values within 1.5 times the box; dots: those beyond."
	case !intervals:
		text += " Too few executions for confidence intervals."
	case f.Metric == record.TrafficRate:
		text += " Whiskers: 95 % confidence intervals (ratio estimator over executions)."
	case record.Quantiles[f.Metric] > 0:
		text += " Whiskers: 95 % confidence intervals of the quantile (over ten sections)."
	case len(table.Settings(cells)[record.SettingLoad]) > 0:
		text += " Whiskers: 95 % confidence intervals (batch means: over parts of each cell’s time)."
	default:
		text += " Whiskers: 95 % confidence intervals of the mean (Student’s t over executions)."
	}

	t := table.Tally(cells)
	if t.Failed > 0 {
		text += fmt.Sprintf(" %d of %s failed and are left out of the means.",
			t.Failed, table.Count(t.OK+t.Failed, "execution"))
	}
	if t.Cells > t.Complete {
		text += fmt.Sprintf(" %d of %s incomplete.", t.Cells-t.Complete, table.Count(t.Cells, "cell"))
	}
	return text
}
