package scenario

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"edgebed/nodes/units"
	"edgebed/nodes/workflow"
	"edgebed/nodes/yamlfile"
	"edgebed/scenarios"
)

func builtin(t *testing.T, name string) *Scenario {
	t.Helper()
	data, err := scenarios.Files.ReadFile(name + ".yaml")
	if err != nil {
		t.Fatal(err)
	}
	s, err := Parse(name+".yaml", data)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestExp400(t *testing.T) {
	s := builtin(t, "exp400")
	quick, err := s.Expand(Selection{Profile: "quick"})
	if err != nil {
		t.Fatal(err)
	}
	if len(quick.Cells) != 84 {
		t.Errorf("quick has %d cells, want 2x2x7x3 = 84", len(quick.Cells))
	}
	paper, err := s.Expand(Selection{Profile: "paper"})
	if err != nil {
		t.Fatal(err)
	}
	if len(paper.Cells) != 420 || paper.Cells[0].Executions != 120 {
		t.Errorf("paper has %d cells of %d executions, want 420 of 120", len(paper.Cells), paper.Cells[0].Executions)
	}
	ids := map[string]bool{}
	for _, c := range paper.Cells {
		if ids[c.ID] {
			t.Errorf("cell id %s stands twice", c.ID)
		}
		ids[c.ID] = true
	}
	c := quick.Cells[0]
	if c.ID != "panel=S=3,L=6/argument=10 kB/rate=1 Mb/s/model=pure-faas/seed=1" {
		t.Errorf("first cell is %s", c.ID)
	}
	if *c.Topology.Classes["trunk"].Rate != units.Mbps || c.Workload.States != 3 || c.Workload.Length != 6 || c.Workload.Argument != 10*units.KB {
		t.Errorf("cell %s has rate %v, S=%d, L=%d, A=%v", c.ID, *c.Topology.Classes["trunk"].Rate, c.Workload.States, c.Workload.Length, c.Workload.Argument)
	}
	if c.Point[2].Number != 1 || quick.Cells[83].Point[2].Number != 100 {
		t.Errorf("rates are %v and %v Mb/s, want 1 and 100", c.Point[2].Number, quick.Cells[83].Point[2].Number)
	}
}

func TestSelection(t *testing.T) {
	s := builtin(t, "exp400")
	p, err := s.Expand(Selection{
		Profile: "quick",
		Set:     map[string]string{"variant": "text"},
		Where:   map[string][]string{"rate": {"1 Mb/s", "100 Mb/s"}, "model": {"state-local"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Cells) != 8 || p.Cells[0].Workload.Variant != "text" {
		t.Errorf("got %d cells of variant %s, want 8 of text", len(p.Cells), p.Cells[0].Workload.Variant)
	}
	if got := p.Axes[2].Values; len(got) != 2 {
		t.Errorf("the plan's rates are %v", got)
	}
	same, _ := s.Expand(Selection{Profile: "quick", Set: map[string]string{"variant": "text"}})
	other, _ := s.Expand(Selection{Profile: "quick"})
	if !maps.Equal(p.Decides(), same.Decides()) || maps.Equal(p.Decides(), other.Decides()) {
		t.Error("what decides the results must follow the parameters and not the selection of cells")
	}
}

// TestShipped checks how the matrices of the other shipped scenarios expand.
func TestShipped(t *testing.T) {
	for _, tc := range []struct {
		name, profile     string
		cells, executions int
		first, last       string
	}{
		{"exp401", "quick", 2 * 7 * 5, 4,
			"argument=10 kB/rate=1 Mb/s/model=pure-faas/seed=1",
			"argument=100 kB/rate=100 Mb/s/model=state-local-direct/seed=1"},
		{"exp401", "paper", 2 * 7 * 5 * 5, 120,
			"argument=10 kB/rate=1 Mb/s/model=pure-faas/seed=1",
			"argument=100 kB/rate=100 Mb/s/model=state-local-direct/seed=5"},
		{"exp402", "quick", 10 * 6, 4, "state=1 kB/mode=client/seed=1", "state=1000 kB/mode=cloud/seed=1"},
		{"exp402", "paper", 10 * 6, 95, "state=1 kB/mode=client/seed=1", "state=1000 kB/mode=cloud/seed=1"},
		{"alibaba-mix", "quick", 2 * 3 * 3, 10,
			"argument=10 kB/rate=1 Mb/s/model=pure-faas/seed=1",
			"argument=100 kB/rate=100 Mb/s/model=state-local/seed=1"},
		{"alibaba-mix", "full", 2 * 3 * 3 * 3, 100,
			"argument=10 kB/rate=1 Mb/s/model=pure-faas/seed=1",
			"argument=100 kB/rate=100 Mb/s/model=state-local/seed=3"},
	} {
		t.Run(tc.name+"/"+tc.profile, func(t *testing.T) {
			plan, err := builtin(t, tc.name).Expand(Selection{Profile: tc.profile})
			if err != nil {
				t.Fatal(err)
			}
			n := len(plan.Cells)
			if n != tc.cells || plan.Cells[0].Executions != tc.executions {
				t.Errorf("%d cells of %d executions, want %d of %d", n, plan.Cells[0].Executions, tc.cells, tc.executions)
			}
			if plan.Cells[0].ID != tc.first || plan.Cells[n-1].ID != tc.last {
				t.Errorf("cells from %s to %s, want %s to %s", plan.Cells[0].ID, plan.Cells[n-1].ID, tc.first, tc.last)
			}
			for _, f := range plan.Scenario.Figures {
				if err := f.Check(plan.Axes); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func TestExp401(t *testing.T) {
	plan, err := builtin(t, "exp401").Expand(Selection{Profile: "quick", Where: map[string][]string{"rate": {"1 Mb/s"}, "argument": {"10 kB"}}})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range plan.Cells {
		got = append(got, fmt.Sprint(c.Execution.Model, " ", c.Execution.Form, " ", c.Point[2].Label))
		if w := c.Workload; w.Stages != 3 || w.Branches != 5 || w.Variant != workflow.Artifact {
			t.Errorf("%s draws %d stages of %d branches, variant %s", c.ID, w.Stages, w.Branches, w.Variant)
		}
		if n := len(c.Nodes.Computers); n != 5 {
			t.Fatalf("%d groups of computers, want 5", n)
		}
		for i, g := range c.Nodes.Computers {
			names := g.Functions[0].Names
			if len(names) != 10 || names[0] != fmt.Sprintf("f%d", 10*i) || names[9] != fmt.Sprintf("f%d", 10*i+9) {
				t.Errorf("computer %d serves %v", i, names)
			}
			if len(g.Processors) != 1 || g.Processors[0].Memory != 512*units.MiB {
				t.Errorf("computer %d has the processors %+v", i, g.Processors)
			}
		}
	}
	want := []string{
		"pure-faas carry PureFaaS",
		"state-prop carry StateProp (carry)", "state-local carry StateLocal (carry)",
		"state-prop direct StateProp (direct)", "state-local direct StateLocal (direct)",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("models (-want +got):\n%s", diff)
	}
}

func TestExp402(t *testing.T) {
	s := builtin(t, "exp402")
	plan, err := s.Expand(Selection{Profile: "quick", Where: map[string][]string{"state": {"1000 kB"}}})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range plan.Cells {
		if c.Workload.VideoState != units.MB || c.Workload.Argument != 2*units.MB || c.Execution.Discard != 1 {
			t.Errorf("%s: state of %v, argument of %v, %d discarded", c.ID, c.Workload.VideoState, c.Workload.Argument, c.Execution.Discard)
		}
		line := fmt.Sprint(c.Execution.Model, " ", c.Execution.Form, " ", c.Execution.KeepClient)
		for _, g := range c.Nodes.Computers {
			line += fmt.Sprintf(" %s>%s", g.Hosts[0], g.Keeper(g.Hosts[0]))
		}
		got = append(got, line+" "+string(c.Nodes.Computers[2].StateMode))
	}
	own := " client>client cloud>cloud edge1>edge1 edge2>edge2 edge3>edge3 edge4>edge4 artifact"
	cloud := " client>client cloud>cloud edge1>cloud edge2>cloud edge3>cloud edge4>cloud "
	want := []string{
		"pure-faas carry false" + own, "state-local carry false" + own,
		"state-local carry false" + cloud + "artifact",
		"pure-faas direct true" + own, "state-local direct true" + own, "state-local direct true" + cloud + "read-write",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("modes, and where computers keep states (-want +got):\n%s", diff)
	}
	paper, err := s.Expand(Selection{Profile: "paper"})
	if err != nil {
		t.Fatal(err)
	}
	if got := paper.Cells[0].Execution.Discard; got != 5 {
		t.Errorf("the paper's profile discards %d executions, want 5", got)
	}
}

// TestAliases checks that variables are also replaced behind a YAML alias, which
// the scenarios use for what computers have in common.
func TestAliases(t *testing.T) {
	data, err := scenarios.Files.ReadFile("exp401.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(data), "name: cpu, cores: 2", "name: cpu, cores: $cores", 1)
	text = strings.Replace(text, "parameters:\n", "parameters:\n  - {name: cores, default: 3}\n", 1)
	s, err := Parse("f.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	plan, err := s.Expand(Selection{Profile: "quick"})
	if err != nil {
		t.Fatal(err)
	}
	for i, g := range plan.Cells[0].Nodes.Computers {
		if g.Processors[0].Cores != 3 {
			t.Errorf("computer %d has %d cores, want 3", i, g.Processors[0].Cores)
		}
	}
}

// TestErrors edits the shipped scenarios and checks what the user is told.
func TestErrors(t *testing.T) {
	for _, tc := range []struct{ name, file, old, new, want string }{
		{"unknown key", "exp400", "client: host0", "clint: host0", "did you mean client?"},
		{"unknown top key", "exp400", "figures:", "figure:", "did you mean figures?"},
		{"variable", "exp400", "rate: $rate", "rate: $rat", "unknown variable $rat; did you mean rate?"},
		{"rate", "exp400", "rate: $rate", "rate: 10", "10 Mb/s"},
		{"model", "exp400", "name: pure-faas", "name: pure-fass", "did you mean pure-faas?"},
		{"form", "exp400", "form: carry", "form: carried", "valid: carry, direct"},
		{"variant", "exp400", "variant: $variant", "variant: artefact", "did you mean artifact?"},
		{"axis of a figure", "exp400", "x: rate", "x: rates", "did you mean rate?"},
		{"value of a figure", "exp400", "where: {rate: 100 Mb/s}", "where: {rate: 100 Mbs}", "did you mean 100 Mb/s?"},
		{"metric", "exp400", "metric: delay", "metric: dleay", "did you mean delay?"},
		{"figure's series", "exp402", "of: [client-kept, edge-kept, cloud]", "of: [client-kept, edge, clout]", "did you mean cloud?"},
		{"unit", "exp400", "values: [1 Mb/s,", "values: [1 MB/s,", "unclear unit"},
		{"timeout", "exp400", "timeout: 120 s", "timeout: soon", "timeout"},
		{"version", "exp400", "version: 1", "version: 2", "version"},
		{"parameter", "exp400", "default: artifact", "default: artefact", "did you mean artifact?"},
		{"executions", "exp400", "executions: 8", "executions: 0", "at least one execution"},
		{"cores", "exp400", "name: cpu, cores: 2", "name: cpu, cores: 0", "cores of 0 is out of range: expected 1 to 10000"},
		{"discard", "exp402", "discard: $discard", "discard: -1", "discard of -1 is out of range"},

		{"generator", "exp400", "generator: chain", "generator: chian", "did you mean chain?"},
		{"generator's key unknown", "exp401", "  stages: 3", "  stage: 3", "did you mean stages?"},
		{"key of another generator", "exp400", "  length: $length", "  length: $length\n  stages: 3",
			"generator chain does not use stages; remove it (used: variant, states, length)"},
		{"axis without use for want of a key", "exp402", "  video-state: $state\n", "", "nothing uses the axis state"},
		{"marvel has no variant", "exp402", "  video-state: $state", "  video-state: $state\n  variant: text", "generator marvel does not use variant"},
		{"mix has no length", "alibaba-mix", "  states: $states", "  states: $states\n  length: 4", "generator mix does not use length"},

		{"range backwards", "exp401", "f{10..19}", "f{19..10}", "function f{19..10}: expected a range"},
		{"range too long", "exp401", "f{10..19}", "f{1..99999}", "at most 1000 names"},
		{"state host unknown", "exp402", "state-host: cloud", "state-host: claud", "there is no computer on it, and so no state server; did you mean cloud?"},
		{"state host without computer", "exp402", "state-host: cloud", "state-host: central", "state-host central: there is no computer"},
		{"state host without own server", "exp402", "    - hosts: [cloud]\n", "    - hosts: [cloud]\n      state-host: client\n", "its computer keeps its states on client"},
		{"state mode", "exp402", "state-mode: read-write", "state-mode: readwrite", "did you mean read-write?"},
		{"state mode without state host", "exp402", "state-host: \"{host}\", state-mode: artifact", "state-host: \"{host}\", state-mode: read-write", "add state-host"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			data, err := scenarios.Files.ReadFile(tc.file + ".yaml")
			if err != nil {
				t.Fatal(err)
			}
			text := strings.Replace(string(data), tc.old, tc.new, 1)
			if text == string(data) {
				t.Fatalf("%q is not in the scenario", tc.old)
			}
			s, err := Parse(tc.file+".yaml", []byte(text))
			if s != nil {
				_, more := s.Expand(Selection{Profile: "quick"})
				err = yamlfile.Join(err, more)
			}
			if err == nil {
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %q does not say %q", err, tc.want)
			}
			for line := range strings.Lines(err.Error()) {
				first := strings.SplitN(line, " ", 2)[0]
				if strings.Count(first, ":") != 3 || !strings.HasPrefix(first, tc.file+".yaml:") {
					t.Errorf("error %q has no file:line:column", line)
				}
			}
			if n := strings.Count(err.Error(), "\n"); n > 3 {
				t.Errorf("one mistake gave %d lines:\n%v", n+1, err)
			}
		})
	}
}

// TestKeyPosition checks that an error about a key points to the key.
func TestKeyPosition(t *testing.T) {
	data, err := scenarios.Files.ReadFile("exp402.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(data), "  video-state: $state", "  video-state: $state\n  max-tasks: 3", 1)
	line := 1 + strings.Count(text[:strings.Index(text, "  max-tasks: 3")], "\n")
	s, err := Parse("f.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Expand(Selection{Profile: "quick"})
	if want := fmt.Sprintf("f.yaml:%d:3: ", line); err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("error %v is not at %s", err, want)
	}
}

// TestGenerators draws from every generator.
func TestGenerators(t *testing.T) {
	names := []string{"a", "b", "c", "d", "e", "f"}
	for name, g := range Generators {
		w := Workload{Generator: name, Variant: workflow.Text, States: 2, Length: 3, Stages: 1, Branches: 2, VideoState: units.KB, MaxTasks: 20}
		draw, err := w.Draw(names)
		if w.IsListed() && err != nil {
			continue // it draws nothing
		}
		if err != nil {
			t.Fatal(err)
		}
		one, err := draw.Generate(1, 0)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := one.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if g.About == "" || len(g.Keys) == 0 {
			t.Errorf("%s has no description or no keys", name)
		}
	}
	if _, err := (Workload{Generator: "mixed"}).Draw(names); err == nil || !strings.Contains(err.Error(), "did you mean mix?") {
		t.Errorf("drawing from an unknown generator: %v", err)
	}
}

func TestSelectionErrors(t *testing.T) {
	s := builtin(t, "exp400")
	for _, tc := range []struct {
		sel  Selection
		want string
	}{
		{Selection{Profile: "quik"}, "did you mean quick?"},
		{Selection{Profile: "quick", Set: map[string]string{"variants": "text"}}, "did you mean variant?"},
		{Selection{Profile: "quick", Set: map[string]string{"variant": "txt"}}, "did you mean text?"},
		{Selection{Profile: "quick", Where: map[string][]string{"rates": {"x"}}}, "did you mean rate?"},
	} {
		if _, err := s.Expand(tc.sel); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%+v: error %v does not say %q", tc.sel, err, tc.want)
		}
	}
}
