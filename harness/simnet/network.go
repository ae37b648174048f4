package simnet

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"

	"edgebed/harness/network"
	"edgebed/harness/topology"
	"edgebed/nodes/yamlfile"
)

// Options are the settings of a network that are not in its topology.
type Options struct {
	// CongestionControl of TCP on all hosts: cubic, which is the default, or reno.
	CongestionControl string
	// Seed of losses and jitter, and of what the hosts' stacks draw: ports,
	// sequence numbers and identifiers.
	Seed uint64
	// WakeUp is how long a frame waits that reaches a host over links with a delay,
	// after a pause in which no host sent or was sent anything (see wakeup.go).
	WakeUp time.Duration
}

// Network is a network in virtual time. Its methods may be called from several
// goroutines.
type Network struct {
	opts     Options
	settings map[string]string
	schedule *schedule
	hosts    []*Host
	// cards of all hosts, in the order of the topology's Interfaces.
	cards []*card
	ports []*port
	// inner are the ports of the boxes at the hosts' ends of access links.
	inner []*port
	// links holds the ports of the topology's links, in the links' order.
	links [][2]*port

	// What follows is guarded by the schedule's lock.
	topology *topology.Topology
	// routers is how many of the switches, the first ones, are routers: all or none but the
	// boxes of access links.
	routers int
	// home is the card of an address; next is the port of a switch on the way to a card, its
	// own one at the last switch, by the indices of both.
	home map[netip.Addr]*card
	next [][]*port
	// distances are the shortest times, in ns, from each switch to each card.
	distances [][]int64
	// outbox is what hosts have sent at this instant; dispatch is the plan that puts it
	// on its way.
	outbox   []outgoing
	dispatch *plan
	// arrived waits to be taken by hosts' stacks, which wakes is planned for.
	arrived []arrival
	wakes   *plan
	// active is when a host last sent or was sent something, awake when what has
	// arrived can be taken.
	active, awake int64
	// flying counts frames on wires, held the ACKs that hosts hold back; moved is
	// when a frame last passed a port.
	flying, held int
	moved        int64
	closed       bool
	// late counts frames that reached a host after their time: none does.
	late int

	closeOnce sync.Once
}

// arrival is a frame that has reached a host's card.
type arrival struct {
	card *card
	frame
}

// Build makes the network of a topology. It lives until Close.
func Build(t *topology.Topology, opts Options) (*Network, error) {
	if opts.CongestionControl == "" {
		opts.CongestionControl = "cubic"
	}
	if err := t.Check(); err != nil {
		return nil, fmt.Errorf("build network: %w", err)
	}
	n := &Network{opts: opts, topology: t.Clone(), settings: map[string]string{}, schedule: newSchedule()}
	n.schedule.deliver = n.deliver
	n.dispatch = newPlan(n.transmit)
	n.wakes = newPlan(func(int64) {}) // what has arrived is delivered after each call
	n.schedule.start()
	if err := n.build(); err != nil {
		n.Close()
		return nil, fmt.Errorf("build network %s: %w", t.Name, err)
	}
	n.describe()
	return n, nil
}

func (n *Network) build() error {
	if err := n.topology.CanBe(network.Virtual()); err != nil {
		return err
	}
	if n.topology.IsRouted() {
		n.routers = len(n.topology.Switches)
	}

	wired := n.topology.Wired()
	if err := n.addHosts(wired); err != nil {
		return err
	}
	n.addLinks(wired)
	n.route(wired)
	n.measure()
	return nil
}

// addHosts makes the hosts, with their cards and what these are attached to.
func (n *Network) addHosts(wired *topology.Topology) error {
	tuning := tune(wired, n.opts)
	for i, spec := range n.topology.Hosts {
		h, err := n.newHost(spec, i, tuning)
		if err != nil {
			return fmt.Errorf("make host %s: %w", spec.Name, err)
		}
		n.hosts = append(n.hosts, h)
	}

	attached, queues := slices.Collect(wired.Interfaces()), smallQueues(wired)
	for f := range n.topology.Interfaces() {
		h, at := n.hosts[f.HostIndex], attached[len(n.cards)].Switch
		c, err := h.addCard(f)
		if err != nil {
			return fmt.Errorf("make %s of host %s: %w", f.Name(), f.Host, err)
		}
		c.port = &port{
			counters: network.PortCounters{Name: topology.PortName(at, f.Host, f.Suffix)},
			network:  n, card: c, at: slices.Index(wired.Switches, at),
		}
		c.smallQueue = queues[at]

		n.cards = append(n.cards, c)
		if f.HasAccess() {
			n.inner = append(n.inner, c.port)
		} else {
			n.ports = append(n.ports, c.port)
		}
	}

	for i, h := range n.hosts {
		h.setRoutes(n.topology, i)
	}
	return nil
}

