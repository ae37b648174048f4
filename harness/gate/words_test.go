package gate

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"edgebed/harness/golden"
	"edgebed/harness/record"
)

// TestNotes says what a reader is told of a comparison beside its tests, and of which
// machine the delays are.
func TestNotes(t *testing.T) {
	const (
		scenario   = "what the scenario or its topology says of the results changed since the base ran"
		parameters = "the scenario's parameters changed: "
		backend    = "link delay was made by delayline in the base and by netem in the new result"
		disturbed  = "the audit found 1 disturbed cells in "
		unknown    = "the machines differ and were not both calibrated"
		slower     = "the new machine needs 1.20 times the base's time for the same work: what is not"
		faster     = "the new machine needs 0.80 times the base's time for the same work: it may hide"
	)
	calibrated := func(base, fresh int64) func(base, fresh *record.Results) {
		return func(b, f *record.Results) { b.Campaign.CalibrationNS, f.Campaign.CalibrationNS = base, fresh }
	}
	for name, tc := range map[string]struct {
		change func(base, fresh *record.Results)
		want   []string // what the notes begin with
		speed  float64
	}{
		"the same":              {func(_, _ *record.Results) {}, nil, 1},
		"another scenario file": {func(_, f *record.Results) { f.Campaign.ScenarioSHA256 = "0" }, []string{scenario}, 1},
		"a new parameter": {func(_, f *record.Results) {
			f.Campaign.Parameters = maps.Clone(f.Campaign.Parameters)
			f.Campaign.Parameters["pause"] = "1 s"
		}, []string{parameters}, 1},
		"another back end": {func(_, f *record.Results) {
			for i := range f.Cells {
				f.Cells[i].Cell.Settings = map[string]string{record.SettingDelayBackend: "netem"}
			}
		}, []string{backend}, 1},
		"a disturbed cell": {func(_, f *record.Results) {
			end := *f.Cells[0].End
			end.Audit = &record.Audit{Verdict: record.Disturbed}
			f.Cells[0].End = &end
		}, []string{disturbed, "the delays of 1 points are not compared"}, 1},
		"a point less": {func(_, f *record.Results) { f.Cells = f.Cells[1:] },
			[]string{"1 points of the base are not in the new result"}, 1},
		"a point more": {func(b, _ *record.Results) { b.Cells = b.Cells[2:] },
			[]string{"2 points of the new result are not in the base"}, 1},
		"a machine as quick":   {calibrated(1000, 1029), nil, 1},
		"a machine quicker":    {calibrated(1000, 972), nil, 1},
		"a slow machine":       {calibrated(1000, 1200), []string{slower}, 1.2},
		"a fast machine":       {calibrated(1000, 800), []string{faster}, 0.8},
		"no calibration of it": {calibrated(1000, 0), nil, 1},
		"none of the base":     {calibrated(0, 1000), nil, 1},
		"an unknown machine":   {func(_, f *record.Results) { f.Campaign.Machine.Cores++ }, []string{unknown}, 0},
		"virtual time": {func(b, f *record.Results) {
			b.Campaign.Network, f.Campaign.Network = record.Virtual, record.Virtual
			calibrated(1000, 1200)(b, f)
		}, nil, 0},
	} {
		base, fresh := load(t, "repeat1"), load(t, "repeat1")
		tc.change(base, fresh)
		c := compare(t, base, fresh)
		ok := len(c.Notes) == len(tc.want) && c.Speed == tc.speed
		for i := range tc.want {
			ok = ok && strings.HasPrefix(c.Notes[i], tc.want[i])
		}
		if !ok {
			t.Errorf("%s: speed %v, notes %q; want %v, %q", name, c.Speed, c.Notes, tc.speed, tc.want)
		}
	}
}

// TestSides counts what failed and what was disturbed.
func TestSides(t *testing.T) {
	r := changed(load(t, "repeat1"), func(c record.Cell, e *record.Execution) {
		e.OK = e.Index > 1
		e.WarmUp = e.Index == 1
	})
	end := *r.Cells[2].End
	end.Audit = &record.Audit{Verdict: record.Disturbed}
	r.Cells[2].End = &end
	if s := side(r); s.Failed != len(r.Cells) || s.Disturbed != 1 {
		t.Errorf("%d failed and %d disturbed; want one a cell, warm-ups left out, and 1", s.Failed, s.Disturbed)
	}
}

