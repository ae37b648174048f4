package scenario

import (
	"strings"
	"testing"

	"edgebed/harness/record"
)

// TestReadFigures checks figures of a file against the results that they are for.
func TestReadFigures(t *testing.T) {
	of := record.Campaign{
		Axes: []record.Axis{
			{Name: "rate", Unit: "Mb/s", Values: []string{"1 Mb/s", "2 Mb/s"}}, {Name: "model", Values: []string{"a", "b"}},
		},
		Quantities: map[string]string{"iperf.rate": "Rate"},
	}
	good := "figures:\n  - {name: f, kind: heat-map, metric: iperf.rate, x: rate, y: model}\n"
	figures, err := ReadFigures("f.yaml", []byte(good), of)
	if err != nil || len(figures) != 1 || figures[0].Y != "model" {
		t.Errorf("figures %+v, %v", figures, err)
	}
	for text, want := range map[string]string{
		strings.Replace(good, "y: model", "y: modl", 1):             "f.yaml:2:63: figures[0].y: unknown axis modl; did you mean model?",
		strings.Replace(good, "iperf.rate", "iperf.rat", 1):         `figures[0].metric: unknown metric "iperf.rat"; did you mean iperf.rate?`,
		strings.Replace(good, "}", ", where: {rate: 3 Mb/s}}", 1):   `axis rate has no value "3 Mb/s"`,
		strings.Replace(good, "figures:", "figure:", 1):             "figures",
		strings.Replace(good, "heat-map", "lines", 1):               "a figure of kind lines has the metric along y",
		strings.Replace(good, "{name: f,", "{name: ../f,", 1):       "cannot name files",
		strings.Replace(good, "}", ", series: model, x: model}", 1): "x",
		strings.Replace(good, "figures:\n", "figures: [\n", 1):      "f.yaml",
	} {
		_, err := ReadFigures("f.yaml", []byte(text), of)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
