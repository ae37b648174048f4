package gate

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// ClaimFormats are the formats that WriteClaims knows.
var ClaimFormats = []string{"text", "json", "markdown"}

// WriteClaims writes the table of judgements in one of ClaimFormats.
func WriteClaims(w io.Writer, format string, judgements []Judgement) error {
	switch format {
	case "text":
		return claimsText(w, judgements)
	case "json":
		return writeJSON(w, judgements)
	case "markdown":
		return claimsMarkdown(w, judgements)
	}
	return fmt.Errorf("unknown format %q (expected %s)", format, strings.Join(ClaimFormats, ", "))
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

func claimsText(w io.Writer, judgements []Judgement) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, j := range judgements {
		fmt.Fprintf(table, "%s\t%s\t%s\n", j.Verdict, j.Claim.Name, j.Claim.Place)
		fmt.Fprintf(table, "\t\t  “%s”\n\t\t  %s\n", oneLine(j.Claim.Quote), j.Detail)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w, summary(judgements))
	return err
}

// claimsMarkdown writes a table, and below it what a reader needs to judge the
// claims that do not simply hold.
func claimsMarkdown(w io.Writer, judgements []Judgement) error {
	var b strings.Builder
	b.WriteString("| Verdict | Place | Claim | Measured |\n| --- | --- | --- | --- |\n")
	for _, j := range judgements {
		quote := oneLine(j.Claim.Quote)
		if j.Claim.Note != "" {
			quote += " (" + oneLine(j.Claim.Note) + ")"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", j.Verdict, cell(j.Claim.Place), cell(quote), cell(j.Detail))
	}
	fmt.Fprintf(&b, "\n%s\n", summary(judgements))
	_, err := io.WriteString(w, b.String())
	return err
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// cell keeps a text inside its cell of a Markdown table.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ", "<", "&lt;", "*", `\*`, "_", `\_`).Replace(text)
}

func summary(judgements []Judgement) string {
	count := map[Verdict]int{}
	for _, j := range judgements {
		count[j.Verdict]++
	}
	text := fmt.Sprintf("%d claims: %d hold, %d fail, %d undecided", len(judgements), count[Holds], count[Fails], count[Undecided])
	if n := count[NoData]; n > 0 {
		text += fmt.Sprintf(", %d without data", n)
	}
	return text
}
