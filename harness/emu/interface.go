package emu

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"edgebed/harness/topology"
)

// Interface is a network device of a host.
type Interface struct {
	spec     topology.Interface
	index    int   // of the device
	port     *port // of its switch
	mac      net.HardwareAddr
	mtu      int
	address6 netip.Addr // invalid where the network has no IPv6
}

// Name returns the device's name on its host, such as eth0.
func (f *Interface) Name() string { return f.spec.Name() }

// Address returns the interface's IPv4 address.
func (f *Interface) Address() netip.Addr { return f.spec.Address }

// Address6 returns the interface's IPv6 address, the invalid one where the network has none.
func (f *Interface) Address6() netip.Addr { return f.address6 }

// HardwareAddr returns the interface's MAC address.
func (f *Interface) HardwareAddr() net.HardwareAddr { return f.mac }

// MTU returns the largest IP packet that the interface sends and takes, in bytes.
func (f *Interface) MTU() int { return f.mtu }

// Switch returns the name of the switch that the interface is attached to.
func (f *Interface) Switch() string { return f.spec.Switch }

// Port returns the name of the switch's port that leads to the interface, by which its
// traffic is counted and captured.
func (f *Interface) Port() string {
	return topology.PortName(f.spec.Switch, f.spec.Host, f.spec.Suffix)
}

// HostAddresses returns the addresses that hosts have on this kernel, by name: for each
// interface, eth0 first, an IPv4 one, and an IPv6 one where they have it.
func HostAddresses(t *topology.Topology) map[string][]netip.Addr {
	all, both := make(map[string][]netip.Addr, len(t.Hosts)), t.HasIPv6() && HasIPv6()
	for f := range t.Interfaces() {
		all[f.Host] = append(all[f.Host], f.Address)
		if both {
			all[f.Host] = append(all[f.Host], t.Address6(f.Address))
		}
	}
	return all
}

// planInterfaces lists the hosts with their interfaces, and the ports that these are at.
func (n *Network) planInterfaces() {
	for _, spec := range n.topology.Hosts {
		n.hosts = append(n.hosts, &Host{Machine: Machine{kind: "host", name: spec.Name}})
	}

	wired := slices.Collect(n.wired.Interfaces())
	for spec := range n.topology.Interfaces() {
		place := len(n.interfaces)
		at := wired[place].Switch
		p := n.newPort(port{name: topology.PortName(at, spec.Host, spec.Suffix), at: at, toward: spec.Host})
		f := &Interface{
			spec: spec, index: eth0 + spec.Number, port: p, mac: hardware(macHost, place),
			mtu: n.topology.MTUOf(spec.InterfaceSpec),
		}
		if n.ipv6 {
			f.address6 = n.topology.Address6(spec.Address)
		}

		n.interfaces = append(n.interfaces, f)
		h := n.hosts[spec.HostIndex]
		h.interfaces = append(h.interfaces, f)
	}
}

// several are the settings of hosts with several interfaces: each answers for its own
// addresses alone, takes what comes to them whichever way it would send an answer, and
// forwards nothing to another. The kernel gives namespaces the machine's settings of IPv4.
func (n *Network) several() []sysctl {
	list := []sysctl{
		{"net.ipv4.ip_forward", "0", false},
		{"net.ipv4.conf.all.rp_filter", "0", false},
		{"net.ipv4.conf.default.rp_filter", "0", false},
		{"net.ipv4.conf.all.arp_ignore", "1", false},
		{"net.ipv4.conf.all.arp_announce", "2", false},
	}
	if n.ipv6 {
		list = append(list, sysctl{"net.ipv6.conf.all.forwarding", "0", false})
	}
	return list
}

// add makes the device and the port that it leads to, on a thread that is in the host's
// namespace.
func (f *Interface) add(n *Network, b *batch) error {
	far := f.port.end(f.mtu)
	far.ns = n.fabric
	near := end{name: f.Name(), index: f.index, hardware: f.mac, mtu: f.mtu, whole: true, silent: n.ipv6}
	return b.add(newVeth(near, far), "add the veth pair of port", f.port.name)
}

// bringUp brings the device up, with its addresses.
func (f *Interface) bringUp(n *Network, b *batch) (err error) {
	if n.ipv6 {
		err = b.add(silence(f.index), "set up IPv6 on", f.Name())
	}
	err = errors.Join(err, b.add(setUp(f.index), "bring up", f.Name()))
	if n.guided {
		err = errors.Join(err, b.add(askProcess(f.index), "set up neighbours on", f.Name()))
	}
	for _, p := range f.places(n) {
		err = errors.Join(err, b.add(newAddress(f.index, p.own), "add address", p.own.Addr().String()))
	}
	return err
}

