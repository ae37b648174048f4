package gate

import (
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"edgebed/harness/escape"
	"edgebed/harness/record"
)

// ClaimFormats are the formats that WriteClaims knows.
var ClaimFormats = []string{"text", "json", "markdown"}

// Checked is a result with what its records say of some claims.
type Checked struct {
	// Result is the folder or file that the records came from.
	Result   string `json:"result"`
	Scenario string `json:"scenario"`
	// Variant is the reading of the paper that was run; empty where the scenario
	// has one only.
	Variant string `json:"variant,omitempty"`
	Profile string `json:"profile"`
	// Parameters of the scenario as they were set, the variant among them.
	Parameters map[string]string `json:"parameters,omitempty"`
	// Cells are complete, Executions count; both are what the outcomes rest on.
	Cells      int         `json:"cells"`
	Executions int         `json:"executions"`
	Claims     []Judgement `json:"claims"`
}

// Check judges claims by the records.
func Check(r *record.Results, claims []record.Claim) Checked {
	c := Checked{
		Result: r.Name, Scenario: r.Campaign.Scenario, Variant: r.Campaign.Variant(), Profile: r.Campaign.Profile,
		Parameters: r.Campaign.Parameters, Claims: Judge(r, claims),
	}
	if dir, file := filepath.Split(r.Name); strings.HasPrefix(file, record.FileName) && dir != "" {
		c.Result = filepath.Clean(dir)
	}
	for _, cell := range r.Cells {
		if cell.Complete() {
			c.Cells++
		}
		c.Executions += len(cell.Counted())
	}
	return c
}

// Failed counts the claims that fail.
func (c Checked) Failed() int {
	n := 0
	for _, j := range c.Claims {
		if j.Outcome == Fails {
			n++
		}
	}
	return n
}

// String says what was judged, for instance "results/exp400: exp400, variant
// text, profile quick, 84 cells, 672 executions".
func (c Checked) String() string {
	text := c.Result + ": " + c.Scenario
	if c.Variant != "" {
		text += ", variant " + c.Variant
	}
	return text + fmt.Sprintf(", profile %s, %d cells, %d executions", c.Profile, c.Cells, c.Executions)
}

// judgement returns that of the claim of a name.
func (c Checked) judgement(claim string) (Judgement, bool) {
	i := slices.IndexFunc(c.Claims, func(j Judgement) bool { return j.Claim.Name == claim })
	if i < 0 {
		return Judgement{}, false
	}
	return c.Claims[i], true
}

// WriteClaims writes judgements in one of ClaimFormats, those of results of one
// scenario side by side.
func WriteClaims(w io.Writer, format string, results ...Checked) error {
	switch format {
	case "text":
		return plain(w, func(w io.Writer) error { return eachScenario(w, results, claimsText) })
	case "json":
		return writeJSON(w, results)
	case "markdown":
		return eachScenario(w, results, claimsMarkdown)
	}
	return fmt.Errorf("unknown format %q (expected %s)", format, strings.Join(ClaimFormats, ", "))
}

