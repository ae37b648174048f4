package topology

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"edgebed/harness/network"
	"edgebed/nodes/units"
)

// village has two switches with two links between them, a host with an access link, and two
// without.
const village = `version: 1
name: village
description: a few houses
subnet: 10.3.0.0/24
switches: [mill, inn]
hosts:
  - {name: ann, address: 10.3.0.1, switch: mill, uplink: {rate: 1 Mb/s}, downlink: {rate: 4 Mb/s}}
  - {name: ben, address: 10.3.0.2, switch: inn}
  - {name: cat, address: 10.3.0.3, switch: mill}
links:
  - {between: [mill, inn], forward: {rate: 10 Mb/s}, reverse: {rate: 20 Mb/s}}
  - {between: [inn, mill], forward: {rate: 30 Mb/s}, reverse: {rate: 40 Mb/s}}
`

// TestSuffixes: parallel links are counted from 1, and ends that name different ones, or none
// that there can be, name no link.
func TestSuffixes(t *testing.T) {
	topology := parse(t, village)
	for ends, want := range map[[2]string]units.Rate{
		{"mill", "inn"}: 10, {"inn", "mill"}: 20, {"mill#1", "inn"}: 10, {"inn#2", "mill"}: 30, {"mill", "inn#2"}: 40,
		{"mill#2", "inn#2"}: 40, {"ann", "mill"}: 1, {"mill", "ann"}: 4,
	} {
		if p, err := topology.Params(ends[0], ends[1]); err != nil || p.Rate != want*units.Mbps {
			t.Errorf("%v: %v, %v; want %d Mb/s", ends, p, err, want)
		}
	}
	for ends, want := range map[[2]string]string{
		{"mill#1", "inn#2"}: "expected the same number", {"mill#0", "inn"}: "expected a number", {"mill", "inn#-1"}: "expected a number",
		{"mill#x", "inn"}: "expected a number", {"mill#3", "inn"}: "no link", {"cat", "mill"}: "no parameters",
	} {
		if _, err := topology.Params(ends[0], ends[1]); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want an error with %q", ends, err, want)
		}
	}
}

// TestChanges: parameters change as they are told, those of access links too, and what is
// wrong changes nothing.
func TestChanges(t *testing.T) {
	topology := parse(t, village)
	rate := func(r units.Rate) Override { return Override{Rate: &r} }
	for ends, change := range map[[2]string]Override{
		{"ann", "mill"}: rate(1), {"mill", "inn"}: rate(1), {"inn", "nowhere"}: rate(units.Mbps),
	} {
		if err := topology.SetLink(ends[0], ends[1], change); err == nil {
			t.Errorf("the link %v gets 1 b/s, or is there", ends)
		}
	}
	if err := topology.SetLink("mill", "ann", rate(5*units.Mbps)); err != nil {
		t.Error(err)
	}
	if err := topology.SetLink("inn#2", "mill", rate(6*units.Mbps)); err != nil {
		t.Error(err)
	}
	for host, change := range map[string]Override{"ann": rate(1), "dog": rate(units.Mbps)} {
		if err := topology.SetAccess(host, change, Override{}); err == nil {
			t.Errorf("the access link of %s gets %+v", host, change)
		}
	}
	if err := topology.SetAccess("ann", rate(2*units.Mbps), Override{}); err != nil {
		t.Error(err)
	}
	for ends, want := range map[[2]string]units.Rate{
		{"ann", "mill"}: 2, {"mill", "ann"}: 5, {"mill", "inn"}: 10, {"inn#2", "mill"}: 6,
	} {
		if p, err := topology.Params(ends[0], ends[1]); err != nil || p.Rate != want*units.Mbps {
			t.Errorf("%v has %v, %v; want %d Mb/s", ends, p, err, want)
		}
	}
}

// TestAccessLinks: the way between hosts has the access links of both.
func TestAccessLinks(t *testing.T) {
	topology := parse(t, village)
	for hosts, want := range map[[2]string]int{
		{"ann", "ben"}: 2, {"ann", "cat"}: 1, {"cat", "ben"}: 1, {"ann", "ann"}: 0, {"ann", "dog"}: 0, {"dog", "dog"}: 0,
	} {
		if got := topology.Ways().Params(hosts[0], hosts[1]); len(got) != want {
			t.Errorf("%v have %v between them, want %d links", hosts, got, want)
		}
	}
}

