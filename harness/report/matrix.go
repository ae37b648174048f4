package report

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"edgebed/harness/record"
)

// level is a value that occurs on an axis.
type level struct {
	axis  record.Axis
	coord record.Coord
}

// text is the value alone, for legends and tick labels: its label, or the value
// with the axis's unit.
func (l level) text() string {
	if l.coord.Label != "" {
		return l.coord.Label
	}
	if _, err := strconv.ParseFloat(l.coord.Value, 64); err == nil && l.axis.Unit != "" {
		return l.coord.Value + " " + l.axis.Unit
	}
	return l.coord.Value
}

// name is the value with what it is a value of, for titles: "A = 10 kB",
// "variant: text". A label speaks for itself.
func (l level) name() string {
	if l.coord.Label != "" {
		return l.coord.Label
	}
	label := cmp.Or(l.axis.Label, l.axis.Name)
	if text := l.text(); text != "" && text[0] >= '0' && text[0] <= '9' {
		return label + " = " + text
	}
	return label + ": " + l.text()
}

// shortName is text for names and name for numbers, which say little alone.
func (l level) shortName() string {
	if _, isNumber := number(l); isNumber {
		return l.name()
	}
	return l.text()
}

// number returns the value in the axis's unit; false where values are names.
func number(l level) (float64, bool) {
	if l.axis.Unit != "" {
		return l.coord.Number, true
	}
	v, err := strconv.ParseFloat(l.coord.Value, 64)
	return v, err == nil
}

// numbers returns the numbers of an axis's levels; false where one has none.
func numbers(levels []level) ([]float64, bool) {
	values := make([]float64, len(levels))
	for i, l := range levels {
		v, ok := number(l)
		if !ok {
			return nil, false
		}
		values[i] = v
	}
	return values, true
}

// axisTitle is the text along an axis of a figure: label and unit.
func axisTitle(a record.Axis) string {
	title := cmp.Or(a.Label, a.Name)
	if a.Unit == "" {
		return title
	}
	return title + " (" + a.Unit + ")"
}

// levelsOf returns the values that cells have on an axis: numbers by size,
// names in the scenario's order.
func levelsOf(axis record.Axis, cells []record.CellResult) []level {
	var levels []level
	seen := make(map[string]bool)
	for _, c := range cells {
		if coord, ok := c.Cell.Coord(axis.Name); ok && !seen[coord.Value] {
			seen[coord.Value] = true
			levels = append(levels, level{axis, coord})
		}
	}
	rank := func(l level) int {
		if i := slices.Index(axis.Values, l.coord.Value); i >= 0 {
			return i
		}
		return len(axis.Values)
	}
	slices.SortStableFunc(levels, func(a, b level) int { return cmp.Compare(rank(a), rank(b)) })
	if _, ok := numbers(levels); ok {
		slices.SortStableFunc(levels, func(a, b level) int {
			x, _ := number(a)
			y, _ := number(b)
			return cmp.Compare(x, y)
		})
	}
	return levels
}

// at returns the cells that have all the given values.
func at(cells []record.CellResult, point ...level) []record.CellResult {
	var kept []record.CellResult
	for _, c := range cells {
		if !slices.ContainsFunc(point, func(l level) bool {
			coord, ok := c.Cell.Coord(l.axis.Name)
			return !ok || coord.Value != l.coord.Value
		}) {
			kept = append(kept, c)
		}
	}
	return kept
}

// combinations returns the combinations of the values that cells have on the
// axes, the last axis varying fastest, without those that no cell has. Over no
// axes there is one, the empty combination.
func combinations(axes []record.Axis, cells []record.CellResult) [][]level {
	if len(cells) == 0 {
		return nil
	}
	if len(axes) == 0 {
		return [][]level{nil}
	}
	var all [][]level
	for _, l := range levelsOf(axes[0], cells) {
		for _, rest := range combinations(axes[1:], at(cells, l)) {
			all = append(all, append([]level{l}, rest...))
		}
	}
	return all
}

// names joins the names of a combination.
func names(point []level, separator string) string {
	texts := make([]string, len(point))
	for i, l := range point {
		texts[i] = l.name()
	}
	return strings.Join(texts, separator)
}

// slug makes a file name's part of a value.
func slug(text string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(text) {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '.' && b.Len() > 0:
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	return cmp.Or(strings.TrimRight(b.String(), "-."), "other")
}
