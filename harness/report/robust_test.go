package report

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"edgebed/harness/gate"
	"edgebed/harness/record"
	"edgebed/harness/report/reporttest"
)

// report writes a report and returns its texts by their names.
func report(t *testing.T, r *record.Results) map[string]string {
	t.Helper()
	dir := t.TempDir()
	files, _, err := Write(dir, r)
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		texts[filepath.Base(f)] = string(text)
	}
	return texts
}

// lacks reports the parts that a text does not contain.
func lacks(text string, parts ...string) []string {
	return slices.DeleteFunc(parts, func(p string) bool { return strings.Contains(text, p) })
}

// TestNoData reports on campaigns without a single measurement.
func TestNoData(t *testing.T) {
	r := reporttest.Synthesize(reporttest.Small())
	r.Cells = nil
	if _, missing, err := Write(t.TempDir(), r); err != nil || len(missing) != len(r.Campaign.Figures) ||
		!strings.Contains(missing[0].Error(), "the records hold no cell") {
		t.Errorf("of %d figures %v show nothing, %v", len(r.Campaign.Figures), missing, err)
	}
	if files := report(t, r); len(files) != 5 {
		t.Errorf("%d files without cells, want the report twice and three tables", len(files))
	}

	// A cell that failed before it started has no point. The figure is over the
	// matrix's only axis.
	r.Cells = []record.CellResult{{Cell: record.Cell{ID: "c"}, End: &record.CellEnd{Cell: "c", Reason: "no room"}, Attempts: 1}}
	r.Campaign.Axes = r.Campaign.Axes[3:4]
	r.Campaign.Figures = []record.Figure{{Name: "f", Title: "T", Kind: record.KindLines, Metric: record.Delay, X: "rate"}}
	texts := report(t, r)
	if missing := lacks(texts["report.md"], "| no room | c | 1 |", `Not drawn: figure "f": no execution to show: 1 cell made no execution, mostly: no room`); len(missing) > 0 {
		t.Errorf("the report of a stillborn cell lacks %q:\n%s", missing, texts["report.md"])
	}
	if missing := lacks(texts["report.html"], "no execution to show"); len(missing) > 0 {
		t.Errorf("the page of a stillborn cell lacks %q", missing)
	}
}

// TestAudits counts verdicts, and names disturbed cells with the reason.
func TestAudits(t *testing.T) {
	r := reporttest.Synthesize(reporttest.Small())
	for i := range r.Cells {
		r.Cells[i].End.Audit = &record.Audit{Verdict: record.Faithful}
	}
	r.Cells[0].End.Audit = nil
	r.Cells[1].End.Audit = &record.Audit{Verdict: record.Disturbed, Neighbours: 2, Findings: []record.Finding{
		{Check: "link-rate", Where: "s0-s1", Value: -5, Limit: -2, Unit: "% off"},
		{Check: "timer-lag-max", Value: 180e3, Limit: 50e3, Unit: "us"},
	}}
	text := report(t, r)["report.md"]
	if missing := lacks(text,
		fmt.Sprintf("- Audit: %d of the complete cells faithful, 1 disturbed, 1 not audited\n", len(r.Cells)-2),
		"(2 neighbours): link-rate s0-s1: -5 % off (limit -2); timer-lag-max: 180000 us (limit 50000)\n"); len(missing) > 0 {
		t.Errorf("the report lacks %q:\n%s", missing, text)
	}
}

// TestVirtualTime labels results of a network in virtual time, none of whose cells is
// disturbed.
func TestVirtualTime(t *testing.T) {
	r := reporttest.Synthesize(reporttest.Small())
	r.Campaign.Network = record.Virtual
	for i := range r.Cells {
		r.Cells[i].End.Audit = &record.Audit{Verdict: record.Exact}
		r.Cells[i].Cell.Settings[record.SettingDelayBackend] = string(record.Virtual)
	}
	texts := report(t, r)
	if missing := lacks(texts["report.md"], "- Network: 16 of the complete cells computed in virtual time", "- Network: computed in virtual time"); len(missing) > 0 {
		t.Errorf("the report lacks %q", missing)
	}
	if missing := lacks(texts["report.html"], "16 of 16 exact", "link delay by computation in virtual time"); len(missing) > 0 {
		t.Errorf("the page lacks %q", missing)
	}
	if strings.Contains(texts["report.md"], "isturbed cell") || !strings.Contains(texts["fig17.svg"], "virtual time") {
		t.Error("cells in virtual time are said to be disturbed, or the figure does not label them")
	}
}

