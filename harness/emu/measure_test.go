package emu

import (
	"math"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"edgebed/harness/topology"
	"edgebed/nodes/units"
)

// TestMeasure measures links that are what they should be, and then with one
// direction's shaper changed behind the network's back.
func TestMeasure(t *testing.T) {
	const rate = 5 * units.Mbps
	for _, delay := range []time.Duration{0, 20 * time.Millisecond} {
		t.Run(delay.String(), func(t *testing.T) {
			n := build(t, ring6(t, topology.Override{Rate: new(rate), Delay: &delay}), Options{})
			off := func(m Measurement) float64 { return float64(m.Rate)/float64(rate) - 1 }
			list := measured(t, n)
			if len(list) != 12 {
				t.Fatalf("%d directions were measured, want 12", len(list))
			}
			for _, m := range list {
				if m.Asked.Rate != rate || m.Asked.Delay != delay || m.Lost != 0 {
					t.Errorf("link %s: %+v", m.Link, m)
				}
				if math.Abs(off(m)) > 0.03 {
					t.Errorf("link %s has a rate of %v", m.Link, m.Rate)
				}
				if m.Delay < delay/2 || delay > 0 && m.Delay > 2*delay {
					t.Errorf("link %s has a delay of %v", m.Link, m.Delay)
				}
			}
			if err := n.fabricC.ClassChange(class(n.links[2].port[1].index, topology.Params{Rate: rate * 95 / 100})); err != nil {
				t.Fatal(err)
			}
			for _, m := range measured(t, n) {
				if m.Link != "s3-s2" {
					continue
				}
				if o := off(m); math.Abs(o+0.05) > 0.02 {
					t.Errorf("link s3-s2 should be 5 %% slow, and is off by %.1f %%", 100*o)
				}
			}
			// No host has seen anything, and all ports together what was sent.
			c := idle(t, n)
			for _, p := range c.Ports {
				if !p.Trunk && p.TxPackets+p.RxPackets > 0 {
					t.Errorf("port %s passed %d packets", p.Name, p.TxPackets+p.RxPackets)
				}
			}
			if c.Drops() != 0 {
				t.Errorf("%d frames were dropped", c.Drops())
			}
		})
	}
}

// TestMeasureJitter measures links with jitter in both orders: the rate is that of
// the shaper, and the delays have the mean and the range that they were asked for.
func TestMeasureJitter(t *testing.T) {
	const rate, delay, jitter = 5 * units.Mbps, 20 * time.Millisecond, 10 * time.Millisecond
	for _, order := range []topology.JitterOrder{topology.FIFO, topology.Reorder} {
		t.Run(string(order), func(t *testing.T) {
			n := build(t, pair(topology.Override{Rate: new(rate), Delay: new(delay), Jitter: new(jitter), JitterOrder: &order}), Options{})
			if got := n.Settings()["link-jitter-order"]; got != string(order) {
				t.Errorf("the settings say %q", got)
			}
			for _, m := range measured(t, n) {
				if off := float64(m.Rate)/float64(rate) - 1; math.Abs(off) > 0.03 {
					t.Errorf("link %s has a rate of %v", m.Link, m.Rate)
				}
				if len(m.Delays) != jitterSingles || m.Gap < 2*jitter {
					t.Fatalf("link %s: %d delays, sent %v apart", m.Link, len(m.Delays), m.Gap)
				}
				var sum time.Duration
				for _, d := range m.Delays {
					sum += d
				}
				// The mean of 40 has a deviation of 0.9 ms.
				if mean := sum / jitterSingles; mean < delay-jitter/2 || mean > delay+jitter/2 {
					t.Errorf("link %s has a mean delay of %v", m.Link, mean)
				}
				if d := m.Delays[0]; d < delay-jitter-time.Millisecond || d > delay-jitter/2 {
					t.Errorf("link %s has a least delay of %v", m.Link, d)
				}
				if d := m.Delays[jitterSingles-1]; d < delay+jitter/2 {
					t.Errorf("link %s has a largest delay of %v", m.Link, d)
				}
			}
		})
	}
}

// measured measures until nothing interrupted it.
func measured(t *testing.T, n *Network) (list []Measurement) {
	t.Helper()
	for range 20 {
		var err error
		if list, err = n.Measure(t.Context()); err != nil {
			t.Fatal(err)
		}
		interrupted := false
		for _, m := range list {
			interrupted = interrupted || m.Interrupted
		}
		if !interrupted {
			return list
		}
	}
	t.Fatalf("the measurement was always interrupted: %+v", list)
	return nil
}

