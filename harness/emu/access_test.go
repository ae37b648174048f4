package emu

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"edgebed/harness/fate"
	"edgebed/harness/topology"
	"edgebed/nodes/units"
)

// slowUp is a host a with an access link that is slow upwards, and a host b, on a switch.
func slowUp(t *testing.T) *topology.Topology {
	t.Helper()
	model := parse(t, `
name: access
subnet: 10.9.0.0/24
switches: [s0]
hosts:
  - {name: a, switch: s0, class: dsl, downlink: {delay: 5 ms}}
  - {name: b, switch: s0}
link-classes:
  dsl: {delay: 10 ms, forward: {rate: 4 Mb/s}, reverse: {rate: 40 Mb/s}}
`)
	return model
}

// TestAccess checks an access link's rate and delay in each direction, what the switch's
// ports are, that it can be measured, captured and changed, and that the other host's
// link has none of this.
func TestAccess(t *testing.T) {
	n := build(t, slowUp(t), Options{})
	a, b := n.Hosts()[0], n.Hosts()[1]
	if a.Switch() != "s0" || !slices.Equal(n.Ports(), []string{"s0-b", "s0-a"}) {
		t.Fatalf("host a is at %s, ports are %v", a.Switch(), n.Ports())
	}
	if rtt := pings(t, b, a, 9); rtt[0] < 14*time.Millisecond || rtt[4] > 23*time.Millisecond {
		t.Errorf("round trips with 10 ms and 5 ms took %v to %v", rtt[0], rtt[4])
	}

	var file bytes.Buffer
	capture, err := n.Capture("s0-a", &file)
	if err != nil {
		t.Fatal(err)
	}
	const size = 200_000
	before := idle(t, n)
	up, down := transfer(t, a, b, size), transfer(t, b, a, size)
	ideal := (4 * units.Mbps).Time(size)
	if up < ideal || up > 3*ideal || down > ideal {
		t.Errorf("%d B took %v up and %v down, want %v or a little more, and less", size, up, down, ideal)
	}
	passed := idle(t, n).Sub(before)
	if stats, err := capture.Stop(); err != nil || stats.Bytes < 2*size {
		t.Errorf("the capture has %+v, %v", stats, err)
	}
	for _, p := range passed.Ports {
		if p.Trunk || p.Shaped != (p.Name == "s0-a") || p.RxBytes < size || p.TxBytes < size || p.Drops != 0 {
			t.Errorf("port %+v", p)
		}
	}

	found, err := n.Measure(t.Context())
	if err != nil || len(found) != 2 || found[0].Link != "a-s0" || found[1].Link != "s0-a" {
		t.Fatalf("measured %+v, %v", found, err)
	}
	for _, m := range found {
		if m.Singles == 0 || m.Delay < m.Asked.Delay*95/100 {
			t.Errorf("measured %+v", m)
		}
	}

	if err := n.SetLinks(change("a", "s0", topology.Override{Rate: new(40 * units.Mbps)})); err != nil {
		t.Fatal(err)
	}
	if fast := transfer(t, a, b, size); fast > ideal {
		t.Errorf("at ten times the rate it took %v, more than %v at the one before", fast, ideal)
	}
	if err := n.SetLinks(change("b", "s0", topology.Override{Rate: new(units.Mbps)})); err == nil ||
		!strings.Contains(err.Error(), "give the host a class") {
		t.Errorf("to change the other host's link gives %v", err)
	}
}

// TestFate sends numbered packets over a link that loses them in bursts and doubles some:
// with the delay line just those arrive that the dice of the seed say, as in virtual time.
func TestFate(t *testing.T) {
	const seed, packets = 5, 600
	model := pair(topology.Override{
		Delay: new(2 * time.Millisecond), Loss: new(topology.Loss(0.2)), LossBurst: new(4.0), Duplicate: new(topology.Loss(0.1)),
	})
	model.Links[0].Reverse = topology.Override{Loss: new(topology.Loss(0)), Duplicate: new(topology.Loss(0))}
	n := build(t, model, Options{Seed: seed})
	p, err := n.Topology().Params("s0", "s1")
	if err != nil {
		t.Fatal(err)
	}

	dice, odds := fate.NewDice(seed, 0), p.Odds()
	var want []int
	for k := range packets {
		switch f := dice.Throw(&odds); {
		case f.Twice:
			want = append(want, k, k)
		case !f.Lost:
			want = append(want, k)
		}
	}

	got := numbered(t, n.Hosts()[0], n.Hosts()[1], packets)
	if n.Backend() == DelayLine && !slices.Equal(got, want) {
		t.Errorf("of %d packets %d arrived, want %d, and these", packets, len(got), len(want))
	}
	// netem draws by itself: bursts of four make the share spread.
	if len(got) < packets*6/10 || len(got) > packets*11/10 {
		t.Errorf("of %d packets %d arrived, want about %d", packets, len(got), len(want))
	}
}

