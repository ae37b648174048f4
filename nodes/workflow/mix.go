package workflow

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"edgebed/nodes/alibaba"
)

// Mix generates single tasks, chains and DAGs as they are in the traces of an
// Alibaba data centre. The shares of the three classes are the paper's: 28.6 %,
// 49.7 % and 21.7 % (Sec. 2). It does not say how it counted; in the distributions
// that one of its authors published (package alibaba) they are 38.3 %, 35.1 % and
// 26.6 %. The shapes inside each class are from these distributions.
//
// A chain has as many functions as a job of the traces whose critical path is all
// of it. A DAG has the tasks and the critical path of a job that has more tasks than
// that. One task of each level is on the critical path; the level of each other
// one is drawn from the distribution for the path's length. A task of level i is
// joined to ceil(L(i+1)/L(i)) random tasks of the next level, where L is a level's
// number of tasks, and that on the critical path to its next one, too. A task that
// nobody was joined to follows a random one of the level before (in the source it
// has no predecessor). Since an execution has one entry and one exit, a DAG with
// several tasks on its first level starts with a function of its own, and one with
// several on its last level ends with one; these two use no states.
//
// Jobs with more tasks than MaxTasks are left out. With 20 that is 3.4 % of the
// DAGs and 0.004 % of the chains, and with 34 it is 0.5 % and none.
//
// Functions are drawn without repetition as long as there are enough, and have an
// Alias for each repetition. Each state is used by a random set of functions, 0 to
// all; its access order is given for DAGs. State j has (1+j) x 10 kB. The workflows
// are executed under the Text variant.
type Mix struct {
	// MaxTasks is the largest number of tasks of a job, from 3 to
	// alibaba.MaxTasks.
	MaxTasks int
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
	if g.MaxTasks < 3 || g.MaxTasks > alibaba.MaxTasks || g.States < 0 || len(g.Functions) == 0 {
		return nil, fmt.Errorf("generate mix: %d tasks at most (3 to %d), %d states (0 or more) "+
			"or %d functions to draw from (1 or more) is out of range",
			g.MaxTasks, alibaba.MaxTasks, g.States, len(g.Functions))
	}
	r := stream("mix", seed, execution)
	w := &Workflow{StateSizes: statesOfTens(g.States), Dependencies: map[string][]string{}, Variant: Text}

	// tasks are the positions that may use states.
	first, tasks, size := 0, 1, 1
	kind := r.Float64()
	switch {
	case kind < shareSingle:
	case kind < shareSingle+shareChain:
		n, _, err := g.job(r, true)
		if err != nil {
			return nil, err
		}
		tasks, size = n, n
	default:
		n, path, err := g.job(r, false)
		if err != nil {
			return nil, err
		}
		levels, err := drawLevels(r, n, path)
		if err != nil {
			return nil, err
		}
		w.Successors, first = join(r, levels)
		tasks, size = n, len(w.Successors)+1
		w.Order = map[string][]int{}
	}

	var names []string
	for len(names) < size {
		for _, i := range sample(r, len(g.Functions), min(len(g.Functions), size-len(names))) {
			names = append(names, g.Functions[i])
		}
	}
	w.Functions = distinct(names)

	for j := range g.States {
		state := stateName(j)
		w.Dependencies[state] = dependOn(r, w.Functions[first:first+tasks], tasks)
		if !w.IsChain() {
			// Levels have increasing indices, so this agrees with the precedences.
			w.Order[state] = w.Users(state)
		}
	}
	return w, nil
}

// job draws the number of tasks of a job of the traces, and of those on its critical
// path, from the jobs that are chains or from those that are neither chains nor
// single tasks.
func (g Mix) job(r *rand.Rand, chain bool) (tasks, path int, err error) {
	sizes, err := alibaba.Tasks()
	if err != nil {
		return 0, 0, err
	}
	sizes = sizes.Keep(func(n int) bool { return n >= 2 && n <= g.MaxTasks })
	for {
		tasks = sizes.Draw(r)
		paths, err := alibaba.Paths(tasks)
		if err != nil {
			return 0, 0, err
		}

		// Both classes are common, so this does not go on for long.
		path = paths.Draw(r)
		if (path == tasks) == chain {
			return tasks, path, nil
		}
	}
}

// drawLevels returns how many of a job's tasks are on each level.
func drawLevels(r *rand.Rand, tasks, path int) ([]int, error) {
	levels := make([]int, path)
	for k := range levels {
		levels[k] = 1 // the critical path's
	}
	if path == 1 {
		levels[0] = tasks
		return levels, nil
	}
	distribution, err := alibaba.Levels(path)
	if err != nil {
		return nil, err
	}
	for range tasks - path {
		levels[distribution.Draw(r)-1]++
	}
	return levels, nil
}

// join draws the precedences between tasks on levels of the given sizes. It returns
// the successors, and the position of the first task, which is 1 where a function
// before all tasks starts them. Each level's first task is on the critical path.
func join(r *rand.Rand, levels []int) (successors [][]int, first int) {
	if levels[0] > 1 {
		first = 1
		successors = append(successors, nil)
		for k := range levels[0] {
			successors[0] = append(successors[0], first+k)
		}
	}

	start := first // of the level at hand
	for k, size := range levels[:len(levels)-1] {
		next := start + size
		entered := make([]bool, levels[k+1])
		connect := func(i, j int) {
			successors[i] = append(successors[i], next+j)
			entered[j] = true
		}
		for i := start; i < next; i++ {
			successors = append(successors, nil)
			for _, j := range sample(r, levels[k+1], (levels[k+1]+size-1)/size) {
				connect(i, j)
			}
		}
		if !slices.Contains(successors[start], next) {
			connect(start, 0)
		}
		for j := range entered {
			if !entered[j] {
				connect(start+r.IntN(size), j)
			}
		}
		start = next
	}

	// The last level's only task is the exit.
	if last := levels[len(levels)-1]; last > 1 {
		for range last {
			successors = append(successors, []int{start + last})
		}
	}
	return successors, first
}
