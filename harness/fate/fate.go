package fate

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
)

// Odds are what may happen to the frames of a direction, each a probability from 0
// to 1.
type Odds struct {
	// Loss takes each frame independently of the others.
	Loss float64
	// Bursts takes frames in bursts, beside Loss.
	Bursts GilbertElliott
	// Duplicate makes a frame that is not lost arrive twice.
	Duplicate float64
}

// GilbertElliott is a channel with a good and a bad state (E. N. Gilbert, Capacity of a
// Burst-Noise Channel, 1960; E. O. Elliott, 1963), by the parameters that netem and its
// literature use: a frame is lost with probability Good or Bad, as the state is, and then
// the state changes from good to bad with probability P, from bad to good with R. The
// channel begins in the good state. The zero value loses nothing.
type GilbertElliott struct {
	P float64 `json:"p"`
	R float64 `json:"r"`
	// Bad is the probability that tc calls 1-h, Good the one that it calls 1-k.
	Bad  float64 `json:"1-h"`
	Good float64 `json:"1-k"`
}

// Gilbert returns the channel that loses all frames in the bad state and none in the
// good one, with the given share of lost frames and mean number of frames in a burst.
// It fails where there is no such channel: bursts are at least one frame long, and there
// is a frame between two of them, so that the share is at most length/(length+1).
func Gilbert(share, length float64) (GilbertElliott, error) {
	if !(length >= 1) || math.IsInf(length, 0) {
		return GilbertElliott{}, fmt.Errorf("check bursts of %g lost frames: want 1 or more", length)
	}
	if most := length / (length + 1); !(share >= 0 && share <= most) {
		return GilbertElliott{}, fmt.Errorf("check loss %g in bursts of %g frames: want at most %.4g, "+
			"since a frame arrives between two bursts", share, length, most)
	}
	r := 1 / length
	return GilbertElliott{P: min(1, r*share/(1-share)), R: r, Bad: 1}, nil
}

// Share returns the share of frames that the channel loses in the long run.
func (g GilbertElliott) Share() float64 {
	if g.P+g.R == 0 {
		return g.Good // it stays in the good state
	}
	bad := g.P / (g.P + g.R)
	return bad*g.Bad + (1-bad)*g.Good
}

// Validate returns an error where a parameter is no probability, or where all is lost for
// ever after a first burst.
func (g GilbertElliott) Validate() error {
	for _, of := range []struct {
		name  string
		value float64
	}{{"p", g.P}, {"r", g.R}, {"1-h", g.Bad}, {"1-k", g.Good}} {
		if err := Probability(of.name, of.value); err != nil {
			return err
		}
	}
	if g.P > 0 && g.R == 0 && g.Bad == 1 {
		return errors.New("check r 0: want more, or the bad state, in which all is lost, never ends")
	}
	return nil
}

// Validate returns an error where one of the odds is no probability.
func (o Odds) Validate() error {
	if err := Probability("loss", o.Loss); err != nil {
		return err
	}
	if err := Probability("duplicate", o.Duplicate); err != nil {
		return err
	}
	return o.Bursts.Validate()
}

// Probability returns an error where a value is not from 0 to 1.
func Probability(name string, value float64) error {
	if math.IsNaN(value) || value < 0 || value > 1 {
		return fmt.Errorf("check %s %v: want a probability from 0 to 1", name, value)
	}
	return nil
}

// Fate is what happens to one frame.
type Fate struct {
	Lost, Twice bool
	// Spread is where its delay falls: from -1 for the least to 1 for the most that the
	// jitter allows.
	Spread float64
}

// Dice draw the fates of a direction's frames. They are not for several goroutines.
type Dice struct {
	// frames gives loss and spread, beside gives the rest, so that the first two are
	// what they are with or without it.
	frames, beside rand.PCG
	bad            bool
}

// NewDice returns the dice of a direction, 0 or 1, of the link with a seed.
func NewDice(seed, direction uint64) Dice {
	const beside = 1 << 63
	var d Dice
	d.frames.Seed(seed, direction)
	d.beside.Seed(seed, direction|beside)
	return d
}

// Throw returns the fate of the next frame. Each frame takes the same draws, whatever
// its odds are, so that its fate depends on its number, its odds and the channel's state
// only.
func (d *Dice) Throw(o *Odds) Fate {
	loss, spread := d.frames.Uint64(), d.frames.Uint64()
	turn, twice := d.beside.Uint64(), d.beside.Uint64()

	of, change := o.Bursts.Good, o.Bursts.P
	if d.bad {
		of, change = o.Bursts.Bad, o.Bursts.R
	}
	if below(turn, change) {
		d.bad = !d.bad
	}

	f := Fate{Lost: below(loss, max(o.Loss, of)), Spread: float64(spread>>11)/(1<<52) - 1}
	f.Twice = !f.Lost && below(twice, o.Duplicate)
	return f
}

// below says yes with a probability.
func below(draw uint64, probability float64) bool { return draw>>11 < uint64(probability*(1<<53)) }
