package deploy_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"edgebed/nodes/client"
	"edgebed/nodes/deploy"
	"edgebed/nodes/memnet"
	"edgebed/nodes/nodetest"
	"edgebed/nodes/processor"
	"edgebed/nodes/units"
	"edgebed/nodes/wire"
	"edgebed/nodes/workflow"
)

// argument is the size of the argument in the worked examples.
const argument = 10 * units.KB

// noLeaks fails the test if goroutines are left at its end.
func noLeaks(t *testing.T) {
	t.Helper()
	nodetest.NoLeaks(t)
}

// spec is the prototype's computer with the given functions, each taking
// service for an argument of the worked examples' size.
func spec(service time.Duration, functions ...string) processor.Spec {
	const speed = 1e12
	s := processor.Spec{Processors: []processor.Processor{{
		Name: "cpu", Type: processor.GenericCPU, Speed: speed, Cores: 2, Memory: 512 * units.MiB,
	}}}
	for _, f := range functions {
		s.Containers = append(s.Containers, processor.Container{
			Name: f, Processor: "cpu", Workers: 2,
			Lambda: processor.Lambda{
				Name: f, Output: processor.CopyInput,
				OpCoeff: service.Seconds() * speed / float64(argument), MemCoeff: 100,
			},
		})
	}
	return s
}

func address(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 1, 0, byte(i)}) }

func name(i int) string { return address(i).String() }

// ring is the experiments' deployment: the client and the controller on host 1,
// and on each of the hosts 2 to n a computer with the function that is named
// by the host's address, in memory.
func ring(n int, service time.Duration) (*memnet.Network, deploy.Config) {
	network := memnet.New()
	cfg := deploy.Config{
		Client: name(1), Computers: make(map[string]deploy.Computer),
		CallTimeout: 20 * time.Second, Timeout: 20 * time.Second,
	}
	for i := 1; i <= n; i++ {
		cfg.Hosts = append(cfg.Hosts, deploy.Host{Name: name(i), Address: address(i), Net: network.Host(address(i))})
		if i > 1 {
			cfg.Computers[name(i)] = deploy.Computer{Spec: spec(service, name(i))}
		}
	}
	return network, cfg
}

