package job

import (
	"testing"

	"edgebed/harness/topology"
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
