package computer

import (
	"context"
	"errors"
	"fmt"

	"edgebed/nodes/wire"
)

// This file sends results on in the carry form, in which states, or references
// to them, travel with the invocations.

// errNoCompanion is why a workflow ends early at a computer without an
// e-router. The prototype crashes.
var errNoCompanion = errors.New("this computer has no companion e-router (give it one)")

// forward sends the result of a function to the callback where it was the
// workflow's last, and to its successors otherwise.
func (c *Computer) forward(ctx context.Context, req *wire.LambdaRequest, resp *wire.LambdaResponse) error {
	if last(req) {
		result := &wire.LambdaResponse{Retcode: wire.RetOK, Output: resp.GetOutput(), States: resp.GetStates()}
		return c.answer(ctx, req, result)
	}
	return c.invoke(ctx, req, resp)
}

// last tells whether the request's function ends its workflow. The prototype
// never answers a DAG of one function that comes without an e-router in
// between; here it is its own last function.
func last(req *wire.LambdaRequest) bool {
	index := int(req.GetNextFunctionIndex())
	if n := len(req.GetChain()); n > 0 {
		return index == n-1
	}
	return index == len(req.GetDag().GetSuccessors())
}

// answer sends a response to the request's callback, over a connection of its
// own.
func (c *Computer) answer(ctx context.Context, req *wire.LambdaRequest, resp *wire.LambdaResponse) error {
	resp.Responder = c.endpoint
	resp.Hops = req.GetHops() + 1

	conn, err := wire.Dial(c.cfg.Net, req.GetCallback())
	if err != nil {
		return fmt.Errorf("answer to callback: %w", err)
	}
	defer conn.Close()
	ctx, cancel := c.call(ctx)
	defer cancel()
	if _, err := wire.NewCallbackServerClient(conn).ReceiveResponse(ctx, resp); err != nil {
		return fmt.Errorf("answer to callback %s: %w", req.GetCallback(), err)
	}
	return nil
}

// invoke calls the successors of the request's function one after the other
// through the companion e-router. The next branch is sent when the one before
// was delivered and acknowledged, and one task's branches at a time, as in the
// prototype. Unlike there a branch that is not acknowledged ends it.
func (c *Computer) invoke(ctx context.Context, req *wire.LambdaRequest, resp *wire.LambdaResponse) error {
	if c.companion == nil {
		return errNoCompanion
	}
	if err := c.sending.acquire(ctx); err != nil {
		return fmt.Errorf("wait for other tasks' invocations: %w", err)
	}
	defer c.sending.release()

	for _, next := range successors(req) {
		request := next.request(req, resp)
		request.Input = c.part(req.GetName(), next.name, request.GetInput())
		if err := c.invokeOne(ctx, request); err != nil {
			return fmt.Errorf("invoke %s (index %d): %w", next.name, next.index, err)
		}
	}
	return nil
}

func (c *Computer) invokeOne(ctx context.Context, req *wire.LambdaRequest) error {
	ctx, cancel := c.call(ctx)
	defer cancel()
	return acknowledged(ctx, c.companion, req, "RunLambda "+req.GetName()+" at companion "+c.cfg.Companion)
}

// acknowledged sends an asynchronous request and waits until it is accepted.
func acknowledged(ctx context.Context, server wire.EdgeServerClient, req *wire.LambdaRequest, call string) error {
	ack, err := server.RunLambda(ctx, req)
	if err != nil {
		return fmt.Errorf("%s: %w", call, err)
	}
	if err := wire.CheckRet(call, ack.GetRetcode()); err != nil {
		return err
	}
	if !ack.GetAsynchronous() {
		return fmt.Errorf("%s: answered a result (want an acknowledgement)", call)
	}
	return nil
}

// successor is a function to invoke next.
type successor struct {
	index uint64
	name  string
}

// successors returns what follows the request's function, in the DAG's order.
// A function of a DAG that has none ends its branch, as in the prototype.
func successors(req *wire.LambdaRequest) []successor {
	if chain := req.GetChain(); len(chain) > 0 {
		next := uint64(req.GetNextFunctionIndex()) + 1
		return []successor{{next, chain[next]}}
	}
	var out []successor
	for _, next := range req.GetDag().GetSuccessors()[req.GetNextFunctionIndex()].GetFunctions() {
		out = append(out, successor{next, req.GetDag().GetNames()[next]})
	}
	return out
}

// request returns the successor's invocation.
func (s successor) request(req *wire.LambdaRequest, resp *wire.LambdaResponse) *wire.LambdaRequest {
	return &wire.LambdaRequest{
		Name:              s.name,
		Input:             resp.GetOutput(),
		Hops:              req.GetHops() + 1,
		States:            resp.GetStates(),
		Callback:          req.GetCallback(),
		Chain:             req.GetChain(),
		Dag:               req.GetDag(),
		Dependencies:      req.GetDependencies(),
		NextFunctionIndex: uint32(s.index),
		Uuid:              req.GetUuid(),
		Verify:            req.GetVerify(),
	}
}
