package matrix

import (
	"fmt"
	"slices"

	"edgebed/harness/record"
	"edgebed/harness/stats"
)

// workload names the workload of an execution: seed, position and workflow, which
// are the same in every model, at every rate and in every run of a scenario. It is
// what executions are paired by.
func workload(c record.Cell, e record.Execution) string {
	return fmt.Sprintf("%d/%d/%s", c.Seed, e.Index, e.Workload)
}

// Counted returns the executions that statistics are made of: warm-ups and
// failed executions are left out (record.CellResult.Counted).
func Counted(cells []record.CellResult) []record.Execution {
	var counted []record.Execution
	for _, c := range cells {
		counted = append(counted, c.Counted()...)
	}
	return counted
}

// Sample returns a metric of record.Metrics of each execution that counts and has
// it, with the name of its workload; of a cell under load, also what its executions have
// in common, over parts of its time.
func Sample(metric string, cells []record.CellResult) []stats.Quotient {
	if metric == record.FailedShare {
		return failed(cells)
	}
	var sample []stats.Quotient
	for _, c := range cells {
		for _, e := range c.Counted() {
			if num, den, ok := e.Measure(metric); ok {
				sample = append(sample, stats.Quotient{Key: workload(c.Cell, e), Num: num, Den: den})
			}
		}
		sample = append(sample, sampleOfLoad(metric, c)...)
	}
	return sample
}

// Keyed is Sample with the quotients worked out, in the unit of record.Metrics.
func Keyed(metric string, cells []record.CellResult) []stats.Keyed {
	var sample []stats.Keyed
	for _, q := range Sample(metric, cells) {
		sample = append(sample, stats.Keyed{Key: q.Key, Value: q.Num / q.Den})
	}
	return sample
}

// Values is Keyed without the names of the workloads.
func Values(metric string, cells []record.CellResult) []float64 {
	values := []float64{}
	for _, q := range Sample(metric, cells) {
		values = append(values, q.Num/q.Den)
	}
	return values
}

// Estimate returns a metric of record.Metrics over the cells of one point, all
// seeds pooled, without warm-ups and failed executions, in the unit that
// record.Metrics names.
//
// It is the mean over the executions with its Student-t interval, except for
// some, which are a ratio of sums with the interval of the ratio estimator:
// traffic-rate is the bytes over the cycle times, pauses included, as a counter
// that is polled over a whole cell shows it (paper Fig. 18); table1-ratio is the
// bytes over those of the formula; throughput, concurrency and failed-share are what
// they say over time, and over executions. Under load all are such ratios, with parts of
// a cell as samples. Quantiles have intervals of their own (stats.QuantileEstimate).
func Estimate(metric string, cells []record.CellResult) (stats.Estimate, error) {
	if !record.Known(metric) {
		return stats.Estimate{}, fmt.Errorf("estimate metric %q: unknown", metric)
	}
	if p, ok := record.Quantiles[metric]; ok {
		return quantile(p, cells), nil
	}
	underLoad := loaded(cells)
	if metric == record.Delay && underLoad {
		return delays(cells), nil
	}
	if !underLoad && !slices.Contains(ratios, metric) {
		return stats.Mean(Values(metric, cells)), nil
	}

	var above, below []float64
	for _, q := range Sample(metric, cells) {
		above, below = append(above, q.Num), append(below, q.Den)
	}
	return stats.Ratio(above, below), nil
}

// ratios are the metrics that are always a ratio of sums.
var ratios = []string{
	record.TrafficRate, record.Table1Ratio, record.Throughput, record.Concurrency, record.FailedShare,
}
