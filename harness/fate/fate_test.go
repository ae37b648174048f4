package fate

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestShares compares what many frames meet with what the odds say of them: the share of
// lost and doubled frames, and the mean length of a burst.
func TestShares(t *testing.T) {
	gilbert, err := Gilbert(0.05, 4)
	if err != nil {
		t.Fatal(err)
	}
	const frames = 400_000
	for _, tt := range []struct {
		name         string
		odds         Odds
		lost, length float64
	}{
		{"nothing", Odds{}, 0, 0},
		{"all", Odds{Loss: 1}, 1, frames},
		{"each by itself", Odds{Loss: 0.1}, 0.1, 1 / 0.9},
		{"Gilbert", Odds{Bursts: gilbert}, 0.05, 4},
		// A quarter of the time bad.
		{"Gilbert-Elliott", Odds{Bursts: GilbertElliott{P: 0.01, R: 0.03, Bad: 0.8, Good: 0.02}}, 0.215, 0},
		{"never bad", Odds{Bursts: GilbertElliott{Good: 0.3, Bad: 1}}, 0.3, 1 / 0.7},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.odds.Duplicate = 0.02
			dice := NewDice(7, 1)
			lost, bursts, twice, before := 0, 0, 0, false
			for range frames {
				f := dice.Throw(&tt.odds)
				if f.Lost {
					lost++
					if !before {
						bursts++
					}
				}
				if f.Twice {
					twice++
				}
				before = f.Lost
			}

			// Frames of a burst share their fate, so that the share spreads more.
			share := float64(lost) / frames
			if math.Abs(share-tt.lost) > 0.01 || tt.lost == 0 && lost > 0 || tt.lost == 1 && lost < frames {
				t.Errorf("%.4f of the frames are lost, want %.4f", share, tt.lost)
			}
			if bursts > 0 && tt.length > 0 {
				if length := float64(lost) / float64(bursts); math.Abs(length/tt.length-1) > 0.05 {
					t.Errorf("bursts have %.3f frames, want %.3f", length, tt.length)
				}
			}
			if want := 0.02 * (1 - share); math.Abs(float64(twice)/frames-want) > 0.002 {
				t.Errorf("%d of %d frames come twice, want %.4f of them", twice, frames, want)
			}
		})
	}
}

// TestGilbert: the channel has the share and the length that it was made with, and is
// refused where no channel has them.
func TestGilbert(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		length := rapid.Float64Range(1, 1e6).Draw(t, "length")
		share := rapid.Float64Range(0, length/(length+1)).Draw(t, "share")
		g, err := Gilbert(share, length)
		if err != nil {
			t.Fatal(err)
		}
		if err := g.Validate(); err != nil {
			t.Fatal(err)
		}
		if math.Abs(g.Share()-share) > 1e-9 || math.Abs(1/g.R-length) > 1e-6*length {
			t.Fatalf("%+v loses %g of the frames, want %g", g, g.Share(), share)
		}
	})
	for _, wrong := range [][2]float64{{0.1, 0.5}, {0.9, 4}, {-0.1, 4}, {math.NaN(), 4}, {0.1, math.NaN()}, {0.1, math.Inf(1)}} {
		if g, err := Gilbert(wrong[0], wrong[1]); err == nil {
			t.Errorf("a share of %g in bursts of %g gives %+v", wrong[0], wrong[1], g)
		}
	}
}

// TestNumberDecides: a frame's spread, and its loss where each is lost by itself, depend on
// the seed and its number only, not on what the odds of the frames before were.
func TestNumberDecides(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		loss := rapid.Float64Range(0, 1).Draw(t, "loss")
		one, other := NewDice(seed, 0), NewDice(seed, 0)
		var reference rand.PCG
		reference.Seed(seed, 0)
		for range rapid.IntRange(1, 100).Draw(t, "frames") {
			before := Odds{
				Loss:   rapid.Float64Range(0, 1).Draw(t, "loss before"),
				Bursts: GilbertElliott{P: rapid.Float64Range(0, 1).Draw(t, "p"), R: 0.5, Bad: 1},
			}
			one.Throw(&before)
			other.Throw(&Odds{})
			reference.Uint64()
			reference.Uint64()
		}

		a, b := one.Throw(&Odds{Loss: loss}), other.Throw(&Odds{Loss: loss})
		if want := reference.Uint64()>>11 < uint64(loss*(1<<53)); a != b || a.Lost != want {
			t.Fatalf("%+v and %+v, and a loss of %v, want the same", a, b, want)
		}
	})
}

