package export

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"edgebed/harness/record"
)

// readDat returns the exported files by their names below dir.
func readDat(t *testing.T, dir string, files []string) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		name, err := filepath.Rel(dir, f)
		if err != nil {
			t.Fatal(err)
		}
		texts[name] = string(data)
	}
	return texts
}

func TestDat(t *testing.T) {
	dir := t.TempDir()
	r := results()
	files, err := Dat(dir, r)
	if err != nil {
		t.Fatal(err)
	}
	got := readDat(t, dir, files)
	for name, want := range map[string]string{
		// Sorted by rate; 1 s and 3 s, and 2000 bytes in 4 s.
		"derived/out-e=hopbyhop-avg.dat": "1.0 2 1\n10.0 0.2 0.1\n",
		"derived/out-e=hopbyhop-090.dat": "1.0 3\n10.0 0.3\n",
		"derived/out-e=hopbyhop-095.dat": "1.0 3\n10.0 0.3\n",
		"derived/tpt-e=hopbyhop-avg.dat": "1.0 500 333.333333\n10.0 5000 3333.33333\n",
	} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
		delete(got, name)
	}
	if len(got) > 0 {
		t.Errorf("unexpected files: %q", got)
	}
	if _, err := Dat(dir, &record.Results{}); err == nil || !strings.Contains(err.Error(), "rate") {
		t.Errorf("no rates: %v", err)
	}
}

// experiment402 has the two executions of a size that results has of a rate.
func experiment402() *record.Results {
	r := results()
	r.Campaign.Scenario = "exp402"
	r.Campaign.Axes = []record.Axis{{Name: "state", Unit: "kB"}, {Name: "mode"}}
	for i := range r.Cells {
		p := r.Cells[i].Cell.Point
		p[0].Axis, p[1] = "state", record.Coord{Axis: "mode", Value: "cloud-artifact"}
	}
	return r
}

// TestDatOfExperiment402 has a sum of bytes over 5 s in place of a mean, over the
// first executions as well, and sizes without a decimal point.
func TestDatOfExperiment402(t *testing.T) {
	dir := t.TempDir()
	r := experiment402()
	r.Cells[0].Executions[2].SwitchBytes = 500 // the warm-up's
	files, err := Dat(dir, r)
	if err != nil {
		t.Fatal(err)
	}
	got := readDat(t, dir, files)
	if got["derived/out-e=cloud.i=2000-avg.dat"] != "1 2 1\n10 0.2 0.1\n" || got["derived/tpt-e=cloud.i=2000-avg.dat"] != "1 400\n10 500\n" || len(got) != 2 {
		t.Errorf("files are %q", got)
	}
}

func TestQuantile(t *testing.T) {
	values := []float64{4, 1, 3, 2, 10, 9, 8, 7, 6, 5}
	for q, want := range map[float64]float64{0: 1, 0.5: 6, 0.9: 10, 0.95: 10, 1: 10} {
		if got := quantile(values, q); got != want {
			t.Errorf("quantile %v is %v, want %v", q, got, want)
		}
	}
}

// experiment makes results of experiment 400 or 401: a cell per point, whose
// delay and bytes differ from those of any other.
func experiment(name string, axes ...record.Axis) *record.Results {
	r := &record.Results{Campaign: record.Campaign{Scenario: name, Axes: axes}}
	var fill func(point []record.Coord)
	fill = func(point []record.Coord) {
		if len(point) < len(axes) {
			for _, v := range axes[len(point)].Values {
				c := record.Coord{Axis: axes[len(point)].Name, Value: v}
				for _, digit := range strings.Fields(v)[0] {
					if digit < '0' || digit > '9' {
						c.Number = 0
						break
					}
					c.Number = 10*c.Number + float64(digit-'0')
				}
				fill(append(slices.Clip(point), c))
			}
			return
		}
		c := record.CellResult{Cell: record.Cell{Point: point}}
		for i := range 3 {
			delay := time.Duration(len(r.Cells)+1+i) * 100 * time.Millisecond
			c.Executions = append(c.Executions, record.Execution{Index: i, OK: true, DelayNS: int64(delay), CycleNS: int64(delay), SwitchBytes: int64(1000 * (len(r.Cells) + 1))})
		}
		r.Cells = append(r.Cells, c)
	}
	fill(nil)
	return r
}

