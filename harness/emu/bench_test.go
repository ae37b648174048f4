package emu

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"edgebed/harness/topology"
	"edgebed/nodes/units"
)

// The paper's rates (Sec. 6).
var paperRates = []units.Rate{units.Mbps, 2 * units.Mbps, 5 * units.Mbps, 10 * units.Mbps, 20 * units.Mbps, 50 * units.Mbps, 100 * units.Mbps}

// Sizes of TCP segments with timestamps, in bytes.
const (
	segmentPayload = 1448
	segmentHeaders = 66 // Ethernet, IP, TCP
	synFrame       = 74
)

// BenchmarkGoodput measures a long TCP transfer over one link. The figure
// goodput/ideal is the received payload rate over rate x 1448/1514; it should be
// within 0.5 % of 1.
func BenchmarkGoodput(b *testing.B) {
	for _, rate := range paperRates {
		b.Run("rate="+rate.String()+"/delay=0", func(b *testing.B) { benchmarkGoodput(b, topology.Override{Rate: &rate}) })
	}
	for _, rate := range []units.Rate{10 * units.Mbps, 100 * units.Mbps} {
		b.Run("rate="+rate.String()+"/delay=1ms", func(b *testing.B) {
			benchmarkGoodput(b, topology.Override{Rate: &rate, Delay: new(time.Millisecond)})
		})
	}
}

