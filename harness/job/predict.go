package job

import (
	"iter"
	"slices"
	"time"

	"edgebed/harness/cgroup"
	"edgebed/harness/record"
	"edgebed/harness/scenario"
	"edgebed/harness/topology"
	"edgebed/nodes/direct"
	"edgebed/nodes/units"
	"edgebed/nodes/workflow"
)

// FastestLink returns the rate of the fastest shaped link, or 1 Gb/s where no
// link is shaped.
func (j *Job) FastestLink() units.Rate {
	fastest := units.Rate(0)
	j.eachLink(func(p topology.Params) { fastest = max(fastest, p.Rate) })
	if fastest == 0 {
		return units.Gbps
	}
	return fastest
}

func (j *Job) eachLink(do func(topology.Params)) {
	for _, l := range j.topology.AllLinks() {
		for _, p := range j.topology.Directions(l) {
			do(p)
		}
	}
}

// Ending is about how long a cell goes on beside its payload: nodes start and stop, clients
// come and go, and the audit looks at what was seen. Fitted to the cells of experiments 400
// and 401 in the quick profile, on 2 cores of an AMD EPYC.
const Ending = 1600 * time.Millisecond

// Beside is about how long a cell takes beside its executions: its network is built, and
// it ends.
const Beside = time.Second + Ending

// Expected returns about how long the job takes when nothing disturbs it: its network,
// its payload along the longest path of each workflow, one transfer after the other, each
// at the rate of the slowest link on its way, its functions' service times, the pauses,
// and its end. No execution takes longer than its timeout.
func (j *Job) Expected() time.Duration {
	execution := j.undisturbed()
	if !j.Cell.Alone() {
		return Beside + j.loadTime(mean(j, execution))
	}

	var shares time.Duration // that are waited for, before and after an execution
	if last := j.LastWork(); last > 0 {
		shares = cgroup.Period + last
	}
	return Beside + sum(j, func(w *workflow.Workflow, p *workflow.Prediction) time.Duration {
		return j.Cell.Execution.Pause + shares + execution(w, p)
	})
}

// undisturbed returns what says how long one execution takes that runs alone.
func (j *Job) undisturbed() func(*workflow.Workflow, *workflow.Prediction) time.Duration {
	var delay, service time.Duration
	j.eachLink(func(p topology.Params) { delay = max(delay, p.Delay) })
	for _, g := range j.Cell.Nodes.Computers {
		for _, f := range g.Functions {
			service = max(service, f.ServiceTime)
		}
	}
	ways, rates := j.topology.Ways(), map[workflow.Leg]units.Rate{}
	transfer := func(from, to string, size units.Size) time.Duration {
		leg := workflow.Leg{From: from, To: to}
		rate, ok := rates[leg]
		if !ok {
			rate = topology.Slowest(ways.Params(from, to))
			rates[leg] = rate
		}
		return rate.Time(size * 107 / 100)
	}

	return func(w *workflow.Workflow, p *workflow.Prediction) time.Duration {
		// What each function takes: its messages, its service, and all that comes to its host for it.
		takes := make([]time.Duration, w.Len())
		for i := range takes {
			takes[i] = 4*delay + 2*time.Millisecond + service
			if i < len(w.Times) && w.Times[i] >= 0 {
				takes[i] += w.Times[i] - service
			}
		}

		var execution time.Duration // what the client gets in the end
		for _, tr := range p.Transfers {
			if tr.Function == workflow.Client {
				execution += transfer(tr.From, tr.To, tr.Bytes)
			} else {
				takes[tr.Function] += transfer(tr.From, tr.To, tr.Bytes)
			}
		}
		execution += longest(w, takes)

		if timeout := j.Cell.Execution.Timeout; timeout > 0 {
			execution = min(execution, timeout)
		}
		return execution
	}
}

// longest returns how long the longest path through a workflow takes; branches beside it
// are taken to have other links.
func longest(w *workflow.Workflow, takes []time.Duration) time.Duration {
	order, err := w.TopologicalOrder()
	if err != nil {
		return 0 // such a workflow never runs
	}

	starts := make([]time.Duration, len(takes))
	var last time.Duration
	for _, i := range order {
		end := starts[i] + takes[i]
		last = max(last, end)
		for _, after := range w.SuccessorsOf(i) {
			starts[after] = max(starts[after], end)
		}
	}
	return last
}