// TestPathFromNowhere: between hosts of which one is at no switch there is no path.
func TestPathFromNowhere(t *testing.T) {
	topology := parse(t, village).Clone()
	topology.Hosts[1].Switch = "nowhere"
	if a, b := topology.Path("ann", "ben"), topology.Path("ben", "ann"); a != nil || b != nil {
		t.Errorf("paths %v and %v", a, b)
	}
}

// TestSubnets: hosts are in an IPv4 network that has room for them and is written by its
// first address.
func TestSubnets(t *testing.T) {
	for subnet, want := range map[string]bool{
		"10.3.0.0/24": true, "10.3.0.0/29": true, "10.3.0.0/30": false, "10.3.0.0/31": false, "10.3.0.1/24": false, "fd00::/64": false,
	} {
		topology := parse(t, village).Clone()
		topology.Subnet = netip.MustParsePrefix(subnet)
		if err := topology.Validate(); (err == nil) != want {
			t.Errorf("%s: %v", subnet, err)
		}
	}
	two := parse(t, village).Clone() // 10.3.0.3 is the broadcast address of /30
	two.Hosts, two.Subnet = two.Hosts[:2], netip.MustParsePrefix("10.3.0.0/30")
	if err := two.Validate(); err != nil {
		t.Errorf("two hosts in a network of four addresses: %v", err)
	}
}

// TestErrorsTogether: an error of the file's grammar hides none of what is wrong with what
// could be read.
func TestErrorsTogether(t *testing.T) {
	text := strings.NewReplacer("description:", "descrption:", "10.3.0.0/24", "10.3.0.7/24", "10.3.0.2", "10.3.0.1").Replace(village)
	_, err := Parse("topology.yaml", []byte(text))
	for _, want := range []string{"descrption", "10.3.0.7/24 is not an IPv4 subnet", "10.3.0.1 is taken by host ann"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nlacks %q", err, want)
		}
	}

	// What could not be read is not said to be wrong a second time.
	_, err = Parse("topology.yaml", []byte(strings.NewReplacer("10.3.0.0/24", "everywhere", "10.3.0.2", "nowhere").Replace(village)))
	if err == nil || strings.Count(err.Error(), "\n") != 1 {
		t.Errorf("two errors of grammar are told as\n%v", err)
	}
}

// TestHostsWithIPv6: where a topology does not say it, hosts have IPv6 addresses if there are
// not too many of them, and no frame too small.
func TestHostsWithIPv6(t *testing.T) {
	of := func(hosts, mtu int) *Topology {
		topology := &Topology{Name: "t", MTU: mtu}
		for i := range hosts {
			topology.Hosts = append(topology.Hosts, HostSpec{Name: fmt.Sprint("h", i)})
		}
		return topology
	}
	for _, tc := range []struct {
		hosts, mtu int
		want       bool
	}{{1, 0, true}, {256, 0, true}, {257, 0, false}, {1, 1280, true}, {1, 1279, false}} {
		topology := of(tc.hosts, tc.mtu)
		if got := topology.HasIPv6(); got != tc.want {
			t.Errorf("%d hosts with an MTU of %d have IPv6: %v", tc.hosts, tc.mtu, got)
		}
		topology.IPv6 = new(true)
		if err := topology.CheckIPv6(); (err != nil) != (tc.mtu == 1279) {
			t.Errorf("%d hosts with an MTU of %d are to have IPv6: %v", tc.hosts, tc.mtu, err)
		}
	}
}

// TestNarrowLinks: each link that is too narrow is told once, in the file's order, with the
// hosts of the largest packets, and of equal ones the first.
func TestNarrowLinks(t *testing.T) {
	topology := &Topology{Version: 1, Name: "t", Switches: []string{"a", "b", "c", "d"}, Hosts: []HostSpec{
		{Name: "h0", Switch: "a", MTU: 9000}, {Name: "h1", Switch: "b", MTU: 4000}, {Name: "h2", Switch: "b", MTU: 4000},
		{Name: "h3", Switch: "d", MTU: 9000}, {Name: "h4", Switch: "d", MTU: 9000}, {Name: "h5", Switch: "c"},
	}}
	for i, ends := range [][2]string{{"a", "b"}, {"b", "c"}, {"c", "d"}} {
		topology.Links = append(topology.Links, LinkSpec{Between: ends, MTU: 2000 + 500*i})
	}
	var got []string
	for _, n := range topology.CheckMTUs() {
		got = append(got, fmt.Sprintf("%d: %d for %v's %d", n.Link, n.MTU, n.Hosts, n.Needs))
	}
	want := []string{"0: 2000 for [h0 h3]'s 9000", "1: 2500 for [h0 h3]'s 9000", "2: 3000 for [h0 h3]'s 9000"}
	if !slices.Equal(got, want) {
		t.Errorf("too narrow are %q, want %q", got, want)
	}
}

