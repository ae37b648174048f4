package delayline

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"

	"edgebed/harness/tail"
)

// closePatience is how long Close waits for the child to go by itself.
const closePatience = time.Second

// A Relay is a running child process that relays the frames of its lines.
// Its methods may be called from several goroutines.
type Relay struct {
	lines int
	in    io.WriteCloser
	out   io.Reader
	cmd   *exec.Cmd

	turn    chan struct{} // holds a token while no request is under way
	done    chan struct{}
	closing chan struct{} // closed by Close
	once    sync.Once
	err     error // why the child ended; valid after done
}

// Start starts a relay and returns when it forwards frames. The child process
// is the running program itself, which must call MaybeMain first thing in main.
//
// Start takes over the files of the lines: they are closed in this process
// when it returns, also if it fails. The context bounds only Start itself; the
// relay runs until Close, and dies with this process however that ends.
func Start(ctx context.Context, lines []Line) (*Relay, error) {
	defer closeFiles(lines)
	r, err := start(ctx, lines)
	if err != nil {
		return nil, fmt.Errorf("start delay line relay: %w", err)
	}
	return r, nil
}

func closeFiles(lines []Line) {
	for _, l := range lines {
		for _, f := range []*os.File{l.A, l.B} {
			if f != nil {
				f.Close()
			}
		}
	}
}

// stderrShown is how many bytes of the relay's standard error an error shows.
const stderrShown = 1000

func start(ctx context.Context, lines []Line) (*Relay, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if os.Getenv(childMarker) != "" {
		return nil, errors.New("this is itself the child of a relay: call delayline.MaybeMain first thing in main")
	}

	config, files, err := configure(lines)
	if err != nil {
		return nil, err
	}
	cmd, err := command(files)
	if err != nil {
		return nil, err
	}

	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("make control pipe: %w", err)
	}
	// A pipe of our own: cmd.Wait closes those of StdoutPipe, maybe before the
	// last reply was read.
	out, childOut, err := os.Pipe()
	if err != nil {
		in.Close()
		return nil, fmt.Errorf("make control pipe: %w", err)
	}
	cmd.Stdout = childOut

	r := &Relay{
		lines:   len(lines),
		in:      in,
		out:     out,
		cmd:     cmd,
		turn:    make(chan struct{}, 1),
		done:    make(chan struct{}),
		closing: make(chan struct{}),
	}
	r.turn <- struct{}{}
	if err := r.run(childOut); err != nil {
		in.Close()
		out.Close()
		return nil, fmt.Errorf("run child process: %w", err)
	}

	if _, err := r.exchange(ctx, config, 0); err != nil {
		r.Close()
		return nil, fmt.Errorf("wait for child process (does main call delayline.MaybeMain first?): %w", err)
	}
	return r, nil
}

// configure encodes the lines for the child, and returns the files that it needs
// in their order.
func configure(lines []Line) (config []byte, files []*os.File, err error) {
	config, err = binary.Append(nil, binary.NativeEndian, setupMessage{Lines: uint32(len(lines))})
	if err != nil {
		return nil, nil, fmt.Errorf("encode configuration: %w", err)
	}

	files = make([]*os.File, 0, 2*len(lines))
	for i, l := range lines {
		if l.A == nil || l.B == nil {
			return nil, nil, fmt.Errorf("line %d: an end has no socket (make it with Open)", i)
		}
		if err := errors.Join(l.AB.Validate(), l.BA.Validate()); err != nil {
			return nil, nil, fmt.Errorf("line %d: %w", i, err)
		}

		files = append(files, l.A, l.B)
		config, err = binary.Append(config, binary.NativeEndian, lineMessage{AB: l.AB, BA: l.BA, Seed: l.Seed})
		if err != nil {
			return nil, nil, fmt.Errorf("encode configuration of line %d: %w", i, err)
		}
	}
	return config, files, nil
}

// command is the child process before its start, without its pipes.
func command(files []*os.File) (*exec.Cmd, error) {
	// The link in /proc works also where mounts hide the program's path, as in
	// a sandbox with its own /tmp.
	program := "/proc/self/exe"
	if _, err := os.Readlink(program); err != nil {
		if program, err = os.Executable(); err != nil {
			return nil, fmt.Errorf("find this program (is /proc mounted?): %w", err)
		}
	}

	cmd := exec.Command(program)
	cmd.Args = []string{"edgebed-delayline"}
	// Preemption signals would interrupt every wait that outlasts 10 ms.
	cmd.Env = append(os.Environ(), Mark, "GODEBUG=asyncpreemptoff=1")
	cmd.ExtraFiles = files
	// A process group of its own keeps the terminal's signals away: how the
	// relay ends is up to this process.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	return cmd, nil
}

