package topology

import (
	"fmt"
	"slices"

	"edgebed/nodes/yamlfile"
)

// access returns the host's access link: forward from the host to its switch.
func (h HostSpec) access() LinkSpec {
	return LinkSpec{
		Between: [2]string{h.Name, h.Switch}, Class: h.Class, MTU: h.MTU, Forward: h.Uplink, Reverse: h.Downlink,
	}
}

// AllLinks returns the links between switches, and after them the access links of hosts
// that have parameters, in the order of the hosts; their first end is the host.
func (t *Topology) AllLinks() []LinkSpec {
	list := t.Links[:len(t.Links):len(t.Links)]
	for _, h := range t.Hosts {
		if h.HasAccess() {
			list = append(list, h.access())
		}
	}
	return list
}

// Wired returns the network as it is built: each host whose access link has parameters is
// attached to a switch of its own, which has the host's name and stands for the box at
// the customer's end of the line. Links are those of AllLinks, in their order. It is not
// valid as a file, which would have to name these switches otherwise.
func (t *Topology) Wired() *Topology {
	w := t.Clone()
	w.Links = t.AllLinks()
	for i := range w.Hosts {
		h := &w.Hosts[i]
		h.MTU = t.HostMTU(*h)
		if h.HasAccess() {
			w.Switches = append(w.Switches, h.Name)
			h.Switch, h.Class, h.Uplink, h.Downlink = h.Name, "", Override{}, Override{}
		}
	}
	return w
}

// SetAccess changes the parameters of a host's access link that the overrides have, or
// gives it one with these. The topology is unchanged if an error is returned.
func (t *Topology) SetAccess(host string, uplink, downlink Override) error {
	changed := t.Clone()
	i, err := changed.placeOf(host)
	if err != nil {
		return fmt.Errorf("change access link: %w", err)
	}

	h := &changed.Hosts[i]
	h.Uplink, h.Downlink = h.Uplink.Merge(uplink), h.Downlink.Merge(downlink)
	for _, p := range changed.Directions(h.access()) {
		if err := p.Validate(); err != nil {
			return fmt.Errorf("change access link of host %s: %w", host, err)
		}
	}
	t.Hosts = changed.Hosts
	return nil
}

// placeOf returns the place of a host in Hosts; its error has the nearest name.
func (t *Topology) placeOf(host string) (int, error) {
	i := slices.IndexFunc(t.Hosts, func(h HostSpec) bool { return h.Name == host })
	if i >= 0 {
		return i, nil
	}

	var names []string
	for _, h := range t.Hosts {
		names = append(names, h.Name)
	}
	return i, fmt.Errorf("topology %s has no host %q%s", t.Name, host, yamlfile.Suggest(host, names))
}

// IsAccess reports whether a link is a host's access link.
func (t *Topology) IsAccess(l LinkSpec) bool {
	h, ok := t.Host(l.Between[0])
	return ok && h.Switch == l.Between[1]
}

// Way returns the parameters of the links that frames from host a to host b cross, those
// of access links among them. It is empty where there is no path.
func (t *Topology) Way(a, b string) []Params {
	path := t.Path(a, b)
	if path == nil || a == b {
		return nil
	}

	var way []Params
	links, bundles := t.AllLinks(), t.Bundles()
	host := slices.IndexFunc(t.Hosts, func(h HostSpec) bool { return h.Name == b })
	stops := append(append([]string{a}, path...), b)
	for k := 1; k < len(stops); k++ {
		first, _, err := t.Link(stops[k-1], stops[k])
		if err != nil {
			continue // hosts without an access link are at their switch
		}
		link := links[Share(bundles[first], host)]
		way = append(way, t.Directions(link)[slices.Index(link.Between[:], stops[k-1])])
	}
	return way
}
