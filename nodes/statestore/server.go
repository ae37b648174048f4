package statestore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"google.golang.org/grpc"

	"edgebed/nodes/wire"
)

// Config says where a state server listens.
type Config struct {
	// Net is the network that the server listens on; nil means wire.TCP.
	Net wire.Net
	// Endpoint (ip:port) is both the address to listen on and the server's
	// identity. With port 0 the listener chooses the port.
	Endpoint string
}

// Server is a running state server.
type Server struct {
	server *wire.Server
	store  store
}

// Start returns a server that listens already. The context bounds the start
// only; Close ends the server.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	if cfg.Endpoint == "" {
		return nil, errors.New("start state server: no endpoint given (want ip:port)")
	}
	if cfg.Net == nil {
		cfg.Net = wire.TCP{}
	}

	s := &Server{store: store{contents: make(map[string][]byte)}}
	register := func(r grpc.ServiceRegistrar) { wire.RegisterStateServerServer(r, &s.store) }
	server, err := wire.Serve(ctx, cfg.Net, cfg.Endpoint, register)
	if err != nil {
		return nil, fmt.Errorf("start state server: %w", err)
	}
	s.server = server
	return s, nil
}

// Endpoint returns the server's identity: the endpoint it was started with.
func (s *Server) Endpoint() string { return s.server.Endpoint() }

// Len returns the number of states that the server holds.
func (s *Server) Len() int {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	return len(s.store.contents)
}

// Names returns the names of the states that the server holds, sorted.
func (s *Server) Names() []string {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	return slices.Sorted(maps.Keys(s.store.contents))
}

// Close stops the server, cuts its connections and forgets its states. It may
// be called more than once.
func (s *Server) Close() error {
	err := s.server.Close()

	s.store.mu.Lock()
	clear(s.store.contents)
	s.store.mu.Unlock()

	if err != nil {
		return fmt.Errorf("state server: %w", err)
	}
	return nil
}

// store implements the prototype's service. The contents are never changed in
// place: a Put replaces the slice, so that a Get may hand it out.
type store struct {
	wire.UnimplementedStateServerServer

	mu       sync.Mutex
	contents map[string][]byte
}

// Get answers with the content alone, as the prototype does.
func (s *store) Get(_ context.Context, in *wire.State) (*wire.StateResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	content, ok := s.contents[in.GetName()]
	if !ok {
		return &wire.StateResponse{Retcode: "could not find state: " + in.GetName()}, nil
	}
	return &wire.StateResponse{Retcode: wire.RetOK, State: &wire.State{Content: content}}, nil
}

// Put stores or overwrites a state.
func (s *store) Put(_ context.Context, in *wire.State) (*wire.StateResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.contents[in.GetName()] = in.GetContent()
	return &wire.StateResponse{Retcode: wire.RetOK}, nil
}

// Del forgets a state.
func (s *store) Del(_ context.Context, in *wire.State) (*wire.StateResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.contents[in.GetName()]; !ok {
		return &wire.StateResponse{Retcode: "state not found: " + in.GetName()}, nil
	}
	delete(s.contents, in.GetName())
	return &wire.StateResponse{Retcode: wire.RetOK}, nil
}

// Size returns the bytes of a state, 0 where the server has none of this name.
func (s *Server) Size(name string) int {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	return len(s.store.contents[name])
}
