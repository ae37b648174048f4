package wire_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"

	"edgebed/nodes/memnet"
	"edgebed/nodes/nodetest"
	"edgebed/nodes/wire"
)

const at = "10.1.0.1:6473"

// invoke makes one call of an endpoint.
func invoke(ctx context.Context, n wire.Net, endpoint string) error {
	cc, err := wire.Dial(n, endpoint)
	if err != nil {
		return err
	}
	defer cc.Close()
	_, err = wire.NewEdgeServerClient(cc).RunLambda(ctx, &wire.LambdaRequest{Name: "f"})
	return err
}

// waiting is a service whose calls end when they are cancelled.
type waiting struct {
	wire.UnimplementedEdgeServerServer
	begun, ended atomic.Int32
	first        chan bool
}

func (w *waiting) RunLambda(ctx context.Context, _ *wire.LambdaRequest) (*wire.LambdaResponse, error) {
	if w.begun.Add(1) == 1 {
		close(w.first)
	}
	<-ctx.Done()
	w.ended.Add(1)
	return nil, ctx.Err()
}

// TestClose: closing a server cancels the calls in progress and waits for their
// handlers; nothing is left, and its endpoint can be taken again.
func TestClose(t *testing.T) {
	network := memnet.New()
	nodetest.NoLeaks(t, network)
	host := network.Host(netip.MustParseAddr("10.1.0.1"))

	for range 2 {
		w := &waiting{first: make(chan bool)}
		register := func(s grpc.ServiceRegistrar) { wire.RegisterEdgeServerServer(s, w) }
		s, err := wire.Serve(t.Context(), host, at, register)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := wire.Serve(t.Context(), host, at, register); err == nil || !strings.Contains(err.Error(), "listen on "+at) {
			t.Errorf("an endpoint that is taken: %v", err)
		}

		answered := make(chan error, 1)
		go func() { answered <- invoke(t.Context(), host, at) }()
		<-w.first
		for range 2 {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			if w.ended.Load() != 1 {
				t.Error("Close returned before the handler did")
			}
		}
		if err := <-answered; err == nil {
			t.Error("the call in progress succeeded")
		}
	}
}

// TestListen: an endpoint without a server answers nobody, has the port that the
// listener chose, and is given up by Close.
func TestListen(t *testing.T) {
	nodetest.NoLeaks(t)
	s, err := wire.Listen(t.Context(), wire.TCP{}, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address, err := netip.ParseAddrPort(s.Endpoint())
	if err != nil || address.Port() == 0 {
		t.Errorf("the endpoint is %s, %v", s.Endpoint(), err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := invoke(t.Context(), wire.TCP{}, s.Endpoint()); err == nil {
		t.Error("a closed endpoint answers")
	}

	// From Serve on it answers.
	if s, err = wire.Listen(t.Context(), wire.TCP{}, s.Endpoint()); err != nil {
		t.Fatal(err)
	}
	w := &waiting{first: make(chan bool)}
	s.Serve(func(r grpc.ServiceRegistrar) { wire.RegisterEdgeServerServer(r, w) })
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-w.first; cancel() }()
	if err := invoke(ctx, wire.TCP{}, s.Endpoint()); err == nil || w.begun.Load() != 1 {
		t.Errorf("%d calls begun, %v; want one that is cancelled", w.begun.Load(), err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// broken is a listener whose accepting fails.
type broken struct{ net.Listener }

func (b broken) Accept() (net.Conn, error) { return nil, errors.New("no more descriptors") }

type brokenNet struct{ wire.TCP }

func (n brokenNet) Listen(ctx context.Context, address string) (net.Listener, error) {
	l, err := n.TCP.Listen(ctx, address)
	return broken{l}, err
}

// TestEnded: Close says why a server ended before it was closed, each time.
func TestEnded(t *testing.T) {
	nodetest.NoLeaks(t)
	s, err := wire.Serve(t.Context(), brokenNet{}, "127.0.0.1:0", func(grpc.ServiceRegistrar) {})
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(50 * time.Millisecond) // until it has tried: nothing says so
	for range 2 {
		if err := s.Close(); err == nil || !strings.Contains(err.Error(), "no more descriptors") {
			t.Errorf("got %v", err)
		}
	}
}
