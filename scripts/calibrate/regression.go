package main

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat/distuv"
)

// level of intervals and of what counts as beyond chance.
const level = 0.95

// Terms of a cost.Model, in the order in which one is preferred where the data do
// not tell two apart. All reference workloads have six functions, so that call
// and client-start are proportional; nodes on plain loopback with a client that
// stays showed no difference a call (docs/fidelity.md), so client-start it is.
const (
	clientStart = iota
	stateMove
	connection
	call
	terms
)

var termNames = [terms]string{"client-start", "state-move", "connection", "call"}

// counts says how often each term is due in one execution.
type counts [terms]float64

// of returns the sum of the products with how often each term is due.
func (c counts) of(n counts) (sum float64) {
	for t := range c {
		sum += c[t] * n[t]
	}

	return sum
}

// bound is how far our mean delay may be off the prototype's at a rate in Mb/s, as a
// share of it, and what a difference counts by: a millisecond more where delays are
// short. The prototype's own repeatability is 1.4 % at 10 and 4 % at 100 Mb/s.
func bound(rate float64) float64 {
	if rate > fast {
		return 0.04
	}
	return 0.02
}

// weigh returns the weights of the observations, whose squares have the mean 1.
func weigh(list []observation) []float64 {
	weights := make([]float64, len(list))
	for i, o := range list {
		weights[i] = 1 / (bound(o.Rate) * o.Theirs)
	}
	floats.Scale(math.Sqrt(float64(len(list)))/floats.Norm(weights, 2), weights)
	return weights
}

// regression is a weighted least-squares fit of the difference of delays, the
// prototype's less ours, on some terms without a constant.
type regression struct {
	terms []int
	// coefficients in s with half the width of their intervals, in the order of
	// terms.
	coefficients, half []float64
	n                  int
	rss                float64
	// aic is Akaike's information criterion, up to a constant.
	aic float64
	// leftOut is the root mean square of the residuals of workloads that were
	// left out of the fit, each in turn.
	leftOut float64
}

// errCollinear means that the data do not tell the terms apart.
var errCollinear = errors.New("the terms are proportional to each other in these workloads")

// regress fits the terms.
func regress(list []observation, terms []int) (*regression, error) {
	n, k := len(list), len(terms)
	if n <= k {
		return nil, fmt.Errorf("%d observations are too few for %d terms", n, k)
	}
	x, y := mat.NewDense(n, k, nil), mat.NewVecDense(n, nil)
	weights := weigh(list)
	for i, o := range list {
		for j, t := range terms {
			x.Set(i, j, weights[i]*o.counts[t])
		}
		y.SetVec(i, weights[i]*(o.Theirs-o.Ours))
	}

	var normal, inverse mat.Dense
	normal.Mul(x.T(), x)
	if err := inverse.Inverse(&normal); err != nil { // singular, or nearly
		return nil, errCollinear
	}
	var projected, beta, fitted, residual mat.VecDense
	projected.MulVec(x.T(), y)
	beta.MulVec(&inverse, &projected)
	fitted.MulVec(x, &beta)
	residual.SubVec(y, &fitted)

	r := &regression{terms: terms, n: n, rss: mat.Dot(&residual, &residual)}
	freedom := float64(n - k)
	t := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: freedom}.Quantile((1 + level) / 2)
	for j := range terms {
		standardError := math.Sqrt(r.rss / freedom * inverse.At(j, j))
		r.coefficients = append(r.coefficients, beta.AtVec(j))
		r.half = append(r.half, t*standardError)
	}
	r.aic = float64(n)*math.Log(r.rss/float64(n)) + 2*float64(k+1)
	return r, nil
}

// predict returns what the fit adds to our delay.
func (r *regression) predict(n counts) (seconds float64) {
	for j, t := range r.terms {
		seconds += r.coefficients[j] * n[t]
	}
	return seconds
}

// coefficient returns that of a term, 0 where the fit does not have it.
func (r *regression) coefficient(term int) float64 {
	if j := slices.Index(r.terms, term); j >= 0 {
		return r.coefficients[j]
	}
	return 0
}

// clear tells whether each term costs something beyond chance.
func (r *regression) clear() bool {
	for j := range r.terms {
		if r.coefficients[j]-r.half[j] <= 0 {
			return false
		}
	}
	return true
}

// crossValidate fits without each workload in turn, at every rate and under every
// model, and returns the list with our delays as such a fit completes them.
func crossValidate(list []observation, terms []int) ([]observation, error) {
	var completed []observation
	for _, held := range workloadsOf(list) {
		without := slices.DeleteFunc(slices.Clone(list), func(o observation) bool { return o.Workload == held })
		r, err := regress(without, terms)
		if err != nil {
			return nil, err
		}
		for _, o := range list {
			if o.Workload == held {
				o.Ours += r.predict(o.counts)
				completed = append(completed, o)
			}
		}
	}
	return completed, nil
}

func workloadsOf(list []observation) []string {
	var names []string
	for _, o := range list {
		if !slices.Contains(names, o.Workload) {
			names = append(names, o.Workload)
		}
	}
	return names
}

// rootMeanSquare of the difference of delays, weighted.
func rootMeanSquare(list []observation) float64 {
	sum := 0.0
	for i, w := range weigh(list) {
		difference := w * (list[i].Theirs - list[i].Ours)
		sum += difference * difference
	}
	return math.Sqrt(sum / float64(len(list)))
}

// candidates fits every set of terms that the data tell apart, the fewest terms
// first and in the order of preference.
func candidates(list []observation) ([]*regression, error) {
	var all []*regression
	for set := 1; set < 1<<terms; set++ {
		var chosen []int
		for t := range terms {
			if set&(1<<t) != 0 {
				chosen = append(chosen, t)
			}
		}

		r, err := regress(list, chosen)
		if errors.Is(err, errCollinear) {
			continue
		}
		if err != nil {
			return nil, err
		}

		completed, err := crossValidate(list, chosen)
		if err != nil {
			return nil, err
		}
		r.leftOut = rootMeanSquare(completed)
		all = append(all, r)
	}

	slices.SortStableFunc(all, func(a, b *regression) int { return cmp.Compare(len(a.terms), len(b.terms)) })
	return all, nil
}

// tolerance is by how much one fit's error on workloads that were left out may
// exceed another's and still count as no worse.
const tolerance = 0.01

// choose returns the fit that predicts workloads best that were left out of it,
// among those whose terms all cost something beyond chance: a term that may as
// well cost nothing stays out. Of fits that are no worse it takes the one with the
// fewest terms, and of these the one whose terms come first.
func choose(all []*regression) (*regression, error) {
	best := math.Inf(1)
	for _, r := range all {
		if r.clear() {
			best = min(best, r.leftOut)
		}
	}
	for _, r := range all { // the fewest terms come first
		if r.clear() && r.leftOut <= best*(1+tolerance) {
			return r, nil
		}
	}
	return nil, errors.New("no term costs anything beyond chance: the prototype's software is no slower than ours")
}

func contains(all, some []int) bool {
	for _, t := range some {
		if !slices.Contains(all, t) {
			return false
		}
	}
	return true
}

// fTest returns the probability that the larger model is better by chance alone.
func fTest(small, large *regression) float64 {
	more, freedom := float64(len(large.terms)-len(small.terms)), float64(large.n-len(large.terms))
	f := (small.rss - large.rss) / more / (large.rss / freedom)
	return 1 - distuv.F{D1: more, D2: freedom}.CDF(max(f, 0))
}
