package topology

import (
	"errors"
	"fmt"

	"edgebed/harness/fate"
)

// maxLossBurst bounds the mean length of a burst, in frames.
const maxLossBurst = 1e6

// GilbertElliott is a channel that loses frames in bursts, by the parameters of netem
// (tc: loss gemodel) and of its literature: see fate.GilbertElliott.
type GilbertElliott struct {
	// P is the probability that the channel turns bad after a frame, R that it turns
	// good again.
	P Loss `yaml:"p" required:"true"`
	R Loss `yaml:"r" required:"true"`
	// Bad is the probability that a frame is lost while the channel is bad, 1 by
	// default; Good the one while it is good, 0 by default.
	Bad  *Loss `yaml:"1-h"`
	Good Loss  `yaml:"1-k"`
}

// channel returns what is drawn from.
func (g GilbertElliott) channel() fate.GilbertElliott {
	bad := Loss(1)
	set(&bad, g.Bad)
	return fate.GilbertElliott{P: float64(g.P), R: float64(g.R), Bad: float64(bad), Good: float64(g.Good)}
}

// ofChannel returns what channel made the channel of.
func ofChannel(c fate.GilbertElliott) *GilbertElliott {
	return &GilbertElliott{P: Loss(c.P), R: Loss(c.R), Bad: new(Loss(c.Bad)), Good: Loss(c.Good)}
}

// Odds are what may happen to a frame on the wire.
func (p Params) Odds() fate.Odds {
	o := fate.Odds{Loss: float64(p.Loss), Duplicate: float64(p.Duplicate)}
	switch {
	case p.Loss == 1: // the link is down
	case p.Bursts != fate.GilbertElliott{}:
		o.Loss, o.Bursts = 0, p.Bursts
	case p.LossBurst > 0:
		// Validate has looked for the error.
		if g, err := fate.Gilbert(float64(p.Loss), p.LossBurst); err == nil {
			o.Loss, o.Bursts = 0, g
		}
	}
	return o
}

// MeanLoss is the share of frames that are lost on the wire in the long run, 0 to 1.
func (p Params) MeanLoss() float64 {
	o := p.Odds()
	return max(o.Loss, o.Bursts.Share())
}

// validateLoss returns what is wrong with loss, duplication and corruption.
func (p Params) validateLoss() error {
	for _, of := range []struct {
		name  string
		value Loss
	}{{"loss", p.Loss}, {"duplicate", p.Duplicate}, {"corrupt", p.Corrupt}} {
		if err := fate.Probability(of.name, float64(of.value)); err != nil {
			return err
		}
	}
	if err := p.Bursts.Validate(); err != nil {
		return fmt.Errorf("gilbert-elliott: %w", err)
	}

	bursts := p.Bursts != fate.GilbertElliott{}
	switch {
	case p.LossBurst != 0 && !(p.LossBurst >= 1 && p.LossBurst <= maxLossBurst):
		return fmt.Errorf("loss-burst of %g frames is out of range: expected 1 to %g, or 0 for independent losses",
			p.LossBurst, float64(maxLossBurst))
	case p.Loss == 1: // nothing arrives, whatever else is said
	case bursts && (p.Loss > 0 || p.LossBurst > 0):
		return errors.New("gilbert-elliott says all about losses; leave loss and loss-burst out, or set them to 0")
	case p.LossBurst > 0:
		if _, err := fate.Gilbert(float64(p.Loss), p.LossBurst); err != nil {
			return fmt.Errorf("loss-burst: %w", err)
		}
	}
	return nil
}

// lossParts describes what happens to frames on the wire.
func (p Params) lossParts() (parts []string) {
	switch c := p.Odds().Bursts; {
	case p.Loss < 1 && p.Bursts != fate.GilbertElliott{}:
		parts = append(parts, fmt.Sprintf("loss %.4g (p %g, r %g, 1-h %g, 1-k %g)", c.Share(), c.P, c.R, c.Bad, c.Good))
	case p.Loss > 0 && p.Loss < 1 && p.LossBurst > 0:
		parts = append(parts, fmt.Sprintf("loss %g in bursts of %g", float64(p.Loss), p.LossBurst))
	case p.Loss > 0:
		parts = append(parts, fmt.Sprintf("loss %g", float64(p.Loss)))
	}
	if p.Duplicate > 0 {
		parts = append(parts, fmt.Sprintf("duplicate %g", float64(p.Duplicate)))
	}
	if p.Corrupt > 0 {
		parts = append(parts, fmt.Sprintf("corrupt %g", float64(p.Corrupt)))
	}
	return parts
}

// LossSettings are the facts about what happens to frames on the wire, for the records:
// the loss of each frame by itself, or in the long run with the channel's p, r, 1-h and
// 1-k where frames are lost in bursts.
func (p Params) LossSettings() map[string]string {
	o := p.Odds()
	facts := map[string]string{"link-loss": fmt.Sprint(o.Loss)}
	if b := o.Bursts; b != (fate.GilbertElliott{}) {
		facts["link-loss"] = fmt.Sprintf("%.4g", b.Share())
		facts["link-gilbert-elliott"] = fmt.Sprintf("%.6g %.6g %.6g %.6g", b.P, b.R, b.Bad, b.Good)
	}
	if p.Duplicate > 0 {
		facts["link-duplicate"] = fmt.Sprint(float64(p.Duplicate))
	}
	if p.Corrupt > 0 {
		facts["link-corrupt"] = fmt.Sprint(float64(p.Corrupt))
	}
	return facts
}
