package computer

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"edgebed/nodes/clock/clocktest"
	"edgebed/nodes/processor"
	"edgebed/nodes/statestore"
	"edgebed/nodes/units"
	"edgebed/nodes/wire"
)

// Addresses of the tests, as in the prototype's experiments.
const (
	clientCallback = "10.1.0.1:6480"
	clientStates   = "10.1.0.1:6481"
	controllerAddr = "10.1.0.1:6475"
	testUUID       = "01234567-89ab-cdef-0123-456789abcdef"
)

// config is host i's computer of the paper's experiments, for inputs of 10000
// bytes.
func config(n wire.Net, i int, functions ...string) Config {
	ip := fmt.Sprintf("10.1.0.%d", i)
	return Config{
		Net:           n,
		Endpoint:      ip + ":10000",
		StateEndpoint: ip + ":30000",
		Companion:     ip + ":6473",
		Spec:          paperSpec(10000, functions...),
		CallTimeout:   patience,
	}
}

// start runs a computer until the test ends, and gives a client of it. The
// test fails where the computer still holds something at the end.
func start(t testing.TB, cfg Config) (*Computer, wire.EdgeServerClient) {
	t.Helper()
	c, err := Start(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := wire.Dial(cfg.Net, c.Endpoint())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
		if !t.Failed() {
			eventually(t, "the computer is idle", func() bool {
				s := c.Stats()
				return s.Running == 0 && s.Queued == 0 && s.Joins == 0 && s.InFlight == 0
			})
		}
		if err := c.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return c, wire.NewEdgeServerClient(conn)
}

func call(t testing.TB, client wire.EdgeServerClient, req *wire.LambdaRequest) *wire.LambdaResponse {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	resp, err := client.RunLambda(ctx, req)
	if err != nil {
		t.Fatalf("RunLambda %s: %v", req.GetName(), err)
	}
	return resp
}

func text(n int) string { return strings.Repeat("A", n) }
func blob(n int) []byte { return bytes.Repeat([]byte("A"), n) }

func list(functions ...string) *wire.FunctionList { return &wire.FunctionList{Functions: functions} }

// chainRequest is the worked example of three functions on three hosts with
// s0 used by the first and the last, s1 by the second.
func chainRequest(remote bool) *wire.LambdaRequest {
	req := &wire.LambdaRequest{
		Name: "10.1.0.2", Input: text(10000), Hops: 1, Forward: true,
		States:   map[string]*wire.State{"s0": {Content: blob(10000)}, "s1": {Content: blob(20000)}},
		Callback: clientCallback,
		Chain:    []string{"10.1.0.2", "10.1.0.3", "10.1.0.4"},
		Dependencies: map[string]*wire.FunctionList{
			"s0": list("10.1.0.2", "10.1.0.4"), "s1": list("10.1.0.3"),
		},
		Uuid: testUUID,
	}
	if remote {
		req.States = map[string]*wire.State{"s0": {Location: clientStates}, "s1": {Location: clientStates}}
	}
	return req
}

// forwarded is what the next host's computer gets of a request that was sent
// to an e-router: two hops, one counted by each.
func forwarded(req *wire.LambdaRequest) *wire.LambdaRequest {
	out := proto.Clone(req).(*wire.LambdaRequest)
	out.Hops++
	out.Forward = true
	return out
}

func checkSize(t testing.TB, what string, m proto.Message, want int) {
	t.Helper()
	if got := proto.Size(m); got != want {
		t.Errorf("%s has %d bytes, want the prototype's %d", what, got, want)
	}
}

func TestController(t *testing.T) {
	n := newFabric()
	controller := startController(t, n, controllerAddr)
	cfg := config(n, 2, "f2", "f1")
	cfg.Controller = controllerAddr
	// When the computer is announced it listens already.
	var early error
	controller.onAnnounce = func() {
		conn, err := wire.Dial(n, cfg.Endpoint)
		if err != nil {
			early = err
			return
		}
		defer conn.Close()
		_, early = wire.NewEdgeServerClient(conn).RunLambda(context.Background(), &wire.LambdaRequest{Name: "f1", Dry: true})
	}
	c, err := Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if early != nil {
		t.Errorf("a call at the announcement: %v", early)
	}
	want := &wire.ComputerInfo{EdgeServerEndpoint: "10.1.0.2:10000", Containers: []*wire.Container{
		{Name: "container-f1", Processor: "cpu", Lambda: "f1"}, {Name: "container-f2", Processor: "cpu", Lambda: "f2"},
	}}
	got := receive(t, controller.announced, "announcement")
	want.Generation = got.GetGeneration()
	if !proto.Equal(got, want) || want.Generation == 0 {
		t.Errorf("announced %v, want %v and a generation", got, want)
	}
	for range 2 {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	gone := &wire.ComputerInfo{EdgeServerEndpoint: "10.1.0.2:10000", Generation: want.Generation}
	if got := receive(t, controller.removed, "removal"); !proto.Equal(got, gone) {
		t.Errorf("removed %v, want %v", got, gone)
	}
	if len(controller.removed) != 0 {
		t.Error("removed twice")
	}
}

func TestStartErrors(t *testing.T) {
	n := newFabric()
	startController(t, n, controllerAddr).refuse = true
	startCallback(t, n, "10.1.0.9:1")
	for _, test := range []struct {
		name string
		edit func(*Config)
		want string
	}{
		{"no endpoint", func(c *Config) { c.Endpoint = "" }, "no endpoint given"},
		{"specification", func(c *Config) { c.Spec = processor.Spec{} }, "processors: none given"},
		{"companion of a synchronous computer", func(c *Config) { c.AsyncWorkers = -1 }, "companion given to a synchronous computer"},
		{"remote state server", func(c *Config) { c.StateEndpoint, c.RemoteStateServer = "", true }, "no state endpoint given"},
		{"call timeout", func(c *Config) { c.CallTimeout = -1 }, "call timeout is -1ns"},
		{"endpoint in use", func(c *Config) { c.Endpoint = "10.1.0.9:1" }, "listen on 10.1.0.9:1"},
		{"state endpoint in use", func(c *Config) { c.StateEndpoint = "10.1.0.9:1" }, "start state server: listen on 10.1.0.9:1"},
		{"utilisation endpoint in use", func(c *Config) { c.UtilEndpoint = "10.1.0.9:1" }, "serve utilisation: listen on 10.1.0.9:1"},
		{"controller refuses", func(c *Config) { c.Controller = controllerAddr }, "announce to controller " + controllerAddr},
		{"controller unreachable", func(c *Config) { c.Controller = "10.1.0.8:1" }, "announce to controller 10.1.0.8:1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg := config(n, 2, "f")
			test.edit(&cfg)
			c, err := Start(t.Context(), cfg)
			if err == nil {
				c.Close()
				t.Fatal("no error")
			}
			if !strings.HasPrefix(err.Error(), "start computer") || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %q does not say %q", err, test.want)
			}
			// Nothing is left: the addresses are free again.
			for _, address := range []string{"10.1.0.2:10000", "10.1.0.2:30000"} {
				lis, err := n.Listen(t.Context(), address)
				if err != nil {
					t.Errorf("after the failed start: %v", err)
					continue
				}
				lis.Close()
			}
		})
	}
}

