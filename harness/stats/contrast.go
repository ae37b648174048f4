package stats

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// Quotient is a measurement whose mean over executions is the sum of the
// numerators over the sum of the denominators; a plain mean has denominators of
// 1. Key names the workload that it was made with.
type Quotient struct {
	Key      string
	Num, Den float64
}

// Term is a system's measurements with the power to which their mean enters a
// Contrast.
type Term struct {
	Power  float64
	Sample []Quotient
}

// LogEstimate is the logarithm of a product of powers of means.
type LogEstimate struct {
	// N is the size of the smallest sample.
	N int
	// Value is NaN where a sample is empty or its mean is not positive.
	Value float64
	// StdErr is NaN below two measurements a sample.
	StdErr float64
	// Noise is a further standard error that is known beforehand: of what moves
	// all of a sample's measurements alike, so that their spread does not show it.
	Noise float64
}

// Contrast returns the logarithm of the product of the terms' means to their
// powers: log(b/a) for the powers 1 and -1, and the logarithm of a ratio of
// ratios for four terms.
//
// Its standard error is by linearisation, clustered by key: measurements of the
// same workload are taken as dependent, others as independent. So terms with the
// same workloads are compared pair by pair, those with different ones as
// independent samples, and mixtures of both correctly.
func Contrast(terms ...Term) LogEstimate {
	e := LogEstimate{N: math.MaxInt, StdErr: math.NaN()}
	influence := make(map[string]float64)

	for _, t := range terms {
		n := float64(len(t.Sample))
		e.N = min(e.N, len(t.Sample))

		var num, den float64
		for _, q := range t.Sample {
			num += q.Num / n
			den += q.Den / n
		}
		if !(num > 0) || !(den > 0) {
			return LogEstimate{Value: math.NaN(), StdErr: math.NaN()}
		}
		e.Value += t.Power * math.Log(num/den)

		// Summed by key, so that what paired terms have in common cancels.
		for _, q := range t.Sample {
			influence[q.Key] += t.Power * (q.Num/num - q.Den/den) / n
		}
	}

	if len(terms) == 0 {
		return LogEstimate{Value: math.NaN(), StdErr: math.NaN()}
	}
	if e.N < 2 {
		return e
	}

	var squares float64
	// In the order of the keys, so that the sum is the same in every run.
	for _, key := range slices.Sorted(maps.Keys(influence)) {
		squares += influence[key] * influence[key]
	}
	e.StdErr = math.Sqrt(squares * float64(e.N) / float64(e.N-1))

	return e
}

// Interval returns the two-sided Student-t interval at a level such as 0.95, of
// the logarithm.
func (e LogEstimate) Interval(level float64) Interval {
	if math.IsNaN(e.StdErr) {
		return Interval{}
	}
	half := e.total() * e.student().Quantile(0.5+level/2)
	return Interval{Low: e.Value - half, High: e.Value + half, Known: true}
}

// PGreater returns the p-value of the hypothesis that the logarithm is not
// greater than bound, 1 where nothing can be said.
func (e LogEstimate) PGreater(bound float64) float64 {
	switch d := e.Value - bound; {
	case math.IsNaN(e.Value) || math.IsNaN(e.StdErr):
		return 1
	case e.total() > 0:
		return e.student().Survival(d / e.total())
	case d > 0:
		return 0
	}
	return 1
}

// total is the standard error with the noise.
func (e LogEstimate) total() float64 { return math.Hypot(e.StdErr, e.Noise) }

// student has the degrees of freedom of Welch and Satterthwaite: noise that is
// known beforehand has any number of them.
func (e LogEstimate) student() distuv.StudentsT {
	degrees := float64(e.N - 1)
	if e.StdErr > 0 {
		degrees *= math.Pow(e.total()/e.StdErr, 4)
	}
	return distuv.StudentsT{Mu: 0, Sigma: 1, Nu: math.Min(degrees, 1e6)}
}

// Holm adjusts the p-values of several tests so that rejecting those below a
// level makes any false rejection at most that likely (Holm, 1979).
func Holm(ps []float64) []float64 {
	order := make([]int, len(ps))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(ps[a], ps[b]) })
	adjusted := make([]float64, len(ps))
	largest := 0.0
	for rank, i := range order {
		largest = math.Max(largest, math.Min(1, ps[i]*float64(len(ps)-rank)))
		adjusted[i] = largest
	}
	return adjusted
}
