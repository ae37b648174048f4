package emu

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"edgebed/harness/topology"
	"edgebed/nodes/units"
)

// twoHomes is a host with interfaces at both ends of a line, a host at each end and one in the
// middle:
//
//	a --- s0 --- s1 --- s2 --- b
//	      |      |      |
//	      +------|--- home
//	             m
const twoHomes = `
name: homes
subnet: 10.9.0.0/24
switches: [s0, s1, s2]
hosts:
  - {name: home, switch: s0, also: [{switch: s2, class: fast}, {switch: s2, address: 10.9.0.77}]}
  - {name: a, switch: s0}
  - {name: m, switch: s1}
  - {name: b, switch: s2, class: fast}
link-classes:
  fast: {rate: 100 Mb/s}
links:
  - {between: [s0, s1], class: fast}
  - {between: [s1, s2], class: fast}
`

// ports are the names of those that send and receive, or do one of them alone, which is a
// mistake, until what is done has arrived.
func ports(t *testing.T, n *Network, do func()) []string {
	t.Helper()
	before, err := n.Counters()
	if err != nil {
		t.Fatal(err)
	}
	do()
	after, err := n.Counters()
	if err != nil {
		t.Fatal(err)
	}

	var names []string
	for _, p := range after.Sub(before).Ports {
		switch {
		case p.TxPackets > 0 && p.RxPackets > 0:
			names = append(names, p.Name)
		case p.TxPackets+p.RxPackets > 0:
			names = append(names, p.Name+" in one direction")
		}
	}
	slices.Sort(names)
	return names
}

// TestInterfaces sends datagrams there and back between all addresses of all hosts, in each
// mode and family, and between those of the same hosts where so many others make a guide
// necessary: the ports that count them are those of the interfaces that the addresses
// say, and of the switches between, in both directions.
func TestInterfaces(t *testing.T) {
	for _, test := range []struct {
		name   string
		mode   topology.Mode
		others int // hosts
	}{
		{"switched", topology.Switched, 0},
		{"routed", topology.Routed, 0},
		{"guided", topology.Switched, mostKnown},
	} {
		t.Run(test.name, func(t *testing.T) {
			model := parse(t, twoHomes)
			model.Mode = test.mode
			model.Subnet = netip.MustParsePrefix("10.9.0.0/16")
			others := netip.MustParseAddr("10.9.1.0")
			for i := range test.others {
				others = others.Next()
				model.Hosts = append(model.Hosts, topology.HostSpec{
					Name: fmt.Sprintf("x%d", i), Address: others, Switch: "s1",
				})
			}
			n := build(t, model, Options{})
			if wanted := test.others > 0 && canGuide(); (n.guide != nil) != wanted {
				t.Fatalf("the network has a guide: %t, want %t", n.guide != nil, wanted)
			}

			interfaces := n.interfaces[:len(n.interfaces)-test.others]
			for _, a := range interfaces {
				for _, b := range interfaces {
					if a.spec.HostIndex == b.spec.HostIndex {
						continue
					}
					want := []string{a.Port(), b.Port()}
					path := model.Path(atSwitch(a), atSwitch(b))
					for k := 1; k < len(path); k++ {
						want = append(want, path[k-1]+"-"+path[k], path[k]+"-"+path[k-1])
					}
					slices.Sort(want)

					ways := [][2]netip.Addr{{a.Address(), b.Address()}}
					if n.ipv6 {
						ways = append(ways, [2]netip.Addr{a.Address6(), b.Address6()})
					}
					for _, way := range ways {
						got := ports(t, n, func() { thereAndBack(t, n, a, b, way) })
						if !slices.Equal(got, want) {
							t.Errorf("%v of %s to %v of %s: ports %v, want %v", way[0], a.spec.Host, way[1],
								b.spec.Host, got, want)
						}
					}
				}
			}
		})
	}
}

// atSwitch is a host whose first interface is at the switch of another interface.
func atSwitch(f *Interface) string {
	return map[string]string{"s0": "a", "s1": "m", "s2": "b"}[f.Switch()]
}

// thereAndBack sends a datagram from one address to another, and an answer.
func thereAndBack(t *testing.T, n *Network, a, b *Interface, way [2]netip.Addr) {
	t.Helper()
	from, err := n.hosts[a.spec.HostIndex].ListenPacket(t.Context(), netip.AddrPortFrom(way[0], 4000).String())
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	to, err := n.hosts[b.spec.HostIndex].ListenPacket(t.Context(), netip.AddrPortFrom(way[1], 4001).String())
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()

	deadline := time.Now().Add(20 * time.Second)
	buffer := make([]byte, 10)
	for _, s := range []struct {
		out, in interface {
			WriteTo([]byte, net.Addr) (int, error)
			ReadFrom([]byte) (int, net.Addr, error)
			SetReadDeadline(time.Time) error
			LocalAddr() net.Addr
		}
	}{{from, to}, {to, from}} {
		if _, err := s.out.WriteTo([]byte("x"), s.in.LocalAddr()); err != nil {
			t.Fatal(err)
		}
		if err := s.in.SetReadDeadline(deadline); err != nil {
			t.Fatal(err)
		}
		if _, who, err := s.in.ReadFrom(buffer); err != nil || who.String() != s.out.LocalAddr().String() {
			t.Fatalf("from %v to %v: %v came from %v", s.out.LocalAddr(), s.in.LocalAddr(), err, who)
		}
	}
}

