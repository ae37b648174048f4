package units

import (
	"testing"

	"pgregory.net/rapid"
)

// TestExact: what is written of a rate or a size is read back as the same one, up to the
// largest.
func TestExact(t *testing.T) {
	for text, want := range map[string]Size{
		"8800000000000200": 8800000000000200, "9007199254740.991 kB": 9007199254740991, "9007199.254740991 GB": 9007199254740991,
		"1.5e3 kB": 1500 * KB, "1e-3 MB": KB, "0e9 kB": 0, "1.5 KiB": 1536,
	} {
		if got, err := ParseSize(text); err != nil || got != want {
			t.Errorf("%s is %d, %v, want %d", text, got, err, want)
		}
	}
	if got := Size(9007199254740991).String(); got != "9007199254740.991 kB" {
		t.Errorf("the largest size is written %s", got)
	}

	rapid.Check(t, func(t *rapid.T) {
		// Few digits before zeros are written with prefixes.
		v := rapid.Int64Range(0, 1<<53-1).Draw(t, "v")
		for range rapid.IntRange(0, 12).Draw(t, "digits less") {
			v /= 10
		}
		for range rapid.IntRange(0, 12).Draw(t, "zeros") {
			if v <= (1<<53-1)/10 {
				v *= 10
			}
		}
		if got, err := ParseSize(Size(v).String()); err != nil || got != Size(v) {
			t.Fatalf("%d is written %v and read as %d, %v", v, Size(v), got, err)
		}
		if got, err := ParseRate(Rate(v).String()); err != nil || got != Rate(v) {
			t.Fatalf("%d is written %v and read as %d, %v", v, Rate(v), got, err)
		}
	})
}
