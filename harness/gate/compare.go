package gate

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	utest "github.com/aclements/go-moremath/stats"

	"edgebed/harness/record"
	"edgebed/harness/stats"
)

// ErrIncomparable is returned, wrapped, by Compare for results that have nothing
// to compare.
var ErrIncomparable = errors.New("the results cannot be compared")

// Limits say which differences count.
type Limits struct {
	// Delay and Bytes are the smallest relative changes of a curve that matter; of
	// several curves together half of that does. Bytes hardly vary.
	Delay, Bytes float64
	// Noise is the relative standard deviation, between runs, of what one cell's
	// executions have in common beside the links' part of their delay: a machine
	// that is busy with other things slows whole cells.
	Noise float64
	// Alpha bounds the probability that a metric alarms without a cause.
	Alpha float64
}

// DefaultLimits are those of edgebed compare.
var DefaultLimits = Limits{Delay: 0.03, Bytes: 0.005, Noise: 0.02, Alpha: 0.01}

// Change is the verdict of a test.
type Change string

const (
	// Same means no difference, or none that matters.
	Same Change = "same"
	// Regression means worse: slower, more bytes, more failures.
	Regression Change = "regression"
	// Improvement means better.
	Improvement Change = "improvement"
	// Machine means worse, but by no more than the slower machine explains.
	Machine Change = "machine"
)

// unknownSpeed stands for the speed of a machine that was not calibrated.
const unknownSpeed = 1.5

// calibrationError is how far the calibrations of one machine are apart: 13.5 to
// 13.9 us in 12 campaigns on an idle one.
const calibrationError = 0.03

// Parts of a curve, or of several together, that are tested beside its points.
const (
	wholeCurve = "whole curve"
	// fixedPart is what does not depend on the link rate: connections,
	// propagation, service times, CPU. bytePart is what is proportional to the
	// time of a byte on the link.
	fixedPart = "fixed part"
	bytePart  = "part per byte"
)

