package router_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"edgebed/nodes/controller"
	"edgebed/nodes/memnet"
	"edgebed/nodes/nodetest"
	"edgebed/nodes/router"
	"edgebed/nodes/wire"
)

const (
	lambda     = "10.1.0.1:6473"
	config     = "10.1.0.1:6474"
	controlled = "10.1.0.1:6475"
)

var routerHost = netip.MustParseAddr("10.1.0.1")

func answer(retcode string) nodetest.Lambda {
	return func(_ context.Context, in *wire.LambdaRequest) (*wire.LambdaResponse, error) {
		return &wire.LambdaResponse{Retcode: retcode, Output: in.GetInput(), Hops: in.GetHops() + 1}, nil
	}
}

// bed is a router with fake computers on hosts 10.1.0.2 and up.
type bed struct {
	t       *testing.T
	network *memnet.Network
	r       *router.Router
	conf    wire.EdgeRouterClient
	client  wire.EdgeServerClient
}

// setUp starts a router and dials it; at the end nothing must be left.
func setUp(t *testing.T, cfg router.Config) *bed {
	t.Helper()
	network := memnet.New()
	nodetest.NoLeaks(t, network)
	b := &bed{t: t, network: network}
	cfg.Net, cfg.Endpoint, cfg.ConfigEndpoint = network.Host(routerHost), lambda, config
	if cfg.Controller != "" {
		c, err := controller.Start(t.Context(), controller.Config{Net: cfg.Net, Endpoint: cfg.Controller})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
	}
	r, err := router.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	b.r = r
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if s := r.Stats(); s.Handling+s.Waiting+s.Pending != 0 {
			t.Errorf("after Close: %+v", s)
		}
	})
	for _, endpoint := range []string{lambda, config} {
		cc, err := wire.Dial(network.Host(routerHost), endpoint)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { cc.Close() })
		if endpoint == lambda {
			b.client = wire.NewEdgeServerClient(cc)
		} else {
			b.conf = wire.NewEdgeRouterClient(cc)
		}
	}
	return b
}

// computer serves a fake computer on host 10.1.0.i and returns its endpoint.
func (b *bed) computer(i int, run nodetest.Lambda) string {
	b.t.Helper()
	addr := netip.AddrFrom4([4]byte{10, 1, 0, byte(i)})
	endpoint := netip.AddrPortFrom(addr, wire.PortComputer).String()
	nodetest.ServeLambda(b.t, b.network.Host(addr), endpoint, run)
	return endpoint
}

func (b *bed) change(function, destination string, final bool) {
	b.t.Helper()
	ret, err := b.conf.Configure(b.t.Context(), &wire.EdgeRouterConf{
		Action: wire.EdgeRouterConf_CHANGE, Lambda: function, Destination: destination, Weight: 1, Final: final,
	})
	if err != nil || ret.GetMsg() != wire.RetOK {
		b.t.Fatalf("configure: %v, %v", ret, err)
	}
}

func (b *bed) run(in *wire.LambdaRequest) *wire.LambdaResponse {
	b.t.Helper()
	out, err := b.client.RunLambda(b.t.Context(), in)
	if err != nil {
		b.t.Fatal(err)
	}
	return out
}

