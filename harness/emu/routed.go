package emu

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"edgebed/harness/topology"
)

// In routed mode each switch is a router: a namespace of its own behind the bridge that
// has the switch's ports. The bridge knows the router and what is next to it, and nothing
// else; so all ports, with their shapers and counters, stay in the fabric.
//
//	host ns      fabric ns                                     host ns
//	eth0 ---- port|bridge|port HTB ---- HTB port|bridge|port ---- eth0
//	                 |                                |
//	                eth0 router ns                   eth0 router ns
//
// Links have no networks of their own: routers have an address, and routes to each
// host by the address of the next router. Of parallel links each leads to another
// address of a router, on another of its devices, because a bridge knows nothing
// but these devices.

// Router is a switch of a network in routed mode. Its methods may be called from several
// goroutines.
type Router struct {
	Machine
	sticks []stick
}

// Routers returns the routers in the topology's order, none where switches forward.
func (n *Network) Routers() []*Router { return slices.Clone(n.routers) }

// stick is what connects a router with its bridge.
type stick struct {
	port              *port // of the bridge
	mac               net.HardwareAddr
	address, address6 netip.Addr
}

// addressLike returns the router's address in the family of another one.
func (s stick) addressLike(a netip.Addr) netip.Addr {
	if a.Is6() {
		return s.address6
	}
	return s.address
}

// name is the device's in the router.
func stickName(k int) string { return fmt.Sprintf("eth%d", k) }

// routerSubnets are where routers have their addresses, of which the first one is taken
// that is apart from the hosts': the networks for tests between devices (RFC 2544) and
// for providers' own (RFC 6598).
var routerSubnets = []netip.Prefix{
	netip.PrefixFrom(netip.AddrFrom4([4]byte{198, 18, 0, 0}), 15),
	netip.PrefixFrom(netip.AddrFrom4([4]byte{100, 64, 0, 0}), 10),
}

// routerSubnet6 is next to the hosts'.
var routerSubnet6 = netip.PrefixFrom(netip.AddrFrom16([16]byte{0xfd, 0xed, 0x0b, 0xed, 7: 1}), 64)

// planSticks gives routers their addresses.
func (n *Network) planSticks() (map[string][]stick, error) {
	hosts := n.topology.Subnet
	k := slices.IndexFunc(routerSubnets, func(own netip.Prefix) bool { return !own.Overlaps(hosts) })
	if k < 0 {
		return nil, fmt.Errorf("give routers addresses: the hosts' subnet %v overlaps both of theirs, %v and %v; "+
			"take a smaller subnet", hosts, routerSubnets[0], routerSubnets[1])
	}

	address, address6, number := routerSubnets[k].Addr(), routerSubnet6.Addr(), 0
	all, ports := map[string][]stick{}, n.topology.RouterPorts()
	for _, name := range n.topology.Switches {
		for range ports[name] {
			address, address6 = address.Next(), address6.Next()
			all[name] = append(all[name], stick{mac: hardware(macRouter, number), address: address, address6: address6})
			number++
		}
	}
	return all, nil
}

// forwards are the settings of routers. Nobody is told of a shorter way, which is through
// the same device always; and IPv6 forwards for all devices, of which none needs to be a
// router to its neighbours, that is, to join their groups.
var forwards = []sysctl{
	{"net.ipv4.ip_forward", "1", false},
	{"net.ipv4.conf.all.send_redirects", "0", false},
	{"net.ipv4.conf.default.send_redirects", "0", false},
	{"net.ipv4.conf.all.rp_filter", "0", false},
	{"net.ipv4.conf.default.rp_filter", "0", false},
}

var forwards6 = []sysctl{
	{"net.ipv6.conf.all.forwarding", "1", false},
	{"net.ipv6.conf.default.forwarding", "0", false},
}

// addRouters makes the routers, with their devices and neighbours.
func (n *Network) addRouters(ctx context.Context) error {
	if n.sticks == nil {
		return nil
	}

	settings := slices.Concat(quiet, forwards)
	if n.ipv6 {
		settings = slices.Concat(quiet6, forwards, forwards6)
	}
	neighbours := n.routersNeighbours()
	var ports []*port
	for _, name := range n.topology.Switches {
		r := &Router{Machine{kind: "router", name: name}, n.sticks[name]}
		for k := range r.sticks {
			p := n.newPort(port{
				name: fmt.Sprintf("%s-router%d", name, k), at: name, toward: stickName(k), hidden: true,
			})
			r.sticks[k].port, ports = p, append(ports, p)
		}
		n.routers = append(n.routers, r)
	}

	work := newWorkers(ctx)
	work.SetLimit(work.number)
	for _, r := range n.routers {
		work.Go(func() (err error) {
			if err := work.Err(); err != nil {
				return err
			}
			r.ns, err = newNamespace(n.home, func() error {
				if _, err := n.procs.setAll(settings); err != nil {
					return err
				}
				return r.configure(n, neighbours[r.name])
			})
			if err != nil {
				return fmt.Errorf("make router %s: %w", r.name, err)
			}
			return nil
		})
	}
	if err := work.Wait(); err != nil {
		return err
	}

	return errors.Join(n.attach(ports), n.bringUp(ports))
}

