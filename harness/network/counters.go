package network

import (
	"fmt"
	"slices"
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
	Trunk bool
	// Shaped ports lead to a link whose queue has a limit, so that drops are its own.
	Shaped                                 bool
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

// SentAll sums what left all ports: every frame once per switch traversed,
// including the port to the receiving host, which is the paper's traffic
// (prototype: scripts/ovs-stat.py).
func (c Counters) SentAll() (bytes, packets int64) {
	for _, p := range c.Ports {
		bytes += p.TxBytes
		packets += p.TxPackets
	}
	return bytes, packets
}

// SentTrunks sums what left the ports that lead to other switches: every frame
// once per link between switches.
func (c Counters) SentTrunks() (bytes, packets int64) {
	for _, p := range c.Ports {
		if p.Trunk {
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

// Moved says whether anything has passed between two readings, or waits now.
func (c Counters) Moved(before Counters) bool {
	for i, p := range c.Ports {
		b := before.Ports[i]
		if p.Queued > 0 || p.TxPackets != b.TxPackets || p.RxPackets != b.RxPackets {
			return true
		}
	}
	return false
}

// Busiest names the port on which most happened since before.
func (c Counters) Busiest(before Counters) string {
	top, most := "", int64(-1)
	for i, p := range c.Ports {
		if moved := p.TxPackets - before.Ports[i].TxPackets + p.Queued; moved > most {
			most, top = moved, fmt.Sprintf("port %s, %d packets sent, %d waiting", p.Name,
				p.TxPackets-before.Ports[i].TxPackets, p.Queued)
		}
	}
	return top
}

// TCP is what the TCP of all hosts has done since the network was built.
// Connections of a host with itself are in it.
type TCP struct {
	// Retransmissions are segments that were sent again, ActiveOpens connections
	// that were opened.
	Retransmissions, ActiveOpens int64
}

// Add returns what both counted together.
func (t TCP) Add(more TCP) TCP {
	return TCP{t.Retransmissions + more.Retransmissions, t.ActiveOpens + more.ActiveOpens}
}

// Sub returns what was done since before.
func (t TCP) Sub(before TCP) TCP {
	return TCP{t.Retransmissions - before.Retransmissions, t.ActiveOpens - before.ActiveOpens}
}
