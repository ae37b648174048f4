package main

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// plan is what the guest does between boot and power-off. It lies in the
// initramfs as planFile.
type plan struct {
	// Modules to load, in this order: paths in the initramfs.
	Modules []string
	Steps   []step
}

// step is one program that the guest runs.
type step struct {
	Name string
	Argv []string
	Env  []string
	// UID of the program's user and group; 0 is root.
	UID int
	// Delegated programs run in a control group that their user may divide further.
	Delegated bool
}

// goThreads lets the guest's programs run more goroutines at once than it has
// processors. A goroutine in a system call, such as the thread that times the
// computers' service, keeps its right to run until the Go runtime takes it away,
// up to 10 ms later; with only one such right all others wait for it. With many,
// the runtime's threads look for work at the cost of the only processor.
const goThreads = "GOMAXPROCS=3"

const (
	planFile = "/plan.json"
	// outDir is the guest's folder that is handed to the host at the end.
	outDir = "/out"
	// outDisk is the drive that it is handed over on, as a tar stream.
	outDisk = "/dev/vda"
)

// The lines with which the guest tells the host how things went: QEMU's own exit
// code says nothing about them.
const (
	markStep = "VM-STEP"
	markEnd  = "VM-RC"
)

// applets are the two programs that the tests of harness/emu start in an
// emulated host. The guest has no others than this repository's.
var applets = map[string]func(args []string) error{
	"cat": func(args []string) error {
		for _, name := range args {
			text, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			if _, err := os.Stdout.Write(text); err != nil {
				return err
			}
		}
		return nil
	},
	"sleep": func(args []string) error {
		d, err := time.ParseDuration(strings.Join(args, "") + "s")
		time.Sleep(d)
		return err
	},
}

// guestMain is the life of the guest's process 1.
func guestMain() {
	code := 0
	if err := guest(); err != nil {
		fmt.Println("vm guest:", err)
		code = 1
	}
	fmt.Printf("%s=%d\n", markEnd, code)
	unix.Sync()
	// The serial line has sent all that was written before this returns.
	_ = unix.IoctlSetInt(1, unix.TCSBRK, 1)
	err := unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
	fmt.Println("vm guest: power off:", err)
	for {
		time.Sleep(time.Hour) // the host has a time limit
	}
}

// guest runs the plan. Its error says that a step failed, or that something kept
// the plan from going on.
func guest() error {
	for _, m := range []struct{ kind, dir, data string }{
		{"devtmpfs", "/dev", ""}, {"proc", "/proc", ""}, {"sysfs", "/sys", ""},
		{"tmpfs", "/run", "mode=755"}, {"tmpfs", "/tmp", "mode=1777"}, {"tmpfs", "/var/tmp", "mode=1777"},
		{"tmpfs", outDir, "mode=1777"},
	} {
		if err := os.MkdirAll(m.dir, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(m.kind, m.dir, m.kind, 0, m.data); err != nil {
			return fmt.Errorf("mount %s: %w", m.dir, err)
		}
	}

	text, err := os.ReadFile(planFile)
	if err != nil {
		return err
	}
	var p plan
	if err := json.Unmarshal(text, &p); err != nil {
		return fmt.Errorf("read %s: %w", planFile, err)
	}

	for _, name := range p.Modules {
		if err := loadModule(name); err != nil {
			return fmt.Errorf("load %s: %w", name, err)
		}
	}

	if err := mountGroups(); err != nil {
		return fmt.Errorf("make control groups ready: %w", err)
	}
	if err := loopbackUp(); err != nil {
		return fmt.Errorf("set the loopback device up: %w", err)
	}
	// The kernel gathers randomness first, for a second. Without this, the first
	// execution that draws an identifier would wait for it.
	if _, err := unix.Getrandom(make([]byte, 1), 0); err != nil {
		return fmt.Errorf("wait for random numbers: %w", err)
	}

	failed := false
	for _, s := range p.Steps {
		fmt.Printf("%s begin %s\n", markStep, s.Name)
		start := time.Now()
		code, err := s.run()
		if err != nil {
			return fmt.Errorf("run %s: %w", s.Name, err)
		}
		fmt.Printf("%s end %s rc=%d %.1f s of the guest's time\n", markStep, s.Name, code, time.Since(start).Seconds())
		failed = failed || code != 0
	}

	if err := handOver(); err != nil {
		return fmt.Errorf("write %s to %s: %w", outDir, outDisk, err)
	}
	if failed {
		return errors.New("a step failed")
	}
	return nil
}

// groups is where the guest's control groups are, of version 2 alone.
const groups = "/sys/fs/cgroup"

// mountGroups makes control groups ready for those who limit programs: root, and the user, whose
// steps run in a group of its own below one that is the user's.
func mountGroups() error {
	if err := unix.Mount("cgroup2", groups, "cgroup2", 0, ""); err != nil {
		return fmt.Errorf("mount %s: %w", groups, err)
	}
	delegated := filepath.Dir(delegatedGroup)
	if err := os.MkdirAll(delegatedGroup, 0o755); err != nil {
		return err
	}
	for _, group := range []string{groups, delegated} {
		if err := os.WriteFile(filepath.Join(group, "cgroup.subtree_control"), []byte("+cpu +memory"), 0); err != nil {
			return err
		}
	}

	for _, name := range []string{"", "cgroup.procs", "cgroup.subtree_control"} {
		if err := os.Chown(filepath.Join(delegated, name), user, user); err != nil {
			return err
		}
	}
	for _, name := range []string{"", "cgroup.procs"} {
		if err := os.Chown(filepath.Join(delegatedGroup, name), user, user); err != nil {
			return err
		}
	}
	return nil
}

// delegatedGroup is where delegated steps run.
const delegatedGroup = groups + "/user/steps"

// loopbackUp is for programs that talk to themselves: the kernel starts without.
func loopbackUp() error {
	// Of the families of netlink the guest's kernel may lack some.
	h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer h.Close()
	lo, err := h.LinkByName("lo")
	if err != nil {
		return err
	}
	return h.LinkSetUp(lo)
}

func loadModule(name string) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := unix.FinitModule(int(file.Fd()), "", 0); err != nil && !errors.Is(err, unix.EEXIST) {
		return err
	}
	return nil
}

