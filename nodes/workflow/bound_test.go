package workflow

import (
	"testing"
	"time"

	"edgebed/nodes/units"
)

// TestLowerBound checks bounds that were worked out by hand, on links of 1 ms
// that take 1 µs for each byte, with functions of 10 ms.
func TestLowerBound(t *testing.T) {
	line := &Workflow{
		Functions:    []string{"f1", "f2", "f3"},
		Dependencies: map[string][]string{"s0": {"f1", "f3"}, "s1": {"f2"}},
		StateSizes:   map[string]units.Size{"s0": 10000, "s1": 20000},
	}
	diamond := &Workflow{
		Functions:    []string{"f0", "f1", "f2", "f3"},
		Successors:   [][]int{{1, 2}, {3}, {3}},
		Dependencies: map[string][]string{"s0": {"f0", "f3"}, "s1": {"f1"}},
		StateSizes:   map[string]units.Size{"s0": 10000, "s1": 20000},
	}
	costs := Costs{
		Service:   func(int) time.Duration { return 10 * time.Millisecond },
		Delay:     func(from, to string) time.Duration { return time.Millisecond },
		Serialise: func(_, _ string, size units.Size) time.Duration { return time.Duration(size) * time.Microsecond },
	}
	for _, test := range []struct {
		name  string
		w     *Workflow
		model Model
		form  Form
		// milliseconds of serialisation, propagation, computing, set-up
		want [4]time.Duration
	}{
		{"chain", line, PureFaaS, Carry, [4]time.Duration{140, 6, 30, 0}},
		{"chain", line, StateProp, Carry, [4]time.Duration{160, 4, 30, 4}},
		{"chain", line, StateLocal, Carry, [4]time.Duration{80, 16, 30, 16}},
		// s0 goes along with the argument to f1 and with the result to the client, and
		// overtakes f2 in between; only the client's connections are new.
		{"chain", line, StateProp, Direct, [4]time.Duration{60, 4, 30, 8}},
		{"chain", line, StateLocal, Direct, [4]time.Duration{80, 16, 30, 20}},
		// By way of f1, which uses s1.
		{"diamond", diamond, PureFaaS, Carry, [4]time.Duration{140, 6, 30, 0}},
		{"diamond", diamond, StateProp, Carry, [4]time.Duration{160, 4, 30, 4}},
		{"diamond", diamond, StateLocal, Carry, [4]time.Duration{80, 16, 30, 16}},
	} {
		got, err := LowerBound(test.w, Run{test.model, test.form, 10000}, Placement{Client: "client", Host: apart}, costs)
		want := Bound{test.want[0] * time.Millisecond, test.want[1] * time.Millisecond, test.want[2] * time.Millisecond, test.want[3] * time.Millisecond}
		if err != nil || got != want {
			t.Errorf("%s, %s, %s: %+v, %v; want %+v", test.name, test.model, test.form, got, err, want)
		}
	}
	// On the client's own host nothing takes time but the functions.
	home := Placement{Client: "client", Host: func(int) string { return "client" }}
	for _, model := range Models {
		got, err := LowerBound(line, Run{model, Carry, 10000}, home, costs)
		if want := (Bound{Computing: 30 * time.Millisecond}); err != nil || got != want {
			t.Errorf("%s at home: %+v, %v; want %+v", model, got, err, want)
		}
	}
	if _, err := LowerBound(line, Run{PureFaaS, Carry, 1}, Placement{}, costs); err == nil {
		t.Error("a placement without hosts gives no error")
	}
}
