package client

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"edgebed/nodes/direct"
	"edgebed/nodes/units"
	"edgebed/nodes/wire"
)

// runSync executes in pure-faas: the client calls each function itself and
// holds the states in between.
func (c *Client) runSync(ctx context.Context, p *prepared, input string) (Result, error) {
	if p.w.IsChain() {
		return c.runSyncChain(ctx, p, input)
	}
	return c.runSyncDAG(ctx, p, input)
}

// runSyncChain passes each function's output to the next one (prototype,
// functionChain).
func (c *Client) runSyncChain(ctx context.Context, p *prepared, input string) (Result, error) {
	var result Result
	for i := range p.w.Functions {
		out, err := c.invoke(ctx, p, i, input, &result)
		if err != nil {
			return result, err
		}
		c.held.store(out.GetStates())
		input = out.GetOutput()
	}
	return result, nil
}

// runSyncDAG calls each function as soon as its predecessors and, for each of
// its states, the users before it are complete (paper Sec. 5.2). With p.outputs
// a function gets what its predecessors gave, combined as in the direct form;
// otherwise, as in the prototype, each function gets the client's original input.
// Unlike there the returned states are kept, which the functions that share a
// state need.
func (c *Client) runSyncDAG(ctx context.Context, p *prepared, input string) (Result, error) {
	n := p.w.Len()
	next, waiting := make([][]int, n), make([]int, n)
	edge := func(i, j int) {
		if !slices.Contains(next[i], j) {
			next[i] = append(next[i], j)
			waiting[j]++
		}
	}
	for i, successors := range p.w.Successors {
		for _, j := range successors {
			edge(i, j)
		}
	}
	for _, users := range p.users {
		for k := 1; k < len(users); k++ {
			edge(users[k-1], users[k])
		}
	}

	// One goroutine per call; this one alone touches the states, the result and
	// the graph.
	type answer struct {
		index int
		out   *wire.LambdaResponse
	}
	group, ctx := errgroup.WithContext(ctx)
	answers := make(chan answer, n)
	results := make([]Result, n)
	outputs := make([]string, n)

	argument := func(i int) string {
		if !p.outputs || i == 0 {
			return input
		}
		var given []string
		for _, j := range p.w.PredecessorsOf(i) {
			sent := p.w.SentTo(j, i, units.Size(len(outputs[j])))
			given = append(given, outputs[j][:min(len(outputs[j]), int(sent))])
		}
		if p.w.Outputs != nil {
			return strings.Join(given, "") // a workflow with sizes reads all of them
		}
		return direct.Combine(given)
	}

	call := func(i int) {
		id, err := newUUID()
		request := singleRequest(p, i, argument(i), id, c.held.states)
		group.Go(func() error {
			if err != nil {
				return err
			}
			out, err := c.call(ctx, request, &results[i])
			if err == nil {
				answers <- answer{i, out}
			}
			return err
		})
	}

	for i := range n {
		if waiting[i] == 0 {
			call(i)
		}
	}

	for done := 0; done < n; done++ {
		var a answer
		select {
		case a = <-answers:
		case <-ctx.Done(): // a call failed, or time is out
			err := group.Wait()
			if err == nil {
				err = &Failure{StageCall, ctx.Err()}
			}
			return sum(results), err
		}

		c.held.store(a.out.GetStates())
		outputs[a.index] = a.out.GetOutput()
		for _, j := range next[a.index] {
			waiting[j]--
			if waiting[j] == 0 {
				call(j)
			}
		}
	}

	err := group.Wait()
	result := sum(results)
	switch {
	case p.outputs:
		result.Output = outputs[n-1]
	case n > 1:
		result.Output = input
	}
	return result, err
}

// sum adds up the results of several calls.
func sum(results []Result) Result {
	total := Result{}
	if len(results) == 1 {
		return results[0]
	}
	for _, r := range results {
		total.Hops += r.Hops
		total.PTime += r.PTime
		if total.UUID == "" {
			total.UUID = r.UUID
		}
	}
	last := results[len(results)-1]
	total.Load1, total.Load10, total.Load30 = last.Load1, last.Load10, last.Load30
	return total
}

// invoke calls the function with index i of a pure-faas chain and adds its
// answer to the result.
func (c *Client) invoke(
	ctx context.Context, p *prepared, i int, input string, result *Result,
) (*wire.LambdaResponse, error) {
	id, err := newUUID()
	if err != nil {
		return nil, err
	}
	request := singleRequest(p, i, input, id, c.held.states)

	out, err := c.call(ctx, request, result)
	if p.w.Len() > 1 {
		result.Responder = ""
	}
	return out, err
}

// call sends one request to the router and adds the answer's figures to the
// result. A non-OK retcode is an error.
func (c *Client) call(ctx context.Context, request *wire.LambdaRequest, result *Result) (*wire.LambdaResponse, error) {
	what := fmt.Sprintf("RunLambda %s through router %s", request.GetName(), c.cfg.Router)
	if result.UUID == "" {
		result.UUID = request.GetUuid()
	}

	out, err := wire.NewEdgeServerClient(c.router).RunLambda(ctx, request)
	if err != nil {
		return nil, &Failure{StageCall, fmt.Errorf("%s: %w", what, timely(ctx, err))}
	}
	if err := wire.CheckRet(what, out.GetRetcode()); err != nil {
		return nil, &Failure{StageCall, err}
	}

	if !out.GetAsynchronous() {
		result.add(out)
	}
	return out, nil
}

// timely adds to the error of a call that time ran out or that the call was
// cancelled, where that is so.
func timely(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("%w (%w)", ctx.Err(), err)
	case status.Code(err) == codes.DeadlineExceeded: // the other side noticed first
		return fmt.Errorf("%w (%w)", context.DeadlineExceeded, err)
	}
	return err
}

// runAsync executes in state-prop or state-local: one request, an immediate
// acknowledgement, and the result at the callback server (prototype,
// singleExecution). An answer without the asynchronous flag is the result.
func (c *Client) runAsync(ctx context.Context, p *prepared, input string) (Result, error) {
	var result Result
	id, err := newUUID()
	if err != nil {
		return result, err
	}

	request := workflowRequest(p, input, id, c.cfg.Callback, c.held.states)
	arrived, forget := c.callbacks.expect(id, 1, false)
	defer forget()
	out, err := c.call(ctx, request, &result)
	if err != nil {
		return result, err
	}

	if out.GetAsynchronous() {
		select {
		case out = <-arrived:
		case <-ctx.Done():
			err := fmt.Errorf("wait for the result of %s at %s: %w", p.name, c.cfg.Callback, ctx.Err())
			return result, &Failure{StageCallback, err}
		}
		what := fmt.Sprintf("callback of %s from %s", p.name, out.GetResponder())
		if err := wire.CheckRet(what, out.GetRetcode()); err != nil {
			return result, &Failure{StageCallback, err}
		}
		result.add(out)
	}
	c.held.store(out.GetStates())
	return result, nil
}

// add adds an answer's figures.
func (r *Result) add(out *wire.LambdaResponse) {
	r.Hops += int(out.GetHops())
	r.PTime += time.Duration(out.GetPtime()) * time.Millisecond
	r.Responder = out.GetResponder()
	r.Load1, r.Load10, r.Load30 = int(out.GetLoad1()), int(out.GetLoad10()), int(out.GetLoad30())
	r.Output = out.GetOutput()
}

func newUUID() (string, error) {
	id, err := uuid.NewRandom()
	if err != nil {
		return "", &Failure{StageCall, fmt.Errorf("draw uuid: %w", err)}
	}
	return id.String(), nil
}
