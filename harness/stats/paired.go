package stats

import (
	"maps"
	"math"
	"slices"
)

// Keyed is a measurement with the name of the workload it was made with.
// Systems that were given the same workloads are compared pair by pair: that
// takes the workloads' own spread, usually the larger part, out of the
// comparison.
type Keyed struct {
	Key   string
	Value float64
}

// Pairs are the measurements of two systems, matched by workload: A[i] and B[i]
// belong together.
type Pairs struct {
	A, B []float64
	// Unpaired counts the workloads that only one of the systems has.
	Unpaired int
}

// Pair matches the measurements of two systems by key, in the order of the
// keys. Several measurements with one key are averaged first, since they are
// no independent pairs.
func Pair(a, b []Keyed) Pairs {
	meansA, meansB := byKey(a), byKey(b)
	var p Pairs
	for _, key := range slices.Sorted(maps.Keys(meansA)) {
		valueB, ok := meansB[key]
		if !ok {
			p.Unpaired++
			continue
		}
		p.A = append(p.A, meansA[key])
		p.B = append(p.B, valueB)
	}
	p.Unpaired += len(meansB) - len(p.B)
	return p
}

func byKey(measurements []Keyed) map[string]float64 {
	sums := make(map[string]float64)
	counts := make(map[string]float64)
	for _, m := range measurements {
		sums[m.Key] += m.Value
		counts[m.Key]++
	}
	for key := range sums {
		sums[key] /= counts[key]
	}
	return sums
}

// Difference returns the mean of B-A over the pairs, with its Student-t
// interval.
func (p Pairs) Difference() Estimate {
	d := make([]float64, len(p.A))
	for i := range d {
		d[i] = p.B[i] - p.A[i]
	}
	return Mean(d)
}

// Ratio returns the geometric mean of B/A over the pairs, with the Student-t
// interval of the mean logarithm: "B takes 1.2 times as long as A on the same
// workload". Ratios of means instead would be ruled by the largest workloads.
// The value is NaN where a measurement is not positive.
func (p Pairs) Ratio() Estimate {
	logs := make([]float64, len(p.A))
	for i := range logs {
		if !(p.A[i] > 0) || !(p.B[i] > 0) {
			return Estimate{N: len(p.A), Value: math.NaN()}
		}
		logs[i] = math.Log(p.B[i] / p.A[i])
	}
	e := Mean(logs)
	e.Value = math.Exp(e.Value)
	if e.Known {
		e.Low, e.High = math.Exp(e.Low), math.Exp(e.High)
	}
	return e
}

// Order says how two systems compare.
type Order int

// Orders of a system A and a system B.
const (
	// Unclear means that the interval of the difference includes zero, or is
	// unknown.
	Unclear Order = iota
	// Less means that A's values are below B's beyond chance.
	Less
	// Greater means that A's values are above B's beyond chance.
	Greater
)

// Order compares A with B by the interval of their mean difference.
func (p Pairs) Order() Order {
	d := p.Difference()
	switch {
	case d.Known && d.Low > 0:
		return Less
	case d.Known && d.High < 0:
		return Greater
	default:
		return Unclear
	}
}

// PAbove returns the one-sided p-value of pairs without a difference: how likely
// B would be as far above A by chance. It is the smaller, doubled, of two
// Student's tests: of the logarithmic ratios, which a change by a factor leaves
// without spread, and of the differences over the mean of A, which a change by an
// addend does. Noise is a relative standard error that all pairs have in common,
// which their spread does not show.
func (p Pairs) PAbove(noise float64) float64 {
	var mean float64
	for _, a := range p.A {
		mean += a / float64(len(p.A))
	}
	logs, differences := make([]float64, len(p.A)), make([]float64, len(p.A))
	for i := range p.A {
		logs[i] = math.Log(p.B[i] / p.A[i]) // NaN for what is not positive: no test
		differences[i] = (p.B[i] - p.A[i]) / mean
	}
	return math.Min(1, 2*math.Min(pAboveZero(logs, noise), pAboveZero(differences, noise)))
}

func pAboveZero(xs []float64, noise float64) float64 {
	e := Mean(xs)
	stdErr := StdDev(xs) / math.Sqrt(float64(len(xs)))
	return LogEstimate{N: e.N, Value: e.Value, StdErr: stdErr, Noise: noise}.PGreater(0)
}
