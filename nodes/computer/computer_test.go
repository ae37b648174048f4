package computer

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
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

// TestChainEmbedded replays the worked example of StateProp: three functions,
// each on its own host, with the e-routers between them played by the test.
func TestChainEmbedded(t *testing.T) {
	n := newFabric()
	callback := startCallback(t, n, clientCallback)
	var clients []wire.EdgeServerClient
	var routers []*routerDouble
	for i := 2; i <= 4; i++ {
		routers = append(routers, startRouter(t, n, fmt.Sprintf("10.1.0.%d:6473", i)))
		_, client := start(t, config(n, i, fmt.Sprintf("10.1.0.%d", i)))
		clients = append(clients, client)
	}
	req := chainRequest(false)
	for i, size := range []int{40175, 40177, 40177} {
		checkSize(t, fmt.Sprint("request ", i+1), req, size)
		if want := uint32(2*i + 1); req.GetHops() != want {
			t.Errorf("request %d has %d hops, want %d", i+1, req.GetHops(), want)
		}
		ack := call(t, clients[i], req)
		checkSize(t, "acknowledgement", ack, 8)
		if !ack.GetAsynchronous() || ack.GetHops() != req.GetHops()+1 {
			t.Errorf("acknowledgement %v", ack)
		}
		if i < 2 {
			next := receive(t, routers[i].got, "invocation")
			want := proto.Clone(req).(*wire.LambdaRequest)
			want.Name, want.Hops, want.NextFunctionIndex, want.Forward = req.GetChain()[i+1], req.GetHops()+1, uint32(i+1), false
			if !proto.Equal(next, want) {
				t.Errorf("invocation %d is not the request with the next name, index and hop", i+1)
			}
			req = forwarded(next)
		}
	}
	resp := receive(t, callback.got, "result")
	checkSize(t, "callback", resp, 40054)
	want := &wire.LambdaResponse{
		Retcode: wire.RetOK, Output: text(10000), Responder: "10.1.0.4:10000", Hops: 6, States: req.GetStates(),
	}
	if !proto.Equal(resp, want) {
		t.Errorf("callback got retcode %q responder %q hops %d ptime %d", resp.GetRetcode(), resp.GetResponder(), resp.GetHops(), resp.GetPtime())
	}
	if got := len(routers[2].names()); got != 0 {
		t.Errorf("the last function invoked %d others", got)
	}
}

// TestChainRemote replays the worked example of StateLocal: sizes, the order
// of the calls to the state servers, and who ends up with the states.
func TestChainRemote(t *testing.T) {
	n := newFabric()
	callback := startCallback(t, n, clientCallback)
	states := startStates(t, n, clientStates, map[string][]byte{"s0": blob(10000), "s1": blob(20000)})
	var computers []*Computer
	var clients []wire.EdgeServerClient
	var routers []*routerDouble
	for i := 2; i <= 4; i++ {
		routers = append(routers, startRouter(t, n, fmt.Sprintf("10.1.0.%d:6473", i)))
		c, client := start(t, config(n, i, fmt.Sprintf("10.1.0.%d", i)))
		computers, clients = append(computers, c), append(clients, client)
	}
	req := chainRequest(true)
	for i, size := range []int{10192, 10195, 10196} {
		checkSize(t, fmt.Sprint("request ", i+1), req, size)
		call(t, clients[i], req)
		if i < 2 {
			req = forwarded(receive(t, routers[i].got, "invocation"))
		}
	}
	resp := receive(t, callback.got, "result")
	checkSize(t, "callback", resp, 10073)
	want := map[string]string{"s0": "10.1.0.4:30000", "s1": "10.1.0.3:30000"}
	got := make(map[string]string)
	for name, s := range resp.GetStates() {
		got[name] = s.GetLocation()
	}
	if !maps.Equal(got, want) {
		t.Errorf("states are at %v, want %v", got, want)
	}
	if got, want := states.log(), []string{"get s0 4 10010", "del s0 4 4", "get s1 4 20012", "del s1 4 4"}; !slices.Equal(got, want) {
		t.Errorf("calls at the client's state server %q, want %q", got, want)
	}
	for i, want := range [][]string{nil, {"s1"}, {"s0"}} {
		if got := computers[i].StateServer().Names(); !slices.Equal(got, want) {
			t.Errorf("computer %d holds %q, want %q", i+1, got, want)
		}
	}
	// One connection per move and per callback; one per computer to its own
	// state server, opened by the first Put; s0's second move comes to host 2's.
	for address, want := range map[string]int{
		clientStates: 2, clientCallback: 1, "10.1.0.2:30000": 2, "10.1.0.3:30000": 1, "10.1.0.4:30000": 1,
		"10.1.0.2:6473": 1, "10.1.0.3:6473": 1, "10.1.0.4:6473": 0,
	} {
		if got := n.connections(address); got != want {
			t.Errorf("%s accepted %d connections, want %d", address, got, want)
		}
	}
}