func start(t testing.TB, cfg deploy.Config) *deploy.Deployment {
	t.Helper()
	d, err := deploy.Start(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// execute runs a workflow once on a fresh client, in the carry form.
func execute(d *deploy.Deployment, w *workflow.Workflow, m workflow.Model, opts client.Options) (client.Result, error) {
	return executeForm(d, w, m, workflow.Carry, opts)
}

func executeForm(d *deploy.Deployment, w *workflow.Workflow, m workflow.Model, f workflow.Form, opts client.Options) (client.Result, error) {
	c, err := d.NewClient(context.Background())
	if err != nil {
		return client.Result{}, err
	}
	result, err := c.Execute(context.Background(), w, workflow.Run{Model: m, Form: f, Argument: argument}, opts)
	return result, errors.Join(err, c.Close())
}

// workedChain is the chain of the sheet's worked example: f1, f2, f3 on three
// hosts, s0 used by f1 and f3, s1 by f2.
func workedChain() *workflow.Workflow {
	return &workflow.Workflow{
		Functions:    []string{name(2), name(3), name(4)},
		Dependencies: map[string][]string{"s0": {name(2), name(4)}, "s1": {name(3)}},
		StateSizes:   map[string]units.Size{"s0": 10 * units.KB, "s1": 20 * units.KB},
	}
}

// workedDiamond is the DAG of the sheet's worked example: f0 -> {f1, f2} -> f3,
// s0 used by f0 and f3, s1 by f1.
func workedDiamond() *workflow.Workflow {
	return &workflow.Workflow{
		Functions:    []string{name(2), name(3), name(4), name(5)},
		Successors:   [][]int{{1, 2}, {3}, {3}},
		Dependencies: map[string][]string{"s0": {name(2), name(5)}, "s1": {name(3)}},
		StateSizes:   map[string]units.Size{"s0": 10 * units.KB, "s1": 20 * units.KB},
	}
}

// between sums the payload of the messages that crossed from one host to
// another.
func between(messages []message) (bytes int) {
	for _, m := range messages {
		if m.from != m.to {
			bytes += m.payload()
		}
	}
	return bytes
}

// size is a message's size in protobuf, without the loads, which depend on
// when the test runs.
func size(m proto.Message) int {
	if r, ok := m.(*wire.LambdaResponse); ok {
		r = proto.Clone(r).(*wire.LambdaResponse)
		r.Load1, r.Load10, r.Load30 = 0, 0, 0
		m = r
	}
	return proto.Size(m)
}

// sizes returns the sizes of the messages of a method, sorted, that keep
// chooses.
func sizes(messages []message, method string, keep func(message) bool) []int {
	var out []int
	for _, m := range messages {
		if m.method == method && keep(m) {
			out = append(out, size(m.body))
		}
	}
	return out
}

// toComputer keeps requests that a router forwarded.
func toComputer(m message) bool {
	r, ok := m.body.(*wire.LambdaRequest)
	return ok && r.GetForward()
}

// TestWorkedExamples measures the sheet's worked chain and diamond: payload
// between hosts, connections, hops.
func TestWorkedExamples(t *testing.T) {
	noLeaks(t)
	network, cfg := ring(5, time.Millisecond)
	tap := newTap(t, network)
	d := start(t, cfg)
	if err := d.WarmUp(t.Context(), workflow.Carry); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name    string
		w       *workflow.Workflow
		model   workflow.Model
		payload int
		conns   int
		hops    int
	}{
		{"chain", workedChain(), workflow.PureFaaS, 140000, 1, 6},
		{"chain", workedChain(), workflow.StateProp, 160000, 2, 6},
		{"chain", workedChain(), workflow.StateLocal, 80000, 3 + 3, 6},
		{"diamond", workedDiamond(), workflow.PureFaaS, 160000, 1, 8},
		{"diamond", workedDiamond(), workflow.StateProp, 240000, 2, 6},
		{"diamond", workedDiamond(), workflow.StateLocal, 100000, 3 + 3, 6},
	} {
		t.Run(fmt.Sprintf("%s/%s", tt.name, tt.model), func(t *testing.T) {
			for run := range 3 {
				tap.take()
				conns := network.Conns()
				result, err := execute(d, tt.w, tt.model, client.Options{})
				if err != nil {
					t.Fatal(err)
				}
				// The last acknowledgements have no payload and may still be under way.
				if got := between(tap.take()); got != tt.payload {
					t.Errorf("run %d: payload between hosts is %d, want %d", run, got, tt.payload)
				}
				if got := network.Conns() - conns; got != tt.conns {
					t.Errorf("run %d: %d connections opened, want %d", run, got, tt.conns)
				}
				if result.Hops != tt.hops {
					t.Errorf("run %d: %d hops, want %d", run, result.Hops, tt.hops)
				}
				if result.Delay <= 0 || result.UUID == "" || len(result.Output) != int(argument) {
					t.Errorf("run %d: delay %v, uuid %q, output of %d bytes", run, result.Delay, result.UUID, len(result.Output))
				}
			}
		})
	}
	waitIdle(t, d)
}

// TestMessageSizes compares every message of the worked chain with the sizes
// that protoc gives for the prototype's messages.
func TestMessageSizes(t *testing.T) {
	network, cfg := ring(4, 10*time.Millisecond)
	tap := newTap(t, network)
	d := start(t, cfg)
	if err := d.WarmUp(t.Context(), workflow.Carry); err != nil {
		t.Fatal(err)
	}
	run := func(t *testing.T, model workflow.Model) []message {
		t.Helper()
		tap.take()
		if _, err := execute(d, workedChain(), model, client.Options{}); err != nil {
			t.Fatal(err)
		}
		waitIdle(t, d) // every acknowledgement has arrived
		return tap.take()
	}
	check := func(t *testing.T, what string, got []int, want ...int) {
		t.Helper()
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v bytes, want %v", what, got, want)
		}
	}
	result := func(m message) bool { _, ok := m.body.(*wire.LambdaResponse); return ok && m.request }

	t.Run("pure-faas", func(t *testing.T) {
		m := run(t, workflow.PureFaaS)
		check(t, "requests", sizes(m, "EdgeServer/RunLambda", toComputer), 20096, 30099, 20096)
		check(t, "responses", sizes(m, "EdgeServer/RunLambda", func(m message) bool {
			r, ok := m.body.(*wire.LambdaResponse)
			return ok && r.GetResponder() == ""
		}), 20024, 30027, 20024)
	})
	acks := func(m []message) []int {
		return sizes(m, "EdgeServer/RunLambda", func(m message) bool {
			r, ok := m.body.(*wire.LambdaResponse)
			return ok && r.GetAsynchronous() && r.GetResponder() == ""
		})
	}
	t.Run("state-prop", func(t *testing.T) {
		m := run(t, workflow.StateProp)
		check(t, "requests", sizes(m, "EdgeServer/RunLambda", toComputer), 40175, 40177, 40177)
		check(t, "callback", sizes(m, "CallbackServer/ReceiveResponse", result), 40054)
		check(t, "acks", acks(m), 8, 8, 8)
		var hops []uint32
		for _, m := range m {
			if toComputer(m) {
				hops = append(hops, m.body.(*wire.LambdaRequest).GetHops())
			}
		}
		if !slices.Equal(hops, []uint32{1, 3, 5}) {
			t.Errorf("hops %v, want 1, 3, 5", hops)
		}
	})
	t.Run("state-local", func(t *testing.T) {
		m := run(t, workflow.StateLocal)
		check(t, "requests", sizes(m, "EdgeServer/RunLambda", toComputer), 10192, 10195, 10196)
		check(t, "callback", sizes(m, "CallbackServer/ReceiveResponse", result), 10073)
		check(t, "acks", acks(m), 8, 8, 8)
		asked := func(m message) bool { return m.request }
		answered := func(m message) bool { return !m.request }
		check(t, "get requests", sizes(m, "StateServer/Get", asked), 4, 4, 4)
		check(t, "get responses", sizes(m, "StateServer/Get", answered), 10010, 20012, 10010)
		// Two at the client's own server, then each user's.
		check(t, "put requests", sizes(m, "StateServer/Put", asked), 10007, 20008, 10007, 20008, 10007)
		check(t, "put responses", sizes(m, "StateServer/Put", answered), 4, 4, 4, 4, 4)
		check(t, "del requests", sizes(m, "StateServer/Del", asked), 4, 4, 4)
		check(t, "del responses", sizes(m, "StateServer/Del", answered), 4, 4, 4)
	})
}

