//go:build !faketime

package simnet

import (
	"os"
	"os/exec"
	"testing"
)

// TestInVirtualTime runs this package's tests again in a program whose clock is
// virtual: those of transfer_test.go need it. Such a program's time-outs would
// come at once, and its output has headers.
func TestInVirtualTime(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "go", "test", "-tags", "faketime", "-timeout", "0", ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %v\n%s", cmd, err, out)
	}
}
