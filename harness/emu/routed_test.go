package emu

import (
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"

	"edgebed/harness/network"
	"edgebed/harness/topology"
	"edgebed/harness/topology/preset"
	"edgebed/nodes/units"
)

// routed makes the topology of a preset one of routers, with links of 10 Mb/s without
// delay unless the reference says otherwise.
func routed(tb testing.TB, reference string) *topology.Topology {
	tb.Helper()
	model, err := preset.Build(reference)
	if err != nil {
		tb.Fatal(err)
	}
	model.Mode = topology.Routed
	return model
}

// hopsLeft sends a datagram and returns the time to live with which it arrived, or the
// hop limit of IPv6.
func hopsLeft(tb testing.TB, from, to netip.AddrPort, a, b *Host) int {
	tb.Helper()
	receiver, err := b.ListenPacket(tb.Context(), to.String())
	if err != nil {
		tb.Fatal(err)
	}
	defer receiver.Close()
	sender, err := a.ListenPacket(tb.Context(), from.String())
	if err != nil {
		tb.Fatal(err)
	}
	defer sender.Close()
	if err := receiver.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		tb.Fatal(err)
	}

	send := func() {
		if _, err := sender.WriteTo([]byte("x"), net.UDPAddrFromAddrPort(to)); err != nil {
			tb.Fatal(err)
		}
	}
	buffer, left := make([]byte, 10), 0
	if to.Addr().Is4() {
		p := ipv4.NewPacketConn(receiver)
		err = p.SetControlMessage(ipv4.FlagTTL, true)
		send()
		if err == nil {
			var m *ipv4.ControlMessage
			if _, m, _, err = p.ReadFrom(buffer); err == nil {
				left = m.TTL
			}
		}
	} else {
		p := ipv6.NewPacketConn(receiver)
		err = p.SetControlMessage(ipv6.FlagHopLimit, true)
		send()
		if err == nil {
			var m *ipv6.ControlMessage
			if _, m, _, err = p.ReadFrom(buffer); err == nil {
				left = m.HopLimit
			}
		}
	}
	if err != nil {
		tb.Fatalf("datagram from %s to %v: %v", a.Name(), to, err)
	}
	return left
}

// TestRouted checks for all pairs of hosts, on several shapes, in both families, that each
// router on the path takes one from the time to live, that exactly the ports on the path
// count the packet, and nothing else does.
func TestRouted(t *testing.T) {
	const first = 64 // Linux's
	for _, reference := range []string{"ring,4,delay=0ms", "star,5,delay=1ms", "tree,depth=3,fanout=2"} {
		t.Run(reference, func(t *testing.T) {
			model := routed(t, reference)
			n := build(t, model, Options{})
			for _, a := range n.Hosts() {
				for _, b := range n.Hosts() {
					if a == b {
						continue
					}
					path, before := model.Path(a.Name(), b.Name()), idle(t, n)
					ways := [][2]netip.Addr{{a.Address(), b.Address()}}
					if n.ipv6 {
						ways = append(ways, [2]netip.Addr{a.Address6(), b.Address6()})
					}
					for _, way := range ways {
						left := hopsLeft(t, netip.AddrPortFrom(way[0], 4000), netip.AddrPortFrom(way[1], 4001), a, b)
						if first-left != len(path) {
							t.Errorf("%s to %s over %v: %d hops are left of %d", a.Name(), way[1], path, left, first)
						}
					}

					delta := idle(t, n).Sub(before)
					want := network.Counters{Ports: slices.Clone(delta.Ports)}
					nodes := slices.Concat([]string{a.Name()}, path, []string{b.Name()})
					for i, p := range want.Ports {
						at := slices.Index(path, strings.SplitN(p.Name, "-", 2)[0])
						want.Ports[i].RxPackets, want.Ports[i].TxPackets = 0, 0
						switch {
						case at < 0:
						case p.Name == path[at]+"-"+nodes[at]:
							want.Ports[i].RxPackets = int64(len(ways))
						case p.Name == path[at]+"-"+nodes[at+2]:
							want.Ports[i].TxPackets = int64(len(ways))
						}
						if p := delta.Ports[i]; p != want.Ports[i] {
							t.Errorf("%s to %s over %v: %+v, want %d and %d packets", a.Name(), b.Name(), path, p,
								want.Ports[i].RxPackets, want.Ports[i].TxPackets)
						}
					}
				}
			}
		})
	}
}

