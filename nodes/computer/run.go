package computer

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"edgebed/nodes/processor"
	"edgebed/nodes/statestore"
	"edgebed/nodes/trace"
	"edgebed/nodes/units"
	"edgebed/nodes/wire"
	"edgebed/nodes/workflow"
)

// run executes the request's function and moves the remote states that it uses
// to the own state server. That comes after the function, as in the prototype;
// only with StateReadWrite are the states read before. The response has all
// states of the request; retcode, responder and hops are left to the caller. A
// task whose caller goes away runs on.
func (c *Computer) run(ctx context.Context, req *wire.LambdaRequest) (*wire.LambdaResponse, error) {
	var used *accesses
	remote := usedRemotely(req)
	if c.cfg.StateReadWrite && len(remote) > 0 {
		locations := make(map[string]string)
		for _, name := range remote {
			locations[name] = req.GetStates()[name].GetLocation()
		}
		var err error
		used, err = c.readStates(ctx, locations, 1)
		defer used.close()
		if err != nil {
			return nil, err
		}
	}

	done, err := c.execute(ctx, req.GetName(), req.GetInput())
	if err != nil {
		return nil, err
	}
	if err := c.waitForMoves(ctx); err != nil {
		return nil, err
	}

	resp := &wire.LambdaResponse{
		Output: done.output,
		Ptime:  milliseconds(done.took),
		Load1:  done.loads[0], Load10: done.loads[1], Load30: done.loads[2],
		States: maps.Clone(req.GetStates()),
	}

	if err := c.handleStates(ctx, req, resp, used); err != nil {
		return nil, err
	}
	return resp, nil
}

// execution is what running a function gave.
type execution struct {
	output string
	took   time.Duration
	loads  [3]uint32 // as processor.Task.Loads
}

// execute runs a function on its processor.
func (c *Computer) execute(ctx context.Context, function, input string) (execution, error) {
	submitted := time.Now()
	t, err := c.engine.Submit(function, len(input))
	if err != nil {
		return execution{}, err
	}

	select {
	case <-t.Done():
	case <-ctx.Done():
		return execution{}, fmt.Errorf("wait for the task: %w", ctx.Err())
	}
	if !t.Completed() {
		return execution{}, processor.ErrClosed
	}

	c.cfg.Trace.Function(ctx, trace.Ran{
		Function: function, Input: units.Size(len(input)), Submitted: submitted, Queued: t.Waited(), Took: t.Ran(),
	})
	done := execution{t.Lambda().Value, t.Waited() + t.Ran(), t.Loads()}
	if t.Lambda().Output == processor.CopyInput {
		done.output = input
	}
	return done, nil
}

// part returns what of a function's result goes on to another function: where it says
// nothing of that one by its name, what it says of the task that runs there.
func (c *Computer) part(function, next, result string) string {
	return c.engine.Part(function, result, next, workflow.TaskOf(next))
}

// handleStates does what the function does with its states: nothing with the
// embedded ones, and the remote ones become the computer's, or are written back
// where they were read. With verification every state that the function uses
// gets the function's mark.
func (c *Computer) handleStates(
	ctx context.Context, req *wire.LambdaRequest, resp *wire.LambdaResponse, used *accesses,
) error {
	mark := verifyMark(req)
	for _, name := range slices.Sorted(maps.Keys(resp.GetStates())) {
		s := resp.GetStates()[name]
		// Like the prototype, whether or not the function uses the state.
		if s.GetLocation() != "" && c.states == nil {
			return fmt.Errorf("handle remote state %s: "+
				"this computer has no state server (give it a state endpoint)", name)
		}
		if s.GetLocation() == "" && mark != nil && (uses(req, name) || impliesUse(req)) {
			resp.States[name] = &wire.State{Content: slices.Concat(s.GetContent(), mark)}
		}
	}

	remote := usedRemotely(req)
	if len(remote) == 0 {
		return nil
	}
	if used != nil {
		for _, name := range remote {
			resp.States[name] = &wire.State{Location: c.states.Endpoint()}
		}
		return used.write(ctx, c, mark)
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
			return err
		}
		resp.States[name] = &wire.State{Location: c.states.Endpoint()}
	}
	return nil
}

// waitForMoves waits while a task moves its remote states, if that holds up others.
func (c *Computer) waitForMoves(ctx context.Context) error {
	if !c.cfg.SerialMoves {
		return nil
	}
	if err := c.moving.acquire(ctx); err != nil {
		return fmt.Errorf("wait for other tasks' remote states: %w", err)
	}
	c.moving.release()
	return nil
}

// usedRemotely returns the states that the request's function uses and that the
// request only points to, sorted.
func usedRemotely(req *wire.LambdaRequest) []string {
	var list []string
	for name, s := range req.GetStates() {
		if s.GetLocation() != "" && uses(req, name) {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return list
}

// moveState brings a state to the own state server over a new connection to
// its present one: Get there, Put here, Del there.
func (c *Computer) moveState(ctx context.Context, name, from string, mark []byte) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("move state %s from %s: %w", name, from, err)
		}
	}()

	source, err := statestore.Dial(c.cfg.Net, from)
	if err != nil {
		return err
	}
	defer source.Close()

	if err := c.cfg.Cost.StateMove(ctx); err != nil {
		return err
	}
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
	return markOf(uint64(index))
}

// markOf returns what the function with this index appends to a state.
func markOf(index uint64) []byte { return strconv.AppendUint([]byte{'|'}, index, 10) }

// milliseconds rounds like the prototype.
func milliseconds(d time.Duration) uint32 {
	return uint32(min(int64(d.Round(time.Millisecond)/time.Millisecond), 1<<32-1))
}
