package emu

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"edgebed/harness/emu/delayline"
	"edgebed/harness/topology"
	"edgebed/nodes/yamlfile"
)

// firstIndex is the interface index of the first port. If the two ends of a
// veth had the same index in their namespaces, the kernel would take the pair
// for a single device and delay the news of its carrier by up to a second, in
// which bridges drop what they get. Counting from a high number keeps ports
// apart from the low ones that the kernel gives their peers.
const firstIndex = 100_000

// mtu of all devices.
const mtu = int(topology.Frame) - 14

// Network is an emulated network. Its methods may be called from several
// goroutines.
type Network struct {
	opts     Options
	home     *os.File
	hosts    []*Host
	ports    []port
	links    []*link
	backend  Backend
	relay    *delayline.Relay
	settings map[string]string

	fabric, wire   *namespace
	fabricC, wireC *conn          // wire and wireC are nil if no link is delayed
	bridges        map[string]int // interface index by switch
	nextIndex      int            // of the next port
	wireEnds       []int          // interface indices of the wire's devices
	steps          []step         // of building

	mu       sync.Mutex         // guards what live changes change:
	topology *topology.Topology // and its links' parameters

	closeOnce sync.Once
	closeErr  error
	closed    chan struct{}  // closed by Close
	captures  sync.WaitGroup // that run
}

// port is one port of a switch.
type port struct {
	name  string // "s0-s1" or "s0-host0"
	index int
	trunk bool
}

// link is one link between switches. Its ends and directions have the order of
// the topology: direction 0 leaves end 0.
type link struct {
	spec   topology.LinkSpec
	port   [2]int // interface indices in the fabric
	params [2]topology.Params
	line   int    // index of the relay's line, or -1
	wire   [2]int // interface indices in the wire, or zero
}

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
		opts: opts, topology: t.Clone(), backend: None, settings: map[string]string{},
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

