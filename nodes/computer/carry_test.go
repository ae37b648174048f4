package computer

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"edgebed/nodes/clock/clocktest"
	"edgebed/nodes/wire"
)

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