// Every state that is moved costs a connection, also two from the same server;
// the connections to the own state server and to the companion are kept, a
// callback has its own each time.
func TestConnections(t *testing.T) {
	n := newFabric()
	callback := startCallback(t, n, clientCallback)
	contents := make(map[string][]byte)
	source := startStates(t, n, clientStates, contents)
	own := startStates(t, n, "10.1.0.9:30000", make(map[string][]byte))
	router := startRouter(t, n, "10.1.0.2:6473")
	cfg := config(n, 2, "f")
	cfg.StateEndpoint, cfg.RemoteStateServer = "10.1.0.9:30000", true
	_, client := start(t, cfg)
	const rounds = 3
	for range rounds {
		source.mu.Lock()
		for _, s := range []string{"a", "b", "c"} {
			contents[s] = []byte(s)
		}
		source.mu.Unlock()
		req := &wire.LambdaRequest{
			Name: "f", Input: "x", Callback: clientCallback, Chain: []string{"f", "f"}, NextFunctionIndex: 1,
			States:       map[string]*wire.State{"c": {Location: clientStates}, "a": {Location: clientStates}, "b": {Location: clientStates}},
			Dependencies: map[string]*wire.FunctionList{"c": list("f"), "a": list("f"), "b": {}},
			Uuid:         testUUID,
		}
		call(t, client, req)
		resp := receive(t, callback.got, "result")
		for name, want := range map[string]string{"a": "10.1.0.9:30000", "b": clientStates, "c": "10.1.0.9:30000"} {
			if got := resp.GetStates()[name].GetLocation(); got != want {
				t.Errorf("state %s is at %s, want %s", name, got, want)
			}
		}
		req.NextFunctionIndex, req.States = 0, nil
		call(t, client, req)
		receive(t, router.got, "invocation")
	}
	for address, want := range map[string]int{
		clientStates: 2 * rounds, clientCallback: rounds, "10.1.0.9:30000": 1, "10.1.0.2:6473": 1,
	} {
		if got := n.connections(address); got != want {
			t.Errorf("%s accepted %d connections, want %d", address, got, want)
		}
	}
	// Serial, in the order of names, and c only when a is done.
	calls := slices.Concat(source.log(), own.log())
	want := slices.Concat(
		slices.Repeat([]string{"get a 3 9", "del a 3 4", "get c 3 9", "del c 3 4"}, rounds),
		slices.Repeat([]string{"put a 6 4", "put c 6 4"}, rounds),
	)
	if !slices.Equal(calls, want) {
		t.Errorf("calls %q, want %q", calls, want)
	}
	if source.overlaps+own.overlaps > 0 {
		t.Error("calls to a state server overlapped")
	}
}

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

// diamond is f0 -> {f1, f2} -> f3.
func diamond(index uint32) *wire.LambdaRequest {
	names := []string{"f0", "f1", "f2", "f3"}
	return &wire.LambdaRequest{
		Name: names[index], Input: "x", Callback: clientCallback, Uuid: testUUID, NextFunctionIndex: index,
		Dag: &wire.Dag{Names: names, Successors: []*wire.IndexList{
			{Functions: []uint64{1, 2}}, {Functions: []uint64{3}}, {Functions: []uint64{3}},
		}},
	}
}

