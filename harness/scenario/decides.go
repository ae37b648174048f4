package scenario

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"edgebed/nodes/units"
	"edgebed/nodes/yamlfile"
)

// Decides returns what decides the results of the plan's cells, by its place in
// the file: the sections with their values, what the axes' values set, the
// parameters, and the profile's executions. It does not change with comments,
// titles, figures, claims, the order of keys, or the way a value is written; nor
// with the selection of cells.
func (p *Plan) Decides() map[string]string { return maps.Clone(p.decides) }

func (s *Scenario) decides(profile Profile, params map[string]string) map[string]string {
	all := map[string]string{"executions": strconv.Itoa(profile.Executions)}
	for _, seed := range profile.Seeds {
		all[fmt.Sprintf("seed %d", seed)] = "run"
	}
	for name, value := range params {
		all["parameter "+name] = canonical(value)
	}
	for _, a := range s.Axes {
		for _, v := range a.Values {
			for name, value := range v.Set {
				all[fmt.Sprintf("%s=%s: %s", a.Name, v.Name, name)] = canonical(value)
			}
		}
	}
	for name, node := range s.sections.all() {
		if node.Kind != 0 && name != "capture" { // which decides nothing
			leaves(node, yamlfile.Path{name}, all)
		}
	}
	s.generatorDefaults(all)
	return all
}

// leaves notes the scalars of a node by their path.
func leaves(node *yaml.Node, path yamlfile.Path, into map[string]string) {
	node = alias(node)
	step := func(s any) yamlfile.Path { return append(slices.Clip(path), s) }
	switch node.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			leaves(node.Content[i+1], step(node.Content[i].Value), into)
		}
	case yaml.SequenceNode:
		for i, part := range node.Content {
			leaves(part, step(i), into)
		}
	default:
		into[path.String()] = canonical(node.Value)
	}
}

// canonical returns one way to write a value that can be written in several.
func canonical(value string) string {
	value = strings.TrimSpace(value)
	if x, err := strconv.ParseFloat(strings.ReplaceAll(value, "_", ""), 64); err == nil {
		return strconv.FormatFloat(x, 'g', -1, 64)
	}
	if r, err := units.ParseRate(value); err == nil {
		return r.String()
	}
	if b, err := units.ParseSize(value); err == nil {
		return b.String()
	}
	if d, err := units.ParseDuration(value); err == nil {
		return d.String()
	}
	return value
}
