package emu

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"edgebed/harness/topology"
)

// firstIndex is the interface index of the first port. If the two ends of a
// veth had the same index in their namespaces, the kernel would take the pair
// for a single device and delay the news of its carrier by up to a second, in
// which bridges drop what they get. Counting from a high number keeps ports
// apart from the low ones that the kernel gives their peers.
const firstIndex = 100_000

// Build makes the network of a topology. The context bounds building only; the
// network lives until Close, and its relay no longer than this process.
func Build(ctx context.Context, t *topology.Topology, opts Options) (*Network, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("build network: %w", err)
	}

	if err := t.Validate(); err != nil {
		return nil, fmt.Errorf("build network: %w", err)
	}

	n := &Network{
		opts: opts, topology: t.Clone(), wired: t.Wired(), mtu: cmp.Or(t.MTU, topology.DefaultMTU), backend: None, settings: map[string]string{},
		closed: make(chan struct{}), nextIndex: firstIndex, bridges: map[string]int{},
	}

	if err := n.build(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("build network %s: %w", t.Name, err), n.Close())
	}
	return n, nil
}

// step is a part of building a network and how long it took.
type step struct {
	name string
	took time.Duration
}

func (n *Network) build(ctx context.Context) error {
	for _, s := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"fabric", n.openFabric},
		{"switches", n.addSwitches},
		{"hosts", n.addHosts},
		{"links", n.addLinks},
		{"forwarding", n.addForwarding},
		{"carrier", n.carrier},
		{"settings", n.readSettings},
	} {
		start := time.Now()
		if err := s.do(ctx); err != nil {
			return err
		}
		n.steps = append(n.steps, step{s.name, time.Since(start)})
	}

	return nil
}

// openFabric makes the namespace of the switches.
func (n *Network) openFabric(context.Context) (err error) {
	if err := n.checkFiles(); err != nil {
		return err
	}

	if n.home, err = currentNamespace(); err != nil {
		return err
	}
	if n.fabric, err = newNamespace(n.home, func() error { return writeAll(quiet) }); err != nil {
		return fmt.Errorf("make the switches' namespace: %w", err)
	}

	n.fabricC, err = n.fabric.dial()
	return err
}

// FilesNeeded returns about how many open files a network needs: a namespace and
// two sockets for each host, two sockets for each line.
func FilesNeeded(t *topology.Topology) uint64 {
	const others = 100
	return uint64(3*len(t.Hosts) + 2*len(t.AllLinks()) + others)
}

// checkFiles refuses a network that needs more open files than the process may
// have.
func (n *Network) checkFiles() error {
	need := FilesNeeded(n.topology)
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("read the limit of open files: %w", err)
	}

	// The Go runtime has raised the soft limit to the hard one.
	if need > limit.Cur {
		return fmt.Errorf("check the limit of open files: the network needs about %d, and the process may have %d; "+
			"raise it with ulimit -n", need, limit.Cur)
	}
	return nil
}

func (n *Network) addSwitches(ctx context.Context) error {
	for i, s := range n.wired.Switches {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := n.addSwitch(i, s); err != nil {
			return fmt.Errorf("make switch %s: %w", s, err)
		}
	}
	return nil
}

// hardware returns the MAC address of device i of a kind.
func hardware(kind byte, i int) net.HardwareAddr {
	// 02 is a locally administered, unicast address.
	return net.HardwareAddr{0x02, 0xed, kind, byte(i >> 16), byte(i >> 8), byte(i)}
}

// Kinds of hardware addresses.
const (
	macBridge = iota + 1
	macPort
	macHost
	macMedium
	macProbe
)

func (n *Network) addSwitch(i int, name string) error {
	off := false
	bridge := &netlink.Bridge{
		LinkAttrs: netlink.LinkAttrs{
			Name: fmt.Sprintf("b%d", i), MTU: n.mtu, HardwareAddr: hardware(macBridge, i), GSOMaxSegs: 1,
		},
		MulticastSnooping: &off,
	}

	if err := n.fabricC.LinkAdd(bridge); err != nil {
		return fmt.Errorf("add a bridge: %w%s", err, missing(err, "bridge"))
	}

	n.bridges[name] = bridge.Index
	return n.fabricC.LinkSetUp(bridge)
}

// portSpec is a port of a switch before it is made, and the device that its veth
// ends in.
type portSpec struct {
	at, toward string // the switch, and the switch or host that the port leads to
	trunk      bool

	peer     string // name of the veth's other end
	peerNS   *namespace
	peerAddr net.HardwareAddr
}

