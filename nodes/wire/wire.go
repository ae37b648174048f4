// Package wire is the interface between edgebed's nodes: the prototype's
// protobuf messages and gRPC services (proto/serverlessonedge.proto), and the
// way our nodes listen, dial and limit their calls.
//
// Application errors travel in the body's retcode with gRPC status OK, as in
// the prototype; success is exactly RetOK.
package wire

import (
	"context"
	"fmt"
	"net"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/stats"
)

// RetOK is the retcode of success.
const RetOK = "OK"

// Default ports of the prototype's experiments (experiments/Common/experiment.py).
const (
	PortRouter       = 6473  // e-router RunLambda
	PortRouterConfig = 6474  // e-router Configure
	PortController   = 6475  // controller
	PortCallback     = 6480  // client's callback server
	PortClientState  = 6481  // client's state server
	PortComputer     = 10000 // e-computer RunLambda
	PortUtilization  = 20000 // e-computer StreamUtil
	PortState        = 30000 // e-computer's state server
)

// MaxMessage is the largest message that our nodes send or accept, in bytes.
// The prototype keeps gRPC's default of 4 MiB.
const MaxMessage = 256 << 20

// Window is the HTTP/2 flow-control window of streams and connections. gRPC C++
// announces 4 MiB (measured on the prototype); a fixed window also switches off
// gRPC-Go's bandwidth estimator and its pings, which would show in the traffic.
const Window = 4 << 20

// Net is the network as one node sees it: an emulated host, the loopback
// device, or memory. Addresses are literal ip:port.
type Net interface {
	// Listen opens a TCP listener on the address.
	Listen(ctx context.Context, address string) (net.Listener, error)
	// DialContext opens a TCP connection to the address.
	DialContext(ctx context.Context, address string) (net.Conn, error)
}

// Watched is a Net whose node's calls are watched, as Dial and Listen see to.
type Watched interface {
	Net
	// StatsHandler is told of every call that the node makes or serves.
	StatsHandler() stats.Handler
}

// TCP is the Net of the calling process: real sockets, for unit tests on
// loopback and for nodes on real machines.
type TCP struct{}

// Listen implements Net.
func (TCP) Listen(ctx context.Context, address string) (net.Listener, error) {
	var lc net.ListenConfig
	return lc.Listen(ctx, "tcp", address)
}

// DialContext implements Net.
func (TCP) DialContext(ctx context.Context, address string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "tcp", address)
}

// Dial returns a client connection from n to the endpoint (ip:port). It
// connects at its first call, once, and is one TCP connection: nodes that must
// reuse a connection keep it, nodes that must open a fresh one close it.
func Dial(n Net, endpoint string, opts ...grpc.DialOption) (*grpc.ClientConn, error) {
	opts = append([]grpc.DialOption{
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(n.DialContext),
		grpc.WithInitialWindowSize(Window),
		grpc.WithInitialConnWindowSize(Window),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(MaxMessage), grpc.MaxCallSendMsgSize(MaxMessage)),
		grpc.WithDisableRetry(),
		grpc.WithDisableServiceConfig(),
		grpc.WithIdleTimeout(0),
		grpc.WithChainUnaryInterceptor(padCall),
	}, opts...)

	if w, ok := n.(Watched); ok {
		opts = append(opts, grpc.WithStatsHandler(w.StatsHandler()))
	}

	cc, err := grpc.NewClient("passthrough:///"+endpoint, opts...)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", endpoint, err)
	}
	return cc, nil
}

// RetError is an application error that a node answered in a retcode.
type RetError struct {
	// Call is what was asked, for instance "RunLambda 10.1.0.2 at 10.1.0.1:6473".
	Call string
	// Retcode is the answer's retcode.
	Retcode string
}

// Error implements error.
func (e *RetError) Error() string { return fmt.Sprintf("%s: answered %q", e.Call, e.Retcode) }

// CheckRet returns a *RetError unless the retcode is RetOK.
func CheckRet(call, retcode string) error {
	if retcode == RetOK {
		return nil
	}
	return &RetError{Call: call, Retcode: strings.ToValidUTF8(retcode, "?")}
}
