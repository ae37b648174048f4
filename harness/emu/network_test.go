package emu

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket/pcapgo"

	"edgebed/harness/network"
	"edgebed/harness/topology"
	"edgebed/nodes/units"
)

// TestAllPairs sends the first packet ever between all pairs of hosts: nothing
// is resolved or learned first, and nothing comes up late.
func TestAllPairs(t *testing.T) {
	for _, delay := range []time.Duration{0, time.Millisecond} {
		t.Run(delay.String(), func(t *testing.T) {
			n := build(t, ring6(t, topology.Override{Delay: &delay}), Options{})
			for _, a := range n.Hosts() {
				for _, b := range n.Hosts() {
					// Less than any retry of the kernel; a lost packet fails.
					if _, err := newPinger(t, a).ping(b, 56, 20*time.Second); err != nil {
						t.Errorf("first packet from %s to %s: %v", a.Name(), b.Name(), err)
					}
				}
			}
			if drops := idle(t, n).Drops(); drops != 0 {
				t.Errorf("%d packets were dropped", drops)
			}
		})
	}
}

// TestPaths checks for each pair of hosts that exactly the ports on the
// topology's path count the packet, and the answer on the way back.
func TestPaths(t *testing.T) {
	model := ring6(t, topology.Override{Delay: new(time.Duration(0))})
	n := build(t, model, Options{})
	for _, a := range n.Hosts() {
		for _, b := range n.Hosts() {
			if a == b {
				continue
			}
			before := idle(t, n)
			if _, err := newPinger(t, a).ping(b, 100, 20*time.Second); err != nil {
				t.Fatal(err)
			}
			path := model.Path(a.Name(), b.Name())
			nodes := slices.Concat([]string{a.Name()}, path, []string{b.Name()})
			want := map[string]bool{}
			for i, s := range path {
				want[s+"-"+nodes[i]], want[s+"-"+nodes[i+2]] = true, true
			}
			const frame = 14 + 20 + 8 + 100
			delta := idle(t, n).Sub(before)
			for _, p := range delta.Ports {
				expect := network.PortCounters{Name: p.Name, Trunk: p.Trunk, Shaped: p.Trunk}
				if want[p.Name] {
					expect.TxBytes, expect.TxPackets, expect.RxBytes, expect.RxPackets = frame, 1, frame, 1
				}
				if p != expect {
					t.Errorf("%s to %s over %v: port counts %+v, want %+v", a.Name(), b.Name(), path, p, expect)
				}
			}
			// Once per switch, each way.
			if sent, packets := delta.SentAll(); packets != 2*int64(len(path)) || sent != frame*packets {
				t.Errorf("%s to %s: %d B in %d packets left the switches, want %d packets", a.Name(), b.Name(), sent, packets, 2*len(path))
			}
			if _, packets := delta.SentTrunks(); packets != 2*int64(model.Hops(a.Name(), b.Name())) {
				t.Errorf("%s to %s: %d packets on trunks, want 2 x %d", a.Name(), b.Name(), packets, model.Hops(a.Name(), b.Name()))
			}
		}
	}
}

// TestSameSwitch checks that hosts on one switch reach each other, in a network
// without any link.
func TestSameSwitch(t *testing.T) {
	model := pair(topology.Override{})
	model.Switches, model.Links, model.Hosts[1].Switch = []string{"s0"}, nil, "s0"
	n := build(t, model, Options{LiveDelay: true})
	pings(t, n.Hosts()[0], n.Hosts()[1], 1)
	if n.Backend() != None {
		t.Errorf("back end %s, want none", n.Backend())
	}
}

