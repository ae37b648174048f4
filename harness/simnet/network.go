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
	ports    []*port
	// inner are the ports of the boxes at the hosts' ends of access links.
	inner []*port
	// links holds the ports of the topology's links, in the links' order.
	links [][2]*port

	// What follows is guarded by the schedule's lock.
	topology *topology.Topology
	// home is the host of an address; next is the port of a switch on the way to
	// another one, by the indices of both.
	home map[netip.Addr]*Host
	next [][]*port
	// distances are the shortest times, in ns, from each switch to each.
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

// arrival is a frame that has reached a host.
type arrival struct {
	host *Host
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
	t := n.topology.Wired()
	if err := t.CanBe(network.Virtual()); err != nil {
		return err
	}
	tuning := tune(t, n.opts)
	for i, spec := range t.Hosts {
		at := slices.Index(t.Switches, spec.Switch)
		h, err := n.newHost(n.topology.Hosts[i], i, tuning)
		if err != nil {
			return fmt.Errorf("make host %s: %w", spec.Name, err)
		}
		h.port = &port{
			counters: network.PortCounters{Name: spec.Switch + "-" + spec.Name},
			network:  n, host: h, at: at,
		}
		h.smallQueue = smallQueueAt(t, spec.Switch)
		n.hosts = append(n.hosts, h)
		if n.topology.Hosts[i].HasAccess() {
			n.inner = append(n.inner, h.port)
		} else {
			n.ports = append(n.ports, h.port)
		}
	}

	for i, l := range t.Links {
		var ends [2]*port
		for dir, p := range t.Directions(l) {
			from, to := l.Between[dir], l.Between[1-dir]
			ends[dir] = n.newTrunk(from+"-"+to, slices.Index(t.Switches, from), p, n.opts.Seed+uint64(i), uint64(dir))
		}
		ends[0].peer, ends[1].peer = ends[1], ends[0]
		n.links = append(n.links, ends)
		if !n.topology.IsAccess(l) {
			n.ports = append(n.ports, ends[0], ends[1])
			continue
		}
		ends[1].counters.Trunk = false
		n.inner, n.ports = append(n.inner, ends[0]), append(n.ports, ends[1])
	}
	n.route(t)
	n.measure()
	return nil
}

// route fills in the ports towards every switch with hosts, along the topology's
// paths.
func (n *Network) route(t *topology.Topology) {
	n.home = make(map[netip.Addr]*Host, len(n.hosts))
	n.next = make([][]*port, len(t.Switches))
	for i := range n.next {
		n.next[i] = make([]*port, len(t.Switches))
	}

	ends := map[int]bool{}
	for _, h := range n.hosts {
		n.home[h.spec.Address] = h
		ends[h.port.at] = true
	}
	for end := range ends {
		for at, link := range t.Toward(end) {
			if at == end {
				continue
			}
			dir := slices.Index(t.Links[link].Between[:], t.Switches[at])
			n.next[at][end] = n.links[link][dir]
		}
	}
}

// forward sends a frame on from a switch. It needs the lock.
func (n *Network) forward(now int64, at int, f frame) {
	to := n.home[f.to]
	switch {
	case to == nil: // nobody's address
		f.packet.DecRef()
		f.sender.left(now, f.size)
	case to.port.at == at:
		to.port.send(now, f)
	default:
		n.next[at][to.port.at].send(now, f)
	}
}

// hand gives a frame to a host, once the lock is free. It needs the lock.
func (n *Network) hand(now int64, h *Host, f frame) {
	if now < n.schedule.now() {
		n.late++
	}
	n.arrived = append(n.arrived, arrival{h, f})
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

	first.host.take(first.frame)
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
				return fmt.Errorf("change link %s-%s: %w", l.Between[dir], l.Between[1-dir], err)
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
