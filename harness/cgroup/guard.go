package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// guardMarker is the environment variable that makes MaybeMain take over, with the folders
// that the guard removes.
const guardMarker = "EDGEBED_CONTROL_GROUPS_GUARD"

// patience is how long the guard waits until what ran in the groups is gone.
const patience = time.Minute

// MaybeMain must be called first thing in main, and in TestMain of tests that make groups. In
// the guard it takes over and never returns; in any other process it does nothing.
func MaybeMain() {
	folders := os.Getenv(guardMarker)
	if folders == "" {
		return
	}

	// Nothing is ever written: the read ends when the maker of the groups does.
	var b [1]byte
	for {
		if _, err := syscall.Read(0, b[:]); !errors.Is(err, syscall.EINTR) {
			break
		}
	}

	var errs []error
	for folder := range strings.SplitSeq(folders, "\n") {
		errs = append(errs, empty(folder))
	}
	if err := errors.Join(errs...); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// startGuard starts the process that removes the groups.
func (t *Tree) startGuard() error {
	if os.Getenv(guardMarker) != "" {
		return errors.New("this is itself the guard of control groups: call cgroup.MaybeMain first thing in main")
	}

	read, write, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("start the guard of control groups: %w", err)
	}
	defer read.Close()
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = []string{"edgebed-guard"}
	cmd.Env = append(os.Environ(), guardMarker+"="+strings.Join(t.folders(), "\n"))
	cmd.Stdin, cmd.Stderr, cmd.Dir = read, &t.said, "/"
	// As long as the guard has something to remove, it has the locks.
	for _, h := range t.hierarchies {
		cmd.ExtraFiles = append(cmd.ExtraFiles, h.lock)
	}
	// A session of its own: what is sent to this process's group, or its terminal, does not
	// reach it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		write.Close()
		return fmt.Errorf("start the guard of control groups: %w", err)
	}
	t.guard, t.line = cmd, write
	return nil
}

// empty ends what runs in a group and the groups in it, and removes them.
func empty(folder string) error {
	for began, pause := time.Now(), time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		kill(folder)
		err := remove(folder)
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if time.Since(began) > patience {
			return fmt.Errorf("remove the control group %s: %w; remove it with rmdir when nothing runs in it any more",
				folder, err)
		}
		time.Sleep(pause)
	}
}

// kill ends all processes in the groups in a folder.
func kill(folder string) {
	_ = filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() != "cgroup.procs" {
			return nil // what goes while it is looked at is no matter
		}
		text, _ := os.ReadFile(path)
		for _, word := range strings.Fields(string(text)) {
			if pid, err := strconv.Atoi(word); err == nil && pid > 1 {
				_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended meanwhile
			}
		}
		return nil
	})
}