// TestMeasurePlan checks what is sent over links of all kinds: it must be short,
// and leave room in the queue.
func TestMeasurePlan(t *testing.T) {
	for _, tt := range []struct {
		name string
		topology.Params
		train bool
	}{
		{"unshaped", topology.Params{}, false},
		{"slowest", topology.Params{Rate: topology.MinRate, Queue: 1000}, true},
		{"1 Mb/s", topology.Params{Rate: units.Mbps, Queue: 1000}, true},
		{"100 Mb/s", topology.Params{Rate: 100 * units.Mbps, Queue: 1000}, true},
		{"1 Gb/s", topology.Params{Rate: units.Gbps, Queue: 1000}, true},
		{"short queue", topology.Params{Rate: units.Mbps, Queue: 5}, true},
		{"too short a queue", topology.Params{Rate: 100 * units.Mbps, Queue: 5}, false},
		{"large bucket", topology.Params{Rate: units.Mbps, Queue: 1000, Burst: topology.Burst(units.MB), CeilBurst: topology.Burst(units.MB)}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := probe{params: tt.Params, size: topology.Frame}
			p.layTrain()
			if p.frames > 0 != tt.train {
				t.Fatalf("a train of %d frames", p.frames)
			}
			if p.frames == 0 {
				return
			}
			if p.frames-p.atOnce >= tt.Queue {
				t.Errorf("%d frames do not fit into a queue of %d", p.frames-p.atOnce, tt.Queue)
			}
			if d := p.duration(); d < shortestTrain || d > 3*time.Second {
				t.Errorf("the train of %d frames of %d B takes %v", p.frames, p.size, d)
			}
		})
	}
}

// TestSteadyRate takes times of arrival as a link of 1000 B/s with a delay of 1 s
// would make them.
func TestSteadyRate(t *testing.T) {
	const size, delay = 100, int64(time.Second)
	train := func() (sent, arrived []int64) {
		for i := range 20 {
			sent = append(sent, 1)
			arrived = append(arrived, delay+int64(i+1)*int64(100*time.Millisecond))
		}
		return sent, arrived
	}
	for _, tt := range []struct {
		name   string
		change func(sent, arrived []int64)
		want   units.Rate
	}{
		{"steady", func(_, _ []int64) {}, 8000},
		{"late frames", func(_, a []int64) { a[3] += 5e7; a[12] += 9e7 }, 8000},
		{"lost frames", func(_, a []int64) { a[5], a[13], a[19] = 0, 0, 0 }, 8000},
		// The sender paused for a second before frame 14.
		{"late sender", func(s, a []int64) {
			for i := 14; i < 20; i++ {
				s[i] = a[13] - delay + 1
				a[i] += int64(time.Second)
			}
		}, 8000},
		{"very late sender", func(s, a []int64) { s[9], s[15] = a[9]-delay, a[15]-delay }, 0},
		{"nothing arrived", func(_, a []int64) { clear(a) }, 0},
	} {
		sent, arrived := train()
		tt.change(sent, arrived)
		if got := steadyRate(sent, arrived, delay, size); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

// TestShapers checks the reading of queues against what was sent into them.
func TestShapers(t *testing.T) {
	const rate = 1 * units.Mbps
	n := build(t, pair(topology.Override{Rate: new(rate)}), Options{})
	fd := 0
	err := n.fabric.do(func() (err error) {
		fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	const frames = 50
	for range frames {
		if err := unix.Sendto(fd, make([]byte, topology.Frame), 0, &unix.SockaddrLinklayer{Ifindex: n.links[0].port[0].index, Halen: 6}); err != nil {
			t.Fatal(err)
		}
	}
	list, err := n.Shapers()
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 2 || list[0].Link != "s0-s1" || list[1].Link != "s1-s0" || list[0].Rate != rate {
		t.Fatalf("shapers %+v", list)
	}
	s := list[0]
	if s.Sent+s.Backlog != frames*topology.Frame || s.Backlog == 0 || s.Drops != 0 || list[1].Sent+list[1].Backlog != 0 {
		t.Errorf("of %d frames of %d B: %+v", frames, topology.Frame, list)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := n.Shapers(); err == nil {
		t.Error("the queues of a closed network can be read")
	}
	if _, err := n.Measure(t.Context()); err == nil {
		t.Error("the links of a closed network can be measured")
	}
}
