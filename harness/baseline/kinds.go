package baseline

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"edgebed/harness/escape"
	"edgebed/harness/gate"
	"edgebed/harness/matrix"
	"edgebed/harness/prototype"
	"edgebed/harness/record"
	"edgebed/harness/report/table"
	"edgebed/harness/stats"
)

// writeResults says of each result what ran where.
func writeResults(b *strings.Builder, results []*record.Results) error {
	t := table.Table{Keys: 5, Header: []string{
		"Result", "Scenario", "Variant", "Network", "Profile",
		"Cells", "Executions", "Failed", "Started", "Commit", "Machine",
	}}
	for _, r := range results {
		c, n := r.Campaign, table.Tally(r.Cells)
		t.Rows = append(t.Rows, []string{
			r.Name, c.Scenario, cmp.Or(c.Variant(), "–"), string(c.On()), c.Profile,
			fmt.Sprint(n.Complete), fmt.Sprint(n.OK), fmt.Sprint(n.Failed),
			c.Started.UTC().Format(time.DateOnly), fmt.Sprintf("%.12s", c.Tool.Commit),
			fmt.Sprintf("%s, %s", table.OrUnknown(c.Machine.CPU), table.Count(c.Machine.Cores, "core")),
		})
	}
	b.WriteByte('\n')
	t.Markdown(b)
	return nil
}

// writePrototype holds the parts of one replay against the prototype's own runs.
func writePrototype(b *strings.Builder, tree string, results []*record.Results) error {
	runs, err := prototype.Read(tree)
	if err != nil {
		return err
	}
	paired, err := prototype.Pair(runs, results...)
	if err != nil {
		return err
	}

	b.WriteByte('\n')
	prototype.WriteReplay(b, string(results[0].Campaign.On()), paired)
	b.WriteByte('\n')
	return nil
}

// writeClaims judges the claims of each result, those of one scenario side by side,
// first how many points hold and then what was measured.
func writeClaims(b *strings.Builder, results []*record.Results) error {
	var checked []gate.Checked
	for _, r := range results {
		if len(r.Campaign.Claims) == 0 {
			return fmt.Errorf("%s has no claims", r.Name)
		}
		c := gate.Check(r, r.Campaign.Claims)
		c.Result = r.Name
		checked = append(checked, c)
	}

	b.WriteByte('\n')
	if err := gate.WriteClaims(b, "markdown", checked...); err != nil {
		return err
	}
	b.WriteByte('\n')
	return nil
}

// writeSideBySide compares the cells of the first result, which ran one at a time,
// with those of each other one, which ran side by side: what that does to the time
// that all took, to the audit's verdicts, and to the means of the cells.
func writeSideBySide(b *strings.Builder, results []*record.Results) error {
	if len(results) < 2 {
		return errors.New("name the result of cells one at a time, and at least one other")
	}

	base := results[0]
	t := table.Table{Header: []string{""}, Keys: 1}
	rows := [][]string{{"time of all cells"}, {"cells that the audit marks"}, {"mean delay of a cell: median change"},
		{"mean delay of a cell: largest changes"}, {"bytes per execution of a cell: largest changes"}}
	for _, r := range results {
		t.Header = append(t.Header, r.Name)
		delays, bytes := changes(base, r, record.Delay), changes(base, r, record.TrafficVolume)
		if len(delays) == 0 {
			return fmt.Errorf("%s and %s have no cell with the same executions", base.Name, r.Name)
		}
		rows[0] = append(rows[0], fmt.Sprintf("%.0f s", took(r).Seconds()))
		rows[1] = append(rows[1], fmt.Sprint(disturbed(r)))
		if r == base {
			for i := 2; i < len(rows); i++ {
				rows[i] = append(rows[i], "")
			}
			continue
		}
		rows[2] = append(rows[2], percent(stats.Quantile(0.5, delays)))
		rows[3] = append(rows[3], percent(slices.Min(delays))+" and "+percent(slices.Max(delays)))
		rows[4] = append(rows[4], percent(slices.Min(bytes))+" and "+percent(slices.Max(bytes)))
	}

	t.Rows = rows
	b.WriteByte('\n')
	t.Markdown(b)
	fmt.Fprintf(b, "Changes are relative to %s, in %s with the same workloads.\n\n",
		escape.Markdown(base.Name), table.Count(len(changes(base, results[1], record.Delay)), "cell"))
	return nil
}

// disturbed counts the cells that the audit marks.
func disturbed(r *record.Results) int {
	n := 0
	for _, c := range r.Cells {
		if c.Disturbed() {
			n++
		}
	}
	return n
}

// changes are the relative changes of each cell's mean over the workloads that both
// results executed in it.
func changes(base, fresh *record.Results, metric string) []float64 {
	cells := map[string]record.CellResult{}
	for _, c := range fresh.Cells {
		cells[c.Cell.ID] = c
	}
	var all []float64
	for _, c := range base.Cells {
		other, ok := cells[c.Cell.ID]
		if !ok {
			continue
		}
		pairs := stats.Pair(matrix.Keyed(metric, []record.CellResult{c}),
			matrix.Keyed(metric, []record.CellResult{other}))
		change := stats.Mean(pairs.B).Value/stats.Mean(pairs.A).Value - 1
		if !math.IsNaN(change) && !math.IsInf(change, 0) {
			all = append(all, change)
		}
	}
	return all
}

// took is the time from the campaign's start to the end of its last cell.
func took(r *record.Results) time.Duration {
	var last time.Time
	for _, c := range r.Cells {
		if c.End != nil && c.End.Ended.After(last) {
			last = c.End.Ended
		}
	}
	return max(last.Sub(r.Campaign.Started), 0)
}

// percent writes a relative change, for instance "+0.4 %".
func percent(change float64) string { return fmt.Sprintf("%+.1f %%", 100*change) }
