package direct

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"edgebed/nodes/fuzztest"
	"edgebed/nodes/units"
	"edgebed/nodes/wire"
	"edgebed/nodes/workflow"
)

// host returns the endpoint of the i-th computer.
func host(i int) string { return fmt.Sprintf("10.1.0.%d:10000", i+2) }

// course makes the course of a workflow whose functions are on a host each.
func course(t testing.TB, w *workflow.Workflow, local bool) *Course {
	t.Helper()
	a, err := workflow.Augment(w)
	if err != nil {
		t.Fatal(err)
	}
	var endpoints []string
	for i := range w.Functions {
		endpoints = append(endpoints, host(i))
	}
	p, err := New(a, Execution{UUID: "u", Callback: "c:1", Endpoints: endpoints, Local: local})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// figure9 is the paper's Fig. 9 with the order of Fig. 10a or, reversed, 10b.
func figure9(order ...int) *workflow.Workflow {
	return &workflow.Workflow{
		Functions:    []string{"f1", "f2", "f3", "f4"},
		Successors:   [][]int{{1, 2}, {3}, {3}},
		Dependencies: map[string][]string{"S": {"f2", "f3"}},
		StateSizes:   map[string]units.Size{"S": 100},
		Order:        map[string][]int{"S": order},
	}
}

// figure12 has what the paper says of its Fig. 12: f2 and f4 run in parallel, f4
// uses S first, and two others follow it.
func figure12() *workflow.Workflow {
	return &workflow.Workflow{
		Functions:    []string{"f1", "f2", "f3", "f4", "f5"},
		Successors:   [][]int{{1, 3}, {2}, {4}, {4}},
		Dependencies: map[string][]string{"S": {"f4", "f3", "f5"}},
		StateSizes:   map[string]units.Size{"S": 100},
		Order:        map[string][]int{"S": {3, 2, 4}},
	}
}

// lines describes what a task sends.
func lines(p *Course, sender int) []string {
	states := make(map[string]*wire.State)
	for s := range p.users {
		states[s] = &wire.State{Content: []byte(s)}
	}
	messages, returned := p.Outgoing(Finished{Task: sender, Hops: 7, Output: "out", States: states})
	var out []string
	for _, m := range messages {
		out = append(out, fmt.Sprint(m.GetNextFunctionIndex(), m.GetInput(), slices.Sorted(maps.Keys(m.GetStates()))))
	}
	if len(returned) > 0 {
		out = append(out, fmt.Sprint("client", slices.Sorted(maps.Keys(returned))))
	}
	return out
}

func TestOutgoing(t *testing.T) {
	unused := figure9(1, 2)
	unused.StateSizes["free"], unused.Dependencies["free"] = 10, nil
	for _, tt := range []struct {
		name string
		w    *workflow.Workflow
		// want by sender, the client first
		want [][]string
	}{
		{"Fig. 10a", figure9(1, 2), [][]string{
			{"0out[]", "1[S]"}, {"1out[]", "2out[]"}, {"3out[]", "2[S]"}, {"3out[]", "client[S]"}, nil,
		}},
		{"Fig. 10b", figure9(2, 1), [][]string{
			{"0out[]", "2[S]"}, {"1out[]", "2out[]"}, {"3out[]", "client[S]"}, {"3out[]", "1[S]"}, nil,
		}},
		{"Fig. 12", figure12(), [][]string{
			{"0out[]", "3[S]"}, {"1out[]", "3out[]"}, {"2out[]"}, {"4out[S]"}, {"4out[]", "2[S]"}, {"client[S]"},
		}},
		{"chain", &workflow.Workflow{
			Functions:    []string{"a", "b", "a"},
			Dependencies: map[string][]string{"s": {"a"}, "r": {"b"}},
			StateSizes:   map[string]units.Size{"s": 1, "r": 1},
		}, [][]string{
			{"0out[s]", "1[r]"}, {"1out[]", "2[s]"}, {"2out[]", "client[r]"}, {"client[s]"},
		}},
		{"unused state", unused, [][]string{
			{"0out[]", "1[S]"}, {"1out[]", "2out[]"}, {"3out[]", "2[S]"}, {"3out[]", "client[S]"}, nil,
		}},
		{"one function", &workflow.Workflow{
			Functions: []string{"a"}, Dependencies: map[string][]string{"s": {"a"}}, StateSizes: map[string]units.Size{"s": 1},
		}, [][]string{{"0out[s]"}, {"client[s]"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := course(t, tt.w, false)
			for k, want := range tt.want {
				if got := lines(p, k-1); !slices.Equal(got, want) {
					t.Errorf("%s sends %q, want %q", p.Label(k-1), got, want)
				}
			}
		})
	}
}

// One message holds all that a task needs to know of the execution.
func TestMessage(t *testing.T) {
	w := figure12()
	p := course(t, w, true)
	p.Verify = true
	messages, _ := p.Outgoing(Finished{
		Task: 3, Hops: 2, Output: "out", States: map[string]*wire.State{"S": {Location: "l:1"}},
	})
	m := messages[1]
	if err := SetRemaining(m, time.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	if r := m.GetDirect().GetRemainingMs(); r < 900 || r > 1000 {
		t.Errorf("%d ms remain of a second", r)
	}
	m.Direct.RemainingMs = 1000
	index := func(list ...uint64) *wire.IndexList { return &wire.IndexList{Functions: list} }
	want := &wire.LambdaRequest{
		Name: "f3", Hops: 2, Callback: "c:1", Uuid: "u", NextFunctionIndex: 2,
		States: map[string]*wire.State{"S": {Location: "l:1"}},
		Chain:  []string{"direct"},
		Dag:    &wire.Dag{Names: w.Functions, Successors: []*wire.IndexList{index(1, 3), index(2), index(4), index(4)}},
		Direct: &wire.Direct{
			Users: map[string]*wire.IndexList{"S": index(3, 2, 4)}, Local: true, RemainingMs: 1000, Sender: 3,
			Bound: []uint32{0, 1, 2, 3, 4},
		},
		Verify: &wire.Verify{},
	}
	for i := range 5 {
		want.Direct.Hosts = append(want.Direct.Hosts, &wire.Binding{Endpoint: host(i)})
	}
	if !proto.Equal(m, want) {
		t.Errorf("message %v\nwant    %v", m, want)
	}
	got, err := Parse(m)
	if err != nil {
		t.Fatal(err)
	}
	if got.Sender != 3 || got.Index != 2 || got.Argument || got.Input != "" || got.Hops != 2 || got.Remaining != time.Second ||
		got.UUID != "u" || got.Callback != "c:1" || !got.Local || !got.Verify {
		t.Errorf("parsed %+v", got)
	}
	for i := range w.Functions {
		if !slices.Equal(got.Senders(i), p.Senders(i)) || got.Label(i) != p.Label(i) {
			t.Errorf("task %d: the course changed on its way", i)
		}
	}
	if !slices.Equal(got.Answers(), []int{4}) || got.Exit() != 4 || len(got.hosts) != 5 {
		t.Errorf("answers %v, exit %d, hosts %v", got.Answers(), got.Exit(), got.hosts)
	}
	if err := SetRemaining(m, time.Now().Add(-time.Millisecond)); err == nil {
		t.Error("a message was to be sent after the deadline")
	}
}

// Computers that several functions are bound to are named once.
func TestHostsOnce(t *testing.T) {
	a, err := workflow.Augment(figure12())
	if err != nil {
		t.Fatal(err)
	}
	p, err := New(a, Execution{UUID: "u", Callback: "c:1", Endpoints: []string{"a:1", "b:1", "a:1", "b:1", "c:1"}})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, h := range p.hosts {
		got = append(got, h.GetEndpoint())
	}
	if !slices.Equal(got, []string{"a:1", "b:1", "c:1"}) || p.Endpoint(2) != "a:1" || p.Endpoint(3) != "b:1" {
		t.Errorf("endpoints %q", got)
	}
	if _, err := New(a, Execution{UUID: "u", Callback: "c:1", Endpoints: []string{"a:1"}}); err == nil {
		t.Error("tasks without a computer were accepted")
	}
}

func TestParseRefuses(t *testing.T) {
	good := func() *wire.LambdaRequest {
		messages, _ := course(t, figure9(1, 2), false).Outgoing(Finished{
			Task: 1, Hops: 1, Output: "out", States: map[string]*wire.State{"S": {Content: []byte("x")}},
		})
		m := messages[1] // from f2 to f3: the state alone
		m.Direct.RemainingMs = 1000
		return m
	}
	if _, err := Parse(good()); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		change func(*wire.LambdaRequest)
		want   string
	}{
		{"empty", func(m *wire.LambdaRequest) { *m = wire.LambdaRequest{} }, "no uuid given"},
		{"no callback", func(m *wire.LambdaRequest) { m.Callback = "" }, "no callback given"},
		{"no DAG", func(m *wire.LambdaRequest) { m.Dag = nil }, "0 names and 0 successor lists"},
		{"names", func(m *wire.LambdaRequest) { m.Dag.Names = m.Dag.Names[1:] }, "3 names and 3 successor lists"},
		{"successor", func(m *wire.LambdaRequest) { m.Dag.Successors[1].Functions[0] = 4 }, "function 1 has successor 4 (want 1 to 3)"},
		{"entry as successor", func(m *wire.LambdaRequest) { m.Dag.Successors[1].Functions[0] = 0 }, "function 1 has successor 0"},
		{"unbound", func(m *wire.LambdaRequest) { m.Direct.Bound = m.Direct.Bound[1:] }, "3 tasks are bound"},
		{"bound nowhere", func(m *wire.LambdaRequest) { m.Direct.Bound[2] = 9 }, "function 2 is bound to computer 9"},
		{"nameless computer", func(m *wire.LambdaRequest) { m.Direct.Hosts[0] = nil }, "function 0 is bound to computer 0"},
		{"no users", func(m *wire.LambdaRequest) { m.Direct.Users["S"] = nil }, "state S has no users"},
		{"unknown user", func(m *wire.LambdaRequest) { m.Direct.Users["S"].Functions[0] = 4 }, "user 4 is unknown"},
		{"user twice", func(m *wire.LambdaRequest) { m.Direct.Users["S"].Functions[0] = 2 }, "user 2 is unknown or stands twice"},
		{"index", func(m *wire.LambdaRequest) { m.NextFunctionIndex = 4 }, "function 4 of 4 requested"},
		{"sender", func(m *wire.LambdaRequest) { m.Direct.Sender = 4 }, "it comes from function 4 of 4"},
		{"negative sender", func(m *wire.LambdaRequest) { m.Direct.Sender = -2 }, "it comes from function -2 of 4"},
		{"name", func(m *wire.LambdaRequest) { m.Name = "f4" }, `it names "f4"`},
		{"late", func(m *wire.LambdaRequest) { m.Direct.RemainingMs = 0 }, "deadline has passed"},
		{"nothing to send", func(m *wire.LambdaRequest) { m.Direct.Sender = 3 }, "nothing to send"},
		{"argument", func(m *wire.LambdaRequest) { m.Input = "x" }, "sends an argument"},
		{"state missing", func(m *wire.LambdaRequest) { m.States = nil }, `states [], want ["S"]`},
		{"another state", func(m *wire.LambdaRequest) { m.States["T"] = &wire.State{} }, `states ["S" "T"], want ["S"]`},
		{"location", func(m *wire.LambdaRequest) { m.States["S"] = &wire.State{Location: "l:1"} }, "want one for state-local only"},
		{"content", func(m *wire.LambdaRequest) { m.Direct.Local = true }, "want one for state-local only"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := proto.Clone(good()).(*wire.LambdaRequest)
			tt.change(m)
			if _, err := Parse(m); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}

// FuzzParse: whatever arrives, nothing panics, and what is accepted can be used.
func FuzzParse(f *testing.F) {
	for _, w := range []*workflow.Workflow{figure9(1, 2), figure12()} {
		p := course(f, w, false)
		for sender := Client; sender < p.Len(); sender++ {
			messages, _ := p.Outgoing(Finished{
				Task: sender, Hops: 1, Output: "out", States: map[string]*wire.State{"S": {Content: []byte("x")}},
			})
			for _, m := range messages {
				m.Direct.RemainingMs = 1
				raw, err := proto.Marshal(m)
				if err != nil {
					f.Fatal(err)
				}
				f.Add(raw)
			}
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		fuzztest.Watch(t, time.Second)
		req := &wire.LambdaRequest{}
		if proto.Unmarshal(raw, req) != nil {
			t.Skip("not a request")
		}
		m, err := Parse(req)
		if err != nil {
			return
		}
		if !slices.Contains(m.Senders(m.Index), m.Sender) {
			t.Errorf("%s is no sender to %s", m.Label(m.Sender), m.Label(m.Index))
		}
		if m.Remaining > maxRemaining {
			t.Errorf("%v remain", m.Remaining)
		}
		states := make(map[string]*wire.State)
		for s := range m.users {
			states[s] = &wire.State{}
		}
		messages, _ := m.Outgoing(Finished{Task: m.Index, States: states})
		for _, out := range messages {
			if _, err := Parse(out); err == nil || !strings.Contains(err.Error(), "deadline") {
				t.Errorf("own message: %v", err)
			}
		}
		m.Answers()
	})
}

// TestAnyOrder runs random workflows on paper, delivering messages in random
// order: all tasks run, each after everything that precedes it, each state
// visits its users in causal order, and the payload is that of Eq. (1).
func TestAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := workflow.Random{
			Size:    rapid.IntRange(1, 12).Draw(t, "size"),
			Density: rapid.Float64Range(0, 1).Draw(t, "density"),
			States:  rapid.IntRange(0, 4).Draw(t, "states"),
		}
		seed := rapid.Uint64().Draw(t, "seed")
		w, err := g.Generate(seed, 0)
		if err != nil {
			t.Fatal(err)
		}
		a, err := workflow.Augment(w)
		if err != nil {
			t.Fatal(err)
		}
		var endpoints []string
		for i := range w.Functions {
			endpoints = append(endpoints, host(i))
		}
		p, err := New(a, Execution{UUID: "u", Callback: "c:1", Endpoints: endpoints})
		if err != nil {
			t.Fatal(err)
		}
		r := rand.New(rand.NewPCG(seed, 1))
		argument := strings.Repeat("x", 100)
		states := make(map[string]*wire.State)
		for s := range a.Users {
			states[s] = &wire.State{Content: make([]byte, w.StateSizes[s])}
		}
		flying, _ := p.Outgoing(Finished{Task: Client, Output: argument, States: states})
		var payload units.Size
		visits := make(map[string][]int)
		arrived := make(map[int][]int)
		have := make(map[int]map[string]*wire.State)
		var ran, answers []int
		for len(flying) > 0 {
			k := r.IntN(len(flying))
			raw := flying[k]
			flying = slices.Delete(flying, k, k+1)
			payload += units.Size(weight(raw))
			raw.Direct.RemainingMs = 1
			m, err := Parse(raw)
			if err != nil {
				t.Fatal(err)
			}
			arrived[m.Index] = append(arrived[m.Index], m.Sender)
			if have[m.Index] == nil {
				have[m.Index] = make(map[string]*wire.State)
			}
			maps.Copy(have[m.Index], m.States)
			if slices.Sort(arrived[m.Index]); !slices.Equal(arrived[m.Index], p.Senders(m.Index)) {
				continue
			}
			for _, before := range a.Ancestors(m.Index) {
				if !slices.Contains(ran, before) {
					t.Fatalf("%s ran before %s", p.Label(m.Index), p.Label(before))
				}
			}
			ran = append(ran, m.Index)
			for s := range have[m.Index] {
				visits[s] = append(visits[s], m.Index)
			}
			if want := w.StatesOf(m.Index); !slices.Equal(slices.Sorted(maps.Keys(have[m.Index])), want) {
				t.Fatalf("%s has states %v, want %v", p.Label(m.Index), have[m.Index], want)
			}
			out, returned := p.Outgoing(Finished{Task: m.Index, Output: argument, States: have[m.Index]})
			flying = append(flying, out...)
			for _, s := range returned {
				payload += units.Size(len(s.GetContent()))
			}
			if m.Index == p.Exit() {
				payload += units.Size(len(argument))
			}
			if m.Index == p.Exit() || len(returned) > 0 {
				answers = append(answers, m.Index)
			}
		}
		if len(ran) != w.Len() {
			t.Fatalf("%d of %d tasks ran", len(ran), w.Len())
		}
		if !maps.EqualFunc(visits, a.Users, slices.Equal) {
			t.Fatalf("states visited %v, want %v", visits, a.Users)
		}
		if slices.Sort(answers); !slices.Equal(answers, p.Answers()) {
			t.Fatalf("answers of %v, want %v", answers, p.Answers())
		}
		for s := range w.StateSizes { // Table 1 has states that nobody uses, too
			if len(w.Users(s)) == 0 {
				delete(w.StateSizes, s)
				delete(w.Dependencies, s)
				delete(w.Order, s)
			}
		}
		want, err := workflow.Table1(w, workflow.Run{Model: workflow.StateProp, Form: workflow.Direct, Argument: 100})
		if err != nil {
			t.Fatal(err)
		}
		if payload != want {
			t.Fatalf("payload %d, want %d", payload, want)
		}
	})
}

// What has no payload never waits for what has, and what has goes in order.
func TestSend(t *testing.T) {
	message := func(i int, bytes int) *wire.LambdaRequest {
		return &wire.LambdaRequest{
			NextFunctionIndex: uint32(i),
			States:            map[string]*wire.State{"s": {Location: "l:1", Content: make([]byte, bytes)}},
		}
	}
	messages := []*wire.LambdaRequest{message(0, 5), message(1, 0), message(2, 5), message(3, 0), {Input: "x", NextFunctionIndex: 4}}
	var mu sync.Mutex
	var heavy []int
	light := make(chan int, len(messages))
	under := 0
	err := Send(t.Context(), messages, func(ctx context.Context, m *wire.LambdaRequest) error {
		i := int(m.GetNextFunctionIndex())
		if weight(m) == 0 {
			light <- i
			return nil
		}
		mu.Lock()
		under++
		if under > 1 {
			t.Error("two messages with payload at a time")
		}
		heavy = append(heavy, i)
		mu.Unlock()
		if i == 0 {
			// Both messages without payload go while this one is under way.
			for range 2 {
				select {
				case <-light:
				case <-time.After(time.Minute):
					t.Error("a reference waits for a payload")
				}
			}
		}
		mu.Lock()
		under--
		mu.Unlock()
		return nil
	})
	if err != nil || !slices.Equal(heavy, []int{0, 2, 4}) {
		t.Errorf("%v, sent %v", err, heavy)
	}

	cause := errors.New("refused")
	var sent []int
	err = Send(t.Context(), []*wire.LambdaRequest{message(0, 1), message(1, 1), message(2, 1)}, func(_ context.Context, m *wire.LambdaRequest) error {
		sent = append(sent, int(m.GetNextFunctionIndex()))
		if len(sent) == 2 {
			return cause
		}
		return nil
	})
	if !errors.Is(err, cause) || !slices.Equal(sent, []int{0, 1}) {
		t.Errorf("%v, sent %v", err, sent)
	}
}