// plain writes a text for a terminal, in which names from files move no cursor.
func plain(w io.Writer, write func(io.Writer) error) error {
	var b strings.Builder
	if err := write(&b); err != nil {
		return err
	}
	_, err := io.WriteString(w, escape.Terminal(b.String()))
	return err
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// eachScenario writes the results of each scenario by themselves, in the order of
// the first of each.
func eachScenario(w io.Writer, results []Checked, write func(io.Writer, []Checked) error) error {
	for rest := results; len(rest) > 0; {
		var same, others []Checked
		for _, c := range rest {
			if c.Scenario == rest[0].Scenario {
				same = append(same, c)
			} else {
				others = append(others, c)
			}
		}
		if err := write(w, same); err != nil {
			return err
		}
		if rest = others; len(rest) > 0 {
			if _, err := fmt.Fprintln(w); err != nil {
				return err
			}
		}
	}
	return nil
}

// Labels are short and distinct names of results of one scenario: their variants
// or else their folders.
func Labels(results []Checked) []string {
	for _, label := range []func(Checked) string{
		func(c Checked) string { return c.Variant },
		func(c Checked) string { return filepath.Base(c.Result) },
		func(c Checked) string { return c.Result },
	} {
		var labels []string
		for _, c := range results {
			if l := label(c); l != "" && !slices.Contains(labels, l) {
				labels = append(labels, l)
			}
		}
		if len(labels) == len(results) {
			return labels
		}
	}
	labels := make([]string, len(results))
	for i, c := range results {
		labels[i] = fmt.Sprintf("%s (%d)", c.Result, i+1)
	}
	return labels
}

// AllClaims lists the claims that any of the results was judged by, each once.
func AllClaims(results []Checked) []record.Claim {
	var all []record.Claim
	for _, c := range results {
		for _, j := range c.Claims {
			if !slices.ContainsFunc(all, func(o record.Claim) bool { return o.Name == j.Claim.Name }) {
				all = append(all, j.Claim)
			}
		}
	}
	return all
}

func claimsText(w io.Writer, results []Checked) error {
	for _, c := range results {
		if _, err := fmt.Fprintln(w, c); err != nil {
			return err
		}
	}

	labels := Labels(results)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, claim := range AllClaims(results) {
		var outcomes, details []string
		for i, c := range results {
			j, ok := c.judgement(claim.Name)
			if !ok {
				j.Outcome, j.Detail = "not asked", "the claim is none of this result's"
			}
			if outcomes = append(outcomes, string(j.Outcome)); len(results) > 1 {
				j.Detail = labels[i] + ": " + j.Detail
			}
			details = append(details, j.Detail)
		}

		indent := strings.Repeat("\t", len(results)+1) + "  "
		fmt.Fprintf(table, "%s\t%s\t%s\n", strings.Join(outcomes, "\t"), claim.Name, claim.Place)
		fmt.Fprintf(table, "%s“%s”\n", indent, oneLine(claim.Quote))
		for _, d := range details {
			fmt.Fprintf(table, "%s%s\n", indent, d)
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}

	for i, c := range results {
		text := c.summary()
		if len(results) > 1 {
			text = labels[i] + ", " + text
		}
		if _, err := fmt.Fprintln(w, text); err != nil {
			return err
		}
	}
	return nil
}

// claimsMarkdown writes a table with a column for each result.
func claimsMarkdown(w io.Writer, results []Checked) error {
	var b strings.Builder
	labels := Labels(results)
	if len(results) == 1 {
		labels[0] = "Measured"
	}

	fmt.Fprintf(&b, "| Claim | %s |\n|%s\n", strings.Join(labels, " | "), strings.Repeat(" --- |", len(labels)+1))
	for _, claim := range AllClaims(results) {
		fmt.Fprintf(&b, "| `%s`, %s: “%s”", escape.Code(claim.Name), escape.Markdown(claim.Place),
			escape.Markdown(oneLine(claim.Quote)))
		if claim.Note != "" {
			fmt.Fprintf(&b, " (%s)", escape.Markdown(oneLine(claim.Note)))
		}
		for _, c := range results {
			if j, ok := c.judgement(claim.Name); ok {
				fmt.Fprintf(&b, " | **%s**: %s", j.Outcome, escape.Markdown(j.Detail))
			} else {
				b.WriteString(" | –")
			}
		}
		b.WriteString(" |\n")
	}

	b.WriteByte('\n')
	for i, c := range results {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%s. %s.\n", escape.Markdown(c.String()), c.summary())
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// summary counts the outcomes.
func (c Checked) summary() string {
	count := map[Outcome]int{}
	for _, j := range c.Claims {
		count[j.Outcome]++
	}
	text := fmt.Sprintf("%d claims: %d hold, %d fail, %d undecided",
		len(c.Claims), count[Holds], count[Fails], count[Undecided])
	if n := count[NoData]; n > 0 {
		text += fmt.Sprintf(", %d without data", n)
	}
	return text
}
