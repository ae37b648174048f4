package table

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"edgebed/harness/stats"
)

// OrUnknown is a text, or "unknown" for an empty one.
func OrUnknown(text string) string {
	if text == "" {
		return "unknown"
	}
	return text
}

// First returns the first names of many, and then how many more there are.
func First(names []string, most int) []string {
	if more := len(names) - most; more > 0 {
		return append(slices.Clone(names[:most]), fmt.Sprintf("%d more", more))
	}
	return names
}

// Count writes a number of things, for instance "1 seed" or "5 seeds".
func Count(n int, noun string) string { return fmt.Sprintf("%d %s", n, Plural(n, noun)) }

// Plural is the noun for a number of things.
func Plural(n int, noun string) string {
	if n == 1 {
		return noun
	}
	return noun + "s"
}

// UpperFirst makes the first letter a capital.
func UpperFirst(text string) string {
	r, size := utf8.DecodeRuneInString(text)
	if size == 0 {
		return text
	}
	return string(unicode.ToUpper(r)) + text[size:]
}

// FormatNumber writes a number of an axis: plain digits where that is short.
func FormatNumber(v float64) string {
	if v == 0 {
		return "0" // negative zero too
	}
	if a := math.Abs(v); a < 1e-3 || a >= 1e5 {
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}

// FormatValue writes a measurement with about three significant digits.
func FormatValue(v float64) string { return FormatLike(v, v) }

// FormatLike writes v with as many decimals as FormatValue gives scale, so that
// a value and its uncertainty match.
func FormatLike(v, scale float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "–"
	}
	decimals := 0
	if a := math.Abs(scale); a > 0 && a < 100 {
		decimals = min(2-int(math.Floor(math.Log10(a))), 9)
	}
	text := strconv.FormatFloat(v, 'f', decimals, 64)
	if strings.Trim(text, "-0.") == "" {
		return strings.TrimPrefix(text, "-")
	}
	return text
}

// FormatEstimate writes a value with half the width of its interval.
func FormatEstimate(e stats.Estimate) string {
	if e.N == 0 {
		return "–"
	}
	if !e.Known {
		return FormatValue(e.Value)
	}
	half := FormatLike(e.Half(), e.Value)
	if strings.Trim(half, "0.") == "" && e.Half() > 0 {
		half = FormatValue(e.Half()) // far smaller than the value
	}
	return FormatValue(e.Value) + " ± " + half
}
