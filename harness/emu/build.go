package emu

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"slices"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"edgebed/harness/topology"
)

// Interface indices are chosen here, so that nobody needs to ask for them: of the
// loopback device and eth0 in each host, of the first port and bridge in the fabric, and
// of the first device and bridge in the medium. If the two ends of a veth had the same
// index in their namespaces, the kernel would take the pair for a single device and
// delay the news of its carrier by up to a second, in which bridges drop what they get.
const (
	loopback = 1 // as everywhere
	eth0     = 2

	firstPort   = 100_000
	firstBridge = 200_000
	firstEnd    = 300_000
	firstJoint  = 400_000
)

// Build makes the network of a topology. The context bounds building only; the
// network lives until Close, and its relay no longer than this process.
func Build(ctx context.Context, t *topology.Topology, opts Options) (*Network, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("build network: %w", err)
	}

	if err := t.Check(); err != nil {
		return nil, fmt.Errorf("build network: %w", err)
	}

	n := &Network{
		opts: opts, topology: t.Clone(), wired: t.Wired(), mtu: t.LargestMTU(),
		backend: None, settings: map[string]string{},
		closed: make(chan struct{}), bridges: map[string]int{}, boxes: map[string]bool{},
	}
	for _, box := range n.wired.Switches[len(t.Switches):] {
		n.boxes[box] = true
	}

	if err := n.plan(); err != nil {
		return nil, fmt.Errorf("build network %s: %w", t.Name, err)
	}
	if err := n.build(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("build network %s: %w", t.Name, err), n.Close())
	}
	return n, nil
}

// plan decides what all parts of the network depend on.
func (n *Network) plan() error {
	n.ipv6 = n.topology.HasIPv6() && HasIPv6()
	n.settings[SettingIPv6] = NoIPv6
	switch {
	case n.ipv6:
		n.settings[SettingIPv6] = topology.Subnet6().String()
	case n.topology.IPv6 != nil && *n.topology.IPv6:
		return errors.New("give hosts IPv6 addresses: this kernel has no IPv6, or was booted with ipv6.disable=1; " +
			"leave ipv6 out of the topology, and they have none")
	}

	if n.topology.IsRouted() {
		var err error
		if n.sticks, err = n.planSticks(); err != nil {
			return err
		}
	}

	// The kernel asks for no IPv6 neighbours of devices that are silent (see silence).
	interfaces := len(slices.Collect(n.topology.Interfaces()))
	n.guided = n.sticks == nil && !n.ipv6 && interfaces > mostKnown && canGuide()
	return nil
}

// step is a part of building a network and how long it took.
type step struct {
	name string
	took time.Duration
}

func (n *Network) build(ctx context.Context) error {
	defer n.procs.close()
	for _, s := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"fabric", n.openFabric},
		{"switches", n.addSwitches},
		{"hosts", n.addHosts},
		{"links", n.addLinks},
		{"routers", n.addRouters},
		{"forwarding", n.addForwarding},
		{"guide", n.startGuide},
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
	if n.fabric, err = newNamespace(n.home, n.procs.setForBridges); err != nil {
		return fmt.Errorf("make the switches' namespace: %w", err)
	}

	n.fabricC, err = n.fabric.dial()
	return err
}

