package job

import (
	"strings"
	"testing"
)

// TestEventMistakes: what an event is about must be there, and be able to become what it
// says.
func TestEventMistakes(t *testing.T) {
	for _, c := range []struct{ event, want string }{
		{"{at: 1 s, link: [s0, s2], down: true}", "l.yaml:3:26: events[0].link: topology ring has no link s0-s2"},
		{"{at: 1 s, link-class: trnuk, down: true}", "did you mean trunk?"},
		{"{at: 1 s, link: [s0, s1], set: {rate: 1 b/s}}", "events[0].set: change link s0-s1: rate 1 b/s is out of range"},
		{"{at: 1 s, link: [s0, s1], set: {rate: 0 b/s}}", "cannot change between shaped and unshaped"},
		{"{at: 1 s, link: [s0, s1], set: {jitter: 1 h}}", "check jitter"},
		{"{at: 1 s, computer: host9, stop: true}", "events[0].computer: there is no computer on host host9"},
		{"{at: 1 s, computer: host0, speed: 2}", "there is no computer on host host0"}, // the client's
	} {
		_, err := loaded(t, "events: ["+c.event+"]")
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.event, err, c.want)
		}
	}

	p, err := loaded(t, "events: [{at: 1 s, link: [s1, s0], down: true}, {at: 1 s, link-class: trunk, set: {loss: 1 %}}]")
	if err != nil {
		t.Fatal(err)
	}
	j := &p.Jobs[0]
	if one, all := j.Directions(&j.Cell.Events[0]), j.Directions(&j.Cell.Events[1]); len(one) != 2 || len(all) != 8 {
		t.Errorf("events change %v and %v", one, all)
	}
	if j.Cell.Alone() || j.Divisible() {
		t.Error("a cell in which something happens is alone, or divisible")
	}
}
