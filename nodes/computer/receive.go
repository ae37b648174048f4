package computer

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/grpc/status"

	"edgebed/nodes/processor"
	"edgebed/nodes/trace"
	"edgebed/nodes/wire"
)

// refusal is an error in the prototype's own words (Edge/edgecomputer.cpp).
type refusal string

func (r refusal) Error() string { return string(r) }

const (
	refuseBoth       refusal = "Cannot specify both a function chain and a DAG in the request"
	refuseNoCallback refusal = "Cannot handle multiple functions without a callback in the request"
	refuseRange      refusal = "Out-of-range function execution requested in a chain"
	refuseNoUUID     refusal = "Cannot execute a DAG without a UUID in the request"
	refuseSyncOnly   refusal = "Cannot handle an asynchronous function invocation"
)

// RunLambda implements wire.EdgeServerServer. Application errors travel in the
// retcode; a gRPC error means that the caller has gone or the computer is
// closing.
func (c *Computer) RunLambda(ctx context.Context, req *wire.LambdaRequest) (*wire.LambdaResponse, error) {
	if c.handlers != nil {
		c.blocked.Add(1)
		select {
		case c.handlers <- struct{}{}:
			c.blocked.Add(-1)
			defer func() { <-c.handlers }()
		case <-ctx.Done():
			c.blocked.Add(-1)
			return nil, status.FromContextError(ctx.Err()).Err()
		}
	}

	resp, err := c.receive(ctx, req)
	if err != nil {
		c.fail(req, err, ctx.Err() == nil)
	}

	if ctx.Err() != nil {
		return nil, status.FromContextError(ctx.Err()).Err()
	}
	if err != nil {
		resp = &wire.LambdaResponse{Retcode: retcode(err)}
	} else {
		resp.Retcode = wire.RetOK
	}
	resp.Hops = req.GetHops() + 1
	return resp, nil
}

// receive handles one request the way that it asks for. It sets neither
// retcode nor hops.
func (c *Computer) receive(ctx context.Context, req *wire.LambdaRequest) (*wire.LambdaResponse, error) {
	if req.GetDirect() != nil {
		return c.acceptDirect(ctx, req)
	}
	if err := check(req); err != nil {
		return nil, err
	}
	switch {
	case req.GetDry():
		return c.estimate(req)
	case req.GetCallback() != "":
		return c.accept(ctx, req)
	default:
		return c.run(ctx, req)
	}
}

// check refuses malformed requests: first what the prototype checks when it
// receives one, in its order and words, then what it checks when it parses the
// chain or DAG (Edge/Model/chain.cpp, dag.cpp), then what would index out of
// range.
func check(req *wire.LambdaRequest) error {
	chain, dag := req.GetChain(), req.GetDag()
	next := uint64(req.GetNextFunctionIndex())
	if len(chain) > 0 && len(dag.GetNames()) > 0 {
		return refuseBoth
	}
	if (len(chain) > 1 || len(dag.GetNames()) > 1) && req.GetCallback() == "" {
		return refuseNoCallback
	}
	if len(chain) > 0 && next >= uint64(len(chain)) {
		return refuseRange
	}
	if len(dag.GetNames()) > 1 && req.GetUuid() == "" {
		return refuseNoUUID
	}

	functions := chain
	if dag := req.GetDag(); len(dag.GetNames()) > 0 || len(dag.GetSuccessors()) > 0 {
		functions = dag.GetNames()
		exit := uint64(len(dag.GetSuccessors()))
		if uint64(len(functions)) != exit+1 {
			return fmt.Errorf("check DAG: %d names and %d successor lists (want one name more)", len(functions), exit)
		}
		for i, list := range dag.GetSuccessors() {
			for _, s := range list.GetFunctions() {
				if s == 0 || s > exit {
					return fmt.Errorf("check DAG: function %d has successor %d (want 1 to %d)", i, s, exit)
				}
			}
		}
		if next > exit {
			return fmt.Errorf("check DAG: function %d requested (want 0 to %d)", next, exit)
		}
	}

	if len(functions) > 0 {
		for state, users := range req.GetDependencies() {
			for _, user := range users.GetFunctions() {
				if !slices.Contains(functions, user) {
					return fmt.Errorf("check dependencies: state %s depends on %s, which is not in the chain or DAG",
						state, user)
				}
			}
		}
	}
	return nil
}

// estimate answers a dry run.
func (c *Computer) estimate(req *wire.LambdaRequest) (*wire.LambdaResponse, error) {
	d, loads, err := c.engine.Expected(req.GetName(), len(req.GetInput()))
	if err != nil {
		return nil, err
	}
	return &wire.LambdaResponse{
		Ptime: milliseconds(d), Load1: loads[0], Load10: loads[1], Load30: loads[2],
	}, nil
}

// accept acknowledges an asynchronous request and queues it, once its
// predecessors have all arrived.
func (c *Computer) accept(ctx context.Context, req *wire.LambdaRequest) (*wire.LambdaResponse, error) {
	if c.queue == nil {
		return nil, refuseSyncOnly
	}
	if predecessors(req) > 1 {
		if err := c.waitForMoves(ctx); err != nil {
			return nil, err
		}
	}

	if c.joins.arrive(req, c.cfg.CallTimeout) {
		c.inFlight.Add(1)
		if !c.queue.push(queued{req, trace.CauseOf(ctx)}) {
			c.inFlight.Add(-1)
			return nil, processor.ErrClosed
		}
	}
	return &wire.LambdaResponse{Asynchronous: true}, nil
}

// work handles queued requests one after the other until Close.
func (c *Computer) work() {
	for {
		q, ok := c.queue.pop()
		if !ok {
			return
		}
		c.finish(q.req, q.cause)
		c.inFlight.Add(-1)
	}
}

// finish runs an accepted request and sends on what comes of it. Whatever
// fails is told to the callback.
func (c *Computer) finish(req *wire.LambdaRequest, cause trace.Cause) {
	ctx, end := c.cfg.Trace.Task(c.life, cause, trace.Invocation{
		Function: req.GetName(), UUID: req.GetUuid(), Index: int(req.GetNextFunctionIndex()),
	})
	defer end()
	resp, err := c.run(ctx, req)
	if err == nil {
		err = c.forward(ctx, req, resp)
	}
	if err != nil {
		c.lose(req, err)
	}
}

// lose counts an asynchronous request that failed, and tells the callback.
func (c *Computer) lose(req *wire.LambdaRequest, cause error) {
	cause = fmt.Errorf("run %s (index %d) at computer %s: %w",
		req.GetName(), req.GetNextFunctionIndex(), c.endpoint, cause)
	err := c.answer(c.life, req, &wire.LambdaResponse{Retcode: retcode(cause), Uuid: req.GetUuid()})
	if err != nil {
		cause = fmt.Errorf("%w (and the client does not know: %w)", cause, err)
	}
	c.fail(req, cause, err == nil)
}

// retcode makes an error fit for a protobuf string.
func retcode(err error) string { return strings.ToValidUTF8(err.Error(), "?") }
