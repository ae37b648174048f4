package scenario

import (
	"fmt"
	"strings"
	"testing"

	"edgebed/harness/record"
)

// figuresOf are the figures of a scenario that names none, in words.
func figuresOf(t *testing.T, text string) []string {
	t.Helper()
	s, err := Parse("f.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, f := range s.Figures {
		list = append(list, fmt.Sprintf("%s: %s of %s, x %s, series %s, panels %v, logarithmic %v %v, %q",
			f.Name, f.Kind, f.Metric, f.X, f.Series, f.Panels, f.LogX, f.LogY, f.Title))
	}
	return list
}

// TestFigureRoles: which axis becomes what, by its values.
func TestFigureRoles(t *testing.T) {
	const head = "name: f\ntitle: Title\n"
	preset := func(keys string) string { return "topology: {preset: \"ring," + keys + "\"}\n" }
	for name, tc := range map[string]struct{ text, want string }{
		"a decade, to the letter": {
			head + preset("rate=$rate") + "matrix: [{axis: rate, label: Link Rate, values: [1 Mb/s, 10 Mb/s]}]",
			"delay-by-rate: lines of delay, x rate, series model, panels [], logarithmic true true, \"Title: mean delay against link rate\"",
		},
		"less than a decade": {
			head + preset("rate=$rate") + "matrix: [{axis: rate, values: [1 Mb/s, 9 Mb/s]}]",
			"delay-by-rate: lines of delay, x rate, series model, panels [], logarithmic false false, \"Title: mean delay against rate\"",
		},
		"from zero": {
			head + preset("delay=$d") + "matrix: [{axis: d, values: [0 ms, 10 ms, 100 ms]}]",
			"delay-by-d: lines of delay, x d, series model, panels [], logarithmic false false, \"Title: mean delay against d\"",
		},
		"in any order": {
			head + preset("rate=$rate") + "matrix: [{axis: rate, values: [20 Mb/s, 1 Mb/s, 10 Mb/s]}]",
			"delay-by-rate: lines of delay, x rate, series model, panels [], logarithmic true true, \"Title: mean delay against rate\"",
		},
		"one number": {
			head + preset("rate=$rate") + "matrix: [{axis: rate, values: [1 Mb/s]}]",
			"delay: bars of delay, x , series model, panels [], logarithmic false false, \"Title: mean delay\"",
		},
		"names and a number": {
			head + preset("rate=$rate") + "execution: {model: pure-faas}\nmatrix: [{axis: rate, values: [1 Mb/s, 2 Mb/s]}, " +
				"{axis: state, values: [a, b]}]\nworkload: {argument: \"${state == 'a' ? '1 kB' : '2 kB'}\"}",
			"delay-by-rate: lines of delay, x rate, series state, panels [], logarithmic false false, \"Title: mean delay against rate\"",
		},
		"panels, two of three": {
			head + preset("rate=$rate,delay=$d,switches=$n") + "workload: {argument: $a}\nmatrix: [{axis: rate, values: [1 Mb/s, 2 Mb/s]}, " +
				"{axis: d, values: [1 ms]}, {axis: n, values: [4, 5]}, {axis: a, values: [1 kB, 2 kB]}, {axis: t, values: [1 s, 2 s]}]\nexecution: {timeout: $t}\n",
			"delay-by-rate: lines of delay, x rate, series model, panels [n a], logarithmic false false, \"Title: mean delay against rate\"",
		},
		"bars with panels": {
			head + "topology: {preset: $shape}\nmatrix: [{axis: shape, values: [ring, star]}, {axis: form, values: [carry, direct]}]\n" +
				"execution: {form: $form}",
			"delay: bars of delay, x shape, series model, panels [form], logarithmic false false, \"Title: mean delay against shape\"",
		},
	} {
		got := figuresOf(t, tc.text)
		if len(got) < 2 || got[0] != tc.want {
			t.Errorf("%s: figures\n%s\nwant first\n%s", name, strings.Join(got, "\n"), tc.want)
			continue
		}
		traffic := strings.Replace(strings.Replace(got[0], "delay", "traffic", 1), "of delay,", "of "+record.TrafficVolume+",", 1)
		traffic = strings.Replace(strings.Replace(traffic, "true true", "true false", 1), "mean delay", "traffic per execution", 1)
		if got[1] != traffic {
			t.Errorf("%s: the second figure is\n%s\nwant\n%s", name, got[1], traffic)
		}
	}
}

// TestFigureNames: axes whose names differ in case alone give figures of different names.
func TestFigureNames(t *testing.T) {
	got := figuresOf(t, "name: f\ntopology: {preset: \"ring,rate=$Rate,switches=$rate\"}\n"+
		"matrix: [{axis: rate, values: [3, 4]}, {axis: Rate, values: [1 Mb/s, 2 Mb/s]}]\n")
	var names []string
	for _, f := range got {
		name, _, _ := strings.Cut(f, ":")
		names = append(names, name)
	}
	if fmt.Sprint(names) != "[delay-by-rate traffic-by-rate delay-by-Rate-1 traffic-by-Rate-1]" {
		t.Errorf("figures %v", names)
	}
}

// TestTimeline: where something happens a figure goes along time, and else none.
func TestTimeline(t *testing.T) {
	const text = "name: f\ntopology: {preset: ring}\nmatrix: [{axis: form, values: [carry, direct]}]\nexecution: {form: $form}\n"
	quiet, busy := figuresOf(t, text), figuresOf(t, text+"events: [{computer: host1, stop: true}]\n")
	if len(quiet) != 2 || len(busy) != 3 || !strings.HasPrefix(busy[2],
		"delay-over-time: timeline of delay, x , series model, panels [form], logarithmic false false, \"f: delay over time\"") {
		t.Errorf("figures %q, with events %q", quiet, busy)
	}
}

// TestFigureMistakes: names that the matrix does not have are told where they stand.
func TestFigureMistakes(t *testing.T) {
	for figure, want := range map[string]string{
		"name: a, kind: lines, metric: delay, x: rate, series: model":                                                                "",
		"name: a, kind: lines, metric: delay, x: rate, series: mode":                                                                 "figures[0].series: unknown axis mode; did you mean model?",
		"name: a, kind: heat-map, metric: delay, x: rate, y: mode":                                                                   "figures[0].y: unknown axis mode",
		"name: a, kind: lines, metric: delay, x: rate, series: model, panels: [x]":                                                   "figures[0].panels[0]: unknown axis x",
		"name: a, kind: lines, metric: delay, x: rate, series: model, of: [x]":                                                       "figures[0].of: unknown value: axis model has no value \"x\"",
		"name: a, kind: lines, metric: delay, x: rate, series: model, where: {rate: 1 Mb/s}":                                         "figures[0]",
		"name: a, kind: lines, metric: delay, x: rate, series: model, where: {rte: 1 Mb/s}":                                          "figures[0].where.rte: unknown axis rte",
		"name: a, kind: line, metric: delay, x: rate, series: model":                                                                 "figures[0].kind: unknown kind of figure \"line\"; did you mean lines?",
		"name: a/b, kind: lines, metric: delay, x: rate, series: model":                                                              "figures[0].name",
		"name: a, kind: lines, metric: delay, x: rate, series: model}, {name: A, kind: lines, metric: delay, x: rate, series: model": "figures[1].name: figure A and figure a would be the same files",
		"name: a, kind: lines, metric: delay, x: rate, series: rate":                                                                 "figures[0]",
	} {
		err := mistakesIn(minimal("figures: [{" + figure + "}]"))
		if !says(err, want) || err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %q", figure, err, want)
		}
	}
}
