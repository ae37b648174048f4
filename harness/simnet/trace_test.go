//go:build faketime

package simnet

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"

	"edgebed/harness/golden"
	"edgebed/harness/topology"
)

// turn is a part of a conversation on one connection: after a pause the client sends a
// request, and reads the answer, which the server may begin without waiting for it.
type turn struct {
	pause           time.Duration
	request, answer int
	atOnce          bool
}

// converse has a talk with b on a connection of its own, to the given port.
func converse(n *Network, port int, turns []turn) error {
	a, errA := n.Host("a")
	b, errB := n.Host("b")
	if err := cmp.Or(errA, errB); err != nil {
		return err
	}
	address := fmt.Sprintf("10.9.0.2:%d", port)
	l, err := b.Listen(context.Background(), address)
	if err != nil {
		return err
	}
	defer l.Close()

	served := make(chan error, 1)
	go func() {
		c, err := l.Accept()
		if err == nil {
			err = answer(c, turns)
		}
		served <- err
	}()

	c, err := a.DialContext(context.Background(), address)
	if err != nil {
		return err
	}
	for _, turn := range turns {
		time.Sleep(turn.pause)
		if _, err := c.Write(make([]byte, turn.request)); err != nil {
			return err
		}
		if _, err := io.CopyN(io.Discard, c, int64(turn.answer)); err != nil {
			return err
		}
	}
	return errors.Join(c.Close(), <-served)
}

// answer is the other side of converse.
func answer(c net.Conn, turns []turn) error {
	for _, turn := range turns {
		wait := turn.request
		if turn.atOnce {
			wait = 0
		}
		if _, err := io.CopyN(io.Discard, c, int64(wait)); err != nil {
			return err
		}
		if _, err := c.Write(make([]byte, turn.answer)); err != nil {
			return err
		}
		if _, err := io.CopyN(io.Discard, c, int64(turn.request-wait)); err != nil {
			return err
		}
	}
	// The client ends the connection.
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		return fmt.Errorf("read beyond the last request: %w", err)
	}
	return c.Close()
}

// TestTraces holds the frames of conversations, with the times to the nanosecond at which
// they pass both ends of the link, against those of the golden files: results in virtual
// time are the same on each machine, and change only where somebody means it.
func TestTraces(t *testing.T) {
	for _, tc := range []struct {
		name, link string
		mode       topology.Mode // switched where it is not said
		wakeUp     time.Duration
		talks      [][]turn // at the same time
	}{
		{name: "bulk", link: "rate: 10 Mb/s, delay: 1 ms, queue: 1000", talks: [][]turn{{{request: 60_000}}}},
		{name: "exchange", link: "rate: 10 Mb/s, delay: 5 ms, queue: 1000", talks: [][]turn{{
			{request: 100, answer: 100}, {request: 100, answer: 6000}, {pause: 60 * time.Millisecond, request: 3000, answer: 1},
			{pause: 300 * time.Millisecond, request: 1448, answer: 1448}, {request: 10, answer: 10},
		}}},
		{name: "unshaped", link: "delay: 2 ms", wakeUp: 150 * time.Microsecond, talks: [][]turn{{
			{request: 100, answer: 2000}, {pause: time.Millisecond, request: 2000, answer: 10},
		}}},
		{name: "lossy", link: "rate: 10 Mb/s, delay: 5 ms, jitter: 1 ms, loss: 8 %, duplicate: 5 %, queue: 1000",
			talks: [][]turn{{{request: 40_000, answer: 5_000}}}},
		{name: "reordered", link: "rate: 100 Mb/s, delay: 2 ms, jitter: 1 ms, jitter-order: reorder, queue: 1000",
			talks: [][]turn{{{request: 12_000}}}},
		{name: "duplex", link: "rate: 5 Mb/s, delay: 3 ms, queue: 1000", talks: [][]turn{{{request: 30_000, answer: 20_000, atOnce: true}}}},
		{name: "full", link: "rate: 2 Mb/s, delay: 10 ms, queue: 5",
			talks: [][]turn{{{request: 30_000}}, {{request: 20_000}}, {{request: 300, answer: 300}}}},
		{name: "routed", mode: topology.Routed, link: "rate: 2 Mb/s, delay: 1 ms, queue: 1000",
			talks: [][]turn{{{request: 30_000, answer: 100}}, {{pause: 50 * time.Millisecond, request: 300, answer: 300}}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			Align()
			n := chainWith(t, cmp.Or(tc.mode, topology.Switched), tc.link, Options{Seed: 1, WakeUp: tc.wakeUp})
			start := time.Now()
			ports := []string{"s0-s1", "s1-s0"}
			files := make([]bytes.Buffer, len(ports))
			var captures []*Capture
			for i, name := range ports {
				c, err := n.Capture(name, &files[i])
				if err != nil {
					t.Fatal(err)
				}
				captures = append(captures, c)
			}

			errs := make([]error, len(tc.talks))
			var talks sync.WaitGroup
			for i, turns := range tc.talks {
				talks.Go(func() { errs[i] = converse(n, 80+i, turns) })
			}
			talks.Wait()
			_, err := n.Idle(t.Context(), 50*time.Millisecond)
			if err := errors.Join(append(errs, err)...); err != nil {
				t.Fatal(err)
			}

			var lines []passed
			for i, c := range captures {
				if err := c.Stop(); err != nil {
					t.Fatal(err)
				}
				lines = append(lines, read(t, ports[i], &files[i], start)...)
			}
			slices.SortStableFunc(lines, func(a, b passed) int { return cmp.Compare(a.at, b.at) })
			var text strings.Builder
			for _, l := range lines {
				fmt.Fprintf(&text, "%12.6f ms %s\n", float64(l.at)/1e6, l.what)
			}
			golden.Check(t, tc.name+".golden", []byte(text.String()))
		})
	}
}

