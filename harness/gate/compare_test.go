package gate

import (
	"compress/gzip"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"edgebed/harness/matrix"
	"edgebed/harness/record"
)

// repeats is how many runs of one small grid are in testdata. They were made one
// after another on a machine that two other builds kept busy.
const repeats = 8

// load reads records of testdata: exp400, one run of experiment 400's quick
// profile, or repeat1, repeat2, ..., unchanged runs of a part of it. Their ports
// were left out to keep them small.
func load(t *testing.T, name string) *record.Results {
	t.Helper()
	file, err := os.Open("testdata/" + name + ".jsonl.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	plain, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	r, err := record.ReadFrom(name, plain)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// changed returns a copy of results with every execution changed.
func changed(r *record.Results, change func(record.Cell, *record.Execution)) *record.Results {
	c := *r
	c.Cells = slices.Clone(r.Cells)
	for i := range c.Cells {
		c.Cells[i].Executions = slices.Clone(c.Cells[i].Executions)
		for j := range c.Cells[i].Executions {
			change(c.Cells[i].Cell, &c.Cells[i].Executions[j])
		}
	}
	return &c
}

func compare(t *testing.T, base, fresh *record.Results) *Comparison {
	t.Helper()
	c, err := Compare(base, fresh, DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// found lists the curves that have a change, as "metric where: part, part".
func found(c *Comparison, change Change) []string {
	var list []string
	for _, curve := range c.Curves {
		var parts []string
		for _, test := range curve.Tests {
			if test.Change == change {
				parts = append(parts, test.Part)
			}
		}
		if len(parts) > 0 {
			list = append(list, curve.Metric+" "+curve.Where+": "+strings.Join(parts, ", "))
		}
	}
	return list
}

// TestUnchangedRuns is the false alarm rate on real repetitions: each of them
// against each other.
func TestUnchangedRuns(t *testing.T) {
	var all []*record.Results
	for i := range repeats {
		all = append(all, load(t, fmt.Sprintf("repeat%d", i+1)))
	}
	pairs, alarms := 0, 0
	for i, base := range all {
		for _, fresh := range all[i+1:] {
			for _, c := range []*Comparison{compare(t, base, fresh), compare(t, fresh, base)} {
				pairs++
				if c.Change == Regression {
					alarms++
					t.Logf("%s against %s: %v", fresh.Name, base.Name, found(c, Regression))
				}
			}
		}
	}
	if 50*alarms > pairs {
		t.Errorf("%d alarms in %d pairs of unchanged runs, want at most 1 in 50", alarms, pairs)
	}
}

// noise is what real repetitions of a cell differ by: for a rate and model, the
// logarithms of each repetition's delays over their mean, cell by cell, so that
// what a whole cell has in common stays together.
type noise map[string][][]float64

// nameOf names a part of the matrix.
func nameOf(coords ...record.Coord) string {
	var p matrix.Point
	for _, coord := range coords {
		p = append(p, matrix.Level{Axis: record.Axis{Name: coord.Axis}, Coord: coord})
	}
	return p.String()
}

func measuredNoise(t *testing.T) noise {
	delays := map[string][][]float64{} // by cell: runs of executions
	for i := range repeats {
		for _, c := range load(t, fmt.Sprintf("repeat%d", i+1)).Cells {
			var run []float64
			for _, e := range c.Executions {
				run = append(run, math.Log(float64(e.DelayNS)))
			}
			delays[nameOf(c.Cell.Point[2:]...)] = append(delays[nameOf(c.Cell.Point[2:]...)], run)
		}
	}
	n := noise{}
	for cell, runs := range delays {
		for _, run := range runs {
			residuals := slices.Clone(run)
			for i := range residuals {
				for _, other := range runs {
					residuals[i] -= other[i] / float64(len(runs))
				}
				residuals[i] *= math.Sqrt(float64(len(runs)) / float64(len(runs)-1))
			}
			n[cell] = append(n[cell], residuals)
		}
	}
	return n
}

// again is a run that could have been: each cell's delays with the noise of a
// randomly chosen repetition. Below 10 Mb/s, where nothing was repeated, the
// noise shrinks with the rate, as the part of the delay does that it comes from.
func (n noise) again(r *record.Results, rng *rand.Rand) *record.Results {
	draws := map[string][]float64{}
	return changed(r, func(c record.Cell, e *record.Execution) {
		draw, ok := draws[c.ID]
		if !ok {
			rate, model := c.Point[2], c.Point[3]
			if rate.Number < 10 {
				rate.Value = "10 Mb/s"
			}
			runs := n[nameOf(rate, model)]
			draw = slices.Clone(runs[rng.IntN(len(runs))])
			for i := range draw {
				draw[i] *= math.Min(1, c.Point[2].Number/10)
			}
			rng.Shuffle(len(draw), func(i, j int) { draw[i], draw[j] = draw[j], draw[i] })
			draws[c.ID] = draw
		}
		e.DelayNS = int64(float64(e.DelayNS) * math.Exp(draw[e.Index]))
	})
}

// TestErrorRates holds the gate's two kinds of error against the size of the
// quick profile: unchanged runs do not alarm, injected slow-downs do, and the
// curves that they are in are named.
func TestErrorRates(t *testing.T) {
	base, n := load(t, "exp400"), measuredNoise(t)
	const curve = "panel=S=6,L=3/argument=10 kB/model=state-local"
	is := func(c record.Cell, parts ...string) bool {
		return !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(c.ID, part) })
	}
	link95 := func(c record.Cell, e *record.Execution) {
		onWire := 1.07 * 8 * float64(e.PayloadBytes) / (c.Point[2].Number * 1e6) // seconds
		e.DelayNS += int64(1e9 * onWire * (1/0.95 - 1))
	}
	for name, tc := range map[string]struct {
		inject func(record.Cell, *record.Execution)
		// want are the starts of findings, one of which must be there; nothing may
		// be found that does not start with one of allowed.
		want, allowed []string
	}{
		"unchanged": {inject: func(record.Cell, *record.Execution) {}},
		"one curve's links at 95 %": {
			inject: func(c record.Cell, e *record.Execution) {
				if is(c, "S=6,L=3", "argument=10 kB", "state-local") {
					link95(c, e)
				}
			},
			want: []string{"delay " + curve}, allowed: []string{"delay " + curve, "delay model=state-local"},
		},
		"all links at 95 %": {
			inject:  link95,
			want:    []string{"delay all curves: whole curve, part per byte", "delay all curves: part per byte"},
			allowed: []string{"delay "},
		},
		"1 ms more in each call": {
			inject: func(c record.Cell, e *record.Execution) {
				calls := int64(3)
				if is(c, "S=6") {
					calls = 6
				}
				e.DelayNS += calls * 1e6
			},
			want:    []string{"delay all curves: fixed part", "delay all curves: whole curve, fixed part", "delay model=pure-faas: fixed part"},
			allowed: []string{"delay "},
		},
		"a connection more for each state access": {
			inject: func(c record.Cell, e *record.Execution) {
				if is(c, "state-local") {
					e.DelayNS += max(e.ActiveOpens-3, 0) * 8e6 // two round trips over two links
				}
			},
			want: []string{"delay model=state-local: "}, allowed: []string{"delay panel", "delay model=state-local", "delay all curves"},
		},
		"a state sent once too often": {
			inject: func(c record.Cell, e *record.Execution) {
				if is(c, "S=6,L=3", "argument=10 kB", "state-local") {
					e.SwitchBytes += 10_000
				}
			},
			want: []string{"traffic-volume " + curve}, allowed: []string{"traffic-volume " + curve, "traffic-volume model=state-local"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			runs, missed, alarms := trials(), 0, 0
			for trial := range runs {
				rng := rand.New(rand.NewPCG(uint64(trial), 7))
				c := compare(t, n.again(base, rng), changed(n.again(base, rng), tc.inject))
				findings := found(c, Regression)
				starts := func(all []string) func(string) bool {
					return func(f string) bool {
						return slices.ContainsFunc(all, func(start string) bool { return strings.HasPrefix(f, start) })
					}
				}
				if tc.want != nil && !slices.ContainsFunc(findings, starts(tc.want)) {
					missed++
					t.Logf("trial %d found %q in %+v", trial, findings, c.Curves[0])
				}
				if other := slices.DeleteFunc(findings, starts(tc.allowed)); len(other) > 0 {
					alarms++
					t.Logf("trial %d found besides %q", trial, other)
				}
			}
			if missed > 0 || 50*alarms > runs {
				t.Errorf("in %d trials %d misses and %d false findings", runs, missed, alarms)
			}
		})
	}
}

// trials is how often TestErrorRates tries each case: few by default, more with
// EDGEBED_TRIALS to measure the rates.
func trials() int {
	n := 1
	fmt.Sscan(os.Getenv("EDGEBED_TRIALS"), &n)
	return n
}

func TestIncomparable(t *testing.T) {
	base := load(t, "repeat1")
	other := *base
	other.Campaign.Scenario = "exp401"
	variant := *base
	variant.Campaign.Parameters = map[string]string{"burst": "auto", "link-delay": "1 ms", "variant": "text"}
	elsewhere := *base
	elsewhere.Cells = nil
	for name, r := range map[string]*record.Results{"scenario": &other, "variant": &variant, "point": &elsewhere} {
		if _, err := Compare(base, r, DefaultLimits); !errors.Is(err, ErrIncomparable) || !strings.Contains(err.Error(), name) {
			t.Errorf("another %s: %v, want that they are incomparable and why", name, err)
		}
	}
}

// TestSlowerMachine: what a machine's speed explains is no regression, what it
// does not explain is one.
func TestSlowerMachine(t *testing.T) {
	base := load(t, "exp400")
	base.Campaign.CalibrationNS = 100_000
	const slower = 1.3
	slow := func(c record.Cell, e *record.Execution) { // all but the links' part takes longer
		links := 1.07 * 8e3 * float64(e.PayloadBytes) / c.Point[2].Number
		e.DelayNS += int64((slower - 1) * 0.5 * math.Max(0, float64(e.DelayNS)-links))
	}
	fresh := changed(base, slow)
	if c := compare(t, base, fresh); c.Change != Regression {
		t.Error("a slow-down without an explanation is no regression: this test no longer shows anything")
	}
	fresh.Campaign.CalibrationNS = 100_000 * slower
	c := compare(t, base, fresh)
	if c.Change != SlowerMachine || math.Abs(c.Speed-slower) > 1e-6 || len(c.Notes) == 0 {
		t.Errorf("a slow-down that the calibration explains is %s, speed %v, notes %v: %v", c.Change, c.Speed, c.Notes, found(c, Regression))
	}
	// Delays at low rates are the network's, on any machine.
	fresh = changed(fresh, func(c record.Cell, e *record.Execution) {
		if c.Point[2].Number == 1 {
			e.DelayNS += e.DelayNS / 10
		}
	})
	if c := compare(t, base, fresh); c.Change != Regression {
		t.Errorf("10 %% more delay at 1 Mb/s on a machine 1.3 times slower is %s", c.Change)
	}
	// Calibrations of one machine differ: that explains nothing.
	fresh = changed(base, slow)
	fresh.Campaign.CalibrationNS = 102_000
	if c := compare(t, base, fresh); c.Change != Regression || c.Speed != 1 {
		t.Errorf("a slow-down with calibrations 2 %% apart is %s at speed %v", c.Change, c.Speed)
	}
	// Without a calibration only those count.
	fresh = changed(base, slow)
	fresh.Campaign.CalibrationNS = 0
	fresh.Campaign.Machine.CPU = "another"
	if c := compare(t, base, fresh); c.Change == Regression {
		t.Errorf("an unknown machine's slow-down is a regression: %v", found(c, Regression))
	}
}

func TestImprovement(t *testing.T) {
	base := load(t, "repeat1")
	fresh := changed(base, func(c record.Cell, e *record.Execution) {
		if strings.Contains(c.ID, "model=state-prop") {
			e.DelayNS -= e.DelayNS / 8
		}
	})
	c := compare(t, base, fresh)
	if c.Change != Improvement || len(found(c, Improvement)) == 0 {
		t.Errorf("a faster run is %s, want an improvement", c.Change)
	}
	if c := compare(t, base, base); c.Change != Same {
		t.Errorf("the same records are %s", c.Change)
	}
}

// TestUnpaired compares runs with other workloads.
func TestUnpaired(t *testing.T) {
	base := load(t, "repeat1")
	fresh := changed(base, func(c record.Cell, e *record.Execution) { e.Workload += "x" })
	if c := compare(t, base, fresh); c.Change != Same || c.Curves[len(c.Curves)-1].Tests[0].Paired {
		t.Errorf("other workloads with the same delays are %s, paired %v", c.Change, c.Curves[0].Tests[0].Paired)
	}
	for want, change := range map[Change]func(e *record.Execution){
		Regression:  func(e *record.Execution) { e.DelayNS *= 4 },
		Improvement: func(e *record.Execution) { e.DelayNS /= 4 },
	} {
		other := changed(fresh, func(c record.Cell, e *record.Execution) { change(e) })
		if c := compare(t, base, other); c.Change != want {
			t.Errorf("delays with other workloads are %s, want %s", c.Change, want)
		}
	}
}

// TestNetworks compares results of different networks only when told, and takes
// every difference between results of virtual time for what it is.
func TestNetworks(t *testing.T) {
	base := load(t, "exp400")
	virtual := changed(base, func(record.Cell, *record.Execution) {})
	virtual.Campaign.Network = record.Virtual
	limits := DefaultLimits
	if _, err := Compare(base, virtual, limits); !errors.Is(err, ErrIncomparable) || !strings.Contains(err.Error(), "--across-networks") {
		t.Errorf("different networks: error %v, want one that names the flag", err)
	}
	limits.AcrossNetworks = true
	c, err := Compare(base, virtual, limits)
	if err != nil {
		t.Fatal(err)
	}
	if c.Base.Network != "emulated" || c.New.Network != "virtual" || !strings.Contains(c.heading(), "virtual network") {
		t.Errorf("the sides are of %s and %s, heading %s", c.Base.Network, c.New.Network, c.heading())
	}

	limits = Limits{Delay: 0.001, Alpha: DefaultLimits.Alpha}
	at := func(share float64, bytes int64) Change {
		t.Helper()
		// One execution of one cell among all.
		fresh := changed(virtual, func(c record.Cell, e *record.Execution) {
			if c.ID == base.Cells[0].Cell.ID && e.Index == 0 {
				e.DelayNS = int64(float64(e.DelayNS) * (1 + share))
				e.SwitchBytes += bytes
			}
		})
		c, err := Compare(virtual, fresh, limits)
		if err != nil {
			t.Fatal(err)
		}
		return c.Change
	}
	for _, tc := range []struct {
		share float64
		bytes int64
		want  Change
	}{{0, 0, Same}, {0.004, 0, Same}, {0.02, 0, Regression}, {-0.02, 0, Improvement}, {0, 1, Regression}, {0, -1, Improvement}} {
		if got := at(tc.share, tc.bytes); got != tc.want {
			t.Errorf("one delay longer by %v and %d B: %s, want %s", tc.share, tc.bytes, got, tc.want)
		}
	}
}

func TestFailures(t *testing.T) {
	base := load(t, "repeat1")
	fresh := changed(base, func(c record.Cell, e *record.Execution) {
		if strings.Contains(c.ID, "model=state-prop") && e.Index == 3 {
			e.OK = false
		}
	})
	c := compare(t, base, fresh)
	if got := found(c, Regression); len(got) != 1 || !strings.HasPrefix(got[0], "failed executions panel=S=3,L=6/argument=10 kB/model=state-prop") {
		t.Errorf("new failures give %q", got)
	}
}

// TestDisturbedDelays: what happened to a disturbed cell's delays is no regression,
// unless all cells are like that.
func TestDisturbedDelays(t *testing.T) {
	base := load(t, "exp400")
	slow := func(c record.Cell) bool {
		rate, _ := c.Coord("rate")
		model, _ := c.Coord("model")
		return rate.Value == "10 Mb/s" && model.Value == "state-local"
	}
	late := changed(base, func(c record.Cell, e *record.Execution) {
		if slow(c) {
			e.DelayNS += e.DelayNS / 2
		}
	})
	marked := func(which func(record.Cell) bool) *record.Results {
		r := *late
		r.Cells = slices.Clone(late.Cells)
		for i, c := range r.Cells {
			if which(c.Cell) {
				end := *c.End
				end.Audit = &record.Audit{Verdict: record.Disturbed}
				r.Cells[i].End = &end
			}
		}
		return &r
	}
	none := marked(func(record.Cell) bool { return false })
	every := marked(func(record.Cell) bool { return true })
	for name, tt := range map[string]struct {
		fresh *record.Results
		want  Change
		note  string
	}{
		"faithful":      {none, Regression, ""},
		"disturbed":     {marked(slow), Same, "the delays of 4 points are not compared"},
		"all disturbed": {every, Regression, "every point has disturbed cells"},
	} {
		c := compare(t, base, tt.fresh)
		if c.Change != tt.want {
			t.Errorf("%s: %s, want %s: %q", name, c.Change, tt.want, found(c, Regression))
		}
		if !strings.Contains(strings.Join(c.Notes, "\n"), tt.note) {
			t.Errorf("%s: notes %q lack %q", name, c.Notes, tt.note)
		}
	}
}
