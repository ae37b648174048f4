package deploy_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"edgebed/nodes/client"
	"edgebed/nodes/deploy"
	"edgebed/nodes/trace"
	"edgebed/nodes/workflow"
)

// traced executes a workflow once and returns the trace.
func traced(t *testing.T, d *deploy.Deployment, r *trace.Recorder, w *workflow.Workflow, m workflow.Model, f workflow.Form) trace.Trace {
	t.Helper()
	c, err := d.NewClient(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx := r.Begin(t.Context(), r.Node(name(1), trace.Client), string(m))
	result, err := c.Execute(ctx, w, workflow.Run{Model: m, Form: f, Argument: argument}, client.Options{})
	r.End(result.UUID, err)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	waitIdle(t, d) // every answer has arrived
	tr := r.Trace()
	if want := strings.ReplaceAll(result.UUID, "-", ""); tr.ID != want || tr.Delay < result.Delay {
		t.Errorf("trace %s of %v, want %s of at least %v", tr.ID, tr.Delay, want, result.Delay)
	}
	return tr
}

// letters are short names of the roles.
var letters = map[trace.Role]string{trace.Client: "client", trace.Router: "r", trace.Computer: "c", trace.StateServer: "s"}

// station writes a place as the paper's figures do: its role and its host's
// number.
func station(p trace.Party) string {
	if p.Role == trace.Client {
		return "client"
	}
	return letters[p.Role] + p.Host[strings.LastIndexByte(p.Host, '.')+1:]
}

// line writes a message with its payload, for instance "r1>c2 RunLambda A s0=10000".
func line(tr trace.Transfer) string {
	_, method, _ := strings.Cut(tr.Method, "/")
	if tr.Response {
		method = "answer"
	}
	if tr.Message.Ack {
		method = "ack"
	}
	text := fmt.Sprintf("%s>%s %s", station(tr.From), station(tr.To), method)
	if tr.Message.Argument > 0 {
		text += " A"
	}
	for _, s := range tr.Message.States {
		switch {
		case s.Location != "":
			text += " &" + s.Name
		case s.Size > 0:
			text += fmt.Sprintf(" %s=%d", s.Name, s.Size)
		default:
			text += " " + s.Name
		}
	}
	return text
}

// TestTraceChain: the traced messages of the worked chain are those of the
// paper's Fig. 6-8 with the prototype's e-routers between them, in this order.
// Acknowledgements are apart: they race with the function that they acknowledge.
func TestTraceChain(t *testing.T) {
	network, cfg := ring(4, time.Millisecond)
	tap := newTap(t, network)
	cfg.Trace = trace.New()
	d := start(t, cfg)
	if err := d.WarmUp(t.Context(), workflow.Carry); err != nil {
		t.Fatal(err)
	}
	// A state of the prototype moves by Get, Put and Del.
	move := func(state string, from, to string, size int) []string {
		return []string{
			fmt.Sprintf("c%s>%s Get %s", to, from, state), fmt.Sprintf("%s>c%s answer %s=%d", from, to, state, size),
			fmt.Sprintf("c%s>s%s Put %s=%d", to, to, state, size), fmt.Sprintf("s%s>c%s answer", to, to),
			fmt.Sprintf("c%s>%s Del %s", to, from, state), fmt.Sprintf("%s>c%s answer", from, to),
		}
	}
	const both, refs = " A s0=10000 s1=20000", " A &s0 &s1"
	for _, tt := range []struct {
		model    workflow.Model
		messages []string
		acks     []string
		connects int
	}{
		{workflow.PureFaaS, []string{
			"client>r1 RunLambda A s0=10000", "r1>c2 RunLambda A s0=10000", "c2>r1 answer A s0=10000", "r1>client answer A s0=10000",
			"client>r1 RunLambda A s1=20000", "r1>c3 RunLambda A s1=20000", "c3>r1 answer A s1=20000", "r1>client answer A s1=20000",
			"client>r1 RunLambda A s0=10000", "r1>c4 RunLambda A s0=10000", "c4>r1 answer A s0=10000", "r1>client answer A s0=10000",
		}, nil, 1},
		{workflow.StateProp, []string{
			"client>r1 RunLambda" + both, "r1>c2 RunLambda" + both,
			"c2>r2 RunLambda" + both, "r2>c3 RunLambda" + both,
			"c3>r3 RunLambda" + both, "r3>c4 RunLambda" + both,
			"c4>client ReceiveResponse" + both, "client>c4 answer",
		}, []string{"c2>r1 ack", "c3>r2 ack", "c4>r3 ack", "r1>client ack", "r2>c2 ack", "r3>c3 ack"}, 2},
		{workflow.StateLocal, slices.Concat(
			[]string{"client>s1 Put s0=10000", "s1>client answer", "client>s1 Put s1=20000", "s1>client answer"},
			[]string{"client>r1 RunLambda" + refs, "r1>c2 RunLambda" + refs},
			move("s0", "s1", "2", 10000),
			[]string{"c2>r2 RunLambda" + refs, "r2>c3 RunLambda" + refs},
			move("s1", "s1", "3", 20000),
			[]string{"c3>r3 RunLambda" + refs, "r3>c4 RunLambda" + refs},
			move("s0", "s2", "4", 10000),
			[]string{"c4>client ReceiveResponse" + refs, "client>c4 answer"},
		), []string{"c2>r1 ack", "c3>r2 ack", "c4>r3 ack", "r1>client ack", "r2>c2 ack", "r3>c3 ack"}, 3 + 3},
	} {
		t.Run(string(tt.model), func(t *testing.T) {
			tap.take()
			tr := traced(t, d, cfg.Trace, workedChain(), tt.model, workflow.Carry)
			var messages, acks []string
			for _, m := range tr.Transfers() {
				if m.Message.Ack {
					acks = append(acks, line(m))
				} else {
					messages = append(messages, line(m))
				}
			}
			slices.Sort(acks)
			if !slices.Equal(messages, tt.messages) {
				t.Errorf("messages:\n%s\nwant:\n%s", strings.Join(messages, "\n"), strings.Join(tt.messages, "\n"))
			}
			if !slices.Equal(acks, tt.acks) {
				t.Errorf("acknowledgements %q, want %q", acks, tt.acks)
			}
			checkTrace(t, tr, workedChain(), tap.take(), tt.connects)
		})
	}
}

// TestTraceDirect: the same of DAGs in the direct form.
func TestTraceDirect(t *testing.T) {
	network, cfg := ring(5, time.Millisecond)
	tap := newTap(t, network)
	cfg.Trace = trace.New()
	d := warm(t, cfg)
	for model, connects := range map[workflow.Model]int{workflow.StateProp: 1 + 2 + 2, workflow.StateLocal: 1 + 2 + 2 + 1 + 3} {
		t.Run(string(model), func(t *testing.T) {
			tap.take()
			tr := traced(t, d, cfg.Trace, workedDiamond(), model, workflow.Direct)
			var invocations []string
			for _, m := range tr.Transfers() {
				if m.Method == "EdgeServer/RunLambda" && !m.Response {
					invocations = append(invocations, station(m.From)+">"+station(m.To))
				}
			}
			slices.Sort(invocations)
			// s0 goes from f0 to f3, past the functions between them.
			if want := []string{"c2>c3", "c2>c4", "c2>c5", "c3>c5", "c4>c5", "client>c2", "client>c3"}; !slices.Equal(invocations, want) {
				t.Errorf("invocations %q, want %q", invocations, want)
			}
			checkTrace(t, tr, workedDiamond(), tap.take(), connects)
		})
	}
}

// TestTraceSameHost: four branches on one host call the same next task over one
// connection, with arguments of the same size. Each call is paired with its own
// other side, whether the connection is new or not.
func TestTraceSameHost(t *testing.T) {
	_, cfg := ring(4, time.Millisecond)
	cfg.Computers[name(3)] = deploy.Computer{Spec: spec(time.Millisecond, "b1", "b2", "b3", "b4")}
	cfg.Trace = trace.New()
	d := start(t, cfg) // cold: the first calls wait for their connection
	w := &workflow.Workflow{
		Functions:  []string{name(2), "b1", "b2", "b3", "b4", name(4)},
		Successors: [][]int{{1, 2, 3, 4}, {5}, {5}, {5}, {5}},
	}
	for run := range 20 {
		tr := traced(t, d, cfg.Trace, w, workflow.StateProp, workflow.Direct)
		spans := make(map[uint64]trace.Span)
		for _, s := range tr.Spans {
			spans[s.ID] = s
		}
		checkTransit(t, tr)
		joined := 0
		for _, s := range tr.Spans {
			if s.Kind != trace.Serve || s.At.Host != name(4) || s.Request.Sender == "" {
				continue
			}
			joined++
			caller := spans[spans[s.Parent].Parent]
			if caller.Kind != trace.Task || fmt.Sprint(caller.Invocation.Index) != s.Request.Sender {
				t.Errorf("run %d: the message of task %s is paired with a call of %s %+v", run, s.Request.Sender, caller.Kind, caller.Invocation)
			}
		}
		if joined != 4 {
			t.Errorf("run %d: %d messages to the last task, want 4", run, joined)
		}
	}
}

// TestTraceTransit: in the trace of no workflow is a message received before it was
// sent, or a call served that nobody made; with a router on each host or one for
// all, which makes the same calls at the same time.
func TestTraceTransit(t *testing.T) {
	for _, routers := range [][]string{nil, {name(1)}} {
		t.Run(fmt.Sprint(len(routers), " routers"), func(t *testing.T) {
			_, cfg := crowd(4, propertyFunctions)
			cfg.Trace, cfg.Routers = trace.New(), routers
			d := start(t, cfg)
			rapid.Check(t, func(rt *rapid.T) {
				w, err := randomWorkflow(rapid.Uint64().Draw(rt, "seed"), false)
				if err != nil {
					rt.Fatal(err)
				}
				for _, model := range workflow.Models {
					for _, form := range []workflow.Form{workflow.Carry, workflow.Direct} {
						if model != workflow.PureFaaS && form == workflow.Carry && w.CheckCarry() != nil {
							continue
						}
						checkTransit(rt, traced(t, d, cfg.Trace, w, model, form))
					}
				}
			})
		})
	}
}

// checkTransit checks that both sides of each call are known, and that its messages
// were received after they were sent.
func checkTransit(t interface{ Errorf(string, ...any) }, tr trace.Trace) {
	count := make(map[trace.Kind]int)
	for _, s := range tr.Spans {
		count[s.Kind]++
	}
	if count[trace.Call] != count[trace.Serve] {
		t.Errorf("%d calls and %d served ones", count[trace.Call], count[trace.Serve])
	}
	for _, m := range tr.Transfers() {
		if m.Received < m.Sent || m.From.Role == "" || m.To.Role == "" {
			t.Errorf("%s was sent at %v and received at %v", line(m), m.Sent, m.Received)
		}
	}
}

// checkTrace checks what holds for every trace: it has the messages that crossed
// the network, with their sizes, and spans whose parents caused them.
func checkTrace(t *testing.T, tr trace.Trace, w *workflow.Workflow, tapped []message, connects int) {
	t.Helper()
	var got, want []string
	payload := 0
	for _, m := range tr.Transfers() {
		if m.Received < m.Sent || m.Message == nil {
			t.Errorf("%s was sent at %v and received at %v", line(m), m.Sent, m.Received)
		}
		if m.Method == "EdgeRouter/GetTable" { // the tap does not look at these
			continue
		}
		got = append(got, fmt.Sprintf("%s %t %s %s %d", m.Method, !m.Response, m.From.Host, m.To.Host, m.Message.Size))
		if m.From.Host != m.To.Host {
			payload += int(m.Message.Payload())
		}
	}
	for _, m := range tapped {
		want = append(want, fmt.Sprintf("%s %t %s %s %d", m.method, m.request, m.from, m.to, 5+proto.Size(m.body)))
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("traced:\n%s\non the network:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if crossed := between(tapped); payload != crossed {
		t.Errorf("traced messages carry %d bytes between hosts, the network %d", payload, crossed)
	}

	spans := make(map[uint64]trace.Span)
	count := make(map[trace.Kind]int)
	for _, s := range tr.Spans {
		if s.ID == 0 || spans[s.ID].ID != 0 {
			t.Errorf("span %d stands twice", s.ID)
		}
		spans[s.ID] = s
		count[s.Kind]++
	}
	if count[trace.Execution] != 1 || count[trace.Function] != w.Len() || count[trace.Connect] != connects || count[trace.Call] != count[trace.Serve] {
		t.Errorf("spans %v, want %d functions, %d connections, and as many calls as served ones", count, w.Len(), connects)
	}
	parents := map[trace.Kind][]trace.Kind{
		trace.Call:     {trace.Execution, trace.Serve, trace.Task}, // the client, a router, a computer
		trace.Serve:    {trace.Call},
		trace.Connect:  {trace.Call, trace.Execution}, // the client's direct connections open before their calls
		trace.Task:     {trace.Serve, trace.Task},
		trace.Function: {trace.Serve, trace.Task},
	}
	for _, s := range tr.Spans {
		p, ok := spans[s.Parent]
		switch {
		case s.Kind == trace.Execution:
			if s.Parent != 0 || tr.Spans[0].ID != s.ID {
				t.Errorf("the execution is no root: %+v", s)
			}
		case !ok || !slices.Contains(parents[s.Kind], p.Kind):
			t.Errorf("the parent of %s %s at %s is %s %s", s.Kind, s.Name, s.At, p.Kind, p.Name)
		case s.Start < p.Start || s.End < s.Start:
			t.Errorf("%s %s lasts from %v to %v, its parent from %v to %v", s.Kind, s.Name, s.Start, s.End, p.Start, p.End)
		case s.Kind != trace.Task && p.Kind != trace.Execution && s.End > p.End:
			// A task outlives the call that began it, the last answers the execution.
			t.Errorf("%s %s ends at %v, its parent %s %s at %v", s.Kind, s.Name, s.End, p.Kind, p.Name, p.End)
		}
		if s.Kind == trace.Function && (s.End-s.Start < time.Millisecond || s.Invocation.Function != s.Name || s.Invocation.UUID == "") {
			t.Errorf("function %+v of %+v, want one of at least 1 ms", s, s.Invocation)
		}
	}
}
