package campaign

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"edgebed/harness/audit"
	"edgebed/harness/job"
	"edgebed/harness/record"
)

// How the budget moves, as shares of the machine's cores. Executions come in
// bursts, and a frame that waits for a core is a frame that its link sends too
// late: the budget starts with most of the machine idle on average, and what
// audits say moves it from there. It never has all of it: building networks is left
// out of loads, and takes as much again in campaigns of short cells.
const (
	startBudget = 0.375 // the least, too
	mostBudget  = 0.7
	// raise is added for a faithful cell that ran for raiseAfter or longer, and less
	// for a shorter one, which says less; cut multiplies after a disturbed one.
	raise      = 0.01
	raiseAfter = 30 * time.Second
	cut        = 0.75
)

// The usual budget is its mean over the last admissions, usually of them. Until there were
// any it is a fourth more than the first, as in the quick profiles of experiments 400 and 401.
const (
	usually    = 20
	firstUsual = 1.25 // of the first budget
)

// learningRate is the share of the difference between a sample of the machine's
// CPU time and its prediction that one sample corrects.
const learningRate = 0.3

// leastLoad keeps cells from looking free, in cores.
const leastLoad = 0.02

// Reruns is how often, by default, a cell is run again whose audit says
// disturbed: with half the neighbours, then alone.
const Reruns = 2

// unlimited is the neighbours that a task may have unless it was disturbed.
const unlimited = math.MaxInt

// task is one cell's way through the campaign.
type task struct {
	job      job.Job
	kind     string
	expected time.Duration
	// guess is what it was first thought to take of the machine, in cores.
	guess float64
	// failures and disturbed count attempts that ended so.
	failures, disturbed int
	// allowed is the largest number of neighbours that it may have; neighbours
	// the largest that it had in this attempt.
	allowed, neighbours int
	// started is when the attempt began, as the count of admissions.
	started int
	// ending is how long it is expected to take after its last execution.
	ending time.Duration
	// ready is set once the worker has built the network.
	ready bool
	// setUp is how long the network is expected to take to build.
	setUp time.Duration
	// began is when this attempt was admitted, moved when it last got on: it was
	// ready, or made one of its executions.
	began, moved time.Time
	made         int
}

// admission decides which cell starts next. It predicts what the machine's CPUs
// will have to do, learns from samples what each kind of cell really takes, and
// lets cells in while the prediction is within a budget, which audits move: up a
// little with each faithful cell, down by a quarter with a disturbed one, but
// never below what it started with. A machine that is busy with other things
// would otherwise end up running one cell after another. It is not safe for
// concurrent use.
type admission struct {
	cores  float64
	budget float64 // in cores
	usual  float64 // the budget's mean over the last admissions
	jobs   int     // largest number of cells at once, 0 for any
	reruns int     // how often a disturbed cell is run again
	exact  bool    // whether nothing disturbs the cells: only jobs counts
	// scales holds by how much cells of a kind take more of the machine than their
	// first guess says; others is what the machine does beside the campaign, in cores.
	scales map[string]float64
	sum    float64 // of scales
	others float64

	waiting, running []*task
	// admitted counts admissions; lastCut is its value at the last cut.
	admitted, lastCut int
}

func newAdmission(jobs []job.Job, o Options) *admission {
	a := &admission{
		cores: o.Cores, budget: startBudget * o.Cores, jobs: o.Jobs, reruns: o.Reruns, exact: o.Exact,
		scales: map[string]float64{},
	}
	a.usual = firstUsual * a.budget
	if a.exact && a.jobs == 0 {
		a.jobs = max(1, int(a.cores))
	}
	for _, j := range jobs {
		t := &task{job: j, kind: kind(j), expected: o.Expected(&j), disturbed: o.Disturbed[j.Cell.ID],
			allowed: unlimited}
		if t.disturbed > 0 {
			t.allowed = 0 // with how many it ran is history; alone is safe
		}
		if !a.exact {
			t.guess = load(j, t.expected)
			t.setUp = min(setUp, t.expected)
			t.ending = min(job.Ending, t.expected-t.setUp)
		}
		a.wait(t)
	}
	return a
}

// kind names the cells that are taken to load the machine alike.
func kind(j job.Job) string {
	name := fmt.Sprint(j.FastestLink(), " ", j.Cell.Execution.Model)
	if len(j.LimitedHosts()) > 0 {
		name += " limited" // what they take the longer for says nothing of the others
	}
	return name
}

// load is the first guess at the CPU time that a cell takes per second once its
// network is built, in cores, before the machine has been seen running one: nodes start
// and stop, every frame is sent by each switch on its way and wakes a user-space delay
// line, and somebody watches. Fitted to the cells of experiments 400 and 401 in the
// quick profile, 2 cores of an AMD EPYC: nine in ten within -20 and +30 %. The cell is
// expected to take so long.
func load(j job.Job, expected time.Duration) float64 {
	const (
		cell     = 0.6   // CPU seconds
		megabyte = 0.033 // CPU seconds for 1 MB that switches send
		watching = 0.03  // cores
	)
	lasts := max(expected-setUp, job.Ending)
	return watching + (cell+megabyte*float64(j.Traffic())/1e6)/lasts.Seconds()
}

