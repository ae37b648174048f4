package scenario

import (
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"edgebed/harness/program"
	"edgebed/nodes/units"
	"edgebed/nodes/workflow"
	"edgebed/nodes/yamlfile"
)

// checkEffects checks that each key of the sections can do something beside the others, in
// one cell at least: else its value, or an axis that it follows, changes nothing under a
// label that says it does. What links say is checked with their topology, by package job.
func (s *Scenario) checkEffects() error {
	return yamlfile.Join(s.executionEffects(), s.classEffects(), s.computerEffects(), s.captureEffects(),
		s.includeEffects())
}

// valuesOf returns what a scalar may be: itself, or the values of the variable that it
// stands for. It is nil where that cannot be told.
func (s *Scenario) valuesOf(node *yaml.Node) []string {
	node = alias(node)
	switch {
	case node.Kind != yaml.ScalarNode:
		return nil
	case !strings.Contains(node.Value, "$"):
		return []string{node.Value}
	}

	name := strings.TrimPrefix(node.Value, "$") // of no variable where more stands there
	var values []string
	for _, p := range s.Parameters {
		if p.Name == name {
			return p.Values // where any is taken, they cannot be told
		}
	}
	for _, a := range s.Axes {
		for _, v := range a.Values {
			if value, ok := v.Set[name]; ok {
				values = append(values, value)
			}
		}
	}
	return values
}

// only reports whether a key of a mapping can have no value but those that are wanted; a
// key that is not there has the default.
func (s *Scenario) only(mapping *yaml.Node, key, otherwise string, wanted func(value string) bool) bool {
	values := []string{otherwise}
	if node := valueOf(mapping, key); node != nil {
		values = s.valuesOf(node)
	}
	return len(values) > 0 && !slices.ContainsFunc(values, func(v string) bool { return !wanted(v) })
}

// is returns a function for only.
func is(wanted string) func(string) bool { return func(v string) bool { return v == wanted } }

func (s *Scenario) executionEffects() error {
	e := &s.sections.execution
	at := func(key string) yamlfile.Pos { return s.doc.Pos(yamlfile.Path{"execution", key}) }
	var errs []error
	form, central := valueOf(e, "form"), s.only(e, "model", "", is(string(workflow.PureFaaS)))
	if form != nil && central && slices.Contains(s.valuesOf(form), string(workflow.Direct)) {
		errs = append(errs, at("form").Errorf("%s has one form, as the client keeps the states; "+
			"remove it, or choose another model", workflow.PureFaaS))
	}
	if valueOf(e, "cycle") != nil && s.only(e, "cycle", "", is(string(CycleText))) {
		for _, key := range []string{"process-start", "interval"} {
			if valueOf(e, key) != nil {
				errs = append(errs, at(key).Errorf("it is a part of cycle: %s; choose that, or remove it",
					CycleArtifact))
			}
		}
	}
	return yamlfile.Join(errs...)
}

// classEffects looks for link classes of a network in the scenario that nothing is of.
func (s *Scenario) classEffects() error {
	classes := valueOf(&s.sections.topology, "link-classes")
	if classes == nil || alias(classes).Kind != yaml.MappingNode {
		return nil
	}
	var used []string
	for _, key := range []string{"links", "hosts"} {
		for _, element := range elements(valueOf(&s.sections.topology, key)) {
			class := valueOf(element, "class")
			if class == nil {
				continue
			}
			values := s.valuesOf(class)
			if values == nil {
				return nil // it may be any
			}
			used = append(used, values...)
		}
	}
	slices.Sort(used)
	used = slices.Compact(used)

	names := keysOf(classes)
	var errs []error
	for _, name := range names {
		// A slip in a name is one mistake, and reported where it stands.
		slip := slices.ContainsFunc(used, func(u string) bool {
			near, ok := yamlfile.Nearest(u, names)
			return !slices.Contains(names, u) && ok && near == name
		})
		if !slip && !slices.Contains(used, name) {
			errs = append(errs, s.doc.Errorf(yamlfile.Path{"topology", "link-classes", name},
				"no link and no host has the class %s; write class: %s at one, or remove it%s",
				name, name, yamlfile.Suggest(name, used)))
		}
	}
	return yamlfile.Join(errs...)
}

