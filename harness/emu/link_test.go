package emu

import (
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"edgebed/harness/network"
	"edgebed/harness/topology"
	"edgebed/nodes/units"
)

// TestRate compares transfers at two rates, each with its serialisation time.
func TestRate(t *testing.T) {
	const size = 200_000
	for _, rate := range []units.Rate{5 * units.Mbps, 20 * units.Mbps} {
		n := build(t, pair(topology.Override{Rate: &rate}), Options{})
		took := transfer(t, n.Hosts()[0], n.Hosts()[1], size)
		ideal := rate.Time(size)
		if took < ideal || took > 3*ideal {
			t.Errorf("%d B at %v took %v, want %v to %v", size, rate, took, ideal, 3*ideal)
		}
	}
}

// TestDelay checks that each direction has its own delay: twice the same would
// give another sum.
func TestDelay(t *testing.T) {
	model := pair(topology.Override{Delay: new(10 * time.Millisecond)})
	model.Links[0].Reverse.Delay = new(30 * time.Millisecond)
	n := build(t, model, Options{})
	rtt := pings(t, n.Hosts()[0], n.Hosts()[1], 15)
	const want = 40 * time.Millisecond
	if rtt[0] < want*95/100 {
		t.Errorf("the shortest round trip took %v, less than %v", rtt[0], want)
	}
	if median := rtt[len(rtt)/2]; median > want*3/2 {
		t.Errorf("the median round trip took %v, want hardly more than %v", median, want)
	}
	if n.Backend() == DelayLine {
		if names := n.DelayedLinks(); !slices.Equal(names, []string{"s0-s1"}) {
			t.Errorf("delayed links %v", names)
		}
		s, err := n.Relay().Stats(t.Context())
		if err != nil || len(s.Lines) != 1 || s.Lines[0].AB.Packets < 15 {
			t.Errorf("relay: %+v, %v", s, err)
		}
	}
}

func TestLoss(t *testing.T) {
	n := build(t, pair(topology.Override{Loss: new(topology.Loss(1))}), Options{})
	if rtt, err := newPinger(t, n.Hosts()[0]).ping(n.Hosts()[1], 56, 200*time.Millisecond); err == nil {
		t.Errorf("a packet came back after %v from a link that loses all", rtt)
	}
	if err := n.SetClass("trunk", topology.Override{Loss: new(topology.Loss(0))}); err != nil {
		t.Fatal(err)
	}
	pings(t, n.Hosts()[0], n.Hosts()[1], 3)
}

// TestJitter sends numbered packets, closer than the jitter, and checks that
// their delays differ and their order does not.
func TestJitter(t *testing.T) {
	n := build(t, pair(topology.Override{Delay: new(20 * time.Millisecond), Jitter: new(15 * time.Millisecond)}), Options{})
	const packets = 100
	if got := numbered(t, n.Hosts()[0], n.Hosts()[1], packets); len(got) != packets || !slices.IsSorted(got) {
		t.Errorf("of %d packets %d arrived: %v", packets, len(got), got)
	}

	// Apart from each other, 40 round trips of 10 to 70 ms.
	rtt := pings(t, n.Hosts()[0], n.Hosts()[1], 40)
	if spread := rtt[len(rtt)-1] - rtt[0]; spread < 10*time.Millisecond || rtt[0] < 9*time.Millisecond {
		t.Errorf("round trips take %v to %v, want them spread over 10 to 70 ms", rtt[0], rtt[len(rtt)-1])
	}
}

