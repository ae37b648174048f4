package table

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"edgebed/harness/matrix"
	"edgebed/harness/record"
	"edgebed/harness/stats"
)

// loadMetrics are those of a cell under load that Load lists.
var loadMetrics = []string{
	record.Throughput, record.Concurrency, record.Delay, record.DelayP50, record.DelayP95, record.DelayP99,
}

// Load lists what came of cells under load, a row per point of the matrix; nothing where
// there is no such cell.
func Load(r *record.Results, roles matrix.Roles) ([]Table, error) {
	axes := slices.Concat(roles.Keys(), roles.Columns)
	t := Table{
		Caption: "Under load", Keys: len(axes),
		Remark: "Delays count from when an execution was due. Bytes are the cell’s: nobody can tell whose a frame " +
			"was. Intervals are those of batch means, and of quantiles in sections (docs/load.md).",
		Header: append(Headings(axes), "Clients", "Executions", "Failed", "Most at once"),
	}
	for _, metric := range loadMetrics {
		t.Header = append(t.Header, record.Metrics[metric])
	}

	for _, point := range matrix.Points(axes, r.Cells) {
		cells := point.Of(r.Cells)
		row, ok := loadOf(cells)
		if !ok {
			continue
		}
		for _, metric := range loadMetrics {
			e, err := matrix.Estimate(metric, cells)
			if err != nil {
				return nil, err
			}
			row = append(row, FormatEstimate(e))
		}
		t.Rows = append(t.Rows, append(point.Texts(), row...))
	}

	if len(t.Rows) == 0 {
		return nil, nil
	}
	return slices.Concat([]Table{t}, groupsOf(r, axes), eventsOf(r)), nil
}

// groupsOf lists the executions by group of clients, where there are groups.
func groupsOf(r *record.Results, axes []record.Axis) []Table {
	t := Table{
		Caption: "Under load, by group of clients", Keys: len(axes) + 1,
		Header: append(Headings(axes), "Group", "Executions", "Failed", record.Metrics[record.Delay],
			record.Metrics[record.DelayP95]),
	}

	for _, point := range matrix.Points(axes, r.Cells) {
		delays, failed := map[string][]float64{}, map[string]int{}
		for _, c := range point.Of(r.Cells) {
			for _, e := range c.Executions {
				if e.WarmUp || e.Arrival == nil || e.Arrival.Group == "" {
					continue
				}
				group := e.Arrival.Group
				if !e.OK {
					failed[group]++
					delays[group] = slices.Clip(delays[group]) // so that it has a row
					continue
				}
				delays[group] = append(delays[group], float64(e.DelayNS)/1e9)
			}
		}

		for _, group := range slices.Sorted(maps.Keys(delays)) {
			of := delays[group]
			row := append(point.Texts(), group, fmt.Sprint(len(of)+failed[group]), fmt.Sprint(failed[group]))
			if len(of) == 0 {
				row = append(row, "–", "–")
			} else {
				row = append(row, FormatValue(stats.Mean(of).Value), FormatValue(stats.Quantile(0.95, of)))
			}
			t.Rows = append(t.Rows, row)
		}
	}

	if len(t.Rows) == 0 {
		return nil
	}
	return []Table{t}
}

// loadOf counts what the cells of a point have in common.
func loadOf(cells []record.CellResult) (row []string, ok bool) {
	executions, failed, most := 0, 0, 0
	clients := map[string]bool{}
	failures := map[string]int{}
	for _, c := range cells {
		l, loaded := c.UnderLoad()
		if !loaded {
			continue
		}
		ok = true
		executions += l.Executions
		most = max(most, l.MostConcurrent)
		clients[fmt.Sprint(l.Clients)] = true
		for stage, n := range l.Failures {
			failures[stage] += n
			failed += n
		}
	}

	text := fmt.Sprint(failed)
	var reasons []string
	for _, stage := range slices.Sorted(maps.Keys(failures)) {
		reasons = append(reasons, fmt.Sprintf("%d %s", failures[stage], stage))
	}
	if failed > 0 {
		text += " (" + strings.Join(reasons, ", ") + ")"
	}
	return []string{
		strings.Join(slices.Sorted(maps.Keys(clients)), ", "), fmt.Sprint(executions), text, fmt.Sprint(most),
	}, ok
}

// mostEvents bounds the events that a report lists.
const mostEvents = 100

// eventsOf lists what happened in the cells, with when it took effect.
func eventsOf(r *record.Results) []Table {
	t := Table{Caption: "Events", Header: []string{"Cell", "After", "What"}, Keys: 3,
		Remark: "Times are from when the cell’s clients began until it took effect."}
	more := 0
	for _, c := range r.Cells {
		l, ok := c.UnderLoad()
		if !ok {
			continue
		}
		for _, e := range c.End.Events {
			if len(t.Rows) == mostEvents {
				more++
				continue
			}
			after := e.At.Sub(l.Started).Round(time.Millisecond)
			t.Rows = append(t.Rows, []string{c.Cell.ID, after.String(), e.What})
		}
	}

	if more > 0 {
		t.Rows = append(t.Rows, []string{"", "", fmt.Sprintf("and %d more", more)})
	}
	if len(t.Rows) == 0 {
		return nil
	}
	return []Table{t}
}
