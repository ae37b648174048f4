package job

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"edgebed/harness/scenario"
	"edgebed/harness/scenario/scenariotest"
	"edgebed/nodes/fuzztest"
	"edgebed/nodes/yamlfile"
	"edgebed/scenarios"
)

// FuzzPrepare takes scenarios as far as a command does before it runs anything: whatever
// is wrong with one, and however much of it could be read, is told.
func FuzzPrepare(f *testing.F) {
	for _, files := range []fs.FS{scenarios.Files, scenarios.Examples(), scenarios.Programs(), os.DirFS("../cli/testdata/errors")} {
		names, err := fs.Glob(files, "*.yaml")
		if err != nil || len(names) == 0 {
			f.Fatalf("%d scenarios, %v", len(names), err)
		}
		for _, name := range names {
			data, err := fs.ReadFile(files, name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}

	find := func(name string) ([]byte, string, error) {
		if filepath.Ext(name) == ".json" || filepath.Ext(name) == ".csv" {
			data, err := fs.ReadFile(scenarios.Examples(), name)
			return data, name, err
		}
		return scenariotest.Topology(name)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		fuzztest.Watch(t, 5*time.Second)
		s, err := scenario.Parse("fuzz.yaml", data)
		if err != nil {
			_ = yamlfile.Explain(err)
		}
		if s == nil || points(s) > 20 {
			return // many cells take a while, in which nothing else would be tried
		}
		plan, err := s.Expand(scenario.Selection{Profile: "quick"})
		if err != nil {
			_ = yamlfile.Explain(err)
		}
		if plan == nil {
			return
		}

		p, err := Prepare(plan, find, nil)
		if err != nil {
			_ = yamlfile.Explain(err)
		}
		if err == nil && !plan.Broken && len(p.Jobs) != len(plan.Cells) {
			t.Errorf("of %d cells there are %d jobs", len(plan.Cells), len(p.Jobs))
		}
	})
}

// points is how many cells a scenario's quick profile has at most.
func points(s *scenario.Scenario) int {
	n := max(1, len(s.Profiles["quick"].Seeds))
	for _, a := range s.Axes {
		n *= max(1, len(a.Values))
		if n > scenario.MaxCells {
			break
		}
	}
	return n
}
