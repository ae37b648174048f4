package gate

// Change is the verdict of a test.
type Change string

const (
	// Same means no difference, or none that matters.
	Same Change = "same"
	// Regression means worse: slower, more bytes, more failures.
	Regression Change = "regression"
	// Improvement means better.
	Improvement Change = "improvement"
	// SlowerMachine means worse, but by no more than the slower machine explains.
	SlowerMachine Change = "machine"
)

// Test compares one part of one curve.
type Test struct {
	// Part is "whole curve", "fixed part", "part per byte", or a value on the
	// abscissa.
	Part string `json:"part"`
	// Base and New are the means in the metric's unit; 0 for a whole curve.
	Base float64 `json:"base,omitempty"`
	New  float64 `json:"new,omitempty"`
	// Ratio is New over Base with its 95 % interval.
	Ratio float64 `json:"ratio"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
	// Explained is the ratio that the speeds of the machines explain at most.
	Explained float64 `json:"explained"`
	// P is the p-value of no difference beyond Explained, adjusted for all tests
	// of the metric.
	P float64 `json:"p"`
	// N is the number of pairs, or the smaller number of executions where they
	// are not paired.
	N      int    `json:"n"`
	Paired bool   `json:"paired"`
	Change Change `json:"change"`
}

// Curve is one series in one panel for one metric.
type Curve struct {
	// Where names the panel and the series, for instance
	// "panel=S=3,L=6/argument=10 kB/model=state-local"; "model=state-local" stands
	// for this series in all panels, and "all curves" for themselves.
	Where  string `json:"where"`
	Metric string `json:"metric"`
	Change Change `json:"change"`
	Tests  []Test `json:"tests"`
}

// Side is one of the two results.
type Side struct {
	Name      string  `json:"name"`
	Network   string  `json:"network"`
	Profile   string  `json:"profile"`
	Commit    string  `json:"commit"`
	CPU       string  `json:"cpu"`
	Cores     int     `json:"cores"`
	Kernel    string  `json:"kernel"`
	Calibrate float64 `json:"calibration_ns,omitempty"`
	Failed    int     `json:"failed_executions"`
	Disturbed int     `json:"disturbed_cells"`
}

// Comparison is the outcome of Compare.
type Comparison struct {
	Scenario string `json:"scenario"`
	Base     Side   `json:"base"`
	New      Side   `json:"new"`
	// Speed is the time of the new machine for fixed work over that of the base
	// machine, 1 where they differ by no more than calibrations of one machine do; 0
	// where it is not known.
	Speed  float64 `json:"speed,omitempty"`
	Limits Limits  `json:"limits"`
	Curves []Curve `json:"curves"`
	// Notes are what a reader must know of the comparison.
	Notes  []string `json:"notes,omitempty"`
	Change Change   `json:"change"`

	// exact results are those of virtual time on both sides.
	exact bool
}

// worse returns the change that matters more.
func worse(a, b Change) Change {
	for _, change := range []Change{Regression, SlowerMachine, Improvement} {
		if a == change || b == change {
			return change
		}
	}
	return Same
}
