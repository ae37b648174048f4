package emu

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"syscall"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// batchSize is how many bytes of messages go to the kernel in one call.
const batchSize = 32 << 10

// batch sends requests that have no answer to the kernel, many in one call: a call and
// an acknowledgement for each would take a large part of building a network. The
// kernel carries them out in their order. The first error is the batch's;
// what stands behind it in the same call may be carried out nevertheless.
type batch struct {
	socket *nl.NetlinkSocket
	buf    []byte
	last   int    // where the last message in buf begins
	seq    uint32 // of the last message
	notes  []note // of the messages in buf
}

// note says what a message does, for errors.
type note struct{ doing, on string }

// Where fields are in a message's header (struct nlmsghdr).
const (
	flagsAt    = 6
	sequenceAt = 8
)

// add takes a request, which does something on something, and sends what it has
// when that is enough.
func (b *batch) add(req *nl.NetlinkRequest, doing, on string) error {
	return b.addMessage(req.Serialize(), doing, on)
}

func (b *batch) addMessage(message []byte, doing, on string) error {
	b.last = len(b.buf)
	b.seq++
	b.buf = append(b.buf, message...)
	binary.NativeEndian.PutUint32(b.buf[b.last+sequenceAt:], b.seq)
	b.notes = append(b.notes, note{doing, on})

	if len(b.buf) < batchSize {
		return nil
	}
	return b.send()
}

// send sends what was added and waits until the kernel has done it.
func (b *batch) send() error {
	if len(b.buf) == 0 {
		return nil
	}
	first := b.seq - uint32(len(b.notes)) + 1

	// Errors are always answered, success only where the message asks for it.
	flags := b.buf[b.last+flagsAt:]
	binary.NativeEndian.PutUint16(flags, binary.NativeEndian.Uint16(flags)|unix.NLM_F_ACK)

	b.socket.Lock()
	defer b.socket.Unlock()
	to := &unix.SockaddrNetlink{Family: unix.AF_NETLINK}
	if err := unix.Sendto(b.socket.GetFd(), b.buf, 0, to); err != nil {
		return os.NewSyscallError("sendto", err)
	}
	failed, err := acknowledged(b.socket, b.seq)
	if err != nil && failed >= first && failed <= b.seq {
		n := b.notes[failed-first]
		err = fmt.Errorf("%s %s: %w", n.doing, n.on, err)
	}

	b.buf, b.notes = b.buf[:0], b.notes[:0]
	return err
}

// acknowledged reads answers up to that of the message numbered last. It returns the
// first error among them and the number of its message.
func acknowledged(socket *nl.NetlinkSocket, last uint32) (failed uint32, first error) {
	for {
		answers, _, err := socket.Receive()
		if err != nil {
			return 0, err
		}
		for _, a := range answers {
			if a.Header.Type != unix.NLMSG_ERROR || len(a.Data) < 4 {
				continue
			}
			if code := int32(binary.NativeEndian.Uint32(a.Data)); code != 0 && first == nil {
				failed, first = a.Header.Seq, syscall.Errno(-code)
			}
			if a.Header.Seq == last {
				return failed, first
			}
		}
	}
}

// entry is a static entry of a neighbour table, or of a bridge's forwarding table
// where it has no address.
type entry struct {
	index    int // of the device
	address  netip.Addr
	hardware net.HardwareAddr
	replaces bool // what there may be; else that is an error
}

// appendTo appends the message that adds the entry. In large networks there are as many
// as pairs of hosts, so it does without the netlink package's objects.
func (e entry) appendTo(buf []byte) []byte {
	const ndmsg = 12 // struct ndmsg
	start := len(buf)
	buf = append(buf, make([]byte, unix.SizeofNlMsghdr+ndmsg)...)

	family, state, flags := byte(unix.AF_BRIDGE), uint16(netlink.NUD_NOARP), byte(0)
	attribute := func(kind uint16, value []byte) {
		buf = binary.NativeEndian.AppendUint16(buf, uint16(unix.SizeofRtAttr+len(value)))
		buf = binary.NativeEndian.AppendUint16(buf, kind)
		buf = append(buf, value...)
		for len(buf)%unix.RTA_ALIGNTO != 0 {
			buf = append(buf, 0)
		}
	}

	attribute(netlink.NDA_LLADDR, e.hardware)
	if e.address.IsValid() {
		family, state = familyOf(e.address), netlink.NUD_PERMANENT
		attribute(netlink.NDA_DST, e.address.AsSlice())
	} else {
		flags = netlink.NTF_MASTER
	}

	message := buf[start:]
	order := binary.NativeEndian
	order.PutUint32(message[0:], uint32(len(message)))
	order.PutUint16(message[4:], unix.RTM_NEWNEIGH)
	other := unix.NLM_F_EXCL
	if e.replaces {
		other = unix.NLM_F_REPLACE
	}
	order.PutUint16(message[flagsAt:], uint16(unix.NLM_F_REQUEST|unix.NLM_F_CREATE|other))
	body := message[unix.SizeofNlMsghdr:]
	body[0] = family
	order.PutUint32(body[4:], uint32(e.index))
	order.PutUint16(body[8:], state)
	body[10] = flags
	return buf
}

