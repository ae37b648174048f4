package testbed

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"edgebed/harness/job"
	"edgebed/harness/load"
	"edgebed/harness/record"
	"edgebed/harness/scenario"
	"edgebed/nodes/client"
	"edgebed/nodes/deploy"
)

// afterFailure is how long a client of a closed loop waits after a failed execution
// before it goes on: what fails at once would fail without end.
const afterFailure = 100 * time.Millisecond

// refused is the stage at which an execution fails that does not begin, since too many
// of its client's are under way.
const refused = "refused"

// ending is an execution that is over.
type ending struct {
	execution record.Execution
	client    int // its number
	// stage at which it failed.
	stage string
}

// crowd are the clients of a cell under load.
type crowd struct {
	*setup
	began time.Time
	ended chan ending
	// stop ends all clients where the testbed could not do something.
	stop context.CancelCauseFunc
	// underWay counts executions of each client in an open loop.
	underWay []atomic.Int64
	// executions and closing are what is waited for at the end.
	executions, closing sync.WaitGroup
}

// underLoad runs the executions of a cell whose clients do not wait for each other, and
// its events. It returns what the executions came to together, and what happened.
func (s *setup) underLoad(ctx context.Context, report job.Reporter) (*record.Load, []record.Event, error) {
	if err := s.collect(ctx); err != nil {
		return nil, nil, err
	}
	before, err := s.read()
	if err != nil {
		return nil, nil, err
	}

	running, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	c := &crowd{
		setup: s, began: time.Now(), ended: make(chan ending), stop: stop,
		underWay: make([]atomic.Int64, s.job.Cell.Clients.Number()),
	}
	events, samples := newScript(c), newSampler(c, before.ports)
	happening, enough := context.WithCancel(running)
	var beside sync.WaitGroup
	beside.Go(func() { events.run(happening) })
	beside.Go(func() { samples.run(happening) })
	go func() {
		c.begin(running)
		c.executions.Wait()
		enough() // no execution is left to which something could happen
		beside.Wait()
		close(c.ended)
	}()

	sum := newTotals(&s.job, c.began)
	for o := range c.ended {
		sum.add(o)
		if err := report.Execution(o.execution); err != nil {
			stop(err) // and wait for the others
		}
	}
	c.closing.Wait()
	if err := context.Cause(running); err != nil {
		return nil, nil, err
	}

	limit := settleLimit(s.job)
	if sum.failed() > 0 {
		if err := s.deployment.Settle(ctx); err != nil {
			return nil, nil, err
		}
		limit += s.job.Cell.Execution.Timeout
	}
	after, err := s.settle(ctx, limit)
	if err != nil {
		return nil, nil, err
	}
	if err := events.mend(); err != nil {
		return nil, nil, err
	}
	l := sum.load(after.since(before))
	l.Samples = samples.samples()
	return l, events.events, nil
}

// begin has the clients begin executions until the load is over.
func (c *crowd) begin(ctx context.Context) {
	if _, loop := c.job.Cell.Load.How(); loop == scenario.Open {
		c.open(ctx)
		return
	}

	var clients sync.WaitGroup
	for number := range c.job.Cell.Clients.Number() {
		clients.Go(func() { c.closed(ctx, number) })
	}
	clients.Wait()
}

// open begins executions as they are due.
func (c *crowd) open(ctx context.Context) {
	limit := int64(c.job.Outstanding())
	for a := range c.job.Arrivals() {
		due := c.began.Add(a.Due)
		if c.until(ctx, due) != nil {
			return
		}
		t := turn{client: a.Client, index: a.Index, due: due}
		if c.underWay[a.Client].Load() >= limit {
			c.refuse(ctx, t, limit)
			continue
		}

		c.underWay[a.Client].Add(1)
		c.executions.Go(func() {
			seat, _ := c.execute(ctx, t, nil)
			c.underWay[a.Client].Add(-1)
			c.leave(seat)
		})
	}
}

// closed runs the executions of one client, one at a time.
func (c *crowd) closed(ctx context.Context, number int) {
	l, all := &c.job.Cell.Load, c.job.Cell.Clients.Number()
	var process load.Process
	if shape := l.Shape(); shape != nil {
		process = shape.Of(number, all, c.job.Cell.Seed)
	}
	var seat *deploy.Seated
	defer func() { c.leave(seat) }()

	order, last := newTurns(&c.job, number, c.began), c.began
	for ctx.Err() == nil {
		due := last.Add(c.gap(process))
		index, more := order.take(due)
		if index >= scenario.MaxExecutions {
			c.stop(l.Pos.At("duration").Errorf("more than %d executions are made in %v; make it shorter",
				scenario.MaxExecutions, l.Duration))
		}
		if !more || c.until(ctx, due) != nil {
			return
		}

		var failed bool
		seat, failed = c.execute(ctx, turn{client: number, index: index, due: due}, seat)
		last = time.Now()
		if failed {
			last = last.Add(afterFailure)
		}
		if failed || !c.job.Cell.Execution.KeepClient {
			c.leave(seat)
			seat = nil
		}
	}
}

// gap is the time from an answer to the client's next execution.
func (c *crowd) gap(process load.Process) time.Duration {
	if process == nil {
		return c.job.Cell.Execution.Pause
	}
	gap, _ := process.Next()
	return gap
}

