package gate

import (
	"math"
	"slices"
	"strings"
	"testing"

	"edgebed/harness/record"
	"edgebed/harness/stats"
)

// quotients are samples of one by one, keyed by their places.
func quotients(values ...float64) []stats.Quotient {
	var all []stats.Quotient
	for i, v := range values {
		all = append(all, stats.Quotient{Key: string(rune('a' + i)), Num: v, Den: 1})
	}
	return all
}

// TestOnTheBound: a ratio that is its bound neither holds nor fails, and no more executions
// would decide.
func TestOnTheBound(t *testing.T) {
	two := []stats.Term{{Power: 1, Sample: quotients(2, 2, 2)}}
	for _, of := range [][2]float64{{2, math.Inf(1)}, {0, 2}, {2, 3}, {1, 2}} {
		c := unjudged{Condition{least: math.Log(of[0]), most: math.Log(of[1])}, two}.judge(0.95, 0.99)
		if c.Outcome != Undecided || c.Needed != 0 {
			t.Errorf("2 between %v and %v: %s, %d needed", of[0], of[1], c.Outcome, c.Needed)
		}
	}

	// Of 1 and 3 half of the interval is 0.5 x 12.706; the upper bound is log 1.25 away.
	unsure := []stats.Term{{Power: 1, Sample: quotients(1, 3)}}
	c := unjudged{Condition{least: 0, most: math.Log(2.5)}, unsure}.judge(0.95, 0.99)
	if want := int(math.Ceil(2 * math.Pow(0.5*12.7062/math.Log(1.25), 2))); c.Needed != want {
		t.Errorf("%d executions are needed for the nearer, upper bound, want %d", c.Needed, want)
	}
}

// oneAxis are results along a rate in two models, and over no other axis.
func oneAxis() *record.Results {
	r := &record.Results{Campaign: record.Campaign{Axes: []record.Axis{
		{Name: "rate", Unit: "Mb/s", Values: []string{"1 Mb/s", "10 Mb/s", "100 Mb/s"}}, {Name: "model", Values: []string{"a", "b"}},
	}}}
	for i, rate := range r.Campaign.Axes[0].Values {
		for j, model := range r.Campaign.Axes[1].Values {
			c := record.CellResult{Cell: record.Cell{Seed: 1, Point: []record.Coord{
				{Axis: "rate", Value: rate, Number: math.Pow(10, float64(i))}, {Axis: "model", Value: model},
			}}}
			for k := range 4 {
				c.Executions = append(c.Executions, record.Execution{Index: k, OK: true, DelayNS: int64(1e9 * (1 + j) / (1 + i)), CycleNS: 2e9})
			}
			r.Cells = append(r.Cells, c)
		}
	}
	return r
}

// TestFirstStep: what a claim says from one value on, or of growth to one, it says of the
// first value of an axis, too; and where there is no other axis, conditions name none.
func TestFirstStep(t *testing.T) {
	r := oneAxis()
	for name, tc := range map[string]struct {
		claim record.Claim
		want  []string
	}{
		"crossover": {record.Claim{Kind: record.ClaimCrossover, Of: []string{"b / a"}, From: "1 Mb/s", To: "1 Mb/s"},
			[]string{"1 Mb/s: b / a < 1.00", "1 Mb/s: b / a > 1.00", "10 Mb/s: b / a > 1.00", "100 Mb/s: b / a > 1.00"}},
		"growth down": {record.Claim{Kind: record.ClaimGrowth, Of: []string{"a"}, From: "100 Mb/s", To: "1 Mb/s", AtLeast: 2},
			[]string{"1 Mb/s over 100 Mb/s: a > 2.00"}},
		"growth up": {record.Claim{Kind: record.ClaimGrowth, Of: []string{"a"}, From: "1 Mb/s", To: "10 Mb/s", AtMost: 2},
			[]string{"10 Mb/s over 1 Mb/s: a < 2.00"}},
	} {
		tc.claim.Series, tc.claim.Along, tc.claim.Metric = "model", "rate", record.Delay
		var got []string
		for _, c := range Judge(r, []record.Claim{tc.claim})[0].Conditions {
			got = append(got, c.Where+": "+c.What+" "+c.Wanted)
		}
		if !slices.Equal(got, tc.want) {
			t.Errorf("%s asks %q, want %q", name, got, tc.want)
		}
	}
}

// TestChecked: a result is named by its folder, and claims that fail are counted.
func TestChecked(t *testing.T) {
	for name, want := range map[string]string{
		"results/x/records.jsonl": "results/x", "results/x/records.jsonl.gz": "results/x", "records.jsonl": "records.jsonl",
		"results/x/others": "results/x/others", "results/x": "results/x",
	} {
		if got := Check(&record.Results{Name: name}, nil).Result; got != want {
			t.Errorf("records of %s are of the result %s, want %s", name, got, want)
		}
	}
	c := Checked{Claims: []Judgement{{Outcome: Fails}, {Outcome: Holds}, {Outcome: Undecided}, {Outcome: Fails}, {Outcome: NoData}}}
	if got := c.Failed(); got != 2 {
		t.Errorf("%d of two claims failed", got)
	}
}

