package emu

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"edgebed/harness/network"
)

// Counters reads the counters of all ports, in two dumps of the kernel. They
// are not taken at one instant: read them when the network is Idle.
func (n *Network) Counters() (network.Counters, error) {
	if err := n.checkOpen(); err != nil {
		return network.Counters{}, err
	}

	stats, err := n.fabricC.stats()
	if err != nil {
		return network.Counters{}, fmt.Errorf("read counters of network %s: %w", n.topologyName(), err)
	}

	queues, err := n.fabricC.qdiscs()
	if err != nil {
		return network.Counters{}, fmt.Errorf("read counters of network %s: %w", n.topologyName(), err)
	}

	fifos := make(map[int]qdisc, len(queues))
	for _, q := range queues {
		if q.handle == fifoHandle {
			fifos[q.index] = q
		}
	}

	c := network.Counters{Ports: make([]network.PortCounters, len(n.ports))}
	for i, p := range n.ports {
		s, ok := stats[p.index]
		if !ok {
			return network.Counters{}, fmt.Errorf("read counters of network %s: port %s is gone", n.topologyName(),
				p.name)
		}
		q := fifos[p.index]
		c.Ports[i] = network.PortCounters{
			Name: p.name, Trunk: p.trunk, Shaped: p.shaped,
			TxBytes: int64(s.TxBytes), TxPackets: int64(s.TxPackets),
			RxBytes: int64(s.RxBytes), RxPackets: int64(s.RxPackets),
			Drops:   int64(s.TxDropped) + int64(q.drops),
			Backlog: int64(q.backlog), Queued: int64(q.queued),
		}
	}

	return c, nil
}

// inMedium counts the frames that are in the delay stages of links.
func (n *Network) inMedium(ctx context.Context) (queued uint64, err error) {
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
		queues, err := n.mediumC.qdiscs()
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
func (n *Network) Idle(ctx context.Context, quiet time.Duration) (network.Counters, error) {
	pause := min(max(quiet/8, 500*time.Microsecond), 10*time.Millisecond)
	last, err := n.Counters()
	if err != nil {
		return network.Counters{}, err
	}

	since, busy := time.Now(), ""
	for {
		select {
		case <-ctx.Done():
			return network.Counters{}, fmt.Errorf("wait until network %s is idle: %w; last seen busy: %s",
				n.topologyName(), ctx.Err(), busy)
		case <-time.After(pause):
		}

		now := time.Now()
		c, err := n.Counters()
		if err != nil {
			return network.Counters{}, err
		}

		if c.Moved(last) {
			since, busy = now, c.Busiest(last)
		}
		last = c
		if now.Sub(since) < quiet {
			continue
		}

		// Nothing moved in the switches for long enough; a delay line may still hold frames.
		waiting, err := n.inMedium(ctx)
		if err != nil {
			return network.Counters{}, fmt.Errorf("wait until network %s is idle: %w", n.topologyName(), err)
		}
		if waiting == 0 {
			return c, nil
		}

		since, busy = now, fmt.Sprintf("%d frames on the wire", waiting)
	}
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

// TCP sums the TCP counters of all hosts.
func (n *Network) TCP() (network.TCP, error) {
	var sum network.TCP
	for _, h := range n.hosts {
		c, err := h.TCP()
		if err != nil {
			return sum, err
		}
		sum.Retransmissions += c["RetransSegs"]
		sum.ActiveOpens += c["ActiveOpens"]
	}
	return sum, nil
}
