package scenario

import (
	"errors"
	"strings"
	"testing"

	"edgebed/nodes/yamlfile"
)

// oneBase has one scenario to extend.
type oneBase string

func (oneBase) Glob(string) ([]string, error) { return nil, errors.New("no folder") }
func (b oneBase) Scenario(string) ([]byte, string, error) {
	return []byte(b), "base.yaml", nil
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
		s, err := Read("own.yaml", []byte("name: own\nextends: base\n"+text), oneBase(base))
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
