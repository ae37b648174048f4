// Package scenariotest gives tests the shipped scenarios and topologies, and the cells of texts.
package scenariotest

import (
	"strings"
	"testing"

	"edgebed/harness/scenario"
	"edgebed/nodes/yamlfile"
	"edgebed/scenarios"
	"edgebed/topologies"
)

// Parse returns a shipped scenario after edits, pairs of old and new text. A test
// whose old text is not there fails.
func Parse(t testing.TB, name string, edits ...string) *scenario.Scenario {
	t.Helper()
	data, err := scenarios.Files.ReadFile(name + ".yaml")
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	for i := 0; i < len(edits); i += 2 {
		if !strings.Contains(text, edits[i]) {
			t.Fatalf("%q is not in scenario %s", edits[i], name)
		}
		text = strings.Replace(text, edits[i], edits[i+1], 1)
	}
	s, err := scenario.Parse(name+".yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Expand returns the cells of a shipped scenario after edits.
func Expand(t testing.TB, name string, sel scenario.Selection, edits ...string) *scenario.Plan {
	t.Helper()
	plan, err := Parse(t, name, edits...).Expand(sel)
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

// ExpandText returns the cells of a scenario's text in its quick profile.
func ExpandText(t testing.TB, text string) *scenario.Plan {
	t.Helper()
	s, err := scenario.Parse("test.yaml", []byte(text))
	if err != nil {
		t.Fatal(yamlfile.Explain(err))
	}
	plan, err := s.Expand(scenario.Selection{Profile: "quick"})
	if err != nil {
		t.Fatal(yamlfile.Explain(err))
	}
	return plan
}

// Topology finds the shipped topologies, as job.Prepare asks for them.
func Topology(name string) (data []byte, file string, err error) {
	data, err = topologies.Files.ReadFile(name)
	return data, name, err
}
