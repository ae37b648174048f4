package report

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	"golang.org/x/net/html"
	"pgregory.net/rapid"

	"edgebed/harness/gate"
	"edgebed/harness/record"
	"edgebed/harness/report/figure"
	"edgebed/harness/report/page"
	"edgebed/harness/report/reporttest"
)

// nasty draws texts in any script, and such as would be markup, a formula or a command.
func nasty() *rapid.Generator[string] {
	parts := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{
		"<script>alert(1)</script>", "</style><img src=x onerror=a>", "\"><svg onload=a>", "{{.}}", "javascript:a", "&#60;b&#62;", "-->", "]]>",
		"=1+1", "+1|cmd", "-2+3", "@SUM(A1)", "\t=x", "\r\n=x", " =x", "\ufeff=x", "＝x", "\"a\",b;c", "\x00", "\x1b[2J", "\x1b]0;t\x07", "\u009b31m",
		"a|b", "\n\n# h", "\n- x", "`c`", "[a](javascript:b)", "![a](b)", "**b**", "<!--", "\u202egnp", "延迟", "שלום", "🚀", "\xff\xfe", "",
	}))
	return rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(parts, 1, 3).Draw(t, "parts"), "")
	})
}

// poison puts texts wherever records can hold one.
func poison(t *rapid.T, r *record.Results) {
	text := func(what string) string { return nasty().Draw(t, what) }
	c := &r.Campaign
	c.Title, c.Scenario, c.Profile, c.Machine.CPU = text("title"), text("scenario"), text("profile"), text("cpu")
	c.Machine.Kernel, c.Tool.Version, c.Tool.Commit = text("kernel"), text("version"), text("commit")
	c.Parameters = map[string]string{text("parameter"): text("value")}
	c.Command = []string{"edgebed", text("argument")}
	c.Quantities = map[string]string{"p.q": text("quantity")}
	c.Figures[0].Title = text("figure")
	c.Claims = []record.Claim{{Name: text("claim"), Place: text("place"), Quote: text("quote"), Note: text("note"),
		Kind: record.ClaimRatio, Metric: record.Delay, Series: "model", Of: []string{"pure-faas / state-local"}, AtLeast: 1}}
	r.Warnings = []string{text("warning")}
	for i := range c.Axes {
		c.Axes[i].Label = text("axis")
	}

	for i := range r.Cells {
		cell := &r.Cells[i]
		cell.Cell.Point[4].Label = text("label")
		if i > 2 {
			continue
		}
		cell.Cell.ID, cell.Cell.Settings = text("cell"), map[string]string{text("setting"): text("value")}
		cell.Cell.Network.Hosts[0].Name, cell.Cell.Network.Ports[0].Peer = text("host"), text("peer")
		cell.Cell.Network.Ports[0].Name = text("port")
		cell.End.Audit = &record.Audit{Verdict: record.Disturbed,
			Findings: []record.Finding{{Check: text("check"), Where: text("where"), Unit: text("unit")}}}
		for k := range cell.Executions {
			e := &cell.Executions[k]
			e.Reason, e.Workload = text("reason"), text("workload")
			e.OK = k%2 == 0
			if len(e.Ports) > 0 {
				e.Ports[0].Name = text("port")
			}
		}
	}
	last := &r.Cells[len(r.Cells)-1]
	last.End = &record.CellEnd{Reason: text("cell's reason"), Ended: time.Unix(0, 0)}
	r.Cells[len(r.Cells)-2].End.Events = []record.Event{{What: text("event")}}
}

// TestNastyTexts checks the property for every kind of text that is exported: HTML gets no
// element and no attribute that was not the page's, Markdown stays in its lines and
// cells, spreadsheets get no formula, and terminals no command.
func TestNastyTexts(t *testing.T) {
	code := regexp.MustCompile("`[^`]*`") // in which nothing is markup
	few := reporttest.Small()
	few.Arguments, few.Executions = few.Arguments[:1], 2
	clean := elements(t, pageOf(t, reporttest.Synthesize(few)))

	rapid.Check(t, func(t *rapid.T) {
		r := reporttest.Synthesize(few)
		poison(t, r)
		checked := gate.Check(r, r.Campaign.Claims)

		for name := range elements(t, pageOf(t, r)) {
			if !clean[name] && !strings.HasPrefix(name, "known:") {
				t.Fatalf("report.html has the %s", name)
			}
		}

		var text bytes.Buffer
		if err := markdown(&text, r, figure.Draw(r), checked); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(text.String()) {
			line = code.ReplaceAllString(line, "")
			if regexp.MustCompile(`<[a-zA-Z/!]|[^\\!]\]\(|^=+$`).MatchString(strings.ReplaceAll(line, `\\`, "")) && !strings.HasPrefix(line, "![") {
				t.Fatalf("report.md has markup of others: %q", line)
			}
			if strings.ContainsFunc(strings.TrimSuffix(line, "\n"), unicode.IsControl) {
				t.Fatalf("report.md has control characters: %q", line)
			}
		}

		for name, write := range map[string]func(io.Writer, *record.Results) error{
			"summary.csv": summaryCSV, "executions.csv": record.ExecutionsCSV, "ports.csv": record.PortsCSV,
		} {
			text.Reset()
			if err := write(&text, r); err != nil {
				t.Fatal(err)
			}
			rows, err := csv.NewReader(&text).ReadAll()
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			for _, field := range rows[len(rows)-1] {
				formula(t, name, field)
			}
			for _, row := range rows {
				for _, field := range row {
					formula(t, name, field)
				}
			}
		}

		text.Reset()
		if err := gate.WriteClaims(&text, "text", checked); err != nil {
			t.Fatal(err)
		}
		if strings.ContainsFunc(text.String(), func(r rune) bool { return r != '\n' && r != '\t' && unicode.IsControl(r) }) {
			t.Fatalf("the claims command the terminal: %q", text.String())
		}
	})
}

// formula fails where a spreadsheet would take a field for a formula.
func formula(t *rapid.T, file, field string) {
	start := strings.TrimLeft(field, " \n\ufeff\u00a0")
	if start == "" || !strings.ContainsAny(start[:1], "=@+-\t\r") {
		return
	}
	if _, err := fmt.Sscanf(start, "%g", new(float64)); err != nil {
		t.Fatalf("%s has the formula %q", file, field)
	}
}

// tester is what *testing.T and *rapid.T have in common.
type tester interface {
	Fatal(args ...any)
	Helper()
}

func pageOf(t tester, r *record.Results) string {
	t.Helper()
	var text bytes.Buffer
	if err := page.Write(&text, r, figure.Draw(r), page.JudgedOf(gate.Judge(r, r.Campaign.Claims))); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

// elements returns the names of a page's elements and attributes. Those that only a report
// with claims, findings or failures has are known.
func elements(t tester, text string) map[string]bool {
	t.Helper()
	known := map[string]bool{}
	for _, name := range strings.Fields("q br pre strong attribute:title attribute:hidden attribute:id attribute:open") {
		known[name] = true
	}
	found := map[string]bool{}
	z := html.NewTokenizer(strings.NewReader(text))
	for z.Next() != html.ErrorToken {
		token := z.Token()
		if token.Type != html.StartTagToken && token.Type != html.SelfClosingTagToken {
			continue
		}
		names := []string{token.Data}
		for _, a := range token.Attr {
			names = append(names, "attribute:"+a.Key)
		}
		for _, name := range names {
			if known[name] {
				name = "known:" + name
			}
			found[name] = true
		}
	}
	return found
}