// addLinks makes the ports at both ends of each link.
func (n *Network) addLinks(wired *topology.Topology) {
	names := n.topology.Places()
	for i, l := range wired.Links {
		var ends [2]*port
		for dir, p := range wired.Directions(l) {
			at := slices.Index(wired.Switches, l.Between[dir])
			ends[dir] = n.newTrunk(names.Name(i, dir), at, p, n.opts.Seed+uint64(i), uint64(dir))
		}
		ends[0].peer, ends[1].peer = ends[1], ends[0]
		n.links = append(n.links, ends)

		if i < len(n.topology.Links) {
			n.ports = append(n.ports, ends[0], ends[1])
			continue
		}
		ends[1].counters.Trunk = false
		n.inner, n.ports = append(n.inner, ends[0]), append(n.ports, ends[1])
	}
}

// route fills in what each switch knows: the port on the way to every card, as the
// emulation's tables have them.
func (n *Network) route(wired *topology.Topology) {
	n.home = make(map[netip.Addr]*card, len(n.cards))
	for _, c := range n.cards {
		n.home[c.address] = c
	}

	n.next = make([][]*port, len(wired.Switches))
	for at := range n.next {
		n.next[at] = make([]*port, len(n.cards))
	}
	routes := wired.Routes()
	for end := range wired.Switches {
		for s := range routes.To(end) {
			if s.Link == topology.Here {
				n.next[s.At][s.Interface] = n.cards[s.Interface].port
				continue
			}
			dir := slices.Index(wired.Links[s.Link].Between[:], wired.Switches[s.At])
			n.next[s.At][s.Interface] = n.links[s.Link][dir]
		}
	}
}

// forward sends a frame on from a switch or a router. It needs the lock.
func (n *Network) forward(now int64, at int, f frame) {
	if at < n.routers {
		// Linux takes a packet from its socket when it comes into a stack, which a router has
		// and a switch has not: from here on it is none of the sender's small queue.
		owner := f.sender
		defer owner.left(now, f.size)
		f.sender = nil
		f.hops++
	}

	var way *port
	if to := n.home[f.to]; to != nil && f.hops < ipv4.DefaultTTL {
		way = n.next[at][to.index]
	}
	if way == nil { // nobody's address, one that no way leads to, or a packet that has lived long enough
		f.packet.DecRef()
		f.sender.left(now, f.size)
		return
	}
	way.send(now, f)
}

// hand gives a frame to a host's card, once the lock is free. It needs the lock.
func (n *Network) hand(now int64, c *card, f frame) {
	if now < n.schedule.now() {
		n.late++
	}
	n.arrived = append(n.arrived, arrival{c, f})
	if at := n.wake(now, f); !n.wakes.waits() {
		n.schedule.set(n.wakes, at, at)
	}
}

// deliver has a host's stack take the first frame that has arrived. The next one comes a
// nanosecond later, when all is done about this one: a stack would answer several with
// one acknowledgment, and which goroutines run first would be the runtime's choice.
func (n *Network) deliver() {
	n.schedule.mu.Lock()
	now := n.schedule.now()
	if len(n.arrived) == 0 || now < n.awake {
		n.schedule.mu.Unlock()
		return
	}
	first := n.arrived[0]
	if n.arrived = slices.Delete(n.arrived, 0, 1); len(n.arrived) > 0 {
		n.schedule.set(n.wakes, now+instant, now+instant)
	}
	n.schedule.mu.Unlock()

	first.card.take(first.frame)
}

// Topology returns a copy of what the network is now, with all live changes.
func (n *Network) Topology() *topology.Topology {
	n.schedule.mu.Lock()
	defer n.schedule.mu.Unlock()
	return n.topology.Clone()
}

// Host returns the host of the given name.
func (n *Network) Host(name string) (*Host, error) {
	var names []string
	for _, h := range n.hosts {
		if h.spec.Name == name {
			return h, nil
		}
		names = append(names, h.spec.Name)
	}
	return nil, fmt.Errorf("find host: network %s has no host %q%s",
		n.topology.Name, name, yamlfile.Suggest(name, names))
}

// SetClass changes parameters of a link class while the network runs: frames that
// wait in a queue leave with the new ones. Overrides of single links stay on top.
func (n *Network) SetClass(name string, o topology.Override) error {
	return n.change(func(t *topology.Topology) error { return t.SetClass(name, topology.Class{Override: o}) })
}

// SetLinks changes parameters of directions of links while the network runs: either all or
// none. Later calls of SetClass keep them.
func (n *Network) SetLinks(changes ...topology.Change) error {
	return n.change(func(t *topology.Topology) error { return t.SetLinks(changes...) })
}

