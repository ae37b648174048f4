package computer

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"edgebed/nodes/wire"
)

// Whatever fails on the asynchronous path is told to the callback.
func TestFailureReachesClient(t *testing.T) {
	for _, test := range []struct {
		name  string
		setup func(t *testing.T, n *fabric, cfg *Config)
		req   *wire.LambdaRequest
		want  []string
	}{
		{"unknown function", nil,
			&wire.LambdaRequest{Name: "g"},
			[]string{"run g (index 0) at computer 10.1.0.2:10000", "no container for function g"}},
		{"memory", nil,
			&wire.LambdaRequest{Name: "f", Input: text(6 << 20)},
			[]string{"bytes of memory"}},
		{"lost state",
			func(t *testing.T, n *fabric, _ *Config) { startStates(t, n, clientStates, nil) },
			&wire.LambdaRequest{Name: "f", States: map[string]*wire.State{"s0": {Location: clientStates}},
				Dependencies: map[string]*wire.FunctionList{"s0": list("f")}},
			[]string{"move state s0 from " + clientStates, "could not find state: s0"}},
		{"state server unreachable", nil,
			&wire.LambdaRequest{Name: "f", States: map[string]*wire.State{"s0": {Location: "10.1.0.7:30000"}},
				Dependencies: map[string]*wire.FunctionList{"s0": list("f")}},
			[]string{"move state s0 from 10.1.0.7:30000", "refused"}},
		{"no state server",
			func(_ *testing.T, _ *fabric, cfg *Config) { cfg.StateEndpoint = "" },
			&wire.LambdaRequest{Name: "f", States: map[string]*wire.State{"s0": {Location: clientStates}}},
			[]string{"remote state s0", "no state server"}},
		{"no companion",
			func(_ *testing.T, _ *fabric, cfg *Config) { cfg.Companion = "" },
			&wire.LambdaRequest{Name: "f", Chain: []string{"f", "f"}},
			[]string{"no companion e-router"}},
		{"companion unreachable", nil,
			&wire.LambdaRequest{Name: "f", Chain: []string{"f", "g"}},
			[]string{"invoke g (index 1)", "companion 10.1.0.2:6473", "refused"}},
		{"refused by the router",
			func(t *testing.T, n *fabric, _ *Config) {
				startRouter(t, n, "10.1.0.2:6473").answer = func(*wire.LambdaRequest) (*wire.LambdaResponse, error) {
					return &wire.LambdaResponse{Retcode: "No destinations found for the entry"}, nil
				}
			},
			&wire.LambdaRequest{Name: "f", Chain: []string{"f", "g"}},
			[]string{"invoke g (index 1)", "No destinations found for the entry"}},
		{"answered in place of acknowledged",
			func(t *testing.T, n *fabric, _ *Config) {
				startRouter(t, n, "10.1.0.2:6473").answer = func(*wire.LambdaRequest) (*wire.LambdaResponse, error) {
					return &wire.LambdaResponse{Retcode: wire.RetOK}, nil
				}
			},
			&wire.LambdaRequest{Name: "f", Chain: []string{"f", "g"}},
			[]string{"want an acknowledgement"}},
		{"router never answers",
			func(t *testing.T, n *fabric, cfg *Config) {
				cfg.CallTimeout = 100 * time.Millisecond
				hang := make(chan bool)
				startRouter(t, n, "10.1.0.2:6473").answer = func(*wire.LambdaRequest) (*wire.LambdaResponse, error) {
					<-hang
					return nil, status.Error(codes.Aborted, "the test ends")
				}
				t.Cleanup(func() { close(hang) })
			},
			&wire.LambdaRequest{Name: "f", Chain: []string{"f", "g"}},
			[]string{"invoke g (index 1)", "DeadlineExceeded"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			n := newFabric()
			callback := startCallback(t, n, clientCallback)
			cfg := config(n, 2, "f")
			if test.setup != nil {
				test.setup(t, n, &cfg)
			}
			c, client := start(t, cfg)
			test.req.Callback, test.req.Uuid, test.req.Hops = clientCallback, testUUID, 1
			if ack := call(t, client, test.req); ack.GetRetcode() != wire.RetOK || !ack.GetAsynchronous() {
				t.Fatalf("answered %v", ack)
			}
			resp := receive(t, callback.got, "failure")
			if resp.GetRetcode() == wire.RetOK || resp.GetUuid() != testUUID || resp.GetHops() != 2 ||
				resp.GetResponder() != "10.1.0.2:10000" || resp.GetOutput() != "" || len(resp.GetStates()) != 0 {
				t.Errorf("callback got %v", resp)
			}
			for _, want := range test.want {
				if !strings.Contains(resp.GetRetcode(), want) {
					t.Errorf("retcode %q does not say %q", resp.GetRetcode(), want)
				}
			}
			eventually(t, "the failure is counted", func() bool { return c.Stats().InFlight == 0 })
			if s := c.Stats(); s.Failed != 1 || s.Failures[0] != (FailedRequest{testUUID, "f", resp.GetRetcode(), true}) && test.req.GetName() == "f" {
				t.Errorf("failures %+v", s.Failures)
			}
		})
	}
}

