package testbed

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"edgebed/harness/job"
	"edgebed/harness/record"
	"edgebed/harness/scenario"
	"edgebed/harness/scenario/scenariotest"
	"edgebed/harness/topology"
	"edgebed/nodes/units"
	"edgebed/nodes/workflow"
)

// shipped returns the prepared cells of a shipped scenario after edits, pairs of
// old and new text.
func shipped(t *testing.T, name string, sel scenario.Selection, edits ...string) (*job.Prepared, error) {
	t.Helper()
	return job.Prepare(scenariotest.Expand(t, name, sel, edits...), scenariotest.Topology, nil)
}

// TestKeepClient runs the same chain twice, with a client for each execution and
// with one for both. Its state then is where the first execution took it, and the
// second one moves nothing but arguments.
func TestKeepClient(t *testing.T) {
	t.Parallel()
	same := job.Workflow{Name: "same", Workflow: &workflow.Workflow{
		Functions:    []string{"10.1.0.2", "10.1.0.3"},
		Dependencies: map[string][]string{"s0": {"10.1.0.2"}},
		StateSizes:   map[string]units.Size{"s0": 30 * units.KB},
	}}
	for _, keep := range []bool{false, true} {
		plan := scenariotest.Expand(t, "exp400", scenario.Selection{Profile: "quick", Where: map[string][]string{
			"panel": {"S=3,L=6"}, "argument": {"10 kB"}, "rate": {"50 Mb/s"}, "model": {"state-local"},
		}}, "warm-up: true", fmt.Sprintf("keep-client: %t", keep))
		p, err := job.Prepare(plan, scenariotest.Topology, []job.Workflow{same, same, same})
		if err != nil {
			t.Fatal(err)
		}
		_, list, _ := collect(t, p.Jobs[0])
		for _, e := range list {
			if !e.OK {
				t.Fatalf("keep-client %t: execution %d failed: %s", keep, e.Index, e.Reason)
			}
			// Three transfers of the argument, and the state unless it is there already.
			want := 60 * units.KB
			if keep && e.Index > 0 {
				want = 30 * units.KB
			}
			if e.PayloadBytes != int64(want) {
				t.Errorf("keep-client %t: the payload of execution %d is given as %d B, want %v", keep, e.Index, e.PayloadBytes, want)
			}
		}
		// The first execution opens the nodes' connections; compare the others.
		saved := list[0].TrunkBytes - list[2].TrunkBytes
		if keep != (saved > 30_000) {
			t.Errorf("keep-client %t: execution 2 moved %d B less than execution 0, the state has 30000", keep, saved)
		}
	}
}

