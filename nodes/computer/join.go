package computer

import (
	"fmt"
	"sync"
	"time"

	"edgebed/nodes/wire"
)

// joins counts the arrivals at functions of DAGs that have several
// predecessors. The request that arrives last is run; of the earlier ones
// nothing is kept (prototype: EdgeComputer::checkPreconditions).
type joins struct {
	mu      sync.Mutex
	waiting map[joinKey]*join
}

type joinKey struct {
	index uint32
	uuid  string
}

type join struct {
	arrived, expected int
	timeout           time.Duration
	expires           time.Time
	// report is enough of a request to tell its callback of an expiry.
	report *wire.LambdaRequest
}

func newJoins() joins { return joins{waiting: make(map[joinKey]*join)} }

// arrive counts a request and tells whether its function may run. A join that
// stays incomplete for the timeout expires.
func (j *joins) arrive(req *wire.LambdaRequest, timeout time.Duration) bool {
	expected := predecessors(req)
	if expected <= 1 {
		return true
	}

	key := joinKey{req.GetNextFunctionIndex(), req.GetUuid()}
	j.mu.Lock()
	defer j.mu.Unlock()
	e := j.waiting[key]
	if e == nil {
		e = &join{expected: expected, timeout: timeout, report: &wire.LambdaRequest{
			Name:              req.GetName(),
			Callback:          req.GetCallback(),
			NextFunctionIndex: req.GetNextFunctionIndex(),
			Uuid:              req.GetUuid(),
		}}
		j.waiting[key] = e
	}

	e.arrived++
	if e.arrived >= e.expected {
		delete(j.waiting, key)
		return true
	}

	// Who waits now has the full timeout again.
	e.expires = time.Now().Add(timeout)
	e.report.Hops = max(e.report.Hops, req.GetHops())
	return false
}

// predecessors returns in how many successor lists the request's function
// stands; 0 for chains, single functions and the first function of a DAG.
func predecessors(req *wire.LambdaRequest) int {
	n := 0
	for _, list := range req.GetDag().GetSuccessors() {
		for _, s := range list.GetFunctions() {
			if s == uint64(req.GetNextFunctionIndex()) {
				n++
			}
		}
	}
	return n
}

// expire removes and returns the joins that have waited too long.
func (j *joins) expire(now time.Time) (expired []*join) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for key, e := range j.waiting {
		if now.After(e.expires) {
			delete(j.waiting, key)
			expired = append(expired, e)
		}
	}
	return expired
}

// drop removes all joins and returns how many there were.
func (j *joins) drop() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	n := len(j.waiting)
	clear(j.waiting)
	return n
}

func (j *joins) len() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.waiting)
}

// err says what an expired join waited for.
func (e *join) err() error {
	return fmt.Errorf("join: %d of %d predecessors arrived, and no other within %v "+
		"(does every predecessor invoke the same computer?)", e.arrived, e.expected, e.timeout)
}
