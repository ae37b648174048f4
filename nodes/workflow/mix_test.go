package workflow

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"edgebed/nodes/alibaba"
)

// near compares a share of n draws with its probability: four standard deviations.
func near(t *testing.T, what string, got, n int, p float64) {
	t.Helper()
	share := float64(got) / float64(n)
	if slack := 4*math.Sqrt(p*(1-p)/float64(n)) + 1e-9; math.Abs(share-p) > slack {
		t.Errorf("%s: a share of %.4f of %d, want %.4f ± %.4f", what, share, n, p, slack)
	}
}

// given returns the probability of a value.
func given(t *testing.T, h alibaba.Histogram, err error, value int) float64 {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return float64(h.Keep(func(v int) bool { return v == value }).Total()) / float64(h.Total())
}

// TestMix draws many workflows and compares the shares of the classes with the
// paper's, and the shapes in each class with the traces': tasks of chains and DAGs,
// and critical paths of DAGs. Each is a valid workflow of bounded size.
func TestMix(t *testing.T) {
	const n, most = 20000, 20
	g := Mix{MaxTasks: most, States: 2, Functions: fifty()[:15]} // some functions repeat
	single, allDAGs, chains, dags := 0, 0, map[int]int{}, map[[2]int]int{}
	for k := range n {
		w, err := g.Generate(3, k)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Validate(); err != nil {
			t.Fatal(err)
		}
		if _, err := Augment(w); err != nil {
			t.Fatal(err)
		}
		if w.Len() > most+2 {
			t.Fatalf("%d functions, want at most %d", w.Len(), most+2)
		}
		switch {
		case w.Len() == 1:
			single++
			continue
		case w.IsChain():
			chains[w.Len()]++
			continue
		}
		allDAGs++
		tasks, path, err := g.job(stream("mix test", 3, k), false)
		if err != nil {
			t.Fatal(err)
		}
		dags[[2]int{tasks, path}]++
	}

	allChains := 0
	for _, c := range chains {
		allChains += c
	}
	near(t, "single tasks", single, n, 0.286)
	near(t, "chains", allChains, n, 0.497)
	near(t, "DAGs", allDAGs, n, 0.217)

	// What the traces say of jobs of 2 to 20 tasks that are chains, and that are not.
	sizes, err := alibaba.Tasks()
	if err != nil {
		t.Fatal(err)
	}
	chainWeight, dagWeight := map[int]float64{}, map[[2]int]float64{}
	allChainWeight, allDAGWeight := 0.0, 0.0
	for _, b := range sizes.Keep(func(v int) bool { return v >= 2 && v <= most }) {
		paths, err := alibaba.Paths(b.Value)
		for _, p := range paths {
			weight := float64(b.Count) * given(t, paths, err, p.Value)
			if p.Value == b.Value {
				chainWeight[b.Value] += weight
				allChainWeight += weight
			} else {
				dagWeight[[2]int{b.Value, p.Value}] += weight
				allDAGWeight += weight
			}
		}
	}
	for size, weight := range chainWeight {
		near(t, fmt.Sprintf("chains of %d", size), chains[size], allChains, weight/allChainWeight)
	}
	for size, weight := range dagWeight {
		if p := weight / allDAGWeight; p > 0.005 { // where a normal deviation is meaningful
			near(t, fmt.Sprintf("DAGs of %d tasks with a path of %d", size[0], size[1]), dags[size], allDAGs, p)
		}
	}
	for size := range dags {
		if dagWeight[size] == 0 {
			t.Errorf("%d DAGs of %d tasks have a path of %d, which no job of the traces has", dags[size], size[0], size[1])
		}
	}
}

// TestLevels: the tasks of a job beside its critical path stand on levels as in the
// traces.
func TestLevels(t *testing.T) {
	const n = 4000
	for _, path := range []int{2, 3, 5, 12, 25} {
		at, all := map[int]int{}, 0
		for k := range n {
			levels, err := drawLevels(stream("levels test", 1, k), path+3, path)
			if err != nil {
				t.Fatal(err)
			}
			if len(levels) != path {
				t.Fatalf("%d levels, want %d", len(levels), path)
			}
			for level, tasks := range levels {
				at[level+1] += tasks - 1
				all += tasks - 1
			}
		}
		if all != 3*n {
			t.Fatalf("path of %d: %d tasks beside it, want %d", path, all, 3*n)
		}
		h, err := alibaba.Levels(path)
		for level := 1; level <= path; level++ {
			near(t, fmt.Sprintf("path of %d, level %d", path, level), at[level], all, given(t, h, err, level))
		}
	}
}

// TestJoin: whatever is on the levels, the DAG has one entry and one exit, each task
// is on its level, and is joined to at least ceil(L(i+1)/L(i)) of the next level.
func TestJoin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		levels := rapid.SliceOfN(rapid.IntRange(1, 8), 1, 8).Draw(t, "levels")
		successors, first := join(stream("join test", rapid.Uint64().Draw(t, "seed"), 0), levels)
		w := &Workflow{Successors: successors}
		for i := range len(successors) + 1 {
			w.Functions = append(w.Functions, fmt.Sprint("f", i))
		}
		if err := w.Validate(); err != nil {
			t.Fatal(err)
		}
		stages, err := w.Stages()
		if err != nil {
			t.Fatal(err)
		}

		var want []int
		if levels[0] > 1 {
			want = append(want, 1)
		}
		want = append(want, levels...)
		if levels[len(levels)-1] > 1 {
			want = append(want, 1)
		}
		var got []int
		for _, stage := range stages {
			got = append(got, len(stage))
		}
		if !slices.Equal(got, want) {
			t.Fatalf("stages of %v, want %v", got, want)
		}

		position := first
		for k, size := range levels[:len(levels)-1] {
			for i := position; i < position+size; i++ {
				if out, least := len(successors[i]), (levels[k+1]+size-1)/size; out < least {
					t.Fatalf("task %d of level %d is joined to %d, want at least %d", i, k, out, least)
				}
			}
			position += size
		}
	})
}