// TestVerified runs a cell of every model and form of each shipped scenario with
// verification: each state is used by exactly its users, in causal order.
func TestVerified(t *testing.T) {
	t.Parallel()
	for name, where := range map[string]map[string][]string{ // by scenario
		"exp400":      {"argument": {"10 kB"}, "rate": {"100 Mb/s"}, "panel": {"S=6,L=3"}},
		"exp401":      {"argument": {"10 kB"}, "rate": {"100 Mb/s"}},
		"exp402":      {"state": {"10 kB"}},
		"alibaba-mix": {"argument": {"10 kB"}, "rate": {"100 Mb/s"}},
	} {
		s := scenariotest.Parse(t, name)
		quick := s.Profiles["quick"]
		quick.Executions = 2
		s.Profiles["quick"] = quick
		plan, err := s.Expand(scenario.Selection{Profile: "quick", Where: where, Verify: true})
		if err != nil {
			t.Fatal(err)
		}
		p, err := job.Prepare(plan, scenariotest.Topology, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, j := range p.Jobs {
			t.Run(name+"/"+j.Cell.ID, func(t *testing.T) {
				t.Parallel()
				cell, list, end := collect(t, j)
				if want := 2 + j.Cell.Execution.Discard; len(list) != want || !end.OK || cell.Settings["verify"] != "true" {
					t.Errorf("%d executions, verify is %q, end %+v", len(list), cell.Settings["verify"], end)
				}
				for _, e := range list {
					if !e.OK {
						t.Errorf("execution %d failed: %s", e.Index, e.Reason)
					}
				}
			})
		}
	}
}

// TestVerifyIsNotCounted: verification adds to an execution's traffic what its
// functions sign with, some bytes a use, and nothing of what it reads itself.
func TestVerifyIsNotCounted(t *testing.T) {
	t.Parallel()
	counted := func(verify bool) record.Execution {
		plan := scenariotest.Expand(t, "exp400", scenario.Selection{Profile: "quick", Verify: verify, Where: map[string][]string{
			"panel": {"S=3,L=6"}, "argument": {"10 kB"}, "rate": {"50 Mb/s"}, "model": {"state-local"},
		}})
		same := job.Workflow{Name: "same", Workflow: &workflow.Workflow{
			Functions:    []string{"10.1.0.2", "10.1.0.3"},
			Dependencies: map[string][]string{"s0": {"10.1.0.2"}, "s1": {"10.1.0.3"}},
			StateSizes:   map[string]units.Size{"s0": 60 * units.KB, "s1": 60 * units.KB},
		}}
		p, err := job.Prepare(plan, scenariotest.Topology, []job.Workflow{same})
		if err != nil {
			t.Fatal(err)
		}
		cell, list, _ := collect(t, p.Jobs[0])
		if len(list) != 1 || !list[0].OK {
			t.Fatalf("verify %t: %+v", verify, list)
		}
		want := map[string]string{"verify": fmt.Sprint(verify), "state-host": "{host}", "state-mode": "artifact"}
		for key, value := range want {
			if cell.Settings[key] != value {
				t.Errorf("verify %t: setting %s is %q, want %q", verify, key, cell.Settings[key], value)
			}
		}
		return list[0]
	}
	plain, verified := counted(false), counted(true)
	if plain.ActiveOpens != verified.ActiveOpens {
		t.Errorf("%d connections with verification, %d without", verified.ActiveOpens, plain.ActiveOpens)
	}
	// The states that verification reads are 120 kB.
	if more := verified.TrunkBytes - plain.TrunkBytes; more < -5000 || more > 5000 {
		t.Errorf("verification adds %d B to the %d between switches", more, plain.TrunkBytes)
	}
}

// twoHosts returns a cell on two hosts with one link in between, of the given
// parameters.
func twoHosts(t *testing.T, wire, argument, timeout, executions string) job.Job {
	t.Helper()
	text := `
version: 1
name: two
title: Two hosts
matrix: [{axis: model, values: [pure-faas]}]
topology: {file: two.yaml}
nodes:
  client: a
  computers:
    - hosts: [b]
      processors: [{name: cpu, cores: 1, speed: 1e12, memory: 64 MiB}]
      functions: [{names: [f], workers: 1, service-time: 1 ms}]
workload: {generator: chain, variant: text, states: 1, length: 1, ` + argument + `}
execution: {model: $model, pause: 0 ms, ` + timeout + `}
profiles: {quick: {` + executions + `, seeds: [1]}}
`
	network := `
version: 1
name: two
subnet: 10.7.0.0/24
switches: [left, right]
hosts:
  - {name: a, address: 10.7.0.1, switch: left}
  - {name: b, address: 10.7.0.2, switch: right}
links: [{between: [left, right], class: wire}]
link-classes: {wire: {` + wire + `}}
`
	s, err := scenario.Parse("two-hosts.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	plan, err := s.Expand(scenario.Selection{Profile: "quick"})
	if err != nil {
		t.Fatal(err)
	}
	p, err := job.Prepare(plan, func(string) ([]byte, string, error) { return []byte(network), "two.yaml", nil }, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p.Jobs[0]
}

// TestJitter: on a machine that keeps up, cells with jitter on their link are
// faithful, whichever order of frames it keeps.
func TestJitter(t *testing.T) {
	for _, order := range []string{"fifo", "reorder"} {
		wire := "rate: 10 Mb/s, delay: 20 ms, jitter: 10 ms, jitter-order: " + order
		j := twoHosts(t, wire, "argument: 1 kB", "timeout: 5 s", "executions: 4")
		var end record.CellEnd
		for range 3 { // others may disturb it now and then
			var cell record.Cell
			var list []record.Execution
			cell, list, end = collect(t, j)
			if len(list) != 4 || !list[3].OK || cell.Settings["link-jitter-order"] != order {
				t.Fatalf("%s: settings %v, executions %+v", order, cell.Settings, list)
			}
			if end.Audit.Verdict == record.Faithful {
				break
			}
		}
		for _, f := range end.Audit.Findings {
			if strings.HasPrefix(f.Check, "link-") {
				t.Errorf("%s: %s at %s is %v %s, limit %v", order, f.Check, f.Where, f.Value, f.Unit, f.Limit)
			}
		}
		if end.Audit.Measures["link-jitter-percent"] == 0 {
			t.Errorf("%s: jitter was not judged: %v", order, end.Audit.Measures)
		}
	}
}

// TestSlowDrain: an execution that fails leaves more in sockets and queues than its
// link carries in 10 s. It is on record all the same, and the cell goes on.
func TestSlowDrain(t *testing.T) {
	t.Parallel()
	j := twoHosts(t, "rate: 30 kb/s, delay: 1 ms", "argument: 1 MB", "timeout: 1500 ms", "executions: 1")
	_, list, end := collect(t, j)
	if len(list) != 1 || list[0].OK || !end.OK {
		t.Fatalf("%d executions, end %+v, want one that failed in a cell that went on: %+v", len(list), end, list)
	}
	// What was still under way at the timeout is in the count.
	if passed := units.Size(list[0].TrunkBytes); (30 * units.Kbps).Time(passed) < 10*time.Second {
		t.Errorf("only %v passed the link: it needs no more than 10 s for that, and the test shows nothing", passed)
	}
	if limit := settleLimit(j); limit < (30 * units.Kbps).Time(1000*topology.Frame) {
		t.Errorf("the wait for %v ends before the link's queue can be empty", limit)
	}
}

// TestDiscard runs a cell of experiment 400 with two executions before the
// measured ones.
func TestDiscard(t *testing.T) {
	t.Parallel()
	p, err := shipped(t, "exp400", scenario.Selection{Profile: "quick", Where: map[string][]string{
		"panel": {"S=3,L=6"}, "argument": {"10 kB"}, "rate": {"50 Mb/s"}, "model": {"pure-faas"},
	}}, "executions: 8", "executions: 3", "warm-up: true", "discard: 2")
	if err != nil {
		t.Fatal(err)
	}
	cell, list, end := collect(t, p.Jobs[0])
	if cell.Executions != 3 || !end.OK {
		t.Errorf("the cell announces %d executions, want 3; it ends with %+v", cell.Executions, end)
	}
	var got []string
	for _, e := range list {
		if !e.OK {
			t.Errorf("execution %d failed: %s", e.Index, e.Reason)
		}
		w, err := p.Jobs[0].Workflow(e.Index)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprint(e.Index, e.WarmUp, e.Workload == w.Name))
	}
	if diff := cmp.Diff([]string{"-2 true true", "-1 true true", "0 false true", "1 false true", "2 false true"}, got); diff != "" {
		t.Errorf("executions (-want +got):\n%s", diff)
	}
}
