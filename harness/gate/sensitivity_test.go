package gate

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"edgebed/harness/record"
)

// costing returns a run as if it had been made with a software cost that adds to
// StateLocal's delays.
func costing(base *record.Results, cost string, factor float64) *record.Results {
	r := changed(base, func(c record.Cell, e *record.Execution) {
		if strings.Contains(c.ID, "state-local") {
			e.DelayNS = int64(factor * float64(e.DelayNS))
		}
	})
	r.Campaign.Parameters = maps.Clone(base.Campaign.Parameters)
	r.Campaign.Parameters[costParameter] = cost
	return r
}

// TestCompareCosts finds the claims that a cost turns, in a real run and in two
// that were made from it.
func TestCompareCosts(t *testing.T) {
	base, claims := load(t, "exp400"), claimsOf(t, "exp400")
	var results []Checked
	for _, one := range []struct {
		cost   string
		factor float64
	}{{"none", 1}, {"fit", 1}, {"2x fit", 10}} {
		results = append(results, Check(costing(base, one.cost, one.factor), claims))
	}
	s, err := CompareCosts(results)
	if err != nil {
		t.Fatal(err)
	}

	shifts := map[string]Sensitive{}
	for _, one := range s.Claims {
		shifts[one.Claim.Name] = one
		if one.Outcomes[0] != one.Outcomes[1] {
			t.Errorf("%s: %v, though the first two results are the same", one.Claim.Name, one.Outcomes)
		}
	}
	// StateLocal leads at 1 Mb/s, and not with ten times its delay; the traffic
	// rates do not know of delays.
	if one := shifts["trade-off"]; one.Shift != Reverses || !slices.Equal(one.Outcomes, []Outcome{Holds, Holds, Fails}) {
		t.Errorf("trade-off: %s, %v; want it to reverse", one.Shift, one.Outcomes)
	}
	if one := shifts["fig18-significant"]; one.Shift != Steady {
		t.Errorf("fig18-significant: %s, %v; want it steady", one.Shift, one.Outcomes)
	}
	if n := s.Count(Steady) + s.Count(Opens) + s.Count(Reverses); n != len(claims) || s.Count(Reverses) == 0 {
		t.Errorf("%d shifts of %d claims, %d reverse", n, len(claims), s.Count(Reverses))
	}

	for _, format := range ClaimFormats {
		var b bytes.Buffer
		if err := s.Write(&b, format); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"trade-off", "2x fit", "reverse", "wanted"} {
			if !strings.Contains(b.String(), want) {
				t.Errorf("%s lacks %q:\n%s", format, want, b.String())
			}
		}
		if format == "json" && !json.Valid(b.Bytes()) {
			t.Error("no JSON")
		}
	}
	if s.Write(&bytes.Buffer{}, "yaml") == nil {
		t.Error("an unknown format is accepted")
	}
}

func TestCompareCostsRefuses(t *testing.T) {
	base, claims := load(t, "exp400"), claimsOf(t, "exp400")
	none, fit := Check(costing(base, "none", 1), claims), Check(costing(base, "fit", 1), claims)
	other := fit
	other.Parameters = maps.Clone(fit.Parameters)
	other.Parameters["link-delay"] = "7 ms"
	unnamed := fit
	unnamed.Parameters = others(fit)
	of := func(scenario, profile, cost string) Checked {
		return Checked{Scenario: scenario, Profile: profile, Parameters: map[string]string{costParameter: cost}}
	}
	quick := of("exp400", "quick", "none")
	for name, tc := range map[string]struct {
		results []Checked
		want    string // empty where they are compared
	}{
		"one":                {[]Checked{none}, "two or three"},
		"twice the same":     {[]Checked{fit, fit}, "another result has the software cost fit"},
		"another parameter":  {[]Checked{none, other}, "differ in more than software-cost"},
		"without a software": {[]Checked{none, unnamed}, "no parameter software-cost"},
		"another scenario":   {[]Checked{quick, of("exp401", "quick", "fit")}, "differ in more than"},
		"another profile":    {[]Checked{quick, of("exp400", "full", "fit")}, "differ in more than"},
		"another cost":       {[]Checked{quick, of("exp400", "quick", "fit")}, ""},
	} {
		_, err := CompareCosts(tc.results)
		if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, tc.want)
		}
	}
}
