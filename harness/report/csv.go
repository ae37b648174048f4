package report

import (
	"encoding/csv"
	"io"
	"math"
	"strconv"

	"edgebed/harness/escape"
	"edgebed/harness/matrix"
	"edgebed/harness/record"
	"edgebed/harness/stats"
)

// summaryCSV writes one row per point of the matrix and metric: the values on
// all axes, the number of executions, the estimate with its interval (empty
// where the sample is too small for one) and the quantiles over executions.
func summaryCSV(w io.Writer, r *record.Results) error {
	out := csv.NewWriter(w)
	var header []string
	for _, a := range r.Campaign.Axes {
		header = append(header, a.Name)
	}
	header = append(header, "metric", "label", "n", "mean", "low", "high", "p50", "p95")
	if err := out.Write(escape.CSVRow(header)); err != nil {
		return err
	}

	for _, point := range matrix.Points(r.Campaign.Axes, r.Cells) {
		cells := point.Of(r.Cells)
		for _, metric := range r.Campaign.Metrics() {
			row, err := summaryRow(r, point, cells, metric)
			if err != nil {
				return err
			}
			if err := out.Write(escape.CSVRow(row)); err != nil {
				return err
			}
		}
	}
	out.Flush()
	return out.Error()
}

func summaryRow(r *record.Results, point matrix.Point, cells []record.CellResult, metric string) ([]string, error) {
	e, err := matrix.Estimate(metric, cells)
	if err != nil {
		return nil, err
	}
	low, high := math.NaN(), math.NaN()
	if e.Known {
		low, high = e.Low, e.High
	}

	var row []string
	for _, l := range point {
		row = append(row, l.Value())
	}
	sample := matrix.Values(metric, cells)
	return append(row, metric, r.Campaign.Label(metric), strconv.Itoa(e.N), exact(e.Value), exact(low), exact(high),
		exact(stats.Quantile(0.5, sample)), exact(stats.Quantile(0.95, sample))), nil
}

// exact writes a number with all its digits, and nothing for one that is not known.
func exact(v float64) string {
	if math.IsNaN(v) {
		return ""
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}
