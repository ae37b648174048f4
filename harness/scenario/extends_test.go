package scenario

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"edgebed/nodes/yamlfile"
)

// texts are scenarios to extend, by their names.
type texts map[string]string

func (texts) Glob(string) ([]string, error) { return nil, errors.New("no folder") }
func (l texts) Scenario(name string) ([]byte, string, error) {
	return []byte(l[name]), name + ".yaml", nil
}

// TestLostAxes: a matrix is in place of that of the file which is extended, and one
// sentence says so where that file uses the axes that are lost.
func TestLostAxes(t *testing.T) {
	const base = `
name: base
topology: {preset: "ring,switches=$n,rate=$rate"}
matrix: [{axis: n, values: [4, 6]}, {axis: rate, values: [1 Mb/s, 2 Mb/s]}, {axis: size, values: [1 kB, 2 kB]}]
workload: {argument: $size}
figures: [{name: f, kind: lines, metric: delay, x: size, series: n}]
claims: [{name: c, place: p, quote: q, kind: rises, metric: delay, series: n, of: ["4"], along: size}]
`
	read := func(text string) error {
		s, err := Read("own.yaml", []byte("name: own\nextends: base\n"+text), texts{"base": base})
		if s == nil {
			return err
		}
		_, more := s.Expand(Selection{Profile: "quick"})
		return yamlfile.Join(err, more)
	}

	const lost = "own.yaml:3:9: matrix: this list is in place of that of base.yaml, which uses its axes n, size elsewhere; " +
		"add them here, or give the keys that use them other values"
	if err := read("matrix: [{axis: rate, values: [3 Mb/s]}]\n"); err == nil || err.Error() != lost {
		t.Errorf("a matrix without two axes gives %v\nwant %s", err, lost)
	}
	if err := read("matrix: [{axis: rate, values: [3 Mb/s]}]\nexecution: {modle: pure-faas}\n"); err == nil ||
		len(yamlfile.Each(err)) != 2 || !strings.Contains(err.Error(), "did you mean model?") {
		t.Errorf("beside another mistake it gives %v", err)
	}

	// With what uses them replaced, too, nothing is wrong.
	err := read("matrix: [{axis: rate, values: [3 Mb/s]}]\ntopology: {preset: \"ring,rate=$rate\"}\n" +
		"workload: {argument: 1 kB}\nfigures: []\nclaims: []\n")
	if err != nil {
		t.Errorf("a scenario that does not need the axes gives %v", err)
	}
}

// TestLostAxesInTurn: each list that is in place of another is told of what that one's file
// wants, at its own place.
func TestLostAxesInTurn(t *testing.T) {
	files := texts{
		"b": "extends: c\nmatrix: [{axis: bb, values: [1 kB, 2 kB]}]\nworkload: {argument: $bb}\n",
		"c": "topology: {preset: \"ring,switches=$cc\"}\nmatrix: [{axis: cc, values: [4, 6]}]\n",
	}
	s, err := Read("a.yaml", []byte("name: a\nextends: b\nmatrix: [{axis: model, values: [pure-faas]}]\n"), files)
	if s != nil {
		_, more := s.Expand(Selection{Profile: "quick"})
		err = yamlfile.Join(err, more)
	}
	for _, want := range []string{
		"a.yaml:3:9: matrix: this list is in place of that of b.yaml, which uses its axes bb elsewhere",
		"b.yaml:2:9: matrix: this list is in place of that of c.yaml, which uses its axes cc elsewhere",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nwant %s", err, want)
		}
	}
}

