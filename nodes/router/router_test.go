package router_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

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
