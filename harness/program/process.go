package program

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"syscall"
	"time"

	"edgebed/harness/cgroup"
	"edgebed/harness/tail"
)

// Outcome is how a program ended.
type Outcome struct {
	Name, Host string
	// Code is its exit code, 128 and the signal's number where one ended it, and -1
	// where it could not be started.
	Code int
	// Stopped says that it was ended because it was not needed any more.
	Stopped bool
	// Restarts is how often it was started again.
	Restarts int
	// Reason says why the kernel ended it: "memory limit", or nothing.
	Reason string
	// Took is from its start to its end.
	Took time.Duration
	// Err says what was wrong, nil where nothing was.
	Err error
}

// memoryLimit is the reason of a program's end that reached its limit.
const memoryLimit = "memory limit"

const (
	// grace is how long a program has to end when it is asked to.
	grace = 2 * time.Second
	// rest is how long what it left has to let go of its output.
	rest = time.Second
	// pause before a program is started again; it doubles up to longestPause.
	pause, longestPause = 100 * time.Millisecond, 2 * time.Second
	// maxRestarts is after how many a program counts as failed.
	maxRestarts = 100
	// shown is how much of its log an error shows, in bytes.
	shown = 2048
	// maxLog is how much of a log is kept, in bytes.
	maxLog = 16 << 20
)

// process is a program with its place.
type process struct {
	*Program
	on       Host
	address  netip.Addr
	groups   *cgroup.Groups
	group    string // that it runs in; empty for none
	killed   int    // processes that the kernel has ended for want of memory
	values   map[string]string
	log      io.Writer
	samples  *collector
	stopping chan struct{} // closed by stop
	stopOnce sync.Once
	over     chan struct{} // closed when a program of the cell has ended for good
	said     chan struct{} // closed when it has written the line that means ready
	sayOnce  sync.Once

	mu      sync.Mutex
	running *exec.Cmd
	tail    *tail.Writer
	outcome Outcome
}

// run is one start of a process.
type run struct {
	cmd   *exec.Cmd
	began time.Time
	end   func()
}

// start starts the program once.
func (p *process) start() (*run, error) {
	e, err := p.expand(p.values)
	if err != nil {
		return nil, err
	}
	for name, content := range e.files {
		if err := os.WriteFile(filepath.Join(p.values["dir"], name), []byte(content), 0o644); err != nil {
			return nil, fmt.Errorf("write a file of program %s: %w", p.Name, err)
		}
	}

	r := &run{cmd: exec.Command(e.argv[0], e.argv[1:]...), end: func() {}}
	if r.cmd.Err != nil {
		return nil, fmt.Errorf("start program %s: %w", p.Name, r.cmd.Err)
	}
	end, err := p.connect(r, e.env)
	if err != nil {
		return nil, err
	}

	p.mu.Lock()
	defer p.mu.Unlock()
	r.began = time.Now()
	err = p.launch(r.cmd)
	for _, f := range r.cmd.ExtraFiles {
		f.Close()
	}
	if err != nil {
		end()
		return nil, fmt.Errorf("start program %s: %w", p.Name, err)
	}
	r.end, p.running = end, r.cmd
	return r, nil
}

// launch starts the command on its host, within its limits.
func (p *process) launch(cmd *exec.Cmd) error {
	if p.group == "" {
		return p.on.Start(cmd)
	}
	return p.on.Do(func() error { return p.groups.Start(p.group, cmd) })
}

// reason says why the kernel ended the program, if it did.
func (p *process) reason() string {
	if p.Limits.Memory == 0 {
		return ""
	}
	killed, err := p.groups.Killed(p.group)
	if err != nil {
		fmt.Fprintf(p.log, "(edgebed: %v)\n", err)
	}
	if killed <= p.killed {
		return ""
	}
	p.killed = killed
	return memoryLimit
}

