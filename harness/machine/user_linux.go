package machine

import (
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// userTasks is TasksLeft for the limit of all of the user's processes together,
// which does not hold for root.
func userTasks(root fs.FS) (Tasks, bool) {
	var limit unix.Rlimit
	if os.Geteuid() == 0 || unix.Getrlimit(unix.RLIMIT_NPROC, &limit) != nil || limit.Cur > 1<<31 {
		return Tasks{}, false
	}
	used := threadsOf(root, strconv.Itoa(os.Getuid()))
	return Tasks{max(0, int64(limit.Cur)-used), int64(limit.Cur),
		"raise the limit of the user's processes with ulimit -u"}, true
}

// threadsOf counts the threads of a user.
func threadsOf(root fs.FS, uid string) (sum int64) {
	entries, err := fs.ReadDir(root, "proc")
	if err != nil {
		return 0
	}

	for _, e := range entries {
		if _, err := strconv.Atoi(e.Name()); err != nil {
			continue
		}

		own, threads := false, int64(0)
		for line := range strings.Lines(read(root, path.Join("proc", e.Name(), "status"))) {
			fields := strings.Fields(line)
			switch {
			case len(fields) > 1 && fields[0] == "Uid:":
				own = fields[1] == uid
			case len(fields) > 1 && fields[0] == "Threads:":
				threads, _ = strconv.ParseInt(fields[1], 10, 64)
			}
		}

		if own {
			sum += threads
		}
	}
	return sum
}
