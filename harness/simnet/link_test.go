package simnet

import (
	"math"
	"slices"
	"testing"
	"time"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"pgregory.net/rapid"

	"edgebed/harness/network"
	"edgebed/harness/topology"
	"edgebed/nodes/units"
)

// still is a network whose time only the test moves: its goroutine does not run.
func still(t interface{ Cleanup(func()) }) *Network {
	n := &Network{schedule: newSchedule(), topology: &topology.Topology{Name: "test"}}
	n.schedule.firing = true
	t.Cleanup(func() { n.schedule.timer.Stop() })
	return n
}

// pass moves the network's time to the given one.
func (n *Network) pass(until int64) {
	for n.due(until) {
		n.schedule.call(n.schedule.plans.list[0])
	}
}

// due tells whether anything is planned up to the given time.
func (n *Network) due(until int64) bool {
	return len(n.schedule.plans.list) > 0 && n.schedule.plans.list[0].at <= until
}

// line is one direction of a link whose frames arrive at times that are noted.
type line struct {
	*Network
	port *port
	// arrived holds the sizes and times of frames at the far end.
	arrived []arrived
}

type arrived struct {
	size int
	at   int64
}

func newLine(t interface{ Cleanup(func()) }, p topology.Params, seed uint64) *line {
	l := &line{Network: still(t)}
	l.port = l.newTrunk("s0-s1", 0, p, seed, 0)
	l.port.bucket.checked = 0
	l.port.peer = &port{counters: network.PortCounters{Name: "s1-s0"}, network: l.Network, at: 1}
	return l
}

// send puts frames of a size in at a time, and notes what is at the far end.
func (l *line) send(at int64, sizes ...int) {
	l.run(at)
	for _, size := range sizes {
		l.port.send(at, frame{packet: stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: buffer.MakeWithData([]byte{0})}), size: size})
	}
}

// run passes time up to the given one and notes arrivals.
func (l *line) run(until int64) {
	for l.due(until) {
		before, at := l.port.peer.counters, l.schedule.plans.list[0].at
		l.pass(at)
		for k := before.RxPackets; k < l.port.peer.counters.RxPackets; k++ {
			l.arrived = append(l.arrived, arrived{int(l.port.peer.counters.RxBytes-before.RxBytes) / int(l.port.peer.counters.RxPackets-before.RxPackets), at})
		}
	}
}

// TestBucketClosedForm sends a train of frames through an idle link. With tokens
// for b ns and frames of l ns, frame k leaves when the k frames before it have
// been paid for, all but the burst: at max(0, k l - b).
func TestBucketClosedForm(t *testing.T) {
	for _, tc := range []struct {
		rate  units.Rate
		burst topology.Burst
	}{
		{units.Mbps, 0}, {10 * units.Mbps, 0}, {100 * units.Mbps, 0}, {units.Gbps, 0},
		{10 * units.Mbps, 15_000}, {3 * units.Mbps, 5_000},
	} {
		p := topology.Params{Rate: tc.rate, Burst: tc.burst, CeilBurst: tc.burst, Queue: 1000, Delay: 3 * time.Millisecond}
		l := newLine(t, p, 1)
		const count, size = 50, 1514
		for range count {
			l.send(0, size)
		}
		l.run(math.MaxInt64)
		length := float64(size) * 8 / float64(tc.rate) * 1e9
		bucket := math.Ceil(float64(p.BurstSize())*8/float64(tc.rate)*1e9/psched) * psched
		for k, a := range l.arrived {
			want := math.Max(0, float64(k)*length-bucket) + 3e6
			if math.Abs(float64(a.at)-want) > float64(k)+1 { // the kernel's lengths are whole ns
				t.Errorf("%v, burst %v: frame %d arrives at %d ns, want %.0f", tc.rate, tc.burst, k, a.at, want)
			}
		}
		if len(l.arrived) != count {
			t.Errorf("%v: %d frames arrived, want %d", tc.rate, len(l.arrived), count)
		}
	}
}

