//go:build faketime

package simnet

import (
	"slices"
	"testing"
	"time"

	"edgebed/harness/network"
	"edgebed/harness/topology"
	"edgebed/nodes/units"
)

// access builds a host a with an access link, as given, and a host b, on one switch.
func access(t *testing.T, parameters string) *Network {
	t.Helper()
	model, err := topology.Parse("access", []byte(`
name: access
subnet: 10.9.0.0/16
switches: [s0]
hosts:
  - {name: a, switch: s0, `+parameters+`}
  - {name: b, switch: s0}
link-classes:
  dsl: {delay: 10 ms, forward: {rate: 2 Mb/s}, reverse: {rate: 16 Mb/s}}
`))
	if err != nil {
		t.Fatal(err)
	}
	n, err := Build(model, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	return n
}

// TestAccess holds transfers up an access link against its rate and delay, by a class and
// by the host's own parameters, and checks what the switch counts.
func TestAccess(t *testing.T) {
	const size = 100_000
	for parameters, rate := range map[string]units.Rate{
		"class: dsl": 2 * units.Mbps,
		"class: dsl, uplink: {rate: 4 Mb/s}, downlink: {rate: 1 Mb/s}": 4 * units.Mbps,
		"downlink: {rate: 50 Mb/s, delay: 20 ms}":                      0, // the uplink is unshaped
	} {
		n := access(t, parameters)
		took, c := transfer(t, n, size)
		names := func(c network.Counters) (list []string) {
			for _, p := range c.Ports {
				list = append(list, p.Name)
			}
			return list
		}
		if got := names(c); !slices.Equal(got, []string{"s0-b", "s0-a"}) || !slices.Equal(n.Ports(), got) {
			t.Fatalf("%s: the ports are %v", parameters, got)
		}

		down := c.Ports[1]
		if down.Trunk || !down.Shaped || down.RxBytes < size || c.Ports[0].TxBytes != down.RxBytes {
			t.Errorf("%s: the switch counted %+v", parameters, c.Ports)
		}
		// A round trip of 20 ms to connect, and half of one for the last byte; then windows.
		wire := units.Size(down.RxBytes)
		least := 20*time.Millisecond + rate.Time(wire-4*topology.Frame)
		most := 20*time.Millisecond + rate.Time(wire) + 5*20*time.Millisecond
		if took < least || took > most {
			t.Errorf("%s: took %v, want %v to %v", parameters, took, least, most)
		}
	}
}

// TestAccessChange: the directions of an access link change by the names of its ends.
func TestAccessChange(t *testing.T) {
	n := access(t, "class: dsl")
	before, _ := transfer(t, n, 100_000)
	if err := n.SetLinks(topology.Change{From: "a", To: "s0", Override: topology.Override{Rate: new(16 * units.Mbps)}}); err != nil {
		t.Fatal(err)
	}
	after, _ := transfer(t, n, 100_000)
	if after > before/2 {
		t.Errorf("at 2 Mb/s it took %v, at 16 Mb/s %v", before, after)
	}
	if err := n.SetLinks(topology.Change{From: "b", To: "s0", Override: topology.Override{Rate: new(units.Mbps)}}); err == nil {
		t.Error("an access link without parameters was changed")
	}

	slow := topology.Override{Rate: new(units.Mbps)}
	err := n.SetLinks(topology.Change{From: "a", To: "s0", Override: slow},
		topology.Change{From: "s0", To: "a", Override: slow},
		topology.Change{From: "b", To: "s0", Override: slow})
	if p, _ := n.Topology().Params("a", "s0"); err == nil || p.Rate != 16*units.Mbps {
		t.Errorf("after a change that one of three links cannot follow a has %v: %v", p.Rate, err)
	}
}

// TestMTU: frames are as large as the network's MTU says, and no larger.
func TestMTU(t *testing.T) {
	for _, mtu := range []string{"576", "1500", "9000"} {
		model, err := topology.Parse("mtu", []byte("{name: x, subnet: 10.9.0.0/16, mtu: "+mtu+", switches: [s], "+
			"hosts: [{name: a, switch: s, uplink: {rate: 100 Mb/s, delay: 1 ms}}, {name: b, switch: s}]}"))
		if err != nil {
			t.Fatal(err)
		}
		n, err := Build(model, Options{})
		if err != nil {
			t.Fatal(err)
		}
		const size = 900_000
		_, c := transfer(t, n, size)
		n.Close()

		payload := int64(model.Frame()) - 14 - 52
		frames := c.Ports[0].TxPackets
		if least := int64(size) / payload; frames < least || frames > least*11/10+10 {
			t.Errorf("MTU %s: %d frames for %d B, want about %d", mtu, frames, size, least)
		}
	}
}

// TestMTUsOfHosts: two hosts exchange frames of the smaller one's size, over links that
// take no larger ones.
func TestMTUsOfHosts(t *testing.T) {
	model, err := topology.Parse("mtu", []byte("{name: x, subnet: 10.9.0.0/16, mtu: 9000, switches: [s, r], "+
		"hosts: [{name: a, switch: s}, {name: b, switch: r, mtu: 1280}], "+
		"links: [{between: [s, r], mtu: 1280, forward: {rate: 100 Mb/s, delay: 1 ms}}]}"))
	if err != nil {
		t.Fatal(err)
	}
	for _, from := range []string{"a", "b"} {
		n, err := Build(model, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if from == "b" {
			n.hosts[0], n.hosts[1] = n.hosts[1], n.hosts[0]
		}
		const size = 900_000
		_, c := transfer(t, n, size)
		n.Close()

		for _, p := range c.Ports {
			if p.TxPackets == 0 || p.TxBytes < size {
				continue // acknowledgments
			}
			least := int64(size) / (1280 - 52)
			if p.TxPackets < least || p.TxPackets > least*11/10+10 {
				t.Errorf("from %s, port %s: %d frames for %d B, want about %d", from, p.Name, p.TxPackets, size, least)
			}
		}
	}
}