// Test compares one part of one curve.
type Test struct {
	// Part is "whole curve", "fixed part", "part per byte", or a value on the
	// abscissa.
	Part string `json:"part"`
	// Base and New are the means in the metric's unit; 0 for a whole curve.
	Base float64 `json:"base,omitempty"`
	New  float64 `json:"new,omitempty"`
	// Ratio is New over Base with its 95 % interval.
	Ratio float64 `json:"ratio"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
	// Explained is the ratio that the speeds of the machines explain at most.
	Explained float64 `json:"explained"`
	// P is the p-value of no difference beyond Explained, adjusted for all tests
	// of the metric.
	P float64 `json:"p"`
	// N is the number of pairs, or the smaller number of executions where they
	// are not paired.
	N      int    `json:"n"`
	Paired bool   `json:"paired"`
	Change Change `json:"change"`
}

// Curve is one series in one panel for one metric.
type Curve struct {
	// Where names the panel and the series, for instance
	// "panel=S=3,L=6/argument=10 kB/model=state-local"; "model=state-local" stands
	// for this series in all panels, and "all curves" for themselves.
	Where  string `json:"where"`
	Metric string `json:"metric"`
	Change Change `json:"change"`
	Tests  []Test `json:"tests"`
}

// Side is one of the two results.
type Side struct {
	Name      string  `json:"name"`
	Profile   string  `json:"profile"`
	Commit    string  `json:"commit"`
	CPU       string  `json:"cpu"`
	Cores     int     `json:"cores"`
	Kernel    string  `json:"kernel"`
	Calibrate float64 `json:"calibration_ns,omitempty"`
	Failed    int     `json:"failed_executions"`
	Disturbed int     `json:"disturbed_cells"`
}

// Comparison is the outcome of Compare.
type Comparison struct {
	Scenario string `json:"scenario"`
	Base     Side   `json:"base"`
	New      Side   `json:"new"`
	// Speed is the time of the new machine for fixed work over that of the base
	// machine, 1 where they differ by no more than calibrations of one machine do; 0
	// where it is not known.
	Speed  float64 `json:"speed,omitempty"`
	Limits Limits  `json:"limits"`
	Curves []Curve `json:"curves"`
	// Notes are what a reader must know of the comparison.
	Notes  []string `json:"notes,omitempty"`
	Change Change   `json:"change"`
}

// Compare tests the results of a scenario against a base: the delay and the
// bytes of each curve as a whole and point by point, and the delay's fixed part
// and part per byte where the abscissa is a rate; and the same of all panels and
// of all curves together, which shows what slows them all by little.
//
// Executions of the same workload are compared with each other; those that only
// one side has are left out. A curve's test is a permutation of the signs of its
// pairs' logarithmic ratios, which asks nothing of the delays' distribution; where
// workloads differ, a point has the test of Mann and Whitney. All others, and these
// too, must pass Student's, whose error includes the noise that a whole cell has
// in common (Limits). P-values are adjusted for all tests
// of a metric (Holm). A change counts where it is significant and no smaller
// than the limits.
//
// Delays of cells that the audit calls disturbed are left out: they say nothing of
// the program. Where that leaves nothing, all are compared.
//
// Where the new machine is slower by the campaigns' calibration, the part of a
// delay that is not the links' may be that much longer.
func Compare(base, fresh *record.Results, limits Limits) (*Comparison, error) {
	c := &Comparison{Scenario: base.Campaign.Scenario, Base: side(base), New: side(fresh), Limits: limits, Change: Same}
	if err := c.comparable(base, fresh); err != nil {
		return nil, err
	}
	x := abscissa(base)
	var rows []record.Axis
	for _, a := range base.Campaign.Axes {
		if a.Name != x.Name {
			rows = append(rows, a)
		}
	}
	onlyNew := 0
	curves, points, onlyBase := curvesOf(places(rows, base.Cells), x, base.Cells, fresh.Cells)
	if points == 0 {
		return nil, fmt.Errorf("%w: they have no point with executions in common", ErrIncomparable)
	}
	for _, p := range places(base.Campaign.Axes, fresh.Cells) {
		if len(at(base.Cells, p)) == 0 {
			onlyNew++
		}
	}
	if onlyBase > 0 {
		c.note("%d points of the base are not in the new result", onlyBase)
	}
	if onlyNew > 0 {
		c.note("%d points of the new result are not in the base", onlyNew)
	}
	// Bytes do not depend on when the machine had time.
	undisturbed, left, _ := curvesOf(places(rows, base.Cells), x, calm(base.Cells), calm(fresh.Cells))
	switch {
	case left == 0:
		undisturbed = curves
		c.note("every point has disturbed cells: their delays are compared all the same")
	case left < points:
		c.note("the delays of %d points are not compared: all their cells are disturbed in one of the results", points-left)
	}
	for _, m := range []struct {
		metric string
		curves []*curve
	}{{"delay", undisturbed}, {"traffic-volume", curves}} {
		groups, single := c.tests(m.metric, m.curves, seriesAxis(base))
		c.Curves = append(c.Curves, conclude(groups, single, limits)...)
	}
	for _, cv := range curves {
		if f, ok := cv.failures(); ok {
			c.Curves = append(c.Curves, f)
		}
	}
	for _, curve := range c.Curves {
		c.Change = worse(c.Change, curve.Change)
	}
	return c, nil
}

// curvesOf returns the curves through the places that both sides have points on, and
// the numbers of these points and of those that only the base has.
func curvesOf(list []place, x record.Axis, base, fresh []record.CellResult) (curves []*curve, points, onlyBase int) {
	for _, p := range list {
		cv := &curve{place: p, x: x, base: at(base, p), fresh: at(fresh, p)}
		cv.find()
		points, onlyBase = points+len(cv.steps), onlyBase+cv.missing
		if len(cv.steps) > 0 {
			curves = append(curves, cv)
		}
	}
	return curves, points, onlyBase
}

// calm leaves out the cells that the audit calls disturbed.
func calm(cells []record.CellResult) []record.CellResult {
	return slices.DeleteFunc(slices.Clone(cells), record.CellResult.Disturbed)
}

// worse returns the change that matters more.
func worse(a, b Change) Change {
	for _, change := range []Change{Regression, Machine, Improvement} {
		if a == change || b == change {
			return change
		}
	}
	return Same
}

func (c *Comparison) note(format string, args ...any) {
	c.Notes = append(c.Notes, fmt.Sprintf(format, args...))
}

func side(r *record.Results) Side {
	m := r.Campaign.Machine
	s := Side{Name: r.Name, Profile: r.Campaign.Profile, Commit: r.Campaign.Tool.Commit, CPU: m.CPU, Cores: m.Cores,
		Kernel: m.Kernel, Calibrate: float64(r.Campaign.CalibrationNS)}
	for _, cell := range r.Cells {
		s.Failed += failed(cell)
		if cell.Disturbed() {
			s.Disturbed++
		}
	}
	return s
}

func failed(c record.CellResult) int {
	n := 0
	for _, e := range c.Executions {
		if !e.WarmUp && !e.OK {
			n++
		}
	}
	return n
}

// comparable refuses results of different experiments, and says what differs
// without making them incomparable.
func (c *Comparison) comparable(base, fresh *record.Results) error {
	b, f := base.Campaign, fresh.Campaign
	if b.Scenario != f.Scenario {
		return fmt.Errorf("%w: the base is of scenario %s, the new result of %s", ErrIncomparable, b.Scenario, f.Scenario)
	}
	if !maps.Equal(b.Parameters, f.Parameters) {
		for _, name := range slices.Sorted(maps.Keys(b.Parameters)) {
			if v, ok := f.Parameters[name]; ok && v != b.Parameters[name] {
				return fmt.Errorf("%w: parameter %s is %s in the base and %s in the new result", ErrIncomparable, name, b.Parameters[name], v)
			}
		}
		c.note("the scenario's parameters changed: %v and %v", b.Parameters, f.Parameters)
	}
	if b.ScenarioSHA256 != f.ScenarioSHA256 {
		c.note("what the scenario or its topology says of the results changed since the base ran")
	}
	if x, y := backends(base), backends(fresh); x != y {
		c.note("link delay was made by %s in the base and by %s in the new result", x, y)
	}
	for _, s := range []Side{c.Base, c.New} {
		if s.Disturbed > 0 {
			c.note("the audit found %d disturbed cells in %s", s.Disturbed, s.Name)
		}
	}
	switch {
	case c.Base.Calibrate > 0 && c.New.Calibrate > 0:
		c.Speed = c.New.Calibrate / c.Base.Calibrate
		switch {
		case math.Abs(c.Speed-1) <= calibrationError:
			c.Speed = 1
		case c.Speed > 1:
			c.note("the new machine needs %.2f times the base's time for the same work: what is not the links' part of a delay may be that much longer", c.Speed)
		default:
			c.note("the new machine needs %.2f times the base's time for the same work: it may hide a regression of what is not the links' part of a delay", c.Speed)
		}
	case b.Machine == f.Machine:
		c.Speed = 1
	default:
		c.note("the machines differ and were not both calibrated: the new one is taken to need up to %.1f times the base's time", unknownSpeed)
	}
	return nil
}

func backends(r *record.Results) string {
	found := map[string]bool{}
	for _, c := range r.Cells {
		if v := c.Cell.Settings[record.SettingDelayBackend]; v != "" {
			found[v] = true
		}
	}
	return strings.Join(slices.Sorted(maps.Keys(found)), ", ")
}

// abscissa is the x axis of the first figure of lines, or else an axis with a
// unit and most values; without any it is an axis without a name, over which all
// curves have one point.
func abscissa(r *record.Results) record.Axis {
	for _, f := range r.Campaign.Figures {
		if a, ok := r.Axis(f.X); ok && f.Kind == record.KindLines {
			return a
		}
	}
	var best record.Axis
	for _, a := range r.Campaign.Axes {
		if a.Unit != "" && len(a.Values) > len(best.Values) {
			best = a
		}
	}
	return best
}

// seriesAxis is the axis whose values have a curve each in the first figure of
// lines; empty where there is none.
func seriesAxis(r *record.Results) string {
	for _, f := range r.Campaign.Figures {
		if f.Kind == record.KindLines {
			return f.Series
		}
	}
	return ""
}

// curve is the cells of both sides that lie on one curve.
type curve struct {
	place       place
	x           record.Axis
	base, fresh []record.CellResult
	// steps are the places along the abscissa that both sides have executions at,
	// missing counts those that only the base has.
	steps   []place
	missing int
}

func (cv *curve) find() {
	steps := []place{nil}
	if cv.x.Name != "" {
		steps = nil
		for _, l := range levels(cv.x, cv.base) {
			steps = append(steps, place{l})
		}
	}
	for _, s := range steps {
		if len(sample("delay", cv.base, s)) == 0 {
			continue
		}
		if len(sample("delay", cv.fresh, s)) == 0 {
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
			for _, c := range at(cells, s) {
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
	return Curve{Where: cv.place.String(), Metric: "failed executions", Change: Regression,
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

// together is the geometric mean of components.
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

// tested is a test with what decides it.
type tested struct {
	Test
	where, metric string
	// effect is the smallest change that matters.
	effect float64
	// worse and better are one-sided p-values.
	worse, better float64
}

// pairs are a point's executions of both sides, by workload where they have any
// in common.
type pairs struct {
	base, fresh []stats.Quotient
	paired      bool
}

func (cv *curve) pair(metric string, step place) pairs {
	p := pairs{base: sample(metric, cv.base, step), fresh: sample(metric, cv.fresh, step)}
	base, fresh := keys(p.base), keys(p.fresh)
	common := 0
	for k := range base {
		if fresh[k] {
			common++
		}
	}
	if p.paired = common >= 2 && 2*common >= min(len(base), len(fresh)); p.paired {
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

// average is a sample's stats.
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
	if metric == "delay" {
		f = cv.fit(all)
	}
	// Both sides have the noise.
	variance := 2 * noise * noise
	for i, p := range all {
		c := component{part: cv.steps[i].short(), points: []pairs{p},
			terms: []stats.Term{{Power: 1, Sample: p.fresh}, {Power: -1, Sample: p.base}}}
		if p.paired {
			c.paired = match(p.base, p.fresh)
		}
		if metric == "delay" {
			c.share = f.share(i)
			c.noise = variance * c.share * c.share
		}
		points = append(points, c)
	}
	parts = append(parts, together(wholeCurve, points))
	if len(points) == 1 {
		points = nil
	}
	if f.known {
		fixed, perByte := f.sensitivity()
		for _, part := range []component{{part: fixedPart, share: 1, noise: variance * fixed}, {part: bytePart, noise: variance * perByte}} {
			base, fresh := f.samples(part.part)
			part.terms = []stats.Term{{Power: 1, Sample: fresh}, {Power: -1, Sample: base}}
			part.paired = match(base, fresh)
			parts = append(parts, part)
		}
	}
	return points, parts
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
			single = append(single, c.test(cv.place.String(), metric, part))
		}
		group := []string{"all curves"}
		if coord, ok := cv.place.on(series); ok && len(cv.place) > 1 {
			group = append(group, coord.Axis+"="+coord.Value)
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
	if metric == "delay" {
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
	if i := e.Interval(stats.Level); i.Known {
		t.Low, t.High = math.Exp(i.Low), math.Exp(i.High)
	}
	if len(part.points) == 1 {
		t.Base, t.New = average(part.points[0].base), average(part.points[0].fresh)
	}
	if slices.ContainsFunc(part.points, func(p pairs) bool { return !p.paired }) {
		t.worse, t.better = e.PGreater(math.Log(t.Explained)), inverse(e).PGreater(0)
		if len(part.points) == 1 {
			t.also(mannWhitney(part.points[0], t.Explained))
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
		t.also(signFlips(expected))
	}
	return t
}

// also makes a test pass another one too.
func (t *tested) also(worse, better float64) {
	t.worse, t.better = math.Max(t.worse, worse), math.Max(t.better, better)
}

func inverse(e stats.LogEstimate) stats.LogEstimate {
	e.Value = -e.Value
	return e
}

// flips is how many sign patterns a permutation test draws: enough for the
// smallest p-value that the adjustment for some hundred tests needs.
const flips = 20000

// signFlips returns the one-sided p-values that the second of the pairs are above,
// or below, the first by chance: the share of random sign patterns of their
// logarithmic ratios that give a mean at least as far out. It needs no
// distribution, only that without a difference each value is as likely as its
// opposite.
func signFlips(p stats.Pairs) (above, below float64) {
	var values []float64
	var observed float64
	for i := range p.A {
		if p.A[i] > 0 && p.B[i] > 0 {
			values = append(values, math.Log(p.B[i]/p.A[i]))
			observed += values[len(values)-1]
		}
	}
	rng := rand.New(rand.NewPCG(uint64(len(values)), 0x65646765626564))
	high, low := 1, 1
	for range flips {
		var sum float64
		var bits uint64
		for i, v := range values {
			if i%64 == 0 {
				bits = rng.Uint64()
			}
			if bits&1 == 0 {
				v = -v
			}
			bits >>= 1
			sum += v
		}
		if sum >= observed {
			high++
		}
		if sum <= observed {
			low++
		}
	}
	return float64(high) / (flips + 1), float64(low) / (flips + 1)
}

// mannWhitney returns the one-sided p-values that the new values are greater, or
// smaller, than the base's.
func mannWhitney(p pairs, explained float64) (worse, better float64) {
	values := func(sample []stats.Quotient, factor float64) []float64 {
		all := make([]float64, len(sample))
		for i, q := range sample {
			all[i] = q.Num / q.Den / factor
		}
		return all
	}
	test := func(factor float64, alternative utest.LocationHypothesis) float64 {
		r, err := utest.MannWhitneyUTest(values(p.fresh, factor), values(p.base, 1), alternative)
		if err != nil { // all values are equal, or there are none
			return 1
		}
		return r.P
	}
	return test(explained, utest.LocationGreater), test(1, utest.LocationLess)
}

// conclude adjusts the tests of one metric for their number, gives each its
// verdict, and groups them by curve. Tests of several curves together and those of
// single curves each have half of the probability of a false alarm.
func conclude(groups, single []*tested, limits Limits) []Curve {
	var curves []Curve
	for _, family := range [][]*tested{groups, single} {
		worst, best := make([]float64, len(family)), make([]float64, len(family))
		for i, t := range family {
			worst[i], best[i] = t.worse, t.better
		}
		worst, best = stats.Holm(worst), stats.Holm(best)
		for i, t := range family {
			// Two families, two sides.
			t.P = math.Min(1, 4*math.Min(worst[i], best[i]))
			switch significant := t.P < limits.Alpha; {
			case significant && worst[i] < best[i] && t.Ratio/t.Explained > 1+t.effect:
				t.Change = Regression
			case significant && best[i] < worst[i] && t.Ratio < 1/(1+t.effect):
				t.Change = Improvement
			case t.Explained > 1 && t.Ratio > 1+t.effect && t.Low > 1:
				t.Change = Machine
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