// TestFailureShares compares shares of what was run, of points that both sides have.
func TestFailureShares(t *testing.T) {
	fail := func(r *record.Results, last int) *record.Results {
		return changed(r, func(c record.Cell, e *record.Execution) { e.OK = e.Index >= last })
	}
	base := load(t, "repeat1")
	two, four := fail(base, 2), fail(base, 4)
	c := compare(t, two, four)
	last := c.Curves[len(c.Curves)-1]
	if last.Metric != "failed executions" || last.Change != Regression {
		t.Fatalf("more failures: %+v", last)
	}
	if f := last.Tests[0]; f.Base != 0.25 || f.New != 0.5 || f.N != 4*8 {
		t.Errorf("%+v; want a quarter before, half of 32 now", f)
	}
	for name, fresh := range map[string]*record.Results{"as many": two, "fewer": base} {
		if c := compare(t, two, fresh); c.Change == Regression {
			t.Errorf("%s failures: %q", name, found(c, Regression))
		}
	}
}

// TestNumber rounds to three digits, from the first one before the point.
func TestNumber(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0.000", 0.1234: "0.123", 0.9994: "0.999", 1: "1.00", -1.234: "-1.23", 9.99: "9.99", 10: "10.0", -12.34: "-12.3",
		99.9: "99.9", 100: "100", -123.4: "-123", 12345: "12345",
	} {
		if got := number(v); got != want {
			t.Errorf("%v is written %s, want %s", v, got, want)
		}
	}
}

// TestChangeOfMany: the worst one counts.
func TestChangeOfMany(t *testing.T) {
	order := []Change{Same, Improvement, SlowerMachine, Regression}
	for i, a := range order {
		for j, b := range order {
			if got := worse(a, b); got != order[max(i, j)] {
				t.Errorf("of %s and %s %s counts", a, b, got)
			}
		}
	}
}

// comparison has one of each finding.
func comparison() *Comparison {
	return &Comparison{
		Scenario: "exp400", Limits: DefaultLimits, Change: Regression, Speed: 1.2,
		Base:  Side{Name: "old", Network: "emulated", Commit: "0123456789abcdef"},
		New:   Side{Name: "new", Network: "emulated", Commit: "fedcba9876543210"},
		Notes: []string{"a | note, 100 %"},
		Curves: []Curve{
			{Where: "argument=10 kB/model=pure-faas", Metric: "delay", Change: Regression, Tests: []Test{
				{Part: wholeCurve, Ratio: 1.1, Low: 1.05, High: 1.15, Explained: 1, P: 0.001, Change: Regression},
				{Part: "1 Mb/s", Base: 120, New: 144, Ratio: 1.2, Low: 1.1, High: 1.3, Explained: 1.04, P: 0.0001, Change: Regression},
				{Part: "10 Mb/s", Base: 12, New: 12.5, Ratio: 1.04, Low: 0.9, High: 1.2, Explained: 1, P: 0.5, Change: Same},
			}},
			{Where: "argument=10 kB/model=state-prop", Metric: "delay", Change: SlowerMachine, Tests: []Test{
				{Part: fixedPart, Ratio: 1.09, Low: 1.01, High: 1.2, Explained: 1.1, P: 1, Change: SlowerMachine},
				{Part: bytePart, Ratio: 0.9, Low: 0.8, High: 0.95, Explained: 1, P: 0.002, Change: Improvement},
			}},
			{Where: "argument=10 kB/model=state-local", Metric: "traffic-volume", Change: Same, Tests: []Test{
				{Part: wholeCurve, Ratio: 1, Low: 1, High: 1, Explained: 1, P: 1, Change: Same},
			}},
			{Where: "model=state-local", Metric: "failed executions", Change: Regression, Tests: []Test{
				{Part: wholeCurve, New: 0.25, N: 8, Change: Regression},
			}},
		},
	}
}

