package simnet

import (
	"math"
	"strings"
	"testing"

	"edgebed/harness/fate"
	"edgebed/harness/topology"
	"edgebed/nodes/units"
)

// TestFate: of many frames just those are lost that the dice of the seed say, alone or in
// bursts, and just those come twice. The delay line's test of the same name says the same
// of real links.
func TestFate(t *testing.T) {
	const frames, seed = 2000, 11
	for _, p := range []topology.Params{
		{Loss: 0.1},
		{Loss: 0.1, LossBurst: 4},
		{Bursts: fate.GilbertElliott{P: 0.02, R: 0.1, Bad: 0.7, Good: 0.01}},
		{Loss: 0.1, LossBurst: 4, Duplicate: 0.2},
	} {
		p.Queue = 1
		l, dice, odds := newLine(t, p, seed), fate.NewDice(seed, 0), p.Odds()
		lost := 0
		for k := range frames {
			want := 1
			if f := dice.Throw(&odds); f.Lost {
				want = 0
			} else if f.Twice {
				want = 2
			}

			before := l.flying
			l.send(int64(k), 100)
			if got := l.flying - before; got != want {
				t.Fatalf("%v: frame %d is on the wire %d times, want %d", p, k, got, want)
			}
			if want == 0 {
				lost++
			}
			l.run(int64(k))
		}
		if share := float64(lost) / frames; math.Abs(share-p.MeanLoss()) > 0.05 {
			t.Errorf("%v: %.3f of the frames are lost, want %.3f", p, share, p.MeanLoss())
		}
	}
}

// TestQueueBytes fills a queue that is limited in bytes: many small frames have room where
// few large ones have.
func TestQueueBytes(t *testing.T) {
	for _, tt := range []struct{ size, sent, queued int }{
		{1514, 20, 5}, {100, 100, 75}, {100, 50, 50 - 16},
	} {
		l := newLine(t, topology.Params{Rate: units.Mbps, Queue: 1, QueueBytes: 5 * 1514}, 1)
		for range tt.sent {
			l.send(0, tt.size)
		}
		// The bucket holds 1514 B, and a frame leaves on its last byte's tokens.
		atOnce := 1514/tt.size + 1
		c := l.port.counters
		if c.Queued != int64(tt.queued) || c.TxPackets != int64(atOnce) || c.Drops != int64(tt.sent-tt.queued-atOnce) ||
			c.Backlog != int64(tt.queued*tt.size) {
			t.Errorf("of %d frames of %d B %d left, %d (%d B) wait, %d are dropped; want %d, %d and the rest",
				tt.sent, tt.size, c.TxPackets, c.Queued, c.Backlog, c.Drops, atOnce, tt.queued)
		}
	}
}

// TestCannot: what virtual time cannot do is refused with what can.
func TestCannot(t *testing.T) {
	for link, want := range map[string]string{
		"corrupt: 1 %":                                    "only netem on emulated links",
		"rate: 1 Mb/s, discipline: codel":                 "the only discipline is fifo",
		"rate: 1 Mb/s, discipline: red, queue-bytes: 1MB": "network: emulated",
	} {
		model, err := topology.Parse("cannot", []byte("{name: x, switches: [s, r], hosts: [{name: a, switch: s}], "+
			"links: [{between: [s, r], reverse: {"+link+"}}]}"))
		if err != nil {
			t.Fatal(err)
		}
		n, err := Build(model, Options{})
		if err == nil {
			n.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "r-s") {
			t.Errorf("%s gives %v, want %q", link, err, want)
		}
	}
}

// TestDice: each direction of each link meets fates of its own, those of the emulation's lines:
// parallel links do, too.
func TestDice(t *testing.T) {
	model, err := topology.Parse("dice", []byte("{name: x, switches: [s, r], hosts: [{name: a, switch: s, uplink: "+
		"{loss: 1 %}}], links: [{between: [s, r]}, {between: [r, s]}]}"))
	if err != nil {
		t.Fatal(err)
	}
	const seed = 7
	n, err := Build(model, Options{Seed: seed})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	for i, ends := range n.links {
		for direction, p := range ends {
			if p.dice != fate.NewDice(seed+uint64(i), uint64(direction)) {
				t.Errorf("port %s throws other dice than direction %d of line %d", p.counters.Name, direction, i)
			}
		}
	}
}
