package emu

import (
	"context"
	"edgebed/harness/topology"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Host is an emulated machine: a network namespace with one interface, eth0.
// It implements wire.Net. Its sockets are the calling process's, so that nodes
// need no process of their own. Its methods may be called from several
// goroutines.
type Host struct {
	spec  topology.HostSpec
	ns    *namespace
	conn  *conn // until the network is built
	index int   // of eth0
	mac   net.HardwareAddr
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
		if err := ctx.Err(); err != nil {
			return err
		}
		h := &Host{spec: spec, mac: hardware(macHost, i)}
		n.hosts = append(n.hosts, h)
		if err := n.addHost(i, h, settings); err != nil {
			return fmt.Errorf("make host %s: %w", spec.Name, err)
		}
	}
	return nil
}

func (n *Network) addHost(i int, h *Host, settings []sysctl) (err error) {
	if h.ns, err = newNamespace(n.home, func() error { return writeAll(quiet, settings) }); err != nil {
		return err
	}

	p, err := n.addPort(portSpec{
		at: n.wired.Hosts[i].Switch, toward: h.spec.Name,
		peer: "eth0", peerNS: h.ns, peerAddr: h.mac,
	})
	if err != nil {
		return err
	}

	if h.conn, err = h.ns.dial(); err != nil {
		return err
	}
	eth0, err := h.conn.LinkByName("eth0")
	if err != nil {
		return fmt.Errorf("find eth0: %w", err)
	}
	h.index = eth0.Attrs().Index

	if err := h.ns.do(func() error { return segmentOnSending("eth0") }); err != nil {
		return err
	}

	if err := h.configure(n); err != nil {
		return err
	}

	// The port is still down: what the check sends goes nowhere.
	if err := h.checkCongestionControl(n); err != nil {
		return err
	}

	return n.fabricC.LinkSetUp(device(p.index))
}

// configure gives the host its address, routes and neighbours, and its loopback
// device.
func (h *Host) configure(n *Network) error {
	const loopback = 1
	lo, eth0 := device(loopback), device(h.index)

	if err := errors.Join(h.conn.LinkSetUp(lo), h.conn.LinkSetUp(eth0)); err != nil {
		return fmt.Errorf("bring devices up: %w", err)
	}

	subnet := ipNet(n.topology.Subnet)
	address := &netlink.Addr{
		IPNet: &net.IPNet{IP: h.spec.Address.AsSlice(), Mask: subnet.Mask},
		// The subnet's route is made below, with more in it.
		Flags: unix.IFA_F_NOPREFIXROUTE,
	}
	if err := h.conn.AddrAdd(eth0, address); err != nil {
		return fmt.Errorf("add address %v: %w", h.spec.Address, err)
	}

	// The congestion control is an attribute of routes: the sysctl for a
	// namespace's default refuses cubic (EPERM) even for root where the machine
	// has it restricted, as kernels do for all but their own default.
	route := &netlink.Route{
		LinkIndex: h.index, Dst: subnet, Src: h.spec.Address.AsSlice(), Scope: netlink.SCOPE_LINK,
		Protocol: unix.RTPROT_STATIC, Congctl: n.opts.CongestionControl,
	}
	if err := h.conn.RouteAdd(route); err != nil {
		return fmt.Errorf("add the route to %v with congestion control %s: %w%s", n.topology.Subnet,
			n.opts.CongestionControl, err, h.available())
	}

	// Connections of the host with itself use the kernel's local routes.
	local, err := h.conn.RouteListFiltered(netlink.FAMILY_V4,
		&netlink.Route{Table: unix.RT_TABLE_LOCAL, Type: unix.RTN_LOCAL},
		netlink.RT_FILTER_TABLE|netlink.RT_FILTER_TYPE)
	if err != nil {
		return fmt.Errorf("list local routes: %w", err)
	}

	for _, r := range local {
		r.Congctl = n.opts.CongestionControl
		if err := h.conn.RouteReplace(&r); err != nil {
			return fmt.Errorf("give the local route to %v congestion control %s: %w", r.Dst, n.opts.CongestionControl,
				err)
		}
	}

	neighbours := make([]entry, 0, len(n.topology.Hosts))
	for i, other := range n.topology.Hosts {
		if other.Name != h.spec.Name {
			neighbours = append(neighbours,
				entry{index: h.index, address: other.Address, hardware: hardware(macHost, i)})
		}
	}

	// Hosts know each other: no frame of ARP is ever on a link.
	if err := h.conn.addEntries(neighbours); err != nil {
		return fmt.Errorf("add the other hosts as neighbours: %w", err)
	}

	return nil
}

// checkCongestionControl opens a connection and looks what it uses.
func (h *Host) checkCongestionControl(n *Network) error {
	peer := n.topology.Hosts[0].Address
	if len(n.topology.Hosts) > 1 && peer == h.spec.Address {
		peer = n.topology.Hosts[1].Address
	}

	return h.Do(func() error {
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
				n.opts.CongestionControl, h.available())
		}
		return nil
	})
}

// available says what congestion controls the kernel has, for error messages.
func (h *Host) available() string {
	var list string
	err := h.Do(func() (err error) {
		list, err = sysctl{name: "net.ipv4.tcp_available_congestion_control"}.read()
		return err
	})
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
	if h.conn != nil {
		h.conn.Close()
	}
	if h.ns == nil {
		return nil
	}
	return h.ns.Close()
}

// ipNet converts a prefix for the netlink package.
func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), 32)}
}
