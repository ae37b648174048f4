package program

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// NameHosts makes the hosts' names resolve for the programs of this sandbox, with a file
// mounted over /etc/hosts. A name has all addresses of its host, an IPv4 one of each interface
// with the IPv6 one behind it, and programs that may choose take the first: glibc would take
// another one, which a second file, over /etc/gai.conf, keeps it from. Where there is none to
// mount over, all but the first have a name of their own only, which they have everywhere,
// unless another host is called so: host1-v6, host1-eth1, host1-eth1-v6.
func NameHosts(hosts map[string][]netip.Addr) error {
	chosen, err := cover("/etc/gai.conf", preferences(hosts))
	if err != nil {
		return err
	}

	// On a machine without /etc/hosts names stay unknown to programs.
	_, err = cover("/etc/hosts", hostsFile(hosts, chosen))
	return err
}

// preferences is what /etc/gai.conf says: IPv4 addresses before others, as RFC 6724 has it for
// local ones, and those of hosts' first interfaces before those of others.
func preferences(hosts map[string][]netip.Addr) string {
	const first, others = 100, 30 // 40 is what glibc gives to all else
	var b strings.Builder
	fmt.Fprintf(&b, "precedence ::ffff:0:0/96 %d\n", first)
	for _, name := range slices.Sorted(maps.Keys(hosts)) {
		for _, a := range addressesOf(hosts[name]) {
			switch {
			case a.number > 0 && a.Is4():
				fmt.Fprintf(&b, "precedence ::ffff:%v/128 %d\n", a.Addr, first-a.number)
			case a.number > 0:
				fmt.Fprintf(&b, "precedence %v/128 %d\n", a.Addr, others-a.number)
			}
		}
	}
	return b.String()
}

// numbered is an address with the number of its interface.
type numbered struct {
	netip.Addr
	number int
}

// addressesOf numbers a host's addresses: each interface has an IPv4 one, which comes first.
func addressesOf(list []netip.Addr) (all []numbered) {
	number := -1
	for _, a := range list {
		if a.Is4() {
			number++
		}
		all = append(all, numbered{a, number})
	}
	return all
}

// alias is the name that an address has alone; the first one of a host has none.
func (a numbered) alias(host string) string {
	if a.number > 0 {
		host += fmt.Sprintf("-eth%d", a.number)
	}
	if a.Is6() {
		host += "-v6"
	}
	return host
}

// hostsFile is what /etc/hosts says of hosts; chosen says whether programs take the first
// address of a name that has several.
func hostsFile(hosts map[string][]netip.Addr, chosen bool) string {
	word := func(name string) string { return strings.ReplaceAll(name, " ", "-") } // a blank would end it
	own := map[string]bool{}
	for name := range hosts {
		own[word(name)] = true
	}

	var b strings.Builder
	b.WriteString("127.0.0.1 localhost\n")
	for _, name := range slices.Sorted(maps.Keys(hosts)) {
		for i, a := range addressesOf(hosts[name]) {
			var names []string
			if i == 0 || chosen {
				names = append(names, word(name))
			}
			// Another host's own name stays that host's.
			if alias := a.alias(word(name)); i > 0 && !own[alias] {
				names = append(names, alias)
			}
			if len(names) > 0 {
				fmt.Fprintf(&b, "%v %s\n", a.Addr, strings.Join(names, " "))
			}
		}
	}
	return b.String()
}

// cover mounts a file over another one, for this sandbox, and reports whether that is there.
func cover(file, content string) (there bool, err error) {
	own := filepath.Join("/run", filepath.Base(file))
	if err := os.WriteFile(own, []byte(content), 0o644); err != nil {
		return false, fmt.Errorf("name the hosts: %w", err)
	}
	err = unix.Mount(own, file, "", unix.MS_BIND, "")
	if errors.Is(err, unix.ENOENT) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("name the hosts: mount over %s: %w", file, err)
	}
	return true, nil
}
