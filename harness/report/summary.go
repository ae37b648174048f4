package report

import (
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"edgebed/harness/gate"
	"edgebed/harness/record"
	"edgebed/harness/stats"
)

// Write writes everything that can be told from the records into dir: the
// figures, report.html with the verdicts on claims, report.md, summary.csv,
// executions.csv and ports.csv. It returns the names of the files. A figure that cannot be drawn does not keep the rest from
// being written; its error is part of the one returned.
func Write(dir string, r *record.Results) ([]string, error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, fmt.Errorf("write report: %w", err)
	}
	var files []string
	var errs []error
	for _, f := range Figures(r) {
		drawn, err := Render(r, f, dir)
		files = append(files, drawn...)
		errs = append(errs, err)
	}
	for _, f := range []struct {
		name  string
		write func(io.Writer, *record.Results) error
	}{
		{"report.html", func(w io.Writer, r *record.Results) error { return WriteHTML(w, r, judged(r)) }},
		{"report.md", Summary}, {"summary.csv", SummaryCSV},
		{"executions.csv", record.ExecutionsCSV}, {"ports.csv", record.PortsCSV},
	} {
		name := filepath.Join(dir, f.name)
		file, err := os.Create(name)
		if err != nil {
			errs = append(errs, fmt.Errorf("write report: %w", err))
			continue
		}
		if err := errors.Join(f.write(file, r), file.Close()); err != nil {
			errs = append(errs, fmt.Errorf("write %s: %w", f.name, err))
			continue
		}
		files = append(files, name)
	}
	return files, errors.Join(errs...)
}

