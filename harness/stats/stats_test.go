package stats

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func near(got, want float64) bool {
	return math.Abs(got-want) <= 1e-9*math.Max(1, math.Abs(want))
}

// TestMean checks against R: t.test(c(5, 7, 3, 9, 11)).
func TestMean(t *testing.T) {
	e := Mean([]float64{5, 7, 3, 9, 11})
	if e.N != 5 || !near(e.Value, 7) || !e.Known || math.Abs(e.Low-3.0735138) > 1e-6 || math.Abs(e.High-10.9264862) > 1e-6 {
		t.Errorf("Mean = %+v, want 7 in [3.0735, 10.9265]", e)
	}
	if !e.Contains(3.1) || e.Contains(3) || math.Abs(e.Half()-3.9264862) > 1e-6 {
		t.Errorf("interval %+v: Contains or Half is off", e.Interval)
	}
	if i := (Interval{Low: 1, High: 2, Known: true}); !i.Contains(1) || !i.Contains(2) || i.Contains(0.999) || i.Contains(2.001) {
		t.Errorf("%+v does not contain its ends alone", i)
	}
}

func TestSmallSamples(t *testing.T) {
	if e := Mean(nil); e.N != 0 || !math.IsNaN(e.Value) || e.Known {
		t.Errorf("Mean of nothing = %+v, want NaN without an interval", e)
	}
	if e := Mean([]float64{4}); e.N != 1 || e.Value != 4 || e.Known || !math.IsNaN(e.Half()) || e.Contains(0) {
		t.Errorf("Mean of one sample = %+v, want 4 without an interval", e)
	}
	if e := Ratio([]float64{4}, []float64{2}); e.Value != 2 || e.Known {
		t.Errorf("Ratio of one pair = %+v, want 2 without an interval", e)
	}
	for name, e := range map[string]Estimate{
		"no pairs": Ratio(nil, nil), "zero sum": Ratio([]float64{1, 2}, []float64{0, 0}),
		"lengths differ": Ratio([]float64{1, 2}, []float64{1}), "negative": Ratio([]float64{1, 2}, []float64{-1, -2}),
	} {
		if !math.IsNaN(e.Value) || e.Known {
			t.Errorf("Ratio with %s = %+v, want NaN without an interval", name, e)
		}
	}
	if e := Ratio([]float64{3, 1}, []float64{1, 1}); e.Value != 2 || !e.Known || math.Abs(e.Half()-12.706204736) > 1e-6 {
		t.Errorf("Ratio of two pairs = %+v, want 2 ± 12.7", e)
	}
	if got := StdDev([]float64{1, 3}); !near(got, math.Sqrt2) {
		t.Errorf("StdDev of two samples = %v, want %v", got, math.Sqrt2)
	}
	if !math.IsNaN(StdDev([]float64{1})) || !math.IsNaN(StdDev(nil)) {
		t.Error("StdDev below two samples is not NaN")
	}
}

func TestStdDev(t *testing.T) {
	if got := StdDev([]float64{2, 4, 4, 4, 5, 5, 7, 9}); !near(got, math.Sqrt(32.0/7)) {
		t.Errorf("StdDev = %v, want %v", got, math.Sqrt(32.0/7))
	}
}

// TestQuantile checks against numpy.quantile.
func TestQuantile(t *testing.T) {
	xs := []float64{15, 20, 35, 40, 50, 60}
	for p, want := range map[float64]float64{0: 15, 0.05: 16.25, 0.25: 23.75, 0.5: 37.5, 0.9: 55, 0.95: 57.5, 1: 60} {
		if got := Quantile(p, xs); !near(got, want) {
			t.Errorf("Quantile(%v) = %v, want %v", p, got, want)
		}
	}
	for _, p := range []float64{-0.1, 1.1, math.NaN()} {
		if got := Quantile(p, xs); !math.IsNaN(got) {
			t.Errorf("Quantile(%v) = %v, want NaN", p, got)
		}
	}
	if !math.IsNaN(Quantile(0.5, nil)) {
		t.Error("the median of nothing is not NaN")
	}
	unsorted := []float64{3, 1, 2}
	if got := Quantile(0.5, unsorted); got != 2 || !slices.Equal(unsorted, []float64{3, 1, 2}) {
		t.Errorf("the median of 3, 1, 2 is %v and the sample became %v", got, unsorted)
	}
}

func TestQuantileProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		xs := rapid.SliceOfN(rapid.Float64Range(-1e6, 1e6), 1, 50).Draw(t, "xs")
		p := rapid.Float64Range(0, 1).Draw(t, "p")
		q := rapid.Float64Range(p, 1).Draw(t, "q")
		low, high := Quantile(p, xs), Quantile(q, xs)
		if low > high+1e-6 || low < slices.Min(xs) || high > slices.Max(xs)+1e-6 {
			t.Fatalf("quantiles %v and %v of %v are %v and %v", p, q, xs, low, high)
		}
	})
}

func TestRatio(t *testing.T) {
	// By hand: R = 12/6 = 2, residuals 1, -1, 0, s^2 = 1, se = 1/sqrt(3)/2.
	e := Ratio([]float64{3, 3, 6}, []float64{1, 2, 3})
	half := 4.302652729911275 * 0.5 / math.Sqrt(3)
	if !near(e.Value, 2) || !e.Known || math.Abs(e.Half()-half) > 1e-6 {
		t.Errorf("Ratio = %+v, want 2 ± %v", e, half)
	}
	// A constant rate has no uncertainty, whatever the spread of the times.
	if e := Ratio([]float64{10, 30, 70}, []float64{1, 3, 7}); !near(e.Low, 10) || !near(e.High, 10) {
		t.Errorf("the interval of a constant rate is %+v, want [10, 10]", e.Interval)
	}
}

