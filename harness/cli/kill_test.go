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
	"strings"
	"syscall"
	"testing"
	"time"

	"edgebed/harness/record"
	"edgebed/harness/sandbox"
	"edgebed/harness/sandbox/outside"
	"edgebed/harness/sandbox/sandboxtest"
)

// surroundings describes what a campaign must not change outside its sandboxes.
func surroundings(t *testing.T) string {
	t.Helper()
	text, err := outside.Describe()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// marked returns the processes that have the mark in their environment, without
// zombies.
func marked(t *testing.T, mark string) []int {
	t.Helper()
	pids, err := outside.Marked(mark)
	if err != nil {
		t.Fatal(err)
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
	cmd := exec.Command(self, "run", "exp400", "--reruns", "0", "--where", "rate=2 Mb/s", "--where", "argument=10 kB", "--out", out)
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
		if errors.As(err, &refused) && os.Getenv(sandboxtest.EnvRequire) == "" {
			t.Skip(err)
		}
		t.Fatal(err)
	}
}

// TestNothingIsLeft ends campaigns in the middle of executions, in every way,
// and checks that nothing is left and nothing has changed.
func TestNothingIsLeft(t *testing.T) {
	t.Parallel()
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
			before := surroundings(t)
			out := filepath.Join(t.TempDir(), "out")
			cmd := startCampaign(t, out, mark)
			if during := marked(t, mark); len(during) < 4 {
				t.Fatalf("only processes %v run; the test must end workers and delay lines", during)
			}
			if during := surroundings(t); during != before {
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
			if after := surroundings(t); after != before {
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
