package stats

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestQuantileEstimate: of many samples the interval holds the quantile as often as it
// says, also where neighbours depend on each other.
func TestQuantileEstimate(t *testing.T) {
	const tries, n = 400, 2000
	random := rand.New(rand.NewPCG(1, 2))
	for _, p := range []float64{0.5, 0.95} {
		holds := 0
		for range tries {
			xs := make([]float64, n)
			for i := range xs {
				// Uniform on 0 to 1; four neighbours have the same value.
				if xs[i] = random.Float64(); i%4 > 0 {
					xs[i] = xs[i-1]
				}
			}
			if QuantileEstimate(p, xs).Contains(p) {
				holds++
			}
		}
		if share := float64(holds) / tries; share < 0.9 || share > 0.99 {
			t.Errorf("the interval of the %v-quantile holds it in %v of samples, want 0.95", p, share)
		}
	}
	if e := QuantileEstimate(0.99, make([]float64, 500)); e.Known || e.N != 500 {
		t.Errorf("500 samples have the interval %+v of a 99th percentile", e)
	}
}

// TestSections: ten sections with the medians 0 to 9 have them around 4.5 with a standard
// deviation of the square root of 82.5 over 9, and Student's 9 degrees.
func TestSections(t *testing.T) {
	for _, size := range []int{2, 7, 50} {
		var xs []float64
		for k := range 10 {
			for range size {
				xs = append(xs, float64(k))
			}
		}
		half := 2.262157163 * math.Sqrt(82.5/9/10)
		if e := QuantileEstimate(0.5, xs); e.Value != 4.5 || math.Abs(e.Low-(4.5-half)) > 1e-6 || math.Abs(e.High-(4.5+half)) > 1e-6 {
			t.Errorf("sections of %d: %+v, want 4.5 ± %v", size, e, half)
		}
	}
	if e := QuantileEstimate(0.5, make([]float64, 19)); e.Known {
		t.Errorf("sections that have nothing beyond their median have the interval %+v", e)
	}
}
