package units

import (
	"encoding"
	"slices"
	"strings"
	"testing"
	"time"

	"edgebed/nodes/fuzztest"
)

func TestParseRate(t *testing.T) {
	for in, want := range map[string]Rate{
		"10 Mb/s": 10 * Mbps, "1.5Mbit/s": 1500 * Kbps, "100Mbps": 100 * Mbps, " 1 Gb/s ": Gbps, "0 b/s": 0,
		"1e6 b/s": Mbps, "10Mbit": 10 * Mbps, "3 MBit/s": 3 * Mbps, "10mbit": 10 * Mbps, "2.5e-1 Gbit": 250 * Mbps, "9b/s": 9,
	} {
		got, err := ParseRate(in)
		if err != nil || got != want {
			t.Errorf("ParseRate(%q) = %d, %v; want %d", in, got, err, want)
		}
	}
	for _, in := range []string{"", "10", "Mb/s", "-1 Mb/s", "10 MB/s", "10mbps", "1e99 b/s", "1e999 b/s", "99999999999 Gb/s", "1.2.3 Mb/s"} {
		if got, err := ParseRate(in); err == nil {
			t.Errorf("ParseRate(%q) = %d, want an error", in, got)
		}
	}
}

func TestParseSize(t *testing.T) {
	for in, want := range map[string]Size{
		"15 kB": 15000, "1514": 1514, "512 MiB": 512 << 20, "0.5 kB": 500, "2 MB": 2000000, "10MB": 10 * MB, "1e4": 10000, "1.5e3kB": 1500000,
	} {
		got, err := ParseSize(in)
		if err != nil || got != want {
			t.Errorf("ParseSize(%q) = %d, %v; want %d", in, got, err, want)
		}
	}
	for _, in := range []string{"", "kB", "10 kb", "-5"} {
		if got, err := ParseSize(in); err == nil {
			t.Errorf("ParseSize(%q) = %d, want an error", in, got)
		}
	}
}

// TestExplainedUnits checks that units which mean different things to different
// people are explained.
func TestExplainedUnits(t *testing.T) {
	for in, want := range map[string]string{"10mbps": "megabytes", "10 MB/s": "bits", "10": "unit is missing", "-1 Mb/s": "negative", "10 Mib": "unknown unit"} {
		if _, err := ParseRate(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseRate(%q): error %v, want %q", in, err, want)
		}
	}
	for in, want := range map[string]string{"10 KB": "KiB for 1024", "10 Mb": "write MB", "10k": "kB or kb/s", "10 kg": "unknown unit"} {
		if _, err := ParseSize(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseSize(%q): error %v, want %q", in, err, want)
		}
	}
}

func TestParseDuration(t *testing.T) {
	for in, want := range map[string]time.Duration{
		"10 ms": 10 * time.Millisecond, "100ms": 100 * time.Millisecond, "1.5 s": 1500 * time.Millisecond, "0": 0,
		"2 min": 2 * time.Minute, "5 msec": 5 * time.Millisecond, "3 secs": 3 * time.Second, "1h 30m": 90 * time.Minute,
		"1e3 ms": time.Second, "2.5e-1s": 250 * time.Millisecond, "5e-1 ns": 1,
	} {
		if got, err := ParseDuration(in); err != nil || got != want {
			t.Errorf("ParseDuration(%q) = %v, %v; want %v", in, got, err, want)
		}
	}
	for in, want := range map[string]string{"10": "unit is missing", "": "write a number", "fast": "write a number", "1e9 h": "too large, expected at most 2562047h0m0s", "9223372036854775808 ns": "too large", "9999999 h": "too large", "1e400 s": "too large", "1e-400 s": "too small", "1e-3 ns": "too small", "0.4 ns": "too small", "0.0000001 ms": "too small", "-5": "unit is missing", "1e3 m 5 s": "write a number", "ms": "write a number"} {
		if _, err := ParseDuration(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseDuration(%q): error %v, want %q", in, err, want)
		}
	}
}

