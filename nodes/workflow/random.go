package workflow

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"edgebed/nodes/units"
)

// Random generates DAGs of any shape whose augmented task-state graph is
// acyclic: the precedences are those of a random order of the functions, and
// each state's access order is a random one that agrees with them. With
// Infeasible it generates DAGs whose access orders cannot be met (paper
// Fig. 11). All functions have names of their own, f0, f1, ...
type Random struct {
	// Size is the number of functions, at least 1, and 2 for Infeasible.
	Size int
	// Density is the probability of a precedence between two functions beyond
	// those that connect the graph, from 0 to 1.
	Density float64
	// States is the number of states, at least 1 for Infeasible. Each depends
	// on a random set of functions and has 0 to 50 kB.
	States     int
	Infeasible bool
}

// Names returns f0 up to the number of functions.
func (g Random) Names() []string {
	names := make([]string, max(g.Size, 0))
	for i := range names {
		names[i] = fmt.Sprintf("f%d", i)
	}
	return names
}

// Generate returns the DAG of one execution.
func (g Random) Generate(seed uint64, execution int) (*Workflow, error) {
	if g.Size < 1 || g.Size > MaxFunctions || g.States < 0 || !(g.Density >= 0 && g.Density <= 1) {
		return nil, fmt.Errorf("generate random DAG: size %d (1 to %d), states %d (0 or more) "+
			"or density %g (0 to 1) is out of range", g.Size, MaxFunctions, g.States, g.Density)
	}
	if g.Infeasible && (g.Size < 2 || g.States < 1) {
		return nil, errors.New("generate infeasible DAG: it needs at least 2 functions and 1 state")
	}

	r := stream("random", seed, execution)
	w, order := randomDAG(r, g.Names(), g.Density)
	w.StateSizes = map[string]units.Size{}
	w.Dependencies = map[string][]string{}
	w.Order = map[string][]int{}

	position := make([]int, len(order))
	for k, i := range order {
		position[i] = k
	}

	for j := range g.States {
		users := sample(r, g.Size, r.IntN(g.Size+1))
		slices.SortFunc(users, func(a, b int) int { return cmp.Compare(position[a], position[b]) })
		g.setState(r, w, j, users)
	}
	if g.Infeasible {
		g.contradict(r, w)
	}
	return w, nil
}

// setState gives state j its users in their order, and a size.
func (g Random) setState(r *rand.Rand, w *Workflow, j int, users []int) {
	name := stateName(j)
	w.StateSizes[name] = units.Size(r.IntN(51)) * units.KB
	depend := []string{}
	for _, i := range users {
		depend = append(depend, w.Functions[i])
	}
	w.Dependencies[name], w.Order[name] = depend, users
}

// contradict changes the access orders of w so that they cannot be met: a state
// is to be used by a function's successor before the function, or two states are
// to be used by the same two functions in opposite orders.
func (g Random) contradict(r *rand.Rand, w *Workflow) {
	if g.States >= 2 && r.IntN(2) == 0 {
		pair := sample(r, g.Size, 2)
		g.setState(r, w, 0, pair)
		g.setState(r, w, 1, []int{pair[1], pair[0]})
		return
	}
	i := r.IntN(g.Size - 1)
	g.setState(r, w, r.IntN(g.States), []int{w.Successors[i][r.IntN(len(w.Successors[i]))], i})
}

// randomDAG draws a DAG over the names and returns it with a random topological
// order. Index 0 is the only entry and the last index the only exit; the
// indices between do not follow the order.
func randomDAG(r *rand.Rand, names []string, density float64) (*Workflow, []int) {
	n := len(names)
	order := []int{0}
	for _, i := range r.Perm(max(n-2, 0)) {
		order = append(order, i+1)
	}
	if n > 1 {
		order = append(order, n-1)
	}

	edges := make([]map[int]bool, n)
	for i := range edges {
		edges[i] = map[int]bool{}
	}
	entered := make([]bool, n)
	connect := func(a, b int) {
		edges[order[a]][order[b]] = true
		entered[b] = true
	}

	for a := range n {
		for b := a + 1; b < n; b++ {
			if r.Float64() < density {
				connect(a, b)
			}
		}
	}

	// Every function but the entry needs a predecessor, and every one but the exit a
	// successor.
	for a := range n {
		if a > 0 && !entered[a] {
			connect(r.IntN(a), a)
		}
	}
	for a := range n - 1 {
		if len(edges[order[a]]) == 0 {
			connect(a, a+1+r.IntN(n-1-a))
		}
	}

	w := &Workflow{Functions: names, Successors: make([][]int, n-1)}
	for i := range w.Successors {
		for j := range n {
			if edges[i][j] {
				w.Successors[i] = append(w.Successors[i], j)
			}
		}
	}
	return w, order
}
