package workflow

import (
	"fmt"
	"maps"
	"slices"
)

// Client stands for the client where a position is asked for: it owns every
// state before the first user.
const Client = -1

// Augmented is a workflow's augmented task-state dependency graph (paper
// Sec. 5.1): its precedences, and virtual edges from each user of a state to
// the next one in causal order. It is acyclic.
type Augmented struct {
	// Workflow must not be changed while the Augmented is in use.
	Workflow *Workflow
	// Users holds for each used state its users in causal order.
	Users map[string][]int
	// Virtual holds the virtual edges, by state and then in causal order.
	Virtual []VirtualEdge

	graph     *graph
	ancestors []set
}

// VirtualEdge says that From must be executed before To because both use State.
type VirtualEdge struct {
	State    string
	From, To int
	// Implied means that the workflow's own precedences say so too.
	Implied bool
}

// UnorderedError names two functions that use a state and may run in parallel,
// so that causal consistency is undefined until the author gives an order.
type UnorderedError struct {
	State string
	// First and Second are the functions' positions, with their labels.
	First, Second           int
	FirstLabel, SecondLabel string
}

// Error names the functions and what to do.
func (e *UnorderedError) Error() string {
	return fmt.Sprintf("order the users of state %s: %s (index %d) and %s (index %d) may run in parallel; "+
		"give the state's access order, or any if it does not matter",
		e.State, e.FirstLabel, e.First, e.SecondLabel, e.Second)
}

// Augment builds the augmented task-state dependency graph (paper Sec. 5.1).
// The users of a state are ordered as the workflow's Order says; a state not
// listed there takes the order that the precedences and the given orders imply,
// and one of AnyOrder the order in which its users stand in one topological order
// of all that. It fails with an *UnorderedError where they imply none, with a
// *CycleError where the graph would have a cycle, or with an error of Validate.
func Augment(w *Workflow) (*Augmented, error) {
	if err := w.Validate(); err != nil {
		return nil, err
	}
	plainGraph := newGraph(w)
	plainOrder, err := plainGraph.order(w)
	if err != nil {
		return nil, err
	}
	plain := plainGraph.ancestors(plainOrder)

	a := &Augmented{Workflow: w, Users: map[string][]int{}, graph: newGraph(w)}
	for _, state := range slices.Sorted(maps.Keys(w.Order)) {
		a.Users[state] = slices.Clone(w.Order[state])
		for k, j := range a.Users[state] {
			if k > 0 {
				a.graph.add(a.Users[state][k-1], j, state)
			}
		}
	}
	order, err := a.graph.order(w)
	if err != nil {
		return nil, err
	}
	a.ancestors = a.graph.ancestors(order)

	position := make([]int, w.Len())
	for k, i := range order {
		position[i] = k
	}

	// What is derived below agrees with the ancestors, so it adds no cycle and
	// no new ancestor.
	for _, state := range w.UsedStates() {
		if _, ok := a.Users[state]; ok || slices.Contains(w.AnyOrder, state) {
			continue
		}
		users := inOrder(w.Users(state), position)
		for k := 1; k < len(users); k++ {
			i, j := users[k-1], users[k]
			if !a.ancestors[j].contains(i) {
				i, j = min(i, j), max(i, j)
				return nil, &UnorderedError{
					State: state, First: i, Second: j, FirstLabel: w.Label(i), SecondLabel: w.Label(j),
				}
			}
			a.graph.add(i, j, state)
		}
		a.Users[state] = users
	}

	// All that is picked here follows one topological order, so it adds no cycle.
	// It comes last: what other states need is the author's to say, and must not
	// follow from a pick.
	for _, state := range w.AnyOrder {
		a.Users[state] = inOrder(w.Users(state), position)
		for k := 1; k < len(a.Users[state]); k++ {
			a.graph.add(a.Users[state][k-1], a.Users[state][k], state)
		}
	}
	if len(w.AnyOrder) > 0 {
		order, err = a.graph.order(w)
		if err != nil {
			return nil, err
		}
		a.ancestors = a.graph.ancestors(order)
	}

	for _, state := range slices.Sorted(maps.Keys(a.Users)) {
		users := a.Users[state]
		if len(users) == 0 {
			delete(a.Users, state)
			continue
		}
		for k := 1; k < len(users); k++ {
			i, j := users[k-1], users[k]
			a.Virtual = append(a.Virtual, VirtualEdge{State: state, From: i, To: j, Implied: plain[j].contains(i)})
		}
	}
	return a, nil
}

