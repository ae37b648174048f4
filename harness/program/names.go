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
// mounted over /etc/hosts. A name has all addresses of its host, and programs that may choose
// take the IPv4 one: glibc would take the other one, which a second file, over /etc/gai.conf,
// keeps it from. Where there is none to mount over, the IPv6 addresses have a name of their
// own only, which they have everywhere: host1-v6, unless another host is called so.
func NameHosts(hosts map[string][]netip.Addr) error {
	chosen, err := cover("/etc/gai.conf", "# IPv4 first (RFC 6724 has it so for local addresses).\n"+
		"precedence ::ffff:0:0/96 100\n")
	if err != nil {
		return err
	}

	// On a machine without /etc/hosts names stay unknown to programs.
	_, err = cover("/etc/hosts", hostsFile(hosts, chosen))
	return err
}

// hostsFile is what /etc/hosts says of hosts; chosen says whether programs take the IPv4
// address of a name that has both.
func hostsFile(hosts map[string][]netip.Addr, chosen bool) string {
	word := func(name string) string { return strings.ReplaceAll(name, " ", "-") } // a blank would end it
	own := map[string]bool{}
	for name := range hosts {
		own[word(name)] = true
	}

	var b strings.Builder
	b.WriteString("127.0.0.1 localhost\n")
	for _, name := range slices.Sorted(maps.Keys(hosts)) {
		for _, address := range hosts[name] {
			var names []string
			if address.Is4() || chosen {
				names = append(names, word(name))
			}
			// Another host's own name stays that host's.
			if alias := word(name) + "-v6"; address.Is6() && !own[alias] {
				names = append(names, alias)
			}
			if len(names) > 0 {
				fmt.Fprintf(&b, "%v %s\n", address, strings.Join(names, " "))
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