func TestNothingIsFlooded(t *testing.T) {
	n := build(t, ring6(t, topology.Override{Delay: new(time.Duration(0))}), Options{})
	before := idle(t, n)
	h := n.Hosts()[0]
	c, err := h.ListenPacket(t.Context(), h.Address().String()+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	// An address without a host, and all hosts.
	for _, to := range []string{"10.1.77.77:9", "10.1.255.255:9"} {
		if _, err := c.WriteTo([]byte("x"), net.UDPAddrFromAddrPort(netip.MustParseAddrPort(to))); err != nil {
			t.Fatal(err)
		}
	}
	delta := idle(t, n).Sub(before)
	if sent, _ := delta.SentAll(); sent != 0 {
		t.Errorf("%d B of broadcasts were forwarded", sent)
	}
	if delta.Ports[0].RxPackets == 0 {
		t.Error("the broadcast did not reach the switch: the test shows nothing")
	}
}

// TestCountersEqualCapture compares two ways of counting the same bytes.
func TestCountersEqualCapture(t *testing.T) {
	n := build(t, pair(topology.Override{Rate: new(50 * units.Mbps), Delay: new(time.Millisecond)}), Options{})
	before := idle(t, n)
	var file bytes.Buffer
	capture, err := n.Capture("s0-s1", &file)
	if err != nil {
		t.Fatal(err)
	}
	transfer(t, n.Hosts()[0], n.Hosts()[1], 500_000)
	delta := idle(t, n).Sub(before)
	stats, err := capture.Stop()
	if err != nil || stats.Lost != 0 {
		t.Fatalf("capture: lost %d, %v", stats.Lost, err)
	}
	var port network.PortCounters
	for _, p := range delta.Ports {
		if p.Name == "s0-s1" {
			port = p
		}
	}
	r, err := pcapgo.NewNgReader(&file, pcapgo.DefaultNgReaderOptions)
	if err != nil {
		t.Fatal(err)
	}
	var packets, length int64
	largest := 0
	for {
		data, info, err := r.ReadPacketData()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(data) != info.Length {
			t.Errorf("a frame of %d B was cut to %d", info.Length, len(data))
		}
		packets++
		length += int64(info.Length)
		largest = max(largest, info.Length)
	}
	if packets != port.TxPackets+port.RxPackets || length != port.TxBytes+port.RxBytes {
		t.Errorf("the capture holds %d packets, %d B; the port counted %d, %d", packets, length, port.TxPackets+port.RxPackets, port.TxBytes+port.RxBytes)
	}
	if stats.Packets != packets || stats.Bytes != length {
		t.Errorf("the capture says %+v, its file %d packets, %d B", stats, packets, length)
	}
	if largest != int(topology.Frame) {
		t.Errorf("the largest frame is %d B, want %d: no super-frames, full frames", largest, topology.Frame)
	}
	// 500 kB in 346 segments with 66 B of headers; more only for the handshake,
	// the end and retransmissions.
	if least := int64(500_000 + 346*66); port.TxBytes < least || port.TxBytes > least+10_000 {
		t.Errorf("the port sent %d B, want at least %d and hardly more", port.TxBytes, least)
	}
	if _, err := n.Capture("s0-s9", &file); err == nil || !strings.Contains(err.Error(), "did you mean") {
		t.Errorf("an unknown port gives %v", err)
	}
}

// TestIdle waits for a queue that is much longer than the quiet time.
func TestIdle(t *testing.T) {
	n := build(t, pair(topology.Override{Rate: new(units.Mbps), Delay: new(50 * time.Millisecond)}), Options{})
	a, b := n.Hosts()[0], n.Hosts()[1]
	from, err := a.ListenPacket(t.Context(), "10.9.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	to, err := b.ListenPacket(t.Context(), "10.9.0.2:6000")
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	const packets = 30
	payload := make([]byte, 1472)
	before, start := idle(t, n), time.Now()
	for range packets {
		if _, err := from.WriteTo(payload, to.LocalAddr()); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := n.Idle(ctx, 20*time.Millisecond); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("idle with a full queue: %v, want the deadline's error", err)
	}
	after, err := n.Idle(t.Context(), 20*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	// All but what the idle bucket passed at once has to be serialised.
	if took, least := time.Since(start), units.Mbps.Time((packets-2)*topology.Frame); took < least {
		t.Errorf("idle after %v, but the queue takes %v", took, least)
	}
	for _, p := range after.Sub(before).Ports {
		if p.Name == "s1-b" && (p.TxPackets != packets || p.TxBytes != packets*int64(topology.Frame)) {
			t.Errorf("when idle, %d packets and %d B had arrived, want %d and %d", p.TxPackets, p.TxBytes, packets, packets*topology.Frame)
		}
	}
}

func TestBackends(t *testing.T) {
	support, err := ProbeNetem()
	if support == Unknown || err != nil {
		t.Fatalf("probe netem: %v, %v", support, err)
	}
	t.Logf("netem is %v", support)
	delayed := pair(topology.Override{Delay: new(5 * time.Millisecond)})
	if n := build(t, delayed, Options{Delay: DelayLine}); n.Backend() != DelayLine || n.Relay() == nil {
		t.Errorf("back end %s, want the delay line that was asked for", n.Backend())
	}
	n := build(t, delayed, Options{Delay: Auto})
	if want := map[Support]Backend{Available: Netem, Unsupported: DelayLine}[support]; n.Backend() != want {
		t.Errorf("back end %s, want %s", n.Backend(), want)
	}
	pings(t, n.Hosts()[0], n.Hosts()[1], 3)
	if n := build(t, pair(topology.Override{}), Options{}); n.Backend() != None || n.Relay() != nil {
		t.Errorf("back end %s without delay, want none", n.Backend())
	}
	if support == Unsupported {
		if _, err := Build(t.Context(), delayed, Options{Delay: Netem}); err == nil || !strings.Contains(err.Error(), "sch_netem") {
			t.Errorf("netem without the kernel's: %v", err)
		}
	}
	if _, err := Build(t.Context(), delayed, Options{Delay: "magic"}); err == nil {
		t.Error("an unknown back end was accepted")
	}
	// A link without delay gets a stage for later changes only on request.
	n = build(t, pair(topology.Override{}), Options{LiveDelay: true})
	near := pings(t, n.Hosts()[0], n.Hosts()[1], 5)[2]
	if err := n.SetClass("trunk", topology.Override{Delay: new(20 * time.Millisecond)}); err != nil {
		t.Fatal(err)
	}
	if far := pings(t, n.Hosts()[0], n.Hosts()[1], 5)[2]; far-near < 35*time.Millisecond {
		t.Errorf("round trips took %v without delay, %v with 20 ms", near, far)
	}
}

func TestOptions(t *testing.T) {
	for name, opts := range map[string]Options{
		"not of the network":   {Sysctls: map[string]string{"kernel.panic": "1"}},
		"path":                 {Sysctls: map[string]string{"net.ipv4/../../kernel": "1"}},
		"unknown":              {Sysctls: map[string]string{"net.ipv4.no_such_thing": "1"}},
		"bad value":            {Sysctls: map[string]string{"net.ipv4.tcp_sack": "yes"}},
		"congestion by sysctl": {Sysctls: map[string]string{"net.ipv4.tcp_congestion_control": "reno"}},
	} {
		if n, err := Build(t.Context(), pair(topology.Override{}), opts); err == nil {
			n.Close()
			t.Errorf("%s: %v was accepted", name, opts.Sysctls)
		}
	}
}

// TestParallelLinks sends to three hosts over three links between two switches: each
// host's traffic is on a link of its own, there and in the other direction on that of
// the sender. One link is slower, another delayed.
func TestParallelLinks(t *testing.T) {
	model := pair(topology.Override{Rate: new(50 * units.Mbps)})
	model.Hosts = append(model.Hosts,
		topology.HostSpec{Name: "c", Address: netip.MustParseAddr("10.9.0.3"), Switch: "s1"},
		topology.HostSpec{Name: "d", Address: netip.MustParseAddr("10.9.0.4"), Switch: "s1"})
	slower := topology.Override{Rate: new(20 * units.Mbps)}
	delayed := topology.Override{Delay: new(time.Millisecond)}
	model.Links = append(model.Links,
		topology.LinkSpec{Between: [2]string{"s1", "s0"}, Class: "trunk", Reverse: slower},
		topology.LinkSpec{Between: [2]string{"s0", "s1"}, Class: "trunk", Forward: delayed})
	n := build(t, model, Options{})

	const size = 100_000
	for _, tc := range []struct {
		to, link string
		rate     units.Rate
	}{
		{"b", "s0-s1#2", 20 * units.Mbps},
		{"c", "s0-s1#3", 50 * units.Mbps},
		{"d", "s0-s1", 50 * units.Mbps},
	} {
		to, err := n.Host(tc.to)
		if err != nil {
			t.Fatal(err)
		}
		before := idle(t, n)
		took := transfer(t, n.Hosts()[0], to, size)
		for _, p := range idle(t, n).Sub(before).Ports {
			data := p.TxBytes > size
			if p.Trunk && data != (p.Name == tc.link) {
				t.Errorf("to %s: port %s sent %d bytes, want the data on %s", tc.to, p.Name, p.TxBytes, tc.link)
			}
			if acks := p.TxBytes > 0; p.Trunk && strings.HasPrefix(p.Name, "s1-") && acks != (p.Name == "s1-s0") {
				t.Errorf("to %s: port %s sent %d bytes, want answers on s1-s0", tc.to, p.Name, p.TxBytes)
			}
		}
		if least := tc.rate.Time(size); took < least*9/10 {
			t.Errorf("%d bytes to %s took %v, less than the link's %v", size, tc.to, took, least)
		}
	}

	var out bytes.Buffer
	capture, err := n.Capture("s0-s1#2", &out)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.SetLinks(change("s0", "s1#2", topology.Override{Rate: new(10 * units.Mbps)})); err != nil {
		t.Fatal(err)
	}
	b, err := n.Host("b")
	if err != nil {
		t.Fatal(err)
	}
	if took, least := transfer(t, n.Hosts()[0], b, size), (10 * units.Mbps).Time(size); took < least*9/10 {
		t.Errorf("%d bytes took %v after the link was made slower, less than %v", size, took, least)
	}
	if stats, err := capture.Stop(); err != nil || stats.Bytes < size {
		t.Errorf("captured %d bytes, error %v", stats.Bytes, err)
	}
}
