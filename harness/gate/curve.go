package gate

import (
	"slices"

	"edgebed/harness/matrix"
	"edgebed/harness/record"
	"edgebed/harness/stats"
)

// Parts of a curve, or of several together, that are tested beside its points.
const (
	wholeCurve = "whole curve"
	// fixedPart is what does not depend on the link rate: connections,
	// propagation, service times, CPU. bytePart is what is proportional to the
	// time of a byte on the link.
	fixedPart = "fixed part"
	bytePart  = "part per byte"
)

// curvesOf returns the curves through the places that both sides have points on, and
// the numbers of these points and of those that only the base has.
func curvesOf(
	list []matrix.Point, x record.Axis, base, fresh []record.CellResult,
) (curves []*curve, points, onlyBase int) {
	for _, p := range list {
		cv := &curve{point: p, x: x, base: p.Of(base), fresh: p.Of(fresh)}
		cv.find()
		points, onlyBase = points+len(cv.steps), onlyBase+cv.missing
		if len(cv.steps) > 0 {
			curves = append(curves, cv)
		}
	}
	return curves, points, onlyBase
}

// curve is the cells of both sides that lie on one curve.
type curve struct {
	point       matrix.Point
	x           record.Axis
	base, fresh []record.CellResult
	// steps are the places along the abscissa that both sides have executions at,
	// missing counts those that only the base has.
	steps   []matrix.Point
	missing int
}

func (cv *curve) find() {
	steps := []matrix.Point{nil}
	if cv.x.Name != "" {
		steps = nil
		for _, l := range matrix.Levels(cv.x, cv.base) {
			steps = append(steps, matrix.Point{l})
		}
	}

	for _, s := range steps {
		if len(matrix.Sample(record.Delay, s.Of(cv.base))) == 0 {
			continue
		}
		if len(matrix.Sample(record.Delay, s.Of(cv.fresh))) == 0 {
			cv.missing++
			continue
		}
		cv.steps = append(cv.steps, s)
	}
}

// failures reports executions that fail more often than in the base.
func (cv *curve) failures() (Curve, bool) {
	share := func(cells []record.CellResult) (float64, int) {
		bad, all := 0, 0
		for _, s := range cv.steps {
			for _, c := range s.Of(cells) {
				bad += failed(c)
				all += failed(c) + len(c.Counted())
			}
		}
		return float64(bad) / float64(max(all, 1)), all
	}

	before, _ := share(cv.base)
	now, n := share(cv.fresh)
	if now <= before {
		return Curve{}, false
	}
	return Curve{Where: cv.point.String(), Metric: "failed executions", Change: Regression,
		Tests: []Test{{Part: wholeCurve, Base: before, New: now, N: n, Change: Regression}}}, true
}

// component is what a part of a curve, or of several, adds to a comparison.
type component struct {
	part  string
	terms []stats.Term
	// noise is the variance of the logarithm that cells have in common.
	noise float64
	// share of the delay that is not the links'.
	share float64
	// paired holds each workload's values over the base's mean where workloads
	// match. Without a change, each pair's members could be exchanged.
	paired stats.Pairs
	// points are the executions of the points in it, none for parts of a fit.
	points []pairs
}

// together is the geometric mean of components: a product of means to the power of
// one over their number. Its noise is that of a mean of independent cells.
func together(part string, all []component) component {
	c := component{part: part}
	weight := 1 / float64(len(all))
	for _, one := range all {
		for _, t := range one.terms {
			c.terms = append(c.terms, stats.Term{Power: weight * t.Power, Sample: t.Sample})
		}
		c.noise += weight * weight * one.noise
		c.share += weight * one.share
		c.points = append(c.points, one.points...)
		c.paired.A = append(c.paired.A, one.paired.A...)
		c.paired.B = append(c.paired.B, one.paired.B...)
	}
	return c
}

// match returns the values of the workloads that both samples have, over the
// base's mean.
func match(base, fresh []stats.Quotient) stats.Pairs {
	keyed := func(sample []stats.Quotient) []stats.Keyed {
		var all []stats.Keyed
		for _, q := range sample {
			all = append(all, stats.Keyed{Key: q.Key, Value: q.Num / q.Den})
		}
		return all
	}
	p := stats.Pair(keyed(base), keyed(fresh))
	mean := average(base)
	for i := range p.A {
		p.A[i], p.B[i] = p.A[i]/mean, p.B[i]/mean
	}
	return p
}

// pairs are a point's executions of both sides, by workload where they have any
// in common.
type pairs struct {
	base, fresh []stats.Quotient
	paired      bool
}

func (cv *curve) pair(metric string, step matrix.Point) pairs {
	p := pairs{base: matrix.Sample(metric, step.Of(cv.base)), fresh: matrix.Sample(metric, step.Of(cv.fresh))}
	base, fresh := keys(p.base), keys(p.fresh)
	common := 0
	for k := range base {
		if fresh[k] {
			common++
		}
	}

	p.paired = common >= 2 && 2*common >= min(len(base), len(fresh))
	if p.paired {
		p.base = slices.DeleteFunc(p.base, func(q stats.Quotient) bool { return !fresh[q.Key] })
		p.fresh = slices.DeleteFunc(p.fresh, func(q stats.Quotient) bool { return !base[q.Key] })
		return p
	}

	// The names of workloads that do not match mean nothing.
	for i := range p.fresh {
		p.fresh[i].Key = "new/" + p.fresh[i].Key
	}
	return p
}

func keys(sample []stats.Quotient) map[string]bool {
	set := make(map[string]bool)
	for _, q := range sample {
		set[q.Key] = true
	}
	return set
}

// average is a sample's mean: of ratios, the sum of the numerators over that of the
// denominators.
func average(sample []stats.Quotient) float64 {
	var num, den float64
	for _, q := range sample {
		num, den = num+q.Num, den+q.Den
	}
	return num / den
}

// components takes a curve apart: first its points, then the parts of the whole.
func (cv *curve) components(metric string, noise float64) (points, parts []component) {
	all := make([]pairs, len(cv.steps))
	for i, s := range cv.steps {
		all[i] = cv.pair(metric, s)
	}
	var f fits
	if metric == record.Delay {
		f = cv.fit(all)
	}

	// Both sides have the noise.
	variance := 2 * noise * noise
	for i, p := range all {
		c := component{part: cv.steps[i].Short(), points: []pairs{p},
			terms: []stats.Term{{Power: 1, Sample: p.fresh}, {Power: -1, Sample: p.base}}}
		if p.paired {
			c.paired = match(p.base, p.fresh)
		}
		if metric == record.Delay {
			c.share = f.share(i)
			c.noise = variance * c.share * c.share
		}
		points = append(points, c)
	}

	// A curve of one point is that point.
	parts = append(parts, together(wholeCurve, points))
	if len(points) == 1 {
		points = nil
	}

	if f.known {
		fixed, perByte := f.sensitivity()
		for _, part := range []component{
			{part: fixedPart, share: 1, noise: variance * fixed},
			{part: bytePart, noise: variance * perByte},
		} {
			base, fresh := f.samples(part.part)
			part.terms = []stats.Term{{Power: 1, Sample: fresh}, {Power: -1, Sample: base}}
			part.paired = match(base, fresh)
			parts = append(parts, part)
		}
	}
	return points, parts
}
