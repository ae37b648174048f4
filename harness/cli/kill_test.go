package cli

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"edgebed/harness/record"
	"edgebed/harness/sandbox"
)

// machine describes what a campaign must not change outside its sandboxes: the
// network configuration, mounts and named namespaces.
func machine(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	links, err := netlink.LinkList()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range links {
		a := l.Attrs()
		fmt.Fprintln(&b, "link", a.Index, a.Name, l.Type(), a.MTU, a.HardwareAddr, a.Flags, a.OperState, a.TxQLen)
		queues, err := netlink.QdiscList(l)
		if err != nil {
			t.Fatal(err)
		}
		for _, q := range queues {
			fmt.Fprintln(&b, "qdisc", a.Name, q.Type(), q.Attrs().Handle)
		}
	}
	addresses, err := netlink.AddrList(nil, netlink.FAMILY_ALL)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addresses {
		fmt.Fprintln(&b, "address", a.LinkIndex, a.IPNet)
	}
	routes, err := netlink.RouteList(nil, netlink.FAMILY_ALL)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range routes {
		fmt.Fprintln(&b, "route", r)
	}
	for _, file := range []string{"/proc/self/mountinfo", "/proc/sys/net/ipv4/tcp_congestion_control", "/proc/sys/net/ipv4/ip_forward", "/proc/sys/net/ipv4/tcp_rmem"} {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s\n%s", file, data)
	}
	named, _ := filepath.Glob("/run/netns/*")
	fmt.Fprintln(&b, "netns", named)
	return b.String()
}

// marked returns the processes that have the mark in their environment, without
// zombies.
func marked(t *testing.T, mark string) []int {
	t.Helper()
	var pids []int
	environs, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range environs {
		data, err := os.ReadFile(file)
		if err != nil || !slices.Contains(strings.Split(string(data), "\x00"), mark) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err == nil && pid != os.Getpid() {
			pids = append(pids, pid)
		}
	}
	return pids
}

