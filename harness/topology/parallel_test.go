package topology

import (
	"slices"
	"testing"
	"time"
)

// bundle has three links between two of its switches, one of which was written the
// other way round.
const bundle = `name: bundle
switches: [west, mid, east]
hosts:
  - {name: a, switch: west}
  - {name: b, switch: east}
  - {name: c, switch: east}
  - {name: d, switch: east}
links:
  - {between: [west, mid], forward: {delay: 1 ms}, reverse: {delay: 10 ms}}
  - {between: [mid, east], forward: {delay: 5 ms}, reverse: {delay: 50 ms}}
  - {between: [mid, west], forward: {delay: 20 ms}, reverse: {delay: 2 ms}}
  - {between: [west, mid], forward: {delay: 3 ms}, reverse: {delay: 30 ms}}
`

// TestParallel names parallel links, changes one, and follows frames over them.
func TestParallel(t *testing.T) {
	n := parse(t, bundle)
	if got, want := n.Suffixes(), []string{"", "", "#2", "#3"}; !slices.Equal(got, want) {
		t.Errorf("suffixes %q, want %q", got, want)
	}

	for _, tc := range []struct {
		from, to string
		delay    time.Duration // 0 is an error
	}{
		{"west", "mid", time.Millisecond}, {"mid", "west", 10 * time.Millisecond},
		{"west", "mid#1", time.Millisecond},
		{"west", "mid#2", 2 * time.Millisecond}, {"west#2", "mid", 2 * time.Millisecond},
		{"mid", "west#2", 20 * time.Millisecond}, {"mid#3", "west", 30 * time.Millisecond},
		{"west", "mid#4", 0}, {"west", "mid#0", 0}, {"west", "mid#two", 0}, {"mid", "east#2", 0}, {"west", "east", 0},
	} {
		p, err := n.Params(tc.from, tc.to)
		if (err != nil) != (tc.delay == 0) || p.Delay != tc.delay {
			t.Errorf("%s to %s: delay %v, error %v, want %v", tc.from, tc.to, p.Delay, err, tc.delay)
		}
	}

	// Hosts take turns, the first of the file the first link; links count their directions.
	for _, tc := range []struct {
		from, to string
		want     []time.Duration
	}{
		{"b", "a", []time.Duration{50 * time.Millisecond, 10 * time.Millisecond}},
		{"a", "b", []time.Duration{2 * time.Millisecond, 5 * time.Millisecond}},
		{"a", "c", []time.Duration{3 * time.Millisecond, 5 * time.Millisecond}},
		{"a", "d", []time.Duration{1 * time.Millisecond, 5 * time.Millisecond}},
	} {
		var got []time.Duration
		for _, p := range n.Ways().Params(tc.from, tc.to) {
			got = append(got, p.Delay)
		}
		if !slices.Equal(got, tc.want) {
			t.Errorf("from %s to %s: delays %v, want %v", tc.from, tc.to, got, tc.want)
		}
	}

	if err := n.SetLink("mid", "west#3", Override{Delay: new(time.Second)}); err != nil {
		t.Fatal(err)
	}
	if got := n.Directions(n.Links[3])[1].Delay; got != time.Second {
		t.Errorf("the third link's way back has %v after a change to 1s", got)
	}
}
