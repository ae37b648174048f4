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
