package campaign

import (
	"runtime"

	"edgebed/harness/audit"
)

// busyCores returns a function that tells how many cores were busy, on average,
// since it was last called. It tells nothing where that cannot be read.
func busyCores() func() (cores float64, ok bool) {
	last, _ := audit.ReadCPU()
	return func() (float64, bool) {
		now, err := audit.ReadCPU()
		if err != nil {
			return 0, false
		}
		share := last.Busy(now)
		last = now
		return share * float64(runtime.NumCPU()), true
	}
}
