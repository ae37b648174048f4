package matrix

import (
	"testing"
	"time"

	"edgebed/harness/record"
)

// TestNamesThatAreNoNumbers: what begins with no digit is no quantity, though a sign or a
// bracket sorts before the digits.
func TestNamesThatAreNoNumbers(t *testing.T) {
	for value, want := range map[string]string{
		"": "variant: ", "(none)": "variant: (none)", "~": "variant: ~", "x9": "variant: x9", "5 kB": "variant = 5 kB",
	} {
		if got := On(record.Axis{Name: "variant"}, value).Name(); got != want {
			t.Errorf("the value %q is named %q, want %q", value, got, want)
		}
	}
}

// TestAbscissaWithoutLines: of axes with a unit the one of most values, of several such the
// first; of a figure over an axis that is gone, none.
func TestAbscissaWithoutLines(t *testing.T) {
	values := []string{"1", "2"}
	axes := []record.Axis{
		{Name: "model", Values: []string{"a", "b", "c"}}, {Name: "one", Unit: "kB", Values: values[:1]},
		{Name: "first", Unit: "kB", Values: values}, {Name: "second", Unit: "Mb/s", Values: values},
	}
	gone := []record.Figure{{Kind: record.KindLines, X: "gone"}}
	for _, figures := range [][]record.Figure{nil, gone} {
		r := &record.Results{Campaign: record.Campaign{Axes: axes, Figures: figures}}
		if got := Abscissa(r).Name; got != "first" {
			t.Errorf("with figures %v curves run along %q, want the first of two values", figures, got)
		}
	}
	if got := Abscissa(&record.Results{Campaign: record.Campaign{Axes: axes[:1]}}); got.Name != "" {
		t.Errorf("without a quantity curves run along %q", got.Name)
	}
}

// TestCellsOfOtherAxes: a cell that has no value on an axis lies in no point of it.
func TestCellsOfOtherAxes(t *testing.T) {
	p := Point{On(record.Axis{Name: "a"}, "")}
	for _, c := range []struct {
		cell record.Cell
		want bool
	}{
		{record.Cell{Point: []record.Coord{{Axis: "a"}}}, true},
		{record.Cell{Point: []record.Coord{{Axis: "a", Value: "x"}}}, false},
		{record.Cell{Point: []record.Coord{{Axis: "b"}}}, false},
	} {
		if p.Has(c.cell) != c.want {
			t.Errorf("the point without a value has %v: %v", c.cell.Point, !c.want)
		}
	}

	cells := []record.CellResult{{Cell: record.Cell{Point: []record.Coord{{Axis: "b", Value: "1"}}}}}
	if got := Levels(record.Axis{Name: "a"}, cells); len(got) != 0 {
		t.Errorf("cells without a value on an axis have the levels %v there", got)
	}
}

// TestNoTime: a cell under load whose measured time is none has no rate over it, and one
// whose time is too short for its parts has not either.
func TestNoTime(t *testing.T) {
	for _, length := range []int{0, batches - 1} {
		c := underLoad()
		c.End.Load.Ended = c.End.Load.Began.Add(time.Duration(length))
		for _, metric := range []string{record.Throughput, record.Concurrency} {
			if sample := sampleOfLoad(metric, c); len(sample) != 0 {
				t.Errorf("%s over %d ns has %d samples", metric, length, len(sample))
			}
		}
	}
}

// TestOnAnAxis finds a point's value on each of its axes, and none on others.
func TestOnAnAxis(t *testing.T) {
	p := Point{On(record.Axis{Name: "a"}, "x"), On(record.Axis{Name: "b"}, "y")}
	for axis, want := range map[string]string{"a": "x", "b": "y", "c": ""} {
		if got, ok := p.On(axis); got.Value() != want || ok != (want != "") {
			t.Errorf("on %s the point has %q, %v", axis, got.Value(), ok)
		}
	}
}

// TestKeyedQuotients: a value by workload is the quotient in the metric's unit.
func TestKeyedQuotients(t *testing.T) {
	one := record.Execution{OK: true, CycleNS: 4e9, SwitchBytes: 1e6}
	got := Keyed(record.TrafficRate, []record.CellResult{{Executions: []record.Execution{one}}})
	if len(got) != 1 || got[0].Value != 2 {
		t.Errorf("8 Mb in 4 s are %+v, want 2 Mb/s", got)
	}
}
