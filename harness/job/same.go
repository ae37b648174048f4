package job

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"

	"edgebed/harness/scenario"
	"edgebed/harness/topology"
)

// sameCells finds cells that differ by what the scenario says and not by what is run, as
// where changes of single links override each value of a link class: then figures would
// show one thing under two labels.
type sameCells struct {
	of   *scenario.Scenario
	seen map[[sha256.Size]byte]string // a cell's point, by what is run
}

// check returns an error where an earlier cell runs the same.
func (s *sameCells) check(j *Job) error {
	given := [][2]topology.Override{}
	for _, l := range j.topology.AllLinks() {
		given = append(given, [2]topology.Override{j.topology.Given(l, 0), j.topology.Given(l, 1)})
	}
	network, spec := *j.topology, j.Cell.Topology
	c := &j.Cell

	// Links have what their classes give them, but for the MTU.
	network.Classes = map[string]topology.Class{}
	for name, class := range j.topology.Classes {
		network.Classes[name] = topology.Class{MTU: class.MTU}
	}

	// Names, numbers and their lists always marshal.
	text, _ := json.Marshal([]any{
		network, given, spec.Delay, spec.CongestionControl, spec.Sysctls, c.Seed,
		c.Nodes, c.Workload, c.Execution, c.Clients, c.Load, c.Events, c.Programs,
	})
	sum := sha256.Sum256(text)
	other, again := s.seen[sum]
	s.seen[sum] = strings.TrimSuffix(c.ID, fmt.Sprintf("/seed=%d", c.Seed))
	if !again {
		return nil
	}
	return s.of.Same(c, other)
}
