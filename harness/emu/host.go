package emu

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Host is an emulated machine: a network namespace with an interface, eth0, or with several.
// It implements wire.Net. Its sockets are the calling process's, so that nodes
// need no process of their own. Its methods may be called from several
// goroutines.
type Host struct {
	Machine
	interfaces []*Interface
	settings   []string // values of its sysctls
}

// Interfaces returns the host's interfaces, eth0 first.
func (h *Host) Interfaces() []*Interface { return slices.Clone(h.interfaces) }

// Address returns the IPv4 address of eth0.
func (h *Host) Address() netip.Addr { return h.interfaces[0].Address() }

// Address6 returns the IPv6 address of eth0, the invalid one where the network has none.
func (h *Host) Address6() netip.Addr { return h.interfaces[0].Address6() }

// HardwareAddr returns the MAC address of eth0.
func (h *Host) HardwareAddr() net.HardwareAddr { return h.interfaces[0].HardwareAddr() }

// Switch returns the name of the switch that eth0 is attached to.
func (h *Host) Switch() string { return h.interfaces[0].Switch() }

// addHosts makes the hosts.
func (n *Network) addHosts(ctx context.Context) error {
	settings, err := n.opts.sysctls()
	if err != nil {
		return err
	}
	n.planInterfaces()
	first := quiet
	if n.ipv6 {
		first = quiet6
	}

	// The kernel makes namespaces, and much of what is in them, at the same time. Beside those who
	// make hosts is one who introduces them; where that takes longer, the others wait for it.
	known, work := n.allNeighbours(), newWorkers(ctx)
	work.SetLimit(work.number + 1)
	made := make(chan int, work.number)
	work.Go(func() error { return n.introduce(work, made, known) })
	for i, h := range n.hosts {
		work.Go(func() (err error) {
			if err := work.Err(); err != nil {
				return err
			}

			own := first
			if len(h.interfaces) > 1 {
				own = slices.Concat(first, n.several())
			}
			h.ns, err = newNamespace(n.home, func() error {
				values, err := n.procs.setAll(own, settings)
				if err != nil {
					return err
				}
				h.settings = values[len(own):]
				return h.configure(n, i)
			})
			if err != nil {
				return fmt.Errorf("make host %s: %w", h.name, err)
			}
			select {
			case made <- i:
				return nil
			case <-work.Done():
				return work.Err()
			}
		})
	}
	if err := work.Wait(); err != nil {
		return err
	}

	// The ports are still down: what the check sends goes nowhere.
	ports := slices.Concat(n.ports, n.boxPorts)
	work = newWorkers(ctx)
	work.Go(func() error { return n.attach(ports) })
	work.Go(func() error { return n.checkCongestionControl(work) })
	if err := work.Wait(); err != nil {
		return err
	}
	return n.bringUp(ports)
}

// neighbours are the messages by which a host learns of all interfaces in one family of
// addresses, all of one length, by one of its own. They are the same for every host, but for
// those that are about itself.
type neighbours struct {
	messages []byte
	length   int
}

func (n *Network) neighbours(device int, address func(*Interface) netip.Addr) neighbours {
	var all neighbours
	for _, f := range n.interfaces {
		e := entry{index: device, address: address(f), hardware: f.mac}
		all.messages = e.appendTo(all.messages)
	}
	all.length = len(all.messages) / len(n.interfaces)
	return all
}

// about returns the message about one interface, by its place.
func (a neighbours) about(place int) []byte { return a.messages[place*a.length:][:a.length] }

// allNeighbours returns what every host has to learn of the others, for each family of
// addresses, by each number of its own interfaces.
func (n *Network) allNeighbours() [][]neighbours {
	if n.sticks != nil {
		return nil // hosts know their router only
	}
	most := 0
	for _, h := range n.hosts {
		most = max(most, len(h.interfaces))
	}
	list := make([][]neighbours, most)
	for k := range list {
		list[k] = append(list[k], n.neighbours(eth0+k, (*Interface).Address))
		if n.ipv6 {
			list[k] = append(list[k], n.neighbours(eth0+k, (*Interface).Address6))
		}
	}
	return list
}

// introduce tells hosts, given by their places as they are made, what they have to know of
// others. In networks of hundreds of hosts these are most requests. The kernel has one lock for them
// (RTNL): two threads would wait for each other at each, and keep a processor busy with it.
func (n *Network) introduce(ctx context.Context, made <-chan int, known [][]neighbours) error {
	for range n.hosts {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case place := <-made:
			if err := n.hosts[place].addNeighbours(n, place, known); err != nil {
				return err
			}
		}
	}
	return nil
}

