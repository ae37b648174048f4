package topology

import (
	"slices"
	"strings"
	"testing"
	"time"

	"edgebed/nodes/units"
	"edgebed/nodes/yamlfile"
)

// TestAtLeast is the least time of frames on a link, by hand: at 8 Mb/s a microsecond for
// each byte beyond the burst and a frame of 1514 B.
func TestAtLeast(t *testing.T) {
	p := Params{Rate: 8 * units.Mbps, Burst: 3000, CeilBurst: 2000}
	for size, want := range map[units.Size]time.Duration{
		0: 0, 2000: 0, 3514: 0, 3515: time.Microsecond, 13514: 10 * time.Millisecond,
	} {
		if got := p.AtLeast(size); got != want {
			t.Errorf("%d B take %v, want %v", size, got, want)
		}
	}
	if p.MTU = 9000; p.AtLeast(11014) != 0 || p.AtLeast(11015) != time.Microsecond {
		t.Errorf("with frames of 9014 B, 11015 B take %v", p.AtLeast(11015))
	}
}

// TestBuckets: what was not said is half a millisecond at the rate, and a frame at least.
func TestBuckets(t *testing.T) {
	for _, tc := range []struct {
		rate        units.Rate
		burst, ceil Burst
		want        units.Size
	}{
		{units.Mbps, 0, 0, 1514}, {100 * units.Mbps, 0, 0, 6250}, {100 * units.Mbps, 20000, 0, 6250}, {100 * units.Mbps, 5000, 7000, 5000},
	} {
		if got := (Params{Rate: tc.rate, Burst: tc.burst, CeilBurst: tc.ceil}).BurstSize(); got != tc.want {
			t.Errorf("%+v passes %d B at once, want %d", tc, got, tc.want)
		}
	}
}

// TestNoSuchLink says of an access link that it has no parameters, and of others that
// there are none; a link to nowhere leads nowhere.
func TestNoSuchLink(t *testing.T) {
	n := &Topology{
		Name: "n", Switches: []string{"s0", "s1", "s2"},
		Hosts: []HostSpec{{Name: "a", Switch: "s0"}, {Name: "b", Switch: "s1"}},
		Links: []LinkSpec{{Between: [2]string{"s1", "ghost"}}, {Between: [2]string{"s0", "s2"}}},
	}
	for _, tc := range []struct{ from, to, want string }{
		{"a", "s0", "the access link of host a has no parameters"}, {"s0", "a", "the access link of host a has no parameters"},
		{"a", "s1", "topology n has no link a-s1"}, {"s1", "a", "topology n has no link s1-a"}, {"s0", "s1", "topology n has no link s0-s1; s0 has links to s2"},
		{"s0", "s3", `topology n has no link s0-s3: it has no switch or host "s3" (did you mean s0?)`},
		{"A1", "zebra", `topology n has no link A1-zebra: it has no switch or host "A1" (did you mean s1?) or "zebra"`},
		{"s0", "s2#2", "topology n has no link s0-s2#2: it has 1 between the two"},
	} {
		if _, err := n.Params(tc.from, tc.to); err == nil || !strings.HasPrefix(err.Error(), tc.want) {
			t.Errorf("%s to %s: %v, want %q", tc.from, tc.to, err, tc.want)
		}
	}
	if next := n.graph().toward(0).next; next[1] >= 0 || next[2] != 1 {
		t.Errorf("toward s0 go the links %v, want none and 1", next[1:])
	}
}

// TestTowardKnownSwitches: a link that has an end nowhere, or both at one switch, leads to
// no other.
func TestTowardKnownSwitches(t *testing.T) {
	model := &Topology{Switches: []string{"s0", "s1", "s2"}, Links: []LinkSpec{
		{Between: [2]string{"s1", "nowhere"}}, {Between: [2]string{"nowhere", "s2"}}, {Between: [2]string{"s1", "s1"}},
		{Between: [2]string{"s1", "s2"}},
	}}
	if next := model.graph().toward(0).next; !slices.Equal(next, []int{-1, -1, -1}) {
		t.Errorf("toward s0 the links are %v, want none", next)
	}
	if next := model.graph().toward(2).next; !slices.Equal(next, []int{-1, 3, -1}) {
		t.Errorf("toward s2 the links are %v, want the last from s1", next)
	}
}

// TestRouterPorts: a switch has so many ports, those to its router among them, of which parallel
// links need one each.
func TestRouterPorts(t *testing.T) {
	for _, c := range []struct {
		mode  Mode
		links int
		fits  bool
	}{
		{Switched, MaxPorts - 1, true}, {Switched, MaxPorts, false}, {Switched, 2 * MaxPorts, false},
		{Routed, MaxPorts / 2, true}, {Routed, MaxPorts/2 + 1, false}, // and the host
		{Routed, MaxPorts, false}, {Routed, MaxPorts + 1, false}, {Routed, 2 * MaxPorts, false},
	} {
		n := Topology{
			Name: "n", Mode: c.mode, Switches: []string{"s0", "s1"}, Hosts: []HostSpec{{Name: "a", Switch: "s0"}},
			Links: slices.Repeat([]LinkSpec{{Between: [2]string{"s0", "s1"}}}, c.links),
		}
		_, err := Inline(n, yamlfile.Pos{})
		if (err == nil) != c.fits || err != nil && strings.Count(err.Error(), "switch s0 would have more than 1023 ports") != 1 {
			t.Errorf("%s, %d links: %v", c.mode, c.links, err)
		}
	}
}
