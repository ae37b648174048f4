package router_test

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"edgebed/nodes/router"
	"edgebed/nodes/wire"
)

// TestFailover: a destination that fails is taken out of both tables, the
// controller takes the whole computer out, and the request tries the next one.
func TestFailover(t *testing.T) {
	for _, tt := range []struct {
		name string
		fail func(context.Context, *wire.LambdaRequest) (*wire.LambdaResponse, error)
	}{
		{"RPC", func(context.Context, *wire.LambdaRequest) (*wire.LambdaResponse, error) {
			return nil, errors.New("boom")
		}},
		{"retcode", answer("out of memory")},
		{"timeout", nil}, // set below
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := router.Config{Controller: controlled, CallTimeout: 20 * time.Second}
			if tt.name == "timeout" {
				cfg.CallTimeout = 300 * time.Millisecond
				tt.fail = func(ctx context.Context, _ *wire.LambdaRequest) (*wire.LambdaResponse, error) {
					<-ctx.Done()
					return nil, ctx.Err()
				}
			}
			b := setUp(t, cfg)
			cc, err := wire.Dial(b.network.Host(routerHost), controlled)
			if err != nil {
				t.Fatal(err)
			}
			defer cc.Close()
			announce := func(endpoint string) {
				t.Helper()
				_, err := wire.NewEdgeControllerClient(cc).AnnounceComputer(t.Context(), &wire.ComputerInfo{
					EdgeServerEndpoint: endpoint, Containers: []*wire.Container{{Lambda: "f"}, {Lambda: "g"}},
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			bad := b.computer(2, tt.fail)
			announce(bad)
			if tt.name != "timeout" { // which leaves no time for a second one
				good := b.computer(3, answer(wire.RetOK))
				announce(good)
				for range 3 {
					if out := b.run(&wire.LambdaRequest{Name: "f"}); out.GetRetcode() != wire.RetOK || out.GetResponder() != good {
						t.Errorf("answer %v, want one from %s", out, good)
					}
				}
			} else if out := b.run(&wire.LambdaRequest{Name: "f"}); out.GetRetcode() == wire.RetOK {
				t.Error("a destination that does not answer answered")
			}
			// The controller removes g too.
			deadline := time.Now().Add(10 * time.Second)
			gone := func(e router.Entry) bool { return e.Destination == bad }
			for slices.ContainsFunc(b.r.Table(router.TableOverall), gone) || slices.ContainsFunc(b.r.Table(router.TableFinal), gone) {
				if time.Now().After(deadline) {
					t.Fatalf("tables still have %s: %v", bad, b.r.Table(router.TableOverall))
				}
				time.Sleep(time.Millisecond)
			}
			announce(bad)
			if !slices.ContainsFunc(b.r.Table(router.TableFinal), gone) {
				t.Error("a computer that announces itself again is not in the table")
			}
		})
	}
}

// TestNoDestination: the answer says why the last destination failed.
func TestNoDestination(t *testing.T) {
	b := setUp(t, router.Config{CallTimeout: 20 * time.Second})
	b.change("f", b.computer(2, answer("out of memory")), true)
	for i, want := range []string{router.RetNoDestination + ": ", router.RetNoDestination} {
		got := b.run(&wire.LambdaRequest{Name: "f"}).GetRetcode()
		if !strings.HasPrefix(got, want) || strings.Contains(got, "out of memory") != (i == 0) {
			t.Errorf("request %d: %q", i, got)
		}
	}
}

// TestKeepOnRetcode: the answer is passed on and the destination stays.
func TestKeepOnRetcode(t *testing.T) {
	b := setUp(t, router.Config{KeepOnRetcode: true})
	b.change("f", b.computer(2, answer("out of memory")), true)
	for range 2 {
		if got := b.run(&wire.LambdaRequest{Name: "f"}).GetRetcode(); got != "out of memory" {
			t.Errorf("answer %q, want the destination's", got)
		}
	}
}

// TestMessageIsNotFailure: a status that speaks of the message is the answer, and
// the destination stays; where the router does as the prototype does, it goes.
func TestMessageIsNotFailure(t *testing.T) {
	for _, keep := range []bool{true, false} {
		for _, code := range []codes.Code{codes.ResourceExhausted, codes.InvalidArgument, codes.OutOfRange} {
			b := setUp(t, router.Config{KeepOnRetcode: keep})
			b.change("f", b.computer(2, func(context.Context, *wire.LambdaRequest) (*wire.LambdaResponse, error) {
				return nil, status.Error(code, "message larger than max")
			}), true)
			if got := b.run(&wire.LambdaRequest{Name: "f"}).GetRetcode(); !strings.Contains(got, "message larger than max") {
				t.Errorf("%s, kept %t: answer %q, want the reason", code, keep, got)
			}
			if got := len(b.r.Table(router.TableFinal)); (got == 1) != keep {
				t.Errorf("%s, kept %t: %d destinations", code, keep, got)
			}
		}
	}
}

// TestComesBack: a call that was made before a computer came back, and fails after,
// does not take it out again, in this router or by way of the controller; nor does
// the removal that an earlier failure is late to report.
func TestComesBack(t *testing.T) {
	b := setUp(t, router.Config{Controller: controlled, CallTimeout: 20 * time.Second})
	cc, err := wire.Dial(b.network.Host(routerHost), controlled)
	if err != nil {
		t.Fatal(err)
	}
	defer cc.Close()
	control := wire.NewEdgeControllerClient(cc)
	begun, lost := make(chan struct{}), make(chan struct{})
	var calls atomic.Int64
	dest := b.computer(2, func(ctx context.Context, in *wire.LambdaRequest) (*wire.LambdaResponse, error) {
		if calls.Add(1) == 1 {
			close(begun)
			<-lost
			return nil, status.Error(codes.Unavailable, "connection reset")
		}
		return answer(wire.RetOK)(ctx, in)
	})
	start := func(generation uint64) {
		t.Helper()
		if _, err := control.AnnounceComputer(t.Context(), &wire.ComputerInfo{
			EdgeServerEndpoint: dest, Containers: []*wire.Container{{Lambda: "f"}}, Generation: generation,
		}); err != nil {
			t.Fatal(err)
		}
	}
	start(1)
	out := make(chan *wire.LambdaResponse, 1)
	go func() {
		r, _ := b.client.RunLambda(t.Context(), &wire.LambdaRequest{Name: "f"})
		out <- r
	}()
	<-begun
	start(2)
	close(lost)
	if r := <-out; r.GetRetcode() != wire.RetOK || calls.Load() != 2 {
		t.Errorf("answer %v after %d calls, want that of the computer that is back", r, calls.Load())
	}
	if _, err := control.RemoveComputer(t.Context(), &wire.ComputerInfo{EdgeServerEndpoint: dest, Generation: 1}); err != nil {
		t.Fatal(err)
	}
	table := b.r.Table(router.TableFinal)
	if len(table) != 1 || table[0].Generation != 2 {
		t.Errorf("table %+v, want the computer's second start", table)
	}
	if got := b.run(&wire.LambdaRequest{Name: "f"}).GetRetcode(); got != wire.RetOK {
		t.Errorf("the next call: %q", got)
	}
	if _, err := control.RemoveComputer(t.Context(), &wire.ComputerInfo{EdgeServerEndpoint: dest, Generation: 2}); err != nil {
		t.Fatal(err)
	}
	if table := b.r.Table(router.TableFinal); len(table) != 0 {
		t.Errorf("table %+v after the removal of the second start", table)
	}
}

// TestReconnect: a computer that vanished is called as soon as it is announced
// again, whatever gRPC's back-off says.
func TestReconnect(t *testing.T) {
	b := setUp(t, router.Config{CallTimeout: 20 * time.Second})
	addr := netip.MustParseAddr("10.1.0.2")
	dest := b.computer(2, answer(wire.RetOK))
	b.change("f", dest, true)
	b.run(&wire.LambdaRequest{Name: "f"})
	b.network.Cut(addr)
	for range 3 { // each attempt lengthens the back-off
		b.change("f", dest, true)
		if got := b.run(&wire.LambdaRequest{Name: "f"}).GetRetcode(); got == wire.RetOK {
			t.Fatal("a host that was cut off answered")
		}
	}
	b.network.Restore(addr)
	b.change("f", dest, true)
	if got := b.run(&wire.LambdaRequest{Name: "f"}).GetRetcode(); got != wire.RetOK {
		t.Errorf("after the restart: %q", got)
	}
}

// TestBusyIsNotFailure: a request that finds no slot within its time is
// refused, and the destination stays.
func TestBusyIsNotFailure(t *testing.T) {
	b := setUp(t, router.Config{MaxPending: 1, CallTimeout: 200 * time.Millisecond})
	entered := make(chan struct{}, 10)
	b.change("f", b.computer(2, func(ctx context.Context, in *wire.LambdaRequest) (*wire.LambdaResponse, error) {
		entered <- struct{}{}
		<-ctx.Done()
		return nil, ctx.Err()
	}), true)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	first := make(chan error, 1)
	go func() {
		_, err := b.client.RunLambda(ctx, &wire.LambdaRequest{Name: "f"})
		first <- err
	}()
	<-entered
	out := make(chan *wire.LambdaResponse, 1)
	go func() {
		r, _ := b.client.RunLambda(t.Context(), &wire.LambdaRequest{Name: "f"})
		out <- r
	}()
	waitFor(t, func() bool { return b.r.Stats().Handling == 2 })
	cancel() // before its time is out, so that its destination did not fail either
	<-first
	if r := <-out; r.GetRetcode() == wire.RetOK {
		t.Errorf("answer %v from a destination that never answers", r)
	}
}

// TestCallersDeadline: where the caller's own deadline passes, the destination
// is not to blame, even if it notices before the router does.
func TestCallersDeadline(t *testing.T) {
	b := setUp(t, router.Config{CallTimeout: time.Minute})
	b.change("f", b.computer(2, func(context.Context, *wire.LambdaRequest) (*wire.LambdaResponse, error) {
		return nil, status.FromContextError(context.DeadlineExceeded).Err()
	}), true)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if _, err := b.client.RunLambda(ctx, &wire.LambdaRequest{Name: "f"}); status.Code(err) != codes.DeadlineExceeded {
		t.Errorf("%v, want the deadline", err)
	}
	if len(b.r.Table(router.TableFinal)) != 1 {
		t.Error("the destination was taken out for its caller's deadline")
	}
	b.run(&wire.LambdaRequest{Name: "f"}) // without a deadline it is to blame
	if len(b.r.Table(router.TableFinal)) != 0 {
		t.Error("the destination that failed is still there")
	}
}
