package emu

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"edgebed/harness/topology"
)

// Host is an emulated machine: a network namespace with one interface, eth0.
// It implements wire.Net. Its sockets are the calling process's, so that nodes
// need no process of their own. Its methods may be called from several
// goroutines.
type Host struct {
	spec     topology.HostSpec
	ns       *namespace
	socket   *nl.NetlinkSocket // until the network is built
	port     *port             // of its switch
	mac      net.HardwareAddr
	address6 netip.Addr // invalid where the network has no IPv6
	settings []string   // values of its sysctls
}

// Name returns the host's name in the topology.
func (h *Host) Name() string { return h.spec.Name }

// Address returns the host's IPv4 address.
func (h *Host) Address() netip.Addr { return h.spec.Address }

// Address6 returns the host's IPv6 address, the invalid one where the network has none.
func (h *Host) Address6() netip.Addr { return h.address6 }

// HardwareAddr returns the MAC address of eth0.
func (h *Host) HardwareAddr() net.HardwareAddr { return h.mac }

// Switch returns the name of the switch that the host is attached to.
func (h *Host) Switch() string { return h.spec.Switch }

// HostAddresses returns the addresses that hosts have on this kernel, by name: an IPv4 one,
// and an IPv6 one where they have it.
func HostAddresses(t *topology.Topology) map[string][]netip.Addr {
	all, both := make(map[string][]netip.Addr, len(t.Hosts)), t.HasIPv6() && HasIPv6()
	for _, h := range t.Hosts {
		all[h.Name] = []netip.Addr{h.Address}
		if both {
			all[h.Name] = append(all[h.Name], t.Address6(h))
		}
	}
	return all
}

func (n *Network) addHosts(ctx context.Context) error {
	settings, err := n.opts.sysctls()
	if err != nil {
		return err
	}
	for i, spec := range n.topology.Hosts {
		at := n.wired.Hosts[i].Switch
		p := n.newPort(port{name: at + "-" + spec.Name, at: at, toward: spec.Name})
		h := &Host{spec: spec, mac: hardware(macHost, i), port: p}
		if n.ipv6 {
			h.address6 = n.topology.Address6(spec)
		}
		n.hosts = append(n.hosts, h)
	}
	first := quiet
	if n.ipv6 {
		first = quiet6
	}

	// The kernel makes namespaces, and much of what is in them, at the same time.
	all, work := n.allNeighbours(), newWorkers(ctx)
	work.SetLimit(work.number)
	for i, h := range n.hosts {
		work.Go(func() (err error) {
			if err := work.Err(); err != nil {
				return err
			}

			h.ns, err = newNamespace(n.home, func() error {
				values, err := n.procs.setAll(first, settings)
				if err != nil {
					return err
				}
				h.settings = values[len(first):]

				var others []iter.Seq[[]byte]
				for _, family := range all {
					others = append(others, family.without(i))
				}
				return h.configure(n, others...)
			})
			if err != nil {
				return fmt.Errorf("make host %s: %w", h.spec.Name, err)
			}
			return nil
		})
	}
	if err := work.Wait(); err != nil {
		return err
	}

	ports := slices.Concat(n.ports, n.boxPorts)
	if err := n.attach(ports); err != nil {
		return err
	}
	return n.bringUp(ports)
}

// neighbours are the messages by which a host learns of the others in one family of
// addresses, all of one length. They are the same for every host, but for the one that is
// about itself.
type neighbours struct {
	messages []byte
	length   int
}

func (n *Network) neighbours(address func(*Host) netip.Addr) neighbours {
	var all neighbours
	for _, h := range n.hosts {
		e := entry{index: eth0, address: address(h), hardware: h.mac}
		all.messages = e.appendTo(all.messages)
	}
	all.length = len(all.messages) / len(n.hosts)
	return all
}

// without returns all messages but one.
func (a neighbours) without(host int) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for at := 0; at < len(a.messages); at += a.length {
			if at != host*a.length && !yield(a.messages[at:at+a.length]) {
				return
			}
		}
	}
}

// allNeighbours returns what every host has to learn of the others, for each family of
// addresses.
func (n *Network) allNeighbours() []neighbours {
	if n.sticks != nil {
		return nil // hosts know their router only
	}
	list := []neighbours{n.neighbours((*Host).Address)}
	if n.ipv6 {
		list = append(list, n.neighbours((*Host).Address6))
	}
	return list
}

// place is where a host is, in one family of addresses.
type place struct {
	own netip.Prefix // with the length of the network that it is in
	to  netip.Prefix // what eth0 leads to
	via netip.Addr   // the router that it leads there by; invalid where hosts are neighbours
}