// familyOf returns the family of an address, as messages have it.
func familyOf(a netip.Addr) byte {
	if a.Is6() {
		return unix.AF_INET6
	}
	return unix.AF_INET
}

// setUp brings a device up.
func setUp(index int) *nl.NetlinkRequest {
	req := nl.NewNetlinkRequest(unix.RTM_NEWLINK, 0)
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Index, msg.Flags, msg.Change = int32(index), unix.IFF_UP, unix.IFF_UP
	req.AddData(msg)
	return req
}

// end is one end of a veth pair.
type end struct {
	name     string
	index    int
	hardware net.HardwareAddr
	mtu      int
	// whole devices take segments as large as the kernel makes them, others single frames.
	whole bool
	// silent near ends look for no neighbours and answer none that look for them (IFF_NOARP).
	silent bool
	ns     *namespace // that the far end goes to; nil is the near end's
}

// queues are as many as the machine has processors unless the kernel is told a number, and each
// is an object of its own in sysfs. Nothing waits in them: a veth pair hands frames over.
var queues = nl.Uint32Attr(1)

// attributes are those of a device at its creation.
func (e end) attributes() []*nl.RtAttr {
	list := []*nl.RtAttr{
		nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(e.name)),
		nl.NewRtAttr(unix.IFLA_MTU, nl.Uint32Attr(uint32(e.mtu))),
		nl.NewRtAttr(unix.IFLA_ADDRESS, e.hardware),
		nl.NewRtAttr(unix.IFLA_NUM_TX_QUEUES, queues),
		nl.NewRtAttr(unix.IFLA_NUM_RX_QUEUES, queues),
	}
	if !e.whole {
		list = append(list, nl.NewRtAttr(unix.IFLA_GSO_MAX_SEGS, nl.Uint32Attr(mostSegments)))
	}
	if e.ns != nil {
		list = append(list, nl.NewRtAttr(unix.IFLA_NET_NS_FD, nl.Uint32Attr(uint32(e.ns.file.Fd()))))
	}
	return list
}

// newVeth makes a veth pair, whose near end is in the socket's namespace. Both are down.
func newVeth(near, far end) *nl.NetlinkRequest {
	req := nl.NewNetlinkRequest(unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL)
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Index = int32(near.index)
	if near.silent {
		msg.Flags, msg.Change = unix.IFF_NOARP, unix.IFF_NOARP
	}
	req.AddData(msg)
	for _, a := range near.attributes() {
		req.AddData(a)
	}

	info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
	info.AddRtAttr(nl.IFLA_INFO_KIND, nl.NonZeroTerminated("veth"))
	peer := info.AddRtAttr(nl.IFLA_INFO_DATA, nil).AddRtAttr(nl.VETH_INFO_PEER, nil)
	nl.NewIfInfomsgChild(peer, unix.AF_UNSPEC).Index = int32(far.index)
	for _, a := range far.attributes() {
		peer.AddChild(a)
	}
	req.AddData(info)
	return req
}

// newBridge makes a bridge that is up.
func newBridge(e end) *nl.NetlinkRequest {
	req := nl.NewNetlinkRequest(unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL)
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Index, msg.Flags, msg.Change = int32(e.index), unix.IFF_UP, unix.IFF_UP
	req.AddData(msg)
	for _, a := range e.attributes() {
		req.AddData(a)
	}

	info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
	info.AddRtAttr(nl.IFLA_INFO_KIND, nl.NonZeroTerminated("bridge"))
	info.AddRtAttr(nl.IFLA_INFO_DATA, nil).AddRtAttr(nl.IFLA_BR_MCAST_SNOOPING, []byte{0})
	req.AddData(info)
	return req
}

// setMaster makes a device a port of a bridge.
func setMaster(index, bridge int) *nl.NetlinkRequest {
	req := nl.NewNetlinkRequest(unix.RTM_SETLINK, 0)
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Index = int32(index)
	req.AddData(msg)
	req.AddData(nl.NewRtAttr(unix.IFLA_MASTER, nl.Uint32Attr(uint32(bridge))))
	return req
}

