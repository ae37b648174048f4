package computer

import (
	"bytes"
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"edgebed/nodes/clock/clocktest"
	"edgebed/nodes/processor"
	"edgebed/nodes/statestore"
	"edgebed/nodes/wire"
)

func TestSynchronous(t *testing.T) {
	n := newFabric()
	// One computer serves what three do in the worked example.
	c, client := start(t, config(n, 2, "10.1.0.2", "10.1.0.3", "10.1.0.4"))
	for _, test := range []struct {
		function, state string
		content         int
		request, answer int
	}{
		{"10.1.0.2", "s0", 10000, 20096, 20024},
		{"10.1.0.3", "s1", 20000, 30099, 30027},
		{"10.1.0.4", "s0", 10000, 20096, 20024},
	} {
		req := &wire.LambdaRequest{
			Name: test.function, Input: text(10000), Forward: true, Hops: 1,
			States:       map[string]*wire.State{test.state: {Content: blob(test.content)}},
			Chain:        []string{test.function},
			Dependencies: map[string]*wire.FunctionList{test.state: list(test.function)},
			Uuid:         testUUID,
		}
		checkSize(t, "request "+test.function, req, test.request)
		resp := call(t, client, req)
		checkSize(t, "response of "+test.function, resp, test.answer)
		if resp.GetRetcode() != wire.RetOK || resp.GetOutput() != req.GetInput() || resp.GetHops() != 2 ||
			resp.GetAsynchronous() || resp.GetResponder() != "" || resp.GetPtime() < 10 {
			t.Errorf("response %.100v", resp)
		}
		if !bytes.Equal(resp.GetStates()[test.state].GetContent(), blob(test.content)) {
			t.Errorf("state %s has %d bytes, want it unchanged", test.state, len(resp.GetStates()[test.state].GetContent()))
		}
	}
	if s := c.Stats(); s.Failed != 0 {
		t.Errorf("failures: %v", s.Failures)
	}
}

// The service time is that of the specification, for any load: four tasks on
// two cores, two of them at a time, take twice as long as two.
func TestServiceTime(t *testing.T) {
	clock := &clocktest.Clock{}
	cfg := config(newFabric(), 2, "f")
	cfg.Clock = clock
	c, client := start(t, cfg)
	ptimes := make(chan uint32, 4)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			ptimes <- call(t, client, &wire.LambdaRequest{Name: "f", Input: text(10000)}).GetPtime()
		})
	}
	eventually(t, "two run and two wait", func() bool {
		s := c.Stats()
		return s.Running == 2 && s.Queued == 2
	})
	clock.Advance(time.Second)
	wg.Wait()
	close(ptimes)
	var got []uint32
	for p := range ptimes {
		got = append(got, p)
	}
	slices.Sort(got)
	if want := []uint32{10, 10, 20, 20}; !slices.Equal(got, want) {
		t.Errorf("ptimes %v ms, want %v", got, want)
	}
}

func TestFixedOutput(t *testing.T) {
	cfg := config(newFabric(), 2, "f")
	cfg.Spec.Containers[0].Lambda.Output = processor.Fixed
	cfg.Spec.Containers[0].Lambda.Value = "42"
	_, client := start(t, cfg)
	if got := call(t, client, &wire.LambdaRequest{Name: "f", Input: "question"}).GetOutput(); got != "42" {
		t.Errorf("output %q, want 42", got)
	}
}

func TestDry(t *testing.T) {
	clock := &clocktest.Clock{}
	cfg := config(newFabric(), 2, "f")
	cfg.Clock = clock
	_, client := start(t, cfg)
	// The clock stands still: an execution would not end.
	resp := call(t, client, &wire.LambdaRequest{Name: "f", Input: text(20000), Dry: true, Hops: 3})
	want := &wire.LambdaResponse{Retcode: wire.RetOK, Ptime: 20, Hops: 4}
	if !proto.Equal(resp, want) {
		t.Errorf("response %v, want %v", resp, want)
	}
}

