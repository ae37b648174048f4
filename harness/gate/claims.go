package gate

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"edgebed/harness/matrix"
	"edgebed/harness/record"
	"edgebed/harness/stats"
)

// Outcome is what the records say of a claim.
type Outcome string

const (
	// Holds: beyond chance at every point that the claim is about.
	Holds Outcome = "holds"
	// Fails: beyond chance, at one point at least.
	Fails Outcome = "fails"
	// Undecided: the records are compatible with both.
	Undecided Outcome = "undecided"
	// NoData: the records have none of the points that the claim is about.
	NoData Outcome = "no data"
)

// maxNeeded bounds the executions that are advised: beyond it the truth lies so
// near the claim's bound that no run will decide.
const maxNeeded = 10000

// Condition is a claim at one point: a ratio of means that must lie between two
// bounds.
type Condition struct {
	// Where is the point, and What the ratio, for instance
	// "state-local / pure-faas".
	Where string `json:"where"`
	What  string `json:"what"`
	// Wanted is the bound in words, for instance "> 1".
	Wanted string `json:"wanted"`
	// Value is the measured ratio, Low and High its 95 % interval; both are 0
	// where one execution is too few for it.
	Value float64 `json:"value"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
	// N is the number of executions of each mean.
	N       int     `json:"n"`
	Outcome Outcome `json:"verdict"`
	// Needed is about how many executions of each mean would decide, 0 where the
	// verdict is clear or none would.
	Needed int `json:"needed,omitempty"`

	least, most float64 // bounds of the logarithm
}

// Judgement is a claim with what the records say of it.
type Judgement struct {
	Claim   record.Claim `json:"claim"`
	Outcome Outcome      `json:"verdict"`
	// Detail says in one line why.
	Detail     string      `json:"detail"`
	Conditions []Condition `json:"conditions"`
	// Missing describes points of the claim that the records do not have.
	Missing []string `json:"missing,omitempty"`
	// MoreExecutions is about how many more executions per point would decide an
	// undecided claim; 0 where that is not known.
	MoreExecutions int `json:"more_executions,omitempty"`
}

// Judge holds claims against the records. A condition counts as held where the
// 95 % interval of its ratio lies within the bounds. Since a claim is refuted by
// any of its points, a point refutes it only by an interval whose level is
// raised for their number (Bonferroni); for a claim that needs to hold at one
// point only, the level of holding is raised instead. Executions of the same workload
// are compared with each other.
func Judge(r *record.Results, claims []record.Claim) []Judgement {
	all := make([]Judgement, 0, len(claims))
	for _, c := range claims {
		all = append(all, judge(r, c))
	}
	return all
}

func judge(r *record.Results, c record.Claim) Judgement {
	j := Judgement{Claim: c, Outcome: NoData}
	b := builder{results: r, claim: c}
	if err := b.build(); err != nil {
		j.Detail = err.Error()
		return j
	}
	j.Missing = b.missing

	strict := 1 - (1-stats.Level)/float64(max(1, len(b.conditions)))
	for _, u := range b.conditions {
		hold, refute := stats.Level, strict
		if c.Any {
			hold, refute = strict, stats.Level
		}
		j.Conditions = append(j.Conditions, u.judge(hold, refute))
	}

	j.conclude()
	return j
}

// unjudged is a condition before its numbers are known.
type unjudged struct {
	Condition
	terms []stats.Term
}

func (u unjudged) judge(hold, refute float64) Condition {
	c := u.Condition
	e := stats.Contrast(u.terms...)
	c.N, c.Outcome = e.N, Undecided
	if math.IsNaN(e.Value) {
		c.Outcome = NoData
		return c
	}

	c.Value = math.Exp(e.Value)
	i := e.Interval(stats.Level)
	if !i.Known {
		return c
	}
	c.Low, c.High = math.Exp(i.Low), math.Exp(i.High)

	inside, outside := e.Interval(hold), e.Interval(refute)
	switch {
	case inside.Low > c.least && inside.High < c.most:
		c.Outcome = Holds
	case outside.High < c.least || outside.Low > c.most:
		c.Outcome = Fails
	default:
		// The interval's width falls with the root of the number of executions.
		distance := math.Min(math.Abs(e.Value-c.least), math.Abs(e.Value-c.most))
		half := inside.Half()
		if e.Value < c.least || e.Value > c.most {
			half = outside.Half()
		}
		if needed := float64(e.N) * (half / distance) * (half / distance); needed < maxNeeded {
			c.Needed = max(int(math.Ceil(needed)), e.N+1)
		}
	}
	return c
}

// conclude makes the claim's verdict from those of its conditions.
func (j *Judgement) conclude() {
	count := map[Outcome]int{}
	for _, c := range j.Conditions {
		count[c.Outcome]++
	}
	total := len(j.Conditions)
	decided := total - count[NoData]
	missing := len(j.Missing) + count[NoData]

	// The point that stands for a verdict is the one nearest to the bound, or
	// for points that fail the farthest beyond it.
	first := func(v Outcome) string {
		var points []Condition
		for _, c := range j.Conditions {
			if c.Outcome == v {
				points = append(points, c)
			}
		}
		return slices.MinFunc(points, bySlack).String()
	}

	switch {
	case decided == 0:
		j.Outcome, j.Detail = NoData, "the records have none of its points"
		return
	case j.Claim.Any && count[Holds] > 0:
		j.Outcome, j.Detail = Holds, fmt.Sprintf("at %d of %d points, such as %s", count[Holds], decided, first(Holds))
	case j.Claim.Any && count[Fails] == decided && missing == 0:
		j.Outcome, j.Detail = Fails, fmt.Sprintf("at none of %d points; %s", decided, first(Fails))
	case !j.Claim.Any && count[Fails] > 0:
		j.Outcome = Fails
		j.Detail = fmt.Sprintf("at %d of %d points, %d hold; %s", count[Fails], decided, count[Holds], first(Fails))
	case !j.Claim.Any && count[Holds] == decided && missing == 0:
		j.Outcome, j.Detail = Holds, fmt.Sprintf("at all %d points; nearest %s", decided, j.nearest())
		if decided == 1 {
			j.Detail = j.Conditions[0].String()
		}
	case count[Undecided] > 0:
		j.Outcome, j.Detail = Undecided, fmt.Sprintf("%d of %d points hold; open %s", count[Holds], decided,
			first(Undecided))
		j.more()
	default:
		j.Outcome, j.Detail = Undecided, fmt.Sprintf("%d of %d points hold", count[Holds], decided)
	}

	if missing > 0 {
		j.Detail += fmt.Sprintf("; %d not in the records", missing)
	}
}

// more says how many more executions would decide: all open points must close
// for a claim about all, one for a claim about any.
func (j *Judgement) more() {
	var needed []int
	for _, c := range j.Conditions {
		if c.Outcome == Undecided {
			if c.Low == 0 {
				j.Detail += "; one execution per point is too few"
				return
			}
			if c.Needed == 0 && !j.Claim.Any {
				if near := c.short(); !strings.Contains(j.Detail, near) {
					j.Detail += "; " + near
				}
				j.Detail += ", too near to call by more executions"
				return
			}
			if c.Needed > 0 {
				needed = append(needed, c.Needed-c.N)
			}
		}
	}

	if len(needed) == 0 {
		return
	}
	j.MoreExecutions = slices.Max(needed)
	if j.Claim.Any {
		j.MoreExecutions = slices.Min(needed)
	}
	executions := "executions"
	if j.MoreExecutions == 1 {
		executions = "execution"
	}
	j.Detail += fmt.Sprintf("; about %d more %s per point would decide", j.MoreExecutions, executions)
}

// nearest is the condition that holds by the least.
func (j *Judgement) nearest() string {
	return slices.MinFunc(j.Conditions, bySlack).String()
}

// bySlack orders conditions by how far inside their bounds they are.
func bySlack(a, b Condition) int {
	slack := func(c Condition) float64 {
		return math.Min(math.Log(c.Value)-c.least, c.most-math.Log(c.Value))
	}
	return cmp.Compare(slack(a), slack(b))
}

// short names the point, the ratio and its value.
func (c Condition) short() string {
	text := c.What
	if c.Where != "" {
		text = c.Where + ": " + text
	}
	if c.Outcome == NoData {
		return text + " not known"
	}
	text += " = " + number(c.Value)
	if c.Low > 0 {
		text += fmt.Sprintf(" [%s, %s]", number(c.Low), number(c.High))
	}
	return text
}

func (c Condition) String() string {
	if c.Outcome == NoData {
		return c.short()
	}
	return c.short() + ", wanted " + c.Wanted
}

// builder turns a claim into conditions.
type builder struct {
	results    *record.Results
	claim      record.Claim
	series     record.Axis         // that Of and Order name values of
	cells      []record.CellResult // those that Where leaves
	conditions []unjudged
	missing    []string
}

func (b *builder) build() error {
	c := b.claim
	if !record.Known(c.Metric) {
		return fmt.Errorf("this edgebed does not know the metric %q", c.Metric)
	}
	along, hasAlong := b.results.Axis(c.Along)
	if c.Along != "" && !hasAlong {
		return fmt.Errorf("the records have no axis %q", c.Along)
	}
	var ok bool
	if b.series, ok = b.results.Axis(c.Series); !ok {
		return fmt.Errorf("the records have no axis %q", c.Series)
	}
	b.keep()

	// The points are over all axes that the claim does not use itself.
	var axes []record.Axis
	for _, a := range b.results.Campaign.Axes {
		if a.Name != c.Series && a.Name != c.Along {
			axes = append(axes, a)
		}
	}

	of := c.Of
	if c.Kind == record.ClaimOrder {
		of = nil
		for i := 1; i < len(c.Order); i++ {
			of = append(of, c.Order[i-1]+" / "+c.Order[i])
		}
	}

	for _, p := range matrix.Points(axes, b.cells) {
		for _, what := range of {
			if err := b.at(p, what, along); err != nil {
				return err
			}
		}
	}
	return nil
}

// keep leaves the cells that the claim's Where names, and notes what it names in
// vain.
func (b *builder) keep() {
	b.cells = b.results.Cells
	for _, axis := range slices.Sorted(maps.Keys(b.claim.Where)) {
		values := b.claim.Where[axis]
		b.cells = slices.DeleteFunc(slices.Clone(b.cells), func(r record.CellResult) bool {
			coord, ok := r.Cell.Coord(axis)
			return !ok || !slices.Contains(values, coord.Value)
		})

		for _, v := range values {
			if !slices.ContainsFunc(b.cells, func(r record.CellResult) bool {
				coord, _ := r.Cell.Coord(axis)
				return coord.Value == v
			}) {
				b.missing = append(b.missing, axis+"="+v)
			}
		}
	}
}

// at adds the conditions of one point for one element of Of.
func (b *builder) at(p matrix.Point, what string, along record.Axis) error {
	c := b.claim
	steps := matrix.Levels(along, p.Of(b.cells))

	// Where the claim names a value that was not run, it says nothing here.
	find := func(value string) int {
		i := slices.IndexFunc(steps, func(s matrix.Level) bool { return s.Value() == value })
		if i < 0 {
			b.missing = append(b.missing, strings.TrimPrefix(p.String()+"/"+c.Along+"="+value, "/"))
		}
		return i
	}

	asked := boundsOf(c)
	within := math.Log(1 + c.Within)
	flat := bounds{-within, within}

	switch c.Kind {
	case record.ClaimOrder:
		b.simple(p, what, above)
	case record.ClaimRatio:
		b.simple(p, what, asked)
	case record.ClaimNear:
		b.simple(p, what, flat)
	case record.ClaimCrossover:
		from, to := find(c.From), find(c.To)
		for i, s := range steps {
			if from >= 0 && i <= from {
				b.simple(p.With(s), what, below)
			}
			if to >= 0 && i >= to {
				b.simple(p.With(s), what, above)
			}
		}
	case record.ClaimRises, record.ClaimFalls:
		for i := 1; i < len(steps); i++ {
			if c.Kind == record.ClaimRises {
				b.step(p, what, steps[i], steps[i-1], above)
			} else {
				b.step(p, what, steps[i], steps[i-1], below)
			}
		}
	case record.ClaimFlat:
		for i := 1; i < len(steps); i++ {
			b.step(p, what, steps[i], steps[0], flat)
		}
	case record.ClaimGrowth:
		if from, to := find(c.From), find(c.To); from >= 0 && to >= 0 {
			b.step(p, what, steps[to], steps[from], asked)
		}
	case record.ClaimHighest:
		if highest := find(c.At); highest >= 0 {
			for i, s := range steps {
				if i != highest {
					b.step(p, what, steps[highest], s, above)
				}
			}
		}
	default:
		return fmt.Errorf("this edgebed does not know claims of kind %q", c.Kind)
	}
	return nil
}

// bounds are what the logarithm of a ratio must lie between.
type bounds struct{ least, most float64 }

// Bounds of what is only to be larger than 1, or smaller.
var (
	above = bounds{0, math.Inf(1)}
	below = bounds{math.Inf(-1), 0}
)

// boundsOf are those of AtLeast and AtMost.
func boundsOf(c record.Claim) bounds {
	b := bounds{math.Inf(-1), math.Inf(1)}
	if c.AtLeast > 0 {
		b.least = math.Log(c.AtLeast)
	}
	if c.AtMost > 0 {
		b.most = math.Log(c.AtMost)
	}
	return b
}

// simple adds the condition that the logarithm of what, a series or a ratio of
// two, lies within the limits at a point.
func (b *builder) simple(p matrix.Point, what string, limits bounds) {
	b.add(p.Short(), what, b.terms(p, what, 1), limits)
}

// step adds the condition on what at one value along the axis over what at
// another.
func (b *builder) step(p matrix.Point, what string, high, low matrix.Level, limits bounds) {
	terms := append(b.terms(p.With(high), what, 1), b.terms(p.With(low), what, -1)...)
	where := fmt.Sprintf("%s over %s", high.Value(), low.Value())
	if len(p) > 0 {
		where = p.Short() + ", " + where
	}
	b.add(where, what, terms, limits)
}

func (b *builder) add(where, what string, terms []stats.Term, limits bounds) {
	b.conditions = append(b.conditions, unjudged{terms: terms, Condition: Condition{
		Where: where, What: what, Wanted: limits.String(), least: limits.least, most: limits.most,
	}})
}

func (b *builder) terms(p matrix.Point, what string, power float64) []stats.Term {
	var terms []stats.Term
	for _, series := range strings.Split(what, " / ") {
		point := p.With(matrix.On(b.series, series))
		terms = append(terms, stats.Term{Power: power, Sample: matrix.Sample(b.claim.Metric, point.Of(b.cells))})
		power = -power
	}
	return terms
}

// String writes the bounds as those of the ratio itself.
func (b bounds) String() string {
	low, high := number(math.Exp(b.least)), number(math.Exp(b.most))
	switch {
	case math.IsInf(b.most, 1):
		return "> " + low
	case math.IsInf(b.least, -1):
		return "< " + high
	}
	return low + " to " + high
}
