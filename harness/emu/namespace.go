package emu

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// namespace is a network namespace that only this process's file descriptor
// holds: it has no name anywhere, and is gone when the descriptor is.
type namespace struct {
	file *os.File
	home *os.File // the namespace that threads return to
}

// currentNamespace opens the network namespace of the calling thread.
func currentNamespace() (*os.File, error) {
	f, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return nil, fmt.Errorf("open the current network namespace: %w", err)
	}
	return f, nil
}

// newNamespace makes a namespace and calls prepare in it.
func newNamespace(home *os.File, prepare func() error) (*namespace, error) {
	n := &namespace{home: home}
	err := onThread(home, func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("make a network namespace: %w (run inside a sandbox, or as root)", err)
		}
		f, err := currentNamespace()
		if err != nil {
			return err
		}
		n.file = f
		return prepare()
	})
	if err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

// do calls fn on a thread that is in the namespace. Threads and goroutines that
// fn starts are not in it; processes that it starts are.
func (n *namespace) do(fn func() error) error {
	return onThread(n.home, func() error {
		if err := enter(n.file); err != nil {
			return fmt.Errorf("enter a network namespace: %w", err)
		}
		return fn()
	})
}

// Close lets go of the namespace.
func (n *namespace) Close() error {
	if n.file == nil {
		return nil
	}
	return n.file.Close()
}

// enter puts the calling thread into a namespace. It fails with net.ErrClosed if
// the file is closed, and keeps it from being closed, and its number from being
// given to another file, in the middle.
func enter(ns *os.File) error {
	raw, err := ns.SyscallConn()
	if err != nil {
		return err
	}
	if raw.Control(func(fd uintptr) { err = unix.Setns(int(fd), unix.CLONE_NEWNET) }) != nil {
		return net.ErrClosed
	}
	return err
}

// onThread calls fn on an operating system thread of its own, which fn may put
// into another namespace, and puts that thread back home.
func onThread(home *os.File, fn func() error) error {
	result := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		err := errors.New("the function ended its goroutine")
		defer func() { result <- err }()
		// fn may end the goroutine, as t.Fatal does: the thread then ends too.
		err = fn()
		if back := enter(home); back != nil {
			// Still locked, the thread ends with the goroutine, so that nothing
			// else runs in the wrong namespace.
			err = errors.Join(err, fmt.Errorf("leave a network namespace: %w", back))
			return
		}
		runtime.UnlockOSThread()
	}()
	return <-result
}

// sysctl is one kernel setting of a network namespace.
type sysctl struct {
	// name with dots, for instance net.ipv4.tcp_rmem.
	name, value string
	// optional settings may be missing: the kernel was built without the
	// feature that they switch off.
	optional bool
}

// place is the folder of the setting below /proc/sys/net and its path in there.
func (s sysctl) place() (folder, file string) {
	path := strings.ReplaceAll(strings.TrimPrefix(s.name, "net."), ".", "/")
	folder, file, _ = strings.Cut(path, "/")
	return folder, file
}

// folders are those of sys/net of a proc, such as ipv4, of the namespace of the thread that
// opens them. The kernel has an ipv4 for each namespace in the one net, and looks through
// them all for each path that begins above: files are opened by way of the folder.
type folders struct {
	proc   *os.File
	byName map[string]int
}

// open opens the file of a setting.
func (f folders) open(s sysctl, flags int) (fd int, err error) {
	name, file := s.place()
	folder, ok := f.byName[name]
	if !ok {
		folder, err = unix.Openat(int(f.proc.Fd()), "sys/net/"+name, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			return -1, err
		}
		f.byName[name] = folder
	}
	return unix.Openat(folder, file, flags|unix.O_CLOEXEC, 0)
}

func (f folders) close() {
	for _, fd := range f.byName {
		unix.Close(fd)
	}
}

// procs are instances of proc for settings. Even by way of folders, the kernel looks
// through those of all namespaces that were opened in an instance: a few hundred
// are a third of the time that a host takes. So another one takes over in time.
type procs struct {
	mu   sync.Mutex
	open []*os.File // the last one is in use
	left int        // namespaces that it is for
}

// perProc is how many namespaces have their settings in one instance of proc.
const perProc = 64

// next returns the instance for one more namespace.
func (p *procs) next() (*os.File, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.left > 0 {
		p.left--
		return p.open[len(p.open)-1], nil
	}

	// The first is the one that is there; a kernel before Linux 5.2 cannot make others.
	open := openProc
	if len(p.open) > 0 {
		open = newProc
	}
	proc, err := open()
	if err != nil {
		proc, err = openProc()
	}
	if err != nil {
		return nil, fmt.Errorf("open proc for settings: %w", err)
	}
	p.open, p.left = append(p.open, proc), perProc-1
	return proc, nil
}

