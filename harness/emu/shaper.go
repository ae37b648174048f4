package emu

import (
	"fmt"

	"edgebed/harness/topology"
	"edgebed/nodes/units"
)

// Shaper is one direction of a link as its queue shows it: what should leave
// per time, what did, and what waits.
type Shaper struct {
	// Link is the direction's name, from switch to switch: "s0-s1".
	Link string
	// Rate that the link was given; 0 means unshaped, and the rest is zero too.
	Rate units.Rate
	// Frame is the longest frame of the link, with its Ethernet header.
	Frame units.Size
	// Sent is how much has left the queue since the network was built. Backlog
	// waits in it now.
	Sent, Backlog units.Size
	// Drops are the packets for which the queue had no room, or which its discipline
	// took.
	Drops int64
	// HeadDrops says that the discipline takes packets that wait, which have then
	// left Backlog without being Sent.
	HeadDrops bool
}

// Shapers reads the queues of all links, both directions of each, in one dump
// of the kernel. The order is that of the topology's links.
func (n *Network) Shapers() ([]Shaper, error) {
	if err := n.checkOpen(); err != nil {
		return nil, err
	}
	queues, err := n.fabricC.qdiscs()
	if err != nil {
		return nil, fmt.Errorf("read the queues of network %s: %w", n.topologyName(), err)
	}

	byPort := make(map[int]qdisc, 2*len(n.links))
	for _, q := range queues {
		if q.handle == fifoHandle {
			byPort[q.index] = q
		}
	}

	n.mu.Lock()
	defer n.mu.Unlock()

	list := make([]Shaper, 0, 2*len(n.links))
	for _, l := range n.links {
		for dir, port := range l.port {
			q := byPort[port.index]
			list = append(list, Shaper{
				Link: l.direction(dir), Rate: l.params[dir].Rate, Frame: l.params[dir].Frame(),
				Sent: units.Size(q.bytes), Backlog: units.Size(q.backlog), Drops: int64(q.drops),
				HeadDrops: l.params[dir].Discipline == topology.CoDel || l.params[dir].Discipline == topology.FQCoDel,
			})
		}
	}

	return list, nil
}

// direction names a direction of the link.
func (l *link) direction(dir int) string {
	return topology.PortName(l.ends[dir], l.ends[1-dir], l.suffix)
}