// sum returns the sum of what, in nanoseconds or bytes, over all executions that
// the job makes, each with what it puts on the network, as far as that is known. Of
// a long list the first ones stand for the others.
func sum[T ~int64](j *Job, what func(*workflow.Workflow, *workflow.Prediction) T) T {
	var total float64
	var before *workflow.Workflow
	looked, all := 0, 0
	for k := range j.All() {
		all++
		if looked >= Checked {
			continue
		}

		w, err := j.Workflow(k)
		if err != nil {
			continue
		}
		p, _, err := j.Predict(w.Workflow, before)
		if err != nil {
			p = &workflow.Prediction{}
		}
		if j.Cell.Execution.KeepClient || len(j.Cell.Programs) > 0 {
			before = w.Workflow
		}
		total += float64(what(w.Workflow, p))
		looked++
	}

	if looked == 0 {
		return 0
	}
	return T(total / float64(looked) * float64(all))
}

// Traffic returns about how many bytes the job makes switches send, every frame
// counted once for each switch on its way, as record.Execution.SwitchBytes does.
func (j *Job) Traffic() units.Size {
	ways := j.topology.Ways()
	switches := func(a, b string) int { return len(ways.Path(a, b)) }
	bytes := func(_ *workflow.Workflow, p *workflow.Prediction) units.Size { return p.WireBytes(switches) }
	if !j.Cell.Alone() {
		return mean(j, bytes) * units.Size(j.Left())
	}
	return sum(j, bytes)
}

// Run says how the job's workflows are executed.
func (j *Job) Run() workflow.Run {
	e := j.Cell.Execution
	return workflow.Run{Model: e.Model, Form: e.Form, Argument: j.Cell.Workload.Argument}
}

// RunOf is Run for the executions of a client, numbered from 0.
func (j *Job) RunOf(client int) workflow.Run {
	run := j.Run()
	run.Argument = j.workloadOf(client).Argument
	return run
}

// Predict returns what one execution of the workflow must put on the network,
// where before is the workflow that its client has executed last, nil for a new
// client. It is exact where it is known which computers run the functions, and
// what the client and the computers still have of the execution before: there was
// none, or it was of the same workflow. Otherwise it takes each function's first
// server, and a new client.
func (j *Job) Predict(w, before *workflow.Workflow) (p *workflow.Prediction, exact bool, err error) {
	place, known := j.placement(w, before)
	p, err = workflow.Predict(w, j.Run(), place, nil)
	return p, known, err
}

// Divisible reports whether the job's executions do not depend on those before
// them, so that a worker can go on where another one was stopped: each has a client
// of its own, leaves nothing behind, and chance has no part in where it runs.
func (j *Job) Divisible() bool {
	if j.Cell.Execution.KeepClient || !j.Cell.Alone() {
		return false
	}
	for k := range min(j.Executions(), Checked) {
		w, err := j.Workflow(k)
		if err != nil {
			return false
		}
		if _, exact, err := j.Predict(w.Workflow, nil); err != nil || !exact {
			return false
		}
	}
	if j.Executions() <= Checked {
		return true
	}
	// Those that were not looked at may call any function.
	return !slices.ContainsFunc(j.serving.functions, func(f string) bool { return len(j.serving.of(f)) != 1 })
}

// All are the executions that the job makes, in order, warm-ups first.
func (j *Job) All() iter.Seq[int] {
	return func(yield func(int) bool) {
		for k := -j.Cell.Execution.Discard; k <= j.last(); k++ {
			if (k < 0 || k >= j.First) && !yield(k) {
				return
			}
		}
	}
}

// placement says where the workflow runs and its states are kept, and whether that
// is certain. The client binds the functions in the direct form, and always alike;
// otherwise routers choose, and where a function has several servers it is put on
// the first one.
func (j *Job) placement(w, before *workflow.Workflow) (place workflow.Placement, known bool) {
	e := j.Cell.Execution
	place = workflow.Placement{
		Client:      j.Cell.Nodes.Client,
		Host:        func(i int) string { return j.serving.of(w.Functions[i])[0] },
		StateServer: func(host string) string { return j.group(host).Keeper(host) },
		ReadWrite: func(host string) bool {
			g := j.group(host)
			return g.StateMode == scenario.StateReadWrite && g.Keeper(host) != host
		},
		Kept: before != nil && before.Hash() == w.Hash(),
	}
	known = j.serving.sole(w)
	if e.Form == workflow.Direct && e.Model != workflow.PureFaaS {
		if bound, err := direct.Bind(w, j.serving.byAddress(w, j.topology)); err == nil {
			known, place.Host = true, func(i int) string { return bound[i] }
		}
	}
	return place, known && (before == nil || place.Kept)
}

