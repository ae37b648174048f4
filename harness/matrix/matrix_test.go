package matrix

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"edgebed/harness/record"
)

// cellsAt are cells with one value each on one axis.
func cellsAt(axis string, values ...string) []record.CellResult {
	var cells []record.CellResult
	for _, v := range values {
		cells = append(cells, record.CellResult{Cell: record.Cell{Point: []record.Coord{{Axis: axis, Value: v}}}})
	}
	return cells
}

func TestLevelTexts(t *testing.T) {
	rate := record.Axis{Name: "rate", Label: "Link rate", Unit: "Mb/s"}
	for _, c := range []struct {
		axis              record.Axis
		value, label      string
		text, name, short string
	}{
		{rate, "10 Mb/s", "", "10 Mb/s", "Link rate = 10 Mb/s", "Link rate = 10 Mb/s"},
		{rate, "10", "", "10 Mb/s", "Link rate = 10 Mb/s", "Link rate = 10 Mb/s"},
		{rate, "0 b/s", "", "0 b/s", "Link rate = 0 b/s", "Link rate = 0 b/s"},
		{rate, "9", "", "9 Mb/s", "Link rate = 9 Mb/s", "Link rate = 9 Mb/s"},
		{record.Axis{Name: "S"}, "3", "", "3", "S = 3", "S = 3"},
		{record.Axis{Name: "variant"}, "text", "", "text", "variant: text", "text"},
		{record.Axis{Name: "model"}, "pure-faas", "PureFaaS", "PureFaaS", "PureFaaS", "PureFaaS"},
	} {
		l := Level{c.axis, record.Coord{Axis: c.axis.Name, Value: c.value, Label: c.label}}
		if l.Text() != c.text || l.Name() != c.name || l.ShortName() != c.short {
			t.Errorf("%q: text %q, name %q, short name %q", c.value, l.Text(), l.Name(), l.ShortName())
		}
	}
}

// TestLevelsOrder holds the one order of levels: numbers by size, with a unit or
// without, names as the scenario lists them, and what it does not list last.
func TestLevelsOrder(t *testing.T) {
	for name, c := range map[string]struct {
		axis  record.Axis
		found []string
		want  []string
	}{
		"numbers without a unit": {record.Axis{Name: "L", Values: []string{"12", "6", "3"}}, []string{"12", "3", "6"}, []string{"3", "6", "12"}},
		"names":                  {record.Axis{Name: "m", Values: []string{"b", "c", "a"}}, []string{"a", "b", "c"}, []string{"b", "c", "a"}},
		"a name among numbers":   {record.Axis{Name: "k", Values: []string{"9", "all", "1"}}, []string{"1", "9", "all"}, []string{"9", "all", "1"}},
		"one that is not listed": {record.Axis{Name: "m", Values: []string{"b", "a"}}, []string{"x", "a", "b", "a"}, []string{"b", "a", "x"}},
		"none":                   {record.Axis{Name: "m"}, nil, nil},
	} {
		var got []string
		for _, l := range Levels(c.axis, cellsAt(c.axis.Name, c.found...)) {
			got = append(got, l.Value())
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: levels %q, want %q", name, got, c.want)
		}
	}

	rate := record.Axis{Name: "rate", Unit: "Mb/s", Values: []string{"1 Gb/s", "10 Mb/s"}}
	cells := cellsAt("rate", "1 Gb/s", "10 Mb/s")
	cells[0].Cell.Point[0].Number, cells[1].Cell.Point[0].Number = 1000, 10
	if levels := Levels(rate, cells); levels[0].Value() != "10 Mb/s" {
		t.Errorf("rates are in the order %q first", levels[0].Value())
	}
}

