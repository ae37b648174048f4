package page

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"edgebed/harness/matrix"
	"edgebed/harness/record"
	"edgebed/harness/report/figure"
	"edgebed/harness/report/reporttest"
	"edgebed/harness/report/table"
)

func pageText(t *testing.T, r *record.Results, claims []Judged) string {
	t.Helper()
	var text bytes.Buffer
	if err := Write(&text, r, figure.Draw(r), claims); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

// selfContained checks that a page refers to nothing outside of it, and that
// every reference within it has a target.
func selfContained(t *testing.T, page string) {
	t.Helper()
	ids, links := map[string]int{}, []string{}
	for z := html.NewTokenizer(strings.NewReader(page)); ; {
		kind := z.Next()
		if kind == html.ErrorToken {
			if err := z.Err(); !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
			break
		}
		token := z.Token()
		if kind == html.TextToken && (strings.Contains(token.Data, "@import") || strings.Contains(token.Data, "fetch(")) {
			t.Errorf("the page loads something: %.80q", token.Data)
		}
		if slices.Contains([]string{"iframe", "object", "embed", "base", "img"}, token.Data) && kind == html.StartTagToken {
			t.Errorf("the page has an element %s", token.Data)
		}
		for _, a := range token.Attr {
			switch {
			case a.Key == "id":
				ids[a.Val]++
			case a.Key == "src" || a.Key == "srcset" || a.Key == "action":
				t.Errorf("<%s %s=%q> refers to something outside", token.Data, a.Key, a.Val)
			case a.Key == "href" && strings.HasPrefix(a.Val, "#"):
				links = append(links, a.Val[1:])
			case a.Key == "href" && a.Val != "data:,":
				t.Errorf("<%s href=%q> refers to something outside", token.Data, a.Val)
			case strings.HasPrefix(a.Val, "url("):
				links = append(links, strings.TrimSuffix(strings.TrimPrefix(a.Val, "url(#"), ")"))
			}
		}
	}
	for _, l := range links {
		if ids[l] != 1 {
			t.Errorf("a reference to #%s, which %d elements have", l, ids[l])
		}
	}
}

// TestPage checks the page of a large campaign: that it is self-contained, of a
// reasonable size, always the same, and says what the records say.
func TestPage(t *testing.T) {
	r := reporttest.Synthesize(reporttest.Full())
	page := pageText(t, r, sampleClaims)
	selfContained(t, page)
	if len(page) > 3<<20 {
		t.Errorf("the page of %d cells has %d bytes, want at most 3 MiB", len(r.Cells), len(page))
	}
	if again := pageText(t, r, sampleClaims); again != page {
		t.Error("the page differs from run to run")
	}
	delay, err := matrix.Estimate(record.Delay, matrix.Points(r.Campaign.Axes, r.Cells)[0].Of(r.Cells))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		table.FormatEstimate(delay), "no answer within 30 s", "&lt;b&gt;markup&lt;/b&gt;", "Where the time goes", "SHA-256 5eed",
		"PureFaaS, 1 Mb/s", "s0 → s1", "Linux 6.1.0", "bin/edgebed run exp400 --profile test",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if strings.Contains(page, "<b>markup") {
		t.Error("a claim's text is markup of the page")
	}

	r.Campaign.Title = "red\x1b[31m"
	if page := pageText(t, r, nil); strings.Contains(page, "\x1b") || !strings.Contains(page, `red\x1b[31m`) {
		t.Error("a control character of the title is in the page")
	}
}

// TestPageOfLittle makes pages of records that lack things.
func TestPageOfLittle(t *testing.T) {
	bare := reporttest.Synthesize(reporttest.Small())
	for i := range bare.Cells {
		bare.Cells[i].End, bare.Cells[i].Cell.Network = nil, nil
		for k := range bare.Cells[i].Executions {
			e := &bare.Cells[i].Executions[k]
			e.Bound, e.Ports, e.Table1Bytes = nil, nil, 0
		}
	}
	page := pageText(t, bare, nil)
	selfContained(t, page)
	for _, want := range []string{"The records hold no lower bounds", "interrupted after", "not audited"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page of old records does not say %q", want)
		}
	}
	if strings.Contains(page, `id="links"`) || strings.Contains(page, `id="claims"`) {
		t.Error("the page of old records has empty sections")
	}
	empty := reporttest.Synthesize(reporttest.Small())
	empty.Cells = nil
	selfContained(t, pageText(t, empty, nil))
	shapes := reporttest.Synthesize(reporttest.Full())
	shapes.Campaign.Figures = reporttest.Figures()
	selfContained(t, pageText(t, shapes, nil))
}

func TestCommandLine(t *testing.T) {
	if got, want := commandLine([]string{"edgebed", "--where", "rate=1 Mb/s", "it's", ""}), `edgebed --where 'rate=1 Mb/s' 'it'\''s' ''`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