// close closes all instances. No namespace is being set up any more.
func (p *procs) close() {
	for _, f := range p.open {
		f.Close()
	}
}

// openProc opens the sandbox's proc.
func openProc() (*os.File, error) { return os.OpenFile("/proc", unix.O_PATH|unix.O_DIRECTORY, 0) }

// newProc mounts a proc nowhere.
func newProc() (*os.File, error) {
	fs, err := unix.Fsopen("proc", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("fsopen", err)
	}
	defer unix.Close(fs)
	if err := unix.FsconfigCreate(fs); err != nil {
		return nil, os.NewSyscallError("fsconfig", err)
	}
	fd, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("fsmount", err)
	}
	return os.NewFile(uintptr(fd), "proc"), nil
}

// set sets it, unless it has the value already, and returns what the kernel made of it,
// with one space between numbers.
func (s sysctl) set(in folders) (value string, err error) {
	fd, err := in.open(s, unix.O_RDWR)
	if s.optional && errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err == nil {
		defer unix.Close(fd)
		if value, err = s.text(fd); err == nil && value == s.value {
			return value, nil
		}
		if _, err = unix.Write(fd, []byte(s.value)); err == nil {
			return s.text(fd)
		}
	}

	if errors.Is(err, unix.EROFS) {
		return "", fmt.Errorf("set sysctl %s: /proc/sys is read-only here, as containers have it; "+
			"give the container a writable one (docker: --security-opt systempaths=unconfined, "+
			"podman: --security-opt unmask=ALL), or run outside: %w", s.name, err)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("set sysctl %s: the hosts of this kernel have no such setting: %w", s.name, err)
	}
	return "", fmt.Errorf("set sysctl %s to %q: %w", s.name, s.value, err)
}

// read returns its value in the calling thread's namespace, with one space between
// numbers.
func (s sysctl) read() (string, error) {
	proc, err := openProc()
	if err != nil {
		return "", fmt.Errorf("read sysctl %s: %w", s.name, err)
	}
	defer proc.Close()
	in := folders{proc, map[string]int{}}
	defer in.close()
	fd, err := in.open(s, unix.O_RDONLY)
	if err != nil {
		return "", fmt.Errorf("read sysctl %s: %w", s.name, err)
	}
	defer unix.Close(fd)
	return s.text(fd)
}

// text reads a setting's open file from its start.
func (s sysctl) text(fd int) (string, error) {
	var buf [4096]byte
	n, err := unix.Pread(fd, buf[:], 0)
	if err != nil {
		return "", fmt.Errorf("read sysctl %s: %w", s.name, err)
	}
	return strings.Join(strings.Fields(string(buf[:n])), " "), nil
}

// quiet are the settings of namespaces without IPv6, whose neighbour discovery
// and multicast reports would be counted as traffic. That is the setting of devices that
// are made later; the one of all devices would wait for the lock of all of them, and
// in no other way than by trying again and again.
var quiet = []sysctl{{"net.ipv6.conf.default.disable_ipv6", "1", true}}

// quiet6 are those of namespaces with IPv6 that nobody advertises anything to; what
// else keeps a device from sending by itself is of its own (see silence).
var quiet6 = []sysctl{
	{"net.ipv6.conf.default.disable_ipv6", "0", false},
	{"net.ipv6.conf.default.accept_ra", "0", false},
}

// HasIPv6 reports whether the kernel has IPv6: it may have been built or booted without.
func HasIPv6() bool {
	_, err := os.Stat("/proc/sys/net/ipv6/conf")
	return err == nil
}

// unfiltered are the settings of namespaces with bridges: no netfilter on them.
var unfiltered = []sysctl{
	{"net.bridge.bridge-nf-call-iptables", "0", true},
	{"net.bridge.bridge-nf-call-ip6tables", "0", true},
	{"net.bridge.bridge-nf-call-arptables", "0", true},
}

// setAll sets sysctls in the calling thread's namespace and returns what the kernel
// made of them.
func (p *procs) setAll(lists ...[]sysctl) (values []string, err error) {
	proc, err := p.next()
	if err != nil {
		return nil, err
	}
	in := folders{proc, map[string]int{}}
	defer in.close()
	for _, s := range slices.Concat(lists...) {
		value, err := s.set(in)
		if err != nil {
			return nil, err
		}
		values = append(values, value)
	}
	return values, nil
}

// setForBridges sets what namespaces with bridges need.
func (p *procs) setForBridges() error {
	_, err := p.setAll(quiet, unfiltered)
	return err
}
