package job

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"edgebed/harness/topology"
)

// idleClasses remarks on the classes of a topology's file that no link has: the file may
// be one that several scenarios share.
func idleClasses(name string, t *topology.Topology) []string {
	used := usedClasses(t)
	idle := slices.DeleteFunc(slices.Sorted(maps.Keys(t.Classes)), func(class string) bool {
		return slices.Contains(used, class)
	})
	if len(idle) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("topology %s: no link has the class %s", name, strings.Join(idle, ", nor "))}
}

// usedClasses returns the classes that links have, those of hosts among them, sorted.
func usedClasses(t *topology.Topology) []string {
	var names []string
	for _, l := range t.AllLinks() {
		if l.Class != "" {
			names = append(names, l.Class)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
