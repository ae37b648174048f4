package cli

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"edgebed/harness/cgroup"
	"edgebed/harness/record"
	"edgebed/harness/sandbox/outside"
)

// weakHosts writes a scenario whose hosts have limits, and skips the test where the machine has
// none.
func weakHosts(t *testing.T, text string, args ...any) string {
	t.Helper()
	needSandbox(t)
	file := filepath.Join(t.TempDir(), "weak.yaml")
	text = fmt.Sprintf("name: weak\ntopology: {preset: \"linear,switches=3,rate=1 Gb/s,delay=0 ms\"}\n"+text, args...)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	switch code := Run(t.Context(), []string{"validate", file}, &stdout, &stderr); {
	case code == exitUsage && strings.Contains(stderr.String(), "limits[0]: limit programs and hosts: ") &&
		strings.Contains(stderr.String(), "systemd-run"):
		t.Skipf("no limits here: %s", &stderr)
	case code != exitOK:
		t.Fatalf("validate says %s", &stderr)
	}
	return file
}

// TestWeakHosts: with a twentieth of a processor for each host executions that move large
// arguments take longer than with more than there is, use their states as ever, and move the
// same bytes; what was used and held up is on record.
func TestWeakHosts(t *testing.T) {
	t.Parallel()
	file := weakHosts(t, `
matrix: [{axis: cpu, values: [0.05, 1024]}]
nodes: {limits: [{hosts: [host0, host1, host2], cpu: $cpu}]}
workload: {argument: 1 MB}
execution: {model: state-prop, timeout: 60 s}
profiles: {quick: {executions: 3}}
`)
	out := filepath.Join(t.TempDir(), "out")
	var log bytes.Buffer
	if err := command(t, &log, "run", file, "--verify", "--reruns", "0", "--jobs", "1", "--out", out).Run(); err != nil {
		t.Fatalf("%v\n%s", err, &log)
	}
	results, err := record.Read(out)
	if err != nil {
		t.Fatal(err)
	}

	median, payload := map[string]time.Duration{}, map[string]int64{}
	for _, c := range results.Cells {
		cpu := c.Cell.Point[0].Value
		if !c.End.OK || len(c.Executions) != 3 || c.Cell.Settings["cpu-limit"] != cpu {
			t.Errorf("cpu %s: %d executions, settings %v, end %+v", cpu, len(c.Executions), c.Cell.Settings, c.End)
		}
		var delays []int64
		for _, e := range c.Executions {
			if !e.OK {
				t.Errorf("cpu %s: execution %d failed: %s", cpu, e.Index, e.Reason)
			}
			delays = append(delays, e.DelayNS)
			payload[cpu] += e.PayloadHopBytes
			if off := float64(e.TrunkBytes)/float64(e.PredictedTrunkBytes) - 1; math.Abs(off) > 0.03 && e.Retransmissions == 0 {
				t.Errorf("cpu %s: execution %d moved %d B, %d were predicted", cpu, e.Index, e.TrunkBytes, e.PredictedTrunkBytes)
			}
		}
		slices.Sort(delays)
		median[cpu] = time.Duration(delays[len(delays)/2])

		if len(c.End.Limits) != 3 {
			t.Fatalf("cpu %s: the hosts had %+v", cpu, c.End.Limits)
		}
		held := int64(0)
		for _, l := range c.End.Limits {
			if held += l.ThrottledNS; strconv.FormatFloat(l.CPU, 'g', -1, 64) != cpu || l.Throttled > l.Periods {
				t.Errorf("cpu %s: %+v", cpu, l)
			}
		}
		if (held > 0) != (cpu == "0.05") {
			t.Errorf("cpu %s: hosts were held up for %v", cpu, time.Duration(held))
		}
	}
	if payload["0.05"] != payload["1024"] {
		t.Errorf("payload of %v B", payload)
	}
	t.Logf("median delays %v", median)
	if median["0.05"] < 3*median["1024"]/2 {
		t.Errorf("median delays %v, want that of the weak hosts to be 1.5 times the other at least", median)
	}
}

// TestWeakHostsUnderLoad: clients on limited hosts, load and events that stop a computer and slow
// it down work as on others, and so does a program there.
func TestWeakHostsUnderLoad(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	file := weakHosts(t, `
nodes:
  computers: [{functions: [{names: ["{address}"], workers: 2, service-time: 80 ms}]}]
  limits: [{hosts: [host0, host2], cpu: 0.3}]
clients: {count: 2}
load: {arrivals: poisson, rate: 4, duration: 2 s}
events:
  - {at: 500 ms, for: 300 ms, computer: host2, stop: true}
  - {at: 1200 ms, for: 300 ms, computer: host2, speed: 0.5}
execution: {model: state-prop, timeout: 20 s}
profiles: {quick: {executions: 1}}
programs:
  - {name: p, host: host2, command: [%q], environment: {EDGEBED_TEST_ROLE: sleep}, limits: {memory: 200 MB}}
`, self)
	out := filepath.Join(t.TempDir(), "out")
	var log bytes.Buffer
	// Executions may fail while their computer is stopped.
	cmd := command(t, &log, "run", file, "--reruns", "0", "--allow-exec", "--out", out)
	if err := cmd.Run(); cmd.ProcessState == nil || cmd.ProcessState.ExitCode() > exitIncomplete {
		t.Fatalf("%v\n%s", err, &log)
	}
	results, err := record.Read(out)
	if err != nil {
		t.Fatal(err)
	}

	c := results.Cells[0]
	if !c.End.OK || len(c.End.Events) != 4 || len(c.End.Limits) != 2 || c.Cell.Settings["cpu-limit.host1"] != "none" {
		t.Errorf("settings %v, end %+v", c.Cell.Settings, c.End)
	}
	worked := 0
	for _, s := range c.End.Load.Samples.Computers {
		if s.Host == "host2" {
			for _, n := range s.Running {
				worked += int(n)
			}
		}
	}
	good := 0
	for _, e := range c.Executions {
		if e.OK {
			good++
		}
	}
	if good == 0 || worked == 0 {
		t.Errorf("%d of %d executions ended well; samples of host2: %+v", good, len(c.Executions), c.End.Load.Samples.Computers)
	}
	if p := c.End.Programs; len(p) != 1 || !p[0].Stopped {
		t.Errorf("programs %+v", p)
	}
}

