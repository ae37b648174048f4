package scenario

import (
	"fmt"
	"strings"
	"testing"

	"edgebed/harness/record"
	"edgebed/nodes/yamlfile"
)

// TestCellsLimit: a campaign has as many cells as can be counted, over matrix, points that
// are included, and seeds.
func TestCellsLimit(t *testing.T) {
	matrix := func(ns ...int) string {
		text := ""
		for i, n := range ns {
			text += fmt.Sprintf("{axis: x%d, values: 1..%d}, ", i, n)
		}
		return "name: m\ntopology: {preset: \"ring,switches=$x0\"}\nexecution: {model: pure-faas, discard: $x1}\nmatrix: [" + text + "]\n"
	}
	const places = "b.yaml:"
	for name, tc := range map[string]struct{ text, want string }{
		"as many":             {matrix(1000, 20), ""},
		"one more":            {matrix(1000, 21), "expected at most 20000 cells, got more: the matrix times 1 seeds"},
		"with seeds":          {matrix(1000, 10) + "profiles: {quick: {executions: 1, seeds: [1, 2]}}", ""},
		"with too many seeds": {matrix(1000, 10) + "profiles: {quick: {executions: 1, seeds: [1, 2, 3]}}", "expected at most 20000 cells, got more: the matrix times 3 seeds"},
		"with a point":        {matrix(999, 20) + "include: [{x0: [1000], x1: [1, 2]}]", ""},
		"with a point more":   {matrix(1000, 20) + "include: [{x0: [1001], x1: [1]}]", "expected at most 20000 cells"},
	} {
		s, err := Parse("b.yaml", []byte(tc.text))
		if !says(err, tc.want) || err != nil && !strings.HasPrefix(err.Error(), places) {
			t.Errorf("%s: %.200v, want %q", name, err, tc.want)
		}
		if name == "as many" && s.points(s.Axes).number() != MaxCells {
			t.Errorf("%s: %d cells", name, s.points(s.Axes).number())
		}
	}

	// Each axis has as many values, however they are written.
	var ranges []string
	for k := range 20 {
		ranges = append(ranges, fmt.Sprintf("%d..%d", 1000*k+1, 1000*k+1000))
	}
	for _, text := range []string{"values: [%s]", "zip: {a: [%s]}"} {
		text = fmt.Sprintf(text, strings.Join(ranges, ", "))
		s, err := Parse("b.yaml", []byte("name: m\ntopology: {preset: ring}\nexecution: {model: pure-faas, discard: $a}\nmatrix: [{axis: a, "+text+"}]\n"))
		if err != nil || len(s.Axes[0].Values) != MaxCells {
			t.Errorf("%.80s: %.200v", text, err)
		}
	}
	for text, want := range map[string]string{
		"values: [" + strings.Repeat("1..1000, ", 20) + "1]":   "matrix[0].values: expected at most 20000 values, got more",
		"zip: {a: [" + strings.Repeat("1..1000, ", 20) + "1]}": "matrix[0].zip.a: expected at most 20000 values, got more",
		"values: [1], files: x":                                "expected one of the keys values, files and zip",
		"values: [1], zip: {a: [1]}":                           "expected one of the keys values, files and zip",
		"files: x, zip: {a: [1]}":                              "expected one of the keys values, files and zip",
		"values: [1], files: x, zip: {a: [1]}":                 "expected one of the keys values, files and zip",
		"values: null, files: x":                               "no folder to look in",
		"values: fast":                                         "matrix[0].values: expected a list of values, or a range",
		"values: {a: b}":                                       "matrix[0].values: expected a list of values, or a range",
		"values: [[1]]":                                        "expected a plain value, a range or {name, label, set}",
		"values: 1..2000":                                      "expected at most 1000 values; add log, linear or step",
		"values: [1..3, 9..2]":                                 "matrix[0].values[1]",
		"zip: {a: [[1]]}":                                      "matrix[0].zip.a: expected a list of plain values",
		"zip: {a: [9..2]}":                                     "matrix[0].zip.a",
		"zip: []":                                              "matrix[0].zip: expected variables with lists",
		"zip: {}":                                              "matrix[0].zip: expected variables with lists",
		"values: []":                                           "matrix[0].values: axis a needs at least one value",
		"values: [1, 2, 1]":                                    "matrix[0].values[2]: value \"1\" stands twice on axis a",
	} {
		err := mistakesIn("name: m\ntopology: {preset: ring}\nexecution: {model: pure-faas, discard: $a}\nmatrix: [{axis: a, " + text + "}]\n")
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%.80s: %.300v, want %q alone", text, err, want)
		}
	}
}

