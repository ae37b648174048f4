package prototype

import (
	"strings"
	"testing"
	"time"

	"edgebed/harness/record"
	"edgebed/nodes/workflow"
)

// replay returns records of one cell with the given delays of a workload.
func replay(workload string, delays ...time.Duration) *record.Results {
	cell := record.CellResult{Cell: record.Cell{
		ID:    "rate=10 Mb/s/model=pure-faas",
		Point: []record.Coord{{Axis: "rate", Value: "10 Mb/s", Number: 10}, {Axis: "model", Value: "pure-faas"}},
	}}
	for i, d := range delays {
		cell.Executions = append(cell.Executions, record.Execution{
			Index: i, Workload: workload, DelayNS: int64(d), OK: true, TrunkBytes: 1000,
		})
	}
	return &record.Results{Cells: []record.CellResult{cell}}
}

// TestPair: of our repetitions of one of the prototype's runs the median counts, and a
// table has our delay over its delay.
func TestPair(t *testing.T) {
	runs, err := Read("../..")
	if err != nil {
		t.Fatal(err)
	}
	var one Observation
	for _, o := range runs {
		if o.Model == workflow.PureFaaS && o.Rate == 10 {
			one = o
			break
		}
	}

	theirs := time.Duration(one.Theirs * float64(time.Second))
	list, err := Pair(runs, replay(one.Workload, 9*theirs, 2*theirs, theirs))
	if err != nil || len(list) != 1 || list[0].Repetitions != 3 {
		t.Fatalf("paired %+v, error %v", list, err)
	}
	var b strings.Builder
	WriteHead(&b)
	WriteRatios(&b, "delay", list, Delay)
	if !strings.Contains(b.String(), "| delay, 10 Mb/s | 2.000 |") {
		t.Errorf("the table:\n%s", b.String())
	}

	if _, err := Pair(runs, replay("another", theirs)); err == nil {
		t.Error("a workload that the prototype did not run is paired")
	}
}
