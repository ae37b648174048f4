package workflow

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"edgebed/nodes/yamlfile"
)

// MaxFunctions is the largest workflow that Validate accepts. It keeps the
// graph algorithms, quadratic in the number of functions, within a few seconds
// and megabytes.
const MaxFunctions = 10000

// Validate returns everything that makes the workflow impossible to run in any
// model: no functions, precedences that do not form a DAG from index 0 to the
// last index (prototype: one entry, one exit), dependencies on functions that
// do not occur, states without a size, access orders that are not a permutation
// of a state's users. Several errors are joined.
//
// It does not look at the order in which parallel functions use a state, which
// pure-faas needs no less than the other models: see Augment and CheckCarry.
func (w *Workflow) Validate() error {
	n := w.Len()
	if n == 0 {
		return errors.New("validate workflow: it has no functions; name at least one")
	}
	if n > MaxFunctions {
		return fmt.Errorf("validate workflow: %d functions are more than the limit of %d", n, MaxFunctions)
	}

	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	for i, name := range w.Functions {
		if name == "" {
			fail("function %d: the name is empty", i)
		}
	}
	errs = append(errs, w.validateGraph()...)

	names := slices.Compact(slices.Sorted(slices.Values(w.Functions)))
	for _, state := range slices.Sorted(maps.Keys(w.Dependencies)) {
		if _, ok := w.StateSizes[state]; !ok {
			fail("state %s: it has dependencies but no size%s", state,
				yamlfile.Suggest(state, slices.Collect(maps.Keys(w.StateSizes))))
		}
		for _, name := range w.Dependencies[state] {
			if _, ok := slices.BinarySearch(names, name); !ok {
				fail("state %s: dependency on unknown function %s%s", state, name, yamlfile.Suggest(name, names))
			}
		}
	}
	for _, state := range slices.Sorted(maps.Keys(w.StateSizes)) {
		if size := w.StateSizes[state]; size < 0 {
			fail("state %s: its size of %d bytes is negative", state, int64(size))
		}
	}
	for _, state := range slices.Sorted(maps.Keys(w.Order)) {
		if err := w.validateOrder(state); err != nil {
			errs = append(errs, err)
		}
	}
	errs = append(errs, w.validateReading()...)
	errs = append(errs, w.validateSizes()...)

	for i, err := range errs {
		if err != nil {
			errs[i] = fmt.Errorf("validate workflow: %w", err)
		}
	}
	return yamlfile.Join(errs...)
}

// validateGraph checks the precedences of a DAG; a chain has nothing to check.
func (w *Workflow) validateGraph() []error {
	if w.IsChain() {
		return nil
	}
	n := w.Len()
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if len(w.Successors) != n-1 {
		fail("%d functions need %d lists of successors, one for each but the last; got %d", n, n-1, len(w.Successors))
		return errs
	}

	entered := make([]bool, n)
	for i, list := range w.Successors {
		if len(list) == 0 {
			fail("function %s (index %d) has no successor: only the last function may end the workflow",
				w.Label(i), i)
		}
		given := map[int]bool{}
		for _, j := range list {
			switch {
			case j <= 0 || j >= n:
				fail("function %s (index %d): successor %d is out of range: 1 to %d are possible",
					w.Label(i), i, j, n-1)
			case given[j]:
				fail("function %s (index %d): successor %d is given twice", w.Label(i), i, j)
			default:
				entered[j] = true
			}
			given[j] = true
		}
	}

	for i := 1; i < n; i++ {
		if !entered[i] {
			fail("function %s (index %d) is nobody's successor: only index 0 may start the workflow", w.Label(i), i)
		}
	}

	if len(errs) > 0 {
		return errs
	}
	// A function that nobody precedes was found above. What is left unreachable
	// hangs on a cycle, which says more.
	if _, err := w.TopologicalOrder(); err != nil {
		errs = append(errs, err)
	}
	return errs
}

// MaxOutput is the largest output of a function that a workflow can name, in bytes.
// What a message carries is less: see package wire. MaxTime is the longest time.
const (
	MaxOutput = maxStateSize
	MaxTime   = 24 * time.Hour
)

// validateSizes checks what the workflow says of its functions' outputs and times.
func (w *Workflow) validateSizes() []error {
	var errs []error
	if w.Outputs != nil && len(w.Outputs) != w.Len() {
		errs = append(errs, fmt.Errorf("%d functions need %d output sizes or none; got %d",
			w.Len(), w.Len(), len(w.Outputs)))
	}
	if w.Times != nil && len(w.Times) != w.Len() {
		errs = append(errs, fmt.Errorf("%d functions need %d times or none; got %d", w.Len(), w.Len(), len(w.Times)))
	}

	for i, size := range w.Outputs {
		if size > MaxOutput {
			errs = append(errs, fmt.Errorf("function %s (index %d): its output of %d bytes is larger than %d",
				w.Label(i), i, int64(size), int64(MaxOutput)))
		}
	}
	errs = append(errs, w.validateEdges()...)
	for i, t := range w.Times {
		if t > MaxTime {
			errs = append(errs, fmt.Errorf("function %s (index %d): its time of %v is longer than %v",
				w.Label(i), i, t, MaxTime))
		}
	}
	return errs
}

