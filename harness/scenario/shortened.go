package scenario

import (
	"strings"

	"gopkg.in/yaml.v3"

	"edgebed/harness/topology/preset"
	"edgebed/nodes/yamlfile"
)

// shortKeys are the keys that people mean who write one value in place of a section.
var shortKeys = map[string]string{
	"topology": "preset", "workload": "generator", "execution": "model", "clients": "count", "load": "arrivals",
}

// shortened explains a section that was written shorter than it can be; nil is nothing to
// explain.
func (s *Scenario) shortened(name string, section *yaml.Node) error {
	section = alias(section)
	if key := shortKeys[name]; key != "" && section.Kind == yaml.ScalarNode && section.Value != "" {
		if name == "topology" && !preset.IsReference(section.Value) && !strings.Contains(section.Value, ",") {
			key = "file"
		}
		return s.doc.Errorf(yamlfile.Path{name}, "expected a mapping, such as {%s: %s}, got %q",
			key, section.Value, section.Value)
	}

	model := valueOf(section, "model")
	if name == "execution" && model != nil && alias(model).Kind == yaml.SequenceNode {
		var names []string
		for _, n := range elements(model) {
			names = append(names, n.Value)
		}
		return s.doc.Errorf(yamlfile.Path{name, "model"}, "expected one model, got a list; leave it out, which runs "+
			"all, or say matrix: [{axis: model, values: [%s]}]", strings.Join(names, ", "))
	}

	var errs []error
	if name == "nodes" {
		for i, group := range elements(valueOf(section, "computers")) {
			if group = alias(group); group.Kind == yaml.ScalarNode {
				errs = append(errs, s.doc.Errorf(yamlfile.Path{name, "computers", i},
					"expected a group of computers, such as {hosts: [%s]}, got %q", group.Value, group.Value))
			}
		}
	}
	return yamlfile.Join(errs...)
}

// mappedAxes explains a matrix that is a mapping of axes to their values, as that of other
// tools is; nil is nothing to explain.
func mappedAxes(doc *yamlfile.Document) error {
	var top map[string]yaml.Node
	if err := doc.Decode(&top); err != nil {
		return nil // said already
	}
	matrix := top["matrix"]
	axes := alias(&matrix)
	if axes.Kind != yaml.MappingNode || len(axes.Content) == 0 {
		return nil
	}

	values := alias(axes.Content[1])
	text := values.Value
	if values.Kind == yaml.SequenceNode {
		var list []string
		for _, v := range values.Content {
			list = append(list, v.Value)
		}
		text = "[" + strings.Join(list, ", ") + "]"
	}
	return doc.Errorf(yamlfile.Path{"matrix"}, "expected a list, such as [{axis: %s, values: %s}], got a mapping",
		axes.Content[0].Value, text)
}
