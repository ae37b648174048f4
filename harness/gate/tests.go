package gate

import (
	"math"
	"slices"

	"edgebed/harness/matrix"
	"edgebed/harness/record"
	"edgebed/harness/stats"
)

// tested is a test with what decides it.
type tested struct {
	Test
	where, metric string
	// effect is the smallest change that matters.
	effect float64
	// worse and better are one-sided p-values.
	worse, better float64
}

// tests makes the tests of a metric: of all curves together, of each series, and
// of each curve.
func (c *Comparison) tests(metric string, curves []*curve, series string) (several, single []*tested) {
	noise := c.Limits.Noise
	all := map[string][]component{} // by group and part
	var groups []string
	for _, cv := range curves {
		points, parts := cv.components(metric, noise)
		for _, part := range append(parts, points...) {
			single = append(single, c.test(cv.point.String(), metric, part))
		}
		group := []string{"all curves"}
		if coord, ok := cv.point.On(series); ok && len(cv.point) > 1 {
			group = append(group, matrix.Point{coord}.String())
		}
		for _, g := range group {
			if !slices.Contains(groups, g) {
				groups = append(groups, g)
			}
			for _, part := range parts {
				all[g+"/"+part.part] = append(all[g+"/"+part.part], part)
			}
		}
	}

	for _, g := range groups {
		for _, part := range []string{wholeCurve, fixedPart, bytePart} {
			if members := all[g+"/"+part]; len(members) > 1 {
				t := c.test(g, metric, together(part, members))
				t.effect /= 2
				several = append(several, t)
			}
		}
	}
	return several, single
}

// test makes one test.
func (c *Comparison) test(where, metric string, part component) *tested {
	e := stats.Contrast(part.terms...)
	e.Noise = math.Sqrt(part.noise)
	t := &tested{where: where, metric: metric, effect: c.Limits.Bytes, worse: 1, better: 1,
		Test: Test{Part: part.part, N: e.N, Explained: 1}}
	if metric == record.Delay {
		t.effect = c.Limits.Delay
		speed := c.Speed
		if speed == 0 {
			speed = unknownSpeed
		}
		t.Explained = 1 + max(speed-1, 0)*part.share
	}
	if math.IsNaN(e.Value) {
		return t
	}

	t.Ratio = math.Exp(e.Value)
	if c.exact {
		t.take(part)
		return t
	}
	if i := e.Interval(stats.Level); i.Known {
		t.Low, t.High = math.Exp(i.Low), math.Exp(i.High)
	}
	if len(part.points) == 1 {
		t.Base, t.New = average(part.points[0].base), average(part.points[0].fresh)
	}

	if slices.ContainsFunc(part.points, func(p pairs) bool { return !p.paired }) {
		t.worse, t.better = e.PGreater(math.Log(t.Explained)), inverse(e).PGreater(0)
		if len(part.points) == 1 {
			t.also(part.points[0].ranks(t.Explained))
		}
		return t
	}

	t.Paired, t.N = true, len(part.paired.A)
	expected := stats.Pairs{A: slices.Clone(part.paired.A), B: part.paired.B}
	for i := range expected.A {
		expected.A[i] *= t.Explained
	}
	t.worse = expected.PAbove(e.Noise)
	t.better = stats.Pairs{A: part.paired.B, B: part.paired.A}.PAbove(e.Noise)

	// The signs of a few pairs have too few patterns to say anything, and without
	// significance before, another test need not be made.
	if len(part.points) > 1 && math.Min(t.worse, t.better) < c.Limits.Alpha {
		t.also(stats.SignFlips(expected))
	}
	return t
}

// take takes every difference for what it is: between results of virtual time no
// test is needed to know that there is one. A fit's parts, of which one point moves
// both apart, add nothing to the points.
func (t *tested) take(part component) {
	t.Explained, t.Low, t.High = 1, t.Ratio, t.Ratio
	t.Paired = !slices.ContainsFunc(part.points, func(p pairs) bool { return !p.paired })
	if len(part.points) == 1 {
		t.Base, t.New = average(part.points[0].base), average(part.points[0].fresh)
	}
	fitted := part.part == fixedPart || part.part == bytePart
	switch {
	case fitted:
	case t.Ratio > 1:
		t.worse = 0
	case t.Ratio < 1:
		t.better = 0
	}
}

// also makes a change significant only where another test finds it, too.
func (t *tested) also(worse, better float64) {
	t.worse, t.better = math.Max(t.worse, worse), math.Max(t.better, better)
}

// ranks compares values that are not paired by their ranks: worse after taking out
// what the machine explains, better with nothing taken out.
func (p pairs) ranks(explained float64) (worse, better float64) {
	values := func(sample []stats.Quotient, factor float64) []float64 {
		all := make([]float64, len(sample))
		for i, q := range sample {
			all[i] = q.Num / q.Den / factor
		}
		return all
	}

	worse, _ = stats.MannWhitney(values(p.base, 1), values(p.fresh, explained))
	_, better = stats.MannWhitney(values(p.base, 1), values(p.fresh, 1))
	return worse, better
}

func inverse(e stats.LogEstimate) stats.LogEstimate {
	e.Value = -e.Value
	return e
}

// conclude adjusts the tests of one metric for their number, gives each its
// verdict, and groups them by curve. Tests of several curves together and those of
// single curves each have half of the probability of a false alarm.
func conclude(groups, single []*tested, limits Limits) []Curve {
	var curves []Curve
	for _, family := range [][]*tested{groups, single} {
		// Holm's adjustment is by family and side.
		worst, best := make([]float64, len(family)), make([]float64, len(family))
		for i, t := range family {
			worst[i], best[i] = t.worse, t.better
		}
		worst, best = stats.Holm(worst), stats.Holm(best)

		for i, t := range family {
			// Two families, two sides.
			t.P = math.Min(1, 4*math.Min(worst[i], best[i]))
			significant := t.P < limits.Alpha
			switch {
			case significant && worst[i] < best[i] && t.Ratio/t.Explained > 1+t.effect:
				t.Change = Regression
			case significant && best[i] < worst[i] && t.Ratio < 1/(1+t.effect):
				t.Change = Improvement
			case t.Explained > 1 && t.Ratio > 1+t.effect && t.Low > 1:
				t.Change = SlowerMachine
			default:
				t.Change = Same
			}

			if n := len(curves); n == 0 || curves[n-1].Where != t.where {
				curves = append(curves, Curve{Where: t.where, Metric: t.metric, Change: Same})
			}
			c := &curves[len(curves)-1]
			c.Tests = append(c.Tests, t.Test)
			c.Change = worse(c.Change, t.Change)
		}
	}
	return curves
}
