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
