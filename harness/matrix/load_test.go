package matrix

import (
	"math"
	"slices"
	"testing"
	"time"

	"edgebed/harness/record"
)

// underLoad is a cell in which an execution is due every 100 ms and takes 250 ms, for
// 10 s; every tenth one fails.
func underLoad() record.CellResult {
	began := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	c := record.CellResult{Cell: record.Cell{Seed: 3}}
	for k := -10; k < 100; k++ {
		c.Executions = append(c.Executions, record.Execution{
			Index: k, WarmUp: k < 0, OK: k%10 != 3, Workload: "w", DelayNS: 250e6,
			Arrival: &record.Arrival{Client: "host0/0", Due: began.Add(time.Duration(k) * 100 * time.Millisecond)},
		})
	}
	c.End = &record.CellEnd{OK: true, Load: &record.Load{
		Began: began, Ended: began.Add(10 * time.Second), Executions: 100,
		Traffic: record.Traffic{Executions: 110, ElapsedNS: 11e9, SwitchBytes: 1_100_000, TrunkBytes: 550_000, Retransmissions: 11},
	}}
	return c
}

// TestEstimateUnderLoad checks each metric of a cell under load: what its executions
// have, what they have in common, and what nobody knows.
func TestEstimateUnderLoad(t *testing.T) {
	cells := []record.CellResult{underLoad()}
	for metric, want := range map[string]struct {
		value float64
		n     int
		known bool
	}{
		record.Delay:           {0.25, 90, true},
		record.DelayP50:        {0.25, 90, true},
		record.DelayP99:        {0.25, 90, false},
		record.Throughput:      {9, batches, true},
		record.Concurrency:     {2.5, batches, true},
		record.FailedShare:     {10, batches, true},
		record.TrafficVolume:   {10, 1, false},
		record.TrunkVolume:     {5, 1, false},
		record.TrafficRate:     {0.8, 1, false},
		record.Retransmissions: {0.1, 1, false},
		record.Table1Ratio:     {math.NaN(), 0, false},
	} {
		e, err := Estimate(metric, cells)
		same := math.Abs(e.Value-want.value) < 1e-6 || math.IsNaN(e.Value) && math.IsNaN(want.value)
		if err != nil || !same || e.N != want.n || e.Known != want.known {
			t.Errorf("%s: %+v, %v; want %v of %d", metric, e, err, want.value, want.n)
		}
	}
}

// TestIntervalUnderLoad: executions that wait for each other tell less than independent
// ones, so that the mean's interval is wider than if they were.
func TestIntervalUnderLoad(t *testing.T) {
	c := underLoad()
	for i := range c.Executions {
		c.Executions[i].DelayNS = int64(1e9 + 0.5e9*math.Sin(float64(i)/20)) // slowly up and down
	}
	loaded, err := Estimate(record.Delay, []record.CellResult{c})
	if err != nil {
		t.Fatal(err)
	}
	c.End.Load = nil
	alone, err := Estimate(record.Delay, []record.CellResult{c})
	if err != nil {
		t.Fatal(err)
	}
	if loaded.Half() < 1.5*alone.Half() || math.Abs(loaded.Value-alone.Value) > 1e-9 {
		t.Errorf("under load %v ± %v, alone %v ± %v", loaded.Value, loaded.Half(), alone.Value, alone.Half())
	}
}

// TestOrderUnderLoad: parts of a cell's time are made of executions in the order in which
// they were due, however they were written.
func TestOrderUnderLoad(t *testing.T) {
	c := underLoad()
	for i := range c.Executions {
		c.Executions[i].DelayNS = int64(1e9 + 1e7*float64(i))
		c.Executions[i].OK = true
	}
	want, err := Estimate(record.Delay, []record.CellResult{c})
	if err != nil {
		t.Fatal(err)
	}
	c.Executions = slices.Clone(c.Executions)
	slices.SortStableFunc(c.Executions, func(a, b record.Execution) int { return (a.Index+10)%7 - (b.Index+10)%7 })
	got, err := Estimate(record.Delay, []record.CellResult{c})
	if err != nil || math.Abs(got.Half()-want.Half()) > 1e-9 {
		t.Errorf("written in another order: ± %v, want %v (%v)", got.Half(), want.Half(), err)
	}

	// Of those that were due at one instant the first in number comes first.
	now := c.Executions[0].Arrival.Due
	list := []record.Execution{{Index: 3, Arrival: &record.Arrival{Due: now}}, {Index: 1, Arrival: &record.Arrival{Due: now}},
		{Index: 2, Arrival: &record.Arrival{Due: now.Add(-1)}}}
	if list = inOrder(list); list[0].Index != 2 || list[1].Index != 1 {
		t.Errorf("the order is %d, %d, %d", list[0].Index, list[1].Index, list[2].Index)
	}

	// One whose time is not known stays where it is.
	list = []record.Execution{{Index: 3}, {Index: 1, Arrival: &record.Arrival{Due: now}}, {Index: 2}}
	if list = inOrder(list); list[0].Index != 3 || list[1].Index != 1 || list[2].Index != 2 {
		t.Errorf("without times the order is %d, %d, %d", list[0].Index, list[1].Index, list[2].Index)
	}
}

// TestNothingPassed: a cell under load that ended at once has no rate and no volume.
func TestNothingPassed(t *testing.T) {
	c := underLoad()
	c.End.Load.Traffic.Executions, c.End.Load.Traffic.ElapsedNS = 0, 0
	for _, metric := range []string{record.TrafficRate, record.TrafficVolume, record.TrunkVolume} {
		if sample := sampleOfLoad(metric, c); len(sample) != 0 {
			t.Errorf("%s of no execution in no time is %+v", metric, sample)
		}
	}
}
