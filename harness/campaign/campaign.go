// Package campaign runs all the cells of a plan and writes their records. The
// cell is the unit: each runs in a worker of its own, several at once as long
// as their expected load leaves the machine room, longest first.
package campaign

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"edgebed/harness/record"
	"edgebed/harness/testbed"
)

// Worker runs one job and reports what happens in it, in order. It returns an
// error if the job ended before its last execution.
type Worker func(ctx context.Context, job testbed.Job, report testbed.Reporter) error

// Options of a campaign.
type Options struct {
	// Worker runs the jobs: testbed.Spawn, unless a test gives another one.
	Worker Worker
	// Jobs is the largest number of cells at once; 0 leaves it to their load.
	Jobs int
	// Attempts is how often a cell is tried whose worker fails; 0 means 2.
	Attempts int
	// Progress is called after each change, from one goroutine at a time.
	Progress func(Progress)
}

// Progress is how far a campaign is.
type Progress struct {
	Cells, CellsDone, CellsFailed int
	// Executions counts what this run makes, without warm-ups.
	Executions, ExecutionsDone, ExecutionsFailed int
	Running                                      int
	// Fraction of the expected work that is done, 0 to 1.
	Fraction float64
	Elapsed  time.Duration
	// Left is the expected time to the end, 0 while unknown.
	Left time.Duration
	// Note is what just happened, where it deserves a line of its own.
	Note string
}

// Summary is what a campaign came to.
type Summary struct {
	Progress
	// Failures holds the reasons of failed cells, by cell.
	Failures map[string]string
}

// Run runs the jobs and writes their records to w. Failed executions and failed
// cells are results, not errors; the error is for what kept the campaign from
// going on: a cancelled context, or records that could not be written.
func Run(ctx context.Context, jobs []testbed.Job, w *record.Writer, o Options) (Summary, error) {
	if o.Attempts == 0 {
		o.Attempts = 2
	}
	if o.Progress == nil {
		o.Progress = func(Progress) {}
	}
	r := &run{options: o, writer: w, started: time.Now(), changed: make(chan struct{}, 1)}
	r.summary.Failures = map[string]string{}
	for _, job := range jobs {
		r.waiting = append(r.waiting, task{job: job, load: Load(job), left: job.Expected()})
		r.expected += job.Expected()
		r.summary.Executions += len(job.Workflows)
	}
	r.summary.Cells = len(jobs)
	// Longest first: a long cell that starts last would run alone at the end.
	slices.SortStableFunc(r.waiting, func(a, b task) int { return int(b.left - a.left) })
	err := r.loop(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.summary.Progress = r.progress("")
	return r.summary, err
}

// Capacity is the load that may run at once, in cores. Most of the machine
// stays idle on average: executions come in bursts, and a frame that waits for a
// core is a frame that its link sends too late.
func Capacity() float64 { return 0.375 * float64(runtime.NumCPU()) }

// Load estimates the CPU time that a cell takes per second, in cores. An
// execution keeps about one path of links busy at a time, so the fastest link's
// rate counts; most of the CPU time goes to a user-space delay line, which wakes
// up for every frame. Measured on exp400's cells, 2 cores of an AMD EPYC: 0.1 at
// 1 Mb/s, 0.15 at 10 Mb/s, 0.7 at 100 Mb/s.
func Load(job testbed.Job) float64 {
	return 0.1 + 0.006*job.FastestLink().Mbps()
}

type task struct {
	job     testbed.Job
	load    float64
	left    time.Duration
	attempt int
}

type run struct {
	options Options
	writer  *record.Writer
	started time.Time
	changed chan struct{}

	mu       sync.Mutex
	waiting  []task
	load     float64
	expected time.Duration
	done     time.Duration
	summary  Summary
	failure  error
}

func (r *run) loop(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var workers sync.WaitGroup
	defer workers.Wait()
	for {
		r.mu.Lock()
		for ctx.Err() == nil {
			t, ok := r.next()
			if !ok {
				break
			}
			r.summary.Running++
			r.load += t.load
			workers.Go(func() {
				err := r.cell(ctx, t)
				r.finish(t, err, ctx.Err() != nil)
				if r.failed() != nil {
					stop(r.failed())
				}
			})
		}
		idle := r.summary.Running == 0
		finished := idle && len(r.waiting) == 0
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
		<-r.changed
	}
}

// next takes the first waiting task that fits beside the running ones.
func (r *run) next() (task, bool) {
	if r.options.Jobs > 0 && r.summary.Running >= r.options.Jobs {
		return task{}, false
	}
	for i, t := range r.waiting {
		if r.summary.Running == 0 || r.load+t.load <= Capacity() {
			r.waiting = slices.Delete(r.waiting, i, i+1)
			return t, true
		}
	}
	return task{}, false
}

// cell runs one cell and writes its records.
func (r *run) cell(ctx context.Context, t task) error {
	made := 0
	step := t.job.Expected() / time.Duration(max(1, len(t.job.Workflows)))
	report := testbed.Reporter{
		Cell: func(c record.Cell) error { return r.write(r.writer.Cell(c)) },
		Execution: func(e record.Execution) error {
			if err := r.write(r.writer.Execution(e)); err != nil || e.WarmUp {
				return err
			}
			made++
			r.update(func() string {
				r.summary.ExecutionsDone++
				r.done += step
				if e.OK {
					return ""
				}
				r.summary.ExecutionsFailed++
				return fmt.Sprintf("%s: execution %d failed: %s", e.Cell, e.Index, e.Reason)
			})
			return nil
		},
		CellEnd: func(c record.CellEnd) error { return r.write(r.writer.CellEnd(c)) },
	}
	err := r.options.Worker(ctx, t.job, report)
	if err == nil || ctx.Err() != nil {
		return err
	}
	// What the failed attempt made does not count: the cell runs as a whole.
	r.update(func() string {
		r.summary.ExecutionsDone -= made
		r.done -= step * time.Duration(made)
		return ""
	})
	return errors.Join(err, r.write(r.writer.CellEnd(record.CellEnd{
		Cell: t.job.Cell.ID, Ended: time.Now(), Reason: err.Error(),
	})))
}

func (r *run) finish(t task, err error, cancelled bool) {
	r.update(func() string {
		r.summary.Running--
		r.load -= t.load
		switch {
		case err == nil:
			r.summary.CellsDone++
			return ""
		case cancelled:
			return ""
		}
		if t.attempt++; t.attempt < r.options.Attempts {
			r.waiting = append([]task{t}, r.waiting...)
			return fmt.Sprintf("%s: %v; running it again", t.job.Cell.ID, err)
		}
		r.summary.CellsFailed++
		r.done += t.job.Expected()
		r.summary.Failures[t.job.Cell.ID] = err.Error()
		return fmt.Sprintf("%s: %v; giving up after %d attempts", t.job.Cell.ID, err, t.attempt)
	})
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

// update changes the summary and reports the progress.
func (r *run) update(change func() (note string)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.options.Progress(r.progress(change()))
}

// progress needs the lock.
func (r *run) progress(note string) Progress {
	p := r.summary.Progress
	p.Note = note
	p.Elapsed = time.Since(r.started)
	p.Left = 0
	p.Fraction = 1
	if r.expected > 0 {
		p.Fraction = min(1, float64(r.done)/float64(r.expected))
	}
	if p.Fraction > 0.01 {
		p.Left = time.Duration(float64(p.Elapsed) * (1 - p.Fraction) / p.Fraction)
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
