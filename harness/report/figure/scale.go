package figure

import (
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"

	"edgebed/harness/record"
)

// Tick is a mark along an axis; one without a label has no line through the panel.
type Tick = plot.Tick

// Scale maps the values of an axis to shares of its length.
type Scale struct {
	Min, Max float64
	Log      bool
	Ticks    []Tick
}

// Norm returns where a value stands: 0 at Min, 1 at Max. A logarithmic scale takes
// what is not above zero for its Min.
func (s Scale) Norm(v float64) float64 {
	if s.Log {
		if v <= 0 {
			return 0
		}
		return plot.LogScale{}.Normalize(s.Min, s.Max, math.Min(math.Max(v, s.Min), s.Max))
	}
	return plot.LinearScale{}.Normalize(s.Min, s.Max, v)
}

// apply gives an axis of a plot the scale.
func (s Scale) apply(axis *plot.Axis) {
	axis.Min, axis.Max = s.Min, s.Max
	if s.Log {
		axis.Scale = plot.LogScale{}
	}
}

// LogScale is a logarithmic scale for values from low to high, which must be above
// zero, a little wider.
func LogScale(low, high float64) Scale {
	low, high = widenLog(low, high, 0.05, 2)
	return Scale{Min: low, Max: high, Log: true, Ticks: logTicks(low, high)}
}

// LinearScale is a linear scale of just that range.
func LinearScale(low, high float64) Scale {
	return Scale{Min: low, Max: high, Ticks: linearTicks(low, high)}
}

// Scales are those of a chart's panels on a screen, whose plots are width pixels
// wide.
func (c *Chart) Scales(width float64) (x, y Scale) {
	return c.scaleX(vg.Length(width), plot.New().X.Tick.Label.Width), c.scaleY()
}

// scaleY is the scale of the ordinate, the same in all panels. Linear axes of
// positive values start at zero.
func (c *Chart) scaleY() Scale {
	if c.Kind == record.KindTimeline {
		return c.timeY()
	}
	if c.Kind == record.KindHeatMap {
		return c.rowScale()
	}
	low, high := math.Inf(1), math.Inf(-1)
	least := math.Inf(1)
	for k, e := range c.measured {
		if !c.Shows(k, e) {
			continue
		}
		least = math.Min(least, e.Value)
		low, high = math.Min(low, e.Value), math.Max(high, e.Value)
		if e.Known {
			low, high = math.Min(low, e.Low), math.Max(high, e.High)
		}
	}

	for _, p := range c.Panels {
		if p == nil {
			continue
		}
		for _, sample := range slices.Concat(p.Samples...) {
			if n := len(sample); n > 0 && (!c.LogY || sample[0] > 0) {
				least, low, high = math.Min(least, sample[0]), math.Min(low, sample[0]), math.Max(high, sample[n-1])
			}
		}
	}

	switch {
	case math.IsInf(least, 0): // nothing to show
		return LinearScale(0, 1)
	case c.LogY:
		// A wide interval may come near to zero, which is far away on this axis:
		// it is cut at the edge of the panel instead of squeezing the curves.
		return LogScale(math.Max(low, least/2), high)
	}

	low = math.Min(low, 0)
	if high <= low {
		high = low + 1
	}
	span := high - low
	top, bottom := high+0.06*span, low
	if c.Kind == record.KindBars {
		top = high + 0.12*span // room for the values above the bars
	}
	if low < 0 {
		bottom = low - 0.06*span
	}
	return LinearScale(bottom, top)
}

// widenLog widens a range by a share of its logarithm on either side, and to
// at least the given ratio, within what a float64 can hold.
func widenLog(low, high, share, least float64) (float64, float64) {
	low, high = math.Min(math.Max(low, smallest), 1/smallest), math.Min(math.Max(high, smallest), 1/smallest)
	if high/low < least {
		middle := math.Sqrt(low * high)
		if middle == 0 || math.IsInf(middle, 0) {
			middle = math.Sqrt(low) * math.Sqrt(high)
		}
		low, high = middle/math.Sqrt(least), middle*math.Sqrt(least)
	}
	factor := math.Pow(high/low, share)
	return math.Max(low/factor, smallest), math.Min(high*factor, 1/smallest)
}

// smallest is the smallest number on a logarithmic axis.
const smallest = 1e-300

// scaleX is the scale of the abscissa, with ticks at the positions where their
// labels fit into the width, else at round numbers.
func (c *Chart) scaleX(width vg.Length, widthOf func(string) vg.Length) Scale {
	if c.Kind == record.KindTimeline {
		return c.timeX()
	}
	low, high := math.Inf(1), math.Inf(-1)
	for k, x := range c.Xs {
		if c.reaches(k) {
			low, high = math.Min(low, x), math.Max(high, x)
		}
	}

	var s Scale
	switch {
	case low > high: // nothing to show
		return LinearScale(0, 1)
	case !c.Numeric:
		s = Scale{Min: low - 0.5, Max: high + 0.5}
	case c.LogX:
		s = LogScale(low, high)
	default:
		around := 0.05 * (high - low)
		if around == 0 {
			around = math.Max(0.5, math.Abs(low)*1e-9) // 1e17 + 0.5 is 1e17
		}
		s = LinearScale(low-around, high+around)
	}

	ticks, fits := c.positionTicks(s, width, widthOf)
	switch {
	case !fits && c.Kind == record.KindHeatMap:
		s.Ticks = thinned(ticks, width, widthOf)
	case fits || !c.Numeric:
		s.Ticks = ticks
	}
	return s
}

// positionTicks are ticks at the positions, and whether their labels have room.
func (c *Chart) positionTicks(s Scale, width vg.Length, widthOf func(string) vg.Length) (ticks []Tick, fits bool) {
	fits = true
	end := vg.Length(math.Inf(-1))
	for k, x := range c.Xs {
		if !c.reaches(k) {
			continue
		}
		ticks = append(ticks, Tick{Value: x, Label: c.Ticks[k]})
		middle := vg.Length(s.Norm(x)) * width
		half := widthOf(c.Ticks[k]) / 2
		fits = fits && middle-half > end+3
		end = middle + half
	}
	return ticks, fits
}

// At returns the value at a share of the scale, of which Norm is the inverse.
func (s Scale) At(share float64) float64 {
	if s.Log {
		return s.Min * math.Pow(s.Max/s.Min, share)
	}
	return s.Min + share*(s.Max-s.Min)
}
