// Package report turns the records of a campaign into figures, tables and a
// text that says what was run. It needs the record file only, so it works on
// any machine and at any later time.
package report

import (
	"fmt"
	"math"

	"edgebed/harness/record"
	"edgebed/harness/stats"
)

// Metrics of record.Metrics that the report treats by name.
const (
	metricDelay           = "delay"
	metricTrafficRate     = "traffic-rate"
	metricTrafficVolume   = "traffic-volume"
	metricTrunkVolume     = "trunk-volume"
	metricTable1Ratio     = "table1-ratio"
	metricRetransmissions = "retransmissions"
)

// counted returns the executions that statistics are made of: warm-ups and
// failed executions are left out. A failed execution has no delay, and what it
// sent before it failed is no measure of the model.
func counted(cells []record.CellResult) []record.Execution {
	var kept []record.Execution
	for _, c := range cells {
		kept = append(kept, c.Counted()...)
	}
	return kept
}

// value returns the metric of one execution in the unit of record.Metrics, NaN
// where the execution does not have it.
func value(metric string, e record.Execution) float64 {
	numerator, denominator, ok := e.Measure(metric)
	if !ok {
		return math.NaN()
	}
	return numerator / denominator
}

// values returns the metric of each execution that has it.
func values(metric string, executions []record.Execution) []float64 {
	kept := make([]float64, 0, len(executions))
	for _, e := range executions {
		if v := value(metric, e); !math.IsNaN(v) {
			kept = append(kept, v)
		}
	}
	return kept
}

// Estimate returns a metric of record.Metrics over the cells of one point, all
// seeds pooled, without warm-ups and failed executions, in the unit that
// record.Metrics names.
//
// It is the mean over the executions with its Student-t interval, except for
// two, which are a ratio of sums with the interval of the ratio estimator:
// traffic-rate is the bytes over the cycle times, pauses included, as a counter
// that is polled over a whole cell shows it (paper Fig. 18); table1-ratio is the
// bytes over those of the formula.
func Estimate(metric string, cells []record.CellResult) (stats.Estimate, error) {
	if _, ok := record.Metrics[metric]; !ok {
		return stats.Estimate{}, fmt.Errorf("estimate metric %q: unknown", metric)
	}
	executions := counted(cells)
	if metric != metricTrafficRate && metric != metricTable1Ratio {
		return stats.Mean(values(metric, executions)), nil
	}
	var above, below []float64
	for _, e := range executions {
		if numerator, denominator, ok := e.Measure(metric); ok {
			above, below = append(above, numerator), append(below, denominator)
		}
	}
	return stats.Ratio(above, below), nil
}

// keyed returns the metric of each execution with what identifies its workload
// over all models and rates: seed, position and name.
func keyed(metric string, cells []record.CellResult) []stats.Keyed {
	var measurements []stats.Keyed
	for _, c := range cells {
		for _, e := range counted([]record.CellResult{c}) {
			if v := value(metric, e); !math.IsNaN(v) {
				key := fmt.Sprintf("%d/%d/%s", c.Cell.Seed, e.Index, e.Workload)
				measurements = append(measurements, stats.Keyed{Key: key, Value: v})
			}
		}
	}
	return measurements
}
