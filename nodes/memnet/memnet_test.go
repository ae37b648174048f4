package memnet_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"testing"

	"google.golang.org/grpc"

	"edgebed/nodes/memnet"
	"edgebed/nodes/wire"
)

var (
	a = netip.MustParseAddr("10.1.0.1")
	b = netip.MustParseAddr("10.1.0.2")
)

// echo accepts connections until the listener closes and sends back what comes.
func echo(t *testing.T, l net.Listener) {
	t.Helper()
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				_, _ = io.Copy(c, c)
			})
		}
	})
	t.Cleanup(wg.Wait)
	t.Cleanup(func() { l.Close() })
}

func TestCountsAndTap(t *testing.T) {
	network := memnet.New()
	l, err := network.Host(b).Listen(t.Context(), "10.1.0.2:100")
	if err != nil {
		t.Fatal(err)
	}
	echo(t, l)
	var mu sync.Mutex
	sent, received := []byte(nil), []byte(nil)
	network.Tap(func(c memnet.Chunk) {
		mu.Lock()
		defer mu.Unlock()
		if c.Conn != 1 || c.Dialed != (c.From == a) {
			t.Errorf("chunk of connection %d from %v, dialed %t", c.Conn, c.From, c.Dialed)
		}
		if c.Dialed {
			sent = append(sent, c.Data...)
		} else {
			received = append(received, c.Data...)
		}
	})
	c, err := network.Host(a).DialContext(t.Context(), "10.1.0.2:100")
	if err != nil {
		t.Fatal(err)
	}
	if got := c.RemoteAddr().String(); got != "10.1.0.2:100" {
		t.Errorf("remote address %s", got)
	}
	message := bytes.Repeat([]byte("0123456789"), 30000) // several buffers
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := c.Write(message); err != nil {
			t.Error(err)
		}
	})
	back := make([]byte, len(message))
	if _, err := io.ReadFull(c, back); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	if !bytes.Equal(back, message) {
		t.Error("the echo differs from what was sent")
	}
	mu.Lock()
	if !bytes.Equal(sent, message) || !bytes.Equal(received, message) {
		t.Errorf("the tap saw %d bytes sent and %d received, want %d each, in order", len(sent), len(received), len(message))
	}
	mu.Unlock()
	counts := network.Counts()
	want := map[memnet.Pair]memnet.Count{
		{From: a, To: b}: {Conns: 1, Bytes: int64(len(message))},
		{From: b, To: a}: {Bytes: int64(len(message))},
	}
	for pair, count := range want {
		if counts[pair] != count {
			t.Errorf("%v: %+v, want %+v", pair, counts[pair], count)
		}
	}
	if len(counts) != len(want) {
		t.Errorf("%d counters, want %d", len(counts), len(want))
	}
	if conns, listeners := network.Open(); conns != 1 || listeners != 1 {
		t.Errorf("%d connections and %d listeners open, want 1 and 1", conns, listeners)
	}
	c.Close()
	if conns, _ := network.Open(); conns != 0 {
		t.Errorf("%d connections open after close", conns)
	}
}

func TestAddresses(t *testing.T) {
	network := memnet.New()
	h := network.Host(a)
	l, err := h.Listen(t.Context(), "10.1.0.1:7")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		address string
		want    error
	}{
		{"10.1.0.1:7", syscall.EADDRINUSE},
		{"10.1.0.2:7", syscall.EADDRNOTAVAIL},
	} {
		if _, err := h.Listen(t.Context(), tt.address); !errors.Is(err, tt.want) {
			t.Errorf("listen on %s: %v, want %v", tt.address, err, tt.want)
		}
	}
	for _, bad := range []string{"", "10.1.0.1", "host:1", ":1"} {
		if _, err := h.Listen(t.Context(), bad); err == nil {
			t.Errorf("listen on %q: no error", bad)
		}
		if _, err := h.DialContext(t.Context(), bad); err == nil {
			t.Errorf("dial %q: no error", bad)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := h.DialContext(t.Context(), "10.1.0.1:7"); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("dial after close: %v, want refused", err)
	}
	ports := make(map[string]bool)
	for range 3 {
		l, err := h.Listen(t.Context(), "10.1.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ports[l.Addr().String()] = true
	}
	if len(ports) != 3 {
		t.Errorf("ephemeral listeners on %v, want 3 different", ports)
	}
	if got := network.Listening(); len(got) != 3 {
		t.Errorf("listening on %v, want 3 addresses", got)
	}
	if l, err = h.Listen(t.Context(), "10.1.0.1:7"); err != nil {
		t.Errorf("listen on a freed address: %v", err)
	} else {
		l.Close()
	}
}

func TestCut(t *testing.T) {
	network := memnet.New()
	l, err := network.Host(b).Listen(t.Context(), "10.1.0.2:100")
	if err != nil {
		t.Fatal(err)
	}
	echo(t, l)
	c, err := network.Host(a).DialContext(t.Context(), "10.1.0.2:100")
	if err != nil {
		t.Fatal(err)
	}
	own, err := network.Host(b).DialContext(t.Context(), "10.1.0.2:100")
	if err != nil {
		t.Fatal(err)
	}
	network.Cut(b)
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Error("a connection to a host that was cut off still reads")
	}
	if _, err := network.Host(a).DialContext(t.Context(), "10.1.0.2:100"); err == nil {
		t.Error("a host that was cut off accepts")
	}
	other, err := network.Host(a).Listen(t.Context(), "10.1.0.1:100")
	if err != nil {
		t.Fatal(err)
	}
	echo(t, other)
	if _, err := network.Host(b).DialContext(t.Context(), "10.1.0.1:100"); err == nil {
		t.Error("a host that was cut off dials")
	}
	if _, err := own.Write([]byte("x")); err != nil {
		t.Errorf("a host that was cut off cannot talk to itself: %v", err)
	}
	own.Close()
	network.Restore(b)
	c, err = network.Host(a).DialContext(t.Context(), "10.1.0.2:100")
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}

type voidController struct {
	wire.UnimplementedEdgeControllerServer
}

func (voidController) AnnounceRouter(context.Context, *wire.RouterInfo) (*wire.Void, error) {
	return &wire.Void{}, nil
}

// TestGRPC sends real RPCs over the network: one connection serves them all.
func TestGRPC(t *testing.T) {
	network := memnet.New()
	s, err := wire.Serve(t.Context(), network.Host(b), "10.1.0.2:100", func(r grpc.ServiceRegistrar) {
		wire.RegisterEdgeControllerServer(r, voidController{})
	})
	if err != nil {
		t.Fatal(err)
	}
	cc, err := wire.Dial(network.Host(a), "10.1.0.2:100")
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		if _, err := wire.NewEdgeControllerClient(cc).AnnounceRouter(t.Context(), &wire.RouterInfo{}); err != nil {
			t.Fatal(err)
		}
	}
	if network.Conns() != 1 {
		t.Errorf("%d connections for 100 calls, want 1", network.Conns())
	}
	if err := cc.Close(); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if conns, listeners := network.Open(); conns != 0 || listeners != 0 {
		t.Errorf("%d connections and %d listeners left", conns, listeners)
	}
}