// TestBrokenPlans: a plan of a scenario with mistakes has the cells of one seed, as far as
// they could be read, and nobody is told of what follows from the mistakes.
func TestBrokenPlans(t *testing.T) {
	const head = "name: m\ntopology: {preset: \"ring,switches=$n\"}\nprofiles: {quick: {executions: 1, seeds: [%s]}}\n" +
		"matrix: [{axis: n, values: %s}]\n"
	seeds := strings.Trim(list(1000), "[]")
	for name, tc := range map[string]struct {
		text  string
		cells int
		want  string
	}{
		"a workload that is wrong": {fmt.Sprintf(head, "1, 2", "[3, 4]") + "execution: {model: pure-faas}\nworkload: {argument: 1 B}", 2,
			"workload.argument: argument 1 B is smaller"},
		"nodes that cannot be read": {fmt.Sprintf(head, "1, 2", "[3, 4]") + "execution: {model: pure-faas}\nnodes: {client: [a]}", 0, "nodes.client: "},
		"values that are wrong":     {fmt.Sprintf(head, "1, 2", "[a, b], unit: ms") + "execution: {model: pure-faas}", 0, "parse time"},
		"many seeds":                {fmt.Sprintf(head, seeds, "3..22") + "execution: {model: pure-faas, paus: 1 s}", 20, "did you mean pause?"},
		"too many":                  {fmt.Sprintf(head, seeds, "3..23") + "execution: {model: pure-faas}", 0, "expected at most 20000 cells"},
		"a workload, and groups": {fmt.Sprintf(head, "1", "[3]") + "execution: {model: pure-faas}\nworkload: {argument: $m}\n" +
			"clients: {groups: [{name: a}]}", 1, "unknown variable $m"},
		"points of no axis": {fmt.Sprintf(head, "1", "[3]") + "include: [{rat: [3]}]", 3, "include[0].rat: unknown axis rat"},
		"points of nothing": {fmt.Sprintf(head, "1", "[3]") + "include: [{}]", 3, "include[0]: expected axes with values"},
	} {
		s, err := Parse("b.yaml", []byte(tc.text))
		if s == nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		plan, more := s.Expand(Selection{Profile: "quick"})
		if plan != nil && (!plan.Broken || len(plan.Cells) != tc.cells) {
			t.Errorf("%s: a plan of %d cells, broken: %t; want %d", name, len(plan.Cells), plan.Broken, tc.cells)
		}
		all := fmt.Sprint(yamlfile.Join(err, more))
		if !strings.Contains(all, tc.want) || name != "values that are wrong" && name != "too many" && strings.Contains(all, "\n") ||
			strings.Contains(all, "no cell is left") {
			t.Errorf("%s: %v, want %q alone", name, all, tc.want)
		}
	}
}

