package emu

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"edgebed/harness/fate"
	"edgebed/harness/topology"
	"edgebed/nodes/units"
)

// flood sends frames straight to a port's queue.
func flood(t *testing.T, n *Network, port, frames, size int) {
	t.Helper()
	err := n.fabric.do(func() error {
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		for range frames {
			err := unix.Sendto(fd, make([]byte, size), 0, &unix.SockaddrLinklayer{Ifindex: port, Halen: 6})
			if err != nil && err != unix.ENOBUFS { // the queue has no room
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// shaper reads the queue of the first link's first direction.
func shaper(t *testing.T, n *Network) Shaper {
	t.Helper()
	list, err := n.Shapers()
	if err != nil {
		t.Fatal(err)
	}
	return list[0]
}

// TestQueueInBytes: a queue limited in bytes holds few large frames and many small ones.
func TestQueueInBytes(t *testing.T) {
	const limit = 5 * topology.Frame
	for _, tt := range []struct{ size, frames int }{{int(topology.Frame), 40}, {60, 100}} {
		n := build(t, pair(topology.Override{Rate: new(500 * units.Kbps), Queue: new(1), QueueBytes: new(limit)}), Options{})
		if got := n.Settings()["link-queue"]; got != "7570 B" {
			t.Errorf("the records say the queue is %q", got)
		}
		flood(t, n, n.links[0].port[0].index, tt.frames, tt.size)
		s := shaper(t, n)
		if s.Backlog > limit || s.Sent+s.Backlog+units.Size(s.Drops)*units.Size(tt.size) != units.Size(tt.frames*tt.size) {
			t.Errorf("of %d frames of %d B: %+v", tt.frames, tt.size, s)
		}
		if fits := units.Size(tt.frames*tt.size) <= limit; fits != (s.Drops == 0) {
			t.Errorf("of %d frames of %d B %d were dropped", tt.frames, tt.size, s.Drops)
		}
	}
}

// TestDisciplines keeps a queue busy that never fills: a FIFO drops nothing, the others do.
// A kernel that lacks one says so, and which module it is.
func TestDisciplines(t *testing.T) {
	const rate, limit, burst = 20 * units.Mbps, 80, 30
	for _, d := range topology.Disciplines {
		t.Run(string(d), func(t *testing.T) {
			model := pair(topology.Override{Rate: new(rate), Queue: new(limit), Discipline: new(d)})
			n, err := Build(t.Context(), model, Options{})
			if err != nil {
				if d == topology.Drop || !strings.Contains(err.Error(), "load the module sch_") {
					t.Fatal(err)
				}
				t.Skip(err)
			}
			defer n.Close()

			for deadline := time.Now().Add(10 * time.Second); ; {
				s := shaper(t, n)
				enough := s.Sent > rate.Per(500*time.Millisecond)
				if d != topology.Drop && s.Drops > 0 {
					break
				}
				if enough || time.Now().After(deadline) {
					if d != topology.Drop || s.Drops > 0 {
						t.Errorf("%+v", s)
					}
					break
				}
				if s.Backlog <= burst*topology.Frame {
					flood(t, n, n.links[0].port[0].index, burst, int(topology.Frame))
				}
			}

			// In place: another limit, and another rate.
			err = n.SetClass("trunk", topology.Override{Queue: new(100), Rate: new(2 * rate)})
			if err != nil {
				t.Fatal(err)
			}
			queues, err := n.fabricC.qdiscs()
			if err != nil {
				t.Fatal(err)
			}
			p, _ := n.Topology().Params("s0", "s1")
			if s, _, err := n.fabricC.readShape(n.links[0].port[0].index, queues); err != nil || s.queue != queueOf(p) {
				t.Errorf("the kernel has %v, %v, want %v", s.queue, err, queueOf(p))
			}
			other := topology.RED
			if d == topology.RED {
				other = topology.Drop
			}
			if err := n.SetClass("trunk", topology.Override{Discipline: &other}); err == nil {
				t.Error("the discipline was changed in place")
			}
		})
	}
}

// TestREDOptions checks what the kernel demands of RED's parameters (red_check_params in
// the kernel's red.h), over all limits and rates.
func TestREDOptions(t *testing.T) {
	for _, limit := range []uint32{8 * 576, 15_000, 1_514_000, 100_000_000, 1_000_000_000} {
		for _, rate := range []units.Rate{topology.MinRate, units.Mbps, units.Gbps, topology.MaxRate} {
			attrs, err := nl.ParseRouteAttr(redOptions(limit, topology.Params{Rate: rate}).Serialize()[4:])
			if err != nil || len(attrs) != 3 {
				t.Fatal(attrs, err)
			}
			parms, stab := attrs[0].Value, attrs[1].Value
			least, most := binary.NativeEndian.Uint32(parms[4:]), binary.NativeEndian.Uint32(parms[8:])
			weight, scale := uint32(parms[12]), parms[14]
			if least == 0 || most <= least || most > limit || most<<weight>>weight != most || scale >= 32 || weight == 0 {
				t.Errorf("limit %d at %v: thresholds %d and %d, weight %d, scale %d", limit, rate, least, most, weight, scale)
			}
			for i := range stab {
				if stab[i] > 31 || i > 0 && stab[i] < stab[i-1] {
					t.Fatalf("limit %d at %v: table %v", limit, rate, stab)
				}
			}
		}
	}
}

// TestNetemOptions reads back the attributes for netem, in the order and units of the
// kernel's pkt_sched.h.
func TestNetemOptions(t *testing.T) {
	p := topology.Params{
		Rate: units.Mbps, Delay: 64 * time.Millisecond, Jitter: 6400 * time.Microsecond, Queue: 10,
		Bursts: fate.GilbertElliott{P: 0.5, R: 0.25, Bad: 1, Good: 0}, Duplicate: 0.25, Corrupt: 0.5,
	}
	options, err := netemOptions(p, 77)
	if err != nil {
		t.Fatal(err)
	}
	text := options.Serialize()[4:]
	word := func(b []byte, i int) uint32 { return binary.NativeEndian.Uint32(b[4*i:]) }
	const half, quarter = 1 << 31, 1 << 30
	for i, want := range map[int]uint32{0: 1_000_000, 2: 0, 3: 0, 4: quarter, 5: 100_000} {
		if got := word(text, i); got != want {
			t.Errorf("word %d of struct tc_netem_qopt is %d, want %d", i, got, want)
		}
	}
	attrs, err := nl.ParseRouteAttr(text[24:])
	if err != nil {
		t.Fatal(err)
	}
	values, off := map[uint16][]byte{}, map[uint16]bool{}
	for _, a := range attrs {
		values[a.Attr.Type] = a.Value
	}
	if got := word(values[netemCorrupt], 0); got != half {
		t.Errorf("corrupt is %d", got)
	}
	if got := binary.NativeEndian.Uint64(values[netemSeed]); got != 77 {
		t.Errorf("the seed is %d", got)
	}
	if len(values[netemRate]) != 16 || binary.NativeEndian.Uint64(values[netemRate64]) != 100e9 {
		t.Errorf("the rate that keeps the order is %v, %v", values[netemRate], values[netemRate64])
	}
	// Without them both are there, too: netem would keep what it had.
	options, err = netemOptions(topology.Params{Rate: units.Mbps, Delay: time.Millisecond}, 77)
	if err != nil {
		t.Fatal(err)
	}
	attrs, err = nl.ParseRouteAttr(options.Serialize()[28:])
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range attrs {
		if a.Attr.Type != netemSeed && bytes.ContainsFunc(a.Value, func(r rune) bool { return r != 0 }) {
			t.Errorf("attribute %d of a mere delay is %v", a.Attr.Type, a.Value)
		}
		off[a.Attr.Type] = true
	}
	if !off[netemCorrupt] || !off[netemRate] || off[netemRate64] {
		t.Errorf("a mere delay has the attributes %v", off)
	}

	model, err := nl.ParseRouteAttr(values[netemLoss])
	if err != nil || len(model) != 1 || model[0].Attr.Type != lossGilbertElliott {
		t.Fatalf("the loss model is %v, %v", model, err)
	}
	// h is the probability that a frame passes in the bad state.
	for i, want := range []uint32{half, quarter, 0, 0} {
		if got := word(model[0].Value, i); got != want {
			t.Errorf("word %d of struct tc_netem_gemodel is %d, want %d", i, got, want)
		}
	}
}
