package cli

import (
	"testing"

	"edgebed/harness/record"
	"edgebed/harness/testbed"
)

// TestWithin: the machine's limits bound the cells at once, and are no reason for more of
// them than a campaign would choose.
func TestWithin(t *testing.T) {
	for _, tt := range []struct {
		network    record.NetworkKind
		jobs, most int
		want       int
	}{
		{record.Emulated, 0, 0, 0}, {record.Emulated, 5, 0, 5}, {record.Emulated, 0, 7, 7},
		{record.Emulated, 5, 7, 5}, {record.Emulated, 9, 7, 7},
		{record.Virtual, 0, 5000, 0}, {record.Virtual, 9, 5000, 9}, {record.Virtual, 9, 7, 7}, {record.Virtual, 0, 0, 0},
	} {
		o := runOptions{backend: testbed.BackendOf(tt.network), jobs: tt.jobs}
		if got := o.within(tt.most); got != tt.want {
			t.Errorf("%s, --jobs %d, room for %d: %d, want %d", tt.network, tt.jobs, tt.most, got, tt.want)
		}
	}
}