// place is where an interface is, in one family of addresses.
type place struct {
	own netip.Prefix // with the length of the network that it is in
	to  netip.Prefix // what the device leads to
	via netip.Addr   // the router that it leads there by; invalid where hosts are neighbours
}

// places returns one for each family.
func (f *Interface) places(n *Network) []place {
	list := []place{{own: netip.PrefixFrom(f.spec.Address, n.topology.Subnet.Bits()), to: n.topology.Subnet}}
	if n.ipv6 {
		list = append(list, place{own: netip.PrefixFrom(f.address6, topology.Subnet6().Bits()), to: topology.Subnet6()})
	}
	if n.sticks == nil {
		return list
	}

	first := n.sticks[f.spec.Switch][0]
	for i := range list {
		p := &list[i]
		p.via = first.addressLike(p.own.Addr())
		p.own = alone(p.own.Addr())
		p.to = netip.PrefixFrom(unspecifiedLike(p.via), 0)
	}
	return list
}

// addressLike returns the interface's address in the family of another one.
func (f *Interface) addressLike(a netip.Addr) netip.Addr {
	if a.Is6() {
		return f.address6
	}
	return f.spec.Address
}

// addRouter tells the host the router that the interface is at.
func (f *Interface) addRouter(n *Network, b *batch) error {
	for _, p := range f.places(n) {
		e := entry{index: f.index, address: p.via, hardware: n.sticks[f.spec.Switch][0].mac}
		if err := b.addMessage(e.appendTo(nil), "add the router of host", f.spec.Host); err != nil {
			return err
		}
	}
	return nil
}

// alone returns the network of one address.
func alone(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }

// unspecifiedLike returns the address 0 of a family.
func unspecifiedLike(a netip.Addr) netip.Addr {
	if a.Is6() {
		return netip.IPv6Unspecified()
	}
	return netip.IPv4Unspecified()
}

// firstTable is the kernel's number of the routing table of a host's eth0, where it has
// several interfaces; those of the others follow.
const firstTable = 100

// addRoutes adds the routes to others, and gives them and the kernel's local routes,
// which connections of the host with itself use, the congestion control. It is an
// attribute of routes because the sysctl for a namespace's default refuses cubic (EPERM)
// even for root where the machine has it restricted, as kernels do for all but their
// own default.
func (h *Host) addRoutes(n *Network, place int, b *batch) error {
	home := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	routes := []route{
		{to: alone(home), from: home, index: loopback, local: true},
		{to: netip.PrefixFrom(home, 8).Masked(), from: home, index: loopback, local: true},
	}
	for k, f := range h.interfaces {
		for _, p := range f.places(n) {
			own := p.own.Addr()
			if k == 0 {
				routes = append(routes, route{to: p.to, via: p.via, from: own, index: f.index})
			}
			// The kernel's local route for an IPv6 address comes a moment after the address, and
			// stays in front of this one, which is there at once.
			routes = append(routes, route{to: alone(own), from: own, index: f.index, local: true})
		}
	}

	if len(h.interfaces) > 1 {
		routes = append(routes, h.exits(n, place)...)
		own, err := h.addTables(n, b)
		if err != nil {
			return err
		}
		routes = append(routes, own...)
	}

	for _, r := range routes {
		r.congestion = n.opts.CongestionControl
		doing := "with congestion control " + r.congestion + " add the route to"
		if err := b.add(r.request(), doing, r.to.String()); err != nil {
			return err
		}
	}
	return b.send()
}

// exits are the routes to others that are nearer by another interface than eth0.
func (h *Host) exits(n *Network, place int) (routes []route) {
	for i, exit := range n.topology.Exits(place) {
		to := n.interfaces[i]
		if exit <= 0 || to.spec.HostIndex == place {
			continue
		}
		by := h.interfaces[exit]
		for _, p := range by.places(n) {
			own := p.own.Addr()
			routes = append(routes, route{to: alone(to.addressLike(own)), via: p.via, from: own, index: by.index})
		}
	}
	return routes
}

// addTables gives each interface a routing table for what has its address, whether answers or
// what a program sends from it, so that it leaves by that interface.
func (h *Host) addTables(n *Network, b *batch) (routes []route, err error) {
	for k, f := range h.interfaces {
		table := firstTable + k
		for _, p := range f.places(n) {
			own := p.own.Addr()
			if err := b.add(newRule(own, table), "choose an interface by the address", own.String()); err != nil {
				return nil, err
			}
			routes = append(routes, route{to: p.to, via: p.via, from: own, index: f.index, table: table})
		}
	}
	if err := b.send(); err != nil {
		return nil, fmt.Errorf("%w%s", err, missing(err, "routing by the sender's address (CONFIG_IP_MULTIPLE_TABLES)"))
	}
	return routes, nil
}
