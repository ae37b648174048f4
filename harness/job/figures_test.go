package job

import (
	"fmt"
	"strings"
	"testing"

	"edgebed/harness/scenario/scenariotest"
	"edgebed/nodes/yamlfile"
)

// TestFigurePlaces: a timeline of ports is about ports, one of calls about hosts with computers,
// whatever their names would be good for otherwise.
func TestFigurePlaces(t *testing.T) {
	for figure, want := range map[string]string{
		"metric: port-rate, at: [a-b, b-h]":      "",
		"metric: port-rate":                      "",
		"metric: computer-running, at: [h, i]":   "",
		"metric: computer-waiting, at: [i]":      "",
		"metric: port-rate, at: [a-b, a-h]":      "[1]: there is no port a-h; did you mean a-b? (valid: a-b, a-c, b-a, b-h, b-i)",
		"metric: port-rate, at: [h]":             "[0]: there is no port h",
		"metric: computer-running, at: [b-h]":    "[0]: there is no computer on a host b-h",
		"metric: computer-waiting, at: [h, a-b]": "[1]: there is no computer on a host a-b",
		"metric: computer-running, at: [c]":      "[0]: there is no computer on a host c (valid: h, i)",
	} {
		plan := scenariotest.ExpandText(t, simple+"load: {duration: 1 s}\n"+
			"figures: [{name: some, kind: timeline, "+figure+"}, {name: all, kind: timeline, metric: port-rate}]\n")
		_, err := Prepare(plan, nil, []Workflow{{Name: "w", Workflow: once("f")}})
		if want == "" {
			if err != nil {
				t.Errorf("%s: %v", figure, err)
			}
			continue
		}
		if got := fmt.Sprint(err); len(yamlfile.Each(err)) != 1 || !strings.HasPrefix(got, "test.yaml:21:") ||
			!strings.Contains(got, "figures[0].at"+want) {
			t.Errorf("%s: %v, want only %q", figure, err, want)
		}
	}
}

// TestNoFigurePlaces: figures that say no places need no look at networks; one that does is found
// among them.
func TestNoFigurePlaces(t *testing.T) {
	for figures, mistakes := range map[string]int{
		"": 0,
		"{name: all, kind: timeline, metric: port-rate}":                                                                 0,
		"{name: one, kind: timeline, metric: port-rate, at: [x-y]}":                                                      1,
		"{name: all, kind: timeline, metric: port-rate}, {name: one, kind: timeline, metric: port-rate, at: [x-y, y-x]}": 2,
	} {
		plan := scenariotest.ExpandText(t, simple+"load: {duration: 1 s}\nfigures: ["+figures+"]\n")
		_, err := Prepare(plan, nil, []Workflow{{Name: "w", Workflow: once("f")}})
		if told := yamlfile.Each(err); len(told) != mistakes {
			t.Errorf("[%s]: %v, want %d mistakes", figures, err, mistakes)
		}
	}
}
