package testbed

import (
	"testing"
	"time"

	"edgebed/harness/job"
	"edgebed/harness/scenario/scenariotest"
	"edgebed/nodes/yamlfile"
)

// TestLoadEmulated runs an open and a closed loop on emulated links: every execution is
// on record, begins when it is due or after, and the switches have counted the bytes of
// all.
func TestLoadEmulated(t *testing.T) {
	p, err := job.Prepare(scenariotest.ExpandText(t, `
name: l
topology: {preset: "ring,switches=4,rate=50 Mb/s"}
clients: {count: 3}
load: {arrivals: $arrivals, rate: $rate, loop: $loop}
workload: {length: 2, states: 2, argument: 10 kB}
execution: {model: state-local, discard: 2}
matrix:
  - axis: loop
    values: [{name: open, set: {loop: open, arrivals: poisson, rate: 5}}, {name: closed, set: {loop: closed, arrivals: periodic, rate: 50}}]
profiles: {quick: {executions: 12}}
`), nil, nil)
	if err != nil {
		t.Fatal(yamlfile.Explain(err))
	}

	for _, j := range p.Jobs {
		cell, list, end := collect(t, j)
		if len(list) != 14 || !end.OK || end.Audit == nil || end.Load == nil {
			t.Fatalf("%s: %d executions, end %+v", cell.ID, len(list), end)
		}
		var least int64
		for _, e := range list {
			if !e.OK || e.Started.Before(e.Arrival.Due) || e.DelayNS < e.Arrival.WaitedNS+int64(20*time.Millisecond) {
				t.Errorf("%s: execution %d: %q, due %v, started %v, %d ns", cell.ID, e.Index, e.Reason, e.Arrival.Due, e.Started, e.DelayNS)
			}
			least += 3 * 10_000 // the argument from host to host
		}
		l := end.Load
		if l.Samples == nil || len(l.Samples.AtNS) < 2 || len(l.Samples.Ports) == 0 {
			t.Errorf("%s: samples %+v", cell.ID, l.Samples)
		}
		if l.Executions != 12 || l.Traffic.Executions != 14 || l.Traffic.SwitchBytes < least || l.Throughput <= 0 {
			t.Errorf("%s: %+v, want at least %d B", cell.ID, l, least)
		}
	}
}

// TestEventsEmulated cuts a link, slows it down, and restarts a computer on emulated
// links: each takes effect when it should and shows in the executions, none of which is
// lost, and the audit does not take a change for a disturbance.
func TestEventsEmulated(t *testing.T) {
	p, err := job.Prepare(scenariotest.ExpandText(t, `
name: l
topology: {preset: "ring,switches=3,rate=20 Mb/s,delay=0 ms"}
nodes: {computers: [{hosts: [host1], functions: [{names: [f], service-time: 5 ms}]}]}
events:
  - {at: 500 ms, for: 400 ms, link: [s0, s1], down: true}
  - {at: 2500 ms, for: 500 ms, link: [s0, s1], set: {delay: 60 ms, rate: 10 Mb/s}}
  - {at: 3500 ms, for: 300 ms, computer: host1, stop: true}
load: {arrivals: periodic, rate: 20/s}
workload: {length: 1, states: 1, argument: 2 kB}
execution: {model: $model, timeout: 10 s}
matrix: [{axis: model, values: [pure-faas]}]
profiles: {quick: {executions: 90}}
`), nil, nil)
	if err != nil {
		t.Fatal(yamlfile.Explain(err))
	}

	_, list, end := collect(t, p.Jobs[0])
	seen := map[int]bool{}
	for _, e := range list {
		if seen[e.Index] || e.OK != (e.Reason == "") {
			t.Errorf("execution %d is on record twice, or failed with the reason %q", e.Index, e.Reason)
		}
		seen[e.Index] = true
	}
	if len(list) != 90 || len(end.Events) != 6 || !end.OK {
		t.Fatalf("%d executions, events %+v, end %+v", len(list), end.Events, end)
	}
	after := func(index int) time.Duration { return end.Events[index].At.Sub(end.Load.Started) }
	for i, due := range []time.Duration{500, 900, 2500, 3000, 3500, 3800} {
		if got := after(i); got < due*time.Millisecond || got > due*time.Millisecond+3*time.Second {
			t.Errorf("event %d took effect after %v, want %d ms: %s", i, got, due, end.Events[i].What)
		}
	}
	for _, e := range list {
		due, delay := e.Arrival.Due.Sub(end.Load.Started), time.Duration(e.DelayNS)
		switch {
		case due >= after(0) && due < after(1)-50*time.Millisecond && delay < after(1)-due:
			t.Errorf("execution %d, due after %v, took %v while its link was down", e.Index, due, delay)
		case due >= after(2) && due+delay < after(3) && delay < 120*time.Millisecond:
			t.Errorf("execution %d, due after %v, took %v over a link of 60 ms", e.Index, due, delay)
		case !e.OK && (due+delay < after(4)-100*time.Millisecond || due > after(5)+time.Second):
			t.Errorf("execution %d, due after %v, failed: %s", e.Index, due, e.Reason)
		}
	}
	for _, f := range end.Audit.Findings {
		if f.Check == "link-rate" {
			t.Errorf("the audit takes an event for a disturbance: %v", f)
		}
	}
}
