package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"edgebed/harness/record"
)

// makeGroup makes a control group with a limit of processes, where that is allowed, in
// which all runs are, and returns what removes it.
func (b *bench) makeGroup() func() error {
	for _, above := range []string{"/sys/fs/cgroup/pids", "/sys/fs/cgroup"} {
		group := filepath.Join(above, fmt.Sprintf("chaos-%d", os.Getpid()))
		if os.Mkdir(group, 0o755) != nil {
			continue
		}
		if _, err := os.Stat(filepath.Join(group, "pids.max")); err != nil {
			_ = os.Remove(group)
			continue
		}
		b.group = group
		return func() error { return os.Remove(group) }
	}
	fmt.Fprintln(os.Stderr, "chaos: the number of processes is not limited: no control group can be made")
	return func() error { return nil }
}

// join puts a run into the group.
func (b *bench) join(pid int) error {
	if b.group == "" {
		return nil
	}
	err := os.WriteFile(filepath.Join(b.group, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0)
	if errors.Is(err, unix.ESRCH) {
		return nil // it has ended
	}
	return err
}

// fewProcesses lets a run have hardly more processes and threads than it has by then.
func (c *campaign) fewProcesses() error {
	limit := func(text string) error {
		return os.WriteFile(filepath.Join(c.group, "pids.max"), []byte(text), 0)
	}
	_, _, err := c.during("few processes", func(*process) error {
		text, err := os.ReadFile(filepath.Join(c.group, "pids.current"))
		if err != nil {
			return err
		}
		now, err := strconv.Atoi(strings.TrimSpace(string(text)))
		if err != nil {
			return err
		}
		return limit(strconv.Itoa(now + c.rng.IntN(6)))
	})
	return errors.Join(err, limit("max"))
}

// limited shrinks a limit of one of the run's processes. Where it matters the run ends;
// what it has recorded by then stays.
func (c *campaign) limited() error {
	_, _, err := c.during("shrink a limit", func(p *process) error {
		pid := p.Process.Pid
		if c.rng.IntN(2) > 0 {
			worker, err := c.worker(p)
			if err != nil {
				return err
			}
			if worker > 0 {
				pid = worker
			}
		}

		var resource int
		var limit uint64
		switch c.rng.IntN(3) {
		case 0:
			resource, limit = unix.RLIMIT_NOFILE, 3+c.rng.Uint64N(20)
		case 1: // of files such as the records
			resource = unix.RLIMIT_FSIZE
			if info, err := os.Stat(filepath.Join(c.out, record.FileName)); err == nil {
				limit = uint64(info.Size()) + c.rng.Uint64N(2000)
			}
		case 2:
			resource, limit = unix.RLIMIT_AS, 1<<20
		}
		err := unix.Prlimit(pid, resource, &unix.Rlimit{Cur: limit, Max: limit}, nil)
		if errors.Is(err, unix.ESRCH) { // it has ended
			c.missed = true
			return nil
		}
		return err
	})
	return err
}