// fetches counts the state moves of a chain in state-local: the uses of a state
// by a host that does not hold it.
func fetches(w *workflow.Workflow) int {
	n := 0
	for _, s := range w.UsedStates() {
		owner := "" // the client
		for _, i := range w.Users(s) {
			if w.Functions[i] != owner {
				owner = w.Functions[i] // functions are named by their hosts
				n++
			}
		}
	}
	return n
}

// loopback is a deployment on addresses of the kernel's loopback device: the
// client on the first of three, computers on the others, and all states on the
// second.
func loopback() deploy.Config {
	cfg := deploy.Config{
		Client: "h1", Routers: []string{"h1", "h2"}, Computers: make(map[string]deploy.Computer),
		CallTimeout: 20 * time.Second, Timeout: 20 * time.Second,
	}
	for i := 1; i <= 3; i++ {
		h := fmt.Sprintf("h%d", i)
		// Addresses of this process only: tests run side by side.
		pid := os.Getpid()
		a := netip.AddrFrom4([4]byte{127, byte(100 + pid%100), byte(pid / 100), byte(i)})
		cfg.Hosts = append(cfg.Hosts, deploy.Host{Name: h, Address: a, Net: wire.TCP{}})
		if i > 1 {
			cfg.Computers[h] = deploy.Computer{Spec: spec(time.Millisecond, "f"+h, "g"+h), StateHost: "h2"}
		}
	}
	return cfg
}

