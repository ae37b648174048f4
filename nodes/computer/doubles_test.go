package computer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"edgebed/nodes/nodetest"
	"edgebed/nodes/processor"
	"edgebed/nodes/units"
	"edgebed/nodes/wire"
)

// fabric is a wire.Net in which nodes have the prototype's addresses, such as
// 10.1.0.2:10000, over real sockets of the loopback device. It counts the
// connections that every address has accepted.
type fabric struct {
	mu       sync.Mutex
	real     map[string]string
	accepted map[string]int
}

func newFabric() *fabric {
	return &fabric{real: make(map[string]string), accepted: make(map[string]int)}
}

func (f *fabric) Listen(ctx context.Context, address string) (net.Listener, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.real[address] != "" {
		return nil, fmt.Errorf("address %s is in use", address)
	}
	lis, err := wire.TCP{}.Listen(ctx, "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	f.real[address] = lis.Addr().String()
	return &countingListener{lis, f, address}, nil
}

func (f *fabric) DialContext(ctx context.Context, address string) (net.Conn, error) {
	f.mu.Lock()
	real := f.real[address]
	f.mu.Unlock()
	if real == "" {
		return nil, fmt.Errorf("connection to %s refused", address)
	}
	return wire.TCP{}.DialContext(ctx, real)
}

// connections returns how many connections the address has accepted.
func (f *fabric) connections(address string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.accepted[address]
}

type countingListener struct {
	net.Listener
	fabric  *fabric
	address string
}

func (l *countingListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err == nil {
		l.fabric.mu.Lock()
		l.fabric.accepted[l.address]++
		l.fabric.mu.Unlock()
	}
	return conn, err
}

func (l *countingListener) Close() error {
	l.fabric.mu.Lock()
	delete(l.fabric.real, l.address)
	l.fabric.mu.Unlock()
	return l.Listener.Close()
}

// routerDouble stands for the companion e-router. It keeps what it gets.
type routerDouble struct {
	wire.UnimplementedEdgeServerServer

	mu       sync.Mutex
	requests []*wire.LambdaRequest
	got      chan *wire.LambdaRequest
	// answer, if set, makes the response; otherwise all is acknowledged.
	answer func(*wire.LambdaRequest) (*wire.LambdaResponse, error)
}

func startRouter(t testing.TB, n wire.Net, address string) *routerDouble {
	r := &routerDouble{got: make(chan *wire.LambdaRequest, 100)}
	nodetest.Serve(t, n, address, func(s grpc.ServiceRegistrar) { wire.RegisterEdgeServerServer(s, r) })
	return r
}

func (r *routerDouble) RunLambda(_ context.Context, req *wire.LambdaRequest) (*wire.LambdaResponse, error) {
	r.mu.Lock()
	r.requests = append(r.requests, req)
	r.mu.Unlock()
	defer func() { r.got <- req }()
	if r.answer != nil {
		return r.answer(req)
	}
	return &wire.LambdaResponse{Retcode: wire.RetOK, Asynchronous: true, Hops: req.GetHops() + 1}, nil
}

// names returns the functions that were invoked, in order.
func (r *routerDouble) names() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []string
	for _, req := range r.requests {
		out = append(out, req.GetName())
	}
	return out
}

// callbackDouble stands for the client's callback server.
type callbackDouble struct {
	wire.UnimplementedCallbackServerServer
	got chan *wire.LambdaResponse
}

func startCallback(t testing.TB, n wire.Net, address string) *callbackDouble {
	c := &callbackDouble{got: make(chan *wire.LambdaResponse, 100)}
	nodetest.Serve(t, n, address, func(s grpc.ServiceRegistrar) { wire.RegisterCallbackServerServer(s, c) })
	return c
}

func (c *callbackDouble) ReceiveResponse(_ context.Context, resp *wire.LambdaResponse) (*wire.Void, error) {
	c.got <- resp
	return &wire.Void{}, nil
}

// controllerDouble stands for the controller.
type controllerDouble struct {
	wire.UnimplementedEdgeControllerServer
	announced, removed chan *wire.ComputerInfo
	// refuse makes AnnounceComputer fail.
	refuse bool
	// onAnnounce, if set, is called before the announcement is answered.
	onAnnounce func()
}

func startController(t testing.TB, n wire.Net, address string) *controllerDouble {
	c := &controllerDouble{announced: make(chan *wire.ComputerInfo, 10), removed: make(chan *wire.ComputerInfo, 10)}
	nodetest.Serve(t, n, address, func(s grpc.ServiceRegistrar) { wire.RegisterEdgeControllerServer(s, c) })
	return c
}

func (c *controllerDouble) AnnounceComputer(_ context.Context, info *wire.ComputerInfo) (*wire.Void, error) {
	if c.refuse {
		return nil, errors.New("no")
	}
	if c.onAnnounce != nil {
		c.onAnnounce()
	}
	c.announced <- info
	return &wire.Void{}, nil
}

