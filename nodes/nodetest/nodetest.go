// Package nodetest helps tests of the nodes: servers that stand for other nodes,
// and a check that nothing is left when a test ends.
package nodetest

import (
	"context"
	"os"
	"runtime"
	"runtime/pprof"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"

	"edgebed/nodes/memnet"
	"edgebed/nodes/wire"
)

// patience is how long what a test has closed may take to end.
const patience = 5 * time.Second

// NoLeaks fails the test if at its end more goroutines run than now, or if one
// of the networks still has connections or listeners.
func NoLeaks(t testing.TB, networks ...*memnet.Network) {
	t.Helper()
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		// There is no event to wait for when a goroutine ends.
		deadline := time.Now().Add(patience)
		for runtime.NumGoroutine() > before && time.Now().Before(deadline) {
			time.Sleep(5 * time.Millisecond)
		}
		if n := runtime.NumGoroutine(); n > before {
			t.Errorf("%d goroutines left, %d before", n, before)
			_ = pprof.Lookup("goroutine").WriteTo(os.Stderr, 1)
		}

		for _, network := range networks {
			if conns, listeners := network.Open(); conns != 0 || listeners != 0 {
				t.Errorf("%d connections and %d listeners left", conns, listeners)
			}
		}
	})
}

// Serve serves on an endpoint of n until the test ends, or until the server is
// closed.
func Serve(
	t testing.TB, n wire.Net, endpoint string, register func(grpc.ServiceRegistrar), opts ...grpc.ServerOption,
) *wire.Server {
	t.Helper()
	s, err := wire.Serve(context.Background(), n, endpoint, register, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// Lambda answers an invocation.
type Lambda func(context.Context, *wire.LambdaRequest) (*wire.LambdaResponse, error)

// Invoked stands for a router or a computer: it keeps the invocations that it
// gets, and answers as its Lambda says.
type Invoked struct {
	wire.UnimplementedEdgeServerServer
	// Run answers. It must not change while a call is under way.
	Run Lambda

	mu       sync.Mutex
	requests []*wire.LambdaRequest
}

// ServeLambda serves invocations on an endpoint of n until the test ends.
func ServeLambda(t testing.TB, n wire.Net, endpoint string, run Lambda) *Invoked {
	t.Helper()
	i := &Invoked{Run: run}
	Serve(t, n, endpoint, func(s grpc.ServiceRegistrar) { wire.RegisterEdgeServerServer(s, i) })
	return i
}

// RunLambda implements the EdgeServer service.
func (i *Invoked) RunLambda(ctx context.Context, in *wire.LambdaRequest) (*wire.LambdaResponse, error) {
	i.mu.Lock()
	i.requests = append(i.requests, in)
	i.mu.Unlock()
	return i.Run(ctx, in)
}

// Requests returns the invocations so far.
func (i *Invoked) Requests() []*wire.LambdaRequest {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Clone(i.requests)
}

// Take returns the invocations so far, and forgets them.
func (i *Invoked) Take() []*wire.LambdaRequest {
	i.mu.Lock()
	defer i.mu.Unlock()
	taken := i.requests
	i.requests = nil
	return taken
}

// Names returns the names of the functions that were invoked so far.
func (i *Invoked) Names() []string {
	var names []string
	for _, in := range i.Requests() {
		names = append(names, in.GetName())
	}
	return names
}
