package direct

import (
	"context"

	"golang.org/x/sync/errgroup"

	"edgebed/nodes/wire"
)

// Send sends the messages of one task and returns when all are acknowledged, or
// with the first error when none is under way any more.
//
// Messages with an argument or with the contents of states go one after the
// other, each when the one before was acknowledged: they leave over the same
// link, and where they shared it, all would arrive as late as the last one does
// now. References take no time to send and never wait.
func Send(
	ctx context.Context, messages []*wire.LambdaRequest,
	send func(context.Context, *wire.LambdaRequest) error,
) error {
	var heavy []*wire.LambdaRequest
	group, ctx := errgroup.WithContext(ctx)
	for _, m := range messages {
		if weight(m) > 0 {
			heavy = append(heavy, m)
			continue
		}
		group.Go(func() error { return send(ctx, m) })
	}

	group.Go(func() error {
		for _, m := range heavy {
			if err := send(ctx, m); err != nil {
				return err
			}
		}
		return nil
	})
	return group.Wait()
}

// weight is the payload of a message in bytes.
func weight(m *wire.LambdaRequest) int {
	n := len(m.GetInput())
	for _, s := range m.GetStates() {
		n += len(s.GetContent())
	}
	return n
}
