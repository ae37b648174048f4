package sandbox

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// numbers writes capabilities for PID 1.
func numbers(capabilities []int) string {
	var texts []string
	for _, c := range capabilities {
		texts = append(texts, strconv.Itoa(c))
	}
	return strings.Join(texts, ",")
}

// narrow takes from the calling thread what a program that it starts could have of
// the capabilities that text does not name. Empty text names all. Where the caller
// may not give up capabilities, it has few already, and is left as it is.
func narrow(text string) error {
	if text == "" {
		return nil
	}
	var keep []int
	for number := range strings.SplitSeq(text, ",") {
		c, err := strconv.Atoi(number)
		if err != nil {
			return fmt.Errorf("read the capabilities to keep: %w", err)
		}
		keep = append(keep, c)
	}

	if err := disinherit(keep); err != nil {
		return err
	}
	for c := 0; c <= unix.CAP_LAST_CAP; c++ {
		if slices.Contains(keep, c) {
			continue
		}
		err := unix.Prctl(unix.PR_CAPBSET_DROP, uintptr(c), 0, 0, 0)
		switch {
		case errors.Is(err, unix.EPERM):
			return nil
		case err != nil && !errors.Is(err, unix.EINVAL): // a kernel that does not know it yet
			return fmt.Errorf("give up capability %d: %w", c, err)
		}
	}
	return nil
}

// disinherit leaves only capabilities to keep in the inheritable set, which a program
// that is started gets whatever the bounding set says.
func disinherit(keep []int) error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return fmt.Errorf("read capabilities: %w", err)
	}

	var kept [2]uint32
	for _, c := range keep {
		kept[c/32] |= 1 << (c % 32)
	}
	for i := range data {
		data[i].Inheritable &= kept[i]
	}
	if err := unix.Capset(&header, &data[0]); err != nil {
		return fmt.Errorf("give up inherited capabilities: %w", err)
	}
	return nil
}
