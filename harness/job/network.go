package job

import (
	"slices"
	"strings"

	"edgebed/harness/fate"
	"edgebed/harness/record"
	"edgebed/harness/topology"
)

// Network returns the job's network as the records hold it. Ports have the names
// that every back end counts their traffic by: the switch, a dash, and the peer.
func (j *Job) Network() *record.Network {
	t := j.Topology()
	n := &record.Network{Topology: t.Name, Switches: t.Switches}
	for _, h := range t.Hosts {
		n.Hosts = append(n.Hosts, record.Host{Name: h.Name, Address: h.Address.String(), Switch: h.Switch})
		n.Ports = append(n.Ports, record.NetworkPort{Name: h.Switch + "-" + h.Name, Switch: h.Switch, Peer: h.Name})
	}

	suffixes := t.Suffixes()
	for i, l := range t.AllLinks() {
		both := t.Directions(l)
		a, b := l.Between[0], l.Between[1]
		if !t.IsAccess(l) {
			n.Ports = append(n.Ports, trunk(a, b+suffixes[i], both[0]), trunk(b, a+suffixes[i], both[1]))
			continue
		}

		k := slices.IndexFunc(t.Hosts, func(h topology.HostSpec) bool { return h.Name == a })
		up, down := trunk(a, b, both[0]), trunk(b, a, both[1])
		up.Trunk, down.Trunk = false, false
		n.Hosts[k].Uplink, n.Ports[k] = &up, down
	}
	return n
}

// trunk is the port of a switch to another one, whose name has a suffix where there are
// several.
func trunk(from, to string, p topology.Params) record.NetworkPort {
	peer, _, _ := strings.Cut(to, "#")
	port := record.NetworkPort{
		Name: from + "-" + to, Switch: from, Peer: peer, Trunk: true,
		RateBPS: int64(p.Rate), DelayNS: int64(p.Delay), JitterNS: int64(p.Jitter), Loss: p.MeanLoss(),
		Duplicate: float64(p.Duplicate), Corrupt: float64(p.Corrupt),
	}
	if b := p.Odds().Bursts; b != (fate.GilbertElliott{}) {
		bursts := record.Bursts(b)
		port.Bursts = &bursts
	}
	switch {
	case p.Rate > 0 && p.QueueBytes > 0:
		port.QueueBytes = int64(p.QueueBytes)
	case p.Rate > 0:
		port.Queue = p.Queue
	}
	if p.Rate > 0 && p.Discipline != topology.Drop {
		port.Discipline = string(p.Discipline)
	}
	return port
}
