package sandbox

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Exit codes of PID 1 that are not the worker's, as a shell uses them.
const (
	exitRefused = 125 // the sandbox could not be prepared
	exitStart   = 126 // the worker could not be started
	exitSignal  = 128 // plus the signal that ended the worker
)

// Enter must be called first thing in the main function of a program that uses
// Command. It returns at once everywhere but in PID 1 of a sandbox, where it
// does that process's work and then exits.
func Enter() {
	switch os.Getenv(envRole) {
	case roleInit, roleProbe:
	default:
		return
	}
	if os.Getpid() != 1 {
		fmt.Fprintf(os.Stderr, "enter sandbox: %s is set outside a sandbox; unset it\n", envRole)
		os.Exit(exitRefused)
	}
	os.Exit(runInit())
}

// runInit is the life of PID 1. It returns the exit code.
func runInit() int {
	pipe, err := strconv.Atoi(os.Getenv(envPipe))
	if err != nil || pipe < 3 {
		fmt.Fprintf(os.Stderr, "enter sandbox: %s is %q, not a file descriptor\n", envPipe, os.Getenv(envPipe))
		return exitRefused
	}

	unix.CloseOnExec(pipe)
	go func() {
		// Nothing is ever written: the read ends when the parent does, also
		// where the parent-death signal was lost because the parent died before
		// the child asked for it.
		var b [1]byte
		for {
			if _, err := syscall.Read(pipe, b[:]); !errors.Is(err, syscall.EINTR) {
				os.Exit(exitSignal + int(syscall.SIGKILL))
			}
		}
	}()

	if err := prepare(os.Getenv(envTmp) == keepTmp); err != nil {
		fmt.Fprintln(os.Stderr, refused(fmt.Errorf("enter sandbox: %w", err)))
		return exitRefused
	}

	if os.Getenv(envRole) == roleProbe {
		return 0
	}

	signals := make(chan os.Signal, 64)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT,
		syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGCHLD)
	worker, err := startWorker(pipe)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return exitStart
	}

	for s := range signals {
		if s != syscall.SIGCHLD {
			// An error means that the worker ended: its SIGCHLD follows.
			_ = syscall.Kill(worker, s.(syscall.Signal))
			continue
		}
		// One signal can stand for several children. Those that are not the
		// worker are orphans.
		for {
			var status syscall.WaitStatus
			pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
			if errors.Is(err, syscall.EINTR) {
				continue
			}
			if err != nil || pid <= 0 {
				break
			}

			if pid != worker {
				continue
			}
			if status.Signaled() {
				return exitSignal + int(status.Signal())
			}
			return status.ExitStatus()
		}
	}

	return exitStart
}

// startWorker starts the program again, now inside, with the files below pipe.
func startWorker(pipe int) (pid int, err error) {
	files := []uintptr{0, 1, 2}
	for fd := 3; fd < pipe; fd++ {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil {
			// A nil in the caller's ExtraFiles: closed for the worker too.
			files = append(files, ^uintptr(0))
			continue
		}
		files = append(files, uintptr(fd))
	}

	env := slices.DeleteFunc(os.Environ(), func(s string) bool {
		return strings.HasPrefix(s, envRole+"=") || strings.HasPrefix(s, envPipe+"=") ||
			strings.HasPrefix(s, envTmp+"=") || strings.HasPrefix(s, envCapabilities+"=")
	})

	// The worker is root of its user namespace, or of the machine: it gets all that
	// the thread that starts it leaves in its bounding set.
	runtime.LockOSThread()
	if err := narrow(os.Getenv(envCapabilities)); err != nil {
		return 0, fmt.Errorf("enter sandbox: %w", err)
	}

	pid, err = syscall.ForkExec(selfExe, os.Args, &syscall.ProcAttr{
		Env:   append(env, envRole+"="+pidNamespace()),
		Files: files,
	})
	if err != nil {
		return 0, fmt.Errorf("enter sandbox: start the worker: %w", err)
	}

	// The worker alone holds the caller's files, so that closing them means
	// what it says. Standard error is kept for messages.
	for _, fd := range files {
		if fd != 2 && fd != ^uintptr(0) {
			syscall.Close(int(fd))
		}
	}

	return pid, nil
}

// prepare makes the mounts private and replaces those that show the machine.
// What a container forbids beyond that is left as it is: the emulation works
// with the machine's /sys and /run too, it only reads more than it needs.
func prepare(keepTmp bool) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	const flags = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	if err := unix.Mount("proc", "/proc", "proc", flags, ""); err != nil && !forbidden(err) {
		return fmt.Errorf("mount /proc: %w", err)
	}
	if err := unix.Mount("sysfs", "/sys", "sysfs", flags, ""); err != nil && !forbidden(err) {
		return fmt.Errorf("mount /sys: %w", err)
	}
	private := []string{"/run"}
	if !keepTmp && !within("/tmp") {
		private = append(private, "/tmp")
	}
	for _, dir := range private {
		if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=1777"); err != nil &&
			!forbidden(err) {
			return fmt.Errorf("mount an empty %s: %w", dir, err)
		}
	}
	return loopbackUp()
}

// forbidden tells a mount that is not allowed, or has no place, from one that
// failed.
func forbidden(err error) bool {
	return errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) || errors.Is(err, unix.ENOENT)
}

// within says whether the program or its working directory is below dir.
func within(dir string) bool {
	exe, errExe := os.Executable()
	wd, errWd := os.Getwd()
	for _, path := range []string{exe, wd} {
		if rel, err := filepath.Rel(dir, path); err == nil && filepath.IsLocal(rel) {
			return true
		}
	}
	return errExe != nil || errWd != nil
}

// loopbackUp brings the loopback device of the calling thread's network
// namespace up.
func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open a socket to bring lo up: %w", err)
	}
	defer unix.Close(fd)
	req, err := unix.NewIfreq("lo")
	if err != nil {
		return fmt.Errorf("bring lo up: %w", err)
	}
	req.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, req); err != nil {
		return fmt.Errorf("bring lo up: %w", err)
	}
	return nil
}
