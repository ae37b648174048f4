package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"edgebed/harness/cgroup"
	"edgebed/harness/record"
	"edgebed/harness/sandbox/outside"
	"edgebed/scenarios"
)

// envRole makes the test binary behave as a program of others.
const envRole = "EDGEBED_TEST_ROLE"

// sent is how much the test's server sends.
const sent = 2_000_000

// roles are what the test binary does as a program of others.
var roles = map[string]func() error{
	// A server that sends much to whoever comes.
	"server": func() error {
		l, err := net.Listen("tcp", os.Args[1])
		if err != nil {
			return err
		}
		for {
			c, err := l.Accept()
			if err != nil {
				return err
			}
			_, _ = c.Write(make([]byte, sent)) // a probe goes away at once
			c.Close()
		}
	},
	// A client that receives it, by the server's name, and says how fast.
	"client": func() error {
		began := time.Now()
		c, err := net.Dial("tcp", os.Args[1])
		if err != nil {
			return err
		}
		n, err := io.Copy(io.Discard, c)
		fmt.Printf("execution %s\n", os.Args[2])
		fmt.Fprintf(os.NewFile(3, "samples"), "{\"bytes\": %d, \"rate\": %g}\n", n, float64(n)/time.Since(began).Seconds())
		return err
	},
	// One that leaves a session of its own behind.
	"daemon": func() error {
		c := exec.Command(os.Args[0])
		c.Env = append(os.Environ(), envRole+"=sleep")
		c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if err := c.Start(); err != nil {
			return err
		}
		fmt.Println("left one behind")
		time.Sleep(time.Hour)
		return nil
	},
	"sleep": func() error { time.Sleep(time.Hour); return nil },
	// One that takes memory until it is ended.
	"eat": func() error {
		for all := [][]byte{}; ; {
			all = append(all, bytes.Repeat([]byte{1}, 1<<20))
		}
	},
	"fail": func() error { return fmt.Errorf("there is no such thing") },
}

// play behaves as a program of others, if the environment says so.
func play() {
	role := os.Getenv(envRole)
	if role == "" {
		return
	}
	if err := roles[role](); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(4)
	}
	os.Exit(0)
}

// withPrograms writes a scenario that starts the test binary as programs.
func withPrograms(t *testing.T, programs string, more ...string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "programs.yaml")
	text := "name: programs\ntopology: {preset: \"linear,switches=2,rate=$rate\"}\n" +
		"matrix: [{axis: rate, values: [10 Mb/s]}]\nexecution: {model: pure-faas, timeout: 20 s}\n" +
		"profiles: {quick: {executions: 1}}\nprograms:\n" + strings.ReplaceAll(programs, "SELF", self) +
		strings.Join(more, "")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

const serverAndClient = `
  - name: server
    host: host1
    port: 7001
    command: [SELF, "{{address}}:{{port}}"]
    environment: {EDGEBED_TEST_ROLE: server}
    ready: {port: true}
  - name: client
    host: host0
    runs: execution
    command: [SELF, "{{server.host}}:{{server.port}}", "{{execution}}"]
    environment: {EDGEBED_TEST_ROLE: client}
    quantities: {goodput: {from: rate, times: 8e-6, label: Goodput (Mb/s)}, bytes: {}}
figures: [{name: goodput, title: Goodput, kind: bars, metric: client.goodput, x: rate}]
`

// TestProgramsNeedConsent checks that programs of others do not start without the flag,
// and not in virtual time, and that nothing else does.
func TestProgramsNeedConsent(t *testing.T) {
	file := withPrograms(t, serverAndClient)
	out := filepath.Join(t.TempDir(), "out")
	for want, args := range map[string][]string{
		"allow it with --allow-exec": {"run", file, "--out", out},
		"choose --network emulated":  {"run", file, "--out", out, "--allow-exec", "--network", "virtual"},
	} {
		var stdout, stderr bytes.Buffer
		if code := Run(t.Context(), args, &stdout, &stderr); code != exitUsage && code != exitFailed {
			t.Errorf("%q: exit code %d", args, code)
		}
		if !strings.Contains(stderr.String(), want) || !strings.Contains(stderr.String(), "programs.yaml:8:") {
			t.Errorf("%q says %q, want %q with its place", args, stderr.String(), want)
		}
		if _, err := os.Stat(out); !os.IsNotExist(err) {
			t.Errorf("%q began: %v", args, err)
		}
	}
}

// runPrograms runs a scenario with consent, and returns its records.
func runPrograms(t *testing.T, file string, code int, flags ...string) (*record.Results, string) {
	t.Helper()
	needSandbox(t)
	out := filepath.Join(t.TempDir(), "out")
	var log bytes.Buffer
	cmd := command(t, &log, append([]string{"run", file, "--allow-exec", "--out", out}, flags...)...)
	if err := cmd.Run(); cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != code {
		t.Fatalf("%v, want exit code %d\n%s", err, code, log.String())
	}
	results, err := record.Read(out)
	if err != nil {
		t.Fatal(err)
	}
	return results, out
}

