package page

import (
	"cmp"
	"embed"
	"fmt"
	"html/template"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"edgebed/harness/escape"
	"edgebed/harness/matrix"
	"edgebed/harness/record"
	"edgebed/harness/report/figure"
	"edgebed/harness/report/table"
)

//go:embed assets
var assets embed.FS

var pages = template.Must(template.New("").Funcs(template.FuncMap{
	"css": func() (template.CSS, error) {
		text, err := assets.ReadFile("assets/style.css")
		return template.CSS(text), err
	},
	"js": func() (template.JS, error) {
		text, err := assets.ReadFile("assets/script.js")
		return template.JS(text), err
	},
	"hatches": hatches,
}).ParseFS(assets, "assets/*.html"))

// content is what the template of a report shows.
type content struct {
	Title, Subtitle string
	Variant         string       // the reading of the paper that ran
	Facts           []table.Fact // at a glance
	Claims          []Judged
	Outcomes        []table.Fact // claims by outcome
	Asked           []table.Fact
	Axes            []table.Table
	Failed          []table.Table // why executions failed, and cells are not complete
	Warnings        []string
	Figures         []section
	NotDrawn        []string
	Spread, Times   *section
	Links           *section
	Table1          *table.Table
	Load            []table.Table
	Numbers         []table.Table
	Orders          []table.Table
	OrdersRemark    string
	Audit           auditView
	Repeat          string
	Provenance      []table.Fact
	Settings        []table.Fact
}

// Write writes the report of a campaign as one HTML file without any reference to
// another one. drawn are the result's figures; claims may be nil where none were judged.
func Write(w io.Writer, r *record.Results, drawn []figure.Drawn, claims []Judged) error {
	p, err := contentOf(r, drawn, claims)
	if err != nil {
		return err
	}
	return execute(w, "report.html", p)
}

// execute writes a page. Control characters in titles and names are written out: as they
// are, HTML forbids them, and a terminal would take them for commands.
func execute(w io.Writer, name string, content any) error {
	var text strings.Builder
	if err := pages.ExecuteTemplate(&text, name, content); err != nil {
		return err
	}
	_, err := io.WriteString(w, escape.Terminal(text.String()))
	return err
}

func contentOf(r *record.Results, drawn []figure.Drawn, claims []Judged) (*content, error) {
	c := r.Campaign
	roles := matrix.RolesOf(r)
	totals := table.Tally(r.Cells)
	p := &content{
		Title: cmp.Or(c.Title, c.Scenario),
		Subtitle: fmt.Sprintf("%s, profile %s, %s",
			c.Scenario, table.OrUnknown(c.Profile), c.Started.UTC().Format("2 January 2006")),
		Variant:      c.Variant(),
		Claims:       claims,
		Outcomes:     outcomes(claims),
		Asked:        asked(r, totals),
		Axes:         []table.Table{table.Axes(r)},
		Warnings:     r.Warnings,
		Spread:       distributions(r, roles),
		Times:        timings(r, roles),
		Links:        linkTraffic(r, roles),
		Orders:       table.Orderings(r, roles),
		OrdersRemark: table.OneLine(table.OrderingRemark),
		Audit:        auditOf(r),
		Repeat:       repeat(c),
		Provenance:   table.Provenance(r),
		Settings:     table.SettingsUsed(r),
	}

	p.Facts = p.glance(c, totals)
	for _, t := range []table.Table{table.Failures(r.Cells), table.Incomplete(r.Cells)} {
		if len(t.Rows) > 0 {
			p.Failed = append(p.Failed, t)
		}
	}
	p.Figures, p.NotDrawn = sections(drawn)
	return p, p.tabulate(r, roles)
}

// glance is the campaign in a few numbers.
func (p *content) glance(c record.Campaign, totals table.Totals) []table.Fact {
	facts := []table.Fact{
		{Key: "cells complete", Value: fmt.Sprintf("%d of %d", totals.Complete, c.Cells)},
		{Key: "executions succeeded", Value: fmt.Sprintf("%d of %d", totals.OK, c.Executions)},
		{Key: "executions failed", Value: fmt.Sprint(totals.Failed)},
		{Key: "cells’ emulation", Value: p.Audit.Short},
	}
	if len(p.Claims) > 0 {
		var short []string
		for _, v := range p.Outcomes {
			short = append(short, v.Value+" "+v.Key)
		}
		facts = append(facts, table.Fact{Key: "claims", Value: strings.Join(short, ", ")})
	}
	return facts
}

// sections are the figures, and why others show nothing.
func sections(drawn []figure.Drawn) (figures []section, notDrawn []string) {
	for _, d := range drawn {
		if d.Err != nil {
			notDrawn = append(notDrawn, d.Err.Error())
			continue
		}
		for _, c := range d.Charts {
			figures = append(figures, view{c}.section())
		}
	}
	return figures, notDrawn
}

// tabulate adds the tables of metrics.
func (p *content) tabulate(r *record.Results, roles matrix.Roles) error {
	if len(matrix.Counted(r.Cells)) == 0 {
		return nil
	}
	ratio, err := table.Metric(r, roles, record.Table1Ratio)
	if err != nil {
		return err
	}
	if ratio.Any() {
		ratio.Remark = table.OneLine(ratio.Remark)
		p.Table1 = &ratio
	}
	if p.Load, err = table.Load(r, roles); err != nil {
		return err
	}

	for _, metric := range []string{
		record.Delay, record.TrafficRate, record.TrafficVolume, record.TrunkVolume, record.Retransmissions,
	} {
		t, err := table.Metric(r, roles, metric)
		if err != nil {
			return err
		}
		p.Numbers = append(p.Numbers, t)
	}
	return nil
}

// asked says what was to run, and what came of it.
func asked(r *record.Results, totals table.Totals) []table.Fact {
	c := r.Campaign
	facts := []table.Fact{
		{Key: "Scenario", Value: c.Scenario}, {Key: "Profile", Value: table.OrUnknown(c.Profile)},
	}
	for _, name := range slices.Sorted(maps.Keys(c.Parameters)) {
		facts = append(facts, table.Fact{Key: "Parameter " + name, Value: c.Parameters[name]})
	}

	var seeds []string
	for _, s := range table.Seeds(r.Cells) {
		seeds = append(seeds, fmt.Sprint(s))
	}
	facts = append(facts,
		table.Fact{Key: "Seeds", Value: strings.Join(seeds, ", ")},
		table.Fact{Key: "Cells", Value: fmt.Sprintf("%d planned, %d started, %d complete, %d started more than once",
			c.Cells, totals.Cells, totals.Complete, totals.Repeated)},
		table.Fact{Key: "Executions", Value: fmt.Sprintf("%d planned, %d succeeded, %d failed, and %s",
			c.Executions, totals.OK, totals.Failed, table.Count(totals.WarmUps, "warm-up"))},
		table.Fact{Key: "Link delay", Value: strings.TrimPrefix(table.LinkDelay(r.Cells), "link delay ")},
	)
	if r.Runs > 1 {
		facts = append(facts, table.Fact{Key: "Resumed", Value: table.Count(r.Runs-1, "time")})
	}

	var end time.Time
	for _, cell := range r.Cells {
		if cell.End != nil && cell.End.Ended.After(end) {
			end = cell.End.Ended
		}
	}
	if took := end.Sub(c.Started); took > 0 {
		facts = append(facts, table.Fact{Key: "Took", Value: took.Round(time.Second).String()})
	}
	return facts
}
