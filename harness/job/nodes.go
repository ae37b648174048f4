package job

import (
	"maps"
	"net/netip"
	"slices"
	"strings"

	"edgebed/harness/scenario"
	"edgebed/harness/topology"
	"edgebed/nodes/deploy"
	"edgebed/nodes/processor"
	"edgebed/nodes/units"
	"edgebed/nodes/wire"
	"edgebed/nodes/workflow"
	"edgebed/nodes/yamlfile"
)

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
	return !slices.ContainsFunc(w.Functions, func(f string) bool { return len(s.of(f)) != 1 })
}

// of returns the hosts that serve a function, or the function that it is an alias
// of.
func (s *serving) of(function string) []string {
	if hosts := s.hosts[function]; hosts != nil {
		return hosts
	}
	return s.hosts[workflow.AliasOf(function)]
}

// byAddress returns the hosts that serve each function of the workflow, in the
// order in which a router's table names their computers, that of the endpoints'
// texts.
func (s *serving) byAddress(w *workflow.Workflow, t *topology.Topology) map[string][]string {
	endpoint := func(host string) string {
		spec, _ := t.Host(host)
		return netip.AddrPortFrom(spec.Address, wire.PortComputer).String()
	}
	sorted := make(map[string][]string)
	for _, f := range w.Functions {
		sorted[f] = slices.SortedFunc(slices.Values(s.of(f)), func(a, b string) int {
			return strings.Compare(endpoint(a), endpoint(b))
		})
	}
	return sorted
}

// serve checks the hosts that the nodes stand on, and says which of them serve
// which functions.
func (j *Job) serve() (*serving, error) {
	t, n := j.topology, &j.Cell.Nodes
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

	clients, places := j.Cell.Clients.AllHosts()
	errs := []error{n.Place(hosts, clients...), known(n.Pos.At("client"), n.Client)}
	for k, host := range clients {
		errs = append(errs, known(places[k], host))
	}
	if n.Controller != n.Client {
		errs = append(errs, known(n.Pos.At("controller"), n.Controller))
	}

	list, seen := &serving{hosts: map[string][]string{}}, map[string]bool{}
	for _, g := range n.Computers {
		for k, host := range g.Hosts {
			at := g.Pos.At("hosts", k)
			if err := known(at, host); err != nil {
				errs = append(errs, err)
				continue
			}
			if seen[host] {
				errs = append(errs, at.Errorf("host %s has a computer already", host))
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

	errs = append(errs, j.placeLimits(known))
	return list, yamlfile.Join(errs...)
}

func functionName(pattern string, host topology.HostSpec) string {
	return strings.NewReplacer("{address}", host.Address.String(), "{host}", host.Name).Replace(pattern)
}

// aliases returns the names, beside their own, under which the job's workflows
// call the functions that computers serve, sorted. Of a job with very many
// executions they are all that its workload can draw.
func (j *Job) aliases() (map[string][]string, error) {
	list := map[string][]string{}
	add := func(name string) {
		f := workflow.AliasOf(name)
		if j.serving.hosts[name] == nil && !slices.Contains(list[f], name) {
			list[f] = append(list[f], name)
		}
	}

	// Which of several workloads an execution has depends on when clients are due.
	if n := j.looked(Checked + 1); n > Checked && j.tasks != nil {
		for _, f := range j.serving.functions {
			for t := range j.tasks {
				add(workflow.Task(f, t))
			}
		}
	} else if n <= Checked && j.groups == nil {
		for k := range n {
			w, err := j.Workflow(k)
			if err != nil {
				return nil, err
			}
			for _, name := range w.Workflow.Functions {
				add(name)
			}
		}
	} else {
		most := 0
		for _, w := range j.workloads() {
			// Length and States are what the variant makes of them.
			most = max(most, w.Length, w.States, w.MaxTasks, w.Stages*(w.Branches+1)+1)
		}
		for _, f := range j.serving.functions {
			for use := 2; use <= most; use++ {
				add(workflow.Alias(f, use))
			}
		}
	}

	for _, names := range list {
		slices.Sort(names)
	}

	return list, nil
}

// Deployment returns what the job says of its nodes, and of their hosts the names and addresses.
func (j *Job) Deployment() (deploy.Config, error) {
	computers, err := j.Computers()
	if err != nil {
		return deploy.Config{}, err
	}
	cfg := deploy.Config{
		Client:      j.Cell.Nodes.Client,
		Controller:  j.Cell.Nodes.Controller,
		Computers:   computers,
		Timeout:     j.Cell.Execution.Timeout,
		CallTimeout: j.Cell.Execution.Timeout,
		Seed:        j.Cell.Seed,
	}
	for _, h := range j.topology.Hosts {
		cfg.Hosts = append(cfg.Hosts, deploy.Host{Name: h.Name, Address: h.Address})
	}
	return cfg, nil
}

// Computers returns the computers by host. Each function has a container, and
// each alias of it that the workflows use another one like it.
func (j *Job) Computers() (map[string]deploy.Computer, error) {
	list := map[string]deploy.Computer{}
	var outputs texts
	aliases, err := j.aliases()
	if err != nil {
		return nil, err
	}

	for _, g := range j.Cell.Nodes.Computers {
		for _, name := range g.Hosts {
			host, _ := j.topology.Host(name)
			var spec processor.Spec
			speeds, memory := map[string]float64{}, map[string]units.Size{}

			for _, p := range g.Processors {
				spec.Processors = append(spec.Processors, processor.Processor{
					Name: p.Name, Type: processor.GenericCPU, Speed: p.Speed, Cores: p.Cores, Memory: p.Memory,
				})
				speeds[p.Name], memory[p.Name] = p.Speed, p.Memory
			}

			for i, f := range g.Functions {
				on := f.Processor
				if on == "" && len(g.Processors) == 1 {
					on = g.Processors[0].Name
				}
				speed, ok := speeds[on]
				if !ok {
					at := g.Pos.At("functions", i, "processor")
					return nil, at.Errorf("function %s: unknown processor %q%s", strings.Join(f.Names, ", "), on,
						yamlfile.Suggest(on, slices.Collect(maps.Keys(speeds))))
				}

				argument := j.Cell.Workload.Argument
				drawn := !j.Cell.Workload.IsListed() && len(j.Given) == 0 && len(j.Cell.Clients.Groups) == 0
				if need := f.MemoryPerByte * float64(argument); drawn && need > float64(memory[on]) {
					at := g.Pos.At("functions", i, "memory-per-byte")
					return nil, at.Errorf("a call with an argument of %v needs %.0f bytes of memory, more than "+
						"the %v of processor %s", argument, need, memory[on], on)
				}

				var names []string
				for _, pattern := range f.Names {
					fn := functionName(pattern, host)
					names = append(append(names, fn), aliases[fn]...)
				}
				for _, fn := range names {
					lambda := processor.Lambda{
						Name:   fn,
						Output: processor.CopyInput,
						// The prototype's requirements are proportional to
						// the length of the input.
						OpCoeff:  f.ServiceTime.Seconds() * speed / float64(j.Cell.Workload.Argument),
						MemCoeff: f.MemoryPerByte,
					}
					j.suit(&lambda, speed, &outputs)
					spec.Containers = append(spec.Containers, processor.Container{
						Name: fn, Processor: on, Workers: f.Workers, Lambda: lambda,
						ColdStart: f.ColdStart, KeepWarm: f.KeepWarm,
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
				// The prototype's computers do so; the paper does not say it.
				SerialMoves: j.Cell.Workload.Variant != workflow.Text,
			}
		}
	}

	return list, nil
}
