package computer

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"edgebed/nodes/statestore"
	"edgebed/nodes/wire"
)

// Two tasks that end together move their states one after the other.
func TestMovesAreSerial(t *testing.T) {
	n := newFabric()
	source := startStates(t, n, clientStates, map[string][]byte{"a": nil, "b": nil, "c": nil, "d": nil})
	_, client := start(t, config(n, 2, "f"))
	var wg sync.WaitGroup
	for _, states := range [][]string{{"a", "b"}, {"c", "d"}} {
		req := &wire.LambdaRequest{Name: "f", States: map[string]*wire.State{}, Dependencies: map[string]*wire.FunctionList{}}
		for _, s := range states {
			req.States[s], req.Dependencies[s] = &wire.State{Location: clientStates}, list("f")
		}
		wg.Go(func() {
			if resp := call(t, client, req); resp.GetRetcode() != wire.RetOK {
				t.Errorf("answered %q", resp.GetRetcode())
			}
		})
	}
	wg.Wait()
	calls := source.log()
	if len(calls) != 8 || source.overlaps > 0 {
		t.Errorf("%d overlaps in %q", source.overlaps, calls)
	}
	for i := 0; i+1 < len(calls); i += 2 {
		if get, del := calls[i], calls[i+1]; get[:4] != "get " || del[:4] != "del " || get[4] != del[4] {
			t.Errorf("calls %q: want a Get and a Del for each state in turn", calls)
			break
		}
	}
}

// With SerialMoves a move of states holds up arrivals at joins and the completion
// of other tasks, as in the prototype; without, neither.
func TestSerialMoves(t *testing.T) {
	for _, serial := range []bool{false, true} {
		n := newFabric()
		source := startStates(t, n, clientStates, map[string][]byte{"a": nil})
		source.hold = make(chan struct{})
		cfg := config(n, 2, "f", "f3")
		cfg.SerialMoves = serial
		c, client := start(t, cfg)
		moved := make(chan *wire.LambdaResponse, 1)
		go func() {
			resp, _ := client.RunLambda(context.Background(), &wire.LambdaRequest{
				Name: "f", States: map[string]*wire.State{"a": {Location: clientStates}},
				Dependencies: map[string]*wire.FunctionList{"a": list("f")},
			})
			moved <- resp
		}()
		eventually(t, "the state is being moved", func() bool {
			source.mu.Lock()
			defer source.mu.Unlock()
			return source.busy > 0
		})

		others := map[string]*wire.LambdaRequest{"an arrival at a join": diamond(3), "another task": {Name: "f"}}
		for what, req := range others {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			if serial {
				cancel()
				ctx, cancel = context.WithTimeout(t.Context(), 100*time.Millisecond)
			}
			if _, err := client.RunLambda(ctx, req); (err != nil) != serial {
				t.Errorf("serial moves %t: %s during a move is answered with error %v", serial, what, err)
			}
			cancel()
		}
		if serial && c.Stats().Joins != 0 {
			t.Errorf("the arrival that was given up is counted")
		}
		close(source.hold)
		if resp := receive(t, moved, "result"); resp.GetRetcode() != wire.RetOK {
			t.Errorf("serial moves %t: the move ends with %v", serial, resp)
		}
		for what, req := range others {
			if resp := call(t, client, req); resp.GetRetcode() != wire.RetOK {
				t.Errorf("serial moves %t: %s after the move: %v", serial, what, resp)
			}
		}
		c.Abandon()
	}
}

// A synchronous request with remote states moves them too, and answers where
// they went.
func TestSynchronousRemoteState(t *testing.T) {
	n := newFabric()
	startStates(t, n, clientStates, map[string][]byte{"s0": []byte("zero")})
	c, client := start(t, config(n, 2, "f"))
	req := &wire.LambdaRequest{Name: "f", Chain: []string{"f"}, States: map[string]*wire.State{"s0": {Location: clientStates}},
		Dependencies: map[string]*wire.FunctionList{"s0": list("f")}}
	resp := call(t, client, req)
	if got := resp.GetStates()["s0"].GetLocation(); resp.GetRetcode() != wire.RetOK || got != "10.1.0.2:30000" {
		t.Errorf("answered %v", resp)
	}
	if got := c.StateServer().Names(); !slices.Equal(got, []string{"s0"}) {
		t.Errorf("the computer holds %q", got)
	}
	// It is there no more.
	if resp := call(t, client, req); !strings.Contains(resp.GetRetcode(), "could not find state: s0") {
		t.Errorf("answered %v", resp)
	}
}

