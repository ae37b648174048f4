package testbed

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"edgebed/harness/emu"
	"edgebed/harness/record"
	"edgebed/harness/scenario"
	"edgebed/harness/units"
	"edgebed/harness/yamlfile"
	"edgebed/nodes/computer"
	"edgebed/nodes/deploy"
	"edgebed/nodes/workflow"
)

// Prepared is a plan that is ready to run: its topologies are read, its
// workflows drawn, and everything is checked against everything else.
type Prepared struct {
	Jobs []Job
	// Hash identifies what decides the results.
	Hash string
}

// Prepare reads the topologies that the plan's cells name, through find, draws
// each cell's workflows, and checks that every cell can run. If workflows are
// given, every cell executes those instead.
func Prepare(plan *scenario.Plan, find func(name string) (data []byte, file string, err error), given []Workflow) (*Prepared, error) {
	type source struct {
		data []byte
		file string
	}
	sources := map[string]source{}
	var texts [][]byte
	p := &Prepared{}
	var errs []error
	for _, cell := range plan.Cells {
		name := cell.Topology.File
		src, ok := sources[name]
		if !ok {
			data, file, err := find(name)
			if err != nil {
				return nil, cell.Topology.Pos.Errorf("%w", err)
			}
			// A mistake in the topology is one mistake, not one in each cell.
			if _, err := emu.ParseTopology(file, data); err != nil {
				return nil, err
			}
			src = source{data, file}
			sources[name] = src
			texts = append(texts, data)
		}
		job := Job{Cell: cell, TopologyFile: src.file, TopologyText: src.data, Workflows: given}
		if err := job.prepare(); err != nil {
			errs = append(errs, fmt.Errorf("cell %s: %w", cell.ID, err))
			if len(errs) == 3 {
				break // the other cells would most likely say the same
			}
			continue
		}
		p.Jobs = append(p.Jobs, job)
	}
	for _, w := range given {
		data, err := w.Workflow.MarshalJSON()
		if err != nil {
			return nil, err
		}
		texts = append(texts, data)
	}
	p.Hash = plan.Hash(texts...)
	return p, yamlfile.Join(errs...)
}

// ReadWorkflows reads workflows from JSON files in the prototype's formats. A
// workflow's name is its file's, without folder and extension.
func ReadWorkflows(files []string) ([]Workflow, error) {
	var list []Workflow
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read workflow: %w", err)
		}
		w, err := workflow.ParseJSON(file, data)
		if err != nil {
			return nil, err
		}
		list = append(list, Workflow{Name: strings.TrimSuffix(filepath.Base(file), ".json"), Workflow: w})
	}
	return list, nil
}

// prepare draws the job's workflows unless it has some, and checks it.
func (j *Job) prepare() error {
	t, err := j.topology()
	if err != nil {
		return err
	}
	servers, err := j.servers(t)
	if err != nil {
		return err
	}
	if j.Workflows == nil {
		g, err := j.Cell.Workload.Draw(servers.functions)
		if err != nil {
			return err
		}
		for k := range j.Cell.Executions {
			w, err := g.Generate(j.Cell.Seed, k)
			if err != nil {
				return j.Cell.Workload.Pos.Errorf("%w", err)
			}
			j.Workflows = append(j.Workflows, Workflow{Name: w.Hash(), Workflow: w})
		}
	}
	for _, w := range j.Workflows {
		if err := w.Workflow.Validate(); err != nil {
			return fmt.Errorf("workflow %s: %w", w.Name, err)
		}
		for _, f := range w.Workflow.Functions {
			if servers.hosts[f] == nil {
				return fmt.Errorf("workflow %s: no computer serves function %s%s", w.Name, f,
					yamlfile.Suggest(f, servers.functions))
			}
		}
		if err := j.feasible(w.Workflow); err != nil {
			return j.Cell.Execution.Pos.Errorf("workflow %s: %w", w.Name, err)
		}
	}
	_, err = j.computers(t)
	return err
}

// topology returns the job's topology with the scenario's link classes.
func (j *Job) topology() (*emu.Topology, error) {
	t, err := emu.ParseTopology(j.TopologyFile, j.TopologyText)
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(j.Cell.Topology.Classes)) {
		if err := t.SetClass(name, j.Cell.Topology.Classes[name]); err != nil {
			return nil, j.Cell.Topology.Pos.Errorf("%w", err)
		}
	}
	return t, nil
}

// feasible checks that the cell's model can execute the workflow and keep its
// states consistent.
func (j *Job) feasible(w *workflow.Workflow) error {
	if e := j.Cell.Execution; e.Model != workflow.PureFaaS && e.Form == workflow.Carry {
		if e.KeepClient && !w.IsChain() {
			return errors.New("keep the client after a DAG in the carry form: a join discards what its other inputs say about states, " +
				"so that the client's next execution would use states out of date; use form: direct")
		}
		return w.CheckCarry()
	}
	_, err := workflow.Augment(w)
	return err
}

// serving says which hosts serve which functions.
type serving struct {
	// functions in the order in which the scenario names them.
	functions []string
	// hosts that serve a function, in the same order.
	hosts map[string][]string
}

