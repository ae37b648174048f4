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
	port := map[string]string{} // by what the scenario may call it
	for _, p := range j.Network().Ports {
		known = append(known, p.Name)
		port[p.Name] = p.Name
		if !p.Trunk {
			known = append(known, p.Peer)
			port[p.Peer] = p.Name
		}
	}

	var ports []string
	var errs []error
	for k, name := range j.Cell.Capture.Of {
		found, ok := port[name]
		switch {
		case !ok:
			errs = append(errs, j.Cell.Capture.Pos.At("of", k).Errorf("topology %s has no port and no host %s%s",
				j.topology.Name, name, yamlfile.Suggest(name, known)))
		case !slices.Contains(ports, found):
			ports = append(ports, found)
		}
	}
	return ports, yamlfile.Join(errs...)
}