// TestForwarding: what the router changes in a request, and that it changes
// nothing else, not even fields that it does not know.
func TestForwarding(t *testing.T) {
	b := setUp(t, router.Config{})
	got := make(chan *wire.LambdaRequest, 1)
	dest := b.computer(2, func(ctx context.Context, in *wire.LambdaRequest) (*wire.LambdaResponse, error) {
		got <- in
		return answer(wire.RetOK)(ctx, in)
	})
	b.change("f", dest, true)
	full := func() *wire.LambdaRequest {
		return &wire.LambdaRequest{
			Name: "f", Input: "in", Datain: []byte("data"), Hops: 7, Callback: "c:1", Uuid: "u", NextFunctionIndex: 1,
			States:       map[string]*wire.State{"s": {Content: []byte("x")}, "l": {Location: "p:1"}},
			Chain:        []string{"e", "f"},
			Dependencies: map[string]*wire.FunctionList{"s": {Functions: []string{"f"}}, "free": {}},
			Direct:       &wire.Direct{Hosts: []*wire.Binding{{Endpoint: "d:1"}}, Sender: -1},
			Verify:       &wire.Verify{Index: 3},
		}
	}
	unknown := protowire.AppendString(protowire.AppendTag(nil, 150, protowire.BytesType), "from the future")
	for _, tt := range []struct {
		name   string
		change func(in, want *wire.LambdaRequest)
	}{
		{"chain", func(in, want *wire.LambdaRequest) {}},
		{"dry and forwarded already", func(in, want *wire.LambdaRequest) { in.Dry, in.Forward = true, true }},
		{"dag", func(in, want *wire.LambdaRequest) {
			in.Chain, want.Chain = nil, nil
			in.Dag = &wire.Dag{Names: []string{"e", "f"}, Successors: []*wire.IndexList{{Functions: []uint64{1}}}}
			want.Dag = in.Dag
		}},
		{"dag of one function", func(in, want *wire.LambdaRequest) {
			in.Chain, want.Chain = nil, nil
			in.Dag = &wire.Dag{Names: []string{"f"}}
			want.Dependencies = nil
		}},
		{"unknown field", func(in, want *wire.LambdaRequest) {
			in.ProtoReflect().SetUnknown(unknown)
			want.ProtoReflect().SetUnknown(unknown)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in, want := full(), full()
			want.Hops, want.Forward = 8, true
			tt.change(in, want)
			out := b.run(in)
			if req := <-got; !proto.Equal(req, want) {
				t.Errorf("forwarded %v, want %v", req, want)
			}
			if out.GetResponder() != dest || out.GetHops() != 9 || out.GetOutput() != "in" {
				t.Errorf("answer %v: want the destination as responder, 9 hops and the output", out)
			}
		})
	}
	if got := b.network.Conns(); got != 3 {
		t.Errorf("%d connections, want the test's 2 and one to the computer for all calls", got)
	}
}

// TestTables: forwarded requests use the final table only.
func TestTables(t *testing.T) {
	b := setUp(t, router.Config{Policy: router.LeastImpedance})
	another := b.computer(2, answer(wire.RetOK))
	b.change("f", another, false)
	if out := b.run(&wire.LambdaRequest{Name: "f"}); out.GetRetcode() != wire.RetOK {
		t.Errorf("overall table: %q", out.GetRetcode())
	}
	if out := b.run(&wire.LambdaRequest{Name: "f", Forward: true}); out.GetRetcode() != router.RetNoDestination {
		t.Errorf("final table without final destinations: %q", out.GetRetcode())
	}
	// As the prototype's, the router's own answer counts no hops.
	if out := b.run(&wire.LambdaRequest{Name: "f", Hops: 255}); out.GetRetcode() != router.RetLoop || out.GetHops() != 0 {
		t.Errorf("255 hops: %v", out)
	}
	if out := b.run(&wire.LambdaRequest{Name: "f", Hops: 254}); out.GetRetcode() != wire.RetOK {
		t.Errorf("254 hops: %q", out.GetRetcode())
	}
	b.change("g", another, true)
	n, err := b.conf.GetNumTables(t.Context(), &wire.Void{})
	if err != nil || n.GetValue() != 2 {
		t.Errorf("number of tables %v, %v", n, err)
	}
	for id, want := range []string{"[f false g true]", "[g true]", "[]"} { // there is no third table
		table, err := b.conf.GetTable(t.Context(), &wire.TableId{Value: uint32(id)})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range table.GetEntries() {
			if e.GetDestination() != another || e.GetWeight() <= 0 {
				t.Errorf("entry %v", e)
			}
			got = append(got, fmt.Sprint(e.GetLambda(), " ", e.GetFinal()))
		}
		if fmt.Sprint(got) != want {
			t.Errorf("table %d: %v, want %s", id, got, want)
		}
	}
	for _, bad := range []*wire.EdgeRouterConf{
		{Action: wire.EdgeRouterConf_CHANGE, Lambda: "f", Destination: another},
		{Action: wire.EdgeRouterConf_CHANGE, Lambda: "f", Weight: 1},
		{Action: 17},
	} {
		ret, err := b.conf.Configure(t.Context(), bad)
		if err != nil || !strings.HasPrefix(ret.GetMsg(), "Error: ") {
			t.Errorf("%v: %v, %v, want an error text", bad, ret, err)
		}
	}
	for _, order := range []*wire.EdgeRouterConf{
		{Action: wire.EdgeRouterConf_REMOVE, Lambda: "f", Destination: another},
		{Action: wire.EdgeRouterConf_FLUSH},
	} {
		if ret, err := b.conf.Configure(t.Context(), order); err != nil || ret.GetMsg() != wire.RetOK {
			t.Errorf("%v: %v, %v", order, ret, err)
		}
	}
	if len(b.r.Table(router.TableOverall))+len(b.r.Table(router.TableFinal)) != 0 {
		t.Error("tables are not empty after a flush")
	}
}

