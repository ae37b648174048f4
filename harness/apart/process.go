package apart

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"edgebed/harness/tail"
	"edgebed/nodes/client"
	"edgebed/nodes/computer"
	"edgebed/nodes/controller"
	"edgebed/nodes/deploy"
	"edgebed/nodes/router"
	"edgebed/nodes/wire"
	"edgebed/nodes/workflow"
)

// Options say what runs where.
type Options struct {
	// Host whose nodes run in the process.
	Host string
	// Job is the cell's, as JSON.
	Job json.RawMessage
	// Processors is how many the process may use at a time; 0 for all.
	Processors int
	// Launch starts the process on its host, in its control group.
	Launch func(*exec.Cmd) error
}

const (
	// patience is how long a process may take to end that has nothing left to do.
	patience = 10 * time.Second
	// shown is how much of its log an error shows, in bytes.
	shown = 2048
)

// Process is a process with the nodes of a host. Its methods may be called from several
// goroutines. Where the process has ended, those without an error return nothing.
type Process struct {
	host string
	cmd  *exec.Cmd
	conn *grpc.ClientConn
	log  tail.Writer
	done chan struct{} // closed when it has ended
	life context.Context
	end  context.CancelFunc

	mu      sync.Mutex
	closing bool
	err     error // why it ended unasked
}

// Start starts the process and tells it of the job. The context bounds the start alone.
func Start(ctx context.Context, o Options) (*Process, error) {
	p, err := launch(o)
	if err == nil {
		err = p.call(ctx, "Begin", &begin{Job: o.Job, Host: o.Host}, &nothing{})
		if err != nil {
			err = errors.Join(err, p.Close())
		}
	}
	if err != nil {
		return nil, fmt.Errorf("start the process of host %s: %w", o.Host, err)
	}
	return p, nil
}

func launch(o Options) (*Process, error) {
	if os.Getenv(marker) != "" {
		return nil, errors.New("this is itself such a process: call apart.MaybeMain first thing in main")
	}
	ours, theirs, err := sockets()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()

	p := &Process{host: o.Host, log: tail.Writer{Max: shown}, done: make(chan struct{})}
	p.life, p.end = context.WithCancel(context.Background())
	if p.conn, err = dial(ours); err != nil {
		return nil, errors.Join(err, ours.Close())
	}

	p.cmd = exec.Command("/proc/self/exe")
	p.cmd.Args = []string{"edgebed-nodes", o.Host}
	p.cmd.Env = append(os.Environ(), marker+"=1")
	if o.Processors > 0 {
		most := min(o.Processors, runtime.NumCPU())
		p.cmd.Env = append(p.cmd.Env, "GOMAXPROCS="+strconv.Itoa(most))
	}
	p.cmd.Stderr, p.cmd.ExtraFiles = &p.log, []*os.File{theirs}
	// A process group of its own: Ctrl-C in a shell on the network is not for nodes.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := o.Launch(p.cmd); err != nil {
		return nil, errors.Join(err, p.conn.Close(), ours.Close())
	}
	go p.wait()
	return p, nil
}

// sockets makes the pair, and closes none of it on an error.
func sockets() (ours net.Conn, theirs *os.File, err error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	one, other := os.NewFile(uintptr(pair[0]), "control"), os.NewFile(uintptr(pair[1]), "control")
	defer one.Close()
	if ours, err = net.FileConn(one); err != nil {
		return nil, nil, errors.Join(err, other.Close())
	}
	return ours, other, nil
}

// dial makes the one connection a gRPC client's.
func dial(c net.Conn) (*grpc.ClientConn, error) {
	once := make(chan net.Conn, 1)
	once <- c
	return grpc.NewClient("passthrough:///nodes",
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) {
			select {
			case c := <-once:
				return c, nil
			default:
				return nil, net.ErrClosed
			}
		}),
		grpc.WithInitialWindowSize(window), grpc.WithInitialConnWindowSize(window),
		grpc.WithDefaultCallOptions(grpc.ForceCodec(text{}),
			grpc.MaxCallRecvMsgSize(wire.MaxMessage), grpc.MaxCallSendMsgSize(wire.MaxMessage)),
		grpc.WithDisableRetry(), grpc.WithDisableServiceConfig(), grpc.WithIdleTimeout(0))
}

// wait notes how the process ends.
func (p *Process) wait() {
	err := p.cmd.Wait()
	p.mu.Lock()
	if !p.closing {
		if err == nil {
			err = errors.New("exit code 0")
		}
		p.err = fmt.Errorf("the process with the nodes of host %s ended before its time: %w%s", p.host, err,
			p.log.After("\n"))
	}
	p.mu.Unlock()
	close(p.done)
	p.end()
}

// Done is closed when the process has ended; Err then says why it did so unasked.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err returns why the process ended unasked, nil where it did not.
func (p *Process) Err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// Pid is the number of the process.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Close ends the process, with the nodes that still run there.
func (p *Process) Close() error {
	p.mu.Lock()
	p.closing = true
	p.mu.Unlock()
	err := p.conn.Close()
	select {
	case <-p.done:
	case <-time.After(patience):
		_ = p.cmd.Process.Kill() // it may have ended meanwhile
		<-p.done
	}
	return err
}

// call calls a method of the process.
func (p *Process) call(ctx context.Context, method string, in, out any) error {
	calling, stop := untimed(ctx)
	defer stop()
	return p.explained(ctx, p.conn.Invoke(calling, "/"+service+"/"+method, in, out))
}

// untimed returns a context that ends when ctx does, and does not tell the process of its
// deadline: who keeps it is the caller alone, who says so.
func untimed(ctx context.Context) (context.Context, context.CancelFunc) {
	calling, cancel := context.WithCancel(context.WithoutCancel(ctx))
	forget := context.AfterFunc(ctx, cancel)
	return calling, func() {
		forget()
		cancel()
	}
}