func (n *Network) change(do func(*topology.Topology) error) error {
	n.schedule.mu.Lock()
	defer n.schedule.mu.Unlock()
	n.schedule.catchUp()
	if n.closed {
		return fmt.Errorf("change network %s: %w", n.topology.Name, net.ErrClosed)
	}

	changed := n.topology.Clone()
	if err := do(changed); err != nil {
		return err
	}

	for i, l := range changed.AllLinks() {
		for dir, p := range changed.Directions(l) {
			if err := cmp.Or(n.links[i][dir].params.CanBecome(p), p.CanBe(network.Virtual())); err != nil {
				return fmt.Errorf("change link %s: %w", n.links[i][dir].counters.Name, err)
			}
		}
	}

	for i, l := range changed.AllLinks() {
		for dir, p := range changed.Directions(l) {
			n.links[i][dir].change(p)
		}
	}
	n.replan()

	n.topology = changed
	return nil
}

// Settings returns the facts of the network that could move a curve, for the
// records, by the names that package emu gives them. Where all hosts or all link
// directions agree there is one entry, else one for each, with its name after a
// dot.
func (n *Network) Settings() map[string]string { return maps.Clone(n.settings) }

func (n *Network) describe() {
	n.settings["topology"] = n.topology.Name
	n.settings["delay-backend"] = "virtual"
	n.settings["congestion-control"] = n.opts.CongestionControl

	links := network.Settings{}
	for _, ends := range n.links {
		for _, t := range ends {
			name, p := t.counters.Name, t.params
			links.Put("link-delay", name, p.Delay.String())
			links.Put("link-jitter", name, p.Jitter.String())
			if p.Jitter > 0 {
				links.Put("link-jitter-order", name, string(cmp.Or(p.JitterOrder, topology.FIFO)))
			}
			for key, value := range p.LossSettings() {
				links.Put(key, name, value)
			}

			if p.Rate == 0 {
				links.Put("link-rate", name, "unshaped")
				continue
			}

			links.Put("link-rate", name, p.Rate.String())
			links.Put("link-burst", name, fmt.Sprintf("%d B", p.Bucket(p.Burst)))
			links.Put("link-cburst", name, fmt.Sprintf("%d B", p.Bucket(p.CeilBurst)))
			if p.QueueBytes > 0 {
				links.Put("link-queue", name, fmt.Sprintf("%d B", p.QueueBytes))
			} else {
				links.Put("link-queue", name, fmt.Sprintf("%d packets", p.Queue))
			}
		}
	}

	links.Fold(n.settings)
}

// Counters returns the counters of all ports, all of one instant.
func (n *Network) Counters() (network.Counters, error) {
	n.schedule.mu.Lock()
	defer n.schedule.mu.Unlock()
	n.schedule.catchUp()
	return n.counters()
}

func (n *Network) counters() (network.Counters, error) {
	if n.closed {
		return network.Counters{}, fmt.Errorf("read counters of network %s: %w", n.topology.Name, net.ErrClosed)
	}
	c := network.Counters{Ports: make([]network.PortCounters, len(n.ports))}
	for i, p := range n.ports {
		c.Ports[i] = p.counters
	}
	return c, nil
}

// TCP sums the TCP counters of all hosts.
func (n *Network) TCP() (network.TCP, error) {
	var sum network.TCP
	for _, h := range n.hosts {
		s := h.stack.Stats().TCP
		sum.Retransmissions += int64(s.Retransmits.Value())
		sum.ActiveOpens += int64(s.ActiveConnectionOpenings.Value())
	}
	return sum, nil
}

// Idle waits until no frame has passed a port for the given time, and none waits
// anywhere. It returns the counters of then.
func (n *Network) Idle(ctx context.Context, quiet time.Duration) (network.Counters, error) {
	n.schedule.mu.Lock()
	defer n.schedule.mu.Unlock()
	for since := n.schedule.now(); ; {
		n.schedule.catchUp()
		since = max(since, n.moved)
		left := since + int64(quiet) - n.schedule.now()
		if left <= 0 {
			waiting := n.flying + n.held + len(n.outbox) + len(n.arrived)
			for _, t := range slices.Concat(n.ports, n.inner) {
				waiting += t.queue.len()
			}
			if waiting == 0 || n.closed {
				return n.counters()
			}
			left = int64(quiet / 8)
		}

		n.schedule.mu.Unlock()
		err := Sleep(ctx, time.Duration(left))
		n.schedule.mu.Lock()
		if err != nil {
			return network.Counters{}, fmt.Errorf("wait until network %s is idle: %w; %d frames on the wire",
				n.topology.Name, err, n.flying)
		}
	}
}

// Sleep waits for a time of the runtime's clock, or until ctx ends.
func Sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close ends the network. Connections of its hosts end with it.
func (n *Network) Close() error {
	n.closeOnce.Do(func() {
		n.schedule.mu.Lock()
		n.closed = true
		n.schedule.mu.Unlock()
		for _, h := range n.hosts {
			h.stack.Destroy()
		}
		n.schedule.stop()
	})
	return nil
}