// TestLostAxesMistakes: mistakes of the file that is extended are told beside lost axes,
// and of these only those that something still uses.
func TestLostAxesMistakes(t *testing.T) {
	const sentence = "matrix: this list is in place of that of base.yaml, which uses its axes "
	for name, tt := range map[string]struct {
		base, own string
		want      []string // of each error what it holds
	}{
		"axis that nothing uses": {
			"workload: {generator: chain, length: 0, argument: $arg}\nexecution: {timeot: 5s}\n" +
				"matrix: [{axis: arg, values: [1 kB, 2 kB]}]\n",
			"workload: {argument: 10 kB}\n",
			[]string{"workload.length: ", "unknown key \"timeot\"; did you mean timeout?"},
		},
		"axis that is used beside a mistake": {
			"workload: {argument: $arg}\nexecution: {timeot: 5s}\nmatrix: [{axis: arg, values: [1 kB, 2 kB]}]\n", "",
			[]string{"unknown key \"timeot\"; did you mean timeout?", sentence + "arg elsewhere"},
		},
		"one of two": {
			"topology: {preset: \"ring,switches=$n\"}\nworkload: {argument: $arg}\n" +
				"matrix: [{axis: arg, values: [1 kB, 2 kB]}, {axis: n, values: [4, 6]}]\n",
			"workload: {argument: 10 kB}\n", []string{sentence + "n elsewhere"},
		},
		"both in one value": {
			"topology: {preset: \"ring,switches=$n,rate=$rate\"}\n" +
				"matrix: [{axis: rate, values: [1 Mb/s, 2 Mb/s]}, {axis: n, values: [4, 6]}]\n", "",
			[]string{sentence + "rate, n elsewhere"},
		},
		"in an expression": {
			"workload: {length: \"${2 * n}\"}\nmatrix: [{axis: n, values: [4, 6]}]\n", "",
			[]string{sentence + "n elsewhere"},
		},
		"variables that values set": {
			"workload: {argument: $a, length: $b}\nmatrix: [{axis: both, values: [{name: x, set: {a: 1 kB, b: 2}}, " +
				"{name: y, set: {a: 2 kB, b: 3}}]}]\n", "",
			[]string{sentence + "both elsewhere"},
		},
		"variables of zip": {
			"workload: {argument: $a, length: $b}\nmatrix: [{axis: both, zip: {a: [1 kB, 2 kB], b: [2, 3]}}]\n", "",
			[]string{sentence + "both elsewhere"},
		},
		"axis that there never was": {
			"workload: {argument: $ar, length: $n}\n" +
				"matrix: [{axis: arg, values: [1 kB, 2 kB]}, {axis: n, values: [4, 6]}]\n", "",
			[]string{"base.yaml:2:22: unknown variable $ar", sentence + "n elsewhere"},
		},
		"use in the own file": {
			"matrix: [{axis: arg, values: [1 kB, 2 kB]}]\n", "workload: {argument: $arg}\n",
			[]string{"own.yaml:4:22: unknown variable $arg"},
		},
		// Read finds the use of n, and Expand that of arg.
		"figures and sections": {
			"workload: {argument: $arg}\nfigures: [{name: f, kind: lines, metric: delay, x: n, series: model}]\n" +
				"matrix: [{axis: arg, values: [1 kB, 2 kB]}, {axis: n, values: [4, 6]}]\n", "",
			[]string{sentence + "n elsewhere", sentence + "arg elsewhere"},
		},
		"exclude and claims": {
			"exclude: [{n: [4]}]\nclaims: [{name: c, place: p, quote: q, kind: rises, metric: delay, series: model, " +
				"of: [pure-faas], along: n}]\nmatrix: [{axis: n, values: [4, 6]}]\n", "",
			[]string{sentence + "n elsewhere"},
		},
	} {
		base := "name: base\n" + tt.base
		if !strings.Contains(tt.base, "topology") {
			base += "topology: {preset: ring}\n"
		}
		s, err := Read("own.yaml", []byte("name: own\nextends: base\n"+
			"matrix: [{axis: model, values: [pure-faas, state-prop]}]\n"+tt.own), texts{"base": base})
		if s != nil {
			_, more := s.Expand(Selection{Profile: "quick"})
			err = yamlfile.Join(err, more)
		}

		got := yamlfile.Each(err)
		fine := len(got) == len(tt.want)
		for _, want := range tt.want {
			fine = fine && slices.ContainsFunc(got, func(err error) bool { return strings.Contains(err.Error(), want) })
		}
		if !fine {
			t.Errorf("%s gives\n%v\nwant %q", name, err, tt.want)
		}
	}
}
