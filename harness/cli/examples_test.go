package cli

import (
	"bytes"
	"io/fs"
	"strings"
	"testing"

	"edgebed/nodes/yamlfile"
	"edgebed/scenarios"
)

// TestExamples checks each example: it can run, is short, says in two sentences what
// it shows, varies something, and has figures.
func TestExamples(t *testing.T) {
	names := builtinNames(scenarios.Examples())
	if len(names) < 5 {
		t.Fatalf("%d examples", len(names))
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			data, err := fs.ReadFile(scenarios.Examples(), name+".yaml")
			if err != nil {
				t.Fatal(err)
			}
			if n := bytes.Count(data, []byte("\n")); n >= 30 {
				t.Errorf("%d lines, want fewer than 30", n)
			}
			about := ""
			for line := range strings.Lines(string(data)) {
				text, comment := strings.CutPrefix(line, "# ")
				if !comment {
					break
				}
				about += text
			}
			if n := strings.Count(about, ".\n") + strings.Count(about, ". "); n != 2 {
				t.Errorf("%d sentences about it, want 2: %s", n, about)
			}

			flags := selectionFlags{profile: "quick"}
			plan, prepared, err := flags.prepare(name, nil)
			if err != nil {
				t.Fatal(yamlfile.Explain(err))
			}
			s := plan.Scenario
			if s.Name != name || s.Description == "" || len(s.Figures) == 0 || len(prepared.Jobs) < 6 {
				t.Errorf("name %q, description %q, %d figures, %d cells", s.Name, s.Description, len(s.Figures), len(prepared.Jobs))
			}
			for _, f := range s.Figures {
				if err := f.Check(plan.Axes); err != nil {
					t.Error(err)
				}
			}
		})
	}
}
