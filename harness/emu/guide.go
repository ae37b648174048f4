package emu

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"syscall"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"edgebed/harness/topology"
)

// In small networks hosts know each other, and switches know all hosts, from the start. For a
// thousand hosts that is a million entries of each, which take the kernel seconds. So in networks
// with more than mostKnown interfaces they learn of each other when one first sends to another:
// the kernel then asks a process, as it does where one stands in for ARP (app_solicit in arp(7)),
// and keeps what is to be sent until it is told. Here, too, no frame asks for anything.

// mostKnown is up to how many interfaces hosts know each other from the start.
const mostKnown = 256

// guide tells hosts and switches what they need when one host first sends to another one.
type guide struct {
	n      *Network
	ears   *os.File // a socket in the fabric that hears the kernel's questions for all hosts
	fabric *conn
	done   chan struct{} // closed when it has ended

	hosts    map[int32]*Host    // by the fabric's numbers of their namespaces
	places   map[netip.Addr]int // of interfaces, by their addresses
	switches map[string]int     // their places
	routes   *topology.Routes
	led      []bool // interfaces, by their places, that all switches know the ways to
}

// canGuide says whether a guide can hear the questions of other namespaces.
func canGuide() bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var sets [2]unix.CapUserData
	err := unix.Capget(&header, &sets[0])
	return err == nil && sets[0].Effective&(1<<unix.CAP_NET_BROADCAST) != 0
}

// startGuide starts the guide of a network that needs one.
func (n *Network) startGuide(context.Context) error {
	if !n.guided {
		return nil
	}

	g := &guide{
		n: n, done: make(chan struct{}), hosts: map[int32]*Host{}, places: map[netip.Addr]int{},
		switches: map[string]int{}, routes: n.wired.Routes(), led: make([]bool, len(n.interfaces)),
	}
	for place, f := range n.interfaces {
		g.places[f.Address()] = place
	}
	for place, name := range n.wired.Switches {
		g.switches[name] = place
	}

	err := g.open()
	for _, h := range n.peers() {
		// Hosts know these already, and do not ask.
		if err == nil {
			err = g.lead(g.places[h.Address()])
		}
	}
	if err != nil {
		return fmt.Errorf("listen for hosts that look for others: %w", errors.Join(err, g.release()))
	}

	n.guide = g
	go g.run()
	return nil
}

// open opens the guide's sockets in the fabric, and asks for the numbers that it has for the
// namespaces of hosts.
func (g *guide) open() (err error) {
	if g.fabric, err = g.n.fabric.dial(); err != nil {
		return err
	}
	for _, h := range g.n.hosts {
		number, err := g.fabric.GetNetNsIdByFd(int(h.ns.file.Fd()))
		if err == nil && number < 0 {
			err = errors.New("it has none")
		}
		if err != nil {
			return fmt.Errorf("ask for the number of host %s: %w", h.name, err)
		}
		g.hosts[int32(number)] = h
	}

	return g.n.fabric.do(func() error {
		fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
		if err != nil {
			return os.NewSyscallError("socket", err)
		}
		g.ears = os.NewFile(uintptr(fd), "guide")
		return listen(fd)
	})
}

// listen makes a socket hear the questions for neighbours of all namespaces, and nothing else of
// what the kernel tells about neighbours: most of it is what the guide does.
func listen(fd int) error {
	const typeAt, accepted = 4, 1 << 16
	question := binary.BigEndian.Uint16(binary.NativeEndian.AppendUint16(nil, unix.RTM_GETNEIGH))
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_H | unix.BPF_ABS, K: typeAt},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: uint32(question), Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: accepted},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0},
	}
	program := &unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, program); err != nil {
		return os.NewSyscallError("attach a filter", err)
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_LISTEN_ALL_NSID, 1); err != nil {
		return os.NewSyscallError("hear all namespaces", err)
	}
	return os.NewSyscallError("bind", unix.Bind(fd, &unix.SockaddrNetlink{
		Family: unix.AF_NETLINK, Groups: 1 << (unix.RTNLGRP_NEIGH - 1),
	}))
}

// run answers until the guide is closed. Where an answer fails, or a question was lost, the kernel
// asks again (see askProcess), and in the end tells who sends that the host is unreachable.
func (g *guide) run() {
	defer close(g.done)
	for {
		questions, err := g.hear()
		if err != nil {
			return
		}
		for _, q := range questions {
			_ = g.answer(q)
		}
	}
}

// close ends the guide.
func (g *guide) close() error {
	err := g.release()
	<-g.done
	return err
}

func (g *guide) release() (err error) {
	if g.ears != nil {
		err = g.ears.Close()
	}
	if g.fabric != nil {
		g.fabric.Close()
	}
	return err
}

// question is that for the neighbour who has an address.
type question struct {
	host    *Host
	device  int // of the host
	address netip.Addr
}

