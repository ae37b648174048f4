package shell

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"edgebed/harness/job"
	"edgebed/harness/scenario"
	"edgebed/harness/scenario/scenariotest"
	"edgebed/harness/testbed"
	"edgebed/nodes/yamlfile"
)

// onScenario starts a small cell of experiment 400 with its nodes.
func onScenario(t *testing.T) (*Shell, *bytes.Buffer) {
	t.Helper()
	plan := scenariotest.Expand(t, "exp400", scenario.Selection{Profile: "quick", Where: map[string][]string{
		"panel": {"S=3,L=6"}, "rate": {"100 Mb/s"}, "argument": {"10 kB"}, "model": {"state-local"},
	}})
	prepared, err := job.Prepare(plan, scenariotest.Topology, nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := testbed.OpenBench(t.Context(), prepared.Jobs[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	out := &bytes.Buffer{}
	return NewOn(b, out, out), out
}

// TestNodes touches the nodes of a scenario: routers know all functions, states are where
// the last function that used them left them, and workflows of all kinds are executed.
func TestNodes(t *testing.T) {
	s, out := onScenario(t)
	execute(t, s, "tables host0")
	if n := strings.Count(out.String(), "host0 "); n != 5 || !strings.Contains(out.String(), "host3:10000") {
		t.Errorf("host0's router knows:\n%s", out)
	}
	execute(t, s, "states")
	if !strings.Contains(out.String(), "no state server holds a state") {
		t.Errorf("before anything runs:\n%s", out)
	}

	out.Reset()
	execute(t, s, "invoke host1,host2 mine=20kB", "states host2")
	told := regexp.MustCompile(`(?s)^execution 0, 2 functions, 1 states: [0-9.]+ms, [0-9.]+ kB between switches.*host2 +mine +20 kB`)
	if !told.MatchString(out.String()) {
		t.Errorf("a chain by hand:\n%s", out)
	}

	w, err := s.bench.Job().Workflow(2)
	if err != nil {
		t.Fatal(err)
	}
	data, err := w.Workflow.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "chain.json")
	if err := os.WriteFile(file, data, 0o644); err != nil {
		t.Fatal(err)
	}
	out.Reset()
	execute(t, s, "invoke", "invoke 7", "invoke "+file)
	for _, want := range []string{"execution 1, ", "execution 7, ", "execution 8, "} {
		if !strings.Contains(out.String(), want+"3 functions, 6 states") {
			t.Errorf("the shell says nothing of %q:\n%s", want, out)
		}
	}

	// The network is still the one to touch.
	execute(t, s, "set s0 s1 rate 1Mbit/s", "ping host0 host1 1", "watch 1")
	for line, want := range map[string]string{
		"invoke 10.1.0.9":        "no computer serves function",
		"invoke host1 s":         "usage: invoke",
		"invoke host1 s=much":    "state s",
		"invoke 1000000":         "the scenario has executions 0 to",
		"invoke /nowhere/a.json": "read workflow",
		"states host9":           "did you mean",
	} {
		if err := s.Execute(t.Context(), line); err == nil || !strings.Contains(yamlfile.Explain(err), want) {
			t.Errorf("%s: got %v, want %q", line, err, want)
		}
	}
}

// TestNoNodes checks that commands for nodes say what they need.
func TestNoNodes(t *testing.T) {
	s, _ := start(t, "star,2")
	for _, line := range []string{"tables host0", "states", "invoke"} {
		if err := s.Execute(t.Context(), line); err == nil || !strings.Contains(err.Error(), "edgebed shell SCENARIO") {
			t.Errorf("%s: %v", line, err)
		}
	}
}