// TestPoints checks on any cells that the points over all axes are those of the
// cells, each once, and that each cell lies in exactly one.
func TestPoints(t *testing.T) {
	axes := []record.Axis{{Name: "a", Values: []string{"x", "y", "z"}}, {Name: "b"}}
	rapid.Check(t, func(t *rapid.T) {
		var cells []record.CellResult
		for range rapid.IntRange(0, 12).Draw(t, "cells") {
			cells = append(cells, record.CellResult{Cell: record.Cell{Point: []record.Coord{
				{Axis: "a", Value: rapid.SampledFrom(axes[0].Values).Draw(t, "a")},
				{Axis: "b", Value: rapid.SampledFrom([]string{"1", "2", "10"}).Draw(t, "b")},
			}}})
		}

		seen, in := map[string]bool{}, 0
		for _, p := range Points(axes, cells) {
			if seen[p.String()] {
				t.Fatalf("%s is there twice", p)
			}
			seen[p.String()] = true
			if len(p) != len(axes) {
				t.Fatalf("%s has %d of %d axes", p, len(p), len(axes))
			}
			own := p.Of(cells)
			if len(own) == 0 {
				t.Fatalf("%s has no cell", p)
			}
			in += len(own)
		}
		if in != len(cells) {
			t.Fatalf("%d cells lie in points, of %d", in, len(cells))
		}
	})
}

// TestNoAxes: over none there is one point, of all cells.
func TestNoAxes(t *testing.T) {
	cells := cellsAt("a", "x", "y")
	if all := Points(nil, cells); len(all) != 1 || len(all[0]) != 0 || len(all[0].Of(cells)) != 2 {
		t.Errorf("over no axes there are %v", all)
	}
	if all := Points(nil, nil); len(all) != 0 {
		t.Errorf("without cells there are %v", all)
	}
}

// TestPointIsACopy checks that points made of one do not share memory.
func TestPointIsACopy(t *testing.T) {
	axis := record.Axis{Name: "a"}
	p := make(Point, 0, 4)
	first, second := p.With(On(axis, "x")), p.With(On(axis, "y"))
	if first.String() != "a=x" || second.String() != "a=y" {
		t.Errorf("points are %s and %s", first, second)
	}
}

func TestSample(t *testing.T) {
	ok := func(index int, delay int64) record.Execution {
		return record.Execution{Index: index, Workload: "w", OK: true, DelayNS: delay, CycleNS: 2 * delay}
	}
	warmUp, failed := ok(-1, 9e9), ok(2, 9e9)
	warmUp.WarmUp, failed.OK = true, false
	cells := []record.CellResult{{Cell: record.Cell{Seed: 7}, Executions: []record.Execution{warmUp, ok(0, 1e9), ok(1, 3e9), failed}}}

	sample := Keyed(record.Delay, cells)
	if len(sample) != 2 || sample[0].Key != "7/0/w" || sample[1].Key != "7/1/w" || sample[1].Value != 3 {
		t.Errorf("sample %+v, want executions 0 and 1 of seed 7", sample)
	}
	if got := Values(record.Table1Ratio, cells); len(got) != 0 {
		t.Errorf("executions without a formula have ratios %v", got)
	}
}

func TestEstimate(t *testing.T) {
	ok := func(delay, cycle, bytes int64) record.Execution {
		return record.Execution{OK: true, DelayNS: delay, CycleNS: cycle, SwitchBytes: bytes,
			TrunkBytes: bytes / 2, Table1Bytes: bytes / 4, Retransmissions: bytes / 1000}
	}
	warmUp, failed := ok(9e9, 9e9, 9e6), ok(9e9, 9e9, 9e6)
	warmUp.WarmUp = true
	failed.OK = false
	cells := []record.CellResult{
		{Executions: []record.Execution{warmUp, ok(1e9, 2e9, 1_000_000), failed}},
		{Executions: []record.Execution{ok(3e9, 6e9, 2_000_000)}},
	}
	for metric, want := range map[string]float64{
		record.Delay:           2,
		record.TrafficRate:     3, // 24 Mb in 8 s, not the mean of 4 and 2.67
		record.TrafficVolume:   1500,
		record.TrunkVolume:     750,
		record.Table1Ratio:     2,
		record.Retransmissions: 1500,
		record.Throughput:      0.25, // two in the 8 s of their cycles
		record.Concurrency:     0.5,
	} {
		if e, err := Estimate(metric, cells); err != nil || e.N != 2 || math.Abs(e.Value-want) > 1e-9 || !e.Known {
			t.Errorf("%s: %+v, %v; want %v of 2", metric, e, err, want)
		}
	}
	if rates := Values(record.TrafficRate, cells); len(rates) != 2 || rates[0] != 4 || math.Abs(rates[1]-16.0/6) > 1e-9 {
		t.Errorf("one by one the rates are %v, want 4 and 16/6", rates)
	}
	if e, err := Estimate(record.FailedShare, cells); err != nil || e.N != 3 || math.Abs(e.Value-100.0/3) > 1e-9 {
		t.Errorf("failed: %+v, %v; want a third of 3", e, err)
	}
	for metric, want := range map[string]float64{record.DelayP50: 2, record.DelayP95: 2.9, record.DelayP99: 2.98} {
		if e, err := Estimate(metric, cells); err != nil || e.N != 2 || math.Abs(e.Value-want) > 1e-9 || e.Known {
			t.Errorf("%s: %+v, %v; want %v of 2, too few for an interval", metric, e, err, want)
		}
	}
	if len(record.Metrics) != 12 {
		t.Error("a metric was added without a value here")
	}
	if _, err := Estimate("speed", cells); err == nil {
		t.Error("an unknown metric has an estimate")
	}
	if e, err := Estimate(record.TrafficRate, []record.CellResult{{Executions: []record.Execution{ok(1, 0, 1)}}}); err != nil || e.N != 0 {
		t.Errorf("traffic rate without a cycle time: %+v, %v; want none", e, err)
	}
}

