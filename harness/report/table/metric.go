package table

import (
	"strings"

	"edgebed/harness/matrix"
	"edgebed/harness/record"
)

// remarks says what a reader must know to read a metric's table.
var remarks = map[string]string{
	record.Table1Ratio: "Table 1 counts arguments and states between different hosts;\n" +
		"the wire adds about 7 % of headers and acknowledgements, and connections. Less than 1 is left where\n" +
		"neighbours share a host, where states have no user, and for StateLocal, whose formula is an upper bound.",
}

// Metric is a metric over the whole matrix, with half its interval: a row per point
// of the axes that make the rows and the abscissa, a column per series. Its caption
// is the metric's name, its remark may have several lines.
func Metric(r *record.Results, roles matrix.Roles, metric string) (Table, error) {
	columns := matrix.Points(roles.Columns, r.Cells)
	t := Table{
		Caption: r.Campaign.Label(metric), Remark: remarks[metric],
		Header: Headings(roles.Keys()), Keys: len(roles.Keys()),
	}
	for _, c := range columns {
		if len(c) == 0 {
			t.Header = append(t.Header, r.Campaign.Label(metric))
		} else {
			t.Header = append(t.Header, c[0].ShortName())
		}
	}

	for _, point := range matrix.Points(roles.Keys(), r.Cells) {
		row := point.Texts()
		for _, column := range columns {
			e, err := matrix.Estimate(metric, column.Of(point.Of(r.Cells)))
			if err != nil {
				return Table{}, err
			}
			row = append(row, FormatEstimate(e))
		}
		t.Rows = append(t.Rows, row)
	}
	return t, nil
}

// Headings head the columns of axes.
func Headings(axes []record.Axis) []string {
	var headings []string
	for _, a := range axes {
		headings = append(headings, heading(a))
	}
	return headings
}

func heading(a record.Axis) string { return matrix.Heading(a) }

// levelTexts are the values that occur on an axis.
func levelTexts(a record.Axis, r *record.Results) []string {
	var texts []string
	for _, l := range matrix.Levels(a, r.Cells) {
		texts = append(texts, l.Text())
	}
	return texts
}

// OneLine puts a remark on one line.
func OneLine(remark string) string { return strings.Join(strings.Fields(remark), " ") }
