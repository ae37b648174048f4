package campaign

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"edgebed/harness/job"
	"edgebed/harness/machine"
	"edgebed/harness/record"
)

// Worker runs one job and reports what happens in it, in order. It returns an
// error if the job ended before its last execution.
type Worker func(ctx context.Context, j job.Job, report job.Reporter) error

// Options of a campaign.
type Options struct {
	// Worker runs the jobs: those of testbed, unless a test gives another one.
	Worker Worker
	// Jobs is the largest number of cells at once; 0 leaves it to the machine.
	Jobs int
	// Attempts is how often a cell is tried whose worker fails; 0 means 2.
	Attempts int
	// Reruns is how often a cell is run again whose audit says disturbed.
	Reruns int
	// Disturbed says how often cells were disturbed before this run.
	Disturbed map[string]int
	// Exact cells are not disturbed by anything: as many run as there are Cores.
	Exact bool
	// Expected is about how long a job takes; nil means Job.Expected.
	Expected func(*job.Job) time.Duration
	// Busy tells how many of Cores were busy since it was last called; nil
	// means this machine's.
	Busy  func() (cores float64, ok bool)
	Cores float64
	// Observe is called after each change, from one goroutine at a time.
	Observe func(Event)
}

// Settled reports whether a cell needs no further run: all its executions are
// made, and its audit passed or has failed as often as it is tried.
func Settled(c record.CellResult, reruns int) bool {
	return c.Complete() && (!c.Disturbed() || c.DisturbedAttempts > reruns)
}

// EventType says what an Event is about.
type EventType string

// Interrupted is the reason why a cell ended that a cancelled campaign stopped; it
// is gone on with when the campaign is.
const Interrupted = "interrupted"

// The events of a campaign.
const (
	CellStarted   EventType = "cell-started"
	ExecutionDone EventType = "execution"
	CellEnded     EventType = "cell-ended"
	// CellAgain means that a cell waits to be run again; Reason says why.
	CellAgain EventType = "cell-again"
	// Sampled comes once a second, with nothing but the progress.
	Sampled EventType = "progress"
)

// Event is what just happened in a campaign.
type Event struct {
	Type EventType `json:"event"`
	Cell string    `json:"cell,omitempty"`
	// Execution is set for ExecutionDone.
	Execution *record.Execution `json:"execution,omitempty"`
	// OK and Verdict are set for CellEnded.
	OK      bool           `json:"ok,omitempty"`
	Verdict record.Verdict `json:"verdict,omitempty"`
	// Reason why a cell failed or is run again.
	Reason   string   `json:"reason,omitempty"`
	Progress Progress `json:"progress"`
}

// Progress is how far a campaign is.
type Progress struct {
	Cells       int `json:"cells"`
	CellsDone   int `json:"cells_done"`
	CellsFailed int `json:"cells_failed"`
	// Executions counts what this run makes, without warm-ups.
	Executions       int `json:"executions"`
	ExecutionsDone   int `json:"executions_done"`
	ExecutionsFailed int `json:"executions_failed"`
	Running          int `json:"running"`
	// Faithful and Disturbed count finished cells by their audits' verdicts,
	// Again the runs that were started over because of one.
	Faithful  int `json:"faithful"`
	Disturbed int `json:"disturbed"`
	Again     int `json:"again"`
	// Fraction of the expected work that is done, 0 to 1.
	Fraction float64       `json:"fraction"`
	Elapsed  time.Duration `json:"elapsed_ns"`
	// Left is the expected time to the end, 0 while unknown.
	Left time.Duration `json:"left_ns"`
}

// Summary is what a campaign came to.
type Summary struct {
	Progress
	// Failures holds the reasons of failed cells, by cell.
	Failures map[string]string
}

// sampleEvery is the time between samples of the machine's CPU time.
const sampleEvery = time.Second

// Refuse writes that none of the jobs was run, and why: results that a report can be made
// of, and that can be resumed where the reason is gone.
func Refuse(jobs []job.Job, w *record.Writer, why error) (Summary, error) {
	refused := Summary{
		Progress: Progress{Cells: len(jobs), CellsFailed: len(jobs)},
		Failures: map[string]string{},
	}
	for i := range jobs {
		end := record.CellEnd{Cell: jobs[i].Cell.ID, Ended: time.Now(), Reason: why.Error()}
		if err := w.CellEnd(end); err != nil {
			return refused, err
		}
		refused.Failures[end.Cell] = end.Reason
	}
	return refused, nil
}

