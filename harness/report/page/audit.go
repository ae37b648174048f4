package page

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"edgebed/harness/matrix"
	"edgebed/harness/record"
	"edgebed/harness/report/table"
	"edgebed/harness/stats"
)

// auditView is the section on the audits of cells.
type auditView struct {
	// Short is the result in a few words.
	Short string
	// Exact cells ran on a network in virtual time, which nothing disturbs.
	Faithful, Exact, Disturbed, Unaudited int
	Cells                                 []cellView
	// Measures has the range of each number over the cells, EveryMeasure all of
	// them; nil without any.
	Measures, EveryMeasure *table.Table
}

// cellView is one cell's line.
type cellView struct {
	Point    []string
	Seed     uint64
	Verdict  string
	Findings []string
	measures map[string]float64
	// Executions and the cell's time, processor use and neighbours.
	Executions, Took, Busy, Neighbours string
	Attempts                           int
}

// Name says which cell it is.
func (c cellView) Name() string {
	return table.Joined(append(slices.Clone(c.Point), fmt.Sprintf("seed %d", c.Seed))...)
}

// rank sorts cells: what went wrong comes first.
func (c cellView) rank() int {
	switch c.Verdict {
	case string(record.Disturbed):
		return 0
	case interrupted:
		return 1
	}
	return 2
}

const interrupted = "interrupted"

func auditOf(r *record.Results) auditView {
	var v auditView
	measures := make(map[string][]float64)
	for _, c := range r.Cells {
		line := cellOf(r.Campaign.Axes, c)
		switch {
		case c.End == nil || c.End.Audit == nil:
			v.Unaudited++
		case c.End.Audit.Verdict == record.Faithful:
			v.Faithful++
		case c.End.Audit.Verdict == record.Exact:
			v.Exact++
		default:
			v.Disturbed++
		}
		for name, value := range line.measures {
			measures[name] = append(measures[name], value)
		}
		v.Cells = append(v.Cells, line)
	}
	slices.SortStableFunc(v.Cells, func(a, b cellView) int { return cmp.Compare(a.rank(), b.rank()) })

	switch {
	case v.Faithful+v.Exact+v.Disturbed == 0:
		v.Short = "not audited"
	case v.Disturbed > 0:
		v.Short = fmt.Sprintf("%d of %d disturbed", v.Disturbed, len(r.Cells))
	case v.Exact > 0:
		v.Short = fmt.Sprintf("%d of %d exact", v.Exact, len(r.Cells))
	default:
		v.Short = fmt.Sprintf("%d of %d faithful", v.Faithful, len(r.Cells))
	}
	if len(measures) > 0 {
		v.Measures = ranges(measures)
		v.EveryMeasure = everyMeasure(r, v.Cells, slices.Sorted(maps.Keys(measures)))
	}
	return v
}

// cellOf makes a cell's line.
func cellOf(axes []record.Axis, c record.CellResult) cellView {
	line := cellView{
		Seed: c.Cell.Seed, Verdict: "not audited", Attempts: c.Attempts,
		Executions: fmt.Sprintf("%d of %d", table.Tally([]record.CellResult{c}).OK, c.Cell.Executions),
	}
	for _, a := range axes {
		coord, _ := c.Cell.Coord(a.Name)
		line.Point = append(line.Point, matrix.Level{Axis: a, Coord: coord}.Text())
	}
	if c.End == nil {
		line.Verdict = interrupted
		return line
	}
	line.Took = fmt.Sprintf("%.1f s", c.End.Ended.Sub(c.Cell.Started).Seconds())
	line.Busy = fmt.Sprintf("%.0f %%", 100*c.End.BusyCPU)

	if a := c.End.Audit; a != nil {
		line.Verdict, line.Neighbours, line.measures = string(a.Verdict), fmt.Sprint(a.Neighbours), a.Measures
		for _, f := range a.Findings {
			line.Findings = append(line.Findings, finding(f))
		}
	}
	return line
}

// finding says what an audit found, and the limit that it crossed.
func finding(f record.Finding) string {
	unit := ""
	if f.Unit != "" {
		unit = " " + f.Unit
	}
	return fmt.Sprintf("%s: %s%s, limit %s%s",
		table.Joined(f.Check, f.Where), table.FormatValue(f.Value), unit, table.FormatValue(f.Limit), unit)
}

// ranges is a row per measure with its range over the cells.
func ranges(measures map[string][]float64) *table.Table {
	t := &table.Table{
		Caption: "Range over the cells", Header: []string{"Measure", "Cells", "Minimum", "Median", "Maximum"}, Keys: 1,
	}
	for _, name := range slices.Sorted(maps.Keys(measures)) {
		m := measures[name]
		t.Rows = append(t.Rows, []string{name, fmt.Sprint(len(m)), table.FormatValue(slices.Min(m)),
			table.FormatValue(stats.Quantile(0.5, m)), table.FormatValue(slices.Max(m))})
	}
	return t
}

// everyMeasure is a row per cell that was audited and a column per measure.
func everyMeasure(r *record.Results, cells []cellView, names []string) *table.Table {
	t := &table.Table{Caption: "Measures by cell", Header: append(table.Headings(r.Campaign.Axes), "Seed")}
	t.Keys = len(t.Header)
	t.Header = append(t.Header, names...)
	for _, c := range cells {
		if c.measures == nil {
			continue
		}
		row := append(slices.Clone(c.Point), fmt.Sprint(c.Seed))
		for _, name := range names {
			text := "–"
			if value, ok := c.measures[name]; ok {
				text = table.FormatValue(value)
			}
			row = append(row, text)
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}