func TestStreamUtil(t *testing.T) {
	n := newFabric()
	cfg := config(n, 2, "f")
	cfg.UtilEndpoint = "10.1.0.2:20000"
	// A call takes far longer than the test: half of the cores are busy.
	cfg.Spec.Containers[0].Lambda.OpOffset = 1e16
	cfg.Spec.Processors = append(cfg.Spec.Processors, processor.Processor{Name: "gpu", Type: processor.GenericGPU, Speed: 1, Cores: 1, Memory: units.KB})
	c, client := start(t, cfg)
	conn, err := wire.Dial(n, cfg.UtilEndpoint)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithCancel(t.Context())
	stream, err := wire.NewEdgeComputerClient(conn).StreamUtil(ctx, &wire.Void{})
	if err != nil {
		t.Fatal(err)
	}
	calling, hangUp := context.WithCancel(t.Context())
	go client.RunLambda(calling, &wire.LambdaRequest{Name: "f"})
	eventually(t, "the task runs", func() bool { return c.Stats().Running == 1 })
	var last *wire.Utilization
	for range 3 {
		if last, err = stream.Recv(); err != nil {
			t.Fatal(err)
		}
	}
	if got := last.GetValues(); len(got) != 2 || got["gpu"] != 0 || got["cpu"] < 0.49 || got["cpu"] > 0.51 {
		t.Errorf("utilisation %v, want half of cpu and nothing of gpu", got)
	}
	resp := call(t, client, &wire.LambdaRequest{Name: "f", Dry: true})
	if resp.GetLoad1() != 50 || resp.GetLoad10() == 0 || resp.GetLoad10() > 50 {
		t.Errorf("loads %d/%d/%d, want the last of 50", resp.GetLoad1(), resp.GetLoad10(), resp.GetLoad30())
	}
	cancel()
	hangUp()
	if err := c.Close(); err != nil { // the task would not end
		t.Error(err)
	}
}

