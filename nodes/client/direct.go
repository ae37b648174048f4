package client

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"edgebed/nodes/direct"
	"edgebed/nodes/router"
	"edgebed/nodes/wire"
	"edgebed/nodes/workflow"
)

// This file executes in the direct form (paper Sec. 5.3; package direct).

// reserve is how much earlier than the client the computers give up waiting, so
// that the client still learns what it was that did not come: a tenth of the
// time that is left, and a second at most.
func reserve(left time.Duration) time.Duration { return min(left/10, time.Second) }

// runDirect binds the functions to computers, sends the entry its argument and
// each state to its first user, and waits for the output and, from the last user
// of each state, the state.
func (c *Client) runDirect(ctx context.Context, p *prepared, input string) (Result, error) {
	var result Result
	id, err := newUUID()
	if err != nil {
		return result, err
	}
	result.UUID = id

	result.Bound, err = c.resolve(ctx, p.w)
	if err != nil {
		return result, &Failure{StageResolve, err}
	}
	d, err := direct.New(p.augmented, direct.Execution{
		UUID: id, Callback: c.cfg.Callback, Endpoints: result.Bound,
		Local: p.Model == workflow.StateLocal, Verify: p.verify,
	})
	if err != nil {
		return result, &Failure{StageResolve, err}
	}

	states := make(map[string]*wire.State)
	for name := range p.users {
		states[name] = toWire(c.held.states[name])
	}
	messages, _ := d.Outgoing(direct.Finished{Task: direct.Client, Output: input, States: states})

	arrived, forget := c.callbacks.expect(id, len(d.Answers()), true)
	defer forget()
	// What is being sent ends with the first failure, and before runDirect does.
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return c.sendDirect(ctx, d, messages) })
	group.Go(func() error { return c.collect(ctx, p, d, arrived, &result) })
	return result, group.Wait()
}

// resolve binds each function of the workflow to one computer for this execution
// (paper Sec. 5.3, "resolve"), of those that the router knows for it.
func (c *Client) resolve(ctx context.Context, w *workflow.Workflow) ([]string, error) {
	table, err := wire.NewEdgeRouterClient(c.tables).GetTable(ctx, &wire.TableId{Value: router.TableFinal})
	if err != nil {
		return nil, fmt.Errorf("get table %d of router %s: %w", router.TableFinal, c.cfg.Tables, timely(ctx, err))
	}

	servers := make(map[string][]string)
	for _, e := range table.GetEntries() {
		servers[e.GetLambda()] = append(servers[e.GetLambda()], e.GetDestination())
	}
	bound, err := direct.Bind(w, servers)
	if err != nil {
		return nil, fmt.Errorf("ask router %s: %w", c.cfg.Tables, err)
	}
	return bound, nil
}

// sendDirect sends the client's messages. The connections to the computers open
// at the same time.
func (c *Client) sendDirect(ctx context.Context, d *direct.Course, messages []*wire.LambdaRequest) error {
	for _, m := range messages {
		endpoint := d.Endpoint(int(m.GetNextFunctionIndex()))
		if c.computers[endpoint] == nil {
			cc, err := wire.Dial(c.cfg.Net, endpoint)
			if err != nil {
				return &Failure{StageCall, err}
			}
			c.computers[endpoint] = cc
		}
		c.computers[endpoint].Connect()
	}

	deadline, _ := ctx.Deadline() // Execute sets one
	deadline = deadline.Add(-reserve(time.Until(deadline)))

	return direct.Send(ctx, messages, func(ctx context.Context, m *wire.LambdaRequest) error {
		endpoint := d.Endpoint(int(m.GetNextFunctionIndex()))
		what := fmt.Sprintf("RunLambda %s at %s", m.GetName(), endpoint)
		if err := direct.SetRemaining(m, deadline); err != nil {
			return &Failure{StageCall, fmt.Errorf("%s: %w (%w)", what, err, context.DeadlineExceeded)}
		}

		ack, err := wire.NewEdgeServerClient(c.computers[endpoint]).RunLambda(ctx, m)
		if err != nil {
			return &Failure{StageCall, fmt.Errorf("%s: %w", what, timely(ctx, err))}
		}
		if err := wire.CheckRet(what, ack.GetRetcode()); err != nil {
			return &Failure{StageCall, err}
		}
		return nil
	})
}

// collect takes the tasks' answers until all are there.
func (c *Client) collect(
	ctx context.Context, p *prepared, d *direct.Course, arrived <-chan *wire.LambdaResponse, result *Result,
) error {
	missing := d.Answers()
	for len(missing) > 0 {
		var out *wire.LambdaResponse
		select {
		case out = <-arrived:
		case <-ctx.Done():
			var from []string
			for _, i := range missing {
				from = append(from, d.Label(i))
			}
			err := fmt.Errorf("wait at %s for the answers of %s: %w",
				c.cfg.Callback, strings.Join(from, ", "), ctx.Err())
			return &Failure{StageCallback, err}
		}

		what := fmt.Sprintf("callback of %s from %s", p.name, out.GetResponder())
		if err := wire.CheckRet(what, out.GetRetcode()); err != nil {
			return &Failure{StageCallback, err}
		}

		sender := int(out.GetSender())
		k := slices.Index(missing, sender)
		if k < 0 {
			return &Failure{StageCallback, fmt.Errorf("%s: task %d answered, want one of %v", what, sender, missing)}
		}
		if err := d.CheckStates(d.Handed(sender, direct.Client), out.GetStates()); err != nil {
			return &Failure{StageCallback, fmt.Errorf("%s: %s: %w", what, d.Label(sender), err)}
		}

		missing = slices.Delete(missing, k, k+1)
		c.held.store(out.GetStates())
		if sender == d.Exit() {
			result.add(out)
		}
	}
	return nil
}
