package gate

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"edgebed/harness/matrix"
	"edgebed/harness/record"
)

// ErrIncomparable is returned, wrapped, by Compare for results that have nothing
// to compare.
var ErrIncomparable = errors.New("the results cannot be compared")

// Limits say which differences count.
type Limits struct {
	// Delay and Bytes are the smallest relative changes of a curve that matter. Of
	// several curves together half of that matters, since chance is smaller there.
	// Bytes hardly vary, so their limit is smaller.
	Delay, Bytes float64
	// Noise is the relative standard deviation, between runs, of what one cell's
	// executions have in common beside the links' part of their delay: a machine
	// that is busy with other things slows whole cells.
	Noise float64
	// Alpha bounds the probability that a metric alarms without a cause.
	Alpha float64
	// AcrossNetworks lets results of emulated links and of virtual time be compared.
	AcrossNetworks bool
}

// DefaultLimits are those of edgebed compare.
var DefaultLimits = Limits{Delay: 0.03, Bytes: 0.005, Noise: 0.02, Alpha: 0.01}

// unknownSpeed stands for the speed of a machine that was not calibrated.
const unknownSpeed = 1.5

// calibrationError is how far the calibrations of one machine are apart: 13.5 to
// 13.9 us in 12 campaigns on an idle one.
const calibrationError = 0.03

// Compare tests the results of a scenario against a base: the delay and the
// bytes of each curve as a whole and point by point, and the delay's fixed part
// and part per byte where the abscissa is a rate; and the same of all panels and
// of all curves together, which shows what slows them all by little.
//
// Executions of the same workload are compared with each other; those that only
// one side has are left out. A curve's test is a permutation of the signs of its
// pairs' logarithmic ratios, which asks nothing of the delays' distribution; where
// workloads differ, a point has the test of Mann and Whitney. Beside these, every
// difference must pass Student's test, whose error includes the noise that a whole
// cell has in common (Limits). P-values are adjusted for all tests of a metric (Holm).
// A change counts where it is significant and no smaller than the limits.
//
// Delays of cells that the audit calls disturbed are left out: they say nothing of
// the program. Where that leaves nothing, all are compared.
//
// In virtual time nothing varies between runs: where both results are of that
// network, every difference is significant, and only the limits count.
//
// Where the new machine is slower by the campaigns' calibration, the part of a
// delay that is not the links' may be that much longer.
func Compare(base, fresh *record.Results, limits Limits) (*Comparison, error) {
	c := &Comparison{Scenario: base.Campaign.Scenario, Base: side(base), New: side(fresh), Limits: limits, Change: Same}
	if err := c.comparable(base, fresh); err != nil {
		return nil, err
	}
	c.exact = base.Campaign.On() == record.Virtual && fresh.Campaign.On() == record.Virtual

	x := matrix.Abscissa(base)
	var rows []record.Axis
	for _, a := range base.Campaign.Axes {
		if a.Name != x.Name {
			rows = append(rows, a)
		}
	}

	curves, points, onlyBase := curvesOf(matrix.Points(rows, base.Cells), x, base.Cells, fresh.Cells)
	if points == 0 {
		return nil, fmt.Errorf("%w: they have no point with executions in common", ErrIncomparable)
	}
	onlyNew := 0
	for _, p := range matrix.Points(base.Campaign.Axes, fresh.Cells) {
		if len(p.Of(base.Cells)) == 0 {
			onlyNew++
		}
	}
	if onlyBase > 0 {
		c.note("%d points of the base are not in the new result", onlyBase)
	}
	if onlyNew > 0 {
		c.note("%d points of the new result are not in the base", onlyNew)
	}

	// Bytes do not depend on when the machine had time.
	undisturbed, left, _ := curvesOf(matrix.Points(rows, base.Cells), x, calm(base.Cells), calm(fresh.Cells))
	switch {
	case left == 0:
		undisturbed = curves
		c.note("every point has disturbed cells: their delays are compared all the same")
	case left < points:
		c.note("the delays of %d points are not compared: all their cells are disturbed in one of the results",
			points-left)
	}

	for _, m := range []struct {
		metric string
		curves []*curve
	}{{record.Delay, undisturbed}, {record.TrafficVolume, curves}} {
		groups, single := c.tests(m.metric, m.curves, matrix.Series(base))
		c.Curves = append(c.Curves, conclude(groups, single, limits)...)
	}
	for _, cv := range curves {
		if f, ok := cv.failures(); ok {
			c.Curves = append(c.Curves, f)
		}
	}

	for _, curve := range c.Curves {
		c.Change = worse(c.Change, curve.Change)
	}
	return c, nil
}

