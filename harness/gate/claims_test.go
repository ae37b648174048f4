package gate

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"slices"
	"strings"
	"testing"

	"edgebed/harness/record"
	"edgebed/harness/scenario"
	"edgebed/scenarios"
)

func claimsOf(t *testing.T, name string) []record.Claim {
	t.Helper()
	data, err := scenarios.Files.ReadFile(name + ".yaml")
	if err != nil {
		t.Fatal(err)
	}
	s, err := scenario.Parse(name+".yaml", data)
	if err != nil {
		t.Fatal(err)
	}
	return s.Claims
}

// TestClaimsOfThePaper judges the paper's claims on a real run, and on runs that
// were turned so that some of them must fail.
func TestClaimsOfThePaper(t *testing.T) {
	base, claims := load(t, "exp400"), claimsOf(t, "exp400")
	verdicts := func(r *record.Results) map[string]Judgement {
		all := map[string]Judgement{}
		for _, j := range Judge(r, claims) {
			all[j.Claim.Name] = j
		}
		return all
	}
	real := verdicts(base)
	for name, want := range map[string]Outcome{
		"fig18-significant": Holds, "trade-off": Holds, "fig18-not-always-faster": Holds, "fig18-smaller-argument": Holds,
		// Eight workloads of one panel leave these open.
		"fig17-overlap": Undecided, "fig17-crossover": Undecided,
	} {
		if got := real[name]; got.Outcome != want {
			t.Errorf("%s: %s (%s), want %s", name, got.Outcome, got.Detail, want)
		}
	}
	if j := real["fig17-overlap"]; j.MoreExecutions < 1 || !strings.Contains(j.Detail, "more executions") {
		t.Errorf("an undecided claim says %q", j.Detail)
	}
	// StateLocal with three times its bytes and delay.
	heavy := verdicts(changed(base, func(c record.Cell, e *record.Execution) {
		if strings.Contains(c.ID, "state-local") {
			e.SwitchBytes *= 8
			e.DelayNS *= 3
			e.CycleNS *= 2
		}
	}))
	for _, name := range []string{"fig18-significant", "fig18-order", "trade-off", "fig17-crossover", "fig17-state-local-much-lower"} {
		if got := heavy[name]; got.Outcome != Fails {
			t.Errorf("with a heavy StateLocal, %s: %s (%s)", name, got.Outcome, got.Detail)
		}
	}
	// A claim about any point fails only where it fails at all.
	fast := verdicts(changed(base, func(c record.Cell, e *record.Execution) {
		if strings.Contains(c.ID, "state-local") {
			e.DelayNS /= 4
		}
	}))
	if got := fast["fig18-not-always-faster"]; got.Outcome != Fails {
		t.Errorf("with a fast StateLocal, fig18-not-always-faster: %s (%s)", got.Outcome, got.Detail)
	}
	// Points that were not run leave a claim open, or without data.
	part := verdicts(load(t, "repeat1"))
	if got := part["fig17-comparable"]; got.Outcome != NoData {
		t.Errorf("without its panel, fig17-comparable: %s (%s)", got.Outcome, got.Detail)
	}
	if got := part["fig17-state-local-much-lower"]; got.Outcome != Undecided || len(got.Missing) == 0 {
		t.Errorf("without the slowest rates, fig17-state-local-much-lower: %s (%s)", got.Outcome, got.Detail)
	}
}

func TestKindsOfClaims(t *testing.T) {
	base := load(t, "exp400")
	top := map[string][]string{"panel": {"S=3,L=6"}, "argument": {"10 kB"}}
	pure := []string{"pure-faas"}
	for name, tc := range map[string]struct {
		claim record.Claim
		want  Outcome
	}{
		"falls":           {record.Claim{Kind: record.ClaimFalls, Metric: "delay", Of: pure, Along: "rate", Where: top}, Holds},
		"rises":           {record.Claim{Kind: record.ClaimRises, Metric: "delay", Of: pure, Along: "rate", Where: top}, Fails},
		"flat":            {record.Claim{Kind: record.ClaimFlat, Metric: "traffic-volume", Of: pure, Along: "rate", Where: top, Within: 0.02}, Holds},
		"not flat":        {record.Claim{Kind: record.ClaimFlat, Metric: "delay", Of: pure, Along: "rate", Where: top, Within: 0.02}, Fails},
		"growth":          {record.Claim{Kind: record.ClaimGrowth, Metric: "delay", Of: pure, Along: "rate", From: "1 Mb/s", To: "100 Mb/s", AtMost: 0.1, Where: top}, Holds},
		"too much growth": {record.Claim{Kind: record.ClaimGrowth, Metric: "delay", Of: pure, Along: "rate", From: "1 Mb/s", To: "100 Mb/s", AtLeast: 0.1, Where: top}, Fails},
		"highest":         {record.Claim{Kind: record.ClaimHighest, Metric: "delay", Of: pure, Along: "rate", At: "1 Mb/s", Where: top}, Holds},
		"kind":            {record.Claim{Kind: "smooth", Metric: "delay", Of: pure}, NoData},
		"metric":          {record.Claim{Kind: record.ClaimRatio, Metric: "joy", Of: pure}, NoData},
	} {
		tc.claim.Series = "model"
		if got := Judge(base, []record.Claim{tc.claim})[0]; got.Outcome != tc.want {
			t.Errorf("%s: %s (%s), want %s", name, got.Outcome, got.Detail, tc.want)
		}
	}
}

