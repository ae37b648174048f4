package record

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"edgebed/harness/golden"
)

// at is a moment of the sample campaign.
func at(seconds int) time.Time {
	return time.Date(2026, 11, 22, 12, 0, seconds, 0, time.UTC)
}

func sampleCampaign() Campaign {
	return Campaign{
		Version: 1, Scenario: "chains", Title: "Function chains <sample>", ScenarioSHA256: "0a1b",
		Profile: "quick", Parameters: map[string]string{"seeds": "1"}, Started: at(0),
		Axes: []Axis{
			{Name: "rate", Label: "Link rate", Unit: "Mb/s", Values: []string{"1 Mb/s", "100 Mb/s"}},
			{Name: "model", Label: "Execution model", Values: []string{"pure-faas", "state-local"}},
		},
		Figures: []Figure{{Name: "fig17", Title: "Delay", Kind: KindLines, Metric: "delay", X: "rate", Series: "model", LogX: true, LogY: true}},
		Cells:   2, Executions: 4,
		Machine: Machine{Kernel: "Linux 6.1", CPU: "Test CPU", Cores: 2, MemoryBytes: 4 << 30, Privileged: true},
		Tool:    Tool{Version: "v0.1.0", Commit: "abc", Go: "go1.26"},
	}
}

func sampleCell(model string) Cell {
	return Cell{
		ID: "rate=1 Mb/s/model=" + model + "/seed=1",
		Point: []Coord{
			{Axis: "rate", Value: "1 Mb/s", Number: 1},
			{Axis: "model", Value: model, Label: "Model " + model},
		},
		Seed: 1, Executions: 2, Started: at(1),
		Settings: map[string]string{SettingDelayBackend: "netem", SettingCongestionControl: "cubic"},
	}
}

func sampleExecution(cell string, index int) Execution {
	return Execution{
		Cell: cell, Index: index, WarmUp: index < 0, Workload: fmt.Sprintf("w%d", index), Started: at(2 + index),
		DelayNS: 1_234_567_890 + int64(index), CycleNS: 1_334_567_890, OK: true, Hops: 7, PTimeMS: 30,
		SwitchBytes: 150_000, SwitchPackets: 120, TrunkBytes: 100_000, TrunkPackets: 80,
		Ports:           []Port{{Name: "s0-s1", TxBytes: 100_000, TxPackets: 80, RxBytes: 660, RxPackets: 10}},
		Retransmissions: 1, ActiveOpens: 3, PayloadBytes: 90_000, PayloadHopBytes: 95_000, PredictedTrunkBytes: 99_000, Table1Bytes: 80_000,
	}
}