// Where the callback cannot be reached either, the failure is counted.
func TestCallbackUnreachable(t *testing.T) {
	n := newFabric()
	c, client := start(t, config(n, 2, "f"))
	call(t, client, &wire.LambdaRequest{Name: "f", Callback: clientCallback, Uuid: testUUID})
	eventually(t, "the failure is counted", func() bool { return c.Stats().Failed == 1 })
	f := c.Stats().Failures[0]
	if f.Told || f.UUID != testUUID || !strings.Contains(f.Reason, "answer to callback "+clientCallback) {
		t.Errorf("failure %+v", f)
	}
	// The computer works on.
	callback := startCallback(t, n, clientCallback)
	call(t, client, &wire.LambdaRequest{Name: "f", Callback: clientCallback})
	if resp := receive(t, callback.got, "result"); resp.GetRetcode() != wire.RetOK {
		t.Errorf("result %v", resp)
	}
}

// At a join every arrival is acknowledged, the last one is run, and executions
// and indices are told apart.
func TestJoin(t *testing.T) {
	n := newFabric()
	callback := startCallback(t, n, clientCallback)
	c, client := start(t, config(n, 2, "f3"))
	arrival := func(uuid, input string, hops uint32) *wire.LambdaRequest {
		req := diamond(3)
		req.Uuid, req.Input, req.Hops = uuid, input, hops
		req.States = map[string]*wire.State{"s": {Content: []byte(input)}}
		return req
	}
	const executions = 5
	for i := range executions {
		ack := call(t, client, arrival(fmt.Sprint(i), "first", 3))
		if !ack.GetAsynchronous() || ack.GetRetcode() != wire.RetOK || ack.GetHops() != 4 {
			t.Errorf("first arrival answered %v", ack)
		}
		if got := c.Stats().Joins; got != i+1 {
			t.Errorf("%d joins wait, want %d", got, i+1)
		}
	}
	if s := c.Stats(); s.InFlight != 0 || s.Running != 0 {
		t.Errorf("%+v before any join is complete", s)
	}
	for i := range executions {
		call(t, client, arrival(fmt.Sprint(i), "last", 5))
		resp := receive(t, callback.got, "result")
		if resp.GetOutput() != "last" || string(resp.GetStates()["s"].GetContent()) != "last" || resp.GetHops() != 6 {
			t.Errorf("result %v, want what the last arrival brought", resp)
		}
		if got := c.Stats().Joins; got != executions-i-1 {
			t.Errorf("%d joins wait, want %d", got, executions-i-1)
		}
	}
	// The same execution may come again: nothing of the join is left.
	call(t, client, arrival("0", "first", 3))
	if got := c.Stats().Joins; got != 1 {
		t.Errorf("%d joins wait, want 1", got)
	}
	call(t, client, arrival("0", "last", 3))
	receive(t, callback.got, "result")
}

func TestPredecessors(t *testing.T) {
	for index, want := range []int{0, 1, 1, 2} {
		if got := predecessors(diamond(uint32(index))); got != want {
			t.Errorf("function %d has %d predecessors, want %d", index, got, want)
		}
	}
	if got := predecessors(&wire.LambdaRequest{Chain: []string{"f", "f"}, NextFunctionIndex: 1}); got != 0 {
		t.Errorf("a chain's function has %d predecessors, want 0", got)
	}
}

// A join that stays incomplete expires, and the client is told.
func TestJoinExpires(t *testing.T) {
	n := newFabric()
	callback := startCallback(t, n, clientCallback)
	cfg := config(n, 2, "f3")
	cfg.CallTimeout = 100 * time.Millisecond
	c, client := start(t, cfg)
	req := diamond(3)
	req.Hops = 5
	call(t, client, req)
	if got := c.Stats().Joins; got != 1 {
		t.Errorf("%d joins wait, want 1", got)
	}
	resp := receive(t, callback.got, "failure")
	if resp.GetUuid() != testUUID || resp.GetHops() != 6 || resp.GetResponder() != "10.1.0.2:10000" ||
		!strings.Contains(resp.GetRetcode(), "run f3 (index 3) at computer 10.1.0.2:10000: join: 1 of 2 predecessors arrived") {
		t.Errorf("failure %v", resp)
	}
	eventually(t, "the failure is counted", func() bool { return c.Stats().Failed == 1 })
	if s := c.Stats(); s.Joins != 0 || !s.Failures[0].Told || s.Failures[0].UUID != testUUID {
		t.Errorf("%+v", s)
	}
}
