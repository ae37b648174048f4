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
	settings []string // values of its sysctls
}

// Name returns the host's name in the topology.
func (h *Host) Name() string { return h.spec.Name }

// Address returns the host's IPv4 address.
func (h *Host) Address() netip.Addr { return h.spec.Address }

// HardwareAddr returns the MAC address of eth0.
func (h *Host) HardwareAddr() net.HardwareAddr { return h.mac }

// Switch returns the name of the switch that the host is attached to.
func (h *Host) Switch() string { return h.spec.Switch }

func (n *Network) addHosts(ctx context.Context) error {
	settings, err := n.opts.sysctls()
	if err != nil {
		return err
	}
	for i, spec := range n.topology.Hosts {
		at := n.wired.Hosts[i].Switch
		p := n.newPort(port{name: at + "-" + spec.Name, at: at, toward: spec.Name})
		n.hosts = append(n.hosts, &Host{spec: spec, mac: hardware(macHost, i), port: p})
	}

	// The kernel makes namespaces, and much of what is in them, at the same time.
	all, work := n.neighbours(), newWorkers(ctx)
	work.SetLimit(work.number)
	for i, h := range n.hosts {
		work.Go(func() (err error) {
			if err := work.Err(); err != nil {
				return err
			}

			h.ns, err = newNamespace(n.home, func() error {
				values, err := setAll(quiet, settings)
				if err != nil {
					return err
				}
				h.settings = values[len(quiet):]
				return h.configure(n, all.without(i))
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

// neighbours are the messages by which a host learns of the others, all of one length.
// They are the same for every host, but for the one that is about itself.
type neighbours struct {
	messages []byte
	length   int
}

func (n *Network) neighbours() neighbours {
	var all neighbours
	for _, h := range n.hosts {
		e := entry{index: eth0, address: h.spec.Address, hardware: h.mac}
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

// configure makes the host's devices, on a thread that is in its namespace: the loopback
// device and eth0 with its addresses, routes and neighbours.
func (h *Host) configure(n *Network, neighbours iter.Seq[[]byte]) (err error) {
	if h.socket, err = nl.Subscribe(unix.NETLINK_ROUTE); err != nil {
		return fmt.Errorf("open route netlink: %w", err)
	}
	b := &batch{socket: h.socket}

	mtu := n.topology.HostMTU(h.spec)
	far := h.port.end(mtu)
	far.ns = n.fabric
	near := end{name: "eth0", index: eth0, hardware: h.mac, mtu: mtu, whole: true}
	if err := errors.Join(b.add(newVeth(near, far), "add the veth pair of port", h.port.name), b.send()); err != nil {
		return fmt.Errorf("%w%s", err, missing(err, "veth"))
	}
	if err := segmentOnSending("eth0"); err != nil {
		return err
	}

	address := netip.PrefixFrom(h.spec.Address, n.topology.Subnet.Bits())
	err = errors.Join(
		b.add(setUp(loopback), "bring up", "lo"),
		b.add(setUp(eth0), "bring up", "eth0"),
		b.add(newAddress(eth0, address), "add address", h.spec.Address.String()),
		b.send())
	if err != nil {
		return err
	}

	if err := h.addRoutes(n, b); err != nil {
		return fmt.Errorf("%w%s", err, available())
	}

	// Hosts know each other: no frame of ARP is ever on a link.
	for message := range neighbours {
		if err := b.addMessage(message, "add a neighbour of host", h.spec.Name); err != nil {
			return err
		}
	}
	if err := b.send(); err != nil {
		return err
	}

	// The port is still down: what the check sends goes nowhere.
	return h.checkCongestionControl(n)
}

// addRoutes adds the route to the subnet, and gives it and the kernel's local routes,
// which connections of the host with itself use, the congestion control. It is an
// attribute of routes because the sysctl for a namespace's default refuses cubic (EPERM)
// even for root where the machine has it restricted, as kernels do for all but their
// own default.
func (h *Host) addRoutes(n *Network, b *batch) error {
	own, home := h.spec.Address, netip.AddrFrom4([4]byte{127, 0, 0, 1})
	for _, r := range []route{
		{to: n.topology.Subnet, from: own, index: eth0},
		{to: netip.PrefixFrom(own, own.BitLen()), from: own, index: eth0, local: true},
		{to: netip.PrefixFrom(home, home.BitLen()), from: home, index: loopback, local: true},
		{to: netip.PrefixFrom(home, 8).Masked(), from: home, index: loopback, local: true},
	} {
		r.congestion = n.opts.CongestionControl
		doing := "with congestion control " + r.congestion + " add the route to"
		if err := b.add(r.request(), doing, r.to.String()); err != nil {
			return err
		}
	}
	return b.send()
}

// checkCongestionControl opens a connection and looks what it uses, on a thread that is
// in the host's namespace.
func (h *Host) checkCongestionControl(n *Network) error {
	peer := n.topology.Hosts[0].Address
	if len(n.topology.Hosts) > 1 && peer == h.spec.Address {
		peer = n.topology.Hosts[1].Address
	}

	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.IPPROTO_TCP)
	if err != nil {
		return fmt.Errorf("check the congestion control: %w", err)
	}
	defer unix.Close(fd)

	const discard = 9
	err = unix.Connect(fd, &unix.SockaddrInet4{Port: discard, Addr: peer.As4()})
	// A host alone in its network is refused by itself.
	if err != nil && !errors.Is(err, unix.EINPROGRESS) && !errors.Is(err, unix.ECONNREFUSED) {
		return fmt.Errorf("check the congestion control: %w", err)
	}

	got, err := unix.GetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION)
	if err != nil {
		return fmt.Errorf("check the congestion control: %w", err)
	}
	got = strings.TrimRight(got, "\x00")
	if got != n.opts.CongestionControl {
		return fmt.Errorf("check the congestion control: connections use %s, not %s%s", got,
			n.opts.CongestionControl, available())
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

// literal refuses what would need a name server.
func literal(address string) error {
	if _, err := netip.ParseAddrPort(address); err != nil {
		return errors.New("expected an address like 10.1.0.1:6473")
	}
	return nil
}

// Listen opens a TCP listener in the host. The address is a literal ip:port.
// Its connections send no keep-alive probes, which would be counted as traffic.
func (h *Host) Listen(ctx context.Context, address string) (l net.Listener, err error) {
	err = literal(address)
	if err == nil {
		err = h.Do(func() (err error) {
			lc := net.ListenConfig{KeepAlive: -1}
			lc.SetMultipathTCP(false)
			l, err = lc.Listen(ctx, "tcp4", address)
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
	err = literal(address)
	if err == nil {
		err = h.Do(func() (err error) {
			d := net.Dialer{KeepAlive: -1}
			d.SetMultipathTCP(false)
			c, err = d.DialContext(ctx, "tcp4", address)
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
	err = literal(address)
	if err == nil {
		err = h.Do(func() (err error) {
			var lc net.ListenConfig
			c, err = lc.ListenPacket(ctx, "udp4", address)
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
