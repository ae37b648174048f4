package testbed

import (
	"context"
	"testing"
	"time"
)

func TestCalibrate(t *testing.T) {
	took, err := Calibrate(t.Context())
	if err != nil || took <= 0 || took > time.Second {
		t.Errorf("a round trip on loopback takes %v, %v", took, err)
	}
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Calibrate(stopped); err == nil {
		t.Error("a cancelled calibration succeeds")
	}
}