// coverage is the share of n seeded samples whose interval covers truth.
func coverage(n int, truth float64, draw func(*rand.Rand) Interval) float64 {
	rng := rand.New(rand.NewPCG(1, 2))
	covered := 0
	for range n {
		if draw(rng).Contains(truth) {
			covered++
		}
	}
	return float64(covered) / float64(n)
}

// TestCoverage checks that intervals cover the truth about as often as they
// say, and not always either.
func TestCoverage(t *testing.T) {
	for name, c := range map[string]struct {
		samples      int
		truth, least float64
		draw         func(*rand.Rand) Interval
	}{
		"mean of 5 normal samples": {2000, 10, 0.93, func(rng *rand.Rand) Interval {
			return Mean(normals(rng, 5, 10, 3)).Interval
		}},
		"mean of 30 normal samples": {2000, 10, 0.93, func(rng *rand.Rand) Interval {
			return Mean(normals(rng, 30, 10, 3)).Interval
		}},
		"ratio": {2000, 4, 0.93, func(rng *rand.Rand) Interval {
			num, den := make([]float64, 40), make([]float64, 40)
			for i := range num {
				den[i] = 1 + rng.Float64()
				num[i] = 4*den[i] + rng.NormFloat64()
			}
			return Ratio(num, den).Interval
		}},
		"paired difference": {2000, 2, 0.93, func(rng *rand.Rand) Interval {
			var p Pairs
			for range 10 {
				workload := 50 * rng.ExpFloat64()
				p.A = append(p.A, workload+rng.NormFloat64())
				p.B = append(p.B, workload+2+rng.NormFloat64())
			}
			return p.Difference().Interval
		}},
	} {
		if got := coverage(c.samples, c.truth, c.draw); got < c.least || got > 0.975 {
			t.Errorf("%s: %.1f %% of the intervals cover the truth, want about 95 %%", name, 100*got)
		}
	}
}

func normals(rng *rand.Rand, n int, mean, sd float64) []float64 {
	xs := make([]float64, n)
	for i := range xs {
		xs[i] = mean + sd*rng.NormFloat64()
	}
	return xs
}

func TestPair(t *testing.T) {
	a := []Keyed{{"w2", 4}, {"w1", 1}, {"w1", 3}, {"only-a", 9}}
	b := []Keyed{{"w1", 4}, {"w2", 8}, {"only-b", 1}, {"only-b2", 1}}
	p := Pair(a, b)
	if !slices.Equal(p.A, []float64{2, 4}) || !slices.Equal(p.B, []float64{4, 8}) || p.Unpaired != 3 {
		t.Fatalf("Pair = %+v, want A [2 4], B [4 8] and 3 unpaired", p)
	}
	if r := p.Ratio(); r.N != 2 || !near(r.Value, 2) || !near(r.Low, 2) || !near(r.High, 2) {
		t.Errorf("Ratio = %+v, want exactly 2", r)
	}
	if d := p.Difference(); !near(d.Value, 3) {
		t.Errorf("Difference = %+v, want 3", d)
	}
	if r := (Pairs{A: []float64{1, 0}, B: []float64{1, 1}}).Ratio(); !math.IsNaN(r.Value) || r.Known {
		t.Errorf("Ratio with a zero = %+v, want NaN", r)
	}
	if r := (Pairs{A: []float64{1, 1}, B: []float64{0, 1}}).Ratio(); !math.IsNaN(r.Value) || r.Known {
		t.Errorf("Ratio to a zero = %+v, want NaN", r)
	}
	// A mean difference of 1 and one of -1 whose interval ends at zero.
	edge := Pairs{A: []float64{0, 0}, B: []float64{1, 1}}
	if edge.Order() != Less || (Pairs{A: edge.B, B: edge.A}).Order() != Greater {
		t.Errorf("equal differences: Order is %v, and %v with the sides exchanged", edge.Order(), (Pairs{A: edge.B, B: edge.A}).Order())
	}
}

// TestPairingSharpens checks the point of pairing: a small difference that
// drowns in the workloads' spread is clear in pairs.
func TestPairingSharpens(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	var a, b []Keyed
	var rawA, rawB []float64
	for i := range 100 {
		workload := 100 * rng.ExpFloat64()
		va, vb := workload+10+rng.NormFloat64(), workload+11+rng.NormFloat64()
		key := string(rune('A' + i))
		a, b = append(a, Keyed{key, va}), append(b, Keyed{key, vb})
		rawA, rawB = append(rawA, va), append(rawB, vb)
	}
	p := Pair(a, b)
	if p.Order() != Less {
		t.Errorf("Order = %v (%+v), want Less", p.Order(), p.Difference())
	}
	if (Pairs{A: p.B, B: p.A}).Order() != Greater {
		t.Error("Order of the swapped pairs is not Greater")
	}
	if (Pairs{A: p.A, B: p.A}).Order() != Unclear || (Pairs{}).Order() != Unclear {
		t.Error("Order of equal or of no pairs is not Unclear")
	}
	if !Mean(rawA).Contains(Mean(rawB).Value) {
		t.Error("the unpaired intervals separate the systems: this test no longer shows why to pair")
	}
}
