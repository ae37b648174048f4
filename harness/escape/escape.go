// Package escape makes texts that came from a file, such as names, titles,
// quotations and reasons, harmless in what they are written to: a Markdown table, a
// spreadsheet, a terminal. (HTML is escaped by html/template, SVG by package svg; pages take
// what would command a terminal out, as Terminal does.) Gate and report call it wherever they
// write such a text.
package escape

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

var (
	markup = strings.NewReplacer(
		`\`, `\\`, "\n", " ", "\r", " ", "|", `\|`, "*", `\*`, "_", `\_`, "~", `\~`, "`", "'", "< ", "< ", "<", "&lt;",
		"](", `\](`, "][", `\][`, "]:", `\]:`,
	)
	// entity is what Markdown takes for a character by its name or number.
	entity = regexp.MustCompile(`&(#?[0-9A-Za-z]+;)`)
)

// Markdown keeps a text on its line, in its cell of a table, and out of Markdown's
// markup. Backquotes become apostrophes.
func Markdown(text string) string {
	return markup.Replace(entity.ReplaceAllString(visible(text, "\n\r"), `&amp;$1`))
}

// Code keeps a text inside a span of code, between backquotes, in a table.
func Code(text string) string {
	return strings.NewReplacer("\n", " ", "\r", " ", "`", "'", "|", `\|`).Replace(visible(text, "\n\r"))
}

// CSV keeps a spreadsheet from taking a text for a formula: one that begins like a
// formula, also after blanks, and is no number, gets an apostrophe in front. Control
// characters are shown as by Terminal, where such files are printed.
func CSV(text string) string { return Terminal(noFormula(text)) }

func noFormula(text string) string {
	begins, _ := utf8.DecodeRuneInString(strings.TrimLeftFunc(text, func(r rune) bool {
		return r == '\ufeff' || unicode.IsSpace(r) && r != '\t' && r != '\r'
	}))
	if !strings.ContainsRune("=+-@\t\r＝＋－＠", begins) {
		return text
	}
	if _, err := strconv.ParseFloat(text, 64); err == nil {
		return text
	}
	return "'" + text
}

// CSVRow is CSV for each field of a row.
func CSVRow(fields []string) []string {
	row := make([]string, len(fields))
	for i, f := range fields {
		row[i] = CSV(f)
	}
	return row
}

// Terminal shows control characters, with which a text could move the cursor, change
// colours or the window's title, instead of sending them; line ends and tabs stay.
func Terminal(text string) string { return visible(text, "\n\t") }

// visible writes control characters that are not among kept, and those that turn the
// direction of writing, as Go writes them in a string: \x1b.
func visible(text, kept string) string {
	if !strings.ContainsFunc(text, unprintable) {
		return text
	}

	var b strings.Builder
	for _, r := range text {
		if unprintable(r) && !strings.ContainsRune(kept, r) {
			quoted := strconv.QuoteRuneToASCII(r)
			b.WriteString(quoted[1 : len(quoted)-1])
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

func unprintable(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }
