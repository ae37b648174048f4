package record

import (
	"strings"
	"testing"
)

func TestFigureCheck(t *testing.T) {
	c := sampleCampaign()
	if err := c.Figures[0].Check(c.Axes); err != nil {
		t.Errorf("the sample figure: %v", err)
	}
	for want, change := range map[string]func(*Figure){
		"cannot name files":                  func(f *Figure) { f.Name = "../fig" },
		`unknown kind "pie"`:                 func(f *Figure) { f.Kind = "pie" },
		`unknown metric "speed"`:             func(f *Figure) { f.Metric = "speed" },
		"needs an x axis":                    func(f *Figure) { f.X = "" },
		`x: the matrix has no axis "speed"`:  func(f *Figure) { f.X = "speed" },
		`series: axis "rate" serves as x`:    func(f *Figure) { f.Series = "rate" },
		`panels: the matrix has no axis`:     func(f *Figure) { f.Panels = []string{"size"} },
		"3 panel axes":                       func(f *Figure) { f.Panels = []string{"a", "b", "c"} },
		"chooses among the values of series": func(f *Figure) { f.Series, f.Of = "", []string{"pure-faas"} },
		`where: axis "model" serves as`:      func(f *Figure) { f.Where = map[string]string{"model": "pure-faas"} },
	} {
		f := c.Figures[0]
		change(&f)
		if err := f.Check(c.Axes); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Check = %v, want an error with %q", err, want)
		}
	}
}
