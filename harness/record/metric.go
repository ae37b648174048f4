package record

import (
	"math"
)

// Measure returns the metric of one execution as a numerator and a denominator:
// a point's value is the sum of the numerators over that of the denominators, in
// the unit that Metrics names. The denominator is 1 for plain means. Two metrics
// are ratios of sums: traffic-rate is the bits over the cycle times, pauses
// included, as a counter that is polled over a whole cell shows it (paper
// Fig. 18); table1-ratio is the bytes over those of the formula. ok is false
// where the execution does not have the metric.
func (e Execution) Measure(metric string) (numerator, denominator float64, ok bool) {
	switch metric {
	case "delay":
		return float64(e.DelayNS) / 1e9, 1, true
	case "traffic-rate":
		return float64(e.SwitchBytes) * 8 / 1e6, float64(e.CycleNS) / 1e9, e.CycleNS > 0
	case "traffic-volume":
		return float64(e.SwitchBytes) / 1000, 1, true
	case "trunk-volume":
		return float64(e.TrunkBytes) / 1000, 1, true
	case "table1-ratio":
		return float64(e.DeliveredBytes()), float64(e.Table1Bytes), e.Table1Bytes > 0
	case "retransmissions":
		return float64(e.Retransmissions), 1, true
	}
	return math.NaN(), math.NaN(), false
}

// Counted returns the cell's executions that statistics are made of: warm-ups
// and failed executions are left out. A failed execution has no delay, and what
// it sent before it failed is no measure of the model.
func (c CellResult) Counted() []Execution {
	var kept []Execution
	for _, e := range c.Executions {
		if !e.WarmUp && e.OK {
			kept = append(kept, e)
		}
	}
	return kept
}
