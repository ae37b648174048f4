package wire

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	"google.golang.org/grpc"
)

// Server is a gRPC server of a node, with our windows and message sizes. Its
// calls are watched where those of its network are.
type Server struct {
	endpoint string
	listener net.Listener
	grpc     *grpc.Server

	closing sync.Mutex
	// served gets what ended the server; nil before Serve and after Close.
	served chan error
	err    error
}

// Serve listens on an endpoint (ip:port) of n and serves what register adds,
// until Close. The context bounds the listening only.
func Serve(
	ctx context.Context, n Net, endpoint string, register func(grpc.ServiceRegistrar), opts ...grpc.ServerOption,
) (*Server, error) {
	s, err := Listen(ctx, n, endpoint, opts...)
	if err != nil {
		return nil, err
	}
	s.Serve(register)
	return s, nil
}

// Listen takes an endpoint (ip:port) of n for a server that answers only from
// Serve on: who must know its port before it is ready calls the two apart.
func Listen(ctx context.Context, n Net, endpoint string, opts ...grpc.ServerOption) (*Server, error) {
	listener, err := n.Listen(ctx, endpoint)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", endpoint, err)
	}

	all := []grpc.ServerOption{
		grpc.InitialWindowSize(Window),
		grpc.InitialConnWindowSize(Window),
		grpc.MaxRecvMsgSize(MaxMessage),
		grpc.MaxSendMsgSize(MaxMessage),
		grpc.ChainUnaryInterceptor(padAnswer),
		grpc.WaitForHandlers(true), // so that nothing of the node runs after Close
	}
	if w, ok := n.(Watched); ok {
		all = append(all, grpc.StatsHandler(w.StatsHandler()))
	}
	s := &Server{endpoint: endpoint, listener: listener, grpc: grpc.NewServer(append(all, opts...)...)}

	// With port 0 the listener has chosen one.
	if _, port, err := net.SplitHostPort(endpoint); err == nil && port == "0" {
		s.endpoint = listener.Addr().String()
	}
	return s, nil
}

// Serve begins to answer calls of the services that register adds. It is called
// once, before Close.
func (s *Server) Serve(register func(grpc.ServiceRegistrar)) {
	register(s.grpc)
	served := make(chan error, 1)
	s.served = served
	go func() { served <- s.grpc.Serve(s.listener) }()
}

// Endpoint returns the server's identity: the endpoint that it was given, with
// the port that the listener chose in place of port 0.
func (s *Server) Endpoint() string { return s.endpoint }

// Close cuts all connections, which cancels the calls in progress, and returns
// when their handlers have ended. The first call does so; all return its error,
// which says why the server ended before it was closed, if it did.
func (s *Server) Close() error {
	s.closing.Lock()
	defer s.closing.Unlock()
	s.grpc.Stop()
	s.listener.Close() // does nothing but where it was never served

	if s.served != nil {
		if err := <-s.served; err != nil && !errors.Is(err, grpc.ErrServerStopped) { // stopped before it served
			s.err = fmt.Errorf("serve on %s: %w", s.endpoint, err)
		}
		s.served = nil
	}
	return s.err
}
