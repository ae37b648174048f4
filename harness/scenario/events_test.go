package scenario

import (
	"strings"
	"testing"
	"time"
)

// TestEvents reads events as files have them, and gives their figure a place.
func TestEvents(t *testing.T) {
	s, err := Parse("l.yaml", []byte(`name: l
topology: {preset: "ring,switches=4"}
matrix: [{axis: cut, values: [1 s, 2 s]}]
events:
  - {at: 10 s, for: $cut, link: [s0, s1], down: true}
  - {at: 1 s, every: 5 s, for: 1 s, random: true, link-class: ring, set: {rate: 1 Mb/s, loss: 1 %}}
  - {at: 3 s, computer: host2, speed: 0.5}
`))
	if err != nil {
		t.Fatal(err)
	}
	plan, err := s.Expand(Selection{Profile: "quick"})
	if err != nil {
		t.Fatal(err)
	}
	events := plan.Cells[0].Events
	if len(events) != 3 || events[0].For != time.Second || !events[0].Down || !events[0].Links() || events[2].Links() ||
		events[1].Set.Rate == nil || events[2].Speed != 0.5 || plan.Cells[0].Alone() {
		t.Errorf("events %+v", events)
	}
	last := s.Figures[len(s.Figures)-1]
	if last.Kind != "timeline" || last.Series != "model" || len(last.Panels) != 1 {
		t.Errorf("the last figure is %+v", last)
	}
	if plan.Decides()["events[1].set.rate"] != "1 Mb/s" {
		t.Errorf("what decides the results lacks events: %v", plan.Decides())
	}
}

// TestEventMistakes: each is told where it stands.
func TestEventMistakes(t *testing.T) {
	for _, c := range []struct{ event, want string }{
		{"{at: -1 s, link: [s0, s1], down: true}", "l.yaml:3:15: events[0].at: time of -1s is out of range"},
		{"{at: 25 h, link: [s0, s1], down: true}", "events[0].at: time of 25h0m0s is out of range"},
		{"{link: [s0], down: true}", "events[0].link: expected two switches, got 1"},
		{"{down: true}", "events[0]: expected one of link, direction, link-class and computer, got 0 of them"},
		{"{link: [s0, s1], computer: host1, stop: true}", "got 2 of them"},
		{"{link: [s0, s1]}", "expected one of down and set, got 0"},
		{"{link: [s0, s1], down: true, set: {loss: 1 %}}", "expected one of down and set, got 2"},
		{"{link: [s0, s1], stop: true}", "stop and speed are of computers"},
		{"{computer: host1, down: true}", "down and set are of links"},
		{"{computer: host1}", "expected one of stop and speed, got 0"},
		{"{computer: host1, speed: -2}", "events[0].speed: speed of -2 is out of range"},
		{"{computer: host1, speed: 1e9}", "events[0].speed"},
		{"{computer: host1, stop: true, every: 1 ms, for: 1 us}", "events[0].every: time of 1ms is out of range"},
		{"{computer: host1, stop: true, every: 5 s}", "what stays cannot be repeated"},
		{"{computer: host1, stop: true, every: 5 s, for: 6 s}", "events[0].for: it begins again, every 5s, before it is over"},
		{"{computer: host1, stop: true, random: true}", "events[0].random: random is about how often"},
		{"{link: [s0, s1], set: {rat: 1 Mb/s}}", "did you mean rate?"},
		{"{link: [s0, s1], donw: true}", "did you mean down?"},
		{"{at: 30 s, link: [s0, s1], down: true}]\nload: {duration: 20 s}\nexclude: [", "events[0].at: the load is over after 20s"},
	} {
		_, err := underLoad(t, "events: ["+c.event+"]")
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "l.yaml:") {
			t.Errorf("%s: %v, want %q and its place", c.event, err, c.want)
		}
	}

	many := strings.Repeat("{computer: host1, stop: true}, ", 1001)
	if _, err := underLoad(t, "events: ["+many+"]"); err == nil || !strings.Contains(err.Error(), "at most 1000 events") {
		t.Errorf("1001 events: %v", err)
	}
}
