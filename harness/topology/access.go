package topology

import (
	"fmt"
	"iter"
	"slices"

	"edgebed/nodes/yamlfile"
)

// AllLinks returns the links between switches, and after them the access links of hosts
// that have parameters, in the order of Interfaces; their first end is the host.
func (t *Topology) AllLinks() []LinkSpec {
	list := t.Links[:len(t.Links):len(t.Links)]
	for f := range t.accesses() {
		list = append(list, f.link(f.Host))
	}
	return list
}

// accesses yields the interfaces whose access links have parameters, in the order of AllLinks.
func (t *Topology) accesses() iter.Seq[Interface] {
	return func(yield func(Interface) bool) {
		for f := range t.Interfaces() {
			if f.HasAccess() && !yield(f) {
				return
			}
		}
	}
}

// box is the name of the switch that stands for the box at the customer's end of an
// interface's access link. Only a host's first one has a name that a file could have.
func (f Interface) box() string {
	if f.Number == 0 {
		return f.Host
	}
	return f.Host + "/" + f.Name()
}

// Wired returns the network as it is built: each interface whose access link has parameters
// is attached to a switch of its own, which stands for the box at the customer's end of the
// line, after all others in Switches. Links and Interfaces are those of AllLinks and of t, in
// their order. It is not valid as a file, which would have to name these switches otherwise.
func (t *Topology) Wired() *Topology {
	w := t.Clone()
	w.Links = t.AllLinks()
	for f := range t.Interfaces() {
		wired := f.InterfaceSpec
		wired.MTU = t.MTUOf(f.InterfaceSpec)
		if f.HasAccess() {
			w.Switches = append(w.Switches, f.box())
			w.Links[f.Link].Between[0] = f.box()
			wired.Switch, wired.Class, wired.Uplink, wired.Downlink = f.box(), "", Override{}, Override{}
		}
		w.Hosts[f.HostIndex].SetInterface(f.Number, wired)
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
	for _, p := range changed.Directions(h.Interface(0).link(host)) {
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
