package record

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Kinds of figures.
const (
	// KindLines: a curve for each series along x, with intervals.
	KindLines = "lines"
	// KindBars: a group of bars for each value on x, with intervals.
	KindBars = "bars"
	// KindBox: a group of boxes for each value on x: quartiles, and all values.
	KindBox = "box"
	// KindECDF: for each series the share of executions up to a value, which goes
	// along the abscissa in the place of an axis.
	KindECDF = "ecdf"
	// KindTimeline: each execution under load where it was due, and the events.
	KindTimeline = "timeline"
)

// FigureKinds lists them.
var FigureKinds = []string{KindLines, KindBars, KindBox, KindECDF, KindTimeline}

// Keys of Cell.Settings that reports mention.
const (
	// SettingDelayBackend is what made the links' delay: "netem", "delayline"
	// (in user space), or "none" where no link has any.
	SettingDelayBackend = "delay-backend"
	// SettingCongestionControl is TCP's algorithm on the hosts.
	SettingCongestionControl = "congestion-control"
	// SettingCycle says what an execution's cycle time is made of.
	SettingCycle = "cycle"
)

// Check returns an error where the figure cannot be drawn over a matrix of the
// given axes: an unknown kind, metric or axis, or an axis used twice. It accepts
// any value in Where and Of, since a small profile may leave out the one it names.
func (f Figure) Check(axes []Axis) error {
	wrap := func(err error) error { return fmt.Errorf("figure %q: %w", f.Name, err) }
	if err := CheckFileName(f.Name); err != nil {
		return wrap(err)
	}
	if !slices.Contains(FigureKinds, f.Kind) {
		return wrap(fmt.Errorf("unknown kind %q (expected %s)", f.Kind, strings.Join(FigureKinds, " or ")))
	}
	if !Known(f.Metric) {
		return wrap(fmt.Errorf("unknown metric %q (expected one of %s)",
			f.Metric, strings.Join(slices.Sorted(maps.Keys(Metrics)), ", ")))
	}
	if f.X == "" && f.Kind == KindLines {
		return wrap(fmt.Errorf("a figure of lines needs an x axis"))
	}
	if f.Kind == KindTimeline && (f.X != "" || f.Metric != Delay) {
		return wrap(fmt.Errorf("a timeline shows the delay along time: leave x out, and choose the metric %s", Delay))
	}
	if f.X != "" && f.Kind == KindECDF {
		return wrap(fmt.Errorf("x: in a figure of kind %s the metric goes along x; remove it", f.Kind))
	}
	if f.LogY && (f.Kind == KindECDF || f.Kind == KindBars) {
		return wrap(fmt.Errorf("log-y: a figure of kind %s begins at zero; remove it", f.Kind))
	}
	if len(f.Panels) > 2 {
		return wrap(fmt.Errorf("%d panel axes, at most two fit: columns and rows", len(f.Panels)))
	}

	names := make([]string, 0, len(axes))
	for _, a := range axes {
		names = append(names, a.Name)
	}
	used := make(map[string]string)
	use := func(role, axis string) error {
		if !slices.Contains(names, axis) {
			return fmt.Errorf("%s: the matrix has no axis %q (it has %s)", role, axis, strings.Join(names, ", "))
		}
		if other, ok := used[axis]; ok {
			return fmt.Errorf("%s: axis %q serves as %s already", role, axis, other)
		}
		used[axis] = role
		return nil
	}

	// Each axis of the matrix serves once at most.
	if f.X != "" {
		if err := use("x", f.X); err != nil {
			return wrap(err)
		}
	}
	if f.Series != "" {
		if err := use("series", f.Series); err != nil {
			return wrap(err)
		}
	}
	if len(f.Of) > 0 && f.Series == "" {
		return wrap(fmt.Errorf("of: it chooses among the values of series, which the figure does not have"))
	}
	for _, axis := range f.Panels {
		if err := use("panels", axis); err != nil {
			return wrap(err)
		}
	}

	for _, axis := range slices.Sorted(maps.Keys(f.Where)) {
		if err := use("where", axis); err != nil {
			return wrap(err)
		}
	}
	return nil
}

// fileName and reserved are what names files on every file system: no folders, no
// hidden files, and none of the devices of Windows.
var (
	fileName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$`)
	reserved = regexp.MustCompile(`(?i)^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)`)
)

// CheckFileName returns an error where a scenario's or a figure's name, which also
// names a folder or files, could leave the result folder or trouble a file system.
func CheckFileName(name string) error {
	switch {
	case !fileName.MatchString(name) || strings.HasSuffix(name, "."):
		return fmt.Errorf("%.120q cannot name files; "+
			"expected 1 to 100 letters, digits, -, _ and dots, with no dot first or last", name)
	case reserved.MatchString(name):
		return fmt.Errorf("%q cannot name files: some systems have a device of that name; choose another", name)
	}
	return nil
}
