package workflow

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"edgebed/nodes/units"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// dag makes a DAG of functions a, b, c, ... whose states are used by the
// functions of the same string, for instance "s:bd".
func dag(successors [][]int, states ...string) *Workflow {
	w := &Workflow{Successors: successors, Dependencies: map[string][]string{}, StateSizes: map[string]units.Size{}}
	for i := range len(successors) + 1 {
		w.Functions = append(w.Functions, string(rune('a'+i)))
	}
	for _, s := range states {
		name, users, _ := strings.Cut(s, ":")
		w.StateSizes[name] = units.KB
		w.Dependencies[name] = strings.Split(users, "")
	}
	return w
}

func chain(names ...string) *Workflow { return &Workflow{Functions: names} }

func TestValidate(t *testing.T) {
	withState := func(w *Workflow, change func(*Workflow)) *Workflow {
		w.Dependencies = map[string][]string{"s0": {w.Functions[0]}}
		w.StateSizes = map[string]units.Size{"s0": 10}
		change(w)
		return w
	}
	for name, test := range map[string]struct {
		w    *Workflow
		want string
	}{
		"chain":           {chain("f0", "f1", "f0"), ""},
		"single DAG":      {dag([][]int{}), ""},
		"diamond":         {dag([][]int{{1, 2}, {3}, {3}}), ""},
		"empty":           {&Workflow{}, "no functions"},
		"too large":       {&Workflow{Functions: make([]string, MaxFunctions+1)}, "more than the limit of 10000"},
		"empty name":      {chain("f0", ""), "function 1: the name is empty"},
		"too few lists":   {&Workflow{Functions: []string{"a", "b", "c"}, Successors: [][]int{{1}}}, "3 functions need 2 lists of successors, one for each but the last; got 1"},
		"successor 0":     {dag([][]int{{1}, {0}}), "function b (index 1): successor 0 is out of range: 1 to 2 are possible"},
		"successor > N":   {dag([][]int{{1}, {3}}), "function b (index 1): successor 3 is out of range"},
		"negative":        {dag([][]int{{1}, {-1}}), "successor -1 is out of range"},
		"twice":           {dag([][]int{{1, 1}}), "function a (index 0): successor 1 is given twice"},
		"two exits":       {dag([][]int{{1, 2}, {}}), "function b (index 1) has no successor: only the last function may end the workflow"},
		"two entries":     {dag([][]int{{2}, {2}}), "function b (index 1) is nobody's successor: only index 0 may start the workflow"},
		"cycle":           {dag([][]int{{1}, {2}, {1, 3}}), "order functions: cycle b -> c -> b; remove one of its precedences"},
		"self":            {dag([][]int{{1}, {1, 2}}), "cycle b -> b"},
		"unreachable":     {dag([][]int{{3}, {2}, {1}}), "cycle b -> c -> b"},
		"unknown":         {withState(chain("anon_audio", "fe_video"), func(w *Workflow) { w.Dependencies["s0"][0] = "fe_vide" }), "state s0: dependency on unknown function fe_vide; did you mean fe_video?"},
		"no size":         {withState(chain("f0"), func(w *Workflow) { w.Dependencies["s1"] = nil }), "state s1: it has dependencies but no size; did you mean s0?"},
		"size only":       {withState(chain("f0"), func(w *Workflow) { w.StateSizes["s1"] = 0 }), ""},
		"negative size":   {withState(chain("f0"), func(w *Workflow) { w.StateSizes["s0"] = -10 }), "state s0: its size of -10 bytes is negative"},
		"order":           {withState(chain("f0", "f1", "f0"), func(w *Workflow) { w.Order = map[string][]int{"s0": {2, 0}} }), ""},
		"order: state":    {withState(chain("f0"), func(w *Workflow) { w.Order = map[string][]int{"s1": {0}} }), "order of state s1: no such state; did you mean s0?"},
		"order: range":    {withState(chain("f0"), func(w *Workflow) { w.Order = map[string][]int{"s0": {1}} }), "there is no function with index 1"},
		"order: no user":  {withState(chain("f0", "f1"), func(w *Workflow) { w.Order = map[string][]int{"s0": {0, 1}} }), "function f1 (index 1) does not use it"},
		"order: twice":    {withState(chain("f0"), func(w *Workflow) { w.Order = map[string][]int{"s0": {0, 0}} }), "function f0 (index 0) stands twice"},
		"order: missing":  {withState(chain("f0", "f0"), func(w *Workflow) { w.Order = map[string][]int{"s0": {1}} }), "its user f0#0 (index 0) is missing"},
		"any order":       {withState(chain("f0", "f0"), func(w *Workflow) { w.AnyOrder = []string{"s0"} }), ""},
		"any: state":      {withState(chain("f0"), func(w *Workflow) { w.AnyOrder = []string{"s1"} }), "order of state s1: no such state; did you mean s0?"},
		"any: both":       {withState(chain("f0"), func(w *Workflow) { w.AnyOrder, w.Order = []string{"s0"}, map[string][]int{"s0": {0}} }), "order of state s0: it is given, and said not to matter"},
		"any: twice":      {withState(chain("f0"), func(w *Workflow) { w.AnyOrder = []string{"s0", "s0"} }), "is said twice"},
		"text":            {&Workflow{Functions: []string{"f0"}, Variant: Text}, ""},
		"variant":         {&Workflow{Functions: []string{"f0"}, Variant: "tex"}, "unknown variant \"tex\"; did you mean text?"},
		"several at once": {withState(chain("f0"), func(w *Workflow) { w.Dependencies["s0"][0] = "g"; w.StateSizes["s0"] = -1 }), "validate workflow: state s0: dependency on unknown function g (valid: f0)\nvalidate workflow: state s0: its size of -1 bytes is negative"},
	} {
		t.Run(name, func(t *testing.T) {
			err := test.w.Validate()
			switch {
			case test.want == "" && err != nil:
				t.Errorf("valid workflow is refused: %v", err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("error is %v, want one with %q", err, test.want)
			}
		})
	}
}

func TestQueries(t *testing.T) {
	w := chain("x", "y", "x")
	w.Dependencies = map[string][]string{"s0": {"x", "x"}, "s1": {}, "s2": {"y", "x"}}
	w.StateSizes = map[string]units.Size{"s0": 1, "s1": 1, "s2": 1}
	check := func(what string, got, want any) {
		t.Helper()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s differs (-want +got):\n%s", what, diff)
		}
	}
	check("users of s0", w.Users("s0"), []int{0, 2})
	check("users of s1", w.Users("s1"), []int(nil))
	check("used states", w.UsedStates(), []string{"s0", "s2"})
	check("states of 1", w.StatesOf(1), []string{"s2"})
	check("states of 2", w.StatesOf(2), []string{"s0", "s2"})
	check("successors of 1", w.SuccessorsOf(1), []int{2})
	check("successors of 2", w.SuccessorsOf(2), []int(nil))
	check("predecessors of 2", w.PredecessorsOf(2), []int{1})
	check("edges", w.Edges(), 2)
	check("label", w.Label(2)+" "+w.Label(1), "x#2 y")

	d := dag([][]int{{2, 1}, {3}, {3}})
	check("predecessors of the join", d.PredecessorsOf(3), []int{1, 2})
	check("callable at first", d.Callable(nil), []int{0})
	check("callable after the branch", d.Callable([]bool{true, false, false, false}), []int{1, 2})
	check("callable before the join", d.Callable([]bool{true, true, false, false}), []int{2})
	stages, err := d.Stages()
	if err != nil {
		t.Fatal(err)
	}
	check("stages", stages, [][]int{{0}, {1, 2}, {3}})
}

