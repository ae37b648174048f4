// Package export writes a campaign's records in formats of other programs. It
// needs the record file only.
package export

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"

	"gonum.org/v1/gonum/stat"

	"edgebed/harness/record"
)

// Bench writes the Go benchmark format (golang.org/design/14313-benchmark-format),
// which benchstat and its relatives read: one line per execution, its cell in the
// name, so that executions of one cell are the samples of one benchmark.
// Warm-ups and failed executions are left out.
func Bench(w io.Writer, r *record.Results) error {
	out := bufio.NewWriter(w)
	c := r.Campaign
	// What differs between the results that one compares is no configuration:
	// benchstat makes a table for each.
	fmt.Fprintf(out, "# edgebed %s, commit %s, %s, started %s, scenario %s\n", c.Tool.Version, c.Tool.Commit, c.Machine.Kernel,
		c.Started.UTC().Format(time.RFC3339), c.ScenarioSHA256)
	config := map[string]string{"scenario": c.Scenario, "profile": c.Profile, "cpu": c.Machine.CPU}
	for name, value := range c.Parameters {
		config["parameter-"+strings.ToLower(name)] = value
	}
	for _, key := range slices.Sorted(maps.Keys(config)) {
		if value := strings.Join(strings.Fields(config[key]), " "); value != "" {
			fmt.Fprintf(out, "%s: %s\n", key, value)
		}
	}
	for _, unit := range []string{"delay-ns", "switch-B", "trunk-B"} {
		fmt.Fprintf(out, "Unit %s better=lower\n", unit)
	}
	for _, cell := range r.Cells {
		name := benchName(c.Scenario, cell.Cell)
		for _, e := range cell.Counted() {
			fmt.Fprintf(out, "%s 1 %d delay-ns %d switch-B %d trunk-B\n", name, e.DelayNS, e.SwitchBytes, e.TrunkBytes)
		}
	}
	return out.Flush()
}

// benchName is a name of the format: a word that begins with a capital letter,
// and axis=value after slashes, without blanks.
func benchName(scenario string, c record.Cell) string {
	word := []rune(strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, scenario))
	if len(word) > 0 {
		word[0] = unicode.ToUpper(word[0])
	}
	name := "Benchmark" + string(word)
	for _, p := range c.Point {
		value := strings.ReplaceAll(strings.Join(strings.Fields(p.Value), ""), "/", "p") // 10 Mb/s: 10Mbps
		name += "/" + p.Axis + "=" + value
	}
	return name
}

// gnuplotModels are the prototype's names of the models in its file names.
var gnuplotModels = map[string]string{
	"pure-faas": "embedded", "state-prop": "hopbyhop", "state-local": "remotestate",
	"state-prop-carry": "hopbyhop", "state-local-carry": "remotestate",
}

// Gnuplot writes the data of a scenario with an axis "rate", such as experiments
// 400 and 401, in the columns of the prototype's own .dat files: for each panel
// and model the link rate in Mb/s, and the mean and the population's standard
// deviation over the executions of the delay in seconds, or of the traffic in
// bytes/s, whose mean is weighted by time. The files are named by panel and by the
// prototype's names of the models. It returns their names.
func Gnuplot(dir string, r *record.Results) ([]string, error) {
	if _, ok := r.Axis("rate"); !ok {
		return nil, fmt.Errorf("export gnuplot data: the results have no axis \"rate\", the first column of such files")
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, fmt.Errorf("export gnuplot data: %w", err)
	}
	files := map[string]map[float64]*points{} // by name and rate
	for _, cell := range r.Cells {
		rate, ok := cell.Cell.Coord("rate")
		if !ok {
			continue // an attempt that failed before it started
		}
		for kind, metric := range map[string]string{"delay": "delay", "traffic": "traffic-rate"} {
			name := kind + "-" + gnuplotStem(cell.Cell) + ".dat"
			if files[name] == nil {
				files[name] = map[float64]*points{}
			}
			p := files[name][rate.Number]
			if p == nil {
				p = &points{}
				files[name][rate.Number] = p
			}
			for _, e := range cell.Counted() {
				if num, den, ok := e.Measure(metric); ok {
					if kind == "traffic" {
						num *= 1e6 / 8 // Mb to bytes
					}
					p.values, p.weights = append(p.values, num/den), append(p.weights, den)
				}
			}
		}
	}
	var names []string
	for _, name := range slices.Sorted(maps.Keys(files)) {
		var b strings.Builder
		for _, rate := range slices.Sorted(maps.Keys(files[name])) {
			if p := files[name][rate]; len(p.values) > 0 {
				fmt.Fprintf(&b, "%g %.9g %.9g\n", rate, stat.Mean(p.values, p.weights), stat.PopStdDev(p.values, nil))
			}
		}
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(b.String()), 0o666); err != nil {
			return names, fmt.Errorf("export gnuplot data: %w", err)
		}
		names = append(names, file)
	}
	return names, nil
}

// points are the values of the executions at one rate.
type points struct{ values, weights []float64 }

// gnuplotStem names a cell's curve.
func gnuplotStem(c record.Cell) string {
	var parts []string
	for _, p := range c.Point {
		if p.Axis != "rate" {
			value := cmp.Or(gnuplotModels[p.Value], p.Value)
			parts = append(parts, strings.ReplaceAll(strings.Join(strings.Fields(value), ""), "/", "p"))
		}
	}
	return strings.Join(parts, "-")
}
