package cgroup

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Groups are those of a Tree that was attached to this process. Its methods may be called from
// several goroutines.
type Groups struct{ list []inner }

// handed names the environment variable that tells a worker the descriptors of its groups: a list
// of inner, in JSON.
const handed = "EDGEBED_CONTROL_GROUPS"

// inner is a hierarchy as the worker has it.
type inner struct {
	Controllers []string
	Second      bool
	Folder      int // descriptor of ours in it
	Own         int `json:",omitzero"` // of that of the worker's own group, in version 1
}

// Open returns the groups that were handed on to this process, nil where none were.
func Open() (*Groups, error) {
	text, ok := os.LookupEnv(handed)
	if !ok {
		return nil, nil
	}
	list, err := descriptors(text)
	if err != nil {
		return nil, err
	}
	for _, h := range list {
		unix.CloseOnExec(h.Folder)
		if !h.Second {
			unix.CloseOnExec(h.Own)
		}
	}
	return &Groups{list}, nil
}

// descriptors reads what Attach has written.
func descriptors(text string) (list []inner, err error) {
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		return nil, fmt.Errorf("read %s: %q: %w", handed, text, err)
	}
	for _, h := range list {
		if len(h.Controllers) == 0 || h.Folder == 0 || (h.Own == 0) != h.Second {
			return nil, fmt.Errorf("read %s: %q names no groups", handed, text)
		}
	}
	return list, nil
}

// errNone is what a program with limits meets where nobody made groups.
var errNone = errors.New("no control groups were made for it")

// Start starts a program in a group, by its name, on the calling thread, to which the caller has
// locked its goroutine.
func (g *Groups) Start(name string, cmd *exec.Cmd) (err error) {
	if g == nil {
		return fmt.Errorf("limit %s: %w", name, errNone)
	}

	for _, h := range g.list {
		if h.Second {
			group, err := h.open(name, unix.O_DIRECTORY|unix.O_RDONLY)
			if err != nil {
				return fmt.Errorf("limit %s: %w", name, err)
			}
			defer unix.Close(group)
			if cmd.SysProcAttr == nil {
				cmd.SysProcAttr = &syscall.SysProcAttr{}
			}
			cmd.SysProcAttr.UseCgroupFD, cmd.SysProcAttr.CgroupFD = true, group
			continue
		}

		// A child begins in the groups of the thread that starts it.
		if err := enter(h.Folder, name); err != nil {
			return fmt.Errorf("limit %s: %w", name, err)
		}
		defer func() { err = errors.Join(err, enter(h.Own, ".")) }()
	}
	return cmd.Start()
}

// open opens a file below the folder of a hierarchy.
func (h inner) open(name string, flags int) (int, error) {
	return unix.Openat(h.Folder, name, flags|unix.O_CLOEXEC, 0)
}

// enter puts the calling thread into a group of version 1.
func enter(folder int, group string) error {
	fd, err := unix.Openat(folder, group+"/tasks", unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("open tasks of a control group", err)
	}
	defer unix.Close(fd)
	_, err = unix.Write(fd, []byte("0"))
	return os.NewSyscallError("enter a control group", err)
}

// Killed returns how many processes of a group the kernel has ended because the group reached
// its memory limit.
func (g *Groups) Killed(name string) (int, error) {
	h, ok := g.with(memory)
	if !ok {
		return 0, nil
	}
	file := name + "/memory.oom_control"
	if h.Second {
		file = name + "/memory.events"
	}
	values, err := h.values(file)
	return int(values["oom_kill"]), err // kernels before 4.13 do not say
}

// Usage is what a group with a CPU limit has had of the processors.
type Usage struct {
	// Used is the processors' time that it used, with the groups in it; 0 where the kernel does
	// not count it.
	Used time.Duration
	// Periods are those in which it wanted to run, and Throttled those of them in which its share
	// was not enough; it was held up for ThrottledFor altogether, summed over processors.
	Periods, Throttled int
	ThrottledFor       time.Duration
}

// Since returns what of the usage came after an earlier one.
func (u Usage) Since(before Usage) Usage {
	return Usage{
		Used: u.Used - before.Used, Periods: u.Periods - before.Periods, Throttled: u.Throttled - before.Throttled,
		ThrottledFor: u.ThrottledFor - before.ThrottledFor,
	}
}

// Usage returns what a group has used since it was made.
func (g *Groups) Usage(name string) (Usage, error) {
	h, ok := g.with(cpu)
	if !ok {
		return Usage{}, fmt.Errorf("read the CPU time of %s: %w", name, errNone)
	}
	values, err := h.values(name + "/cpu.stat")
	if err != nil {
		return Usage{}, err
	}
	u := Usage{Periods: int(values["nr_periods"]), Throttled: int(values["nr_throttled"])}
	if h.Second {
		u.ThrottledFor = time.Duration(values["throttled_usec"]) * time.Microsecond
		u.Used = time.Duration(values["usage_usec"]) * time.Microsecond
		return u, nil
	}

	u.ThrottledFor = time.Duration(values["throttled_time"])
	if h, ok := g.with(accounting); ok {
		text, err := h.read(name + "/cpuacct.usage")
		if err != nil {
			return u, err
		}
		used, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
		if err != nil {
			return u, fmt.Errorf("read the CPU time of %s: %w", name, err)
		}
		u.Used = time.Duration(used)
	}
	return u, nil
}

// with returns the hierarchy of a controller; false where there is none.
func (g *Groups) with(controller string) (inner, bool) {
	if g == nil {
		return inner{}, false
	}
	k := slices.IndexFunc(g.list, func(h inner) bool { return slices.Contains(h.Controllers, controller) })
	if k < 0 {
		return inner{}, false
	}
	return g.list[k], true
}

// values reads the numbers by their keys in a file of the kernel's.
func (h inner) values(file string) (map[string]int64, error) {
	text, err := h.read(file)
	if err != nil {
		return nil, err
	}
	values := map[string]int64{}
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) != 2 {
			continue
		}
		if values[fields[0]], err = strconv.ParseInt(fields[1], 10, 64); err != nil {
			return nil, fmt.Errorf("read %s: %w", file, err)
		}
	}
	return values, nil
}

// read reads a file of the kernel's, which are short.
func (h inner) read(file string) (string, error) {
	fd, err := h.open(file, unix.O_RDONLY)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", file, err)
	}
	defer unix.Close(fd)
	var buffer [4096]byte
	n, err := unix.Read(fd, buffer[:])
	if err != nil {
		return "", fmt.Errorf("read %s: %w", file, err)
	}
	return string(buffer[:n]), nil
}
