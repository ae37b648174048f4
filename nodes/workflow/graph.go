package workflow

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"edgebed/nodes/units"
)

// Len returns the number of functions, counting repeated names each time.
func (w *Workflow) Len() int { return len(w.Functions) }

// IsChain reports whether the workflow is a chain, where each function is
// followed by the next one.
func (w *Workflow) IsChain() bool { return w.Successors == nil }

// SuccessorsOf returns the direct successors of function i, those of a chain
// included. The caller must not change the slice.
func (w *Workflow) SuccessorsOf(i int) []int {
	switch {
	case i < 0 || i >= len(w.Functions)-1:
		return nil
	case w.IsChain():
		return []int{i + 1}
	case i >= len(w.Successors):
		return nil
	}
	return w.Successors[i]
}

// PredecessorsOf returns the direct predecessors of function i in increasing
// order. A join has several.
func (w *Workflow) PredecessorsOf(i int) []int {
	var list []int
	for p := range w.Functions {
		if slices.Contains(w.SuccessorsOf(p), i) {
			list = append(list, p)
		}
	}
	return list
}

// Edges returns the number of precedences.
func (w *Workflow) Edges() int {
	n := 0
	for i := range w.Functions {
		n += len(w.SuccessorsOf(i))
	}
	return n
}

// Uses reports whether the function at position i uses the state. Dependencies
// name functions, so a name that stands at several positions uses the state at
// each of them (prototype).
func (w *Workflow) Uses(i int, state string) bool {
	return i >= 0 && i < len(w.Functions) && slices.Contains(w.Dependencies[state], w.Functions[i])
}

// StatesOf returns the states that the function at position i uses, sorted.
func (w *Workflow) StatesOf(i int) []string {
	var list []string
	for state := range w.Dependencies {
		if w.Uses(i, state) {
			list = append(list, state)
		}
	}
	slices.Sort(list)
	return list
}

// Users returns the positions whose function uses the state, in increasing
// order. The state's degree in Table 1 of the paper is their number.
func (w *Workflow) Users(state string) []int {
	var list []int
	for i := range w.Functions {
		if w.Uses(i, state) {
			list = append(list, i)
		}
	}
	return list
}

// UsedStates returns the states that at least one function uses, sorted.
func (w *Workflow) UsedStates() []string {
	var list []string
	for state := range w.Dependencies {
		if len(w.Users(state)) > 0 {
			list = append(list, state)
		}
	}
	slices.Sort(list)
	return list
}

// CarriedStates returns the states that state-prop's carry form embeds into every
// message, sorted: those that somebody uses, and under the Text variant all.
func (w *Workflow) CarriedStates() []string {
	if w.Variant != Text {
		return w.UsedStates()
	}
	return slices.Sorted(maps.Keys(w.StateSizes))
}

// Carried returns the size of CarriedStates.
func (w *Workflow) Carried() units.Size {
	var sum units.Size
	for _, state := range w.CarriedStates() {
		sum += w.StateSizes[state]
	}
	return sum
}

// Label names the function at position i for people: its name, and the position
// where the name stands more than once.
func (w *Workflow) Label(i int) string {
	if i < 0 || i >= len(w.Functions) {
		return fmt.Sprintf("#%d", i)
	}
	name, count := w.Functions[i], 0
	for _, other := range w.Functions {
		if other == name {
			count++
		}
	}
	if count > 1 {
		return fmt.Sprintf("%s#%d", name, i)
	}
	return name
}

// TopologicalOrder returns all positions so that each comes after its
// predecessors. It fails with a *CycleError.
func (w *Workflow) TopologicalOrder() ([]int, error) {
	return newGraph(w).order(w)
}

// Callable returns the positions that are not done and whose predecessors all
// are, in increasing order: what a pure-faas client can invoke next (paper
// Sec. 5.2). done is indexed by position.
func (w *Workflow) Callable(done []bool) []int {
	return newGraph(w).callable(done)
}

// Stages returns the successive sets of callable functions when each set runs
// to its end before the next starts. It fails with a *CycleError.
func (w *Workflow) Stages() ([][]int, error) {
	g := newGraph(w)
	if _, err := g.order(w); err != nil {
		return nil, err
	}
	return g.stages(), nil
}

// CycleError says that functions wait for each other in a circle, so that none
// of them could ever start (paper Fig. 11).
type CycleError struct {
	// Path holds the positions on the cycle; the last one precedes the first.
	Path []int
	// Labels names the functions of Path.
	Labels []string
	// States holds for each position of Path the state whose order makes it
	// precede the next one; empty where the workflow's own precedence does.
	States []string
}

