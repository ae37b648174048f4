package emu

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unsafe"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// conn is a route netlink socket in a namespace. To what the netlink package
// offers it adds the few messages that package has no words for.
type conn struct {
	*netlink.Handle
	raw *nl.SocketHandle
}

func (n *namespace) dial() (*conn, error) {
	ns, home := netns.NsHandle(n.file.Fd()), netns.NsHandle(n.home.Fd())
	// Only the ROUTE family: kernels without XFRM refuse the default of all. On a
	// thread in the namespace, since the package would look for its own namespace by
	// process number, which a /proc from outside the sandbox does not have.
	var h *netlink.Handle
	err := n.do(func() (err error) {
		h, err = netlink.NewHandle(unix.NETLINK_ROUTE)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("open route netlink: %w", err)
	}
	raw, err := nl.GetNetlinkSocketAt(ns, home, unix.NETLINK_ROUTE)
	if err != nil {
		h.Close()
		return nil, fmt.Errorf("open route netlink: %w", err)
	}
	return &conn{Handle: h, raw: &nl.SocketHandle{Socket: raw}}, nil
}

// batch collects requests to send together.
func (c *conn) batch() *batch { return &batch{socket: c.raw.Socket} }

// Close closes the sockets.
func (c *conn) Close() {
	c.Handle.Close()
	c.raw.Close()
}

func (c *conn) execute(req *nl.NetlinkRequest, answer uint16) ([][]byte, error) {
	req.Sockets = map[int]*nl.SocketHandle{unix.NETLINK_ROUTE: c.raw}
	return req.Execute(unix.NETLINK_ROUTE, answer)
}

// linkStats are a device's counters, and its kernel queue's where it has one.
type linkStats struct {
	RxPackets, TxPackets, RxBytes, TxBytes, RxErrors, TxErrors, RxDropped, TxDropped uint64
}

// stats returns the counters of all devices by index, in one dump.
func (c *conn) stats() (map[int]linkStats, error) {
	const header = 12 // struct if_stats_msg
	req := nl.NewNetlinkRequest(unix.RTM_GETSTATS, unix.NLM_F_DUMP)
	msg := make([]byte, header)
	binary.NativeEndian.PutUint32(msg[8:], 1<<(unix.IFLA_STATS_LINK_64-1)) // filter_mask
	req.AddRawData(msg)

	answers, err := c.dump(req, unix.RTM_NEWSTATS)
	if err != nil {
		return nil, fmt.Errorf("read device counters: %w", err)
	}

	all := make(map[int]linkStats, len(answers))
	for _, a := range answers {
		if len(a) < header {
			continue
		}
		attrs, err := nl.ParseRouteAttr(a[header:])
		if err != nil {
			return nil, fmt.Errorf("read device counters: %w", err)
		}

		for _, attr := range attrs {
			const size = int(unsafe.Sizeof(linkStats{}))
			if attr.Attr.Type != unix.IFLA_STATS_LINK_64 || len(attr.Value) < size {
				continue
			}
			word := func(i int) uint64 { return binary.NativeEndian.Uint64(attr.Value[8*i:]) }
			all[int(binary.NativeEndian.Uint32(a[4:]))] = linkStats{
				word(0), word(1), word(2), word(3), word(4), word(5), word(6), word(7),
			}
		}
	}

	return all, nil
}

// qdisc is one kernel queue.
type qdisc struct {
	index          int
	handle, parent uint32
	kind           string
	options        []byte
	// bytes have left so far, packets were dropped so far; backlog and queued
	// are the bytes and packets that wait.
	bytes                  uint64
	backlog, queued, drops uint32
}

// qdiscs returns all queues of the namespace, in one dump.
func (c *conn) qdiscs() ([]qdisc, error) {
	req := nl.NewNetlinkRequest(unix.RTM_GETQDISC, unix.NLM_F_DUMP)
	req.AddData(&nl.TcMsg{Family: nl.FAMILY_ALL})
	answers, err := c.dump(req, unix.RTM_NEWQDISC)
	if err != nil {
		return nil, fmt.Errorf("read queues: %w", err)
	}

	all := make([]qdisc, 0, len(answers))
	for _, a := range answers {
		if len(a) < nl.SizeofTcMsg {
			continue
		}
		msg := nl.DeserializeTcMsg(a)
		attrs, err := nl.ParseRouteAttr(a[nl.SizeofTcMsg:])
		if err != nil {
			return nil, fmt.Errorf("read queues: %w", err)
		}
		q := qdisc{index: int(msg.Ifindex), handle: msg.Handle, parent: msg.Parent}
		for _, attr := range attrs {
			switch attr.Attr.Type {
			case nl.TCA_KIND:
				q.kind = unix.ByteSliceToString(attr.Value)
			case nl.TCA_OPTIONS:
				q.options = attr.Value
			case nl.TCA_STATS2:
				nested, err := nl.ParseRouteAttr(attr.Value)
				if err != nil {
					return nil, fmt.Errorf("read queues: %w", err)
				}
				for _, s := range nested {
					// struct gnet_stats_basic, which begins with the bytes.
					if s.Attr.Type == nl.TCA_STATS_BASIC && len(s.Value) >= 8 {
						q.bytes = binary.NativeEndian.Uint64(s.Value)
					}
					// struct gnet_stats_queue
					if s.Attr.Type == nl.TCA_STATS_QUEUE && len(s.Value) >= 12 {
						q.queued = binary.NativeEndian.Uint32(s.Value[0:])
						q.backlog = binary.NativeEndian.Uint32(s.Value[4:])
						q.drops = binary.NativeEndian.Uint32(s.Value[8:])
					}
				}
			}
		}
		all = append(all, q)
	}
	return all, nil
}

// dump repeats a dump that a change of the namespace interrupted.
func (c *conn) dump(req *nl.NetlinkRequest, answer uint16) (answers [][]byte, err error) {
	for range 10 {
		answers, err = c.execute(req, answer)
		if !errors.Is(err, netlink.ErrDumpInterrupted) {
			break
		}
	}
	return answers, err
}