// FilesNeeded returns about how many open files a network needs: a namespace and, while
// it is built, a socket for each host and router, and an instance of proc for some of them;
// two sockets for each line.
func FilesNeeded(t *topology.Topology) uint64 {
	const others = 100
	namespaces := len(t.Hosts)
	if t.IsRouted() {
		namespaces += len(t.Switches)
	}
	return uint64(2*namespaces + namespaces/perProc + 1 + 2*len(t.AllLinks()) + others)
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

// addSwitches makes the bridges.
func (n *Network) addSwitches(context.Context) error {
	b := n.fabricC.batch()
	for i, name := range n.wired.Switches {
		e := end{name: fmt.Sprintf("b%d", i), index: firstBridge + i, hardware: hardware(macBridge, i), mtu: n.mtu}
		if err := b.add(newBridge(e), "add the bridge of switch", name); err != nil {
			return err
		}
		n.bridges[name] = e.index
	}
	if err := b.send(); err != nil {
		return fmt.Errorf("%w%s", err, missing(err, "bridge"))
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
	macRouter
)

// newPort lists a port of a switch, and gives it an index. The device is still to be made.
func (n *Network) newPort(p port) *port {
	p.index = firstPort + len(n.ports) + len(n.boxPorts)
	switch {
	case p.hidden || n.boxes[p.at]:
		n.boxPorts = append(n.boxPorts, &p)
		return &p
	case n.boxes[p.toward]:
		p.trunk, p.shaped = false, true
	default:
		p.shaped = p.trunk
	}
	n.ports = append(n.ports, &p)
	return &p
}

// end is the port as the end of a veth pair.
func (p *port) end(mtu int) end {
	i := p.index - firstPort
	return end{name: fmt.Sprintf("p%d", i), index: p.index, hardware: hardware(macPort, i), mtu: mtu}
}

// attach makes devices ports of their switches, which forward by static entries only.
// They are not up yet.
func (n *Network) attach(ports []*port) error {
	b := n.fabricC.batch()
	for _, p := range ports {
		err := b.add(setMaster(p.index, n.bridges[p.at]), "attach port", p.name)
		if err == nil {
			err = b.add(setPort(p.index, nl.IFLA_BRPORT_LEARNING, nl.IFLA_BRPORT_UNICAST_FLOOD,
				nl.IFLA_BRPORT_MCAST_FLOOD, nl.IFLA_BRPORT_BCAST_FLOOD), "set up port", p.name)
		}
		if err != nil {
			return err
		}
	}
	return b.send()
}

// bringUp brings ports up.
func (n *Network) bringUp(ports []*port) error {
	b := n.fabricC.batch()
	for _, p := range ports {
		if err := b.add(setUp(p.index), "bring up port", p.name); err != nil {
			return err
		}
	}
	return b.send()
}

// addForwarding writes the static entries of all switches: the port towards
// each host.
func (n *Network) addForwarding(ctx context.Context) error {
	if n.sticks != nil {
		return n.addRouting(ctx)
	}
	if n.guided {
		return nil
	}

	b := n.fabricC.batch()
	for _, ways := range n.ways(len(n.wired.Switches)) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := n.addEntries(ways, b); err != nil {
			return err
		}
	}
	return b.send()
}

// ways returns the ways from each of the first switches to all interfaces.
func (n *Network) ways(switches int) [][]topology.Step {
	all, routes := make([][]topology.Step, switches), n.wired.Routes()
	for at := range all {
		all[at] = make([]topology.Step, 0, len(n.interfaces))
	}
	for end := range n.wired.Switches {
		for s := range routes.To(end) {
			if s.At < switches {
				all[s.At] = append(all[s.At], s)
			}
		}
	}
	return all
}

// addEntries adds the entries of a switch. From one thread, and one switch's after the other's,
// they take half the time: the kernel has one lock for all of them (RTNL), and finds the
// switch's table in the processor's cache.
func (n *Network) addEntries(ways []topology.Step, b *batch) error {
	var message []byte
	for _, s := range ways {
		e, p := n.entryAt(s)
		message = e.appendTo(message[:0])
		if err := b.addMessage(message, "add a forwarding entry to port", p.name); err != nil {
			return err
		}
	}
	return nil
}

// entryAt returns the entry of a step, and the port that it is of.
func (n *Network) entryAt(s topology.Step) (entry, *port) {
	f := n.interfaces[s.Interface]
	p := f.port
	if s.Link != topology.Here {
		p = n.portOf(s.Link, n.wired.Switches[s.At])
	}
	return entry{index: p.index, hardware: f.mac}, p
}

// portOf returns the port of a switch to one of its links.
func (n *Network) portOf(link int, at string) *port {
	l := n.links[link]
	if l.spec.Between[0] == at {
		return l.port[0]
	}
	return l.port[1]
}

// carrier makes sure that every device has noticed that it is connected; until then a
// bridge port drops frames.
func (n *Network) carrier(ctx context.Context) error {
	if n.mediumC != nil {
		if _, err := connected(ctx, n.mediumC.raw.Socket, n.mediumEnds); err != nil {
			return fmt.Errorf("bring the medium up: %w", err)
		}
	}

	ports := slices.Concat(n.ports, n.boxPorts)
	indices := make([]int, len(ports))
	for i, p := range ports {
		indices[i] = p.index
	}
	found, err := connected(ctx, n.fabricC.raw.Socket, indices)
	if err != nil {
		return fmt.Errorf("bring the switches' ports up: %w", err)
	}
	if found, err = singleFrames(ctx, n.fabricC, ports, found); err != nil {
		return fmt.Errorf("limit the switches' ports: %w", err)
	}
	for i, p := range ports {
		p.device = found[i]
	}

	for _, h := range n.hosts {
		var devices []int
		for _, f := range h.interfaces {
			devices = append(devices, f.index)
		}
		if err := h.up(ctx, devices); err != nil {
			return err
		}
	}
	if err := n.routersUp(ctx); err != nil {
		return err
	}

	// From here on only a guide has more to tell.
	if !n.guided {
		for _, h := range n.hosts {
			h.letGo()
		}
	}
	for _, r := range n.routers {
		r.letGo()
	}
	return nil
}

// connected waits until devices are up, and returns what the kernel says about them.
func connected(ctx context.Context, socket *nl.NetlinkSocket, indices []int) ([]device, error) {
	const patience = 5 * time.Second
	for began, pause := time.Now(), 50*time.Microsecond; ; pause *= 2 {
		found, err := devices(socket, indices)
		if err != nil {
			return nil, fmt.Errorf("find devices: %w", err)
		}
		down := slices.IndexFunc(found, func(d device) bool { return !d.up })
		if down < 0 {
			return found, nil
		}

		if time.Since(began) > patience {
			return nil, fmt.Errorf("wait until device %d is up: it stays down", found[down].index)
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("wait until device %d is up: %w", found[down].index, ctx.Err())
		case <-time.After(pause):
		}
	}
}

// workers do parts of building at the same time, one for each processor.
type workers struct {
	*errgroup.Group
	context.Context
	number int
}

func newWorkers(ctx context.Context) *workers {
	g, ctx := errgroup.WithContext(ctx)
	return &workers{g, ctx, runtime.GOMAXPROCS(0)}
}