// TestWhatInWords: an exact change has no interval, and one too little for a digit behind
// the point has one that counts.
func TestWhatInWords(t *testing.T) {
	for want, one := range map[string]Test{
		"+20.0 %":                       {Ratio: 1.2, Low: 1.2, High: 1.2},
		"+20.0 % [+10.0, +30.0]":        {Ratio: 1.2, Low: 1.1, High: 1.3},
		"+0.1 %":                        {Ratio: 1.0006, Low: 1.0006, High: 1.0006},
		"+0.04 %":                       {Ratio: 1.0004, Low: 1.0004, High: 1.0004},
		"-0.03 %":                       {Ratio: 0.9997, Low: 0.9997, High: 0.9997},
		"+0.0 % [-1.0, +1.0]":           {Ratio: 1.0001, Low: 0.99, High: 1.01},
		"-50.0 %, 1.00 instead of 2.00": {Ratio: 0.5, Base: 2, New: 1},
		"25.0 % instead of 0.0 %":       {New: 0.25},
	} {
		if got := (finding{Test: one}).what(); got != want {
			t.Errorf("%+v is %q, want %q", one, got, want)
		}
	}
}

// TestCurveOfOneSide: a curve of which the new result has no point is not compared, and is
// said to be missing.
func TestCurveOfOneSide(t *testing.T) {
	base := oneAxis()
	base.Campaign.Figures = []record.Figure{{Kind: record.KindLines, X: "rate", Series: "model"}}
	fresh := *base
	fresh.Cells = slices.DeleteFunc(slices.Clone(base.Cells), func(c record.CellResult) bool { return c.Cell.Point[1].Value == "b" })
	c := compare(t, base, &fresh)
	if len(c.Notes) == 0 || !strings.HasPrefix(c.Notes[0], "3 points of the base") {
		t.Errorf("the notes are %q", c.Notes)
	}
	for _, curve := range c.Curves {
		if curve.Where != "model=a" {
			t.Errorf("%s of %s was compared", curve.Metric, curve.Where)
		}
	}
	if len(c.Curves) != 2 {
		t.Errorf("%d curves, want those of delay and bytes", len(c.Curves))
	}
}

// TestPairs: a point's executions are pairs where two workloads at least, and half of the
// smaller side's, are on both sides.
func TestPairs(t *testing.T) {
	side := func(workloads string) []record.CellResult {
		var c record.CellResult
		for _, w := range workloads {
			c.Executions = append(c.Executions, record.Execution{OK: true, Workload: string(w), DelayNS: 1e9})
		}
		return []record.CellResult{c}
	}
	for _, tc := range []struct {
		base, fresh string
		want        bool
	}{
		{"ab", "ab", true}, {"a", "a", false}, {"abcd", "abxy", true}, {"abcde", "abxyz", false}, {"abcde", "abxy", true},
		{"abcd", "axyz", false}, {"ab", "xy", false},
	} {
		cv := &curve{base: side(tc.base), fresh: side(tc.fresh)}
		if got := cv.pair(record.Delay, nil); got.paired != tc.want {
			t.Errorf("workloads %s and %s are pairs: %v, want %v", tc.base, tc.fresh, got.paired, tc.want)
		}
	}
}

// TestOneSideVirtual: results of virtual time against emulated ones are held against chance,
// since one side has it.
func TestOneSideVirtual(t *testing.T) {
	base := load(t, "repeat1")
	fresh := changed(base, func(c record.Cell, e *record.Execution) {
		if c.ID == base.Cells[0].Cell.ID && e.Index == 0 {
			e.DelayNS += e.DelayNS / 20
		}
	})
	fresh.Campaign.Network = record.Virtual
	limits := Limits{Delay: 0.001, Alpha: DefaultLimits.Alpha, Noise: DefaultLimits.Noise, AcrossNetworks: true}
	for _, sides := range [][2]*record.Results{{base, fresh}, {fresh, base}} {
		if c, err := Compare(sides[0], sides[1], limits); err != nil || c.Change != Same {
			t.Errorf("one execution that is slower by 5 %%: %v, %v; want that it may be chance", c, err)
		}
	}
}

// TestNothingChanged: between equal results of virtual time no test has found anything.
func TestNothingChanged(t *testing.T) {
	base := load(t, "repeat1")
	base.Campaign.Network = record.Virtual
	for _, curve := range compare(t, base, base).Curves {
		for _, one := range curve.Tests {
			if one.P != 1 || one.Ratio != 1 {
				t.Errorf("%s of %s, %s: a ratio of %v with p = %v", curve.Metric, curve.Where, one.Part, one.Ratio, one.P)
			}
		}
	}
}

// TestGroups: curves are grouped by the series of the figure of lines, and without one
// together only.
func TestGroups(t *testing.T) {
	base := load(t, "repeat1")
	base.Campaign.Figures = nil
	for _, curve := range compare(t, base, base).Curves {
		if curve.Where != "all curves" && !strings.Contains(curve.Where, "/model=") {
			t.Errorf("there is a group %q", curve.Where)
		}
	}
}

// TestFewUnpaired: three executions against three others are too few for ranks to say
// anything, however far apart they are; without a single point ranks are not asked.
func TestFewUnpaired(t *testing.T) {
	base, fresh := quotients(1, 1.001, 0.999), quotients(2, 2.001, 1.999)
	one := component{points: []pairs{{base: base, fresh: fresh}},
		terms: []stats.Term{{Power: 1, Sample: fresh}, {Power: -1, Sample: base}}}
	for i := range one.terms[0].Sample {
		one.terms[0].Sample[i].Key += " of others"
	}

	c := &Comparison{Speed: 1, Limits: DefaultLimits}
	if got := c.test("here", record.Delay, one); got.worse < 0.02 || got.better < 0.9 {
		t.Errorf("at one point worse with p = %v, better with p = %v", got.worse, got.better)
	}
	if got := c.test("here", record.Delay, together(wholeCurve, []component{one, one})); got.worse > 0.001 {
		t.Errorf("at two points worse with p = %v", got.worse)
	}
}
