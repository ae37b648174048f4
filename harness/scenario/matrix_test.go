package scenario

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// folder is a folder of scenarios.
type folder fstest.MapFS

func (f folder) Glob(pattern string) ([]string, error) { return fs.Glob(fstest.MapFS(f), pattern) }

func (f folder) Scenario(name string) ([]byte, string, error) {
	data, err := fs.ReadFile(fstest.MapFS(f), path.Clean(name))
	return data, name, err
}

// expandText returns the identifiers of a scenario's cells, without seed.
func expandText(text string, files Files) ([]string, error) {
	s, err := Read("s.yaml", []byte(text), files)
	if err != nil {
		return nil, err
	}
	plan, err := s.Expand(Selection{Profile: "quick"})
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, c := range plan.Cells {
		ids = append(ids, strings.TrimSuffix(c.ID, "/seed=1"))
	}
	return ids, nil
}

// TestMatrix writes matrices in all the ways that there are.
func TestMatrix(t *testing.T) {
	const head = "name: s\nexecution: {model: pure-faas}\n"
	files := folder{"w/a.json": {}, "w/b.json": {}, "v/a.json": {}, "net/x.yaml": {}}
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"include": {
			"topology: {preset: \"ring,switches=$n,rate=$rate\"}\nmatrix:\n" +
				"  - {axis: n, values: [3, 4]}\n  - {axis: rate, values: [1 Mb/s, 2 Mb/s]}\n" +
				"exclude: [{n: [4], rate: [2 Mb/s]}]\n" +
				"include: [{n: [9], rate: [5 Mb/s]}, {n: [3, 8]}]",
			[]string{"n=3/rate=1 Mb/s", "n=3/rate=2 Mb/s", "n=4/rate=1 Mb/s", "n=9/rate=5 Mb/s", "n=8/rate=1 Mb/s", "n=8/rate=2 Mb/s"},
		},
		"zip": {
			"topology: {preset: \"ring,switches=4,rate=$rate,delay=$delay\"}\nmatrix:\n" +
				"  - {axis: link, zip: {rate: 1..3 Mb/s, delay: [5 ms, 2 ms, 1 ms]}}",
			[]string{"link=1 Mb/s", "link=2 Mb/s", "link=3 Mb/s"},
		},
		"files": {
			"topology: {file: $net}\nworkload: {file: $flow}\nmatrix:\n" +
				"  - {axis: net, files: net/*.yaml}\n  - {axis: flow, files: \"*/*.json\"}",
			[]string{"net=x/flow=v/a.json", "net=x/flow=w/a.json", "net=x/flow=b"},
		},
	} {
		got, err := expandText(head+c.text, files)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: cells %q, %v; want %q", name, got, err, c.want)
		}
	}
}

