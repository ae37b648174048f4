package delayline

import (
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestHistogramQuantiles compares the quantiles with those of the sorted
// values.
func TestHistogramQuantiles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.OneOf(
			rapid.Int64Range(-histogramShift, 200_000),
			rapid.Int64Range(0, int64(30*time.Second)),
		), 1, 300).Draw(t, "values")
		h := &histogram{}
		for _, v := range values {
			h.add(v)
		}
		slices.Sort(values)
		p50, p99, largest := h.quantiles()
		if want := time.Duration(values[len(values)-1]); largest != want {
			t.Fatalf("max is %v, want %v", largest, want)
		}
		for _, c := range []struct {
			name string
			got  time.Duration
			q    float64
		}{{"p50", p50, 0.5}, {"p99", p99, 0.99}} {
			want := values[int(math.Ceil(c.q*float64(len(values))))-1]
			// The error is relative to the value as it is counted.
			slack := float64(want+histogramShift)/(1<<subBits) + 1
			if math.Abs(float64(int64(c.got)-want)) > slack {
				t.Fatalf("%s is %v, want %v within %.0f ns", c.name, c.got, time.Duration(want), slack)
			}
		}
	})
}

func TestHistogramLimits(t *testing.T) {
	h := &histogram{}
	if a, b, c := h.quantiles(); a != 0 || b != 0 || c != 0 {
		t.Errorf("an empty histogram has the quantiles %v, %v, %v", a, b, c)
	}
	h.add(math.MinInt64 / 2)
	h.add(math.MaxInt64 / 2)
	p50, _, largest := h.quantiles()
	if p50 != -histogramShift || largest != math.MaxInt64/2 {
		t.Errorf("quantiles of extremes are %d and %d", p50, largest)
	}
	last := -1
	for i := range histogramSteps {
		if s := step(middle(i)); s != i || s <= last {
			t.Fatalf("the middle of step %d, %d ns, is in step %d", i, middle(i), s)
		}
		last = i
	}
}