// turns numbers the executions of one client of a closed loop. The clients take turns
// in the numbers, so that each executes the same workflows in every model.
type turns struct {
	step int
	// The next index of each kind: of warm-ups by number, by time, and measured.
	discard, timed, measured int
	// warmed is when warm-ups by time end, over when the load does, if it has a time;
	// else there are so many executions.
	warmed, over time.Time
	executions   int
}

func newTurns(j *job.Job, number int, began time.Time) *turns {
	l, all := &j.Cell.Load, j.Cell.Clients.Number()
	t := &turns{step: all, timed: -1 - number, measured: number, executions: j.Executions()}
	t.discard = number - (number+j.Cell.Execution.Discard)/all*all
	t.warmed = began.Add(l.WarmUp)
	if l.Duration > 0 {
		t.over = t.warmed.Add(l.Duration)
		t.executions = scenario.MaxExecutions
	}
	return t
}

// take returns the index of the execution that is due at a time; more is false where
// there is none.
func (t *turns) take(due time.Time) (index int, more bool) {
	at := &t.measured
	step := t.step
	switch {
	case t.discard < 0:
		at = &t.discard
	case due.Before(t.warmed):
		at, step = &t.timed, -t.step
	case !t.over.IsZero() && !due.Before(t.over):
		return 0, false
	case t.measured >= t.executions:
		return t.measured, false
	}
	index = *at
	*at += step
	return index, true
}

// turn is an execution that is to begin.
type turn struct {
	client, index int
	due           time.Time
}

// record begins the record of an execution.
func (c *crowd) record(t turn) (record.Execution, job.Workflow, error) {
	w, err := c.job.WorkflowOf(t.client, t.index)
	if err != nil {
		return record.Execution{}, w, fmt.Errorf("execution %d: %w", t.index, err)
	}
	return record.Execution{
		Cell: c.job.Cell.ID, Index: t.index, WarmUp: t.index < 0, Workload: w.Name, Started: time.Now(),
		Arrival: &record.Arrival{
			Client: fmt.Sprintf("%s/%d", c.job.Client(t.client), t.client), Due: t.due, Group: c.job.GroupOf(t.client),
		},
	}, w, nil
}

// refuse records an execution that does not begin.
func (c *crowd) refuse(ctx context.Context, t turn, limit int64) {
	e, _, err := c.record(t)
	if err != nil {
		c.stop(err)
		return
	}
	e.Reason = fmt.Sprintf("refused: %d executions of the client are under way", limit)
	c.end(ctx, ending{e, t.client, refused})
}

// end hands over an execution that is over.
func (c *crowd) end(ctx context.Context, o ending) {
	select {
	case c.ended <- o:
	case <-ctx.Done(): // nobody may be there any more
	}
}

// execute runs one workflow with the client, or with a new one where it has none, and
// hands over how it ended. It returns the client.
func (c *crowd) execute(ctx context.Context, t turn, seat *deploy.Seated) (_ *deploy.Seated, failed bool) {
	e, w, err := c.record(t)
	if err == nil && seat == nil {
		seat, err = c.deployment.NewClientOn(ctx, c.job.Client(t.client))
	}
	if err != nil {
		c.stop(err)
		return seat, true
	}

	// States of executions that overlap need names of their own.
	own := w.Workflow.Owned(strconv.Itoa(seat.Number()))
	e.Started = time.Now()
	waited := max(0, e.Started.Sub(t.due))
	result, err := seat.Execute(ctx, own, c.job.RunOf(t.client), client.Options{Verify: c.job.Cell.Execution.Verify})
	if ctx.Err() != nil {
		return seat, true
	}

	if _, limited := c.job.HostLimit(c.job.Client(t.client)); limited && !result.Began.IsZero() {
		// A client in a process of its own began by its own clock, maybe with its host's next share.
		waited = max(waited, result.Began.Sub(t.due))
	}

	// What the client waited for counts, as for whoever waits for the client.
	e.Arrival.WaitedNS, e.DelayNS = int64(waited), int64(waited+result.Delay)
	e.Hops, e.PTimeMS = result.Hops, result.PTime.Milliseconds()
	o := ending{execution: e, client: t.client}
	o.execution.OK = err == nil
	if err != nil {
		o.execution.Reason = err.Error()
		var failure *client.Failure
		if errors.As(err, &failure) {
			o.stage = string(failure.Stage)
		}
	}
	c.end(ctx, o)
	return seat, err != nil
}

// leave closes a client, if there is one. Nobody waits for that: the computers may have
// connections to it.
func (c *crowd) leave(seat *deploy.Seated) {
	if seat == nil {
		return
	}
	c.closing.Go(func() {
		if err := seat.Close(); err != nil {
			c.stop(err)
		}
	})
}

// until waits until a time: the last milliseconds as the network does, whose sleep is
// more exact where timers are late, and cannot be interrupted there.
func (c *crowd) until(ctx context.Context, at time.Time) error {
	const exactly = 5 * time.Millisecond
	if err := sleep(ctx, time.Until(at)-exactly); err != nil {
		return err
	}
	return c.network.Sleep(ctx, time.Until(at))
}