// TestLoopback runs the deployment on the kernel's loopback device.
func TestLoopback(t *testing.T) {
	noLeaks(t)
	cfg := loopback()
	d := start(t, cfg)
	if err := d.WarmUp(t.Context(), workflow.Carry); err != nil {
		t.Fatal(err)
	}
	w := &workflow.Workflow{
		Functions:    []string{"fh2", "gh2", "fh3", "gh2"},
		Dependencies: map[string][]string{"s": {"gh2", "fh3"}, "u": nil},
		StateSizes:   map[string]units.Size{"s": 100 * units.KB, "u": 3},
	}
	for range 3 {
		for _, model := range workflow.Models {
			if _, err := execute(d, w, model, client.Options{Verify: true}); err != nil {
				t.Errorf("%s: %v", model, err)
			}
		}
	}
	if h, err := d.Placement("fh3"); err != nil || h != "h3" {
		t.Errorf("fh3 is placed on %q, %v", h, err)
	}
	if _, err := d.Placement("nobody"); err == nil {
		t.Error("an unknown function is placed")
	}
}

// TestWarmUp: afterwards executions open no lasting connection, and the warm-up
// leaves no state.
func TestWarmUp(t *testing.T) {
	network, cfg := ring(5, 0)
	d := start(t, cfg)
	if err := d.WarmUp(t.Context(), workflow.Carry); err != nil {
		t.Fatal(err)
	}
	for i := 2; i <= 5; i++ {
		if sizes := d.StateSizes(name(i)); sizes == nil || len(sizes) > 0 {
			t.Errorf("computer %d still holds %v", i, sizes)
		}
	}
	for i := 1; i <= 5; i++ {
		if got := d.Router(name(i)).Stats().Connections; got != 4 {
			t.Errorf("router %d has %d connections, want 4", i, got)
		}
	}
	waitIdle(t, d)
	open, _ := network.Open()
	for _, model := range workflow.Models {
		if _, err := execute(d, workedChain(), model, client.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	waitIdle(t, d)
	if now, _ := network.Open(); now != open {
		t.Errorf("%d connections open after executions, %d before", now, open)
	}
}

// TestCloseFreesEverything: no listener and no connection is left.
func TestCloseFreesEverything(t *testing.T) {
	noLeaks(t)
	network, cfg := ring(4, 0)
	d, err := deploy.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.NewClient(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
	if conns, listeners := network.Open(); conns != 0 || listeners != 0 {
		t.Errorf("%d connections and %d listeners left: %v", conns, listeners, network.Listening())
	}
}

func TestStartRefuses(t *testing.T) {
	noLeaks(t)
	for _, tt := range []struct {
		name   string
		change func(*deploy.Config)
		want   string
	}{
		{"unknown client", func(c *deploy.Config) { c.Client = "x" }, `client on unknown host "x"`},
		{"unknown controller", func(c *deploy.Config) { c.Controller = "x" }, `controller on unknown host "x"`},
		{"unknown router", func(c *deploy.Config) { c.Routers = []string{"x"} }, `router on unknown host "x"`},
		{"no router", func(c *deploy.Config) { c.Routers = []string{} }, "at least one host needs a router"},
		{"unknown computer", func(c *deploy.Config) { c.Computers["x"] = deploy.Computer{} }, `computer on unknown host "x"`},
		{"host twice", func(c *deploy.Config) { c.Hosts = append(c.Hosts, c.Hosts[0]) }, "stands twice"},
		{"host without network", func(c *deploy.Config) { c.Hosts[0].Net = nil }, "needs a network"},
		{"bad spec", func(c *deploy.Config) { c.Computers[name(2)] = deploy.Computer{} }, "processors"},
		{"state host without computer", func(c *deploy.Config) {
			c.Computers[name(2)] = deploy.Computer{Spec: spec(0, "f"), StateHost: name(1)}
		}, "has no computer with its own state server"},
		{"taken port", func(c *deploy.Config) {
			l, err := c.Hosts[2].Net.Listen(context.Background(), name(3)+":6473")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { l.Close() })
		}, "address already in use"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			network, cfg := ring(3, 0)
			tt.change(&cfg)
			d, err := deploy.Start(t.Context(), cfg)
			if err == nil {
				d.Close()
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %q, want it to contain %q", err, tt.want)
			}
			if conns, _ := network.Open(); conns != 0 {
				t.Errorf("%d connections left", conns)
			}
		})
	}
}
