package sandbox_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"edgebed/harness/sandbox"
)

// roles are what this test binary does when it is started by a test.
var roles = map[string]func(args []string) error{
	"report":  report,
	"exit":    exit,
	"die":     func([]string) error { return errors.Join(syscall.Kill(os.Getpid(), syscall.SIGKILL), block(nil)) },
	"signal":  awaitSignal,
	"orphans": orphans,
	"fork":    fork,
	"sleep":   func([]string) error { time.Sleep(100 * time.Millisecond); return nil },
	"block":   block,
	"build":   build,
	"parent":  parent,
	"limited": limited,
	"devices": devices,
}

func TestMain(m *testing.M) {
	sandbox.Enter()
	if len(os.Args) > 1 && roles[os.Args[1]] != nil {
		if err := roles[os.Args[1]](os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	sandbox.RunTests(m)
}

// eachWay runs a test with and without a user namespace.
func eachWay(t *testing.T, test func(t *testing.T, opts sandbox.Options)) {
	t.Run("user-namespace", func(t *testing.T) { test(t, sandbox.Options{UserNamespace: true, KeepTmp: true}) })
	t.Run("privileged", func(t *testing.T) {
		if !sandbox.Privileged() {
			t.Skip("not privileged")
		}
		test(t, sandbox.Options{KeepTmp: true})
	})
}

type reported struct {
	PID, UID  int
	Inside    bool
	Links     []string
	LoopUp    bool
	Run       []string
	Processes int
	Extra     string
	Tmp       []string
	Host      string
}

// report says what the worker sees. Argument: "extra" to read file 3.
func report(args []string) error {
	r := reported{PID: os.Getpid(), UID: os.Getuid(), Inside: sandbox.Inside()}
	interfaces, err := net.Interfaces()
	if err != nil {
		return err
	}
	for _, i := range interfaces {
		r.Links = append(r.Links, i.Name)
		r.LoopUp = r.LoopUp || i.Name == "lo" && i.Flags&net.FlagUp != 0
	}
	r.Run, r.Tmp = list("/run"), list("/tmp")
	for _, name := range list("/proc") {
		if _, err := strconv.Atoi(name); err == nil {
			r.Processes++
		}
	}
	if len(args) > 0 && args[0] == "extra" {
		text, err := io.ReadAll(os.NewFile(3, "extra"))
		if err != nil {
			return err
		}
		r.Extra = string(text)
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}

func list(dir string) []string {
	entries, _ := os.ReadDir(dir)
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names
}

func TestInside(t *testing.T) {
	eachWay(t, func(t *testing.T, opts sandbox.Options) {
		marker := filepath.Join(t.TempDir(), "marker")
		if err := os.WriteFile(marker, []byte("extra file"), 0o644); err != nil {
			t.Fatal(err)
		}
		extra, err := os.Open(marker)
		if err != nil {
			t.Fatal(err)
		}
		defer extra.Close()
		cmd := sandbox.Command(t.Context(), opts, "report", "extra")
		cmd.ExtraFiles = []*os.File{extra}
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		var r reported
		if err := json.Unmarshal(out, &r); err != nil {
			t.Fatalf("%v in %q", err, out)
		}
		if !r.Inside || r.PID < 2 || r.UID != 0 {
			t.Errorf("the worker sees inside=%v pid=%d uid=%d, want true, not 1, 0", r.Inside, r.PID, r.UID)
		}
		if !slices.Contains(r.Links, "lo") || !r.LoopUp {
			t.Errorf("links %v, lo up %v", r.Links, r.LoopUp)
		}
		for _, name := range r.Links {
			if strings.HasPrefix(name, "e") || strings.HasPrefix(name, "v") {
				t.Errorf("the machine's link %s is visible", name)
			}
		}
		if len(r.Run) != 0 {
			t.Errorf("/run holds %v, want nothing", r.Run)
		}
		if r.Processes != 2 {
			t.Errorf("%d processes are visible, want init and worker", r.Processes)
		}
		if r.Extra != "extra file" {
			t.Errorf("the extra file reads %q", r.Extra)
		}
	})
}

func TestEmptyTmp(t *testing.T) {
	// The program must not be in /tmp, where go test puts it.
	exe := filepath.Join("/var/tmp", fmt.Sprintf("edgebed-sandbox-test-%d", os.Getpid()))
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(exe, self, 0o755); err != nil {
		t.Skipf("cannot copy the program out of /tmp: %v", err)
	}
	defer os.Remove(exe)
	// Not empty outside.
	t.TempDir()
	// A copy of the program starts itself in a sandbox of its own.
	cmd := exec.CommandContext(t.Context(), exe, "parent", "quiet", "report")
	cmd.Dir = "/"
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var r reported
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatalf("%v in %q", err, out)
	}
	if len(r.Tmp) != 0 {
		t.Errorf("/tmp holds %v, want nothing", r.Tmp)
	}
}

func exit(args []string) error {
	code, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	os.Exit(code)
	return nil
}

func TestExitCode(t *testing.T) {
	for _, test := range []struct {
		args []string
		want int
	}{
		{[]string{"exit", "0"}, 0},
		{[]string{"exit", "7"}, 7},
		{[]string{"die"}, 128 + int(syscall.SIGKILL)},
	} {
		err := sandbox.Command(t.Context(), sandbox.Options{KeepTmp: true}, test.args...).Run()
		got := 0
		if e, ok := errors.AsType[*exec.ExitError](err); ok {
			got = e.ExitCode()
		} else if err != nil {
			t.Fatal(err)
		}
		if got != test.want {
			t.Errorf("%v: exit code %d, want %d", test.args, got, test.want)
		}
	}
}

func awaitSignal([]string) error {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	fmt.Println("waiting")
	fmt.Println(<-signals)
	return nil
}

func TestSignal(t *testing.T) {
	cmd := sandbox.Command(t.Context(), sandbox.Options{KeepTmp: true}, "signal")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		t.Fatal("the worker said nothing")
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if !lines.Scan() || lines.Text() != "terminated" {
		t.Errorf("the worker got %q, want terminated", lines.Text())
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// orphans starts a process that leaves a child behind, and waits until that
// child is gone from the process table.
func orphans([]string) error {
	if err := exec.Command("/proc/self/exe", "fork").Run(); err != nil {
		return err
	}
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		var others []string
		for _, name := range list("/proc") {
			if pid, err := strconv.Atoi(name); err == nil && pid != 1 && pid != os.Getpid() {
				others = append(others, name)
			}
		}
		if len(others) == 0 {
			return nil
		}
	}
	return errors.New("an orphan is still there")
}

func fork([]string) error { return exec.Command("/proc/self/exe", "sleep").Start() }

func TestOrphansAreReaped(t *testing.T) {
	if out, err := sandbox.Command(t.Context(), sandbox.Options{KeepTmp: true}, "orphans").CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

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

func TestInsideNeedsTheRightNamespace(t *testing.T) {
	if !sandbox.Inside() {
		t.Fatal("the tests run in a sandbox, but Inside is false")
	}
	t.Setenv("EDGEBED_SANDBOX", "pid:[1]")
	if sandbox.Inside() {
		t.Error("Inside believes an environment variable from elsewhere")
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

// limited makes a sandbox where no network namespaces are allowed; the limit
// counts in the user namespace that it runs in.
func limited([]string) error {
	if err := os.WriteFile("/proc/sys/user/max_net_namespaces", []byte("0"), 0); err != nil {
		return err
	}
	return sandbox.Command(context.Background(), sandbox.Options{}, "report").Run()
}

func TestRefusedNamesTheSetting(t *testing.T) {
	var stderr bytes.Buffer
	cmd := sandbox.Command(t.Context(), sandbox.Options{UserNamespace: true, KeepTmp: true}, "limited")
	cmd.Stderr = &stderr
	if err := cmd.Run(); err == nil {
		t.Fatal("a sandbox was made over the limit")
	}
	if !strings.Contains(stderr.String(), "sysctl -w user.max_net_namespaces") {
		t.Errorf("the error does not name the setting: %s", stderr.String())
	}
}

func TestProbe(t *testing.T) {
	eachWay(t, func(t *testing.T, opts sandbox.Options) {
		if err := sandbox.Probe(t.Context(), opts); err != nil {
			t.Error(err)
		}
	})
}