// connect gives the command its environment and streams. What it returns takes what
// they still hold, when the command has ended.
func (p *process) connect(r *run, env []string) (end func(), err error) {
	last := &tail.Writer{Max: shown}
	p.mu.Lock()
	p.tail = last
	p.mu.Unlock()

	ready := p.awaited()
	stdout := []io.Writer{p.log, last, ready}
	fromStdout, ended := p.samples.stdout(p.Samples)
	if fromStdout != nil {
		stdout = append(stdout, fromStdout)
	}
	r.cmd.Stdout, r.cmd.Stderr = io.MultiWriter(stdout...), io.MultiWriter(p.log, last, ready)
	// A process group of its own, so that all of it can be ended; and what it leaves
	// behind, with its output, does not hold up the cell.
	r.cmd.SysProcAttr, r.cmd.WaitDelay = &syscall.SysProcAttr{Setpgid: true}, rest
	r.cmd.Env = env

	if p.Samples != "" && p.Samples != Descriptor {
		return ended, nil
	}
	in, out, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start program %s: %w", p.Name, err)
	}
	const first = 3 // descriptor of the extra files
	r.cmd.ExtraFiles = []*os.File{out}
	r.cmd.Env = append(r.cmd.Env, "EDGEBED_SAMPLES="+strconv.Itoa(first))
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		p.samples.read(in)
	}()
	return func() {
		// Its children may hold the other end.
		_ = in.SetReadDeadline(time.Now().Add(rest))
		<-drained
		in.Close()
	}, nil
}

// awaited looks for the line that means ready.
func (p *process) awaited() io.Writer {
	if p.Ready.Log == "" {
		return io.Discard
	}
	pattern := regexp.MustCompile(p.Ready.Log) // Check has compiled it
	return &lines{do: func(line []byte) {
		if pattern.Match(line) {
			p.sayOnce.Do(func() { close(p.said) })
		}
	}}
}

// wait waits until the program has ended, and returns its exit code.
func (p *process) wait(r *run) (code int, took time.Duration) {
	err := r.cmd.Wait()
	took = time.Since(r.began)
	r.end()
	p.mu.Lock()
	p.running = nil
	p.mu.Unlock()

	code = r.cmd.ProcessState.ExitCode()
	if status, ok := r.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		code = 128 + int(status.Signal())
	}
	if err != nil && !errors.Is(err, exec.ErrWaitDelay) {
		fmt.Fprintf(p.log, "(edgebed: %v)\n", err)
	}
	return code, took
}

// once runs the program once, until it ends or the context does.
func (p *process) once(ctx context.Context) Outcome {
	o := Outcome{Name: p.Name, Host: p.Host, Code: -1}
	r, err := p.start()
	if err != nil {
		o.Err = err
		return o
	}
	stop := context.AfterFunc(ctx, p.kill)
	defer stop()

	o.Code, o.Took = p.wait(r)
	o.Reason = p.reason()
	switch complaint := p.samples.complaint(); {
	case ctx.Err() != nil:
		o.Err = fmt.Errorf("program %s on %s was ended after %v: %w", p.Name, p.Host, o.Took.Round(time.Millisecond),
			context.Cause(ctx))
	case o.Code != 0:
		o.Err = p.failure(o.Code, o.Reason)
	case complaint != nil:
		o.Err = fmt.Errorf("program %s on %s: %w", p.Name, p.Host, complaint)
	}
	return o
}

// failure says that the program ended with an exit code that is none of success.
func (p *process) failure(code int, reason string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if reason == memoryLimit {
		return fmt.Errorf("program %s on %s ended with exit code %d: it reached its %s of %v%s", p.Name, p.Host, code,
			reason, p.Limits.Memory, p.tail.After(": "))
	}
	return fmt.Errorf("program %s on %s ended with exit code %d%s", p.Name, p.Host, code, p.tail.After(": "))
}