// TestBadFigure checks that a figure that cannot be drawn is an error and keeps
// nothing else from being written.
func TestBadFigure(t *testing.T) {
	r := reporttest.Synthesize(reporttest.Small())
	bad := r.Campaign.Figures[0]
	bad.Name, bad.Series = "bad", "colour"
	r.Campaign.Figures = append(r.Campaign.Figures, bad)
	dir := t.TempDir()
	files, _, err := Write(dir, r)
	if err == nil || !strings.Contains(err.Error(), "colour") {
		t.Errorf("Write hides the figure that cannot be drawn: %v", err)
	}
	if !slices.Contains(files, filepath.Join(dir, "report.md")) || !slices.Contains(files, filepath.Join(dir, "fig17.svg")) {
		t.Errorf("files %q: a bad figure keeps the report from being written", files)
	}
}

// TestOrder checks that figures come first, then claims, then the rest, and where it
// all comes from last.
func TestOrder(t *testing.T) {
	r := reporttest.Synthesize(reporttest.Small())
	r.Campaign.Claims = []record.Claim{{Name: "c", Place: "Sec. 0", Quote: "q", Kind: record.ClaimRatio, Metric: record.Delay,
		Series: "model", Of: []string{"pure-faas / state-local"}, AtLeast: 1}}
	texts := report(t, r)
	for file, parts := range map[string][]string{
		"report.md":   {"# Function chains", "## Figures", "## Claims", "## What was done", "## Mean delay", "## Orderings", "## Provenance", "SHA-256"},
		"report.html": {`<section id="figures">`, `<section id="claims">`, `<section id="asked">`, `<section id="numbers">`, `<section id="audit">`, `<section id="provenance">`},
	} {
		at := 0
		for _, p := range parts {
			i := strings.Index(texts[file][at:], p)
			if i < 0 {
				t.Errorf("%s: %q does not follow in its place", file, p)
				break
			}
			at += i
		}
	}
}

// hostile is a text that would be markup, a formula or a command to a terminal.
const hostile = "=1+1|<img src=x onerror=alert(1)>[a](b)`c`\x1b]0;t\x07"

// TestHostileTexts writes such a text wherever a file can hold one.
func TestHostileTexts(t *testing.T) {
	r := reporttest.Synthesize(reporttest.Small())
	r.Campaign.Title, r.Campaign.Profile, r.Campaign.Machine.CPU, r.Campaign.Tool.Version = hostile, hostile, hostile, hostile
	r.Campaign.Parameters = map[string]string{hostile: hostile}
	r.Campaign.Command = []string{"edgebed", hostile}
	r.Campaign.Figures[0].Title = hostile
	r.Warnings = []string{hostile}
	for i := range r.Campaign.Axes {
		r.Campaign.Axes[i].Label = hostile
	}
	r.Campaign.Claims = []record.Claim{{Name: hostile, Place: hostile, Quote: hostile, Note: hostile, Kind: record.ClaimRatio,
		Metric: record.Delay, Series: "model", Of: []string{"pure-faas / state-local"}, AtLeast: 1}}
	for i := range r.Cells {
		c := &r.Cells[i]
		c.Cell.Settings = map[string]string{hostile: hostile}
		c.Cell.ID, c.Cell.Point[4].Label = hostile, hostile+fmt.Sprint(i)
		c.End.Audit = &record.Audit{Verdict: record.Disturbed, Findings: []record.Finding{{Check: hostile, Where: hostile, Unit: hostile}}}
		c.Executions[1].OK, c.Executions[1].Reason, c.Executions[1].Workload = false, hostile, hostile
		c.Cell.Network.Hosts[0].Name, c.Cell.Network.Ports[0].Peer = hostile, hostile
	}
	texts := report(t, r)

	for z := html.NewTokenizer(strings.NewReader(texts["report.html"])); z.Next() != html.ErrorToken; {
		token := z.Token()
		if token.Data == "img" || slices.ContainsFunc(token.Attr, func(a html.Attribute) bool { return strings.HasPrefix(a.Key, "on") }) {
			t.Fatalf("report.html has the element %s", token)
		}
	}
	code := regexp.MustCompile("`[^`]*`") // in which nothing is markup
	for number, line := range strings.Split(texts["report.md"], "\n") {
		line = code.ReplaceAllString(line, "")
		if strings.Contains(line, "<img") || strings.Contains(line, "[a](") || strings.Contains(line, "\x1b") {
			t.Errorf("report.md:%d: %s", number+1, line)
		}
	}
	for _, name := range []string{"summary.csv", "executions.csv", "ports.csv"} {
		rows, err := csv.NewReader(strings.NewReader(texts[name])).ReadAll()
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, row := range rows {
			for _, field := range row {
				if strings.HasPrefix(field, "=") {
					t.Errorf("%s has the formula %q", name, field)
				}
			}
		}
	}

	var terminal bytes.Buffer
	if err := gate.WriteClaims(&terminal, "text", gate.Check(r, r.Campaign.Claims)); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(terminal.String(), "\x1b\x07") {
		t.Errorf("the claims command the terminal: %q", terminal.String())
	}
}
