package matrix

import (
	"cmp"
	"slices"
	"strconv"

	"edgebed/harness/record"
)

// Level is a value that occurs on an axis.
type Level struct {
	Axis  record.Axis
	Coord record.Coord
}

// On returns the level of an axis that scenarios write as value.
func On(axis record.Axis, value string) Level {
	return Level{axis, record.Coord{Axis: axis.Name, Value: value}}
}

// Value is the level as scenarios write it, for instance "10 Mb/s".
func (l Level) Value() string { return l.Coord.Value }

// Text is the value alone, for legends and tick labels: its label, or the value
// with the axis's unit.
func (l Level) Text() string {
	if l.Coord.Label != "" {
		return l.Coord.Label
	}
	if _, err := strconv.ParseFloat(l.Coord.Value, 64); err == nil && l.Axis.Unit != "" {
		return l.Coord.Value + " " + l.Axis.Unit
	}
	return l.Coord.Value
}

// Name is the value with what it is a value of, for titles: "A = 10 kB",
// "variant: text". A label speaks for itself.
func (l Level) Name() string {
	if l.Coord.Label != "" {
		return l.Coord.Label
	}
	text := l.Text()
	if text != "" && text[0] >= '0' && text[0] <= '9' {
		return Heading(l.Axis) + " = " + text
	}
	return Heading(l.Axis) + ": " + text
}

// ShortName is Text for names and Name for numbers, which say little alone.
func (l Level) ShortName() string {
	if _, isNumber := l.Number(); isNumber {
		return l.Name()
	}
	return l.Text()
}

// Number returns the value in the axis's unit; false where values are names.
func (l Level) Number() (float64, bool) {
	if l.Axis.Unit != "" {
		return l.Coord.Number, true
	}
	v, err := strconv.ParseFloat(l.Coord.Value, 64)
	return v, err == nil
}

// Numbers returns the numbers of levels; false where one is a name.
func Numbers(levels []Level) ([]float64, bool) {
	numbers := make([]float64, len(levels))
	for i, l := range levels {
		v, ok := l.Number()
		if !ok {
			return nil, false
		}
		numbers[i] = v
	}
	return numbers, true
}

// Levels returns the values that cells have on an axis, each once: numbers by
// size, whether the axis has a unit or not, and names in the scenario's order.
func Levels(axis record.Axis, cells []record.CellResult) []Level {
	var levels []Level
	seen := make(map[string]bool)
	for _, c := range cells {
		if coord, ok := c.Cell.Coord(axis.Name); ok && !seen[coord.Value] {
			seen[coord.Value] = true
			levels = append(levels, Level{axis, coord})
		}
	}

	rank := func(l Level) int {
		if i := slices.Index(axis.Values, l.Coord.Value); i >= 0 {
			return i
		}
		return len(axis.Values) // a value that the scenario no longer has comes last
	}
	slices.SortStableFunc(levels, func(a, b Level) int { return cmp.Compare(rank(a), rank(b)) })

	if _, ok := Numbers(levels); ok {
		slices.SortStableFunc(levels, func(a, b Level) int {
			x, _ := a.Number()
			y, _ := b.Number()
			return cmp.Compare(x, y)
		})
	}
	return levels
}

// Heading heads a column whose values carry their unit: the axis's label, or its
// name.
func Heading(a record.Axis) string { return cmp.Or(a.Label, a.Name) }

// Title is the text along an axis of a figure: label and unit.
func Title(a record.Axis) string {
	if a.Unit == "" {
		return Heading(a)
	}
	return Heading(a) + " (" + a.Unit + ")"
}
