package apart

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"sync"

	"google.golang.org/grpc"

	"edgebed/harness/emu"
	"edgebed/harness/job"
	"edgebed/harness/record"
	"edgebed/nodes/client"
	"edgebed/nodes/computer"
	"edgebed/nodes/controller"
	"edgebed/nodes/cost"
	"edgebed/nodes/deploy"
	"edgebed/nodes/router"
)

// marker is the environment variable that makes MaybeMain take over.
const marker = "EDGEBED_NODES_APART"

// control is the descriptor of the process's end of the pair of sockets.
const control = 3

// MaybeMain must be called first thing in main, and in TestMain of tests that start processes.
// In the process of a host's nodes it takes over and never returns; in any other process it does
// nothing.
func MaybeMain() {
	if os.Getenv(marker) == "" {
		return
	}
	if err := childMain(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// GCPercent is by how much the memory of a process with nodes grows before a collection: large, as
// each execution has one before it.
const GCPercent = 800

// childMain serves the connection until its other end is closed.
func childMain() error {
	debug.SetGCPercent(GCPercent)
	file := os.NewFile(control, "control")
	conn, err := net.FileConn(file)
	if err != nil {
		return fmt.Errorf("open the connection to edgebed: %w", err)
	}
	file.Close()

	s := &server{nodes: map[int]closer{}}
	g := grpc.NewServer(serverOptions()...)
	g.RegisterService(description(), s)
	if err := g.Serve(newListener(conn)); !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("serve edgebed: %w", err)
	}
	return nil
}

// listener is one of a single connection, which ends with that.
type listener struct {
	net.Conn
	given chan net.Conn
	over  chan struct{}
	once  sync.Once
}

func newListener(c net.Conn) *listener {
	l := &listener{Conn: c, given: make(chan net.Conn, 1), over: make(chan struct{})}
	l.given <- l // as a connection whose end is noticed
	return l
}

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.given:
		return c, nil
	case <-l.over:
		return nil, net.ErrClosed
	}
}

// Addr implements net.Listener.
func (l *listener) Addr() net.Addr { return l.LocalAddr() }

// Close ends both.
func (l *listener) Close() error {
	l.once.Do(func() { close(l.over) })
	return l.Conn.Close()
}

// server are the nodes of a host.
type server struct {
	mu      sync.Mutex
	starter deploy.Starter
	nodes   map[int]closer // those that run, by their numbers
}

// closer is any node.
type closer interface{ Close() error }

// begin finds the host's part of the job.
func (s *server) begin(_ context.Context, in *begin) (*nothing, error) {
	var j job.Job
	if err := json.Unmarshal(in.Job, &j); err != nil {
		return nil, fmt.Errorf("read job: %w", err)
	}
	if err := j.Open(); err != nil {
		return nil, err
	}
	cfg, err := j.Deployment()
	if err != nil {
		return nil, err
	}
	software, _, err := j.Cell.Nodes.SoftwareCost.Model(string(record.Emulated))
	if err != nil {
		return nil, err
	}

	cfg.Cost = cost.NewCharger(software, emu.Sleep)
	for i := range cfg.Hosts {
		if h := &cfg.Hosts[i]; h.Name == in.Host {
			h.Net = emu.Inside{}
		}
	}
	starter, err := deploy.NewStarter(cfg, in.Host)
	if err != nil {
		return nil, err
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	s.starter = starter
	return &nothing{}, nil
}

// startController starts the controller.
func (s *server) startController(ctx context.Context, in *target) (*nothing, error) {
	_, err := started(ctx, s, in.Node, deploy.Starter.StartController)
	return &nothing{}, err
}

// startRouter starts the router.
func (s *server) startRouter(ctx context.Context, in *startRouter) (*nothing, error) {
	_, err := started(ctx, s, in.Node, func(on deploy.Starter, ctx context.Context) (deploy.RouterNode, error) {
		return on.StartRouter(ctx, in.Seed)
	})
	return &nothing{}, err
}

// startComputer starts the computer, and returns its endpoint.
func (s *server) startComputer(ctx context.Context, in *target) (string, error) {
	c, err := started(ctx, s, in.Node, deploy.Starter.StartComputer)
	if err != nil {
		return "", err
	}
	return c.Endpoint(), nil
}

// startClient starts a client.
func (s *server) startClient(ctx context.Context, in *startClient) (*nothing, error) {
	_, err := started(ctx, s, in.Node, func(on deploy.Starter, ctx context.Context) (deploy.ClientNode, error) {
		return on.StartClient(ctx, in.Ports)
	})
	return &nothing{}, err
}

// started starts a node, and keeps it under its number.
func started[N closer](
	ctx context.Context, s *server, number int, start func(deploy.Starter, context.Context) (N, error),
) (node N, err error) {
	starter, err := s.begun()
	if err != nil {
		return node, err
	}
	if node, err = start(starter, ctx); err != nil {
		return node, err
	}
	return node, s.keep(ctx, number, node)
}

// begun returns what starts nodes.
func (s *server) begun() (deploy.Starter, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.starter == nil {
		return nil, errors.New("nothing is known of the job yet")
	}
	return s.starter, nil
}

// keep keeps a node that has started. Where its asker has given it up meanwhile it closes it: one
// who gives up later asks for that.
func (s *server) keep(ctx context.Context, number int, n closer) error {
	s.mu.Lock()
	wanted := ctx.Err() == nil
	if wanted {
		s.nodes[number] = n
	}
	s.mu.Unlock()
	if wanted {
		return nil
	}
	return errors.Join(ctx.Err(), n.Close())
}

// node returns a node that runs, else nil.
func (s *server) node(number int) closer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.nodes[number]
}

