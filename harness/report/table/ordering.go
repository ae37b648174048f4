package table

import (
	"cmp"
	"slices"
	"strconv"

	"edgebed/harness/matrix"
	"edgebed/harness/record"
	"edgebed/harness/stats"
)

// OrderingRemark says how to read orderings.
const OrderingRemark = "From the smallest mean to the largest. " +
	"The sign between two neighbours is < where the 95 % interval of\n" +
	"their difference, paired by workload, excludes zero, else ≈. The factor is the largest mean over the smallest."

// Orderings are the orders of the series at the ends of the abscissa, a table for
// delay and one for traffic; none where there are no two series to put in order.
func Orderings(r *record.Results, roles matrix.Roles) []Table {
	if len(roles.Columns) == 0 || len(matrix.Levels(roles.Columns[0], r.Cells)) < 2 ||
		len(matrix.Counted(r.Cells)) == 0 {
		return nil
	}
	var tables []Table
	for _, metric := range []string{record.Delay, record.TrafficVolume} {
		tables = append(tables, orderings(r, roles, metric))
	}
	return tables
}

func orderings(r *record.Results, roles matrix.Roles, metric string) Table {
	t := Table{Caption: r.Campaign.Label(metric), Keys: len(roles.Keys())}
	t.Header = append(Headings(roles.Keys()), "Order", "Factor")

	for _, point := range matrix.Points(roles.Rows, r.Cells) {
		cells := point.Of(r.Cells)
		ends := matrix.Points(roles.X, cells)
		if len(ends) > 2 {
			ends = []matrix.Point{ends[0], ends[len(ends)-1]}
		}
		for _, end := range ends {
			order, factor := ordering(metric, end.Of(cells), matrix.Levels(roles.Columns[0], cells))
			t.Rows = append(t.Rows, append(point.With(end...).Texts(), order, factor))
		}
	}
	return t
}

// ranked is a series with its mean.
type ranked struct {
	name   string
	mean   float64
	sample []stats.Keyed
}

// ordering compares the levels of the series at one point.
func ordering(metric string, cells []record.CellResult, series []matrix.Level) (order, factor string) {
	var all []ranked
	for _, l := range series {
		own := matrix.Point{l}.Of(cells)
		if mean := stats.Mean(matrix.Values(metric, own)); mean.N > 0 {
			all = append(all, ranked{l.Text(), mean.Value, matrix.Keyed(metric, own)})
		}
	}
	if len(all) == 0 {
		return "–", "–"
	}
	slices.SortStableFunc(all, func(a, b ranked) int { return cmp.Compare(a.mean, b.mean) })

	order = all[0].name
	for i := 1; i < len(all); i++ {
		sign := " ≈ "
		if stats.Pair(all[i-1].sample, all[i].sample).Order() == stats.Less {
			sign = " < "
		}
		order += sign + all[i].name
	}

	factor = "–"
	if smallest := all[0].mean; smallest > 0 {
		factor = strconv.FormatFloat(all[len(all)-1].mean/smallest, 'f', 2, 64)
	}
	return order, factor
}
