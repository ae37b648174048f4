package apart

import (
	"cmp"
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
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"edgebed/harness/tail"
	"edgebed/nodes/wire"
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
	// patience is how long a process may take to end that has nothing left to do, or whose
	// connection has ended.
	patience = 10 * time.Second
	// An error shows so much of the beginning and of the end of its log, in bytes: what a panic is
	// about comes first.
	shownFirst, shownLast = 1024, 2048
)

// Process is a process with the nodes of a host. Its methods, and those of its nodes, may be called
// from several goroutines. Where the process has ended they return Err if they have an error, else
// nothing: then it is Close that says why.
type Process struct {
	host string
	cmd  *exec.Cmd
	ours net.Conn // our end of the connection, which conn closes only once it has used it
	conn *grpc.ClientConn
	log  tail.Writer
	done chan struct{} // closed when it has ended
	life context.Context
	end  context.CancelFunc
	last atomic.Int64 // the number of the node that was asked for last

	mu      sync.Mutex
	closing bool
	killed  bool  // by Close
	err     error // why it ended unasked
	lost    error // the first of a call that returns none
}

// Start starts the process and tells it of the job. The context bounds the start alone.
func Start(ctx context.Context, o Options) (*Process, error) {
	p, err := launch(o)
	if err == nil {
		err = p.call(ctx, "Begin", &begin{Job: o.Job, Host: o.Host}, &nothing{})
		if err != nil {
			closing := p.Close()
			if !errors.Is(err, closing) {
				err = errors.Join(err, closing)
			}
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

	p, err := newProcess(o.Host, ours)
	if err != nil {
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

// newProcess returns a process that is to be at the other end of a connection.
func newProcess(host string, ours net.Conn) (p *Process, err error) {
	p = &Process{
		host: host, ours: ours, log: tail.Writer{First: shownFirst, Max: shownLast}, done: make(chan struct{}),
	}
	p.life, p.end = context.WithCancel(context.Background())
	p.conn, err = dial(ours)
	return p, err
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

// dial makes the one connection a gRPC client's. There is no other to try where it is slow to
// begin: the callers' contexts and the end of the process bound that.
func dial(c net.Conn) (*grpc.ClientConn, error) {
	once := oneConn{conn: make(chan net.Conn, 1)}
	once.conn <- c
	return wire.Dial(once, "nodes", grpc.WithDefaultCallOptions(grpc.ForceCodec(codec{})),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: backoff.DefaultConfig, MinConnectTimeout: 24 * time.Hour}))
}

// oneConn is a net with a connection that is there already.
type oneConn struct {
	wire.Net
	conn chan net.Conn
}

// DialContext implements wire.Net.
func (o oneConn) DialContext(context.Context, string) (net.Conn, error) {
	select {
	case c := <-o.conn:
		return c, nil
	default:
		return nil, net.ErrClosed
	}
}

// wait notes how the process ends.
func (p *Process) wait() {
	err := p.cmd.Wait()
	p.mu.Lock()
	if asked := p.closing && (err == nil || p.killed); !asked {
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

// Close ends the process, with the nodes that still run there. It returns Err where it had ended
// before, or else the first error of a call that has none of its own.
func (p *Process) Close() error {
	p.mu.Lock()
	p.closing = true
	p.mu.Unlock()
	err := p.conn.Close()
	_ = p.ours.Close() // which conn may have done
	select {
	case <-p.done:
	case <-time.After(patience):
		p.mu.Lock()
		p.killed = true
		p.mu.Unlock()
		_ = p.cmd.Process.Kill() // it may have ended meanwhile
		<-p.done
	}

	p.mu.Lock()
	defer p.mu.Unlock()
	return cmp.Or(p.err, p.lost, err)
}

// call calls a method of the process.
func (p *Process) call(ctx context.Context, method string, in, out any) error {
	calling, stop := p.untimed(ctx)
	defer stop()
	return p.explained(ctx, p.conn.Invoke(calling, "/"+service+"/"+method, in, out))
}

// untimed returns a context that ends when ctx or the process does, and does not tell the process
// of a deadline: who keeps it is the caller alone, who says so.
func (p *Process) untimed(ctx context.Context) (context.Context, context.CancelFunc) {
	calling, cancel := context.WithCancel(context.WithoutCancel(ctx))
	given := context.AfterFunc(ctx, cancel)
	ended := context.AfterFunc(p.life, cancel)
	return calling, func() {
		given()
		ended()
		cancel()
	}
}

// explained is the error of a call as the process had it, or why that ended.
func (p *Process) explained(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	lost := status.Code(err) == codes.Unavailable
	if lost {
		// As a rule the process has ended, which its parent learns a moment later.
		select {
		case <-p.done:
		case <-ctx.Done():
		case <-time.After(patience):
		}
	}

	switch reason := p.Err(); {
	case reason != nil:
		return reason
	case ctx.Err() != nil:
		return ctx.Err()
	case lost || p.ended():
		return fmt.Errorf("ask the process with the nodes of host %s: %s", p.host, status.Convert(err).Message())
	}
	return errors.New(status.Convert(err).Message())
}

// ended tells whether the process has ended, or is about to since it was asked.
func (p *Process) ended() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closing || p.err != nil
}

// Rest has the process do what would disturb an execution.
func (p *Process) Rest(ctx context.Context) error { return p.call(ctx, "Rest", &nothing{}, &nothing{}) }
