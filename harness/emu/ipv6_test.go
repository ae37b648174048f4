package emu

import (
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"edgebed/harness/topology"
	"edgebed/nodes/units"
)

// needIPv6 skips a test where the kernel has no IPv6.
func needIPv6(t *testing.T) {
	t.Helper()
	if !HasIPv6() {
		t.Skip("this kernel has no IPv6")
	}
}

// TestIPv6 sends the first datagram ever between all pairs of hosts over IPv6, in
// switched and routed networks; and streams with the congestion control and at the rate
// that were asked for.
func TestIPv6(t *testing.T) {
	needIPv6(t)
	for _, mode := range []topology.Mode{topology.Switched, topology.Routed} {
		t.Run(string(mode), func(t *testing.T) {
			model := ring6(t, topology.Override{Rate: new(20 * units.Mbps), Delay: new(time.Duration(0))})
			model.Mode = mode
			n := build(t, model, Options{})
			for _, a := range n.Hosts() {
				for _, b := range n.Hosts() {
					hops := 0
					if mode == topology.Routed && a != b {
						hops = len(model.Path(a.Name(), b.Name()))
					}
					left := hopsLeft(t, netip.AddrPortFrom(a.Address6(), 4000), netip.AddrPortFrom(b.Address6(), 4001), a, b)
					if left != 64-hops {
						t.Errorf("%s to %v: %d hops are left, want %d", a.Name(), b.Address6(), left, 64-hops)
					}
				}
			}

			a, b := n.Hosts()[0], n.Hosts()[1]
			if a.Address6() != netip.MustParseAddr("fded:bed::1") {
				t.Errorf("the host %v has %v", a.Address(), a.Address6())
			}
			l, err := b.Listen(t.Context(), netip.AddrPortFrom(b.Address6(), 5001).String())
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			const size = 200_000
			go stream(t, a, l.Addr(), size)
			c, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if name, err := congestionControl(c); err != nil || name != defaultCongestionControl {
				t.Errorf("the connection uses %s: %v", name, err)
			}
			began := time.Now()
			got, err := io.Copy(io.Discard, c)
			if err != nil || got != size {
				t.Fatalf("%d of %d B arrived: %v", got, size, err)
			}
			if took, ideal := time.Since(began), (20 * units.Mbps).Time(size); took < ideal/2 {
				t.Errorf("%d B took %v at 20 Mb/s, want %v", size, took, ideal)
			}
			if drops := idle(t, n).Drops(); drops != 0 {
				t.Errorf("%d packets were dropped", drops)
			}
		})
	}
}

// stream sends bytes to an address.
func stream(t *testing.T, from *Host, to net.Addr, size int) {
	c, err := from.DialContext(t.Context(), to.String())
	if err == nil {
		defer c.Close()
		_, err = c.Write(make([]byte, size))
	}
	if err != nil {
		t.Error(err)
	}
}

// TestIPv6IsSilent checks that the kernel sends nothing by itself because there is
// IPv6: no port has counted a frame since the devices were made, after a time in which
// hosts and routers would have asked for routers and reported their groups.
func TestIPv6IsSilent(t *testing.T) {
	needIPv6(t)
	networks := map[topology.Mode]*Network{}
	for _, mode := range []topology.Mode{topology.Switched, topology.Routed} {
		model := ring6(t, topology.Override{Delay: new(time.Duration(0))})
		model.Mode = mode
		n := build(t, model, Options{})
		if !n.ipv6 || !n.Hosts()[0].Address6().IsValid() {
			t.Fatalf("hosts have no IPv6: %v", n.Settings()["ipv6"])
		}
		networks[mode] = n
	}
	// Reports and solicitations come within a second (RFC 3810, RFC 4861).
	time.Sleep(1500 * time.Millisecond)

	for mode, n := range networks {
		stats, err := n.fabricC.stats()
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range append(n.ports, n.boxPorts...) {
			s := stats[p.index]
			// What checks the hosts' congestion control is sent before a port is up: no switch gets it.
			if s.TxPackets != 0 || s.RxPackets != 0 {
				t.Errorf("%s: port %s sent %d frames and received %d", mode, p.name, s.TxPackets, s.RxPackets)
			}
		}
	}
}

// TestWithoutIPv6 checks that a topology can do without.
func TestWithoutIPv6(t *testing.T) {
	model := pair(topology.Override{})
	model.IPv6 = new(false)
	n := build(t, model, Options{})
	if a := n.Hosts()[0]; a.Address6().IsValid() || n.Settings()["ipv6"] != "none" {
		t.Errorf("the host has %v, settings say %s", a.Address6(), n.Settings()["ipv6"])
	}
	pings(t, n.Hosts()[0], n.Hosts()[1], 1)
}
