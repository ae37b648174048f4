package testbed

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"edgebed/harness/emu"
	"edgebed/harness/topology/preset"
)

// TestLiving kills the delay line of a network: what waits for the network ends, and says why.
func TestLiving(t *testing.T) {
	model, err := preset.Build("linear,switches=2")
	if err != nil {
		t.Fatal(err)
	}
	n, err := emu.Build(t.Context(), model, emu.Options{LiveDelay: true, Delay: emu.DelayLine})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close() // says that the delay line has ended, too
	s := &setup{network: emulated{n}}
	err = s.whileLiving(t.Context(), func(living context.Context) error {
		if err := living.Err(); err != nil {
			t.Errorf("a new network has ended: %v", err)
		}
		if err := syscall.Kill(n.Relay().Pid(), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}

		select {
		case <-living.Done():
			return living.Err()
		case <-time.After(10 * time.Second):
			return errors.New("nothing says that the delay line was killed")
		}
	})
	if err == nil || !strings.Contains(err.Error(), "delay line relay ended unexpectedly") {
		t.Errorf("error %v, want one about the delay line", err)
	}
}
