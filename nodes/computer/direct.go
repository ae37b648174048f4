package computer

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"golang.org/x/sync/errgroup"

	"edgebed/nodes/direct"
	"edgebed/nodes/trace"
	"edgebed/nodes/wire"
)

// This file runs the tasks of the direct form and sends on what comes of them.

// acceptDirect takes one message of the direct form, from the network or from
// another task of this computer, and runs its task where it is complete. The
// acknowledgement comes before that, and also where the task waits.
func (c *Computer) acceptDirect(ctx context.Context, req *wire.LambdaRequest) (*wire.LambdaResponse, error) {
	if c.queue == nil {
		return nil, refuseSyncOnly
	}
	m, err := direct.Parse(req)
	if err != nil {
		return nil, err
	}
	if at := m.Endpoint(m.Index); at != c.endpoint {
		return nil, fmt.Errorf("accept message for %s: this computer is %s", m.Label(m.Index), c.endpoint)
	}
	if m.Local && c.states == nil && len(m.States) > 0 {
		return nil, fmt.Errorf("accept message for %s: this computer has no state server (give it a state endpoint)",
			m.Label(m.Index))
	}

	t, err := c.waiting.arrive(m, c.expired)
	if err != nil {
		return nil, err
	}
	if t != nil {
		cause := trace.CauseOf(ctx)
		c.inFlight.Add(1)
		c.tasks.Go(func() {
			defer c.inFlight.Add(-1)
			c.finishDirect(t, cause)
		})
	}
	return &wire.LambdaResponse{Asynchronous: true}, nil
}

// expired tells the client of a task whose messages did not all come. What it
// waited for is why its execution failed.
func (c *Computer) expired(t *directTask) {
	c.inFlight.Add(1)
	c.tasks.Go(func() {
		defer c.inFlight.Add(-1)
		c.lose(t.report(), t.missing())
	})
}

// finishDirect runs a complete task and sends on what comes of it, until the
// execution's deadline. Whatever fails is told to the client, and ends what this
// computer does for the execution.
func (c *Computer) finishDirect(t *directTask, cause trace.Cause) {
	ctx, cancel := context.WithDeadline(c.life, t.deadline)
	defer cancel()
	ctx, end := c.cfg.Trace.Task(ctx, cause, trace.Invocation{
		Function: t.course.Name(t.index), UUID: t.course.UUID, Index: t.index,
	})
	defer end()

	if err := c.runDirect(ctx, t); err != nil {
		c.waiting.fail(t.course.UUID, fmt.Errorf("run %s: %w", t.course.Label(t.index), err))
		c.lose(t.report(), err)
	}
}

func (c *Computer) runDirect(ctx context.Context, t *directTask) error {
	p := t.course
	used, err := c.fetchStates(ctx, t)
	defer used.close()
	if err != nil {
		return err
	}

	var outputs []string
	for _, i := range p.Predecessors(t.index) {
		outputs = append(outputs, t.inputs[i])
	}
	done, err := c.execute(ctx, p.Name(t.index), direct.Combine(outputs))
	if err != nil {
		return err
	}

	if err := c.updateStates(ctx, t, used); err != nil {
		return err
	}
	return c.sendDirect(ctx, t, done.output)
}

// fetchStates brings the states that the task uses to the own state server,
// before the function runs, as the paper says: a state is "retrieved from the
// last owner unless the worker executes on the same edge node" (Sec. 5.3).
// Different states move at the same time, each over a connection of its own. With
// StateReadWrite it returns what it read.
func (c *Computer) fetchStates(ctx context.Context, t *directTask) (*accesses, error) {
	if !t.course.Local {
		return nil, nil
	}
	locations := make(map[string]string)
	for name, s := range t.states {
		locations[name] = s.GetLocation()
		t.states[name] = &wire.State{Location: c.states.Endpoint()}
	}
	if c.cfg.StateReadWrite {
		return c.readStates(ctx, locations, -1)
	}

	group, ctx := errgroup.WithContext(ctx)
	for _, name := range slices.Sorted(maps.Keys(locations)) {
		from := locations[name]
		if from == c.states.Endpoint() {
			continue
		}
		group.Go(func() error { return c.moveState(ctx, name, from, nil) })
	}
	return nil, group.Wait()
}

// updateStates does what the function does to its states: nothing but to leave
// its mark where that is asked for.
func (c *Computer) updateStates(ctx context.Context, t *directTask, used *accesses) error {
	var mark []byte
	if t.course.Verify {
		mark = markOf(uint64(t.index))
	}
	if used != nil {
		return used.write(ctx, c, mark)
	}
	if mark == nil {
		return nil
	}

	for _, name := range slices.Sorted(maps.Keys(t.states)) {
		if t.course.Local {
			if err := c.copyState(ctx, c.states, name, mark); err != nil {
				return fmt.Errorf("mark state %s: %w", name, err)
			}
			continue
		}
		t.states[name] = &wire.State{Content: slices.Concat(t.states[name].GetContent(), mark)}
	}
	return nil
}

// sendDirect hands the output and the states to the next tasks, first to those
// on this computer, and returns to the client what goes there.
func (c *Computer) sendDirect(ctx context.Context, t *directTask, output string) error {
	p := t.course
	messages, returned := p.Outgoing(direct.Finished{
		Task: t.index, Hops: t.hops + 1, Output: output, States: t.states,
	})

	var away []*wire.LambdaRequest
	for _, m := range messages {
		to := int(m.GetNextFunctionIndex())
		m.Input = c.part(p.Name(t.index), m.GetName(), m.GetInput())
		if p.Endpoint(to) != c.endpoint {
			away = append(away, m)
			continue
		}
		if err := direct.SetRemaining(m, t.deadline); err != nil {
			return fmt.Errorf("hand over to %s: %w", p.Label(to), err)
		}
		if _, err := c.acceptDirect(ctx, m); err != nil {
			return fmt.Errorf("hand over to %s: %w", p.Label(to), err)
		}
	}

	err := direct.Send(ctx, away, func(ctx context.Context, m *wire.LambdaRequest) error {
		to := int(m.GetNextFunctionIndex())
		err := direct.SetRemaining(m, t.deadline)
		if err == nil {
			err = c.sendTo(ctx, p.Endpoint(to), m)
		}
		if err != nil {
			return fmt.Errorf("send to %s: %w", p.Label(to), err)
		}
		return nil
	})
	if err != nil {
		return err
	}

	if t.index != p.Exit() && len(returned) == 0 {
		return nil
	}
	result := &wire.LambdaResponse{Retcode: wire.RetOK, States: returned, Uuid: p.UUID, Sender: uint32(t.index)}
	if t.index == p.Exit() {
		result.Output = output
	}
	return c.answer(ctx, t.report(), result)
}

// sendTo sends a message to another computer and waits for the acknowledgement.
func (c *Computer) sendTo(ctx context.Context, endpoint string, m *wire.LambdaRequest) error {
	conn, err := c.peers.get(endpoint)
	if err != nil {
		return err
	}
	ctx, cancel := c.call(ctx)
	defer cancel()
	return acknowledged(ctx, wire.NewEdgeServerClient(conn), m, "RunLambda "+m.GetName()+" at "+endpoint)
}

// report is the task as a request, as far as its callback is concerned.
func (t *directTask) report() *wire.LambdaRequest {
	return &wire.LambdaRequest{
		Name:              t.course.Name(t.index),
		Hops:              t.hops,
		Callback:          t.course.Callback,
		NextFunctionIndex: uint32(t.index),
		Uuid:              t.course.UUID,
	}
}
