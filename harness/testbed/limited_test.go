package testbed

import (
	"testing"
	"time"
)

// TestQuiet: the wait for silence is long enough for the shares that the last work of the weakest
// host takes, and as ever where no host has a limit.
func TestQuiet(t *testing.T) {
	for _, tc := range []struct {
		cpu  []float64
		want time.Duration
	}{
		{nil, quiet},
		{[]float64{1024}, quiet + 100*time.Millisecond},
		{[]float64{0.05}, quiet + 100*time.Millisecond},
		{[]float64{1, 0.01, 0.02}, quiet + 500*time.Millisecond},
	} {
		var l *limitedHosts
		for _, cpu := range tc.cpu {
			if l == nil {
				l = &limitedHosts{}
			}
			l.list = append(l.list, &limitedHost{cpu: cpu})
		}
		if got := l.quiet(); got != tc.want {
			t.Errorf("%v: %v, want %v", tc.cpu, got, tc.want)
		}
	}
}
