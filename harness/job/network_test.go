package job

import (
	"fmt"
	"slices"
	"testing"

	"edgebed/harness/topology"
	"edgebed/nodes/units"
)

// TestNetwork checks a network as the records hold it: a port for each host, two for
// each link, with the parameters of each direction.
func TestNetwork(t *testing.T) {
	parsed, err := topology.Parse("t.yaml", []byte(`
version: 1
name: t
subnet: 10.7.0.0/24
switches: [swA, swB]
hosts:
  - {name: host1, address: 10.7.0.1, switch: swA}
link-classes:
  wire: {rate: 10 Mb/s, delay: 2 ms, jitter: 1 ms, loss: 0.5, queue: 7}
links:
  - {between: [swA, swB], class: wire, reverse: {rate: 0 b/s}}
`))
	if err != nil {
		t.Fatal(err)
	}
	j := Job{topology: parsed}
	n := j.Network()
	if len(n.Hosts) != 1 || n.Hosts[0].Switch != "swA" || n.Hosts[0].Address != "10.7.0.1" || len(n.Ports) != 3 {
		t.Fatalf("network %+v", n)
	}
	access, forth, back := n.Ports[0], n.Ports[1], n.Ports[2]
	if access.Name != "swA-host1" || access.Peer != "host1" || access.Trunk || access.RateBPS != 0 || access.Queue != 0 {
		t.Errorf("the host's port is %+v", access)
	}
	if forth.Name != "swA-swB" || forth.Switch != "swA" || forth.Peer != "swB" || !forth.Trunk || forth.RateBPS != 10e6 ||
		forth.DelayNS != 2e6 || forth.JitterNS != 1e6 || forth.Loss != 0.5 || forth.Queue != 7 {
		t.Errorf("forward the link is %+v", forth)
	}
	if back.Name != "swB-swA" || back.RateBPS != 0 || back.DelayNS != 2e6 || back.Queue != 0 {
		t.Errorf("back, where it is not shaped, the link is %+v", back)
	}
}

// TestNetworkInterfaces: each interface of a host has its port, and of its own what is more
// than a port.
func TestNetworkInterfaces(t *testing.T) {
	parsed, err := topology.Parse("t.yaml", []byte(`
name: t
switches: [a, b]
hosts:
  - {name: h, switch: a, also: [{switch: b, uplink: {rate: 2 Mb/s}}, {switch: a}]}
  - {name: i, switch: b, downlink: {rate: 1 Mb/s}}
links: [{between: [a, b]}]
`))
	if err != nil {
		t.Fatal(err)
	}
	j := Job{topology: parsed}
	n := j.Network()
	var ports []string
	for _, p := range n.Ports {
		ports = append(ports, fmt.Sprintf("%s %s %s %v %d", p.Name, p.Switch, p.Peer, p.Trunk, p.RateBPS))
	}
	want := []string{"a-h a h false 0", "b-i b i false 1000000", "b-h b h false 0", "a-h#2 a h false 0", "a-b a b true 0",
		"b-a b a true 0"}
	if !slices.Equal(ports, want) {
		t.Errorf("ports %q, want %q", ports, want)
	}

	h := n.Hosts[0]
	if len(h.Interfaces) != 2 || h.Uplink != nil || h.Interfaces[0].Name != "eth1" || h.Interfaces[0].Address != "10.1.0.3" ||
		h.Interfaces[0].Uplink == nil || h.Interfaces[0].Uplink.RateBPS != 2e6 || h.Interfaces[1].Uplink != nil {
		t.Errorf("host %+v", h)
	}
	j.Cell.Capture.Of = []string{"h", "b-i"}
	if got, err := j.CapturePorts(); err != nil || !slices.Equal(got, []string{"a-h", "b-h", "a-h#2", "b-i"}) {
		t.Errorf("captured are %q, %v", got, err)
	}
}

// TestShapedPorts: a port has the queue of its rate, in packets or in bytes, and none without one.
func TestShapedPorts(t *testing.T) {
	for _, c := range []struct {
		p    topology.Params
		want string
	}{
		{topology.Params{}, "0 0 0 "},
		{topology.Params{Rate: units.Mbps, Queue: 7}, "1000000 7 0 "},
		{topology.Params{Rate: units.Mbps, Queue: 7, QueueBytes: 9000}, "1000000 0 9000 "},
		{topology.Params{Queue: 7, QueueBytes: 9000}, "0 0 0 "},
		{topology.Params{Queue: 7}, "0 0 0 "},
		{topology.Params{Rate: units.Mbps, Queue: 7, Discipline: topology.Drop}, "1000000 7 0 "},
		{topology.Params{Rate: units.Mbps, Queue: 7, Discipline: "codel"}, "1000000 7 0 codel"},
		{topology.Params{Discipline: "codel"}, "0 0 0 "},
	} {
		got := shaped("a", "b", "#2", c.p)
		if text := fmt.Sprint(got.RateBPS, got.Queue, got.QueueBytes, " ", got.Discipline); text != c.want || got.Name != "a-b#2" {
			t.Errorf("%+v: %s has %q, want %q", c.p, got.Name, text, c.want)
		}
	}
}