// TestComparisonTables are all formats of a comparison, word by word.
func TestComparisonTables(t *testing.T) {
	calm := comparison()
	calm.Curves, calm.Notes, calm.New.Network = calm.Curves[2:3], nil, "virtual"
	var all bytes.Buffer
	for _, c := range []*Comparison{comparison(), calm} {
		for _, format := range CompareFormats {
			fmt.Fprintf(&all, "-- %s --\n", format)
			if err := c.Write(&all, format); err != nil {
				t.Fatal(err)
			}
		}
	}
	golden.Check(t, "compare.golden", all.Bytes())
}

// TestClaimTables are all formats of judged claims, of one result, of two of a scenario
// and of two scenarios, and of costs.
func TestClaimTables(t *testing.T) {
	judged := func(name string, o Outcome, detail string) Judgement {
		return Judgement{Claim: record.Claim{Name: name, Place: "Fig. 1", Quote: "it\n is  lower"}, Outcome: o, Detail: detail}
	}
	noted := judged("noted", Fails, "at 1 of 2 points")
	noted.Claim.Note = "lower is\nat most 0.8"
	one := Checked{Result: "results/a", Scenario: "exp400", Variant: "artifact", Profile: "quick", Cells: 4, Executions: 32,
		Parameters: map[string]string{costParameter: "none"},
		Claims: []Judgement{judged("first", Holds, "at all 2 points"), noted, judged("open", Undecided, "1 of 2 points hold"),
			judged("absent", NoData, "the records have none of its points")}}
	two := one
	two.Variant, two.Parameters = "text", map[string]string{costParameter: "fit"}
	two.Claims = []Judgement{judged("first", Fails, "at 2 of 2 points"), judged("only-here", Holds, "at all 2 points")}
	same := one
	same.Parameters = two.Parameters
	same.Claims = slices.Clone(one.Claims)
	same.Claims[0].Outcome, same.Claims[2].Outcome = Fails, Holds
	other := Checked{Result: "results/b", Scenario: "exp401", Profile: "quick", Claims: one.Claims[:1]}

	var all bytes.Buffer
	for _, results := range [][]Checked{{one}, {one, other, two}} {
		for _, format := range ClaimFormats {
			fmt.Fprintf(&all, "-- %s of %d --\n", format, len(results))
			if err := WriteClaims(&all, format, results...); err != nil {
				t.Fatal(err)
			}
		}
	}
	costs, err := CompareCosts([]Checked{one, same})
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range ClaimFormats {
		fmt.Fprintf(&all, "-- costs in %s --\n", format)
		if err := costs.Write(&all, format); err != nil {
			t.Fatal(err)
		}
	}
	golden.Check(t, "claims.golden", all.Bytes())
}

// TestWantedInWords writes bounds as those of the ratio.
func TestWantedInWords(t *testing.T) {
	for want, claim := range map[string]record.Claim{
		"> 1.25": {AtLeast: 1.25}, "< 0.800": {AtMost: 0.8}, "0.500 to 2.00": {AtLeast: 0.5, AtMost: 2},
	} {
		if got := boundsOf(claim).String(); got != want {
			t.Errorf("%+v is %q, want %q", claim, got, want)
		}
	}
	if above.String() != "> 1.00" || below.String() != "< 1.00" {
		t.Errorf("above and below are %s and %s", above, below)
	}
}