// writeSample writes a campaign with one complete and one interrupted cell.
func writeSample(t *testing.T, dir string) {
	t.Helper()
	w, err := Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	first, second := sampleCell("pure-faas"), sampleCell("state-local")
	failed := sampleExecution(first.ID, 1)
	failed.OK, failed.Reason = false, "no answer, \"timeout\" after 30 s"
	for _, err := range []error{
		w.Campaign(sampleCampaign()),
		w.Cell(first),
		w.Execution(sampleExecution(first.ID, -1)),
		w.Execution(sampleExecution(first.ID, 0)),
		w.Cell(second),
		w.Execution(failed),
		w.Execution(sampleExecution(second.ID, 0)),
		w.CellEnd(CellEnd{Cell: first.ID, Ended: at(9), OK: true, BusyCPU: 0.25, Audit: &Audit{
			Verdict:    Disturbed,
			Findings:   []Finding{{Check: "link-rate", Where: "s0-s1", Value: -5, Limit: -2, Unit: "% off"}},
			Measures:   map[string]float64{"links-measured": 12},
			Neighbours: 3,
		}}),
		w.Close(),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestGolden(t *testing.T) {
	dir := t.TempDir()
	writeSample(t, dir)
	text, err := os.ReadFile(filepath.Join(dir, FileName))
	if err != nil {
		t.Fatal(err)
	}
	golden.Check(t, "records.jsonl", text)
	r, err := Read("testdata")
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Warnings) > 0 {
		t.Errorf("warnings %q, want none", r.Warnings)
	}
	for name, write := range map[string]func(io.Writer, *Results) error{"executions.csv": ExecutionsCSV, "ports.csv": PortsCSV} {
		var text bytes.Buffer
		if err := write(&text, r); err != nil {
			t.Fatal(err)
		}
		golden.Check(t, name, text.Bytes())
	}
}

func TestReadSample(t *testing.T) {
	dir := t.TempDir()
	writeSample(t, dir)
	r, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sampleCampaign(), r.Campaign); diff != "" {
		t.Errorf("campaign (-want +got):\n%s", diff)
	}
	if len(r.Cells) != 2 || !r.Cells[0].Complete() || r.Cells[1].Complete() || r.Runs != 1 {
		t.Fatalf("got %d cells in %d runs, want a complete and an interrupted one in 1", len(r.Cells), r.Runs)
	}
	if diff := cmp.Diff(sampleCell("pure-faas"), r.Cells[0].Cell); diff != "" {
		t.Errorf("cell (-want +got):\n%s", diff)
	}
	if n := len(r.Cells[0].Executions); n != 3 {
		t.Errorf("%d executions, want 3 with the warm-up", n)
	}
	if diff := cmp.Diff(sampleExecution(r.Cells[1].Cell.ID, 0), r.Cells[1].Executions[0]); diff != "" {
		t.Errorf("execution (-want +got):\n%s", diff)
	}
	if done := r.Complete(); len(done) != 1 || !done[r.Cells[0].Cell.ID] {
		t.Errorf("complete cells %v, want the first", done)
	}
	if a, ok := r.Axis("rate"); !ok || a.Unit != "Mb/s" {
		t.Errorf("Axis(rate) = %v, %v", a, ok)
	}
	if _, ok := r.Axis("colour"); ok {
		t.Error("Axis found one that is not there")
	}
}

func TestReadZipped(t *testing.T) {
	plain, err := os.ReadFile(filepath.Join("testdata", FileName))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	z.Write(plain)
	z.Close()
	if err := os.WriteFile(filepath.Join(dir, FileName+".gz"), zipped.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	r, err := Read(dir)
	if err != nil || len(r.Cells) != 2 {
		t.Errorf("Read = %v, %v; want 2 cells", r, err)
	}
	if _, err := Create(dir); !errors.Is(err, ErrExists) {
		t.Errorf("Create over zipped records: %v, want ErrExists", err)
	}
}

func TestCreateRefusesToOverwrite(t *testing.T) {
	dir := t.TempDir()
	writeSample(t, dir)
	before, _ := os.ReadFile(filepath.Join(dir, FileName))
	_, err := Create(dir)
	if !errors.Is(err, ErrExists) || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "resume") {
		t.Errorf("Create: %v, want ErrExists with the folder and what to do", err)
	}
	after, _ := os.ReadFile(filepath.Join(dir, FileName))
	if !bytes.Equal(before, after) {
		t.Error("Create changed the records")
	}
}

