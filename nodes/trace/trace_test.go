package trace_test

import (
	"context"
	"testing"
	"time"

	"google.golang.org/grpc"

	"edgebed/nodes/statestore"
	"edgebed/nodes/trace"
	"edgebed/nodes/wire"
)

// TestLost: a call whose server gives up before it has the request is shown with
// its error, its request as lost; what is not in the execution is not shown.
func TestLost(t *testing.T) {
	r := trace.New()
	client, server := r.Node("a", trace.Client), r.Node("b", trace.Computer)
	// Its window is too small for the request, and nobody reads.
	s, err := wire.Serve(t.Context(), server.Net(wire.TCP{}), "127.0.0.1:0", func(grpc.ServiceRegistrar) {},
		grpc.StaticStreamWindowSize(64<<10), grpc.StaticConnWindowSize(64<<10),
		grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
			<-stream.Context().Done()
			return stream.Context().Err()
		}))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	states, err := statestore.Dial(client.Net(wire.TCP{}), s.Endpoint())
	if err != nil {
		t.Fatal(err)
	}
	defer states.Close()
	call := func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
		defer cancel()
		if err := states.Put(ctx, "s0", make([]byte, 1<<20)); err == nil {
			t.Error("the call succeeded")
		}
	}
	call(t.Context())
	ctx := r.Begin(t.Context(), client, "lost")
	call(ctx)
	r.End("", nil)
	tr := r.Trace()
	call(ctx)
	list := tr.Transfers()
	if len(list) != 1 || len(tr.ID) != 32 {
		t.Fatalf("trace %q has messages %+v, want one", tr.ID, list)
	}
	for _, m := range list {
		if !m.Lost || m.From.Role != trace.Client || m.To != (trace.Party{Host: "b", Role: trace.StateServer}) {
			t.Errorf("message %+v, want one that is lost on its way to the state server", m)
		}
	}
	var call1 *trace.Span
	for i := range tr.Spans {
		if s := &tr.Spans[i]; s.Kind == trace.Call {
			call1 = s
		}
	}
	if call1 == nil || call1.Error == "" || call1.End-call1.Start < 200*time.Millisecond {
		t.Errorf("call %+v, want one that failed after its deadline", call1)
	}
}

// TestOff: without a recorder nothing is recorded, and nothing changes.
func TestOff(t *testing.T) {
	var r *trace.Recorder
	node := r.Node("a", trace.Computer)
	if n := node.Net(wire.TCP{}); n != (wire.TCP{}) {
		t.Errorf("the network is %T, want the one given", n)
	}
	ctx, end := node.Task(t.Context(), trace.CauseOf(t.Context()), trace.Invocation{})
	node.Function(ctx, trace.Ran{Function: "f", Input: 1, Submitted: time.Now()})
	end()
	r.End("", nil)
	if ctx != t.Context() {
		t.Error("the context changed")
	}
}
