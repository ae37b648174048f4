// Package sandbox runs the calling program again inside private namespaces:
// mount, PID, network, IPC and UTS, and a user namespace where the caller is
// not root. Whatever is made in there (processes, devices, further namespaces,
// mounts, sysctls) lives as long as the sandbox's first process and is taken
// down by the kernel, so that nothing is left behind even after SIGKILL, and
// nothing outside can be touched.
//
// A program that uses it calls Enter first thing in main:
//
//	func main() {
//		sandbox.Enter()
//		…
//		if !sandbox.Inside() {
//			cmd := sandbox.Command(ctx, sandbox.Options{}, os.Args[1:]...)
//			cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
//			err := cmd.Run()
//
// Two processes are started. The first is a small init, PID 1 of the sandbox:
// it prepares the mounts and the loopback device, reaps orphans, passes signals
// on and ends the sandbox when its parent is gone. The second is the worker: the
// program with the given arguments, for which Inside is true. It keeps the
// standard streams and extra files that the caller gave to the Cmd.
package sandbox

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// Environment of the processes inside a sandbox.
const (
	// envRole is roleInit for PID 1. For the worker and what it starts it is
	// the sandbox's PID namespace, so that a copy of the variable elsewhere
	// proves nothing.
	envRole = "EDGEBED_SANDBOX"
	// envPipe is the file descriptor on which PID 1 sees its parent die. The
	// caller's files are those below it.
	envPipe = "EDGEBED_SANDBOX_PIPE"
	// envTmp tells PID 1 whether to keep the machine's /tmp.
	envTmp = "EDGEBED_SANDBOX_TMP"
	// envCapabilities tells PID 1 what the worker keeps of root's capabilities:
	// their numbers with commas in between; empty for all.
	envCapabilities = "EDGEBED_SANDBOX_CAPABILITIES"

	roleInit  = "init"
	roleProbe = "probe"
	keepTmp   = "keep"
)

// selfExe is the running program even where its file is hidden by a mount.
const selfExe = "/proc/self/exe"

// Options says how private a sandbox is.
type Options struct {
	// UserNamespace asks for a user namespace even where the caller could do
	// without: tests of the unprivileged way use it.
	UserNamespace bool
	// KeepTmp leaves the machine's /tmp in place instead of an empty one. It is
	// left in place anyway where the program or its working directory is there.
	KeepTmp bool
	// Capabilities are those that the worker, and what it starts, can have at most,
	// such as unix.CAP_NET_ADMIN; nil are all that the caller has.
	Capabilities []int
}

// Cmd is a run of the calling program in a sandbox. The fields of exec.Cmd are
// the caller's until Start; SysProcAttr is set already.
type Cmd struct {
	*exec.Cmd
	role string
	opts Options
	pipe *os.File // held open as long as the sandbox may live
	done chan struct{}
	once sync.Once
}

// Command returns a Cmd that runs the calling program in a new sandbox with the
// given arguments (without the program's name). The sandbox is killed when ctx
// ends, when the calling process ends in whatever way, or when the worker ends.
// It has a process group of its own: Ctrl-C reaches the caller only, which
// decides what to do; signals sent to Cmd.Process reach the worker.
//
// Its exit code is the worker's, or 128 plus the number of the signal that
// ended the worker.
func Command(ctx context.Context, opts Options, args ...string) *Cmd {
	return command(ctx, roleInit, opts, args...)
}

func command(ctx context.Context, role string, opts Options, args ...string) *Cmd {
	c := &Cmd{Cmd: exec.CommandContext(ctx, selfExe, args...), role: role, opts: opts}
	// The worker is called as its caller was.
	c.Args[0] = os.Args[0]
	c.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNET |
			syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS,
		Pdeathsig: syscall.SIGKILL,
		Setpgid:   true,
	}
	if opts.UserNamespace || !capable() {
		c.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		c.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
		c.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	return c
}

// capable says whether the process may make namespaces without a user
// namespace: CAP_SYS_ADMIN and CAP_NET_ADMIN, which root in a container often
// lacks.
func capable() bool {
	status, err := os.ReadFile("/proc/thread-self/status")
	if err != nil {
		return os.Geteuid() == 0
	}
	return effective(string(status))
}

// effective reads the two capabilities from the text of /proc/PID/status.
func effective(status string) bool {
	const need = 1<<21 | 1<<12 // CAP_SYS_ADMIN, CAP_NET_ADMIN
	for line := range strings.Lines(status) {
		if value, ok := strings.CutPrefix(line, "CapEff:"); ok {
			caps, err := strconv.ParseUint(strings.TrimSpace(value), 16, 64)
			return err == nil && caps&need == need
		}
	}
	return false
}

// Privileged says whether sandboxes of the calling process work without a user
// namespace.
func Privileged() bool { return capable() }

// Start starts the sandbox and returns without waiting for it. An error is a
// *RefusedError where the kernel does not let the caller make namespaces.
func (c *Cmd) Start() error {
	read, write, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("start sandbox: make its life line: %w", err)
	}
	env := c.Env
	if env == nil {
		env = os.Environ()
	}
	tmp := ""
	if c.opts.KeepTmp {
		tmp = keepTmp
	}
	c.Env = append(env[:len(env):len(env)],
		envRole+"="+c.role, envPipe+"="+strconv.Itoa(3+len(c.ExtraFiles)), envTmp+"="+tmp,
		envCapabilities+"="+numbers(c.opts.Capabilities))
	c.ExtraFiles = append(c.ExtraFiles[:len(c.ExtraFiles):len(c.ExtraFiles)], read)

	// The kernel sends the parent-death signal when the thread that started the
	// child ends, so that thread is kept until Wait has returned.
	started := make(chan error)
	c.done = make(chan struct{})
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := c.Cmd.Start()
		started <- err
		if err == nil {
			<-c.done
		}
	}()
	err = <-started
	read.Close()
	if err != nil {
		write.Close()
		return refused(fmt.Errorf("start sandbox: %w", err))
	}
	c.pipe = write
	return nil
}

// Wait waits until the worker and everything it left in the sandbox is gone. It
// returns what exec.Cmd.Wait returns.
func (c *Cmd) Wait() error {
	err := c.Cmd.Wait()
	c.once.Do(func() {
		if c.pipe != nil {
			c.pipe.Close()
			close(c.done)
		}
	})
	return err
}

// Run starts the sandbox and waits for it.
func (c *Cmd) Run() error {
	if err := c.Start(); err != nil {
		return err
	}
	return c.Wait()
}

// Output runs the sandbox and returns the worker's standard output.
func (c *Cmd) Output() ([]byte, error) {
	var out bytes.Buffer
	c.Stdout = &out
	err := c.Run()
	return out.Bytes(), err
}

// CombinedOutput runs the sandbox and returns the worker's standard output and
// standard error.
func (c *Cmd) CombinedOutput() ([]byte, error) {
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	err := c.Run()
	return out.Bytes(), err
}

// Inside says whether the calling process runs in a sandbox: as its worker, or
// as a process that the worker started.
func Inside() bool {
	role := os.Getenv(envRole)
	return role != "" && role == pidNamespace()
}

// pidNamespace names the PID namespace of the process, for instance
// "pid:[4026532281]".
func pidNamespace() string {
	name, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return ""
	}
	return name
}