func TestVerify(t *testing.T) {
	n := newFabric()
	startStates(t, n, clientStates, map[string][]byte{"far": []byte("far"), "other": []byte("other")})
	c, client := start(t, config(n, 2, "f", "g"))
	callback := startCallback(t, n, clientCallback)
	router := startRouter(t, n, "10.1.0.2:6473")
	own, err := statestore.Dial(n, "10.1.0.2:30000")
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	if err := own.Put(t.Context(), "near", []byte("near|0")); err != nil {
		t.Fatal(err)
	}
	content := func(name string) string {
		got, err := own.Get(t.Context(), name)
		if err != nil {
			t.Error(err)
		}
		return string(got)
	}
	req := &wire.LambdaRequest{
		Name: "g", Chain: []string{"f", "g", "f"}, NextFunctionIndex: 1, Callback: clientCallback, Uuid: testUUID,
		Verify: &wire.Verify{Index: 77},
		States: map[string]*wire.State{
			"used": {Content: []byte("used|0")}, "unused": {Content: []byte("unused")},
			"near": {Location: "10.1.0.2:30000"}, "far": {Location: clientStates}, "other": {Location: clientStates},
		},
		Dependencies: map[string]*wire.FunctionList{
			"used": list("f", "g"), "unused": list("f"), "near": list("g"), "far": list("g"), "other": list("f"),
		},
	}
	call(t, client, req)
	next := receive(t, router.got, "invocation")
	if next.GetVerify().GetIndex() != 77 || next.GetNextFunctionIndex() != 2 {
		t.Errorf("successor got verify %v and index %d", next.GetVerify(), next.GetNextFunctionIndex())
	}
	for name, want := range map[string]string{"used": "used|0|1", "unused": "unused"} {
		if got := string(next.GetStates()[name].GetContent()); got != want {
			t.Errorf("state %s is %q, want %q", name, got, want)
		}
	}
	if got := content("near"); got != "near|0|1" {
		t.Errorf("near is %q", got)
	}
	if got := content("far"); got != "far|1" {
		t.Errorf("far is %q", got)
	}
	if got := c.StateServer().Names(); !slices.Equal(got, []string{"far", "near"}) {
		t.Errorf("the computer holds %q", got)
	}

	// A DAG's index counts too, and so does a single function's own.
	dagReq := diamond(3)
	dagReq.Name, dagReq.Dag.Names, dagReq.Verify = "f", []string{"f", "f", "f", "f"}, &wire.Verify{}
	dagReq.States = map[string]*wire.State{"s": {Content: []byte("s")}}
	dagReq.Dependencies = map[string]*wire.FunctionList{"s": list("f")}
	call(t, client, dagReq)
	call(t, client, dagReq)
	if got := string(receive(t, callback.got, "result").GetStates()["s"].GetContent()); got != "s|3" {
		t.Errorf("after function 3 of a DAG the state is %q", got)
	}
	for _, test := range []struct {
		name string
		req  *wire.LambdaRequest
		want string
	}{
		{"chain of one", &wire.LambdaRequest{Name: "f", Chain: []string{"f"}, Verify: &wire.Verify{Index: 12},
			Dependencies: map[string]*wire.FunctionList{"s": list("f")}}, "s|12"},
		// What an e-router leaves of a DAG of one function.
		{"nothing but the state", &wire.LambdaRequest{Name: "f", Verify: &wire.Verify{Index: 12}}, "s|12"},
		{"another's state", &wire.LambdaRequest{Name: "f", Verify: &wire.Verify{Index: 12},
			Dependencies: map[string]*wire.FunctionList{"s": list("g")}}, "s"},
		{"not asked for", &wire.LambdaRequest{Name: "f", Chain: []string{"f"},
			Dependencies: map[string]*wire.FunctionList{"s": list("f")}}, "s"},
	} {
		test.req.States = map[string]*wire.State{"s": {Content: []byte("s")}}
		if got := string(call(t, client, test.req).GetStates()["s"].GetContent()); got != test.want {
			t.Errorf("%s: state is %q, want %q", test.name, got, test.want)
		}
	}
}
