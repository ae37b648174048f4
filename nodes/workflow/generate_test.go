package workflow

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"slices"
	"testing"

	"edgebed/nodes/units"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files")

// hosts of experiment 400: the client is at 10.1.0.1.
var fiveHosts = []string{"10.1.0.2", "10.1.0.3", "10.1.0.4", "10.1.0.5", "10.1.0.6"}

// fifty returns the functions of experiment 401, f0 to f49.
func fifty() []string { return Random{Size: 50}.Names() }

// generators has one of each kind.
func generators() map[string]Generator {
	return map[string]Generator{
		"chains-artifact": Chains{Variant: Artifact, S: 3, L: 6, Functions: fiveHosts},
		"chains-text":     Chains{Variant: Text, S: 3, L: 6, Functions: fiveHosts},
		"dags-artifact":   DAGs{Variant: Artifact, Stages: 3, Branches: 5, Functions: fifty()},
		"dags-text":       DAGs{Variant: Text, Stages: 3, Branches: 5, Functions: fifty()},
		"marvel":          Marvel{VideoState: 100 * units.KB},
		"random":          Random{Size: 6, Density: 0.3, States: 3},
		"infeasible":      Random{Size: 6, Density: 0.3, States: 3, Infeasible: true},
		"mix":             Mix{MaxTasks: 20, States: 3, Functions: fifty()},
	}
}

// TestGolden pins what the generators make: the same seed must give the same
// workload on every machine and in every release.
func TestGolden(t *testing.T) {
	for name, g := range generators() {
		var got bytes.Buffer
		for _, seed := range []uint64{1, 2} {
			for k := range 4 {
				w, err := g.Generate(seed, k)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				text, err := json.Marshal(w)
				if err != nil {
					t.Fatal(err)
				}
				fmt.Fprintf(&got, "%s\n", text)
			}
		}
		file := "testdata/golden/" + name + ".jsonl"
		if *update {
			if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got.String()); diff != "" {
			t.Errorf("%s differs from %s (-want +got); if that is meant, run go test -update:\n%s", name, file, diff)
		}
	}
}

func TestGeneratorProperties(t *testing.T) {
	for name, g := range generators() {
		distinct := map[string]bool{}
		names := g.Names()
		for k := range 200 {
			w, err := g.Generate(7, k)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if err := w.Validate(); err != nil {
				t.Fatalf("%s, execution %d: %v", name, k, err)
			}
			for _, f := range w.Functions {
				if !slices.Contains(names, AliasOf(f)) {
					t.Fatalf("%s, execution %d: function %s is not announced", name, k, f)
				}
			}
			if _, err := Augment(w); (err == nil) != (name != "infeasible") {
				t.Fatalf("%s, execution %d: augmenting gives %v", name, k, err)
			}
			again, err := g.Generate(7, k)
			if err != nil || again.Hash() != w.Hash() {
				t.Fatalf("%s, execution %d: generated again it differs (%v)", name, k, err)
			}
			distinct[w.Hash()] = true
		}
		if want := 150; name != "marvel" && name != "mix" && len(distinct) < want {
			t.Errorf("%s: only %d of 200 workflows differ, want %d", name, len(distinct), want)
		}
	}
}

func TestGeneratorErrors(t *testing.T) {
	for _, g := range []Generator{
		Chains{Variant: "paper", S: 3, L: 6, Functions: fiveHosts},
		Chains{Variant: Text, S: 0, L: 6, Functions: fiveHosts},
		Chains{Variant: Text, S: 3, L: 6},
		DAGs{Variant: "paper", Stages: 3, Branches: 5, Functions: fifty()},
		DAGs{Variant: Text, Stages: 0, Branches: 5, Functions: fifty()},
		DAGs{Variant: Artifact, Stages: 3, Branches: 5, Functions: fiveHosts[:4]},
		Marvel{VideoState: -1},
		Random{Size: 0},
		Random{Size: 3, Density: math.NaN()},
		Random{Size: 1, States: 1, Infeasible: true},
		Mix{MaxTasks: 2, Functions: fiveHosts},
		Mix{MaxTasks: 35, Functions: fiveHosts},
		DAGs{Variant: Text, Stages: 1, Branches: 0, Functions: fifty()},
		DAGs{Variant: Text, Stages: 1, Branches: 1, Functions: fifty()[:2]},
		Random{Size: 1, States: -1},
		Random{Size: 1, Density: -0.1},
		Random{Size: 1, Density: 1.1},
		Random{Size: MaxFunctions + 1},
		Random{Size: 2, States: 0, Infeasible: true},
		Mix{MaxTasks: 3, States: -1, Functions: fifty()},
		Mix{MaxTasks: 3},
	} {
		if w, err := g.Generate(1, 0); err == nil {
			t.Errorf("%#v makes %v, want an error", g, w)
		}
	}
}

