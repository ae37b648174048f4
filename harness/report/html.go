package report

import (
	"cmp"
	"embed"
	"fmt"
	"html/template"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"edgebed/harness/record"
	"edgebed/harness/stats"
)

// This file makes the HTML report: one file that needs nothing else, from the
// records and the verdicts on claims.

//go:embed page
var pageFiles embed.FS

var pages = template.Must(template.New("").Funcs(template.FuncMap{
	"css": func() (template.CSS, error) {
		text, err := pageFiles.ReadFile("page/style.css")
		return template.CSS(text), err
	},
	"js": func() (template.JS, error) {
		text, err := pageFiles.ReadFile("page/script.js")
		return template.JS(text), err
	},
	"hatches": hatches,
}).ParseFS(pageFiles, "page/*.html"))

// Claim is a sentence made checkable, with what the records say about it.
type Claim struct {
	// Name identifies the claim; Quotation is the sentence and Place where it
	// stands, for instance "Sec. 6.2".
	Name, Quotation, Place string
	// Note says how the words were made numbers.
	Note string
	// Verdict is "holds", "fails" or "undecided".
	Verdict string
	// Numbers say what the verdict rests on.
	Numbers string
}

// section is a part of the page with images and the tables behind them.
type section struct {
	// Legend is of the images' colours; Markers, where a section has both, of
	// their symbols.
	Legend, Markers []entry
	Panels          []panelView
	// Columns is the number of images that belong in a row, 0 for any.
	Columns int
	Tables  []tableView
	// Notes explain terms.
	Notes []fact
	// Title and Caption are of a figure.
	Title, Caption string
	// ID is the anchor of a figure.
	ID string
}

// panelView is one image.
type panelView struct {
	Title string
	Image template.HTML
}

// tableView is a table of the page. The first Keys columns head the rows.
type tableView struct {
	Caption string
	Header  []string
	Keys    int
	Rows    [][]string
	// Remark says how to read it.
	Remark string
}

func (t table) view(caption string) tableView {
	return tableView{Caption: caption, Header: t.header, Keys: t.keys, Rows: t.rows}
}

// joined joins the texts that are not empty.
func joined(texts []string) string {
	return strings.Join(slices.DeleteFunc(slices.Clone(texts), func(t string) bool { return t == "" }), ", ")
}

// places are the combinations of the axes of panels, in the order of a figure's
// panels: the first axis along the row.
func places(parts roles, cells []record.CellResult) [][]level {
	axes := slices.Clone(parts.rows)
	slices.Reverse(axes)
	all := combinations(axes, cells)
	for _, p := range all {
		slices.Reverse(p)
	}
	return all
}

// panelColumns is how many panels make a row, 0 for any number.
func panelColumns(parts roles, cells []record.CellResult) int {
	if len(parts.rows) != 2 {
		return 0
	}
	return len(levelsOf(parts.rows[0], cells))
}

// keyOf is a legend of the axis that makes the series.
func keyOf(parts roles, cells []record.CellResult, kind string) []entry {
	c := &chart{kind: kind}
	for _, s := range combinations(parts.columns, cells) {
		if len(s) > 0 {
			c.series = append(c.series, s[0].shortName())
		}
	}
	return c.legend()
}

// pageData is what the template of a report shows.
type pageData struct {
	Title, Subtitle string
	Variant         string // the reading of the paper that ran
	Facts           []fact // at a glance
	Claims          []Claim
	Verdicts        []fact // claims by verdict
	Asked           []fact
	Axes            []tableView
	Failures        []fact
	Incomplete      []fact
	Warnings        []string
	Figures         []section
	NotDrawn        []string
	Spread, Times   *section
	Links           *section
	Table1          *tableView
	Numbers         []tableView
	Orders          []tableView
	OrdersRemark    string
	Audit           auditView
	Repeat          string
	Provenance      []fact
	Settings        []fact
}

// WriteHTML writes the report of a campaign as one HTML file without any
// reference to another one. claims may be nil where none were judged.
func WriteHTML(w io.Writer, r *record.Results, claims []Claim) error {
	p, err := newPage(r, claims)
	if err != nil {
		return err
	}
	return pages.ExecuteTemplate(w, "report.html", p)
}

