package testbed

import (
	"context"
	"net"
	"time"

	"edgebed/nodes/wire"
)

// costly is a host's network as seen by a program whose software needs some time
// of its own to open a connection, beside the network's: in the prototype a gRPC
// channel is made anew for every state that moves and every answer.
type costly struct {
	wire.Net
	cost  time.Duration
	sleep func(context.Context, time.Duration) error
}

// DialContext implements wire.Net.
func (c costly) DialContext(ctx context.Context, address string) (net.Conn, error) {
	if err := c.sleep(ctx, c.cost); err != nil {
		return nil, err
	}
	return c.Net.DialContext(ctx, address)
}
