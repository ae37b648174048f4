package report

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"edgebed/harness/record"
)

func pageText(t *testing.T, r *record.Results, claims []Claim) string {
	t.Helper()
	var text bytes.Buffer
	if err := WriteHTML(&text, r, claims); err != nil {
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
	r := synthesize(fullWorkload())
	page := pageText(t, r, sampleClaims)
	selfContained(t, page)
	if len(page) > 3<<20 {
		t.Errorf("the page of %d cells has %d bytes, want at most 3 MiB", len(r.Cells), len(page))
	}
	if again := pageText(t, r, sampleClaims); again != page {
		t.Error("the page differs from run to run")
	}
	delay, err := Estimate("delay", at(r.Cells, combinations(r.Campaign.Axes, r.Cells)[0]...))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		formatEstimate(delay), "no answer within 30 s", "&lt;b&gt;markup&lt;/b&gt;", "Where the time goes", "SHA-256 5eed",
		"PureFaaS, 1 Mb/s", "s0 → s1", "Linux 6.1.0", "bin/edgebed run exp400 --profile test",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if strings.Contains(page, "<b>markup") {
		t.Error("a claim's text is markup of the page")
	}
}

// TestPageOfLittle makes pages of records that lack things.
func TestPageOfLittle(t *testing.T) {
	bare := synthesize(smallWorkload())
	for i := range bare.Cells {
		bare.Cells[i].End = nil
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
	empty := synthesize(smallWorkload())
	empty.Cells = nil
	selfContained(t, pageText(t, empty, nil))
	shapes := synthesize(fullWorkload())
	shapes.Campaign.Figures = moreFigures()
	selfContained(t, pageText(t, shapes, nil))
}

func TestPorts(t *testing.T) {
	for name, tc := range map[string]struct {
		ports           []string
		switches, hosts string
		links           int
	}{
		"ring":   {[]string{"s0-h0", "s0-s1", "s1-s0", "s1-s2", "s2-s1", "s2-s0", "s0-s2"}, "s0 s1 s2", "h0", 3},
		"dashes": {[]string{"sw-a-host-1", "sw-a-sw-b", "sw-b-sw-a", "sw-b-host-2"}, "sw-a sw-b", "host-1 host-2", 1},
		"none":   {nil, "", "", 0},
	} {
		var e record.Execution
		for _, p := range tc.ports {
			e.Ports = append(e.Ports, record.Port{Name: p, TxBytes: 100, RxBytes: 10})
		}
		g, meaning := networkOf([]record.Execution{e})
		if got := strings.Join(g.switches, " "); got != tc.switches {
			t.Errorf("%s: switches %q, want %q", name, got, tc.switches)
		}
		if got := strings.Join(g.hosts, " "); got != tc.hosts || len(g.links) != tc.links {
			t.Errorf("%s: hosts %q and %d links, want %q and %d", name, got, len(g.links), tc.hosts, tc.links)
		}
		flow := traffic([]record.Execution{e}, meaning)
		for _, way := range g.directions() {
			want := 100.0
			if g.home[way.from] != "" {
				want = 10
			}
			if flow[way] != want {
				t.Errorf("%s: %v carries %g bytes, want %g", name, way, flow[way], want)
			}
		}
		spots := g.place()
		for i, a := range append(slices.Clone(g.switches), g.hosts...) {
			for _, b := range append(slices.Clone(g.switches), g.hosts...)[:i] {
				if dx, dy := spots[a].x-spots[b].x, spots[a].y-spots[b].y; dx*dx+dy*dy < 100 {
					t.Errorf("%s: %s and %s are drawn on each other", name, a, b)
				}
			}
		}
	}
}

func TestCommandLine(t *testing.T) {
	if got, want := commandLine([]string{"edgebed", "--where", "rate=1 Mb/s", "it's", ""}), `edgebed --where 'rate=1 Mb/s' 'it'\''s' ''`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestComparison checks the pairing of series that only one result has.
func TestComparison(t *testing.T) {
	a := synthesize(fullWorkload())
	a.Name = "results/a/records.jsonl"
	w := smallWorkload()
	w.models = []string{"pure-faas"}
	b := synthesize(w)
	b.Name = "results/b/records.jsonl"
	var text bytes.Buffer
	if err := CompareHTML(&text, a, b); err != nil {
		t.Fatal(err)
	}
	selfContained(t, text.String())
	for _, want := range []string{"a and b", "PureFaaS, a", "PureFaaS, b"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the comparison does not say %q", want)
		}
	}
	if strings.Contains(text.String(), `id="claims"`) {
		t.Error("the comparison has a section on claims without any")
	}
	b.Cells = nil
	if err := CompareHTML(&text, a, b); err == nil {
		t.Error("results without a common point give no error")
	}
}

// TestComparisonOfClaims shows both verdicts on each claim, also where only one
// result was asked.
func TestComparisonOfClaims(t *testing.T) {
	a, b := synthesize(smallWorkload()), synthesize(smallWorkload())
	a.Name, b.Name = "results/a/records.jsonl", "results/b/records.jsonl"
	claim := record.Claim{Name: "pure-faas-slower", Place: "Sec. 0", Quote: "slower", Kind: record.ClaimRatio, Metric: "delay",
		Series: "model", Of: []string{"pure-faas / state-local"}, AtLeast: 1e-3, AtMost: 1e3}
	a.Campaign.Claims = []record.Claim{claim}
	claim.AtMost = 2e-3
	other := claim
	other.Name = "only-in-b"
	b.Campaign.Claims = []record.Claim{claim, other}
	var text bytes.Buffer
	if err := CompareHTML(&text, a, b); err != nil {
		t.Fatal(err)
	}
	selfContained(t, text.String())
	_, table, _ := strings.Cut(text.String(), `id="claims"`)
	table, _, _ = strings.Cut(table, "</table>")
	var verdicts []string
	for _, part := range strings.Split(table, `<span class="verdict `)[1:] {
		verdict, _, _ := strings.Cut(part, `"`)
		verdicts = append(verdicts, verdict)
	}
	if want := []string{"holds", "fails", "not asked", "fails"}; !slices.Equal(verdicts, want) {
		t.Errorf("verdicts are %q, want %q", verdicts, want)
	}
	if !strings.Contains(table, "2 of 2 claims differ") {
		t.Errorf("the table does not count differences: %s", table)
	}
}

// TestUtilisation works out shares by hand: 0.5 MB in 1 s at 8 Mb/s is half, and
// links to hosts, whose rate is unknown, have none.
func TestUtilisation(t *testing.T) {
	execution := func(index int, delay int64, ports ...record.Port) record.Execution {
		return record.Execution{Index: index, OK: true, DelayNS: delay, Ports: append(ports, record.Port{Name: "s0-host0", TxBytes: 1000})}
	}
	cell := record.CellResult{
		Cell: record.Cell{Settings: map[string]string{"link-rate": "8 Mb/s"}},
		Executions: []record.Execution{
			execution(0, 1e9, record.Port{Name: "s0-s1", TxBytes: 500_000}, record.Port{Name: "s1-s0", TxBytes: 0}),
			execution(1, 3e9, record.Port{Name: "s0-s1", TxBytes: 500_000}, record.Port{Name: "s1-s0", TxBytes: 4_000_000}),
			{Index: -1, WarmUp: true, OK: true, DelayNS: 1e12},
		},
	}
	net, meaning := networkOf(cell.Counted())
	shares := utilisation([]record.CellResult{cell}, meaning)
	if forth, back := shares[direction{"s0", "s1"}], shares[direction{"s1", "s0"}]; forth != 0.25 || back != 1 || len(shares) != 2 {
		t.Errorf("shares are %v", shares)
	}
	if got, want := busiestOf(net, shares), "s1 → s0 100.0 %, mean 62.5 %"; got != want {
		t.Errorf("the busiest is %q, want %q", got, want)
	}
	// Each direction may have its own rate.
	cell.Cell.Settings = map[string]string{"link-rate.s0-s1": "4 Mb/s", "link-rate.s1-s0": "unshaped"}
	if shares := utilisation([]record.CellResult{cell}, meaning); shares[direction{"s0", "s1"}] != 0.5 || len(shares) != 1 {
		t.Errorf("with its own rate, shares are %v", shares)
	}
	r := synthesize(smallWorkload())
	if sec := linkTraffic(r, rolesOf(r)); len(sec.Tables) != 1 {
		t.Errorf("without rates there are %d tables, want that of traffic only", len(sec.Tables))
	}
	for i := range r.Cells {
		rate, _ := r.Cells[i].Cell.Coord("rate")
		r.Cells[i].Cell.Settings = map[string]string{"link-rate": rate.Value}
	}
	sec := linkTraffic(r, rolesOf(r))
	if len(sec.Tables) != 3 || len(sec.Tables[1].Rows) == 0 || len(sec.Tables[2].Rows) != 2*len(sec.Tables[1].Rows) {
		t.Fatalf("tables are %+v", sec.Tables)
	}
	if image := string(sec.Panels[0].Image); !strings.Contains(image, "% in use") {
		t.Error("the drawing does not say how much of a link is in use")
	}
}