// TestWeakHostsAreEnded kills the nodes of a limited host, which ends the attempt at the cell with
// that reason, and then edgebed: the processes were in their groups, and neither is left.
func TestWeakHostsAreEnded(t *testing.T) {
	mark := fmt.Sprintf("EDGEBED_TEST_MARK=%d-%d", os.Getpid(), time.Now().UnixNano())
	file := weakHosts(t, `
nodes: {limits: [{cpu: 0.5}]}
execution: {model: state-prop}
profiles: {quick: {executions: 100000}}
`)
	out := filepath.Join(t.TempDir(), "out")
	before := surroundings(t)
	var log bytes.Buffer
	cmd := command(t, &log, "run", file, "--reruns", "0", "--out", out)
	cmd.Env = append(cmd.Env, mark)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	nodes := func() (running []string, groups []string, first int) {
		for _, pid := range marked(t, mark) {
			line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
			if name, host, ok := strings.Cut(strings.TrimRight(string(line), "\x00"), "\x00"); ok && name == "edgebed-nodes" {
				text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
				if strings.Contains(string(text), "/host."+host+"/_own\n") {
					running = append(running, host)
				}
				if host == "host1" {
					first = pid
				}
				for _, made := range cgroup.Made() {
					if strings.Contains(string(text), filepath.Base(made)) {
						groups = append(groups, made)
					}
				}
			}
		}
		slices.Sort(running)
		return running, groups, first
	}
	recorded := func(what string) func() bool {
		return func() bool {
			records, _ := os.ReadFile(filepath.Join(out, "records.jsonl"))
			return bytes.Contains(records, []byte(what))
		}
	}
	waitFor(t, "executions", recorded(`"type":"execution"`))
	running, groups, first := nodes()
	if fmt.Sprint(running) != "[host1 host2]" || len(groups) == 0 {
		t.Errorf("in groups %v the nodes of %v run\n%s", groups, running, &log)
	}

	if err := syscall.Kill(first, syscall.SIGKILL); first == 0 || err != nil {
		t.Errorf("kill the nodes of host1, process %d: %v", first, err)
	}
	t.Cleanup(func() {
		if records, _ := os.ReadFile(filepath.Join(out, "records.jsonl")); t.Failed() {
			t.Logf("%s", records[max(0, len(records)-2000):])
		}
	})
	waitFor(t, "the reason", recorded("the process with the nodes of host host1 ended before its time: signal: killed"))
	waitFor(t, "another attempt", func() bool { running, groups, _ = nodes(); return len(running) == 2 })

	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	waitFor(t, "all processes to end", func() bool { return len(marked(t, mark)) == 0 })
	waitFor(t, "the groups to be gone", func() bool {
		return !slices.ContainsFunc(groups, func(g string) bool { _, err := os.Stat(g); return err == nil })
	})
	if after := surroundings(t); after != before {
		t.Errorf("the machine changed:\n%s", outside.Changed(before, after))
	}
}

// TestWeakHostsAreNotTraced: what nobody can look into is refused, at its place.
func TestWeakHostsAreNotTraced(t *testing.T) {
	file := weakHosts(t, "nodes: {limits: [{cpu: 0.5}]}\nexecution: {model: state-prop}\nprofiles: {quick: {executions: 1}}\n")
	var stdout, stderr bytes.Buffer
	code := Run(t.Context(), []string{"trace", file, "--out", t.TempDir()}, &stdout, &stderr)
	if code != exitUsage || !strings.Contains(stderr.String(), "weak.yaml:3:18: nodes.limits[0]: trace: the nodes of host host1 have a limit") {
		t.Errorf("exit code %d, %s", code, &stderr)
	}
}

// TestWeakHostsInShell: what the shell starts on a limited host is held with its nodes, which it
// can look into.
func TestWeakHostsInShell(t *testing.T) {
	t.Parallel()
	file := weakHosts(t, `
nodes: {limits: [{hosts: [host0, host1], cpu: 0.5}]}
execution: {model: state-local}
profiles: {quick: {executions: 1}}
`)
	var log bytes.Buffer
	cmd := command(t, &log, "shell", file, "-c", "host1 cat /proc/self/cgroup", "-c", "host2 echo free; cat /proc/self/cgroup",
		"-c", "tables host1", "-c", "invoke host2,host1 mine=20kB", "-c", "states host1")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, &log)
	}
	held, free, ok := strings.Cut(string(out), "free\n")
	if !ok || !strings.Contains(held, "/host.host1/_own\n") || strings.Contains(free, "/host.") {
		t.Errorf("programs are in the groups\n%s", out)
	}
	if !strings.Contains(free, "host1      10.1.0.3    host2:10000") || !strings.Contains(free, "mine   20 kB") {
		t.Errorf("the nodes tell\n%s", out)
	}
}