// TestPlacesOfMTUs: the MTU of a link is where the link itself says it, before its class.
func TestPlacesOfMTUs(t *testing.T) {
	topology := parse(t, jumbo)
	for link, want := range []int{12, 10} {
		if got := topology.PlaceOfMTU(link); got.Line != want {
			t.Errorf("the MTU of link %d is in line %d, want %d", link, got.Line, want)
		}
	}
}

// TestWrittenParts: a file has no parts of which a topology has nothing.
func TestWrittenParts(t *testing.T) {
	lonely := &Topology{Version: 1, Name: "lonely", Subnet: netip.MustParsePrefix("10.3.0.0/24"), Switches: []string{"s"},
		Hosts: []HostSpec{{Name: "h", Address: netip.MustParseAddr("10.3.0.1"), Switch: "s"}}}
	for _, tc := range []struct {
		topology *Topology
		want     map[string]bool
	}{
		{lonely, map[string]bool{"description:": false, "link-classes:": false, "links:": false, "hosts:": true}},
		{parse(t, village), map[string]bool{"description: a few houses": true, "link-classes:": false, "links:": true}},
		{parse(t, jumbo), map[string]bool{"description:": false, "link-classes:": true, "links:": true}},
	} {
		text, err := tc.topology.YAML()
		if err != nil {
			t.Fatal(err)
		}
		for part, want := range tc.want {
			if strings.Contains(string(text), part) != want {
				t.Errorf("%s has %q: %v\n%s", tc.topology.Name, part, !want, text)
			}
		}
		if _, err := Parse("again.yaml", text); err != nil {
			t.Error(err)
		}
	}
}

// TestVirtualLacks: what virtual time cannot do is told where it is asked for, and only there.
func TestVirtualLacks(t *testing.T) {
	one := strings.Replace(village, "  - {between: [inn, mill], forward: {rate: 30 Mb/s}, reverse: {rate: 40 Mb/s}}\n", "", 1)
	for name, tc := range map[string]struct {
		text string
		want []string
	}{
		"nothing asked":   {one, nil},
		"parallel links":  {village, nil},
		"IPv6":            {strings.Replace(one, "switches:", "ipv6: true\nswitches:", 1), []string{"ipv6: ipv6: in virtual time"}},
		"no IPv6":         {strings.Replace(one, "switches:", "ipv6: false\nswitches:", 1), nil},
		"routers":         {strings.Replace(one, "switches:", "mode: routed\nswitches:", 1), nil},
		"corrupt uplinks": {strings.Replace(one, "uplink: {", "uplink: {corrupt: 1 %, ", 1), []string{"no frame is corrupted"}},
	} {
		topology := parse(t, tc.text)
		err := topology.CanBe(network.Virtual())
		if (err == nil) != (len(tc.want) == 0) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, want := range tc.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want an error with %q", name, err, want)
			}
		}
		if err := topology.CanBe(network.Emulated()); err != nil {
			t.Errorf("%s, emulated: %v", name, err)
		}
	}
}

// TestDelayIsEachWay: the parameters of a way are those of the direction that frames go.
func TestDelayIsEachWay(t *testing.T) {
	topology := parse(t, strings.NewReplacer("forward: {rate: 10 Mb/s}", "forward: {rate: 10 Mb/s, delay: 5 ms}").Replace(village))
	there, back := topology.Ways().Params("cat", "ben"), topology.Ways().Params("ben", "cat")
	if len(there) != 1 || len(back) != 1 {
		t.Fatalf("there %v, back %v", there, back)
	}
	// ben is the second host, cat the third: hosts take turns on the two links.
	if there[0].Rate != 40*units.Mbps || back[0].Rate != 20*units.Mbps || back[0].Delay == 5*time.Millisecond {
		t.Errorf("there %v, back %v", there[0], back[0])
	}
}
