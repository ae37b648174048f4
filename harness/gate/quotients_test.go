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

// TestFit: delays are taken apart over three rates or more, where all points are pairs, where
// there are several workloads, and where both parts of the mean are more than nothing.
func TestFit(t *testing.T) {
	for name, tc := range map[string]struct {
		unit        string
		points      int
		unpaired    bool
		workloads   int
		base, fresh fit
		rates       int
		known       bool
	}{
		"three rates":           {"Mb/s", 3, false, 2, fit{1, 1}, fit{1, 2}, 3, true},
		"two rates":             {"Mb/s", 2, false, 2, fit{1, 1}, fit{1, 2}, 0, false},
		"no rates":              {"kB", 3, false, 2, fit{1, 1}, fit{1, 2}, 0, false},
		"not all pairs":         {"Mb/s", 3, true, 2, fit{1, 1}, fit{1, 2}, 0, false},
		"both sides alike":      {"Mb/s", 3, false, 2, fit{1, 1}, fit{1, 1}, 3, true},
		"one workload":          {"Mb/s", 3, false, 1, fit{1, 1}, fit{1, 1}, 3, false},
		"no fixed part":         {"Mb/s", 3, false, 2, fit{-0.1, 2}, fit{-0.1, 2}, 3, false},
		"faster with less rate": {"Mb/s", 3, false, 2, fit{1, -0.5}, fit{1, -0.5}, 3, false},
		"neither":               {"Mb/s", 3, false, 2, fit{-1, -1}, fit{-1, -1}, 3, false},
	} {
		cv := &curve{x: record.Axis{Name: "x", Unit: tc.unit}}
		var points []pairs
		for i := range tc.points {
			rate := float64(i + 1)
			of := func(f fit) []stats.Quotient {
				delay := f.fixed + f.perByte/rate
				return quotients(delay, delay)[:tc.workloads]
			}
			cv.steps = append(cv.steps, matrix.Point{{Axis: cv.x, Coord: record.Coord{Axis: "x", Number: rate}}})
			points = append(points, pairs{base: of(tc.base), fresh: of(tc.fresh), paired: !tc.unpaired || i > 0})
		}
		if f := cv.fit(points); len(f.rates) != tc.rates || f.known != tc.known {
			t.Errorf("%s: fitted %v over %d rates, want %v, %d", name, f.known, len(f.rates), tc.known, tc.rates)
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
