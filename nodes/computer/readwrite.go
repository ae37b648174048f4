package computer

import (
	"context"
	"maps"
	"slices"

	"golang.org/x/sync/errgroup"

	"edgebed/nodes/statestore"
)

// This file uses states that live in a remote state server, as most serverless
// platforms do today (paper Sec. 2): Config.StateReadWrite.

// access is one use of a state: it was read, and will be written back over the
// same connection.
type access struct {
	name    string
	store   *statestore.Client
	content []byte
}

// accesses are the uses of states by one run of a function.
type accesses struct {
	list []access
	// limit is how many are made at a time; a negative number means all.
	limit int
}

// readStates reads the states, given with their present locations, from the
// remote state server, each over a new connection, and at most limit at a time. A
// state that is elsewhere, as each is at the client before its first use, is
// moved to the server before, as it is without StateReadWrite: read there over a
// new connection, put to the server, deleted there. What was read so far is
// returned with an error too, to be closed.
func (c *Computer) readStates(ctx context.Context, locations map[string]string, limit int) (*accesses, error) {
	names := slices.Sorted(maps.Keys(locations))
	a := &accesses{make([]access, len(names)), limit}

	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(limit)
	for k, name := range names {
		group.Go(func() error {
			if from := locations[name]; from != c.states.Endpoint() {
				if err := c.moveState(ctx, name, from, nil); err != nil {
					return err
				}
			}

			if err := c.cfg.Cost.StateMove(ctx); err != nil {
				return err
			}
			store, err := statestore.Dial(c.cfg.Net, c.states.Endpoint())
			if err != nil {
				return err
			}
			a.list[k] = access{name: name, store: store} // for close, even where Get fails

			ctx, cancel := c.call(ctx)
			defer cancel()
			a.list[k].content, err = store.Get(ctx, name)
			return err
		})
	}
	return a, group.Wait()
}

// write writes the states back, with the function's mark if there is one.
func (a *accesses) write(ctx context.Context, c *Computer, mark []byte) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(a.limit)
	for _, one := range a.list {
		group.Go(func() error {
			ctx, cancel := c.call(ctx)
			defer cancel()
			return one.store.Put(ctx, one.name, slices.Concat(one.content, mark))
		})
	}
	return group.Wait()
}

// close closes the connections; nil has none.
func (a *accesses) close() {
	if a == nil {
		return
	}
	for _, one := range a.list {
		if one.store != nil {
			one.store.Close()
		}
	}
}
