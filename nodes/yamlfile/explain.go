package yamlfile

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/rivo/uniseg"
)

// Explain returns the message of an error for a terminal: of each mistake in a
// file also the line that it is in, with a caret under the place. Characters that
// a terminal would obey are shown as a question mark.
func Explain(err error) string {
	// What wraps and adds no words hides the mistakes that were joined.
	for inner := errors.Unwrap(err); inner != nil && inner.Error() == err.Error(); inner = errors.Unwrap(err) {
		err = inner
	}

	var b strings.Builder
	for i, err := range flatten(err) {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(printable(err.Error()))
		if e := (*Error)(nil); errors.As(err, &e) {
			b.WriteString(e.excerpt())
		}
	}
	return b.String()
}

// excerptWidth is how much of a long line is shown before and after the place,
// in characters.
const excerptWidth = 60

// excerpt returns the line that the error is in and a line with a caret, each
// after a line break; nothing where the text is not known.
func (e *Error) excerpt() string {
	if e.doc == nil || e.Line == 0 {
		return ""
	}
	text, err := e.doc.line(e.Line)
	if err != nil || strings.TrimSpace(text) == "" {
		return ""
	}

	line := []rune(printable(strings.ReplaceAll(text, "\t", " ")))
	at := min(max(e.Column-1, 0), len(line))
	first, last := max(0, at-excerptWidth), min(len(line), at+excerptWidth)
	lead, tail := "", ""
	if first > 0 {
		lead = "..."
	}
	if last < len(line) {
		tail = "..."
	}
	margin := fmt.Sprintf("%6d | ", e.Line)
	shown := "\n" + margin + lead + string(line[first:last]) + tail
	if e.Column == 0 {
		return shown
	}

	before := uniseg.StringWidth(lead + string(line[first:at]))
	return shown + "\n" + strings.Repeat(" ", len(margin)-2) + "| " + strings.Repeat(" ", before) + "^"
}

// printable replaces control characters but line breaks and tabs.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)) {
			return '?'
		}
		return r
	}, s)
}