// calm leaves out the cells that the audit calls disturbed.
func calm(cells []record.CellResult) []record.CellResult {
	return slices.DeleteFunc(slices.Clone(cells), record.CellResult.Disturbed)
}

func (c *Comparison) note(format string, args ...any) {
	c.Notes = append(c.Notes, fmt.Sprintf(format, args...))
}

func side(r *record.Results) Side {
	m := r.Campaign.Machine
	s := Side{
		Name: r.Name, Network: string(r.Campaign.On()), Profile: r.Campaign.Profile, Commit: r.Campaign.Tool.Commit,
		CPU: m.CPU, Cores: m.Cores, Kernel: m.Kernel, Calibrate: float64(r.Campaign.CalibrationNS),
	}
	for _, cell := range r.Cells {
		s.Failed += failed(cell)
		if cell.Disturbed() {
			s.Disturbed++
		}
	}
	return s
}

func failed(c record.CellResult) int {
	n := 0
	for _, e := range c.Executions {
		if !e.WarmUp && !e.OK {
			n++
		}
	}
	return n
}

// comparable refuses results of different experiments, and says what differs
// without making them incomparable.
func (c *Comparison) comparable(base, fresh *record.Results) error {
	b, f := base.Campaign, fresh.Campaign
	if b.Scenario != f.Scenario {
		return fmt.Errorf("%w: the base is of scenario %s, the new result of %s", ErrIncomparable, b.Scenario,
			f.Scenario)
	}

	if b.On() != f.On() {
		if !c.Limits.AcrossNetworks {
			return fmt.Errorf("%w: the base is of the %s network, the new result of the %s one; "+
				"compare them all the same with --across-networks",
				ErrIncomparable, b.On(), f.On())
		}
		c.note("the base was made on the %s network, the new result on the %s one", b.On(), f.On())
	}

	if !maps.Equal(b.Parameters, f.Parameters) {
		for _, name := range slices.Sorted(maps.Keys(b.Parameters)) {
			if v, ok := f.Parameters[name]; ok && v != b.Parameters[name] {
				return fmt.Errorf("%w: parameter %s is %s in the base and %s in the new result",
					ErrIncomparable, name, b.Parameters[name], v)
			}
		}
		c.note("the scenario's parameters changed: %v and %v", b.Parameters, f.Parameters)
	}

	if b.ScenarioSHA256 != f.ScenarioSHA256 {
		c.note("what the scenario or its topology says of the results changed since the base ran")
	}
	if x, y := backends(base), backends(fresh); x != y {
		c.note("link delay was made by %s in the base and by %s in the new result", x, y)
	}
	for _, s := range []Side{c.Base, c.New} {
		if s.Disturbed > 0 {
			c.note("the audit found %d disturbed cells in %s", s.Disturbed, s.Name)
		}
	}

	c.speed(b.Machine == f.Machine)
	return nil
}

// speed says how much slower the new machine is.
func (c *Comparison) speed(sameMachine bool) {
	switch {
	case slices.Contains([]string{c.Base.Network, c.New.Network}, string(record.Virtual)):
		// The machine is in no delay of virtual time.
	case c.Base.Calibrate > 0 && c.New.Calibrate > 0:
		c.Speed = c.New.Calibrate / c.Base.Calibrate
		switch {
		case math.Abs(c.Speed-1) <= calibrationError:
			c.Speed = 1
		case c.Speed > 1:
			c.note("the new machine needs %.2f times the base's time for the same work: "+
				"what is not the links' part of a delay may be that much longer", c.Speed)
		default:
			c.note("the new machine needs %.2f times the base's time for the same work: "+
				"it may hide a regression of what is not the links' part of a delay", c.Speed)
		}
	case sameMachine:
		c.Speed = 1
	default:
		c.note("the machines differ and were not both calibrated: the new one "+
			"is taken to need up to %.1f times the base's time",
			unknownSpeed)
	}
}

func backends(r *record.Results) string {
	found := map[string]bool{}
	for _, c := range r.Cells {
		if v := c.Cell.Settings[record.SettingDelayBackend]; v != "" {
			found[v] = true
		}
	}
	return strings.Join(slices.Sorted(maps.Keys(found)), ", ")
}
