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

// childMain serves the connection until its other end is closed.
func childMain() error {
	// As for the nodes of other hosts, there is a collection before each execution instead.
	debug.SetGCPercent(800)
	file := os.NewFile(control, "control")
	conn, err := net.FileConn(file)
	if err != nil {
		return fmt.Errorf("open the connection to edgebed: %w", err)
	}
	file.Close()

	s := &server{clients: map[int]deploy.ClientNode{}}
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

// server are the nodes of a host. What is asked for a node that does not run is an error.
type server struct {
	mu         sync.Mutex
	starter    deploy.Starter
	controller deploy.ControllerNode
	router     deploy.RouterNode
	computer   deploy.ComputerNode
	clients    map[int]deploy.ClientNode
	last       int // number of a client
}

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

// start starts a node or a client.
func (s *server) start(ctx context.Context, in *start) (*started, error) {
	s.mu.Lock()
	starter := s.starter
	s.mu.Unlock()
	if starter == nil {
		return nil, errors.New("nothing is known of the job yet")
	}

	// What is started may take its time; meanwhile others are asked.
	keep := func(set func()) {
		s.mu.Lock()
		defer s.mu.Unlock()
		set()
	}
	out := &started{}
	var err error
	switch in.Kind {
	case aController:
		var c deploy.ControllerNode
		if c, err = starter.StartController(ctx); err == nil {
			keep(func() { s.controller = c })
		}
	case aRouter:
		var r deploy.RouterNode
		if r, err = starter.StartRouter(ctx, in.Seed); err == nil {
			keep(func() { s.router = r })
		}
	case aComputer:
		var c deploy.ComputerNode
		if c, err = starter.StartComputer(ctx); err == nil {
			keep(func() { s.computer, out.Endpoint = c, c.Endpoint() })
		}
	default:
		var c deploy.ClientNode
		if c, err = starter.StartClient(ctx, in.Ports); err == nil {
			keep(func() {
				s.last++
				s.clients[s.last], out.Client = c, s.last
			})
		}
	}
	return out, err
}

// close closes a node or a client, and forgets it.
func (s *server) close(_ context.Context, in *of) (*nothing, error) {
	s.mu.Lock()
	var node interface{ Close() error }
	switch {
	case in.Kind == aController && s.controller != nil:
		node, s.controller = s.controller, nil
	case in.Kind == aRouter && s.router != nil:
		node, s.router = s.router, nil
	case in.Kind == aComputer && s.computer != nil:
		node, s.computer = s.computer, nil
	case in.Kind == "" && s.clients[in.Client] != nil:
		node = s.clients[in.Client]
		delete(s.clients, in.Client)
	}
	s.mu.Unlock()
	if node == nil {
		return &nothing{}, nil // it is closed already
	}
	return &nothing{}, node.Close()
}

// connect opens a node's connections.
func (s *server) connect(ctx context.Context, in *connect) (*nothing, error) {
	if in.Kind == aRouter {
		r, err := s.theRouter()
		if err != nil {
			return nil, err
		}
		return &nothing{}, r.Connect(ctx)
	}
	c, err := s.theComputer()
	if err != nil {
		return nil, err
	}
	return &nothing{}, c.Connect(ctx, in.Endpoints)
}

func (s *server) theRouter() (deploy.RouterNode, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.router == nil {
		return nil, errors.New("no router runs")
	}
	return s.router, nil
}

func (s *server) theComputer() (deploy.ComputerNode, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.computer == nil {
		return nil, errors.New("no computer runs")
	}
	return s.computer, nil
}

// table returns one of the router's tables.
func (s *server) table(_ context.Context, id *int) ([]router.Entry, error) {
	r, err := s.theRouter()
	if err != nil {
		return nil, err
	}
	return r.Table(*id), nil
}

// stats returns a node's numbers.
func (s *server) stats(_ context.Context, in *of) (*stats, error) {
	s.mu.Lock()
	controller, router, computer := s.controller, s.router, s.computer
	s.mu.Unlock()
	out := &stats{}
	switch {
	case in.Kind == aController && controller != nil:
		out.Controller = controller.Stats()
	case in.Kind == aRouter && router != nil:
		out.Router = router.Stats()
	case in.Kind == aComputer && computer != nil:
		out.Computer = computer.Stats()
	}
	return out, nil
}

// states returns the sizes of the states that the computer's state server holds, by name.
func (s *server) states(context.Context, *nothing) (map[string]int, error) {
	c, err := s.theComputer()
	if err != nil {
		return nil, err
	}
	return StatesOf(c), nil
}

// StatesOf returns the sizes of the states that the state server of a computer in the calling
// process holds, by name; none where it has no such server.
func StatesOf(c deploy.ComputerNode) map[string]int {
	sizes := map[string]int{}
	own, ok := c.(*computer.Computer)
	if !ok || own.StateServer() == nil {
		return sizes
	}
	for _, name := range own.StateServer().Names() {
		sizes[name] = own.StateServer().Size(name)
	}
	return sizes
}

// setSpeed sets the speed of the computer's processors.
func (s *server) setSpeed(_ context.Context, factor *float64) (*nothing, error) {
	c, err := s.theComputer()
	if err != nil {
		return nil, err
	}
	c.SetSpeed(*factor)
	return &nothing{}, nil
}

// abandon has the computer forget what waits, and returns how much that was.
func (s *server) abandon(context.Context, *nothing) (int, error) {
	c, err := s.theComputer()
	if err != nil {
		return 0, err
	}
	return c.Abandon(), nil
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
	s.mu.Lock()
	c := s.clients[in.Client]
	s.mu.Unlock()
	if c == nil {
		return fmt.Errorf("there is no client %d", in.Client)
	}

	opts := client.Options{Verify: in.Verify}
	if in.Tell {
		opts.Answered = func() error {
			if err := stream.SendMsg(&news{Answered: true}); err != nil {
				return err
			}
			var said word
			if err := stream.RecvMsg(&said); err != nil {
				return err
			}
			if said.Error != "" {
				return errors.New(said.Error)
			}
			return nil
		}
	}
	result, err := c.Execute(stream.Context(), in.Workflow, in.Run, opts)
	result.States, result.Output = nil, ""

	end := &news{Result: result, Spent: c.Spent()}
	var failure *client.Failure
	switch {
	case errors.As(err, &failure):
		end.Failed, end.Reason = failure.Stage, failure.Err.Error()
	case err != nil:
		return err
	}
	return stream.SendMsg(end)
}
