package testbed

import (
	"fmt"
	"math"
	"runtime"

	"golang.org/x/sys/unix"

	"edgebed/harness/emu"
	"edgebed/harness/job"
	"edgebed/harness/machine"
	"edgebed/harness/topology"
)

// What the limits of processes, open files and memory leave room for.

// cellTasks is about how many processes and threads a cell takes without those of
// a delay line, which has one for each line: 26 at most were seen on 2 cores.
func cellTasks() int64 { return int64(22 + 4*min(runtime.NumCPU(), 32)) }

// virtualTasks is about how many a cell in virtual time takes, without what the campaign has.
func virtualTasks() int64 { return int64(6 + 4*min(runtime.NumCPU(), 32)) }

// limitedHostTasks is about how many the process of a limited host takes: 6 were seen on 2 cores.
const limitedHostTasks = 10

func lacksTasks(t machine.Tasks, need int64) error {
	return fmt.Errorf("check the limit of processes and threads: a cell needs about %d, "+
		"and %d more of %d are allowed; %s", need, t.Left, t.Allowed, t.Setting)
}

// A campaign has about filesOfAll files open, and filesOfWorker more for each worker: with
// fewer, cells would fail one after the other.
const (
	filesOfAll    = 24
	filesOfWorker = 8
)

// workersOfFiles returns how many workers the limit of open files lets run at once. The
// error says that it is none.
func workersOfFiles() (int, error) {
	var open unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &open); err != nil || open.Max > math.MaxInt32 {
		return math.MaxInt32, nil
	}
	return workersWith(open.Max)
}

func workersWith(files uint64) (int, error) {
	if files < filesOfAll+filesOfWorker {
		return 0, lacksFiles(filesOfAll+filesOfWorker, files)
	}
	return int((files - filesOfAll) / filesOfWorker), nil
}

func lacksFiles(need, allowed uint64) error {
	return fmt.Errorf("check the limit of open files: a cell needs about %d, and the process may have %d; "+
		"raise it with ulimit -n", need, allowed)
}

// Room tells why the limits of processes and threads, and of open files, leave no room for the
// network of a topology, with the links' delay made in user space, and what runs on its hosts.
func Room(t *topology.Topology) error {
	need := cellTasks() + int64(emu.DelayedLinks(t))
	if tasks, limited := machine.TasksLeft(); limited && tasks.Left < need {
		return lacksTasks(tasks, need)
	}
	_, err := workersBeside(nil)
	return err
}

// leastMemory is what a campaign of small cells was seen to run with, one at a time: the kernel
// ends what has less.
const leastMemory = 40 << 20

// workersOfMemory returns how many workers of the largest job the control groups have memory
// for, at least one where there is a chance. The error says that there is none.
func workersOfMemory(jobs []job.Job) (int, error) {
	memory, limited := machine.MemoryLimit()
	if !limited {
		return math.MaxInt32, nil
	}
	if memory.Allowed < leastMemory {
		return 0, fmt.Errorf("check the limit of memory: edgebed and one cell need about %d MB, "+
			"and %d MB are allowed; %s", leastMemory/1_000_000, memory.Allowed/1_000_000, memory.Setting)
	}
	largest := int64(leastMemory)
	for i := range jobs {
		largest = max(largest, int64(jobs[i].Memory()))
	}
	return int(min(max(1, memory.Allowed/largest), math.MaxInt32)), nil
}

// workersBeside returns how many workers of jobs open files and memory let run at once.
func workersBeside(jobs []job.Job) (int, error) {
	files, err := workersOfFiles()
	if err != nil {
		return 0, err
	}
	memory, err := workersOfMemory(jobs)
	if err != nil {
		return 0, err
	}
	return min(files, memory), nil
}
