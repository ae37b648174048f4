package controller_test

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"

	"edgebed/nodes/controller"
	"edgebed/nodes/memnet"
	"edgebed/nodes/nodetest"
	"edgebed/nodes/wire"
)

const at = "10.1.0.1:6475"

var host = netip.MustParseAddr("10.1.0.1")

// fakeRouter records the configurations that it gets.
type fakeRouter struct {
	wire.UnimplementedEdgeRouterServer
	mu     sync.Mutex
	orders []string
	msg    string
	block  bool
}

func (r *fakeRouter) Configure(ctx context.Context, in *wire.EdgeRouterConf) (*wire.Return, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.block {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	r.orders = append(r.orders, fmt.Sprintf("%s %s %s %v %t",
		in.GetAction(), in.GetLambda(), in.GetDestination(), in.GetWeight(), in.GetFinal()))
	return &wire.Return{Msg: r.msg}, nil
}

func (r *fakeRouter) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	o := r.orders
	r.orders = nil
	return o
}

func serveRouter(t *testing.T, n wire.Net, endpoint string, r *fakeRouter) *wire.Server {
	t.Helper()
	return nodetest.Serve(t, n, endpoint, func(s grpc.ServiceRegistrar) { wire.RegisterEdgeRouterServer(s, r) })
}

func setUp(t *testing.T, timeout time.Duration) (*memnet.Network, *controller.Controller, wire.EdgeControllerClient) {
	t.Helper()
	network := memnet.New()
	c, err := controller.Start(t.Context(), controller.Config{Net: network.Host(host), Endpoint: at, CallTimeout: timeout})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	cc, err := wire.Dial(network.Host(host), at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cc.Close() })
	return network, c, wire.NewEdgeControllerClient(cc)
}

func info(endpoint string, functions ...string) *wire.ComputerInfo {
	in := &wire.ComputerInfo{EdgeServerEndpoint: endpoint}
	for _, f := range functions {
		in.Containers = append(in.Containers, &wire.Container{Name: "c" + f, Processor: "cpu", Lambda: f})
	}
	return in
}

