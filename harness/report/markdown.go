package report

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"edgebed/harness/escape"
	"edgebed/harness/gate"
	"edgebed/harness/matrix"
	"edgebed/harness/record"
	"edgebed/harness/report/figure"
	"edgebed/harness/report/table"
)

// markdown writes the report of a campaign as Markdown: the figures, what the
// records say of the claims, what was done and what failed, tables of the metrics,
// the order of the series at the ends of the abscissa, and where it all comes from.
func markdown(w io.Writer, r *record.Results, drawn []figure.Drawn, checked gate.Checked) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n", escape.Markdown(cmp.Or(r.Campaign.Title, r.Campaign.Scenario)))
	writeFigures(&b, drawn)
	if err := writeClaims(&b, checked); err != nil {
		return err
	}

	writeAccount(&b, r)
	roles := matrix.RolesOf(r)
	if err := writeMetrics(&b, r, roles); err != nil {
		return err
	}
	if err := writeLoad(&b, r, roles); err != nil {
		return err
	}
	writeOrderings(&b, r, roles)
	writeProvenance(&b, r)

	_, err := io.WriteString(w, b.String())
	return err
}

// writeFigures shows the figures, and says which ones could not be drawn and what
// letters their PNG files lack.
func writeFigures(b *strings.Builder, drawn []figure.Drawn) {
	if len(drawn) == 0 {
		return
	}
	b.WriteString("## Figures\n\n")
	for _, d := range drawn {
		if d.Err != nil {
			fmt.Fprintf(b, "Not drawn: %s.\n\n", escape.Markdown(d.Err.Error()))
			continue
		}
		for _, c := range d.Charts {
			alt := strings.NewReplacer("[", "(", "]", ")").Replace(c.Title)
			fmt.Fprintf(b, "![%s](%s.svg)\n\n", escape.Markdown(alt), c.Stem)
			if lacking := c.Lacking(); len(lacking) > 0 {
				fmt.Fprintf(b, "%s.png lacks letters that its typeface does not have: %s. %s.svg has them.\n\n",
					c.Stem, escape.Markdown(string(lacking)), c.Stem)
			}
		}
	}
}

// writeClaims writes what the records say of the scenario's claims.
func writeClaims(b *strings.Builder, checked gate.Checked) error {
	if len(checked.Claims) == 0 {
		return nil
	}
	b.WriteString("## Claims\n\n")
	if err := gate.WriteClaims(b, "markdown", checked); err != nil {
		return err
	}
	b.WriteByte('\n')
	return nil
}

// writeProvenance says what was run, where, by which program.
func writeProvenance(b *strings.Builder, r *record.Results) {
	b.WriteString("## Provenance\n\n")
	for _, f := range append(table.Provenance(r), table.SettingsUsed(r)...) {
		fmt.Fprintf(b, "- %s: %s\n", escape.Markdown(f.Key), escape.Markdown(f.Value))
	}
}

// writeAccount accounts for every cell and execution.
func writeAccount(b *strings.Builder, r *record.Results) {
	t := table.Tally(r.Cells)
	b.WriteString("## What was done\n\n")
	fmt.Fprintf(b, "- Cells: %d planned, %d started, %d complete", r.Campaign.Cells, t.Cells, t.Complete)
	if t.Repeated > 0 {
		fmt.Fprintf(b, ", %d of them started more than once", t.Repeated)
	}
	fmt.Fprintf(b, "\n- Executions: %d planned, %d succeeded, %d failed, and %s\n",
		r.Campaign.Executions, t.OK, t.Failed, table.Count(t.WarmUps, "warm-up"))

	writeAudits(b, r)
	for _, warning := range r.Warnings {
		fmt.Fprintf(b, "- Warning: %s\n", escape.Markdown(warning))
	}
	b.WriteByte('\n')

	for _, t := range []table.Table{table.Failures(r.Cells), table.Incomplete(r.Cells)} {
		if len(t.Rows) > 0 {
			fmt.Fprintf(b, "### %s\n\n%s\n\n", t.Caption, t.Remark)
			t.Markdown(b)
		}
	}
}

// mostReasons bounds the reasons that the report names for a cell, mostDisturbed the cells.
const (
	mostReasons   = 4
	mostDisturbed = 20
)

// writeAudits says which cells' emulation was disturbed, and by what.
func writeAudits(b *strings.Builder, r *record.Results) {
	var faithful, exact, unknown int
	var disturbed []record.CellResult
	for _, c := range r.Cells {
		switch {
		case !c.Complete():
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
		fmt.Fprintf(b, "- Network: %d of the complete cells computed in virtual time, which nothing disturbs\n", exact)
	}
	if faithful+len(disturbed) == 0 {
		return
	}

	fmt.Fprintf(b, "- Audit: %d of the complete cells faithful, %d disturbed", faithful, len(disturbed))
	if unknown > 0 {
		fmt.Fprintf(b, ", %d not audited", unknown)
	}
	b.WriteByte('\n')
	for k, c := range disturbed {
		if k == mostDisturbed {
			fmt.Fprintf(b, "- And %s disturbed; report.html has what the audit found in each\n",
				table.Count(len(disturbed)-k, "more cell"))
			break
		}
		var reasons []string
		for _, f := range c.End.Audit.Findings {
			reasons = append(reasons, f.String())
		}
		fmt.Fprintf(b, "- Disturbed cell %s (%s): %s\n", escape.Markdown(c.Cell.ID),
			table.Count(c.End.Audit.Neighbours, "neighbour"),
			escape.Markdown(strings.Join(table.First(reasons, mostReasons), "; ")))
	}
}

// writeMetrics writes the metrics over the whole matrix.
func writeMetrics(b *strings.Builder, r *record.Results, roles matrix.Roles) error {
	if len(matrix.Counted(r.Cells)) == 0 {
		return nil
	}
	for _, metric := range []string{record.Delay, record.TrafficRate, record.TrafficVolume, record.Table1Ratio} {
		t, err := table.Metric(r, roles, metric)
		if err != nil {
			return err
		}
		if !t.Any() {
			continue
		}
		remark := ""
		if t.Remark != "" {
			remark = " " + t.Remark
		}
		fmt.Fprintf(b, "## %s\n\nWith 95 %% confidence intervals.%s\n\n", t.Caption, remark)
		t.Markdown(b)
	}
	return nil
}

// writeLoad writes what came of cells under load, and what happened in them.
func writeLoad(b *strings.Builder, r *record.Results, roles matrix.Roles) error {
	tables, err := table.Load(r, roles)
	if err != nil {
		return err
	}
	for _, t := range tables {
		fmt.Fprintf(b, "## %s\n\n%s\n\n", t.Caption, t.Remark)
		t.Markdown(b)
	}
	return nil
}

// writeOrderings writes the order of the series at the ends of the abscissa.
func writeOrderings(b *strings.Builder, r *record.Results, roles matrix.Roles) {
	all := table.Orderings(r, roles)
	if len(all) == 0 {
		return
	}
	fmt.Fprintf(b, "## Orderings\n\n%s\n\n", table.OrderingRemark)
	for _, t := range all {
		fmt.Fprintf(b, "### %s\n\n", t.Caption)
		t.Keys = len(t.Header) // all of them are words
		t.Markdown(b)
	}
}
