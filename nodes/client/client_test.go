package client

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"edgebed/nodes/memnet"
	"edgebed/nodes/nodetest"
	"edgebed/nodes/units"
	"edgebed/nodes/wire"
	"edgebed/nodes/workflow"
)

const (
	routerAt   = "10.1.0.1:6473"
	callbackAt = "10.1.0.1:6480"
	stateAt    = "10.1.0.1:6481"
)

var host = netip.MustParseAddr("10.1.0.1")

// copyInput answers as a router with one computer behind it.
func copyInput(_ context.Context, in *wire.LambdaRequest) (*wire.LambdaResponse, error) {
	return &wire.LambdaResponse{
		Retcode: wire.RetOK, Output: in.GetInput(), States: in.GetStates(), Responder: "c:1",
		Hops: 2, Ptime: 10, Load1: 1, Load10: 2, Load30: 3,
	}, nil
}

// acknowledge answers an asynchronous request.
func acknowledge(context.Context, *wire.LambdaRequest) (*wire.LambdaResponse, error) {
	return &wire.LambdaResponse{Retcode: wire.RetOK, Asynchronous: true, Hops: 2}, nil
}

func setUp(t *testing.T, timeout time.Duration, run nodetest.Lambda) (*memnet.Network, *nodetest.Invoked, *Client) {
	t.Helper()
	network := memnet.New()
	nodetest.NoLeaks(t, network)
	r := nodetest.ServeLambda(t, network.Host(host), routerAt, run)
	c, err := New(t.Context(), Config{
		Net: network.Host(host), Router: routerAt, Callback: callbackAt, State: stateAt, Timeout: timeout,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for range 2 {
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	return network, r, c
}

// callBack sends a callback as a computer does.
func callBack(t *testing.T, network *memnet.Network, out *wire.LambdaResponse) {
	t.Helper()
	cc, err := wire.Dial(network.Host(netip.MustParseAddr("10.1.0.2")), callbackAt)
	if err != nil {
		t.Error(err)
		return
	}
	defer cc.Close()
	if _, err := wire.NewCallbackServerClient(cc).ReceiveResponse(context.Background(), out); err != nil {
		t.Error(err)
	}
}

// carry is an execution in the carry form with a small argument.
func carry(model workflow.Model) workflow.Run {
	return workflow.Run{Model: model, Form: workflow.Carry, Argument: 20}
}

func chain(functions ...string) *workflow.Workflow { return &workflow.Workflow{Functions: functions} }

func failure(t *testing.T, err error, stage Stage) *Failure {
	t.Helper()
	var f *Failure
	if !errors.As(err, &f) || f.Stage != stage {
		t.Fatalf("%v, want a *Failure in stage %s", err, stage)
	}
	return f
}

// TestVerify: a state that does not show exactly its users in order fails the
// execution and says so.
func TestVerify(t *testing.T) {
	for _, tt := range []struct {
		name, content, want string
	}{
		{"right", "AAAAA|0|2", ""},
		{"unknown to a node on the way", "AAAAA", "got none at all: a node on the way does not know verification"},
		{"missing user", "AAAAA|0", `got marks "|0"`},
		{"wrong order", "AAAAA|2|0", `got marks "|2|0"`},
		{"twice", "AAAAA|0|0|2", `got marks "|0|0|2"`},
		{"other content", "AABAA|0|2", "bytes that differ"},
		{"short", "AAA", "bytes that differ"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, _, c := setUp(t, time.Minute, func(context.Context, *wire.LambdaRequest) (*wire.LambdaResponse, error) {
				states := map[string]*wire.State{"s": {Content: []byte(tt.content)}}
				return &wire.LambdaResponse{Retcode: wire.RetOK, States: states}, nil
			})
			w := &workflow.Workflow{
				Functions:    []string{"f", "g", "f"},
				Dependencies: map[string][]string{"s": {"f"}},
				StateSizes:   map[string]units.Size{"s": 5},
			}
			_, err := c.Execute(t.Context(), w, carry(workflow.StateProp), Options{Verify: true})
			if tt.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			failure(t, err, StageVerify)
			if !strings.Contains(err.Error(), "state s: ") || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want it to contain %q", err, tt.want)
			}
		})
	}
}

func TestChecks(t *testing.T) {
	network, r, c := setUp(t, time.Minute, copyInput)
	cyclic := &workflow.Workflow{
		Functions:    []string{"a", "b"},
		Successors:   [][]int{{1}},
		Dependencies: map[string][]string{"s": {"a", "b"}},
		StateSizes:   map[string]units.Size{"s": 1},
		Order:        map[string][]int{"s": {1, 0}},
	}
	for _, tt := range []struct {
		name  string
		w     *workflow.Workflow
		model workflow.Model
		form  workflow.Form
	}{
		{"empty", &workflow.Workflow{}, workflow.PureFaaS, workflow.Carry},
		{"unknown model", chain("f"), "best", workflow.Carry},
		{"unknown form", chain("f"), workflow.StateProp, "teleport"},
		{"cycle", cyclic, workflow.PureFaaS, workflow.Carry},
	} {
		_, err := c.Execute(t.Context(), tt.w, workflow.Run{Model: tt.model, Form: tt.form, Argument: 20}, Options{})
		failure(t, err, StageCheck)
	}
	if len(r.Names()) != 0 || network.Conns() != 0 {
		t.Errorf("%d requests and %d connections for refused executions", len(r.Names()), network.Conns())
	}
}

// TestOneAtATime: a second execution is refused, and Close ends the first.
func TestOneAtATime(t *testing.T) {
	entered := make(chan struct{})
	_, _, c := setUp(t, time.Hour, func(ctx context.Context, in *wire.LambdaRequest) (*wire.LambdaResponse, error) {
		close(entered)
		return acknowledge(ctx, in)
	})
	done := make(chan error, 1)
	go func() {
		_, err := c.Execute(context.Background(), chain("f", "g"), carry(workflow.StateProp), Options{})
		done <- err
	}()
	<-entered
	_, err := c.Execute(t.Context(), chain("f"), carry(workflow.PureFaaS), Options{})
	failure(t, err, StageCheck)
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("the execution ended with %v, want it cancelled", err)
	}
	_, err = c.Execute(t.Context(), chain("f"), carry(workflow.PureFaaS), Options{})
	failure(t, err, StageCheck)
}

func TestNewRefuses(t *testing.T) {
	network := memnet.New()
	for _, cfg := range []Config{
		{Callback: "10.1.0.9:6480", State: stateAt},
		{Callback: callbackAt, State: callbackAt},
		{Callback: callbackAt, State: "nowhere"},
	} {
		cfg.Net, cfg.Router = network.Host(host), routerAt
		if c, err := New(t.Context(), cfg); err == nil {
			c.Close()
			t.Errorf("%+v: no error", cfg)
		}
		if conns, listeners := network.Open(); conns+listeners != 0 {
			t.Errorf("%+v: %d connections and %d listeners left", cfg, conns, listeners)
		}
	}
	if got := fmt.Sprint(&Failure{StageCall, errors.New("x")}); got != "execute workflow: call: x" {
		t.Errorf("failure prints %q", got)
	}
}