func benchmarkGoodput(b *testing.B, o topology.Override) {
	var ratios []float64
	for b.Loop() {
		n := build(b, pair(o), Options{})
		goodput := measureGoodput(b, n.Hosts()[0], n.Hosts()[1], time.Second, 4*time.Second)
		ratios = append(ratios, goodput/(float64(*o.Rate)/8*segmentPayload/float64(topology.Frame)))
		if err := n.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(median(ratios), "goodput/ideal")
}

// measureGoodput returns the bytes per second that arrive after a warm-up. Time
// is taken at arrivals, so that no part of a segment is cut off.
func measureGoodput(b *testing.B, from, to *Host, warmUp, window time.Duration) float64 {
	l, err := to.Listen(b.Context(), netip.AddrPortFrom(to.Address(), 5001).String())
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	out, err := from.DialContext(b.Context(), l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer out.Close()
	in, err := l.Accept()
	if err != nil {
		b.Fatal(err)
	}
	defer in.Close()
	go func() {
		data := make([]byte, 64<<10)
		for {
			// Ends when the connection is closed.
			if _, err := out.Write(data); err != nil {
				return
			}
		}
	}()
	var start, first, last time.Time
	var bytes int64
	for buffer := make([]byte, 256<<10); ; {
		got, err := in.Read(buffer)
		now := time.Now()
		if err != nil {
			b.Fatal(err)
		}
		switch {
		case start.IsZero():
			start = now
		case now.Sub(start) < warmUp:
		case first.IsZero():
			first = now
		default:
			bytes, last = bytes+int64(got), now
			if last.Sub(first) >= window {
				return float64(bytes) / last.Sub(first).Seconds()
			}
		}
	}
}

// BenchmarkTransfer measures 100 kB over a fresh TCP connection, from before
// its start until the last byte is there. The figure time/ideal compares with
// the serialisation of all frames that must be on the link before that: the
// handshake's two and the data's 70 in one direction, and its answer in the
// other. It should be within 3 % of 1 up to 20 Mb/s and 6 % above. What an idle
// link passes at once (Burst) makes it early, wake-ups make it late.
func BenchmarkTransfer(b *testing.B) {
	const size = 100_000
	const segments = (size + segmentPayload - 1) / segmentPayload
	const wire = size + segments*segmentHeaders + synFrame + segmentHeaders + synFrame
	for _, rate := range paperRates {
		b.Run("rate="+rate.String(), func(b *testing.B) {
			n := build(b, pair(topology.Override{Rate: &rate}), Options{})
			var ratios []float64
			for b.Loop() {
				for range 11 {
					took := transfer(b, n.Hosts()[0], n.Hosts()[1], size)
					ratios = append(ratios, float64(took)/float64(rate.Time(wire)))
					idle(b, n)
				}
			}
			b.ReportMetric(median(ratios), "time/ideal")
		})
	}
}

// BenchmarkPing measures the round trip over a link of 1 ms each way, less the
// same without delay. The figure delay/asked should be within 0.1 of 1: 0.2 ms
// of 2 ms.
func BenchmarkPing(b *testing.B) {
	plain := build(b, pair(topology.Override{}), Options{})
	delayed := build(b, pair(topology.Override{Delay: new(time.Millisecond)}), Options{})
	var without, with []time.Duration
	for b.Loop() {
		without = append(without, pings(b, plain.Hosts()[0], plain.Hosts()[1], 300)...)
		with = append(with, pings(b, delayed.Hosts()[0], delayed.Hosts()[1], 300)...)
	}
	b.ReportMetric(float64(median(with)-median(without))/float64(2*time.Millisecond), "delay/asked")
	b.ReportMetric(float64(median(without).Nanoseconds()), "plain-rtt-ns")
}

// BenchmarkCounters compares the bytes of a captured transfer with the port's
// counters. The figure captured/counted should be exactly 1.
func BenchmarkCounters(b *testing.B) {
	n := build(b, pair(topology.Override{Rate: new(100 * units.Mbps)}), Options{})
	var captured, counted int64
	for b.Loop() {
		before := idle(b, n)
		capture, err := n.Capture("s0-s1", io.Discard)
		if err != nil {
			b.Fatal(err)
		}
		transfer(b, n.Hosts()[0], n.Hosts()[1], 2_000_000)
		delta := idle(b, n).Sub(before)
		stats, err := capture.Stop()
		if err != nil {
			b.Fatal(err)
		}
		captured += stats.Bytes
		for _, p := range delta.Ports {
			if p.Name == "s0-s1" {
				counted += p.TxBytes + p.RxBytes
			}
		}
	}
	b.ReportMetric(float64(captured)/float64(counted), "captured/counted")
}

// line is n switches in a row with a host each, star n hosts on one switch.
func line(n int) *topology.Topology {
	t := crowd("line", n)
	for i := range n {
		s := fmt.Sprintf("s%d", i)
		t.Switches = append(t.Switches, s)
		t.Hosts[i].Switch = s
		if i > 0 {
			t.Links = append(t.Links, topology.LinkSpec{Between: [2]string{t.Switches[i-1], s}, Class: "trunk"})
		}
	}
	return t
}

func star(n int) *topology.Topology {
	t := crowd("star", n)
	t.Switches = []string{"s0"}
	for i := range n {
		t.Hosts[i].Switch = "s0"
	}
	return t
}

// asRouted makes a topology one of routers.
func asRouted(t *topology.Topology) *topology.Topology {
	t.Mode = topology.Routed
	return t
}

// crowd is n hosts without switches.
func crowd(name string, n int) *topology.Topology {
	t := &topology.Topology{
		Version: 1, Name: name, Subnet: netip.MustParsePrefix("10.0.0.0/8"),
		Classes: map[string]topology.Class{"trunk": {Override: topology.Override{Rate: new(10 * units.Mbps)}}},
	}
	address := t.Subnet.Addr()
	for i := range n {
		address = address.Next()
		t.Hosts = append(t.Hosts, topology.HostSpec{Name: fmt.Sprintf("h%d", i), Address: address})
	}
	return t
}

// BenchmarkBuild measures how long networks take to build, step by step, and to
// close: the paper's ring, without and with the delay of its links, and lines
// and stars of many hosts, also with all that they know from the start (known). The kernel removes devices and namespaces in the
// background after that: gone-ms is when the last device is gone.
func BenchmarkBuild(b *testing.B) {
	for _, t := range []struct {
		name string
		*topology.Topology
		known bool
	}{
		{"ring6/plain", ring6(b, topology.Override{Delay: new(time.Duration(0))}), false},
		{"ring6/delayed", ring6(b, topology.Override{Delay: new(time.Millisecond)}), false},
		{"line/100", line(100), false},
		{"star/100", star(100), false},
		{"line/1000", line(1000), false},
		{"line/1000/known", line(1000), true},
		{"star/1000", star(1000), false},
		{"star/1000/known", star(1000), true},
		{"star/1000/routed", asRouted(star(1000)), false},
	} {
		b.Run(t.name, func(b *testing.B) {
			if t.known {
				defer dropBroadcast(b)()
			}
			milli := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
			took := map[string][]float64{}
			note := func(name string, d time.Duration) { took[name] = append(took[name], milli(d)) }
			for b.Loop() {
				start := time.Now()
				n, err := Build(b.Context(), t.Topology, Options{})
				if err != nil {
					b.Fatal(err)
				}
				note("build", time.Since(start))
				for _, s := range n.steps {
					note(s.name, s.took)
				}
				witness := witness(b, n)
				start = time.Now()
				if err := n.Close(); err != nil {
					b.Fatal(err)
				}
				note("close", time.Since(start))
				for witness() {
					time.Sleep(time.Millisecond)
				}
				note("gone", time.Since(start))
			}
			for name, values := range took {
				b.ReportMetric(median(values), name+"-ms")
			}
		})
	}
}

// witness puts one end of a device pair into the network's last namespace, and
// returns whether the other end is still there, which ends with that namespace.
func witness(b *testing.B, n *Network) func() bool {
	b.Helper()
	last := n.hosts[len(n.hosts)-1]
	const name = "witness"
	err := netlink.LinkAdd(&netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: name}, PeerName: name, PeerNamespace: netlink.NsFd(last.ns.file.Fd()),
	})
	if err != nil {
		b.Fatal(err)
	}
	return func() bool {
		_, err := net.InterfaceByName(name)
		return err == nil
	}
}

