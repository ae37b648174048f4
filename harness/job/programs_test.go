package job

import (
	"fmt"
	"strings"
	"testing"

	"edgebed/harness/program"
	"edgebed/harness/scenario/scenariotest"
	"edgebed/nodes/yamlfile"
)

// TestProgramExecution: an execution is named after the programs that make it, of which there
// may be none.
func TestProgramExecution(t *testing.T) {
	j := &Job{}
	if j.OfPrograms() || j.KeepsFiles() {
		t.Error("a job without programs is one of programs, or keeps files")
	}
	j.Cell.Capture.Of = []string{"a-b"}
	if !j.KeepsFiles() {
		t.Error("what is captured is not kept")
	}

	j.Cell.Programs = []program.Program{{Name: "server", Runs: program.Cell}}
	if j.OfPrograms() || !j.KeepsFiles() {
		t.Error("a program beside the nodes makes executions, or keeps no files")
	}
	j.Cell.Capture.Of = nil
	j.Cell.Programs = append(j.Cell.Programs, program.Program{Name: "ping", Runs: program.Execution},
		program.Program{Name: "sink", Runs: program.Cell}, program.Program{Name: "wrk", Runs: program.Execution})
	if got := j.ProgramExecution(7); got != "ping+wrk 7" || !j.OfPrograms() || !j.KeepsFiles() {
		t.Errorf("execution 7 is %q, of programs %t, keeps files %t", got, j.OfPrograms(), j.KeepsFiles())
	}
}

// TestProgramMistakes: what programs cannot do here is told with its place.
func TestProgramMistakes(t *testing.T) {
	const load = "\nclients: {count: 2}"
	const samples = "quantities: {rate: {}}"
	for lines, want := range map[string]string{
		"programs: [{name: p, host: host1, command: [a], runs: cell}]":        "",
		"programs: [{name: p, host: host1, command: [a], " + samples + "}]":   "",
		"programs: [{name: p, host: host1, command: [a], runs: cell}]" + load: "",
		"programs: [{name: p, host: hots1, command: [a], runs: cell}]":        "l.yaml:3:28: programs[0].host: the topology has no host hots1",
		"programs: [{name: p, host: host1, command: [a], runs: cell, " + samples + "}]" + load: "l.yaml:3:73: programs[0].quantities: " +
			"what program p measures is noted for single executions",
		"programs: [{name: p, host: host1, command: [a], runs: execution}]" + load: "l.yaml:3:55: programs[0].runs: " +
			"program p runs once in each execution",
	} {
		_, err := loaded(t, lines)
		if want == "" {
			if err != nil {
				t.Errorf("%s: %v", lines, err)
			}
			continue
		}
		if got := fmt.Sprint(err); len(yamlfile.Each(err)) != 1 || !strings.HasPrefix(got, want) {
			t.Errorf("%s: %v, want only %q", lines, err, want)
		}
	}
}

// TestConsent: programs of others run when who starts them has said so, and only then.
func TestConsent(t *testing.T) {
	p, err := Prepare(scenariotest.ExpandText(t, limited), scenariotest.Topology, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = p.Allow(false)
	const want = "test.yaml:8:5: programs[0]: the scenario starts programs of others with your rights, such as " +
		"program free on host1 (a); look at them, and allow it with --allow-exec"
	if err == nil || err.Error() != want || p.Jobs[0].AllowExec {
		t.Errorf("without consent: %v, want %q", err, want)
	}
	if err := p.Allow(true); err != nil || !p.Jobs[0].AllowExec {
		t.Errorf("with consent: %v, %t", err, p.Jobs[0].AllowExec)
	}
	p.Jobs[0].Cell.Programs = nil
	if err := p.Allow(false); err != nil || p.Jobs[0].AllowExec {
		t.Errorf("without programs: %v, %t", err, p.Jobs[0].AllowExec)
	}
}

// TestStartable: a program that this machine does not have is told once for all cells.
func TestStartable(t *testing.T) {
	text := strings.ReplaceAll(limited, "command: [a]", "command: [no-such-program-here]")
	text = strings.Replace(text, "[no-such-program-here]", "[sh]", 1)
	p, err := Prepare(scenariotest.ExpandText(t, text), scenariotest.Topology, nil)
	if err != nil {
		t.Fatal(err)
	}
	told := yamlfile.Each(Startable([]Job{p.Jobs[0], p.Jobs[0]}))
	if len(told) != 3 || !strings.HasPrefix(told[0].Error(), "test.yaml:9:40: programs[1].command[0]: program own: ") {
		t.Errorf("%d mistakes: %v", len(told), told)
	}
}
