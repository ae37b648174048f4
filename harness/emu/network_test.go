package emu

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gopacket/gopacket/pcapgo"
	"github.com/vishvananda/netlink"

	"edgebed/harness/network"
	"edgebed/harness/sandbox"
	"edgebed/harness/topology"
	"edgebed/nodes/units"
	"edgebed/nodes/wire"
)

var _ wire.Net = (*Host)(nil)

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
				expect := network.PortCounters{Name: p.Name, Trunk: p.Trunk}
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
	// An address without a host: the neighbour is asked for by broadcast.
	if _, err := c.WriteTo([]byte("x"), net.UDPAddrFromAddrPort(netip.MustParseAddrPort("10.1.77.77:9"))); err != nil {
		t.Fatal(err)
	}
	delta := idle(t, n).Sub(before)
	if sent, _ := delta.SentAll(); sent != 0 {
		t.Errorf("%d B of broadcasts were forwarded", sent)
	}
	if delta.Ports[0].RxPackets == 0 {
		t.Error("the broadcast did not reach the switch: the test shows nothing")
	}
}

func TestSettings(t *testing.T) {
	model := ring6(t, topology.Override{Rate: new(20 * units.Mbps), Queue: new(77)})
	model.Links[2].Reverse.Rate = new(5 * units.Mbps)
	n := build(t, model, Options{Sysctls: map[string]string{"net.ipv4.tcp_rmem": "4096 65536 1000000"}})
	got := n.Settings()
	for key, want := range map[string]string{
		"topology":                       "ring6",
		"congestion-control":             "cubic",
		"port-gso-max-segs":              "1",
		"mtu":                            "1500",
		"link-rate.s0-s1":                "20 Mb/s",
		"link-rate.s2-s3":                "20 Mb/s",
		"link-rate.s3-s2":                "5 Mb/s",
		"link-burst":                     "1514 B",
		"link-cburst":                    "1514 B",
		"link-queue":                     "77 packets",
		"link-delay":                     "1ms",
		"sysctl.net.ipv4.tcp_rmem":       "4096 65536 1000000",
		"sysctl.net.ipv4.tcp_timestamps": "1",
	} {
		if got[key] != want {
			t.Errorf("setting %s is %q, want %q", key, got[key], want)
		}
	}
	if b := Backend(got["delay-backend"]); b != Netem && b != DelayLine || backend() != "" && b != backend() {
		t.Errorf("delay back end %q", b)
	}
	// One frame is more than 0.5 ms of 20 Mb/s; at 100 Mb/s it is less.
	n = build(t, ring6(t, topology.Override{Rate: new(100 * units.Mbps), Delay: new(time.Duration(0))}), Options{})
	if got := n.Settings()["link-burst"]; got != "6250 B" {
		t.Errorf("burst at 100 Mb/s is %s, want 6250 B", got)
	}
}

