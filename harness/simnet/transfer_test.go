//go:build faketime

package simnet

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"edgebed/harness/network"
	"edgebed/harness/topology"
	"edgebed/nodes/units"
)

// TestMain makes the runtime as the worker for virtual time has it: one goroutine at a
// time, and none halted by the garbage collector.
func TestMain(m *testing.M) {
	runtime.GOMAXPROCS(1)
	debug.SetGCPercent(-1)
	os.Exit(m.Run())
}

// chain builds hosts a and b on two switches with one link.
func chain(t *testing.T, link string, seed uint64) *Network {
	t.Helper()
	return chainWith(t, topology.Switched, link, Options{Seed: seed})
}

func chainWith(t *testing.T, mode topology.Mode, link string, opts Options) *Network {
	t.Helper()
	model, err := topology.Parse("chain", []byte(fmt.Sprintf(`
version: 1
name: chain
mode: %s
subnet: 10.9.0.0/16
switches: [s0, s1]
hosts:
  - {name: a, address: 10.9.0.1, switch: s0}
  - {name: b, address: 10.9.0.2, switch: s1}
link-classes:
  trunk: {%s}
links:
  - {between: [s0, s1], class: trunk}
`, mode, link)))
	if err != nil {
		t.Fatal(err)
	}
	n, err := Build(model, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		n.Close()
		if n.late > 0 {
			t.Errorf("%d frames reached a host after their time", n.late)
		}
	})
	return n
}

