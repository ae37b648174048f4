package record

import (
	"errors"
	"testing"
)

// resultsOf reads what write appends to a new folder.
func resultsOf(t *testing.T, write func(w *Writer) error) (*Results, error) {
	t.Helper()
	dir := t.TempDir()
	w, err := Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Campaign(sampleCampaign()), write(w), w.Close()); err != nil {
		t.Fatal(err)
	}
	return Read(dir)
}

func TestAttempts(t *testing.T) {
	c := sampleCell("pure-faas")
	// try writes an attempt of n executions that ends well, badly or not.
	try := func(w *Writer, n int, end string) error {
		errs := []error{w.Cell(c)}
		for i := range n {
			errs = append(errs, w.Execution(sampleExecution(c.ID, i)))
		}
		if end != "" {
			errs = append(errs, w.CellEnd(CellEnd{Cell: c.ID, OK: end == "ok", Reason: end}))
		}
		return errors.Join(errs...)
	}
	for _, tc := range []struct {
		name       string
		ends       []string // attempt i has i+1 executions
		executions int
		complete   bool
	}{
		{"the last complete one counts", []string{"ok", "ok"}, 2, true},
		{"a complete one beats a later interrupted one", []string{"ok", ""}, 1, true},
		{"a complete one beats a later failed one", []string{"disturbed", "ok", "disturbed"}, 2, true},
		{"none complete: the last counts", []string{"disturbed", ""}, 2, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r, err := resultsOf(t, func(w *Writer) error {
				var errs []error
				for i, end := range tc.ends {
					errs = append(errs, try(w, i+1, end))
				}
				return errors.Join(errs...)
			})
			if err != nil {
				t.Fatal(err)
			}
			got := r.Cells[0]
			if len(r.Cells) != 1 || len(got.Executions) != tc.executions || got.Complete() != tc.complete || got.Attempts != len(tc.ends) {
				t.Errorf("%d cells; %d executions, complete %v, %d attempts; want %d, %v, %d",
					len(r.Cells), len(got.Executions), got.Complete(), got.Attempts, tc.executions, tc.complete, len(tc.ends))
			}
		})
	}
}

