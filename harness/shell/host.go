package shell

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"edgebed/harness/emu"
)

// onHost runs a line on a host or router with the machine's shell, so that pipes and quotes
// work. Names of hosts that stand as words of their own become addresses, as in
// mininet.
func (s *Shell) onHost(ctx context.Context, h machine, line string) error {
	if line == "" {
		line = "${SHELL:-/bin/sh}"
	}
	line = s.addresses(line)

	// Who asks for ping means a round trip, whether or not the program is there.
	if words := strings.Fields(line); words[0] == "ping" && len(words) > 1 {
		if _, err := exec.LookPath("ping"); err != nil {
			return s.pingInstead(ctx, h, words[1:])
		}
	}

	return s.program(ctx, h, "/bin/sh", "-c", line)
}

// pingInstead answers "HOST ping [-c N] [-6] ADDRESS" where the machine has no ping.
func (s *Shell) pingInstead(ctx context.Context, h machine, args []string) error {
	if _, isHost := h.(*emu.Host); !isHost {
		return fmt.Errorf("ping from %s: the machine has no ping program, and the shell's own is sent by hosts; "+
			"%s is a router, ping from a host", h.Name(), h.Name())
	}

	count, target, six := "4", "", false
	for k := 0; k < len(args); k++ {
		switch n, ok := strings.CutPrefix(args[k], "-c"); {
		case ok && n != "":
			count = n
		case ok && k+1 < len(args):
			k++
			count = args[k]
		case args[k] == "-6":
			six = true
		default:
			target = args[k]
		}
	}

	// An address says which protocol is meant, as it does to ping.
	for _, other := range s.network.Hosts() {
		for k, f := range other.Interfaces() {
			pair := []string{h.Name(), other.Name(), count}
			if k > 0 {
				pair[1] += "-" + f.Name()
			}
			switch {
			case target == f.Address6().String(), six && target == f.Address().String():
				return s.ping(ctx, append([]string{"-6"}, pair...))
			case target == f.Address().String():
				return s.ping(ctx, pair)
			}
		}
	}

	return fmt.Errorf("ping %s: no host has this address "+
		"(the machine has no ping program; the shell's own takes [-c N] HOST)", target)
}

var word = regexp.MustCompile(`[A-Za-z][A-Za-z0-9_.-]*`)

// addresses replaces the names of hosts that are words of their own; by IPv6 addresses
// where one of the words is -6.
func (s *Shell) addresses(line string) string {
	fields := strings.SplitAfter(line, " ")
	six := slices.Contains(strings.Fields(line), "-6")
	for i, f := range fields {
		name := strings.TrimRight(f, " ")
		if i == 0 || word.FindString(name) != name {
			continue
		}
		if _, of, err := s.interfaceOf(name); err == nil {
			address := of.Address()
			if six && of.Address6().IsValid() {
				address = of.Address6()
			}
			fields[i] = address.String() + f[len(name):]
		}
	}

	return strings.Join(fields, "")
}

// Program runs a program on a host, or a router, with the shell's own streams, and the terminal
// if there is one, and waits for it. An exit code other than 0 is an *ExitError.
func (s *Shell) Program(ctx context.Context, host string, argv ...string) error {
	m, err := s.machine(host)
	if err != nil {
		return err
	}
	return s.program(ctx, m, argv...)
}

// machine finds a host, or a router.
func (s *Shell) machine(name string) (machine, error) {
	for _, m := range s.machines() {
		if m.Name() == name {
			return m, nil
		}
	}
	_, err := s.network.Host(name) // it says what there is

	return nil, err
}

// start starts a program on a host or router, which is told where it is.
func (s *Shell) start(m machine, cmd *exec.Cmd) error {
	cmd.Env = append(os.Environ(), "EDGEBED_HOST="+m.Name())
	if s.bench != nil {
		return s.bench.Start(m.Name(), m, cmd)
	}
	return m.Start(cmd)
}

func (s *Shell) program(ctx context.Context, h machine, argv ...string) error {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, s.stdout, s.errs
	// A process group of its own, in the terminal's foreground: Ctrl-C is the
	// program's alone.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if s.terminal {
		cmd.SysProcAttr.Foreground, cmd.SysProcAttr.Ctty = true, int(os.Stdin.Fd())
		defer s.takeTerminal()
	}

	if err := s.start(h, cmd); err != nil {
		return s.notStarted(argv[0], err)
	}
	// Without a terminal the signal comes to the shell, and is passed on.
	stop := context.AfterFunc(ctx, func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) })
	defer stop()

	err := cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code := exit.ExitCode()
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
			code = 128 + int(status.Signal())
		}

		return &ExitError{Program: argv[len(argv)-1], Code: code}
	}

	return err
}

// Exit codes of a program that was not started, as a shell has them.
const (
	exitCannot   = 126 // it is there, and cannot be run
	exitNotFound = 127
)

// notStarted says why a program was not started, and gives it the exit code of that.
func (s *Shell) notStarted(program string, err error) error {
	code := 0
	switch {
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, fs.ErrNotExist):
		code = exitNotFound
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.ENOEXEC):
		code = exitCannot
	default:
		return err
	}
	fmt.Fprintln(s.errs, "edgebed:", err)

	return &ExitError{Program: program, Code: code}
}

// takeTerminal makes the shell the terminal's foreground again.
func (s *Shell) takeTerminal() {
	// It fails where the terminal is gone, which the next line notices.
	_ = unix.IoctlSetPointerInt(int(os.Stdin.Fd()), unix.TIOCSPGRP, unix.Getpgrp())
}