// SummaryCSV writes one row per point of the matrix and metric: the values on
// all axes, the number of executions, the estimate with its interval (empty
// where the sample is too small for one) and the quantiles over executions.
func SummaryCSV(w io.Writer, r *record.Results) error {
	out := csv.NewWriter(w)
	var header []string
	for _, a := range r.Campaign.Axes {
		header = append(header, a.Name)
	}
	header = append(header, "metric", "label", "n", "mean", "low", "high", "p50", "p95")
	if err := out.Write(header); err != nil {
		return err
	}
	exact := func(v float64) string {
		if math.IsNaN(v) {
			return ""
		}
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	for _, point := range combinations(r.Campaign.Axes, r.Cells) {
		cells := at(r.Cells, point...)
		for _, metric := range slices.Sorted(maps.Keys(record.Metrics)) {
			var row []string
			for _, l := range point {
				row = append(row, l.coord.Value)
			}
			e, err := Estimate(metric, cells)
			if err != nil {
				return err
			}
			low, high := math.NaN(), math.NaN()
			if e.Known {
				low, high = e.Low, e.High
			}
			sample := values(metric, counted(cells))
			row = append(row, metric, record.Metrics[metric], strconv.Itoa(e.N), exact(e.Value), exact(low), exact(high),
				exact(stats.Quantile(0.5, sample)), exact(stats.Quantile(0.95, sample)))
			if err := out.Write(row); err != nil {
				return err
			}
		}
	}
	out.Flush()
	return out.Error()
}

// Summary writes the report of a campaign as Markdown: what ran, what failed,
// tables of the metrics, the order of the series at the ends of the abscissa,
// and the figures.
func Summary(w io.Writer, r *record.Results) error {
	var b strings.Builder
	writeProvenance(&b, r)
	writeAccount(&b, r)
	if err := writeClaims(&b, r); err != nil {
		return err
	}
	roles := rolesOf(r)
	for _, metric := range []string{metricDelay, metricTrafficRate, metricTrafficVolume, metricTable1Ratio} {
		if err := writeTable(&b, r, roles, metric); err != nil {
			return err
		}
	}
	writeOrderings(&b, r, roles)
	writeFigures(&b, r)
	_, err := io.WriteString(w, b.String())
	return err
}

// writeProvenance says what was run, where, by which program.
func writeProvenance(b *strings.Builder, r *record.Results) {
	fmt.Fprintf(b, "# %s\n\n", cmp.Or(r.Campaign.Title, r.Campaign.Scenario))
	for _, f := range append(provenance(r), settingsUsed(r)...) {
		fmt.Fprintf(b, "- %s: %s\n", escape(f.Key), escape(f.Value))
	}
	b.WriteByte('\n')
}

// fact is a line of the provenance.
type fact struct{ Key, Value string }

// provenance says what was run, where, by which program.
func provenance(r *record.Results) []fact {
	c := r.Campaign
	privilege := "inside a user namespace"
	if c.Machine.Privileged {
		privilege = "as root"
	}
	facts := []fact{
		{"Scenario", fmt.Sprintf("%s, profile %s, SHA-256 %s", c.Scenario, orUnknown(c.Profile), orUnknown(c.ScenarioSHA256))},
		{"Network", networkText(r)},
		{"Started", c.Started.UTC().Format(time.RFC3339)},
	}
	if r.Runs > 1 {
		facts = append(facts, fact{"Resumed", count(r.Runs-1, "time")})
	}
	facts = append(facts,
		fact{"Machine", fmt.Sprintf("%s; %s; %s; %.1f GiB of memory; %s", orUnknown(c.Machine.Kernel), orUnknown(c.Machine.CPU),
			count(c.Machine.Cores, "core"), float64(c.Machine.MemoryBytes)/(1<<30), privilege)},
		fact{"Program", fmt.Sprintf("edgebed %s, commit %s, %s", orUnknown(c.Tool.Version), orUnknown(c.Tool.Commit), orUnknown(c.Tool.Go))},
	)
	for _, name := range slices.Sorted(maps.Keys(c.Parameters)) {
		facts = append(facts, fact{"Parameter " + name, c.Parameters[name]})
	}
	return facts
}

// networkText says what made the links.
func networkText(r *record.Results) string {
	var names []string
	for _, n := range r.Networks() {
		names = append(names, map[record.Network]string{
			record.Emulated: "emulated links", record.Virtual: "computed links, in virtual time",
		}[n])
	}
	return strings.Join(names, "; other cells: ")
}

// settingsUsed lists the settings of the emulation with the values that they
// had.
func settingsUsed(r *record.Results) []fact {
	found := settings(r.Cells)
	var facts []fact
	for _, key := range slices.Sorted(maps.Keys(found)) {
		values := found[key]
		if most := 8; len(values) > most {
			values = append(slices.Clone(values[:most]), fmt.Sprintf("%d more", len(found[key])-most))
		}
		facts = append(facts, fact{key, strings.Join(values, ", ")})
	}
	return facts
}

// escape keeps a text on its line and out of Markdown's tables and markup.
func escape(text string) string {
	return strings.NewReplacer("\n", " ", "|", `\|`, "*", `\*`, "_", `\_`, "< ", "< ", "<", "&lt;", "`", "'").Replace(text)
}

// writeAccount accounts for every cell and execution.
func writeAccount(b *strings.Builder, r *record.Results) {
	t := tally(r.Cells)
	b.WriteString("## What was done\n\n")
	fmt.Fprintf(b, "- Cells: %d planned, %d started, %d complete", r.Campaign.Cells, t.cells, t.complete)
	if t.repeated > 0 {
		fmt.Fprintf(b, ", %d of them started more than once", t.repeated)
	}
	fmt.Fprintf(b, "\n- Executions: %d planned, %d succeeded, %d failed, and %s\n", r.Campaign.Executions, t.ok, t.failed, count(t.warmUps, "warm-up"))
	for _, reason := range slices.Sorted(maps.Keys(t.reasons)) {
		fmt.Fprintf(b, "- Failed %s: %s\n", count(t.reasons[reason], "time"), escape(reason))
	}
	for _, c := range r.Cells {
		switch {
		case c.End == nil:
			fmt.Fprintf(b, "- Cell %s: interrupted after %s\n", escape(c.Cell.ID), count(len(c.Executions), "execution"))
		case !c.End.OK:
			fmt.Fprintf(b, "- Cell %s: not complete: %s\n", escape(c.Cell.ID), escape(orUnknown(c.End.Reason)))
		}
	}
	writeAudits(b, r)
	for _, warning := range r.Warnings {
		fmt.Fprintf(b, "- Warning: %s\n", escape(warning))
	}
	b.WriteByte('\n')
}

// writeAudits says which cells' emulation was disturbed, and by what.
func writeAudits(b *strings.Builder, r *record.Results) {
	var faithful, exact, unknown int
	var disturbed []record.CellResult
	for _, c := range r.Cells {
		switch {
		case c.End == nil || !c.End.OK:
		case c.End.Audit == nil:
			unknown++
		case c.End.Audit.Verdict == record.Faithful:
			faithful++
		case c.End.Audit.Verdict == record.Exact:
			exact++
		default:
			disturbed = append(disturbed, c)
		}
	}
	if exact > 0 {
		fmt.Fprintf(b, "- Exact: %d of the complete cells, whose network was computed in virtual time\n", exact)
	}
	if faithful+len(disturbed) == 0 {
		return
	}
	fmt.Fprintf(b, "- Audit: %d of the complete cells faithful, %d disturbed", faithful, len(disturbed))
	if unknown > 0 {
		fmt.Fprintf(b, ", %d not audited", unknown)
	}
	b.WriteByte('\n')
	for _, c := range disturbed {
		var reasons []string
		for _, f := range c.End.Audit.Findings {
			reasons = append(reasons, f.String())
		}
		if more := len(reasons) - mostReasons; more > 0 {
			reasons = append(reasons[:mostReasons], fmt.Sprintf("%d more", more))
		}
		fmt.Fprintf(b, "- Disturbed cell %s (%s): %s\n", escape(c.Cell.ID),
			count(c.End.Audit.Neighbours, "neighbour"), escape(strings.Join(reasons, "; ")))
	}
}

// mostReasons bounds the reasons that the report names for a cell.
const mostReasons = 4

// roles are the axes' parts in the tables.
type roles struct {
	// rows are the axes that make the rows, without x; x varies fastest.
	rows []record.Axis
	x    []record.Axis // one or none
	// columns is the axis whose values make the columns, one or none.
	columns []record.Axis
}

// rolesOf takes the roles from the first figure of lines, or else from the
// first figure; without one, names make the columns and numbers the abscissa.
func rolesOf(r *record.Results) roles {
	var x, series string
	if figures := r.Campaign.Figures; len(figures) > 0 {
		i := slices.IndexFunc(figures, func(f record.Figure) bool { return f.Kind == record.KindLines })
		x, series = figures[max(i, 0)].X, figures[max(i, 0)].Series
	} else {
		for _, a := range r.Campaign.Axes {
			levels := levelsOf(a, r.Cells)
			if _, ok := numbers(levels); ok && len(levels) > 1 && x == "" {
				x = a.Name
			} else if !ok {
				series = a.Name
			}
		}
	}
	var parts roles
	for _, a := range r.Campaign.Axes {
		switch a.Name {
		case x:
			parts.x = append(parts.x, a)
		case series:
			parts.columns = append(parts.columns, a)
		default:
			parts.rows = append(parts.rows, a)
		}
	}
	return parts
}

// remarks says what a reader must know to read a metric's table.
var remarks = map[string]string{
	metricTable1Ratio: " Table 1 counts arguments and states between different hosts;\n" +
		"the wire adds about 7 % of headers and acknowledgements, and connections. Less than 1 is left where\n" +
		"neighbours share a host, where states have no user, and for StateLocal, whose formula is an upper bound.",
}

// table is a table of texts. Its first keys columns say what a row is about.
type table struct {
	header []string
	keys   int
	rows   [][]string
}

// metricTable is a metric over the whole matrix, with half its interval.
func metricTable(r *record.Results, parts roles, metric string) (table, error) {
	rowAxes := append(slices.Clone(parts.rows), parts.x...)
	columns := combinations(parts.columns, r.Cells)
	t := table{keys: len(rowAxes)}
	for _, a := range rowAxes {
		t.header = append(t.header, axisHeading(a))
	}
	for _, c := range columns {
		if len(c) == 0 {
			t.header = append(t.header, record.Metrics[metric])
		} else {
			t.header = append(t.header, c[0].shortName())
		}
	}
	for _, point := range combinations(rowAxes, r.Cells) {
		row := texts(point)
		for _, column := range columns {
			e, err := Estimate(metric, at(at(r.Cells, point...), column...))
			if err != nil {
				return table{}, err
			}
			row = append(row, formatEstimate(e))
		}
		t.rows = append(t.rows, row)
	}
	return t, nil
}

func texts(point []level) []string {
	row := make([]string, len(point))
	for i, l := range point {
		row[i] = l.text()
	}
	return row
}

// writeTable writes a metric over the whole matrix.
func writeTable(b *strings.Builder, r *record.Results, parts roles, metric string) error {
	if len(counted(r.Cells)) == 0 {
		return nil
	}
	t, err := metricTable(r, parts, metric)
	if err != nil {
		return err
	}
	fmt.Fprintf(b, "## %s\n\nWith 95 %% confidence intervals.%s\n\n", record.Metrics[metric], remarks[metric])
	writeRow(b, t.header)
	rule := make([]string, len(t.header))
	for i := range rule {
		rule[i] = "---:"
		if i < t.keys {
			rule[i] = "---"
		}
	}
	fmt.Fprintf(b, "| %s |\n", strings.Join(rule, " | "))
	for _, row := range t.rows {
		writeRow(b, row)
	}
	b.WriteByte('\n')
	return nil
}

// axisHeading heads a column whose values carry their unit.
func axisHeading(a record.Axis) string { return cmp.Or(a.Label, a.Name) }

func writeRow(b *strings.Builder, cells []string) {
	escaped := make([]string, len(cells))
	for i, c := range cells {
		escaped[i] = escape(c)
	}
	fmt.Fprintf(b, "| %s |\n", strings.Join(escaped, " | "))
}

// formatEstimate writes a value with half the width of its interval.
func formatEstimate(e stats.Estimate) string {
	if e.N == 0 {
		return "–"
	}
	if !e.Known {
		return formatValue(e.Value)
	}
	half := formatLike(e.Half(), e.Value)
	if strings.Trim(half, "0.") == "" && e.Half() > 0 {
		half = formatValue(e.Half()) // far smaller than the value
	}
	return formatValue(e.Value) + " ± " + half
}

// orderingsRemark says how to read the orderings.
const orderingsRemark = "From the smallest mean to the largest. The sign between two neighbours is < where the 95 % interval of\n" +
	"their difference, paired by workload, excludes zero, else ≈. The factor is the largest mean over the smallest."

// orderingMetrics are the metrics whose orderings reports show.
var orderingMetrics = []string{metricDelay, metricTrafficVolume}

// canOrder reports whether there are series to put in order.
func canOrder(r *record.Results, parts roles) bool {
	return len(parts.columns) > 0 && len(levelsOf(parts.columns[0], r.Cells)) > 1 && len(counted(r.Cells)) > 0
}

// orderingTable is the order of the series at the ends of the abscissa.
func orderingTable(r *record.Results, parts roles, metric string) table {
	t := table{keys: len(parts.rows) + len(parts.x)}
	for _, a := range append(slices.Clone(parts.rows), parts.x...) {
		t.header = append(t.header, axisHeading(a))
	}
	t.header = append(t.header, "Order", "Factor")
	for _, point := range combinations(parts.rows, r.Cells) {
		cells := at(r.Cells, point...)
		ends := combinations(parts.x, cells)
		if len(ends) > 2 {
			ends = [][]level{ends[0], ends[len(ends)-1]}
		}
		for _, end := range ends {
			order, factor := ordering(metric, at(cells, end...), levelsOf(parts.columns[0], cells))
			t.rows = append(t.rows, append(texts(append(slices.Clone(point), end...)), order, factor))
		}
	}
	return t
}

// writeOrderings writes the order of the series at the ends of the abscissa.
func writeOrderings(b *strings.Builder, r *record.Results, parts roles) {
	if !canOrder(r, parts) {
		return
	}
	fmt.Fprintf(b, "## Orderings\n\n%s\n\n", orderingsRemark)
	for _, metric := range orderingMetrics {
		t := orderingTable(r, parts, metric)
		fmt.Fprintf(b, "### %s\n\n", record.Metrics[metric])
		writeRow(b, t.header)
		fmt.Fprintf(b, "|%s\n", strings.Repeat(" --- |", len(t.header)))
		for _, row := range t.rows {
			writeRow(b, row)
		}
		b.WriteByte('\n')
	}
}

// ordering compares the levels of the series at one place.
func ordering(metric string, cells []record.CellResult, series []level) (order, factor string) {
	type entry struct {
		name   string
		mean   float64
		sample []stats.Keyed
	}
	var entries []entry
	for _, l := range series {
		own := at(cells, l)
		if mean := stats.Mean(values(metric, counted(own))); mean.N > 0 {
			entries = append(entries, entry{l.text(), mean.Value, keyed(metric, own)})
		}
	}
	if len(entries) == 0 {
		return "–", "–"
	}
	slices.SortStableFunc(entries, func(a, b entry) int { return cmp.Compare(a.mean, b.mean) })
	order = entries[0].name
	for i := 1; i < len(entries); i++ {
		sign := " ≈ "
		if stats.Pair(entries[i-1].sample, entries[i].sample).Order() == stats.Less {
			sign = " < "
		}
		order += sign + entries[i].name
	}
	factor = "–"
	if smallest := entries[0].mean; smallest > 0 {
		factor = strconv.FormatFloat(entries[len(entries)-1].mean/smallest, 'f', 2, 64)
	}
	return order, factor
}

// writeFigures shows the figures, and says which ones could not be drawn.
func writeFigures(b *strings.Builder, r *record.Results) {
	if len(r.Campaign.Figures) == 0 {
		return
	}
	b.WriteString("## Figures\n\n")
	for _, f := range r.Campaign.Figures {
		all, err := charts(r, f)
		if err != nil {
			fmt.Fprintf(b, "Not drawn: %s.\n\n", escape(err.Error()))
			continue
		}
		for _, c := range all {
			fmt.Fprintf(b, "![%s](%s.svg)\n\n", strings.NewReplacer("[", "(", "]", ")").Replace(escape(c.title)), c.stem)
		}
	}
}

// judged holds the campaign's claims against its records.
func judged(r *record.Results) []Claim {
	var list []Claim
	for _, j := range gate.Judge(r, r.Campaign.Claims) {
		list = append(list, Claim{
			Name: j.Claim.Name, Quotation: j.Claim.Quote, Place: j.Claim.Place, Note: j.Claim.Note,
			Verdict: string(j.Verdict), Numbers: j.Detail,
		})
	}
	return list
}