// TestCorrupt: without netem, corruption is refused with what to do; with it, TCP still
// delivers.
func TestCorrupt(t *testing.T) {
	model := pair(topology.Override{Rate: new(10 * units.Mbps), Delay: new(time.Millisecond), Corrupt: new(topology.Loss(0.02))})
	n, err := Build(t.Context(), model, Options{Delay: backend()})
	if err != nil {
		if !strings.Contains(err.Error(), "only netem corrupts frames") {
			t.Fatal(err)
		}
		return
	}
	defer n.Close()
	// Some 690 frames, of which none is corrupted once in a million runs.
	transfer(t, n.Hosts()[0], n.Hosts()[1], 1_000_000)
	if tcp, err := n.TCP(); err != nil || tcp.Retransmissions == 0 {
		t.Errorf("%+v, %v: nothing was corrupted", tcp, err)
	}
}

// TestMTU: frames on all links are as large as the MTU lets them be, also with a delay
// stage and in captures.
func TestMTU(t *testing.T) {
	for _, mtu := range []int{576, 9000} {
		model := pair(topology.Override{Rate: new(50 * units.Mbps), Delay: new(time.Millisecond)})
		model.MTU = mtu
		n := build(t, model, Options{})
		var file bytes.Buffer
		capture, err := n.Capture("s0-s1", &file)
		if err != nil {
			t.Fatal(err)
		}
		const size = 300_000
		transfer(t, n.Hosts()[0], n.Hosts()[1], size)
		c := idle(t, n)
		stats, err := capture.Stop()
		if err != nil || stats.Lost > 0 {
			t.Fatalf("%+v, %v", stats, err)
		}
		for _, p := range c.Ports {
			if p.Name != "s0-s1" {
				continue
			}
			if mean := p.TxBytes / p.TxPackets; mean < int64(mtu)*6/10 || mean > int64(model.Frame()) || stats.Bytes < p.TxBytes {
				t.Errorf("MTU %d: frames have %d B on average; captured %+v", mtu, mean, stats)
			}
		}
	}
}

// TestMTUsOfHosts: two hosts exchange frames of the smaller one's size, over a link that
// takes no larger ones.
func TestMTUsOfHosts(t *testing.T) {
	model := pair(topology.Override{Rate: new(50 * units.Mbps), Delay: new(time.Millisecond)})
	model.MTU, model.Hosts[1].MTU, model.Links[0].MTU = 9000, 1280, 1280
	n := build(t, model, Options{})
	const size = 300_000
	transfer(t, n.Hosts()[0], n.Hosts()[1], size)
	transfer(t, n.Hosts()[1], n.Hosts()[0], size)
	for _, p := range idle(t, n).Ports {
		if mean := p.TxBytes / p.TxPackets; p.TxBytes < size || mean < 1280*4/10 || mean > 1294 {
			t.Errorf("port %s: %d B in frames of %d B on average", p.Name, p.TxBytes, mean)
		}
	}
}

// TestNarrowMTU: a network whose hosts' packets do not fit through a link, or are too small for
// IPv6, is not built.
func TestNarrowMTU(t *testing.T) {
	narrow, small := pair(topology.Override{}), pair(topology.Override{})
	narrow.Links[0].MTU = 1200
	small.MTU, small.IPv6 = 1200, new(true)
	for model, want := range map[*topology.Topology]string{
		narrow: "link s0-s1: packets between hosts a and b have up to 1500 bytes", small: "IPv6 needs an mtu of 1280 B",
	} {
		n, err := Build(t.Context(), model, Options{})
		if err == nil {
			n.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("building gives %v, want %q", err, want)
		}
	}
}
