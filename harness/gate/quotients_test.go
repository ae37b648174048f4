package gate

import (
	"strings"
	"testing"

	"edgebed/harness/matrix"
	"edgebed/harness/record"
	"edgebed/harness/stats"
)

// TestRanksOfQuotients: ranks are those of the quotients, after taking out what the machine
// explains.
func TestRanksOfQuotients(t *testing.T) {
	quotients := func(factor float64) (list []stats.Quotient) {
		for i := range 6 {
			den := float64(1 + 5*i) // products would be in another order
			list = append(list, stats.Quotient{Num: factor * (1 + float64(i)/100) * den, Den: den})
		}
		return list
	}
	p := pairs{base: quotients(1), fresh: quotients(1.5)}
	if worse, better := p.ranks(1); worse > 0.01 || better < 0.9 {
		t.Errorf("half as much again is worse with p = %v, better with p = %v", worse, better)
	}
	if worse, _ := p.ranks(1.5); worse < 0.3 {
		t.Errorf("what the machine explains is worse with p = %v", worse)
	}
	if _, better := (pairs{base: quotients(1.5), fresh: quotients(1)}).ranks(1); better > 0.01 {
		t.Errorf("less is better with p = %v", better)
	}
}

// TestFitNeedsRates: delays are taken apart over three rates or more, where all points are
// pairs.
func TestFitNeedsRates(t *testing.T) {
	quotient := func(v float64) []stats.Quotient {
		return []stats.Quotient{{Key: "v", Num: v, Den: 1}, {Key: "w", Num: v, Den: 1}}
	}
	for name, tc := range map[string]struct {
		unit     string
		points   int
		unpaired bool
		want     int
	}{
		"three rates":   {"Mb/s", 3, false, 3},
		"two rates":     {"Mb/s", 2, false, 0},
		"no rates":      {"kB", 3, false, 0},
		"not all pairs": {"Mb/s", 3, true, 0},
	} {
		cv := &curve{x: record.Axis{Name: "x", Unit: tc.unit}}
		var points []pairs
		for i := range tc.points {
			rate := float64(i + 1)
			cv.steps = append(cv.steps, matrix.Point{{Axis: cv.x, Coord: record.Coord{Axis: "x", Number: rate}}})
			points = append(points, pairs{
				base: quotient(1 + 1/rate), fresh: quotient(1 + 2/rate), paired: !tc.unpaired || i > 0,
			})
		}
		if f := cv.fit(points); len(f.rates) != tc.want || f.known != (tc.want > 0) {
			t.Errorf("%s: fitted %v over %d rates, want %d", name, f.known, len(f.rates), tc.want)
		}
	}
}

// TestShort names an interval where there is one.
func TestShort(t *testing.T) {
	for _, tc := range []struct {
		low  float64
		want bool
	}{{0, false}, {0.5, true}} {
		text := Condition{What: "a / b", Value: 1.5, Low: tc.low, High: 2}.short()
		if strings.Contains(text, "[") != tc.want || !strings.HasPrefix(text, "a / b = 1.5") {
			t.Errorf("from %v on: %q", tc.low, text)
		}
	}
}