// addPort makes a veth whose near end is a port of a switch. The port is not up
// yet.
func (n *Network) addPort(s portSpec) (port, error) {
	p := port{name: s.at + "-" + s.toward, at: s.at, toward: s.toward, index: n.nextIndex, trunk: s.trunk}
	n.nextIndex++
	i := p.index - firstIndex

	veth := &netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{
			Name: fmt.Sprintf("p%d", i), Index: p.index, MTU: n.mtu, GSOMaxSegs: 1,
			HardwareAddr: hardware(macPort, i), MasterIndex: n.bridges[s.at],
		},
		PeerName: s.peer, PeerNamespace: netlink.NsFd(s.peerNS.file.Fd()),
		PeerHardwareAddr: s.peerAddr, PeerMTU: uint32(n.mtu),
	}

	if err := n.fabricC.LinkAdd(veth); err != nil {
		return p, fmt.Errorf("add a veth pair for port %s: %w%s", p.name, err, missing(err, "veth"))
	}

	if err := n.isolate(p.index); err != nil {
		return p, fmt.Errorf("set up port %s: %w", p.name, err)
	}

	n.list(p)
	return p, nil
}

// list adds a port to those of its kind.
func (n *Network) list(p port) {
	switch {
	case n.isBox(p.at):
		n.boxPorts = append(n.boxPorts, p)
	case n.isBox(p.toward):
		p.trunk, p.shaped = false, true
		n.ports = append(n.ports, p)
	default:
		p.shaped = p.trunk
		n.ports = append(n.ports, p)
	}
}

// isBox reports whether a switch of the wired network stands at the end of a host's
// access link.
func (n *Network) isBox(name string) bool {
	h, ok := n.topology.Host(name)
	return ok && h.HasAccess()
}

// isolate makes a bridge port forward by static entries only.
func (n *Network) isolate(index int) error {
	return n.fabricC.setPort(index, map[int]bool{
		nl.IFLA_BRPORT_LEARNING:      false,
		nl.IFLA_BRPORT_UNICAST_FLOOD: false,
		nl.IFLA_BRPORT_MCAST_FLOOD:   false,
		nl.IFLA_BRPORT_BCAST_FLOOD:   false,
	})
}

// device names a device by its index for the netlink package.
func device(index int) netlink.Link {
	return &netlink.GenericLink{LinkAttrs: netlink.LinkAttrs{Index: index}}
}

// addForwarding writes the static entries of all switches: the port towards
// each host.
func (n *Network) addForwarding(ctx context.Context) error {
	t := n.wired
	toward := make(map[[2]string]int, len(n.ports))
	for _, p := range slices.Concat(n.ports, n.boxPorts) {
		toward[[2]string{p.at, p.toward}] = p.index
	}

	bySwitch := map[string][]*Host{}
	for i, h := range n.hosts {
		bySwitch[t.Hosts[i].Switch] = append(bySwitch[t.Hosts[i].Switch], h)
	}

	for end, s := range t.Switches {
		if len(bySwitch[s]) == 0 {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}

		next := t.Toward(end)
		var entries []entry
		for at, name := range t.Switches {
			for _, h := range bySwitch[s] {
				to := h.spec.Name
				if at != end {
					to = t.Links[next[at]].Other(name)
				}
				entries = append(entries, entry{index: toward[[2]string{name, to}], hardware: h.mac})
			}
		}

		if err := n.fabricC.addEntries(entries); err != nil {
			return fmt.Errorf("add the forwarding entries for the hosts of switch %s: %w", s, err)
		}
	}

	return nil
}

// carrier makes sure that every device has noticed that it is connected. The
// kernel does so in the background; until then a bridge port drops frames. To
// ask for a device makes it catch up.
func (n *Network) carrier(ctx context.Context) error {
	wait := func(c *conn, index int) error {
		for delay := 50 * time.Microsecond; ; delay *= 2 {
			l, err := c.LinkByIndex(index)
			if err != nil {
				return fmt.Errorf("find device %d: %w", index, err)
			}
			if l.Attrs().OperState == netlink.OperUp {
				return nil
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("wait until device %s is up: %w", l.Attrs().Name, ctx.Err())
			case <-time.After(delay):
			}
			if delay > 2*time.Second {
				return fmt.Errorf("wait until device %s is up: it stays %v", l.Attrs().Name, l.Attrs().OperState)
			}
		}
	}

	for _, index := range n.mediumEnds {
		if err := wait(n.mediumC, index); err != nil {
			return err
		}
	}

	for _, p := range slices.Concat(n.ports, n.boxPorts) {
		if err := wait(n.fabricC, p.index); err != nil {
			return fmt.Errorf("bring port %s up: %w", p.name, err)
		}
	}

	for _, h := range n.hosts {
		if err := wait(h.conn, h.index); err != nil {
			return fmt.Errorf("bring host %s up: %w", h.spec.Name, err)
		}
		h.conn.Close()
		h.conn = nil
	}
	return nil
}
