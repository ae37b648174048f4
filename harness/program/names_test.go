package program

import (
	"net/netip"
	"testing"
)

// TestHostsFile checks that a name of an IPv6 address alone is no other host's, whether
// programs take IPv4 addresses first or not.
func TestHostsFile(t *testing.T) {
	both := func(four, six string) []netip.Addr {
		return []netip.Addr{netip.MustParseAddr(four), netip.MustParseAddr(six)}
	}
	hosts := map[string][]netip.Addr{
		"a": both("10.1.0.1", "fded:bed::1"), "a-v6": both("10.1.0.2", "fded:bed::2"), "b c": both("10.1.0.3", "fded:bed::3"),
	}
	const first = "127.0.0.1 localhost\n10.1.0.1 a\n"
	for chosen, want := range map[bool]string{
		true:  first + "fded:bed::1 a\n10.1.0.2 a-v6\nfded:bed::2 a-v6 a-v6-v6\n10.1.0.3 b-c\nfded:bed::3 b-c b-c-v6\n",
		false: first + "10.1.0.2 a-v6\nfded:bed::2 a-v6-v6\n10.1.0.3 b-c\nfded:bed::3 b-c-v6\n",
	} {
		if got := hostsFile(hosts, chosen); got != want {
			t.Errorf("with a choice of programs %v:\n%swant\n%s", chosen, got, want)
		}
	}
}

// TestHostsFileInterfaces: all addresses have the host's name, where programs take the first,
// and those of further interfaces one of their own, unless another host is called so.
func TestHostsFileInterfaces(t *testing.T) {
	var home []netip.Addr
	for _, a := range []string{"10.1.0.1", "fded:bed::1", "10.1.0.7", "fded:bed::7", "10.1.0.8", "fded:bed::8"} {
		home = append(home, netip.MustParseAddr(a))
	}
	hosts := map[string][]netip.Addr{"h": home, "h-eth2": {netip.MustParseAddr("10.1.0.2")}}

	const first = "127.0.0.1 localhost\n10.1.0.1 h\n"
	for chosen, want := range map[bool]string{
		true: first + "fded:bed::1 h h-v6\n10.1.0.7 h h-eth1\nfded:bed::7 h h-eth1-v6\n10.1.0.8 h\n" +
			"fded:bed::8 h h-eth2-v6\n10.1.0.2 h-eth2\n",
		false: first + "fded:bed::1 h-v6\n10.1.0.7 h-eth1\nfded:bed::7 h-eth1-v6\nfded:bed::8 h-eth2-v6\n10.1.0.2 h-eth2\n",
	} {
		if got := hostsFile(hosts, chosen); got != want {
			t.Errorf("with a choice of programs %v:\n%swant\n%s", chosen, got, want)
		}
	}

	const want = "precedence ::ffff:0:0/96 100\nprecedence ::ffff:10.1.0.7/128 99\nprecedence fded:bed::7/128 29\n" +
		"precedence ::ffff:10.1.0.8/128 98\nprecedence fded:bed::8/128 28\n"
	if got := preferences(hosts); got != want {
		t.Errorf("preferences\n%swant\n%s", got, want)
	}
}
