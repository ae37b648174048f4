package stats

import (
	"math"
	"math/rand/v2"

	utest "github.com/aclements/go-moremath/stats"
)

// flips is how many sign patterns SignFlips draws: enough for the smallest p-value
// that the adjustment for some hundred tests needs.
const flips = 20000

// SignFlips returns the one-sided p-values that B's values are above, or below,
// A's by chance: the share of random sign patterns of the pairs' logarithmic
// ratios that give a mean at least as far out. It needs no distribution, only that
// without a difference each ratio is as likely as its inverse. Pairs with a value
// that is not positive are left out; without any, both p-values are 1. The
// patterns are the same in each call, so equal pairs give equal p-values.
func SignFlips(p Pairs) (above, below float64) {
	var logs []float64
	var observed float64
	for i := range p.A {
		if p.A[i] > 0 && p.B[i] > 0 {
			logs = append(logs, math.Log(p.B[i]/p.A[i]))
			observed += logs[len(logs)-1]
		}
	}

	rng := rand.New(rand.NewPCG(uint64(len(logs)), 0x65646765626564)) // "edgebed"
	high, low := 1, 1                                                 // the observed pattern is one of them
	for range flips {
		sum := flipped(logs, rng)
		if sum >= observed {
			high++
		}
		if sum <= observed {
			low++
		}
	}
	return float64(high) / (flips + 1), float64(low) / (flips + 1)
}

// flipped is the sum of values with random signs.
func flipped(values []float64, rng *rand.Rand) float64 {
	var sum float64
	var bits uint64
	for i, v := range values {
		if i%64 == 0 {
			bits = rng.Uint64()
		}
		if bits&1 == 0 {
			v = -v
		}
		bits >>= 1
		sum += v
	}
	return sum
}

// MannWhitney returns the one-sided p-values that b's values are above, or below,
// a's by chance (Mann and Whitney, 1947): the test for samples that are not
// paired, which looks at ranks only. Both are 1 where all values are equal or a
// sample is empty.
func MannWhitney(a, b []float64) (above, below float64) {
	p := func(alternative utest.LocationHypothesis) float64 {
		r, err := utest.MannWhitneyUTest(b, a, alternative)
		if err != nil { // all values are equal, or there are none
			return 1
		}
		return r.P
	}
	return p(utest.LocationGreater), p(utest.LocationLess)
}
