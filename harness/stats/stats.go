// Package stats summarises measurements: means, ratios and quantiles with 95 %
// confidence intervals, and paired comparisons of two systems under the same
// workloads. The arithmetic is gonum's.
//
// Samples are taken to be independent. That holds for executions of randomly
// drawn workflows by a client in a closed loop (paper Sec. 6.2), not for
// repeated executions of one workflow.
package stats

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// Level is the confidence level of all intervals.
const Level = 0.95

// Interval is a confidence interval at Level.
type Interval struct {
	Low, High float64
	// Known is false where the sample is too small for an interval; Low and
	// High then mean nothing.
	Known bool
}

// Contains reports whether the interval is known and v lies in it.
func (i Interval) Contains(v float64) bool { return i.Known && i.Low <= v && v <= i.High }

// Half returns half the width of the interval, NaN where it is unknown.
func (i Interval) Half() float64 {
	if !i.Known {
		return math.NaN()
	}
	return (i.High - i.Low) / 2
}

// Estimate is a statistic of a sample, in the unit of its values.
type Estimate struct {
	// N is the size of the sample: of a comparison, the number of pairs.
	N int
	// Value is NaN where the sample is too small for the statistic.
	Value float64
	Interval
}

// Mean returns the mean with its Student-t interval, which is known from two
// samples on. It relies on the mean being nearly normal, which takes more samples
// where the quantity is skewed.
func Mean(xs []float64) Estimate {
	e := Estimate{N: len(xs), Value: math.NaN()}
	if len(xs) == 0 {
		return e
	}
	e.Value = stat.Mean(xs, nil)
	if len(xs) > 1 {
		e.Interval = around(e.Value, stat.StdDev(xs, nil)/math.Sqrt(float64(len(xs))), len(xs)-1)
	}
	return e
}

// around is the Student-t interval of an estimate with the given standard error
// and degrees of freedom.
func around(value, standardError float64, degrees int) Interval {
	t := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: float64(degrees)}.Quantile(0.5 + Level/2)
	return Interval{Low: value - t*standardError, High: value + t*standardError, Known: true}
}

// StdDev returns the sample standard deviation (divisor n-1), NaN below two
// samples. The prototype's scripts print the population's (divisor n).
func StdDev(xs []float64) float64 {
	if len(xs) < 2 {
		return math.NaN()
	}
	return stat.StdDev(xs, nil)
}

// Quantile returns the p-quantile, 0 <= p <= 1, by linear interpolation between
// order statistics (type 7 of Hyndman and Fan, 1996, the default of R and
// NumPy), NaN for an empty sample or another p. The median of an even sample is
// so the middle of the two central values, which none of gonum's kinds gives.
func Quantile(p float64, xs []float64) float64 {
	if len(xs) == 0 || math.IsNaN(p) || p < 0 || p > 1 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(xs))
	at := p * float64(len(sorted)-1)
	i := int(at)
	if i == len(sorted)-1 {
		return sorted[i]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}

// Ratio returns the ratio of the sums of two equally long samples, such as
// bytes over seconds, with the interval of the classical ratio estimator (the
// residuals' variance over the squared mean of the denominator; Cochran,
// Sampling Techniques, ch. 6). The ratio of sums weighs each element by its
// denominator, as a rate over the whole time does; the mean of the ratios would
// not. The value is NaN where the denominators do not sum to a positive number,
// or the lengths differ.
func Ratio(num, den []float64) Estimate {
	n := len(num)
	e := Estimate{N: n, Value: math.NaN()}
	if n == 0 || n != len(den) {
		return e
	}
	mean := stat.Mean(den, nil)
	if !(mean > 0) {
		return e
	}
	e.Value = stat.Mean(num, nil) / mean
	if n < 2 {
		return e
	}
	var squares float64
	for i := range num {
		residual := num[i] - e.Value*den[i]
		squares += residual * residual
	}
	standardError := math.Sqrt(squares/float64(n-1)/float64(n)) / mean
	e.Interval = around(e.Value, standardError, n-1)
	return e
}
