package delayline

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// The tests run in a network namespace of their own, in a user namespace of
// their own where they have no privilege, so that nothing is left behind
// however they end.
const (
	insideMarker = "EDGEBED_DELAYLINE_TEST_INSIDE"
	victimMarker = "EDGEBED_DELAYLINE_TEST_VICTIM"
)

func TestMain(m *testing.M) {
	MaybeMain()
	if os.Getenv(victimMarker) != "" {
		victimMain()
	}
	if os.Getenv(insideMarker) != "" {
		os.Exit(m.Run())
	}
	runtime.LockOSThread()
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Env = append(os.Environ(), insideMarker+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		os.Exit(exit.ExitCode())
	case err != nil:
		fmt.Fprintln(os.Stderr, "run tests in namespaces of their own:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// inNamespace runs fn in a locked thread that is in ns, or in a new namespace
// if ns is not open, which it returns.
func inNamespace(tb testing.TB, ns netns.NsHandle, fn func() error) netns.NsHandle {
	tb.Helper()
	errs := make(chan error, 1)
	go func() {
		// The thread stays locked and ends with the goroutine: it is in
		// another namespace.
		runtime.LockOSThread()
		errs <- func() (err error) {
			if ns.IsOpen() {
				err = netns.Set(ns)
			} else {
				ns, err = netns.New()
			}
			if err != nil || fn == nil {
				return err
			}
			return fn()
		}()
	}()
	if err := <-errs; err != nil {
		tb.Fatal(err)
	}
	return ns
}

// cable is a line between two hosts.
type cable struct {
	hosts [2]netns.NsHandle
	wire  netns.NsHandle
	line  Line
}

// hostInterface is the name of the interface of a host.
const hostInterface = "eth0"

// newCable makes two hosts with the addresses 10.0.0.1 and 10.0.0.2 and a line
// between them. Without a relay, the inner ends are not connected.
func newCable(tb testing.TB) *cable {
	tb.Helper()
	c := &cable{}
	c.wire = inNamespace(tb, netns.None(), nil)
	tb.Cleanup(func() { c.wire.Close() })
	for i, inner := range []string{"a", "b"} {
		c.hosts[i] = inNamespace(tb, netns.None(), func() error { return quiet() })
		tb.Cleanup(func() { c.hosts[i].Close() })
		inNamespace(tb, c.wire, func() error {
			if err := quiet(); err != nil {
				return err
			}
			veth := &netlink.Veth{
				LinkAttrs:     netlink.LinkAttrs{Name: inner, Index: 1000 + i, HardwareAddr: []byte{2, 0, 0, 0, 1, byte(i)}},
				PeerName:      hostInterface,
				PeerNamespace: netlink.NsFd(c.hosts[i]),
			}
			if err := netlink.LinkAdd(veth); err != nil {
				return fmt.Errorf("add veth: %w", err)
			}
			return netlink.LinkSetUp(veth)
		})
	}
	var macs [2][]byte
	for i := range c.hosts {
		inNamespace(tb, c.hosts[i], func() error {
			link, err := netlink.LinkByName(hostInterface)
			if err != nil {
				return err
			}
			macs[i] = link.Attrs().HardwareAddr
			addr, err := netlink.ParseAddr(fmt.Sprintf("10.0.0.%d/24", i+1))
			if err != nil {
				return err
			}
			if err := netlink.AddrAdd(link, addr); err != nil {
				return err
			}
			return netlink.LinkSetUp(link)
		})
	}
	for i := range c.hosts {
		inNamespace(tb, c.hosts[i], func() error {
			link, err := netlink.LinkByName(hostInterface)
			if err != nil {
				return err
			}
			return netlink.NeighSet(&netlink.Neigh{
				LinkIndex: link.Attrs().Index, State: netlink.NUD_PERMANENT,
				IP: []byte{10, 0, 0, byte(2 - i)}, HardwareAddr: macs[1-i],
			})
		})
	}
	inNamespace(tb, c.wire, func() (err error) {
		if c.line.A, err = Open("a"); err != nil {
			return err
		}
		c.line.B, err = Open("b")
		return err
	})
	return c
}

// quiet keeps the kernel from sending frames of its own.
func quiet() error {
	for _, which := range []string{"all", "default"} {
		err := os.WriteFile("/proc/sys/net/ipv6/conf/"+which+"/disable_ipv6", []byte("1"), 0o644)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// start starts a relay for one cable.
func (c *cable) start(tb testing.TB, ab, ba Params, seed uint64) *Relay {
	tb.Helper()
	c.line.AB, c.line.BA, c.line.Seed = ab, ba, seed
	r, err := Start(tb.Context(), []Line{c.line})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := r.Close(); err != nil {
			tb.Error(err)
		}
	})
	return r
}

// etherType is the one for local experiments.
const etherType = 0x88b5

// port sends and receives raw frames at a host.
type port struct {
	fd  int
	buf []byte
	oob []byte
	tag uint16 // the VLAN tag of the last frame received
}

// openPort opens a port at host i.
func (c *cable) openPort(tb testing.TB, i int) *port {
	tb.Helper()
	return openPort(tb, c.hosts[i], hostInterface)
}

// openPort opens a port at an interface.
func openPort(tb testing.TB, ns netns.NsHandle, ifname string) *port {
	tb.Helper()
	p := &port{buf: make([]byte, frameSize), oob: make([]byte, 256)}
	inNamespace(tb, ns, func() error {
		link, err := netlink.LinkByName(ifname)
		if err != nil {
			return err
		}
		if p.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
		for _, o := range [][3]int{
			{unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1},
			{unix.SOL_PACKET, unix.PACKET_AUXDATA, 1},
			{unix.SOL_SOCKET, unix.SO_TIMESTAMPNS_NEW, 1},
			{unix.SOL_SOCKET, unix.SO_RCVBUF, 8 << 20},
		} {
			if err := unix.SetsockoptInt(p.fd, o[0], o[1], o[2]); err != nil {
				return err
			}
		}
		unix.SetsockoptInt(p.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 8<<20)
		// All protocols: only these sockets see VLAN tags.
		return unix.Bind(p.fd, &unix.SockaddrLinklayer{Protocol: bigEndian(unix.ETH_P_ALL), Ifindex: link.Attrs().Index})
	})
	tb.Cleanup(func() { unix.Close(p.fd) })
	return p
}

// send sends a frame and returns the wall clock just before.
func (p *port) send(tb testing.TB, frame []byte) int64 {
	tb.Helper()
	t := time.Now().UnixNano()
	if err := unix.Send(p.fd, frame, 0); err != nil {
		tb.Fatal("send frame:", err)
	}
	return t
}

// receive returns the next frame, valid until the next call, and its receive
// timestamp, or nil after the timeout.
func (p *port) receive(tb testing.TB, timeout time.Duration) ([]byte, int64) {
	tb.Helper()
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(p.fd), Events: unix.POLLIN}}, int(timeout.Milliseconds()))
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			tb.Fatal("poll:", err)
		}
		if n == 0 {
			return nil, 0
		}
		break
	}
	n, oobn, _, _, err := unix.Recvmsg(p.fd, p.buf, p.oob, 0)
	if err != nil {
		tb.Fatal("receive frame:", err)
	}
	messages, err := unix.ParseSocketControlMessage(p.oob[:oobn])
	if err != nil {
		tb.Fatal(err)
	}
	stamp := int64(0)
	for _, m := range messages {
		switch {
		case m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SO_TIMESTAMPNS_NEW:
			stamp = (*unix.Timespec)(unsafe.Pointer(&m.Data[0])).Nano()
		case m.Header.Level == unix.SOL_PACKET && m.Header.Type == unix.PACKET_AUXDATA:
			p.tag = (*unix.TpacketAuxdata)(unsafe.Pointer(&m.Data[0])).Vlan_tci
		}
	}
	if stamp == 0 {
		tb.Fatal("the frame has no timestamp")
	}
	return p.buf[:n], stamp
}

// frame makes a frame of n bytes that carries a number.
func frame(number uint64, n int) []byte {
	f := make([]byte, n)
	copy(f, []byte{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, etherType >> 8, etherType & 0xff})
	for i := 14; i < n; i++ {
		f[i] = byte(uint64(i) * (number + 1))
	}
	for i := range 8 {
		f[14+i] = byte(number >> (8 * i))
	}
	return f
}

// number returns the number of a frame.
func number(f []byte) (v uint64) {
	for i := range 8 {
		v |= uint64(f[14+i]) << (8 * i)
	}
	return v
}

// victimMain starts a relay, prints its process id and waits to be killed.
func victimMain() {
	var line Line
	var err error
	if line.A, err = Open("lo"); err == nil {
		line.B, err = Open("lo")
	}
	var r *Relay
	if err == nil {
		r, err = Start(context.Background(), []Line{line})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(r.Pid())
	<-r.done
	os.Exit(1)
}
