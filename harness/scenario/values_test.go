package scenario

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestCanonical: values that mean the same decide the same.
func TestCanonical(t *testing.T) {
	for _, same := range [][]string{
		{"1000", "1e3", "1_000", " 1000.0 "},
		{"1 Mb/s", "1000 kb/s", "1000000 b/s", "1Mb/s"},
		{"2 kB", "2000 B"}, {"1 MiB", "1024 KiB"},
		{"1 s", "1000 ms", "1s"},
		{"pure-faas"}, {"1 Gb/s"}, {"0"}, {"1"}, {"true"},
	} {
		for _, value := range same {
			if got := canonical(value); got != canonical(same[0]) {
				t.Errorf("%q decides as %q, and %q as %q", value, got, same[0], canonical(same[0]))
			}
		}
	}
	for _, pair := range [][2]string{{"1 Mb/s", "1 MB"}, {"1 s", "1"}, {"1000", "1001"}, {"a", "b"}, {"1 ms", "1 s"}} {
		if canonical(pair[0]) == canonical(pair[1]) {
			t.Errorf("%q and %q decide as %q both", pair[0], pair[1], canonical(pair[0]))
		}
	}
}

// TestNumberIn reads values in the unit of their axis.
func TestNumberIn(t *testing.T) {
	for _, tc := range []struct {
		value, unit string
		want        float64
		fails       bool
	}{
		{"7", "", 7, false}, {"fast", "", 0, false}, {"1e3", "", 1000, false},
		{"5 Mb/s", "Mb/s", 5, false}, {"5 Mb/s", "kb/s", 5000, false}, {"500 kb/s", "Mb/s", 0.5, false}, {"5", "Mb/s", 0, true},
		{"5 kB", "Mb/s", 0, true}, {"1 Mb/s", "x/s", 0, true},
		{"5 kB", "B", 5000, false}, {"512 KiB", "MiB", 0.5, false}, {"5 Mb/s", "kB", 0, true}, {"5 kB", "xB", 0, true},
		{"5 ms", "ms", 5, false}, {"2 s", "ms", 2000, false}, {"5 kB", "ms", 0, true}, {"1 ms", "parsec", 0, true},
	} {
		got, err := numberIn(tc.value, tc.unit)
		if (err != nil) != tc.fails || err == nil && got != tc.want {
			t.Errorf("%s is %v in %s: %v; want %v", tc.value, got, tc.unit, err, tc.want)
		}
	}
}

// TestUnitOf: an axis has a unit where all its values are quantities of one kind.
func TestUnitOf(t *testing.T) {
	for values, want := range map[string]string{
		"1 Mb/s, 10 Mb/s": "Mb/s", "500 kb/s, 10 Mb/s": "kb/s", "1 kB, 2 MB": "kB", "1 ms, 2 s": "ms", "5 ms": "ms",
		"1, 2": "", "1 Mb/s, 2": "", "1 Mb/s, 1 kB": "", "a, b": "", "1 parsec": "", "1 ms, fast": "", "": "",
	} {
		var list []Value
		for _, name := range strings.Split(values, ", ") {
			list = append(list, Value{Name: name})
		}
		if got := unitOf(list); got != want {
			t.Errorf("values %s have the unit %q, want %q", values, got, want)
		}
	}
	if got := unitOf(nil); got != "" {
		t.Errorf("no values have the unit %q", got)
	}
}