// TestInterfacesCarry sends over both links of a host at once: each carries its own, at its
// rate, and a program that chooses no address takes the nearest.
func TestInterfacesCarry(t *testing.T) {
	const size = 300_000
	for _, mode := range []topology.Mode{topology.Switched, topology.Routed} {
		model := parse(t, twoHomes)
		model.Mode = mode
		n := build(t, model, Options{LiveDelay: true})
		home, a, b := n.hosts[0], n.hosts[1], n.hosts[3]

		before := idle(t, n)
		transfer(t, home, a, size)
		transfer(t, home, b, size)
		sent := map[string]int64{}
		for _, p := range idle(t, n).Sub(before).Ports {
			sent[p.Name] = p.RxBytes
		}
		if sent["s0-home"] < size || sent["s2-home"] < size || sent["s2-home#2"] != 0 || sent["s1-s0"]+sent["s0-s1"] != 0 {
			t.Errorf("%s: home sent by its ports %v", mode, sent)
		}

		// A link that is down takes what goes by it, and nothing else.
		down := topology.Override{Loss: new(topology.Loss(1))}
		if err := n.SetLinks(change("home", "s2", down), change("s2", "home", down)); err != nil {
			t.Fatal(err)
		}
		p := newPinger(t, b)
		for _, f := range home.interfaces {
			_, err := p.ping(f, 56, time.Second)
			if isDown := f.Port() == "s2-home"; (err != nil) != isDown {
				t.Errorf("%s: with s2-home down, %s of home: %v", mode, f.Name(), err)
			}
		}
	}
}

// TestInterfacesAlone: a host with several interfaces is no way between them, whatever the
// machine's own settings are, and its names and ports say which is which.
func TestInterfacesAlone(t *testing.T) {
	model := parse(t, twoHomes)
	n := build(t, model, Options{})
	home := n.hosts[0]
	var got []string
	for _, f := range home.Interfaces() {
		got = append(got, strings.Join([]string{f.Name(), f.Address().String(), f.Switch(), f.Port()}, " "))
	}
	want := []string{"eth0 10.9.0.1 s0 s0-home", "eth1 10.9.0.5 s2 s2-home", "eth2 10.9.0.77 s2 s2-home#2"}
	if !slices.Equal(got, want) {
		t.Errorf("home has %q, want %q", got, want)
	}

	for name, want := range map[string]string{
		"net.ipv4.ip_forward": "0", "net.ipv4.conf.eth1.rp_filter": "0", "net.ipv4.conf.all.rp_filter": "0",
		"net.ipv4.conf.all.arp_ignore": "1", "net.ipv4.conf.all.arp_announce": "2",
	} {
		err := home.Do(func() error {
			value, err := sysctl{name: name}.read()
			if value != want {
				t.Errorf("%s is %s, want %s", name, value, want)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
	if found, err := n.Measure(t.Context()); err != nil || len(found) != 8 || found[6].Link != "home-s2" ||
		found[6].Asked.Rate != 100*units.Mbps {
		t.Errorf("measured %+v, %v", found, err)
	}
}

// TestInterfacesApart: a network of second interfaces alone carries what its members send each
// other, and has no way to others.
func TestInterfacesApart(t *testing.T) {
	model := parse(t, `
name: apart
subnet: 10.9.0.0/24
switches: [s0, private]
hosts:
  - {name: a, switch: s0, also: [{switch: private}]}
  - {name: b, switch: s0, also: [{switch: private}]}
  - {name: c, switch: s0}
`)
	for _, mode := range []topology.Mode{topology.Switched, topology.Routed} {
		model.Mode = mode
		n := build(t, model, Options{})
		a, b, c := n.hosts[0], n.hosts[1], n.hosts[2]
		got := ports(t, n, func() {
			if _, err := newPinger(t, a).ping(b.interfaces[1], 56, 20*time.Second); err != nil {
				t.Error(err)
			}
		})
		if !slices.Equal(got, []string{"private-a", "private-b"}) {
			t.Errorf("%s: a to the private address of b by %v", mode, got)
		}
		if _, err := newPinger(t, c).ping(b.interfaces[1], 56, 200*time.Millisecond); err == nil {
			t.Errorf("%s: c reaches a private address", mode)
		}
	}
}
