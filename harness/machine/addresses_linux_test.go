package machine

import (
	"strings"
	"testing"
)

// TestAddresses: a limit that ends processes at random is named, with its cure.
func TestAddresses(t *testing.T) {
	for allowed, enough := range map[uint64]bool{0: false, 800 << 20: false, 1 << 30: true, 1<<64 - 1: true} {
		err := enoughAddresses(allowed)
		if (err == nil) != enough {
			t.Errorf("%d bytes: %v", allowed, err)
		}
		if err != nil && !strings.Contains(err.Error(), "ulimit -v") {
			t.Errorf("%d bytes: %v has no cure", allowed, err)
		}
	}
}
