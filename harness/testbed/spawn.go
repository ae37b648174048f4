package testbed

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"

	"edgebed/harness/cgroup"
	"edgebed/harness/emu"
	"edgebed/harness/job"
	"edgebed/harness/record"
	"edgebed/harness/sandbox"
	"edgebed/harness/tail"
	"edgebed/nodes/trace"
)

// WorkerArg is the argument with which Spawn starts the calling program: its
// main must pass control to Main.
const WorkerArg = "worker"

// logShown is how much of a worker's log an error shows, in bytes.
const logShown = 4096

// Spawn runs the job in a sandboxed child process, on emulated links, and passes on
// its reports. It ends the child when ctx ends; the kernel ends it when the caller
// dies. Of root's capabilities the child has those that a network needs, and
// all of them where it runs programs of others.
func Spawn(ctx context.Context, j job.Job, report job.Reporter) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	opts := sandbox.Options{Capabilities: emu.Capabilities()}
	if len(j.Cell.Programs) > 0 {
		opts.Capabilities = nil // programs of others may change their user, or open low ports
	}
	groups, err := cgroup.Make(j.Groups())
	if err != nil {
		return fmt.Errorf("start worker: %w", err)
	}
	cmd := sandbox.Command(ctx, opts, WorkerArg)
	err = child{cmd.Cmd, cmd, groups, cancel}.run(ctx, j, report)
	return errors.Join(err, groups.Close())
}

// VirtualProgram is the worker of SpawnVirtual; it lies beside the calling program.
const VirtualProgram = "edgebed-virtual"

// VirtualWorker returns the path of SpawnVirtual's worker, or an error that says
// how to build it.
func VirtualWorker() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find %s beside this program: %w", VirtualProgram, err)
	}
	path := filepath.Join(filepath.Dir(self), VirtualProgram)
	if _, err := exec.LookPath(path); err != nil {
		return "", fmt.Errorf("find the worker for virtual time: %w; build it with make, or "+
			"CGO_ENABLED=0 go build -tags faketime -o %s ./harness/cmd/%s", err, path, VirtualProgram)
	}
	return path, nil
}

// SpawnVirtual runs the job in a child process in virtual time, and passes on its
// reports. It ends the child when ctx ends; the kernel ends it when the caller dies.
func SpawnVirtual(ctx context.Context, j job.Job, report job.Reporter) error {
	path, err := VirtualWorker()
	if err != nil {
		return err
	}
	// The kernel ends the child when the thread ends that started it, which may be one
	// that other goroutines end with themselves: it stays this one's.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := exec.CommandContext(ctx, path)
	// A process group of its own: Ctrl-C reaches the caller only.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	return child{cmd, cmd, nil, cancel}.run(ctx, j, report)
}

// child is a worker's process.
type child struct {
	cmd     *exec.Cmd
	process interface {
		Start() error
		Wait() error
	}
	groups *cgroup.Tree // of programs and hosts with limits
	end    func()
}

// run starts the child, gives it the job and passes on its reports.
func (c child) run(ctx context.Context, j job.Job, report job.Reporter) error {
	if j.KeepsFiles() && j.Results != "" {
		folder, err := attemptFolder(&j)
		if err != nil {
			return fmt.Errorf("start worker: %w", err)
		}
		defer folder.Close()
		c.cmd.ExtraFiles = []*os.File{folder}
	}

	if err := c.groups.Attach(c.cmd); err != nil {
		return fmt.Errorf("start worker: %w", err)
	}

	input, err := json.Marshal(j)
	if err != nil {
		return fmt.Errorf("start worker: %w", err)
	}

	c.cmd.Stdin = bytes.NewReader(input)
	log := tail.Writer{Max: logShown}
	c.cmd.Stderr = &log
	stdout, err := c.cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("start worker: %w", err)
	}

	if err := c.process.Start(); err != nil {
		return fmt.Errorf("start worker: %w", err)
	}

	lines := bufio.NewReaderSize(stdout, 1<<16)
	var reportErr error
	ended := false
	for reportErr == nil {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			break // the exit code says why
		}
		end, err := report.Receive(line)
		ended, reportErr = ended || end, err
	}

	if reportErr != nil {
		c.end()
	}

	err = c.process.Wait()
	switch {
	case reportErr != nil:
		return reportErr
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return fmt.Errorf("worker ended early: %w%s", err, log.After("\n"))
	case !ended:
		return fmt.Errorf("worker ended without ending the cell%s", log.After("\n"))
	}
	return nil
}

// Main is the worker's side of Spawn: it reads a job from r, runs it, and
// writes its reports to w.
func Main(ctx context.Context, r io.Reader, w io.Writer) error {
	if !sandbox.Inside() {
		return errors.New("this command is started by edgebed run, inside a sandbox; use edgebed run")
	}
	return Serve(ctx, Emulated, r, w)
}

// Serve reads a job from r, runs it on the network that build makes, and writes its
// reports to w.
func Serve(ctx context.Context, build Build, r io.Reader, w io.Writer) error {
	var j job.Job
	if err := json.NewDecoder(r).Decode(&j); err != nil {
		return fmt.Errorf("read job: %w", err)
	}
	if err := j.Open(); err != nil {
		return err
	}
	out := json.NewEncoder(w) // one write, one line per event
	return Run(ctx, build, j, job.Reporter{
		Cell:      func(c record.Cell) error { return out.Encode(job.Event{Cell: &c}) },
		Execution: func(e record.Execution) error { return out.Encode(job.Event{Execution: &e}) },
		CellEnd:   func(c record.CellEnd) error { return out.Encode(job.Event{CellEnd: &c}) },
		Trace:     func(t trace.Trace) error { return out.Encode(job.Event{Trace: &t}) },
	})
}