// TestFailover: a destination that fails is taken out of both tables, the
// controller takes the whole computer out, and the request tries the next one.
func TestFailover(t *testing.T) {
	for _, tt := range []struct {
		name string
		fail func(context.Context, *wire.LambdaRequest) (*wire.LambdaResponse, error)
	}{
		{"RPC", func(context.Context, *wire.LambdaRequest) (*wire.LambdaResponse, error) {
			return nil, errors.New("boom")
		}},
		{"retcode", answer("out of memory")},
		{"timeout", nil}, // set below
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := router.Config{Controller: controlled, CallTimeout: 20 * time.Second}
			if tt.name == "timeout" {
				cfg.CallTimeout = 300 * time.Millisecond
				tt.fail = func(ctx context.Context, _ *wire.LambdaRequest) (*wire.LambdaResponse, error) {
					<-ctx.Done()
					return nil, ctx.Err()
				}
			}
			b := setUp(t, cfg)
			cc, err := wire.Dial(b.network.Host(routerHost), controlled)
			if err != nil {
				t.Fatal(err)
			}
			defer cc.Close()
			announce := func(endpoint string) {
				t.Helper()
				_, err := wire.NewEdgeControllerClient(cc).AnnounceComputer(t.Context(), &wire.ComputerInfo{
					EdgeServerEndpoint: endpoint, Containers: []*wire.Container{{Lambda: "f"}, {Lambda: "g"}},
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			bad := b.computer(2, tt.fail)
			announce(bad)
			if tt.name != "timeout" { // which leaves no time for a second one
				good := b.computer(3, answer(wire.RetOK))
				announce(good)
				for range 3 {
					if out := b.run(&wire.LambdaRequest{Name: "f"}); out.GetRetcode() != wire.RetOK || out.GetResponder() != good {
						t.Errorf("answer %v, want one from %s", out, good)
					}
				}
			} else if out := b.run(&wire.LambdaRequest{Name: "f"}); out.GetRetcode() == wire.RetOK {
				t.Error("a destination that does not answer answered")
			}
			// The controller removes g too.
			deadline := time.Now().Add(10 * time.Second)
			gone := func(e router.Entry) bool { return e.Destination == bad }
			for slices.ContainsFunc(b.r.Table(router.TableOverall), gone) || slices.ContainsFunc(b.r.Table(router.TableFinal), gone) {
				if time.Now().After(deadline) {
					t.Fatalf("tables still have %s: %v", bad, b.r.Table(router.TableOverall))
				}
				time.Sleep(time.Millisecond)
			}
			announce(bad)
			if !slices.ContainsFunc(b.r.Table(router.TableFinal), gone) {
				t.Error("a computer that announces itself again is not in the table")
			}
		})
	}
}

// TestNoDestination: the answer says why the last destination failed.
func TestNoDestination(t *testing.T) {
	b := setUp(t, router.Config{CallTimeout: 20 * time.Second})
	b.change("f", b.computer(2, answer("out of memory")), true)
	for i, want := range []string{router.RetNoDestination + ": ", router.RetNoDestination} {
		got := b.run(&wire.LambdaRequest{Name: "f"}).GetRetcode()
		if !strings.HasPrefix(got, want) || strings.Contains(got, "out of memory") != (i == 0) {
			t.Errorf("request %d: %q", i, got)
		}
	}
}

// TestKeepOnRetcode: the answer is passed on and the destination stays.
func TestKeepOnRetcode(t *testing.T) {
	b := setUp(t, router.Config{KeepOnRetcode: true})
	b.change("f", b.computer(2, answer("out of memory")), true)
	for range 2 {
		if got := b.run(&wire.LambdaRequest{Name: "f"}).GetRetcode(); got != "out of memory" {
			t.Errorf("answer %q, want the destination's", got)
		}
	}
}

// TestMessageIsNotFailure: a status that speaks of the message is the answer, and
// the destination stays; where the router does as the prototype does, it goes.
func TestMessageIsNotFailure(t *testing.T) {
	for _, keep := range []bool{true, false} {
		for _, code := range []codes.Code{codes.ResourceExhausted, codes.InvalidArgument, codes.OutOfRange} {
			b := setUp(t, router.Config{KeepOnRetcode: keep})
			b.change("f", b.computer(2, func(context.Context, *wire.LambdaRequest) (*wire.LambdaResponse, error) {
				return nil, status.Error(code, "message larger than max")
			}), true)
			if got := b.run(&wire.LambdaRequest{Name: "f"}).GetRetcode(); !strings.Contains(got, "message larger than max") {
				t.Errorf("%s, kept %t: answer %q, want the reason", code, keep, got)
			}
			if got := len(b.r.Table(router.TableFinal)); (got == 1) != keep {
				t.Errorf("%s, kept %t: %d destinations", code, keep, got)
			}
		}
	}
}

// TestComesBack: a call that was made before a computer came back, and fails after,
// does not take it out again, in this router or by way of the controller; nor does
// the removal that an earlier failure is late to report.
func TestComesBack(t *testing.T) {
	b := setUp(t, router.Config{Controller: controlled, CallTimeout: 20 * time.Second})
	cc, err := wire.Dial(b.network.Host(routerHost), controlled)
	if err != nil {
		t.Fatal(err)
	}
	defer cc.Close()
	control := wire.NewEdgeControllerClient(cc)
	begun, lost := make(chan struct{}), make(chan struct{})
	var calls atomic.Int64
	dest := b.computer(2, func(ctx context.Context, in *wire.LambdaRequest) (*wire.LambdaResponse, error) {
		if calls.Add(1) == 1 {
			close(begun)
			<-lost
			return nil, status.Error(codes.Unavailable, "connection reset")
		}
		return answer(wire.RetOK)(ctx, in)
	})
	start := func(generation uint64) {
		t.Helper()
		if _, err := control.AnnounceComputer(t.Context(), &wire.ComputerInfo{
			EdgeServerEndpoint: dest, Containers: []*wire.Container{{Lambda: "f"}}, Generation: generation,
		}); err != nil {
			t.Fatal(err)
		}
	}
	start(1)
	out := make(chan *wire.LambdaResponse, 1)
	go func() {
		r, _ := b.client.RunLambda(t.Context(), &wire.LambdaRequest{Name: "f"})
		out <- r
	}()
	<-begun
	start(2)
	close(lost)
	if r := <-out; r.GetRetcode() != wire.RetOK || calls.Load() != 2 {
		t.Errorf("answer %v after %d calls, want that of the computer that is back", r, calls.Load())
	}
	if _, err := control.RemoveComputer(t.Context(), &wire.ComputerInfo{EdgeServerEndpoint: dest, Generation: 1}); err != nil {
		t.Fatal(err)
	}
	table := b.r.Table(router.TableFinal)
	if len(table) != 1 || table[0].Generation != 2 {
		t.Errorf("table %+v, want the computer's second start", table)
	}
	if got := b.run(&wire.LambdaRequest{Name: "f"}).GetRetcode(); got != wire.RetOK {
		t.Errorf("the next call: %q", got)
	}
	if _, err := control.RemoveComputer(t.Context(), &wire.ComputerInfo{EdgeServerEndpoint: dest, Generation: 2}); err != nil {
		t.Fatal(err)
	}
	if table := b.r.Table(router.TableFinal); len(table) != 0 {
		t.Errorf("table %+v after the removal of the second start", table)
	}
}

// TestReconnect: a computer that vanished is called as soon as it is announced
// again, whatever gRPC's back-off says.
func TestReconnect(t *testing.T) {
	b := setUp(t, router.Config{CallTimeout: 20 * time.Second})
	addr := netip.MustParseAddr("10.1.0.2")
	dest := b.computer(2, answer(wire.RetOK))
	b.change("f", dest, true)
	b.run(&wire.LambdaRequest{Name: "f"})
	b.network.Cut(addr)
	for range 3 { // each attempt lengthens the back-off
		b.change("f", dest, true)
		if got := b.run(&wire.LambdaRequest{Name: "f"}).GetRetcode(); got == wire.RetOK {
			t.Fatal("a host that was cut off answered")
		}
	}
	b.network.Restore(addr)
	b.change("f", dest, true)
	if got := b.run(&wire.LambdaRequest{Name: "f"}).GetRetcode(); got != wire.RetOK {
		t.Errorf("after the restart: %q", got)
	}
}

// TestLimits: at most MaxPending calls are in flight per destination and at
// most Handlers in all; those beyond wait, give up with their callers, and cost
// no slot.
func TestLimits(t *testing.T) {
	for _, tt := range []struct {
		name                 string
		handlers, pending    int
		wantFlight, wantWait int
	}{
		{"handlers", 3, 10, 3, 5},
		{"pending", 10, 3, 3, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := setUp(t, router.Config{Handlers: tt.handlers, MaxPending: tt.pending, CallTimeout: time.Minute})
			release := make(chan struct{})
			var mu sync.Mutex
			now, most := 0, 0
			b.change("f", b.computer(2, func(ctx context.Context, in *wire.LambdaRequest) (*wire.LambdaResponse, error) {
				mu.Lock()
				now++
				most = max(most, now)
				mu.Unlock()
				defer func() {
					mu.Lock()
					now--
					mu.Unlock()
				}()
				select {
				case <-release:
				case <-ctx.Done():
				}
				return answer(wire.RetOK)(ctx, in)
			}), true)
			const requests = 8
			// First they all give up, and leave no slot taken.
			ctx, cancel := context.WithCancel(t.Context())
			errs := make(chan error, requests)
			for range requests {
				go func() {
					_, err := b.client.RunLambda(ctx, &wire.LambdaRequest{Name: "f"})
					errs <- err
				}()
			}
			waitFor(t, func() bool {
				s := b.r.Stats()
				return s.Pending == tt.wantFlight && s.Waiting == tt.wantWait && s.Handling == requests-tt.wantWait
			})
			cancel()
			for range requests {
				if err := <-errs; err == nil {
					t.Error("a cancelled call succeeded")
				}
			}
			waitFor(t, func() bool { s := b.r.Stats(); return s.Pending+s.Waiting+s.Handling == 0 })
			// A slot is free before its cancelled handler has ended: start anew.
			waitFor(t, func() bool {
				mu.Lock()
				defer mu.Unlock()
				most = 0
				return now == 0
			})
			if len(b.r.Table(router.TableFinal)) != 1 {
				t.Fatal("callers that gave up cost the destination")
			}
			// Then they all succeed.
			close(release)
			for range requests {
				go func() {
					_, err := b.client.RunLambda(t.Context(), &wire.LambdaRequest{Name: "f"})
					errs <- err
				}()
			}
			for range requests {
				if err := <-errs; err != nil {
					t.Error(err)
				}
			}
			mu.Lock()
			defer mu.Unlock()
			if most > tt.wantFlight {
				t.Errorf("%d calls in flight, want at most %d", most, tt.wantFlight)
			}
		})
	}
}