// goodput is what a link of 10 Mb/s carries of payload, in Mb/s: 1448 B in each frame of
// 1514 B, of which 14 are Ethernet's, 20 IP's, 20 TCP's and 12 its timestamps.
const goodput = 10. * 1448 / 1514

// holdsGoodput checks a program's throughput against the link's, where the machine kept up.
func holdsGoodput(t *testing.T, r *record.Results, metric string) {
	t.Helper()
	for _, c := range r.Cells {
		for _, e := range c.Executions {
			got := e.Quantities[metric]
			switch {
			case !e.OK:
				t.Errorf("execution %d failed: %s", e.Index, e.Reason)
			case got > goodput*1.01:
				t.Errorf("goodput %v Mb/s, above the link's %v", got, goodput)
			case got < goodput*0.99 && c.Disturbed():
				t.Skipf("goodput %v Mb/s of %v: the machine was disturbed, %v", got, goodput, c.End.Audit.Findings)
			case got < goodput*0.99:
				t.Errorf("goodput %v Mb/s, want the link's %v within 1 %%", got, goodput)
			}
		}
	}
}

// TestPrograms runs programs of others as the executions of a cell, with addresses and
// names put in, and holds what they measure against the link and its counters.
func TestPrograms(t *testing.T) {
	results, out := runPrograms(t, withPrograms(t, serverAndClient), exitOK)
	cell := results.Cells[0]
	e := cell.Executions[0]
	if e.Quantities["client.bytes"] != sent || len(e.Programs) != 1 || e.Programs[0].Code != 0 {
		t.Errorf("quantities %v, programs %+v", e.Quantities, e.Programs)
	}
	if e.TrunkBytes < sent || e.TrunkBytes > sent*115/100 {
		t.Errorf("the link between the switches counts %d B for %d of payload", e.TrunkBytes, sent)
	}
	if p := cell.End.Programs; len(p) != 1 || p[0].Name != "server" || !p[0].Stopped || p[0].Code != 128+15 {
		t.Errorf("programs of the cell %+v", p)
	}
	if log, err := os.ReadFile(filepath.Join(out, cell.Cell.Files, "client.log")); string(log) != "execution 0\n" {
		t.Errorf("the client's log is %q, %v", log, err)
	}
	if label := results.Campaign.Label("client.goodput"); label != "Goodput (Mb/s)" {
		t.Errorf("label %q", label)
	}
	summary, err := os.ReadFile(filepath.Join(out, "summary.csv"))
	if err != nil || !strings.Contains(string(summary), "client.goodput,Goodput (Mb/s),1,") {
		t.Errorf("the summary lacks the quantity: %v\n%s", err, summary)
	}
	if _, err := os.Stat(filepath.Join(out, "goodput.svg")); err != nil {
		t.Error(err)
	}
	holdsGoodput(t, results, "client.goodput")
}

// TestFailedPrograms checks that a cell whose program fails says so, with exit code and
// log, and that a failing execution is one.
func TestFailedPrograms(t *testing.T) {
	const failing = `
  - {name: broken, host: host1, command: [SELF], environment: {EDGEBED_TEST_ROLE: fail}, runs: execution}
`
	results, _ := runPrograms(t, withPrograms(t, failing), exitIncomplete)
	e := results.Cells[0].Executions[0]
	if e.OK || !strings.Contains(e.Reason, "exit code 4: there is no such thing") || e.Programs[0].Code != 4 {
		t.Errorf("the execution says %q, programs %+v", e.Reason, e.Programs)
	}

	results, _ = runPrograms(t, withPrograms(t, strings.Replace(failing, "runs: execution", "ready: {log: never}", 1)),
		exitIncomplete)
	if end := results.Cells[0].End; end.OK || !strings.Contains(end.Reason, "broken on host1 ended with exit code 4: there is no such thing") {
		t.Errorf("the cell ended as %+v", end)
	}
}