func newPage(r *record.Results, claims []Claim) (*pageData, error) {
	c := r.Campaign
	parts := rolesOf(r)
	t := tally(r.Cells)
	p := &pageData{
		Title:        cmp.Or(c.Title, c.Scenario),
		Subtitle:     fmt.Sprintf("%s, profile %s, %s", c.Scenario, orUnknown(c.Profile), c.Started.UTC().Format("2 January 2006")),
		Variant:      c.Variant(),
		Claims:       claims,
		Verdicts:     verdicts(claims),
		Warnings:     r.Warnings,
		OrdersRemark: strings.ReplaceAll(orderingsRemark, "\n", " "),
		Audit:        auditOf(r),
		Repeat:       repeat(c),
		Provenance:   provenance(r),
		Settings:     settingsUsed(r),
	}
	p.Facts = []fact{
		{"cells complete", fmt.Sprintf("%d of %d", t.complete, c.Cells)},
		{"executions succeeded", fmt.Sprintf("%d of %d", t.ok, c.Executions)},
		{"executions failed", fmt.Sprint(t.failed)},
		{"cells’ emulation", p.Audit.Short},
	}
	if len(claims) > 0 {
		var short []string
		for _, v := range p.Verdicts {
			short = append(short, v.Value+" "+v.Key)
		}
		p.Facts = append(p.Facts, fact{"claims", strings.Join(short, ", ")})
	}
	p.Asked = asked(r, t)
	p.Axes = []tableView{axesTable(r)}
	for _, reason := range slices.Sorted(maps.Keys(t.reasons)) {
		p.Failures = append(p.Failures, fact{reason, count(t.reasons[reason], "execution")})
	}
	for _, cell := range r.Cells {
		switch {
		case cell.End == nil:
			p.Incomplete = append(p.Incomplete, fact{cell.Cell.ID, "interrupted after " + count(len(cell.Executions), "execution")})
		case !cell.End.OK:
			p.Incomplete = append(p.Incomplete, fact{cell.Cell.ID, orUnknown(cell.End.Reason)})
		}
	}
	for _, f := range c.Figures {
		all, err := charts(r, f)
		if err != nil {
			p.NotDrawn = append(p.NotDrawn, err.Error())
			continue
		}
		for _, c := range all {
			p.Figures = append(p.Figures, c.section())
		}
	}
	p.Spread = distributions(r, parts)
	p.Times = timings(r, parts)
	p.Links = linkTraffic(r, parts)
	if len(counted(r.Cells)) > 0 {
		ratio, err := metricTable(r, parts, metricTable1Ratio)
		if err != nil {
			return nil, err
		}
		view := ratio.view(record.Metrics[metricTable1Ratio])
		view.Remark = strings.ReplaceAll(strings.TrimSpace(remarks[metricTable1Ratio]), "\n", " ")
		p.Table1 = &view
		for _, metric := range []string{metricDelay, metricTrafficRate, metricTrafficVolume, metricTrunkVolume, metricRetransmissions} {
			t, err := metricTable(r, parts, metric)
			if err != nil {
				return nil, err
			}
			p.Numbers = append(p.Numbers, t.view(record.Metrics[metric]))
		}
	}
	if canOrder(r, parts) {
		for _, metric := range orderingMetrics {
			p.Orders = append(p.Orders, orderingTable(r, parts, metric).view(record.Metrics[metric]))
		}
	}
	return p, nil
}

// verdicts counts the claims by verdict.
func verdicts(claims []Claim) []fact {
	var counts []fact
	for _, v := range []string{"holds", "fails", "undecided"} {
		n := 0
		for _, c := range claims {
			if c.Verdict == v {
				n++
			}
		}
		if n > 0 {
			if n > 1 { // "3 hold"
				v = strings.TrimSuffix(v, "s")
			}
			counts = append(counts, fact{v, fmt.Sprint(n)})
		}
	}
	return counts
}

// section makes a figure of the page.
func (c *chart) section() section {
	s := section{Title: c.title, Caption: c.caption, ID: c.stem, Tables: []tableView{c.table().view("")}}
	if len(c.series) > 0 {
		s.Legend = c.legend()
		if c.seriesTitle != "" {
			for i := range s.Legend {
				s.Legend[i].Name = c.seriesTitle + " " + s.Legend[i].Name
			}
		}
	}
	for _, p := range c.panels {
		if p != nil {
			s.Panels = append(s.Panels, panelView{p.title, c.panelImage(p)})
		}
	}
	if len(c.panels) > 1 {
		s.Columns = c.columns
	}
	return s
}

