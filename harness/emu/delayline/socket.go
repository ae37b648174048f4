package delayline

import (
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

const (
	// receiveBuffer holds what arrives while the relay's thread naps or waits
	// for a processor: 1 Gb/s for about 0.1 s, counted with the kernel's
	// overhead of one half.
	receiveBuffer = 16 << 20
	// sendBuffer is large because a frame is charged to the socket that sent it
	// for as long as it waits in any queue further on, for instance at the next
	// slow link behind a switch. That queue's own limit should decide.
	sendBuffer = 256 << 20
)

// Open makes the packet socket of one inner end of a line, on the interface of
// the given name in the network namespace of the calling thread (which should
// be locked to its goroutine). It needs CAP_NET_RAW there. Buffers are as large
// as the kernel permits: without CAP_NET_ADMIN in the initial user namespace
// net.core.rmem_max and wmem_max limit them.
func Open(ifname string) (*os.File, error) {
	f, err := open(ifname)
	if err != nil {
		return nil, fmt.Errorf("open delay line on interface %s: %w", ifname, err)
	}
	return f, nil
}

func open(ifname string) (*os.File, error) {
	ifi, err := net.InterfaceByName(ifname)
	if err != nil {
		return nil, err
	}
	// Protocol 0 receives nothing until bind, when all options are in place: a
	// frame queued before PACKET_VNET_HDR would have no header.
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("make packet socket (it needs CAP_NET_RAW): %w", err)
	}
	if err := setUp(fd, ifi.Index); err != nil {
		unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), "packet:"+ifname), nil
}

func setUp(fd, ifindex int) error {
	options := []struct {
		name              string
		level, opt, value int
	}{
		// Without the header GSO frames and unfinished checksums would be cut
		// off from their meaning.
		{"PACKET_VNET_HDR", unix.SOL_PACKET, unix.PACKET_VNET_HDR, 1},
		// What the relay sends must not come back to it.
		{"PACKET_IGNORE_OUTGOING", unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1},
		{"PACKET_QDISC_BYPASS", unix.SOL_PACKET, unix.PACKET_QDISC_BYPASS, 1},
		// The kernel takes VLAN tags out of frames and shows them here only.
		{"PACKET_AUXDATA", unix.SOL_PACKET, unix.PACKET_AUXDATA, 1},
		{"SO_TIMESTAMPNS", unix.SOL_SOCKET, unix.SO_TIMESTAMPNS_NEW, 1},
	}

	for _, o := range options {
		if err := unix.SetsockoptInt(fd, o.level, o.opt, o.value); err != nil {
			return fmt.Errorf("set %s: %w", o.name, err)
		}
	}

	// With the right to do so, buffers may be larger than the machine's limit.
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuffer) != nil {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer); err != nil {
			return fmt.Errorf("set SO_RCVBUF: %w", err)
		}
	}
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, sendBuffer) != nil {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, sendBuffer); err != nil {
			return fmt.Errorf("set SO_SNDBUF: %w", err)
		}
	}

	address := &unix.SockaddrLinklayer{Protocol: bigEndian(unix.ETH_P_ALL), Ifindex: ifindex}
	if err := unix.Bind(fd, address); err != nil {
		return fmt.Errorf("bind: %w", err)
	}
	return nil
}

// bigEndian puts v into network byte order.
func bigEndian(v uint16) uint16 { return v<<8 | v>>8 }