// TestTables checks that every format of both tables can be read by what it is
// for, and says what was found.
func TestTables(t *testing.T) {
	base := load(t, "exp400")
	checked := Check(base, claimsOf(t, "exp400"))
	fresh := changed(base, func(c record.Cell, e *record.Execution) {
		if strings.Contains(c.ID, "state-prop") {
			e.SwitchBytes += e.SwitchBytes / 10
		}
	})
	c := compare(t, base, fresh)
	write := func(err error, b *bytes.Buffer) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	figure, _, _ := strings.Cut(checked.Claims[0].Detail, "], wanted")
	for _, format := range ClaimFormats {
		var b bytes.Buffer
		text := write(WriteClaims(&b, format, checked), &b)
		for _, want := range []string{"fig17-overlap", "Fig. 17 top left", "holds", figure, "more executions", "artifact"} {
			if !strings.Contains(text, want) {
				t.Errorf("the table of claims in %s lacks %q:\n%s", format, want, text)
			}
		}
		if format == "json" && !json.Valid(b.Bytes()) {
			t.Error("the table of claims is no JSON")
		}
	}
	for _, format := range CompareFormats {
		var b bytes.Buffer
		text := write(c.Write(&b, format), &b)
		if !strings.Contains(text, "model=state-prop") || !strings.Contains(text, "traffic-volume") {
			t.Errorf("the comparison in %s does not name the curve:\n%s", format, text)
		}
		switch format {
		case "json":
			if !json.Valid(b.Bytes()) {
				t.Error("the comparison is no JSON")
			}
		case "junit":
			var suite struct {
				Failures int `xml:"failures,attr"`
				Cases    []struct {
					Failure *struct{} `xml:"failure"`
				} `xml:"testcase"`
			}
			if err := xml.Unmarshal(b.Bytes(), &suite); err != nil || suite.Failures == 0 || len(suite.Cases) != len(c.Curves) {
				t.Errorf("the JUnit suite has %d failures and %d cases, %v", suite.Failures, len(suite.Cases), err)
			}
		case "github":
			if !strings.HasPrefix(text, "::error title=") {
				t.Errorf("no annotation: %s", text)
			}
		}
	}
	if WriteClaims(&bytes.Buffer{}, "yaml", checked) == nil || c.Write(&bytes.Buffer{}, "yaml") == nil {
		t.Error("an unknown format is accepted")
	}
}

// TestSideBySide writes the claims of several results: those of one scenario in
// one table, named by what distinguishes them.
func TestSideBySide(t *testing.T) {
	base, claims := load(t, "exp400"), claimsOf(t, "exp400")
	heavy := changed(base, func(c record.Cell, e *record.Execution) {
		if strings.Contains(c.ID, "state-local") {
			e.SwitchBytes *= 8
		}
	})
	heavy.Campaign.Parameters = map[string]string{"variant": "text"}
	artifact, text := Check(base, claims), Check(heavy, claims)
	if artifact.Variant != "artifact" || text.Variant != "text" || artifact.Executions != 672 || artifact.Cells != 84 {
		t.Errorf("checked %s and %s", artifact, text)
	}
	other := Checked{Result: "results/exp401", Scenario: "exp401", Claims: []Judgement{{Claim: record.Claim{Name: "only-here"}, Outcome: Fails}}}
	var b bytes.Buffer
	if err := WriteClaims(&b, "markdown", artifact, other, text); err != nil {
		t.Fatal(err)
	}
	first, second, ok := strings.Cut(b.String(), "\n\n| Claim | Measured |\n")
	if !ok || !strings.HasPrefix(first, "| Claim | artifact | text |\n| --- | --- | --- |\n") || !strings.Contains(second, "only-here") {
		t.Errorf("the tables are:\n%s", b.String())
	}
	rows := map[string]int{}
	for _, line := range strings.Split(first, "\n") {
		if columns := strings.Split(strings.ReplaceAll(line, `\|`, ""), " | "); strings.HasPrefix(line, "| `") {
			rows[columns[0]]++
			if len(columns) != 3 {
				t.Errorf("%d columns in %s", len(columns), line)
			}
			if strings.HasPrefix(line, "| `fig18-significant`") && !(strings.HasPrefix(columns[1], "**holds**") && strings.HasPrefix(columns[2], "**fails**")) {
				t.Errorf("a claim about traffic with eight times the bytes: %s", line)
			}
		}
	}
	if len(rows) != len(claims) {
		t.Errorf("%d rows for %d claims", len(rows), len(claims))
	}
	for _, tc := range []struct {
		results []Checked
		want    []string
	}{
		{[]Checked{{Variant: "artifact"}, {Variant: "text"}}, []string{"artifact", "text"}},
		{[]Checked{{Variant: "text", Result: "a/old"}, {Variant: "text", Result: "a/new"}}, []string{"old", "new"}},
		{[]Checked{{Result: "a/exp402"}, {Result: "b/exp402"}}, []string{"a/exp402", "b/exp402"}},
		{[]Checked{{Result: "a"}, {Result: "a"}}, []string{"a (1)", "a (2)"}},
	} {
		if got := Labels(tc.results); !slices.Equal(got, tc.want) {
			t.Errorf("labels are %q, want %q", got, tc.want)
		}
	}
	// A claim that one of the results does not have.
	b.Reset()
	if err := WriteClaims(&b, "text", artifact, Checked{Scenario: "exp400", Variant: "text"}); err != nil || !strings.Contains(b.String(), "not asked") {
		t.Errorf("%v:\n%s", err, b.String())
	}
}