// setPort switches flags of a bridge port off (IFLA_BRPORT_…).
func setPort(index int, off ...int) *nl.NetlinkRequest {
	req := nl.NewNetlinkRequest(unix.RTM_SETLINK, 0)
	msg := nl.NewIfInfomsg(unix.AF_BRIDGE)
	msg.Index = int32(index)
	req.AddData(msg)

	info := nl.NewRtAttr(unix.IFLA_PROTINFO|unix.NLA_F_NESTED, nil)
	for _, flag := range off {
		info.AddRtAttr(flag, []byte{0})
	}
	req.AddData(info)
	return req
}

// silence keeps IPv6 on a device that is not up yet from choosing a link-local address.
// Without one it asks for no routers; and with neighbours that nobody looks for (see
// end) it joins no groups of them, of which it would send reports, nor asks whether
// its addresses are another host's.
func silence(index int) *nl.NetlinkRequest {
	req := nl.NewNetlinkRequest(unix.RTM_SETLINK, 0)
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Index = int32(index)
	req.AddData(msg)

	const noAddress = 1 // IN6_ADDR_GEN_MODE_NONE
	families := nl.NewRtAttr(unix.IFLA_AF_SPEC|unix.NLA_F_NESTED, nil)
	families.AddRtAttr(unix.AF_INET6|unix.NLA_F_NESTED, nil).
		AddRtAttr(unix.IFLA_INET6_ADDR_GEN_MODE, []byte{noAddress})
	req.AddData(families)
	return req
}

// newAddress gives a device an address, without the route to its subnet.
func newAddress(index int, p netip.Prefix) *nl.NetlinkRequest {
	req := nl.NewNetlinkRequest(unix.RTM_NEWADDR, unix.NLM_F_CREATE|unix.NLM_F_EXCL)
	msg := nl.NewIfAddrmsg(int(familyOf(p.Addr())))
	msg.Index, msg.Prefixlen = uint32(index), uint8(p.Bits())
	req.AddData(msg)
	req.AddData(nl.NewRtAttr(unix.IFA_LOCAL, p.Addr().AsSlice()))
	req.AddData(nl.NewRtAttr(unix.IFA_ADDRESS, p.Addr().AsSlice()))
	if p.Addr().Is6() {
		// Usable at once: nobody else has it.
		req.AddData(nl.NewRtAttr(unix.IFA_FLAGS, nl.Uint32Attr(unix.IFA_F_NOPREFIXROUTE|unix.IFA_F_NODAD)))
		return req
	}

	broadcast, mask := p.Addr().As4(), net.CIDRMask(p.Bits(), 32)
	for i := range broadcast {
		broadcast[i] |= ^mask[i]
	}
	req.AddData(nl.NewRtAttr(unix.IFA_BROADCAST, broadcast[:]))
	req.AddData(nl.NewRtAttr(unix.IFA_FLAGS, nl.Uint32Attr(unix.IFA_F_NOPREFIXROUTE)))
	return req
}

// route is a route to a network that is reached by a device.
type route struct {
	to         netip.Prefix
	from       netip.Addr
	via        netip.Addr // the router that leads there; invalid where neighbours do
	index      int
	table      int    // of routes; 0 is the kernel's main one
	local      bool   // the network is this host's own addresses
	congestion string // of connections that take it; empty for those of others
}

// request adds the route, or replaces the kernel's own where it is local.
func (r route) request() *nl.NetlinkRequest {
	msg := nl.NewRtMsg()
	msg.Family, msg.Dst_len = familyOf(r.to.Addr()), uint8(r.to.Bits())
	msg.Scope, msg.Protocol = unix.RT_SCOPE_LINK, unix.RTPROT_STATIC
	flags := unix.NLM_F_CREATE | unix.NLM_F_EXCL
	if r.table != 0 {
		msg.Table = uint8(r.table)
	}
	if r.local {
		msg.Table, msg.Type, msg.Scope, msg.Protocol = unix.RT_TABLE_LOCAL, unix.RTN_LOCAL, unix.RT_SCOPE_HOST,
			unix.RTPROT_KERNEL
		flags = unix.NLM_F_CREATE | unix.NLM_F_REPLACE
	}

	req := nl.NewNetlinkRequest(unix.RTM_NEWROUTE, flags)
	req.AddData(msg)
	req.AddData(nl.NewRtAttr(unix.RTA_DST, r.to.Addr().AsSlice()))
	req.AddData(nl.NewRtAttr(unix.RTA_PREFSRC, r.from.AsSlice()))
	req.AddData(nl.NewRtAttr(unix.RTA_OIF, nl.Uint32Attr(uint32(r.index))))
	if r.via.IsValid() {
		// Known by its neighbour entry alone, it is in no network of the device.
		msg.Scope, msg.Flags = unix.RT_SCOPE_UNIVERSE, unix.RTNH_F_ONLINK
		req.AddData(nl.NewRtAttr(unix.RTA_GATEWAY, r.via.AsSlice()))
	}
	if r.congestion == "" {
		return req
	}
	metrics := nl.NewRtAttr(unix.RTA_METRICS, nil)
	metrics.AddRtAttr(unix.RTAX_CC_ALGO, nl.ZeroTerminated(r.congestion))
	req.AddData(metrics)
	return req
}

