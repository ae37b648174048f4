package view

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"edgebed/harness/topology"
	"edgebed/nodes/yamlfile"
)

// WriteTables writes where switches, or routers, send what is for each host: those that are
// named, or all.
func WriteTables(w io.Writer, t *topology.Topology, names ...string) error {
	for _, name := range names {
		if !slices.Contains(t.Switches, name) {
			return fmt.Errorf("show tables: topology %s has no switch %q%s", t.Name, name,
				yamlfile.Suggest(name, t.Switches))
		}
	}

	kind := "switch"
	if t.IsRouted() {
		kind = "router"
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "%s\thost\taddress\tnext\n", kind)
	for _, of := range t.Tables(names...) {
		for _, e := range of.Entries {
			fmt.Fprintf(table, "%s\t%s\t%v\t%s\n", of.Switch, e.Host, e.Address, e.Next)
		}
	}
	return table.Flush()
}
