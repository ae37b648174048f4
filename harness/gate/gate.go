// Package gate judges the records of campaigns: whether the claims of a scenario
// hold in them, and whether one result is a regression against another. It needs
// the record files only.
package gate

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"edgebed/harness/record"
	"edgebed/harness/stats"
)

// place is a part of the matrix: a value on each of some axes.
type place []record.Coord

// on returns the value on an axis, and whether there is one.
func (p place) on(axis string) (record.Coord, bool) {
	for _, c := range p {
		if c.Axis == axis {
			return c, true
		}
	}
	return record.Coord{}, false
}

// with returns the place with one more value.
func (p place) with(c record.Coord) place { return append(slices.Clip(p), c) }

// String names the place as cells are named, for instance
// "panel=S=3,L=6/rate=10 Mb/s".
func (p place) String() string {
	parts := make([]string, len(p))
	for i, c := range p {
		parts[i] = c.Axis + "=" + c.Value
	}
	return strings.Join(parts, "/")
}

// short is for tables, where the axes are clear: "S=3,L=6, 10 Mb/s".
func (p place) short() string {
	parts := make([]string, len(p))
	for i, c := range p {
		parts[i] = c.Value
	}
	return strings.Join(parts, ", ")
}

// holds reports whether a cell lies in the place.
func (p place) holds(c record.Cell) bool {
	return !slices.ContainsFunc(p, func(want record.Coord) bool {
		got, ok := c.Coord(want.Axis)
		return !ok || got.Value != want.Value
	})
}

// at returns the cells in a place.
func at(cells []record.CellResult, p place) []record.CellResult {
	var kept []record.CellResult
	for _, c := range cells {
		if p.holds(c.Cell) {
			kept = append(kept, c)
		}
	}
	return kept
}

// levels returns the values that cells have on an axis: in the order of their
// numbers where the axis has a unit, else in the scenario's.
func levels(axis record.Axis, cells []record.CellResult) []record.Coord {
	var found []record.Coord
	for _, c := range cells {
		if coord, ok := c.Cell.Coord(axis.Name); ok && !slices.ContainsFunc(found, func(f record.Coord) bool { return f.Value == coord.Value }) {
			found = append(found, coord)
		}
	}
	slices.SortStableFunc(found, func(a, b record.Coord) int {
		return cmp.Compare(slices.Index(axis.Values, a.Value), slices.Index(axis.Values, b.Value))
	})
	if axis.Unit != "" {
		slices.SortStableFunc(found, func(a, b record.Coord) int { return cmp.Compare(a.Number, b.Number) })
	}
	return found
}

// places returns the combinations of the values that cells have on the axes, the
// last axis varying fastest. Over no axes there is one, the empty place.
func places(axes []record.Axis, cells []record.CellResult) []place {
	if len(cells) == 0 {
		return nil
	}
	if len(axes) == 0 {
		return []place{nil}
	}
	var all []place
	for _, c := range levels(axes[0], cells) {
		for _, rest := range places(axes[1:], at(cells, place{c})) {
			all = append(all, append(place{c}, rest...))
		}
	}
	return all
}

// sample returns the metric of the executions in a place, each with the name of
// its workload: seed, position and workflow, which are the same in every model,
// at every rate and in every run of the scenario.
func sample(metric string, cells []record.CellResult, p place) []stats.Quotient {
	var all []stats.Quotient
	for _, c := range at(cells, p) {
		for _, e := range c.Counted() {
			if num, den, ok := e.Measure(metric); ok {
				all = append(all, stats.Quotient{Key: workload(c.Cell, e), Num: num, Den: den})
			}
		}
	}
	return all
}

func workload(c record.Cell, e record.Execution) string {
	return fmt.Sprintf("%d/%d/%s", c.Seed, e.Index, e.Workload)
}

// number writes a value with three significant digits and no exponent.
func number(v float64) string {
	switch a := max(v, -v); {
	case a >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case a >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	case a >= 1:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
	return strconv.FormatFloat(v, 'f', 3, 64)
}
