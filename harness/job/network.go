package job

import (
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
	for i, l := range t.Links {
		for direction, p := range t.Directions(l) {
			from, to := l.Between[direction], l.Between[1-direction]
			n.Ports = append(n.Ports, trunk(from+"-"+to+suffixes[i], from, to, p))
		}
	}
	return n
}

// trunk is the port of a switch to another one.
func trunk(name, from, to string, p topology.Params) record.NetworkPort {
	port := record.NetworkPort{
		Name: name, Switch: from, Peer: to, Trunk: true,
		RateBPS: int64(p.Rate), DelayNS: int64(p.Delay), JitterNS: int64(p.Jitter), Loss: float64(p.Loss),
	}
	if p.Rate > 0 {
		port.Queue = p.Queue
	}
	return port
}