// checkFiles refuses a network that needs more open files than the process may
// have: a namespace and two sockets for each host, two sockets for each line.
func (n *Network) checkFiles() error {
	const others = 100
	need := uint64(3*len(n.topology.Hosts) + 2*len(n.topology.Links) + others)
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
	for i, s := range n.topology.Switches {
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
	macWire
	macProbe
)

func (n *Network) addSwitch(i int, name string) error {
	off := false
	bridge := &netlink.Bridge{
		LinkAttrs: netlink.LinkAttrs{Name: fmt.Sprintf("b%d", i), MTU: mtu,
			HardwareAddr: hardware(macBridge, i), GSOMaxSegs: 1},
		MulticastSnooping: &off,
	}

	if err := n.fabricC.LinkAdd(bridge); err != nil {
		return fmt.Errorf("add a bridge: %w%s", err, missing(err, "bridge"))
	}

	n.bridges[name] = bridge.Index
	return n.fabricC.LinkSetUp(bridge)
}

// addPort makes a veth whose near end is a port of a switch. Its other end is
// named peer, in the given namespace. The port is not up yet.
func (n *Network) addPort(at, toward string, trunk bool, peer string, peerNS *namespace,
	peerMAC net.HardwareAddr) (port, error) {
	p := port{name: at + "-" + toward, index: n.nextIndex, trunk: trunk}
	n.nextIndex++
	i := p.index - firstIndex

	veth := &netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{
			Name: fmt.Sprintf("p%d", i), Index: p.index, MTU: mtu, GSOMaxSegs: 1,
			HardwareAddr: hardware(macPort, i), MasterIndex: n.bridges[at],
		},
		PeerName: peer, PeerNamespace: netlink.NsFd(peerNS.file.Fd()), PeerHardwareAddr: peerMAC, PeerMTU: uint32(mtu),
	}

	if err := n.fabricC.LinkAdd(veth); err != nil {
		return p, fmt.Errorf("add a veth pair for port %s: %w%s", p.name, err, missing(err, "veth"))
	}

	if err := n.isolate(p.index); err != nil {
		return p, fmt.Errorf("set up port %s: %w", p.name, err)
	}

	n.ports = append(n.ports, p)
	return p, nil
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

func (n *Network) addLinks(ctx context.Context) error {
	needed := n.opts.LiveDelay
	for _, spec := range n.topology.Links {
		p := n.topology.Directions(spec)
		n.links = append(n.links, &link{spec: spec, params: p, line: -1})
		needed = needed || delayed(p[0]) || delayed(p[1])
	}

	if needed && len(n.links) > 0 {
		if err := n.openWire(); err != nil {
			return err
		}
	}

	var lines []delayline.Line
	defer func() {
		// The relay takes over the files of the lines; this is for errors
		// before that.
		for _, l := range lines {
			l.A.Close()
			l.B.Close()
		}
	}()

	for i, l := range n.links {
		line, err := n.addLink(i, l)
		if line != nil {
			l.line = len(lines)
			lines = append(lines, *line)
		}
		if err != nil {
			return fmt.Errorf("make link %s-%s: %w", l.spec.Between[0], l.spec.Between[1], err)
		}
	}

	if len(lines) == 0 {
		return nil
	}

	// From here on the relay closes the files.
	started := lines
	lines = nil
	var err error
	if n.relay, err = delayline.Start(ctx, started); err != nil {
		return fmt.Errorf("start the delay line: %w", err)
	}

	return nil
}

// openWire makes the wire's namespace and decides on the back end.
func (n *Network) openWire() (err error) {
	if n.wire, err = newNamespace(n.home, func() error { return writeAll(quiet) }); err != nil {
		return fmt.Errorf("make the wire's namespace: %w", err)
	}

	if n.wireC, err = n.wire.dial(); err != nil {
		return err
	}

	n.backend = n.opts.Delay
	if n.backend == DelayLine {
		return nil
	}

	support, err := n.wireC.probeNetem()
	n.settings["netem"] = support.String()
	switch {
	case support == Available:
		n.backend = Netem
	case n.opts.Delay == Auto:
		if err != nil {
			n.settings["netem"] += ": " + err.Error()
		}
		n.backend = DelayLine
	case err != nil:
		return err
	default:
		return errors.New("use netem: this kernel does not have it; load sch_netem, or choose the delay line")
	}

	return nil
}

// addLink makes one link. It returns the relay's line if it has one.
func (n *Network) addLink(i int, l *link) (*delayline.Line, error) {
	a, b := l.spec.Between[0], l.spec.Between[1]
	if n.wire == nil || !n.opts.LiveDelay && !delayed(l.params[0]) && !delayed(l.params[1]) {
		return nil, n.addPlainLink(i, l)
	}

	var names [2]string
	for end := range 2 {
		names[end] = fmt.Sprintf("w%d", 2*i+end)
		p, err := n.addPort(l.spec.Between[end], l.spec.Between[1-end], true, names[end], n.wire,
			hardware(macWire, 2*i+end))
		if err != nil {
			return nil, err
		}

		l.port[end] = p.index
		if err := n.fabricC.shape(p.index, l.params[end]); err != nil {
			return nil, fmt.Errorf("shape port %s: %w", p.name, err)
		}

		inner, err := n.wireC.LinkByName(names[end])
		if err != nil {
			return nil, fmt.Errorf("find the wire end of port %s: %w", p.name, err)
		}
		l.wire[end] = inner.Attrs().Index
		n.wireEnds = append(n.wireEnds, l.wire[end])

		if err := n.wireC.LinkSetGSOMaxSegs(inner, 1); err != nil {
			return nil, fmt.Errorf("turn segmentation off on the wire: %w", err)
		}
	}

	if n.backend == Netem {
		if err := n.joinByNetem(i, l); err != nil {
			return nil, err
		}
	}

	for end := range 2 {
		if err := errors.Join(n.wireC.LinkSetUp(device(l.wire[end])),
			n.fabricC.LinkSetUp(device(l.port[end]))); err != nil {
			return nil, fmt.Errorf("bring the link up: %w", err)
		}
	}

	if n.backend == Netem {
		return nil, nil
	}

	line := &delayline.Line{AB: lineParams(l.params[0]), BA: lineParams(l.params[1]), Seed: n.opts.Seed + uint64(i)}
	err := n.wire.do(func() (err error) {
		if line.A, err = delayline.Open(names[0]); err != nil {
			return err
		}
		if line.B, err = delayline.Open(names[1]); err != nil {
			return errors.Join(err, line.A.Close())
		}
		return nil
	})

	if err != nil {
		return nil, fmt.Errorf("open the delay line of %s-%s: %w", a, b, err)
	}
	return line, nil
}

// addPlainLink makes a link without delay: one veth pair from port to port.
func (n *Network) addPlainLink(i int, l *link) error {
	a, b := l.spec.Between[0], l.spec.Between[1]
	temporary := fmt.Sprintf("q%d", i)
	near, err := n.addPort(a, b, true, temporary, n.fabric, hardware(macPort, 1<<20+i))
	if err != nil {
		return err
	}

	far, err := n.fabricC.LinkByName(temporary)
	if err != nil {
		return fmt.Errorf("find the other end of port %s: %w", near.name, err)
	}

	l.port = [2]int{near.index, far.Attrs().Index}
	n.ports = append(n.ports, port{name: b + "-" + a, index: l.port[1], trunk: true})

	// A veth has two ends in one namespace here: the far one becomes a port as well.
	if err := errors.Join(
		n.fabricC.LinkSetGSOMaxSegs(far, 1),
		n.fabricC.LinkSetMasterByIndex(far, n.bridges[b]),
	); err != nil {
		return fmt.Errorf("set up port %s-%s: %w", b, a, err)
	}
	if err := n.isolate(l.port[1]); err != nil {
		return fmt.Errorf("set up port %s-%s: %w", b, a, err)
	}

	for end, index := range l.port {
		if err := n.fabricC.shape(index, l.params[end]); err != nil {
			return fmt.Errorf("shape the port of switch %s: %w", l.spec.Between[end], err)
		}
	}
	for _, index := range l.port {
		if err := n.fabricC.LinkSetUp(device(index)); err != nil {
			return fmt.Errorf("bring the link up: %w", err)
		}
	}

	return nil
}

// joinByNetem connects the two wire ends of a link by a bridge that floods, and
// puts each direction's netem on the end where it leaves the wire.
func (n *Network) joinByNetem(i int, l *link) error {
	off := false
	bridge := &netlink.Bridge{
		LinkAttrs: netlink.LinkAttrs{Name: fmt.Sprintf("j%d", i), MTU: mtu,
			HardwareAddr: hardware(macBridge, 1<<20+i)},
		MulticastSnooping: &off,
	}

	if err := n.wireC.LinkAdd(bridge); err != nil {
		return fmt.Errorf("add the wire's bridge: %w", err)
	}

	for end := range 2 {
		if err := n.wireC.LinkSetMasterByIndex(device(l.wire[end]), bridge.Index); err != nil {
			return fmt.Errorf("attach a wire end: %w", err)
		}
		if err := n.wireC.setPort(l.wire[end], map[int]bool{nl.IFLA_BRPORT_LEARNING: false}); err != nil {
			return fmt.Errorf("attach a wire end: %w", err)
		}

		q, err := netem(l.wire[1-end], l.params[end])
		if err != nil {
			return err
		}
		if err := n.wireC.QdiscAdd(q); err != nil {
			return fmt.Errorf("add netem: %w", err)
		}
	}

	return n.wireC.LinkSetUp(bridge)
}

// addForwarding writes the static entries of all switches: the port towards
// each host.
func (n *Network) addForwarding(ctx context.Context) error {
	t := n.topology
	byName := make(map[string]int, len(n.ports))
	for _, p := range n.ports {
		byName[p.name] = p.index
	}

	bySwitch := map[string][]*Host{}
	for _, h := range n.hosts {
		bySwitch[h.spec.Switch] = append(bySwitch[h.spec.Switch], h)
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
				toward := h.spec.Name
				if at != end {
					toward = t.Links[next[at]].Other(name)
				}
				entries = append(entries, entry{index: byName[name+"-"+toward], hardware: h.mac})
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

	for _, index := range n.wireEnds {
		if err := wait(n.wireC, index); err != nil {
			return err
		}
	}

	for _, p := range n.ports {
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

// Topology returns a copy of what the network is now, with all live changes to
// link classes.
func (n *Network) Topology() *topology.Topology {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.topology.Clone()
}

// Hosts returns the hosts in the topology's order.
func (n *Network) Hosts() []*Host { return slices.Clone(n.hosts) }

// Host returns the host of the given name.
func (n *Network) Host(name string) (*Host, error) {
	var names []string
	for _, h := range n.hosts {
		if h.spec.Name == name {
			return h, nil
		}
		names = append(names, h.spec.Name)
	}
	return nil, fmt.Errorf("find host: network %s has no host %q%s", n.topology.Name, name,
		yamlfile.Suggest(name, names))
}

// Backend returns what makes the delay of links: Netem, DelayLine, or None if
// none is delayed.
func (n *Network) Backend() Backend { return n.backend }

// Relay returns the delay line, whose statistics say how punctual it was, or
// nil if there is none. Its lines are those of DelayedLinks. It is closed by
// Close.
func (n *Network) Relay() *delayline.Relay { return n.relay }

// DelayedLinks names the relay's lines, for instance "s0-s1"; from A to B is
// from the first switch to the second.
func (n *Network) DelayedLinks() []string {
	var names []string
	for _, l := range n.links {
		if l.line >= 0 {
			names = append(names, l.spec.Between[0]+"-"+l.spec.Between[1])
		}
	}
	return names
}

// SetClass changes parameters of a link class while the network runs, in place:
// frames that wait in a queue or on the wire stay. Overrides of single links
// stay on top.
func (n *Network) SetClass(name string, o topology.Override) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	changed := n.topology.Clone()
	if err := changed.SetClass(name, o); err != nil {
		return err
	}
	for _, l := range n.links {
		if l.spec.Class != name {
			continue
		}
		if err := n.change(l, changed.Directions(l.spec)); err != nil {
			return err
		}
	}
	n.topology = changed
	return nil
}

// SetLink changes parameters of one direction of one link while the network
// runs, in place. Later calls of SetClass keep them.
func (n *Network) SetLink(from, to string, o topology.Override) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	changed := n.topology.Clone()
	if err := changed.SetLink(from, to, o); err != nil {
		return err
	}

	for i, l := range n.links {
		if l.spec.Between != [2]string{from, to} && l.spec.Between != [2]string{to, from} {
			continue
		}
		if err := n.change(l, changed.Directions(changed.Links[i])); err != nil {
			return err
		}
		l.spec = changed.Links[i]
	}

	n.topology = changed
	return nil
}

// change gives a link new parameters in place.
func (n *Network) change(l *link, to [2]topology.Params) error {
	fail := func(dir int, err error) error {
		return fmt.Errorf("change link %s-%s: %w", l.spec.Between[dir], l.spec.Between[1-dir], err)
	}

	redelay := false
	for dir := range 2 {
		if err := to[dir].Validate(); err != nil {
			return fail(dir, err)
		}
		redelay = redelay || lineParams(to[dir]) != lineParams(l.params[dir])
	}

	if redelay && l.wire[0] == 0 {
		return fail(0,
			errors.New("it was built without delay, jitter and loss; build the network with the LiveDelay option"))
	}

	for dir := range 2 {
		if err := n.fabricC.reshape(l.port[dir], l.params[dir], to[dir]); err != nil {
			return fail(dir, err)
		}
		if n.backend == Netem && l.wire[0] != 0 && to[dir] != l.params[dir] {
			if ordered(l.params[dir]) && !ordered(to[dir]) {
				return fail(dir, errors.New("netem cannot give up the order of frames in place; "+
					"build the network with jitter-order reorder, or with the delay line"))
			}
			q, err := netem(l.wire[1-dir], to[dir])
			if err == nil {
				err = n.wireC.QdiscChange(q)
			}
			if err != nil {
				return fail(dir, fmt.Errorf("change netem: %w", err))
			}
		}
	}

	if redelay && l.line >= 0 {
		if err := n.relay.Set(l.line, lineParams(to[0]), lineParams(to[1])); err != nil {
			return fail(0, err)
		}
	}

	l.params = to
	return nil
}

// Close takes the network down: the relay ends, captures end, and the kernel
// removes the namespaces with all devices once nothing uses them. Sockets that
// were opened in hosts, and processes that were started there, keep their
// namespace until they end.
func (n *Network) Close() error {
	n.closeOnce.Do(func() {
		n.mu.Lock()
		close(n.closed)
		n.mu.Unlock()
		n.captures.Wait()

		var errs []error
		if n.relay != nil {
			errs = append(errs, n.relay.Close())
		}

		for _, h := range n.hosts {
			errs = append(errs, h.close())
		}
		for _, c := range []*conn{n.fabricC, n.wireC} {
			if c != nil {
				c.Close()
			}
		}

		for _, ns := range []*namespace{n.fabric, n.wire} {
			if ns != nil {
				errs = append(errs, ns.Close())
			}
		}

		if n.home != nil {
			errs = append(errs, n.home.Close())
		}
		n.closeErr = errors.Join(errs...)
	})
	return n.closeErr
}

// checkOpen returns an error after Close.
func (n *Network) checkOpen() error {
	select {
	case <-n.closed:
		return fmt.Errorf("use network %s: %w", n.topology.Name, net.ErrClosed)
	default:
		return nil
	}
}

// lineParams returns the parameters of a link that are not the shaper's.
func lineParams(p topology.Params) delayline.Params {
	return delayline.Params{
		Delay: p.Delay, Jitter: p.Jitter, Loss: float64(p.Loss),
		Reorder: p.Jitter > 0 && p.JitterOrder == topology.Reorder,
	}
}

// delayed says whether a link's direction needs more than a shaper.
func delayed(p topology.Params) bool { return lineParams(p) != delayline.Params{} }
