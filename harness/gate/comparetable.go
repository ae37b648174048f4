package gate

import (
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"text/tabwriter"

	"edgebed/harness/escape"
)

// CompareFormats are the formats that Comparison.Write knows.
var CompareFormats = []string{"text", "json", "junit", "markdown", "github"}

// Write writes the comparison in one of CompareFormats. All but json show the
// tests that found something, and how many there were.
func (c *Comparison) Write(w io.Writer, format string) error {
	switch format {
	case "text":
		return plain(w, c.text)
	case "json":
		return writeJSON(w, c)
	case "junit":
		return c.junit(w)
	case "markdown":
		return c.markdown(w)
	case "github":
		return c.github(w)
	}
	return fmt.Errorf("unknown format %q (expected %s)", format, strings.Join(CompareFormats, ", "))
}

// finding is a test that found a change, with its curve.
type finding struct {
	Curve Curve
	Test
}

// findings lists the tests that found something, regressions first.
func (c *Comparison) findings() []finding {
	var all []finding
	for _, change := range []Change{Regression, SlowerMachine, Improvement} {
		for _, curve := range c.Curves {
			for _, t := range curve.Tests {
				if t.Change == change {
					all = append(all, finding{Curve: curve, Test: t})
				}
			}
		}
	}
	return all
}

// count is the number of tests that were made.
func (c *Comparison) count() int {
	n := 0
	for _, curve := range c.Curves {
		n += len(curve.Tests)
	}
	return n
}

// where names the part that a finding is about.
func (f finding) where() string { return f.Curve.Where + ", " + f.Part }

// what is the change in words.
func (f finding) what() string {
	if f.Ratio == 0 {
		return fmt.Sprintf("%.1f %% instead of %.1f %%", 100*f.New, 100*f.Base)
	}
	text := fmt.Sprintf("%+.1f %%", 100*(f.Ratio-1))
	switch {
	case f.High > f.Low:
		text += fmt.Sprintf(" [%+.1f, %+.1f]", 100*(f.Low-1), 100*(f.High-1))
	case math.Abs(f.Ratio-1) < 0.0005: // exact, and too little for one digit
		text = fmt.Sprintf("%+.1g %%", 100*(f.Ratio-1))
	}
	if f.Base > 0 {
		text += fmt.Sprintf(", %s instead of %s", number(f.New), number(f.Base))
	}
	if f.Explained > 1 {
		text += fmt.Sprintf("; the machine explains up to %+.1f %%", 100*(f.Explained-1))
	}
	return text
}

func (c *Comparison) heading() string {
	label := func(s Side) string {
		if c.Base.Network != c.New.Network {
			return fmt.Sprintf("%s (%s network, commit %.12s)", s.Name, s.Network, s.Commit)
		}
		return fmt.Sprintf("%s (commit %.12s)", s.Name, s.Commit)
	}
	return fmt.Sprintf("%s: %s against %s", c.Scenario, label(c.New), label(c.Base))
}

// verdict is the outcome in one line.
func (c *Comparison) verdict() string {
	count := map[Change]int{}
	for _, f := range c.findings() {
		count[f.Test.Change]++
	}
	text := fmt.Sprintf("%d tests: %d regressions, %d improvements", c.count(), count[Regression], count[Improvement])
	if n := count[SlowerMachine]; n > 0 {
		text += fmt.Sprintf(", %d slower as the machine explains", n)
	}
	return text + fmt.Sprintf(" (at least %.3g %% of delay or %.3g %% of bytes, at a level of %.3g)",
		100*c.Limits.Delay, 100*c.Limits.Bytes, c.Limits.Alpha)
}

func (c *Comparison) text(w io.Writer) error {
	fmt.Fprintln(w, c.heading())
	for _, n := range c.Notes {
		fmt.Fprintln(w, "note:", n)
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, f := range c.findings() {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\tp=%.2g\n", f.Test.Change, f.Curve.Metric, f.where(), f.what(), f.P)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w, c.verdict())
	return err
}

func (c *Comparison) markdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "### %s\n\n%s\n\n", escape.Markdown(c.heading()), c.verdict())
	for _, n := range c.Notes {
		fmt.Fprintf(&b, "- %s\n", escape.Markdown(n))
	}
	if all := c.findings(); len(all) > 0 {
		b.WriteString("\n| | Metric | Where | Change | p |\n| --- | --- | --- | --- | --- |\n")
		for _, f := range all {
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %.2g |\n",
				f.Test.Change, f.Curve.Metric, escape.Markdown(f.where()), escape.Markdown(f.what()), f.P)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// github writes workflow commands, which GitHub Actions shows as annotations.
func (c *Comparison) github(w io.Writer) error {
	command := func(kind, title, text string) {
		value := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace
		property := strings.NewReplacer(":", "%3A", ",", "%2C").Replace
		fmt.Fprintf(w, "::%s title=%s::%s\n", kind, property(value(title)), value(text))
	}
	for _, f := range c.findings() {
		kind := map[Change]string{Regression: "error", SlowerMachine: "warning", Improvement: "notice"}[f.Test.Change]
		command(kind, fmt.Sprintf("%s of %s", f.Test.Change, f.Curve.Metric), f.where()+": "+f.what())
	}
	for _, n := range c.Notes {
		command("notice", "comparison", n)
	}
	_, err := fmt.Fprintln(w, c.verdict())
	return err
}

// junit writes a test case for each curve and metric.
func (c *Comparison) junit(w io.Writer) error {
	type failure struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
	type testcase struct {
		Class   string   `xml:"classname,attr"`
		Name    string   `xml:"name,attr"`
		Failure *failure `xml:"failure,omitempty"`
		Output  string   `xml:"system-out,omitempty"`
	}
	type suite struct {
		XMLName  xml.Name   `xml:"testsuite"`
		Name     string     `xml:"name,attr"`
		Tests    int        `xml:"tests,attr"`
		Failures int        `xml:"failures,attr"`
		Cases    []testcase `xml:"testcase"`
		Output   string     `xml:"system-out"`
	}

	s := suite{Name: "edgebed compare " + c.Scenario, Tests: len(c.Curves),
		Output: strings.Join(append(slices.Clone(c.Notes), c.verdict()), "\n")}
	for _, curve := range c.Curves {
		tc := testcase{Class: c.Scenario + "." + curve.Metric, Name: curve.Where}
		var regressions, others []string
		for _, t := range curve.Tests {
			line := t.Part + ": " + finding{Curve: curve, Test: t}.what()
			switch t.Change {
			case Regression:
				regressions = append(regressions, line)
			case Same:
			default:
				others = append(others, string(t.Change)+": "+line)
			}
		}

		tc.Output = strings.Join(others, "\n")
		if len(regressions) > 0 {
			s.Failures++
			tc.Failure = &failure{Message: regressions[0], Text: strings.Join(regressions, "\n")}
		}
		s.Cases = append(s.Cases, tc)
	}

	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(s); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}
