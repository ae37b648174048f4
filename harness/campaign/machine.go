package campaign

import (
	"bytes"
	"os"
	"runtime"
	"strconv"
)

// busyCores returns a function that tells how many cores were busy, on average,
// since it was last called, with the share of them that a hypervisor took. It
// tells nothing where /proc/stat cannot be read.
func busyCores() func() (cores float64, ok bool) {
	busy, total, _ := readStat()
	return func() (float64, bool) {
		b, t, err := readStat()
		if err != nil || t <= total {
			return 0, false
		}
		share := float64(b-busy) / float64(t-total)
		busy, total = b, t
		return share * float64(runtime.NumCPU()), true
	}
}

// readStat returns the machine's busy and total CPU time since boot, in ticks.
func readStat() (busy, total uint64, err error) {
	data, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, 0, err
	}
	line, _, _ := bytes.Cut(data, []byte{'\n'})
	fields := bytes.Fields(line)
	for i, f := range fields[min(1, len(fields)):min(len(fields), 9)] { // guest time is in user time already
		v, err := strconv.ParseUint(string(f), 10, 64)
		if err != nil {
			return 0, 0, err
		}
		total += v
		if i != 3 && i != 4 { // idle, iowait
			busy += v
		}
	}
	return busy, total, nil
}
