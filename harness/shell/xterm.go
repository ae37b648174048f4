package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/creack/pty"
	"golang.org/x/term"

	"edgebed/harness/tail"
)

// xterm opens a window with the user's shell on each of the hosts, and leaves it to itself. It ends
// with the network.
func (s *Shell) xterm(_ context.Context, args []string) error {
	if len(args) == 0 {
		return usageError("xterm")
	}
	var on []machine
	for _, name := range args {
		m, err := s.machine(name)
		if err != nil {
			return err
		}
		on = append(on, m)
	}

	path, err := exec.LookPath("xterm")
	if err != nil {
		return fmt.Errorf("open a window on %s: the machine has no xterm program; "+
			"install it (Debian: apt-get install xterm), or run %s sh here", args[0], args[0])
	}
	if err := findDisplay(os.Getenv("DISPLAY")); err != nil {
		return fmt.Errorf("open a window on %s: %w; %s sh runs a shell here", args[0], err, args[0])
	}

	for _, m := range on {
		if err := s.openWindow(path, m); err != nil {
			return fmt.Errorf("open a window on %s: %w", m.Name(), err)
		}
	}
	return nil
}

// openWindow starts an xterm that shows a terminal, and the user's shell on a machine that has the
// terminal. It leaves the shell to us (-S) because one that is root in a user namespace can start
// none: it wants to change the groups of that user.
func (s *Shell) openWindow(xterm string, on machine) error {
	master, slave, err := pty.Open()
	if err != nil {
		return fmt.Errorf("open a terminal: %w", err)
	}
	defer slave.Close()
	defer master.Close()

	const passed = 3 // the descriptor that the window has the terminal's other end on
	said := &tail.Writer{Max: 1 << 10}
	window := exec.Command(xterm, "-T", on.Name(), fmt.Sprintf("-S%s/%d", filepath.Base(slave.Name()), passed))
	window.Stderr, window.ExtraFiles = said, []*os.File{master}
	window.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C here is not for it
	if err := window.Start(); err != nil {
		return err
	}
	// From here on the terminal ends with the window.
	master.Close()
	if err := skipWindow(slave); err != nil {
		_ = window.Process.Kill()
		return fmt.Errorf("%w: %w%s", err, window.Wait(), said.After(": "))
	}

	shell := exec.Command("/bin/sh", "-c", `exec "${SHELL:-/bin/sh}"`)
	shell.Stdin, shell.Stdout, shell.Stderr = slave, slave, slave
	shell.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := s.start(on, shell); err != nil {
		_ = window.Process.Kill()
		return errors.Join(err, window.Wait())
	}

	// Either ends the other.
	go func() {
		_ = shell.Wait()
		_ = window.Process.Signal(syscall.SIGTERM)
	}()
	go func() { _ = window.Wait() }()
	return nil
}

// skipWindow reads the line with the window's number that xterm writes before everything else, as
// if somebody had typed it. It fails where the window does not come up.
func skipWindow(terminal *os.File) error {
	fd := int(terminal.Fd())
	before, err := term.MakeRaw(fd)
	if err != nil {
		return fmt.Errorf("set the terminal up: %w", err)
	}
	for c := []byte{0}; c[0] != '\n'; {
		if _, err := io.ReadFull(terminal, c); err != nil {
			return errors.New("the window does not come up")
		}
	}
	return term.Restore(fd, before)
}

// findDisplay returns an error where an X display cannot be reached. The shell's sandbox has no
// way to the machine's network, so that it has to be one of this machine, which is a file.
func findDisplay(display string) error {
	if display == "" {
		return errors.New("there is no X display (DISPLAY is not set)")
	}
	number, local := strings.CutPrefix(strings.TrimPrefix(display, "unix"), ":")
	if !local {
		return fmt.Errorf("the X display %s is reached by the machine's network, "+
			"which this shell has no way to", display)
	}

	number, _, _ = strings.Cut(number, ".") // of the screen
	c, err := net.Dial("unix", "/tmp/.X11-unix/X"+number)
	if err != nil {
		return fmt.Errorf("find the X display %s: %w", display, err)
	}
	return c.Close()
}