// TestRangeLimits: a range has a way that there is, and so many values as can be counted.
func TestRangeLimits(t *testing.T) {
	for text, want := range map[string]int{ // values; 0 is an error
		"1..1000": 1000, "1..1001": 0, "0..999": 1000, "0..1000": 0, "1..10 step 3": 4, "1..10 step 9": 2, "1..10 step 20": 1,
		"1..2 log 2": 2, "1..2 log 1": 0, "1..9 linear 2": 2, "1..9 linear 1": 0, "1..2000 linear 1000": 1000,
		"1..2000 linear 1001": 0, "1..1e300 log 1000": 1000, "1..1e300 log 1001": 0, "1..9 log 2.5": 0, "0..9 log 3": 0, "0..9 linear 3": 3,
		"1..9 step 0": 0, "1..9 step 0.0": 0, "1..9 step 1.2.3": 0, "9..1": 0, "3..3": 0, "0.5..2.5": 3, "0..1 step 0.001": 0,
		"0..0.999 step 0.001": 1000, "1..1e99999": 0, "1..1e300 log 3": 3,
	} {
		values, ok, err := expandRange(text)
		if !ok || (err != nil) != (want == 0) || len(values) != want {
			t.Errorf("%s has %d values: %v, %v; want %d", text, len(values), ok, err, want)
		}
	}
	for text, want := range map[string]string{
		"0.5..2.5 linear 3":     "0.5, 1.5, 2.5", // not whole, as the ends are not
		"1..2.5 linear 4":       "1, 1.5, 2, 2.5",
		"0.5..2 linear 4":       "0.5, 1, 1.5, 2",
		"1..10 step 4.5":        "1, 5.5, 10",
		"1..4 s linear 3":       "1 s, 2.5 s, 4 s",
		"1000..1001 kB log 4":   "1000 kB, 1000.3 kB, 1000.67 kB, 1001 kB",
		"1000..1010 kB log 3":   "1000 kB, 1005 kB, 1010 kB",
		"1..1000 ms log 4":      "1 ms, 10 ms, 100 ms, 1000 ms",
		"10..1000 ms linear 3":  "10 ms, 505 ms, 1000 ms",
		"100..200 ms linear 4":  "100 ms, 133 ms, 167 ms, 200 ms",
		"1..2 ms linear 8":      "1 ms, 1.14 ms, 1.29 ms, 1.43 ms, 1.57 ms, 1.71 ms, 1.86 ms, 2 ms",
		"1000..1010 ms step 5":  "1000 ms, 1005 ms, 1010 ms",
		"10000..10003 linear 7": "10000, 10001, 10002, 10003",
	} {
		values, _, err := expandRange(text)
		if got := strings.Join(values, ", "); got != want || err != nil {
			t.Errorf("%s is %s, %v; want %s", text, got, err, want)
		}
	}
}

// TestFrequency reads how often, and writes it so that it is read again.
func TestFrequency(t *testing.T) {
	for text, want := range map[string]Frequency{
		"5": 5, "5/s": 5, "5 /s": 5, " 0.5 /s ": 0.5, "120/min": 2, "7200/h": 2, "1e3": 1000,
	} {
		var f Frequency
		if err := f.UnmarshalText([]byte(text)); err != nil || f != want {
			t.Errorf("%q is %v: %v", text, f, err)
		}
		written, err := f.MarshalText()
		var again Frequency
		if err := errors.Join(err, again.UnmarshalText(written)); err != nil || again != f {
			t.Errorf("%v is written as %s, which is %v: %v", f, written, again, err)
		}
	}
	for _, text := range []string{"", "/s", "fast", "5 Hz", "5/day"} {
		var f Frequency
		if err := f.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is %v", text, f)
		}
	}
	if got := Frequency(4).Mean(); got != 250*time.Millisecond {
		t.Errorf("the mean time of 4/s is %v", got)
	}
}

