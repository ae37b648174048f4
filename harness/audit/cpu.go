package audit

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// CPU is the machine's processor time since boot, in ticks of /proc/stat.
type CPU struct{ busy, steal, total uint64 }

// ReadCPU reads it.
func ReadCPU() (CPU, error) {
	data, err := os.ReadFile("/proc/stat")
	if err != nil {
		return CPU{}, fmt.Errorf("read CPU time: %w", err)
	}
	return parseCPU(string(data))
}

func parseCPU(text string) (CPU, error) {
	line, _, _ := strings.Cut(text, "\n")
	fields := strings.Fields(line)
	if len(fields) < 6 || fields[0] != "cpu" {
		return CPU{}, fmt.Errorf("read CPU time: /proc/stat begins with %q", line)
	}
	var t CPU
	for i, f := range fields[1:min(len(fields), 9)] { // guest time is in user time already
		v, err := strconv.ParseUint(f, 10, 64)
		if err != nil {
			return CPU{}, fmt.Errorf("read CPU time: %w", err)
		}
		t.total += v
		if i != 3 && i != 4 { // idle, iowait
			t.busy += v
		}
		if i == 7 {
			t.steal = v
		}
	}
	return t, nil
}

// Busy returns the share of the time between two readings that was in use, by
// anyone or by the machine's own host, 0 to 1.
func (t CPU) Busy(later CPU) float64 { return t.share(later, later.busy-t.busy) }

// Steal returns the share that the machine's host took for others, 0 to 1.
func (t CPU) Steal(later CPU) float64 { return t.share(later, later.steal-t.steal) }

func (t CPU) share(later CPU, ticks uint64) float64 {
	if later.total <= t.total {
		return 0
	}
	return float64(ticks) / float64(later.total-t.total)
}

// schedule is what the kernel's scheduler did with some threads: how long they
// were on a processor, and how long they could have run but waited for one.
type schedule struct{ ran, waited time.Duration }

func (s schedule) add(o schedule) schedule { return schedule{s.ran + o.ran, s.waited + o.waited} }

// since returns the difference to an earlier reading, not below zero: threads may
// have ended in between.
func (s schedule) since(o schedule) schedule {
	return schedule{max(s.ran-o.ran, 0), max(s.waited-o.waited, 0)}
}

// scheduled returns the schedule of a process's threads, those that have ended left
// out. It is zero where the kernel does not say.
func scheduled(pid string) schedule {
	var sum schedule
	files, err := filepath.Glob("/proc/" + pid + "/task/*/schedstat")
	if err != nil {
		return sum
	}
	for _, f := range files {
		data, err := os.ReadFile(f) // a thread may have ended since
		if err != nil {
			continue
		}
		// Time on a processor, time waiting for one, times run.
		if fields := strings.Fields(string(data)); len(fields) == 3 {
			ran, _ := strconv.ParseInt(fields[0], 10, 64)
			waited, _ := strconv.ParseInt(fields[1], 10, 64)
			sum = sum.add(schedule{time.Duration(ran), time.Duration(waited)})
		}
	}
	return sum
}
