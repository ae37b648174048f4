package emu

import (
	"errors"
	"fmt"
	"math"
	"syscall"
	"time"

	"github.com/vishvananda/netlink"

	"edgebed/harness/topology"
	"edgebed/nodes/units"
)

// Handles of the queues on a shaped port: HTB 1: with its class 1:1 and the
// FIFO 10: below; netem 20: on the medium's side.
const (
	htbHandle   uint32 = 1 << 16
	htbClass           = htbHandle | 1
	fifoHandle  uint32 = 10 << 16
	netemHandle uint32 = 20 << 16
)

// psched is the unit of time of HTB's buckets (PSCHED_SHIFT in the kernel's
// pkt_sched.h), fixed since Linux 2.6.31.
const psched = 64 * time.Nanosecond

// class is the HTB class of a port. The netlink package's constructor truncates
// the bucket to microseconds, and with it below one frame.
func class(index int, p topology.Params) *netlink.HtbClass {
	bytesPerSecond := float64(p.Rate) / 8
	ticks := func(b topology.Burst) uint32 {
		seconds := float64(p.Bucket(b)) / bytesPerSecond
		return uint32(min(math.Ceil(seconds*float64(time.Second)/float64(psched)), math.MaxUint32))
	}
	return &netlink.HtbClass{
		ClassAttrs: netlink.ClassAttrs{LinkIndex: index, Parent: htbHandle, Handle: htbClass},
		Rate:       uint64(math.Round(bytesPerSecond)),
		Ceil:       uint64(math.Round(bytesPerSecond)),
		Buffer:     ticks(p.Burst),
		Cbuffer:    ticks(p.CeilBurst),
		// Matters between sibling classes only; set to keep the kernel from
		// warning about the one it would derive.
		Quantum: uint32(p.Frame()),
	}
}

// shape puts the rate and the queue of p on a port's egress.
func (c *conn) shape(index int, p topology.Params) error {
	if p.Rate == 0 {
		return nil
	}
	root := netlink.NewHtb(netlink.QdiscAttrs{LinkIndex: index, Handle: htbHandle, Parent: netlink.HANDLE_ROOT})
	// Without a default class everything would pass beside the shaper.
	root.Defcls = 1
	if err := c.QdiscAdd(root); err != nil {
		return fmt.Errorf("add the HTB queue: %w%s", err, missing(err, "sch_htb"))
	}
	if err := c.ClassAdd(class(index, p)); err != nil {
		return fmt.Errorf("add the HTB class for %v: %w", p.Rate, err)
	}
	return c.setQueue(index, p, create)
}

// reshape changes the rate and the queue of a port in place: nothing that waits
// is lost.
func (c *conn) reshape(index int, from, to topology.Params) error {
	if err := from.CanBecome(to); err != nil || to.Rate == 0 {
		return err
	}
	if err := c.ClassChange(class(index, to)); err != nil {
		return fmt.Errorf("change the HTB class to %v: %w", to.Rate, err)
	}
	// RED and CoDel know the rate.
	if old := queueOf(from); old != queueOf(to) || from.Rate != to.Rate && to.Discipline != "" {
		return c.setQueue(index, to, 0)
	}
	return nil
}

// shaped is what the kernel says about a port's shaper.
type shaped struct {
	Rate          units.Rate
	Burst, Cburst units.Size
	queue         queue
}

// readShape reads a port's shaper back. It returns false for an unshaped port.
func (c *conn) readShape(index int, queues []qdisc) (shaped, bool, error) {
	classes, err := c.ClassList(&netlink.GenericLink{LinkAttrs: netlink.LinkAttrs{Index: index}}, netlink.HANDLE_NONE)
	if err != nil {
		return shaped{}, false, fmt.Errorf("read the HTB class: %w", err)
	}

	var s shaped
	for _, cl := range classes {
		htb, ok := cl.(*netlink.HtbClass)
		if !ok || htb.Handle != htbClass {
			continue
		}
		size := func(ticks uint32) units.Size {
			return units.Size(math.Floor(float64(ticks) * psched.Seconds() * float64(htb.Rate)))
		}
		s = shaped{Rate: units.Rate(htb.Rate * 8), Burst: size(htb.Buffer), Cburst: size(htb.Cbuffer)}
	}
	for i := range queues {
		if queues[i].index != index {
			continue
		}
		if of, ok := readQueue(queues[i]); ok {
			s.queue = of
		}
	}
	return s, s.Rate > 0, nil
}

// Support is what is known about a kernel feature.
type Support int

// The outcomes of a probe.
const (
	// Unknown means that the probe itself failed.
	Unknown Support = iota
	Unsupported
	Available
)

// String names the outcome.
func (s Support) String() string {
	return [...]string{Unknown: "unknown", Unsupported: "unsupported", Available: "available"}[s]
}

// ProbeNetem finds out whether the kernel has netem, by trying it in a
// namespace made for that. The error says why the outcome is Unknown.
func ProbeNetem() (Support, error) {
	home, err := currentNamespace()
	if err != nil {
		return Unknown, fmt.Errorf("probe netem: %w", err)
	}
	defer home.Close()
	ns, err := newNamespace(home, func() error { return nil })
	if err != nil {
		return Unknown, fmt.Errorf("probe netem: %w", err)
	}
	defer ns.Close()
	c, err := ns.dial()
	if err != nil {
		return Unknown, fmt.Errorf("probe netem: %w", err)
	}
	defer c.Close()
	return c.probeNetem()
}

// probeNetem tries netem on the loopback device of a namespace.
func (c *conn) probeNetem() (Support, error) {
	const loopback = 1 // the index of lo in every namespace
	switch err := c.setNetem(loopback, topology.Params{}, 0, create); {
	case errors.Is(err, syscall.ENOENT):
		return Unsupported, nil
	case err != nil:
		return Unknown, fmt.Errorf("probe netem: %w", err)
	}
	root := netlink.QdiscAttrs{LinkIndex: loopback, Handle: netemHandle, Parent: netlink.HANDLE_ROOT}
	if err := c.QdiscDel(&netlink.GenericQdisc{QdiscAttrs: root, QdiscType: "netem"}); err != nil {
		return Unknown, fmt.Errorf("probe netem: remove it again: %w", err)
	}
	return Available, nil
}

// missing is the advice for an error that means that the kernel lacks a module.
func missing(err error, module string) string {
	// The first for queues, the second for devices.
	if errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.EOPNOTSUPP) {
		return " (this kernel has no " + module + "; load the module, or install the kernel package that has it)"
	}
	return ""
}
