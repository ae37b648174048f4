package sandbox_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"edgebed/harness/sandbox"
)

func TestContextEndsSandbox(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cmd := sandbox.Command(ctx, sandbox.Options{KeepTmp: true}, "signal")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	bufio.NewScanner(out).Scan()
	cancel()
	if err := cmd.Wait(); err == nil {
		t.Error("the sandbox ended well, want it killed")
	}
}

// build makes all that a sandbox can hold, and stays until it is killed.
// Argument: whether file 3 is a network namespace to put a link's end in.
func build(args []string) error {
	runtime.LockOSThread()
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return err
	}
	var spaces [5]*os.File
	for i := range spaces {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return err
		}
		ns, err := os.Open("/proc/thread-self/ns/net")
		if err != nil {
			return err
		}
		spaces[i] = ns
		if err := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); err != nil {
			return err
		}
		if err := netlink.LinkAdd(&netlink.Veth{
			LinkAttrs:     netlink.LinkAttrs{Name: fmt.Sprintf("v%d", i)},
			PeerName:      "eth0",
			PeerNamespace: netlink.NsFd(ns.Fd()),
		}); err != nil {
			return err
		}
	}
	if args[0] == "witness" {
		if err := netlink.LinkAdd(&netlink.Veth{
			LinkAttrs:     netlink.LinkAttrs{Name: "inner"},
			PeerName:      "witness",
			PeerNamespace: netlink.NsFd(3),
		}); err != nil {
			return err
		}
	}
	if err := unix.Mount("tmpfs", "/run", "tmpfs", 0, ""); err != nil {
		return err
	}
	// Children in a session of their own, as daemons are.
	for range 3 {
		child := exec.Command("/proc/self/exe", "block")
		child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if err := child.Start(); err != nil {
			return err
		}
	}
	pidns, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return err
	}
	fmt.Println("ready", pidns)
	err = block(nil)
	runtime.KeepAlive(spaces)
	return err
}

func block([]string) error {
	for {
		time.Sleep(time.Hour)
	}
}

// parent runs a role in a sandbox and waits for it. Arguments: "userns",
// "root" or "quiet"; the role with its arguments.
func parent(args []string) error {
	quiet := args[0] == "quiet"
	cmd := sandbox.Command(context.Background(), sandbox.Options{UserNamespace: args[0] == "userns", KeepTmp: !quiet}, args[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if _, err := unix.FcntlInt(3, unix.F_GETFD, 0); err == nil && !quiet {
		cmd.ExtraFiles = []*os.File{os.NewFile(3, "witness")}
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	if !quiet {
		fmt.Println("init", cmd.Process.Pid)
	}
	return cmd.Wait()
}

// outside is what a sandbox must not change.
func outside(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	links, err := netlink.LinkList()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range links {
		a := l.Attrs()
		fmt.Fprintln(&b, a.Index, a.Name, l.Type(), a.MTU, a.Flags, a.HardwareAddr, a.OperState)
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	b.Write(mounts)
	fmt.Fprintln(&b, list("/run/netns"), list("/run"))
	for _, name := range []string{"net/ipv4/ip_forward", "net/ipv4/tcp_congestion_control", "net/ipv4/tcp_rmem", "kernel/hostname"} {
		value, err := os.ReadFile("/proc/sys/" + name)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(value)
	}
	return b.String()
}

// processesIn counts the processes of a PID namespace.
func processesIn(pidns string) int {
	n := 0
	for _, name := range list("/proc") {
		if ns, err := os.Readlink("/proc/" + name + "/ns/pid"); err == nil && ns == pidns {
			n++
		}
	}
	return n
}

// TestKill kills a sandbox's parent, or its init, when it holds namespaces,
// links, mounts and daemons, and checks that nothing of it is left.
func TestKill(t *testing.T) {
	eachWay(t, func(t *testing.T, opts sandbox.Options) {
		for _, victim := range []string{"parent", "init"} {
			t.Run(victim, func(t *testing.T) { testKill(t, opts, victim) })
		}
	})
}

func testKill(t *testing.T, opts sandbox.Options, victim string) {
	before := outside(t)
	way, witness := "userns", "none"
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe")
	if !opts.UserNamespace {
		// From a user namespace nothing can be put into the one outside.
		way, witness = "root", "witness"
		ns, err := os.Open("/proc/thread-self/ns/net")
		if err != nil {
			t.Fatal(err)
		}
		defer ns.Close()
		cmd.ExtraFiles = []*os.File{ns}
	}
	cmd.Args = []string{"sandbox.test", "parent", way, "build", witness}
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	initPID, pidns := 0, ""
	lines := bufio.NewScanner(out)
	for (initPID == 0 || pidns == "") && lines.Scan() {
		switch word, value, _ := strings.Cut(lines.Text(), " "); word {
		case "init":
			initPID, _ = strconv.Atoi(value)
		case "ready":
			pidns = value
		}
	}
	if initPID == 0 || pidns == "" {
		t.Fatalf("the sandbox did not get ready: %v", cmd.Wait())
	}
	if n := processesIn(pidns); n != 5 {
		t.Errorf("%d processes in the sandbox, want init, worker and 3 daemons", n)
	}
	if _, err := netlink.LinkByName("witness"); (err == nil) != (witness == "witness") {
		t.Errorf("witness link: %v", err)
	}
	if victim == "init" {
		if err := syscall.Kill(initPID, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	} else if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("the parent ended well, want an error")
	}
	// The kernel takes namespaces down in the background.
	var after string
	left := 0
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if left, after = processesIn(pidns), outside(t); left == 0 && after == before {
			return
		}
	}
	t.Errorf("%d processes are left; outside before:\n%s\nafter:\n%s", left, before, after)
}
