package topology

import (
	"fmt"
	"iter"
	"net/netip"
	"slices"

	"edgebed/nodes/yamlfile"
)

// MaxInterfaces of one host.
const MaxInterfaces = 16

// InterfaceSpec is an interface of a host beside its first one.
type InterfaceSpec struct {
	// Address in the subnet, by default the lowest that is free when all hosts have theirs.
	Address netip.Addr `yaml:"address"`
	// Switch that the interface is attached to.
	Switch string `yaml:"switch" required:"true"`
	// MTU of the interface, by default its class's or the network's.
	MTU int `yaml:"mtu" json:",omitzero"`
	// Class gives the parameters of the interface's access link, from the host and back;
	// empty means an unshaped link.
	Class string `yaml:"class" json:",omitzero"`
	// Uplink and Downlink override the class for the direction from the host to the
	// switch, and back.
	Uplink   Override `yaml:"uplink" json:",omitzero"`
	Downlink Override `yaml:"downlink" json:",omitzero"`
}

// HasAccess reports whether the interface's access link has parameters. Without them
// the interface is a part of its switch, as it were.
func (f InterfaceSpec) HasAccess() bool {
	return f.Class != "" || f.Uplink != (Override{}) || f.Downlink != (Override{})
}

// Interface returns the host's interface of a number: 0 is the one that its own keys describe.
func (h HostSpec) Interface(number int) InterfaceSpec {
	if number > 0 {
		return h.Also[number-1]
	}
	return InterfaceSpec{
		Address: h.Address, Switch: h.Switch, MTU: h.MTU, Class: h.Class, Uplink: h.Uplink, Downlink: h.Downlink,
	}
}

// SetInterface describes the host's interface of a number, which may be its next one.
func (h *HostSpec) SetInterface(number int, spec InterfaceSpec) {
	switch {
	case number == 0:
		h.Address, h.Switch, h.MTU, h.Class, h.Uplink, h.Downlink = spec.Address, spec.Switch, spec.MTU, spec.Class,
			spec.Uplink, spec.Downlink
	case number > len(h.Also):
		h.Also = append(h.Also, spec)
	default:
		h.Also[number-1] = spec
	}
}

// Interface is one of a host's interfaces, with its place.
type Interface struct {
	InterfaceSpec
	// Host is the name of its host, HostIndex the place of that in Hosts.
	Host      string
	HostIndex int
	// Number of the interface on its host: 0 for the first, which is the host's own.
	Number int
	// Link is the place in AllLinks of its access link, -1 where that has no parameters.
	Link int
	// Suffix tells it from others that its host has at the same switch: "#2" or nothing.
	Suffix string
}

// Name is what the device is called on its host, such as eth1.
func (f Interface) Name() string { return fmt.Sprintf("eth%d", f.Number) }

// link is the access link of a host's interface: forward from the host to the switch.
func (f InterfaceSpec) link(host string) LinkSpec {
	return LinkSpec{
		Between: [2]string{host, f.Switch}, Class: f.Class, MTU: f.MTU, Forward: f.Uplink, Reverse: f.Downlink,
	}
}

// place is where the topology's file describes the interface.
func (f Interface) place() yamlfile.Path {
	if f.Number == 0 {
		return yamlfile.Path{"hosts", f.HostIndex}
	}
	return yamlfile.Path{"hosts", f.HostIndex, "also", f.Number - 1}
}

// Interfaces yields the interfaces of all hosts: the first of each, in the order of Hosts,
// and after them the others, host by host.
func (t *Topology) Interfaces() iter.Seq[Interface] {
	return func(yield func(Interface) bool) {
		next := len(t.Links) // the place of the next access link
		link := func(f InterfaceSpec) int {
			if !f.HasAccess() {
				return -1
			}
			next++
			return next - 1
		}

		for i, h := range t.Hosts {
			first := h.Interface(0)
			if !yield(Interface{InterfaceSpec: first, Host: h.Name, HostIndex: i, Link: link(first)}) {
				return
			}
		}

		for i, h := range t.Hosts {
			if h.Also == nil {
				continue
			}
			before := map[string]int{h.Switch: 1} // interfaces by switch
			for k, spec := range h.Also {
				f := Interface{
					InterfaceSpec: spec, Host: h.Name, HostIndex: i, Number: k + 1, Link: link(spec),
					Suffix: suffix(before[spec.Switch]),
				}
				before[spec.Switch]++
				if !yield(f) {
					return
				}
			}
		}
	}
}

// HasSeveralInterfaces reports whether any host has more than one.
func (t *Topology) HasSeveralInterfaces() bool {
	return slices.ContainsFunc(t.Hosts, func(h HostSpec) bool { return h.Also != nil })
}

// Addresses returns the IPv4 addresses of the host's interfaces, in their order.
func (h HostSpec) Addresses() []netip.Addr {
	list := []netip.Addr{h.Address}
	for _, f := range h.Also {
		list = append(list, f.Address)
	}
	return list
}

// Exits returns for each of Interfaces by which of its own a host sends what is for it,
// unless a program has chosen one by its address: the one with the fewest links between
// both switches, the first of several. It is -1 where none has a way there.
func (t *Topology) Exits(host int) []int {
	g := t.graph()
	var hops [][]int // from each of the host's interfaces to each switch
	for _, at := range t.Hosts[host].switches() {
		hops = append(hops, g.toward(g.index[at]).hops)
	}

	var exits []int
	for f := range t.Interfaces() {
		end := g.index[f.Switch]
		exits = append(exits, nearest(len(hops), func(k int) int { return hops[k][end] }))
	}
	return exits
}

// switches are those of the host's interfaces.
func (h HostSpec) switches() []string {
	list := []string{h.Switch}
	for _, f := range h.Also {
		list = append(list, f.Switch)
	}
	return list
}

// nearest returns which of so many starts has the fewest hops, the first of several, and -1 where
// none has a way, which is -1 hops.
func nearest(starts int, hops func(start int) int) int {
	best := -1
	for k := range starts {
		if n := hops(k); n >= 0 && (best < 0 || n < hops(best)) {
			best = k
		}
	}
	return best
}
