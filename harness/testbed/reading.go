package testbed

import (
	"context"
	"errors"
	"fmt"
	"time"

	"edgebed/harness/job"
	"edgebed/harness/network"
	"edgebed/nodes/units"
)

// reading is what the network has counted at one moment.
type reading struct {
	ports network.Counters
	tcp   network.TCP
}

// since returns what was counted after an earlier reading.
func (r reading) since(before reading) reading {
	return reading{r.ports.Sub(before.ports), r.tcp.Sub(before.tcp)}
}

// plus returns the reading as if more had been counted before it: with what is not
// to count, the start of a count.
func (r reading) plus(more reading) reading {
	return reading{r.ports.Add(more.ports), r.tcp.Add(more.tcp)}
}

// read reads all counters now.
func (s *setup) read() (r reading, err error) {
	if r.ports, err = s.network.Counters(); err != nil {
		return r, err
	}
	r.tcp, err = s.network.TCP()
	return r, err
}

// restlessError says that frames were still under way when the wait for them
// ended, after a limit, or calls of a failed execution (0).
type restlessError struct {
	limit time.Duration
	err   error
}

func (e *restlessError) Error() string {
	if e.limit == 0 {
		return e.err.Error()
	}
	return fmt.Sprintf("frames were still under way after %v: %v", e.limit.Round(time.Second), e.err)
}

func (e *restlessError) Unwrap() error { return e.err }

// settle waits until the last frames have arrived, and returns the counters of
// then. Where that takes longer than limit they are those of now, and the error is
// a *restlessError.
func (s *setup) settle(ctx context.Context, limit time.Duration) (reading, error) {
	bounded, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	_, idle := s.network.Idle(bounded, quiet+s.job.LastWork())
	if err := ctx.Err(); err != nil {
		return reading{}, err
	}
	if idle != nil && !errors.Is(idle, context.DeadlineExceeded) {
		return reading{}, fmt.Errorf("wait for the last frames: %w", idle)
	}

	r, err := s.read()
	if err == nil && idle != nil {
		err = &restlessError{limit, idle}
	}
	return r, err
}

const (
	// leastSettle is how long the wait for quiet may take where nothing waits
	// in queues: time for a machine that is busy.
	leastSettle = 10 * time.Second
	// sendBuffer is what one host's sockets may hold for a link beside the link's
	// queue: the kernel's default limit for one connection (net.ipv4.tcp_wmem).
	sendBuffer = 4 * units.MB
)

// settleLimit bounds the wait for quiet after an execution: by what queues and
// sockets can hold at the rate of the link that takes longest for it.
func settleLimit(j job.Job) time.Duration {
	t := j.Topology()
	var drain time.Duration
	for _, l := range t.AllLinks() {
		for _, p := range t.Directions(l) {
			held := sendBuffer*units.Size(len(t.Hosts)) + p.QueueLimit()
			drain = max(drain, p.Rate.Time(held)+p.Delay+p.Jitter)
		}
	}

	return leastSettle + drain
}

// failedLimit bounds the wait for quiet after an execution of a workflow that
// failed: its calls may still go on for their time.
func failedLimit(j job.Job, w job.Workflow) time.Duration {
	return settleLimit(j) + time.Duration(w.Workflow.Len()+1)*j.Cell.Execution.Timeout
}
