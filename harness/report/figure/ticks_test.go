package figure

import (
	"math"
	"strings"
	"testing"

	"gonum.org/v1/plot"
	"pgregory.net/rapid"
)

func TestLogTicks(t *testing.T) {
	labels := func(low, high float64) string {
		var texts []string
		for _, tick := range logTicks(low, high) {
			if tick.Label != "" {
				texts = append(texts, tick.Label)
			}
		}
		return strings.Join(texts, " ")
	}
	for _, c := range []struct {
		low, high float64
		want      string
	}{
		{0.9, 110, "1 2 5 10 20 50 100"},
		{0.06, 15, "0.1 0.2 0.5 1 2 5 10"},
		{0.5, 20000, "1 10 100 1000 10000"},
	} {
		if got := labels(c.low, c.high); got != c.want {
			t.Errorf("labels from %v to %v: %s, want %s", c.low, c.high, got, c.want)
		}
	}
}

// TestTicks checks any range: labelled ticks inside it, not too many.
func TestTicks(t *testing.T) {
	check := func(t *rapid.T, ticks []plot.Tick, low, high float64) {
		labelled := 0
		for _, tick := range ticks {
			slack := (high - low) * 1e-6
			if tick.Label == "" {
				continue
			}
			labelled++
			if tick.Value < low-slack || tick.Value > high+slack {
				t.Fatalf("tick %v outside [%v, %v]", tick.Value, low, high)
			}
		}
		if labelled < 2 || labelled > mostLabels+1 {
			t.Fatalf("%d labels over [%v, %v]", labelled, low, high)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		low := math.Pow(10, rapid.Float64Range(-9, 9).Draw(t, "low"))
		high := low * math.Pow(10, rapid.Float64Range(0.3, 20).Draw(t, "decades"))
		check(t, logTicks(low, high), low, high)
		check(t, linearTicks(0, high), 0, high)
		check(t, linearTicks(-low, high), -low, high)
	})
}

// TestManyDecades checks how many ticks a logarithmic axis has over any range that
// numbers span: eleven decades in full, and from end to end of what a float64 holds.
func TestManyDecades(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		low := math.Pow(10, rapid.Float64Range(-300, 299).Draw(t, "low"))
		s := LogScale(low, math.Pow(10, rapid.Float64Range(math.Log10(low), 300).Draw(t, "high")))
		labels := 0
		for _, tick := range s.Ticks {
			if tick.Label != "" {
				labels++
			}
		}
		if len(s.Ticks) > mostTicks || labels < 2 || labels > mostLabels+1 {
			t.Fatalf("%d ticks, %d with a label, over [%v, %v]", len(s.Ticks), labels, s.Min, s.Max)
		}
	})
	if s := LogScale(1e-300, 1e300); len(s.Ticks) > mostLabels+1 {
		t.Errorf("%d ticks over 600 decades, want labelled ones only", len(s.Ticks))
	}
	if s := LogScale(2e-3, 1.9e7); len(s.Ticks) <= 9*8 {
		t.Errorf("%d ticks over ten decades, want nine for each", len(s.Ticks))
	}
}