// wait queues the task. Tasks that may have neighbours come first, the longest
// first: a long cell that starts last would run alone at the end. Then come those
// that need the machine emptier, so that it is emptied once.
func (a *admission) wait(t *task) {
	i, _ := slices.BinarySearchFunc(a.waiting, t, func(x, y *task) int {
		if c := cmp.Or(cmp.Compare(y.allowed, x.allowed), cmp.Compare(y.expected, x.expected)); c != 0 {
			return c
		}
		return -1 // behind its equals
	})
	a.waiting = slices.Insert(a.waiting, i, t)
}

// load is what a cell takes of the machine, in cores, as far as is known.
func (a *admission) load(t *task) float64 { return max(leastLoad, t.guess*a.scale(t.kind)) }

// scale is by how much cells of a kind take more than their first guess. What was seen of
// others is believed of those that have not been seen.
func (a *admission) scale(kind string) float64 {
	if s, ok := a.scales[kind]; ok {
		return s
	}
	return (1 + a.sum) / float64(1+len(a.scales))
}

func (a *admission) setScale(kind string, scale float64) {
	a.sum += scale - a.scales[kind]
	a.scales[kind] = scale
}

// predicted is the machine's expected busy time per second, in cores.
func (a *admission) predicted() float64 {
	sum := a.others
	for _, t := range a.running {
		sum += a.load(t)
	}
	return sum
}

// order returns the indices of the waiting tasks in the order in which next tries
// them: as they wait, but every second time, of those that may have neighbours, the
// shortest first. Short cells are those with fast links, which keep the processors
// busy; spread over the campaign they fill the gaps that slow links leave.
func (a *admission) order() []int {
	list := make([]int, len(a.waiting))
	free := 0
	for i, t := range a.waiting {
		list[i] = i
		if t.allowed == unlimited {
			free = i + 1
		}
	}
	if a.admitted%2 == 1 {
		slices.Reverse(list[:free])
	}
	return list
}

// next starts the first waiting task that fits beside the running ones, nil if
// none does.
func (a *admission) next() *task {
	n := len(a.running)
	if a.jobs > 0 && n >= a.jobs {
		return nil
	}

	room := unlimited
	for _, t := range a.running {
		room = min(room, t.allowed)
	}
	if n > room {
		return nil
	}

	// Building a network keeps a core busy: more than half of them at once would
	// disturb the cells that are running.
	building := 0
	for _, t := range a.running {
		if !t.ready {
			building++
		}
	}
	if !a.exact && building > 0 && float64(building+1) > a.cores/2 {
		return nil
	}

	busy := a.predicted()
	for _, i := range a.order() {
		t := a.waiting[i]
		if n > t.allowed || n > 0 && !a.exact && busy+a.load(t) > a.budget {
			continue
		}

		return a.start(i)
	}
	return nil
}

// start moves a waiting task, by its index, to the running ones.
func (a *admission) start(i int) *task {
	t := a.waiting[i]
	n := len(a.running)
	a.waiting = slices.Delete(a.waiting, i, i+1)
	a.admitted++
	a.usual += (a.budget - a.usual) / usually
	t.started, t.neighbours, t.ready = a.admitted, 0, false
	a.running = append(a.running, t)
	for _, r := range a.running {
		r.neighbours = max(r.neighbours, n)
	}
	return t
}

// remove takes a task whose worker has ended off the running ones.
func (a *admission) remove(t *task) {
	a.running = slices.DeleteFunc(a.running, func(r *task) bool { return r == t })
}

// audited learns from a cell's audit: what it took, and by its verdict whether
// cells like it can be so many. It reports whether the cell waits to be
// run again.
func (a *admission) audited(t *task, found *record.Audit) (again bool) {
	if found == nil {
		return false
	}

	if found.Verdict == record.Exact {
		return false
	}
	if v, ok := found.Measures[audit.CellCPU]; ok {
		a.setScale(t.kind, (a.scale(t.kind)+v/100/t.guess)/2)
	}

	if found.Verdict == record.Faithful {
		a.budget = min(a.budget+raise*a.cores*min(1, t.expected.Seconds()/raiseAfter.Seconds()), mostBudget*a.cores)
		return false
	}

	// Cells that were disturbed together are one sign of too much, and what a
	// cell met alone came from elsewhere.
	if t.neighbours > 0 && t.started > a.lastCut {
		a.budget = max(a.budget*cut, startBudget*a.cores)
		a.lastCut = a.admitted
	}

	t.disturbed++
	if t.disturbed > a.reruns {
		return false
	}

	t.allowed = 0
	if t.disturbed < a.reruns {
		t.allowed = t.neighbours / 2
	}

	a.wait(t)
	return true
}

// observe learns from a sample of the machine's busy time per second, in cores,
// while the running cells did not change: a normalised least-mean-squares step
// shares the difference to the prediction among them and the rest of the
// machine.
func (a *admission) observe(busy float64) {
	if a.exact {
		return
	}
	kinds := map[string][]*task{}
	for _, t := range a.running {
		kinds[t.kind] = append(kinds[t.kind], t)
	}
	norm := 1.0
	for _, list := range kinds {
		norm += float64(len(list) * len(list))
	}
	step := learningRate * (busy - a.predicted()) / norm

	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		list := kinds[kind]
		guess := 0.0
		for _, t := range list {
			guess += t.guess
		}
		n := float64(len(list))
		a.setScale(kind, max(0, a.scale(kind)+step*n/(guess/n)))
	}
	// With nothing running, all of it is others'.
	if len(kinds) == 0 {
		step = learningRate * (busy - a.others)
	}
	a.others = max(0, a.others+step)
}