// BenchmarkNext measures how long the paper's ring takes to build after a network was closed, at
// once and at the worst moment of the next two seconds, in which one ring after the other is built
// and closed: the kernel has one lock for all devices, and holds it while it removes many.
func BenchmarkNext(b *testing.B) {
	ring := ring6(b, topology.Override{Delay: new(time.Duration(0))})
	for _, t := range []*topology.Topology{ring, line(100), star(1000), line(1000)} {
		b.Run(fmt.Sprintf("after=%s/%d", t.Name, len(t.Hosts)), func(b *testing.B) {
			var firsts []time.Duration
			var longest time.Duration
			for b.Loop() {
				buildAndClose(b, t)
				closed := time.Now()
				first := buildAndClose(b, ring)
				firsts, longest = append(firsts, first), max(longest, first)
				for time.Since(closed) < 2*time.Second {
					longest = max(longest, buildAndClose(b, ring))
				}
			}
			b.ReportMetric(float64(median(firsts).Microseconds())/1000, "first-ms")
			b.ReportMetric(float64(longest.Microseconds())/1000, "longest-ms")
		})
	}
}

// buildAndClose returns how long the building took.
func buildAndClose(b *testing.B, t *topology.Topology) time.Duration {
	b.Helper()
	start := time.Now()
	n, err := Build(b.Context(), t, Options{})
	if err != nil {
		b.Fatal(err)
	}
	took := time.Since(start)
	if err := n.Close(); err != nil {
		b.Fatal(err)
	}
	return took
}

// BenchmarkIntroduction measures how much longer the first ping between two hosts of a large network
// takes than the second one, while the guide tells them of each other, and switches the ways.
func BenchmarkIntroduction(b *testing.B) {
	for _, t := range []*topology.Topology{star(1000), line(1000)} {
		b.Run(fmt.Sprintf("%s/%d", t.Name, len(t.Hosts)), func(b *testing.B) {
			n := build(b, t, Options{})
			hosts := n.Hosts()
			var firsts, seconds []time.Duration
			for b.Loop() {
				firsts, seconds = nil, nil
				for i := 2; i < 100; i++ {
					p := newPinger(b, hosts[i])
					for _, list := range []*[]time.Duration{&firsts, &seconds} {
						took, err := p.ping(hosts[1000-i], 56, 10*time.Second)
						if err != nil {
							b.Fatal(err)
						}
						*list = append(*list, took)
					}
				}
			}
			b.ReportMetric(float64((median(firsts)-median(seconds)).Microseconds())/1000, "first-more-ms")
			b.ReportMetric(float64(median(seconds).Microseconds())/1000, "second-ms")
		})
	}
}

