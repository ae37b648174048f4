package client

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"edgebed/nodes/memnet"
	"edgebed/nodes/nodetest"
	"edgebed/nodes/units"
	"edgebed/nodes/wire"
	"edgebed/nodes/workflow"
)

// TestAsync: the result is the callback's, or the answer itself where a router
// answers without the asynchronous flag.
func TestAsync(t *testing.T) {
	network, r, c := setUp(t, time.Minute, nil)
	var calls sync.WaitGroup
	r.Run = func(ctx context.Context, in *wire.LambdaRequest) (*wire.LambdaResponse, error) {
		calls.Go(func() {
			callBack(t, network, &wire.LambdaResponse{Retcode: wire.RetOK, Uuid: "another execution's"})
			callBack(t, network, &wire.LambdaResponse{
				Retcode: wire.RetOK, Output: "out", Responder: "c:2", Hops: 4,
				States: map[string]*wire.State{"s": {Location: "c:3"}},
			})
			callBack(t, network, &wire.LambdaResponse{Retcode: wire.RetOK, Output: "late"})
		})
		return acknowledge(ctx, in)
	}
	w := &workflow.Workflow{
		Functions:    []string{"f", "g"},
		Dependencies: map[string][]string{"s": {"f"}, "free": nil},
		StateSizes:   map[string]units.Size{"s": 5, "free": 3},
	}
	result, err := c.Execute(t.Context(), w, carry(workflow.StateLocal), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if result.Output != "out" || result.Responder != "c:2" || result.Hops != 4 {
		t.Errorf("result %+v", result)
	}
	if result.States["s"].Location != "c:3" || result.States["free"].Location != stateAt {
		t.Errorf("states %+v", result.States)
	}
	if got := c.states.Names(); !slices.Equal(got, []string{"free", "s"}) {
		t.Errorf("the client's server holds %q, want all states", got)
	}
	calls.Wait()
	if got := c.LateCallbacks(); got != 2 {
		t.Errorf("%d late callbacks, want 2", got)
	}
	in := r.Requests()[0]
	if in.GetStates()["s"].GetLocation() != stateAt || in.GetCallback() != callbackAt || in.GetUuid() != result.UUID {
		t.Errorf("request %v", in)
	}
	r.Run = copyInput
	result, err = c.Execute(t.Context(), w, carry(workflow.StateProp), Options{})
	if err != nil || result.Responder != "c:1" {
		t.Errorf("direct answer: %+v, %v", result, err)
	}
}

// TestAsyncFailures: every way to lose an execution ends with its reason, and
// the client refuses to go on.
func TestAsyncFailures(t *testing.T) {
	for _, tt := range []struct {
		name    string
		timeout time.Duration
		run     func(*memnet.Network, *testing.T) nodetest.Lambda
		stage   Stage
		want    string
		is      error
	}{
		{"refused", time.Minute, func(*memnet.Network, *testing.T) nodetest.Lambda {
			return func(context.Context, *wire.LambdaRequest) (*wire.LambdaResponse, error) {
				return &wire.LambdaResponse{Retcode: "No destinations found for the entry"}, nil
			}
		}, StageCall, "No destinations", nil},
		{"broken", time.Minute, func(*memnet.Network, *testing.T) nodetest.Lambda {
			return func(context.Context, *wire.LambdaRequest) (*wire.LambdaResponse, error) {
				return nil, errors.New("boom")
			}
		}, StageCall, "boom", nil},
		{"router silent", 100 * time.Millisecond, func(*memnet.Network, *testing.T) nodetest.Lambda {
			return func(ctx context.Context, _ *wire.LambdaRequest) (*wire.LambdaResponse, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			}
		}, StageCall, "RunLambda f", context.DeadlineExceeded},
		{"no callback", 100 * time.Millisecond, func(*memnet.Network, *testing.T) nodetest.Lambda {
			return acknowledge
		}, StageCallback, "wait for the result of f-g", context.DeadlineExceeded},
		{"callback with a reason", time.Minute, func(network *memnet.Network, t *testing.T) nodetest.Lambda {
			return func(ctx context.Context, in *wire.LambdaRequest) (*wire.LambdaResponse, error) {
				callBack(t, network, &wire.LambdaResponse{Retcode: "lost state s", Uuid: in.GetUuid()})
				return acknowledge(ctx, in)
			}
		}, StageCallback, "lost state s", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			network, r, c := setUp(t, tt.timeout, nil)
			r.Run = tt.run(network, t)
			_, err := c.Execute(t.Context(), chain("f", "g"), carry(workflow.StateProp), Options{})
			failure(t, err, tt.stage)
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want it to contain %q", err, tt.want)
			}
			if tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("%v, want %v", err, tt.is)
			}
			if !c.Spent() {
				t.Error("the client is not spent")
			}
			_, err = c.Execute(t.Context(), chain("f", "g"), carry(workflow.StateProp), Options{})
			failure(t, err, StageCheck)
		})
	}
}
