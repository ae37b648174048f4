package job

import (
	"maps"
	"slices"

	"edgebed/harness/record"
	"edgebed/harness/scenario"
	"edgebed/nodes/yamlfile"
)

// checkFigures checks the ports, or the hosts of computers, whose samples figures show:
// one of the jobs must have each of them.
func checkFigures(s *scenario.Scenario, jobs []Job) error {
	if !slices.ContainsFunc(s.Figures, func(f record.Figure) bool { return len(f.At) > 0 }) {
		return nil
	}
	ports, hosts := map[string]bool{}, map[string]bool{}
	for i := range jobs {
		for _, p := range jobs[i].Network().Ports {
			ports[p.Name] = true
		}
		for _, g := range jobs[i].Cell.Nodes.Computers {
			for _, h := range g.Hosts {
				hosts[h] = true
			}
		}
	}

	var errs []error
	for i, f := range s.Figures {
		known, what := ports, "port"
		if f.Metric == record.ComputerRunning || f.Metric == record.ComputerWaiting {
			known, what = hosts, "computer on a host"
		}
		for k, name := range f.At {
			if !known[name] {
				errs = append(errs, s.Place("figures", i, "at", k).Errorf("there is no %s %s%s", what, name,
					yamlfile.Suggest(name, slices.Sorted(maps.Keys(known)))))
			}
		}
	}
	return yamlfile.Join(errs...)
}
