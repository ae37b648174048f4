package scenario

import (
	"cmp"
	"fmt"
	"strings"

	"edgebed/harness/record"
	"edgebed/nodes/yamlfile"
)

// ownFigures returns the figures of a scenario that names none: those along axes, and
// where something happens one along time.
func (s *Scenario) ownFigures() []record.Figure {
	figures := s.alongAxes()
	if s.sections.events.Kind == 0 {
		return figures
	}

	series := s.seriesAxis()
	return append(figures, record.Figure{
		Name: "delay-over-time", Title: s.Title + ": delay over time", Kind: record.KindTimeline, Metric: record.Delay,
		Series: series, Panels: s.others("", series),
	})
}

// alongAxes returns, along each axis of numbers, curves of delay and of traffic, by model;
// the other axes become panels, at most two of them, and those beyond a figure each.
// Without an axis of numbers there are bars.
func (s *Scenario) alongAxes() []record.Figure {
	series := s.seriesAxis()
	var figures []record.Figure
	names := map[string]bool{}
	for i := range s.Axes {
		x := &s.Axes[i]
		if x.Name == series || !x.numeric() {
			continue
		}
		// Case is not what tells files apart everywhere.
		suffix := "-by-" + x.Name
		if names[strings.ToLower(suffix)] {
			suffix += fmt.Sprintf("-%d", i)
		}
		names[strings.ToLower(suffix)] = true

		figures = append(figures, s.pair(suffix, record.Figure{
			Kind: record.KindLines, X: x.Name, Series: series, Panels: s.others(x.Name, series), LogX: x.spans(),
		})...)
	}
	if figures != nil {
		return figures
	}

	others := s.others("", series)
	f := record.Figure{Kind: record.KindBars, Series: series}
	if len(others) > 0 {
		f.X, f.Panels = others[0], others[1:]
	}

	return s.pair("", f)
}

// pair returns a figure of delay and one of traffic.
func (s *Scenario) pair(suffix string, f record.Figure) []record.Figure {
	against := ""
	if f.X != "" {
		x := s.axis(f.X)
		against = " against " + strings.ToLower(cmp.Or(x.Label, x.Name))
	}
	delay, traffic := f, f
	delay.Name, delay.Metric = "delay"+suffix, record.Delay
	delay.Title = s.Title + ": mean delay" + against
	traffic.Name, traffic.Metric = "traffic"+suffix, record.TrafficVolume
	traffic.Title = s.Title + ": traffic per execution" + against
	// Against rates and sizes over decades delay is about a power of them.
	delay.LogY = f.LogX

	return []record.Figure{delay, traffic}
}

// seriesAxis is the axis that has a curve per value: the models, or else the last
// axis of names.
func (s *Scenario) seriesAxis() string {
	last := ""
	for i := range s.Axes {
		switch a := &s.Axes[i]; {
		case a.Name == "model":
			return a.Name
		case !a.numeric():
			last = a.Name
		}
	}

	return last
}

// others returns up to two axes of several values that have no part in a figure yet.
func (s *Scenario) others(x, series string) []string {
	var names []string
	for _, a := range s.Axes {
		if a.Name != x && a.Name != series && len(a.Values) > 1 && len(names) < 2 {
			names = append(names, a.Name)
		}
	}

	return names
}

// numeric reports whether the axis has several values, which are all numbers.
func (a *Axis) numeric() bool {
	for _, v := range a.Values {
		if !v.isNumber {
			return false
		}
	}

	return len(a.Values) > 1
}

// spans reports whether the axis goes over a decade or more, from above 0.
func (a *Axis) spans() bool {
	least, most := a.Values[0].Number, a.Values[0].Number
	for _, v := range a.Values {
		least, most = min(least, v.Number), max(most, v.Number)
	}

	return least > 0 && most >= 10*least
}

// ReadFigures reads a file with the key figures, over the results of a campaign that was
// run. Errors carry file, line and column.
func ReadFigures(name string, data []byte, of record.Campaign) ([]record.Figure, error) {
	doc, err := yamlfile.Parse(name, data)
	if err != nil {
		return nil, err
	}
	var f struct {
		Figures []record.Figure `yaml:"figures" required:"true"`
	}
	if err := doc.Decode(&f); err != nil {
		return nil, err
	}

	s := &Scenario{Figures: f.Figures, doc: doc}
	for _, a := range of.Axes {
		axis := Axis{Name: a.Name, Label: a.Label, Unit: a.Unit}
		for _, v := range a.Values {
			axis.Values = append(axis.Values, Value{Name: v})
		}
		s.Axes = append(s.Axes, axis)
	}
	return f.Figures, s.checkFigures(of.Metrics())
}