func TestChainShapes(t *testing.T) {
	for _, test := range []struct {
		variant                Variant
		functions, states, max int
	}{
		{Artifact, 3, 6, 2},
		{Text, 6, 3, 6},
	} {
		g := Chains{Variant: test.variant, S: 3, L: 6, Functions: fiveHosts}
		lengths := map[int]int{}
		for k := range 1000 {
			w, err := g.Generate(1, k)
			if err != nil {
				t.Fatal(err)
			}
			if w.Len() != test.functions || len(w.StateSizes) != test.states || !w.IsChain() {
				t.Fatalf("%s: %d functions and %d states, want %d and %d", test.variant, w.Len(), len(w.StateSizes), test.functions, test.states)
			}
			for j := range test.states {
				state := fmt.Sprintf("s%d", j)
				if got, want := w.StateSizes[state], units.Size(1+j)*10*units.KB; got != want {
					t.Fatalf("%s: %s has %v, want %v", test.variant, state, got, want)
				}
				lengths[len(w.Dependencies[state])]++
			}
		}
		if longest := slices.Max(keys(lengths)); test.variant == Artifact && longest != test.max {
			t.Errorf("%s: at most %d dependencies, want %d", test.variant, longest, test.max)
		}
		if test.variant == Artifact {
			// Every list length is equally likely.
			for k := 0; k <= test.max; k++ {
				share := float64(lengths[k]) / float64(1000*test.states)
				if want := 1 / float64(test.max+1); math.Abs(share-want) > 0.05 {
					t.Errorf("%s: %d dependencies with probability %.3f, want %.3f", test.variant, k, share, want)
				}
			}
		}
	}
}

// TestTextUsers compares how many functions of a chain use a state with the
// paper's words: 0 to L, each as likely, so L/2 on average; each state's users are
// a random set of positions, also where the chain repeats a function.
func TestTextUsers(t *testing.T) {
	const n = 20000
	for _, test := range []struct{ s, l int }{{3, 6}, {6, 3}} {
		g := Chains{Variant: Text, S: test.s, L: test.l, Functions: fiveHosts}
		counts, at, repeats := map[int]int{}, make([]int, test.l), 0
		for k := range n {
			w, err := g.Generate(1, k)
			if err != nil {
				t.Fatal(err)
			}
			bases := map[string]bool{}
			for i, f := range w.Functions {
				if slices.Contains(w.Functions[:i], f) {
					t.Fatalf("two positions of %v have one name", w.Functions)
				}
				bases[AliasOf(f)] = true
			}
			if len(bases) < w.Len() {
				repeats++
			}
			for state := range w.StateSizes {
				users := w.Users(state)
				counts[len(users)]++
				for _, i := range users {
					at[i]++
				}
			}
		}
		states := float64(n * test.s)
		within := func(what string, got, p float64) {
			t.Helper()
			// Four standard deviations of a binomial share; states of a chain are drawn
			// one by one.
			if slack := 4 * math.Sqrt(p*(1-p)/states); math.Abs(got-p) > slack {
				t.Errorf("L=%d: %s with probability %.4f, want %.4f ± %.4f", test.l, what, got, p, slack)
			}
		}
		mean := 0.0
		for k := 0; k <= test.l; k++ {
			within(fmt.Sprint(k, " users"), float64(counts[k])/states, 1/float64(test.l+1))
			mean += float64(k*counts[k]) / states
		}
		for i, c := range at {
			within(fmt.Sprint("position ", i), float64(c)/states, 0.5)
		}
		if math.Abs(mean-float64(test.l)/2) > 0.03 {
			t.Errorf("L=%d: %.3f users on average, want %.1f", test.l, mean, float64(test.l)/2)
		}
		if share := float64(repeats) / n; share < 0.3 {
			t.Errorf("L=%d: only %.2f of the chains repeat a function, which is what this is about", test.l, share)
		}
		t.Logf("L=%d: %.3f users on average", test.l, mean)
	}
}

