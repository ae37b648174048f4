package scenario

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// maxRange bounds the values that one range stands for.
const maxRange = 1000

// valueRange is a range of an axis's values: "1..8", "1..100 Mb/s log 7",
// "0..50 ms step 10", "10..90 kB linear 5".
var valueRange = regexp.MustCompile(
	`^\s*(\d+(?:\.\d+)?(?:e\d+)?)\s*\.\.\s*(\d+(?:\.\d+)?(?:e\d+)?)` + // the ends
		`\s*([A-Za-zµ][A-Za-zµ/]*)??` + // their unit
		`(?:\s+(log|linear|step)\s+([0-9.]+))?\s*$`) // the way from one to the other

// expandRange writes out a range. Values of a log range, and of a linear one, have
// three digits where those tell them apart, and without a unit they are whole where
// the ends are. ok is false where the text is no range.
func expandRange(text string) (values []string, ok bool, err error) {
	m := valueRange.FindStringSubmatch(text)
	if m == nil {
		return nil, false, nil
	}
	first, errFirst := strconv.ParseFloat(m[1], 64)
	last, errLast := strconv.ParseFloat(m[2], 64)
	unit, way := m[3], m[4]
	if errFirst != nil || errLast != nil || first >= last {
		return nil, true, fmt.Errorf("range %q: expected a smaller and a larger number, as in 1..100 Mb/s log 7", text)
	}

	amount := 1.0
	if way != "" {
		amount, err = strconv.ParseFloat(m[5], 64)
		if err != nil || amount <= 0 {
			return nil, true, fmt.Errorf("range %q: expected a number above 0 after %s, got %s", text, way, m[5])
		}
	}
	numbers, err := steps(first, last, way, amount)
	if err != nil {
		return nil, true, fmt.Errorf("range %q: %w", text, err)
	}

	whole := unit == "" && first == math.Trunc(first) && last == math.Trunc(last) && way != "step"
	for _, x := range numbers {
		digits := strconv.FormatFloat(x, 'f', -1, 64)
		if whole {
			digits = strconv.FormatFloat(math.Round(x), 'f', -1, 64)
		}
		values = append(values, strings.TrimSpace(digits+" "+unit))
	}

	return slices.Compact(values), true, nil
}

// steps returns the numbers of a range: with a step, or so many on a logarithmic or
// linear scale. Ends are exact.
func steps(first, last float64, way string, amount float64) ([]float64, error) {
	if way == "log" || way == "linear" {
		n := int(min(amount, maxRange+1))
		if float64(n) != amount || n < 2 || n > maxRange {
			return nil, fmt.Errorf("expected 2 to %d values, got %g", maxRange, amount)
		}
		if way == "log" && first <= 0 {
			return nil, fmt.Errorf("a log range begins above 0")
		}
		numbers := []float64{first}
		for k := 1; k < n-1; k++ {
			share := float64(k) / float64(n-1)
			x, gap := first+(last-first)*share, (last-first)/float64(n-1)
			if way == "log" {
				x = first * math.Pow(last/first, share)
				gap = x - x/math.Pow(last/first, 1/float64(n-1))
			}
			numbers = append(numbers, rounded(x, gap))
		}
		return append(numbers, last), nil
	}

	if (last-first)/amount >= maxRange {
		return nil, fmt.Errorf("expected at most %d values; add log, linear or step, as in 1..100 Mb/s log 7", maxRange)
	}
	var numbers []float64
	for k := 0; ; k++ {
		x := first + float64(k)*amount
		if x > last*(1+1e-12) {
			return numbers, nil
		}
		// Sums of steps such as 0.1 have digits that nobody wrote.
		numbers = append(numbers, digits(x, 12))
	}
}

// rounded returns a number of three digits, or of as many more as tell it from its
// neighbours, which are at least a gap away.
func rounded(x, gap float64) float64 {
	for n := 3; n < 15; n++ {
		if v := digits(x, n); math.Abs(v-x) < gap/10 {
			return v
		}
	}

	return x
}

func digits(x float64, n int) float64 {
	// What FormatFloat writes ParseFloat reads.
	v, _ := strconv.ParseFloat(strconv.FormatFloat(x, 'g', n, 64), 64)

	return v
}

// unitOf returns the unit that all values of an axis are written with, so that the
// axis need not name it; empty where one is no quantity, or they have several kinds.
func unitOf(values []Value) string {
	unit := ""
	for i, v := range values {
		if i == 0 {
			unit = strings.TrimLeft(v.Name, "0123456789.e ")
		}
		if _, err := numberIn(v.Name, unit); err != nil {
			return ""
		}
	}

	return unit
}
