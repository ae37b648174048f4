package testbed

import (
	"context"
	"time"

	"edgebed/harness/job"
	"edgebed/harness/machine"
	"edgebed/harness/record"
)

// Backend is one of the ways to run jobs.
type Backend struct {
	// Network is what makes the links.
	Network record.NetworkKind
	// Ready tells why the jobs cannot be run here, before any is started, or how many
	// of them can at once; 0 stands for any number.
	Ready func(ctx context.Context, jobs []job.Job) (atOnce int, err error)
	// Spawn runs a job in a child process.
	Spawn func(ctx context.Context, j job.Job, report job.Reporter) error
	// Calibrate measures what the machine adds to delays (see Calibrate); 0 means
	// nothing.
	Calibrate func(context.Context) (time.Duration, error)
	// Expected is about how long a job takes.
	Expected func(*job.Job) time.Duration
	// Exact networks cannot be disturbed: a cell takes a core, and as many run at
	// once as there are cores. What a cell gives depends on all its executions, so
	// that one that was stopped is run again from its start.
	Exact bool
}

// BackendOf returns the back end that makes a network.
func BackendOf(n record.NetworkKind) Backend {
	if n == record.Virtual {
		return Backend{
			Network:   record.Virtual,
			Ready:     readyForVirtual,
			Spawn:     SpawnVirtual,
			Calibrate: func(context.Context) (time.Duration, error) { return 0, nil },
			Expected:  computing,
			Exact:     true,
		}
	}
	return Backend{
		Network:   record.Emulated,
		Ready:     Ready,
		Spawn:     Spawn,
		Calibrate: Calibrate,
		Expected:  (*job.Job).Expected,
	}
}

// readyForVirtual looks for the worker, and whether it can be started. Prepare has refused jobs that need a kernel.
func readyForVirtual(_ context.Context, jobs []job.Job) (int, error) {
	if _, err := VirtualWorker(); err != nil {
		return 0, err
	}
	workers, err := workersBeside(jobs)
	if err != nil {
		return 0, err
	}
	if tasks, limited := machine.TasksLeft(); limited {
		if tasks.Left < virtualTasks() {
			return 0, lacksTasks(tasks, virtualTasks())
		}
		workers = min(workers, int(tasks.Left/virtualTasks()))
	}
	return workers, nil
}

// What virtual time takes on a core of an AMD EPYC: to start a cell, for each
// execution, and for each byte that switches send.
const (
	startTime     = 300 * time.Millisecond
	executionTime = 30 * time.Millisecond
	byteTime      = 15 * time.Nanosecond
)

// computing is about how long a job takes in virtual time.
func computing(j *job.Job) time.Duration {
	return startTime + time.Duration(j.Left())*executionTime + time.Duration(j.Traffic())*byteTime
}