// sole reports whether each function of the workflow has one server: with
// several, where it runs is the routers' choice.
func (s *serving) sole(w *workflow.Workflow) bool {
	return !slices.ContainsFunc(w.Functions, func(f string) bool { return len(s.hosts[f]) != 1 })
}

// servers checks the hosts that the nodes stand on, and says which of them
// serve which functions.
func (j *Job) servers(t *emu.Topology) (*serving, error) {
	n := &j.Cell.Nodes
	var hosts []string
	for _, h := range t.Hosts {
		hosts = append(hosts, h.Name)
	}
	known := func(pos yamlfile.Pos, host string) error {
		if !slices.Contains(hosts, host) {
			return pos.Errorf("topology %s has no host %s%s", t.Name, host, yamlfile.Suggest(host, hosts))
		}
		return nil
	}
	errs := []error{known(n.Pos, n.Client), known(n.Pos, n.Controller)}
	list, seen := &serving{hosts: map[string][]string{}}, map[string]bool{}
	for _, g := range n.Computers {
		for _, host := range g.Hosts {
			if err := known(g.Pos, host); err != nil {
				errs = append(errs, err)
				continue
			}
			if seen[host] {
				errs = append(errs, g.Pos.Errorf("host %s has a computer already", host))
			}
			seen[host] = true
			spec, _ := t.Host(host)
			for _, f := range g.Functions {
				for _, name := range f.Names {
					name = functionName(name, spec)
					if list.hosts[name] == nil {
						list.functions = append(list.functions, name)
					}
					list.hosts[name] = append(list.hosts[name], host)
				}
			}
		}
	}
	return list, yamlfile.Join(errs...)
}

func functionName(pattern string, host emu.HostSpec) string {
	return strings.NewReplacer("{address}", host.Address.String(), "{host}", host.Name).Replace(pattern)
}

// computers returns the computers by host.
func (j *Job) computers(t *emu.Topology) (map[string]deploy.Computer, error) {
	list := map[string]deploy.Computer{}
	for _, g := range j.Cell.Nodes.Computers {
		for _, name := range g.Hosts {
			host, _ := t.Host(name)
			var spec computer.Spec
			speeds := map[string]float64{}
			for _, p := range g.Processors {
				spec.Processors = append(spec.Processors, computer.Processor{
					Name: p.Name, Type: computer.GenericCPU, Speed: p.Speed, Cores: p.Cores, Memory: p.Memory,
				})
				speeds[p.Name] = p.Speed
			}
			for _, f := range g.Functions {
				processor := f.Processor
				if processor == "" && len(g.Processors) == 1 {
					processor = g.Processors[0].Name
				}
				speed, ok := speeds[processor]
				if !ok {
					return nil, g.Pos.Errorf("function %s: unknown processor %q%s", strings.Join(f.Names, ", "), processor,
						yamlfile.Suggest(processor, slices.Collect(maps.Keys(speeds))))
				}
				for _, pattern := range f.Names {
					fn := functionName(pattern, host)
					spec.Containers = append(spec.Containers, computer.Container{
						Name: fn, Processor: processor, Workers: f.Workers,
						Lambda: computer.Lambda{
							Name:   fn,
							Output: computer.CopyInput,
							// The prototype's requirements are proportional to
							// the length of the input.
							OpCoeff:  f.ServiceTime.Seconds() * speed / float64(j.Cell.Workload.Argument),
							MemCoeff: f.MemoryPerByte,
						},
					})
				}
			}
			if err := spec.Validate(); err != nil {
				return nil, g.Pos.Errorf("computer on %s: %w", name, err)
			}
			keeper := g.Keeper(name)
			list[name] = deploy.Computer{
				Spec:           spec,
				StateHost:      keeper,
				StateReadWrite: g.StateMode == scenario.StateReadWrite && keeper != name,
			}
		}
	}
	return list, nil
}

// FastestLink returns the rate of the fastest shaped link, or 1 Gb/s where no
// link is shaped.
func (j Job) FastestLink() units.Rate {
	fastest := units.Rate(0)
	each(j, func(p emu.Params) { fastest = max(fastest, p.Rate) })
	if fastest == 0 {
		return units.Gbps
	}
	return fastest
}

func each(j Job, do func(emu.Params)) {
	t, err := j.topology()
	if err != nil {
		return // Prepare has refused such a job
	}
	for _, l := range t.Links {
		if p, err := t.Params(l.Between[0], l.Between[1]); err == nil {
			do(p)
		}
	}
}