// TestShare is what channels lose in the long run, those too that stay in one state.
func TestShare(t *testing.T) {
	for _, tt := range []struct {
		g    GilbertElliott
		want float64
	}{
		{GilbertElliott{}, 0},
		{GilbertElliott{Good: 0.3, Bad: 1}, 0.3},
		{GilbertElliott{R: 0.5, Good: 0.3, Bad: 1}, 0.3},
		{GilbertElliott{P: 0.5, Good: 0.3, Bad: 0.9}, 0.9},
		{GilbertElliott{P: 0.01, R: 0.03, Bad: 0.8, Good: 0.02}, 0.25*0.8 + 0.75*0.02},
	} {
		if got := tt.g.Share(); math.Abs(got-tt.want) > 1e-12 {
			t.Errorf("%+v loses %v, want %v", tt.g, got, tt.want)
		}
	}
}

// TestValidate refuses what is no probability, by its name, and a burst without an end.
func TestValidate(t *testing.T) {
	for _, tt := range []struct {
		odds Odds
		want string // of the error, none where it is empty
	}{
		{Odds{}, ""},
		{Odds{Loss: 1, Duplicate: 1, Bursts: GilbertElliott{P: 1, R: 1, Bad: 1, Good: 1}}, ""},
		{Odds{Loss: -1e-9}, "check loss -1e-09: "},
		{Odds{Loss: 1.5}, "check loss 1.5: "},
		{Odds{Loss: math.NaN()}, "check loss NaN: "},
		{Odds{Duplicate: 2}, "check duplicate 2: "},
		{Odds{Bursts: GilbertElliott{P: 2}}, "check p 2: "},
		{Odds{Bursts: GilbertElliott{R: -1}}, "check r -1: "},
		{Odds{Bursts: GilbertElliott{Bad: 2}}, "check 1-h 2: "},
		{Odds{Bursts: GilbertElliott{Good: 2}}, "check 1-k 2: "},
		{Odds{Bursts: GilbertElliott{P: 0.1, Bad: 1}}, "the bad state, in which all is lost, never ends"},
		{Odds{Bursts: GilbertElliott{P: 0.1, R: 0.1, Bad: 1}}, ""},
		{Odds{Bursts: GilbertElliott{P: 0.1, Bad: 0.9}}, ""},
		{Odds{Bursts: GilbertElliott{Bad: 1}}, ""},
	} {
		switch err := tt.odds.Validate(); {
		case tt.want == "" && err != nil:
			t.Errorf("%+v: %v", tt.odds, err)
		case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("%+v: error %v, want %q", tt.odds, err, tt.want)
		}
	}
}

// TestSpread: delays fall evenly over the range of the jitter.
func TestSpread(t *testing.T) {
	const frames, parts = 40_000, 8
	var count [parts]int
	dice := NewDice(3, 0)
	for range frames {
		f := dice.Throw(&Odds{})
		if !(f.Spread >= -1 && f.Spread < 1) {
			t.Fatalf("a spread of %v, want one from -1 to 1", f.Spread)
		}
		count[int((f.Spread+1)/2*parts)]++
	}
	for i, n := range count {
		if math.Abs(float64(n)*parts/frames-1) > 0.05 {
			t.Errorf("part %d of %d has %d of %d frames", i, parts, n, frames)
		}
	}
}

// TestBelow: a probability of one half is that of half of the draws.
func TestBelow(t *testing.T) {
	const half = 1 << 63
	for _, tt := range []struct {
		draw        uint64
		probability float64
		want        bool
	}{
		{0, 0, false}, {0, 1, true}, {math.MaxUint64, 1, true}, {0, 1e-15, true},
		{half - 1, 0.5, true}, {half, 0.5, false}, {math.MaxUint64, 0.999, false},
	} {
		if got := below(tt.draw, tt.probability); got != tt.want {
			t.Errorf("the draw %d is below %v: %v", tt.draw, tt.probability, got)
		}
	}
}
