package record

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"time"
)

// span is from one second to another.
func span(due, end int, ok bool) Span { return Span{Due: at(due), End: at(end), OK: ok} }

// TestFlow counts what ended well in a time, and adds up what of each lies in it.
func TestFlow(t *testing.T) {
	for name, tc := range map[string]struct {
		spans    []Span
		ended    int
		underWay time.Duration
	}{
		"none":                    {nil, 0, 0},
		"within":                  {[]Span{span(12, 15, true)}, 1, 3 * time.Second},
		"failed":                  {[]Span{span(12, 15, false)}, 0, 3 * time.Second},
		"ends at the beginning":   {[]Span{span(5, 10, true)}, 0, 0},
		"ends at the end":         {[]Span{span(15, 20, true)}, 1, 5 * time.Second},
		"begins before":           {[]Span{span(5, 12, true)}, 1, 2 * time.Second},
		"ends after":              {[]Span{span(18, 25, true)}, 0, 2 * time.Second},
		"all the time and longer": {[]Span{span(1, 30, true)}, 0, 10 * time.Second},
		"before":                  {[]Span{span(1, 5, true)}, 0, 0},
		"after":                   {[]Span{span(21, 25, true)}, 0, 0},
		"two":                     {[]Span{span(12, 15, true), span(14, 16, true)}, 2, 5 * time.Second},
	} {
		if ended, underWay := Flow(tc.spans, at(10), at(20)); ended != tc.ended || underWay != tc.underWay {
			t.Errorf("%s: %d ended, %v; want %d, %v", name, ended, underWay, tc.ended, tc.underWay)
		}
	}
}

// TestMostAtOnce: who ends makes room for who begins at that instant.
func TestMostAtOnce(t *testing.T) {
	for want, spans := range map[int][]Span{
		0: nil,
		1: {span(1, 2, true), span(2, 3, true), span(0, 1, false)},
		2: {span(1, 5, true), span(2, 3, true), span(3, 4, true)},
		3: {span(1, 5, true), span(2, 5, true), span(4, 6, true), span(6, 7, true)},
	} {
		if got := MostAtOnce(spans); got != want {
			t.Errorf("%d at once, want %d", got, want)
		}
	}
}

// loadedCell is a cell under load with one execution.
func loadedCell() *Results {
	c := sampleCampaign()
	e := sampleExecution("c", 0)
	e.Arrival = &Arrival{Client: "host0/1", Due: at(3), WaitedNS: 1_500_000_000}
	e.Ports = nil
	return &Results{Campaign: c, Cells: []CellResult{{
		Cell: sampleCell("pure-faas"), Executions: []Execution{e},
		End: &CellEnd{OK: true, Load: &Load{Traffic: Traffic{Ports: []Port{{Name: "s0-s1", TxBytes: 1, TxPackets: 2, RxBytes: 3, RxPackets: 4}}}}},
	}}}
}

// TestCSVUnderLoad: bytes are the cell's, and stand in its row of ports alone.
func TestCSVUnderLoad(t *testing.T) {
	var b bytes.Buffer
	if err := ExecutionsCSV(&b, loadedCell()); err != nil {
		t.Fatal(err)
	}
	head, row, _ := strings.Cut(strings.TrimSpace(b.String()), "\n")
	columns, values := strings.Split(head, ","), strings.Split(row, ",")
	if len(columns) != len(values) {
		t.Fatalf("%d headings, %d values:\n%s", len(columns), len(values), b.String())
	}
	for i, name := range columns {
		want, ok := map[string]string{
			"rate [Mb/s]": "1", "delay_s": "1.234567890", "cycle_s": "", "switch_bytes": "", "table1_bytes": "",
			"client": "host0/1", "due": "2026-11-22T12:00:03.000Z", "waited_s": "1.500000000", "cell_audit": "",
		}[name]
		if ok && values[i] != want {
			t.Errorf("%s is %q, want %q", name, values[i], want)
		}
	}

	b.Reset()
	if err := PortsCSV(&b, loadedCell()); err != nil {
		t.Fatal(err)
	}
	if _, row, _ := strings.Cut(strings.TrimSpace(b.String()), "\n"); row != "1,pure-faas,1,,,s0-s1,1,2,3,4" {
		t.Errorf("the row of ports is %q", row)
	}
}

// TestMeasure is each metric of one execution, alone and under load.
func TestMeasure(t *testing.T) {
	e := Execution{
		DelayNS: 2e9, CycleNS: 4e9, SwitchBytes: 3_000_000, TrunkBytes: 1_000_000, Table1Bytes: 500_000, Retransmissions: 7,
		Quantities: map[string]float64{"top.memory": 12},
	}
	for metric, want := range map[string][2]float64{
		Delay: {2, 1}, Throughput: {1, 4}, Concurrency: {2e9, 4e9}, TrafficRate: {24, 4}, TrafficVolume: {3000, 1},
		TrunkVolume: {1000, 1}, Table1Ratio: {2_000_000, 500_000}, Retransmissions: {7, 1}, "top.memory": {12, 1},
	} {
		num, den, ok := e.Measure(metric)
		if !ok || num != want[0] || den != want[1] {
			t.Errorf("%s is %v by %v, %v; want %v by %v", metric, num, den, ok, want[0], want[1])
		}
	}

	instant := Execution{DelayNS: 1}
	for _, metric := range []string{Throughput, Concurrency, TrafficRate, Table1Ratio} {
		if _, _, ok := instant.Measure(metric); ok {
			t.Errorf("%s is known without what it divides by", metric)
		}
	}
	if num, den, ok := e.Measure("top.cores"); ok || !math.IsNaN(num) || !math.IsNaN(den) {
		t.Errorf("an unknown metric is %v by %v, %v", num, den, ok)
	}
	e.Arrival = &Arrival{}
	if _, _, ok := e.Measure(Delay); !ok {
		t.Error("under load the delay is not known")
	}
	if _, _, ok := e.Measure(TrafficVolume); ok {
		t.Error("under load an execution has bytes of its own")
	}
}

// TestMetricNames: those of programs have a dot, and may have a label.
func TestMetricNames(t *testing.T) {
	for name, want := range map[string]bool{Delay: true, "top.memory": true, "memory": false, "top.": false, "1top.memory": false} {
		if got := Known(name); got != want {
			t.Errorf("%q is known: %v, want %v", name, got, want)
		}
	}
	c := Campaign{Quantities: map[string]string{"top.memory": "Memory (MB)"}}
	for name, want := range map[string]string{Delay: "Mean delay (s)", "top.memory": "Memory (MB)", "top.cores": "top.cores"} {
		if got := c.Label(name); got != want {
			t.Errorf("the label of %s is %q, want %q", name, got, want)
		}
	}
	if all := c.Metrics(); len(all) != len(Metrics)+1 || all[0] != Concurrency || all[len(all)-1] != TrunkVolume {
		t.Errorf("metrics %q", all)
	}
}
