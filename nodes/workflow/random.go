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
		return nil, fmt.Errorf("generate random DAG: size %d (1 to %d), states %d (0 or more) or density %g (0 to 1) is out of range",
			g.Size, MaxFunctions, g.States, g.Density)
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

// Mix generates single tasks, chains and DAGs in the shares that the paper
// found in the traces of an Alibaba data centre: 28.6 %, 49.7 % and 21.7 %
// (Sec. 2). Only the shares are from there; the shapes are those of this type.
//
// A chain has 2 to Depth functions. A DAG has an entry, 1 to Depth-2 layers of 1
// to Width functions of which at least one layer has 2, and an exit; each
// function follows one or two functions of the layer before, and those that
// nobody follows lead to the exit. All these numbers are uniform. Function names
// are drawn without repetition as long as there are enough. Each state depends on
// a random number of functions, 0 to all; its access order is given for DAGs.
// State j has (1+j) x 10 kB.
type Mix struct {
	// Depth is the largest number of functions on a path, at least 3; Width the
	// largest number of functions in a layer, at least 2.
	Depth, Width int
	// States is the number of states of each workflow.
	States int
	// Functions holds the names to draw from.
	Functions []string
}

// Shares of single tasks and chains in the paper's Sec. 2; the rest are DAGs.
const (
	shareSingle = 0.286
	shareChain  = 0.497
)

// Names returns Functions.
func (g Mix) Names() []string { return slices.Clone(g.Functions) }

// Generate returns the workflow of one execution.
func (g Mix) Generate(seed uint64, execution int) (*Workflow, error) {
	if g.Depth < 3 || g.Width < 2 || g.States < 0 || len(g.Functions) == 0 {
		return nil, fmt.Errorf("generate mix: depth %d (3 or more), width %d (2 or more), states %d (0 or more) or %d functions to draw from (1 or more) is out of range",
			g.Depth, g.Width, g.States, len(g.Functions))
	}
	r := stream("mix", seed, execution)
	w := &Workflow{StateSizes: statesOfTens(g.States), Dependencies: map[string][]string{}}
	size := 1
	switch kind := r.Float64(); {
	case kind < shareSingle:
	case kind < shareSingle+shareChain:
		size = 2 + r.IntN(g.Depth-1)
	default:
		w.Successors = g.layers(r)
		size = len(w.Successors) + 1
		w.Order = map[string][]int{}
	}
	for len(w.Functions) < size {
		for _, i := range sample(r, len(g.Functions), min(len(g.Functions), size-len(w.Functions))) {
			w.Functions = append(w.Functions, g.Functions[i])
		}
	}
	for j := range g.States {
		state := stateName(j)
		w.Dependencies[state] = dependOn(r, w.Functions, size)
		if !w.IsChain() {
			// Layers have increasing indices, so this agrees with the
			// precedences.
			w.Order[state] = w.Users(state)
		}
	}
	return w, nil
}

// layers draws the successors of a layered DAG.
func (g Mix) layers(r *rand.Rand) [][]int {
	sizes := make([]int, 1+r.IntN(g.Depth-2))
	for k := range sizes {
		sizes[k] = 1 + r.IntN(g.Width)
	}
	if slices.Max(sizes) == 1 {
		sizes[r.IntN(len(sizes))] = 2 + r.IntN(g.Width-1)
	}
	successors := [][]int{nil}
	before := []int{0}
	for _, size := range sizes {
		var layer []int
		for range size {
			i := len(successors)
			successors = append(successors, nil)
			for _, k := range sample(r, len(before), min(len(before), 1+r.IntN(2))) {
				successors[before[k]] = append(successors[before[k]], i)
			}
			layer = append(layer, i)
		}
		before = layer
	}
	exit := len(successors)
	for i := range successors {
		if len(successors[i]) == 0 {
			successors[i] = []int{exit}
		}
	}
	return successors
}