// run runs a step and returns its exit code. What the step leaves behind is
// ended. Its output goes through a pipe: on a terminal, programs would draw.
func (s step) run() (int, error) {
	output, input, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	defer output.Close()

	attr := &syscall.ProcAttr{
		Dir:   "/tmp",
		Env:   append([]string{"PATH=/bin", "HOME=/tmp", "TMPDIR=/tmp"}, s.Env...),
		Files: []uintptr{0, input.Fd(), input.Fd()},
		Sys:   &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(s.UID), Gid: uint32(s.UID)}},
	}
	if s.Delegated {
		group, err := os.Open(delegatedGroup)
		if err != nil {
			input.Close()
			return 0, err
		}
		defer group.Close()
		attr.Sys.UseCgroupFD, attr.Sys.CgroupFD = true, int(group.Fd())
	}
	pid, err := syscall.ForkExec(s.Argv[0], s.Argv, attr)
	input.Close()
	if err != nil {
		return 0, err
	}

	copied := make(chan error)
	go func() {
		_, err := io.Copy(os.Stdout, output)
		copied <- err
	}()

	// Whatever the step leaves behind comes to this process, the first one: wait for all.
	code := 0
	for {
		var status syscall.WaitStatus
		ended, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.ECHILD):
			return code, <-copied
		case err != nil:
			return 0, err
		case ended == pid:
			code = status.ExitStatus()
			if status.Signaled() {
				code = 128 + int(status.Signal())
			}
			// All but this process. An error means that there is none.
			_ = syscall.Kill(-1, syscall.SIGKILL)
		}
	}
}

// handOver writes the guest's results to the drive. Only now: to wait for a
// drive lets the guest's clock jump, which would show in measured delays.
func handOver() (err error) {
	disk, err := os.OpenFile(outDisk, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, disk.Sync(), disk.Close()) }()
	w := tar.NewWriter(disk)
	if err := w.AddFS(os.DirFS(outDir)); err != nil {
		return err
	}
	return w.Close()
}

// runApplet runs the applet that the program was called as, if any.
func runApplet() {
	applet, ok := applets[filepath.Base(os.Args[0])]
	if !ok {
		return
	}
	if err := applet(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// extract unpacks what handOver wrote.
func extract(disk io.Reader, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}

	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()

	for r := tar.NewReader(disk); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}

		if h.Typeflag != tar.TypeReg {
			continue
		}

		if err := root.MkdirAll(filepath.Dir(h.Name), 0o755); err != nil {
			return err
		}

		file, err := root.Create(h.Name)
		if err != nil {
			return err
		}

		_, err = io.Copy(file, r)
		if err := errors.Join(err, file.Close()); err != nil {
			return err
		}
	}
}