func TestOneWriter(t *testing.T) {
	dir := t.TempDir()
	w, err := Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenAppend(dir); !errors.Is(err, ErrBusy) {
		t.Errorf("OpenAppend beside a writer: %v, want ErrBusy", err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	w, err = OpenAppend(dir)
	if err != nil {
		t.Fatalf("OpenAppend after Close: %v", err)
	}
	w.Close()
	if _, err := OpenAppend(t.TempDir()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("OpenAppend without records: %v, want ErrNotExist", err)
	}
}

// TestFailedWrite checks that nothing is appended after a write that failed.
func TestFailedWrite(t *testing.T) {
	w, err := Create(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	w.file.Close()
	if err := w.Campaign(sampleCampaign()); err == nil {
		t.Fatal("a write to a closed file succeeded")
	}
	if err := w.Cell(sampleCell("pure-faas")); err == nil || !strings.Contains(err.Error(), "an earlier write failed") {
		t.Errorf("the next write: %v, want the earlier failure", err)
	}
	if err := w.CellEnd(CellEnd{}); err == nil {
		t.Error("CellEnd after a failed write succeeded")
	}
	if err := w.Close(); err == nil {
		t.Error("closing a closed file succeeded")
	}
}

func TestConcurrentWriters(t *testing.T) {
	dir := t.TempDir()
	w, err := Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Campaign(sampleCampaign()); err != nil {
		t.Fatal(err)
	}
	const cells, executions = 8, 25
	var group sync.WaitGroup
	for i := range cells {
		group.Go(func() {
			c := sampleCell(fmt.Sprint("m", i))
			if err := w.Cell(c); err != nil {
				t.Error(err)
			}
			for j := range executions {
				if err := w.Execution(sampleExecution(c.ID, j)); err != nil {
					t.Error(err)
				}
			}
			if err := w.CellEnd(CellEnd{Cell: c.ID, OK: true}); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Cells) != cells {
		t.Fatalf("%d cells, want %d", len(r.Cells), cells)
	}
	for _, c := range r.Cells {
		for j, e := range c.Executions {
			if e.Index != j {
				t.Fatalf("execution %d of %s has index %d", j, c.Cell.ID, e.Index)
			}
		}
		if len(c.Executions) != executions || !c.Complete() {
			t.Errorf("%s has %d executions, complete %v", c.Cell.ID, len(c.Executions), c.Complete())
		}
	}
}

// TestTruncatedAnywhere cuts a file at each byte, as a kill during a write
// may: all records that are whole are read, and a resumed run goes on.
func TestTruncatedAnywhere(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", FileName))
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(text, []byte{'\n'})
	wholeIn := func(cut int) (records, executions int) {
		end := 0
		for _, line := range lines {
			// A record is whole once its closing brace is there.
			if end += len(line); len(line) == 0 || end-1 > cut {
				break
			}
			records++
			if bytes.HasPrefix(line, []byte(`{"type":"execution"`)) {
				executions++
			}
		}
		return records, executions
	}
	count := func(r *Results) (records, executions int) {
		records = 1
		for _, c := range r.Cells {
			records += 1 + len(c.Executions)
			executions += len(c.Executions)
			if c.End != nil {
				records++
			}
		}
		return records, executions
	}
	dir := t.TempDir()
	name := filepath.Join(dir, FileName)
	for cut := 0; cut <= len(text); cut++ {
		records, executions := wholeIn(cut)
		r, err := ReadFrom("sample", bytes.NewReader(text[:cut]))
		if records == 0 {
			if !errors.Is(err, ErrNoCampaign) {
				t.Fatalf("cut at %d: %v, want ErrNoCampaign", cut, err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		if gotRecords, gotExecutions := count(r); gotRecords != records || gotExecutions != executions {
			t.Fatalf("cut at %d: %d records with %d executions, want %d with %d", cut, gotRecords, gotExecutions, records, executions)
		}
		partial := text[cut-1] != '\n' && (cut == len(text) || text[cut] != '\n')
		if partial != (len(r.Warnings) == 1) {
			t.Fatalf("cut at %d: warnings %q", cut, r.Warnings)
		}
		if err := os.WriteFile(name, text[:cut], 0o666); err != nil {
			t.Fatal(err)
		}
		w, err := OpenAppend(dir)
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		if err := errors.Join(w.Cell(sampleCell("resumed")), w.file.Close()); err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		r, err = Read(dir)
		if err != nil {
			t.Fatalf("cut at %d and resumed: %v", cut, err)
		}
		if gotRecords, _ := count(r); gotRecords != records+1 || len(r.Warnings) > 0 {
			t.Fatalf("cut at %d and resumed: %d records, want %d; warnings %q", cut, gotRecords, records+1, r.Warnings)
		}
	}
}

// TestLongTail checks the search for the last newline over many chunks.
func TestLongTail(t *testing.T) {
	dir := t.TempDir()
	writeSample(t, dir)
	name := filepath.Join(dir, FileName)
	before, _ := os.ReadFile(name)
	tail := append(slices.Clone(before), []byte(`{"type":"execution","workload":"`+strings.Repeat("x", 20_000))...)
	if err := os.WriteFile(name, tail, 0o666); err != nil {
		t.Fatal(err)
	}
	w, err := OpenAppend(dir)
	if err != nil {
		t.Fatal(err)
	}
	w.Close()
	if after, _ := os.ReadFile(name); !bytes.Equal(before, after) {
		t.Errorf("%d bytes after mending, want the %d before the cut record", len(after), len(before))
	}
}

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

func TestResume(t *testing.T) {
	again := sampleCampaign()
	again.Started = at(50)
	again.Machine.Cores, again.Tool.Commit = 4, "def"
	r, err := resultsOf(t, func(w *Writer) error { return w.Campaign(again) })
	if err != nil {
		t.Fatal(err)
	}
	if r.Runs != 2 || !r.Campaign.Started.Equal(at(0)) || len(r.Warnings) != 2 {
		t.Errorf("%d runs from %v with warnings %q; want 2 from the first start, and 2 warnings", r.Runs, r.Campaign.Started, r.Warnings)
	}
	// One machine's calibration is the fastest one; another's does not count.
	for _, c := range []struct {
		cores             int
		first, next, want int64
	}{{0, 20, 14, 14}, {0, 14, 20, 14}, {4, 20, 14, 20}} {
		first, next := sampleCampaign(), sampleCampaign()
		first.CalibrationNS, next.CalibrationNS = c.first, c.next
		next.Machine.Cores += c.cores
		r, err := resultsOf(t, func(w *Writer) error { return errors.Join(w.Campaign(first), w.Campaign(next)) })
		if err != nil || r.Campaign.CalibrationNS != c.want {
			t.Errorf("calibrations of %d and %d ns give %d, %v; want %d", c.first, c.next, r.Campaign.CalibrationNS, err, c.want)
		}
	}
	other := sampleCampaign()
	other.ScenarioSHA256 = "ffff"
	if _, err := resultsOf(t, func(w *Writer) error { return w.Campaign(other) }); err == nil || !strings.Contains(err.Error(), "mixes two campaigns") {
		t.Errorf("two scenarios in a file: %v, want an error", err)
	}
}

func TestReadErrors(t *testing.T) {
	const campaign = `{"type":"campaign","version":1,"scenario":"s"}` + "\n"
	const cell = `{"type":"cell","id":"c"}` + "\n"
	const execution = `{"type":"execution","cell":"c","index":0}` + "\n"
	const end = `{"type":"cell_end","cell":"c","ok":true}` + "\n"
	for name, tc := range map[string]struct{ text, want string }{
		"garbage":            {campaign + "garbage\n" + cell, "f:2: parse record"},
		"cut in the middle":  {campaign + `{"type":"cell","id` + "\n" + cell, "f:2: parse cell record"},
		"no type":            {campaign + "{}\n", `f:2: parse record: it has no "type"`},
		"unknown type":       {campaign + `{"type":"figure"}` + "\n", `f:2: unknown record type "figure"`},
		"not an object":      {campaign + "12\n", "f:2: parse record"},
		"last not an object": {campaign + "12", "f:2: parse record"},
		"no campaign":        {cell, "f:1: the first record must be a campaign"},
		"newer":              {`{"type":"campaign","version":3}`, "f:1: the records have version 3, this program reads up to 2"},
		"no version":         {`{"type":"campaign"}`, "f:1: the campaign record has version 0"},
		"wrong field":        {campaign + `{"type":"cell","id":7}` + "\n", "f:2: parse cell record"},
		"cell without id":    {campaign + `{"type":"cell"}` + "\n", "f:2: the cell record has no id"},
		"no such cell":       {campaign + execution, `f:2: execution of cell "c", which never started`},
		"after the end":      {campaign + cell + end + execution, `f:4: execution of cell "c", which had ended`},
		"two ends":           {campaign + cell + end + end, `f:4: end of cell "c", which had ended`},
		"end of no cell":     {campaign + `{"type":"cell_end"}`, "f:2: the cell_end record has no cell"},
		"twice":              {campaign + cell + execution + execution, `f:4: execution 0 of cell "c" appears twice`},
		"negative delay":     {campaign + cell + `{"type":"execution","cell":"c","delay_ns":-5}`, `execution 0 of cell "c": delay_ns is -5`},
		"negative traffic":   {campaign + cell + `{"type":"execution","cell":"c","trunk_bytes":-1}`, "trunk_bytes is -1"},
		"empty":              {"", "no campaign record"},
	} {
		if r, err := ReadFrom("f", strings.NewReader(tc.text)); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, %v; want an error with %q", name, r, err, tc.want)
		}
	}
	if _, err := Read(t.TempDir()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Read of an empty folder: %v, want ErrNotExist", err)
	}
}

// TestForeignForm checks that spaces, blank lines, another order of fields and
// unknown fields are accepted, as other tools leave or add them.
func TestForeignForm(t *testing.T) {
	text := "\n" + `{ "version": 1, "type": "campaign", "colour": "red" }` + "\r\n" + `{"id":"c","type":"cell"}`
	r, err := ReadFrom("f", strings.NewReader(text))
	if err != nil || len(r.Cells) != 1 || len(r.Warnings) > 0 {
		t.Errorf("ReadFrom = %+v, %v; want one cell", r, err)
	}
}

// TestRoundTrip writes and reads arbitrary records.
func TestRoundTrip(t *testing.T) {
	dir := t.TempDir()
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		moment := rapid.Custom(func(t *rapid.T) time.Time {
			return time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "s"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns")).UTC()
		})
		text, number := rapid.String(), rapid.Int64Min(0)
		campaign := sampleCampaign()
		campaign.Title, campaign.Started = text.Draw(t, "title"), moment.Draw(t, "started")
		var want []CellResult
		for i := range rapid.IntRange(0, 3).Draw(t, "cells") {
			c := sampleCell(fmt.Sprint(i, text.Draw(t, "model")))
			c.Seed = rapid.Uint64().Draw(t, "seed")
			c.Point[0].Number = rapid.Float64().Draw(t, "number")
			c.Settings = rapid.MapOf(text, text).Draw(t, "settings")
			result := CellResult{Cell: c, Attempts: 1}
			for j := range rapid.IntRange(0, 4).Draw(t, "executions") {
				e := sampleExecution(c.ID, j)
				e.WarmUp, e.OK = rapid.Bool().Draw(t, "warm-up"), rapid.Bool().Draw(t, "ok")
				e.Workload, e.Reason, e.Started = text.Draw(t, "workload"), text.Draw(t, "reason"), moment.Draw(t, "started")
				e.DelayNS, e.CycleNS, e.SwitchBytes = number.Draw(t, "delay"), number.Draw(t, "cycle"), number.Draw(t, "bytes")
				e.Ports = append(e.Ports, Port{Name: text.Draw(t, "port"), RxBytes: number.Draw(t, "rx")})
				result.Executions = append(result.Executions, e)
			}
			if rapid.Bool().Draw(t, "ended") {
				result.End = &CellEnd{Cell: c.ID, Ended: moment.Draw(t, "ended"), OK: rapid.Bool().Draw(t, "complete"),
					Reason: text.Draw(t, "why"), BusyCPU: rapid.Float64Range(0, 1).Draw(t, "busy")}
			}
			want = append(want, result)
		}
		n++
		folder := filepath.Join(dir, fmt.Sprint(n))
		w, err := Create(folder)
		if err != nil {
			t.Fatal(err)
		}
		errs := []error{w.Campaign(campaign)}
		for _, c := range want {
			errs = append(errs, w.Cell(c.Cell))
			for _, e := range c.Executions {
				errs = append(errs, w.Execution(e))
			}
			if c.End != nil {
				errs = append(errs, w.write(typeCellEnd, struct {
					Type string `json:"type"`
					CellEnd
				}{typeCellEnd, *c.End})) // without the flush, which takes long
			}
		}
		errs = append(errs, w.file.Close())
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		r, err := Read(folder)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(campaign, r.Campaign); diff != "" {
			t.Fatalf("campaign (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(want, r.Cells); diff != "" {
			t.Fatalf("cells (-want +got):\n%s", diff)
		}
	})
}

// FuzzRead checks that no input makes the reader panic, and that what it reads
// is consistent.
func FuzzRead(f *testing.F) {
	text, err := os.ReadFile(filepath.Join("testdata", FileName))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add(text[:len(text)-40])
	f.Add([]byte(`{"type":"campaign","version":1}` + "\n" + `{"type":"cell","id":"c"}` + "\n" + `{"type":"cell_end","cell":"c"}`))
	f.Add([]byte(`{"type":"campaign","version":9}`))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := ReadFrom("fuzz", bytes.NewReader(text))
		if err != nil {
			return
		}
		if v := r.Campaign.Version; v < 1 || v > Version || r.Runs < 1 {
			t.Errorf("read version %d in %d runs", v, r.Runs)
		}
		seen := make(map[string]bool)
		for _, c := range r.Cells {
			if seen[c.Cell.ID] {
				t.Errorf("cell %q appears twice", c.Cell.ID)
			}
			seen[c.Cell.ID] = true
			for _, e := range c.Executions {
				if e.Cell != c.Cell.ID {
					t.Errorf("cell %q holds an execution of %q", c.Cell.ID, e.Cell)
				}
			}
		}
		var csv bytes.Buffer
		if err := errors.Join(ExecutionsCSV(&csv, r), PortsCSV(&csv, r)); err != nil {
			t.Errorf("write CSV: %v", err)
		}
	})
}

func TestSeconds(t *testing.T) {
	for ns, want := range map[int64]string{
		0: "0.000000000", 1: "0.000000001", 1_500_000_000: "1.500000000", -1: "-0.000000001", -2_000_000_003: "-2.000000003",
	} {
		if got := seconds(ns); got != want {
			t.Errorf("seconds(%d) = %s, want %s", ns, got, want)
		}
	}
}

func TestFigureCheck(t *testing.T) {
	c := sampleCampaign()
	if err := c.Figures[0].Check(c.Axes); err != nil {
		t.Errorf("the sample figure: %v", err)
	}
	for want, change := range map[string]func(*Figure){
		"cannot name files":                  func(f *Figure) { f.Name = "../fig" },
		`unknown kind "pie"`:                 func(f *Figure) { f.Kind = "pie" },
		`unknown metric "speed"`:             func(f *Figure) { f.Metric = "speed" },
		"needs an x axis":                    func(f *Figure) { f.X = "" },
		`x: the matrix has no axis "speed"`:  func(f *Figure) { f.X = "speed" },
		`series: axis "rate" serves as x`:    func(f *Figure) { f.Series = "rate" },
		`panels: the matrix has no axis`:     func(f *Figure) { f.Panels = []string{"size"} },
		"3 panel axes":                       func(f *Figure) { f.Panels = []string{"a", "b", "c"} },
		"chooses among the values of series": func(f *Figure) { f.Series, f.Of = "", []string{"pure-faas"} },
		`where: axis "model" serves as`:      func(f *Figure) { f.Where = map[string]string{"model": "pure-faas"} },
	} {
		f := c.Figures[0]
		change(&f)
		if err := f.Check(c.Axes); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Check = %v, want an error with %q", err, want)
		}
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
