package export

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/gonum/stat"

	"edgebed/harness/matrix"
	"edgebed/harness/record"
	"edgebed/harness/report/whole"
)

// curves are the prototype's names of our models, and of the places where
// experiment 402 keeps the state. Its cloud is the one that is written only.
var curves = map[string]string{
	"pure-faas": "embedded", "state-prop": "hopbyhop", "state-local": "remotestate",
	"state-prop-carry": "hopbyhop", "state-local-carry": "remotestate",
	"cloud-artifact": "cloud", "cloud": "cloud-read",
}

// histogramLabels are the bars of the prototype's histograms, in their order.
var histogramLabels = [][2]string{{"embedded", "PureFaaS"}, {"hopbyhop", "StateProp"}, {"remotestate", "StateLocal"}}

// datKind is what the prototype's scripts of one experiment expect.
type datKind struct {
	// fixed is a part of the file names that no axis of our scenario says.
	fixed string
	// histogram begins the names of the files with the traffic at the highest
	// rate; empty where there are none.
	histogram string
	// whole marks experiment 402: no quantiles, and for traffic the sum of the
	// samples of all executions without a deviation.
	whole bool
}

var datKinds = map[string]datKind{
	"exp400": {histogram: "chain"},
	"exp401": {histogram: "dag", fixed: "s=4.l=7"},
	"exp402": {fixed: "i=2000", whole: true},
}

// sampling is the period in seconds of the prototype's traffic counter.
const sampling = 5

// Dat writes the data files that the prototype's own gnuplot scripts read: what
// "experiments.sh analyze" leaves in derived/, and what the shell scripts in graph/
// make of that (ServerlessOnEdge, experiments 400 to 402). The results are those
// of a scenario with an axis "rate" or "state", such as experiments 400 to 402. The
// files have the prototype's names: in dir, derived/ gets
//
//	out-e=MODEL.s=S.l=L.i=BYTES-avg.dat  x, mean and standard deviation of the delay in s
//	out-...-090.dat, out-...-095.dat     x, quantile of the delay in s
//	tpt-...-avg.dat                      x, mean and standard deviation of the traffic in bytes/s
//
// where x is the link rate in Mb/s or the size of the state in kB, and graph/ gets
// the histograms chain-tpt-histo-S-L-BYTES.dat of experiment 400 and
// dag-tpt-histo-S-L-BYTES.dat of 401. The prototype's scripts run in graph/. The
// deviation is the population's; the mean of the traffic is weighted by time. Axes
// that the prototype does not have become parts AXIS=VALUE of the names. It
// returns the names of the files.
func Dat(dir string, r *record.Results) ([]string, error) {
	x, format, ok := abscissa(r)
	if !ok {
		return nil, fmt.Errorf("export data files: the results have no axis \"rate\" or \"state\", " +
			"the first column of such files")
	}
	d := dat{kind: datKinds[r.Campaign.Scenario], format: format, files: map[string]*strings.Builder{}}

	type curve map[float64][]record.CellResult // by x
	all := map[string]curve{}
	for _, c := range r.Cells {
		coord, ok := c.Cell.Coord(x)
		if !ok {
			continue // an attempt that failed before it started
		}
		stem := datStem(c.Cell, x, d.kind)
		if all[stem] == nil {
			all[stem] = curve{}
		}
		all[stem][coord.Number] = append(all[stem][coord.Number], c)
	}

	last := map[string][]string{} // the last row of each curve's traffic
	for stem, points := range all {
		for _, v := range slices.Sorted(maps.Keys(points)) {
			if traffic := d.point(stem, v, points[v]); traffic != nil {
				last[stem] = traffic
			}
		}
	}
	d.histograms(last)
	return d.write(dir)
}

// dat is the data files in the making, by their names.
type dat struct {
	kind   datKind
	format func(float64) string // of the first column
	files  map[string]*strings.Builder
}

func (d *dat) row(file string, values ...string) {
	if d.files[file] == nil {
		d.files[file] = &strings.Builder{}
	}
	fmt.Fprintln(d.files[file], strings.Join(values, " "))
}

// point adds a point of a curve to its files, and returns the mean and deviation
// of its traffic in bytes/s; nil where there is none.
func (d *dat) point(stem string, x float64, cells []record.CellResult) (traffic []string) {
	delays, _ := series(record.Delay, cells)
	if len(delays) == 0 {
		return nil
	}
	at := d.format(x)
	d.row("derived/out-"+stem+"-avg.dat", at, digits(stat.Mean(delays, nil)), digits(stat.PopStdDev(delays, nil)))
	if d.kind.whole {
		d.row("derived/tpt-"+stem+"-avg.dat", at, digits(total(cells)/sampling))
		return nil
	}

	for name, q := range map[string]float64{"090": 0.90, "095": 0.95} {
		d.row("derived/out-"+stem+"-"+name+".dat", at, digits(quantile(delays, q)))
	}

	const bytes = 1e6 / 8 // of a Mb
	rates, times := series(record.TrafficRate, cells)
	traffic = []string{digits(bytes * stat.Mean(rates, times)), digits(bytes * stat.PopStdDev(rates, nil))}
	d.row("derived/tpt-"+stem+"-avg.dat", append([]string{at}, traffic...)...)
	return traffic
}

