package emu

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"edgebed/harness/emu/delayline"
	"edgebed/harness/network"
	"edgebed/harness/sandbox"
	"edgebed/harness/sandbox/sandboxtest"
	"edgebed/harness/topology"
	"edgebed/topologies"
)

// envDelay names the delay back end of networks that do not ask for one. Without
// it that is what the machine's kernel makes of Auto.
const envDelay = "EDGEBED_TEST_DELAY"

// role is the argument by which TestKill starts this binary as a program that
// holds a network until it is killed.
const role = "hold-a-network"

func TestMain(m *testing.M) {
	delayline.MaybeMain()
	sandbox.Enter()
	if len(os.Args) > 1 && os.Args[1] == role {
		fmt.Fprintln(os.Stderr, hold())
		os.Exit(1)
	}
	sandboxtest.Run(m)
}

// backend is what the environment asks for; empty means Auto.
func backend() Backend { return Backend(os.Getenv(envDelay)) }

// ring6 reads the paper's model, with parameters of its trunks changed.
func ring6(tb testing.TB, o topology.Override) *topology.Topology {
	tb.Helper()
	t, err := loadRing6()
	if err != nil {
		tb.Fatal(err)
	}
	if err := t.SetClass("trunk", topology.Class{Override: o}); err != nil {
		tb.Fatal(err)
	}
	return t
}

func loadRing6() (*topology.Topology, error) {
	data, err := topologies.Files.ReadFile("ring6.yaml")
	if err != nil {
		return nil, err
	}
	return topology.Parse("ring6.yaml", data)
}

// parse reads a topology file that has no mistakes.
func parse(tb testing.TB, text string) *topology.Topology {
	tb.Helper()
	t, err := topology.Parse("topology.yaml", []byte(text))
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

// pair is two switches with a host each, a and b, and a link of class trunk.
func pair(o topology.Override) *topology.Topology {
	return &topology.Topology{
		Version: 1, Name: "pair", Subnet: netip.MustParsePrefix("10.9.0.0/24"),
		Switches: []string{"s0", "s1"},
		Hosts: []topology.HostSpec{
			{Name: "a", Address: netip.MustParseAddr("10.9.0.1"), Switch: "s0"},
			{Name: "b", Address: netip.MustParseAddr("10.9.0.2"), Switch: "s1"},
		},
		Classes: map[string]topology.Class{"trunk": {Override: o}},
		Links:   []topology.LinkSpec{{Between: [2]string{"s0", "s1"}, Class: "trunk"}},
	}
}

// build makes a network that is closed when the test ends.
func build(tb testing.TB, t *topology.Topology, opts Options) *Network {
	tb.Helper()
	if opts.Delay == "" {
		opts.Delay = backend()
	}
	n, err := Build(tb.Context(), t, opts)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := n.Close(); err != nil {
			tb.Error(err)
		}
	})
	return n
}

// pinger sends ICMP echo requests, which the other host's kernel answers.
type pinger struct {
	fd  int
	seq uint16
}

func newPinger(tb testing.TB, from *Host) *pinger {
	tb.Helper()
	p := &pinger{}
	err := from.Do(func() (err error) {
		p.fd, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.IPPROTO_ICMP)
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { unix.Close(p.fd) })
	return p
}

// addressed is a host or an interface.
type addressed interface{ Address() netip.Addr }

// ping returns the round-trip time of one request, or an error if no answer
// comes within the time limit.
func (p *pinger) ping(to addressed, size int, limit time.Duration) (time.Duration, error) {
	timeout := unix.NsecToTimeval(limit.Nanoseconds())
	if err := unix.SetsockoptTimeval(p.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout); err != nil {
		return 0, err
	}
	p.seq++
	msg := make([]byte, 8+size) // the kernel fills in the identifier and checksum
	msg[0] = 8                  // echo request
	binary.BigEndian.PutUint16(msg[6:], p.seq)
	start := time.Now()
	if err := unix.Sendto(p.fd, msg, 0, &unix.SockaddrInet4{Addr: to.Address().As4()}); err != nil {
		return 0, err
	}
	for answer := make([]byte, 2048); ; {
		n, _, err := unix.Recvfrom(p.fd, answer, 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return 0, err
		}
		// An answer to an earlier request may come late.
		if n >= 8 && answer[0] == 0 && binary.BigEndian.Uint16(answer[6:]) == p.seq {
			return time.Since(start), nil
		}
	}
}

// pings returns the sorted round-trip times of n requests.
func pings(tb testing.TB, from, to *Host, n int) []time.Duration {
	tb.Helper()
	p := newPinger(tb, from)
	times := make([]time.Duration, n)
	for i := range times {
		var err error
		if times[i], err = p.ping(to, 56, 20*time.Second); err != nil {
			tb.Fatalf("ping %d from %s to %s: %v", i, from.Name(), to.Name(), err)
		}
	}
	slices.Sort(times)
	return times
}

// transfer sends bytes over a new TCP connection and returns the time from
// before its start until the other side has all of them.
func transfer(tb testing.TB, from, to *Host, bytes int) time.Duration {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), 2*time.Minute)
	defer cancel()
	l, err := to.Listen(ctx, netip.AddrPortFrom(to.Address(), 5001).String())
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Close()
	type end struct {
		at  time.Time
		err error
	}
	done := make(chan end, 1)
	go func() {
		c, err := l.Accept()
		if err == nil {
			_, err = io.CopyN(io.Discard, c, int64(bytes))
			defer c.Close()
		}
		done <- end{time.Now(), err}
	}()
	data := make([]byte, bytes)
	start := time.Now()
	c, err := from.DialContext(ctx, l.Addr().String())
	if err != nil {
		tb.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write(data); err != nil {
		tb.Fatal(err)
	}
	e := <-done
	if e.err != nil {
		tb.Fatal(e.err)
	}
	return e.at.Sub(start)
}

// idle waits until the network is idle.
func idle(tb testing.TB, n *Network) network.Counters {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), time.Minute)
	defer cancel()
	c, err := n.Idle(ctx, 50*time.Millisecond)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// congestionControl returns what a connection uses.
func congestionControl(c net.Conn) (name string, err error) {
	raw, err := c.(*net.TCPConn).SyscallConn()
	if err != nil {
		return "", err
	}
	errControl := raw.Control(func(fd uintptr) {
		name, err = unix.GetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION)
	})
	return name, errors.Join(errControl, err)
}

// openFiles counts the process's file descriptors.
func openFiles(tb testing.TB) int {
	tb.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		tb.Fatal(err)
	}
	return len(entries)
}

// processesIn counts the processes of a PID namespace.
func processesIn(pidns string) int {
	n := 0
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		if _, err := strconv.Atoi(e.Name()); err != nil {
			continue
		}
		if ns, err := os.Readlink("/proc/" + e.Name() + "/ns/pid"); err == nil && ns == pidns {
			n++
		}
	}
	return n
}
