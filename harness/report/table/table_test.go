package table

import (
	"math"
	"strings"
	"testing"

	"edgebed/harness/matrix"
	"edgebed/harness/record"
	"edgebed/harness/report/reporttest"
	"edgebed/harness/stats"
)

func TestFormat(t *testing.T) {
	for v, want := range map[float64]string{1: "1", 0.05: "0.05", 100: "100", 20000: "20000", 1e6: "1e+06", 1e-4: "0.0001", math.Copysign(0, -1): "0"} {
		if got := FormatNumber(v); got != want {
			t.Errorf("FormatNumber(%v) = %q, want %q", v, got, want)
		}
	}
	for v, want := range map[float64]string{1643.4: "1643", 101.2: "101", 63.44: "63.4", 4.04: "4.04", 0.0763: "0.0763", 0: "0", -0.5: "-0.500"} {
		if got := FormatValue(v); got != want {
			t.Errorf("FormatValue(%v) = %q, want %q", v, got, want)
		}
	}
	for want, e := range map[string]stats.Estimate{
		"–":             {},
		"1.50":          {N: 1, Value: 1.5},
		"1.50 ± 0.25":   {N: 9, Value: 1.5, Interval: stats.Interval{Low: 1.25, High: 1.75, Known: true}},
		"150 ± 0.00100": {N: 9, Value: 150, Interval: stats.Interval{Low: 149.999, High: 150.001, Known: true}},
	} {
		if got := FormatEstimate(e); got != want {
			t.Errorf("FormatEstimate(%+v) = %q, want %q", e, got, want)
		}
	}
}

func TestOrdering(t *testing.T) {
	r := reporttest.Synthesize(reporttest.Full())
	series, _ := r.Axis("model")
	slow := matrix.Point{pick(r, "variant", "artifact"), pick(r, "size", "s3-l6"), pick(r, "argument", "10 kB"), pick(r, "rate", "1 Mb/s")}.Of(r.Cells)
	order, factor := ordering(record.Delay, slow, matrix.Levels(series, r.Cells))
	if order != "StateLocal < PureFaaS < StateProp" || factor != "3.49" {
		t.Errorf("%q, factor %s", order, factor)
	}
	for i := range slow {
		for j := range slow[i].Executions {
			slow[i].Executions[j].DelayNS = int64(1e9 + j)
		}
	}
	if order, factor := ordering(record.Delay, slow, matrix.Levels(series, r.Cells)); strings.Contains(order, "<") || factor != "1.00" {
		t.Errorf("equal delays: %q, factor %s", order, factor)
	}
	if order, _ := ordering(record.Delay, nil, matrix.Levels(series, r.Cells)); order != "–" {
		t.Errorf("no cells: %q", order)
	}
}

func pick(r *record.Results, axis, value string) matrix.Level {
	a, _ := r.Axis(axis)
	return matrix.On(a, value)
}
