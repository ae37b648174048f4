package shell

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
	"time"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"

	"edgebed/harness/emu"
	"edgebed/harness/topology"
	"edgebed/nodes/units"
)

// maxSeconds is how long a measurement may take.
const maxSeconds = 3600

// seconds reads a duration in seconds, or takes the default.
func seconds(args []string, at, otherwise int) (time.Duration, error) {
	n := otherwise
	if len(args) > at {
		var err error
		if n, err = strconv.Atoi(args[at]); err != nil || n < 1 || n > maxSeconds {
			return 0, fmt.Errorf("%q: expected seconds from 1 to %d", args[at], maxSeconds)
		}
	}

	return time.Duration(n) * time.Second, nil
}

// ping times round trips between two hosts, a second apart.
func (s *Shell) ping(ctx context.Context, args []string) error {
	t, rest, err := s.twoHosts("ping", args)
	if err != nil {
		return err
	}
	count := 4
	if len(rest) > 0 {
		if count, err = strconv.Atoi(rest[0]); err != nil || count < 1 {
			return usageError("ping")
		}
	}

	var times []time.Duration
	for k := range count {
		took, err := roundTrip(ctx, t, k+1, 2*time.Second)
		switch {
		case ctx.Err() != nil:
			count = k
		case errors.Is(err, os.ErrDeadlineExceeded):
			fmt.Fprintf(s.out, "%s to %s, packet %d: no answer\n", t.a.Name(), t.b.Name(), k+1)
		case err != nil:
			return err
		default:
			times = append(times, took)
			fmt.Fprintf(s.out, "%s to %s, packet %d: %v\n", t.a.Name(), t.b.Name(), k+1,
				took.Round(10*time.Microsecond))
		}
		if k+1 >= count || pause(ctx, time.Second) != nil {
			break
		}
	}

	if len(times) > 0 {
		slices.Sort(times)
		least, median, most := times[0], times[len(times)/2], times[len(times)-1]
		fmt.Fprintf(s.out, "%d of %d answered, least %v, median %v, most %v\n", len(times), count,
			least.Round(10*time.Microsecond), median.Round(10*time.Microsecond), most.Round(10*time.Microsecond))
	}

	return nil
}

// pingAll sends one packet between all pairs.
func (s *Shell) pingAll(ctx context.Context, args []string) error {
	args, six := cutSix(args)
	if len(args) > 0 {
		return usageError("pingall")
	}

	sent, lost := 0, 0
	for _, a := range s.network.Hosts() {
		fmt.Fprintf(s.out, "%s ->", a.Name())
		for _, b := range s.network.Hosts() {
			if a == b {
				continue
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}

			t, err := between(a, b, b.Interfaces()[0], six)
			if err != nil {
				return err
			}

			sent++
			if _, err := roundTrip(ctx, t, sent, time.Second); err != nil {
				lost++
				fmt.Fprint(s.out, " X")
			} else {
				fmt.Fprintf(s.out, " %s", b.Name())
			}
		}
		fmt.Fprintln(s.out)
	}
	fmt.Fprintf(s.out, "%d of %d answered, %.3g %% lost\n", sent-lost, sent, 100*float64(lost)/float64(max(1, sent)))

	return nil
}

// protocol is what ICMP is called in a family of addresses.
type protocol struct {
	network string
	number  int
	echo    icmp.Type
	reply   icmp.Type
}

var (
	icmp4 = protocol{"udp4", 1, ipv4.ICMPTypeEcho, ipv4.ICMPTypeEchoReply}
	icmp6 = protocol{"udp6", 58, ipv6.ICMPTypeEchoRequest, ipv6.ICMPTypeEchoReply}
)