// explained is the error of a call as the process had it.
func (p *Process) explained(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case status.Code(err) == codes.Unavailable:
		// As a rule the process has ended, which its parent learns a moment later.
		select {
		case <-p.done:
		case <-time.After(patience):
		}
		if ended := p.Err(); ended != nil {
			return ended
		}
		return fmt.Errorf("ask the process with the nodes of host %s: %s", p.host, status.Convert(err).Message())
	}
	return errors.New(status.Convert(err).Message())
}

// Rest has the process do what would disturb an execution.
func (p *Process) Rest(ctx context.Context) error { return p.call(ctx, "Rest", &nothing{}, &nothing{}) }

// States returns the sizes of the states that the state server of the host's computer holds, by
// name.
func (p *Process) States(ctx context.Context) (sizes map[string]int, err error) {
	return sizes, p.call(ctx, "States", &nothing{}, &sizes)
}

// StartController implements deploy.Starter.
func (p *Process) StartController(ctx context.Context) (deploy.ControllerNode, error) {
	err := p.call(ctx, "Start", &start{Kind: aController}, &started{})
	return theController{node{p, of{Kind: aController}}}, err
}

// StartRouter implements deploy.Starter.
func (p *Process) StartRouter(ctx context.Context, seed uint64) (deploy.RouterNode, error) {
	err := p.call(ctx, "Start", &start{Kind: aRouter, Seed: seed}, &started{})
	return theRouter{node{p, of{Kind: aRouter}}}, err
}

// StartComputer implements deploy.Starter.
func (p *Process) StartComputer(ctx context.Context) (deploy.ComputerNode, error) {
	var out started
	err := p.call(ctx, "Start", &start{Kind: aComputer}, &out)
	return theComputer{node{p, of{Kind: aComputer}}, out.Endpoint}, err
}

// StartClient implements deploy.Starter.
func (p *Process) StartClient(ctx context.Context, ports int) (deploy.ClientNode, error) {
	var out started
	err := p.call(ctx, "Start", &start{Ports: ports}, &out)
	return &aClient{node: node{p, of{Client: out.Client}}}, err
}

// node is a node in a process.
type node struct {
	at    *Process
	which of
}

// Close closes the node.
func (n node) Close() error { return n.at.call(n.at.life, "Close", &n.which, &nothing{}) }

// numbers returns the node's numbers, zeros where the process has ended.
func (n node) numbers() (out stats) {
	_ = n.at.call(n.at.life, "Stats", &n.which, &out)
	return out
}

type theController struct{ node }

// Stats implements deploy.ControllerNode.
func (c theController) Stats() controller.Stats { return c.numbers().Controller }

type theRouter struct{ node }

// Table implements deploy.RouterNode.
func (r theRouter) Table(id int) (list []router.Entry) {
	_ = r.at.call(r.at.life, "Table", &id, &list) // none where the process has ended
	return list
}

// Connect implements deploy.RouterNode.
func (r theRouter) Connect(ctx context.Context) error {
	return r.at.call(ctx, "Connect", &connect{Kind: aRouter}, &nothing{})
}

// Stats implements deploy.RouterNode.
func (r theRouter) Stats() router.Stats { return r.numbers().Router }

type theComputer struct {
	node
	endpoint string
}

// Endpoint implements deploy.ComputerNode.
func (c theComputer) Endpoint() string { return c.endpoint }

// Connect implements deploy.ComputerNode.
func (c theComputer) Connect(ctx context.Context, endpoints []string) error {
	return c.at.call(ctx, "Connect", &connect{Kind: aComputer, Endpoints: endpoints}, &nothing{})
}

// SetSpeed implements deploy.ComputerNode.
func (c theComputer) SetSpeed(factor float64) {
	_ = c.at.call(c.at.life, "SetSpeed", &factor, &nothing{}) // the end of the process ends the cell
}

// Abandon implements deploy.ComputerNode.
func (c theComputer) Abandon() (dropped int) {
	_ = c.at.call(c.at.life, "Abandon", &nothing{}, &dropped)
	return dropped
}

// Stats implements deploy.ComputerNode.
func (c theComputer) Stats() computer.Stats { return c.numbers().Computer }

type aClient struct {
	node
	mu    sync.Mutex
	spent bool
}

// Spent implements deploy.ClientNode.
func (c *aClient) Spent() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.spent
}

// Execute implements deploy.ClientNode.
func (c *aClient) Execute(
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
func (c *aClient) execute(
	ctx context.Context, w *workflow.Workflow, run workflow.Run, opts client.Options,
) (news, error) {
	lost := func(err error) (news, error) {
		return news{Spent: true}, &client.Failure{Stage: client.StageCall, Err: c.at.explained(ctx, err)}
	}
	calling, stop := untimed(ctx)
	defer stop()
	desc := stream()
	s, err := c.at.conn.NewStream(calling, &desc, "/"+service+"/"+execute)
	if err != nil {
		return lost(err)
	}
	ask := &execution{
		Client: c.which.Client, Workflow: w, Run: run, Verify: opts.Verify, Tell: opts.Verify && opts.Answered != nil,
	}
	if err := s.SendMsg(ask); err != nil {
		return lost(errors.Join(err, s.RecvMsg(&news{})))
	}

	for {
		var n news
		if err := s.RecvMsg(&n); err != nil {
			return lost(err)
		}
		if !n.Answered {
			return n, nil
		}
		var say word
		if err := opts.Answered(); err != nil {
			say.Error = err.Error()
		}
		if err := s.SendMsg(&say); err != nil {
			return lost(err)
		}
	}
}