// transfer sends bytes from a to b on a fresh connection, and returns how long it
// takes from the dialling to the last byte's arrival.
func transfer(t *testing.T, n *Network, size int) (time.Duration, network.Counters) {
	t.Helper()
	ctx := context.Background()
	a, err := n.Host("a")
	if err != nil {
		t.Fatal(err)
	}
	b, err := n.Host("b")
	if err != nil {
		t.Fatal(err)
	}
	l, err := b.Listen(ctx, "10.9.0.2:80")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	done := make(chan error, 1)
	var took time.Duration
	start := time.Now()
	go func() {
		c, err := l.Accept()
		if err == nil {
			_, err = io.CopyN(io.Discard, c, int64(size))
			took = time.Since(start)
			c.Close()
		}
		done <- err
	}()
	c, err := a.DialContext(ctx, "10.9.0.2:80")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write(make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	counters, err := n.Idle(ctx, 50*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	return took, counters
}

// TestTransfer holds a transfer on a fresh connection against what the link
// allows: a round trip to connect, then frames of 1514 B at its rate, without a
// pause once the window covers the path.
func TestTransfer(t *testing.T) {
	const size = 100_000
	for _, rate := range []units.Rate{units.Mbps, 10 * units.Mbps, 100 * units.Mbps} {
		n := chain(t, fmt.Sprintf("rate: %v, delay: 1 ms, queue: 1000", rate), 1)
		took, c := transfer(t, n, size)
		segment := segmentOf(topology.DefaultMTU)
		segments := (size + segment - 1) / segment
		wire := units.Size(size + segments*(ethernet+52))
		least := 3*time.Millisecond + rate.Time(wire-3*topology.Frame)
		// At 100 Mb/s the first window of ten segments waits for its ACK once or twice.
		most := 3*time.Millisecond + rate.Time(wire+500) + 6*time.Millisecond
		if took < least || took > most {
			t.Errorf("%v: took %v, want %v to %v", rate, took, least, most)
		}
		tcp, err := n.TCP()
		if err != nil {
			t.Fatal(err)
		}
		if tcp.Retransmissions != 0 || tcp.ActiveOpens != 1 {
			t.Errorf("%v: %d retransmissions and %d connections, want 0 and 1", rate, tcp.Retransmissions, tcp.ActiveOpens)
		}
		for _, p := range c.Ports {
			switch p.Name {
			case "s0-s1": // SYN, ACK and FIN besides the data
				if extra := p.TxBytes - int64(wire); extra < 74+66+66 || extra > 74+4*66 {
					t.Errorf("%v: %d B beside the %v of data", rate, extra, wire)
				}
			case "s1-s0":
				// Every segment is acknowledged at the start, every second one later.
				if p.TxPackets < int64(segments/2) || p.TxPackets > int64(segments/2+segments/pushed)+firstACKs {
					t.Errorf("%v: %d frames back for %d segments", rate, p.TxPackets, segments)
				}
			}
		}
	}
}

// TestLossyTransfer completes a transfer over a link that loses frames, and takes
// as long and as many frames each time with the same seed.
func TestLossyTransfer(t *testing.T) {
	run := func(seed uint64) (time.Duration, int64) {
		Align()
		n := chain(t, "rate: 10 Mb/s, delay: 5 ms, jitter: 1 ms, loss: 2 %, queue: 1000", seed)
		took, c := transfer(t, n, 500_000)
		bytes, _ := c.SentAll()
		return took, bytes
	}
	took, bytes := run(1)
	again, same := run(1)
	if took != again || bytes != same {
		t.Errorf("%v and %d B, then %v and %d B with the same seed", took, bytes, again, same)
	}
	if ideal := (10 * units.Mbps).Time(500_000); took < ideal || took > 10*ideal {
		t.Errorf("took %v, the rate alone %v", took, ideal)
	}
}

// TestLiveChange slows a link down while a transfer runs.
func TestLiveChange(t *testing.T) {
	n := chain(t, "rate: 10 Mb/s, delay: 1 ms, queue: 1000", 1)
	slow := units.Mbps
	time.AfterFunc(50*time.Millisecond, func() {
		if err := n.SetLinks(topology.Change{From: "s0", To: "s1", Override: topology.Override{Rate: &slow}}); err != nil {
			t.Error(err)
		}
	})
	const size = 200_000
	took, _ := transfer(t, n, size)
	// 50 ms at 10 Mb/s carry 62.5 kB, the rest goes at a tenth of the rate.
	want := 50*time.Millisecond + slow.Time(size*1514/1448-62_500)
	if took < want*95/100 || took > want*105/100 {
		t.Errorf("took %v, want %v within 5 %%", took, want)
	}
	if err := n.SetLinks(topology.Change{From: "s0", To: "s9", Override: topology.Override{Rate: &slow}}); err == nil {
		t.Error("a link that there is not was changed")
	}
}

// TestCapture reads back what a capture wrote: the frames that the port counted.
func TestCapture(t *testing.T) {
	n := chain(t, "rate: 10 Mb/s, delay: 1 ms, queue: 1000", 1)
	var file bytes.Buffer
	c, err := n.Capture("s0-s1", &file)
	if err != nil {
		t.Fatal(err)
	}
	transfer(t, n, 20_000)
	counters, err := n.Idle(context.Background(), 50*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Stop(); err != nil {
		t.Fatal(err)
	}
	r, err := pcapgo.NewNgReader(&file, pcapgo.DefaultNgReaderOptions)
	if err != nil {
		t.Fatal(err)
	}
	var packets, size int64
	for {
		data, info, err := r.ReadPacketData()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		packets++
		size += int64(info.Length)
		if p := gopacket.NewPacket(data, layers.LinkTypeEthernet, gopacket.Default); p.Layer(layers.LayerTypeTCP) == nil {
			t.Errorf("frame %d is no TCP segment: %v", packets, p)
		}
	}
	for _, p := range counters.Ports {
		if p.Name == "s0-s1" && (packets != p.TxPackets+p.RxPackets || size != p.TxBytes+p.RxBytes) {
			t.Errorf("%d frames and %d B captured, the port counted %d and %d", packets, size, p.TxPackets+p.RxPackets, p.TxBytes+p.RxBytes)
		}
	}
}

// TestClose ends what hosts wait for.
func TestClose(t *testing.T) {
	n := chain(t, "rate: 10 Mb/s", 1)
	b, err := n.Host("b")
	if err != nil {
		t.Fatal(err)
	}
	l, err := b.Listen(context.Background(), "10.9.0.2:80")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		c, err := l.Accept()
		if err == nil {
			c.Close()
		}
		ended <- err
	}()
	time.Sleep(time.Millisecond)
	l.Close()
	if err := <-ended; err == nil {
		t.Error("a closed listener accepts")
	}
	n.Close()
	if _, err := n.Counters(); err == nil {
		t.Error("a closed network has counters")
	}
	if _, err := n.Host("c"); err == nil {
		t.Error("a host that there is not was found")
	}
}
