package cli

import (
	"bufio"
	"bytes"
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
)

// small writes a scenario of two cells on two hosts into a folder and returns its
// file.
func small(t *testing.T, rate, argument, executions string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"small.yaml": `
version: 1
name: small
title: Small
matrix: [{axis: model, values: [pure-faas, state-prop]}]
topology: {file: two.yaml, classes: {wire: {rate: ` + rate + `}}}
nodes:
  client: a
  computers:
    - hosts: [b]
      processors: [{name: cpu, cores: 1, speed: 1e12, memory: 64 MiB}]
      functions: [{names: [f0, f1], workers: 1, service-time: 20 ms}]
workload: {generator: chain, variant: text, states: 1, length: 2, argument: ` + argument + `}
execution: {model: $model, pause: 0 ms, timeout: 5 s}
profiles: {quick: {executions: ` + executions + `, seeds: [1]}}
`, "two.yaml": `
version: 1
name: two
subnet: 10.7.0.0/24
switches: [left, right]
hosts:
  - {name: a, address: 10.7.0.1, switch: left}
  - {name: b, address: 10.7.0.2, switch: right}
links: [{between: [left, right], class: wire}]
link-classes: {wire: {rate: 10 Mb/s, delay: 1 ms}}
`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "small.yaml")
}

// command returns the test binary as edgebed.
func command(t *testing.T, log *bytes.Buffer, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), envCommand+"=1")
	cmd.Stderr = log
	return cmd
}

// TestReaderGoesAway: a campaign whose events nobody reads any more goes on.
func TestReaderGoesAway(t *testing.T) {
	t.Parallel()
	needSandbox(t)
	out := filepath.Join(t.TempDir(), "out")
	var log bytes.Buffer
	cmd := command(t, &log, "run", small(t, "10 Mb/s", "1 kB", "10"), "--json", "--reruns", "0", "--out", out)
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(pipe).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	pipe.Close()
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}
	r, err := record.Read(out)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(r.Complete()); n != 2 {
		t.Errorf("%d cells are complete, want 2", n)
	}
}

// TestFolderRemoved: a campaign whose folder is removed, or replaced by another
// one, ends with an error at the next record.
func TestFolderRemoved(t *testing.T) {
	t.Parallel()
	needSandbox(t)
	for _, again := range []bool{false, true} {
		out := filepath.Join(t.TempDir(), "out")
		var log bytes.Buffer
		cmd := command(t, &log, "run", small(t, "10 Mb/s", "1 kB", "2000"), "--reruns", "0", "--out", out)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		waitForRecord(t, out, &log)
		if err := os.RemoveAll(out); err != nil {
			t.Fatal(err)
		}
		if again {
			if err := os.MkdirAll(out, 0o777); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(out, record.FileName), nil, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		removed := time.Now()
		err := cmd.Wait()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != exitFailed {
			t.Errorf("made again %t: ended with %v, want exit code %d\n%s", again, err, exitFailed, log.String())
		}
		if !strings.Contains(log.String(), record.ErrGone.Error()) {
			t.Errorf("made again %t: the error does not say what happened:\n%s", again, log.String())
		}
		// 2000 executions of 40 ms and more take over a minute.
		if took := time.Since(removed); took > 20*time.Second {
			t.Errorf("made again %t: noticed after %v", again, took)
		}
	}
}

// waitForRecord returns once an execution is on record.
func waitForRecord(t *testing.T, out string, log *bytes.Buffer) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		data, _ := os.ReadFile(filepath.Join(out, record.FileName))
		if bytes.Contains(data, []byte(`"type":"execution"`)) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("no execution after a minute:\n%s", log.String())
		}
	}
}

// TestHangUp: SIGHUP ends a campaign as SIGTERM and Ctrl-C do.
func TestHangUp(t *testing.T) {
	t.Parallel()
	needSandbox(t)
	for _, sig := range []syscall.Signal{syscall.SIGHUP, syscall.SIGTERM} {
		out := filepath.Join(t.TempDir(), "out")
		var log bytes.Buffer
		cmd := command(t, &log, "run", small(t, "10 Mb/s", "1 kB", "2000"), "--reruns", "0", "--out", out)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		waitForRecord(t, out, &log)
		if err := cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		var exit *exec.ExitError
		if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != exitInterrupted || !strings.Contains(log.String(), "--resume") {
			t.Errorf("%v: ended with %v, want exit code %d and how to go on\n%s", sig, err, exitInterrupted, log.String())
		}
	}
}

// TestPlanningEnds: a command that reads and plans ends when it is told to, though
// it has minutes to go.
func TestPlanningEnds(t *testing.T) {
	file := small(t, "10 Mb/s", "1 kB", "1")
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	// A million cells.
	var axes strings.Builder
	for i := range 6 {
		fmt.Fprintf(&axes, "  - {axis: a%d, values: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]}\n", i)
	}
	text := strings.Replace(string(data), "matrix: [{axis: model, values: [pure-faas, state-prop]}]",
		"matrix:\n  - {axis: model, values: [pure-faas]}\n"+axes.String(), 1)
	if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"run", file, "--dry-run"}, {"validate", file}} {
		for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
			var log bytes.Buffer
			cmd := command(t, &log, args...)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			done := make(chan error, 1)
			go func() { done <- cmd.Wait() }()
			// Long enough to be planning on a busy machine, too.
			select {
			case err := <-done:
				t.Skipf("%s was refused before it was interrupted: %v\n%s", args[0], err, log.String())
			case <-time.After(1500 * time.Millisecond):
			}
			sent := time.Now()
			if err := cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			err := <-done
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != exitInterrupted {
				t.Errorf("%s, %v: ended with %v, want exit code %d", args[0], sig, err, exitInterrupted)
			}
			if took := time.Since(sent); took > 3*grace+time.Second {
				t.Errorf("%s, %v: ended after %v", args[0], sig, took)
			}
		}
	}
}

// TestSecondCtrlC: whoever presses Ctrl-C again, while a campaign ends or its figures
// are drawn, ends it at once, and what is on record can be gone on with.
func TestSecondCtrlC(t *testing.T) {
	needSandbox(t)
	scenario := small(t, "10 Mb/s", "1 kB", "2000")
	out := filepath.Join(t.TempDir(), "out")
	var log bytes.Buffer
	cmd := command(t, &log, "run", scenario, "--reruns", "0", "--out", out)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	waitForRecord(t, out, &log)

	// Once the first one is taken the second is the kernel's to act on.
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	time.Sleep(5 * time.Millisecond)
	_ = cmd.Process.Signal(os.Interrupt) // it may have ended
	sent := time.Now()
	_ = cmd.Wait()
	if took := time.Since(sent); took > 2*time.Second {
		t.Errorf("it ended %v after the second Ctrl-C", took)
	}
	if status := cmd.ProcessState.Sys().(syscall.WaitStatus); status.Signal() != syscall.SIGINT && status.ExitStatus() != exitInterrupted {
		t.Errorf("it ended with %v, want exit code %d, or SIGINT\n%s", cmd.ProcessState, exitInterrupted, log.String())
	}
	x, err := record.Examine(out)
	if err != nil || len(x.Damage) > 1 {
		t.Errorf("more than a torn line is damaged: %+v, %v", x, err)
	}
}
