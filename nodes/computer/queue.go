package computer

import (
	"sync"

	"edgebed/nodes/trace"
	"edgebed/nodes/wire"
)

// queued is a request that waits for a worker.
type queued struct {
	req *wire.LambdaRequest
	// cause is the call that brought it.
	cause trace.Cause
}

// queue is an unbounded first-in-first-out queue of requests, as the
// prototype's (support: Support/queue.h).
type queue struct {
	mu     sync.Mutex
	filled sync.Cond
	items  []queued
	closed bool
}

func newQueue() *queue {
	q := &queue{}
	q.filled.L = &q.mu
	return q
}

// push appends a request; false means that the queue was closed.
func (q *queue) push(req queued) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	q.items = append(q.items, req)
	q.filled.Signal()
	return true
}

// pop waits for a request. After close it returns those that are left, then
// false.
func (q *queue) pop() (queued, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.items) == 0 && !q.closed {
		q.filled.Wait()
	}
	if len(q.items) == 0 {
		return queued{}, false
	}
	req := q.items[0]
	q.items[0] = queued{}
	q.items = q.items[1:]
	return req, true
}

// len returns how many requests wait.
func (q *queue) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.items)
}

func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.filled.Broadcast()
}
