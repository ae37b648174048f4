package gate

import (
	"fmt"
	"strings"
	"testing"

	"edgebed/harness/golden"
	"edgebed/harness/record"
)

// TestConditions lists what each kind of claim asks at which points, and what was
// measured there.
func TestConditions(t *testing.T) {
	base := load(t, "exp400")
	one := map[string][]string{"panel": {"S=3,L=6"}, "argument": {"10 kB"}}
	slow := map[string][]string{"panel": {"S=3,L=6"}, "argument": {"10 kB"}, "rate": {"1 Mb/s", "2 Mb/s", "3 Mb/s"}}
	ratio := []string{"state-local / pure-faas"}
	var text strings.Builder
	for _, c := range []record.Claim{
		{Kind: record.ClaimOrder, Order: []string{"pure-faas", "state-prop", "state-local"}, Where: slow},
		{Kind: record.ClaimRatio, Of: ratio, AtMost: 0.8, Where: slow},
		{Kind: record.ClaimRatio, Of: ratio, AtLeast: 0.8, Any: true, Where: slow},
		{Kind: record.ClaimNear, Of: ratio, Within: 0.25, Where: slow},
		{Kind: record.ClaimCrossover, Of: ratio, Along: "rate", From: "10 Mb/s", To: "50 Mb/s", Where: one},
		{Kind: record.ClaimCrossover, Of: ratio, Along: "rate", From: "3 Mb/s", To: "100 Mb/s", Where: one},
		{Kind: record.ClaimCrossover, Of: ratio, Along: "rate", From: "1 Mb/s", To: "200 Mb/s", Where: one},
		{Kind: record.ClaimRises, Of: ratio, Along: "rate", Where: slow},
		{Kind: record.ClaimFalls, Of: ratio[:1], Along: "rate", Where: one},
		{Kind: record.ClaimFlat, Of: []string{"pure-faas"}, Along: "rate", Within: 0.1, Where: one},
		{Kind: record.ClaimGrowth, Of: []string{"pure-faas"}, Along: "rate", From: "1 Mb/s", To: "10 Mb/s", AtMost: 0.5, Where: one},
		{Kind: record.ClaimGrowth, Of: []string{"pure-faas"}, Along: "rate", From: "1 Mb/s", To: "3 Mb/s", AtMost: 0.5, Where: one},
		{Kind: record.ClaimHighest, Of: []string{"pure-faas"}, Along: "rate", At: "2 Mb/s", Where: one},
		{Kind: record.ClaimRatio, Of: ratio, AtMost: 1, Where: map[string][]string{"rate": {"1 Mb/s"}}},
		{Kind: record.ClaimRatio, Of: []string{"state-local / nothing"}, AtMost: 1, Where: slow},
		{Kind: record.ClaimRises, Of: ratio, Along: "colour"},
		{Kind: record.ClaimRatio, Of: ratio, Series: "colour"},
	} {
		if c.Series == "" {
			c.Series = "model"
		}
		c.Metric = record.Delay
		j := Judge(base, []record.Claim{c})[0]
		fmt.Fprintf(&text, "%s along %q: %s, %s\n", c.Kind, c.Along, j.Outcome, j.Detail)
		for _, condition := range j.Conditions {
			fmt.Fprintf(&text, "\t%s, of %d: %s\n", condition, condition.N, condition.Outcome)
		}
		for _, missing := range j.Missing {
			fmt.Fprintf(&text, "\tnot there: %s\n", missing)
		}
	}
	golden.Check(t, "conditions.golden", []byte(text.String()))
}

// TestTestsOfAComparison lists all tests of a run against one that is slower by a
// quarter in one model, and larger by a twentieth in another.
func TestTestsOfAComparison(t *testing.T) {
	base := load(t, "repeat1")
	base.Campaign.CalibrationNS = 1000
	fresh := changed(load(t, "repeat2"), func(c record.Cell, e *record.Execution) {
		if strings.Contains(c.ID, "model=state-prop") {
			e.DelayNS += e.DelayNS / 4
		}
		if strings.Contains(c.ID, "model=state-local") {
			e.SwitchBytes += e.SwitchBytes / 20
		}
	})
	fresh.Campaign.CalibrationNS = 1100
	others := changed(fresh, func(c record.Cell, e *record.Execution) { e.Workload += " of others" })
	exact := func(r *record.Results) *record.Results {
		c := *r
		c.Campaign.Network = record.Virtual
		return &c
	}

	var text strings.Builder
	for _, sides := range [][2]*record.Results{{base, fresh}, {base, others}, {exact(base), exact(fresh)}} {
		c := compare(t, sides[0], sides[1])
		fmt.Fprintf(&text, "%s at speed %v: %s\n", c.Base.Network, c.Speed, c.Change)
		for _, curve := range c.Curves {
			fmt.Fprintf(&text, "%s %s: %s\n", curve.Metric, curve.Where, curve.Change)
			for _, one := range curve.Tests {
				fmt.Fprintf(&text, "\t%s: %.4g to %.4g, %.4f [%.4f, %.4f], explained %.4f, p %.2g of %d, paired %v: %s\n", one.Part,
					one.Base, one.New, one.Ratio, one.Low, one.High, one.Explained, one.P, one.N, one.Paired, one.Change)
			}
		}
	}
	golden.Check(t, "tests.golden", []byte(text.String()))
}
