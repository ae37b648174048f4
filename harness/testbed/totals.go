package testbed

import (
	"time"

	"edgebed/harness/job"
	"edgebed/harness/record"
	"edgebed/harness/scenario"
)

// totals are what the executions of a cell under load came to together.
type totals struct {
	job   *job.Job
	began time.Time
	// spans are of all executions; measured counts those that are no warm-ups.
	spans     []record.Span
	measured  int
	failures  map[string]int // by stage, of those that are measured
	anyFailed int
	// of is when each client was measured.
	of []window
}

// window is the time from when a client's first measured execution was due until its
// last one was over.
type window struct{ due, lastDue, over time.Time }

func newTotals(j *job.Job, began time.Time) *totals {
	return &totals{job: j, began: began, failures: map[string]int{}, of: make([]window, j.Cell.Clients.Number())}
}

// failed returns how many executions failed, warm-ups too.
func (t *totals) failed() int { return t.anyFailed }

// add takes an execution of a client.
func (t *totals) add(o ending) {
	span := o.execution.Span()
	t.spans = append(t.spans, span)
	if !o.execution.OK {
		t.anyFailed++
	}
	if o.execution.WarmUp {
		return
	}

	t.measured++
	if !o.execution.OK {
		t.failures[o.stage]++
	}
	w := &t.of[o.client]
	if w.due.IsZero() || span.Due.Before(w.due) {
		w.due = span.Due
	}
	if span.Due.After(w.lastDue) {
		w.lastDue = span.Due
	}
	if span.End.After(w.over) {
		w.over = span.End
	}
}

// window returns the measured time: the load's, where it has one, and else that in
// which every client is at work.
func (t *totals) window() (began, ended time.Time) {
	l := &t.job.Cell.Load
	if l.Duration > 0 {
		began = t.began.Add(l.WarmUp)
		return began, began.Add(l.Duration)
	}

	var over time.Time // of all
	_, loop := l.How()
	for _, w := range t.of {
		if w.due.IsZero() {
			continue // had no execution
		}
		switch {
		case began.IsZero():
			began, ended = w.due, w.over
			if loop == scenario.Open {
				ended = w.lastDue
			}
		case loop == scenario.Open:
			// What is due comes of all of them together.
			if w.due.Before(began) {
				began = w.due
			}
			if w.lastDue.After(ended) {
				ended = w.lastDue
			}
		default:
			if w.due.After(began) {
				began = w.due
			}
			if w.over.Before(ended) {
				ended = w.over
			}
		}
		if w.over.After(over) {
			over = w.over
		}
	}
	if !ended.After(began) {
		ended = over // too few executions for such a time
	}
	return began, ended
}

// load returns the record, with what the network has counted.
func (t *totals) load(counted reading) *record.Load {
	began, ended := t.window()
	l := &record.Load{
		Clients: len(t.of), Started: t.began, Began: began, Ended: ended, Executions: t.measured,
		MostConcurrent: record.MostAtOnce(t.spans),
	}
	if len(t.failures) > 0 {
		l.Failures = t.failures
	}
	if length := ended.Sub(began).Seconds(); length > 0 {
		n, underWay := record.Flow(t.spans, began, ended)
		l.Throughput, l.Concurrency = float64(n)/length, underWay.Seconds()/length
	}

	var all record.Execution
	account(&all, counted)
	l.Traffic = record.Traffic{
		Executions: len(t.spans), SwitchBytes: all.SwitchBytes, SwitchPackets: all.SwitchPackets,
		TrunkBytes: all.TrunkBytes, TrunkPackets: all.TrunkPackets, Drops: all.Drops, Ports: all.Ports,
		Retransmissions: all.Retransmissions, ActiveOpens: all.ActiveOpens,
	}
	first, last := time.Time{}, time.Time{}
	for _, s := range t.spans {
		if first.IsZero() || s.Due.Before(first) {
			first = s.Due
		}
		if s.End.After(last) {
			last = s.End
		}
	}
	l.Traffic.ElapsedNS = int64(last.Sub(first))
	return l
}
