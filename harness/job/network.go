package job

import (
	"edgebed/harness/fate"
	"edgebed/harness/record"
	"edgebed/harness/topology"
)

// Network returns the job's network as the records hold it. Ports have the names
// that every back end counts their traffic by: the switch, a dash, and the peer.
func (j *Job) Network() *record.Network {
	t := j.Topology()
	n := &record.Network{Topology: t.Name, Switches: t.Switches}
	links, suffixes := t.AllLinks(), t.Suffixes()
	for f := range t.Interfaces() {
		port := record.NetworkPort{
			Name: topology.PortName(f.Switch, f.Host, f.Suffix), Switch: f.Switch, Peer: f.Host,
		}
		var uplink *record.NetworkPort
		if f.HasAccess() {
			both := t.Directions(links[f.Link])
			up, down := shaped(f.Host, f.Switch, f.Suffix, both[0]), shaped(f.Switch, f.Host, f.Suffix, both[1])
			uplink, port = &up, down
		}
		n.Ports = append(n.Ports, port)

		address := f.Address.String()
		if f.Number == 0 {
			n.Hosts = append(n.Hosts, record.Host{Name: f.Host, Address: address, Switch: f.Switch, Uplink: uplink})
			continue
		}
		h := &n.Hosts[f.HostIndex]
		h.Interfaces = append(h.Interfaces,
			record.Interface{Name: f.Name(), Address: address, Switch: f.Switch, Uplink: uplink})
	}

	for i, l := range t.Links {
		for dir, p := range t.Directions(l) {
			port := shaped(l.Between[dir], l.Between[1-dir], suffixes[i], p)
			port.Trunk = true
			n.Ports = append(n.Ports, port)
		}
	}
	return n
}

// shaped is the port of a switch or a host to a link with parameters, whose name has a suffix where
// there are several.
func shaped(from, to, suffix string, p topology.Params) record.NetworkPort {
	port := record.NetworkPort{
		Name: topology.PortName(from, to, suffix), Switch: from, Peer: to,
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