// Error writes the cycle like "a -> b -[s0]-> a", with the state of each
// virtual edge.
func (e *CycleError) Error() string {
	var b strings.Builder
	virtual := false
	for k, label := range e.Labels {
		b.WriteString(label)
		if e.States[k] != "" {
			virtual = true
			fmt.Fprintf(&b, " -[%s]-> ", e.States[k])
		} else {
			b.WriteString(" -> ")
		}
	}
	b.WriteString(e.Labels[0])
	if virtual {
		return fmt.Sprintf("order tasks and states: cycle %s; change the access order of a state on it", &b)
	}
	return fmt.Sprintf("order functions: cycle %s; remove one of its precedences", &b)
}

// set is a set of positions.
type set []uint64

func newSet(n int) set            { return make(set, (n+63)/64) }
func (s set) add(i int)           { s[i/64] |= 1 << (i % 64) }
func (s set) contains(i int) bool { return s[i/64]&(1<<(i%64)) != 0 }
func (s set) union(t set) {
	for k := range s {
		s[k] |= t[k]
	}
}

// graph holds precedences, and the virtual edges of states.
type graph struct {
	next, previous [][]int
	// state names the state that an edge comes from; precedences of the
	// workflow have none.
	state map[[2]int]string
}

func newGraph(w *Workflow) *graph {
	n := w.Len()
	g := &graph{next: make([][]int, n), previous: make([][]int, n), state: map[[2]int]string{}}
	for i := range n {
		for _, j := range w.SuccessorsOf(i) {
			if j >= 0 && j < n {
				g.add(i, j, "")
			}
		}
	}
	return g
}

// add adds an edge unless there is one already.
func (g *graph) add(i, j int, state string) {
	if _, ok := g.state[[2]int{i, j}]; ok {
		return
	}
	g.state[[2]int{i, j}] = state
	g.next[i] = append(g.next[i], j)
	g.previous[j] = append(g.previous[j], i)
}

// order sorts the positions topologically, in a way that depends on the graph
// alone.
func (g *graph) order(w *Workflow) ([]int, error) {
	n := len(g.next)
	missing := make([]int, n)
	sorted := make([]int, 0, n)
	for i := range n {
		missing[i] = len(g.previous[i])
		if missing[i] == 0 {
			sorted = append(sorted, i)
		}
	}

	for k := 0; k < len(sorted); k++ {
		for _, j := range g.next[sorted[k]] {
			missing[j]--
			if missing[j] == 0 {
				sorted = append(sorted, j)
			}
		}
	}
	if len(sorted) == n {
		return sorted, nil
	}
	return nil, g.cycle(w, missing)
}

// cycle names a cycle among the positions that still miss a predecessor. Each
// of them has such a predecessor, so walking backwards must come round.
func (g *graph) cycle(w *Workflow, missing []int) error {
	at := slices.IndexFunc(missing, func(m int) bool { return m > 0 })
	seen := map[int]int{}
	var walk []int
	for {
		if start, ok := seen[at]; ok {
			walk = walk[start:]
			break
		}

		seen[at] = len(walk)
		walk = append(walk, at)
		for _, p := range g.previous[at] {
			if missing[p] > 0 {
				at = p
				break
			}
		}
	}

	slices.Reverse(walk)

	// The same cycle is always told from its smallest position on.
	smallest := slices.Index(walk, slices.Min(walk))
	walk = append(walk[smallest:], walk[:smallest]...)

	e := &CycleError{Path: walk}
	for k, i := range walk {
		e.Labels = append(e.Labels, w.Label(i))
		e.States = append(e.States, g.state[[2]int{i, walk[(k+1)%len(walk)]}])
	}
	return e
}

// ancestors returns for each position all that precede it, given a topological
// order.
func (g *graph) ancestors(order []int) []set {
	sets := make([]set, len(g.next))
	for i := range sets {
		sets[i] = newSet(len(sets))
	}
	for _, i := range order {
		for _, j := range g.next[i] {
			sets[j].add(i)
			sets[j].union(sets[i])
		}
	}
	return sets
}

func (g *graph) callable(done []bool) []int {
	isDone := func(i int) bool { return i < len(done) && done[i] }
	var list []int
	for i := range g.next {
		if !isDone(i) && !slices.ContainsFunc(g.previous[i], func(p int) bool { return !isDone(p) }) {
			list = append(list, i)
		}
	}
	return list
}

// stages returns the successive callable sets of an acyclic graph.
func (g *graph) stages() [][]int {
	var all [][]int
	done := make([]bool, len(g.next))
	for {
		stage := g.callable(done)
		if len(stage) == 0 {
			return all
		}
		all = append(all, stage)
		for _, i := range stage {
			done[i] = true
		}
	}
}
