package scenario

import (
	"slices"
	"strings"
	"testing"

	"edgebed/harness/record"
)

// minimal is a scenario with more lines.
func minimal(more string) string {
	return "name: mini\ntopology: {preset: \"ring,switches=4,rate=$rate\"}\n" +
		"matrix: [{axis: rate, values: [1 Mb/s, 10 Mb/s]}]\n" + more
}

// TestEffects: a key that does nothing beside the others is a mistake, unless an axis or
// a parameter may give the others a value with which it does.
func TestEffects(t *testing.T) {
	const forms = "{axis: form, values: [carry, direct]}"
	for _, c := range []struct{ name, more, want string }{
		{"form of a central model", "execution: {model: pure-faas, form: direct}", "execution.form: pure-faas has one form"},
		{"its default is no mistake", "execution: {model: pure-faas, form: carry}", ""},
		{"form of all models", "execution: {form: direct}", ""},
		{"form of a model of a parameter", "parameters: [{name: m, default: pure-faas, values: [pure-faas]}]\n" +
			"execution: {model: $m, form: direct}", "pure-faas has one form"},
		{"form of a model of the user's", "parameters: [{name: m, default: pure-faas}]\n" +
			"execution: {model: $m, form: direct}", ""},
		{"interval of another cycle", "execution: {cycle: text, interval: 1 s}", "execution.interval: it is a part of cycle: artifact"},
		{"interval of its cycle", "execution: {cycle: artifact, interval: 1 s}", ""},
		{"warm without cold", "nodes: {computers: [{functions: [{cold-start: 0, keep-warm: 1 s}]}]}", "functions[0].keep-warm: containers are warm always"},
		{"warm and cold", "nodes: {computers: [{functions: [{cold-start: 1 s, keep-warm: 1 s}]}]}", ""},
		{"a processor of nobody", "nodes: {computers: [{processors: [{name: a}, {name: b}], functions: [{processor: a}]}]}", "processors[1]: no function runs on processor b"},
		{"each processor of somebody", "nodes: {computers: [{processors: [{name: a}, {name: b}], functions: [{names: [x], processor: a}, {names: [y], processor: b}]}]}", ""},
		{"points that are there", "include: [{rate: [1 Mb/s]}]", "include[0]: the matrix has these points"},
		{"points that are new", "include: [{rate: [2 Mb/s]}]", ""},
		{"an execution that is not", "capture: {of: [host0], executions: [8]}", "capture.executions[0]: no profile has an execution 8"},
		{"executions that are", "capture: {of: [host0], executions: [7, -1]}", ""},
	} {
		s, err := Parse("e.yaml", []byte(minimal(c.more)))
		if err == nil {
			_, err = s.Expand(Selection{Profile: "quick"})
		}
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}

	// An axis may go through the value with which it does nothing.
	text := strings.Replace(minimal("nodes: {computers: [{functions: [{cold-start: $cold, keep-warm: 1 s}]}]}\n"+
		"execution: {model: state-prop, form: $form}"),
		"matrix: [", "matrix: [{axis: cold, values: [0 ms, 500 ms]}, "+forms+", ", 1)
	s, err := Parse("e.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if p, err := s.Expand(Selection{Profile: "quick"}); err != nil || len(p.Cells) != 8 {
		t.Errorf("an axis through no cold start: %v", err)
	}
}

