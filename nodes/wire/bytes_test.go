package wire_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"

	"edgebed/nodes/memnet"
	"edgebed/nodes/wire"
)

// counted is a Net that counts the bytes of the connections that it dials.
type counted struct {
	wire.Net

	mu             sync.Mutex
	sent, received int
}

func (c *counted) DialContext(ctx context.Context, address string) (net.Conn, error) {
	conn, err := c.Net.DialContext(ctx, address)
	return &countedConn{conn, c}, err
}

func (c *counted) totals() (sent, received int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sent, c.received
}

type countedConn struct {
	net.Conn
	by *counted
}

func (c *countedConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.by.mu.Lock()
	defer c.by.mu.Unlock()
	c.by.sent += n
	return n, err
}

func (c *countedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.by.mu.Lock()
	defer c.by.mu.Unlock()
	c.by.received += n
	return n, err
}

// idle answers every call with nothing.
type idle struct {
	wire.UnimplementedEdgeServerServer
}

func (idle) RunLambda(context.Context, *wire.LambdaRequest) (*wire.LambdaResponse, error) {
	return &wire.LambdaResponse{}, nil
}

// TestFirstCallIsPadded: the first call of a connection takes what gRPC C++ sends
// with it (230 B and 128 B more than grpc-go), later ones a few bytes.
func TestFirstCallIsPadded(t *testing.T) {
	host := memnet.New().Host(netip.MustParseAddr("10.1.0.1"))
	s, err := wire.Serve(t.Context(), host, at, func(r grpc.ServiceRegistrar) { wire.RegisterEdgeServerServer(r, idle{}) })
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()

	c := &counted{Net: host}
	cc, err := wire.Dial(c, at)
	if err != nil {
		t.Fatal(err)
	}
	defer cc.Close()
	var sent, received [3]int // by call
	for i := range sent {
		before, beforeBack := c.totals()
		if _, err := wire.NewEdgeServerClient(cc).RunLambda(t.Context(), &wire.LambdaRequest{Name: "f"}); err != nil {
			t.Fatal(err)
		}
		after, afterBack := c.totals()
		sent[i], received[i] = after-before, afterBack-beforeBack
	}

	// Frames, prefaces and the other headers of a first call are some 150 and 100 B.
	if extra := sent[0] - sent[2]; extra < 230+50 || extra > 230+200 {
		t.Errorf("a client's first call sends %d B more than its third, want 230 and some 100", extra)
	}
	if extra := received[0] - received[2]; extra < 128+20 || extra > 128+150 {
		t.Errorf("the first answer takes %d B more than the third, want 128 and some 60", extra)
	}
	if sent[2] > 80 || received[2] > 80 {
		t.Errorf("a later call takes %d and %d B: its headers are not compressed", sent[2], received[2])
	}
}

// TestSameBytes: a message with maps is the same bytes each time it is sent.
func TestSameBytes(t *testing.T) {
	message := func() []byte {
		m := &wire.LambdaRequest{States: map[string]*wire.State{}, Dependencies: map[string]*wire.FunctionList{}}
		for i := range 20 {
			m.States[fmt.Sprint("s", i)] = &wire.State{Location: fmt.Sprint(i)}
			m.Dependencies[fmt.Sprint("s", i)] = &wire.FunctionList{Functions: []string{"f"}}
		}
		data, err := encoding.GetCodecV2("proto").Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return data.Materialize()
	}
	first := message()
	for range 20 {
		if !bytes.Equal(first, message()) {
			t.Fatal("the bytes differ")
		}
	}
}
