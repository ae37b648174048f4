package job

import (
	"iter"
	"slices"
	"time"

	"edgebed/harness/record"
	"edgebed/harness/scenario"
	"edgebed/harness/topology"
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
	for _, l := range j.topology.Links {
		do(j.topology.Directions(l)[0])
	}
}

// Expected returns about how long the job takes when nothing disturbs it: its
// payload one transfer after the other, each at the rate of the slowest link on
// its way, its functions' service times, and the pauses.
func (j *Job) Expected() time.Duration {
	total := time.Second // to set up
	var delay, service time.Duration
	j.eachLink(func(p topology.Params) { delay = max(delay, p.Delay) })
	for _, g := range j.Cell.Nodes.Computers {
		for _, f := range g.Functions {
			service = max(service, f.ServiceTime)
		}
	}
	rates := map[workflow.Leg]units.Rate{}
	transfer := func(from, to string, size units.Size) time.Duration {
		leg := workflow.Leg{From: from, To: to}
		rate, ok := rates[leg]
		if !ok {
			rate = slowest(j.topology, from, to)
			rates[leg] = rate
		}
		return rate.Time(size * 107 / 100)
	}
	each := sum(j, func(w Workflow) (took time.Duration) {
		took = j.Cell.Execution.Pause + time.Duration(w.Workflow.Len())*(service+4*delay+2*time.Millisecond)
		p, err := j.firstServers(w.Workflow)
		if err != nil {
			return took
		}
		for _, tr := range p.Transfers {
			took += transfer(tr.From, tr.To, tr.Bytes)
		}
		for _, tr := range j.kept(w.Workflow) {
			took += transfer(tr.From, tr.To, tr.Bytes)
		}
		return took
	})
	return total + each
}

// sum returns the sum of what, in nanoseconds or bytes, over all executions that
// the job makes: of a long list the first ones stand for the others.
func sum[T ~int64](j *Job, what func(Workflow) T) T {
	var total float64
	looked, all := 0, 0
	for k := range j.All() {
		all++
		if looked >= Checked {
			continue
		}
		if w, err := j.Workflow(k); err == nil {
			total += float64(what(w))
			looked++
		}
	}
	if looked == 0 {
		return 0
	}
	return T(total / float64(looked) * float64(all))
}

// Traffic returns about how many bytes the job makes switches send, every frame
// counted once for each switch on its way, as record.Execution.SwitchBytes does.
func (j *Job) Traffic() units.Size {
	switches := func(a, b string) int { return j.topology.Hops(a, b) + 1 }
	return sum(j, func(w Workflow) units.Size {
		p, err := j.firstServers(w.Workflow)
		if err != nil {
			return 0
		}
		return p.WireBytes(switches)
	})
}

// slowest returns the lowest rate on the way between two hosts, 0 where no link
// on it is shaped.
func slowest(t *topology.Topology, from, to string) units.Rate {
	var rate units.Rate
	path := t.Path(from, to)
	for k := 1; k < len(path); k++ {
		if p, err := t.Params(path[k-1], path[k]); err == nil && p.Rate > 0 && (rate == 0 || p.Rate < rate) {
			rate = p.Rate
		}
	}
	return rate
}

// kept returns about what state-local transfers beyond Predict's transfers to
// and from state servers on other hosts than the functions'.
func (j *Job) kept(w *workflow.Workflow) []workflow.Transfer {
	if j.Cell.Execution.Model != workflow.StateLocal {
		return nil
	}
	var list []workflow.Transfer
	for _, g := range j.Cell.Nodes.Computers {
		for _, host := range g.Hosts {
			keeper := g.Keeper(host)
			if keeper == host {
				continue
			}
			for _, state := range w.UsedStates() {
				for k, i := range w.Users(state) {
					if j.serving.hosts[w.Functions[i]][0] != host {
						continue
					}
					put := workflow.Transfer{From: host, To: keeper, Bytes: w.StateSizes[state], What: workflow.StateMove, Function: i, State: state}
					switch {
					case g.StateMode == scenario.StateReadWrite:
						get := put
						get.From, get.To = keeper, host
						list = append(list, get, put)
					case k > 0:
						continue
					}
					if k == 0 && !j.Cell.Execution.KeepClient {
						list = append(list, put) // the state moves there
					}
				}
			}
		}
	}
	return list
}

