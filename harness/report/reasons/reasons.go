// Package reasons groups why executions and cells failed: hundreds of them that failed
// for one reason, at other addresses or after other times, are one group. Terminals and
// reports show groups; records.jsonl and executions.csv have every one.
package reasons

import (
	"cmp"
	"regexp"
	"slices"
)

// masked is what reasons of one kind differ in: durations, addresses and other numbers,
// and identifiers of hexadecimal digits. In a group's reason it is an ellipsis.
var masked = regexp.MustCompile(
	`(?:[0-9]+(?:\.[0-9]+)?(?:ns|µs|us|ms|s|m|h))+\b|\b[0-9a-f]{8,}\b|[0-9]+(?:[.:@][0-9]+)*`)

// mostExamples is how many examples a group keeps.
const mostExamples = 3

// Group is what failed for one kind of reason.
type Group struct {
	// Reason is that of all, without what they differ in.
	Reason string
	// Count is how many failed, in Cells different cells.
	Count, Cells int
	// First are the first of them.
	First []Example
	// cells are those that were counted.
	cells map[string]bool
}

// Example is one that failed: a cell, or an execution of it.
type Example struct {
	Cell string
	// Execution is its number in the cell.
	Execution int
}

// Groups are all groups. The zero value has none.
type Groups struct{ byMask map[string]*Group }

// Add counts one that failed, and returns its group.
func (g *Groups) Add(reason string, e Example) *Group {
	if g.byMask == nil {
		g.byMask = map[string]*Group{}
	}
	mask := masked.ReplaceAllString(reason, "…")
	group, known := g.byMask[mask]
	if !known {
		group = &Group{Reason: reason, cells: map[string]bool{}}
		g.byMask[mask] = group
	}

	if group.Reason != reason {
		group.Reason = mask
	}
	group.Count++
	if !group.cells[e.Cell] {
		group.cells[e.Cell] = true
		group.Cells++
	}
	if len(group.First) < mostExamples {
		group.First = append(group.First, e)
	}
	return group
}

// List returns the groups, the largest first.
func (g *Groups) List() []*Group {
	var all []*Group
	for _, group := range g.byMask {
		all = append(all, group)
	}
	slices.SortFunc(all, func(a, b *Group) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Reason, b.Reason))
	})
	return all
}
