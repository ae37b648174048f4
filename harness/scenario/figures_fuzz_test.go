package scenario

import (
	"io/fs"
	"testing"
	"time"

	"edgebed/harness/record"
	"edgebed/nodes/fuzztest"
	"edgebed/nodes/yamlfile"
	"edgebed/scenarios"
)

// FuzzReadFigures checks that no file with figures crashes its reader, and that what is
// wrong with one can be explained.
func FuzzReadFigures(f *testing.F) {
	f.Add([]byte("figures: [{name: delay, title: Delay, kind: lines, metric: delay, x: rate, series: model}]\n"))
	f.Add([]byte("figures: [{name: ../x, kind: bars}, {name: x, name: x}]\n"))
	for _, name := range []string{"exp400.yaml", "exp401.yaml", "exp402.yaml"} {
		data, err := fs.ReadFile(scenarios.Files, name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	campaigns := []record.Campaign{{}, {Axes: []record.Axis{
		{Name: "model", Values: []string{"pure-faas", "state-local"}},
		{Name: "rate", Unit: "Mb/s", Values: []string{"0 b/s", "5 Mb/s", "20 Mb/s"}},
	}}}
	f.Fuzz(func(t *testing.T, data []byte) {
		fuzztest.Watch(t, time.Second)
		for _, of := range campaigns {
			figures, err := ReadFigures("fuzz.yaml", data, of)
			if err != nil {
				_ = yamlfile.Explain(err)
				continue
			}
			if len(of.Axes) == 0 && len(figures) > 0 {
				for _, figure := range figures {
					if figure.Name == "" {
						t.Errorf("a figure without a name was accepted: %+v", figure)
					}
				}
			}
		}
	})
}