// plots are gnuplot commands that read our files as the prototype's scripts do:
// the same names relative to graph/, and the same columns, of each experiment.
var plots = map[string][]string{
	"exp400": {
		"plot '../derived/out-e=embedded.s=3.l=6.i=10000-avg.dat' u 1:2 w lp, " +
			"'../derived/out-e=hopbyhop.s=6.l=3.i=100000-avg.dat' u 1:2:3 w yerr, " +
			"'../derived/out-e=remotestate.s=3.l=6.i=100000-095.dat' u 1:2 w lp",
		"plot newhistogram 'a', 'chain-tpt-histo-3-6-10000.dat' u ($2*1e-6*8):xtic(1) w histograms, " +
			"'' u 0:($2*1e-6*8):($3*1e-6*8) w yerr, newhistogram 'b', 'chain-tpt-histo-6-3-100000.dat' u ($2*1e-6*8):xtic(1) w histograms",
	},
	"exp401": {
		"plot '../derived/out-e=remotestate.s=4.l=7.i=10000-avg.dat' u 1:2:3 w yerr",
		"plot 'dag-tpt-histo-4-7-10000.dat' u ($2*1e-6*8):xtic(1) w histograms",
	},
	"exp402": {
		"plot '../derived/out-e=cloud.i=2000-avg.dat' u 1:($2*1e3) w lp",
		"plot '../derived/tpt-e=cloud.i=2000-avg.dat' u 1:($2*1e-6*8/5) w lp",
	},
}

// TestGnuplot has gnuplot plot what was exported.
func TestGnuplot(t *testing.T) {
	gnuplot, err := exec.LookPath("gnuplot")
	if err != nil {
		t.Skip("no gnuplot is installed (Debian: apt-get install gnuplot-nox): the prototype's plots are not drawn")
	}
	rates := record.Axis{Name: "rate", Unit: "Mb/s", Values: []string{"1 Mb/s", "10 Mb/s", "100 Mb/s"}}
	arguments := record.Axis{Name: "argument", Unit: "kB", Values: []string{"10 kB", "100 kB"}}
	for _, r := range []*record.Results{
		experiment("exp400", record.Axis{Name: "panel", Values: []string{"S=3,L=6", "S=6,L=3"}}, arguments, rates,
			record.Axis{Name: "model", Values: []string{"pure-faas", "state-prop", "state-local"}}),
		experiment("exp401", arguments, rates,
			record.Axis{Name: "model", Values: []string{"pure-faas", "state-prop-carry", "state-local-carry", "state-local-direct"}}),
		experiment402(),
	} {
		dir := t.TempDir()
		if _, err := Dat(dir, r); err != nil {
			t.Fatal(err)
		}
		for _, plot := range plots[r.Campaign.Scenario] {
			cmd := exec.CommandContext(t.Context(), gnuplot, "-e", "set terminal dumb; "+plot)
			cmd.Dir = filepath.Join(dir, "graph")
			out, err := cmd.CombinedOutput()
			// gnuplot leaves out a file that it cannot read, with a warning.
			if text := string(out); err != nil || strings.Contains(text, "warning") || strings.Contains(text, "Skipping") {
				t.Errorf("%s: %s\n%v\n%s", r.Campaign.Scenario, plot, err, text)
			}
		}
		missing := exec.CommandContext(t.Context(), gnuplot, "-e", "set terminal dumb; plot '../derived/out-e=nobody-avg.dat' u 1:2, 1")
		missing.Dir = filepath.Join(dir, "graph")
		if out, err := missing.CombinedOutput(); err == nil && !strings.Contains(string(out), "warning") {
			t.Errorf("gnuplot does not mind a missing file, so this test proves nothing: %s", out)
		}
	}
}

// TestDatStaysInItsFolder checks that no word of records, which may be somebody else's,
// puts a file elsewhere.
func TestDatStaysInItsFolder(t *testing.T) {
	c := record.Cell{Point: []record.Coord{
		{Axis: "rate", Value: "10 Mb/s", Number: 10}, {Axis: "model", Value: "../../../a"},
		{Axis: "mode", Value: "/b"}, {Axis: "../c", Value: "d/../../e"}, {Axis: "panel", Value: "S=1,L=2/../x"},
	}}
	if stem := datStem(c, "rate", datKind{}); strings.Contains(stem, "/") {
		t.Errorf("a curve's files are called %s", stem)
	}
}