// TestLinkProperties checks for any frames at any times that nothing is lost but
// to a full queue, nothing overtakes, no frame is early, and that no stretch of
// time passes more than its rate and the burst allow.
func TestLinkProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := topology.Params{
			Rate:  units.Rate(rapid.Int64Range(100_000, 1_000_000_000).Draw(t, "rate")),
			Queue: rapid.IntRange(1, 20).Draw(t, "queue"),
			Delay: time.Duration(rapid.Int64Range(0, 10_000_000).Draw(t, "delay")),
		}
		p.Jitter = time.Duration(rapid.Int64Range(0, int64(p.Delay)).Draw(t, "jitter"))
		l := newLine(t, p, rapid.Uint64().Draw(t, "seed"))
		var at, sent int64
		var times []int64
		for range rapid.IntRange(1, 60).Draw(t, "frames") {
			at += rapid.Int64Range(0, 20_000_000).Draw(t, "gap")
			size := rapid.IntRange(60, 1514).Draw(t, "size")
			drops := l.port.counters.Drops
			l.send(at, size)
			if l.port.counters.Drops == drops {
				sent += int64(size)
				times = append(times, at)
			}
		}
		l.run(math.MaxInt64)
		if l.port.peer.counters.RxBytes != sent || l.port.counters.Queued != 0 || l.flying != 0 {
			t.Fatalf("%d of %d B arrived, %d frames wait, %d fly", l.port.peer.counters.RxBytes, sent, l.port.counters.Queued, l.flying)
		}
		for k, a := range l.arrived {
			if a.at < times[k]+int64(p.Delay-p.Jitter) {
				t.Fatalf("frame %d, sent at %d, arrives at %d: before the delay", k, times[k], a.at)
			}
			if k > 0 && a.at < l.arrived[k-1].at {
				t.Fatalf("frame %d overtakes", k)
			}
		}
		if p.Jitter > 0 {
			return
		}
		for i := range l.arrived {
			var passed units.Size
			for k := i; k < len(l.arrived); k++ {
				passed += units.Size(l.arrived[k].size)
				// The frame that empties the bucket goes into debt.
				allowed := p.Rate.Per(time.Duration(l.arrived[k].at-l.arrived[i].at)) + p.BurstSize() + topology.Frame + 2
				if passed > allowed {
					t.Fatalf("%v in %d ns, allowed are %v", passed, l.arrived[k].at-l.arrived[i].at, allowed)
				}
			}
		}
	})
}

// TestQueueLimit fills a queue: one frame leaves at once, the queue holds its
// number, the rest is dropped and counted.
func TestQueueLimit(t *testing.T) {
	l := newLine(t, topology.Params{Rate: units.Mbps, Queue: 10}, 1)
	for range 20 {
		l.send(0, 1514)
	}
	// The bucket holds one frame, and the next leaves on its last byte's tokens.
	if c := l.port.counters; c.TxPackets != 2 || c.Queued != 10 || c.Drops != 8 {
		t.Errorf("sent %d, queued %d, dropped %d; want 2, 10, 8", c.TxPackets, c.Queued, c.Drops)
	}
}

// TestLoss checks the share of lost frames, and that the seed alone decides which.
func TestLoss(t *testing.T) {
	fate := func(seed uint64, gap int64) (arrivals []int) {
		l := newLine(t, topology.Params{Queue: 1, Loss: 0.1}, seed)
		for k := range 5000 {
			l.run(int64(k) * gap)
			before := l.flying
			l.send(int64(k)*gap, 100)
			if l.flying > before {
				arrivals = append(arrivals, k)
			}
		}
		return arrivals
	}
	one := fate(1, 1000)
	// Four standard deviations of a binomial share.
	if share := 1 - float64(len(one))/5000; math.Abs(share-0.1) > 4*math.Sqrt(0.1*0.9/5000) {
		t.Errorf("%.3f of the frames are lost, want 0.1", share)
	}
	if !slices.Equal(one, fate(1, 7)) {
		t.Error("the time of frames changes which are lost")
	}
	if slices.Equal(one, fate(2, 1000)) {
		t.Error("another seed loses the same frames")
	}
}