// TestSameCells: two points of the matrix that mean one cell are a mistake, told by the
// value that makes no difference.
func TestSameCells(t *testing.T) {
	const head = "name: m\ntopology: {preset: \"ring,switches=$n\"}\nexecution: {model: pure-faas, discard: $d}\nmatrix: [{axis: n, values: [3, 4]}, "
	for axis, want := range map[string]string{
		"{axis: d, values: [1, 2]}": "",
		"{axis: k, values: [{name: a, set: {d: 1}}, {name: b, set: {d: 1}}]}":                            "b.yaml:4:80: matrix[1].values[1]: value \"b\" of axis k changes nothing: the cell is the same as n=3/k=a",
		"{axis: k, values: [{name: a, set: {d: 1}}, {name: b, set: {d: 2}}, {name: c, set: {d: 2}}]}":    "value \"c\" of axis k changes nothing: the cell is the same as n=3/k=b",
		"{axis: k, values: [{name: a, set: {d: 1}}]}, {axis: j, values: [{name: x, set: {q: 1}}]}":       "matrix[2].values[0].set.q: nothing uses q, which axis j sets",
		"{axis: d, values: [1, 2]}, {axis: j, values: [{name: x, set: {d: 1}}, {name: y, set: {d: 1}}]}": "d is set by axis d too",
		"{axis: d, values: [1, 2]}, {axis: d, values: [3, 4]}":                                           "the name d is already an axis",
		"{axis: d, values: [1, 2]}, {axis: 1d, values: [3, 4]}":                                          "\"1d\" is not a name for an axis",
	} {
		err := mistakesIn(head + axis + "]\n")
		if !says(err, want) {
			t.Errorf("%s: %v, want %q", axis, err, want)
		}
		if want != "" && err != nil && strings.Count(err.Error(), "changes nothing") > 1 {
			t.Errorf("%s: one mistake is told as %v", axis, err)
		}
	}
}

// TestExcludedPoints: an element leaves out the points that have a value of it on all its
// axes; and not all may be left out.
func TestExcludedPoints(t *testing.T) {
	const head = "name: m\ntopology: {preset: \"ring,switches=$n\"}\nexecution: {model: pure-faas, discard: $d}\n" +
		"matrix: [{axis: n, values: [3, 4]}, {axis: d, values: [1, 2, 3]}]\n"
	for exclude, want := range map[string]string{
		"[]":                           "n=3/d=1 n=3/d=2 n=3/d=3 n=4/d=1 n=4/d=2 n=4/d=3",
		"[{n: [3]}]":                   "n=4/d=1 n=4/d=2 n=4/d=3",
		"[{n: [3], d: [1, 3]}]":        "n=3/d=2 n=4/d=1 n=4/d=2 n=4/d=3",
		"[{n: [3], d: [1]}, {d: [2]}]": "n=3/d=3 n=4/d=1 n=4/d=3",
		"[{n: [3, 4]}]":                "error: exclude: no cell is left of the matrix and the selection",
		"[{n: [3]}, {n: [5]}]":         "error: exclude[1].n: unknown value: axis n has no value \"5\"",
		"[{m: [3]}]":                   "error: exclude[0].m: unknown axis m",
		"[{n: []}]":                    "error: exclude[0].n: expected at least one value",
		"[{}]":                         "error: exclude[0]: expected axes with values",
	} {
		ids, err := expandText(head+"exclude: "+exclude+"\n", nil)
		got := strings.Join(ids, " ")
		if err != nil {
			_, got, _ = strings.Cut(err.Error(), ": ")
			got = "error: " + got
		}
		if !strings.HasPrefix(got, want) || err == nil && got != want {
			t.Errorf("%s: %s, want %s", exclude, got, want)
		}
	}
}