func TestTime(t *testing.T) {
	if got := (10 * Mbps).Time(1250); got != time.Millisecond {
		t.Errorf("1250 bytes at 10 Mb/s take %v, want 1ms", got)
	}
	if got := Rate(0).Time(1250); got != 0 {
		t.Errorf("an unshaped link takes %v, want 0", got)
	}
	if got := (100 * Mbps).Per(time.Millisecond); got != 12500 {
		t.Errorf("100 Mb/s pass %d bytes in 1 ms, want 12500", got)
	}
}

// TestString holds what is written against the largest prefix that is exact.
func TestString(t *testing.T) {
	for v, want := range map[int64]string{
		0: "0", 1: "1", 999: "999", 1000: "1 k", 1001: "1.001 k", 1500: "1.5 k", 999_999: "999.999 k",
		1_000_000: "1 M", 1_500_000: "1.5 M", 1_000_001: "1000.001 k", 10_000_000: "10 M",
		1_000_000_000: "1 G", 2_500_000_000: "2.5 G", 5_000_000_000_000: "5000 G",
		1_050: "1.05 k", 1_050_000: "1.05 M", 1_050_000_000: "1.05 G",
	} {
		if !strings.Contains(want, " ") {
			want += " "
		}
		if got := Rate(v).String(); got != want+"b/s" {
			t.Errorf("Rate(%d) is written %q, want %q", v, got, want+"b/s")
		}
		if got := Size(v).String(); got != want+"B" {
			t.Errorf("Size(%d) is written %q, want %q", v, got, want+"B")
		}
	}
}

// TestText: what is written into a file is read back, and what is wrong leaves the
// value as it was.
func TestText(t *testing.T) {
	rate, size := 1500*Kbps, 15*KB
	for _, v := range []interface {
		encoding.TextMarshaler
		encoding.TextUnmarshaler
	}{&rate, &size} {
		text, err := v.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		if err := v.UnmarshalText([]byte("much")); err == nil {
			t.Errorf("%T: no error for a text without a number", v)
		}
		if again, _ := v.MarshalText(); string(again) != string(text) {
			t.Errorf("%T: a wrong text made %s of %s", v, again, text)
		}
		if err := v.UnmarshalText([]byte("2000 " + strings.TrimLeft(string(text), "0123456789. kM"))); err != nil {
			t.Error(err)
		}
	}
	if rate != 2*Kbps || size != 2*KB {
		t.Errorf("read %d and %d, want 2000 each", rate, size)
	}
}

// TestScale holds the constants against their digits.
func TestScale(t *testing.T) {
	if got := []Rate{BitPerSecond, Kbps, Mbps, Gbps}; !slices.Equal(got, []Rate{1, 1e3, 1e6, 1e9}) {
		t.Errorf("rates %d", got)
	}
	if got := []Size{Byte, KB, MB, GB, KiB, MiB, GiB}; !slices.Equal(got, []Size{1, 1e3, 1e6, 1e9, 1 << 10, 1 << 20, 1 << 30}) {
		t.Errorf("sizes %d", got)
	}
	if got := (1500 * Kbps).Mbps(); got != 1.5 {
		t.Errorf("1500 kb/s are %v Mb/s", got)
	}
}

// TestLargest: 2^53 is the first number that is refused, since not all above it are
// whole in a float64.
func TestLargest(t *testing.T) {
	if got, err := ParseSize("9007199254740991"); err != nil || got != 1<<53-1 {
		t.Errorf("2^53-1 bytes: %d, %v", got, err)
	}
	for _, in := range []string{"9007199254740992", "8388608 GiB"} {
		if got, err := ParseSize(in); err == nil || !strings.Contains(err.Error(), "too large") {
			t.Errorf("ParseSize(%q) = %d, %v; want that it is too large", in, got, err)
		}
	}
}

// FuzzParse checks that whatever parses is printed in a form that parses to
// the same value.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"10 Mb/s", "1.5 kb/s", "1514", "3 MiB", "", "x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		fuzztest.Watch(t, time.Second)
		if r, err := ParseRate(s); err == nil {
			if again, err := ParseRate(r.String()); err != nil || again != r {
				t.Errorf("rate %q -> %v -> %v, %v", s, r, again, err)
			}
		}
		if v, err := ParseSize(s); err == nil {
			if again, err := ParseSize(v.String()); err != nil || again != v {
				t.Errorf("size %q -> %v -> %v, %v", s, v, again, err)
			}
		}
	})
}