// histograms adds the files with the traffic of each curve's last point.
func (d *dat) histograms(last map[string][]string) {
	if d.kind.histogram == "" {
		return
	}
	for _, model := range histogramLabels {
		for stem, values := range last {
			parts := histogramStem.FindStringSubmatch(stem)
			if parts == nil || parts[1] != model[0] {
				continue
			}
			d.row(fmt.Sprintf("graph/%s-tpt-histo-%s-%s-%s.dat", d.kind.histogram, parts[2], parts[3], parts[4]),
				append([]string{model[1]}, values...)...)
		}
	}
}

// write writes the files and returns their names.
func (d *dat) write(dir string) ([]string, error) {
	for _, folder := range []string{"derived", "graph"} {
		if err := os.MkdirAll(filepath.Join(dir, folder), 0o777); err != nil {
			return nil, fmt.Errorf("export data files: %w", err)
		}
	}

	var names []string
	for _, name := range slices.Sorted(maps.Keys(d.files)) {
		file := filepath.Join(dir, name)
		text := d.files[name].String()
		err := whole.Write(file, func(w io.Writer) error { _, err := io.WriteString(w, text); return err })
		if err != nil {
			return names, fmt.Errorf("export data files: %w", err)
		}
		names = append(names, file)
	}
	return names, nil
}

// abscissa is the axis of the first column, and how its numbers are written: the
// prototype's scripts have rates such as 1.0, and sizes such as 1.
func abscissa(r *record.Results) (axis string, format func(float64) string, ok bool) {
	plain := func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
	if _, ok := r.Axis("rate"); ok {
		return "rate", func(v float64) string {
			text := plain(v)
			if !strings.Contains(text, ".") {
				text += ".0"
			}
			return text
		}, true
	}
	_, ok = r.Axis("state")
	return "state", plain, ok
}

var (
	// panelName is a value of experiment 400's axis "panel".
	panelName = regexp.MustCompile(`^S=(\d+),L=(\d+)$`)
	// histogramStem is the name of a curve that a histogram can show.
	histogramStem = regexp.MustCompile(`^e=(\w+)\.s=(\d+)\.l=(\d+)\.i=(\d+)$`)
)

// datStem names a cell's curve, for instance "e=embedded.s=3.l=6.i=10000".
func datStem(c record.Cell, x string, kind datKind) string {
	var model, panel, size, rest []string
	if kind.fixed != "" {
		panel = append(panel, kind.fixed)
	}
	for _, p := range c.Point {
		switch parts := panelName.FindStringSubmatch(p.Value); {
		case p.Axis == x:
		case p.Axis == "model" || p.Axis == "mode":
			model = append(model, "e="+cmp.Or(curves[p.Value], datWord(p.Value)))
		case p.Axis == "panel" && parts != nil:
			panel = append(panel, "s="+parts[1], "l="+parts[2])
		case p.Axis == "argument" && p.Number > 0: // in kB
			size = append(size, "i="+strconv.FormatFloat(1000*p.Number, 'f', -1, 64))
		default:
			rest = append(rest, datWord(p.Axis)+"="+datWord(p.Value))
		}
	}
	return strings.Join(slices.Concat(model, panel, size, rest), ".")
}

// datWord makes a word of records fit for the name of a file: 10 Mb/s is 10Mbps. Records
// may be somebody else's, and a name of theirs leaves no folder.
func datWord(s string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(s), ""), "/", "p")
}

// series are the values of a metric of the executions that count, with their
// weights.
func series(metric string, cells []record.CellResult) (values, weights []float64) {
	for _, q := range matrix.Sample(metric, cells) {
		values, weights = append(values, q.Num/q.Den), append(weights, q.Den)
	}
	return values, weights
}

// total is the traffic of all executions in bytes. The prototype's sum has those
// that its delays leave out.
func total(cells []record.CellResult) float64 {
	sum := 0.0
	for _, c := range cells {
		for _, e := range c.Executions {
			if e.OK {
				sum += float64(e.SwitchBytes)
			}
		}
	}
	return sum
}

// quantile is the prototype's, of percentile.py: the value at position n q of the
// sorted ones, counted from 0.
func quantile(values []float64, q float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[min(int(float64(len(sorted))*q), len(sorted)-1)]
}

func digits(v float64) string { return strconv.FormatFloat(v, 'g', 9, 64) }
