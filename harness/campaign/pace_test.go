package campaign

import (
	"context"
	"errors"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"edgebed/harness/job"
	"edgebed/harness/record"
)

// TestFirstGuess: a cell is first taken to use 30 ms of a core each second, and over the time that
// its network is there 0.6 s and 33 ms for each MB that switches send.
func TestFirstGuess(t *testing.T) {
	j := jobs(t, "1 Mb/s")[0]
	work := 0.6 + 0.033*float64(j.Traffic())/1e6
	for _, lasts := range []time.Duration{10 * time.Second, job.Ending} {
		if got, want := load(j, setUp+lasts), 0.03+work/lasts.Seconds(); !near(got, want) {
			t.Errorf("a cell of %v is taken for %v cores, want %v", lasts, got, want)
		}
	}
	if got, want := load(j, 0), load(j, setUp+job.Ending); got != want {
		t.Errorf("a cell that takes no time is taken for %v cores, want %v as of one that only ends", got, want)
	}

	a := newAdmission([]job.Job{j}, Options{Cores: 4, Expected: func(*job.Job) time.Duration { return time.Minute }})
	of := a.waiting[0]
	if of.guess != load(j, time.Minute) || of.setUp != setUp || of.ending != job.Ending || !near(a.usual, 1.25*a.budget) {
		t.Errorf("the task is %+v, the usual budget %v of %v", of, a.usual, a.budget)
	}
	short := newAdmission([]job.Job{j}, Options{Cores: 4, Expected: func(*job.Job) time.Duration { return setUp + 1 }})
	if of := short.waiting[0]; of.ending != 1 {
		t.Errorf("a cell that takes 1 ns beside its network ends in %v", of.ending)
	}
	exact := newAdmission([]job.Job{j}, Options{Exact: true, Cores: 4, Expected: func(*job.Job) time.Duration { return time.Minute }})
	if of := exact.waiting[0]; of.setUp != 0 || of.ending != 0 || of.guess != 0 {
		t.Errorf("an exact cell has times and a load of this machine's: %+v", of)
	}
}

// TestWaiting: those that may have neighbours wait before those that may have fewer, the longest
// first, and equals in the order in which they came; every second time the shortest of those that
// may have any number is tried first.
func TestWaiting(t *testing.T) {
	a := newAdmission(nil, Options{Cores: 4})
	for _, of := range []*task{
		{kind: "e", allowed: 1, expected: time.Minute}, {kind: "b", allowed: unlimited, expected: time.Minute},
		{kind: "d", allowed: unlimited, expected: time.Second}, {kind: "f", allowed: 0, expected: time.Hour},
		{kind: "c", allowed: unlimited, expected: time.Minute}, {kind: "a", allowed: unlimited, expected: time.Hour},
	} {
		a.wait(of)
	}
	for i, want := range []string{"abcdef", "dcbaef", "abcdef"} {
		a.admitted = i
		got := ""
		for _, k := range a.order() {
			got += a.waiting[k].kind
		}
		if got != want {
			t.Errorf("after %d admissions tasks are tried in the order %s, want %s", i, got, want)
		}
	}
}

// TestStart: an admission counts, moves the usual budget by a twentieth, and tells neighbours of
// each other.
func TestStart(t *testing.T) {
	a := idle(3, 0.1, Options{Cores: 4})
	a.budget, a.usual = 2, 1
	first := a.start(0)
	if a.admitted != 1 || !near(a.usual, 1.05) || first.started != 1 || first.neighbours != 0 || len(a.waiting) != 2 {
		t.Errorf("after the first: %d admitted, usual budget %v, task %+v", a.admitted, a.usual, first)
	}
	second := a.start(1)
	if first.neighbours != 1 || second.neighbours != 1 || second.started != 2 || len(a.running) != 2 {
		t.Errorf("they have %d and %d neighbours", first.neighbours, second.neighbours)
	}
	a.remove(first)
	third := a.start(0)
	if second.neighbours != 1 || third.neighbours != 1 || first.neighbours != 1 {
		t.Errorf("they have %d, %d and %d neighbours", first.neighbours, second.neighbours, third.neighbours)
	}
}

// oneByOne returns an admission of so many tasks of 10 s each, of which one runs at a time.
func oneByOne(t *testing.T, n, reruns int) *admission {
	j := jobs(t, "1 Mb/s")[0]
	a := newAdmission(nil, Options{Cores: 4, Jobs: 1, Reruns: reruns})
	for range n {
		a.wait(&task{job: j, kind: "any", expected: 10 * time.Second, guess: 0.1, allowed: unlimited})
	}
	return a
}

