package audit

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"edgebed/harness/emu"
	"edgebed/harness/topology"
	"edgebed/nodes/units"
)

// TestJitterIsADistribution measures simulated links: those that spread delays as
// they were asked to pass, in either order and however the frames were spaced, and
// those that do not are found.
func TestJitterIsADistribution(t *testing.T) {
	const delay, late = 20 * time.Millisecond, 60 * time.Microsecond
	random := rand.New(rand.NewPCG(1, 2))
	even := func(jitter time.Duration) time.Duration {
		return time.Duration((2*random.Float64() - 1) * float64(jitter))
	}
	for _, tt := range []struct {
		name        string
		jitter, gap time.Duration
		order       topology.JitterOrder
		real        func(jitter time.Duration) time.Duration
		found       string
	}{
		{"fifo", 10 * time.Millisecond, 20 * time.Millisecond, "", even, ""},
		{"small jitter", 100 * time.Microsecond, 2 * time.Millisecond, "", even, ""},
		{"fifo, close", 20 * time.Millisecond, 25 * time.Millisecond, topology.FIFO, even, ""},
		{"fifo, very close", 20 * time.Millisecond, 2 * time.Millisecond, topology.FIFO, even, ""},
		{"reorder, close", 20 * time.Millisecond, 2 * time.Millisecond, topology.Reorder, even, ""},
		{"no jitter", 10 * time.Millisecond, 20 * time.Millisecond, "", func(time.Duration) time.Duration { return 0 }, "link-jitter"},
		{"a tenth of the jitter", 10 * time.Millisecond, 20 * time.Millisecond, topology.Reorder,
			func(j time.Duration) time.Duration { return even(j / 10) }, "link-jitter"},
		{"two values", 10 * time.Millisecond, 20 * time.Millisecond, "",
			func(j time.Duration) time.Duration { return 2*j*time.Duration(random.IntN(2)) - j }, "link-jitter"},
		{"too much jitter", 5 * time.Millisecond, 10 * time.Millisecond, "",
			func(j time.Duration) time.Duration { return even(3 * j) }, "link-delay"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			found := 0
			for range 100 {
				m := emu.Measurement{Link: "s0-s1", Singles: 40, Gap: tt.gap, Rate: units.Mbps,
					Asked: topology.Params{Rate: units.Mbps, Delay: delay, Jitter: tt.jitter, JitterOrder: tt.order, Queue: 1000}}
				last := time.Duration(0) // arrival
				for i := range m.Singles {
					sent := time.Duration(i) * tt.gap
					at := sent + delay + tt.real(tt.jitter) + late
					if tt.order != topology.Reorder {
						at = max(at, last)
					}
					last = max(at, last)
					m.Delays = append(m.Delays, at-sent)
				}
				slices.Sort(m.Delays)
				m.Delay = m.Delays[len(m.Delays)/2]
				audit := Judge(Evidence{Links: []emu.Measurement{m}})
				for _, f := range audit.Findings {
					if f.Check != tt.found && (tt.found == "" || f.Check != "link-jitter") {
						t.Fatalf("found %s, %v, limit %v", f.Check, f.Value, f.Limit)
					}
					if f.Check == tt.found {
						found++
					}
				}
			}
			if tt.found != "" && found < 90 {
				t.Errorf("%s was found in %d of 100 measurements", tt.found, found)
			}
		})
	}
}
