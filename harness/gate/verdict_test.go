package gate

import (
	"math"
	"slices"
	"testing"

	"edgebed/harness/record"
	"edgebed/harness/stats"
)

// TestConclude holds the verdict on one test against each of the bounds that it
// depends on. One test of a family keeps its p-values; four are allowed for the two
// families and sides.
func TestConclude(t *testing.T) {
	const sure, alpha = 0.001, 0.01
	for name, tc := range map[string]struct {
		ratio, explained, low float64
		worse, better         float64
		want                  Change
	}{
		"slower":                            {1.2, 1, 1.1, sure, 1, Regression},
		"slower by less than matters":       {1.04, 1, 1.01, sure, 1, Same},
		"slower by what just matters not":   {1.05, 1, 1.01, sure, 1, Same},
		"slower by chance":                  {1.2, 1, 0.9, 0.01, 1, Same},
		"at the level":                      {1.2, 1, 1.1, alpha / 4, 1, Same},
		"below the level":                   {1.2, 1, 1.1, alpha / 4.1, 1, Regression},
		"faster":                            {0.8, 1, 0.7, 1, sure, Improvement},
		"faster by less than matters":       {0.97, 1, 0.9, 1, sure, Same},
		"faster by just more than matters":  {0.952, 1, 0.9, 1, sure, Improvement},
		"faster by just less than matters":  {0.953, 1, 0.9, 1, sure, Same},
		"faster by what just matters not":   {1 / 1.05, 1, 1.01, 1, sure, Same},
		"faster by chance":                  {0.8, 1, 0.7, 1, 0.01, Same},
		"the machine's speed":               {1.2, 1.18, 1.1, sure, 1, SlowerMachine},
		"more than the machine's speed":     {1.3, 1.1, 1.2, sure, 1, Regression},
		"slow machine, no effect":           {1.04, 1.03, 1.01, 1, 1, Same},
		"slow machine, unsure":              {1.2, 1.18, 1, 1, 1, Same},
		"slow machine, sure":                {1.2, 1.18, 1.001, 1, 1, SlowerMachine},
		"not the machine's":                 {1.2, 1, 1.1, 1, 1, Same},
		"slow machine, by what matters not": {1.05, 1.04, 1.01, 1, 1, Same},
		"slow machine, by what matters":     {1.06, 1.04, 1.01, 1, 1, SlowerMachine},
		"both sides alike":                  {1.2, 1, 1.1, sure, sure, Same},
		"both sides alike, faster":          {0.8, 1, 1.01, sure, sure, Same},
	} {
		one := &tested{
			Test:  Test{Ratio: tc.ratio, Explained: tc.explained, Low: tc.low},
			where: "here", metric: "delay", effect: 0.05, worse: tc.worse, better: tc.better,
		}
		curves := conclude(nil, []*tested{one}, Limits{Alpha: alpha})
		if len(curves) != 1 || curves[0].Change != tc.want || len(curves[0].Tests) != 1 || curves[0].Tests[0].Change != tc.want {
			t.Errorf("%s: %+v, want %s", name, curves, tc.want)
			continue
		}
		if got, want := curves[0].Tests[0].P, math.Min(1, 4*math.Min(tc.worse, tc.better)); math.Abs(got-want) > 1e-12 {
			t.Errorf("%s: p = %v, want %v", name, got, want)
		}
	}
}

// TestConcludeGroups: tests are kept together by curve, in their order, with the worst
// of their changes; each family is adjusted by itself.
func TestConcludeGroups(t *testing.T) {
	one := func(where string, p float64) *tested {
		return &tested{Test: Test{Ratio: 1.5, Explained: 1, Low: 1.2}, where: where, effect: 0.05, worse: p, better: 1}
	}
	curves := conclude(
		[]*tested{one("all curves", 0.001)},
		[]*tested{one("a", 0.001), one("a", 1), one("b", 0.002), one("b", 0.9)},
		Limits{Alpha: 0.05})
	var got []string
	for _, c := range curves {
		got = append(got, c.Where+" "+string(c.Change))
	}
	want := []string{"all curves " + string(Regression), "a " + string(Regression), "b " + string(Regression)}
	if len(got) != 3 || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] {
		t.Errorf("%q, want %q", got, want)
	}
	if len(curves) == 3 {
		// Holm: the smallest of four is taken four times, the next one three times.
		if p := curves[1].Tests[0].P; math.Abs(p-4*0.004) > 1e-12 || math.Abs(curves[2].Tests[0].P-4*0.006) > 1e-12 {
			t.Errorf("p = %v and %v, want 0.016 and 0.024", p, curves[2].Tests[0].P)
		}
		if p := curves[0].Tests[0].P; math.Abs(p-0.004) > 1e-12 {
			t.Errorf("the other family's p = %v, want 0.004", p)
		}
	}
}