// TestRoutedLinks checks that links keep their rate and delay between routers: the best of
// a few tries, which a busy machine does not change much.
func TestRoutedLinks(t *testing.T) {
	n := build(t, routed(t, "linear,3,rate=100Mb/s,delay=3ms"), Options{})
	if rtt := pings(t, n.Hosts()[0], n.Hosts()[2], 9); rtt[0] < 12*time.Millisecond || rtt[0] > 15*time.Millisecond {
		t.Errorf("round trips over two links of 3 ms took %v to %v", rtt[0], rtt[8])
	}

	const size = 100_000
	n = build(t, routed(t, "linear,3,rate=10Mb/s,delay=0ms"), Options{})
	best, ideal := time.Hour, (10 * units.Mbps).Time(size)
	for range 5 {
		best = min(best, transfer(t, n.Hosts()[0], n.Hosts()[2], size))
		idle(t, n) // the bucket fills again
	}
	if best < ideal || best > ideal*3/2 {
		t.Errorf("%d B took %v, want %v or a little more", size, best, ideal)
	}
}

// TestRoutedTables compares what the kernel's routers know with the topology's tables, with
// parallel links and an access link.
func TestRoutedTables(t *testing.T) {
	model := parse(t, `
name: routed
mode: routed
subnet: 198.18.0.0/24
switches: [s0, s1, s2]
hosts:
  - {name: a, switch: s0}
  - {name: b, switch: s1}
  - {name: c, switch: s1, class: trunk}
  - {name: d, switch: s2}
link-classes:
  trunk: {rate: 20 Mb/s}
links:
  - {between: [s0, s1], class: trunk}
  - {between: [s1, s0], class: trunk}
  - {between: [s1, s2], class: trunk}
`)
	n := build(t, model, Options{})
	for _, a := range n.Hosts() {
		for _, b := range n.Hosts() {
			if a == b {
				continue
			}
			left := hopsLeft(t, netip.AddrPortFrom(a.Address(), 4000), netip.AddrPortFrom(b.Address(), 4001), a, b)
			if want := 64 - len(model.Path(a.Name(), b.Name())); left != want {
				t.Errorf("%s to %s: %d hops are left, want %d", a.Name(), b.Name(), left, want)
			}
		}
	}

	next := map[netip.Addr]string{}
	for name, sticks := range n.sticks {
		for k, s := range sticks {
			next[s.address] = name + []string{"", "#2"}[k]
		}
	}
	for i, table := range model.Tables() {
		for _, e := range table.Entries {
			var routes []netlink.Route
			err := n.routers[i].ns.do(func() (err error) {
				routes, err = netlink.RouteGet(e.Address.AsSlice())
				return err
			})
			if err != nil || len(routes) != 1 {
				t.Fatalf("router %s has routes %v to %s: %v", table.Switch, routes, e.Host, err)
			}
			got := e.Host
			if via, ok := netip.AddrFromSlice(routes[0].Gw); ok {
				got = next[via.Unmap()]
			}
			if got != e.Next {
				t.Errorf("router %s sends what is for %s to %s, want %s", table.Switch, e.Host, got, e.Next)
			}
		}
	}
	// b is the second host and c the third: one of the parallel links each.
	if s0 := model.Tables()[0].Entries; s0[1].Next != "s1#2" || s0[2].Next != "s1" {
		t.Errorf("s0 sends %+v", s0)
	}
}

// TestRouterSubnet gives hosts subnets that overlap one of those for routers, or both.
func TestRouterSubnet(t *testing.T) {
	for hosts, want := range map[string]string{
		"10.1.0.0/16": "198.18.0.1", "198.19.0.0/16": "100.64.0.1", "128.0.0.0/1": "100.64.0.1",
		"100.64.0.0/10": "198.18.0.1", "0.0.0.0/0": "",
	} {
		model := routed(t, "ring,3")
		model.Subnet = netip.MustParsePrefix(hosts)
		n := &Network{topology: model, settings: map[string]string{}}
		switch err := n.plan(); {
		case want == "" && (err == nil || !strings.Contains(err.Error(), "take a smaller subnet")):
			t.Errorf("%s: %v", hosts, err)
		case want != "" && (err != nil || n.sticks["s0"][0].address.String() != want):
			t.Errorf("%s: the first router has %v, %v, want %s", hosts, n.sticks["s0"], err, want)
		}
	}
}