// TestBusyIsNotFailure: a request that finds no slot within its time is
// refused, and the destination stays.
func TestBusyIsNotFailure(t *testing.T) {
	b := setUp(t, router.Config{MaxPending: 1, CallTimeout: 200 * time.Millisecond})
	entered := make(chan struct{}, 10)
	b.change("f", b.computer(2, func(ctx context.Context, in *wire.LambdaRequest) (*wire.LambdaResponse, error) {
		entered <- struct{}{}
		<-ctx.Done()
		return nil, ctx.Err()
	}), true)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	first := make(chan error, 1)
	go func() {
		_, err := b.client.RunLambda(ctx, &wire.LambdaRequest{Name: "f"})
		first <- err
	}()
	<-entered
	out := make(chan *wire.LambdaResponse, 1)
	go func() {
		r, _ := b.client.RunLambda(t.Context(), &wire.LambdaRequest{Name: "f"})
		out <- r
	}()
	waitFor(t, func() bool { return b.r.Stats().Handling == 2 })
	cancel() // before its time is out, so that its destination did not fail either
	<-first
	if r := <-out; r.GetRetcode() == wire.RetOK {
		t.Errorf("answer %v from a destination that never answers", r)
	}
}

// TestCallersDeadline: where the caller's own deadline passes, the destination
// is not to blame, even if it notices before the router does.
func TestCallersDeadline(t *testing.T) {
	b := setUp(t, router.Config{CallTimeout: time.Minute})
	b.change("f", b.computer(2, func(context.Context, *wire.LambdaRequest) (*wire.LambdaResponse, error) {
		return nil, status.FromContextError(context.DeadlineExceeded).Err()
	}), true)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if _, err := b.client.RunLambda(ctx, &wire.LambdaRequest{Name: "f"}); status.Code(err) != codes.DeadlineExceeded {
		t.Errorf("%v, want the deadline", err)
	}
	if len(b.r.Table(router.TableFinal)) != 1 {
		t.Error("the destination was taken out for its caller's deadline")
	}
	b.run(&wire.LambdaRequest{Name: "f"}) // without a deadline it is to blame
	if len(b.r.Table(router.TableFinal)) != 0 {
		t.Error("the destination that failed is still there")
	}
}

