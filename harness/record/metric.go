package record

import (
	"cmp"
	"math"
	"regexp"
	"slices"
)

// Names of the metrics, which scenarios write in figures and claims.
const (
	Delay           = "delay"
	TrafficRate     = "traffic-rate"
	TrafficVolume   = "traffic-volume"
	TrunkVolume     = "trunk-volume"
	Table1Ratio     = "table1-ratio"
	Retransmissions = "retransmissions"

	DelayP50    = "delay-p50"
	DelayP95    = "delay-p95"
	DelayP99    = "delay-p99"
	Throughput  = "throughput"
	Concurrency = "concurrency"
	FailedShare = "failed-share"
)

// Quantiles says which quantile of the delay a metric is, of those that are one.
var Quantiles = map[string]float64{DelayP50: 0.5, DelayP95: 0.95, DelayP99: 0.99}

// Metrics that a figure can show, with the label of their axis.
var Metrics = map[string]string{
	Delay:           "Mean delay (s)",
	TrafficRate:     "Network traffic (Mb/s)",
	TrafficVolume:   "Network traffic per execution (kB)",
	TrunkVolume:     "Switch-to-switch traffic per execution (kB)",
	Table1Ratio:     "Bytes delivered to hosts / paper's Table 1",
	Retransmissions: "Retransmitted segments per execution",
	DelayP50:        "Median delay (s)",
	DelayP95:        "95th percentile of delay (s)",
	DelayP99:        "99th percentile of delay (s)",
	Throughput:      "Executions per second",
	Concurrency:     "Executions under way",
	FailedShare:     "Failed executions (%)",
}

// Names of what is sampled of cells under load; timelines show it.
const (
	PortRate        = "port-rate"
	PortQueue       = "port-queue"
	ComputerRunning = "computer-running"
	ComputerWaiting = "computer-waiting"
)

// Sampled are the metrics that only a timeline can show, with the label of their axis.
var Sampled = map[string]string{
	PortRate:        "Sent by ports (Mb/s)",
	PortQueue:       "Waiting in ports’ queues (kB)",
	ComputerRunning: "Calls running on computers",
	ComputerWaiting: "Calls waiting at computers",
}

// Measure returns the metric of one execution as a numerator and a denominator:
// a point's value is the sum of the numerators over that of the denominators, in
// the unit that Metrics names. The denominator is 1 for plain means. Two metrics
// are ratios of sums: traffic-rate is the bits over the cycle times, pauses
// included, as a counter that is polled over a whole cell shows it (paper
// Fig. 18); table1-ratio is the bytes over those of the formula. So are throughput
// and concurrency of a client that runs alone: one execution, and its delay, over its
// cycle time. ok is false where the execution does not have the metric: in a cell under
// load it has its delay, and Load the rest.
func (e Execution) Measure(metric string) (numerator, denominator float64, ok bool) {
	if e.Arrival != nil && metric != Delay {
		return math.NaN(), math.NaN(), false
	}

	switch metric {
	case Delay:
		return float64(e.DelayNS) / 1e9, 1, true
	case Throughput:
		return 1, float64(e.CycleNS) / 1e9, e.CycleNS > 0
	case Concurrency:
		return float64(e.DelayNS), float64(e.CycleNS), e.CycleNS > 0
	case TrafficRate:
		return float64(e.SwitchBytes) * 8 / 1e6, float64(e.CycleNS) / 1e9, e.CycleNS > 0
	case TrafficVolume:
		return float64(e.SwitchBytes) / 1000, 1, true
	case TrunkVolume:
		return float64(e.TrunkBytes) / 1000, 1, true
	case Table1Ratio:
		return float64(e.DeliveredBytes()), float64(e.Table1Bytes), e.Table1Bytes > 0
	case Retransmissions:
		return float64(e.Retransmissions), 1, true
	}

	if value, ok := e.Quantities[metric]; ok {
		return value, 1, true
	}
	return math.NaN(), math.NaN(), false
}

// Counted returns the cell's executions that statistics are made of: warm-ups
// and failed executions are left out. A failed execution has no delay, and what
// it sent before it failed is no measure of the model.
func (c CellResult) Counted() []Execution {
	var counted []Execution
	for _, e := range c.Executions {
		if !e.WarmUp && e.OK {
			counted = append(counted, e)
		}
	}
	return counted
}

// quantityName is a metric that a program of others measures: PROGRAM.NAME.
var quantityName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{0,63}\.[A-Za-z][A-Za-z0-9_-]{0,63}$`)

// Known reports whether a metric is one of Metrics or may be a quantity that a program
// measures.
func Known(metric string) bool {
	_, ok := Metrics[metric]
	return ok || quantityName.MatchString(metric)
}

// Label returns the label of a metric's axis.
func (c Campaign) Label(metric string) string {
	if label, ok := Metrics[metric]; ok {
		return label
	}
	return cmp.Or(c.Quantities[metric], metric)
}

// Metrics returns the metrics that figures of the campaign can show, sorted.
func (c Campaign) Metrics() []string {
	return slices.Sorted(func(yield func(string) bool) {
		for _, names := range []map[string]string{Metrics, c.Quantities} {
			for name := range names {
				if !yield(name) {
					return
				}
			}
		}
	})
}