// newRule makes what has the address of the sender take the routes of a table.
func newRule(from netip.Addr, table int) *nl.NetlinkRequest {
	req := nl.NewNetlinkRequest(unix.RTM_NEWRULE, unix.NLM_F_CREATE|unix.NLM_F_EXCL)
	// The kernel's struct fib_rule_hdr has the fields of a route's message, with the action for
	// its type.
	msg := &nl.RtMsg{RtMsg: unix.RtMsg{
		Family: familyOf(from), Src_len: uint8(from.BitLen()), Table: uint8(table), Type: unix.FR_ACT_TO_TBL,
	}}
	req.AddData(msg)
	req.AddData(nl.NewRtAttr(unix.FRA_SRC, from.AsSlice()))
	req.AddData(nl.NewRtAttr(unix.FRA_PRIORITY, nl.Uint32Attr(uint32(table))))
	return req
}

// device is what the kernel says about a device.
type device struct {
	index, mtu, maxSegs int
	up                  bool // and has noticed that it is connected
}

// devices asks for devices, in the order of their indices. Asking for one makes the
// kernel notice that it is connected, which it else does in the background.
func devices(socket *nl.NetlinkSocket, indices []int) ([]device, error) {
	socket.Lock()
	defer socket.Unlock()

	const (
		together     = 32     // answers surely fit into the socket's buffer
		withoutStats = 1 << 3 // RTEXT_FILTER_SKIP_STATS
	)
	var all []device
	for chunk := range slices.Chunk(indices, together) {
		var buf []byte
		for _, index := range chunk {
			req := nl.NewNetlinkRequest(unix.RTM_GETLINK, 0)
			msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
			msg.Index = int32(index)
			req.AddData(msg)
			req.AddData(nl.NewRtAttr(unix.IFLA_EXT_MASK, nl.Uint32Attr(withoutStats)))
			buf = append(buf, req.Serialize()...)
		}
		if err := unix.Sendto(socket.GetFd(), buf, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
			return nil, os.NewSyscallError("sendto", err)
		}

		for missing := len(chunk); missing > 0; {
			answers, _, err := socket.Receive()
			if err != nil {
				return nil, err
			}
			missing -= len(answers)
			for _, a := range answers {
				d, err := parseDevice(a)
				if err != nil {
					return nil, err
				}
				all = append(all, d)
			}
		}
	}
	return all, nil
}

// parseDevice reads an answer about a device.
func parseDevice(a syscall.NetlinkMessage) (d device, err error) {
	if a.Header.Type == unix.NLMSG_ERROR && len(a.Data) >= 4 {
		return d, syscall.Errno(-int32(binary.NativeEndian.Uint32(a.Data)))
	}
	if a.Header.Type != unix.RTM_NEWLINK || len(a.Data) < unix.SizeofIfInfomsg {
		return d, fmt.Errorf("unexpected answer of type %d", a.Header.Type)
	}
	attributes, err := nl.ParseRouteAttr(a.Data[unix.SizeofIfInfomsg:])
	if err != nil {
		return d, err
	}

	d.index = int(nl.DeserializeIfInfomsg(a.Data).Index)
	for _, attr := range attributes {
		number := func() int { return int(binary.NativeEndian.Uint32(attr.Value)) }
		switch {
		case attr.Attr.Type == unix.IFLA_OPERSTATE && len(attr.Value) >= 1:
			d.up = netlink.LinkOperState(attr.Value[0]) == netlink.OperUp
		case attr.Attr.Type == unix.IFLA_MTU && len(attr.Value) >= 4:
			d.mtu = number()
		case attr.Attr.Type == unix.IFLA_GSO_MAX_SEGS && len(attr.Value) >= 4:
			d.maxSegs = number()
		}
	}
	return d, nil
}
