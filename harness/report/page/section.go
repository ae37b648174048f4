package page

import (
	"html/template"

	"edgebed/harness/matrix"
	"edgebed/harness/record"
	"edgebed/harness/report/figure"
	"edgebed/harness/report/table"
)

// section is a part of the page with images and the tables behind them.
type section struct {
	// Legend is of the images' colours; Markers, where a section has both, of
	// their symbols.
	Legend, Markers []entry
	Panels          []panelView
	// Columns is the number of images that belong in a row, 0 for any.
	Columns int
	Tables  []table.Table
	// Notes explain terms.
	Notes []table.Fact
	// Title and Caption are of a figure.
	Title, Caption string
	// ID is the anchor of a figure.
	ID string
}

// panelView is one image.
type panelView struct {
	Title string
	Image template.HTML
}

// fixed is the index of an entry of a legend that switches nothing.
const fixed = -1

// entry is an entry of a legend.
type entry struct {
	// Index of the series that the entry shows and hides.
	Index  int
	Name   string
	Sample template.HTML
}

// view is a chart as the page shows it.
type view struct{ *figure.Chart }

// section makes a figure of the page.
func (v view) section() section {
	s := section{Title: v.Title, Caption: v.Caption, ID: v.Stem, Tables: []table.Table{v.Table()}}
	switch {
	case v.Kind == record.KindHeatMap:
		s.Legend = v.colors()
	case len(v.Series) > 0:
		s.Legend = v.legend(v.Kind)
	}
	if v.SeriesTitle != "" && v.Kind != record.KindHeatMap {
		for i := range s.Legend {
			s.Legend[i].Name = v.SeriesTitle + " " + s.Legend[i].Name
		}
	}

	for _, p := range v.Panels {
		if p != nil {
			s.Panels = append(s.Panels, panelView{p.Title, v.image(p)})
		}
	}
	if len(v.Panels) > 1 {
		s.Columns = v.Columns
	}
	return s
}

// panelColumns is how many panels make a row, 0 for any number.
func panelColumns(roles matrix.Roles, cells []record.CellResult) int {
	if len(roles.Rows) != 2 {
		return 0
	}
	return len(matrix.Levels(roles.Rows[0], cells))
}

// keyOf is a legend of the axis that makes the series.
func keyOf(roles matrix.Roles, cells []record.CellResult, kind string) []entry {
	v := view{Chart: &figure.Chart{}}
	for _, s := range matrix.Points(roles.Columns, cells) {
		if len(s) > 0 {
			v.Series = append(v.Series, s[0].ShortName())
		}
	}
	return v.legend(kind)
}
