package testbed

import (
	"testing"
	"time"

	"edgebed/harness/cgroup"
)

// TestLimitedRecover: hosts have had a whole period in which none was held up before an execution
// begins, or the longest time where there is no such period.
func TestLimitedRecover(t *testing.T) {
	for name, tc := range map[string]struct {
		held    []int // in how many periods the second host was, by reading
		periods int
	}{
		"idle":         {[]int{7, 7}, 1},
		"held up once": {[]int{7, 8, 8}, 2},
		"held up late": {[]int{0, 1, 2, 2}, 3},
		"always":       {[]int{0, 1, 2, 3}, 3},
	} {
		readings := 0
		usage := func() ([]cgroup.Usage, error) {
			readings++
			return []cgroup.Usage{{}, {Throttled: tc.held[readings-1]}}, nil
		}
		began := time.Now()
		if err := recovered(t.Context(), 3*cgroup.Period, usage); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); readings != tc.periods+1 || took < time.Duration(tc.periods)*cgroup.Period {
			t.Errorf("%s: %d readings in %v, want %d, a period between any two", name, readings, took, tc.periods+1)
		}
	}
}