func TestAugment(t *testing.T) {
	// Fig. 9 and 10 of the paper: b and c are parallel and both use s.
	w := dag([][]int{{1, 2}, {3}, {3}}, "s:cb")
	_, err := Augment(w)
	var unordered *UnorderedError
	if !errors.As(err, &unordered) || unordered.State != "s" || unordered.First != 1 || unordered.Second != 2 {
		t.Fatalf("parallel users of s give %v, want an *UnorderedError of b and c", err)
	}
	if want := "order the users of state s: b (index 1) and c (index 2) may run in parallel; give the state's access order, or any if it does not matter"; err.Error() != want {
		t.Errorf("error is %q, want %q", err, want)
	}
	for _, order := range [][]int{{1, 2}, {2, 1}} {
		w.Order = map[string][]int{"s": order}
		a, err := Augment(w)
		if err != nil {
			t.Fatal(err)
		}
		want := []VirtualEdge{{State: "s", From: order[0], To: order[1]}}
		if diff := cmp.Diff(want, a.Virtual); diff != "" {
			t.Errorf("virtual edges differ (-want +got):\n%s", diff)
		}
		if !a.Precedes(order[0], order[1]) || a.Precedes(order[1], order[0]) {
			t.Errorf("order %v does not precede as given", order)
		}
		if got := a.Stages(); len(got) != 4 {
			t.Errorf("stages are %v: the virtual edge must take the parallelism away", got)
		}
		if a.PreviousUser("s", order[0]) != Client || a.PreviousUser("s", order[1]) != order[0] ||
			a.NextUser("s", Client) != order[0] || a.NextUser("s", order[0]) != order[1] || a.NextUser("s", order[1]) != Client {
			t.Errorf("s does not go from the client to %v and back", order)
		}
		if a.NextUser("s", 3) != Client || a.PreviousUser("s", 3) != Client {
			t.Error("a function that does not use s has neighbours")
		}
	}
}

