package record

import (
	"slices"
	"strings"
	"testing"
)

// TestFigureCheck holds what each kind of figure has and has not.
func TestFigureCheck(t *testing.T) {
	axes, lines := sampleCampaign().Axes, sampleCampaign().Figures[0]
	heat := Figure{Name: "f", Kind: KindHeatMap, Metric: Delay, X: "rate", Y: "model"}
	ecdf := Figure{Name: "f", Kind: KindECDF, Metric: Delay, Series: "model"}
	line := Figure{Name: "f", Kind: KindTimeline, Metric: Delay}
	sampled := Figure{Name: "f", Kind: KindTimeline, Metric: anySampled(), At: []string{"s0-s1"}, Panels: []string{"model"}}
	bars := Figure{Name: "f", Kind: KindBars, Metric: Delay, X: "rate", Series: "model"}
	box := Figure{Name: "f", Kind: KindBox, Metric: Delay, X: "rate"}

	for name, tc := range map[string]struct {
		of     Figure
		change func(*Figure)
		want   string // empty where the figure is right
	}{
		"lines":                         {lines, func(*Figure) {}, ""},
		"a name that leaves the folder": {lines, func(f *Figure) { f.Name = "../fig" }, "cannot name files"},
		"an unknown kind":               {lines, func(f *Figure) { f.Kind = "pie" }, `unknown kind "pie"`},
		"an unknown metric":             {lines, func(f *Figure) { f.Metric = "speed" }, `unknown metric "speed"`},
		"lines without x":               {lines, func(f *Figure) { f.X = "" }, "needs an x axis"},
		"lines, x not there":            {lines, func(f *Figure) { f.X = "speed" }, `x: the matrix has no axis "speed"`},
		"lines, a series that is x":     {lines, func(f *Figure) { f.Series = "rate" }, `series: axis "rate" serves as x`},
		"lines, panels not there":       {lines, func(f *Figure) { f.Panels = []string{"size"} }, "panels: the matrix has no axis"},
		"lines, three panels":           {lines, func(f *Figure) { f.Panels = []string{"a", "b", "c"} }, "3 panel axes"},
		"lines, some of no series": {lines, func(f *Figure) { f.Series, f.Of = "", []string{"pure-faas"} },
			"chooses among the values of series"},
		"lines, a place that is series": {lines, func(f *Figure) { f.Where = map[string]string{"model": "pure-faas"} },
			`where: axis "model" serves as`},
		"heat map":                     {heat, func(*Figure) {}, ""},
		"heat map, colours by size":    {heat, func(f *Figure) { f.LogZ = true }, ""},
		"heat map without x":           {heat, func(f *Figure) { f.X = "" }, "needs an x and a y axis"},
		"heat map without y":           {heat, func(f *Figure) { f.Y = "" }, "needs an x and a y axis"},
		"heat map, y not there":        {heat, func(f *Figure) { f.Y = "size" }, `y: the matrix has no axis "size"`},
		"heat map, one axis":           {heat, func(f *Figure) { f.Y = "rate" }, `y: axis "rate" serves as x already`},
		"heat map, series":             {heat, func(f *Figure) { f.Series = "model" }, "series: a figure of kind heat-map has none"},
		"heat map, log-x":              {heat, func(f *Figure) { f.LogX = true }, "log-x, log-y: the fields"},
		"heat map, log-y":              {heat, func(f *Figure) { f.LogY = true }, "log-x, log-y: the fields"},
		"bars":                         {bars, func(*Figure) {}, ""},
		"bars, y":                      {bars, func(f *Figure) { f.Y = "model" }, "y: a figure of kind bars has the metric along y"},
		"bars, log-z":                  {bars, func(f *Figure) { f.LogZ = true }, "log-z: only a figure of kind heat-map"},
		"bars, log-y":                  {bars, func(f *Figure) { f.LogY = true }, "log-y: a figure of kind bars begins at zero"},
		"bars, ports":                  {bars, func(f *Figure) { f.At = []string{"s0-s1"} }, "at: only a timeline of"},
		"bars without x":               {bars, func(f *Figure) { f.X, f.Series = "", "" }, ""},
		"bars, log-x":                  {bars, func(f *Figure) { f.LogX = true }, "log-x: a figure of kind bars"},
		"boxes, log-x":                 {box, func(f *Figure) { f.LogX = true }, "log-x: a figure of kind box"},
		"timeline, log-x":              {line, func(f *Figure) { f.LogX = true }, "log-x: a timeline begins at zero"},
		"boxes, log-y":                 {box, func(f *Figure) { f.LogY = true }, ""},
		"boxes without x":              {box, func(f *Figure) { f.X = "" }, ""},
		"boxes of panels":              {box, func(f *Figure) { f.X, f.Panels = "", []string{"rate", "model"} }, ""},
		"boxes of some of a series":    {box, func(f *Figure) { f.X, f.Series, f.Of = "", "model", []string{"pure-faas"} }, ""},
		"boxes of a program":           {box, func(f *Figure) { f.X, f.Metric = "", "top.memory" }, ""},
		"boxes at a place":             {box, func(f *Figure) { f.X, f.Series, f.Where = "", "model", map[string]string{"rate": "1 Mb/s"} }, ""},
		"shares":                       {ecdf, func(*Figure) {}, ""},
		"shares, log-x":                {ecdf, func(f *Figure) { f.Series, f.LogX = "", true }, ""},
		"shares, x":                    {ecdf, func(f *Figure) { f.X = "rate" }, "the metric goes along x"},
		"shares, log-y":                {ecdf, func(f *Figure) { f.LogY = true }, "log-y: a figure of kind ecdf begins at zero"},
		"timeline":                     {line, func(*Figure) {}, ""},
		"timeline, log-y":              {line, func(f *Figure) { f.LogY = true }, ""},
		"timeline of a series":         {line, func(f *Figure) { f.Series = "model" }, ""},
		"timeline, x":                  {line, func(f *Figure) { f.X = "rate" }, "a timeline shows along time the delay or what is sampled: leave x out"},
		"timeline of bytes":            {line, func(f *Figure) { f.Metric = TrafficVolume }, "a timeline shows along time"},
		"timeline of a rate":           {line, func(f *Figure) { f.Metric = TrafficRate }, "leave x out, and choose the metric delay"},
		"course":                       {sampled, func(*Figure) {}, ""},
		"course, x":                    {sampled, func(f *Figure) { f.X = "rate" }, "a timeline shows along time"},
		"course in bars":               {sampled, func(f *Figure) { f.Kind = KindBars }, "is sampled over time"},
		"course, series":               {sampled, func(f *Figure) { f.Series = "rate" }, "series: a timeline of"},
		"course, log-y":                {sampled, func(f *Figure) { f.LogY = true }, "log-y: a timeline of"},
		"course of everything":         {sampled, func(f *Figure) { f.At = nil }, ""},
		"some of a series":             {bars, func(f *Figure) { f.Of = []string{"pure-faas"} }, ""},
		"a panel that is x":            {bars, func(f *Figure) { f.Panels = []string{"rate"} }, `panels: axis "rate" serves as x already`},
		"a name with a dot at the end": {bars, func(f *Figure) { f.Name = "f." }, "cannot name files"},
	} {
		f := tc.of
		tc.change(&f)
		switch err := f.Check(axes); {
		case tc.want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
			t.Errorf("%s: %v, want an error with %q", name, err, tc.want)
		}
	}
}

// anySampled is a metric that is sampled over time.
func anySampled() string {
	var names []string
	for name := range Sampled {
		names = append(names, name)
	}
	return slices.Min(names)
}