// Run runs the jobs and writes their records to w. Failed executions and failed
// cells are results, not errors; the error is for what kept the campaign from
// going on: a cancelled context, or records that could not be written.
func Run(ctx context.Context, jobs []job.Job, w *record.Writer, o Options) (Summary, error) {
	if o.Attempts == 0 {
		o.Attempts = 2
	}
	if o.Observe == nil {
		o.Observe = func(Event) {}
	}
	if o.Busy == nil {
		o.Busy = busyCores()
		o.Cores, _ = machine.Cores()
	}

	r := &run{options: o, writer: w, started: time.Now(), changed: make(chan struct{}, 1)}
	if o.Expected == nil {
		o.Expected = (*job.Job).Expected
	}
	r.options = o

	r.admission = newAdmission(jobs, o)
	r.summary.Failures = map[string]string{}
	for _, t := range r.admission.waiting {
		r.expected += t.expected
		r.summary.Executions += t.job.Left()
	}
	r.summary.Cells = len(jobs)

	r.forecast()
	err := r.loop(ctx)

	r.mu.Lock()
	defer r.mu.Unlock()
	r.summary.Progress = r.progress()
	return r.summary, err
}

type run struct {
	options Options
	writer  *record.Writer
	started time.Time
	changed chan struct{}

	mu        sync.Mutex
	admission *admission
	expected  time.Duration
	done      time.Duration
	summary   Summary
	failure   error
	estimate  estimate
	// shifted means that cells started or ended since the last sample.
	shifted bool
}

func (r *run) loop(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)

	var workers sync.WaitGroup
	defer workers.Wait()
	ticker := time.NewTicker(sampleEvery)
	defer ticker.Stop()

	for {
		r.mu.Lock()
		for ctx.Err() == nil {
			t := r.admission.next()
			if t == nil {
				break
			}
			r.shifted = true
			t.began, t.made = time.Now(), 0
			r.event(Event{Type: CellStarted, Cell: t.job.Cell.ID})
			workers.Go(func() {
				end, err := r.cell(ctx, t)
				r.finish(t, end, err, ctx.Err() != nil)
				if r.failed() != nil {
					stop(r.failed())
				}
			})
		}

		idle := len(r.admission.running) == 0
		finished := idle && len(r.admission.waiting) == 0
		r.mu.Unlock()

		if err := r.failed(); err != nil && idle {
			return err
		}
		if ctx.Err() != nil && idle {
			return context.Cause(ctx)
		}
		if finished {
			return nil
		}

		select {
		case <-r.changed:
		case <-ticker.C:
			r.sample()
		}
	}
}

// sample lets the admission learn from the last second, unless cells started or
// ended in it: setting up and tearing down is not what a cell takes.
func (r *run) sample() {
	busy, ok := r.options.Busy()
	r.mu.Lock()
	defer r.mu.Unlock()
	if ok && !r.shifted {
		r.admission.observe(busy)
	}
	r.shifted = false
	r.forecast()
	r.event(Event{Type: Sampled})
}