func TestAugmentCycle(t *testing.T) {
	// Fig. 11 of the paper: b -> c -> d, and d must access s before b.
	w := dag([][]int{{1}, {2}, {3}, {4}}, "s:bd")
	w.Order = map[string][]int{"s": {3, 1}}
	_, err := Augment(w)
	var cycle *CycleError
	if !errors.As(err, &cycle) {
		t.Fatalf("Fig. 11 gives %v, want a *CycleError", err)
	}
	if diff := cmp.Diff([]int{1, 2, 3}, cycle.Path); diff != "" {
		t.Errorf("cycle differs (-want +got):\n%s", diff)
	}
	if want := "order tasks and states: cycle b -> c -> d -[s]-> b; change the access order of a state on it"; err.Error() != want {
		t.Errorf("error is %q, want %q", err, want)
	}
	// Without the given order the precedences decide.
	w.Order = nil
	a, err := Augment(w)
	if err != nil {
		t.Fatal(err)
	}
	if want := []VirtualEdge{{State: "s", From: 1, To: 3, Implied: true}}; !slices.Equal(a.Virtual, want) {
		t.Errorf("virtual edges are %v, want %v", a.Virtual, want)
	}
}

func TestAugmentDerivesFromOtherOrders(t *testing.T) {
	w := dag([][]int{{1, 2}, {3}, {3}}, "s:bc", "t:bc")
	w.Order = map[string][]int{"s": {2, 1}}
	a, err := Augment(w)
	if err != nil {
		t.Fatal(err)
	}
	if got := a.Users["t"]; !slices.Equal(got, []int{2, 1}) {
		t.Errorf("users of t are %v, want the order that s implies", got)
	}
}

// TestAugmentAnyOrder: where the order does not matter one is picked, the same each
// time, that agrees with what is given; another state's order must not follow from
// it.
func TestAugmentAnyOrder(t *testing.T) {
	w := dag([][]int{{1, 2}, {3}, {3}}, "s:cb", "t:bc")
	w.AnyOrder = []string{"s"}
	var unordered *UnorderedError
	if _, err := Augment(w); !errors.As(err, &unordered) || unordered.State != "t" {
		t.Fatalf("error is %v, want an *UnorderedError of t, whose order is not said", err)
	}
	for _, order := range [][]int{{1, 2}, {2, 1}} {
		w.Order = map[string][]int{"t": order}
		a, err := Augment(w)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(a.Users["s"], order) {
			t.Errorf("s is used by %v, want what t's order %v implies", a.Users["s"], order)
		}
	}
	w = dag([][]int{{1, 2}, {3}, {3}}, "s:cb")
	w.AnyOrder = []string{"s"}
	a, err := Augment(w)
	if err != nil {
		t.Fatal(err)
	}
	if want := []int{1, 2}; !slices.Equal(a.Users["s"], want) || !a.Precedes(1, 2) || len(a.Stages()) != 4 {
		t.Errorf("users %v in stages %v, want %v one after the other", a.Users["s"], a.Stages(), want)
	}
}