// close closes a node, and forgets it.
func (s *server) close(_ context.Context, in *target) (*nothing, error) {
	s.mu.Lock()
	n := s.nodes[in.Node]
	delete(s.nodes, in.Node)
	s.mu.Unlock()
	if n == nil {
		return &nothing{}, nil // it is closed already, or never ran
	}
	return &nothing{}, n.Close()
}

// connect opens a node's connections.
func (s *server) connect(ctx context.Context, in *connect) (*nothing, error) {
	switch n := s.node(in.Node).(type) {
	case deploy.RouterNode:
		return &nothing{}, n.Connect(ctx)
	case deploy.ComputerNode:
		return &nothing{}, n.Connect(ctx, in.Endpoints)
	}
	return nil, errors.New("connect: no such node runs")
}

// from returns what a node says. One that does not run says nothing: somebody else may have closed
// it since it was asked.
func from[Node closer, Out any](s *server, number int, ask func(Node) Out) (out Out) {
	if n, runs := s.node(number).(Node); runs {
		out = ask(n)
	}
	return out
}

// controllerStats returns the controller's numbers.
func (s *server) controllerStats(_ context.Context, in *target) (controller.Stats, error) {
	return from(s, in.Node, deploy.ControllerNode.Stats), nil
}

// routerStats returns the router's numbers.
func (s *server) routerStats(_ context.Context, in *target) (router.Stats, error) {
	return from(s, in.Node, deploy.RouterNode.Stats), nil
}

// computerStats returns the computer's numbers.
func (s *server) computerStats(_ context.Context, in *target) (computer.Stats, error) {
	return from(s, in.Node, deploy.ComputerNode.Stats), nil
}

// stateSizes returns the sizes of the states on the computer's state server.
func (s *server) stateSizes(_ context.Context, in *target) (map[string]int, error) {
	return from(s, in.Node, deploy.ComputerNode.StateSizes), nil
}

// table returns one of the router's tables.
func (s *server) table(_ context.Context, in *table) ([]router.Entry, error) {
	return from(s, in.Node, func(r deploy.RouterNode) []router.Entry { return r.Table(in.Table) }), nil
}

// setSpeed sets the speed of the computer's processors.
func (s *server) setSpeed(_ context.Context, in *speed) (nothing, error) {
	return from(s, in.Node, func(c deploy.ComputerNode) nothing {
		c.SetSpeed(in.Factor)
		return nothing{}
	}), nil
}

// abandon has the computer forget what waits, and returns how much that was.
func (s *server) abandon(_ context.Context, in *target) (int, error) {
	return from(s, in.Node, deploy.ComputerNode.Abandon), nil
}

// rest does what would disturb an execution.
func (s *server) rest(context.Context, *nothing) (*nothing, error) {
	runtime.GC()
	return &nothing{}, nil
}

// execute has a client execute a workflow.
func (s *server) execute(stream grpc.ServerStream) error {
	var in execution
	if err := stream.RecvMsg(&in); err != nil {
		return err
	}
	c, runs := s.node(in.Node).(deploy.ClientNode)
	switch {
	case !runs:
		return errors.New("execute: no such client runs")
	case in.Workflow == nil:
		return errors.New("execute: no workflow is given")
	}

	opts := client.Options{Verify: in.Verify}
	if in.Tell {
		opts.Answered = func() error { return leave(stream) }
	}
	result, err := c.Execute(stream.Context(), in.Workflow, in.Run, opts)
	result.States, result.Output = nil, ""

	end := &progress{Result: result, Spent: c.Spent()}
	var failure *client.Failure
	switch {
	case errors.As(err, &failure):
		end.Failed, end.Reason = failure.Stage, failure.Err.Error()
	case err != nil:
		return err
	}
	return stream.SendMsg(end)
}

// leave tells the asker that there is an answer, and waits for its leave to verify it.
func leave(stream grpc.ServerStream) error {
	if err := stream.SendMsg(&progress{Answered: true}); err != nil {
		return err
	}
	var said goAhead
	if err := stream.RecvMsg(&said); err != nil {
		return err
	}
	if said.Error != "" {
		return errors.New(said.Error)
	}
	return nil
}
