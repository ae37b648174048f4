package scenario

import (
	"fmt"
	"maps"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"edgebed/harness/record"
)

const short = `name: short
topology: {preset: "ring,rate=$rate"}
matrix:
  - {axis: rate, values: 1..100 Mb/s log 3}
`

func expand(t *testing.T, text string) *Plan {
	t.Helper()
	s, err := Parse("f.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	plan, err := s.Expand(Selection{Profile: "quick"})
	if err != nil {
		t.Fatal(err)
	}

	return plan
}

// TestDefaults writes out what a short scenario leaves out, and finds the same cells,
// decided by the same.
func TestDefaults(t *testing.T) {
	whole := strings.Replace(short, "matrix:", `version: 1
title: short
profiles: {quick: {executions: 8, seeds: [1]}}
nodes:
  computers:
    - processors: [{name: cpu, cores: 2, speed: 1e12, memory: 512 MiB}]
      functions: [{names: ["{address}"], workers: 2, service-time: 10 ms}]
workload: {generator: chain, variant: text, states: 3, length: 3, argument: 10 kB}
execution: {model: $model, timeout: 120 s, warm-up: true}
matrix:`, 1) + "  - {axis: model, label: Execution model, values: [{name: pure-faas, label: PureFaaS}, " +
		"{name: state-prop, label: StateProp}, {name: state-local, label: StateLocal}]}\n"
	got, want := expand(t, short), expand(t, whole)
	ids := func(p *Plan) (list []string) {
		for _, c := range p.Cells {
			list = append(list, fmt.Sprint(c.ID, c.Executions, c.Workload.Argument, c.Execution.Model, c.Execution.Timeout, c.Execution.WarmUp))
		}
		return list
	}
	if diff := cmp.Diff(ids(want), ids(got)); diff != "" || len(got.Cells) != 9 {
		t.Errorf("%d cells (-written out +default):\n%s", len(got.Cells), diff)
	}
	if diff := cmp.Diff(want.Scenario.Figures, got.Scenario.Figures); diff != "" || len(got.Scenario.Figures) != 2 {
		t.Errorf("figures (-written out +default):\n%s", diff)
	}

	// The generator's keys are told apart by where they are from, all else is not.
	shared, other := got.Decides(), want.Decides()
	for _, key := range []string{"variant", "states", "length"} {
		if v, ok := shared["default of chain: "+key]; !ok || v != other["workload."+key] {
			t.Errorf("default %s decides as %q, want %q", key, v, other["workload."+key])
		}
		delete(shared, "default of chain: "+key)
		delete(other, "workload."+key)
	}
	if diff := cmp.Diff(other, shared); diff != "" {
		t.Errorf("what decides (-written out +default):\n%s", diff)
	}

	changed := expand(t, short+"workload: {length: 4}\n")
	if maps.Equal(changed.Decides(), got.Decides()) {
		t.Error("another length than the default does not decide")
	}
}

// TestModelAxis checks when the axis of the models is added.
func TestModelAxis(t *testing.T) {
	for text, want := range map[string]string{
		short:                                 "rate model",
		short + "execution: {timeout: 1 s}\n": "rate model",
		short + "execution: {model: state-local}\n":                                                                     "rate",
		short + "parameters: [{name: model, default: pure-faas}]\n":                                                     "rate",
		short + "  - {axis: mode, values: [{name: a, set: {model: pure-faas}}, {name: b, set: {model: state-prop}}]}\n": "rate mode",
		"name: bare\ntopology: {preset: ring}\n":                                                                        "model",
	} {
		var axes []string
		for _, a := range expand(t, text).Axes {
			axes = append(axes, a.Name)
		}
		if got := strings.Join(axes, " "); got != want {
			t.Errorf("axes %q, want %q:\n%s", got, want, text)
		}
	}
}

// TestPlace checks where nodes stand that the file puts nowhere.
func TestPlace(t *testing.T) {
	n := expand(t, short).Cells[0].Nodes
	if err := n.Place([]string{"x", "y", "z"}); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(n.Client, n.Controller, n.Computers[0].Hosts); got != "x x [y z]" && got != "xx[y z]" {
		t.Errorf("placed as %s", got)
	}
	n = expand(t, short).Cells[0].Nodes
	if err := n.Place([]string{"x"}); err == nil || !strings.Contains(err.Error(), "no host but the client's, x") {
		t.Errorf("on one host: %v", err)
	}
}

// TestOwnFigures checks the roles of axes in figures that nobody asked for.
func TestOwnFigures(t *testing.T) {
	const sizes = "  - {axis: size, values: [10 kB, 20 kB]}\nworkload: {argument: $size}\n"
	for _, tc := range []struct{ text, want string }{
		{short + sizes, "delay-by-rate lines rate model [size] true, traffic-by-rate lines rate model [size] true, " +
			"delay-by-size lines size model [rate] false, traffic-by-size lines size model [rate] false"},
		{"name: bare\ntopology: {preset: ring}\n", "delay bars  model [] false, traffic bars  model [] false"},
		{"name: names\ntopology: {preset: $shape}\nmatrix: [{axis: shape, values: [ring, star]}]\n",
			"delay bars shape model [] false, traffic bars shape model [] false"},
		{short + "figures: []\n", ""},
	} {
		plan := expand(t, tc.text)
		var got []string
		for _, f := range plan.Scenario.Figures {
			got = append(got, fmt.Sprint(f.Name, " ", f.Kind, " ", f.X, " ", f.Series, " ", f.Panels, " ", f.LogX))
			if err := f.Check(plan.Axes); err != nil {
				t.Error(err)
			}
			if f.Kind == record.KindLines && f.LogY != (f.LogX && f.Metric == record.Delay) {
				t.Errorf("%s has a logarithmic ordinate: %v", f.Name, f.LogY)
			}
		}
		if list := strings.Join(got, ", "); list != tc.want {
			t.Errorf("figures %s, want %s, of\n%s", list, tc.want, tc.text)
		}
	}
}

func TestExclude(t *testing.T) {
	plan := expand(t, short+"exclude: [{rate: [1 Mb/s, 10 Mb/s], model: [pure-faas]}, {rate: [100 Mb/s]}]\n")
	for _, c := range plan.Cells {
		rate, model := c.Point[0].Value, c.Point[1].Value
		if rate == "100 Mb/s" || model == "pure-faas" {
			t.Errorf("cell %s is not excluded", c.ID)
		}
	}
	if len(plan.Cells) != 4 {
		t.Errorf("%d cells, want 4", len(plan.Cells))
	}
}

func TestRanges(t *testing.T) {
	for in, want := range map[string]string{
		"1..4": "1, 2, 3, 4", "1..100 Mb/s log 5": "1 Mb/s, 3.16 Mb/s, 10 Mb/s, 31.6 Mb/s, 100 Mb/s",
		"1..100 log 4": "1, 5, 22, 100", "0..50 ms step 20": "0 ms, 20 ms, 40 ms", "10..90 kB linear 3": "10 kB, 50 kB, 90 kB",
		"0..0.3 step 0.1": "0, 0.1, 0.2, 0.3", "1..3 log 9": "1, 2, 3",
	} {
		values, ok, err := expandRange(in)
		if got := strings.Join(values, ", "); got != want || !ok || err != nil {
			t.Errorf("%s is %s, %v, %v; want %s", in, got, ok, err, want)
		}
	}
	for _, in := range []string{"10 Mb/s", "f{0..9}", "a..b", "..", "1...5", ""} {
		if values, ok, err := expandRange(in); ok && err == nil {
			t.Errorf("%q is a range: %v", in, values)
		}
	}
}

// TestRangesProperty: a range begins and ends as written, grows, and is bounded.
func TestRangesProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		first := rapid.IntRange(1, 1000).Draw(t, "first")
		last := first + rapid.IntRange(1, 100_000).Draw(t, "width")
		n := rapid.IntRange(2, 40).Draw(t, "n")
		way := rapid.SampledFrom([]string{"log", "linear"}).Draw(t, "way")
		values, ok, err := expandRange(fmt.Sprintf("%d..%d %s %d", first, last, way, n))
		if !ok || err != nil || len(values) < 2 || len(values) > n {
			t.Fatalf("%v, %v, %v", values, ok, err)
		}
		before := -1
		for _, v := range values {
			x, err := strconv.Atoi(v)
			if err != nil || x < before {
				t.Fatalf("%s after %d in %v", v, before, values)
			}
			before = x
		}
		if values[0] != strconv.Itoa(first) || before != last {
			t.Fatalf("%v does not go from %d to %d", values, first, last)
		}
	})
}