// TestMatrixMistakes are matrices that mean nothing.
func TestMatrixMistakes(t *testing.T) {
	const head = "name: s\nexecution: {model: pure-faas}\ntopology: {preset: \"ring,switches=3,rate=$rate\"}\n"
	for name, c := range map[string]struct{ text, want string }{
		"include of no axis":   {"matrix: [{axis: rate, values: [1 Mb/s]}]\ninclude: [{rat: [2 Mb/s]}]", "s.yaml:5:17: include[0].rat: unknown axis rat; did you mean rate?"},
		"include of no rate":   {"matrix: [{axis: rate, values: [1 Mb/s]}]\ninclude: [{rate: [fast]}]", "s.yaml:5:18: include[0].rate: axis rate has no value \"fast\""},
		"include of nothing":   {"matrix: [{axis: rate, values: [1 Mb/s]}]\ninclude: [{}]", "include[0]: expected axes with values"},
		"include of names":     {"matrix: [{axis: r, values: [{name: a, set: {rate: 1 Mb/s}}]}]\ninclude: [{r: [b]}]", "values of this axis set other variables"},
		"zip of two lengths":   {"matrix: [{axis: l, zip: {rate: [1 Mb/s, 2 Mb/s], delay: [1 ms]}}]", "zip.delay: expected 2 values as of rate, got 1"},
		"zip that is not used": {"matrix: [{axis: l, zip: {rate: [1 Mb/s, 2 Mb/s], delay: [1 ms, 2 ms]}}]", "nothing uses delay, which axis l sets"},
		"zip of a text":        {"matrix: [{axis: rate, zip: fast}]", "expected variables with lists"},
		"two of three":         {"matrix: [{axis: rate, values: [1 Mb/s], files: x}]", "expected one of the keys values, files and zip"},
		"no values":            {"matrix: [{axis: rate}]", `missing required key "values"`},
		"no file":              {"matrix: [{axis: rate, files: \"*.json\"}]", "no file matches *.json"},
	} {
		_, err := expandText(head+c.text, folder{})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

// TestDerived works out expressions.
func TestDerived(t *testing.T) {
	s := &Scenario{}
	vars := map[string]string{
		"rate": "10 Mb/s", "link-delay": "20 ms", "n": "3", "size": "125 kB", "x": "0.1", "word": "text", "link": "7",
	}
	for expression, want := range map[string]string{
		"2 * rate":                    "20 Mb/s",
		"rate / 4":                    "2.5 Mb/s",
		"rate * 2 * link-delay":       "50 kB",
		"size / rate":                 "100ms",
		"size / link-delay":           "50 Mb/s",
		"rate / Rate(\"1 Mb/s\") + 1": "11",
		"link-delay + Time(\"5 ms\")": "25ms",
		"size - Size(\"25 kB\")":      "100 kB",
		"n + 1":                       "4",
		"n ** 2":                      "9",
		"n / 2":                       "1.5",
		"n % 2":                       "1",
		"x * 3":                       "0.3",
		"max(n, 8)":                   "8",
		"round(n / 2)":                "2",
		"rate > Rate(\"5 Mb/s\") ? 'big' : 'small'": "big",
		"word + '-' + word":                         "text-text",
		"link - n":                                  "4",
		"link -n":                                   "4",
	} {
		if got, err := s.derive(expression, vars); err != nil || got != want {
			t.Errorf("${%s} is %q, %v; want %s", expression, got, err, want)
		}
	}
	for expression, want := range map[string]string{
		"2 * rat":                      "unknown variable rat in ${2 * rat}; did you mean rate?",
		"rate + size":                  "invalid operation: + (mismatched types",
		"rate - 2 * rate":              "out of range",
		"1 / 0":                        "the result is no number",
		"2 *":                          "unexpected token EOF",
		"Rate('fast')":                 "expected a rate such as 10 Mb/s",
		"map(1..9, # * 2)":             "map",
		"1..1000000000":                "",
		"n == 3 ? [1] : 2":             "expected a number, a quantity or a text",
		strings.Repeat("1+", 300):      "expected an expression of at most 500 characters",
		strings.Repeat("-", 400) + "1": "",
	} {
		got, err := s.derive(expression, vars)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("${%.40s} is %q, %v; want an error with %q", expression, got, err, want)
		}
	}
}

// TestDerivedInFile uses expressions where values stand: what they name counts as used,
// and mistakes have their place.
func TestDerivedInFile(t *testing.T) {
	const text = "name: s\nexecution: {model: pure-faas, timeout: \"${base-time * n}\"}\n" +
		"topology: {preset: \"ring,switches=${n + 1},rate=1 Mb/s\"}\n" +
		"parameters: [{name: base-time, default: 10 s}]\nmatrix: [{axis: n, values: [3, 5]}]\n"
	s, err := Parse("s.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	plan, err := s.Expand(Selection{Profile: "quick"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range plan.Cells {
		got = append(got, fmt.Sprint(c.Topology.Preset, " ", c.Execution.Timeout))
	}
	if want := []string{"ring,switches=4,rate=1 Mb/s 30s", "ring,switches=6,rate=1 Mb/s 50s"}; !slices.Equal(got, want) {
		t.Errorf("cells %q, want %q", got, want)
	}

	_, err = expandText(strings.Replace(text, "n + 1", "mm + 1", 1), nil)
	if err == nil || !strings.Contains(err.Error(), "s.yaml:3:20: unknown variable mm in ${mm + 1} (valid: base-time, n)") {
		t.Errorf("got %v", err)
	}
	_, err = expandText(strings.Replace(text, "${base-time * n}", "50 s", 1), nil)
	if err == nil || !strings.Contains(err.Error(), "nothing uses the parameter base-time") {
		t.Errorf("got %v", err)
	}
}

// TestExtends begins with another scenario.
func TestExtends(t *testing.T) {
	files := folder{
		"base.yaml": {Data: []byte("name: base\ntitle: Base\ntopology: {preset: \"ring,switches=3,rate=$rate\", delay: netem}\n" +
			"matrix: [{axis: rate, values: [1 Mb/s, 2 Mb/s]}]\nexecution: {model: pure-faas, pause: 1 s}\n")},
		"broken.yaml": {Data: []byte("name: broken\ntopology: {preset: \"ring,switches=3,rate=1 Mb/s\"}\nexecution: {paus: 1 s}\n")},
		"a.yaml":      {Data: []byte("extends: b.yaml\nname: a\n")},
		"b.yaml":      {Data: []byte("extends: a.yaml\nname: b\n")},
	}
	s, err := Read("s.yaml", []byte("extends: base.yaml\nname: s\ntopology: {delay: }\nexecution: {model: state-prop}\n"), files)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := s.Expand(Selection{Profile: "quick"})
	if err != nil {
		t.Fatal(err)
	}
	c := plan.Cells[0]
	if s.Name != "s" || s.Title != "Base" || len(plan.Cells) != 2 || c.Topology.Delay != "auto" ||
		c.Execution.Model != "state-prop" || c.Execution.Pause.Seconds() != 1 {
		t.Errorf("%d cells of %+v", len(plan.Cells), c)
	}

	for text, want := range map[string]string{
		"extends: broken.yaml\nname: s\nexecution: {timeout: $t}\nmatrix: [{axis: t, values: [1 s]}]": "broken.yaml:3:13: execution.paus: unknown key",
		"extends: a.yaml\nname: s\n":    "a.yaml extends itself",
		"extends: none.yaml\nname: s\n": "s.yaml:1:10: extends: open none.yaml",
	} {
		if _, err := expandText(text, files); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
	if _, err := Parse("s.yaml", []byte("extends: base.yaml\nname: s\n")); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a folder: %v", err)
	}
}