// Close ends what is under way, and leaves no goroutine (TestMain looks at
// those of all tests; here is no test cleanup that could hide one).
func TestClose(t *testing.T) {
	n := newFabric()
	clock := &clocktest.Clock{}
	cfg := config(n, 2, "f", "f3")
	cfg.Clock, cfg.UtilEndpoint = clock, "10.1.0.2:20000"
	c, err := Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := wire.Dial(n, c.Endpoint())
	if err != nil {
		t.Fatal(err)
	}
	client := wire.NewEdgeServerClient(conn)
	for range 8 { // more than there are workers
		call(t, client, &wire.LambdaRequest{Name: "f", Input: text(10000), Callback: clientCallback, Uuid: testUUID})
	}
	call(t, client, diamond(3)) // an incomplete join
	var wg sync.WaitGroup
	wg.Go(func() {
		if resp, err := client.RunLambda(context.Background(), &wire.LambdaRequest{Name: "f", Input: text(10000)}); err == nil && resp.GetRetcode() == wire.RetOK {
			t.Errorf("a call that was cut off answered %v", resp)
		}
	})
	eventually(t, "everything is stuck", func() bool {
		s := c.Stats()
		return s.InFlight == 8 && s.Running == 2 && s.Queued == 4 && s.Joins == 1
	})
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	wg.Wait()
	conn.Close()
	s := c.Stats()
	if s.Running != 0 || s.Queued != 0 || s.InFlight != 0 {
		t.Errorf("after Close: %+v", s)
	}
	if s.Failed != 9 {
		t.Errorf("%d failures, want the 9 requests that were cut off", s.Failed)
	}
	if left := leaked(10 * time.Second); left != "" {
		t.Errorf("goroutines left after Close:\n%s", left)
	}
	for _, address := range []string{cfg.Endpoint, cfg.StateEndpoint, cfg.UtilEndpoint} {
		if lis, err := n.Listen(t.Context(), address); err != nil {
			t.Error(err)
		} else {
			lis.Close()
		}
	}
}

// On real addresses with port 0 the listener chooses, and the identity is what
// it chose.
func TestRealAddresses(t *testing.T) {
	c, client := start(t, Config{Net: wire.TCP{}, Endpoint: "127.0.0.5:0", StateEndpoint: "127.0.0.5:0", Spec: paperSpec(10000, "f")})
	other, _ := start(t, Config{Net: wire.TCP{}, Endpoint: "127.0.0.6:0", StateEndpoint: "127.0.0.6:0", Spec: paperSpec(10000, "f")})
	if c.Endpoint() == other.Endpoint() || strings.HasSuffix(c.Endpoint(), ":0") {
		t.Errorf("endpoints %s and %s", c.Endpoint(), other.Endpoint())
	}
	from := other.StateServer().Endpoint()
	peer, err := statestore.Dial(wire.TCP{}, from)
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	if err := peer.Put(t.Context(), "s", []byte("x")); err != nil {
		t.Fatal(err)
	}
	resp := call(t, client, &wire.LambdaRequest{Name: "f", Input: text(10000),
		States: map[string]*wire.State{"s": {Location: from}}, Dependencies: map[string]*wire.FunctionList{"s": list("f")}})
	if got := resp.GetStates()["s"].GetLocation(); got != c.StateServer().Endpoint() {
		t.Errorf("state is at %s, want %s", got, c.StateServer().Endpoint())
	}
	if other.StateServer().Len() != 0 || c.StateServer().Len() != 1 {
		t.Error("the state did not move")
	}
}

// BenchmarkRunLambda tells by how much a synchronous call of a function of
// 10 ms takes longer than that.
func BenchmarkRunLambda(b *testing.B) {
	_, client := start(b, config(newFabric(), 2, "f"))
	var extra []time.Duration
	for b.Loop() {
		begin := time.Now()
		if _, err := client.RunLambda(b.Context(), &wire.LambdaRequest{Name: "f", Input: text(10000)}); err != nil {
			b.Fatal(err)
		}
		extra = append(extra, time.Since(begin)-10*time.Millisecond)
	}
	slices.Sort(extra)
	b.ReportMetric(float64(extra[len(extra)/2])/1e3, "p50-extra-us")
	b.ReportMetric(float64(extra[len(extra)*9/10])/1e3, "p90-extra-us")
}
