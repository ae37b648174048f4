package audit

import (
	"slices"
	"testing"

	"edgebed/harness/emu"
	"edgebed/harness/topology/preset"
	"edgebed/nodes/units"
)

// TestPresets builds every preset for real, small, and measures its links: each direction of each
// class has the rate and the delay that it was given, within the limits of cells. A measurement
// that something else on the machine disturbed is repeated. A busy machine does not send as fast as
// a link of 1 Gb/s, of which it may see the delay alone.
func TestPresets(t *testing.T) {
	small := map[string]string{"grid": ",2,3", "fattree": ",2", "waxman": ",switches=6", "barabasi-albert": ",switches=6"}
	for _, p := range preset.List() {
		t.Run(p.Name, func(t *testing.T) {
			model, err := preset.Build(p.Name + small[p.Name])
			if err != nil {
				t.Fatal(err)
			}
			n := built(t, model)

			var best []emu.Measurement
			for range 20 {
				found, err := n.Measure(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				for i, m := range found {
					found[i].Interrupted = m.Interrupted && m.Asked.Rate < units.Gbps
				}
				if best == nil {
					best = found
				}
				best = better(best, found)
				if !slices.ContainsFunc(best, unfit) {
					break
				}
			}
			for _, m := range best {
				if unfit(m) {
					t.Errorf("link %s has %v and %v, was given %v and %v", m.Link, m.Rate, m.Delay, m.Asked.Rate, m.Asked.Delay)
				}
				if m.Rate == 0 && m.Asked.Rate > 0 && m.Asked.Rate < units.Gbps {
					t.Errorf("the rate of link %s was not measured", m.Link)
				}
			}
			if want := 2 * len(model.AllLinks()); len(best) != want {
				t.Errorf("%d directions were measured, want %d", len(best), want)
			}
		})
	}
}