// TestConcludeClaim makes a claim's verdict from those of its points.
func TestConcludeClaim(t *testing.T) {
	holds := Condition{Where: "near", What: "a", Wanted: "> 1", Value: 1.5, Low: 1.4, High: 1.6, Outcome: Holds, most: 9}
	far := Condition{Where: "far", What: "a", Wanted: "> 1", Value: 3, Low: 2.9, High: 3.1, Outcome: Holds, most: 9}
	fails := Condition{Where: "bad", What: "a", Wanted: "> 1", Value: 0.5, Low: 0.4, High: 0.6, Outcome: Fails, most: 9}
	worst := Condition{Where: "worst", What: "a", Wanted: "> 1", Value: 0.1, Low: 0.05, High: 0.2, Outcome: Fails, most: 9}
	open := Condition{Where: "open", What: "a", Wanted: "> 1", Value: 1.1, Low: 0.9, High: 1.3, N: 8, Needed: 20, Outcome: Undecided, most: 9}
	wider := open
	wider.Where, wider.Value, wider.Needed = "wider", 1.2, 9
	never := open
	never.Where, never.Value, never.Needed = "never", 1.15, 0
	single := Condition{Where: "single", What: "a", Wanted: "> 1", Value: 1.1, N: 1, Outcome: Undecided, most: 9}
	none := Condition{Where: "none", What: "a", Wanted: "> 1", Outcome: NoData}

	const near, bad = "near: a = 1.50 [1.40, 1.60], wanted > 1", "bad: a = 0.500 [0.400, 0.600], wanted > 1"
	const unsure = "open: a = 1.10 [0.900, 1.30], wanted > 1"
	for _, tc := range []struct {
		any        bool
		conditions []Condition
		missing    []string
		want       Outcome
		detail     string
		more       int
	}{
		{false, nil, nil, NoData, "the records have none of its points", 0},
		{false, []Condition{none}, nil, NoData, "the records have none of its points", 0},
		{false, []Condition{holds}, nil, Holds, near, 0},
		{false, []Condition{far, holds}, nil, Holds, "at all 2 points; nearest " + near, 0},
		{false, []Condition{far, holds}, []string{"x"}, Undecided, "2 of 2 points hold; 1 not in the records", 0},
		{false, []Condition{far, none}, nil, Undecided, "1 of 1 points hold; 1 not in the records", 0},
		{false, []Condition{far, fails, worst}, nil, Fails,
			"at 2 of 3 points, 1 hold; worst: a = 0.100 [0.050, 0.200], wanted > 1", 0},
		{false, []Condition{far, fails, none}, nil, Fails, "at 1 of 2 points, 1 hold; " + bad + "; 1 not in the records", 0},
		{false, []Condition{far, wider, open}, nil, Undecided,
			"1 of 3 points hold; open " + unsure + "; about 12 more executions per point would decide", 12},
		{false, []Condition{wider}, nil, Undecided,
			"0 of 1 points hold; open wider: a = 1.20 [0.900, 1.30], wanted > 1; about 1 more execution per point would decide", 1},
		{false, []Condition{never}, nil, Undecided,
			"0 of 1 points hold; open never: a = 1.15 [0.900, 1.30], wanted > 1, too near to call by more executions", 0},
		{false, []Condition{open, never}, nil, Undecided, "0 of 2 points hold; open " + unsure +
			"; never: a = 1.15 [0.900, 1.30], too near to call by more executions", 0},
		{false, []Condition{open, single}, nil, Undecided, "0 of 2 points hold; open " + unsure +
			"; one execution per point is too few", 0},
		{false, []Condition{single}, nil, Undecided,
			"0 of 1 points hold; open single: a = 1.10, wanted > 1; one execution per point is too few", 0},
		{true, []Condition{holds, fails, far}, nil, Holds, "at 2 of 3 points, such as " + near, 0},
		{true, []Condition{holds, fails, none}, nil, Holds, "at 1 of 2 points, such as " + near + "; 1 not in the records", 0},
		{true, []Condition{fails}, nil, Fails, "at none of 1 points; " + bad, 0},
		{true, []Condition{fails}, []string{"x"}, Undecided, "0 of 1 points hold; 1 not in the records", 0},
		{true, []Condition{open, wider, never}, nil, Undecided, "0 of 3 points hold; open " + unsure +
			"; about 1 more execution per point would decide", 1},
		{true, []Condition{never}, nil, Undecided,
			"0 of 1 points hold; open never: a = 1.15 [0.900, 1.30], wanted > 1", 0},
	} {
		j := Judgement{Claim: record.Claim{Any: tc.any}, Conditions: tc.conditions, Missing: tc.missing}
		j.conclude()
		if j.Outcome != tc.want || j.Detail != tc.detail || j.MoreExecutions != tc.more {
			t.Errorf("%s, %q, %d more\nwant %s, %q, %d", j.Outcome, j.Detail, j.MoreExecutions, tc.want, tc.detail, tc.more)
		}
	}
}