// places returns one for each family.
func (h *Host) places(n *Network) []place {
	list := []place{{own: netip.PrefixFrom(h.spec.Address, n.topology.Subnet.Bits()), to: n.topology.Subnet}}
	if n.ipv6 {
		list = append(list, place{own: netip.PrefixFrom(h.address6, topology.Subnet6().Bits()), to: topology.Subnet6()})
	}
	if n.sticks == nil {
		return list
	}

	first := n.sticks[h.spec.Switch][0]
	for i := range list {
		p := &list[i]
		p.via = first.addressLike(p.own.Addr())
		p.own = alone(p.own.Addr())
		p.to = netip.PrefixFrom(unspecifiedLike(p.via), 0)
	}
	return list
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

// configure makes the host's devices, on a thread that is in its namespace: the loopback
// device and eth0 with its addresses, routes and neighbours.
func (h *Host) configure(n *Network, known ...iter.Seq[[]byte]) (err error) {
	if h.socket, err = nl.Subscribe(unix.NETLINK_ROUTE); err != nil {
		return fmt.Errorf("open route netlink: %w", err)
	}
	b := &batch{socket: h.socket}

	mtu := n.topology.HostMTU(h.spec)
	far := h.port.end(mtu)
	far.ns = n.fabric
	near := end{name: "eth0", index: eth0, hardware: h.mac, mtu: mtu, whole: true, silent: n.ipv6}
	if err := errors.Join(b.add(newVeth(near, far), "add the veth pair of port", h.port.name), b.send()); err != nil {
		return fmt.Errorf("%w%s", err, missing(err, "veth"))
	}
	if err := segmentOnSending("eth0"); err != nil {
		return err
	}

	places := h.places(n)
	if n.ipv6 {
		err = b.add(silence(eth0), "set up IPv6 on", "eth0")
	}
	err = errors.Join(err,
		b.add(setUp(loopback), "bring up", "lo"),
		b.add(setUp(eth0), "bring up", "eth0"))
	for _, p := range places {
		err = errors.Join(err, b.add(newAddress(eth0, p.own), "add address", p.own.Addr().String()))
	}
	if err := errors.Join(err, b.send()); err != nil {
		return err
	}

	if err := h.addRoutes(n, b, places); err != nil {
		return fmt.Errorf("%w%s", err, available())
	}

	// Hosts know each other, or in routed mode their router: no frame of ARP is ever on a link.
	for _, neighbours := range known {
		for message := range neighbours {
			if err := b.addMessage(message, "add a neighbour of host", h.spec.Name); err != nil {
				return err
			}
		}
	}
	for _, p := range places {
		if p.via.IsValid() {
			e := entry{index: eth0, address: p.via, hardware: n.sticks[h.spec.Switch][0].mac}
			if err := b.addMessage(e.appendTo(nil), "add the router of host", h.spec.Name); err != nil {
				return err
			}
		}
	}
	if err := b.send(); err != nil {
		return err
	}

	// The port is still down: what the check sends goes nowhere.
	return h.checkCongestionControl(n)
}

// addRoutes adds the routes to others, and gives them and the kernel's local routes,
// which connections of the host with itself use, the congestion control. It is an
// attribute of routes because the sysctl for a namespace's default refuses cubic (EPERM)
// even for root where the machine has it restricted, as kernels do for all but their
// own default.
func (h *Host) addRoutes(n *Network, b *batch, places []place) error {
	home := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	routes := []route{
		{to: alone(home), from: home, index: loopback, local: true},
		{to: netip.PrefixFrom(home, 8).Masked(), from: home, index: loopback, local: true},
	}
	for _, p := range places {
		own := p.own.Addr()
		// The kernel's local route for an IPv6 address comes a moment after the address, and
		// stays in front of this one, which is there at once.
		routes = append(routes,
			route{to: p.to, via: p.via, from: own, index: eth0},
			route{to: alone(own), from: own, index: eth0, local: true})
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

// checkCongestionControl opens a connection of each family and looks what it uses, on a
// thread that is in the host's namespace.
func (h *Host) checkCongestionControl(n *Network) error {
	peer := n.hosts[0]
	if len(n.hosts) > 1 && peer == h {
		peer = n.hosts[1]
	}

	const discard = 9
	err := checkConnection(unix.AF_INET, &unix.SockaddrInet4{Port: discard, Addr: peer.Address().As4()},
		n.opts.CongestionControl)
	if err == nil && n.ipv6 && peer != h {
		err = checkConnection(unix.AF_INET6, &unix.SockaddrInet6{Port: discard, Addr: peer.Address6().As16()},
			n.opts.CongestionControl)
	}
	if err != nil {
		return fmt.Errorf("check the congestion control: %w", err)
	}
	return nil
}

// checkConnection opens a connection and compares its congestion control.
func checkConnection(family int, to unix.Sockaddr, want string) error {
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.IPPROTO_TCP)
	if err != nil {
		return err
	}
	defer unix.Close(fd)

	// A host alone in its network is refused by itself.
	err = unix.Connect(fd, to)
	if err != nil && !errors.Is(err, unix.EINPROGRESS) && !errors.Is(err, unix.ECONNREFUSED) {
		return os.NewSyscallError("connect", err)
	}

	got, err := unix.GetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION)
	if err != nil {
		return err
	}
	got = strings.TrimRight(got, "\x00")
	if got != want {
		return fmt.Errorf("connections use %s, not %s%s", got, want, available())
	}
	return nil
}

// available says what congestion controls the kernel has, for error messages.
func available() string {
	list, err := sysctl{name: "net.ipv4.tcp_available_congestion_control"}.read()
	if err != nil {
		return ""
	}
	return " (this kernel has " + list + "; others may be modules to load)"
}

// Do calls fn on an operating system thread that is in the host's network
// namespace: sockets that fn makes are the host's, and processes that it starts
// run there. Goroutines that it starts do not.
func (h *Host) Do(fn func() error) error {
	return h.ns.do(fn)
}

// literal returns the network of an address, "tcp4" for "tcp", and refuses what would need
// a name server.
func literal(protocol, address string) (string, error) {
	a, err := netip.ParseAddrPort(address)
	switch {
	case err != nil:
		return "", errors.New("expected an address like 10.1.0.1:6473 or [fded:bed::1]:6473")
	case a.Addr().Is6():
		return protocol + "6", nil
	}
	return protocol + "4", nil
}

// Listen opens a TCP listener in the host. The address is a literal ip:port, of either family.
// Its connections send no keep-alive probes, which would be counted as traffic.
func (h *Host) Listen(ctx context.Context, address string) (l net.Listener, err error) {
	network, err := literal("tcp", address)
	if err == nil {
		err = h.Do(func() (err error) {
			lc := net.ListenConfig{KeepAlive: -1}
			lc.SetMultipathTCP(false)
			l, err = lc.Listen(ctx, network, address)
			return err
		})
	}
	if err != nil {
		return nil, fmt.Errorf("listen on host %s at %s: %w", h.spec.Name, address, err)
	}
	return l, nil
}

// DialContext opens a TCP connection from the host. The address is a literal
// ip:port. It sends no keep-alive probes.
func (h *Host) DialContext(ctx context.Context, address string) (c net.Conn, err error) {
	network, err := literal("tcp", address)
	if err == nil {
		err = h.Do(func() (err error) {
			d := net.Dialer{KeepAlive: -1}
			d.SetMultipathTCP(false)
			c, err = d.DialContext(ctx, network, address)
			return err
		})
	}
	if err != nil {
		return nil, fmt.Errorf("dial from host %s to %s: %w", h.spec.Name, address, err)
	}
	return c, nil
}

// ListenPacket opens a UDP socket in the host. The address is a literal
// ip:port.
func (h *Host) ListenPacket(ctx context.Context, address string) (c net.PacketConn, err error) {
	network, err := literal("udp", address)
	if err == nil {
		err = h.Do(func() (err error) {
			var lc net.ListenConfig
			c, err = lc.ListenPacket(ctx, network, address)
			return err
		})
	}
	if err != nil {
		return nil, fmt.Errorf("open UDP on host %s at %s: %w", h.spec.Name, address, err)
	}
	return c, nil
}

// Start starts a program in the host. Everything else about the command, and
// waiting for it, is the caller's. Do not ask for a parent-death signal: the
// kernel sends it when the thread ends that started the program, and that may be
// any of this process's threads. The sandbox ends what is left.
func (h *Host) Start(cmd *exec.Cmd) error {
	if err := h.Do(cmd.Start); err != nil {
		return fmt.Errorf("start %s on host %s: %w", cmd.Path, h.spec.Name, err)
	}
	return nil
}

// TCP returns the kernel's TCP counters of the host, by the names of
// /proc/net/snmp and /proc/net/netstat: RetransSegs, ActiveOpens, TCPTimeouts
// and so on. Connections of the host with itself are in them.
func (h *Host) TCP() (map[string]int64, error) {
	counters := map[string]int64{}
	err := h.Do(func() error {
		for name, group := range map[string]string{"snmp": "Tcp:", "netstat": "TcpExt:"} {
			// Not /proc/net, which is that of the process's first thread.
			text, err := os.ReadFile("/proc/thread-self/net/" + name)
			if err != nil {
				return err
			}
			if err := parseCounters(string(text), group, counters); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the TCP counters of host %s: %w", h.spec.Name, err)
	}
	return counters, nil
}

func (h *Host) close() error {
	if h.socket != nil {
		h.socket.Close()
	}
	if h.ns == nil {
		return nil
	}
	return h.ns.Close()
}
