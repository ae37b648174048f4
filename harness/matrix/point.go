package matrix

import (
	"slices"
	"strings"

	"edgebed/harness/record"
)

// Point is a part of the matrix: a value on each of some axes, on none for the
// whole matrix.
type Point []Level

// On returns the value on an axis, and whether there is one.
func (p Point) On(axis string) (Level, bool) {
	for _, l := range p {
		if l.Axis.Name == axis {
			return l, true
		}
	}
	return Level{}, false
}

// With returns the point with more values.
func (p Point) With(more ...Level) Point { return slices.Concat(p, more) }

// String names the point as cells are named, for instance
// "panel=S=3,L=6/rate=10 Mb/s".
func (p Point) String() string {
	parts := make([]string, len(p))
	for i, l := range p {
		parts[i] = l.Axis.Name + "=" + l.Coord.Value
	}
	return strings.Join(parts, "/")
}

// Short is for tables, where the axes are clear: "S=3,L=6, 10 Mb/s".
func (p Point) Short() string {
	parts := make([]string, len(p))
	for i, l := range p {
		parts[i] = l.Coord.Value
	}
	return strings.Join(parts, ", ")
}

// Texts are the values' texts, one a column of a table.
func (p Point) Texts() []string {
	texts := make([]string, len(p))
	for i, l := range p {
		texts[i] = l.Text()
	}
	return texts
}

// Names joins the values' names.
func (p Point) Names(separator string) string {
	names := make([]string, len(p))
	for i, l := range p {
		names[i] = l.Name()
	}
	return strings.Join(names, separator)
}

// Has reports whether a cell lies in the point.
func (p Point) Has(c record.Cell) bool {
	return !slices.ContainsFunc(p, func(want Level) bool {
		got, ok := c.Coord(want.Axis.Name)
		return !ok || got.Value != want.Coord.Value
	})
}

// Of returns the cells that lie in the point, in their order.
func (p Point) Of(cells []record.CellResult) []record.CellResult {
	var inside []record.CellResult
	for _, c := range cells {
		if p.Has(c.Cell) {
			inside = append(inside, c)
		}
	}
	return inside
}

// Points returns the combinations of the values that cells have on the axes, the
// last axis varying fastest, without those that no cell has. Over no axes there is
// one, the empty point; without cells there is none.
func Points(axes []record.Axis, cells []record.CellResult) []Point {
	if len(cells) == 0 {
		return nil
	}
	if len(axes) == 0 {
		return []Point{nil}
	}

	var all []Point
	for _, l := range Levels(axes[0], cells) {
		for _, rest := range Points(axes[1:], Point{l}.Of(cells)) {
			all = append(all, Point{l}.With(rest...))
		}
	}
	return all
}
