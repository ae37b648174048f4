package table

import (
	"fmt"
	"slices"
	"strings"

	"edgebed/harness/escape"
	"edgebed/harness/record"
)

// Table is a table of texts.
type Table struct {
	// Caption is its title, empty for none; Remark says how to read it.
	Caption, Remark string
	Header          []string
	// Keys is the number of columns at the left that say what a row is about; the
	// others hold numbers.
	Keys int
	Rows [][]string
}

// Any reports whether any number of the table is known.
func (t Table) Any() bool {
	return slices.ContainsFunc(t.Rows, func(row []string) bool {
		return slices.ContainsFunc(row[min(t.Keys, len(row)):], func(text string) bool { return text != "–" })
	})
}

// Fact is a line of a list: a term, and what there is to say about it.
type Fact struct{ Key, Value string }

// Markdown writes the table's rows as Markdown, the numbers to the right.
func (t Table) Markdown(b *strings.Builder) {
	rule := make([]string, len(t.Header))
	for i := range rule {
		rule[i] = "---:"
		if i < t.Keys {
			rule[i] = "---"
		}
	}
	writeRow(b, t.Header)
	fmt.Fprintf(b, "| %s |\n", strings.Join(rule, " | "))
	for _, row := range t.Rows {
		writeRow(b, row)
	}
	b.WriteByte('\n')
}

func writeRow(b *strings.Builder, cells []string) {
	escaped := make([]string, len(cells))
	for i, c := range cells {
		escaped[i] = escape.Markdown(c)
	}
	fmt.Fprintf(b, "| %s |\n", strings.Join(escaped, " | "))
}

// Joined joins the texts that are not empty.
func Joined(texts ...string) string {
	return strings.Join(slices.DeleteFunc(slices.Clone(texts), func(t string) bool { return t == "" }), ", ")
}

// Axes lists the matrix: each axis with the values that occur.
func Axes(r *record.Results) Table {
	t := Table{Caption: "The matrix", Header: []string{"Axis", "Values"}, Keys: 1}
	for _, a := range r.Campaign.Axes {
		t.Rows = append(t.Rows, []string{heading(a), strings.Join(levelTexts(a, r), " · ")})
	}
	return t
}
