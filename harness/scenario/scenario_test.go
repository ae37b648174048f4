package scenario

import (
	"strings"
	"testing"

	"edgebed/harness/units"
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
	same, _ := s.Expand(Selection{Profile: "paper", Set: map[string]string{"variant": "text"}})
	other, _ := s.Expand(Selection{Profile: "quick"})
	if p.Hash() != same.Hash() || p.Hash() == other.Hash() {
		t.Error("the hash must follow the parameters and not the selection of cells")
	}
}

// TestErrors edits the shipped scenario and checks what the user is told.
func TestErrors(t *testing.T) {
	data, err := scenarios.Files.ReadFile("exp400.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ name, old, new, want string }{
		{"unknown key", "client: host0", "clint: host0", "did you mean client?"},
		{"unknown top key", "figures:", "figure:", "did you mean figures?"},
		{"variable", "rate: $rate", "rate: $rat", "unknown variable $rat; did you mean rate?"},
		{"rate", "rate: $rate", "rate: 10", "10 Mb/s"},
		{"model", "name: pure-faas", "name: pure-fass", "did you mean pure-faas?"},
		{"generator", "generator: chain", "generator: chian", "did you mean chain?"},
		{"axis of a figure", "x: rate", "x: rates", "did you mean rate?"},
		{"value of a figure", "where: {rate: 100 Mb/s}", "where: {rate: 100 Mbs}", "did you mean 100 Mb/s?"},
		{"metric", "metric: delay", "metric: dleay", "did you mean delay?"},
		{"unit", "values: [1 Mb/s,", "values: [1 MB/s,", "unknown unit"},
		{"timeout", "timeout: 120 s", "timeout: soon", "timeout"},
		{"version", "version: 1", "version: 2", "version"},
		{"parameter", "default: artifact", "default: artefact", "did you mean artifact?"},
		{"executions", "executions: 8", "executions: 0", "at least one execution"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			text := strings.Replace(string(data), tc.old, tc.new, 1)
			if text == string(data) {
				t.Fatalf("%q is not in the scenario", tc.old)
			}
			s, err := Parse("exp400.yaml", []byte(text))
			if err == nil {
				_, err = s.Expand(Selection{Profile: "quick"})
			}
			if err == nil {
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %q does not say %q", err, tc.want)
			}
			first := strings.SplitN(err.Error(), " ", 2)[0]
			if strings.Count(first, ":") != 3 || !strings.HasPrefix(first, "exp400.yaml:") {
				t.Errorf("error %q has no file:line:column", err)
			}
			if n := strings.Count(err.Error(), "\n"); n > 2 {
				t.Errorf("one mistake gave %d lines:\n%v", n+1, err)
			}
		})
	}
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

func FuzzParse(f *testing.F) {
	data, err := scenarios.Files.ReadFile("exp400.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(data))
	f.Add("version: 1\nmatrix: [{axis: a, values: [1]}]")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse("f.yaml", []byte(text))
		if err != nil {
			return
		}
		cells := 1
		for _, a := range s.Axes {
			cells *= len(a.Values)
		}
		for name, p := range s.Profiles {
			if cells*len(p.Seeds) > 1000 {
				continue
			}
			if plan, err := s.Expand(Selection{Profile: name}); err == nil && len(plan.Cells) == 0 {
				t.Error("a plan without cells")
			}
		}
	})
}
