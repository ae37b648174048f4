package topology

import (
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
)

const routedFile = `
name: small
mode: routed
ipv6: true
switches: [s0, s1, s2]
hosts:
  - {name: a, switch: s0}
  - {name: b, switch: s1, class: trunk}
  - {name: c, switch: s2}
  - {name: d, switch: s2}
link-classes:
  trunk: {rate: 20 Mb/s}
links:
  - {between: [s0, s1]}
  - {between: [s1, s2]}
  - {between: [s2, s1]}
`

// TestTables checks what each router knows, with parallel links; and what is written.
func TestTables(t *testing.T) {
	model := parse(t, routedFile)
	want := map[string][]string{
		"s0": {"a", "s1", "s1", "s1"},
		"s1": {"s0", "b", "s2", "s2#2"},
		"s2": {"s1", "s1#2", "c", "d"},
	}
	for _, table := range model.Tables() {
		var next []string
		for i, e := range table.Entries {
			if e.Host != model.Hosts[i].Name || e.Address != model.Hosts[i].Address {
				t.Errorf("entry %d of %s is of %s", i, table.Switch, e.Host)
			}
			next = append(next, e.Next)
		}
		if !slices.Equal(next, want[table.Switch]) {
			t.Errorf("%s sends to %v, want %v", table.Switch, next, want[table.Switch])
		}
	}

	all := model.Tables()
	if some := model.Tables("s2", "s0"); !reflect.DeepEqual(some, []Table{all[0], all[2]}) {
		t.Errorf("tables of s2 and s0: %v, want those of %v", some, all)
	}

	if again := readBack(t, model); !again.IsRouted() || !again.HasIPv6() {
		t.Errorf("written and read again it has the mode %q, and IPv6 %v", again.Mode, again.HasIPv6())
	}
}

// TestIPv6 checks who has IPv6 addresses, and which.
func TestIPv6(t *testing.T) {
	model := parse(t, strings.Replace(routedFile, "ipv6: true\n", "", 1))
	if !model.HasIPv6() || model.Address6(model.Hosts[3].Address) != netip.MustParseAddr("fded:bed::4") {
		t.Errorf("IPv6 %v, host d has %v", model.HasIPv6(), model.Address6(model.Hosts[3].Address))
	}
	if model.MTU = 1000; model.HasIPv6() {
		t.Error("there is IPv6 with an mtu of 1000 B")
	}
	model.MTU, model.Hosts = 0, make([]HostSpec, 257)
	if model.HasIPv6() {
		t.Error("257 hosts have IPv6 without asking for it")
	}
	if model.IPv6 = new(true); !model.HasIPv6() {
		t.Error("257 hosts have no IPv6 although the topology asks for it")
	}
}
