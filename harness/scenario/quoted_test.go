package scenario_test

import (
	"strings"
	"testing"

	"edgebed/harness/scenario"
	"edgebed/harness/scenario/scenariotest"
	"edgebed/nodes/yamlfile"
)

// TestQuoted checks that quotes around a variable or an expression are there for its
// characters: a number stays one, and a text one.
func TestQuoted(t *testing.T) {
	for _, count := range []string{`"$leaves"`, `'${leaves}'`, `"${2 * leaves - leaves}"`} {
		plan := scenariotest.ExpandText(t, `
name: quoted
topology: {preset: "star,4"}
matrix: [{axis: leaves, values: [2, 3]}]
clients: {count: `+count+`, hosts: ["host${leaves}"]}
execution: {model: "$only", keep-client: '${leaves > 5}'}
parameters: [{name: only, default: pure-faas}]
`)
		if n := []int{plan.Cells[0].Clients.Count, plan.Cells[1].Clients.Count}; n[0] != 2 || n[1] != 3 {
			t.Errorf("count: %s gives %d clients", count, n)
		}
		if got := plan.Cells[1].Clients.Hosts[0]; got != "host3" {
			t.Errorf("the client is on %s", got)
		}
	}
}

// TestQuotedText checks that a number which was written as a text is told once.
func TestQuotedText(t *testing.T) {
	for _, text := range []string{`"3"`, `"${leaves}x"`, `"$leaves$leaves"`} {
		s, err := scenario.Parse("q.yaml", []byte("name: q\ntopology: {preset: \"star,4\"}\n"+
			"matrix: [{axis: leaves, values: [2, 3]}]\nclients: {count: "+text+", hosts: [\"host$leaves\"]}\n"))
		if err == nil {
			_, err = s.Expand(scenario.Selection{Profile: "quick"})
		}
		if all := yamlfile.Each(err); len(all) != 1 || !strings.Contains(all[0].Error(), "clients.count: expected a whole number") {
			t.Errorf("count: %s gives %v", text, err)
		}
	}
}
