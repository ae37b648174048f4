package scenario

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"edgebed/harness/program"
	"edgebed/harness/record"
	"edgebed/nodes/yamlfile"
)

// asIs stands for a dollar sign in programs, whose own texts are full of them.
const asIs = "$$"

// substituteAround is substitute, but for $$, which becomes one dollar sign.
func (s *Scenario) substituteAround(node *yaml.Node, vars map[string]string) (*yaml.Node, error) {
	node = alias(node)
	if node.Kind != yaml.ScalarNode {
		out := *node
		out.Content = make([]*yaml.Node, len(node.Content))
		var errs []error
		for i, child := range node.Content {
			c, err := s.substituteAround(child, vars)
			errs = append(errs, err)
			out.Content[i] = c
		}
		return &out, yamlfile.Join(errs...)
	}
	if !strings.Contains(node.Value, asIs) {
		return s.substitute(node, vars)
	}

	out := *node
	var parts []string
	for _, part := range strings.Split(node.Value, asIs) {
		piece := *node
		piece.Value = part
		put, err := s.substitute(&piece, vars)
		if err != nil {
			return nil, err
		}
		parts = append(parts, put.Value)
	}
	out.Value = strings.Join(parts, "$")
	return &out, nil
}

// Quantities returns what the programs of the file measure, with the labels of axes, by
// the names that figures and claims have for them; nil where they measure nothing.
func (s *Scenario) Quantities() map[string]string {
	var labels map[string]string
	for _, element := range alias(&s.sections.programs).Content {
		name, measured := valueOf(element, "name"), valueOf(element, "quantities")
		if name == nil || measured == nil {
			continue
		}
		measured = alias(measured)
		for i := 0; i+1 < len(measured.Content); i += 2 {
			metric := name.Value + "." + measured.Content[i].Value
			label := ""
			if text := valueOf(measured.Content[i+1], "label"); text != nil {
				label = text.Value
			}
			if labels == nil {
				labels = map[string]string{}
			}
			labels[metric] = cmp.Or(label, metric)
		}
	}
	return labels
}

// checkPrograms checks the cell's programs, as far as that needs no network.
func (c *Cell) checkPrograms() error { return program.Check(c.Programs) }

// metrics returns the names of all metrics, sorted.
func (s *Scenario) metrics() []string {
	names := slices.Collect(maps.Keys(record.Metrics))
	return slices.Sorted(slices.Values(slices.AppendSeq(names, maps.Keys(s.Quantities()))))
}