// keep runs a program of the cell until it is stopped, and again where it is to be.
func (p *process) keep(r *run, failed func(error)) {
	defer close(p.over)
	began, wait := r.began, pause
	for {
		code, _ := p.wait(r)
		stopped, reason := p.stopped(), p.reason()
		p.note(func(o *Outcome) {
			o.Code, o.Took, o.Stopped = code, time.Since(began), stopped
			o.Reason = cmp.Or(reason, o.Reason) // also of an end that it was started again after
		})
		if stopped {
			return
		}

		again := p.Restart == Always || p.Restart == OnFailure && code != 0
		restarts := p.ended().Restarts
		if !again || restarts == maxRestarts {
			if code != 0 {
				failed(p.failure(code, reason))
			}
			return
		}

		select {
		case <-p.stopping:
			return
		case <-time.After(wait):
		}
		wait = min(2*wait, longestPause)
		next, err := p.start()
		if err != nil {
			failed(err)
			return
		}
		r = next
		p.note(func(o *Outcome) { o.Restarts++ })
		if p.stopped() {
			p.kill() // it was started while others were stopped
		}
	}
}

// note changes the outcome.
func (p *process) note(change func(*Outcome)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(&p.outcome)
}

// ended returns how the program has ended so far.
func (p *process) ended() Outcome {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.outcome
}

func (p *process) stopped() bool {
	select {
	case <-p.stopping:
		return true
	default:
		return false
	}
}

// signal sends a signal to the program and all of its process group.
func (p *process) signal(s syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running != nil && p.running.Process != nil {
		_ = syscall.Kill(-p.running.Process.Pid, s) // it may have ended meanwhile
	}
}

func (p *process) kill() { p.signal(syscall.SIGKILL) }

// stop ends a program of the cell: it is asked to, and then made to.
func (p *process) stop() {
	p.stopOnce.Do(func() { close(p.stopping) })
	p.signal(syscall.SIGTERM)
	select {
	case <-p.over:
	case <-time.After(grace):
		p.kill()
		<-p.over
	}
}

// probeEvery is how often a probe looks.
const probeEvery = 20 * time.Millisecond

// ready waits until the program can be used.
func (p *process) ready(ctx context.Context) error {
	within := p.Ready.Within
	if within == 0 {
		within = usualWithin
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()

	var last error // of a probe that was not cut short
	if p.Ready.Log != "" {
		select {
		case <-p.said:
		case <-p.over:
		case <-ctx.Done():
			last = fmt.Errorf("no line matches %q", p.Ready.Log)
		}
	}
	for {
		err := p.probe(ctx)
		if last == nil || ctx.Err() == nil {
			last = err
		}
		ended := false
		select {
		case <-p.over:
			ended = true
		default:
		}
		switch {
		case err == nil && ctx.Err() == nil && !ended:
			return nil
		case ended && p.ended().Code == 0 && p.Ready == (Ready{}):
			return nil // it had something to do once
		case ended:
			return p.failure(p.ended().Code, p.ended().Reason)
		case ctx.Err() != nil:
			p.mu.Lock()
			defer p.mu.Unlock()
			return fmt.Errorf("program %s on %s was not ready within %v (%v)%s", p.Name, p.Host, within,
				last, p.tail.After(": "))
		}

		select {
		case <-p.over:
		case <-ctx.Done():
		case <-time.After(probeEvery):
		}
	}
}

// probe looks once whether the program can be used, from its own host: no frame of it
// is on a link.
func (p *process) probe(ctx context.Context) error {
	target := netip.AddrPortFrom(p.address, uint16(p.Port)).String()
	switch {
	case p.Ready.HTTP != "":
		return p.request(ctx, "http://"+target+p.Ready.HTTP)
	case p.Ready.Port:
		c, err := p.on.DialContext(ctx, target)
		if err != nil {
			return err
		}
		return c.Close()
	}
	return ctx.Err()
}

// request asks for a page.
func (p *process) request(ctx context.Context, url string) error {
	transport := &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
			return p.on.DialContext(ctx, address)
		},
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	answer, err := transport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("%s answers %s", url, answer.Status)
	}
	return nil
}