func TestDagBranches(t *testing.T) {
	n := newFabric()
	startCallback(t, n, clientCallback)
	router := startRouter(t, n, "10.1.0.2:6473")
	var mu sync.Mutex
	under, most := 0, 0
	router.answer = func(req *wire.LambdaRequest) (*wire.LambdaResponse, error) {
		mu.Lock()
		under++
		most = max(most, under)
		mu.Unlock()
		time.Sleep(5 * time.Millisecond)
		mu.Lock()
		under--
		mu.Unlock()
		return &wire.LambdaResponse{Retcode: wire.RetOK, Asynchronous: true}, nil
	}
	_, client := start(t, config(n, 2, "f0"))
	// Both executions end together; their branches do not mix.
	for i := range 2 {
		req := diamond(0)
		req.Uuid = fmt.Sprint("execution ", i)
		req.Dag.Successors[0].Functions = []uint64{2, 1, 3}
		call(t, client, req)
	}
	for range 6 {
		receive(t, router.got, "invocation")
	}
	router.mu.Lock()
	defer router.mu.Unlock()
	var got []string
	for i, req := range router.requests {
		got = append(got, req.GetName())
		if first := router.requests[i/3*3]; req.GetUuid() != first.GetUuid() {
			t.Error("branches of two executions are mixed")
		}
	}
	if want := []string{"f2", "f1", "f3", "f2", "f1", "f3"}; !slices.Equal(got, want) {
		t.Errorf("invoked %q, want %q", got, want)
	}
	if most != 1 {
		t.Errorf("%d branches were sent at a time, want 1", most)
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

// An acknowledgement comes before the execution.
func TestAcknowledgementComesFirst(t *testing.T) {
	n := newFabric()
	clock := &clocktest.Clock{}
	callback := startCallback(t, n, clientCallback)
	cfg := config(n, 2, "f")
	cfg.Clock = clock
	c, client := start(t, cfg)
	const requests = 7
	for range requests {
		ack := call(t, client, &wire.LambdaRequest{Name: "f", Input: text(10000), Callback: clientCallback})
		if !ack.GetAsynchronous() {
			t.Fatalf("answered %v", ack)
		}
	}
	// Five workers hold a task each: two run, three wait for the container; two
	// requests wait for a worker.
	eventually(t, "all workers are busy", func() bool {
		s := c.Stats()
		return s.Running == 2 && s.Queued == 3 && s.InFlight == requests
	})
	if len(callback.got) != 0 {
		t.Error("a result came before its execution")
	}
	eventually(t, "all end", func() bool {
		clock.Advance(10 * time.Millisecond)
		return c.Stats().InFlight == 0
	})
	if got := len(callback.got); got != requests {
		t.Errorf("%d results, want %d", got, requests)
	}
}

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
			if s := c.Stats(); s.Failed != 1 || s.Failures[0] != (Failure{testUUID, "f", resp.GetRetcode(), true}) && test.req.GetName() == "f" {
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

// A DAG of one function that comes straight from a client is its own last
// function, and one without successors ends its branch.
func TestDagEnds(t *testing.T) {
	n := newFabric()
	callback := startCallback(t, n, clientCallback)
	router := startRouter(t, n, "10.1.0.2:6473")
	c, client := start(t, config(n, 2, "f"))
	call(t, client, &wire.LambdaRequest{Name: "f", Callback: clientCallback, Dag: &wire.Dag{Names: []string{"f"}}})
	if resp := receive(t, callback.got, "result"); resp.GetRetcode() != wire.RetOK {
		t.Errorf("result %v", resp)
	}
	call(t, client, &wire.LambdaRequest{Name: "f", Callback: clientCallback, Uuid: testUUID,
		Dag: &wire.Dag{Names: []string{"f", "f"}, Successors: []*wire.IndexList{{}}}})
	eventually(t, "the branch ends", func() bool { return c.Stats().InFlight == 0 })
	if s := c.Stats(); s.Failed != 0 || len(callback.got) != 0 || len(router.names()) != 0 {
		t.Errorf("%d failures, %d results, invoked %q", s.Failed, len(callback.got), router.names())
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