// hear waits for questions. It fails when the socket is closed.
func (g *guide) hear() ([]question, error) {
	raw, err := g.ears.SyscallConn()
	if err != nil {
		return nil, err
	}
	var message [4096]byte
	var control [64]byte
	var size, controlSize int
	var failed error
	err = raw.Read(func(fd uintptr) bool {
		size, controlSize, _, _, failed = unix.Recvmsg(int(fd), message[:], control[:], 0)
		return failed != unix.EAGAIN
	})
	if err != nil {
		return nil, err
	}

	// What else can fail is that more was asked than the socket could keep, or an interrupt.
	if failed != nil {
		return nil, nil
	}

	host := g.hosts[namespaceNumber(control[:controlSize])]
	messages, err := syscall.ParseNetlinkMessage(message[:size])
	if host == nil || err != nil {
		return nil, nil
	}
	var list []question
	for _, m := range messages {
		if q, ok := parseQuestion(m); ok {
			q.host = host
			list = append(list, q)
		}
	}
	return list, nil
}

// namespaceNumber reads from which namespace a message is, or returns -1.
func namespaceNumber(control []byte) int32 {
	parts, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return -1
	}
	for _, p := range parts {
		h := p.Header
		if h.Level == unix.SOL_NETLINK && h.Type == unix.NETLINK_LISTEN_ALL_NSID && len(p.Data) >= 4 {
			return int32(binary.NativeEndian.Uint32(p.Data))
		}
	}
	return -1
}

// parseQuestion reads which neighbour the kernel asks for.
func parseQuestion(m syscall.NetlinkMessage) (q question, ok bool) {
	const head, deviceAt = 12, 4 // of struct ndmsg
	if m.Header.Type != unix.RTM_GETNEIGH || len(m.Data) < head {
		return q, false
	}
	q.device = int(binary.NativeEndian.Uint32(m.Data[deviceAt:]))
	attributes, err := nl.ParseRouteAttr(m.Data[head:])
	if err != nil {
		return q, false
	}
	for _, a := range attributes {
		if a.Attr.Type == unix.NDA_DST {
			q.address, ok = netip.AddrFromSlice(a.Value)
		}
	}
	return q, ok
}

// answer introduces the host that asks, by the interface that it sends by, and the one it asks for
// to each other, once all switches know the ways to both. An address may be nobody's.
func (g *guide) answer(q question) error {
	to, known := g.places[q.address]
	if !known {
		return nil
	}
	for _, own := range q.host.interfaces {
		if own.index != q.device {
			continue
		}
		other := g.n.interfaces[to]
		return errors.Join(g.lead(g.places[own.Address()]), g.lead(to), g.tell(other, own), g.tell(own, other))
	}
	return nil
}

// lead tells all switches the ways to an interface, which is given by its place.
func (g *guide) lead(to int) error {
	if g.led[to] {
		return nil
	}
	b := g.fabric.batch()
	for s := range g.routes.To(g.switches[g.n.interfaces[to].port.at]) {
		if s.Interface != to {
			continue
		}
		e, p := g.n.entryAt(s)
		e.replaces = true
		if err := b.addMessage(e.appendTo(nil), "add a forwarding entry to port", p.name); err != nil {
			return err
		}
	}
	if err := b.send(); err != nil {
		return err
	}

	g.led[to] = true
	return nil
}

// tell tells the host of an interface of another one.
func (g *guide) tell(own, other *Interface) error {
	b := &batch{socket: g.n.hosts[own.spec.HostIndex].socket}
	e := entry{index: own.index, address: other.Address(), hardware: other.mac, replaces: true}
	if err := b.addMessage(e.appendTo(nil), "add a neighbour of host", own.spec.Host); err != nil {
		return err
	}
	return b.send()
}

// askProcess makes the kernel ask a process for the neighbours of a device, and nobody else. The
// time that it waits for an answer is that of ARP; but it asks more often, since the process
// that should answer may have been busy with others.
func askProcess(index int) *nl.NetlinkRequest {
	const ( // of enum NDTA_… and NDTPA_… in linux/neighbour.h
		name, parameters                  = 1, 6
		device, pause, process, broadcast = 1, 5, 9, 11
		every, times                      = 20, 150 // ms; as long as three times a second
	)
	req := nl.NewNetlinkRequest(unix.RTM_SETNEIGHTBL, 0)
	req.AddData(&nl.RtGenMsg{RtGenmsg: unix.RtGenmsg{Family: unix.AF_INET}})
	req.AddData(nl.NewRtAttr(name, nl.ZeroTerminated("arp_cache")))
	list := nl.NewRtAttr(parameters|unix.NLA_F_NESTED, nil)
	list.AddRtAttr(device, nl.Uint32Attr(uint32(index)))
	list.AddRtAttr(pause, binary.NativeEndian.AppendUint64(nil, every))
	list.AddRtAttr(process, nl.Uint32Attr(times))
	list.AddRtAttr(broadcast, nl.Uint32Attr(0))
	req.AddData(list)
	return req
}
