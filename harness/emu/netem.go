package emu

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"

	"edgebed/harness/fate"
	"edgebed/harness/topology"
)

// Attributes of netem in the kernel's pkt_sched.h.
const (
	netemCorrupt = 4
	netemLoss    = 5
	netemRate    = 6
	netemRate64  = 8
	netemSeed    = 14

	lossGilbertElliott = 2 // in netemLoss
)

// changeNetem changes what delays a direction of a link, in place. Netem begins its draws
// anew with each change: with the same seed the same frames would be lost again.
func (n *Network) changeNetem(l *link, dir int, p topology.Params) error {
	device := l.medium[1-dir]
	l.redrawn[dir]++
	seed := rand.NewPCG(n.netemSeed(device), l.redrawn[dir]).Uint64()
	if err := n.mediumC.setNetem(device, p, seed, 0); err != nil {
		return fmt.Errorf("change netem: %w", err)
	}
	return nil
}

// sameNetem says whether netem is told the same for two parameters.
func sameNetem(a, b topology.Params) bool {
	before, errBefore := netemOptions(a, 0)
	after, errAfter := netemOptions(b, 0)
	return errBefore == nil && errAfter == nil && bytes.Equal(before.Serialize(), after.Serialize())
}

// setNetem makes the kernel's delay stage for what leaves a device of the medium, or
// changes it in place. Kernels from 6.6 on draw by the seed, from its first draw on.
func (c *conn) setNetem(index int, p topology.Params, seed uint64, flags int) error {
	options, err := netemOptions(p, seed)
	if err != nil {
		return err
	}
	msg := nl.TcMsg{Ifindex: int32(index), Handle: netemHandle, Parent: netlink.HANDLE_ROOT}
	return c.setQdisc(msg, "netem", options, flags)
}

// netemOptions returns struct tc_netem_qopt and the attributes behind it.
func netemOptions(p topology.Params, seed uint64) (*nl.RtAttr, error) {
	// netem counts the time in psched ticks of 32 bits.
	if limit := psched * math.MaxUint32; p.Delay+p.Jitter > limit {
		return nil, fmt.Errorf("netem cannot delay by %v: the longest is %v", p.Delay+p.Jitter,
			limit.Truncate(time.Second))
	}

	odds := p.Odds()
	var head []byte
	for _, v := range []uint32{
		uint32(p.Delay / psched), netemLimit(p), probability32(odds.Loss), 0, // no gap of reordering
		probability32(odds.Duplicate), uint32(p.Jitter / psched),
	} {
		head = binary.NativeEndian.AppendUint32(head, v)
	}

	options := nl.NewRtAttr(nl.TCA_OPTIONS, head)
	// Of corruption and rate netem keeps what it had where a change does not name them
	// (netem_change in the kernel's sch_netem.c), so both are there at zero, too.
	corrupt := binary.NativeEndian.AppendUint32(nil, probability32(float64(p.Corrupt)))
	options.AddRtAttr(netemCorrupt, append(corrupt, 0, 0, 0, 0)) // no correlation
	if b := odds.Bursts; b != (fate.GilbertElliott{}) {
		// The kernel takes the probability that a frame passes in the bad state, h.
		var model []byte
		for _, v := range []float64{b.P, b.R, 1 - b.Bad, b.Good} {
			model = binary.NativeEndian.AppendUint32(model, probability32(v))
		}
		options.AddRtAttr(netemLoss, nil).AddRtAttr(lossGilbertElliott, model)
	}
	if ordered(p) {
		// netem sends each frame when its own delay is over, unless it has a rate:
		// then no earlier than the one before (netem_enqueue in the kernel's
		// sch_netem.c). At 800 Gb/s, in bytes, the rate itself adds nanoseconds.
		options.AddRtAttr(netemRate, rateAttr(math.MaxUint32))
		options.AddRtAttr(netemRate64, binary.NativeEndian.AppendUint64(nil, 100e9))
	} else {
		options.AddRtAttr(netemRate, rateAttr(0))
	}
	options.AddRtAttr(netemSeed, binary.NativeEndian.AppendUint64(nil, seed))
	return options, nil
}

// rateAttr is struct tc_netem_rate, without overhead.
func rateAttr(bytes uint32) []byte {
	return append(binary.NativeEndian.AppendUint32(nil, bytes), make([]byte, 12)...)
}

// ordered says whether netem must be made to keep the order of frames.
func ordered(p topology.Params) bool { return p.Jitter > 0 && p.JitterOrder != topology.Reorder }

// netemLimit is how many frames can be in flight: netem drops what is beyond
// its limit, and its default is too small for a fast link with a long delay.
func netemLimit(p topology.Params) uint32 {
	const (
		least    = 10_000
		unshaped = 1_000_000
		smallest = 60 // bytes of the smallest frame
	)
	if p.Rate == 0 {
		return unshaped
	}
	inFlight := 2 * float64(p.Rate.Per(p.Delay+p.Jitter)+p.BurstSize()) / smallest
	return uint32(min(max(inFlight, least), math.MaxUint32/2))
}
