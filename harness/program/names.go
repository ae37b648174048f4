package program

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// NameHosts makes the hosts' names resolve for the programs of this sandbox, with a
// file mounted over /etc/hosts.
func NameHosts(hosts map[string]netip.Addr) error {
	var b strings.Builder
	b.WriteString("127.0.0.1 localhost\n")
	for _, name := range slices.Sorted(maps.Keys(hosts)) {
		// A blank would end the name.
		fmt.Fprintf(&b, "%v %s\n", hosts[name], strings.ReplaceAll(name, " ", "-"))
	}

	const file = "/run/hosts"
	if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
		return fmt.Errorf("name the hosts: %w", err)
	}
	err := unix.Mount(file, "/etc/hosts", "", unix.MS_BIND, "")
	if errors.Is(err, unix.ENOENT) {
		return nil // a machine without /etc/hosts: names stay unknown to programs
	}
	if err != nil {
		return fmt.Errorf("name the hosts: mount over /etc/hosts: %w", err)
	}

	return nil
}
