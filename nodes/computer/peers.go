package computer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"

	"edgebed/nodes/processor"
	"edgebed/nodes/wire"
)

// peers keeps one connection to each other computer, opened at its first use.
type peers struct {
	net wire.Net

	mu     sync.Mutex
	closed bool
	conns  map[string]*grpc.ClientConn
}

func newPeers(n wire.Net) peers { return peers{net: n, conns: make(map[string]*grpc.ClientConn)} }

// get returns the connection to a computer. One that gRPC is backing off from is
// replaced: the computer may have been started again since, and the next call
// must try at once.
func (p *peers) get(endpoint string) (*grpc.ClientConn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, processor.ErrClosed
	}
	if conn := p.conns[endpoint]; conn != nil {
		if conn.GetState() != connectivity.TransientFailure {
			return conn, nil
		}
		delete(p.conns, endpoint)
		if err := conn.Close(); err != nil {
			return nil, fmt.Errorf("close broken connection to %s: %w", endpoint, err)
		}
	}

	conn, err := wire.Dial(p.net, endpoint)
	if err != nil {
		return nil, err
	}
	p.conns[endpoint] = conn
	return conn, nil
}

func (p *peers) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	var errs []error
	for _, endpoint := range slices.Sorted(maps.Keys(p.conns)) {
		errs = append(errs, p.conns[endpoint].Close())
	}
	return errors.Join(errs...)
}

// Connect opens the connections to other computers (their RunLambda endpoints)
// that the direct form uses, and returns once they are ready for requests. It
// opens none to the computer itself.
func (c *Computer) Connect(ctx context.Context, endpoints []string) error {
	for _, endpoint := range endpoints {
		if endpoint == c.endpoint {
			continue
		}
		conn, err := c.peers.get(endpoint)
		if err != nil {
			return fmt.Errorf("connect computer %s to %s: %w", c.endpoint, endpoint, err)
		}

		for state := conn.GetState(); state != connectivity.Ready; state = conn.GetState() {
			if state == connectivity.Idle {
				conn.Connect()
			}
			if !conn.WaitForStateChange(ctx, state) {
				return fmt.Errorf("connect computer %s to %s: still %s: %w", c.endpoint, endpoint, state, ctx.Err())
			}
		}
	}
	return nil
}
