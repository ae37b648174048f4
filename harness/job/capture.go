package job

import (
	"slices"

	"edgebed/nodes/yamlfile"
)

// Captures reports whether frames of an execution are kept.
func (j *Job) Captures(execution int) bool {
	c := &j.Cell.Capture
	if len(c.Of) == 0 {
		return false
	}
	if len(c.Executions) == 0 {
		return execution >= 0
	}
	return slices.Contains(c.Executions, execution)
}

// CapturePorts returns the names of the ports whose frames are kept, each once.
func (j *Job) CapturePorts() ([]string, error) {
	if len(j.Cell.Capture.Of) == 0 {
		return nil, nil
	}
	var known []string
	ports := map[string][]string{} // by what the scenario may call them
	for _, p := range j.Network().Ports {
		known = append(known, p.Name)
		ports[p.Name] = []string{p.Name}
		if !p.Trunk {
			known = append(known, p.Peer)
			ports[p.Peer] = append(ports[p.Peer], p.Name)
		}
	}

	var wanted []string
	var errs []error
	for k, name := range j.Cell.Capture.Of {
		if ports[name] == nil {
			errs = append(errs, j.Cell.Capture.Pos.At("of", k).Errorf("topology %s has no port and no host %s%s",
				j.topology.Name, name, yamlfile.Suggest(name, known)))
		}
		for _, port := range ports[name] {
			if !slices.Contains(wanted, port) {
				wanted = append(wanted, port)
			}
		}
	}
	return wanted, yamlfile.Join(errs...)
}
