package workflow

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"edgebed/nodes/units"
)

// sized is a diamond whose outputs have sizes.
func sized() *Workflow {
	return &Workflow{
		Functions: []string{"a", "b", "c", "d"}, Successors: [][]int{{1, 2}, {3}, {3}},
		Dependencies: map[string][]string{}, Variant: Text,
		Outputs: []units.Size{100, 20, -1, 7}, Times: []time.Duration{0, time.Second, -1, 5},
	}
}

// TestSizes follows the bytes of an execution by hand: each output goes along each
// precedence once, and in pure-faas to the client and on to each successor.
func TestSizes(t *testing.T) {
	w := sized()
	place := Placement{Client: "h", Host: func(i int) string { return w.Functions[i] }}
	for _, c := range []struct {
		run  Run
		want units.Size
	}{
		// To a 50, back 100; to b and c 100 each, back 20 and 50; to d 20+50, back 7.
		{Run{Model: PureFaaS, Form: Carry, Argument: 50}, 50 + 100 + 100 + 100 + 20 + 50 + 70 + 7},
		{Run{Model: StateProp, Form: Carry, Argument: 50}, 50 + 2*100 + 20 + 50 + 7},
		{Run{Model: StateProp, Form: Direct, Argument: 50}, 50 + 2*100 + 20 + 50 + 7},
		{Run{Model: StateLocal, Form: Direct, Argument: 50}, 50 + 2*100 + 20 + 50 + 7},
	} {
		p, err := Predict(w, c.run, place, nil)
		if err != nil {
			t.Fatal(err)
		}
		table, err := Table1(w, c.run)
		if err != nil || p.Payload() != c.want || table != c.want {
			t.Errorf("%v: payload %v, Table 1 %v, %v; want %v", c.run, p.Payload(), table, err, c.want)
		}

		b, err := LowerBound(w, c.run, place, Costs{
			Service:   func(i int) time.Duration { return max(0, w.Times[i]) },
			Delay:     func(string, string) time.Duration { return 0 },
			Serialise: func(_, _ string, n units.Size) time.Duration { return time.Duration(n) * time.Millisecond },
		})
		// Along b, which computes longer than c needs to be sent.
		want := 50 + 100 + 20 + 7
		if c.run.Model == PureFaaS {
			want = 50 + 100 + 100 + 20 + 70 + 7
		}
		if err != nil || b.Serialisation != time.Duration(want)*time.Millisecond {
			t.Errorf("%v: bound %v, %v; want %d ms of serialisation", c.run, b.Serialisation, err, want)
		}
	}
}

// TestSent does so where functions send only parts of their outputs on.
func TestSent(t *testing.T) {
	w := sized()
	w.Outputs[2] = 50
	w.Sent = [][]units.Size{{30, -1}, {20}, {5}}
	if err := w.Validate(); err != nil {
		t.Fatal(err)
	}
	place := Placement{Client: "h", Host: func(i int) string { return w.Functions[i] }}
	for _, c := range []struct {
		run  Run
		want units.Size
	}{
		// To b 30 and to c all 100 of a; to d 20 of b and 5 of c.
		{Run{Model: PureFaaS, Form: Carry, Argument: 50}, 50 + 100 + 30 + 20 + 100 + 50 + 25 + 7},
		{Run{Model: StateProp, Form: Carry, Argument: 50}, 50 + 30 + 100 + 20 + 5 + 7},
		{Run{Model: StateLocal, Form: Direct, Argument: 50}, 50 + 30 + 100 + 20 + 5 + 7},
	} {
		p, err := Predict(w, c.run, place, nil)
		if err != nil {
			t.Fatal(err)
		}
		table, err := Table1(w, c.run)
		if err != nil || p.Payload() != c.want || table != c.want {
			t.Errorf("%v: payload %v, Table 1 %v, %v; want %v", c.run, p.Payload(), table, err, c.want)
		}
	}

	text, err := w.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	if read, err := ParseJSON("w.json", text); err != nil || !reflect.DeepEqual(read.Sent, w.Sent) || read.Hash() == sized().Hash() {
		t.Errorf("read %v, %v", read, err)
	}
	for _, wrong := range [][][]units.Size{{{30, -1}, {20}}, {{30}, {20}, {5}}, {{30, -1}, {21}, {5}}} {
		w.Sent = wrong
		if err := w.Validate(); err == nil {
			t.Errorf("%v is accepted", wrong)
		}
	}
	w.Outputs, w.Sent = nil, [][]units.Size{{30, -1}, {20}, {5}}
	if err := w.Validate(); err == nil {
		t.Error("parts of outputs without sizes are accepted")
	}
}

// TestSizesTravel writes sizes and times and reads them again; without them the text is
// what it was.
func TestSizesTravel(t *testing.T) {
	w := sized()
	text, err := w.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	read, err := ParseJSON("w.json", text)
	if err != nil || !reflect.DeepEqual(read.Outputs, w.Outputs) || !reflect.DeepEqual(read.Times, w.Times) {
		t.Errorf("read %v %v, %v", read.Outputs, read.Times, err)
	}

	w.Outputs = w.Outputs[:3]
	if err := w.Validate(); err == nil {
		t.Error("sizes of three of four functions are accepted")
	}
}

// TestListed draws functions for tasks: the same for the same seed and execution, each
// once while there are enough, and under names that tell the task.
func TestListed(t *testing.T) {
	w := sized()
	w.Functions[1] = "b~1"
	w.Dependencies, w.StateSizes = map[string][]string{"s": {"b~1", "d"}}, map[string]units.Size{"s": 1}
	list := Listed{Workflows: []*Workflow{w}, Functions: []string{"f", "g", "h", "i", "j"}}
	drawn := map[string]bool{}
	for k := range 20 {
		one, err := list.Generate(1, k)
		if err != nil {
			t.Fatal(err)
		}
		again, _ := list.Generate(1, k)
		if !reflect.DeepEqual(one, again) {
			t.Fatalf("execution %d is drawn in two ways", k)
		}
		var on []string
		for i, name := range one.Functions {
			on = append(on, AliasOf(name))
			if want := []string{"a", "b-1", "c", "d"}[i]; TaskOf(name) != want || !slices.Contains(list.Functions, AliasOf(name)) {
				t.Errorf("task %s has the name %s", want, name)
			}
		}
		drawn[on[0]] = true
		slices.Sort(on)
		if len(slices.Compact(on)) != 4 {
			t.Errorf("four tasks run on %v of five functions", on)
		}
		if users := one.Users("s"); !slices.Equal(users, []int{1, 3}) {
			t.Errorf("the state's users are %v", users)
		}
	}
	if len(drawn) < 3 {
		t.Errorf("20 executions began on %v alone", drawn)
	}

	list.Functions = []string{"b", "f"}
	if one, err := list.Generate(1, 0); err != nil || !slices.Equal(one.Functions, w.Functions) {
		t.Errorf("where a computer serves b, functions are %v, %v", one, err)
	}
}