// asked says what was to run, and what came of it.
func asked(r *record.Results, t totals) []fact {
	c := r.Campaign
	facts := []fact{
		{"Scenario", c.Scenario}, {"Profile", orUnknown(c.Profile)},
	}
	for _, name := range slices.Sorted(maps.Keys(c.Parameters)) {
		facts = append(facts, fact{"Parameter " + name, c.Parameters[name]})
	}
	seeds := make(map[uint64]bool)
	for _, cell := range r.Cells {
		seeds[cell.Cell.Seed] = true
	}
	var list []string
	for _, s := range slices.Sorted(maps.Keys(seeds)) {
		list = append(list, fmt.Sprint(s))
	}
	facts = append(facts,
		fact{"Seeds", strings.Join(list, ", ")},
		fact{"Cells", fmt.Sprintf("%d planned, %d started, %d complete, %d started more than once", c.Cells, t.cells, t.complete, t.repeated)},
		fact{"Executions", fmt.Sprintf("%d planned, %d succeeded, %d failed, and %s", c.Executions, t.ok, t.failed, count(t.warmUps, "warm-up"))},
		fact{"Link delay", strings.TrimPrefix(delayText(settings(r.Cells)[record.SettingDelayBackend]), "link delay ")},
	)
	if r.Runs > 1 {
		facts = append(facts, fact{"Resumed", count(r.Runs-1, "time")})
	}
	var end time.Time
	for _, cell := range r.Cells {
		if cell.End != nil && cell.End.Ended.After(end) {
			end = cell.End.Ended
		}
	}
	if took := end.Sub(c.Started); took > 0 {
		facts = append(facts, fact{"Took", took.Round(time.Second).String()})
	}
	return facts
}

// axesTable lists the matrix.
func axesTable(r *record.Results) tableView {
	t := table{header: []string{"Axis", "Values"}, keys: 1}
	for _, a := range r.Campaign.Axes {
		var values []string
		for _, l := range levelsOf(a, r.Cells) {
			values = append(values, l.text())
		}
		t.rows = append(t.rows, []string{axisHeading(a), strings.Join(values, " · ")})
	}
	return t.view("The matrix")
}

// repeat is how to run the campaign again: as it was started, or as its
// parameters say where that is not recorded.
func repeat(c record.Campaign) string {
	var b strings.Builder
	commit, dirty := strings.CutSuffix(c.Tool.Commit, "+dirty")
	if commit != "" && commit != "unknown" {
		fmt.Fprintf(&b, "git checkout %s", commit)
		if dirty {
			b.WriteString("   # the tree had changes that were not committed")
		}
		b.WriteByte('\n')
	}
	b.WriteString("make\n")
	args := []string{"bin/edgebed", "run", c.Scenario, "--profile", c.Profile}
	for _, name := range slices.Sorted(maps.Keys(c.Parameters)) {
		args = append(args, "--set", name+"="+c.Parameters[name])
	}
	if len(c.Command) > 1 {
		args = append([]string{"bin/edgebed"}, c.Command[1:]...)
	}
	b.WriteString(commandLine(args))
	return b.String()
}