// cell runs one cell and writes its records. What an attempt made does not
// count unless it is the cell's last.
func (r *run) cell(ctx context.Context, t *task) (end record.CellEnd, err error) {
	made, failed := 0, 0
	step := t.expected / time.Duration(max(1, t.job.Left()))
	report := job.Reporter{
		Cell: func(c record.Cell) error {
			r.mu.Lock()
			t.ready, r.shifted = true, true
			t.moved = time.Now()
			r.estimate.pace.ready(t.moved.Sub(t.began))
			r.mu.Unlock()
			r.wake()
			return r.write(r.writer.Cell(c))
		},
		Execution: func(e record.Execution) error {
			if err := r.write(r.writer.Execution(e)); err != nil || e.WarmUp {
				return err
			}
			r.mu.Lock()
			defer r.mu.Unlock()
			made++
			now := time.Now()
			r.estimate.pace.got(t, now.Sub(t.moved))
			t.made, t.moved = made, now
			r.summary.ExecutionsDone++
			r.done += step
			if !e.OK {
				failed++
				r.summary.ExecutionsFailed++
			}
			r.event(Event{Type: ExecutionDone, Cell: e.Cell, Execution: &e})
			return nil
		},
		CellEnd: func(c record.CellEnd) error {
			if c.Audit != nil {
				r.mu.Lock()
				c.Audit.Neighbours = t.neighbours
				r.mu.Unlock()
			}
			end = c
			return r.write(r.writer.CellEnd(c))
		},
	}

	err = r.options.Worker(ctx, t.job, report)
	if ctx.Err() != nil {
		return end, err
	}
	if err != nil {
		end = record.CellEnd{Cell: t.job.Cell.ID, Ended: time.Now(), Reason: err.Error()}
		err = errors.Join(err, r.write(r.writer.CellEnd(end)))
	}

	// What does not count any more, or runs again, is taken back from the progress.
	if err != nil || end.Audit != nil && end.Audit.Verdict == record.Disturbed && t.disturbed < r.options.Reruns {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.summary.ExecutionsDone -= made
		r.summary.ExecutionsFailed -= failed
		r.done -= step * time.Duration(made)
		r.whole(t)
	}
	return end, err
}

// whole makes the next attempt run all of the cell's executions. It needs the lock.
func (r *run) whole(t *task) {
	if t.job.First == 0 {
		return
	}
	r.summary.Executions += t.job.First
	r.expected -= t.expected
	t.job.First = 0
	t.expected = r.options.Expected(&t.job)
	r.expected += t.expected
}

func (r *run) finish(t *task, end record.CellEnd, err error, cancelled bool) {
	r.mu.Lock()
	r.admission.remove(t)
	r.shifted = true

	e := Event{Type: CellEnded, Cell: t.job.Cell.ID}
	switch {
	case err == nil:
		e.OK = true
		r.estimate.pace.ended(t, time.Since(t.moved))
		r.estimate.pace.audited(t, end.Audit)
		if end.Audit != nil {
			e.Verdict = end.Audit.Verdict
		}
		if r.admission.audited(t, end.Audit) {
			r.summary.Again++
			e.Type, e.Reason = CellAgain, "disturbed: "+findings(end.Audit)
			break
		}
		switch e.Verdict {
		case record.Faithful:
			r.summary.Faithful++
		case record.Disturbed:
			r.summary.Disturbed++
			e.Reason = findings(end.Audit)
		}
		r.summary.CellsDone++
	case cancelled:
		e.Reason = Interrupted
	default:
		e.Reason = err.Error()
		t.failures++
		if t.failures < r.options.Attempts {
			r.admission.wait(t)
			e.Type = CellAgain
			break
		}
		r.summary.CellsFailed++
		r.done += t.expected
		r.summary.Failures[t.job.Cell.ID] = err.Error()
	}

	r.forecast()
	r.event(e)
	r.mu.Unlock()
	r.wake()
}

// forecast says anew how long the rest takes. It needs the lock.
func (r *run) forecast() { r.estimate.update(r.admission, r.started, time.Now()) }

// wake lets the loop look for cells to start.
func (r *run) wake() {
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

// findings says in one line what an audit found.
func findings(a *record.Audit) string {
	if len(a.Findings) == 0 {
		return "no finding given"
	}
	f := a.Findings[0]
	text := fmt.Sprintf("%s %.4g %s, limit %.4g", f.Check, f.Value, f.Unit, f.Limit)
	if f.Where != "" {
		text += " at " + f.Where
	}
	if n := len(a.Findings) - 1; n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	return text
}

// event reports an event with the progress. It needs the lock.
func (r *run) event(e Event) {
	e.Progress = r.progress()
	r.options.Observe(e)
}

// progress needs the lock.
func (r *run) progress() Progress {
	p := r.summary.Progress
	p.Running = len(r.admission.running)
	p.Elapsed = time.Since(r.started)
	p.Left = max(0, r.estimate.left-time.Since(r.estimate.at))
	p.Fraction = 1
	if r.expected > 0 {
		p.Fraction = min(1, float64(r.done)/float64(r.expected))
	}
	return p
}

// write keeps the first failure to write a record: it ends the campaign.
func (r *run) write(err error) error {
	if err == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failure == nil {
		r.failure = err
	}
	return err
}

func (r *run) failed() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failure
}