// TestJudgeCondition holds the verdict on one ratio of means against its bounds. Two
// measurements of 1 and 3 have a mean of 2 with a relative standard error of 0.5, and
// one degree of freedom; eight of 2 have none.
func TestJudgeCondition(t *testing.T) {
	sample := func(values ...float64) []stats.Term {
		var s []stats.Quotient
		for i, v := range values {
			s = append(s, stats.Quotient{Key: string(rune('a' + i)), Num: v, Den: 1})
		}
		return []stats.Term{{Power: 1, Sample: s}}
	}
	inf := math.Inf(1)
	for name, tc := range map[string]struct {
		terms       []stats.Term
		least, most float64 // of the ratio
		want        Outcome
		needed      int
	}{
		"above":           {sample(2, 2, 2), 1, inf, Holds, 0},
		"below":           {sample(2, 2, 2), 0, 3, Holds, 0},
		"between":         {sample(2, 2, 2), 1, 3, Holds, 0},
		"not above":       {sample(2, 2, 2), 3, inf, Fails, 0},
		"not below":       {sample(2, 2, 2), 0, 1, Fails, 0},
		"outside, above":  {sample(2, 2, 2), 3, 4, Fails, 0},
		"outside, below":  {sample(2, 2, 2), 0.5, 1, Fails, 0},
		"no measurements": {sample(), 1, inf, NoData, 0},
		"one measurement": {sample(2), 1, inf, Undecided, 0},
		// Half the interval is 0.5 x 12.706 at 95 %, the bound log 2 away: 2 x 84.02.
		"unsure": {sample(1, 3), 1, inf, Undecided, 169},
		// The other way round the interval that refutes is the wider one: 0.5 x 63.657.
		"unsure, not there": {sample(1, 3), 4, inf, Undecided, 4218},
		"unsure, too much":  {sample(1, 3), 0, 1, Undecided, 4218},
		// The nearer bound counts.
		"unsure, between":       {sample(1, 3), 1, 1000, Undecided, 169},
		"unsure, and will stay": {sample(1, 3), 1.99, inf, Undecided, 0},
	} {
		c := unjudged{Condition{least: math.Log(tc.least), most: math.Log(tc.most)}, tc.terms}.judge(0.95, 0.99)
		if c.Outcome != tc.want || c.Needed != tc.needed {
			t.Errorf("%s: %s, %d needed, want %s, %d", name, c.Outcome, c.Needed, tc.want, tc.needed)
		}
		if tc.want == Holds && (c.N != 3 || math.Abs(c.Value-2) > 1e-9 || math.Abs(c.Low-2) > 1e-9 || math.Abs(c.High-2) > 1e-9) {
			t.Errorf("%s: %+v, want a ratio of 2 of 3 executions", name, c)
		}
	}
}

// TestMatch: pairs are by workload, relative to the base's mean, and measurements are
// quotients.
func TestMatch(t *testing.T) {
	base := []stats.Quotient{{Key: "a", Num: 6, Den: 2}, {Key: "b", Num: 2, Den: 2}, {Key: "gone", Num: 4, Den: 2}}
	fresh := []stats.Quotient{{Key: "b", Num: 12, Den: 3}, {Key: "a", Num: 18, Den: 3}, {Key: "new", Num: 1, Den: 1}}
	if got := average(base); got != 2 {
		t.Errorf("the average of 12 by 6 is %v", got)
	}
	p := match(base, fresh)
	if p.Unpaired != 2 || len(p.A) != 2 || p.A[0] != 1.5 || p.A[1] != 0.5 || p.B[0] != 3 || p.B[1] != 2 {
		t.Errorf("%+v, want 1.5 and 3, 0.5 and 2", p)
	}
}

