package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
)

// RefusedError means that the kernel does not let the caller make the
// namespaces of a sandbox.
type RefusedError struct {
	// Reasons lists the settings of this machine that explain it, each with its
	// cure; empty if none is known.
	Reasons []string
	// Err is the refused operation.
	Err error
}

// Error says what was refused, why, and what to do.
func (e *RefusedError) Error() string {
	if len(e.Reasons) == 0 {
		return e.Err.Error() + " (run as root, or in a container with CAP_SYS_ADMIN and CAP_NET_ADMIN " +
			"and without a seccomp filter on clone)"
	}
	return e.Err.Error() + ": " + strings.Join(e.Reasons, "; ")
}

// Unwrap returns Err.
func (e *RefusedError) Unwrap() error { return e.Err }

// refused makes err a *RefusedError if it is one of the errors with which
// kernels refuse namespaces.
func refused(err error) error {
	for _, errno := range []syscall.Errno{syscall.EPERM, syscall.EACCES, syscall.ENOSPC, syscall.EINVAL,
		syscall.ENOSYS, syscall.EUSERS} {
		if errors.Is(err, errno) {
			return &RefusedError{Reasons: reasons(os.DirFS("/"), os.Geteuid() == 0), Err: err}
		}
	}
	return err
}

// reasons looks for the settings by which distributions forbid namespaces.
func reasons(root fs.FS, privileged bool) []string {
	read := func(name string) string {
		text, err := fs.ReadFile(root, strings.TrimPrefix(name, "/"))
		if err != nil {
			return ""
		}
		return strings.TrimSpace(string(text))
	}

	var list []string

	if !privileged {
		if read("/proc/sys/kernel/unprivileged_userns_clone") == "0" {
			list = append(list, "user namespaces are for root only here "+
				"(run as root, or: sysctl -w kernel.unprivileged_userns_clone=1)")
		}
		if read("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1" {
			list = append(list, "AppArmor restricts user namespaces here, as Ubuntu does from 23.10 on "+
				"(run as root, give this program an AppArmor profile with the userns permission, "+
				"or: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0)")
		}
	}

	for _, kind := range []string{"user", "mnt", "pid", "net", "ipc", "uts"} {
		if kind == "user" && privileged {
			continue
		}

		name := "max_" + kind + "_namespaces"
		if read("/proc/sys/user/"+name) == "0" {
			list = append(list, fmt.Sprintf("no %s namespaces are allowed here (sysctl -w user.%s=10000)", kind, name))
		}
	}

	return list
}

// Probe finds out whether sandboxes work here by preparing one and leaving it.
// It returns nil, a *RefusedError, or the error of an attempt that failed
// otherwise. The calling program must call Enter.
func Probe(ctx context.Context, opts Options) error {
	cmd := command(ctx, roleProbe, opts)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	err := cmd.Run()
	if err == nil {
		return nil
	}
	if cmd.ProcessState != nil && cmd.ProcessState.ExitCode() == exitRefused {
		// The namespaces were made but have no rights, which is AppArmor's way.
		return &RefusedError{Err: errors.New(strings.TrimSpace(stderr.String())),
			Reasons: reasons(os.DirFS("/"), os.Geteuid() == 0)}
	}
	if _, ok := errors.AsType[*RefusedError](err); ok {
		return err
	}
	return fmt.Errorf("probe sandbox: %w%s", err, said(err, stderr.String()))
}

// said is what a probe that failed said, or, where it did not begin since there is no /proc
// or no /dev, the cure.
func said(err error, text string) string {
	if text = strings.TrimSpace(text); text != "" {
		return ": " + text
	}
	if errors.Is(err, fs.ErrNotExist) {
		return " (mount the file systems that every Linux has: mount -t proc proc /proc; mount -t devtmpfs dev /dev)"
	}
	return ""
}