// Expected returns about how long the job takes when nothing disturbs it: its
// payload one transfer after the other, each at the rate of the slowest link on
// its way, its functions' service times, and the pauses.
func (j Job) Expected() time.Duration {
	total := time.Second // to set up
	t, err := j.topology()
	if err != nil {
		return total // Prepare has refused such a job
	}
	var delay, service time.Duration
	each(j, func(p emu.Params) { delay = max(delay, p.Delay) })
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
			rate = slowest(t, from, to)
			rates[leg] = rate
		}
		return rate.Time(size * 107 / 100)
	}
	servers, err := j.servers(t)
	if err != nil {
		return total
	}
	for k := range j.executions() {
		w := j.Workflow(k)
		total += j.Cell.Execution.Pause + time.Duration(w.Workflow.Len())*(service+4*delay+2*time.Millisecond)
		p, err := j.predictOn(servers, w.Workflow)
		if err != nil {
			continue
		}
		for _, tr := range p.Transfers {
			total += transfer(tr.From, tr.To, tr.Bytes)
		}
		for _, tr := range j.kept(t, w.Workflow) {
			total += transfer(tr.From, tr.To, tr.Bytes)
		}
	}
	return total
}

// Traffic returns about how many bytes the job makes switches send, every frame
// counted once for each switch on its way, as record.Execution.SwitchBytes does.
func (j Job) Traffic() (total units.Size) {
	t, err := j.topology()
	if err != nil {
		return 0 // Prepare has refused such a job
	}
	servers, err := j.servers(t)
	if err != nil {
		return 0
	}
	switches := func(a, b string) int { return t.Hops(a, b) + 1 }
	for k := range j.executions() {
		if p, err := j.predictOn(servers, j.Workflow(k).Workflow); err == nil {
			total += p.WireBytes(switches)
		}
	}
	return total
}

// slowest returns the lowest rate on the way between two hosts, 0 where no link
// on it is shaped.
func slowest(t *emu.Topology, from, to string) units.Rate {
	var rate units.Rate
	path := t.Path(from, to)
	for k := 1; k < len(path); k++ {
		if p, err := t.Params(path[k-1], path[k]); err == nil && p.Rate > 0 && (rate == 0 || p.Rate < rate) {
			rate = p.Rate
		}
	}
	return rate
}

// kept returns about what state-local transfers beyond predict's transfers to
// and from state servers on other hosts than the functions'.
func (j *Job) kept(t *emu.Topology, w *workflow.Workflow) []workflow.Transfer {
	if j.Cell.Execution.Model != workflow.StateLocal {
		return nil
	}
	servers, err := j.servers(t)
	if err != nil {
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
					if servers.hosts[w.Functions[i]][0] != host {
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

// predict returns what one execution of the workflow must put on the network.
// It is exact where each function has one server and all states are with the
// client at first and stay with the computers that used them. Otherwise it takes
// each function's first server, and leaves out what goes to other state servers.
func (j Job) predict(w *workflow.Workflow) (p *workflow.Prediction, exact bool, err error) {
	t, err := j.topology()
	if err != nil {
		return nil, false, err
	}
	servers, err := j.servers(t)
	if err != nil {
		return nil, false, err
	}
	e := j.Cell.Execution
	p, err = j.predictOn(servers, w)
	moved := e.Model == workflow.StateLocal && e.KeepClient || len(j.kept(t, w)) > 0
	return p, servers.sole(w) && !moved, err
}

// Divisible reports whether the job's executions do not depend on those before
// them, so that a worker can go on where another one was stopped: each has a client
// of its own, leaves nothing behind, and chance has no part in where it runs.
func (j *Job) Divisible() bool {
	if j.Cell.Execution.KeepClient {
		return false
	}
	for _, w := range j.Workflows {
		if _, exact, err := j.predict(w.Workflow); err != nil || !exact {
			return false
		}
	}
	return true
}

// executions are those that the job makes, in order, warm-ups first.
func (j *Job) executions() iter.Seq[int] {
	return func(yield func(int) bool) {
		for k := -j.Cell.Execution.Discard; k <= j.last(); k++ {
			if (k < 0 || k >= j.First) && !yield(k) {
				return
			}
		}
	}
}

// predictOn is predict with the first of the given servers for each function.
func (j Job) predictOn(servers *serving, w *workflow.Workflow) (*workflow.Prediction, error) {
	e := j.Cell.Execution
	return workflow.Predict(w, e.Model, e.Form, j.Cell.Workload.Argument, j.placement(w, servers), nil)
}

// placement puts each function of the workflow on its first server.
func (j Job) placement(w *workflow.Workflow, servers *serving) workflow.Placement {
	return workflow.Placement{
		Client: j.Cell.Nodes.Client,
		Host:   func(i int) string { return servers.hosts[w.Functions[i]][0] },
	}
}

// bound returns the least time that one execution of the workflow can take,
// where predict is exact.
func (j Job) bound(w *workflow.Workflow, t *emu.Topology) (*record.Bound, error) {
	servers, err := j.servers(t)
	if err != nil {
		return nil, err
	}
	e, place := j.Cell.Execution, j.placement(w, servers)
	b, err := workflow.LowerBound(w, e.Model, e.Form, j.Cell.Workload.Argument, place, workflow.Costs{
		Service: func(i int) time.Duration { return j.service(w.Functions[i], place.Host(i), t) },
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
					most = max(most, p.AtLeast(payload*emu.Frame/framePayload))
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
func (j Job) service(function, host string, t *emu.Topology) time.Duration {
	spec, _ := t.Host(host)
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
