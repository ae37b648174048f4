package job

import (
	"strings"
	"testing"

	"edgebed/harness/scenario/scenariotest"
	"edgebed/nodes/yamlfile"
)

// TestIdleClasses: a topology file may have classes that no link has, which is remarked
// on; what a scenario says of one would change nothing.
func TestIdleClasses(t *testing.T) {
	const net = "name: net\nswitches: [s, u]\nhosts: [{name: a, switch: s, class: line}, {name: b, switch: u}]\n" +
		"link-classes: {line: {rate: 1 Mb/s}, trunk: {rate: 5 Mb/s}, tunk: {rate: 2 Mb/s}, spare: {rate: 3 Mb/s}}\n" +
		"links: [{between: [s, u], class: trunk}]\n"
	open := func(more string) (*Prepared, error) {
		t.Helper()
		plan := scenariotest.ExpandText(t, "name: f\ntopology: {file: net.yaml"+more+"}\n")
		return Prepare(plan, func(name string) ([]byte, string, error) { return []byte(net), name, nil }, nil)
	}

	p, err := open(", classes: {trunk: {delay: 2 ms}, line: {delay: 3 ms}}")
	if err != nil {
		t.Fatal(yamlfile.Explain(err))
	}
	want := "topology net.yaml: no link has the class spare, nor tunk"
	if len(p.Remarks) != 1 || p.Remarks[0] != want {
		t.Errorf("remarks %q, want %q", p.Remarks, want)
	}

	_, err = open(", classes: {tunk: {delay: 2 ms}}")
	for _, want := range []string{"test.yaml:2:", "classes.tunk: no link of topology net is of class tunk", "did you mean trunk?"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("a change of a class that no link has gives %v, without %q", err, want)
		}
	}
}
