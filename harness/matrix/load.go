package matrix

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"edgebed/harness/record"
	"edgebed/harness/stats"
)

// batches is into how many parts of its time a cell under load is divided: executions
// that wait for each other are no independent samples, and means over long enough parts
// nearly are (the method of batch means; Law, Simulation Modeling and Analysis, ch. 9).
const batches = 20

// sampleOfLoad returns a metric of a cell under load that its executions have in common:
// over its time in parts, or of the whole cell where that is all that is counted.
func sampleOfLoad(metric string, c record.CellResult) []stats.Quotient {
	l, ok := c.UnderLoad()
	if !ok {
		return nil
	}
	whole := func(num, den float64) []stats.Quotient {
		if den <= 0 {
			return nil
		}
		return []stats.Quotient{{Key: fmt.Sprintf("%d/cell", c.Cell.Seed), Num: num, Den: den}}
	}

	of := float64(l.Traffic.Executions)
	switch metric {
	case record.TrafficRate:
		return whole(float64(l.Traffic.SwitchBytes)*8/1e6, float64(l.Traffic.ElapsedNS)/1e9)
	case record.TrafficVolume:
		return whole(float64(l.Traffic.SwitchBytes)/1000, of)
	case record.TrunkVolume:
		return whole(float64(l.Traffic.TrunkBytes)/1000, of)
	case record.Retransmissions:
		return whole(float64(l.Traffic.Retransmissions), of)
	case record.Throughput, record.Concurrency:
		return flow(metric, c, l)
	}
	return nil
}

// flow returns throughput or concurrency over the parts of the measured time.
func flow(metric string, c record.CellResult, l *record.Load) []stats.Quotient {
	var spans []record.Span
	for _, e := range c.Executions {
		if e.Arrival != nil {
			spans = append(spans, e.Span())
		}
	}
	each := l.Ended.Sub(l.Began) / batches
	if each <= 0 {
		return nil
	}

	var sample []stats.Quotient
	for k := range batches {
		from := l.Began.Add(time.Duration(k) * each)
		ended, underWay := record.Flow(spans, from, from.Add(each))
		q := stats.Quotient{Key: fmt.Sprintf("%d/part %d", c.Cell.Seed, k), Num: float64(ended), Den: each.Seconds()}
		if metric == record.Concurrency {
			q.Num = underWay.Seconds()
		}
		sample = append(sample, q)
	}
	return sample
}

// failed returns the failed executions, in percent, and all: one by one, or under load in
// parts of a cell.
func failed(cells []record.CellResult) []stats.Quotient {
	var sample []stats.Quotient
	for _, c := range cells {
		measured := slices.DeleteFunc(slices.Clone(c.Executions), func(e record.Execution) bool { return e.WarmUp })
		for _, part := range partsOf(c, inOrder(measured)) {
			q := stats.Quotient{Key: workload(c.Cell, part[0]), Den: float64(len(part))}
			for _, e := range part {
				if !e.OK {
					q.Num += 100
				}
			}
			sample = append(sample, q)
		}
	}
	return sample
}

// inOrder sorts executions by the times at which they were due, where these are known.
func inOrder(list []record.Execution) []record.Execution {
	slices.SortStableFunc(list, func(a, b record.Execution) int {
		if a.Arrival == nil || b.Arrival == nil {
			return 0
		}
		return cmp.Or(a.Arrival.Due.Compare(b.Arrival.Due), cmp.Compare(a.Index, b.Index))
	})
	return list
}

// partsOf divides executions of a cell into what counts as independent samples: each one,
// or under load some in a row.
func partsOf(c record.CellResult, list []record.Execution) [][]record.Execution {
	number := len(list)
	if _, loaded := c.UnderLoad(); loaded {
		number = min(batches, number)
	}
	var parts [][]record.Execution
	for k := range number {
		parts = append(parts, list[k*len(list)/number:(k+1)*len(list)/number])
	}
	return parts
}

// delays estimates the mean delay where some cells are under load: of those, the
// executions of each part of a cell count as one sample.
func delays(cells []record.CellResult) stats.Estimate {
	var num, den []float64
	n := 0
	for _, c := range cells {
		for _, part := range partsOf(c, inOrder(c.Counted())) {
			var sum float64
			for _, e := range part {
				sum += float64(e.DelayNS) / 1e9
			}
			n += len(part)
			num, den = append(num, sum), append(den, float64(len(part)))
		}
	}
	e := stats.Ratio(num, den)
	e.N = n
	return e
}

// quantile estimates a quantile of the delay.
func quantile(p float64, cells []record.CellResult) stats.Estimate {
	var values []float64
	for _, c := range cells {
		for _, e := range inOrder(c.Counted()) {
			values = append(values, float64(e.DelayNS)/1e9)
		}
	}
	return stats.QuantileEstimate(p, values)
}

// loaded reports whether one of the cells is under load.
func loaded(cells []record.CellResult) bool {
	return slices.ContainsFunc(cells, func(c record.CellResult) bool { _, ok := c.UnderLoad(); return ok })
}