// TestForecastPlayed: a forecast plays the rest of the campaign through. One cell in 12.5 runs
// again until something is seen, and it leaves the campaign as it was.
func TestForecastPlayed(t *testing.T) {
	for _, tt := range []struct{ n, reruns, runs int }{
		{0, 2, 0}, {1, 2, 1}, {12, 2, 12}, {13, 2, 14}, {26, 2, 28}, {26, 0, 26},
	} {
		a := oneByOne(t, tt.n, tt.reruns)
		before := a.budget
		if got, want := a.forecast(&pace{}, time.Time{}), time.Duration(tt.runs)*10*time.Second; got != want {
			t.Errorf("%d cells, run again %d times: forecast %v, want %v", tt.n, tt.reruns, got, want)
		}
		if len(a.waiting) != tt.n || len(a.running) != 0 || a.budget != before || a.admitted != 0 {
			t.Errorf("the forecast moved the campaign itself: %+v", a)
		}
	}

	// Of 15 attempts that were all disturbed at first, three in four again, nearly all are.
	var p pace
	of := &task{}
	for range 100 {
		p.audited(of, &record.Audit{Verdict: record.Disturbed})
		p.audited(&task{disturbed: 1}, &record.Audit{Verdict: record.Faithful})
	}
	p.audited(of, nil)
	if p.first.audited < 20 || p.later.audited != p.first.audited || p.later.disturbed != 0 {
		t.Errorf("seen: %+v", p)
	}
	runs := oneByOne(t, 10, 2).forecast(&p, time.Time{}).Seconds() / 10
	if runs < 16 || runs > 20 {
		t.Errorf("10 cells that are disturbed at first take %v runs", runs)
	}

	// A running cell takes what is left of it.
	a := oneByOne(t, 2, 2)
	now := time.Unix(1000, 0)
	running := a.next()
	running.ready, running.made, running.moved = true, 6, now.Add(-time.Second)
	if got, want := a.forecast(&pace{}, now), 11500*time.Millisecond; got != want {
		t.Errorf("with 2 of 8 executions to make, one for a second, and one more cell: %v, want %v", got, want)
	}
}

// TestEstimateSmoothed: a forecast moves what is told by a part that grows with the time since the
// last one, is made where it costs little, and always at the end.
func TestEstimateSmoothed(t *testing.T) {
	a, began := oneByOne(t, 1, 2), time.Unix(1000, 0)
	var e estimate
	e.update(a, began, began)
	if e.left != 10*time.Second || e.at != began {
		t.Fatalf("at first %v is left", e.left)
	}

	e.cost = 0
	e.update(a, began, began.Add(5*time.Second)) // still waits: 10 s are left, not 5
	want := 5 + 5*(1-math.Exp(-5/(smoothing*15)))
	if got := e.left.Seconds(); math.Abs(got-want) > 1e-6 {
		t.Errorf("after 5 s %v s are left, want %v", got, want)
	}

	kept := e
	kept.cost = 2 * time.Second
	kept.update(a, began, began.Add(105*time.Second)) // 2 % of the time since
	if kept.left != e.left || kept.at != e.at {
		t.Errorf("a forecast was made that costs 2 %% of the time")
	}
	kept.cost = 900 * time.Millisecond
	kept.update(a, began, began.Add(105*time.Second))
	if kept.at == e.at || kept.left < 9*time.Second {
		t.Errorf("none was made that costs 0.9 %% of the time: %v left", kept.left)
	}
	kept.cost = time.Hour
	kept.update(oneByOne(t, 0, 2), began, began.Add(106*time.Second))
	if kept.left != 0 {
		t.Errorf("at the end %v are left", kept.left)
	}
}

// TestSample: the admission learns from a second in which no cell started or ended, where the
// machine tells its load.
func TestSample(t *testing.T) {
	for _, tt := range []struct {
		ok, shifted bool
		want        float64
	}{{true, false, 0.3}, {true, true, 0}, {false, false, 0}, {false, true, 0}} {
		events := 0
		r := &run{
			admission: idle(0, 0, Options{Cores: 4}), started: time.Now(), shifted: tt.shifted,
			options: Options{
				Busy:    func() (float64, bool) { return 1, tt.ok },
				Observe: func(e Event) { events++ },
			},
		}
		r.sample()
		if !near(r.admission.others, tt.want) || r.shifted || events != 1 {
			t.Errorf("told %v, shifted %v: others %v, want %v; %d events", tt.ok, tt.shifted, r.admission.others, tt.want, events)
		}
	}
}