func TestRoles(t *testing.T) {
	axes := []record.Axis{{Name: "variant"}, {Name: "argument", Unit: "kB", Values: []string{"1", "2"}}, {Name: "rate", Unit: "Mb/s"}, {Name: "model"}}
	lines := record.Figure{Kind: record.KindLines, X: "rate", Series: "model"}
	bars := record.Figure{Kind: record.KindBars, X: "argument", Series: "variant"}
	cells := []record.CellResult{}
	for _, argument := range []string{"1", "2"} {
		cells = append(cells, record.CellResult{Cell: record.Cell{Point: []record.Coord{
			{Axis: "variant", Value: "text"}, {Axis: "argument", Value: argument, Number: 1}, {Axis: "rate", Value: "1"}, {Axis: "model", Value: "m"},
		}}})
	}
	for name, c := range map[string]struct {
		figures                      []record.Figure
		x, columns, abscissa, series string
	}{
		"lines win":       {[]record.Figure{bars, lines}, "rate", "model", "rate", "model"},
		"lines first":     {[]record.Figure{lines, bars}, "rate", "model", "rate", "model"},
		"bars only":       {[]record.Figure{bars}, "argument", "variant", "argument", ""},
		"without figures": {nil, "argument", "model", "argument", ""},
	} {
		r := &record.Results{Campaign: record.Campaign{Axes: axes, Figures: c.figures}, Cells: cells}
		roles := RolesOf(r)
		if len(roles.X) != 1 || roles.X[0].Name != c.x || len(roles.Columns) != 1 || roles.Columns[0].Name != c.columns || len(roles.Rows) != 2 {
			t.Errorf("%s: roles %+v, want x %s and columns %s", name, roles, c.x, c.columns)
		}
		if x, s := Abscissa(r).Name, Series(r); x != c.abscissa || s != c.series {
			t.Errorf("%s: curves along %q with series %q, want %q and %q", name, x, s, c.abscissa, c.series)
		}
	}
}

// TestOneNumber: an axis of numbers that has one value is no abscissa.
func TestOneNumber(t *testing.T) {
	var cells []record.CellResult
	for _, length := range []string{"3", "6"} {
		cells = append(cells, record.CellResult{Cell: record.Cell{Point: []record.Coord{
			{Axis: "S", Value: "1"}, {Axis: "L", Value: length}, {Axis: "A", Value: length},
		}}})
	}
	axes := []record.Axis{{Name: "S"}, {Name: "L"}, {Name: "A"}}
	roles := RolesOf(&record.Results{Campaign: record.Campaign{Axes: axes}, Cells: cells})
	if len(roles.X) != 1 || roles.X[0].Name != "L" || len(roles.Rows) != 2 {
		t.Errorf("the abscissa is %+v, the rows are %+v", roles.X, roles.Rows)
	}
}

// TestTitles have the unit behind the label, where there is one.
func TestTitles(t *testing.T) {
	for want, a := range map[string]record.Axis{
		"Link rate (Mb/s)": {Name: "rate", Label: "Link rate", Unit: "Mb/s"}, "rate (Mb/s)": {Name: "rate", Unit: "Mb/s"},
		"Model": {Name: "model", Label: "Model"}, "model": {Name: "model"},
	} {
		if got := Title(a); got != want {
			t.Errorf("the title of %+v is %q, want %q", a, got, want)
		}
	}
}