// inOrder sorts positions by where they stand in an order.
func inOrder(users, position []int) []int {
	slices.SortFunc(users, func(i, j int) int { return position[i] - position[j] })
	return users
}

// Precedes reports whether i must be executed before j.
func (a *Augmented) Precedes(i, j int) bool { return a.ancestors[j].contains(i) }

// Ancestors returns the positions that must be executed before i, in increasing
// order.
func (a *Augmented) Ancestors(i int) []int {
	var list []int
	for p := range a.ancestors {
		if a.ancestors[i].contains(p) {
			list = append(list, p)
		}
	}
	return list
}

// PreviousUser returns the position that uses the state before i does, or
// Client where i is the first. It returns Client too where i does not use the
// state.
func (a *Augmented) PreviousUser(state string, i int) int {
	if k := slices.Index(a.Users[state], i); k > 0 {
		return a.Users[state][k-1]
	}
	return Client
}

// NextUser returns the position that uses the state after i does, or Client
// where i is the last. With i = Client it returns the first user. It returns
// Client too where i does not use the state.
func (a *Augmented) NextUser(state string, i int) int {
	users := a.Users[state]
	k := slices.Index(users, i)
	if i == Client {
		k = -1
	} else if k < 0 {
		return Client
	}
	if k+1 < len(users) {
		return users[k+1]
	}
	return Client
}

// successors returns the direct successors of a position, each once; the entry
// for the client.
func (a *Augmented) successors(i int) []int {
	if i == Client {
		return []int{0}
	}
	var list []int
	for _, j := range a.Workflow.SuccessorsOf(i) {
		if !slices.Contains(list, j) {
			list = append(list, j)
		}
	}
	return list
}

// handed returns the states that one position, or the client, hands to another
// in the direct form, sorted.
func (a *Augmented) handed(from, to int) []string {
	var list []string
	for _, state := range slices.Sorted(maps.Keys(a.Users)) {
		if (from == Client || slices.Contains(a.Users[state], from)) && a.NextUser(state, from) == to {
			list = append(list, state)
		}
	}
	return list
}

// receivers returns whom a position, or the client, sends a message in the direct
// form: its successors in the workflow's order, then the next users of its states
// that are no successors, in increasing order. The client stands first of these,
// for states that return to it and for the exit's output.
func (a *Augmented) receivers(from int) []int {
	successors := a.successors(from)
	var others []int
	if from == a.Workflow.Len()-1 {
		others = append(others, Client)
	}

	for state, users := range a.Users {
		if from != Client && !slices.Contains(users, from) {
			continue
		}
		if to := a.NextUser(state, from); !slices.Contains(successors, to) && !slices.Contains(others, to) {
			others = append(others, to)
		}
	}
	slices.Sort(others)
	return append(successors, others...)
}

// TopologicalOrder returns all positions so that each comes after everything
// that precedes it, virtual edges included.
func (a *Augmented) TopologicalOrder() []int {
	// Augment saw to it that there is no cycle.
	order, _ := a.graph.order(a.Workflow)
	return order
}

// Callable returns the positions that are not done and whose task and state
// dependencies are fulfilled, in increasing order (paper Sec. 5.2). done is
// indexed by position.
func (a *Augmented) Callable(done []bool) []int { return a.graph.callable(done) }

// Stages returns the successive sets of callable functions when each set runs
// to its end before the next starts.
func (a *Augmented) Stages() [][]int { return a.graph.stages() }