// TestStopped checks attempts that were stopped and gone on with.
func TestStopped(t *testing.T) {
	c := sampleCell("pure-faas")
	from := func(first int) Cell { c := c; c.First = first; return c }
	execution := func(k int, findings ...Finding) Execution {
		e := sampleExecution(c.ID, k)
		e.WarmUp, e.Findings = k < 0, findings
		return e
	}
	late := Finding{Check: "timer-lag-max"}
	stopped := func(w *Writer) error {
		return errors.Join(w.Cell(c), w.Execution(execution(-1, late)), w.Execution(execution(0, late)), w.Execution(execution(1)))
	}
	for _, tc := range []struct {
		name                 string
		more                 func(w *Writer) error
		stopped, executions  int
		complete, unreadable bool
	}{
		{name: "stopped", more: func(w *Writer) error { return nil }, stopped: 2, executions: 3},
		{name: "disturbed and stopped", more: func(w *Writer) error { return w.Execution(execution(2, late)) }, executions: 4},
		{name: "one left out", more: func(w *Writer) error { return w.Execution(execution(3)) }, executions: 4},
		{name: "stopped again", more: func(w *Writer) error {
			return errors.Join(w.Cell(from(2)), w.Execution(execution(-1)), w.Execution(execution(2)))
		}, stopped: 3, executions: 5},
		{name: "gone on with", more: func(w *Writer) error {
			return errors.Join(w.Cell(from(2)), w.Execution(execution(2)), w.Cell(from(3)), w.CellEnd(CellEnd{Cell: c.ID, OK: true}))
		}, executions: 4, complete: true},
		{name: "begun again", more: func(w *Writer) error { return errors.Join(w.Cell(c), w.Execution(execution(0))) }, stopped: 1, executions: 1},
		{name: "gone on elsewhere", more: func(w *Writer) error { return w.Cell(from(1)) }, unreadable: true},
		{name: "gone on after its end", more: func(w *Writer) error {
			return errors.Join(w.CellEnd(CellEnd{Cell: c.ID, OK: true}), w.Cell(from(2)))
		}, unreadable: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r, err := resultsOf(t, func(w *Writer) error { return errors.Join(stopped(w), tc.more(w)) })
			if tc.unreadable {
				if err == nil {
					t.Error("no error")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got := r.Cells[0]
			if got.Stopped() != tc.stopped || len(got.Executions) != tc.executions || got.Complete() != tc.complete {
				t.Errorf("stopped after %d, %d executions, complete %v; want %d, %d, %v",
					got.Stopped(), len(got.Executions), got.Complete(), tc.stopped, tc.executions, tc.complete)
			}
		})
	}
}

// TestStillborn checks attempts that failed before they started: the record
// file has only their ends.
func TestStillborn(t *testing.T) {
	c := sampleCell("pure-faas")
	failure := func(reason string) CellEnd { return CellEnd{Cell: c.ID, Reason: reason} }
	r, err := resultsOf(t, func(w *Writer) error { return w.CellEnd(failure("no namespace")) })
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Cells) != 1 || r.Cells[0].Complete() || r.Cells[0].End.Reason != "no namespace" || len(r.Cells[0].Cell.Point) != 0 {
		t.Errorf("a cell that never started: %+v", r.Cells)
	}
	r, err = resultsOf(t, func(w *Writer) error {
		return errors.Join(w.Cell(c), w.Execution(sampleExecution(c.ID, 0)), w.CellEnd(failure("first")), w.CellEnd(failure("second")))
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Cells[0]; len(got.Executions) != 1 || got.Complete() || got.End.Reason != "second" || got.Attempts != 2 {
		t.Errorf("a failed retry: %+v, want the first attempt's execution and the second's reason", got)
	}
	r, err = resultsOf(t, func(w *Writer) error {
		return errors.Join(w.Cell(c), w.CellEnd(CellEnd{Cell: c.ID, OK: true}), w.CellEnd(failure("teardown")))
	})
	if err != nil || !r.Cells[0].Complete() {
		t.Errorf("a failure after the end: %+v, %v; want a complete cell", r, err)
	}
}

// TestDisturbedAttempts: of a cell that was run again because its audit failed,
// the attempt that passed counts, whatever came after it; where none passed, the
// last one.
func TestDisturbedAttempts(t *testing.T) {
	for _, c := range []struct {
		name     string
		verdicts []Verdict // "" is an attempt that was interrupted
		want     int       // which attempt counts
	}{
		{"passed at last", []Verdict{Disturbed, Disturbed, Faithful}, 2},
		{"interrupted while run again", []Verdict{Disturbed, ""}, 0},
		{"never passed", []Verdict{Disturbed, "", Disturbed, Disturbed}, 3},
		{"disturbed later", []Verdict{Faithful, Disturbed}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			w, err := Create(dir)
			if err != nil {
				t.Fatal(err)
			}
			errs := []error{w.Campaign(sampleCampaign())}
			disturbed := 0
			for i, v := range c.verdicts {
				errs = append(errs, w.Cell(Cell{ID: "x", Executions: 1}), w.Execution(Execution{Cell: "x", DelayNS: int64(i), OK: true}))
				if v == "" {
					continue
				}
				if v == Disturbed {
					disturbed++
				}
				errs = append(errs, w.CellEnd(CellEnd{Cell: "x", OK: true, Audit: &Audit{Verdict: v}}))
			}
			if err := errors.Join(append(errs, w.Close())...); err != nil {
				t.Fatal(err)
			}
			r, err := Read(dir)
			if err != nil {
				t.Fatal(err)
			}
			got := r.Cells[0]
			if len(r.Cells) != 1 || len(got.Executions) != 1 || got.Executions[0].DelayNS != int64(c.want) {
				t.Fatalf("attempt %d counts, want %d: %+v", got.Executions[0].DelayNS, c.want, got)
			}
			if got.DisturbedAttempts != disturbed || got.Attempts != len(c.verdicts) {
				t.Errorf("%d of %d attempts disturbed, want %d of %d", got.DisturbedAttempts, got.Attempts, disturbed, len(c.verdicts))
			}
		})
	}
}
