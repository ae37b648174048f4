package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

func orUnknown(text string) string {
	if text == "" {
		return "unknown"
	}
	return text
}

// count writes a number of things, for instance "1 seed" or "5 seeds".
func count(n int, noun string) string { return fmt.Sprintf("%d %s", n, plural(n, noun)) }

func plural(n int, noun string) string {
	if n == 1 {
		return noun
	}
	return noun + "s"
}

func upperFirst(text string) string {
	r, size := utf8.DecodeRuneInString(text)
	if size == 0 {
		return text
	}
	return string(unicode.ToUpper(r)) + text[size:]
}

// formatNumber writes a number of an axis: plain digits where that is short.
func formatNumber(v float64) string {
	if v == 0 {
		return "0" // negative zero too
	}
	if a := math.Abs(v); a < 1e-3 || a >= 1e5 {
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}

// formatValue writes a measurement with about three significant digits.
func formatValue(v float64) string { return formatLike(v, v) }

// formatLike writes v with as many decimals as formatValue gives scale, so that
// a value and its uncertainty match.
func formatLike(v, scale float64) string {
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