// campaign starts a campaign that takes minutes and returns once executions are
// recorded.
func startCampaign(t *testing.T, out, mark string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "run", "exp400", "--where", "rate=2 Mb/s", "--where", "argument=10 kB", "--out", out)
	cmd.Env = append(os.Environ(), envCommand+"=1", mark)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	deadline := time.Now().Add(time.Minute)
	for {
		data, _ := os.ReadFile(filepath.Join(out, record.FileName))
		if bytes.Count(data, []byte(`"type":"execution"`)) >= 3 {
			return cmd
		}
		if time.Now().After(deadline) {
			t.Fatalf("no executions after a minute:\n%s", log.String())
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// needSandbox skips the test where the kernel refuses namespaces.
func needSandbox(t *testing.T) {
	t.Helper()
	if err := sandbox.Probe(context.Background(), sandbox.Options{}); err != nil {
		var refused *sandbox.RefusedError
		if errors.As(err, &refused) && os.Getenv(sandbox.EnvRequire) == "" {
			t.Skip(err)
		}
		t.Fatal(err)
	}
}

// TestNothingIsLeft ends campaigns in the middle of executions, in every way,
// and checks that nothing is left and nothing has changed.
func TestNothingIsLeft(t *testing.T) {
	needSandbox(t)
	for name, end := range map[string]func(t *testing.T, cmd *exec.Cmd, mark string){
		"SIGKILL of the parent": func(t *testing.T, cmd *exec.Cmd, _ string) {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		},
		"SIGKILL of everything but the parent": func(t *testing.T, cmd *exec.Cmd, mark string) {
			for _, pid := range marked(t, mark) {
				if pid != cmd.Process.Pid {
					_ = syscall.Kill(pid, syscall.SIGKILL)
				}
			}
			// The parent runs the cells again; what matters is what is left.
			time.Sleep(100 * time.Millisecond)
			if err := cmd.Process.Signal(os.Interrupt); err != nil {
				t.Fatal(err)
			}
		},
		"Ctrl-C": func(t *testing.T, cmd *exec.Cmd, _ string) {
			if err := cmd.Process.Signal(os.Interrupt); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			mark := fmt.Sprintf("EDGEBED_TEST_MARK=%d-%d", os.Getpid(), time.Now().UnixNano())
			before := machine(t)
			out := filepath.Join(t.TempDir(), "out")
			cmd := startCampaign(t, out, mark)
			if during := marked(t, mark); len(during) < 4 {
				t.Fatalf("only processes %v run; the test must end workers and delay lines", during)
			}
			if during := machine(t); during != before {
				t.Errorf("the running campaign changed the machine:\n%s\nbefore:\n%s", during, before)
			}
			end(t, cmd, mark)
			_ = cmd.Wait()
			deadline := time.Now().Add(10 * time.Second)
			for len(marked(t, mark)) > 0 && time.Now().Before(deadline) {
				time.Sleep(10 * time.Millisecond)
			}
			if left := marked(t, mark); len(left) > 0 {
				t.Errorf("processes %v are left", left)
			}
			if after := machine(t); after != before {
				t.Errorf("the machine changed to:\n%s\nfrom:\n%s", after, before)
			}
			if code := cmd.ProcessState.ExitCode(); name == "Ctrl-C" && code != exitInterrupted {
				t.Errorf("exit code %d, want %d", code, exitInterrupted)
			}
			readable(t, out)
		})
	}
}

// readable checks that every execution that was written whole can be read, and
// that none is there twice.
func readable(t *testing.T, out string) {
	t.Helper()
	f, err := os.Open(filepath.Join(out, record.FileName))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := 0
	for s := bufio.NewScanner(f); s.Scan(); {
		if strings.Contains(s.Text(), `"type":"execution"`) && strings.HasSuffix(s.Text(), "}") {
			lines++
		}
	}
	r, err := record.Read(out)
	if err != nil {
		t.Fatal(err)
	}
	read := 0
	for _, c := range r.Cells {
		seen := map[int]bool{}
		for _, e := range c.Executions {
			if seen[e.Index] {
				t.Errorf("cell %s: execution %d is there twice", c.Cell.ID, e.Index)
			}
			seen[e.Index] = true
			read++
		}
	}
	// A cell that ran twice counts its last attempt.
	if read == 0 || read > lines {
		t.Errorf("%d executions were read of %d that were written", read, lines)
	}
}

// TestResume stops a campaign and goes on with it: every cell is complete
// afterwards, once.
func TestResume(t *testing.T) {
	needSandbox(t)
	out := filepath.Join(t.TempDir(), "out")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"run", "exp400", "--where", "rate=100 Mb/s", "--where", "argument=10 kB", "--where", "panel=S=3,L=6", "--out", out, "--resume"}
	run := func(kill bool) []byte {
		cmd := exec.Command(self, args...)
		cmd.Env = append(os.Environ(), envCommand+"=1")
		var log bytes.Buffer
		cmd.Stdout, cmd.Stderr = &log, &log
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if kill {
			for range 3000 {
				if data, _ := os.ReadFile(filepath.Join(out, record.FileName)); bytes.Contains(data, []byte(`"type":"cell_end"`)) {
					break
				}
				time.Sleep(10 * time.Millisecond)
			}
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			return nil
		}
		if err := cmd.Wait(); err != nil {
			t.Fatalf("resume: %v\n%s", err, log.String())
		}
		return log.Bytes()
	}
	run(true)
	first, err := record.Read(out)
	if err != nil {
		t.Fatal(err)
	}
	done := len(first.Complete())
	if done < 1 || done > 2 {
		t.Fatalf("%d of 3 cells were complete when the campaign was killed", done)
	}
	log := run(false)
	if want := fmt.Sprintf("%d cells to run", 3-done); !strings.Contains(string(log), want) {
		t.Errorf("the log does not say %q:\n%s", want, log)
	}
	r, err := record.Read(out)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Complete()) != 3 || len(r.Cells) != 3 {
		t.Errorf("%d cells, %d of them complete, want 3", len(r.Cells), len(r.Complete()))
	}
	for _, c := range r.Cells {
		if len(c.Executions) != 8 {
			t.Errorf("cell %s has %d executions, want 8", c.Cell.ID, len(c.Executions))
		}
	}
}
