package cost

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"

	"google.golang.org/grpc"

	"edgebed/nodes/wire"
)

// Sleep waits for a time, or until the context ends, whose error it returns
// then. Which one is right depends on the network: real links need the precision
// of the kernel's timer, and a virtual clock needs to know that a node waits.
type Sleep func(context.Context, time.Duration) error

// Charger makes nodes wait for what their model says. A nil Charger charges
// nothing. It is safe for concurrent use.
type Charger struct {
	model Model
	sleep Sleep
}

// NewCharger returns a charger of the model that waits with sleep.
func NewCharger(m Model, sleep Sleep) *Charger { return &Charger{m, sleep} }

// StateMove charges the calling computer for bringing one state.
func (c *Charger) StateMove(ctx context.Context) error {
	if c == nil {
		return nil
	}
	return c.charge(ctx, "the cost of a state's move", c.model.StateMove)
}

// ClientStart charges a client for its start.
func (c *Charger) ClientStart(ctx context.Context) error {
	if c == nil {
		return nil
	}
	return c.charge(ctx, "the cost of the client's start", c.model.ClientStart)
}

// Server returns the option of a router's or a computer's server that charges
// each RunLambda, and no other method.
func (c *Charger) Server() grpc.ServerOption {
	if c == nil || c.model.Call == 0 {
		return grpc.EmptyServerOption{}
	}
	return grpc.ChainUnaryInterceptor(func(
		ctx context.Context, in any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler,
	) (any, error) {
		if info.FullMethod == wire.EdgeServer_RunLambda_FullMethodName {
			if err := c.charge(ctx, "the cost of a call", c.model.Call); err != nil {
				return nil, err
			}
		}
		return next(ctx, in)
	})
}

// Net returns a host's network on which each connection to another host is
// charged.
func (c *Charger) Net(n wire.Net, host netip.Addr) wire.Net {
	if c == nil || c.model.Connection == 0 {
		return n
	}
	return charged{n, c, host}
}

func (c *Charger) charge(ctx context.Context, what string, d time.Duration) error {
	if d == 0 {
		return nil
	}
	if err := c.sleep(ctx, d); err != nil {
		return fmt.Errorf("wait for %s: %w", what, err)
	}
	return nil
}

// charged is a host's network with costly connections.
type charged struct {
	wire.Net
	charger *Charger
	host    netip.Addr
}

// DialContext implements wire.Net.
func (n charged) DialContext(ctx context.Context, address string) (net.Conn, error) {
	to, err := netip.ParseAddrPort(address)
	if err == nil && to.Addr() != n.host {
		if err := n.charger.charge(ctx, "the cost of a connection", n.charger.model.Connection); err != nil {
			return nil, err
		}
	}
	return n.Net.DialContext(ctx, address)
}
