package audit

import (
	"math"
	"time"

	"edgebed/harness/emu"
	"edgebed/harness/topology"
)

// With fewer independent delays than fewestDelays the distance of two
// distributions says nothing.
const fewestDelays = 8

// outside is how far the delays of a link with jitter are outside of what it can
// do: by the tenths at either end, so that a few late frames do not count. It is 0
// where they are inside.
func outside(m emu.Measurement) time.Duration {
	n := len(m.Delays)
	if n == 0 {
		return 0
	}
	low, high := m.Delays[n/10], m.Delays[n-1-n/10]
	if over := high - (m.Asked.Delay + m.Asked.Jitter); over > 0 {
		return over
	}
	return min(0, low-(m.Asked.Delay-m.Asked.Jitter))
}

// jitterShare holds the delays of a link with jitter against their distribution:
// the Kolmogorov-Smirnov distance, as a share of the distance which chance exceeds
// with the probability limitJitter (Massart's bound, which holds for any number of
// delays). Delays may be late by limitDelay. It is 0 where there are too few.
func jitterShare(m emu.Measurement) float64 {
	n := float64(len(m.Delays))
	independent := n
	if fifo(m) {
		// Frames closer than the jitter wait for each other.
		independent *= min(1, float64(m.Gap)/float64(2*m.Asked.Jitter))
	}
	if m.Asked.Jitter == 0 || independent < fewestDelays {
		return 0
	}

	distance := 0.0
	for i, d := range m.Delays {
		above := float64(i+1)/n - spread(m, d+limitDelay)
		below := spread(m, d-limitDelay) - float64(i)/n
		distance = max(distance, above, below)
	}
	return distance / math.Sqrt(math.Log(2/limitJitter)/(2*independent))
}

func fifo(m emu.Measurement) bool { return m.Asked.JitterOrder != topology.Reorder }

// spread is the probability that a frame's delay is at most d: even from
// delay-jitter to delay+jitter, and in a FIFO only if no frame before holds it up,
// each of which was sent a gap earlier and drew a delay of its own.
func spread(m emu.Measurement, d time.Duration) float64 {
	even := func(d time.Duration) float64 {
		return min(max(float64(d-m.Asked.Delay+m.Asked.Jitter)/float64(2*m.Asked.Jitter), 0), 1)
	}
	p := even(d)
	if !fifo(m) || m.Gap <= 0 {
		return p
	}
	for before := d + m.Gap; p > 0 && even(before) < 1; before += m.Gap {
		p *= even(before)
	}
	return p
}
