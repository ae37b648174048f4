package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"

	"edgebed/harness/campaign"
	"edgebed/harness/record"
	"edgebed/harness/sandbox"
	"edgebed/harness/sandbox/sandboxtest"
	"edgebed/scenarios"
)

// outside describes what a campaign must not change outside its sandboxes: the
// network configuration, mounts and named namespaces.
func outside(t *testing.T) string {
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
	rules, err := netlink.RuleList(netlink.FAMILY_ALL)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rules {
		fmt.Fprintln(&b, "rule", r)
	}
	for _, file := range []string{"/proc/self/mountinfo", "/proc/self/cgroup"} {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s\n%s", file, data)
	}
	for name, value := range sysctls(t) {
		fmt.Fprintln(&b, "sysctl", name, value)
	}
	spaces, _ := filepath.Glob("/proc/self/ns/*")
	for _, file := range spaces {
		space, err := os.Readlink(file)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&b, "namespace", file, space)
	}
	named, _ := filepath.Glob("/run/netns/*")
	fmt.Fprintln(&b, "netns", named)
	return b.String()
}

// sysctls yields every setting of the network that can be read, in a fixed order.
func sysctls(t *testing.T) iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		err := filepath.WalkDir("/proc/sys/net", func(name string, d fs.DirEntry, err error) error {
			// This one counts what the kernel does meanwhile.
			if err != nil || d.IsDir() || d.Name() == "nf_conntrack_count" {
				return err
			}
			value, err := os.ReadFile(name)
			if err != nil {
				return nil // some can only be written, such as route/flush
			}
			if !yield(name, strings.TrimSpace(string(value))) {
				return fs.SkipAll
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
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
			before := outside(t)
			out := filepath.Join(t.TempDir(), "out")
			cmd := startCampaign(t, out, mark)
			if during := marked(t, mark); len(during) < 4 {
				t.Fatalf("only processes %v run; the test must end workers and delay lines", during)
			}
			if during := outside(t); during != before {
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
			if after := outside(t); after != before {
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

// TestKilledAtRandomMoments kills a campaign with SIGKILL at random moments and
// goes on with it each time. What is there in the end equals an undisturbed run's
// records in everything but timing; no complete cell was run again, and no
// execution was repeated unless its cell had been disturbed before the kill. The
// environment variable EDGEBED_TEST_KILLS says how often, 3 times by default.
func TestKilledAtRandomMoments(t *testing.T) {
	needSandbox(t)
	kills := 3
	if text := os.Getenv("EDGEBED_TEST_KILLS"); text != "" {
		var err error
		if kills, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	start := func(out string) (*exec.Cmd, *bytes.Buffer) {
		cmd := exec.Command(self, "run", brisk(t, dir), "--where", "rate=100 Mb/s", "--filter", "S=3.*argument=10 kB.*(pure|prop)",
			"--out", out, "--resume", "--reruns", "0")
		cmd.Env = append(os.Environ(), envCommand+"=1")
		var log bytes.Buffer
		cmd.Stdout, cmd.Stderr = &log, &log
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd, &log
	}
	finish := func(out string) *record.Results {
		cmd, log := start(out)
		if err := cmd.Wait(); err != nil {
			t.Fatalf("%v\n%s", err, log.String())
		}
		r, err := record.Read(out)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	began := time.Now()
	undisturbed := finish(filepath.Join(dir, "undisturbed"))
	whole := time.Since(began)

	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	t.Logf("%d kills, seed %d", kills, seed)
	campaigns := 0
	for killed := 0; killed < kills; {
		out := filepath.Join(dir, fmt.Sprint("killed", campaigns))
		campaigns++
		complete := map[string]int{} // attempts when a cell was first seen complete
		for killed < kills {
			cmd, log := start(out)
			time.Sleep(time.Duration(random.Int64N(int64(whole * 3 / 4))))
			_ = cmd.Process.Kill()
			if err := cmd.Wait(); err == nil {
				break // it had ended; the next kills hit another one
			} else if cmd.ProcessState.Exited() {
				t.Fatalf("%v\n%s", err, log.String())
			}
			killed++
			r, err := record.Read(out)
			if errors.Is(err, os.ErrNotExist) || errors.Is(err, record.ErrNoCampaign) {
				continue // killed before it wrote
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range r.Cells {
				if _, seen := complete[c.Cell.ID]; !seen && campaign.Settled(c, 0) {
					complete[c.Cell.ID] = c.Attempts
				}
			}
		}
		r := finish(out)
		if diff := cmp.Diff(timeless(undisturbed), timeless(r)); diff != "" {
			t.Errorf("the records differ (-undisturbed +killed):\n%s", diff)
		}
		once(t, out)
		for _, c := range r.Cells {
			if n, ok := complete[c.Cell.ID]; ok && n != c.Attempts {
				t.Errorf("cell %s was complete after %d attempts and was run again", c.Cell.ID, n)
			}
		}
	}
	t.Logf("%d campaigns were killed", campaigns)
}

// once checks that a record file has no execution twice but where one before it
// was disturbed.
func once(t *testing.T, out string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(out, record.FileName))
	if err != nil {
		t.Fatal(err)
	}
	type key struct {
		cell  string
		index int
	}
	seen, disturbed := map[key]bool{}, map[string]bool{}
	for line := range bytes.Lines(data) {
		var e struct {
			Type string
			record.Execution
		}
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if e.Type != "execution" || e.WarmUp {
			continue
		}
		if k := (key{e.Cell, e.Index}); seen[k] && !disturbed[e.Cell] {
			t.Errorf("execution %d of cell %s was repeated", e.Index, e.Cell)
		} else {
			seen[k] = true
		}
		disturbed[e.Cell] = disturbed[e.Cell] || len(e.Findings) > 0
	}
}

// brisk writes a scenario of small cells, and returns its file.
func brisk(t *testing.T, dir string) string {
	t.Helper()
	data, err := scenarios.Files.ReadFile("exp400.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer("executions: 8", "executions: 4", "pause: 100 ms", "pause: 20 ms").Replace(string(data))
	text, _, _ = strings.Cut(text, "\nfigures:") // drawing takes longer than such cells
	file := filepath.Join(dir, "brisk.yaml")
	if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return file
}

// timeless returns what does not depend on timing in records, in a fixed order.
func timeless(r *record.Results) []record.CellResult {
	var list []record.CellResult
	for _, c := range r.Cells {
		c.Cell.Started = time.Time{}
		c.Attempts, c.DisturbedAttempts = 0, 0
		if c.End != nil {
			c.End = &record.CellEnd{Cell: c.End.Cell, OK: c.End.OK, Reason: c.End.Reason}
		}
		var executions []record.Execution
		for _, e := range c.Executions {
			if e.WarmUp {
				continue // a worker that goes on warms up again
			}
			// How many acknowledgements the traffic has is timing, too.
			executions = append(executions, record.Execution{
				Cell: e.Cell, Index: e.Index, WarmUp: e.WarmUp, Workload: e.Workload, OK: e.OK, Reason: e.Reason, Hops: e.Hops,
				ActiveOpens: e.ActiveOpens, PayloadBytes: e.PayloadBytes, PayloadHopBytes: e.PayloadHopBytes,
				PredictedTrunkBytes: e.PredictedTrunkBytes, Table1Bytes: e.Table1Bytes,
			})
		}
		c.Executions = executions
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b record.CellResult) int { return strings.Compare(a.Cell.ID, b.Cell.ID) })
	return list
}

// TestShards: what is merged of two shards equals what one machine records, and
// what does not belong together is refused.
func TestShards(t *testing.T) {
	needSandbox(t)
	t.Setenv(envCommand, "1") // for the workers
	dir := t.TempDir()
	file := brisk(t, dir)
	edgebed := func(want int, args ...string) string {
		t.Helper()
		var log bytes.Buffer
		if code := Run(t.Context(), args, &log, &log); code != want {
			t.Fatalf("edgebed %v: exit code %d, want %d\n%s", args, code, want, log.String())
		}
		return log.String()
	}
	in := func(name string) string { return filepath.Join(dir, name) }
	run := func(out string, more ...string) {
		t.Helper()
		edgebed(exitOK, append([]string{"run", file, "--where", "rate=100 Mb/s", "--filter", "S=3.*argument=10 kB.*(pure|prop)", "--reruns", "0", "--out", in(out)}, more...)...)
	}
	run("whole")
	run("one", "--shard", "1/2")
	run("two", "--shard", "2/2")
	edgebed(exitOK, "merge", in("merged"), in("one"), in("two"))
	whole, err := record.Read(in("whole"))
	if err != nil {
		t.Fatal(err)
	}
	merged, err := record.Read(in("merged"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(timeless(whole), timeless(merged)); diff != "" {
		t.Errorf("the records differ (-one machine +merged shards):\n%s", diff)
	}
	edgebed(exitOK, "merge", in("again"), in("one"), in("two"), in("one"))
	for _, c := range []struct {
		want  string
		code  int
		parts []string
	}{
		{"they differ", exitUsage, []string{in("whole"), in("two")}},
		{"cells are missing", exitIncomplete, []string{in("one")}},
		{"no such file", exitUsage, []string{in("one"), in("nowhere")}},
	} {
		if log := edgebed(c.code, append([]string{"merge", in(c.want)}, c.parts...)...); !strings.Contains(log, c.want) {
			t.Errorf("merge %v says\n%s\nwant %q", c.parts, log, c.want)
		}
	}
	if log := edgebed(exitUsage, "merge", in("merged"), in("one")); !strings.Contains(log, "has records already") {
		t.Errorf("merge to a folder with records says\n%s", log)
	}
	edgebed(exitOK, "run", file, "--where", "rate=50 Mb/s", "--filter", "S=3.*argument=10 kB.*pure", "--reruns", "0", "--out", in("other"))
	if log := edgebed(exitUsage, "merge", in("foreign"), in("one"), in("other")); !strings.Contains(log, "different campaigns") {
		t.Errorf("merge of different campaigns says\n%s", log)
	}
}
