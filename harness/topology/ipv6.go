package topology

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"net/netip"
)

// mostWithIPv6 is up to how many hosts have IPv6 addresses where the topology does not
// say: with IPv6 each host of a switched network knows all others from the start, so that one of
// a thousand would take seconds more to build, and half a gigabyte of the kernel's memory. It is the same
// in routed mode, where hosts know their router alone: a mode changes no addresses.
const mostWithIPv6 = 256

// minMTU6 is the smallest that IPv6 works with (RFC 8200); the kernel has it on no device
// with less.
const minMTU6 = 1280

// HasIPv6 reports whether the network's hosts are to have IPv6 addresses beside those of
// IPv4.
func (t *Topology) HasIPv6() bool {
	if t.IPv6 != nil {
		return *t.IPv6
	}
	_, smallest := t.smallestMTU()
	return len(t.Hosts) <= mostWithIPv6 && smallest >= minMTU6
}

// CheckIPv6 returns an error where hosts are to have IPv6 addresses and one cannot.
func (t *Topology) CheckIPv6() error {
	name, mtu := t.smallestMTU()
	if t.IPv6 == nil || !*t.IPv6 || mtu >= minMTU6 {
		return nil
	}
	return fmt.Errorf("IPv6 needs an mtu of %d B, and that of host %s is %d; raise it, or leave ipv6 out",
		minMTU6, name, mtu)
}

// smallestMTU is that of a host, which is named; of a network without hosts its own.
func (t *Topology) smallestMTU() (host string, mtu int) {
	for f := range t.Interfaces() {
		if own := t.MTUOf(f.InterfaceSpec); mtu == 0 || own < mtu {
			host, mtu = f.Host, own
		}
	}
	return host, cmp.Or(mtu, t.NetworkMTU())
}

// Subnet6 is the IPv6 network of all hosts: a part of the local addresses that nobody
// routes beyond a site (RFC 4193). It is the same for all networks, which have no way to
// each other.
func Subnet6() netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom16([16]byte{0xfd, 0xed, 0x0b, 0xed}), 64)
}

// Address6 returns the IPv6 address of the host, or interface, with an IPv4 address: the place
// of that in its subnet, put into Subnet6. With 10.1.0.0/16, 10.1.0.2 has fded:bed::2.
func (t *Topology) Address6(of netip.Addr) netip.Addr {
	own, first := of.As4(), t.Subnet.Addr().As4()
	number := binary.BigEndian.Uint32(own[:]) - binary.BigEndian.Uint32(first[:])
	address := Subnet6().Addr().As16()
	binary.BigEndian.PutUint32(address[12:], number)
	return netip.AddrFrom16(address)
}
