package client

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

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

func chain(functions ...string) *workflow.Workflow { return &workflow.Workflow{Functions: functions} }

func failure(t *testing.T, err error, stage Stage) *Failure {
	t.Helper()
	var f *Failure
	if !errors.As(err, &f) || f.Stage != stage {
		t.Fatalf("%v, want a *Failure in stage %s", err, stage)
	}
	return f
}

func TestBuildInput(t *testing.T) {
	for _, tt := range []struct {
		size units.Size
		want string
	}{
		{0, `{"input":""}`}, {12, `{"input":""}`}, {13, `{"input":"A"}`}, {16, `{"input":"AAAA"}`},
	} {
		if got := buildInput(tt.size); got != tt.want {
			t.Errorf("size %d: %s, want %s", tt.size, got, tt.want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(12, 100000).Draw(t, "size")
		if got := len(buildInput(units.Size(size))); got != size {
			t.Fatalf("%d bytes, want %d", got, size)
		}
	})
}

// TestRequestSizes are the sizes that protoc gives for the prototype's requests
// of the worked chain on the leg from the router to the computer.
func TestRequestSizes(t *testing.T) {
	const a, b, c = "10.1.0.2", "10.1.0.3", "10.1.0.4"
	w := &workflow.Workflow{
		Functions:    []string{a, b, c},
		Dependencies: map[string][]string{"s0": {a, c}, "s1": {b}},
		StateSizes:   map[string]units.Size{"s0": 10000, "s1": 20000},
	}
	input, id := buildInput(10000), "01234567-0123-4123-8123-0123456789ab"
	embedded := map[string]State{"s0": {Content: initial(w, "s0")}, "s1": {Content: initial(w, "s1")}}
	located := map[string]State{"s0": {Location: stateAt}, "s1": {Location: stateAt}}
	for _, tt := range []struct {
		name string
		in   *wire.LambdaRequest
		want int
	}{
		{"pure-faas f1", singleRequest(w, 0, input, id, embedded, false), 20096},
		{"pure-faas f2", singleRequest(w, 1, input, id, embedded, false), 30099},
		{"pure-faas f3", singleRequest(w, 2, input, id, embedded, false), 20096},
		{"state-prop", workflowRequest(&plan{w: w}, input, id, callbackAt, embedded), 40175},
		{"state-local", workflowRequest(&plan{w: w, local: true}, input, id, callbackAt, located), 10192},
	} {
		// What the router adds.
		tt.in.Hops, tt.in.Forward = 1, true
		if got := proto.Size(tt.in); got != tt.want {
			t.Errorf("%s: %d bytes, want %d", tt.name, got, tt.want)
		}
	}
}

func TestWorkflowRequest(t *testing.T) {
	w := &workflow.Workflow{
		Functions:    []string{"a", "b", "c"},
		Successors:   [][]int{{1, 2}, {2}},
		Dependencies: map[string][]string{"s": {"c", "a"}, "free": nil},
		StateSizes:   map[string]units.Size{"s": 2, "free": 3},
	}
	states := map[string]State{"s": {Location: "p:1", Content: []byte("xx")}, "free": {Content: []byte("yyy")}}
	got := workflowRequest(&plan{w: w, local: true, verify: true}, "in", "u", "c:1", states)
	want := &wire.LambdaRequest{
		Name: "a", Input: "in", Uuid: "u", Callback: "c:1",
		States: map[string]*wire.State{"s": {Location: "p:1"}},
		Dag: &wire.Dag{Names: []string{"a", "b", "c"}, Successors: []*wire.IndexList{
			{Functions: []uint64{1, 2}}, {Functions: []uint64{2}},
		}},
		Dependencies: map[string]*wire.FunctionList{"s": {Functions: []string{"c", "a"}}, "free": {}},
		Verify:       &wire.Verify{},
	}
	if !proto.Equal(got, want) {
		t.Errorf("request %v, want %v", got, want)
	}

	// The text embeds the full state, but it has no references to what nobody uses.
	w.Variant = workflow.Text
	if got := workflowRequest(&plan{w: w, local: true, verify: true}, "in", "u", "c:1", states); !proto.Equal(got, want) {
		t.Errorf("state-local under text: request %v, want %v", got, want)
	}
	want.States["free"] = &wire.State{Content: []byte("yyy")}
	if got := workflowRequest(&plan{w: w, verify: true}, "in", "u", "c:1", states); !proto.Equal(got, want) {
		t.Errorf("state-prop under text: request %v, want %v", got, want)
	}
}

// TestPureFaaSDAGInputs: with the scripts' reading each function of a DAG gets the
// client's input; with the text's, and in the direct form, what its predecessors
// gave, and the result is the last function's.
func TestPureFaaSDAGInputs(t *testing.T) {
	w := &workflow.Workflow{Functions: []string{"a", "b", "c", "d"}, Successors: [][]int{{1, 2}, {3}, {3}}}
	const client = `{"input":"AAAAAAAA"}`
	output := func(name string) string { return `{"input":"` + strings.Repeat(name, 8) + `"}` }
	given := map[string]string{"a": client, "b": output("a"), "c": output("a"), "d": `{"input":"bcbcbcbc"}`}
	artifact := map[string]string{"a": client, "b": client, "c": client, "d": client}
	for _, tt := range []struct {
		variant workflow.Variant
		form    workflow.Form
		inputs  map[string]string
		output  string
	}{
		{"", workflow.Carry, artifact, client},
		{workflow.Artifact, workflow.Carry, artifact, client},
		{workflow.Text, workflow.Carry, given, output("d")},
		{"", workflow.Direct, given, output("d")},
	} {
		_, r, c := setUp(t, time.Minute, func(_ context.Context, in *wire.LambdaRequest) (*wire.LambdaResponse, error) {
			return &wire.LambdaResponse{Retcode: wire.RetOK, Output: output(in.GetName()), Hops: 2}, nil
		})
		w.Variant = tt.variant
		result, err := c.Execute(t.Context(), w, workflow.PureFaaS, tt.form, 20, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if result.Output != tt.output {
			t.Errorf("%q, %s: output %s, want %s", tt.variant, tt.form, result.Output, tt.output)
		}
		for _, in := range r.Requests() {
			if got, want := in.GetInput(), tt.inputs[in.GetName()]; got != want {
				t.Errorf("%q, %s: %s gets %s, want %s", tt.variant, tt.form, in.GetName(), got, want)
			}
		}
	}
}

func TestPureFaaSChain(t *testing.T) {
	_, r, c := setUp(t, time.Minute, copyInput)
	w := &workflow.Workflow{
		Functions:    []string{"f", "g", "f"},
		Dependencies: map[string][]string{"s": {"f"}},
		StateSizes:   map[string]units.Size{"s": 5, "free": 3},
	}
	result, err := c.Execute(t.Context(), w, workflow.PureFaaS, workflow.Carry, 20, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if result.Hops != 6 || result.PTime != 30*time.Millisecond || result.Responder != "" || result.Load30 != 3 {
		t.Errorf("result %+v", result)
	}
	uuids := make(map[string]bool)
	for i, in := range r.Requests() {
		if want := []string{"f", "g", "f"}[i]; in.GetName() != want || !slices.Equal(in.GetChain(), []string{want}) || in.GetCallback() != "" || in.GetForward() {
			t.Errorf("request %d: %v", i, in)
		}
		if got := string(in.GetStates()["s"].GetContent()); (i == 1) != (got == "") {
			t.Errorf("request %d has state %q", i, got)
		}
		uuids[in.GetUuid()] = true
	}
	if len(uuids) != 3 || !uuids[result.UUID] {
		t.Errorf("uuids %v, result's %s", uuids, result.UUID)
	}
	if got := len(result.States["free"].Content); got != 3 {
		t.Errorf("the unused state has %d bytes, want 3", got)
	}
	one, err := c.Execute(t.Context(), chain("f"), workflow.PureFaaS, workflow.Carry, 20, Options{})
	if err != nil || one.Responder != "c:1" {
		t.Errorf("single function: %+v, %v, want a responder", one, err)
	}
}

// TestPureFaaSDAGParallel: both branches are called before either answers, and
// each function gets the client's input.
func TestPureFaaSDAGParallel(t *testing.T) {
	both := make(chan struct{})
	var mu sync.Mutex
	arrived := 0
	_, r, c := setUp(t, time.Minute, func(ctx context.Context, in *wire.LambdaRequest) (*wire.LambdaResponse, error) {
		out, _ := copyInput(ctx, in)
		out.Output = "the output is not passed on"
		if in.GetName() == "b" || in.GetName() == "c" {
			mu.Lock()
			if arrived++; arrived == 2 {
				close(both)
			}
			mu.Unlock()
			select {
			case <-both:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		return out, nil
	})
	w := &workflow.Workflow{Functions: []string{"a", "b", "c", "d"}, Successors: [][]int{{1, 2}, {3}, {3}}}
	result, err := c.Execute(t.Context(), w, workflow.PureFaaS, workflow.Carry, 20, Options{})
	if err != nil {
		t.Fatal(err)
	}
	names := r.Names()
	if len(names) != 4 || names[0] != "a" || names[3] != "d" {
		t.Errorf("called %q", names)
	}
	for _, in := range r.Requests() {
		if in.GetInput() != buildInput(20) || len(in.GetDag().GetNames()) != 1 || len(in.GetChain()) != 0 {
			t.Errorf("request %v", in)
		}
	}
	if result.Hops != 8 || result.Output != buildInput(20) {
		t.Errorf("result %+v", result)
	}
}

// TestPureFaaSFailures: the first failure ends the execution, names the
// function, and the client can go on.
func TestPureFaaSFailures(t *testing.T) {
	bad := false
	var mu sync.Mutex
	_, r, c := setUp(t, time.Minute, func(ctx context.Context, in *wire.LambdaRequest) (*wire.LambdaResponse, error) {
		mu.Lock()
		defer mu.Unlock()
		if bad && in.GetName() == "b" {
			return &wire.LambdaResponse{Retcode: "out of memory"}, nil
		}
		return copyInput(ctx, in)
	})
	dag := &workflow.Workflow{Functions: []string{"a", "b", "c", "d"}, Successors: [][]int{{1, 2}, {3}, {3}}}
	for _, w := range []*workflow.Workflow{chain("a", "b", "d"), dag} {
		mu.Lock()
		bad = true
		mu.Unlock()
		result, err := c.Execute(t.Context(), w, workflow.PureFaaS, workflow.Carry, 20, Options{})
		f := failure(t, err, StageCall)
		var ret *wire.RetError
		if !errors.As(err, &ret) || ret.Retcode != "out of memory" || !strings.Contains(f.Error(), "RunLambda b") {
			t.Errorf("%v: want the retcode and the function", err)
		}
		if slices.Contains(r.Names(), "d") {
			t.Error("the execution went on after a failure")
		}
		if result.Delay <= 0 || result.Hops < 2 {
			t.Errorf("result %+v: want what was learned until the failure", result)
		}
		mu.Lock()
		bad = false
		mu.Unlock()
		if _, err := c.Execute(t.Context(), w, workflow.PureFaaS, workflow.Carry, 20, Options{}); err != nil {
			t.Errorf("next execution: %v", err)
		}
		r.Take()
	}
}

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
	result, err := c.Execute(t.Context(), w, workflow.StateLocal, workflow.Carry, 20, Options{})
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
	if in := r.Requests()[0]; in.GetStates()["s"].GetLocation() != stateAt || in.GetCallback() != callbackAt || in.GetUuid() != result.UUID {
		t.Errorf("request %v", in)
	}
	r.Run = copyInput
	if result, err = c.Execute(t.Context(), w, workflow.StateProp, workflow.Carry, 20, Options{}); err != nil || result.Responder != "c:1" {
		t.Errorf("direct answer: %+v, %v", result, err)
	}
}

// TestAsyncFailures: every way to lose an execution ends with its reason, and
// the client refuses to go on.
func TestAsyncFailures(t *testing.T) {
	for _, tt := range []struct {
		name    string
		timeout time.Duration
		run     func(*memnet.Network, *testing.T) func(context.Context, *wire.LambdaRequest) (*wire.LambdaResponse, error)
		stage   Stage
		want    string
		is      error
	}{
		{"refused", time.Minute, func(*memnet.Network, *testing.T) func(context.Context, *wire.LambdaRequest) (*wire.LambdaResponse, error) {
			return func(context.Context, *wire.LambdaRequest) (*wire.LambdaResponse, error) {
				return &wire.LambdaResponse{Retcode: "No destinations found for the entry"}, nil
			}
		}, StageCall, "No destinations", nil},
		{"broken", time.Minute, func(*memnet.Network, *testing.T) func(context.Context, *wire.LambdaRequest) (*wire.LambdaResponse, error) {
			return func(context.Context, *wire.LambdaRequest) (*wire.LambdaResponse, error) {
				return nil, errors.New("boom")
			}
		}, StageCall, "boom", nil},
		{"router silent", 100 * time.Millisecond, func(*memnet.Network, *testing.T) func(context.Context, *wire.LambdaRequest) (*wire.LambdaResponse, error) {
			return func(ctx context.Context, _ *wire.LambdaRequest) (*wire.LambdaResponse, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			}
		}, StageCall, "RunLambda f", context.DeadlineExceeded},
		{"no callback", 100 * time.Millisecond, func(*memnet.Network, *testing.T) func(context.Context, *wire.LambdaRequest) (*wire.LambdaResponse, error) {
			return acknowledge
		}, StageCallback, "wait for the result of f-g", context.DeadlineExceeded},
		{"callback with a reason", time.Minute, func(network *memnet.Network, t *testing.T) func(context.Context, *wire.LambdaRequest) (*wire.LambdaResponse, error) {
			return func(ctx context.Context, in *wire.LambdaRequest) (*wire.LambdaResponse, error) {
				callBack(t, network, &wire.LambdaResponse{Retcode: "lost state s", Uuid: in.GetUuid()})
				return acknowledge(ctx, in)
			}
		}, StageCallback, "lost state s", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			network, r, c := setUp(t, tt.timeout, nil)
			r.Run = tt.run(network, t)
			_, err := c.Execute(t.Context(), chain("f", "g"), workflow.StateProp, workflow.Carry, 20, Options{})
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
			_, err = c.Execute(t.Context(), chain("f", "g"), workflow.StateProp, workflow.Carry, 20, Options{})
			failure(t, err, StageCheck)
		})
	}
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
				return &wire.LambdaResponse{Retcode: wire.RetOK, States: map[string]*wire.State{"s": {Content: []byte(tt.content)}}}, nil
			})
			w := &workflow.Workflow{
				Functions:    []string{"f", "g", "f"},
				Dependencies: map[string][]string{"s": {"f"}},
				StateSizes:   map[string]units.Size{"s": 5},
			}
			_, err := c.Execute(t.Context(), w, workflow.StateProp, workflow.Carry, 20, Options{Verify: true})
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
		_, err := c.Execute(t.Context(), tt.w, tt.model, tt.form, 20, Options{})
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
		_, err := c.Execute(context.Background(), chain("f", "g"), workflow.StateProp, workflow.Carry, 20, Options{})
		done <- err
	}()
	<-entered
	_, err := c.Execute(t.Context(), chain("f"), workflow.PureFaaS, workflow.Carry, 20, Options{})
	failure(t, err, StageCheck)
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("the execution ended with %v, want it cancelled", err)
	}
	_, err = c.Execute(t.Context(), chain("f"), workflow.PureFaaS, workflow.Carry, 20, Options{})
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