// run starts the child and waits for its end beside. It closes childOut, the
// child's end of the pipe, in this process.
func (r *Relay) run(childOut *os.File) error {
	stderr := tail.Writer{Max: stderrShown}
	r.cmd.Stderr = &stderr
	started := make(chan error, 1)
	go func() {
		// The parent death signal follows the thread that forked, so this
		// thread stays until the child is gone.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := r.cmd.Start()
		childOut.Close()
		started <- err
		if err != nil {
			return
		}

		err = r.cmd.Wait()
		select {
		case <-r.closing:
		default:
			r.err = fmt.Errorf("delay line relay ended unexpectedly: %w%s", orExit0(err), stderr.After("; it said: "))
		}
		close(r.done)
	}()
	return <-started
}

// orExit0 names the end of a process that gave no error.
func orExit0(err error) error {
	if err == nil {
		return errors.New("exit status 0")
	}
	return err
}

// Set changes the parameters of a line (an index into the lines given to
// Start) for the frames that arrive from now on. Those that wait keep their due
// times, and none overtakes them.
func (r *Relay) Set(line int, ab, ba Params) error {
	if line < 0 || line >= r.lines {
		return fmt.Errorf("set delay line %d: the relay has lines 0 to %d", line, r.lines-1)
	}
	if err := errors.Join(ab.Validate(), ba.Validate()); err != nil {
		return fmt.Errorf("set delay line %d: %w", line, err)
	}
	message, err := binary.Append(nil, binary.NativeEndian, request{Op: opSet, Line: uint32(line), AB: ab, BA: ba})
	if err != nil {
		return fmt.Errorf("set delay line %d: %w", line, err)
	}
	if _, err := r.exchange(context.Background(), message, 0); err != nil {
		return fmt.Errorf("set delay line %d: %w", line, err)
	}
	return nil
}

// Stats returns what the relay has counted since its start.
func (r *Relay) Stats(ctx context.Context) (Stats, error) {
	message, err := binary.Append(nil, binary.NativeEndian, request{Op: opStats})
	if err != nil {
		return Stats{}, fmt.Errorf("read delay line statistics: %w", err)
	}
	st := Stats{Lines: make([]LineStats, r.lines)}
	payload, err := r.exchange(ctx, message, binary.Size(st.Lines))
	if err != nil {
		return Stats{}, fmt.Errorf("read delay line statistics: %w", err)
	}
	var head reply
	if _, err := binary.Decode(payload, binary.NativeEndian, &head); err != nil {
		return Stats{}, fmt.Errorf("decode delay line statistics: %w", err)
	}
	if _, err := binary.Decode(payload[binary.Size(head):], binary.NativeEndian, st.Lines); err != nil {
		return Stats{}, fmt.Errorf("decode delay line statistics: %w", err)
	}
	st.Realtime, st.CPU = head.Realtime, head.CPU
	return st, nil
}

// exchange sends a message and returns the reply with the given number of bytes
// after its head. If the context ends first, the exchange goes on by itself and
// the next one waits for it.
func (r *Relay) exchange(ctx context.Context, message []byte, payload int) ([]byte, error) {
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-r.done:
		return nil, r.gone()
	case <-r.turn:
	}

	type result struct {
		reply []byte
		err   error
	}
	results := make(chan result, 1)
	go func() {
		answer := make([]byte, binary.Size(reply{})+payload)
		_, err := r.in.Write(message)
		if err == nil {
			_, err = io.ReadFull(r.out, answer)
		}
		results <- result{answer, err}
		r.turn <- struct{}{}
	}()

	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case res := <-results:
		if res.err != nil {
			// A broken pipe says less than the reason of the child's end,
			// which follows at once.
			select {
			case <-r.done:
				return nil, r.gone()
			case <-time.After(closePatience):
			}
		}
		return res.reply, res.err
	}
}

// gone says why there is no child to talk to.
func (r *Relay) gone() error {
	if r.err != nil {
		return r.err
	}
	return errors.New("the relay is closed")
}

// Done is closed when the child process has ended.
func (r *Relay) Done() <-chan struct{} { return r.done }

// Err returns why the child process ended unexpectedly. It is nil while the
// relay runs and after Close.
func (r *Relay) Err() error {
	select {
	case <-r.done:
		return r.err
	default:
		return nil
	}
}

// Pid returns the process id of the child.
func (r *Relay) Pid() int { return r.cmd.Process.Pid }

// Close ends the relay; waiting frames are discarded. It returns the reason if
// the child had ended unexpectedly before. Further calls do the same.
func (r *Relay) Close() error {
	r.once.Do(func() {
		close(r.closing)
		r.in.Close()
		select {
		case <-r.done:
		case <-time.After(closePatience):
			r.cmd.Process.Kill()
			<-r.done
		}
		if c, ok := r.out.(io.Closer); ok {
			c.Close()
		}
	})
	return r.Err()
}