// passed is what passed a port at a time.
type passed struct {
	at   time.Duration
	what string
}

// read returns the frames of a capture, with sequence numbers from the first of each
// direction on.
func read(t *testing.T, port string, file io.Reader, start time.Time) []passed {
	t.Helper()
	r, err := pcapgo.NewNgReader(file, pcapgo.DefaultNgReaderOptions)
	if err != nil {
		t.Fatal(err)
	}
	first := map[string]uint32{} // sequence number, by source
	var list []passed
	for {
		data, info, options, err := r.ReadPacketDataWithOptions()
		if err == io.EOF {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
		p := gopacket.NewPacket(data, layers.LinkTypeEthernet, gopacket.Default)
		ip := p.Layer(layers.LayerTypeIPv4).(*layers.IPv4)
		tcp := p.Layer(layers.LayerTypeTCP).(*layers.TCP)

		// Ports of clients are drawn, those of servers are not.
		talk := fmt.Sprint(uint16(min(tcp.SrcPort, tcp.DstPort)))
		from, to := ip.SrcIP.String()+talk, ip.DstIP.String()+talk
		if tcp.SYN {
			first[from] = tcp.Seq
		}
		what := fmt.Sprintf("%s %-3s %4d B :%s seq %d", port, directions[options.Flags.Direction], info.Length, talk, tcp.Seq-first[from])
		if tcp.ACK {
			what += fmt.Sprintf(" ack %d", tcp.Ack-first[to])
		}
		for _, o := range tcp.Options {
			if o.OptionType == layers.TCPOptionKindSACK {
				what += " sack"
			}
		}
		if ip.TTL != ipv4.DefaultTTL {
			what += fmt.Sprint(" ttl ", ip.TTL)
		}
		list = append(list, passed{info.Timestamp.Sub(start), fmt.Sprint(what, " window ", tcp.Window, flagsOf(tcp))})
	}
}

var directions = map[pcapgo.NgEpbFlag]string{inbound: "in", outbound: "out"}

// flagsOf names the flags of a segment that are not on nearly all.
func flagsOf(tcp *layers.TCP) (text string) {
	for _, f := range []struct {
		set  bool
		name string
	}{{tcp.SYN, " SYN"}, {tcp.FIN, " FIN"}, {tcp.RST, " RST"}, {tcp.PSH, " PSH"}} {
		if f.set {
			text += f.name
		}
	}
	return text
}
