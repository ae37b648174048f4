package stats

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// plain returns measurements with denominators of 1, each of a workload of its own,
// whose keys begin with prefix.
func plain(prefix string, values ...float64) []Quotient {
	var sample []Quotient
	for i, v := range values {
		sample = append(sample, Quotient{Key: prefix + string(rune('a'+i)), Num: v, Den: 1})
	}
	return sample
}

// TestContrast holds contrasts against what the standard error of a mean and the
// sum of variances give by hand.
func TestContrast(t *testing.T) {
	for name, tc := range map[string]struct {
		terms []Term
		want  LogEstimate
	}{
		// Mean 2, standard error 1: 0.5 relative to the mean.
		"one mean":    {[]Term{{1, plain("", 1, 3)}}, LogEstimate{N: 2, Value: math.Log(2), StdErr: 0.5}},
		"its inverse": {[]Term{{-1, plain("", 1, 3)}}, LogEstimate{N: 2, Value: -math.Log(2), StdErr: 0.5}},
		"its square":  {[]Term{{2, plain("", 1, 3)}}, LogEstimate{N: 2, Value: math.Log(4), StdErr: 1}},
		// 3 of 1, 2 and 3: mean 2, standard deviation 1.
		"three": {[]Term{{1, plain("", 1, 2, 3)}}, LogEstimate{N: 3, Value: math.Log(2), StdErr: 1 / math.Sqrt(3) / 2}},
		// The same workloads, twice as slow: no uncertainty.
		"pairs": {[]Term{{1, plain("", 2, 6)}, {-1, plain("", 1, 3)}}, LogEstimate{N: 2, Value: math.Log(2)}},
		// Other workloads: variances add up.
		"independent": {
			[]Term{{1, plain("x", 2, 6)}, {-1, plain("y", 1, 3)}},
			LogEstimate{N: 2, Value: math.Log(2), StdErr: math.Sqrt(0.5)},
		},
		// 3 bytes in 1 s and 6 in 2 s are one rate.
		"quotients": {
			[]Term{{1, []Quotient{{"a", 3, 1}, {"b", 6, 2}}}},
			LogEstimate{N: 2, Value: math.Log(3)},
		},
		// 2 and 1 a unit, 3 in 2 units: means 1.5 and 1, residuals of a third and more.
		"quotients that differ": {
			[]Term{{1, []Quotient{{"a", 2, 1}, {"b", 1, 1}}}},
			LogEstimate{N: 2, Value: math.Log(1.5), StdErr: 1.0 / 3},
		},
		"one measurement": {[]Term{{1, plain("", 5)}}, LogEstimate{N: 1, Value: math.Log(5), StdErr: math.NaN()}},
		"smallest sample": {
			[]Term{{1, plain("x", 1, 1, 1)}, {-1, plain("y", 2)}},
			LogEstimate{N: 1, Value: -math.Log(2), StdErr: math.NaN()},
		},
		"nothing":              {nil, LogEstimate{Value: math.NaN(), StdErr: math.NaN()}},
		"an empty sample":      {[]Term{{1, nil}}, LogEstimate{Value: math.NaN(), StdErr: math.NaN()}},
		"a mean of zero":       {[]Term{{1, plain("", 0, 0)}}, LogEstimate{Value: math.NaN(), StdErr: math.NaN()}},
		"a negative mean":      {[]Term{{1, plain("", -1, -3)}}, LogEstimate{Value: math.NaN(), StdErr: math.NaN()}},
		"no denominator":       {[]Term{{1, []Quotient{{"a", 1, 0}}}}, LogEstimate{Value: math.NaN(), StdErr: math.NaN()}},
		"negative denominator": {[]Term{{1, []Quotient{{"a", 1, -1}}}}, LogEstimate{Value: math.NaN(), StdErr: math.NaN()}},
	} {
		got := Contrast(tc.terms...)
		if diff := cmp.Diff(tc.want, got, cmpopts.EquateNaNs(), cmpopts.EquateApprox(1e-9, 1e-9)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestContrastIsPairedRatio: on pairs whose ratios hardly spread a contrast is the
// logarithm of the ratio of the means, and exchanging the sides turns its sign alone.
func TestContrastIsPairedRatio(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Float64Range(0.5, 20), 3, 9)
		a := plain("", values.Draw(t, "a")...)
		b := plain("", values.Draw(t, "b")...)

		there, back := Contrast(Term{1, b}, Term{-1, a}), Contrast(Term{1, a}, Term{-1, b})
		if !near(there.Value, -back.Value) || !near(there.StdErr, back.StdErr) {
			t.Fatalf("%+v, with the sides exchanged %+v", there, back)
		}
		if there.N != min(len(a), len(b)) || there.StdErr < 0 {
			t.Fatalf("%+v of %d and %d measurements", there, len(a), len(b))
		}
	})
}

