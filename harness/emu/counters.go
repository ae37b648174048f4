package emu

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Counters are what has passed the network's switches since it was built.
type Counters struct {
	// Ports in the order in which they were made, which is the same for the
	// same topology.
	Ports []PortCounters
}

// PortCounters counts the frames of one switch port, with all headers from
// Ethernet up. Tx leaves the switch.
type PortCounters struct {
	// Name is the switch and what the port leads to, for instance "s0-s1" or
	// "s0-host0".
	Name string
	// Trunk ports lead to another switch.
	Trunk                                  bool
	TxBytes, TxPackets, RxBytes, RxPackets int64
	// Drops counts packets that the port's queue had no room for, or that its
	// device could not send. Losses that a link was asked for are not in it.
	Drops int64
	// Backlog and Queued are what waits in the port's queue now, in bytes and
	// packets.
	Backlog, Queued int64
}

// Sub returns what has passed since before, port by port. Backlog and Queued
// are those of c. Both must be of the same network.
func (c Counters) Sub(before Counters) Counters {
	d := Counters{Ports: slices.Clone(c.Ports)}
	for i := range min(len(d.Ports), len(before.Ports)) {
		p, b := &d.Ports[i], before.Ports[i]
		p.TxBytes -= b.TxBytes
		p.TxPackets -= b.TxPackets
		p.RxBytes -= b.RxBytes
		p.RxPackets -= b.RxPackets
		p.Drops -= b.Drops
	}
	return d
}

// Add returns c with what another count of the same network found on top. Backlog
// and Queued are those of c.
func (c Counters) Add(more Counters) Counters {
	sum := Counters{Ports: slices.Clone(c.Ports)}
	for i := range min(len(sum.Ports), len(more.Ports)) {
		p, m := &sum.Ports[i], more.Ports[i]
		p.TxBytes += m.TxBytes
		p.TxPackets += m.TxPackets
		p.RxBytes += m.RxBytes
		p.RxPackets += m.RxPackets
		p.Drops += m.Drops
	}
	return sum
}

// Sent sums what left all ports: every frame once per switch traversed,
// including the port to the receiving host, which is the paper's traffic
// (prototype: scripts/ovs-stat.py). Trunk ports only with trunk.
func (c Counters) Sent(trunk bool) (bytes, packets int64) {
	for _, p := range c.Ports {
		if p.Trunk || !trunk {
			bytes += p.TxBytes
			packets += p.TxPackets
		}
	}
	return bytes, packets
}

// Drops sums the drops of all ports.
func (c Counters) Drops() int64 {
	var sum int64
	for _, p := range c.Ports {
		sum += p.Drops
	}
	return sum
}

// moved says whether anything has passed between two readings, or waits now.
func (c Counters) moved(before Counters) bool {
	for i, p := range c.Ports {
		b := before.Ports[i]
		if p.Queued > 0 || p.TxPackets != b.TxPackets || p.RxPackets != b.RxPackets {
			return true
		}
	}
	return false
}

// Counters reads the counters of all ports, in two dumps of the kernel. They
// are not taken at one instant: read them when the network is Idle.
func (n *Network) Counters() (Counters, error) {
	if err := n.checkOpen(); err != nil {
		return Counters{}, err
	}
	stats, err := n.fabricC.stats()
	if err != nil {
		return Counters{}, fmt.Errorf("read counters of network %s: %w", n.topologyName(), err)
	}
	queues, err := n.fabricC.qdiscs()
	if err != nil {
		return Counters{}, fmt.Errorf("read counters of network %s: %w", n.topologyName(), err)
	}
	fifos := make(map[int]qdisc, len(queues))
	for _, q := range queues {
		if q.handle == fifoHandle {
			fifos[q.index] = q
		}
	}
	c := Counters{Ports: make([]PortCounters, len(n.ports))}
	for i, p := range n.ports {
		s, ok := stats[p.index]
		if !ok {
			return Counters{}, fmt.Errorf("read counters of network %s: port %s is gone", n.topologyName(), p.name)
		}
		q := fifos[p.index]
		c.Ports[i] = PortCounters{
			Name: p.name, Trunk: p.trunk,
			TxBytes: int64(s.TxBytes), TxPackets: int64(s.TxPackets),
			RxBytes: int64(s.RxBytes), RxPackets: int64(s.RxPackets),
			Drops:   int64(s.TxDropped) + int64(q.drops),
			Backlog: int64(q.backlog), Queued: int64(q.queued),
		}
	}
	return c, nil
}

// onWire counts the frames that are in the delay stages of links.
func (n *Network) onWire(ctx context.Context) (queued uint64, err error) {
	switch n.backend {
	case DelayLine:
		s, err := n.relay.Stats(ctx)
		if err != nil {
			return 0, err
		}
		for _, l := range s.Lines {
			queued += l.AB.Queued + l.BA.Queued
		}
	case Netem:
		queues, err := n.wireC.qdiscs()
		if err != nil {
			return 0, err
		}
		for _, q := range queues {
			queued += uint64(q.queued)
		}
	}
	return queued, nil
}

// Idle waits until nothing has moved on any port for the given time, and
// nothing waits in a queue or on the wire. It returns the counters of then. It
// fails if the context ends first; the error says where the traffic was.
func (n *Network) Idle(ctx context.Context, quiet time.Duration) (Counters, error) {
	pause := min(max(quiet/8, 500*time.Microsecond), 10*time.Millisecond)
	last, err := n.Counters()
	if err != nil {
		return Counters{}, err
	}
	since, busy := time.Now(), ""
	for {
		select {
		case <-ctx.Done():
			return Counters{}, fmt.Errorf("wait until network %s is idle: %w; last seen busy: %s", n.topologyName(), ctx.Err(), busy)
		case <-time.After(pause):
		}
		now := time.Now()
		c, err := n.Counters()
		if err != nil {
			return Counters{}, err
		}
		if c.moved(last) {
			since, busy = now, c.busiest(last)
		}
		last = c
		if now.Sub(since) < quiet {
			continue
		}
		waiting, err := n.onWire(ctx)
		if err != nil {
			return Counters{}, fmt.Errorf("wait until network %s is idle: %w", n.topologyName(), err)
		}
		if waiting == 0 {
			return c, nil
		}
		since, busy = now, fmt.Sprintf("%d frames on the wire", waiting)
	}
}

// busiest names the port on which most happened since before.
func (c Counters) busiest(before Counters) string {
	top, most := "", int64(-1)
	for i, p := range c.Ports {
		if moved := p.TxPackets - before.Ports[i].TxPackets + p.Queued; moved > most {
			most, top = moved, fmt.Sprintf("port %s, %d packets sent, %d waiting", p.Name, p.TxPackets-before.Ports[i].TxPackets, p.Queued)
		}
	}
	return top
}

func (n *Network) topologyName() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.topology.Name
}

// parseCounters reads one group, for instance "Tcp:", of /proc/net/snmp or
// netstat: a line of names and a line of values.
func parseCounters(text, group string, into map[string]int64) error {
	var names []string
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0] != group {
			continue
		}
		if names == nil {
			names = fields
			continue
		}
		if len(fields) != len(names) {
			return fmt.Errorf("parse group %s: %d values for %d names", group, len(fields)-1, len(names)-1)
		}
		for i, name := range names[1:] {
			v, err := strconv.ParseInt(fields[i+1], 10, 64)
			if err != nil {
				return fmt.Errorf("parse group %s: %s is %q", group, name, fields[i+1])
			}
			into[name] = v
		}
		return nil
	}
	return fmt.Errorf("parse group %s: it is not there", group)
}