// TestChange changes the rate while frames wait: what has been paid for keeps its
// time, the rest takes the new rate.
func TestChange(t *testing.T) {
	slow := topology.Params{Rate: units.Mbps, Queue: 100}
	l := newLine(t, slow, 1)
	for range 6 {
		l.send(0, 1250) // 10 ms at 1 Mb/s, 1 ms at 10 Mb/s
	}
	l.run(0)
	fast := slow
	fast.Rate = 10 * units.Mbps
	l.port.change(fast)
	l.run(math.MaxInt64)
	last := l.arrived[len(l.arrived)-1].at
	debt := int64(2*10_000_000 - 12_112_000) // two frames of the old rate less its burst
	if want := debt + 3*1_000_000; last < want-200 || last > want+200 {
		t.Errorf("the last frame arrives at %d ns, want %d", last, want)
	}
}

// TestUnseen: what nobody can notice before it has crossed the delays of its way is left
// until then, however many frames that are: each look costs.
func TestUnseen(t *testing.T) {
	l := newLine(t, topology.Params{Rate: units.Mbps, Queue: 100, Delay: 3 * time.Millisecond}, 1)
	for k := range 10 { // to nobody, and so noticed never
		l.send(int64(k)*1000, 1514)
		if next := l.schedule.next(); next < never/4 {
			t.Fatalf("with %d frames on their way to nobody somebody looks at %d ns", k+1, next)
		}
	}
}

// TestAtOnce: what is due at the same time arrives in the order in which it was planned,
// whatever follows it.
func TestAtOnce(t *testing.T) {
	one := newLine(t, topology.Params{Delay: time.Millisecond}, 1)
	two := newLine(t, topology.Params{Delay: time.Millisecond}, 1)
	two.Network, two.port.network, two.port.peer.network = one.Network, one.Network, one.Network
	one.send(0, 100)
	two.send(0, 100)
	one.send(0, 100)
	for _, want := range []struct{ one, two int64 }{{2, 0}, {2, 1}} {
		one.schedule.call(one.schedule.plans.list[0])
		if a, b := one.port.peer.counters.RxPackets, two.port.peer.counters.RxPackets; a != want.one || b != want.two {
			t.Errorf("%d and %d frames have arrived, want %d and %d", a, b, want.one, want.two)
		}
	}
}

// TestFewLooked: of a long queue, and of many frames on a wire, only the first are looked
// at, and the rest is taken for what could be noticed soonest.
func TestFewLooked(t *testing.T) {
	const delay = 3 * time.Millisecond
	for _, waiting := range []int{lookahead, lookahead + 1} {
		l := newLine(t, topology.Params{Rate: units.Mbps, Queue: 100, Delay: delay}, 1)
		for range waiting + 3 { // two leave at once, and one when the rest is looked at
			l.send(0, 1514)
		}
		l.run(l.port.depart.at)
		at, want := l.port.depart.deadline, l.port.depart.at+int64(delay)
		if l.port.queue.len() != waiting || (at > never/4) != (waiting == lookahead) || waiting > lookahead && at != want {
			t.Errorf("of %d frames that wait the next to leave is looked at at %d ns", l.port.queue.len(), at)
		}

		l = newLine(t, topology.Params{Delay: delay}, 1)
		for k := range waiting + 1 {
			l.send(int64(k), 100)
		}
		l.run(int64(delay))
		at, want = l.port.arrive.deadline, int64(delay)+1+lookahead
		if l.port.wire.len() != waiting || (at > never/4) != (waiting == lookahead) || waiting > lookahead && at != want {
			t.Errorf("of %d frames on the wire the next to arrive is looked at at %d ns, want %d", l.port.wire.len(), at, want)
		}
	}
}