// TestQuantities works out what has a meaning, of each kind of value with each.
func TestQuantities(t *testing.T) {
	s := &Scenario{}
	vars := map[string]string{"r": "8 Mb/s", "s": "2 MB", "t": "4 s", "n": "3", "x": "0.5", "a-b": "1", "a-b-c": "5", "a": "10", "b": "2"}
	for expression, want := range map[string]string{
		"r + r": "16 Mb/s", "s + s": "4 MB", "t + t": "8s", "r - r / 2": "4 Mb/s", "s - s / 4": "1.5 MB", "t - t * x": "2s",
		"r * n": "24 Mb/s", "n * r": "24 Mb/s", "x * s": "1 MB", "s * n": "6 MB", "t * n": "12s", "n * t": "12s", "x * t": "2s",
		"r * t": "4 MB", "t * r": "4 MB", "s / r": "2s", "s / t": "4 Mb/s",
		"r / r": "1", "s / s": "1", "t / Time('1 s')": "4", "r / x": "16 Mb/s", "s / n * n": "2 MB", "t / x": "8s",
		"r > r": "false", "r >= r": "true", "r < r": "false", "r <= r": "true", "s > Size('1 MB')": "true",
		"t < Time('5 s')": "true", "t <= Time('3 s')": "false", "s >= Size('3 MB')": "false",
		"r - r": "0 b/s", "s - s": "0 B", "t - t": "0s",
		"abs(-2)": "2", "ceil(1.2)": "2", "floor(1.8)": "1", "min(n, 2)": "2", "int(2.9)": "2", "float(n) / 2": "1.5",
		"a-b-c + a-b": "6", "a - b": "8", "n > 2": "true", "'a' + 'b'": "ab", "x + 0.1 + 0.1 + 0.1": "0.8", "1 / 3.0": "0.333333333333",
	} {
		if got, err := s.derive(expression, vars); err != nil || got != want {
			t.Errorf("${%s} is %q, %v; want %s", expression, got, err, want)
		}
	}
	for _, expression := range []string{
		"r + t", "s - r", "r * r", "s * s", "t * t", "t / r", "r / s", "n / r", "r > s", "r + 1", "s * r", "t - t * 2",
		"r * 1e12", "s * 1e12", "t * 1e12", "0.0 / 0.0", "len('a')", "Size('1 s')", "Time(3)",
	} {
		if got, err := s.derive(expression, vars); err == nil {
			t.Errorf("${%s} is %q", expression, got)
		}
	}

	whole := "1" + strings.Repeat("+1", 99)
	if got, err := s.derive(whole, nil); err != nil || got != "100" {
		t.Errorf("a sum of 100 is %q: %v", got, err)
	}
	if _, err := s.derive("1"+strings.Repeat(" ", maxExpression-1), nil); err != nil {
		t.Errorf("an expression of %d characters: %v", maxExpression, err)
	}
	if _, err := s.derive("1"+strings.Repeat(" ", maxExpression), nil); err == nil {
		t.Errorf("an expression of %d characters is taken", maxExpression+1)
	}
}

// TestQuantityLimits: results are up to what a scenario can say.
func TestQuantityLimits(t *testing.T) {
	for _, tc := range []struct {
		q    any
		want string // nothing where it is refused
	}{
		{rateValue{0}, "0 b/s"}, {rateValue{1.4}, "1 b/s"}, {rateValue{1 << 52}, "4503599627370.496 kb/s"}, {rateValue{1 << 53}, ""},
		{rateValue{-1}, ""}, {sizeValue{0.6}, "1 B"}, {sizeValue{1 << 53}, ""}, {timeValue{-1e-9}, ""},
		{timeValue{9e9}, "2500000h0m0s"}, {timeValue{1e10}, ""},
	} {
		got, err := scenarioText(tc.q)
		if (err != nil) != (tc.want == "") || got != tc.want {
			t.Errorf("%T %v is written as %q, %v; want %q", tc.q, tc.q, got, err, tc.want)
		}
	}
}

// TestFilesAxis: files are values by their short names where these tell them apart, and
// not more of them than a campaign has cells.
func TestFilesAxis(t *testing.T) {
	const text = "name: f\nexecution: {model: pure-faas}\ntopology: {preset: ring}\nworkload: {file: $flow}\n" +
		"matrix: [{axis: flow, files: \"*.json\"}]\n"
	for n, fine := range map[int]bool{1: true, MaxCells: true, MaxCells + 1: false} {
		_, err := Read("f.yaml", []byte(text), manyFiles(n))
		if fine != (err == nil) || err != nil && err.Error() != "f.yaml:5:30: matrix[0].files: expected at most 20000 files, got 20001" {
			t.Errorf("%d files: %v", n, err)
		}
	}
}

// manyFiles is a folder of so many files.
type manyFiles int

func (n manyFiles) Glob(string) ([]string, error) {
	var names []string
	for i := range int(n) {
		names = append(names, fmt.Sprintf("%d.json", i))
	}
	return names, nil
}

func (manyFiles) Scenario(string) ([]byte, string, error) { return nil, "", errors.New("no scenarios") }

// TestPlaceOfValue tells where the file has a value.
func TestPlaceOfValue(t *testing.T) {
	s, err := Parse("p.yaml", []byte(minimal("")))
	if err != nil {
		t.Fatal(err)
	}
	if at := s.Place("matrix", 0, "values", 1); at.File != "p.yaml" || at.Line != 3 || at.Column != 40 {
		t.Errorf("the second rate is at %s:%d:%d", at.File, at.Line, at.Column)
	}
}