// routersNeighbours returns the entries of what is next to each router: hosts, and other
// routers with the address that a link leads to.
func (n *Network) routersNeighbours() map[string][]entry {
	all := map[string][]entry{}
	know := func(at string, mac net.HardwareAddr, addresses ...netip.Addr) {
		for _, a := range addresses {
			if a.Is4() || n.ipv6 {
				all[at] = append(all[at], entry{index: eth0, address: a, hardware: mac})
			}
		}
	}

	for _, f := range n.interfaces {
		know(f.spec.Switch, f.mac, f.spec.Address, f.address6)
	}
	bundles := n.wired.Bundles()
	for i, l := range n.links[:len(n.topology.Links)] {
		for dir, at := range l.spec.Between {
			next := n.sticks[l.spec.Between[1-dir]][slices.Index(bundles[i], i)]
			know(at, next.mac, next.address, next.address6)
		}
	}
	return all
}

// configure makes the router's devices, on a thread that is in its namespace.
func (r *Router) configure(n *Network, neighbours []entry) (err error) {
	if r.socket, err = nl.Subscribe(unix.NETLINK_ROUTE); err != nil {
		return fmt.Errorf("open route netlink: %w", err)
	}
	b := &batch{socket: r.socket}

	var errs []error
	for k, s := range r.sticks {
		far := s.port.end(n.mtu)
		far.ns = n.fabric
		near := end{name: stickName(k), index: eth0 + k, hardware: s.mac, mtu: n.mtu, silent: true}
		errs = append(errs, b.add(newVeth(near, far), "add the veth pair of port", s.port.name))
		if n.ipv6 {
			errs = append(errs, b.add(silence(near.index), "set up IPv6 on", near.name))
		}
		errs = append(errs, b.add(setUp(near.index), "bring up", near.name),
			b.add(newAddress(near.index, alone(s.address)), "add address", s.address.String()))
		if n.ipv6 {
			errs = append(errs, b.add(newAddress(near.index, alone(s.address6)), "add address", s.address6.String()))
		}
	}
	errs = append(errs, b.add(setUp(loopback), "bring up", "lo"))

	for _, e := range neighbours {
		errs = append(errs, b.addMessage(e.appendTo(nil), "add a neighbour of router", r.name))
	}
	return errors.Join(append(errs, b.send())...)
}

// addRouting writes the routes of all routers, and the entries of their bridges.
func (n *Network) addRouting(ctx context.Context) error {
	if err := n.addBridgeEntries(); err != nil {
		return err
	}

	// Behind the routers among the switches are the boxes of access links.
	ways, bundles := n.ways(len(n.routers)), n.wired.Bundles()

	work := newWorkers(ctx)
	work.SetLimit(work.number)
	for at, r := range n.routers {
		work.Go(func() error {
			if err := work.Err(); err != nil {
				return err
			}
			b := &batch{socket: r.socket}
			for _, s := range ways[at] {
				if err := n.addRoute(r, n.interfaces[s.Interface], n.nextRouter(r, s.Link, bundles), b); err != nil {
					return err
				}
			}
			return b.send()
		})
	}
	return work.Wait()
}

// nextRouter returns the router that a link leads to from another, with the address that
// this one of parallel links has; nil where the host is next.
func (n *Network) nextRouter(r *Router, link int, bundles [][]int) *stick {
	if link == topology.Here || n.links[link].at != nil {
		return nil
	}
	sticks := n.sticks[n.links[link].spec.Other(r.name)]
	return &sticks[slices.Index(bundles[link], link)]
}

// addRoute adds a router's routes to an interface, in each family.
func (n *Network) addRoute(r *Router, f *Interface, next *stick, b *batch) error {
	for _, to := range []netip.Addr{f.spec.Address, f.address6} {
		if !to.IsValid() {
			continue
		}
		way := route{to: alone(to), from: r.sticks[0].addressLike(to), index: eth0}
		if next != nil {
			way.via = next.addressLike(to)
		}
		if err := b.add(way.request(), "add to router "+r.name+" a route to", f.spec.Host); err != nil {
			return err
		}
	}
	return nil
}

// addBridgeEntries tells each bridge its router, and what is next to it.
func (n *Network) addBridgeEntries() error {
	b := n.fabricC.batch()
	add := func(p *port, mac net.HardwareAddr) error {
		e := entry{index: p.index, hardware: mac}
		return b.addMessage(e.appendTo(nil), "add a forwarding entry to port", p.name)
	}

	var errs []error
	for _, r := range n.routers {
		for _, s := range r.sticks {
			errs = append(errs, add(s.port, s.mac))
		}
	}
	for _, f := range n.interfaces {
		errs = append(errs, add(f.port, f.mac))
	}

	bundles := n.wired.Bundles()
	for i, l := range n.links {
		if l.at == nil {
			for dir, p := range l.port {
				errs = append(errs, add(p, n.sticks[l.spec.Between[1-dir]][slices.Index(bundles[i], i)].mac))
			}
			continue
		}
		// An access link: the box is a bridge alone, between its host and the router.
		errs = append(errs, add(l.port[0], n.sticks[l.at.spec.Switch][0].mac), add(l.port[1], l.at.mac))
	}
	return errors.Join(append(errs, b.send())...)
}

// routersUp waits until the routers' devices have noticed that they are connected.
func (n *Network) routersUp(ctx context.Context) error {
	for _, r := range n.routers {
		var indices []int
		for k := range r.sticks {
			indices = append(indices, eth0+k)
		}
		if err := r.up(ctx, indices); err != nil {
			return err
		}
	}
	return nil
}
