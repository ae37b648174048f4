package table

import (
	"fmt"
	"strings"

	"edgebed/harness/record"
	"edgebed/harness/report/reasons"
)

// mostGroups bounds the reasons that a report lists.
const mostGroups = 20

// ellipsis says how to read reasons.
const ellipsis = "An ellipsis stands for numbers and addresses in which reasons differ. "

// Failures lists why executions failed, the most frequent reason first, with the first
// examples; warm-ups are not in it.
func Failures(cells []record.CellResult) Table {
	var groups reasons.Groups
	for _, c := range cells {
		for _, e := range c.Executions {
			if !e.OK && !e.WarmUp {
				groups.Add(OrUnknown(e.Reason), reasons.Example{Cell: c.Cell.ID, Execution: e.Index})
			}
		}
	}

	t := Table{
		Caption: "Why executions failed", Header: []string{"Reason", "First", "Executions", "Cells"}, Keys: 2,
		Remark: ellipsis + "Every failed execution has its line in executions.csv (columns ok and reason) " +
			"and in records.jsonl.",
	}
	t.Rows, t.Remark = grouped(&groups, t.Remark, func(g *reasons.Group) []string {
		var first []string
		for _, e := range g.First {
			first = append(first, fmt.Sprintf("%s, execution %d", OrUnknown(e.Cell), e.Execution))
		}
		return []string{
			g.Reason, strings.Join(first, "; "), fmt.Sprint(g.Count), fmt.Sprint(g.Cells),
		}
	})
	return t
}

// Incomplete lists why cells were not made to their end, the most frequent reason first.
func Incomplete(cells []record.CellResult) Table {
	var groups reasons.Groups
	for _, c := range cells {
		switch {
		case c.End == nil:
			reason := "interrupted after " + Count(len(c.Executions), "execution")
			groups.Add(reason, reasons.Example{Cell: c.Cell.ID})
		case !c.End.OK:
			groups.Add(OrUnknown(c.End.Reason), reasons.Example{Cell: c.Cell.ID})
		}
	}

	t := Table{
		Caption: "Cells that are not complete", Header: []string{"Reason", "First", "Cells"}, Keys: 2,
		Remark: ellipsis + "To make what is missing, run again with --resume.",
	}
	t.Rows, t.Remark = grouped(&groups, t.Remark, func(g *reasons.Group) []string {
		var first []string
		for _, e := range g.First {
			first = append(first, OrUnknown(e.Cell))
		}
		return []string{g.Reason, strings.Join(first, "; "), fmt.Sprint(g.Count)}
	})
	return t
}

// grouped makes a row of each group, up to mostGroups, and says in the remark how many
// there are beyond.
func grouped(groups *reasons.Groups, remark string, row func(*reasons.Group) []string) ([][]string, string) {
	all := groups.List()
	if more := len(all) - mostGroups; more > 0 {
		all = all[:mostGroups]
		remark = fmt.Sprintf("%s of less frequent kinds are left out. %s", Count(more, "reason"), remark)
	}

	var rows [][]string
	for _, g := range all {
		rows = append(rows, row(g))
	}
	return rows, remark
}
