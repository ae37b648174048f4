package stats

import "math"

// sections is into how many parts a sample is divided for the interval of a quantile.
const sections = 10

// QuantileEstimate returns the p-quantile of a sample in the order of time, with an
// interval from the quantiles of ten sections of it (sectioning; Asmussen and Glynn,
// Stochastic Simulation, III.5): neighbours may depend on each other. It is known where
// each section is large enough to have something beyond its quantile.
func QuantileEstimate(p float64, xs []float64) Estimate {
	e := Estimate{N: len(xs), Value: Quantile(p, xs)}
	if math.IsNaN(e.Value) || float64(len(xs))/sections*min(p, 1-p) < 1 {
		return e
	}
	var squares float64
	for k := range sections {
		d := Quantile(p, xs[k*len(xs)/sections:(k+1)*len(xs)/sections]) - e.Value
		squares += d * d
	}
	e.Interval = around(e.Value, math.Sqrt(squares/sections/(sections-1)), sections-1)
	return e
}