// validateEdges checks how much of their outputs functions send on.
func (w *Workflow) validateEdges() []error {
	if w.Sent == nil {
		return nil
	}
	if len(w.Sent) != len(w.Successors) || w.Outputs == nil {
		return []error{fmt.Errorf("sizes of edges need output sizes, and a list for each of the %d functions "+
			"with successors; got %d lists", len(w.Successors), len(w.Sent))}
	}
	var errs []error
	for i, edges := range w.Sent {
		if len(edges) != len(w.Successors[i]) {
			errs = append(errs, fmt.Errorf("function %s (index %d): %d successors need %d sizes of edges; got %d",
				w.Label(i), i, len(w.Successors[i]), len(w.Successors[i]), len(edges)))
			continue
		}
		for k, size := range edges {
			if i < len(w.Outputs) && w.Outputs[i] >= 0 && size > w.Outputs[i] {
				errs = append(errs, fmt.Errorf("function %s (index %d): sends %d bytes to index %d, of an output of %d",
					w.Label(i), i, int64(size), w.Successors[i][k], int64(w.Outputs[i])))
			}
		}
	}
	return errs
}

// validateReading checks the states whose order does not matter, and the variant.
func (w *Workflow) validateReading() []error {
	var errs []error
	for k, state := range w.AnyOrder {
		_, used := w.Dependencies[state]
		_, ordered := w.Order[state]
		switch {
		case !used:
			errs = append(errs, fmt.Errorf("order of state %s: no such state%s", state,
				yamlfile.Suggest(state, slices.Collect(maps.Keys(w.Dependencies)))))
		case ordered:
			errs = append(errs,
				fmt.Errorf("order of state %s: it is given, and said not to matter; keep one of the two", state))
		case slices.Contains(w.AnyOrder[:k], state):
			errs = append(errs, fmt.Errorf("order of state %s: that it does not matter is said twice", state))
		}
	}

	if w.Variant != "" && w.Variant != Artifact && w.Variant != Text {
		errs = append(errs, fmt.Errorf("unknown variant %q%s", w.Variant,
			yamlfile.Suggest(string(w.Variant), []string{string(Artifact), string(Text)})))
	}
	return errs
}

// validateOrder checks that the access order given for a state holds each of
// its users once.
func (w *Workflow) validateOrder(state string) error {
	if _, ok := w.Dependencies[state]; !ok {
		return fmt.Errorf("order of state %s: no such state%s", state,
			yamlfile.Suggest(state, slices.Collect(maps.Keys(w.Dependencies))))
	}

	users, order := w.Users(state), w.Order[state]
	seen := map[int]bool{}
	for _, i := range order {
		if i < 0 || i >= w.Len() {
			return fmt.Errorf("order of state %s: there is no function with index %d", state, i)
		}
		if !w.Uses(i, state) {
			return fmt.Errorf("order of state %s: function %s (index %d) does not use it", state, w.Label(i), i)
		}
		if seen[i] {
			return fmt.Errorf("order of state %s: function %s (index %d) stands twice", state, w.Label(i), i)
		}
		seen[i] = true
	}

	for _, i := range users {
		if !seen[i] {
			return fmt.Errorf("order of state %s: its user %s (index %d) is missing", state, w.Label(i), i)
		}
	}
	return nil
}

// HasOrders reports whether the author says something on the order in which
// functions use a state.
func (w *Workflow) HasOrders() bool { return len(w.Order) > 0 || len(w.AnyOrder) > 0 }

// CheckCarry says whether the carry form keeps the workflow's states
// consistent; it fails with a *CarryError where it does not. Where access orders
// are given it fails as Augment does, first of all with a *CycleError where they
// contradict the precedences. States then travel along the precedences alone, and
// a join keeps only what its last arrival brought (prototype). So a state must not
// be used by two parallel functions, and from one user to the next no join may be
// entered by a path that does not come from the earlier user. A state whose only
// users are on one of several parallel paths is fine in this sense, although the
// reference that the client gets back may be out of date.
func (w *Workflow) CheckCarry() error {
	if w.HasOrders() {
		// What passes both checks has no choice left: sequential users in the order
		// of the precedences, which an order that is given then agrees with.
		if _, err := Augment(w); err != nil {
			return err
		}
	}

	g := newGraph(w)
	order, err := g.order(w)
	if err != nil {
		return err
	}
	ancestors := g.ancestors(order)
	reaches := func(i, j int) bool { return i == j || ancestors[j].contains(i) }

	// losing returns a function on a path between two, where a path that does not
	// come from the first one joins; -1 where there is none.
	losing := func(first, second int) int {
		for j := range w.Functions {
			if !ancestors[j].contains(first) || !reaches(j, second) {
				continue
			}
			if slices.ContainsFunc(g.previous[j], func(p int) bool { return !reaches(first, p) }) {
				return j
			}
		}
		return -1
	}

	for _, state := range w.UsedStates() {
		users := w.Users(state)
		for x, u := range users {
			for _, v := range users[x+1:] {
				first, second := u, v
				if reaches(v, u) {
					first, second = v, u
				} else if !reaches(u, v) {
					return &CarryError{State: state, First: w.Label(u), Second: w.Label(v)}
				}
				if j := losing(first, second); j >= 0 {
					return &CarryError{
						State: state, First: w.Label(first), Second: w.Label(second), Join: w.Label(j),
					}
				}
			}
		}
	}
	return nil
}

// CarryError names a state that the carry form would hand to a user out of
// date.
type CarryError struct {
	State string
	// First and Second are labels of two users of the state.
	First, Second string
	// Join is the label of a join between them that the state may fail to
	// pass; empty where the users run in parallel.
	Join string
}

// Error says what happens to the state and what to do.
func (e *CarryError) Error() string {
	if e.Join == "" {
		return fmt.Sprintf("carry state %s: its users %s and %s run in parallel; use the direct form or pure-faas",
			e.State, e.First, e.Second)
	}
	return fmt.Sprintf("carry state %s from %s to %s: the join %s may keep the version of another path; "+
		"use the direct form or pure-faas", e.State, e.First, e.Second, e.Join)
}
