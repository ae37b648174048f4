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
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"edgebed/harness/sandbox"
	"edgebed/harness/sandbox/sandboxtest"
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
	"status":  status,
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
	sandboxtest.Run(m)
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

func TestInsideNeedsTheRightNamespace(t *testing.T) {
	if !sandbox.Inside() {
		t.Fatal("the tests run in a sandbox, but Inside is false")
	}
	t.Setenv("EDGEBED_SANDBOX", "pid:[1]")
	if sandbox.Inside() {
		t.Error("Inside believes an environment variable from elsewhere")
	}
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