// TestAlias: a mark with nothing before or behind it makes no task, and what is no number above
// 1 no alias.
func TestAlias(t *testing.T) {
	for name, want := range map[string][2]string{ // function and task
		"f": {"f", "f"}, "f@2": {"f", "f@2"}, "f@12": {"f", "f@12"}, "f@1": {"f@1", "f@1"}, "f@02": {"f@02", "f@02"},
		"f@": {"f@", "f@"}, "@2": {"", "@2"}, "f@x": {"f@x", "f@x"}, "a@2@3": {"a@2@3", "a@2@3"},
		"f@99999999999999999999": {"f@99999999999999999999", "f@99999999999999999999"},
		"f~t":                    {"f", "t"}, "g~f~t": {"g~f", "t"}, "~t": {"~t", "~t"}, "f~": {"f~", ""},
	} {
		if f, task := AliasOf(name), TaskOf(name); f != want[0] || task != want[1] {
			t.Errorf("%s is task %q of %q, want %q of %q", name, task, f, want[1], want[0])
		}
	}
	got := distinct([]string{"f", "f", "f@2", "g", "f"})
	if want := []string{"f", "f@3", "f@2", "g", "f@4"}; !slices.Equal(got, want) {
		t.Errorf("distinct names %v, want %v", got, want)
	}
}

// TestArtifactHashes pins the workloads of the scripts' reading: their hashes pair
// executions in published results.
func TestArtifactHashes(t *testing.T) {
	for name, want := range map[string]string{
		"chains-artifact": "281e221eaf9d0a7d",
		"dags-artifact":   "2005042d388c2cbd",
		"marvel":          "d2ce5c7f76c285a9",
	} {
		sum := sha256.New()
		for _, seed := range []uint64{1, 2, 3, 4, 5} {
			for k := range 120 {
				w, err := generators()[name].Generate(seed, k)
				if err != nil {
					t.Fatal(err)
				}
				fmt.Fprintln(sum, w.Hash())
			}
		}
		if got := hex.EncodeToString(sum.Sum(nil)[:8]); got != want {
			t.Errorf("%s: the hash of all hashes is %s, want %s", name, got, want)
		}
	}
}

func keys[V any](m map[int]V) []int {
	var list []int
	for k := range m {
		list = append(list, k)
	}
	return list
}

func TestDAGShapes(t *testing.T) {
	for _, test := range []struct {
		variant          Variant
		functions, edges int
		collectors       []int
		candidates, most int
	}{
		{Artifact, 19, 30, []int{0, 6, 12, 18}, 4, 3},
		{Text, 21, 32, []int{6, 13, 20}, 3, 3},
	} {
		g := DAGs{Variant: test.variant, Stages: 3, Branches: 5, Functions: fifty()}
		most := 0
		for k := range 300 {
			w, err := g.Generate(1, k)
			if err != nil {
				t.Fatal(err)
			}
			if w.Len() != test.functions || w.Edges() != test.edges || len(w.StateSizes) != 4 {
				t.Fatalf("%s: %d functions, %d edges, %d states; want %d, %d, 4", test.variant, w.Len(), w.Edges(), len(w.StateSizes), test.functions, test.edges)
			}
			for i := range w.Functions {
				states := len(w.StatesOf(i))
				if !slices.Contains(test.collectors, i) && states > 0 {
					t.Fatalf("%s: function %d is no collector but uses %d states", test.variant, i, states)
				}
			}
			for state := range w.StateSizes {
				most = max(most, len(w.Users(state)))
			}
			if err := w.CheckCarry(); err != nil {
				t.Fatalf("%s: %v", test.variant, err)
			}
			if test.variant == Artifact {
				for k, i := range test.collectors {
					if want := fmt.Sprintf("f%d", k); w.Functions[i] != want {
						t.Fatalf("collector %d is %s, want %s", i, w.Functions[i], want)
					}
				}
			}
		}
		if most != test.most {
			t.Errorf("%s: a state has at most %d users, want %d", test.variant, most, test.most)
		}
	}
}

func TestMarvel(t *testing.T) {
	w, err := Marvel{VideoState: units.MB}.Generate(1, 0)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := w.StateSizes, map[string]units.Size{"fe_video": 1000000, "fe_audio": 100000, "sync": 10000, "decision": 10000}; !cmp.Equal(got, want) {
		t.Errorf("sizes are %v, want %v", got, want)
	}
	// start runs on the client's host: 12 A + 2 sum S, and 10 A + sum S with the
	// states at the edge.
	place := Placement{Client: "client", Host: func(i int) string {
		if i == 0 {
			return "client"
		}
		return w.Functions[i]
	}}
	const a, s = 2 * units.MB, 1120000
	for model, want := range map[Model]units.Size{PureFaaS: 12*a + 2*s, StateLocal: 10*a + s} {
		p, err := Predict(w, Run{model, Carry, a}, place, nil)
		if err != nil || p.Payload() != want {
			t.Errorf("%s moves %v, %v; want %v", model, p.Payload(), err, want)
		}
	}
}