// TestSelections: the user's choice is over the profile's, and must leave something.
func TestSelections(t *testing.T) {
	s, err := Parse("m.yaml", []byte(`name: m
topology: {preset: "ring,switches=$n"}
execution: {model: pure-faas, discard: $d, pause: $p}
matrix: [{axis: n, values: [3, 4, 5]}, {axis: d, values: [1, 2]}]
parameters: [{name: p, default: 1 s, values: [1 s, 2 s, 3 s]}]
profiles:
  quick: {executions: 3, where: {n: [3, 4]}, set: {p: 2 s}, seeds: [5, 6]}
  full: {executions: 9}
`))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		sel  Selection
		want string
	}{
		{Selection{Profile: "quick"}, "n=3/d=1/seed=5 n=3/d=2/seed=5 n=4/d=1/seed=5 n=4/d=2/seed=5 n=3/d=1/seed=6 n=3/d=2/seed=6 n=4/d=1/seed=6 n=4/d=2/seed=6 of 3, 2s"},
		{Selection{Profile: "full", Where: map[string][]string{"n": {"5"}}}, "n=5/d=1/seed=1 n=5/d=2/seed=1 of 9, 1s"},
		{Selection{Profile: "quick", Where: map[string][]string{"n": {"4", "5"}, "d": {"2"}}}, "n=4/d=2/seed=5 n=4/d=2/seed=6 of 3, 2s"},
		{Selection{Profile: "quick", Where: map[string][]string{"d": {"1"}, "n": {"3"}}, Set: map[string]string{"p": "3 s"}}, "n=3/d=1/seed=5 n=3/d=1/seed=6 of 3, 3s"},
		{Selection{Profile: "quick", Where: map[string][]string{"n": {"5"}}}, "m.yaml: the selection leaves no value of axis n"},
		{Selection{Profile: "quick", Where: map[string][]string{"n": {"6"}}}, "m.yaml: unknown value: axis n has no value \"6\""},
		{Selection{Profile: "quick", Set: map[string]string{"p": "4 s"}}, "m.yaml: parameter p does not take \"4 s\""},
		{Selection{Profile: "slow"}, "m.yaml: unknown profile \"slow\""},
	} {
		plan, err := s.Expand(tc.sel)
		got := fmt.Sprint(err)
		if err == nil {
			var ids []string
			for _, c := range plan.Cells {
				ids = append(ids, c.ID)
			}
			c := plan.Cells[0]
			got = fmt.Sprintf("%s of %d, %v", strings.Join(ids, " "), c.Executions, c.Execution.Pause)
			if plan.Parameters["p"] == "" || plan.Profile != tc.sel.Profile || plan.Broken || plan.Network != record.Emulated {
				t.Errorf("the plan is %+v", plan)
			}
		}
		if !strings.HasPrefix(got, tc.want) {
			t.Errorf("%+v: %s, want %s", tc.sel, got, tc.want)
		}
	}
}

// TestProfiles: what a profile says is held against the rest.
func TestProfiles(t *testing.T) {
	const head = "name: m\ntopology: {preset: \"ring,switches=$n\"}\nexecution: {model: pure-faas, pause: $p}\n" +
		"matrix: [{axis: n, values: [3, 4]}]\nparameters: [{name: p, default: 1 s, values: [1 s, 2 s]}]\n"
	for profiles, want := range map[string]string{
		"{quick: {executions: 1, seeds: [1, 2, 3]}}":          "",
		"{quick: {executions: 1, seeds: [1, 2, 1, 2]}}":       "profiles.quick.seeds[2]: seed 1 stands twice, first as number 1; each seed makes one cell",
		"{quick: {executions: 1, where: {n: [5]}}}":           "profiles.quick.where.n: unknown value: axis n has no value \"5\"",
		"{quick: {executions: 1, where: {m: [3]}}}":           "profiles.quick.where.m: unknown axis m",
		"{quick: {executions: 1, set: {p: 3 s}}}":             "profiles.quick.set.p: parameter p does not take \"3 s\"",
		"{quick: {executions: 1, set: {q: 3 s}}}":             "profiles.quick.set.q: unknown parameter q",
		"{quick: {executions: 1, seeds: " + list(1000) + "}}": "",
		"{quick: {executions: 1, seeds: " + list(1001) + "}}": "profiles.quick.seeds: expected at least one seed and at most 1000, got 1001",
		"{quick: {executions: 1, seeds: []}}":                 "profiles.quick.seeds: expected at least one seed and at most 1000, got 0",
		"{}":                                                  "profiles: expected at least one profile",
		"{quick: {executions: 1}, slow: {executions: 0}}":     "profiles.slow.executions: expected at least one execution",
	} {
		_, err := Parse("m.yaml", []byte(head+"profiles: "+profiles+"\n"))
		if !says(err, want) {
			t.Errorf("%s: %v, want %q", profiles, err, want)
		}
	}
}