// TestProgramsAreEnded kills edgebed while programs of others run, one of which has left
// a session of its own behind, and checks that nothing is left.
func TestProgramsAreEnded(t *testing.T) {
	needSandbox(t)
	mark := fmt.Sprintf("EDGEBED_TEST_MARK=%d-%d", os.Getpid(), time.Now().UnixNano())
	name, value, _ := strings.Cut(mark, "=")
	file := withPrograms(t, fmt.Sprintf(`
  - name: daemon
    host: host1
    command: [SELF]
    environment: {EDGEBED_TEST_ROLE: daemon, %s: %q}
    ready: {log: left one behind}
  - name: long
    host: host0
    command: [SELF]
    environment: {EDGEBED_TEST_ROLE: sleep, %[1]s: %[2]q}
    runs: execution
`, name, value))
	out := filepath.Join(t.TempDir(), "out")
	before := surroundings(t)
	var log bytes.Buffer
	cmd := command(t, &log, "run", file, "--allow-exec", "--out", out)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(30 * time.Second); len(marked(t, mark)) < 3 && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	if running := marked(t, mark); len(running) != 3 {
		t.Errorf("programs %v run, want a daemon, what it left, and another one\n%s", running, log.String())
	}

	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	for end := time.Now().Add(10 * time.Second); len(marked(t, mark)) > 0 && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	if left := marked(t, mark); len(left) > 0 {
		t.Errorf("programs %v are left", left)
	}
	if after := surroundings(t); after != before {
		t.Errorf("the machine changed:\n%s", outside.Changed(before, after))
	}
}

// TestProgramLimits checks that a program which takes too much memory ends with that reason in
// the records, that an ordinary user is told what limits need before anything begins, and that
// no control group outlives a SIGKILL.
func TestProgramLimits(t *testing.T) {
	name := fmt.Sprintf("limited-%d-%d", os.Getpid(), time.Now().UnixNano())
	file := withPrograms(t, fmt.Sprintf(`
  - name: %s
    host: host0
    command: [SELF]
    environment: {EDGEBED_TEST_ROLE: eat}
    limits: {cpu: 0.9, memory: 64 MB}
    runs: execution
`, name))

	var stdout, stderr bytes.Buffer
	switch code := Run(t.Context(), []string{"validate", file}, &stdout, &stderr); {
	case code == exitUsage && strings.Contains(stderr.String(), "limits: limit programs and hosts: ") &&
		strings.Contains(stderr.String(), "systemd-run"):
		t.Skipf("no limits here: %s", &stderr)
	case code != exitOK:
		t.Fatalf("validate says %s", &stderr)
	}

	results, _ := runPrograms(t, file, exitIncomplete)
	e := results.Cells[0].Executions[0]
	if e.OK || !strings.Contains(e.Reason, "exit code 137: it reached its memory limit of 64 MB") ||
		len(e.Programs) != 1 || e.Programs[0].Reason != "memory limit" || e.Programs[0].Code != 137 {
		t.Errorf("the execution says %q, programs %+v", e.Reason, e.Programs)
	}
	groups := func() (list []string) {
		for _, group := range cgroup.Made() {
			own := filepath.Join(group, name)
			if _, err := os.Stat(own); err == nil {
				list = append(list, own)
			}
		}
		return list
	}
	if left := groups(); len(left) > 0 {
		t.Errorf("%v are left", left)
	}

	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, bytes.Replace(text, []byte("ROLE: eat"), []byte("ROLE: sleep"), 1), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := command(t, &stderr, "run", file, "--allow-exec", "--out", filepath.Join(t.TempDir(), "out"))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	inside := func() bool {
		for _, group := range groups() {
			if procs, _ := os.ReadFile(filepath.Join(group, "cgroup.procs")); len(procs) > 0 {
				return true
			}
		}
		return false
	}
	waitFor(t, "the program to run", inside)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	waitFor(t, "its groups to be gone", func() bool { return len(groups()) == 0 })
}

// waitFor waits until something is so.
func waitFor(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// TestWebServer runs the shipped example: what curl gets from nginx over a link is the
// link's goodput.
func TestWebServer(t *testing.T) {
	for _, program := range []string{"nginx", "curl"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("the example needs %s: %v", program, err)
		}
	}
	text, err := scenarios.Programs().Open("web-server.yaml")
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(text)
	if err != nil {
		t.Fatal(err)
	}
	short := strings.NewReplacer("executions: 3", "executions: 1", "[10 Mb/s, 20 Mb/s]", "[10 Mb/s]").Replace(string(data))
	file := filepath.Join(t.TempDir(), "web-server.yaml")
	if err := os.WriteFile(file, []byte(short), 0o644); err != nil {
		t.Fatal(err)
	}
	results, _ := runPrograms(t, file, exitOK)
	holdsGoodput(t, results, "fetch.goodput")
}

// TestProgramScenarios checks each shipped scenario with programs: it can be read, and
// says what it measures.
func TestProgramScenarios(t *testing.T) {
	for _, name := range builtinNames(scenarios.Programs()) {
		flags := selectionFlags{profile: "quick"}
		plan, prepared, err := flags.prepare(name, nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if plan.Scenario.Quantities() == nil || len(prepared.Jobs) == 0 {
			t.Errorf("%s measures nothing", name)
		}
		if _, err := json.Marshal(prepared.Jobs[0]); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
