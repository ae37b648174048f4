package testbed

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// cpuTime is the machine's CPU time since boot, in ticks of /proc/stat.
type cpuTime struct{ busy, total uint64 }

func readCPU() (cpuTime, error) {
	data, err := os.ReadFile("/proc/stat")
	if err != nil {
		return cpuTime{}, fmt.Errorf("read CPU time: %w", err)
	}
	line, _, _ := strings.Cut(string(data), "\n")
	fields := strings.Fields(line)
	if len(fields) < 6 || fields[0] != "cpu" {
		return cpuTime{}, fmt.Errorf("read CPU time: /proc/stat begins with %q", line)
	}
	var t cpuTime
	for i, f := range fields[1:min(len(fields), 9)] { // guest time is in user time already
		v, err := strconv.ParseUint(f, 10, 64)
		if err != nil {
			return cpuTime{}, fmt.Errorf("read CPU time: %w", err)
		}
		t.total += v
		if i != 3 && i != 4 { // idle, iowait
			t.busy += v
		}
	}
	return t, nil
}

// until returns the busy share of the time between two readings, 0 to 1.
func (t cpuTime) until(later cpuTime) float64 {
	if later.total <= t.total {
		return 0
	}
	return float64(later.busy-t.busy) / float64(later.total-t.total)
}