// commandLine quotes arguments for a shell.
func commandLine(args []string) string {
	quoted := make([]string, len(args))
	for i, a := range args {
		quoted[i] = a
		if a == "" || strings.ContainsFunc(a, func(r rune) bool {
			return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=./,:@%+", r)
		}) {
			quoted[i] = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
	}
	return strings.Join(quoted, " ")
}

// auditView is the section on the audits of cells.
type auditView struct {
	// Short is the result in a few words.
	Short                          string
	Faithful, Disturbed, Unaudited int
	// Exact counts the cells whose network was computed, which nothing disturbs.
	Exact int
	Cells []cellView
	// Measures has the range of each number over the cells, EveryMeasure all of
	// them; nil without any.
	Measures, EveryMeasure *tableView
}

// Name says which cell it is.
func (c cellView) Name() string {
	return joined(append(slices.Clone(c.Point), fmt.Sprintf("seed %d", c.Seed)))
}

// cellView is one cell's line.
type cellView struct {
	Point    []string
	Seed     uint64
	Verdict  string
	Findings []string
	measures map[string]float64
	// Executions and the cell's time, processor use and neighbours.
	Executions, Took, Busy, Neighbours string
	Attempts                           int
}

func auditOf(r *record.Results) auditView {
	var v auditView
	measures := make(map[string][]float64)
	for _, c := range r.Cells {
		t := tally([]record.CellResult{c})
		line := cellView{Seed: c.Cell.Seed, Verdict: "not audited", Attempts: c.Attempts, Executions: fmt.Sprintf("%d of %d", t.ok, c.Cell.Executions)}
		for _, a := range r.Campaign.Axes {
			coord, _ := c.Cell.Coord(a.Name)
			line.Point = append(line.Point, level{a, coord}.text())
		}
		if c.End == nil {
			line.Verdict = "interrupted"
		} else {
			line.Took = fmt.Sprintf("%.1f s", c.End.Ended.Sub(c.Cell.Started).Seconds())
			line.Busy = fmt.Sprintf("%.0f %%", 100*c.End.BusyCPU)
		}
		if c.End == nil || c.End.Audit == nil {
			v.Unaudited++
		} else {
			a := c.End.Audit
			line.Verdict = string(a.Verdict)
			line.Neighbours = fmt.Sprint(a.Neighbours)
			switch a.Verdict {
			case record.Faithful:
				v.Faithful++
			case record.Exact:
				v.Exact++
			default:
				v.Disturbed++
			}
			for _, f := range a.Findings {
				unit := ""
				if f.Unit != "" {
					unit = " " + f.Unit
				}
				line.Findings = append(line.Findings, fmt.Sprintf("%s: %s%s, limit %s%s",
					joined([]string{f.Check, f.Where}), formatValue(f.Value), unit, formatValue(f.Limit), unit))
			}
			line.measures = a.Measures
			for name, value := range a.Measures {
				measures[name] = append(measures[name], value)
			}
		}
		v.Cells = append(v.Cells, line)
	}
	slices.SortStableFunc(v.Cells, func(a, b cellView) int { // what went wrong comes first
		rank := func(c cellView) int {
			switch c.Verdict {
			case string(record.Disturbed):
				return 0
			case "interrupted":
				return 1
			}
			return 2
		}
		return cmp.Compare(rank(a), rank(b))
	})
	switch {
	case v.Exact > 0 && v.Exact == len(r.Cells):
		v.Short = "exact, in virtual time"
	case v.Exact > 0:
		v.Short = fmt.Sprintf("%d of %d exact", v.Exact, len(r.Cells))
	case v.Faithful+v.Disturbed == 0:
		v.Short = "not audited"
	case v.Disturbed > 0:
		v.Short = fmt.Sprintf("%d of %d disturbed", v.Disturbed, len(r.Cells))
	default:
		v.Short = fmt.Sprintf("%d of %d faithful", v.Faithful, len(r.Cells))
	}
	if len(measures) > 0 {
		v.EveryMeasure = everyMeasure(r, v.Cells, slices.Sorted(maps.Keys(measures)))
		t := table{header: []string{"Measure", "Cells", "Minimum", "Median", "Maximum"}, keys: 1}
		for _, name := range slices.Sorted(maps.Keys(measures)) {
			m := measures[name]
			t.rows = append(t.rows, []string{name, fmt.Sprint(len(m)), formatValue(slices.Min(m)), formatValue(stats.Quantile(0.5, m)), formatValue(slices.Max(m))})
		}
		view := t.view("Range over the cells")
		v.Measures = &view
	}
	return v
}

// everyMeasure is a row per cell that was audited and a column per measure.
func everyMeasure(r *record.Results, cells []cellView, names []string) *tableView {
	var t table
	for _, a := range r.Campaign.Axes {
		t.header = append(t.header, axisHeading(a))
	}
	t.header = append(t.header, "Seed")
	t.keys = len(t.header)
	t.header = append(t.header, names...)
	for _, c := range cells {
		if c.measures == nil {
			continue
		}
		row := append(slices.Clone(c.Point), fmt.Sprint(c.Seed))
		for _, name := range names {
			text := "–"
			if value, ok := c.measures[name]; ok {
				text = formatValue(value)
			}
			row = append(row, text)
		}
		t.rows = append(t.rows, row)
	}
	view := t.view("Measures by cell")
	return &view
}

// resultName is a short name of where results came from: their folder's.
func resultName(r *record.Results) string { return filepath.Base(filepath.Dir(r.Name)) }
