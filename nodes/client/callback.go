package client

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/stats"

	"edgebed/nodes/wire"
)

// callbackServer receives the results of asynchronous executions. The
// prototype's response names no execution: whoever waits takes the first one
// that comes. Where a response has a uuid, it must be the waiting one's.
type callbackServer struct {
	wire.UnimplementedCallbackServerServer

	endpoint string
	logger   *slog.Logger
	server   *wire.Server
	conns    connections

	mu      sync.Mutex
	waiting *expectation // nil while nobody waits
	late    int
}

// expectation is what an execution waits for.
type expectation struct {
	uuid string
	// named says that responses without a uuid are not ours.
	named bool
	// responses has room for those that may still come, left of them.
	responses chan *wire.LambdaResponse
	left      int
}

func startCallbacks(ctx context.Context, cfg Config) (*callbackServer, error) {
	s := &callbackServer{endpoint: cfg.Callback, logger: cfg.Logger}
	register := func(r grpc.ServiceRegistrar) { wire.RegisterCallbackServerServer(r, s) }
	server, err := wire.Serve(ctx, cfg.Net, cfg.Callback, register, grpc.StatsHandler(&s.conns))
	if err != nil {
		return nil, fmt.Errorf("start callback server: %w", err)
	}
	s.server = server
	return s, nil
}

// linger bounds how long close waits for the computers to close their
// connections.
const linger = time.Second

// close stops the server. A computer closes its connection when it has the
// answer to its callback; before that, it would take the callback for lost.
func (s *callbackServer) close() error {
	s.conns.wait(linger)
	if err := s.server.Close(); err != nil {
		return fmt.Errorf("callback server: %w", err)
	}
	return nil
}

// expect returns a channel that gets the responses of the execution, up to a
// number of them, and what ends the wait. With named only those that say that
// they are this execution's are taken.
func (s *callbackServer) expect(uuid string, number int, named bool) (<-chan *wire.LambdaResponse, func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := &expectation{uuid: uuid, named: named, responses: make(chan *wire.LambdaResponse, number), left: number}
	s.waiting = e
	return e.responses, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.waiting = nil
	}
}

// takes tells whether a response is one that is waited for.
func (e *expectation) takes(in *wire.LambdaResponse) bool {
	return e != nil && e.left > 0 && (in.GetUuid() == e.uuid || in.GetUuid() == "" && !e.named)
}

// ReceiveResponse implements the CallbackServer service.
func (s *callbackServer) ReceiveResponse(_ context.Context, in *wire.LambdaResponse) (*wire.Void, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.waiting.takes(in) {
		s.late++
		s.logger.Warn("late callback", "at", s.endpoint, "responder", in.GetResponder(),
			"retcode", in.GetRetcode(), "uuid", in.GetUuid())
		return &wire.Void{}, nil
	}
	s.waiting.left--
	s.waiting.responses <- in
	return &wire.Void{}, nil
}

func (s *callbackServer) lateCount() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.late
}

// connections is a stats.Handler that counts a server's open connections.
type connections struct {
	mu   sync.Mutex
	open int
	none chan struct{} // closed when open falls to 0; nil if nobody waits
}

// HandleConn implements stats.Handler.
func (c *connections) HandleConn(_ context.Context, event stats.ConnStats) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch event.(type) {
	case *stats.ConnBegin:
		c.open++
	case *stats.ConnEnd:
		c.open--
		if c.open == 0 && c.none != nil {
			close(c.none)
			c.none = nil
		}
	}
}

// TagConn implements stats.Handler.
func (c *connections) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

// TagRPC implements stats.Handler.
func (c *connections) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

// HandleRPC implements stats.Handler.
func (c *connections) HandleRPC(context.Context, stats.RPCStats) {}

// wait returns when no connection is open, or after d.
func (c *connections) wait(d time.Duration) {
	c.mu.Lock()
	if c.open == 0 {
		c.mu.Unlock()
		return
	}
	none := make(chan struct{})
	c.none = none // only one waits: the server is closed once
	c.mu.Unlock()

	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-none:
	case <-timer.C:
	}
}
