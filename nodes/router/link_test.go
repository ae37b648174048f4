package router

import (
	"context"
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/status"

	"edgebed/nodes/memnet"
	"edgebed/nodes/wire"
)

// TestRefreshSparesCalls: a call that has a broken connection when its destination
// is announced again fails as it would have without, and is not cancelled; the
// connection is closed after it, and the next call gets a new one.
func TestRefreshSparesCalls(t *testing.T) {
	network := memnet.New()
	r := &Router{
		cfg:   Config{Net: network.Host(netip.MustParseAddr("10.1.0.1")), MaxPending: 1, Logger: slog.New(slog.DiscardHandler)},
		links: make(map[string]*link),
	}
	const nobody = "10.1.0.2:10000"
	old, err := r.link(nobody)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	old.cc.Connect()
	for state := old.cc.GetState(); state != connectivity.TransientFailure; state = old.cc.GetState() {
		if !old.cc.WaitForStateChange(ctx, state) {
			t.Fatalf("nobody listens, and the connection is %s", state)
		}
	}

	r.refresh(nobody)
	_, err = wire.NewEdgeServerClient(old.cc).RunLambda(ctx, &wire.LambdaRequest{Name: "f"})
	if code := status.Code(err); code != codes.Unavailable {
		t.Errorf("the call that had the connection ends with %v, want %s", err, codes.Unavailable)
	}
	next, err := r.link(nobody)
	if err != nil {
		t.Fatal(err)
	}
	if next == old {
		t.Error("the next call gets the broken connection")
	}
	r.release(nobody, old)
	if state := old.cc.GetState(); state != connectivity.Shutdown {
		t.Errorf("the broken connection is %s after its last call, want it closed", state)
	}
	r.release(nobody, next)
	if err := next.cc.Close(); err != nil {
		t.Error(err)
	}
}
