package apart

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"edgebed/nodes/client"
	"edgebed/nodes/computer"
	"edgebed/nodes/controller"
	"edgebed/nodes/deploy"
	"edgebed/nodes/router"
	"edgebed/nodes/workflow"
)

// StartController implements deploy.Starter.
func (p *Process) StartController(ctx context.Context) (deploy.ControllerNode, error) {
	n := p.next()
	if err := n.start(ctx, "StartController", &n.which, &nothing{}); err != nil {
		return nil, err
	}
	return controllerProxy{n}, nil
}

// StartRouter implements deploy.Starter.
func (p *Process) StartRouter(ctx context.Context, seed uint64) (deploy.RouterNode, error) {
	n := p.next()
	if err := n.start(ctx, "StartRouter", &startRouter{n.which, seed}, &nothing{}); err != nil {
		return nil, err
	}
	return routerProxy{n}, nil
}

// StartComputer implements deploy.Starter.
func (p *Process) StartComputer(ctx context.Context) (deploy.ComputerNode, error) {
	c := computerProxy{node: p.next()}
	if err := c.start(ctx, "StartComputer", &c.which, &c.endpoint); err != nil {
		return nil, err
	}
	return c, nil
}

// StartClient implements deploy.Starter.
func (p *Process) StartClient(ctx context.Context, ports int) (deploy.ClientNode, error) {
	n := p.next()
	if err := n.start(ctx, "StartClient", &startClient{n.which, ports}, &nothing{}); err != nil {
		return nil, err
	}
	return &clientProxy{node: n}, nil
}

// next returns a node that is to be started, under a number of its own.
func (p *Process) next() node { return node{p, target{Node: int(p.last.Add(1))}} }

// node is a node in a process.
type node struct {
	at    *Process
	which target
}

// start asks for the node. One that is given up may start all the same, now or later, and is
// closed then; nobody waits for that.
func (n node) start(ctx context.Context, method string, in, out any) error {
	err := n.at.call(ctx, method, in, out)
	if err != nil && ctx.Err() != nil {
		go func() { _ = n.Close() }()
	}
	return err
}

// Close closes the node. With a process that has ended there is nothing to close.
func (n node) Close() error {
	err := n.at.call(n.at.life, "Close", &n.which, &nothing{})
	if n.at.ended() {
		return nil
	}
	return err
}

// ask asks a node for something that cannot fail but with the process. Where it did all the same
// Close says so.
func ask[Out any](n node, method string, in any) (out Out) {
	err := n.at.call(n.at.life, method, in, &out)
	if err != nil && !n.at.ended() {
		n.at.mu.Lock()
		defer n.at.mu.Unlock()
		n.at.lost = cmp.Or(n.at.lost, fmt.Errorf("host %s: %s: %w", n.at.host, method, err))
	}
	return out
}

type controllerProxy struct{ node }

// Stats implements deploy.ControllerNode.
func (c controllerProxy) Stats() controller.Stats {
	return ask[controller.Stats](c.node, "ControllerStats", &c.which)
}

type routerProxy struct{ node }

// Table implements deploy.RouterNode.
func (r routerProxy) Table(id int) []router.Entry {
	return ask[[]router.Entry](r.node, "Table", &table{r.which, id})
}

// Connect implements deploy.RouterNode.
func (r routerProxy) Connect(ctx context.Context) error {
	return r.at.call(ctx, "Connect", &connect{target: r.which}, &nothing{})
}

// Stats implements deploy.RouterNode.
func (r routerProxy) Stats() router.Stats { return ask[router.Stats](r.node, "RouterStats", &r.which) }

type computerProxy struct {
	node
	endpoint string
}

// Endpoint implements deploy.ComputerNode.
func (c computerProxy) Endpoint() string { return c.endpoint }

// Connect implements deploy.ComputerNode.
func (c computerProxy) Connect(ctx context.Context, endpoints []string) error {
	return c.at.call(ctx, "Connect", &connect{c.which, endpoints}, &nothing{})
}

// SetSpeed implements deploy.ComputerNode.
func (c computerProxy) SetSpeed(factor float64) {
	ask[nothing](c.node, "SetSpeed", &speed{c.which, factor})
}

// Abandon implements deploy.ComputerNode.
func (c computerProxy) Abandon() (dropped int) { return ask[int](c.node, "Abandon", &c.which) }

// Stats implements deploy.ComputerNode.
func (c computerProxy) Stats() computer.Stats {
	return ask[computer.Stats](c.node, "ComputerStats", &c.which)
}

// StateSizes implements deploy.ComputerNode.
func (c computerProxy) StateSizes() map[string]int {
	return ask[map[string]int](c.node, "StateSizes", &c.which)
}

type clientProxy struct {
	node
	mu    sync.Mutex
	spent bool
}

// Spent implements deploy.ClientNode.
func (c *clientProxy) Spent() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.spent
}

// Execute implements deploy.ClientNode.
func (c *clientProxy) Execute(
	ctx context.Context, w *workflow.Workflow, run workflow.Run, opts client.Options,
) (client.Result, error) {
	end, err := c.execute(ctx, w, run, opts)
	c.mu.Lock()
	c.spent = end.Spent
	c.mu.Unlock()

	if err == nil && end.Failed != "" {
		err = &client.Failure{Stage: end.Failed, Err: errors.New(end.Reason)}
	}
	return end.Result, err
}

// execute asks for the execution, and returns how it ended. An error is of the asking: the
// client is then spent, since nobody knows what it does.
func (c *clientProxy) execute(
	ctx context.Context, w *workflow.Workflow, run workflow.Run, opts client.Options,
) (progress, error) {
	lost := func(err error) (progress, error) {
		return progress{Spent: true}, &client.Failure{Stage: client.StageCall, Err: c.at.explained(ctx, err)}
	}
	calling, stop := c.at.untimed(ctx)
	defer stop()
	desc := stream()
	s, err := c.at.conn.NewStream(calling, &desc, "/"+service+"/"+execute)
	if err != nil {
		return lost(err)
	}
	in := &execution{
		target: c.which, Workflow: w, Run: run, Verify: opts.Verify, Tell: opts.Verify && opts.Answered != nil,
	}
	// Where the stream has ended it is RecvMsg that says why.
	if err := s.SendMsg(in); err != nil && !errors.Is(err, io.EOF) {
		return lost(err)
	}

	for {
		var said progress
		if err := s.RecvMsg(&said); err != nil {
			return lost(err)
		}
		if !said.Answered {
			return said, nil
		}
		if !in.Tell {
			return lost(errors.New("it tells of an answer, and was not asked to"))
		}
		var reply goAhead
		if err := opts.Answered(); err != nil {
			reply.Error = err.Error()
		}
		if err := s.SendMsg(&reply); err != nil && !errors.Is(err, io.EOF) {
			return lost(err)
		}
	}
}
