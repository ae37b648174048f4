package record

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
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
