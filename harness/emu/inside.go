package emu

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// Inside is the network as the calling process has it, with sockets like those of hosts: that of
// a process which was started on a host. It implements wire.Net.
type Inside struct{}

// Listen opens a TCP listener. The address is a literal ip:port, of either family. Its
// connections send no keep-alive probes, which would be counted as traffic.
func (Inside) Listen(ctx context.Context, address string) (net.Listener, error) {
	network, err := literal("tcp", address)
	if err != nil {
		return nil, err
	}
	lc := net.ListenConfig{KeepAlive: -1}
	lc.SetMultipathTCP(false)
	return lc.Listen(ctx, network, address)
}

// DialContext opens a TCP connection. The address is a literal ip:port. It sends no keep-alive
// probes.
func (i Inside) DialContext(ctx context.Context, address string) (net.Conn, error) {
	return i.dialFrom(ctx, netip.Addr{}, address)
}

// dialFrom is DialContext with one of the host's own addresses, or an unspecified one.
func (Inside) dialFrom(ctx context.Context, from netip.Addr, address string) (net.Conn, error) {
	network, err := literal("tcp", address)
	if err != nil {
		return nil, err
	}
	d := net.Dialer{KeepAlive: -1}
	if from.IsValid() && !from.IsUnspecified() {
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))
	}
	d.SetMultipathTCP(false)
	return d.DialContext(ctx, network, address)
}

// Sleep waits with the kernel's timer: Go's own is up to a millisecond late. It ends with ctx's
// error, if that ends first and a signal comes.
func Sleep(ctx context.Context, d time.Duration) error {
	left := unix.NsecToTimespec(int64(d))
	for d > 0 && errors.Is(unix.Nanosleep(&left, &left), unix.EINTR) {
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}
