package machine

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// leastAddresses is the address space without which a process ends at any moment with the
// Go runtime's own words: some 700 MB are reserved before main begins.
const leastAddresses = 1 << 30

// Addresses returns an error where the limit of address space is too low for any command.
func Addresses() error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_AS, &limit); err != nil {
		return nil // nothing is known against it
	}
	return enoughAddresses(limit.Cur)
}

func enoughAddresses(allowed uint64) error {
	if allowed >= leastAddresses {
		return nil
	}
	return fmt.Errorf("check the limit of address space: edgebed needs %d MiB, most of which stays unused, "+
		"and %d are allowed; raise it with ulimit -v", leastAddresses>>20, allowed>>20)
}
