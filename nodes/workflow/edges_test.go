package workflow

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"edgebed/nodes/alibaba"
	"edgebed/nodes/units"
)

// TestBoundParts: a bound is as long as its parts together, and of two bounds the longer
// one is later, of equal ones the first.
func TestBoundParts(t *testing.T) {
	all := Bound{Serialisation: 1, Propagation: 2, Computing: 4, SetUp: 8}
	if got := all.Total(); got != 15 {
		t.Errorf("the parts 1, 2, 4 and 8 ns take %v", got)
	}
	long, longer, equal := Bound{SetUp: 2}, Bound{Computing: 3}, Bound{Propagation: 2}
	if long.later(longer) != longer || longer.later(long) != longer || long.later(equal) != long {
		t.Error("the later bound is not the longer one, or not the first of equal ones")
	}
}

// TestLowerBoundByHand: bounds on links of 1 ms that take 1 µs for each byte, with
// functions of 10 ms and an argument of 10 kB.
func TestLowerBoundByHand(t *testing.T) {
	costs := Costs{
		Service:   func(int) time.Duration { return 10 * time.Millisecond },
		Delay:     func(from, to string) time.Duration { return time.Millisecond },
		Serialise: func(_, _ string, size units.Size) time.Duration { return time.Duration(size) * time.Microsecond },
	}
	with := func(w *Workflow, size units.Size, users ...string) *Workflow {
		w.Dependencies, w.StateSizes = map[string][]string{"s": users}, map[string]units.Size{"s": size}
		return w
	}
	always := func(string) bool { return true }

	for _, tc := range []struct {
		name  string
		w     *Workflow
		run   Run
		place Placement
		// milliseconds of serialisation, propagation, computing, set-up
		want [4]time.Duration
	}{
		// The state comes from the client to the host and goes on to its server: Get
		// there, Put here, Del there, then a read before the function and a write after it.
		{"a server elsewhere that is read and written", with(chain("f"), 10000, "f"), Run{StateLocal, Carry, 10000},
			Placement{Client: "client", Host: apart, ReadWrite: always, StateServer: func(string) string { return "server" }},
			[4]time.Duration{60, 12, 10, 12}},
		{"a server on the host that is read and written", with(chain("f"), 10000, "f"), Run{StateLocal, Carry, 10000},
			Placement{Client: "client", Host: apart, ReadWrite: always}, [4]time.Duration{30, 6, 10, 8}},
		// f gives the client a state of 50 kB that nobody else uses, for longer than g runs.
		{"a state that is back last", with(chain("f", "g"), 50000, "f"), Run{StateProp, Direct, 10000},
			Placement{Client: "client", Host: apart}, [4]time.Duration{110, 2, 10, 8}},
		// f gives h the state, and only that: the argument goes by way of g.
		{"a state that passes a function by", with(chain("f", "g", "h"), 50000, "f", "h"), Run{StateProp, Direct, 10000},
			Placement{Client: "client", Host: apart}, [4]time.Duration{170, 3, 20, 8}},
	} {
		got, err := LowerBound(tc.w, tc.run, tc.place, costs)
		want := Bound{tc.want[0] * time.Millisecond, tc.want[1] * time.Millisecond, tc.want[2] * time.Millisecond, tc.want[3] * time.Millisecond}
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v; want %+v", tc.name, got, err, want)
		}
	}

	for name, place := range map[string]Placement{"no client": {Host: apart}, "no hosts": {Client: "client"}} {
		if _, err := LowerBound(chain("f"), Run{PureFaaS, Carry, 1}, place, costs); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestGeneratorLimits: what just fits is generated; TestGeneratorErrors has what just does not.
func TestGeneratorLimits(t *testing.T) {
	for _, g := range []Generator{
		DAGs{Variant: Text, Stages: 1, Branches: 1, Functions: fifty()[:3]},
		DAGs{Variant: Artifact, Stages: 1, Branches: 1, Functions: fifty()[:3]},
		Marvel{},
		Random{Size: 1, Density: 0, States: 0},
		Random{Size: 2, Density: 1, States: 1, Infeasible: true},
		Mix{MaxTasks: 3, Functions: fifty()[:1]},
		Mix{MaxTasks: alibaba.MaxTasks, States: 1, Functions: fifty()[:1]},
	} {
		for k := range 10 {
			w, err := g.Generate(1, k)
			if err == nil {
				err = w.Validate()
			}
			if err != nil {
				t.Errorf("%#v: %v", g, err)
			}
		}
	}
}

// TestLargestJobs: jobs have up to the most tasks that are asked for.
func TestLargestJobs(t *testing.T) {
	sizes := map[int]bool{}
	for k := range 100 {
		tasks, path, err := Mix{MaxTasks: 3}.job(stream("largest jobs", 1, k), true)
		if err != nil || path != tasks {
			t.Fatalf("a chain of %d tasks with a path of %d, %v", tasks, path, err)
		}
		sizes[tasks] = true
	}
	if !sizes[2] || !sizes[3] || len(sizes) != 2 {
		t.Errorf("of 2 to 3 tasks there are chains of %v", sizes)
	}
}

// TestContradictions: with two states some random DAGs have them used in opposite orders.
func TestContradictions(t *testing.T) {
	opposite := 0
	for k := range 40 {
		w, err := Random{Size: 6, States: 2, Infeasible: true}.Generate(1, k)
		if err != nil {
			t.Fatal(err)
		}
		reversed := slices.Clone(w.Order["s1"])
		slices.Reverse(reversed)
		if len(reversed) == 2 && slices.Equal(w.Order["s0"], reversed) {
			opposite++
		}
	}
	if opposite == 0 || opposite == 40 {
		t.Errorf("%d of 40 infeasible DAGs of two states have them in opposite orders", opposite)
	}
}

// TestQuestionsOutOfRange: positions and precedences that there are not are nobody's.
func TestQuestionsOutOfRange(t *testing.T) {
	w := chain("a", "b")
	w.Dependencies, w.StateSizes = map[string][]string{"s": {"a", "b"}}, map[string]units.Size{"s": 1}
	for i, want := range map[int]string{-1: "#-1", 0: "a", 1: "b", 2: "#2"} {
		there := i == 0 || i == 1
		if w.Label(i) != want || w.Uses(i, "s") != there {
			t.Errorf("position %d is %s, uses s: %v; want %s, %v", i, w.Label(i), w.Uses(i, "s"), want, there)
		}
	}

	wrong := &Workflow{Functions: []string{"a", "b", "c"}, Successors: [][]int{{3, -1, 1}}}
	if got := wrong.SuccessorsOf(1); got != nil {
		t.Errorf("without a list of successors function b is followed by %v", got)
	}
	stages, err := wrong.Stages()
	if err != nil || len(stages) != 2 || !slices.Equal(stages[0], []int{0, 2}) {
		t.Errorf("with successors out of range the stages are %v, %v", stages, err)
	}
}

// TestNoOutput: an output of no bytes is one, and what the workflow does not say is the
// argument.
func TestNoOutput(t *testing.T) {
	w := chain("a", "b", "c")
	w.Outputs = []units.Size{0, -1, 5}
	for i, want := range map[int]units.Size{Client: 7, 0: 0, 1: 7, 2: 5, 3: 7} {
		if got := w.OutputOf(i, 7); got != want {
			t.Errorf("function %d puts out %d bytes, want %d", i, got, want)
		}
	}
}

// TestSizesInJSON: numbers of bytes are whole, and no texts.
func TestSizesInJSON(t *testing.T) {
	size := func(text string) (*Workflow, error) {
		return ParseJSON("w.json", []byte(`{"functions": ["a"], "state-sizes": {"s": `+text+`}}`))
	}
	for text, want := range map[string]units.Size{
		"0": 0, "1e3": 1000, "10.0": 10, "1099511627776": 1 << 40,
	} {
		if w, err := size(text); err != nil || w.StateSizes["s"] != want {
			t.Errorf("%s: %v, want %d", text, err, want)
		}
	}
	for _, text := range []string{`"5"`, "-1", "1099511627777", "true", "[1]", "0.5", "1e400"} {
		if w, err := size(text); err == nil || !strings.Contains(err.Error(), "whole number of bytes") {
			t.Errorf("%s: %v, %v; want that it is no number of bytes", text, w, err)
		}
	}
}

// TestInLargerDocument: a workflow is read as a part of another document, and a wrong one
// leaves what was there.
func TestInLargerDocument(t *testing.T) {
	var doc struct{ W Workflow }
	if err := json.Unmarshal([]byte(`{"W": {"functions": ["a", "b"]}}`), &doc); err != nil || doc.W.Len() != 2 {
		t.Fatalf("read %v, %v", doc.W.Functions, err)
	}
	if err := json.Unmarshal([]byte(`{"W": {"functions": []}}`), &doc); err == nil || doc.W.Len() != 2 {
		t.Errorf("a workflow without functions: %v, and left %v", err, doc.W.Functions)
	}
}

// TestSentSizes: what is sent on is what the workflow says, no bytes too, but never more than
// the output; what it does not say is all.
func TestSentSizes(t *testing.T) {
	w := dag([][]int{{1, 2}, {3}, {3}})
	w.Outputs = []units.Size{10, -1, 0, 5}
	w.Sent = [][]units.Size{{0, -1}, {30}, {-1}}
	if err := w.Validate(); err != nil {
		t.Fatal(err)
	}
	for edge, want := range map[[2]int]units.Size{{0, 1}: 0, {0, 2}: 10, {1, 3}: 20, {2, 3}: 0, {3, Client}: 5, {Client, 0}: 20} {
		if got := w.SentTo(edge[0], edge[1], 20); got != want {
			t.Errorf("%d sends %d bytes to %d, want %d", edge[0], got, edge[1], want)
		}
	}

	w.Sent[2][0] = 1
	if err := w.Validate(); err == nil || !strings.Contains(err.Error(), "sends 1 bytes to index 3, of an output of 0") {
		t.Errorf("more than the output: %v", err)
	}

	line := chain("a", "b", "c")
	line.Outputs = []units.Size{1, 2, 3}
	for i, want := range []units.Size{7, 1, 2} {
		if got := line.InputOf(i, Run{PureFaaS, Carry, 7}); got != want {
			t.Errorf("function %d of a chain gets %d bytes, want %d", i, got, want)
		}
	}
}

// TestLargest: what is as large as allowed is valid.
func TestLargest(t *testing.T) {
	w := &Workflow{Functions: slices.Repeat([]string{"f"}, MaxFunctions)}
	if err := w.Validate(); err != nil {
		t.Error(err)
	}
	w = chain("a")
	w.Outputs, w.Times = []units.Size{MaxOutput}, []time.Duration{MaxTime}
	if err := w.Validate(); err != nil {
		t.Error(err)
	}
	w.Outputs[0]++
	w.Times[0]++
	if err := w.Validate(); err == nil || !strings.Contains(err.Error(), "is larger than") || !strings.Contains(err.Error(), "is longer than") {
		t.Errorf("one more than the limits: %v", err)
	}
}

// TestKeptConnections: a client opens one connection to each host that it sends to, and none
// where it keeps those of the execution before.
func TestKeptConnections(t *testing.T) {
	w := chain("f", "g")
	w.Dependencies = map[string][]string{"s": {"f"}, "t": {"g"}}
	w.StateSizes = map[string]units.Size{"s": 1, "t": 1}
	opens := func(host func(int) string, kept bool) int {
		return predict(t, w, StateProp, Direct, 1, Placement{Client: "client", Host: host, Kept: kept}).ActiveOpens
	}
	together := func(int) string { return "host" }
	for name, tc := range map[string]struct {
		host func(int) string
		kept bool
		want int
	}{
		// One is to the router, and f and g each call the client back.
		"on two hosts": {apart, false, 5}, "on one host": {together, false, 4}, "kept": {apart, true, 2}, "kept, on one host": {together, true, 2},
	} {
		if got := opens(tc.host, tc.kept); got != tc.want {
			t.Errorf("%s: %d connections, want %d", name, got, tc.want)
		}
	}
}

// TestCarryErrors say whether users are parallel, or where the state may be lost.
func TestCarryErrors(t *testing.T) {
	for want, err := range map[string]*CarryError{
		"users b and c run in parallel":                                     {State: "s", First: "b", Second: "c"},
		"from b to d: the join d may keep the version of another path; use": {State: "s", First: "b", Second: "d", Join: "d"},
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%+v reads %q, want one with %q", *err, err.Error(), want)
		}
	}
}