func TestLiveChange(t *testing.T) {
	n := build(t, pair(topology.Override{Rate: new(40 * units.Mbps), Delay: new(time.Millisecond)}), Options{})
	a, b := n.Hosts()[0], n.Hosts()[1]
	const size = 400_000
	fast, near := transfer(t, a, b, size), pings(t, a, b, 9)[4]
	if err := n.SetClass("trunk", topology.Override{Rate: new(4 * units.Mbps), Delay: new(25 * time.Millisecond), Queue: new(500)}); err != nil {
		t.Fatal(err)
	}
	idle(t, n)
	slow, far := transfer(t, a, b, size), pings(t, a, b, 9)[4]
	if slow < 4*fast {
		t.Errorf("at 40 Mb/s it took %v, at 4 Mb/s %v", fast, slow)
	}
	if far-near < 40*time.Millisecond {
		t.Errorf("round trips took %v with 1 ms, %v with 25 ms", near, far)
	}
	// One direction of one link, and the class after it: the link keeps its own.
	if err := n.SetLinks(change("s1", "s0", topology.Override{Delay: new(time.Millisecond)})); err != nil {
		t.Fatal(err)
	}
	if err := n.SetClass("trunk", topology.Override{Delay: new(40 * time.Millisecond)}); err != nil {
		t.Fatal(err)
	}
	if rtt := pings(t, a, b, 9); rtt[0] < 39*time.Millisecond || rtt[4] > 70*time.Millisecond {
		t.Errorf("round trips with 40 ms and 1 ms took %v to %v", rtt[0], rtt[4])
	}
	if p, err := n.Topology().Params("s1", "s0"); err != nil || p.Delay != time.Millisecond || p.Rate != 4*units.Mbps {
		t.Errorf("the topology says %v, %v", p, err)
	}
	queues, err := n.fabricC.qdiscs()
	if err != nil {
		t.Fatal(err)
	}
	s, _, err := n.fabricC.readShape(n.links[0].port[1].index, queues)
	if err != nil || s.Rate != 4*units.Mbps || s.queue != (queue{"pfifo", 500}) {
		t.Errorf("the kernel holds %+v, %v", s, err)
	}
	for _, err := range []error{
		n.SetClass("trnk", topology.Override{}),
		n.SetClass("trunk", topology.Override{Rate: new(units.Rate(0))}),
		n.SetClass("trunk", topology.Override{Queue: new(0)}),
		n.SetLinks(change("s0", "s2", topology.Override{})),
		build(t, pair(topology.Override{}), Options{}).SetClass("trunk", topology.Override{Delay: new(time.Second)}),
	} {
		if err == nil {
			t.Error("an impossible change was accepted")
		}
	}
}

// TestDrops overfills a short queue.
func TestDrops(t *testing.T) {
	n := build(t, pair(topology.Override{Rate: new(units.Mbps), Queue: new(5)}), Options{})
	c, err := n.Hosts()[0].ListenPacket(t.Context(), "10.9.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	const packets = 50
	for range packets {
		if _, err := c.WriteTo(make([]byte, 1472), net.UDPAddrFromAddrPort(netip.MustParseAddrPort("10.9.0.2:6000"))); err != nil {
			t.Fatal(err)
		}
	}
	counters := idle(t, n)
	for _, p := range counters.Ports {
		if p.Name != "s0-s1" {
			continue
		}
		// ICMP answers are not in this direction.
		if p.Drops == 0 || p.Drops+p.TxPackets != packets {
			t.Errorf("%d sent and %d dropped, want %d together, and some dropped", p.TxPackets, p.Drops, packets)
		}
	}
}

// TestBursts sends a short message over an idle link with each combination of
// HTB's buckets. Only where both are large does the message pass at once.
func TestBursts(t *testing.T) {
	const size = 8_000
	rate := 500 * units.Kbps
	took := map[string]time.Duration{}
	for name, o := range map[string]topology.Override{
		"auto":  {Rate: &rate},
		"burst": {Rate: &rate, Burst: new(topology.Burst(15_000))},
		"both":  {Rate: &rate, Burst: new(topology.Burst(15_000)), CeilBurst: new(topology.Burst(15_000))},
	} {
		n := build(t, pair(o), Options{})
		took[name] = transfer(t, n.Hosts()[0], n.Hosts()[1], size)
	}
	wire := rate.Time(size)
	if took["auto"] < wire*3/4 || took["burst"] < wire*3/4 {
		t.Errorf("%d B need %v at %v, but took %v, with a large burst alone %v", size, wire, rate, took["auto"], took["burst"])
	}
	if took["both"] > wire/2 {
		t.Errorf("with two buckets of 15 kB, %d B took %v; at %v alone they would take %v", size, took["both"], rate, wire)
	}
}

// TestLargeSegments checks that a bulk transfer leaves its host in frames that
// fit the MTU, although TCP builds larger segments.
func TestLargeSegments(t *testing.T) {
	n := build(t, pair(topology.Override{Rate: new(100 * units.Mbps)}), Options{})
	before := idle(t, n)
	transfer(t, n.Hosts()[0], n.Hosts()[1], 1_000_000)
	ports := idle(t, n).Sub(before).Ports
	i := slices.IndexFunc(ports, func(p network.PortCounters) bool { return p.Name == "s0-a" })
	if p := ports[i]; p.RxPackets < 1_000_000/1448 || p.RxBytes > p.RxPackets*int64(topology.Frame) {
		t.Errorf("the host sent %d B in %d frames", p.RxBytes, p.RxPackets)
	}
}
