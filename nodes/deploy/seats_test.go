package deploy

import (
	"testing"
	"time"
)

// TestSeats: ports are not taken again before their time while there are others, those
// that are ready first go first, and no two clients have the same.
func TestSeats(t *testing.T) {
	s := &seats{}
	take := func() int {
		ports, ok := s.take()
		if !ok {
			return -1
		}
		return ports
	}
	if a, b := take(), take(); a != 0 || b != 1 {
		t.Errorf("the first ports are %d and %d", a, b)
	}
	s.leave(0, time.Hour)
	s.leave(1, 0)
	if a, b := take(), take(); a != 1 || b != 2 {
		t.Errorf("after 0 was left for an hour, and 1 at once, %d and %d are taken", a, b)
	}
	for range portSteps - 3 {
		if take() < 3 {
			t.Fatal("ports are taken twice")
		}
	}
	if a, b := take(), take(); a != 0 || b != -1 {
		t.Errorf("where all others are taken, %d and %d are", a, b)
	}
}
