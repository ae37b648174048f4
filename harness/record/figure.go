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
	// KindTimeline: each execution under load where it was due, and the events; of a
	// metric that is sampled its course at ports or computers.
	KindTimeline = "timeline"
	// KindHeatMap: a field for each value on x and y, with the metric as its colour.
	KindHeatMap = "heat-map"
)

// FigureKinds lists the kinds of figures.
var FigureKinds = []string{KindLines, KindBars, KindBox, KindECDF, KindTimeline, KindHeatMap}

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
		return wrap(fmt.Errorf("unknown kind %q (expected one of %s)", f.Kind, strings.Join(FigureKinds, ", ")))
	}
	if err := f.checkSampled(); err != nil {
		return wrap(err)
	}
	if _, sampled := Sampled[f.Metric]; !sampled && !Known(f.Metric) {
		return wrap(fmt.Errorf("unknown metric %q (expected one of %s)",
			f.Metric, strings.Join(slices.Sorted(maps.Keys(Metrics)), ", ")))
	}
	if err := f.checkAxes(); err != nil {
		return wrap(err)
	}
	if f.X == "" && f.Kind == KindLines {
		return wrap(fmt.Errorf("a figure of lines needs an x axis"))
	}
	if f.X != "" && f.Kind == KindECDF {
		return wrap(fmt.Errorf("x: in a figure of kind %s the metric goes along x; remove it", f.Kind))
	}
	if f.LogY && (f.Kind == KindECDF || f.Kind == KindBars) {
		return wrap(fmt.Errorf("log-y: a figure of kind %s begins at zero; remove it", f.Kind))
	}
	if f.LogX && (f.Kind == KindBars || f.Kind == KindBox) {
		return wrap(fmt.Errorf("log-x: a figure of kind %s has its values of x side by side; remove it", f.Kind))
	}
	if f.LogX && f.Kind == KindTimeline {
		return wrap(fmt.Errorf("log-x: a timeline begins at zero; remove it"))
	}
	if _, sampled := Sampled[f.Metric]; f.Kind == KindTimeline && (f.X != "" || f.Metric != Delay && !sampled) {
		return wrap(fmt.Errorf("a timeline shows along time the delay or what is sampled: leave x out, and choose "+
			"the metric %s, or one of %s", Delay, strings.Join(slices.Sorted(maps.Keys(Sampled)), ", ")))
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
	if f.Y != "" {
		if err := use("y", f.Y); err != nil {
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

// checkSampled holds a metric that is sampled, and what belongs to it, against the kind.
func (f Figure) checkSampled() error {
	switch _, sampled := Sampled[f.Metric]; {
	case sampled && f.Kind != KindTimeline:
		return fmt.Errorf("metric %s is sampled over time; choose the kind %s", f.Metric, KindTimeline)
	case sampled && f.Series != "":
		return fmt.Errorf("series: a timeline of %s has a curve for each port or computer; "+
			"make the axis one of its panels", f.Metric)
	case sampled && f.LogY:
		return fmt.Errorf("log-y: a timeline of %s begins at zero; remove it", f.Metric)
	case !sampled && len(f.At) > 0:
		return fmt.Errorf("at: only a timeline of %s has ports or computers; remove it",
			strings.Join(slices.Sorted(maps.Keys(Sampled)), ", "))
	}
	return nil
}

// checkAxes holds what only a heat map has, and what it has not, against the kind.
func (f Figure) checkAxes() error {
	switch heat := f.Kind == KindHeatMap; {
	case heat && (f.X == "" || f.Y == ""):
		return fmt.Errorf("a figure of kind %s needs an x and a y axis", f.Kind)
	case heat && f.Series != "":
		return fmt.Errorf("series: a figure of kind %s has none; make the axis one of its panels", f.Kind)
	case heat && (f.LogX || f.LogY):
		return fmt.Errorf("log-x, log-y: the fields of a figure of kind %s are equally large; log-z is about colours",
			f.Kind)
	case !heat && f.Y != "":
		return fmt.Errorf("y: a figure of kind %s has the metric along y; remove it", f.Kind)
	case !heat && f.LogZ:
		return fmt.Errorf("log-z: only a figure of kind %s has colours for numbers; remove it", KindHeatMap)
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
