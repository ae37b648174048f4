package topology

import (
	"iter"
	"net/netip"
	"slices"
)

// Mode is what the switches of a network do with frames.
type Mode string

const (
	// Switched: they are switches, all hosts are in one network, and frames arrive as they
	// were sent.
	Switched Mode = "switched"
	// Routed: they are routers. Each host is in a network with its router alone, each link is
	// between two routers, and packets have a hop less to live after each.
	Routed Mode = "routed"
)

// UnmarshalText reads "switched" or "routed".
func (m *Mode) UnmarshalText(text []byte) error {
	return parseWord(m, "mode", text, Switched, Routed)
}

// RouterPorts returns how many ports of a switch lead to its router, in routed mode: one,
// or as many as there are parallel links to another switch, so that each of these leads
// to another address of the router.
func (t *Topology) RouterPorts() map[string]int {
	ports := map[string]int{}
	for _, s := range t.Switches {
		ports[s] = 1
	}
	for i, bundle := range Parallel(t.Links) {
		for _, s := range t.Links[i].Between {
			ports[s] = max(ports[s], len(bundle))
		}
	}
	return ports
}

// Table says where a switch, or a router, sends what is for each host.
type Table struct {
	Switch  string  `json:"switch"`
	Entries []Entry `json:"entries"`
}

// Entry is that of one of a host's interfaces.
type Entry struct {
	Host    string     `json:"host"`
	Address netip.Addr `json:"address"`
	// Next is the switch at the other end of the link that is taken, with the suffix of
	// parallel links, or the host itself, with that of interfaces at one switch.
	Next string `json:"next"`
}

// Tables returns those of the switches that are named, or of all, in the topology's order:
// an entry for each of Interfaces that the switch has a way to.
func (t *Topology) Tables(switches ...string) []Table {
	tables := []Table{}
	rows := map[int][]Entry{} // of the tables' switches, by their places
	for at, name := range t.Switches {
		if len(switches) == 0 || slices.Contains(switches, name) {
			tables = append(tables, Table{Switch: name})
			rows[at] = nil
		}
	}

	routes, suffixes := t.Routes(), t.Suffixes()
	for end := range t.Switches {
		for s := range routes.To(end) {
			if _, wanted := rows[s.At]; !wanted {
				continue
			}
			if rows[s.At] == nil {
				rows[s.At] = make([]Entry, len(routes.Interfaces))
			}
			f := routes.Interfaces[s.Interface]
			next := f.Host + f.Suffix
			if s.Link != Here {
				next = t.Links[s.Link].Other(t.Switches[s.At]) + suffixes[s.Link]
			}
			rows[s.At][s.Interface] = Entry{Host: f.Host, Address: f.Address, Next: next}
		}
	}

	k := 0
	for at := range t.Switches {
		if entries, wanted := rows[at]; wanted {
			tables[k].Entries = slices.DeleteFunc(entries, func(e Entry) bool { return e.Next == "" })
			k++
		}
	}
	return tables
}

// Routes are the ways of frames through the network. They can be asked by several
// goroutines.
type Routes struct {
	// Interfaces are the topology's.
	Interfaces []Interface

	graph   graph
	bundles [][]int
	at      [][]int // interfaces at each switch
}

// Here is the Link of a step at whose switch the interface is.
const Here = -1

// Step is where a switch sends what is for an interface.
type Step struct {
	// At is the switch's place in Switches, Interface one in Interfaces, Link one in Links, or
	// Here.
	At, Interface, Link int
}

// Routes prepares a look at the topology's ways, along the shortest paths (see graph.toward); of
// parallel links interfaces have their Share.
func (t *Topology) Routes() *Routes {
	r := &Routes{
		Interfaces: slices.Collect(t.Interfaces()), graph: t.graph(), bundles: t.Bundles(),
		at: make([][]int, len(t.Switches)),
	}
	for i, f := range r.Interfaces {
		at := r.graph.index[f.Switch]
		r.at[at] = append(r.at[at], i)
	}
	return r
}

// To yields what all switches that have a way do with what is for the interfaces at one
// switch, given by its place, in the order of Switches.
func (r *Routes) To(end int) iter.Seq[Step] {
	return func(yield func(Step) bool) {
		if len(r.at[end]) == 0 {
			return
		}
		for at, first := range r.graph.toward(end).next {
			if first < 0 && at != end {
				continue
			}
			for _, i := range r.at[end] {
				link := Here
				if at != end {
					link = Share(r.bundles[first], i)
				}
				if !yield(Step{at, i, link}) {
					return
				}
			}
		}
	}
}

// IsRouted reports whether switches are routers.
func (t *Topology) IsRouted() bool { return t.Mode == Routed }