// TestCongestionControl looks at both ends of connections, between hosts and
// within one.
func TestCongestionControl(t *testing.T) {
	for _, want := range []string{"cubic", "reno"} {
		n := build(t, pair(topology.Override{}), Options{CongestionControl: want})
		a, b := n.Hosts()[0], n.Hosts()[1]
		for _, ends := range [][2]*Host{{a, b}, {b, b}} {
			l, err := ends[1].Listen(t.Context(), "10.9.0.2:7000")
			if err != nil {
				t.Fatal(err)
			}
			out, err := ends[0].DialContext(t.Context(), "10.9.0.2:7000")
			if err != nil {
				t.Fatal(err)
			}
			in, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range []net.Conn{out, in} {
				if got, err := congestionControl(c); err != nil || strings.TrimRight(got, "\x00") != want {
					t.Errorf("connection from %s uses %q, %v; want %s", ends[0].Name(), got, err, want)
				}
				c.Close()
			}
			l.Close()
		}
	}
	_, err := Build(t.Context(), pair(topology.Override{}), Options{CongestionControl: "nonsense"})
	if err == nil || !strings.Contains(err.Error(), "nonsense") || !strings.Contains(err.Error(), "this kernel has") {
		t.Errorf("an unknown congestion control gives %v", err)
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
	from, err := n.Hosts()[0].ListenPacket(t.Context(), "10.9.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	to, err := n.Hosts()[1].ListenPacket(t.Context(), "10.9.0.2:6000")
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	const packets = 100
	for i := range packets {
		if _, err := from.WriteTo([]byte{byte(i)}, to.LocalAddr()); err != nil {
			t.Fatal(err)
		}
	}
	if err := to.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	for i := range packets {
		b := make([]byte, 1)
		if _, _, err := to.ReadFrom(b); err != nil || int(b[0]) != i {
			t.Fatalf("packet %d is number %d, %v", i, b[0], err)
		}
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
	if err := n.SetLink("s1", "s0", topology.Override{Delay: new(time.Millisecond)}); err != nil {
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
	s, _, err := n.fabricC.readShape(n.links[0].port[1], queues)
	if err != nil || s.Rate != 4*units.Mbps || s.Queue != 500 {
		t.Errorf("the kernel holds %+v, %v", s, err)
	}
	for _, err := range []error{
		n.SetClass("trnk", topology.Override{}),
		n.SetClass("trunk", topology.Override{Rate: new(units.Rate(0))}),
		n.SetClass("trunk", topology.Override{Queue: new(0)}),
		n.SetLink("s0", "s2", topology.Override{}),
		build(t, pair(topology.Override{}), Options{}).SetClass("trunk", topology.Override{Delay: new(time.Second)}),
	} {
		if err == nil {
			t.Error("an impossible change was accepted")
		}
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

func TestHost(t *testing.T) {
	n := build(t, pair(topology.Override{}), Options{})
	a, b := n.Hosts()[0], n.Hosts()[1]
	before, err := a.TCP()
	if err != nil {
		t.Fatal(err)
	}
	transfer(t, a, b, 10_000)
	after, err := a.TCP()
	if err != nil {
		t.Fatal(err)
	}
	if got := after["ActiveOpens"] - before["ActiveOpens"]; got != 1 {
		t.Errorf("%d active opens, want 1", got)
	}
	for _, name := range []string{"RetransSegs", "PassiveOpens", "TCPTimeouts", "TCPLossProbes"} {
		if _, ok := after[name]; !ok {
			t.Errorf("counter %s is missing", name)
		}
	}
	// A program in the host has the host's network and no other.
	cmd := exec.CommandContext(t.Context(), "/bin/cat", "/proc/thread-self/net/dev")
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := b.Start(cmd); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "eth0") || strings.Count(out.String(), ":") != 2 {
		t.Errorf("the program sees devices:\n%s", out.String())
	}
	for _, address := range []string{"host1:80", "10.9.0.1", ":80"} {
		if _, err := a.Listen(t.Context(), address); err == nil {
			t.Errorf("listening at %q works, want literal addresses only", address)
		}
		if _, err := a.DialContext(t.Context(), address); err == nil {
			t.Errorf("dialling %q works, want literal addresses only", address)
		}
	}
	if _, err := n.Host("hostb"); err == nil {
		t.Error("an unknown host was found")
	}
	// The thread of a function that ends its goroutine is not used again.
	if err := a.Do(func() error { runtime.Goexit(); return nil }); err == nil {
		t.Error("a function that ended its goroutine gave no error")
	}
}

// TestDialGivesUp checks that dialling obeys its context while the other end is
// silent.
func TestDialGivesUp(t *testing.T) {
	n := build(t, pair(topology.Override{Loss: new(topology.Loss(1))}), Options{})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := n.Hosts()[0].DialContext(ctx, "10.9.0.2:80"); !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("dialling over a dead link: %v, want a deadline's error", err)
	}
}

// TestCloseLeavesNothing counts file descriptors and looks at the namespace that
// the network was made from.
func TestCloseLeavesNothing(t *testing.T) {
	use := func() {
		n, err := Build(t.Context(), ring6(t, topology.Override{}), Options{Delay: backend()})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := n.Capture("s0-s1", io.Discard); err != nil {
			t.Fatal(err)
		}
		transfer(t, n.Hosts()[0], n.Hosts()[3], 10_000)
		if err := errors.Join(n.Close(), n.Close()); err != nil {
			t.Fatal(err)
		}
		if _, err := n.Counters(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("counters after Close: %v, want net.ErrClosed", err)
		}
		if _, err := n.Capture("s0-s1", io.Discard); !errors.Is(err, net.ErrClosed) {
			t.Errorf("capture after Close: %v, want net.ErrClosed", err)
		}
	}
	use() // the first use opens what the Go runtime keeps
	before, links := openFiles(t), linkNames(t)
	for range 3 {
		use()
	}
	if after := openFiles(t); after != before {
		t.Errorf("%d files are open after Close, %d before", after, before)
	}
	if after := linkNames(t); !slices.Equal(after, links) {
		t.Errorf("links are %v after Close, %v before", after, links)
	}
	// A build that fails half-way leaves nothing either.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Build(ctx, ring6(t, topology.Override{}), Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled build: %v", err)
	}
	if after := openFiles(t); after != before {
		t.Errorf("%d files are open after a failed build, %d before", after, before)
	}
}

func linkNames(t *testing.T) []string {
	t.Helper()
	links, err := netlink.LinkList()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, l := range links {
		names = append(names, l.Attrs().Name)
	}
	return names
}

// hold builds a network with a running program and waits for ever.
func hold() error {
	model, err := loadRing6()
	if err != nil {
		return err
	}
	n, err := Build(context.Background(), model, Options{Delay: backend()})
	if err != nil {
		return err
	}
	if err := n.Hosts()[0].Start(exec.Command("/bin/sleep", "3600")); err != nil {
		return err
	}
	pidns, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return err
	}
	fmt.Println(pidns)
	for {
		time.Sleep(time.Hour)
	}
}

// TestKill kills a sandbox that holds a network with its relay and a program.
func TestKill(t *testing.T) {
	for _, userns := range []bool{true, false} {
		t.Run(fmt.Sprintf("user-namespace=%v", userns), func(t *testing.T) {
			before := linkNames(t)
			cmd := sandbox.Command(t.Context(), sandbox.Options{KeepTmp: true, UserNamespace: userns}, role)
			cmd.Stderr = os.Stderr
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			line, err := bufio.NewReader(out).ReadString('\n')
			pidns := strings.TrimSpace(line)
			if err != nil {
				t.Fatalf("the network was not built: %v", errors.Join(err, cmd.Wait()))
			}
			// Init, worker, program, and the relay where there is no netem.
			if processes := processesIn(pidns); processes < 3 {
				t.Errorf("%d processes in the sandbox, want at least 3", processes)
			}
			if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Wait(); err == nil {
				t.Error("the sandbox ended well, want it killed")
			}
			left := 0
			for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
				if left = processesIn(pidns); left == 0 {
					break
				}
			}
			if left != 0 {
				t.Errorf("%d processes are left", left)
			}
			if after := linkNames(t); !slices.Equal(after, before) {
				t.Errorf("links are %v, were %v", after, before)
			}
		})
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