// BenchmarkKernel measures what the kernel alone takes for the parts of large networks, one after
// the other by one thread: what no order of requests can do without. In processor time, which
// other load moves less: a namespace with its loopback device; a veth pair between two; a
// neighbour, of a million, in a thousand namespaces; a forwarding entry, of a million, on a
// thousand bridges. In time, as it waits: the removal of such a bridge without ports.
func BenchmarkKernel(b *testing.B) {
	const many = 1000
	for b.Loop() {
		home, err := currentNamespace()
		if err != nil {
			b.Fatal(err)
		}
		n := &Network{home: home}
		if n.fabric, err = newNamespace(home, n.procs.setForBridges); err != nil {
			b.Fatal(err)
		}
		if n.fabricC, err = n.fabric.dial(); err != nil {
			b.Fatal(err)
		}

		start := processorTime(b)
		lap := func(items int, name string) {
			b.ReportMetric(float64((processorTime(b)-start).Nanoseconds())/1000/float64(items), name+"-us")
			start = processorTime(b)
		}
		send := func(batches []*batch, fill func(i int, b *batch) error) {
			for i, to := range batches {
				if err := errors.Join(fill(i, to), to.send()); err != nil {
					b.Fatal(err)
				}
			}
		}

		spaces := make([]*namespace, many)
		for i := range spaces {
			if spaces[i], err = newNamespace(home, func() error { return nil }); err != nil {
				b.Fatal(err)
			}
		}
		lap(many, "namespace")

		batches := make([]*batch, many)
		for i, ns := range spaces {
			c, err := ns.dial()
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			batches[i] = c.batch()
		}
		start = processorTime(b)
		send(batches, func(i int, to *batch) error {
			far := end{name: fmt.Sprintf("p%d", i), index: firstPort + i, hardware: hardware(macPort, i), mtu: 1500, ns: n.fabric}
			near := end{name: "eth0", index: eth0, hardware: hardware(macHost, i), mtu: 1500}
			return to.add(newVeth(near, far), "add pair", far.name)
		})
		lap(many, "pair")

		send(batches, func(_ int, to *batch) error { return to.add(setUp(eth0), "bring up", "eth0") })
		start = processorTime(b)
		send(batches, func(_ int, to *batch) error {
			address := netip.MustParseAddr("10.0.0.0")
			for i := range many {
				address = address.Next()
				e := entry{index: eth0, address: address, hardware: hardware(macHost, i)}
				if err := to.addMessage(e.appendTo(nil), "add neighbour", address.String()); err != nil {
					return err
				}
			}
			return nil
		})
		lap(many*many, "neighbour")

		fabric := slices.Repeat([]*batch{n.fabricC.batch()}, many)
		send(fabric, func(i int, to *batch) error {
			bridge := end{name: fmt.Sprintf("b%d", i), index: firstBridge + i, hardware: hardware(macBridge, i), mtu: 1500}
			return errors.Join(to.add(newBridge(bridge), "add", bridge.name),
				to.add(setMaster(firstPort+i, bridge.index), "attach", bridge.name))
		})
		start = processorTime(b)
		send(fabric, func(at int, to *batch) error {
			for i := range many {
				e := entry{index: firstPort + at, hardware: hardware(macHost, i)}
				if err := to.addMessage(e.appendTo(nil), "add entry", fmt.Sprint(i)); err != nil {
					return err
				}
			}
			return nil
		})
		lap(many*many, "entry")

		const removed = 50 // the others would take the same
		bare := fabric[:removed]
		send(bare, func(i int, to *batch) error { return to.add(setMaster(firstPort+i, 0), "detach", fmt.Sprint(i)) })
		began := time.Now()
		send(bare, func(i int, to *batch) error { return to.add(removal(firstBridge+i), "remove", fmt.Sprint(i)) })
		b.ReportMetric(float64(time.Since(began).Microseconds())/1000/removed, "bridge-removal-ms")

		for _, ns := range append(spaces, n.fabric) {
			if err := ns.Close(); err != nil {
				b.Fatal(err)
			}
		}
		n.fabricC.Close()
		n.procs.close()
		home.Close()
	}
}

// processorTime is what the process has used.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var used unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// removal removes a device.
func removal(index int) *nl.NetlinkRequest {
	req := nl.NewNetlinkRequest(unix.RTM_DELLINK, 0)
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Index = int32(index)
	req.AddData(msg)
	return req
}

// BenchmarkReadCounters measures one reading of all counters of the ring.
func BenchmarkReadCounters(b *testing.B) {
	n := build(b, ring6(b, topology.Override{Delay: new(time.Duration(0))}), Options{})
	for b.Loop() {
		if _, err := n.Counters(); err != nil {
			b.Fatal(err)
		}
	}
}

func median[T int64 | float64 | time.Duration](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