// group returns the group of a host's computer.
func (j *Job) group(host string) *scenario.ComputerGroup {
	for k := range j.Cell.Nodes.Computers {
		if g := &j.Cell.Nodes.Computers[k]; slices.Contains(g.Hosts, host) {
			return g
		}
	}
	return &scenario.ComputerGroup{}
}

// Bound returns the least time that one execution of the workflow can take,
// where Predict is exact.
func (j *Job) Bound(w, before *workflow.Workflow) (*record.Bound, error) {
	ways := j.topology.Ways()
	place, _ := j.placement(w, before)

	b, err := workflow.LowerBound(w, j.Run(), place, workflow.Costs{
		Service: func(i int) time.Duration {
			if i < len(w.Times) && w.Times[i] >= 0 {
				return w.Times[i]
			}
			return j.service(w.Functions[i], place.Host(i))
		},
		Delay: func(from, to string) time.Duration {
			var sum time.Duration
			for _, p := range ways.Params(from, to) {
				sum += p.Delay - p.Jitter
			}
			return sum
		},
		Serialise: func(from, to string, payload units.Size) time.Duration {
			var most time.Duration
			for _, p := range ways.Params(from, to) {
				most = max(most, p.AtLeast(payload*p.Frame()/(p.Frame()-headers)))
			}
			return most
		},
	})
	if err != nil {
		return nil, err
	}

	return &record.Bound{
		SerialisationNS: int64(b.Serialisation), PropagationNS: int64(b.Propagation),
		ComputingNS: int64(b.Computing), SetUpNS: int64(b.SetUp),
	}, nil
}

// headers are those of a full frame of TCP: Ethernet's, IPv4's, and TCP's with
// timestamps.
const headers units.Size = 14 + 20 + 32

// service returns how long one call of a function takes on a host.
func (j *Job) service(function, host string) time.Duration {
	spec, _ := j.topology.Host(host)
	served := func(pattern string) bool {
		name := functionName(pattern, spec)
		return name == function || name == workflow.AliasOf(function)
	}
	for _, g := range j.Cell.Nodes.Computers {
		if !slices.Contains(g.Hosts, host) {
			continue
		}
		for _, f := range g.Functions {
			if slices.ContainsFunc(f.Names, served) {
				return f.ServiceTime
			}
		}
	}
	return 0
}

// What a worker takes beside the payload: the program, and what hosts, and payload that
// is on its way in several copies, add. The constants are rough guesses. The process of a limited
// host took 21 to 30 MB at first, of which 5 MB are its own and the rest the program, which all
// share; and at most 110 MB in executions with 1 MB, 142 MB with 8 MB. Under load, where garbage
// is collected when there is nine times as much as is in use, they were 140 and 380 MB.
const (
	workerMemory = 60 * units.MB
	hostMemory   = 2 * units.MB
	copies       = 6

	apartMemory = 60 * units.MB // of a limited host's process
	apartCopies = 10
	loadCopies  = 40
)

// Memory returns about how much memory the job's worker takes, with the processes of its limited
// hosts: of its executions the largest that is looked at decides.
func (j *Job) Memory() units.Size {
	var largest units.Size
	for k := range min(max(1, j.Executions()), Checked) { // their number is not known of a load with an end
		w, err := j.Workflow(k)
		if err != nil {
			continue
		}

		payload := j.Cell.Workload.Argument
		for _, size := range w.Workflow.StateSizes {
			payload += size
		}
		for i := range w.Workflow.Functions {
			payload += max(0, w.Workflow.OutputOf(i, 0))
		}
		largest = max(largest, payload)
	}

	apart := apartMemory + apartCopies*largest
	if !j.Cell.Alone() {
		apart = apartMemory + loadCopies*largest
	}
	hosts := units.Size(len(j.topology.Hosts))*hostMemory + units.Size(len(j.LimitedHosts()))*apart
	return workerMemory + hosts + copies*largest
}
