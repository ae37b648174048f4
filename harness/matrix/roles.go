package matrix

import (
	"slices"

	"edgebed/harness/record"
)

// Roles are the axes' parts in figures and tables.
type Roles struct {
	// Rows are the axes that make the rows of a table, or the panels of a figure,
	// without X.
	Rows []record.Axis
	// X is the abscissa, which varies fastest in a table: one axis or none.
	X []record.Axis
	// Columns is the axis whose values make the columns, or the series: one or none.
	Columns []record.Axis
}

// RolesOf takes the roles from the first figure of lines, or else from the
// first figure; without one, names make the columns and numbers the abscissa.
func RolesOf(r *record.Results) Roles {
	var x, columns string
	if figures := r.Campaign.Figures; len(figures) > 0 {
		i := slices.IndexFunc(figures, isLines)
		x, columns = figures[max(i, 0)].X, figures[max(i, 0)].Series
	} else {
		for _, a := range r.Campaign.Axes {
			levels := Levels(a, r.Cells)
			_, numeric := Numbers(levels)
			switch {
			case numeric && len(levels) > 1 && x == "":
				x = a.Name
			case !numeric:
				columns = a.Name
			}
		}
	}

	var roles Roles
	for _, a := range r.Campaign.Axes {
		switch a.Name {
		case x:
			roles.X = append(roles.X, a)
		case columns:
			roles.Columns = append(roles.Columns, a)
		default:
			roles.Rows = append(roles.Rows, a)
		}
	}
	return roles
}

// Keys are the axes that say what a row of a table is about.
func (r Roles) Keys() []record.Axis { return slices.Concat(r.Rows, r.X) }

// Panels are the points of the panels, in the order of a figure's: the first of
// their axes along the row.
func (r Roles) Panels(cells []record.CellResult) []Point {
	axes := slices.Clone(r.Rows)
	slices.Reverse(axes)
	all := Points(axes, cells)
	for _, p := range all {
		slices.Reverse(p)
	}
	return all
}

// Abscissa is the axis that a curve runs along: that of the first figure of lines,
// or else an axis with a unit and most values; without any it is an axis without a
// name, over which all curves have one point.
func Abscissa(r *record.Results) record.Axis {
	for _, f := range r.Campaign.Figures {
		if a, ok := r.Axis(f.X); ok && isLines(f) {
			return a
		}
	}

	var best record.Axis
	for _, a := range r.Campaign.Axes {
		if a.Unit != "" && len(a.Values) > len(best.Values) {
			best = a
		}
	}
	return best
}

// Series is the axis whose values have a curve each in the first figure of lines;
// empty where there is none.
func Series(r *record.Results) string {
	i := slices.IndexFunc(r.Campaign.Figures, isLines)
	if i < 0 {
		return ""
	}
	return r.Campaign.Figures[i].Series
}

func isLines(f record.Figure) bool { return f.Kind == record.KindLines }
