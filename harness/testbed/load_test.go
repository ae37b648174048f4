package testbed

import (
	"testing"
	"time"

	"edgebed/harness/job"
	"edgebed/harness/scenario"
	"edgebed/nodes/yamlfile"
)

// TestLoadEmulated runs an open and a closed loop on emulated links: every execution is
// on record, begins when it is due or after, and the switches have counted the bytes of
// all.
func TestLoadEmulated(t *testing.T) {
	s, err := scenario.Parse("l.yaml", []byte(`
name: l
topology: {preset: "ring,switches=4,rate=50 Mb/s"}
clients: {count: 3}
load: {arrivals: $arrivals, rate: $rate, loop: $loop}
workload: {length: 2, states: 2, argument: 10 kB}
execution: {model: state-local, discard: 2}
matrix:
  - axis: loop
    values: [{name: open, set: {loop: open, arrivals: poisson, rate: 10}}, {name: closed, set: {loop: closed, arrivals: periodic, rate: 50}}]
profiles: {quick: {executions: 12}}
`))
	if err != nil {
		t.Fatal(yamlfile.Explain(err))
	}
	plan, err := s.Expand(scenario.Selection{Profile: "quick"})
	if err != nil {
		t.Fatal(yamlfile.Explain(err))
	}
	p, err := job.Prepare(plan, nil, nil)
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
		if l.Executions != 12 || l.Traffic.Executions != 14 || l.Traffic.SwitchBytes < least || l.Throughput <= 0 {
			t.Errorf("%s: %+v, want at least %d B", cell.ID, l, least)
		}
	}
}