// Predict returns what one execution of the workflow must put on the network.
// It is exact where each function has one server and all states are with the
// client at first and stay with the computers that used them. Otherwise it takes
// each function's first server, and leaves out what goes to other state servers.
func (j *Job) Predict(w *workflow.Workflow) (p *workflow.Prediction, exact bool, err error) {
	e := j.Cell.Execution
	p, err = j.firstServers(w)
	moved := e.Model == workflow.StateLocal && e.KeepClient || len(j.kept(w)) > 0
	return p, j.serving.sole(w) && !moved, err
}

// Divisible reports whether the job's executions do not depend on those before
// them, so that a worker can go on where another one was stopped: each has a client
// of its own, leaves nothing behind, and chance has no part in where it runs.
func (j *Job) Divisible() bool {
	if j.Cell.Execution.KeepClient {
		return false
	}
	for k := range min(j.Executions(), Checked) {
		w, err := j.Workflow(k)
		if err != nil {
			return false
		}
		if _, exact, err := j.Predict(w.Workflow); err != nil || !exact {
			return false
		}
	}
	if j.Executions() <= Checked {
		return true
	}
	// Those that were not looked at may call any function.
	return !slices.ContainsFunc(j.serving.functions, func(f string) bool { return len(j.serving.hosts[f]) != 1 })
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

// firstServers is Predict with the first server of each function.
func (j *Job) firstServers(w *workflow.Workflow) (*workflow.Prediction, error) {
	e := j.Cell.Execution
	return workflow.Predict(w, e.Model, e.Form, j.Cell.Workload.Argument, j.placement(w), nil)
}

// placement puts each function of the workflow on its first server.
func (j *Job) placement(w *workflow.Workflow) workflow.Placement {
	return workflow.Placement{
		Client: j.Cell.Nodes.Client,
		Host:   func(i int) string { return j.serving.hosts[w.Functions[i]][0] },
	}
}

// Bound returns the least time that one execution of the workflow can take,
// where Predict is exact.
func (j *Job) Bound(w *workflow.Workflow) (*record.Bound, error) {
	t, e, place := j.topology, j.Cell.Execution, j.placement(w)
	b, err := workflow.LowerBound(w, e.Model, e.Form, j.Cell.Workload.Argument, place, workflow.Costs{
		Service: func(i int) time.Duration { return j.service(w.Functions[i], place.Host(i)) },
		Delay: func(from, to string) time.Duration {
			var sum time.Duration
			path := t.Path(from, to)
			for k := 1; k < len(path); k++ {
				if p, err := t.Params(path[k-1], path[k]); err == nil {
					sum += p.Delay - p.Jitter
				}
			}
			return sum
		},
		Serialise: func(from, to string, payload units.Size) time.Duration {
			var most time.Duration
			path := t.Path(from, to)
			for k := 1; k < len(path); k++ {
				if p, err := t.Params(path[k-1], path[k]); err == nil {
					most = max(most, p.AtLeast(payload*topology.Frame/framePayload))
				}
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

// framePayload is what TCP carries in a full frame beside the headers, with
// timestamps.
const framePayload units.Size = 1448

// service returns how long one call of a function takes on a host.
func (j *Job) service(function, host string) time.Duration {
	spec, _ := j.topology.Host(host)
	for _, g := range j.Cell.Nodes.Computers {
		if !slices.Contains(g.Hosts, host) {
			continue
		}
		for _, f := range g.Functions {
			if slices.ContainsFunc(f.Names, func(name string) bool { return functionName(name, spec) == function }) {
				return f.ServiceTime
			}
		}
	}
	return 0
}
