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

// Start starts a program in its group, on the calling thread, to which the caller has locked its
// goroutine.
func (g *Groups) Start(program string, cmd *exec.Cmd) (err error) {
	if g == nil {
		return fmt.Errorf("limit program %s: %w", program, errNone)
	}

	for _, h := range g.list {
		if h.Second {
			group, err := h.open(program, unix.O_DIRECTORY|unix.O_RDONLY)
			if err != nil {
				return fmt.Errorf("limit program %s: %w", program, err)
			}
			defer unix.Close(group)
			if cmd.SysProcAttr == nil {
				cmd.SysProcAttr = &syscall.SysProcAttr{}
			}
			cmd.SysProcAttr.UseCgroupFD, cmd.SysProcAttr.CgroupFD = true, group
			continue
		}

		// A child begins in the groups of the thread that starts it.
		if err := enter(h.Folder, program); err != nil {
			return fmt.Errorf("limit program %s: %w", program, err)
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

// Killed returns how many processes of a program the kernel has ended because the program
// reached its memory limit.
func (g *Groups) Killed(program string) (int, error) {
	if g == nil {
		return 0, nil
	}
	for _, h := range g.list {
		if slices.Contains(h.Controllers, memory) {
			file := program + "/memory.oom_control"
			if h.Second {
				file = program + "/memory.events"
			}
			return h.value(file, "oom_kill")
		}
	}
	return 0, nil
}

// value reads the number behind a key in a file of the kernel's.
func (h inner) value(file, key string) (int, error) {
	fd, err := h.open(file, unix.O_RDONLY)
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", file, err)
	}
	defer unix.Close(fd)
	var buffer [4096]byte
	n, err := unix.Read(fd, buffer[:])
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", file, err)
	}
	for line := range strings.Lines(string(buffer[:n])) {
		if fields := strings.Fields(line); len(fields) == 2 && fields[0] == key {
			return strconv.Atoi(fields[1])
		}
	}
	return 0, nil // kernels before 4.13 do not say
}
