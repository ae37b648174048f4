package machine

import (
	"fmt"
	"io/fs"
	"math"
	"os"
	"path"
	"runtime"
	"strconv"
	"strings"

	"edgebed/harness/cgroup"
)

// Cores returns how many processors' time the process gets, which is no whole
// number where a control group has a quota; limited says that one holds.
func Cores() (cores float64, limited bool) {
	cores = float64(runtime.NumCPU())
	if quota, ok := quota(os.DirFS("/")); ok && quota < cores {
		return quota, true
	}
	return cores, false
}

// quota returns the smallest quota of processor time that holds, in cores.
func quota(root fs.FS) (cores float64, ok bool) {
	cores = math.Inf(1)
	cgroup.Folders(root, "cpu", func(folder string, second bool) {
		limit, period := int64(-1), int64(0)
		if second {
			fields := strings.Fields(read(root, path.Join(folder, "cpu.max")))
			if len(fields) == 2 && fields[0] != "max" {
				limit, _ = strconv.ParseInt(fields[0], 10, 64)
				period, _ = strconv.ParseInt(fields[1], 10, 64)
			}
		} else {
			limit, _ = number(root, path.Join(folder, "cpu.cfs_quota_us"))
			period, _ = number(root, path.Join(folder, "cpu.cfs_period_us"))
		}
		if limit > 0 && period > 0 {
			cores = min(cores, float64(limit)/float64(period))
		}
	})
	return cores, !math.IsInf(cores, 1)
}

// Tasks is how many more processes and threads there may be.
type Tasks struct {
	// Left may be started, of so many that Allowed are.
	Left, Allowed int64
	// Setting names what limits them and says how to change it.
	Setting string
}

// TasksLeft returns the tightest limit of processes and threads, or false where
// there is none.
func TasksLeft() (Tasks, bool) {
	tightest, ok := tasks(os.DirFS("/"))
	if own, limited := userTasks(os.DirFS("/")); limited && (!ok || own.Left < tightest.Left) {
		return own, true
	}
	return tightest, ok
}

// tasks is TasksLeft for control groups.
func tasks(root fs.FS) (tightest Tasks, ok bool) {
	cgroup.Folders(root, "pids", func(folder string, _ bool) {
		allowed, limited := number(root, path.Join(folder, "pids.max"))
		if !limited {
			return
		}
		current, _ := number(root, path.Join(folder, "pids.current"))
		if left := max(0, allowed-current); !ok || left < tightest.Left {
			tightest = Tasks{left, allowed, fmt.Sprintf("raise pids.max of the control group /%s "+
				"(systemd: TasksMax=, docker and podman: --pids-limit)", folder)}
			ok = true
		}
	})
	return tightest, ok
}
