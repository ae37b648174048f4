// Package svg is the kit of the SVG images that edgebed writes itself: the charts
// of the report's page and the drawings of traces. A Drawing collects elements and
// knows how far they reach; Text and Escape keep texts that came from a file out of
// the markup. Who draws decides on classes, styles and the image around it.
package svg

import (
	"fmt"
	"html"
	"strings"
	"unicode/utf8"
)

// Drawing collects the elements of an image. The zero Drawing is empty.
type Drawing struct {
	text strings.Builder
	// Left, Top, Right and Bottom are how far the drawing reaches, by Reach.
	Left, Top, Right, Bottom float64
}

// Add adds elements as they are, by a format of package fmt. Texts in it must have
// passed Escape.
func (d *Drawing) Add(format string, args ...any) { fmt.Fprintf(&d.text, format, args...) }

// Label adds a text at the baseline's point.
func (d *Drawing) Label(class string, x, y float64, text string) {
	d.Add(`<text class="%s" x="%.1f" y="%.1f">%s</text>`, class, x, y, Escape(text))
}

// Append adds the elements of another drawing.
func (d *Drawing) Append(other *Drawing) { d.text.WriteString(other.text.String()) }

// Reach makes the image include a point.
func (d *Drawing) Reach(x, y float64) {
	d.Left, d.Right = min(d.Left, x), max(d.Right, x)
	d.Top, d.Bottom = min(d.Top, y), max(d.Bottom, y)
}

// String returns the elements.
func (d *Drawing) String() string { return d.text.String() }

// Escape makes a text safe in an element or in an attribute between double quotes,
// of SVG as of HTML. What XML does not allow, such as control characters, becomes a
// replacement character.
func Escape(text string) string { return html.EscapeString(strings.Map(Allowed, text)) }

// Allowed maps what is no character of XML 1.0 to the replacement character.
func Allowed(r rune) rune {
	if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF {
		return utf8.RuneError
	}
	return r
}

// TextWidth estimates the width of a text in a sans-serif typeface, in units of its
// size.
func TextWidth(text string) float64 {
	w := 0.0
	for _, r := range text {
		switch {
		case strings.ContainsRune("ijl.,:;'|! ()[]/ft", r):
			w += 0.32
		case r >= 'A' && r <= 'Z', strings.ContainsRune("mwMW", r):
			w += 0.72
		case r < utf8.RuneSelf:
			w += 0.56
		default:
			w += 0.8
		}
	}
	return w
}