// configure makes the host's devices, on a thread that is in its namespace: the loopback
// device and its interfaces with their addresses and routes. It is given its place among the
// hosts.
func (h *Host) configure(n *Network, place int) (err error) {
	if h.socket, err = nl.Subscribe(unix.NETLINK_ROUTE); err != nil {
		return fmt.Errorf("open route netlink: %w", err)
	}
	b := &batch{socket: h.socket}

	for _, f := range h.interfaces {
		err = errors.Join(err, f.add(n, b))
	}
	if err := errors.Join(err, b.send()); err != nil {
		return fmt.Errorf("%w%s", err, missing(err, "veth"))
	}
	for _, f := range h.interfaces {
		if err := segmentOnSending(f.Name()); err != nil {
			return err
		}
	}

	err = b.add(setUp(loopback), "bring up", "lo")
	for _, f := range h.interfaces {
		err = errors.Join(err, f.bringUp(n, b))
	}
	if err := errors.Join(err, b.send()); err != nil {
		return err
	}

	if err := h.addRoutes(n, place, b); err != nil {
		return fmt.Errorf("%w%s", err, available())
	}
	return nil
}

// addNeighbours tells the host what it has to know of others. Hosts know each other, or in
// routed mode their routers: no frame of ARP is ever on a link. Where they have a guide, they
// know the peer of their check.
func (h *Host) addNeighbours(n *Network, place int, known [][]neighbours) error {
	b := &batch{socket: h.socket}
	for k, f := range h.interfaces {
		if known == nil {
			if err := f.addRouter(n, b); err != nil {
				return err
			}
			continue
		}

		for _, family := range known[k] {
			for i, other := range n.interfaces {
				if other.spec.HostIndex == place || n.guided && other != h.peer(n).interfaces[0] {
					continue
				}
				if err := b.addMessage(family.about(i), "add a neighbour of host", h.name); err != nil {
					return err
				}
			}
		}
	}
	return b.send()
}

// checkCongestionControl looks what connections of each host use.
func (n *Network) checkCongestionControl(ctx context.Context) error {
	work := newWorkers(ctx)
	work.SetLimit(work.number)
	for _, h := range n.hosts {
		work.Go(func() error {
			if err := work.Err(); err != nil {
				return err
			}
			if err := h.Do(func() error { return h.checkCongestionControl(n) }); err != nil {
				return fmt.Errorf("make host %s: %w", h.name, err)
			}
			return nil
		})
	}
	return work.Wait()
}

// peer is a host that the check of the congestion control asks for a connection: another one,
// unless there is none.
func (h *Host) peer(n *Network) *Host {
	peers := n.peers()
	if peers[0] == h {
		return peers[len(peers)-1]
	}
	return peers[0]
}

// peers are the hosts that any host's check asks.
func (n *Network) peers() []*Host { return n.hosts[:min(2, len(n.hosts))] }

// checkCongestionControl opens a connection of each family and looks what it uses, on a
// thread that is in the host's namespace.
func (h *Host) checkCongestionControl(n *Network) error {
	peer := h.peer(n)
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
	err = h.Do(func() (err error) {
		l, err = Inside{}.Listen(ctx, address)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listen on host %s at %s: %w", h.name, address, err)
	}
	return l, nil
}

// DialContext opens a TCP connection from the host. The address is a literal
// ip:port. It sends no keep-alive probes.
func (h *Host) DialContext(ctx context.Context, address string) (c net.Conn, err error) {
	return h.DialFrom(ctx, netip.Addr{}, address)
}

// DialFrom is DialContext with one of the host's own addresses, by whose interface the
// connection goes; an unspecified one leaves the choice to the kernel.
func (h *Host) DialFrom(ctx context.Context, from netip.Addr, address string) (c net.Conn, err error) {
	err = h.Do(func() (err error) {
		c, err = Inside{}.dialFrom(ctx, from, address)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("dial from host %s to %s: %w", h.name, address, err)
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
		return nil, fmt.Errorf("open UDP on host %s at %s: %w", h.name, address, err)
	}
	return c, nil
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
		return nil, fmt.Errorf("read the TCP counters of host %s: %w", h.name, err)
	}
	return counters, nil
}