// TestNoProfiles: without a profile nobody is told that it is unknown.
func TestNoProfiles(t *testing.T) {
	err := mistakesIn("name: m\ntopology: {preset: ring}\nprofiles: {}\n")
	if err == nil || err.Error() != "b.yaml:3:11: profiles: expected at least one profile" {
		t.Errorf("got %v", err)
	}
	err = mistakesIn("name: m\ntopology: {preset: ring}\nprofiles: {slow: {executions: 0}}\n")
	if err == nil || !strings.Contains(err.Error(), "unknown profile \"quick\"") {
		t.Errorf("got %v", err)
	}
}

// TestOnceEach: a mistake of all cells is told once, and those at different places each.
func TestOnceEach(t *testing.T) {
	err := mistakesIn("name: m\ntopology: {preset: \"ring,switches=$n\"}\nexecution: {model: pure-faas, pause: soon, discard: -$n}\n" +
		"nodes: {computers: [{functions: [{workers: 0}]}]}\nmatrix: [{axis: n, values: [3, 4]}]\n" +
		"profiles: {quick: {executions: 1, seeds: [1, 2]}}\n")
	if n := strings.Count(fmt.Sprint(err), "\n") + 1; n != 3 {
		t.Errorf("three mistakes are told as %d:\n%v", n, err)
	}
	for _, part := range []string{"execution.pause", "discard of -3", "workers of 0"} {
		if !strings.Contains(fmt.Sprint(err), part) {
			t.Errorf("%s is not told of:\n%v", part, err)
		}
	}
}

// TestVague: where an axis cannot be read, nobody is told that its variable is unknown.
func TestVague(t *testing.T) {
	for text, want := range map[string]string{
		"matrix: [{axs: n, values: [3]}]\nexecution: {model: pure-faas, discard: $n}":             "did you mean axis?",
		"figure: []\nexecution: {model: pure-faas, discard: $n}":                                  "did you mean figures?",
		"parameters: [{nam: n, default: 3}]\nexecution: {model: pure-faas, discard: $n}":          "did you mean name?",
		"matrix: [{axis: k, values: [3]}]\nexecution: {model: pure-faas, discard: $n, pause: $k}": "unknown variable $n",
	} {
		err := mistakesIn("name: m\ntopology: {preset: ring}\n" + text + "\n")
		known := strings.HasPrefix(text, "figure") || strings.Contains(want, "variable")
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "unknown variable $n") != known {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

// TestModels: a value that is no model is a mistake of its axis, told once, where the
// execution has the axis's model.
func TestModels(t *testing.T) {
	for matrix, want := range map[string]string{
		"[{axis: model, values: [pure-faas, state-local]}]":                                                    "",
		"[{axis: model, values: [pure-faas, state-loca]}]":                                                     "b.yaml:3:44: matrix[0].values[1]: unknown model \"state-loca\"; did you mean state-local?",
		"[{axis: mode, values: [{name: a, set: {model: pure-fass}}]}]":                                         "matrix[0].values[0]: unknown model \"pure-fass\"",
		"[{axis: n, values: [3]}, {axis: model, values: [pure-faas, state-loca, x]}]\nload: {outstanding: $n}": "matrix[1].values[2]: unknown model \"x\"",
	} {
		err := mistakesIn("name: m\ntopology: {preset: ring}\nmatrix: " + matrix + "\n")
		if !says(err, want) {
			t.Errorf("%s: %v, want %q", matrix, err, want)
		}
	}
}

// TestRecognize: a scenario has a topology; a topology and other files have not.
func TestRecognize(t *testing.T) {
	for text, want := range map[string]bool{
		"topology: {preset: ring}\n": true, "name: x\ntopology:\n": true, "switches: [s]\n": false, "": false, "[topology]\n": false, "a: [": false,
	} {
		if got := Recognize([]byte(text)); got != want {
			t.Errorf("%q is a scenario: %t", text, got)
		}
	}
}