// TestOneModel: a scenario of one model has no axis of models, and may have none at all;
// its own figures are of what is left.
func TestOneModel(t *testing.T) {
	for _, c := range []struct {
		text  string
		axes  []string
		ids   []string
		kinds []string
	}{
		{
			"name: one\ntopology: {preset: \"ring,switches=4\"}\nexecution: {model: state-local}\n" +
				"profiles: {quick: {executions: 3, seeds: [1, 2]}}",
			nil, []string{"seed=1", "seed=2"}, []string{record.KindBars, record.KindBars},
		},
		{
			minimal("execution: {model: state-local}"), []string{"rate"},
			[]string{"rate=1 Mb/s/seed=1", "rate=10 Mb/s/seed=1"}, []string{record.KindLines, record.KindLines},
		},
	} {
		s, err := Parse("one.yaml", []byte(c.text))
		if err != nil {
			t.Fatal(err)
		}
		p, err := s.Expand(Selection{Profile: "quick"})
		if err != nil {
			t.Fatal(err)
		}
		var ids, axes, kinds []string
		for _, cell := range p.Cells {
			ids = append(ids, cell.ID)
			if cell.Execution.Model != "state-local" {
				t.Errorf("cell %s has model %s", cell.ID, cell.Execution.Model)
			}
		}
		for _, a := range p.Axes {
			axes = append(axes, a.Name)
		}
		for _, f := range s.Figures {
			kinds = append(kinds, f.Kind)
			if err := f.Check(p.Axes); err != nil {
				t.Error(err)
			}
		}
		if !slices.Equal(ids, c.ids) || !slices.Equal(axes, c.axes) || !slices.Equal(kinds, c.kinds) {
			t.Errorf("cells %q, axes %q, figures %q; want %+v", ids, axes, kinds, c)
		}
	}

	s, err := Parse("list.yaml", []byte(minimal("execution: {model: [state-local, pure-faas]}")))
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Expand(Selection{Profile: "quick"})
	if err == nil || !strings.Contains(err.Error(), "execution.model: expected one model, got a list; leave it out, which runs "+
		"all, or say matrix: [{axis: model, values: [state-local, pure-faas]}]") || strings.Contains(err.Error(), "\n") {
		t.Errorf("a list of models: %v", err)
	}
}

// TestNetworkOfPlan: the selection's network is the plan's, else the scenario's.
func TestNetworkOfPlan(t *testing.T) {
	s, err := Parse("n.yaml", []byte(minimal("network: virtual")))
	if err != nil {
		t.Fatal(err)
	}
	for asked, want := range map[record.NetworkKind]record.NetworkKind{"": record.Virtual, record.Emulated: record.Emulated} {
		if p, err := s.Expand(Selection{Profile: "quick", Network: asked}); err != nil || p.Network != want {
			t.Errorf("asked for %q: %v", asked, err)
		}
	}
	if _, err := s.Expand(Selection{Profile: "quick", Network: "virtaul"}); err == nil || !strings.Contains(err.Error(), "did you mean virtual") {
		t.Errorf("an unknown network: %v", err)
	}
}

// TestClassesOfNobody: a class of links that no link and no host has is a mistake, unless one has
// a class that may be any.
func TestClassesOfNobody(t *testing.T) {
	const head = "name: c\n"
	for _, tt := range []struct{ name, parameters, classes, links, want string }{
		{"each has a link", "", "{a: {}, b: {}}", "{between: [s, t], class: a}, {between: [t, u], class: b}", ""},
		{"one has none", "", "{a: {}, b: {}}", "{between: [s, t], class: a}, {between: [t, u], class: a}",
			"topology.link-classes.b: no link and no host has the class b; write class: b at one, or remove it"},
		{"no link has one", "", "{a: {}}", "{between: [s, t]}, {between: [t, u]}", "no link and no host has the class a"},
		{"a host has it", "", "{a: {}, h: {}}", "{between: [s, t], class: a}, {between: [t, u], class: a}", ""},
		{"a parameter's values", "parameters: [{name: c, default: a, values: [a, b]}]\n", "{a: {}, b: {}}",
			"{between: [s, t], class: $c}, {between: [t, u]}", ""},
		{"not a parameter's values", "parameters: [{name: c, default: a, values: [a]}]\n", "{a: {}, b: {}}",
			"{between: [s, t], class: $c}, {between: [t, u]}", "no link and no host has the class b"},
		{"any that a user says", "parameters: [{name: c, default: a}]\n", "{a: {}, b: {}}",
			"{between: [s, t], class: $c}, {between: [t, u]}", ""},
		{"an axis", "matrix: [{axis: c, values: [a, b]}]\n", "{a: {}, b: {}}", "{between: [s, t], class: $c}, {between: [t, u]}", ""},
		{"a slip, which the topology tells", "", "{fast: {}}", "{between: [s, t], class: fst}, {between: [t, u]}", ""},
	} {
		hosts := "{name: x, switch: s}"
		if tt.name == "a host has it" {
			hosts = "{name: x, switch: s, class: h}"
		}
		err := mistakesIn(head + tt.parameters + "topology: {switches: [s, t, u], link-classes: " + tt.classes +
			", links: [" + tt.links + "], hosts: [" + hosts + "]}\n")
		if !says(err, tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}
