package fate

import (
	"math"
	"math/rand/v2"
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