// roundTrip sends one ICMP echo request and waits for its answer.
func roundTrip(ctx context.Context, t hostPair, sequence int, patience time.Duration) (time.Duration, error) {
	of := icmp4
	if t.to.Is6() {
		of = icmp6
	}
	var conn *icmp.PacketConn
	err := t.a.Do(func() (err error) {
		conn, err = icmp.ListenPacket(of.network, t.from.String())
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("ping from %s: %w", t.a.Name(), err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })()

	// The kernel writes the checksum, and with IPv6 what it is taken over.
	echo := icmp.Message{Type: of.echo, Body: &icmp.Echo{Seq: sequence, Data: make([]byte, 56)}}
	request, err := echo.Marshal(nil)
	if err != nil {
		return 0, err
	}
	start := time.Now()
	if _, err := conn.WriteTo(request, &net.UDPAddr{IP: t.to.AsSlice()}); err != nil {
		return 0, fmt.Errorf("ping %s from %s: %w", t.b.Name(), t.a.Name(), err)
	}

	if err := conn.SetReadDeadline(start.Add(patience)); err != nil {
		return 0, err
	}
	buffer := make([]byte, 1500)
	for {
		n, _, err := conn.ReadFrom(buffer)
		if err != nil {
			return 0, fmt.Errorf("ping %s from %s: %w", t.b.Name(), t.a.Name(), err)
		}
		answer, err := icmp.ParseMessage(of.number, buffer[:n])
		if err == nil && answer.Type == of.reply {
			return time.Since(start), nil
		}
	}
}

// iperfPort is where a measurement listens, as iperf3 does.
const iperfPort = 5201

// iperf sends over one TCP connection for some seconds and tells what arrived.
func (s *Shell) iperf(ctx context.Context, args []string) error {
	t, rest, err := s.twoHosts("iperf", args)
	if err != nil {
		return err
	}
	length, err := seconds(rest, 0, 5)
	if err != nil {
		return err
	}

	address := netip.AddrPortFrom(t.to, iperfPort).String()
	listener, err := t.b.Listen(ctx, address)
	if err != nil {
		return err
	}
	defer listener.Close()

	received := make(chan goodput, 1)
	go func() { received <- receive(listener) }()
	conn, err := t.a.DialFrom(ctx, t.from, address)
	if err != nil {
		return err
	}
	// Ctrl-C ends the measurement; what arrived until then is told.
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	send(conn, time.Now().Add(length))
	conn.Close()

	g := <-received
	fmt.Fprintf(s.out, "%s to %s: %.2f MB in %.2f s, %.4g Mb/s of payload\n", t.a.Name(), t.b.Name(),
		float64(g.bytes)/1e6, g.took.Seconds(), g.mbps())

	return g.err
}

// goodput is what a receiver got, from its first byte to its last.
type goodput struct {
	bytes int64
	took  time.Duration
	err   error
}

func (g goodput) mbps() float64 {
	if g.took <= 0 {
		return 0
	}

	return float64(g.bytes) * 8 / 1e6 / g.took.Seconds()
}

func receive(listener net.Listener) (g goodput) {
	conn, err := listener.Accept()
	if err != nil {
		return goodput{err: err}
	}
	defer conn.Close()

	buffer := make([]byte, 64<<10)
	var start time.Time
	for {
		n, err := conn.Read(buffer)
		if start.IsZero() {
			start = time.Now()
		} else {
			// The first bytes say when it began, and do not count.
			g.bytes += int64(n)
		}
		if n > 0 {
			g.took = time.Since(start)
		}
		if err != nil {
			if !errors.Is(err, io.EOF) {
				g.err = err
			}

			return g
		}
	}
}

// send writes until the end or the first error, which the receiver tells of.
func send(conn net.Conn, end time.Time) {
	if err := conn.SetWriteDeadline(end); err != nil {
		return
	}
	buffer := make([]byte, 64<<10)
	for time.Now().Before(end) {
		if _, err := conn.Write(buffer); err != nil {
			return
		}
	}
}

// datagram is the payload of the largest UDP datagram that both interfaces take in one packet,
// behind the headers of IP and UDP (RFC 791, RFC 8200, RFC 768).
func (s *Shell) datagram(t hostPair) units.Size {
	headers := ipv4.HeaderLen + 8
	if t.to.Is6() {
		headers = ipv6.HeaderLen + 8
	}

	by := t.by
	if by == nil {
		by = s.exit(t.a, t.at)
	}
	return units.Size(min(by.MTU(), t.at.MTU()) - headers)
}

// exit is the interface by which a host sends what is for another one's, unless it is told.
func (s *Shell) exit(h *emu.Host, to *emu.Interface) *emu.Interface {
	own := h.Interfaces()
	if len(own) == 1 {
		return own[0]
	}

	model := s.network.Topology()
	host := slices.IndexFunc(model.Hosts, func(spec topology.HostSpec) bool { return spec.Name == h.Name() })
	all := slices.Collect(model.Interfaces())
	place := slices.IndexFunc(all, func(f topology.Interface) bool { return f.Address == to.Address() })
	return own[max(0, model.Exits(host)[place])] // without a way there the first one, in vain
}

// iperfUDP sends datagrams at a rate and tells what arrived.
func (s *Shell) iperfUDP(ctx context.Context, args []string) error {
	t, rest, err := s.twoHosts("iperfudp", args)
	if err != nil {
		return err
	}
	if len(rest) == 0 {
		return usageError("iperfudp")
	}
	rate, err := units.ParseRate(rest[0])
	if err != nil || rate <= 0 || rate > units.Gbps {
		return fmt.Errorf("rate %q: expected one like 5Mb/s, at most 1 Gb/s", rest[0])
	}
	length, err := seconds(rest, 1, 5)
	if err != nil {
		return err
	}

	receiver, err := t.b.ListenPacket(ctx, netip.AddrPortFrom(t.to, iperfPort).String())
	if err != nil {
		return err
	}
	defer receiver.Close()
	sender, err := t.a.ListenPacket(ctx, netip.AddrPortFrom(t.from, 0).String())
	if err != nil {
		return err
	}
	defer sender.Close()

	arrived := make(chan goodput, 1)
	size := s.datagram(t)
	go func() { arrived <- collect(receiver, size) }()
	sent, err := flood(ctx, load{sender, receiver.LocalAddr(), rate, size}, length)
	if err != nil {
		return err
	}

	g := <-arrived
	count := g.bytes / int64(size)
	fmt.Fprintf(s.out, "%s to %s: %d of %d datagrams arrived, %.3g %% lost, %.4g Mb/s of payload\n",
		t.a.Name(), t.b.Name(), count, sent, 100*float64(sent-count)/float64(max(1, sent)), g.mbps())

	return nil
}

// load is datagrams of a size at a rate.
type load struct {
	from net.PacketConn
	to   net.Addr
	rate units.Rate
	size units.Size
}

// flood sends datagrams, each at its time.
func flood(ctx context.Context, l load, length time.Duration) (sent int64, err error) {
	data := make([]byte, l.size)
	every := l.rate.Time(l.size)
	start := time.Now()
	for time.Since(start) < length && ctx.Err() == nil {
		// Sleeps are late by up to a millisecond: what is due by then goes at once.
		for due := int64(time.Since(start)/every) + 1; sent < due; sent++ {
			binary.BigEndian.PutUint64(data, uint64(sent))
			if _, err := l.from.WriteTo(data, l.to); err != nil {
				return sent, err
			}
		}
		time.Sleep(every)
	}

	return sent, nil
}

// collect receives datagrams of a size until nothing has come for a second.
func collect(c net.PacketConn, size units.Size) (g goodput) {
	const silence = time.Second
	buffer := make([]byte, size)
	var start time.Time
	for {
		patience := silence
		if start.IsZero() {
			patience = 10 * silence
		}
		if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
			return g
		}

		n, _, err := c.ReadFrom(buffer)
		if err != nil {
			return g
		}
		if start.IsZero() {
			start = time.Now()
		}
		g.bytes += int64(n)
		g.took = time.Since(start)
	}
}