// computerEffects looks for containers that are kept warm but never cold, and for
// processors that run nothing.
func (s *Scenario) computerEffects() error {
	never := func(v string) bool {
		d, err := units.ParseDuration(v)
		return err == nil && d == 0
	}
	var errs []error
	for i, group := range elements(valueOf(&s.sections.nodes, "computers")) {
		path := yamlfile.Path{"nodes", "computers", i}
		functions, processors := elements(valueOf(group, "functions")), elements(valueOf(group, "processors"))
		var used []string
		for k, f := range functions {
			if valueOf(f, "keep-warm") != nil && s.only(f, "cold-start", "0s", never) {
				errs = append(errs, s.doc.Errorf(append(path, "functions", k, "keep-warm"),
					"containers are warm always; add cold-start"))
			}
			if on := valueOf(f, "processor"); on != nil {
				used = append(used, s.valuesOf(on)...)
			}
		}

		var names []string
		for _, p := range processors {
			if name := valueOf(p, "name"); name != nil {
				names = append(names, name.Value)
			}
		}
		// A function of no processor, or of one that there is not, is reported as such.
		unsure := slices.ContainsFunc(functions, func(f *yaml.Node) bool {
			on := valueOf(f, "processor")
			return on == nil || s.valuesOf(on) == nil
		}) || slices.ContainsFunc(used, func(name string) bool { return !slices.Contains(names, name) })
		for k, p := range processors {
			name := valueOf(p, "name")
			if len(processors) > 1 && !unsure && name != nil && !slices.Contains(used, name.Value) {
				errs = append(errs, s.doc.Errorf(append(path, "processors", k),
					"no function runs on processor %s; name it as the processor of one, or remove it", name.Value))
			}
		}
	}
	return yamlfile.Join(errs...)
}

// elements returns the elements of a list; none of anything else.
func elements(list *yaml.Node) []*yaml.Node {
	if list == nil {
		return nil
	}
	if list = alias(list); list.Kind != yaml.SequenceNode {
		return nil
	}
	return list.Content
}

// captureEffects looks for executions that no profile has.
func (s *Scenario) captureEffects() error {
	if valueOf(&s.sections.load, "duration") != nil {
		return nil // how many there are is known later
	}
	most := 0
	for _, p := range s.Profiles {
		most = max(most, p.Executions)
	}
	var errs []error
	for k, node := range elements(valueOf(&s.sections.capture, "executions")) {
		var number int
		if alias(node).Decode(&number) == nil && number >= most {
			errs = append(errs, s.doc.Errorf(yamlfile.Path{"capture", "executions", k},
				"no profile has an execution %d: they are counted from 0, and the most are %d", number, most))
		}
	}
	return yamlfile.Join(errs...)
}

// includeEffects looks for points that the matrix has anyway.
func (s *Scenario) includeEffects() error {
	var errs []error
	for i, points := range s.Include {
		adds := len(points) == 0 // check says so
		for name, values := range points {
			axis := s.axis(name)
			adds = adds || axis == nil || slices.ContainsFunc(values, func(v string) bool {
				have := axis.value(v)
				return have == nil || have.extra
			})
		}
		if !adds {
			errs = append(errs, s.doc.Errorf(yamlfile.Path{"include", i},
				"the matrix has these points; name a value that an axis does not have, or remove it"))
		}
	}
	return yamlfile.Join(errs...)
}

// ofPrograms reports whether the executions are those of programs, so that no workflow is
// run.
func (s *Scenario) ofPrograms() bool {
	return slices.ContainsFunc(elements(&s.sections.programs), func(p *yaml.Node) bool {
		runs := valueOf(p, "runs")
		return runs != nil && runs.Value == string(program.Execution)
	})
}

// checkModels looks for values of axes that are no execution models, where the execution
// has that of an axis: each is a mistake of the axis, and its cells have no others.
func (s *Scenario) checkModels() error {
	if node := valueOf(&s.sections.execution, "model"); node == nil || alias(node).Value != "$model" {
		return nil
	}
	var names []string
	for _, m := range workflow.Models {
		names = append(names, string(m))
	}
	var errs []error
	for i := range s.Axes {
		for k := range s.Axes[i].Values {
			v := &s.Axes[i].Values[k]
			model, sets := v.Set["model"]
			if !sets || v.wrong || slices.Contains(names, model) {
				continue
			}
			errs = append(errs, s.doc.Errorf(yamlfile.Path{"matrix", i, "values", k},
				"unknown model %q%s", model, yamlfile.Suggest(model, names)))
			v.wrong = true
		}
	}
	return yamlfile.Join(errs...)
}
