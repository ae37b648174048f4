package emu

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"syscall"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"edgebed/harness/topology"
)

// create makes a queue that must not be there yet; without it, one that is there is
// changed in place.
const create = unix.NLM_F_CREATE | unix.NLM_F_EXCL

// queue is the queue in front of a rate: the kernel's name of its kind, and its limit, in
// packets or bytes as the kind counts.
type queue struct {
	kind  string
	limit uint32
}

// queueOf returns the queue that a link's direction asks for.
func queueOf(p topology.Params) queue {
	switch p.Discipline {
	case topology.RED:
		return queue{"red", uint32(p.QueueLimit())}
	case topology.CoDel:
		return queue{"codel", uint32(p.Queue)}
	case topology.FQCoDel:
		return queue{"fq_codel", uint32(p.Queue)}
	}
	if p.QueueBytes > 0 {
		return queue{"bfifo", uint32(p.QueueBytes)}
	}
	return queue{"pfifo", uint32(p.Queue)}
}

// String describes the queue for the records.
func (q queue) String() string {
	switch q.kind {
	case "pfifo":
		return fmt.Sprintf("%d packets", q.limit)
	case "bfifo":
		return fmt.Sprintf("%d B", q.limit)
	case "red":
		return fmt.Sprintf("%d B, red", q.limit)
	}
	return fmt.Sprintf("%d packets, %s", q.limit, q.kind)
}

// setQueue makes the queue below the HTB class of a port, or changes it in place.
func (c *conn) setQueue(index int, p topology.Params, flags int) error {
	q := queueOf(p)
	under := nl.TcMsg{Ifindex: int32(index), Handle: fifoHandle, Parent: htbClass}
	err := c.setQdisc(under, q.kind, q.options(p), flags)
	if errors.Is(err, syscall.ENOENT) {
		return fmt.Errorf("this kernel has no %s queue; load the module sch_%s, or give the link the discipline %s: %w",
			q.kind, q.kind, topology.Drop, err)
	}
	if err != nil {
		return fmt.Errorf("set the queue of %v: %w", q, err)
	}
	return nil
}

// setQdisc sends a queue of any kind to the kernel.
func (c *conn) setQdisc(msg nl.TcMsg, kind string, options *nl.RtAttr, flags int) error {
	msg.Family = nl.FAMILY_ALL
	req := nl.NewNetlinkRequest(unix.RTM_NEWQDISC, unix.NLM_F_ACK|flags)
	req.AddData(&msg)
	req.AddData(nl.NewRtAttr(nl.TCA_KIND, nl.ZeroTerminated(kind)))
	req.AddData(options)
	_, err := c.execute(req, 0)
	return err
}

// Attributes of the kernel's pkt_sched.h.
const (
	redParms, redStab, redMaxP        = 1, 2, 3
	codelTarget, codelLimit, codelECN = 1, 2, 4
)

// options returns what the kernel is told of the queue.
func (q queue) options(p topology.Params) *nl.RtAttr {
	switch q.kind {
	case "red":
		return redOptions(q.limit, p)
	case "codel", "fq_codel":
		// Both number these attributes alike. A target below a frame's time would
		// take every frame for late (RFC 8289, Sec. 4.4).
		options := nl.NewRtAttr(nl.TCA_OPTIONS, nil)
		target := max(5*time.Millisecond, p.Rate.Time(p.Frame()))
		options.AddRtAttr(codelTarget, nl.Uint32Attr(uint32(target.Microseconds())))
		options.AddRtAttr(codelLimit, nl.Uint32Attr(q.limit))
		options.AddRtAttr(codelECN, nl.Uint32Attr(0)) // it drops: hosts do not ask for marks
		return options
	}
	return nl.NewRtAttr(nl.TCA_OPTIONS, nl.Uint32Attr(q.limit))
}

// redDrops is the part of a RED queue's limit below which it drops nothing: the least
// threshold is a third of the largest (S. Floyd, RED: Discussions of Setting Parameters,
// 1997), and that a quarter of the limit, as tc sets them.
const redDrops = 12

// redOptions returns the parameters of RED (S. Floyd and V. Jacobson, Random Early
// Detection Gateways for Congestion Avoidance, 1993) as Floyd's note of 1997 recommends
// them: an average with the weight 0.002, and at most a tenth of the frames dropped below
// the largest threshold.
func redOptions(limit uint32, p topology.Params) *nl.RtAttr {
	const (
		share   = 0.1
		average = 1000 // bytes of a frame that could have left while the queue was idle
	)
	most := limit / 4
	least := most / 3

	// The weight is 2 to the power of -weight, as far as the kernel's 32 bits hold the
	// average times its inverse.
	weight := min(9, 31-bits.Len32(most))

	// In idle time the average falls as if small frames had left: by so many powers of two
	// for each microsecond.
	fall := -math.Log2(1-math.Pow(2, -float64(weight))) / (float64(p.Rate.Time(average)) / 1e3)
	scale := 0
	for ; scale < 31 && fall*math.Ldexp(255, scale) < 31; scale++ {
	}
	stab := make([]byte, 256)
	for i := range stab {
		stab[i] = byte(min(31, fall*math.Ldexp(float64(i), scale)))
	}

	parms := binary.NativeEndian.AppendUint32(nil, limit)
	parms = binary.NativeEndian.AppendUint32(parms, least)
	parms = binary.NativeEndian.AppendUint32(parms, most)
	// The power of two for the share is in place of redMaxP on kernels before 3.3.
	parms = append(parms, byte(weight), byte(bits.Len32(uint32(float64(most-least)/share))), byte(scale), 0)

	options := nl.NewRtAttr(nl.TCA_OPTIONS, nil)
	options.AddRtAttr(redParms, parms)
	options.AddRtAttr(redStab, stab)
	options.AddRtAttr(redMaxP, nl.Uint32Attr(probability32(share)))
	return options
}

// readQueue returns the queue that the kernel has, as far as it is one of ours.
func readQueue(q qdisc) (queue, bool) {
	wanted := map[string]int{"pfifo": 0, "bfifo": 0, "red": redParms, "codel": codelLimit, "fq_codel": codelLimit}
	attr, ok := wanted[q.kind]
	if !ok || q.handle != fifoHandle {
		return queue{}, false
	}

	value := q.options
	if attr != 0 {
		attrs, err := nl.ParseRouteAttr(q.options)
		if err != nil {
			return queue{}, false
		}
		value = nil
		for _, a := range attrs {
			if int(a.Attr.Type&nl.NLA_TYPE_MASK) == attr {
				value = a.Value
			}
		}
	}
	if len(value) < 4 {
		return queue{}, false
	}
	return queue{q.kind, binary.NativeEndian.Uint32(value)}, true
}

// probability32 is a probability as the kernel's queues take it: all 32 bits are 1.
func probability32(p float64) uint32 { return uint32(math.Round(p * math.MaxUint32)) }
