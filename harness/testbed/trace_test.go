package testbed

import (
	"context"
	"testing"
	"time"

	"edgebed/harness/job"
	"edgebed/harness/record"
	"edgebed/harness/scenario"
	"edgebed/nodes/trace"
	"edgebed/nodes/units"
)

// TestTrace traces the second execution of a cell on an emulated network: its
// messages carry between hosts what the workload predicts, it opens the
// connections that the kernels count, and nothing runs after it.
func TestTrace(t *testing.T) {
	t.Parallel()
	j := prepare(t, 3, scenario.Selection{Where: map[string][]string{
		"rate": {"100 Mb/s"}, "panel": {"S=3,L=6"}, "argument": {"10 kB"}, "model": {"state-local"},
	}})[0]
	second := 1
	j.Trace = &second
	var list []record.Execution
	var traces []trace.Trace
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if err := Spawn(ctx, j, job.Reporter{
		Cell:      func(record.Cell) error { return nil },
		Execution: func(e record.Execution) error { list = append(list, e); return nil },
		CellEnd:   func(record.CellEnd) error { return nil },
		Trace:     func(tr trace.Trace) error { traces = append(traces, tr); return nil },
	}); err != nil {
		t.Fatal(err)
	}
	if len(list) != 2 || len(traces) != 1 || !list[1].OK {
		t.Fatalf("%d executions and %d traces, want 2 and 1; %+v", len(list), len(traces), list)
	}
	e, tr := list[1], traces[0]
	var payload units.Size
	for _, m := range tr.Transfers() {
		if m.From.Host != m.To.Host {
			payload += m.Message.Payload()
		}
		if m.Received < m.Sent {
			t.Errorf("%s from %s to %s was sent at %v and received at %v", m.Method, m.From, m.To, m.Sent, m.Received)
		}
		if m.From.Role == "" || m.To.Role == "" {
			t.Errorf("%s from %s to %s: one side is unknown", m.Method, m.From, m.To)
		}
	}
	if payload != units.Size(e.PayloadBytes) {
		t.Errorf("the messages carry %d B between hosts, the workload has %d B", payload, e.PayloadBytes)
	}
	connects, functions := int64(0), 0
	for _, s := range tr.Spans {
		switch s.Kind {
		case trace.Connect:
			connects++
		case trace.Function:
			functions++
		}
	}
	w, err := j.Workflow(1)
	if err != nil {
		t.Fatal(err)
	}
	if want := w.Workflow.Len(); connects != e.ActiveOpens || functions != want {
		t.Errorf("%d connections and %d functions are traced, want %d and %d", connects, functions, e.ActiveOpens, want)
	}
	if delay := time.Duration(e.DelayNS); tr.Delay < delay || tr.Delay > delay+delay/2 {
		t.Errorf("the trace takes %v, the execution %v", tr.Delay, delay)
	}
}
