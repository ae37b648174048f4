package computer

import (
	"slices"
	"sync"

	"edgebed/nodes/wire"
)

// Stats is a look at what a computer holds and has failed at.
type Stats struct {
	// Running and Queued are tasks on the processors and waiting for them.
	Running, Queued int
	// Joins is the number of functions that wait for predecessors, and in the
	// direct form for states.
	Joins int
	// Waiting is the number of requests that have arrived and that none of the
	// computer's threads handles yet.
	Waiting int
	// InFlight is the number of asynchronous requests that were accepted and
	// are not done: queued, running, or being sent on, or whose failure is being
	// told to the client. Those that wait as Joins are left out.
	InFlight int
	// Failed is the number of requests that failed since the start.
	Failed int
	// Failures holds the last of them, at most 100, oldest first.
	Failures []FailedRequest
}

// FailedRequest is a request that failed.
type FailedRequest struct {
	// UUID of the execution; empty where the request had none.
	UUID string
	// Function that was requested.
	Function string
	// Reason as the client was told.
	Reason string
	// Told is whether the caller or the callback knows.
	Told bool
}

// Stats returns the present numbers. All but the failures are zero when the
// computer is idle.
func (c *Computer) Stats() Stats {
	s := Stats{Joins: c.joins.len() + c.waiting.len(), InFlight: int(c.inFlight.Load())}
	s.Running, s.Queued = c.engine.Counts()
	s.Waiting = int(c.blocked.Load())
	if c.queue != nil {
		s.Waiting += c.queue.len()
	}
	s.Failed, s.Failures = c.failures.get()
	return s
}

// Abandon forgets all functions that wait for predecessors or states, and returns
// how many there were. They would be reported to their clients when their time is
// over, which must not happen where the executions have failed already and other
// ones follow. It is for when no execution is in progress; what runs goes on.
func (c *Computer) Abandon() int { return c.joins.drop() + c.waiting.drop() }

// fail notes a request that failed.
func (c *Computer) fail(req *wire.LambdaRequest, cause error, told bool) {
	c.log.Warn("request failed", "function", req.GetName(), "uuid", req.GetUuid(), "told", told, "error", cause)
	c.failures.add(FailedRequest{UUID: req.GetUuid(), Function: req.GetName(), Reason: retcode(cause), Told: told})
}

// failureLog keeps the last failures.
type failureLog struct {
	mu    sync.Mutex
	count int
	last  []FailedRequest
}

func (l *failureLog) add(f FailedRequest) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.count++
	l.last = append(l.last, f)
	if len(l.last) > 100 {
		l.last = slices.Delete(l.last, 0, 1)
	}
}

func (l *failureLog) get() (int, []FailedRequest) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.count, slices.Clone(l.last)
}
