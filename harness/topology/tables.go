package topology

import (
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
	for i, bundle := range t.Bundles() {
		if i == len(t.Links) {
			break // access links
		}
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

// Entry is one host's.
type Entry struct {
	Host    string     `json:"host"`
	Address netip.Addr `json:"address"`
	// Next is the switch at the other end of the link that is taken, with the suffix of
	// parallel links, or the host itself.
	Next string `json:"next"`
}

// Tables returns those of the switches that are named, or of all, in the topology's order,
// along the paths of Toward; of parallel links hosts have their Share.
func (t *Topology) Tables(switches ...string) []Table {
	tables := []Table{}
	var places []int // of the tables' switches
	for at, name := range t.Switches {
		if len(switches) == 0 || slices.Contains(switches, name) {
			tables = append(tables, Table{Switch: name, Entries: make([]Entry, len(t.Hosts))})
			places = append(places, at)
		}
	}

	bundles, suffixes := t.Bundles(), t.Suffixes()
	toward := map[string][]int{}
	for i, h := range t.Hosts {
		end := slices.Index(t.Switches, h.Switch)
		if toward[h.Switch] == nil {
			toward[h.Switch] = t.Toward(end)
		}
		for k, at := range places {
			next := h.Name
			if at != end {
				link := Share(bundles[toward[h.Switch][at]], i)
				next = t.Links[link].Other(t.Switches[at]) + suffixes[link]
			}
			tables[k].Entries[i] = Entry{Host: h.Name, Address: h.Address, Next: next}
		}
	}
	return tables
}

// IsRouted reports whether switches are routers.
func (t *Topology) IsRouted() bool { return t.Mode == Routed }
