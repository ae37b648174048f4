package units

import (
	"strings"
	"testing"
	"time"
)

// TestSmallest: half of a bit or byte is rounded up to a whole one, what is less is refused
// rather than taken for none, and none is none.
func TestSmallest(t *testing.T) {
	for in, want := range map[string]Size{"0": 0, "0 kB": 0, "0.5": 1, "0.0005 kB": 1, "1.5": 2, "1.4": 1} {
		if got, err := ParseSize(in); err != nil || got != want {
			t.Errorf("ParseSize(%q) = %d, %v; want %d", in, got, err, want)
		}
	}
	for _, in := range []string{"0.4", "0.0004 kB", "1e-10 GB"} {
		if got, err := ParseSize(in); err == nil || !strings.Contains(err.Error(), "too small") {
			t.Errorf("ParseSize(%q) = %d, %v; want that it is too small", in, got, err)
		}
	}
}

// TestTimeOfNegativeRate: a rate below zero, which no parser returns, shapes nothing.
func TestTimeOfNegativeRate(t *testing.T) {
	if got := Rate(-1).Time(1250); got != 0 {
		t.Errorf("a link of -1 b/s takes %v for 1250 bytes", got)
	}
	if got := BitPerSecond.Time(Byte); got != 8*time.Second {
		t.Errorf("a byte at 1 b/s takes %v", got)
	}
}
