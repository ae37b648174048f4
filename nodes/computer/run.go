package computer

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"edgebed/nodes/statestore"
	"edgebed/nodes/wire"
)

// run executes the request's function and moves the remote states that it uses
// to the own state server. That comes after the function, as in the prototype.
// The response has all states of the request; retcode, responder and hops are
// left to the caller. A task whose caller goes away runs on.
func (c *Computer) run(ctx context.Context, req *wire.LambdaRequest) (*wire.LambdaResponse, error) {
	t, err := c.engine.submit(req.GetName(), len(req.GetInput()))
	if err != nil {
		return nil, err
	}
	select {
	case <-t.done:
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for the task: %w", ctx.Err())
	}
	if !t.ok {
		return nil, errClosed
	}
	lambda := &t.container.Lambda
	resp := &wire.LambdaResponse{
		Output: lambda.Value,
		Ptime:  milliseconds(t.completed - t.submitted),
		Load1:  t.loads[0], Load10: t.loads[1], Load30: t.loads[2],
		States: maps.Clone(req.GetStates()),
	}
	if lambda.Output == CopyInput {
		resp.Output = req.GetInput()
	}
	if err := c.handleStates(ctx, req, resp); err != nil {
		return nil, err
	}
	return resp, nil
}

// handleStates does what the function does with its states: nothing with the
// embedded ones, and the remote ones become the computer's. With verification
// every state that the function uses gets the function's mark.
func (c *Computer) handleStates(ctx context.Context, req *wire.LambdaRequest, resp *wire.LambdaResponse) error {
	mark := verifyMark(req)
	var remote []string
	for _, name := range slices.Sorted(maps.Keys(resp.GetStates())) {
		s := resp.GetStates()[name]
		if s.GetLocation() != "" {
			// Like the prototype, whether or not the function uses the state.
			if c.states == nil {
				return fmt.Errorf("handle remote state %s: this computer has no state server (give it a state endpoint)", name)
			}
			if uses(req, name) {
				remote = append(remote, name)
			}
		} else if mark != nil && (uses(req, name) || impliesUse(req)) {
			resp.States[name] = &wire.State{Content: slices.Concat(s.GetContent(), mark)}
		}
	}
	if len(remote) == 0 {
		return nil
	}
	if err := c.moving.acquire(ctx); err != nil {
		return fmt.Errorf("wait for other tasks' remote states: %w", err)
	}
	defer c.moving.release()
	for _, name := range remote {
		from := resp.States[name].GetLocation()
		if from == c.states.Endpoint() {
			if mark == nil {
				continue
			}
			if err := c.copyState(ctx, c.states, name, mark); err != nil {
				return fmt.Errorf("mark state %s: %w", name, err)
			}
			continue
		}
		if err := c.moveState(ctx, name, from, mark); err != nil {
			return fmt.Errorf("move state %s from %s: %w", name, from, err)
		}
		resp.States[name] = &wire.State{Location: c.states.Endpoint()}
	}
	return nil
}

// moveState brings a state to the own state server over a new connection to
// its present one: Get there, Put here, Del there.
func (c *Computer) moveState(ctx context.Context, name, from string, mark []byte) error {
	source, err := statestore.Dial(c.cfg.Net, from)
	if err != nil {
		return err
	}
	defer source.Close()
	if err := c.copyState(ctx, source, name, mark); err != nil {
		return err
	}
	ctx, cancel := c.call(ctx)
	defer cancel()
	if err := source.Del(ctx, name); err != nil {
		c.log.Warn("moved state remains at its old place", "state", name, "error", err)
	}
	return nil
}

// copyState gets a state and puts it, with the mark, to the own state server.
func (c *Computer) copyState(ctx context.Context, source *statestore.Client, name string, mark []byte) error {
	getting, cancel := c.call(ctx)
	defer cancel()
	content, err := source.Get(getting, name)
	if err != nil {
		return err
	}
	putting, cancel := c.call(ctx)
	defer cancel()
	return c.states.Put(putting, name, slices.Concat(content, mark))
}

// uses tells whether the request's function depends on a state. Dependencies
// are on names: a function that stands twice in a workflow uses it twice.
func uses(req *wire.LambdaRequest, state string) bool {
	return slices.Contains(req.GetDependencies()[state].GetFunctions(), req.GetName())
}

// impliesUse tells whether the request says nothing on who uses its states
// because they are all its single function's: an e-router drops a DAG of one
// function together with its dependencies.
func impliesUse(req *wire.LambdaRequest) bool {
	return len(req.GetChain()) == 0 && len(req.GetDag().GetNames()) == 0 && len(req.GetDependencies()) == 0
}

// verifyMark returns what the function appends to each state that it uses, a
// '|' and its index in the workflow, or nil where that was not asked for.
func verifyMark(req *wire.LambdaRequest) []byte {
	if req.GetVerify() == nil {
		return nil
	}
	index := req.GetVerify().GetIndex()
	if len(req.GetChain()) > 1 || len(req.GetDag().GetNames()) > 1 {
		index = req.GetNextFunctionIndex()
	}
	return strconv.AppendUint([]byte{'|'}, uint64(index), 10)
}

// milliseconds rounds like the prototype.
func milliseconds(d time.Duration) uint32 {
	return uint32(min(int64(d.Round(time.Millisecond)/time.Millisecond), 1<<32-1))
}