// TestFlatInstaller follows the prototype: what each announcement makes the
// controller send to each router.
func TestFlatInstaller(t *testing.T) {
	network, c, client := setUp(t, 10*time.Second)
	r1, r2 := &fakeRouter{msg: "OK"}, &fakeRouter{msg: "Error: refused, which is ignored"}
	serveRouter(t, network.Host(host), "10.1.0.1:6474", r1)
	serveRouter(t, network.Host(host), "10.1.0.1:6484", r2)
	computer := func(in *wire.ComputerInfo) {
		t.Helper()
		if _, err := client.AnnounceComputer(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
	router := func(lambda, config string) {
		t.Helper()
		_, err := client.AnnounceRouter(t.Context(), &wire.RouterInfo{EdgeServerEndpoint: lambda, ForwardingTableEndpoint: config})
		if err != nil {
			t.Fatal(err)
		}
	}
	check := func(what string, want ...string) {
		t.Helper()
		for i, r := range []*fakeRouter{r1, r2} {
			if got := r.take(); !slices.Equal(got, want) {
				t.Errorf("%s: router %d got %q, want %q", what, i+1, got, want)
			}
		}
	}
	computer(info("a:1", "f", "g"))
	check("no router yet")
	router("10.1.0.1:6473", "10.1.0.1:6474")
	router("10.1.0.1:6483", "10.1.0.1:6484")
	check("routers", "CHANGE f a:1 1 true", "CHANGE g a:1 1 true")
	conns := network.Conns()
	computer(info("b:1", "g"))
	check("computer", "CHANGE g b:1 1 true")
	if got := network.Conns() - conns; got != 2 {
		t.Errorf("an announcement opened %d connections, want one per router", got)
	}
	computer(info("a:1", "g", "f"))
	check("same functions again")
	computer(info("a:1", "h"))
	check("other functions", "REMOVE f a:1 0 false", "REMOVE g a:1 0 false", "CHANGE h a:1 1 true")
	if _, err := client.RemoveComputer(t.Context(), info("a:1")); err != nil {
		t.Fatal(err)
	}
	check("removal", "REMOVE h a:1 0 false")
	if _, err := client.RemoveComputer(t.Context(), info("nobody:1")); err != nil {
		t.Fatal(err)
	}
	check("removal of an unknown computer")
	computer(info("a:1", "h"))
	check("back again", "CHANGE h a:1 1 true")
	got := c.Stats()
	if !slices.Equal(got.Computers, []string{"a:1", "b:1"}) || !slices.Equal(got.Routers, []string{"10.1.0.1:6473", "10.1.0.1:6483"}) {
		t.Errorf("stats %+v", got)
	}
}

// TestGenerations: what is late and speaks of an earlier start of a computer does
// nothing to the one that has come back. A message without a generation, such as a
// prototype node's, stands for any.
func TestGenerations(t *testing.T) {
	network, _, client := setUp(t, 10*time.Second)
	r := &fakeRouter{msg: "OK"}
	serveRouter(t, network.Host(host), "10.1.0.1:6474", r)
	if _, err := client.AnnounceRouter(t.Context(), &wire.RouterInfo{EdgeServerEndpoint: "r", ForwardingTableEndpoint: "10.1.0.1:6474"}); err != nil {
		t.Fatal(err)
	}
	const added, removed = "CHANGE f a:1 1 true", "REMOVE f a:1 0 false"
	for _, step := range []struct {
		remove     bool
		generation uint64
		want       []string
	}{
		{false, 10, []string{added}},
		{false, 10, nil},
		{false, 20, []string{added}}, // back, and nobody noticed that it was away
		{true, 10, nil},
		{false, 10, nil},
		{true, 20, []string{removed}},
		{true, 20, nil},
		{false, 30, []string{added}},
		{true, 0, []string{removed}},
		{false, 0, []string{added}},
		{true, 30, []string{removed}},
	} {
		in := info("a:1", "f")
		in.Generation = step.generation
		tell := client.AnnounceComputer
		if step.remove {
			tell = client.RemoveComputer
		}
		if _, err := tell(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		if got := r.take(); !slices.Equal(got, step.want) {
			t.Errorf("removal %t of generation %d: the router got %q, want %q", step.remove, step.generation, got, step.want)
		}
	}
}

// TestUnreachableRouterIsForgotten: the announcement of a computer goes on to
// the routers that work.
func TestUnreachableRouterIsForgotten(t *testing.T) {
	network, c, client := setUp(t, 10*time.Second)
	good := &fakeRouter{msg: "OK"}
	serveRouter(t, network.Host(host), "10.1.0.1:6474", good)
	gone := serveRouter(t, network.Host(host), "10.1.0.1:6484", &fakeRouter{msg: "OK"})
	for _, r := range []string{"64", "74"} {
		_, err := client.AnnounceRouter(t.Context(), &wire.RouterInfo{
			EdgeServerEndpoint: "r" + r, ForwardingTableEndpoint: map[string]string{"64": "10.1.0.1:6474", "74": "10.1.0.1:6484"}[r],
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := gone.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := client.AnnounceComputer(t.Context(), info("a:1", "f")); err != nil {
		t.Fatal(err)
	}
	if got := good.take(); len(got) != 1 {
		t.Errorf("the other router got %q", got)
	}
	if got := c.Stats().Routers; !slices.Equal(got, []string{"r64"}) {
		t.Errorf("routers %q, want only r64", got)
	}
	// One that cannot be configured when it announces itself is told so.
	_, err := client.AnnounceRouter(t.Context(), &wire.RouterInfo{EdgeServerEndpoint: "r74", ForwardingTableEndpoint: "10.1.0.1:6484"})
	if err == nil {
		t.Error("a router that cannot be configured was accepted")
	}
}

// TestCloseEndsInstallation: a router that does not answer holds up neither
// Close nor, with their own deadlines, other announcers.
func TestCloseEndsInstallation(t *testing.T) {
	network, c, client := setUp(t, time.Hour)
	stuck := &fakeRouter{block: true}
	serveRouter(t, network.Host(host), "10.1.0.1:6474", stuck)
	if _, err := client.AnnounceRouter(t.Context(), &wire.RouterInfo{EdgeServerEndpoint: "r", ForwardingTableEndpoint: "10.1.0.1:6474"}); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() { _, _ = client.AnnounceComputer(context.Background(), info("a:1", "f")) })
	for len(c.Stats().Computers) == 0 { // wait until it has its turn
		time.Sleep(time.Millisecond)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := client.AnnounceComputer(ctx, info("b:1", "f")); err == nil {
		t.Error("an announcement got past one that is stuck")
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	wg.Wait()
}

func TestStartRefuses(t *testing.T) {
	network := memnet.New()
	if _, err := controller.Start(t.Context(), controller.Config{Net: network.Host(host), Endpoint: "10.1.0.9:1"}); err == nil {
		t.Error("a controller started on an address that is not its host's")
	}
}