func (c *controllerDouble) RemoveComputer(_ context.Context, info *wire.ComputerInfo) (*wire.Void, error) {
	c.removed <- info
	return &wire.Void{}, nil
}

// stateDouble stands for a state server. It logs the calls and their sizes.
type stateDouble struct {
	wire.UnimplementedStateServerServer

	mu       sync.Mutex
	contents map[string][]byte
	calls    []string
	busy     int // calls under way
	overlaps int // calls that began while another was under way
	// hold, if set, keeps each call waiting until it is closed.
	hold chan struct{}
}

func startStates(t testing.TB, n wire.Net, address string, contents map[string][]byte) *stateDouble {
	s := &stateDouble{contents: contents}
	nodetest.Serve(t, n, address, func(r grpc.ServiceRegistrar) { wire.RegisterStateServerServer(r, s) })
	return s
}

func (s *stateDouble) call(verb string, in *wire.State, do func() *wire.StateResponse) (*wire.StateResponse, error) {
	s.mu.Lock()
	s.busy++
	if s.busy > 1 {
		s.overlaps++
	}
	s.mu.Unlock()
	if s.hold != nil {
		<-s.hold
	}
	time.Sleep(2 * time.Millisecond) // so that calls in parallel would overlap
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy--
	out := do()
	s.calls = append(s.calls, fmt.Sprintf("%s %s %d %d", verb, in.GetName(), proto.Size(in), proto.Size(out)))
	return out, nil
}

func (s *stateDouble) Get(_ context.Context, in *wire.State) (*wire.StateResponse, error) {
	return s.call("get", in, func() *wire.StateResponse {
		content, ok := s.contents[in.GetName()]
		if !ok {
			return &wire.StateResponse{Retcode: "could not find state: " + in.GetName()}
		}
		return &wire.StateResponse{Retcode: wire.RetOK, State: &wire.State{Content: content}}
	})
}

func (s *stateDouble) Put(_ context.Context, in *wire.State) (*wire.StateResponse, error) {
	return s.call("put", in, func() *wire.StateResponse {
		s.contents[in.GetName()] = in.GetContent()
		return &wire.StateResponse{Retcode: wire.RetOK}
	})
}

func (s *stateDouble) Del(_ context.Context, in *wire.State) (*wire.StateResponse, error) {
	return s.call("del", in, func() *wire.StateResponse {
		delete(s.contents, in.GetName())
		return &wire.StateResponse{Retcode: wire.RetOK}
	})
}

func (s *stateDouble) log() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// patience is how long tests wait for what must come.
const patience = time.Minute

// receive waits for a value; the test fails where none comes.
func receive[T any](t testing.TB, ch <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		t.Fatalf("no %s came", what)
		panic("unreachable")
	}
}

// eventually waits until a condition holds; the test fails where it does not.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never happened: %s", what)
		}
	}
}

// TestMain fails the run where the tests leave goroutines behind.
func TestMain(m *testing.M) {
	code := m.Run()
	if left := leaked(5 * time.Second); code == 0 && left != "" {
		fmt.Fprintf(os.Stderr, "goroutines left after the tests:\n%s\n", left)
		code = 1
	}
	os.Exit(code)
}

// leaked returns the stacks of goroutines of nodes and of gRPC that do not end
// in the given time.
func leaked(patience time.Duration) string {
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		buf := make([]byte, 1<<20)
		stacks := strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n")
		stacks = slices.DeleteFunc(stacks, func(s string) bool {
			return strings.Contains(s, "computer.leaked") || strings.Contains(s, "testing.(*T).Run") ||
				!strings.Contains(s, "edgebed/nodes/") && !strings.Contains(s, "google.golang.org/grpc")
		})
		if len(stacks) == 0 || time.Now().After(end) {
			return strings.Join(stacks, "\n\n")
		}
	}
}

// paperSpec is a computer of the paper's experiments with the given functions:
// 2 cores of 1e12 ops/s, 512 MiB, two workers per function, 10 ms per call
// with an input of a bytes.
func paperSpec(a int, functions ...string) processor.Spec {
	s := processor.Spec{Processors: []processor.Processor{{
		Name: "cpu", Type: processor.GenericCPU, Speed: 1e12, Cores: 2, Memory: 512 * units.MiB,
	}}}
	for _, f := range functions {
		s.Containers = append(s.Containers, processor.Container{
			Name: "container-" + f, Processor: "cpu", Workers: 2,
			Lambda: processor.Lambda{Name: f, Output: processor.CopyInput, OpCoeff: 0.01 * 1e12 / float64(a), MemCoeff: 100},
		})
	}
	return s
}