func TestRefusals(t *testing.T) {
	cfg := config(newFabric(), 2, "f", "g")
	c, client := start(t, cfg)
	syncCfg := config(newFabric(), 3, "f")
	syncCfg.AsyncWorkers, syncCfg.Companion = -1, ""
	_, syncClient := start(t, syncCfg)
	dag := func(names []string, successors ...[]uint64) *wire.Dag {
		d := &wire.Dag{Names: names}
		for _, s := range successors {
			d.Successors = append(d.Successors, &wire.IndexList{Functions: s})
		}
		return d
	}
	fg := []string{"f", "g"}
	for _, test := range []struct {
		name   string
		client wire.EdgeServerClient
		req    *wire.LambdaRequest
		want   string
	}{
		// Each request has also the mistakes that are looked for later.
		{"chain and DAG", client, &wire.LambdaRequest{Name: "f", Chain: fg, NextFunctionIndex: 9, Dag: dag(fg)},
			"Cannot specify both a function chain and a DAG in the request"},
		{"chain without callback", client, &wire.LambdaRequest{Name: "f", Chain: fg, NextFunctionIndex: 2},
			"Cannot handle multiple functions without a callback in the request"},
		{"DAG without callback", client, &wire.LambdaRequest{Name: "f", Dag: dag(fg, []uint64{1})},
			"Cannot handle multiple functions without a callback in the request"},
		{"index", client, &wire.LambdaRequest{Name: "f", Chain: fg, NextFunctionIndex: 2, Callback: clientCallback},
			"Out-of-range function execution requested in a chain"},
		{"no uuid", client, &wire.LambdaRequest{Name: "f", Dag: dag(fg), Callback: clientCallback},
			"Cannot execute a DAG without a UUID in the request"},
		{"names", client, &wire.LambdaRequest{Name: "f", Dag: dag(fg), Callback: clientCallback, Uuid: testUUID},
			"check DAG: 2 names and 0 successor lists (want one name more)"},
		{"no names", client, &wire.LambdaRequest{Name: "f", Dag: dag(nil, nil), Callback: clientCallback},
			"check DAG: 0 names and 1 successor lists (want one name more)"},
		{"loop to the entry", client, &wire.LambdaRequest{Name: "f", Dag: dag(fg, []uint64{0}), Callback: clientCallback, Uuid: testUUID},
			"check DAG: function 0 has successor 0 (want 1 to 1)"},
		{"successor", client, &wire.LambdaRequest{Name: "f", Dag: dag(fg, []uint64{2}), Callback: clientCallback, Uuid: testUUID},
			"check DAG: function 0 has successor 2 (want 1 to 1)"},
		{"index in DAG", client, &wire.LambdaRequest{Name: "f", Dag: dag(fg, []uint64{1}), NextFunctionIndex: 2, Callback: clientCallback, Uuid: testUUID},
			"check DAG: function 2 requested (want 0 to 1)"},
		{"dependency", client, &wire.LambdaRequest{Name: "f", Chain: []string{"f"}, Dependencies: map[string]*wire.FunctionList{"s": list("h")}},
			"check dependencies: state s depends on h, which is not in the chain or DAG"},
		{"unknown function", client, &wire.LambdaRequest{Name: "h"}, "no container for function h at computer 10.1.0.2:10000"},
		{"unknown function, dry", client, &wire.LambdaRequest{Name: "h", Dry: true}, "no container for function h at computer 10.1.0.2:10000"},
		{"memory", client, &wire.LambdaRequest{Name: "f", Input: text(6 << 20)},
			"container container-f cannot run f: it needs 629145600 bytes of memory, more than the 536870912 of processor cpu"},
		{"asynchronous", syncClient, &wire.LambdaRequest{Name: "f", Callback: clientCallback},
			"Cannot handle an asynchronous function invocation"},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.req.Hops = 4
			resp := call(t, test.client, test.req)
			if want := (&wire.LambdaResponse{Retcode: test.want, Hops: 5}); !proto.Equal(resp, want) {
				t.Errorf("response %v\nwant     %v", resp, want)
			}
		})
	}
	if s := c.Stats(); s.Failed != 14 || !s.Failures[0].Told || s.Failures[0].Function != "f" {
		t.Errorf("%d failures: %+v", s.Failed, s.Failures)
	}
}

// Arguments and states of 16 MB pass every kind of message.
func TestLargeMessages(t *testing.T) {
	n := newFabric()
	callback := startCallback(t, n, clientCallback)
	router := startRouter(t, n, "10.1.0.2:6473")
	cfg := config(n, 2, "f")
	cfg.Spec.Containers[0].Lambda = processor.Lambda{Name: "f", Output: processor.CopyInput}
	_, client := start(t, cfg)
	remote, err := statestore.Start(t.Context(), statestore.Config{Net: n, Endpoint: clientStates})
	if err != nil {
		t.Fatal(err)
	}
	defer remote.Close()
	const size = 16 << 20
	big := blob(size)
	up, err := statestore.Dial(n, clientStates)
	if err != nil {
		t.Fatal(err)
	}
	defer up.Close()
	if err := up.Put(t.Context(), "s1", big); err != nil {
		t.Fatal(err)
	}
	req := &wire.LambdaRequest{
		Name: "f", Input: string(big), Callback: clientCallback, Chain: []string{"f", "f"}, Uuid: testUUID,
		States:       map[string]*wire.State{"s0": {Content: big}, "s1": {Location: clientStates}},
		Dependencies: map[string]*wire.FunctionList{"s1": list("f")},
	}
	call(t, client, req)
	next := receive(t, router.got, "invocation")
	call(t, client, next)
	resp := receive(t, callback.got, "result")
	if len(resp.GetOutput()) != size || len(resp.GetStates()["s0"].GetContent()) != size || resp.GetStates()["s1"].GetLocation() != "10.1.0.2:30000" {
		t.Errorf("retcode %q, output of %d bytes", resp.GetRetcode(), len(resp.GetOutput()))
	}
}

func TestMaxHandlers(t *testing.T) {
	clock := &clocktest.Clock{}
	cfg := config(newFabric(), 2, "f")
	cfg.Clock, cfg.MaxHandlers = clock, 3
	cfg.Spec.Containers[0].Workers = 10
	c, client := start(t, cfg)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() { call(t, client, &wire.LambdaRequest{Name: "f", Input: text(10000)}) })
	}
	eventually(t, "three are handled", func() bool { return c.Stats().Running == 3 })
	// A caller that gives up while it waits is let go.
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := client.RunLambda(ctx, &wire.LambdaRequest{Name: "f"}); status.Code(err) != codes.DeadlineExceeded {
		t.Errorf("a call past the bound: %v", err)
	}
	if got := c.Stats().Running; got != 3 {
		t.Errorf("%d tasks run, want 3", got)
	}
	done := make(chan bool)
	go func() { wg.Wait(); close(done) }()
	for {
		select {
		case <-done:
			return
		default:
			clock.Advance(time.Millisecond)
			if got := c.Stats().Running; got > 3 {
				t.Fatalf("%d tasks run, want at most 3", got)
			}
		}
	}
}
