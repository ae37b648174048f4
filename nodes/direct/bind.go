package direct

import (
	"cmp"
	"fmt"
	"slices"

	"edgebed/nodes/workflow"
)

// Bind chooses the computer of each function of a workflow, by position, from
// those that serve it by name (paper Sec. 5.3, "resolve"): the one with the fewest
// functions of the workflow so far, and the first of these. So the same workflow
// and the same servers are always bound alike. It fails where nobody serves a
// function.
func Bind(w *workflow.Workflow, servers map[string][]string) ([]string, error) {
	chosen, load := make(map[string]string), make(map[string]int)
	bound := make([]string, w.Len())
	for i, f := range w.Functions {
		if chosen[f] == "" {
			if len(servers[f]) == 0 {
				return nil, fmt.Errorf("bind function %s: no known computer serves it", w.Label(i))
			}
			chosen[f] = slices.MinFunc(servers[f], func(a, b string) int { return cmp.Compare(load[a], load[b]) })
			load[chosen[f]]++
		}
		bound[i] = chosen[f]
	}
	return bound, nil
}