// TestSensitivityOfFits: at two rates the fit goes through both points, and its errors
// follow by hand; more rates make both parts surer.
func TestSensitivityOfFits(t *testing.T) {
	f := fits{rates: []float64{1, 2}, base: map[string]fit{"a": {1, 2}, "b": {3, 6}}}
	if m := f.mean(); m != (fit{2, 4}) {
		t.Fatalf("mean %+v, want 2 and 4", m)
	}
	// y = a + b/r through (1, y1) and (1/2, y2): b = 2(y1-y2), a = 2 y2 - y1. With
	// errors of 2 in either: a by -2 and 4, b by 4 and -4, relative to 2 and 4.
	fixed, perByte := f.sensitivity()
	if math.Abs(fixed-5) > 1e-9 || math.Abs(perByte-2) > 1e-9 {
		t.Errorf("relative variances %v and %v, want 5 and 2", fixed, perByte)
	}

	// A third one, weighted by the inverse square of the delay there.
	f.rates = []float64{1, 2, 4}
	weights := []float64{1 / 36.0, 1 / 16.0, 1 / 9.0}
	wantFixed, wantPerByte := byHand([]float64{1, 0.5, 0.25}, weights, 2, 4)
	fixed, perByte = f.sensitivity()
	if math.Abs(fixed-wantFixed) > 1e-9 || math.Abs(perByte-wantPerByte) > 1e-9 {
		t.Errorf("relative variances %v and %v, want %v and %v", fixed, perByte, wantFixed, wantPerByte)
	}
}

// byHand are the relative variances of intercept and slope from the normal equations.
func byHand(x, w []float64, fixed, slope float64) (varFixed, varSlope float64) {
	var s, sx, sxx float64
	for i := range x {
		s, sx, sxx = s+w[i], sx+w[i]*x[i], sxx+w[i]*x[i]*x[i]
	}
	d := s*sxx - sx*sx
	for i := range x {
		a := w[i] * (sxx - sx*x[i]) / d * fixed
		b := w[i] * (s*x[i] - sx) / d * fixed
		varFixed += a * a / (fixed * fixed)
		varSlope += b * b / (slope * slope)
	}
	return varFixed, varSlope
}

// TestRanks: measurements are quotients, and what the machine explains is taken out of
// the one side only.
func TestRanks(t *testing.T) {
	sample := func(factor, den float64) (all []stats.Quotient) {
		for i := range 8 {
			all = append(all, stats.Quotient{Num: factor * den * (10 + float64(i)), Den: den})
		}
		return all
	}
	for name, tc := range map[string]struct {
		base, fresh     []stats.Quotient
		explained       float64
		slower, quicker bool
	}{
		"the same":                  {sample(1, 1), sample(1, 4), 1, false, false},
		"twice as long":             {sample(1, 4), sample(2, 1), 1, true, false},
		"half as long":              {sample(2, 1), sample(1, 4), 1, false, true},
		"twice, and explained":      {sample(1, 1), sample(2, 1), 2, false, false},
		"the same, twice explained": {sample(1, 1), sample(1, 1), 2, false, false},
	} {
		worse, better := pairs{base: tc.base, fresh: tc.fresh}.ranks(tc.explained)
		if worse < 0.001 != tc.slower || better < 0.001 != tc.quicker {
			t.Errorf("%s: p-values %v of slower, %v of quicker", name, worse, better)
		}
	}
}

// TestPartsOfRatesOnly: only along rates, and three of them at least, has a delay a part
// per byte.
func TestPartsOfRatesOnly(t *testing.T) {
	parts := func(unit string, rates int) (found bool) {
		base := load(t, "repeat1")
		base.Campaign.Axes = slices.Clone(base.Campaign.Axes)
		base.Campaign.Axes[2].Unit = unit
		base.Cells = slices.DeleteFunc(base.Cells, func(c record.CellResult) bool {
			return slices.Index(base.Campaign.Axes[2].Values, c.Cell.Point[2].Value) >= rates
		})
		for _, curve := range compare(t, base, base).Curves {
			found = found || slices.ContainsFunc(curve.Tests, func(one Test) bool { return one.Part == bytePart })
		}
		return found
	}
	for _, tc := range []struct {
		unit  string
		rates int
		want  bool
	}{{"Mb/s", 4, true}, {"Mb/s", 3, true}, {"Mb/s", 2, false}, {"kB", 4, false}} {
		if got := parts(tc.unit, tc.rates); got != tc.want {
			t.Errorf("along %d values in %s: parts %v, want %v", tc.rates, tc.unit, got, tc.want)
		}
	}
}