// TestLogInterval holds intervals against the table of Student's distribution.
func TestLogInterval(t *testing.T) {
	for name, tc := range map[string]struct {
		e     LogEstimate
		level float64
		half  float64
	}{
		"one degree":         {LogEstimate{N: 2, Value: 3, StdErr: 2}, 0.95, 2 * 12.706204736},
		"one degree, 90 %":   {LogEstimate{N: 2, Value: 3, StdErr: 2}, 0.90, 2 * 6.313751515},
		"four degrees":       {LogEstimate{N: 5, Value: -1, StdErr: 1}, 0.95, 2.776445105},
		"noise adds degrees": {LogEstimate{N: 2, Value: 0, StdErr: 1, Noise: 1}, 0.95, math.Sqrt2 * 2.776445105},
		"nearly all noise":   {LogEstimate{N: 5, Value: 0, StdErr: 1e-3, Noise: 1}, 0.95, 1.959963985},
		// Without a spread there are no more degrees than the sample has, to be careful.
		"noise alone":                {LogEstimate{N: 5, Value: 0, Noise: 1}, 0.95, 2.776445105},
		"as sure as can be":          {LogEstimate{N: 5, Value: 7}, 0.95, 0},
		"the unknown standard error": {LogEstimate{N: 1, Value: 7, StdErr: math.NaN()}, 0.95, math.NaN()},
	} {
		i := tc.e.Interval(tc.level)
		if math.IsNaN(tc.half) {
			if i.Known {
				t.Errorf("%s: %+v, want no interval", name, i)
			}
			continue
		}
		if !i.Known || math.Abs(i.Low-(tc.e.Value-tc.half)) > 1e-5 || math.Abs(i.High-(tc.e.Value+tc.half)) > 1e-5 {
			t.Errorf("%s: %+v, want %v ± %v", name, i, tc.e.Value, tc.half)
		}
	}
}

// TestPGreater: with one degree of freedom Student's distribution is Cauchy's, with
// 1/4 above 1.
func TestPGreater(t *testing.T) {
	for name, tc := range map[string]struct {
		e     LogEstimate
		bound float64
		want  float64
	}{
		"a standard error above": {LogEstimate{N: 2, Value: 3, StdErr: 2}, 1, 0.25},
		"a standard error below": {LogEstimate{N: 2, Value: -1, StdErr: 2}, 1, 0.75},
		"at the bound":           {LogEstimate{N: 2, Value: 1, StdErr: 2}, 1, 0.5},
		"with noise":             {LogEstimate{N: 2, Value: math.Sqrt2 * 2.776445105, StdErr: 1, Noise: 1}, 0, 0.025},
		"sure and above":         {LogEstimate{N: 2, Value: 2}, 1, 0},
		"sure and at the bound":  {LogEstimate{N: 2, Value: 1}, 1, 1},
		"sure and below":         {LogEstimate{N: 2, Value: 0.5}, 1, 1},
		"no value":               {LogEstimate{N: 2, Value: math.NaN(), StdErr: 1}, 1, 1},
		"no standard error":      {LogEstimate{N: 1, Value: 9, StdErr: math.NaN()}, 1, 1},
	} {
		if got := tc.e.PGreater(tc.bound); !(math.Abs(got-tc.want) <= 1e-6) {
			t.Errorf("%s: p = %v, want %v", name, got, tc.want)
		}
	}
}

// TestHolm holds the adjustment against R: p.adjust(c(...), "holm").
func TestHolm(t *testing.T) {
	for _, tc := range []struct{ ps, want []float64 }{
		{[]float64{0.01, 0.04, 0.03}, []float64{0.03, 0.06, 0.06}},
		{[]float64{0.04, 0.01, 0.02, 0.005}, []float64{0.04, 0.03, 0.04, 0.02}},
		{[]float64{0.6, 0.7}, []float64{1, 1}},
		{[]float64{0.2}, []float64{0.2}},
		{[]float64{}, []float64{}},
	} {
		if diff := cmp.Diff(tc.want, Holm(tc.ps), cmpopts.EquateApprox(0, 1e-12)); diff != "" {
			t.Errorf("Holm(%v) (-want +got):\n%s", tc.ps, diff)
		}
	}
}

// TestPAbove: of two tests the one is sharp for a change by a factor, the other for
// one by an addend; the smaller counts, doubled.
func TestPAbove(t *testing.T) {
	// Logarithms of the ratios 1 and 3: mean 2, standard error 1, one degree.
	cauchy := 0.5 - math.Atan(2)/math.Pi
	for name, tc := range map[string]struct {
		p     Pairs
		noise float64
		want  float64
	}{
		"by logarithms": {Pairs{A: []float64{1, 1}, B: []float64{math.E, math.E * math.E * math.E}}, 0, 2 * cauchy},
		"by a factor":   {Pairs{A: []float64{1, 10, 100}, B: []float64{2, 20, 200}}, 0, 0},
		"by an addend":  {Pairs{A: []float64{1, 10, 100}, B: []float64{2, 11, 101}}, 0, 0},
		"below":         {Pairs{A: []float64{2, 20}, B: []float64{1, 10}}, 0, 1},
		"equal":         {Pairs{A: []float64{1, 2}, B: []float64{1, 2}}, 0, 1},
		"no pairs":      {Pairs{}, 0, 1},
		"one pair":      {Pairs{A: []float64{1}, B: []float64{2}}, 0, 1},
		// Differences of 1 and 3 around a mean of 10: 0.2 with a standard error of 0.1.
		"by differences": {Pairs{A: []float64{1, 19}, B: []float64{2, 22}}, 0, 2 * cauchy},
		"noise": {
			Pairs{A: []float64{1, 1}, B: []float64{math.E, math.E * math.E * math.E}}, 1,
			2 * LogEstimate{N: 2, Value: 2, StdErr: 1, Noise: 1}.PGreater(0),
		},
		// Ratios that cancel out; differences of -0.5 and 99 around a mean of 50.
		"noise of differences": {
			Pairs{A: []float64{1, 99}, B: []float64{0.5, 198}}, 1,
			2 * LogEstimate{N: 2, Value: 0.985, StdErr: 0.995, Noise: 1}.PGreater(0),
		},
		"not positive": {Pairs{A: []float64{-1, 1}, B: []float64{1, 1}}, 0, 1},
	} {
		if got := tc.p.PAbove(tc.noise); !(math.Abs(got-tc.want) <= 1e-9) {
			t.Errorf("%s: p = %v, want %v", name, got, tc.want)
		}
	}
}
