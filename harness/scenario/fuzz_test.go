package scenario

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"edgebed/nodes/fuzztest"
	"edgebed/nodes/yamlfile"
	"edgebed/scenarios"
)

// FuzzParse checks that no file crashes the reader or the expansion, that
// errors can be explained, and that an accepted plan says what decides it.
func FuzzParse(f *testing.F) {
	for _, name := range []string{"exp400", "exp401", "exp402", "alibaba-mix"} {
		data, err := scenarios.Files.ReadFile(name + ".yaml")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	examples, err := fs.Glob(scenarios.Examples(), "*.yaml")
	if err != nil || len(examples) == 0 {
		f.Fatalf("%d examples, %v", len(examples), err)
	}
	for _, name := range examples {
		data, err := fs.ReadFile(scenarios.Examples(), name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	wrong, err := filepath.Glob("../cli/testdata/errors/scenario-*.yaml")
	if err != nil || len(wrong) == 0 {
		f.Fatalf("%d wrong files, %v", len(wrong), err)
	}
	for _, file := range wrong {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		fuzztest.Watch(t, time.Second)
		s, err := Parse("fuzz.yaml", data)
		if err != nil {
			_ = yamlfile.Explain(err)
		}
		if s == nil {
			return
		}
		for _, profile := range append(slices.Sorted(maps.Keys(s.Profiles)), "quick") {
			// Many cells take a while, in which nothing else would be tried.
			if s.points(s.Axes).number()*max(1, len(s.Profiles[profile].Seeds)) > 20 {
				continue
			}
			plan, planErr := s.Expand(Selection{Profile: profile})
			if planErr != nil {
				_ = yamlfile.Explain(planErr)
			}
			if err == nil && planErr == nil && (plan.Broken || len(plan.Decides()) == 0 || len(plan.Cells) == 0) {
				t.Fatalf("an accepted scenario has a broken plan of %d cells", len(plan.Cells))
			}
			if err != nil && plan != nil && !plan.Broken {
				t.Fatal("a wrong scenario has a plan that is not broken")
			}
		}
	})
}
