package scenario

import (
	"strings"
	"testing"
	"time"

	"edgebed/nodes/cost"
	"edgebed/nodes/workflow"
)

// expandCost returns the cost of exp400's cells with the parameter set.
func expandCost(t *testing.T, value string) (SoftwareCost, error) {
	t.Helper()
	plan, err := builtin(t, "exp400").Expand(Selection{Profile: "quick", Set: map[string]string{"software-cost": value}})
	if err != nil {
		return SoftwareCost{}, err
	}
	return plan.Cells[0].Nodes.SoftwareCost, nil
}

func TestSoftwareCost(t *testing.T) {
	fit, err := cost.Fitted("emulated")
	if err != nil {
		t.Fatal(err)
	}
	for value, want := range map[string]struct {
		model  cost.Model
		origin string
	}{
		"none":      {cost.Model{}, "none"},
		"fit":       {fit.Model, "fit of " + fit.Date},
		"2x fit":    {fit.Model.Times(2), "2x fit of " + fit.Date},
		"0.5 x fit": {fit.Model.Times(0.5), "0.5x fit of " + fit.Date},
		// A real machine takes its own time to wake up.
		"{call: 1 ms, wake-up: 5 ms}":        {cost.Model{Call: time.Millisecond}, "own"},
		"{call: 1 ms, client-start: 2.5 ms}": {cost.Model{Call: time.Millisecond, ClientStart: 2500 * time.Microsecond}, "own"},
	} {
		s, err := expandCost(t, value)
		if err != nil {
			t.Errorf("%s: %v", value, err)
			continue
		}
		m, origin, err := s.Model("emulated")
		if err != nil || m != want.model || origin != want.origin {
			t.Errorf("%s: %v from %q (%v), want %v from %q", value, m, origin, err, want.model, want.origin)
		}
	}
	for value, want := range map[string]string{
		"ft":             "expected none, fit, a multiple",
		"1000x fit":      "expected a factor above 0 and up to 100",
		"0x fit":         "expected a factor above 0",
		"{calls: 1 ms}":  `unknown key "calls"`,
		"{call: -1 ms}":  "expected 0 to 10s",
		"{call: 1 hour}": "expected a duration",
		"{}":             "",
		"3 ms":           "expected none, fit",
	} {
		_, err := expandCost(t, value)
		if want == "" {
			if err != nil {
				t.Errorf("%s: %v", value, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "exp400.yaml:") {
			t.Errorf("%s: error %v, want one with a place and %q", value, err, want)
		}
	}
}

// TestCycle: what a traffic rate divides by follows the reading.
func TestCycle(t *testing.T) {
	const ms = time.Millisecond
	for _, tc := range []struct {
		variant     workflow.Variant
		short, long time.Duration // of executions of 40 ms and 400 ms
		words       string
	}{
		{workflow.Artifact, 215 * ms, 515 * ms, "artifact: process start 15ms + pause 100ms + max(100ms, delay)"},
		{workflow.Text, 140 * ms, 500 * ms, "text: pause 100ms + delay"},
	} {
		plan, err := builtin(t, "exp400").Expand(Selection{Profile: "quick",
			Set: map[string]string{"variant": string(tc.variant), "process-start": "15 ms"}})
		if err != nil {
			t.Fatal(err)
		}
		e := plan.Cells[0].Execution
		if short, long := e.CycleTime(40*ms), e.CycleTime(400*ms); short != tc.short || long != tc.long {
			t.Errorf("%s: cycles of %v and %v, want %v and %v", tc.variant, short, long, tc.short, tc.long)
		}
		if got := e.CycleWords(); got != tc.words {
			t.Errorf("%s: %q, want %q", tc.variant, got, tc.words)
		}
	}
	for value, want := range map[string]string{"-1 ms": "expected 0 to", "2h": "expected 0 to"} {
		_, err := builtin(t, "exp400").Expand(Selection{Profile: "quick", Set: map[string]string{"interval": value}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("interval %s: error %v, want one with %q", value, err, want)
		}
	}
}