// TestConnect opens all connections beforehand.
func TestConnect(t *testing.T) {
	b := setUp(t, router.Config{})
	b.change("f", b.computer(2, answer(wire.RetOK)), true)
	b.change("g", b.computer(3, answer(wire.RetOK)), true)
	if err := b.r.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	conns := b.network.Conns()
	b.run(&wire.LambdaRequest{Name: "f"})
	b.run(&wire.LambdaRequest{Name: "g"})
	if opened := b.network.Conns() - conns; opened != 1 { // the test's own to the router
		t.Errorf("%d connections opened after Connect, want 1", opened)
	}
	b.change("h", "10.1.0.9:10000", true)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := b.r.Connect(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "10.1.0.9") {
		t.Errorf("connect to nobody: %v", err)
	}
}

func TestStartRefuses(t *testing.T) {
	network := memnet.New()
	for _, cfg := range []router.Config{
		{Policy: "best"},
		{Optimizer: "magic"},
		{Alpha: 1.5},
		{MaxPending: -1},
		{Controller: "10.1.0.7:6475", CallTimeout: time.Second},
	} {
		cfg.Net, cfg.Endpoint = network.Host(routerHost), lambda
		if r, err := router.Start(t.Context(), cfg); err == nil {
			r.Close()
			t.Errorf("%+v: no error", cfg)
		}
		if conns, listeners := network.Open(); conns+listeners != 0 {
			t.Errorf("%+v: %d connections and %d listeners left", cfg, conns, listeners)
		}
	}
}

func waitFor(t *testing.T, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatal("condition not met in time")
		}
		time.Sleep(time.Millisecond)
	}
}
