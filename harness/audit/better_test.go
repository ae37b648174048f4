package audit

import (
	"testing"
	"time"

	"edgebed/harness/emu"
	"edgebed/harness/topology"
	"edgebed/nodes/units"
)

// TestBetter keeps a first measurement that is fit, and takes the second of any other.
func TestBetter(t *testing.T) {
	asked := topology.Params{Rate: 100 * units.Mbps, Delay: 10 * time.Millisecond}
	second := emu.Measurement{Link: "second"}
	for name, tc := range map[string]struct {
		change func(*emu.Measurement)
		second bool
	}{
		"as asked":        {func(*emu.Measurement) {}, false},
		"interrupted":     {func(m *emu.Measurement) { m.Interrupted = true }, true},
		"a little slow":   {func(m *emu.Measurement) { m.Rate = units.Rate(float64(asked.Rate) * (1 - 0.9*limitRate)) }, false},
		"too slow":        {func(m *emu.Measurement) { m.Rate = units.Rate(float64(asked.Rate) * (1 - 1.1*limitRate)) }, true},
		"too fast":        {func(m *emu.Measurement) { m.Rate = units.Rate(float64(asked.Rate) * (1 + 1.1*limitRate)) }, true},
		"without a rate":  {func(m *emu.Measurement) { m.Rate = 0 }, false},
		"a little late":   {func(m *emu.Measurement) { m.Delay += limitDelay - 1 }, false},
		"at the limit":    {func(m *emu.Measurement) { m.Delay += limitDelay }, false},
		"too late":        {func(m *emu.Measurement) { m.Delay += limitDelay + 1 }, true},
		"too early":       {func(m *emu.Measurement) { m.Delay -= limitDelay + 1 }, true},
		"silent":          {func(m *emu.Measurement) { m.Singles = 0 }, true},
		"silent, and may": {func(m *emu.Measurement) { m.Singles, m.Asked.Loss = 0, 0.5 }, false},
	} {
		m := emu.Measurement{Link: "first", Asked: asked, Rate: asked.Rate, Delay: asked.Delay, Singles: 40}
		tc.change(&m)
		if got := better([]emu.Measurement{m}, []emu.Measurement{second})[0]; (got.Link == "second") != tc.second {
			t.Errorf("%s: the %s measurement counts", name, got.Link)
		}
	}
}
