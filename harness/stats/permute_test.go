package stats

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

func TestSignFlips(t *testing.T) {
	up := Pairs{}
	for i := range 12 {
		up.A, up.B = append(up.A, 1), append(up.B, 1.1+0.001*float64(i))
	}
	// All twelve signs agree, which one of 4096 patterns does.
	above, below := SignFlips(up)
	if want := 1.0 / 4096; math.Abs(above-want) > 3e-4 || below < 0.999 {
		t.Errorf("twelve pairs that rise: p = %v above and %v below, want about %v and 1", above, below, want)
	}

	level := Pairs{A: []float64{1, 2, 1, 2}, B: []float64{2, 1, 2, 1}}
	if above, below := SignFlips(level); above < 0.5 || below < 0.5 {
		t.Errorf("pairs that cancel out: p = %v and %v, want no less than a half", above, below)
	}
	// What is not positive has no logarithm, and says nothing.
	if above, below := SignFlips(Pairs{A: []float64{0, -1, 1, 1}, B: []float64{1, 1, 0, -1}}); above != 1 || below != 1 {
		t.Errorf("pairs without a ratio: p = %v and %v, want 1", above, below)
	}
}

// TestFlipped checks that each value of many has either sign in half of the patterns,
// whichever word of random bits it is drawn from.
func TestFlipped(t *testing.T) {
	const n, patterns = 130, 2000
	rng := rand.New(rand.NewPCG(1, 2))
	for _, at := range []int{0, 1, 63, 64, 65, 127, 128, n - 1} {
		values := make([]float64, n)
		values[at] = 1
		up := 0
		for range patterns {
			sum := flipped(values, rng)
			if sum != 1 && sum != -1 {
				t.Fatalf("the sum of one 1 is %v", sum)
			}
			if sum > 0 {
				up++
			}
		}
		if up < patterns*45/100 || up > patterns*55/100 {
			t.Errorf("value %d is positive in %d of %d patterns", at, up, patterns)
		}
	}
}

// TestSignFlipsMirror checks that exchanging the sides exchanges the p-values.
func TestSignFlipsMirror(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Float64Range(0.1, 10), 8, 8)
		p := Pairs{A: values.Draw(t, "a"), B: values.Draw(t, "b")}
		above, below := SignFlips(p)
		otherAbove, otherBelow := SignFlips(Pairs{A: p.B, B: p.A})
		const drawn = 0.02 // the patterns are a sample
		if math.Abs(above-otherBelow) > drawn || math.Abs(below-otherAbove) > drawn {
			t.Fatalf("p = %v and %v, with the sides exchanged %v and %v", above, below, otherAbove, otherBelow)
		}
		if above <= 0 || above > 1 || below <= 0 || below > 1 || above+below < 1 {
			t.Fatalf("p-values %v and %v", above, below)
		}
	})
}

func TestMannWhitney(t *testing.T) {
	low, high := []float64{1, 2, 3, 4}, []float64{5, 6, 7, 8}
	// One of the 70 ways to choose four of eight ranks.
	if above, below := MannWhitney(low, high); math.Abs(above-1.0/70) > 1e-9 || math.Abs(below-1) > 1e-9 {
		t.Errorf("b wholly above a: p = %v and %v, want 1/70 and 1", above, below)
	}
	for _, pair := range [][2][]float64{{{1, 1}, {1, 1}}, {nil, {1, 2}}, {nil, nil}} {
		if above, below := MannWhitney(pair[0], pair[1]); above != 1 || below != 1 {
			t.Errorf("%v and %v: p = %v and %v, want 1", pair[0], pair[1], above, below)
		}
	}
}
