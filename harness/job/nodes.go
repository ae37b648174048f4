package job

import (
	"maps"
	"slices"
	"strings"

	"edgebed/harness/scenario"
	"edgebed/harness/topology"
	"edgebed/nodes/deploy"
	"edgebed/nodes/processor"
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
	return !slices.ContainsFunc(w.Functions, func(f string) bool { return len(s.hosts[f]) != 1 })
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
	errs := []error{known(n.Pos.At("client"), n.Client)}
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
	return list, yamlfile.Join(errs...)
}

func functionName(pattern string, host topology.HostSpec) string {
	return strings.NewReplacer("{address}", host.Address.String(), "{host}", host.Name).Replace(pattern)
}

// Computers returns the computers by host.
func (j *Job) Computers() (map[string]deploy.Computer, error) {
	list := map[string]deploy.Computer{}
	for _, g := range j.Cell.Nodes.Computers {
		for _, name := range g.Hosts {
			host, _ := j.topology.Host(name)
			var spec processor.Spec
			speeds := map[string]float64{}
			for _, p := range g.Processors {
				spec.Processors = append(spec.Processors, processor.Processor{
					Name: p.Name, Type: processor.GenericCPU, Speed: p.Speed, Cores: p.Cores, Memory: p.Memory,
				})
				speeds[p.Name] = p.Speed
			}
			for i, f := range g.Functions {
				on := f.Processor
				if on == "" && len(g.Processors) == 1 {
					on = g.Processors[0].Name
				}
				speed, ok := speeds[on]
				if !ok {
					return nil, g.Pos.At("functions", i, "processor").Errorf("function %s: unknown processor %q%s", strings.Join(f.Names, ", "), on,
						yamlfile.Suggest(on, slices.Collect(maps.Keys(speeds))))
				}
				for _, pattern := range f.Names {
					fn := functionName(pattern, host)
					spec.Containers = append(spec.Containers, processor.Container{
						Name: fn, Processor: on, Workers: f.Workers,
						Lambda: processor.Lambda{
							Name:   fn,
							Output: processor.CopyInput,
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
