package deploy

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	"edgebed/nodes/statestore"
	"edgebed/nodes/wire"
	"edgebed/nodes/workflow"
)

// warmUpState is the state that a warm-up moves through the computers. It is
// deleted afterwards.
const warmUpState = "edgebed-warm-up"

// warmUpNodes is how many routers or computers connect at the same time.
const warmUpNodes = 8

// WarmUp opens every connection that nodes keep: from each router to each
// computer, from each computer to its companion router and to its state server,
// and where executions of the direct form are to come also from each computer to
// each other one. Measurements then see a system that has been running for a
// while, as in the paper's experiments, whose daemons serve all workflows.
//
// The computers' connections to their companions and state servers open with
// their first messages, so WarmUp sends each computer, from the client's host, a
// chain of two functions that moves one small state. No client may be open
// meanwhile: WarmUp uses its ports.
func (d *Deployment) WarmUp(ctx context.Context, form workflow.Form) error {
	err := d.warmUp(ctx)
	if err == nil && form == workflow.Direct {
		err = d.connectComputers(ctx)
	}
	if err != nil {
		return fmt.Errorf("warm up deployment: %w", err)
	}
	return nil
}

func (d *Deployment) warmUp(ctx context.Context) (err error) {
	var group errgroup.Group
	group.SetLimit(warmUpNodes)
	for _, name := range slices.Sorted(maps.Keys(d.routers)) {
		group.Go(func() error { return d.routers[name].Connect(ctx) })
	}
	if err := group.Wait(); err != nil {
		return err
	}

	// The client's side of the chains: who calls back, and where states begin.
	h := d.hosts[d.cfg.Client]
	callbacks := &sink{responses: make(chan *wire.LambdaResponse, len(d.cfg.Computers))}
	callback := endpoint(h, wire.PortCallback)
	register := func(s grpc.ServiceRegistrar) { wire.RegisterCallbackServerServer(s, callbacks) }
	server, err := wire.Serve(ctx, h.Net, callback, register)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()

	names := slices.Sorted(maps.Keys(d.cfg.Computers))
	for _, name := range names {
		// One computer at a time: all move a state of the same name.
		if !d.Running(name) {
			continue // stopped
		}
		if err := d.warmUpComputer(ctx, name, callback, callbacks); err != nil {
			return fmt.Errorf("computer of host %s: %w", name, err)
		}
	}
	return d.idle(ctx) // the last acknowledgements come after the callbacks
}

// connectComputers opens the connections from each computer to each other one,
// which executions of the direct form would open as they need them, and which
// computers keep.
func (d *Deployment) connectComputers(ctx context.Context) error {
	d.mu.Lock()
	computers := maps.Clone(d.computers)
	d.mu.Unlock()
	var endpoints []string
	for _, name := range slices.Sorted(maps.Keys(computers)) {
		endpoints = append(endpoints, computers[name].Endpoint())
	}

	var group errgroup.Group
	group.SetLimit(warmUpNodes)
	for _, c := range computers {
		group.Go(func() error { return c.Connect(ctx, endpoints) })
	}
	return group.Wait()
}

// warmUpComputer sends a chain of two functions straight to the computer. The
// first one moves a state from the client's host to the computer's state
// server; the second one, the same function again, goes through the companion.
func (d *Deployment) warmUpComputer(ctx context.Context, name, callback string, callbacks *sink) (err error) {
	h, target := d.hosts[d.cfg.Client], d.hosts[name]
	source, err := statestore.Start(ctx, statestore.Config{Net: h.Net, Endpoint: endpoint(h, wire.PortClientState)})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.Close()) }()

	if err := withStates(h.Net, source.Endpoint(), func(c *statestore.Client) error {
		return c.Put(ctx, warmUpState, nil)
	}); err != nil {
		return err
	}

	at := endpoint(target, wire.PortComputer)
	cc, err := wire.Dial(h.Net, at)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cc.Close()) }()

	function := d.cfg.Computers[name].Spec.Containers[0].Lambda.Name
	ack, err := wire.NewEdgeServerClient(cc).RunLambda(ctx, &wire.LambdaRequest{
		Name:         function,
		Chain:        []string{function, function},
		States:       map[string]*wire.State{warmUpState: {Location: source.Endpoint()}},
		Dependencies: map[string]*wire.FunctionList{warmUpState: {Functions: []string{function}}},
		Callback:     callback,
		Uuid:         name,
	})
	what := fmt.Sprintf("RunLambda %s at %s", function, at)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if err := wire.CheckRet(what, ack.GetRetcode()); err != nil {
		return err
	}

	var result *wire.LambdaResponse
	select {
	case result = <-callbacks.responses:
	case <-ctx.Done():
		return fmt.Errorf("wait for the result of %s: %w", what, ctx.Err())
	}
	if err := wire.CheckRet("callback of "+what, result.GetRetcode()); err != nil {
		return err
	}

	// The state is where the second function ran: a function may stand on
	// several computers.
	location := result.GetStates()[warmUpState].GetLocation()
	return withStates(h.Net, location, func(c *statestore.Client) error { return c.Del(ctx, warmUpState) })
}

// withStates calls f with a client of a state server, over a connection that
// it closes afterwards.
func withStates(n wire.Net, endpoint string, f func(*statestore.Client) error) error {
	c, err := statestore.Dial(n, endpoint)
	if err != nil {
		return err
	}
	return errors.Join(f(c), c.Close())
}

// sink is a callback server that passes on what it receives.
type sink struct {
	wire.UnimplementedCallbackServerServer
	responses chan *wire.LambdaResponse
}

// ReceiveResponse implements the CallbackServer service.
func (s *sink) ReceiveResponse(ctx context.Context, in *wire.LambdaResponse) (*wire.Void, error) {
	select {
	case s.responses <- in:
	case <-ctx.Done():
	}
	return &wire.Void{}, nil
}