// TestAnyOrderProperties: for every random DAG, states without an order of their own
// can be used in any, each user once, and nothing ends in a cycle.
func TestAnyOrderProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawRandom(t)
		for _, state := range slices.Sorted(maps.Keys(w.Order)) {
			if rapid.Bool().Draw(t, "any "+state) {
				delete(w.Order, state)
				w.AnyOrder = append(w.AnyOrder, state)
			}
		}
		a, err := Augment(w)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Augment(w)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(a.Users, again.Users); diff != "" {
			t.Fatalf("another order the second time:\n%s", diff)
		}
		for state, users := range a.Users {
			if !slices.Equal(slices.Sorted(slices.Values(users)), w.Users(state)) {
				t.Fatalf("%s: users %v, want each of %v once", state, users, w.Users(state))
			}
			for k := 1; k < len(users); k++ {
				if !a.Precedes(users[k-1], users[k]) {
					t.Fatalf("%s: %d does not precede %d", state, users[k-1], users[k])
				}
			}
		}
		if len(a.TopologicalOrder()) != w.Len() {
			t.Fatal("the graph has a cycle")
		}
		if err := w.CheckCarry(); err == nil {
			// What can be carried has no choice: without orders it is the same.
			plain := *w
			plain.AnyOrder, plain.Order = nil, nil
			b, err := Augment(&plain)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(b.Users, a.Users); diff != "" {
				t.Fatalf("carried states have another order than the precedences':\n%s", diff)
			}
		}
	})
}

// TestCheckCarryOrder: orders that contradict the precedences are refused in the
// carry form too, and those that do not matter give it no way between branches.
func TestCheckCarryOrder(t *testing.T) {
	line := chain("a", "b")
	line.Dependencies = map[string][]string{"s": {"a", "b"}}
	line.StateSizes = map[string]units.Size{"s": 1}
	line.Order = map[string][]int{"s": {1, 0}}
	var cycle *CycleError
	if err := line.CheckCarry(); !errors.As(err, &cycle) {
		t.Errorf("a chain whose state goes backwards: %v, want a *CycleError", err)
	}
	line.Order["s"] = []int{0, 1}
	if err := line.CheckCarry(); err != nil {
		t.Errorf("the precedences' own order is refused: %v", err)
	}
	line.Order, line.AnyOrder = nil, []string{"s"}
	if err := line.CheckCarry(); err != nil {
		t.Errorf("any order of a chain is refused: %v", err)
	}
	diamond := dag([][]int{{1, 2}, {3}, {3}}, "s:bc")
	diamond.AnyOrder = []string{"s"}
	var carry *CarryError
	if err := diamond.CheckCarry(); !errors.As(err, &carry) {
		t.Errorf("parallel users in any order: %v, want a *CarryError", err)
	}
}

func TestCheckCarry(t *testing.T) {
	branchy := [][]int{{1, 2}, {3}, {3}, {4}}
	for name, test := range map[string]struct {
		w    *Workflow
		want *CarryError
	}{
		"chain":              {chain("a", "a", "a"), nil},
		"entry and join":     {dag(branchy, "s:ade"), nil},
		"one branch only":    {dag(branchy, "s:b"), nil},
		"entry and branch":   {dag(branchy, "s:ab"), nil},
		"parallel":           {dag(branchy, "s:bc"), &CarryError{State: "s", First: "b", Second: "c"}},
		"branch then join":   {dag(branchy, "s:bd"), &CarryError{State: "s", First: "b", Second: "d", Join: "d"}},
		"branch, after join": {dag(branchy, "s:ce"), &CarryError{State: "s", First: "c", Second: "e", Join: "d"}},
		"downwards indices":  {dag([][]int{{2, 3}, {4}, {1}, {1}}, "s:cb"), &CarryError{State: "s", First: "c", Second: "b", Join: "b"}},
	} {
		t.Run(name, func(t *testing.T) {
			err := test.w.CheckCarry()
			var got *CarryError
			if errors.As(err, &got) != (test.want != nil) {
				t.Fatalf("error is %v, want %v", err, test.want)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("error differs (-want +got):\n%s", diff)
			}
		})
	}
}