// TestDefaults: without a number of attempts there are two, without a machine's load this one's
// is taken, and without cells all is done.
func TestDefaults(t *testing.T) {
	_, w := writer(t, 0)
	s, err := Run(t.Context(), nil, w, Options{})
	if err != nil || s.Fraction != 1 || s.Cells != 0 || s.Left != 0 {
		t.Errorf("without cells: %+v, %v", s, err)
	}

	list := jobs(t, "1 Mb/s")[:1]
	synctest.Test(t, func(t *testing.T) {
		for attempts, want := range map[int]int{0: 2, 1: 1, 3: 3} {
			_, w := writer(t, 1)
			fake := worker{fail: func(job.Job, int, int) error { return errors.New("no network") }}
			o := fake.options()
			o.Attempts = attempts
			s, err := Run(t.Context(), list, w, o)
			if got := fake.calls[list[0].Cell.ID]; err != nil || got != want || s.CellsFailed != 1 || s.Fraction < 0.999 {
				t.Errorf("with %d attempts there were %d, want %d: %+v, %v", attempts, got, want, s.Progress, err)
			}
		}
	})
}

// TestInterrupted: cells that a cancelled campaign stops have not failed, and say so.
func TestInterrupted(t *testing.T) {
	list := jobs(t, "1 Mb/s")[:2]
	synctest.Test(t, func(t *testing.T) {
		_, w := writer(t, len(list))
		ctx, cancel := context.WithCancel(t.Context())
		var fake worker
		var reasons []string
		o := fake.options()
		o.Observe = func(e Event) {
			if e.Progress.ExecutionsDone == 3 {
				cancel()
			}
			if e.Type == CellEnded {
				reasons = append(reasons, e.Reason)
			}
		}
		s, err := Run(ctx, list, w, o)
		if !errors.Is(err, context.Canceled) || len(reasons) == 0 || len(s.Failures) != 0 || s.CellsDone != 0 {
			t.Errorf("%v, %+v, ended for %q", err, s, reasons)
		}
		for _, r := range reasons {
			if r != Interrupted {
				t.Errorf("a cell ended for %q, want %q", r, Interrupted)
			}
		}
		if s.Fraction <= 0 || s.Fraction > 0.5 {
			t.Errorf("of 16 executions 3 were made, a fraction of %v", s.Fraction)
		}
	})
}

// TestProgress: what is left shrinks until it is forecast again, and never below nothing.
func TestProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &run{admission: idle(2, 0.1, Options{Cores: 4}), started: time.Now(), expected: 10 * time.Second}
		r.estimate.left, r.estimate.at = 10*time.Second, time.Now()
		r.done = 4 * time.Second
		r.admission.started()
		time.Sleep(4 * time.Second)
		want := Progress{Running: 2, Elapsed: 4 * time.Second, Left: 6 * time.Second, Fraction: 0.4}
		if got := r.progress(); got != want {
			t.Errorf("after 4 s of 10: %+v, want %+v", got, want)
		}
		time.Sleep(7 * time.Second)
		r.done = 11 * time.Second
		if got := r.progress(); got.Left != 0 || got.Fraction != 1 {
			t.Errorf("after 11 s of 10: %+v", got)
		}
	})
}

// TestWarmUps: executions that warm a cell up are recorded, and are no part of the progress.
func TestWarmUps(t *testing.T) {
	list := jobs(t, "1 Mb/s")[:1]
	dir, w := writer(t, 1)
	events := 0
	s, err := Run(t.Context(), list, w, Options{
		Cores: 2, Busy: func() (float64, bool) { return 0, false },
		Observe: func(e Event) {
			if e.Type == ExecutionDone {
				events++
			}
		},
		Worker: func(_ context.Context, j job.Job, report job.Reporter) error {
			id := j.Cell.ID
			err := report.Cell(record.Cell{ID: id, Executions: 8})
			for k := -2; k < 8; k++ {
				e := record.Execution{Cell: id, Index: k, WarmUp: k < 0, DelayNS: 1, OK: k > 0, Reason: reason(3)}
				err = errors.Join(err, report.Execution(e))
			}
			return errors.Join(err, report.CellEnd(record.CellEnd{Cell: id, OK: true}))
		},
	})
	if err != nil || s.ExecutionsDone != 8 || s.ExecutionsFailed != 1 || events != 8 {
		t.Errorf("%+v, %v, %d events; want 8 executions, one of them failed", s, err, events)
	}
	r, err := record.Read(dir)
	if err != nil || len(r.Cells) != 1 || len(r.Cells[0].Executions) != 10 {
		t.Errorf("the records are %+v, %v; want 10 executions", r, err)
	}
}
