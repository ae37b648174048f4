package page

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"edgebed/harness/gate"
	"edgebed/harness/record"
	"edgebed/harness/report/figure"
	"edgebed/harness/report/reporttest"
)

// TestComparison checks the pairing of series that only one result has.
func TestComparison(t *testing.T) {
	a := reporttest.Synthesize(reporttest.Full())
	a.Name = "results/a/records.jsonl"
	w := reporttest.Small()
	w.Models = []string{"pure-faas"}
	b := reporttest.Synthesize(w)
	b.Name = "results/b/records.jsonl"
	var text bytes.Buffer
	if err := WriteComparison(&text, side(a), side(b), figure.NewTwo(a, b).Draw()); err != nil {
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
	if err := WriteComparison(&text, side(a), side(b), figure.NewTwo(a, b).Draw()); err == nil {
		t.Error("results without a common point give no error")
	}
}

// TestComparisonOfClaims shows both verdicts on each claim, also where only one
// result was asked.
func TestComparisonOfClaims(t *testing.T) {
	a, b := reporttest.Synthesize(reporttest.Small()), reporttest.Synthesize(reporttest.Small())
	a.Name, b.Name = "results/a/records.jsonl", "results/b/records.jsonl"
	claim := record.Claim{Name: "pure-faas-slower", Place: "Sec. 0", Quote: "slower", Kind: record.ClaimRatio, Metric: "delay",
		Series: "model", Of: []string{"pure-faas / state-local"}, AtLeast: 1e-3, AtMost: 1e3}
	a.Campaign.Claims = []record.Claim{claim}
	claim.AtMost = 2e-3
	other := claim
	other.Name = "only-in-b"
	b.Campaign.Claims = []record.Claim{claim, other}
	var text bytes.Buffer
	if err := WriteComparison(&text, side(a), side(b), figure.NewTwo(a, b).Draw()); err != nil {
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

// side judges a result by its own claims.
func side(r *record.Results) Side {
	return Side{Results: r, Claims: JudgedOf(gate.Judge(r, r.Campaign.Claims))}
}
