package gate

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"edgebed/harness/escape"
	"edgebed/harness/record"
)

// costParameter is the parameter of a scenario that sensitivity is about.
const costParameter = "software-cost"

// Shift says what the software cost does to a claim's outcome.
type Shift string

const (
	// Steady: one outcome under every cost.
	Steady Shift = "steady"
	// Opens: undecided, or without data, under some, and one outcome under the
	// others.
	Opens Shift = "opens"
	// Reverses: it holds under one, and fails under another.
	Reverses Shift = "reverses"
)

// Sensitivity is what results with different software costs say of the same
// claims.
type Sensitivity struct {
	Scenario string `json:"scenario"`
	Variant  string `json:"variant,omitempty"`
	Profile  string `json:"profile"`
	// Costs are the values of software-cost and Results the folders, in the order
	// of Outcomes.
	Costs   []string    `json:"costs"`
	Results []string    `json:"results"`
	Claims  []Sensitive `json:"claims"`
}

// Sensitive is a claim with its outcome under each cost.
type Sensitive struct {
	Claim    record.Claim `json:"claim"`
	Outcomes []Outcome    `json:"verdicts"`
	// Details say in one line each why.
	Details []string `json:"details"`
	Shift   Shift    `json:"shift"`
}

// CompareCosts compares results of one scenario that differ in their software
// cost and in no other parameter. It fails where they do not.
func CompareCosts(results []Checked) (*Sensitivity, error) {
	if len(results) < 2 {
		return nil, errors.New("name the results of two or three software costs (make sensitivity makes them)")
	}
	first := results[0]
	s := &Sensitivity{Scenario: first.Scenario, Variant: first.Variant, Profile: first.Profile}
	for _, c := range results {
		cost, ok := c.Parameters[costParameter]
		switch {
		case !ok:
			return nil, fmt.Errorf("%s: its scenario has no parameter %s", c.Result, costParameter)
		case c.Scenario != first.Scenario || c.Profile != first.Profile || !maps.Equal(others(c), others(first)):
			return nil, fmt.Errorf("%s and %s differ in more than %s", first.Result, c.Result, costParameter)
		case slices.Contains(s.Costs, cost):
			return nil, fmt.Errorf("%s: another result has the software cost %s, too", c.Result, cost)
		}
		s.Costs, s.Results = append(s.Costs, cost), append(s.Results, c.Result)
	}

	for _, claim := range AllClaims(results) {
		one := Sensitive{Claim: claim}
		for _, c := range results {
			j, ok := c.judgement(claim.Name)
			if !ok {
				j.Outcome, j.Detail = NoData, "the claim is none of this result's"
			}
			one.Outcomes, one.Details = append(one.Outcomes, j.Outcome), append(one.Details, j.Detail)
		}
		one.Shift = shiftOf(one.Outcomes)
		s.Claims = append(s.Claims, one)
	}
	return s, nil
}

// others are a result's parameters beside the software cost.
func others(c Checked) map[string]string {
	rest := maps.Clone(c.Parameters)
	delete(rest, costParameter)
	return rest
}

func shiftOf(outcomes []Outcome) Shift {
	switch {
	case len(slices.Compact(slices.Sorted(slices.Values(outcomes)))) == 1:
		return Steady
	case slices.Contains(outcomes, Holds) && slices.Contains(outcomes, Fails):
		return Reverses
	}
	return Opens
}

// Count returns how many claims change like that.
func (s *Sensitivity) Count(shift Shift) (n int) {
	for _, one := range s.Claims {
		if one.Shift == shift {
			n++
		}
	}
	return n
}

// Write writes the comparison in one of ClaimFormats.
func (s *Sensitivity) Write(w io.Writer, format string) error {
	switch format {
	case "text":
		return s.writeText(w)
	case "json":
		return writeJSON(w, s)
	case "markdown":
		return s.writeMarkdown(w)
	}
	return fmt.Errorf("unknown format %q (expected %s)", format, strings.Join(ClaimFormats, ", "))
}

// summary counts the changes in words.
func (s *Sensitivity) summary() string {
	return fmt.Sprintf("%d claims of %s under software cost %s: %d steady, %d open under some, %d reverse",
		len(s.Claims), s.Scenario, strings.Join(s.Costs, ", "), s.Count(Steady), s.Count(Opens), s.Count(Reverses))
}

// writeText writes a line for each claim, and why under those that change.
func (s *Sensitivity) writeText(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "shift\t%s\tclaim\n", strings.Join(s.Costs, "\t"))
	for _, one := range s.Claims {
		fmt.Fprintf(table, "%s\t%s\t%s\n", one.Shift, strings.Join(words(one.Outcomes), "\t"), one.Claim.Name)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, one := range s.Claims {
		if one.Shift == Steady {
			continue
		}
		fmt.Fprintf(w, "\n%s, %s: “%s”\n", one.Claim.Name, one.Claim.Place, oneLine(one.Claim.Quote))
		for i, detail := range one.Details {
			fmt.Fprintf(w, "  %s: %s: %s\n", s.Costs[i], one.Outcomes[i], detail)
		}
	}
	_, err := fmt.Fprintf(w, "\n%s\n", s.summary())
	return err
}

func (s *Sensitivity) writeMarkdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "| Claim | %s | Shift |\n|%s\n", strings.Join(s.Costs, " | "),
		strings.Repeat(" --- |", len(s.Costs)+2))
	for _, one := range s.Claims {
		fmt.Fprintf(&b, "| `%s`", one.Claim.Name)
		for i, v := range one.Outcomes {
			fmt.Fprintf(&b, " | **%s**", v)
			if one.Shift != Steady {
				fmt.Fprintf(&b, ": %s", escape.Markdown(oneLine(one.Details[i])))
			}
		}
		fmt.Fprintf(&b, " | %s |\n", one.Shift)
	}
	fmt.Fprintf(&b, "\n%s.\n", escape.Markdown(oneLine(s.summary())))
	_, err := io.WriteString(w, b.String())
	return err
}

func words(outcomes []Outcome) []string {
	var list []string
	for _, v := range outcomes {
		list = append(list, string(v))
	}
	return list
}
