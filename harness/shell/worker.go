package shell

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"edgebed/harness/cgroup"
	"edgebed/harness/emu"
	"edgebed/harness/job"
	"edgebed/harness/program"
	"edgebed/harness/sandbox"
	"edgebed/harness/testbed"
	"edgebed/harness/topology"
)

// WorkerArg is the argument with which Spawn starts the calling program: its main
// must pass control to Main.
const WorkerArg = "shell-worker"

// configFile is the descriptor on which the worker reads its Config.
const configFile = 3

// Config says what to do in the network.
type Config struct {
	// Topology as the text of a file; unused where there is a Job.
	Topology []byte `json:"topology,omitempty"`
	// Job is the cell of a scenario whose nodes are to run, nil for a network alone.
	Job *job.Job `json:"job,omitempty"`
	// Lines to run instead of reading a terminal.
	Lines []string `json:"lines,omitempty"`
	// Script is the name of the file that the lines are from, for messages.
	Script string `json:"script,omitempty"`
	// Host and Program are the one program to run on a host, instead of a shell.
	Host    string   `json:"host,omitempty"`
	Program []string `json:"program,omitempty"`
	// History is the file in which the terminal's lines are kept.
	History string `json:"history,omitempty"`
}

// Spawn builds the topology in a sandbox of its own and does there what the Config
// says, with the caller's standard streams and terminal. An *ExitError is the exit
// code of the program, or of the sandbox.
func Spawn(ctx context.Context, c Config) (err error) {
	data, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("start shell: %w", err)
	}
	read, write, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("start shell: %w", err)
	}
	defer read.Close()

	cmd := sandbox.Command(ctx, sandbox.Options{KeepTmp: true}, WorkerArg)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.ExtraFiles = []*os.File{read}
	if c.Job != nil {
		groups, err := cgroup.Make(c.Job.Groups())
		if err != nil {
			return fmt.Errorf("start shell: %w", errors.Join(err, write.Close()))
		}
		defer func() { err = errors.Join(err, groups.Close()) }()
		if err := groups.Attach(cmd.Cmd); err != nil {
			return fmt.Errorf("start shell: %w", errors.Join(err, write.Close()))
		}
	}
	if stdin := int(os.Stdin.Fd()); term.IsTerminal(stdin) {
		// The sandbox gets the terminal, and this process takes it back.
		cmd.SysProcAttr.Foreground, cmd.SysProcAttr.Ctty = true, stdin
		signal.Ignore(syscall.SIGTTOU)
		defer func() { _ = unix.IoctlSetPointerInt(stdin, unix.TIOCSPGRP, unix.Getpgrp()) }()
	}
	if err := cmd.Start(); err != nil {
		write.Close()

		return fmt.Errorf("start shell: %w", err)
	}

	_, writeErr := write.Write(data)
	writeErr = errors.Join(writeErr, write.Close())
	err = cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return &ExitError{Program: "the shell", Code: exit.ExitCode()}
	}

	return errors.Join(err, writeErr)
}

// Main is the worker's side of Spawn. Results of the shell itself go to out: programs have
// the standard output. It returns the exit code.
func Main(ctx context.Context, out io.Writer) int {
	err := run(ctx, out)
	var exit *ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.Code
	case errors.Is(err, ErrLines):
		return 1
	}
	fmt.Fprintln(os.Stderr, "edgebed:", err)

	return 1
}

func run(ctx context.Context, out io.Writer) (err error) {
	if !sandbox.Inside() {
		return errors.New("this command is started by edgebed shell, inside a sandbox; use edgebed shell")
	}
	// Ctrl-C is for what runs in the shell, never for the shell.
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, syscall.SIGINT)

	var c Config
	file := os.NewFile(configFile, "config")
	if err := json.NewDecoder(file).Decode(&c); err != nil {
		return fmt.Errorf("read what to do: %w", err)
	}
	if err := file.Close(); err != nil {
		return err
	}

	if c.Job != nil {
		return c.onScenario(ctx, out)
	}
	t, err := topology.Parse("topology", c.Topology)
	if err != nil {
		return err
	}
	if err := program.NameHosts(emu.HostAddresses(t)); err != nil {
		return err
	}
	n, err := emu.Build(ctx, t, emu.Options{LiveDelay: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.Close()) }()

	return c.do(ctx, New(n, out, os.Stderr))
}

// onScenario starts the nodes of a scenario, and does what the Config says.
func (c Config) onScenario(ctx context.Context, out io.Writer) (err error) {
	if err := c.Job.Open(); err != nil {
		return err
	}
	if err := program.NameHosts(emu.HostAddresses(c.Job.Topology())); err != nil {
		return err
	}
	b, err := testbed.OpenBench(ctx, *c.Job)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()

	return c.do(ctx, NewOn(b, out, os.Stderr))
}

// do does what the Config says.
func (c Config) do(ctx context.Context, s *Shell) error {
	s.stdout = os.Stdout
	switch {
	case c.Program != nil:
		return s.Program(ctx, c.Host, c.Program...)
	case c.Lines != nil:
		s.script = c.Script
		return s.Lines(ctx, strings.NewReader(strings.Join(c.Lines, "\n")))
	case s.terminal:
		return s.Loop(ctx, c.History)
	}

	return s.Lines(ctx, io.Reader(os.Stdin))
}
