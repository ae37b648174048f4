package record

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

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

func TestSeconds(t *testing.T) {
	for ns, want := range map[int64]string{
		0: "0.000000000", 1: "0.000000001", 1_500_000_000: "1.500000000", -1: "-0.000000001", -2_000_000_003: "-2.000000003",
	} {
		if got := seconds(ns); got != want {
			t.Errorf("seconds(%d) = %s, want %s", ns, got, want)
		}
	}
}

// TestPackedIsNotResumed: whoever resumes a folder of packed records is told to unpack them.
func TestPackedIsNotResumed(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, FileName+".gz"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenAppend(dir); err == nil || !strings.Contains(err.Error(), "unpack it first (zcat ") {
		t.Errorf("packed records are resumed: %v", err)
	}
}