// drawRandom draws a feasible random DAG.
func drawRandom(t *rapid.T) *Workflow {
	g := Random{
		Size:    rapid.IntRange(1, 20).Draw(t, "size"),
		Density: rapid.Float64Range(0, 1).Draw(t, "density"),
		States:  rapid.IntRange(0, 5).Draw(t, "states"),
	}
	w, err := g.Generate(rapid.Uint64().Draw(t, "seed"), 0)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestFeasibleProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawRandom(t)
		a, err := Augment(w)
		if err != nil {
			t.Fatal(err)
		}
		order := a.TopologicalOrder()
		position := map[int]int{}
		for k, i := range order {
			position[i] = k
		}
		if len(position) != w.Len() {
			t.Fatalf("order %v does not hold each of %d functions once", order, w.Len())
		}
		for i := range w.Functions {
			for _, j := range w.SuccessorsOf(i) {
				if position[i] >= position[j] || !a.Precedes(i, j) || !slices.Contains(w.PredecessorsOf(j), i) {
					t.Fatalf("%d does not precede its successor %d", i, j)
				}
			}
			// The entry is everybody's ancestor, the exit has all others.
			if i > 0 && !a.Precedes(0, i) || i < w.Len()-1 && !a.Precedes(i, w.Len()-1) {
				t.Fatalf("function %d is not between the entry and the exit", i)
			}
			if got := len(a.Ancestors(i)); got > position[i] {
				t.Fatalf("function %d at position %d has %d ancestors", i, position[i], got)
			}
		}
		for state, users := range a.Users {
			if !slices.Equal(users, w.Order[state]) {
				t.Fatalf("users of %s are %v, want the given order %v", state, users, w.Order[state])
			}
			at := Client
			for _, u := range users {
				if a.NextUser(state, at) != u || a.PreviousUser(state, u) != at || at != Client && position[at] >= position[u] {
					t.Fatalf("%s does not go from %d to %d", state, at, u)
				}
				at = u
			}
		}
		// Executing stage after stage runs everything once, each function when
		// all that precedes it is done.
		done := make([]bool, w.Len())
		for _, stage := range a.Stages() {
			for _, i := range stage {
				for _, p := range a.Ancestors(i) {
					if !done[p] {
						t.Fatalf("%d is callable before its ancestor %d is done", i, p)
					}
				}
			}
			for _, i := range stage {
				if done[i] {
					t.Fatalf("%d runs twice", i)
				}
				done[i] = true
			}
		}
		if slices.Contains(done, false) {
			t.Fatalf("stages leave functions out: %v", done)
		}
		// What remains after the virtual edges are taken away still has to be
		// at least as parallel.
		plain, err := w.Stages()
		if err != nil {
			t.Fatal(err)
		}
		if len(plain) > len(a.Stages()) {
			t.Fatalf("%d stages without states, %d with them", len(plain), len(a.Stages()))
		}
	})
}

func TestInfeasibleProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := Random{
			Size:       rapid.IntRange(2, 20).Draw(t, "size"),
			Density:    rapid.Float64Range(0, 1).Draw(t, "density"),
			States:     rapid.IntRange(1, 5).Draw(t, "states"),
			Infeasible: true,
		}
		w, err := g.Generate(rapid.Uint64().Draw(t, "seed"), 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Validate(); err != nil {
			t.Fatalf("the workflow is not even valid: %v", err)
		}
		_, err = Augment(w)
		var cycle *CycleError
		if !errors.As(err, &cycle) {
			t.Fatalf("error is %v, want a *CycleError", err)
		}
		virtual := false
		for k, i := range cycle.Path {
			j := cycle.Path[(k+1)%len(cycle.Path)]
			if state := cycle.States[k]; state != "" {
				virtual = true
				order := w.Order[state]
				if slices.Index(order, i)+1 != slices.Index(order, j) {
					t.Fatalf("%v: %s does not go from %d to %d", cycle, state, i, j)
				}
			} else if !slices.Contains(w.SuccessorsOf(i), j) {
				t.Fatalf("%v: %d does not precede %d", cycle, i, j)
			}
		}
		if !virtual {
			t.Fatalf("%v has no virtual edge", cycle)
		}
	})
}
