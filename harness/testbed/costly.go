package testbed

import (
	"context"
	"errors"
	"net"
	"time"

	"golang.org/x/sys/unix"

	"edgebed/nodes/wire"
)

// costly is a host's network as seen by a program whose software needs some time
// of its own to open a connection, beside the network's: in the prototype a gRPC
// channel is made anew for every state that moves and every answer.
type costly struct {
	wire.Net
	cost time.Duration
}

// DialContext implements wire.Net.
func (c costly) DialContext(ctx context.Context, address string) (net.Conn, error) {
	// The kernel's timer: Go's own is up to a millisecond late.
	left := unix.NsecToTimespec(int64(c.cost))
	for c.cost > 0 && errors.Is(unix.Nanosleep(&left, &left), unix.EINTR) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	return c.Net.DialContext(ctx, address)
}
