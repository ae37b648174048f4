package scenario

import (
	_ "embed"
	"fmt"
	"maps"
	"slices"

	"gopkg.in/yaml.v3"

	"edgebed/harness/record"
	"edgebed/nodes/workflow"
	"edgebed/nodes/yamlfile"
)

// DefaultsText is what a scenario has where its file says nothing, as YAML with
// comments.
//
//go:embed defaults.yaml
var DefaultsText []byte

// defaults is DefaultsText, read.
type defaults struct {
	Version    int                  `yaml:"version"`
	Network    record.NetworkKind   `yaml:"network"`
	Matrix     []axisFile           `yaml:"matrix"`
	Nodes      yaml.Node            `yaml:"nodes"`
	Workload   yaml.Node            `yaml:"workload"`
	Generators map[string]yaml.Node `yaml:"generators"`
	Execution  yaml.Node            `yaml:"execution"`
	Profiles   map[string]Profile   `yaml:"profiles"`

	doc *yamlfile.Document
}

// readDefaults returns a copy of the defaults of the caller's own.
func readDefaults() (*defaults, error) {
	doc, err := yamlfile.Parse("defaults.yaml", DefaultsText)
	if err != nil {
		return nil, err
	}
	d := &defaults{doc: doc}

	return d, doc.Decode(d)
}

// maxFilled bounds how many elements of lists are completed, and with them the
// memory that a file of many empty ones takes.
const maxFilled = 20_000

// filler completes nodes of a file.
type filler struct {
	// at is where the file lacks a whole section, and left how many elements of
	// lists may still be completed.
	at   yamlfile.Pos
	left int
}

// section completes a section of the file; one that is absent, or empty, becomes the
// default one.
func (f *filler) section(node, from *yaml.Node) {
	if node.Kind == 0 || isNull(node) {
		line, column := node.Line, node.Column
		if node.Kind == 0 {
			line, column = f.at.Line, f.at.Column
		}
		*node = *placed(from, line, column)
		return
	}
	f.fill(node, from)
}

// fill gives a mapping the keys that it lacks, and those in it likewise; each
// element of a list is completed from the default's first. What is missing stands
// where the mapping does, for messages.
func (f *filler) fill(node, from *yaml.Node) {
	node = alias(node)
	switch {
	case node.Kind == yaml.MappingNode && from.Kind == yaml.MappingNode:
		for i := 0; i+1 < len(from.Content); i += 2 {
			key, value := from.Content[i], from.Content[i+1]
			if own := valueOf(node, key.Value); own != nil {
				f.fill(own, value)
				continue
			}
			node.Content = append(node.Content,
				placed(key, node.Line, node.Column), placed(value, node.Line, node.Column))
		}
	case node.Kind == yaml.SequenceNode && from.Kind == yaml.SequenceNode && from.Content[0].Kind == yaml.MappingNode:
		for _, element := range node.Content {
			if f.left--; f.left < 0 {
				return // the limits of computers and functions refuse the rest
			}
			f.fill(element, from.Content[0])
		}
	}
}

// placed returns a deep copy of a default at another place.
func placed(node *yaml.Node, line, column int) *yaml.Node {
	out := *node
	out.Line, out.Column = line, column
	out.HeadComment, out.LineComment, out.FootComment = "", "", ""
	out.Content = make([]*yaml.Node, len(node.Content))
	for i, part := range node.Content {
		out.Content[i] = placed(part, line, column)
	}

	return &out
}

// valueOf returns the value of a mapping's key, nil where it has none.
func valueOf(mapping *yaml.Node, key string) *yaml.Node {
	mapping = alias(mapping)
	if mapping.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return mapping.Content[i+1]
		}
	}

	return nil
}

func isNull(node *yaml.Node) bool { return node.Kind == yaml.ScalarNode && node.ShortTag() == "!!null" }

// complete gives the scenario what its file lacks, once its axes and parameters are
// known.
func (s *Scenario) complete() error {
	d, err := readDefaults()
	if err != nil {
		return err
	}

	e := alias(&s.sections.execution)
	switch {
	case e.Kind != 0 && e.Kind != yaml.MappingNode && !isNull(e): // a mistake, which may be meant as the model
	case valueOf(e, "model") != nil || s.sets("model"):
	case s.ofPrograms(): // which have no model, so that any one stands for them
		s.nameModel(workflow.PureFaaS)
	default:
		for i := range d.Matrix {
			axis, err := parseAxis(d.doc, i, &d.Matrix[i], noFiles{})
			if err != nil {
				return err
			}
			s.Axes = append(s.Axes, axis)
		}
	}
	f := &filler{at: s.doc.Pos(nil), left: maxFilled}
	s.chooseGenerator()
	f.section(&s.sections.nodes, &d.Nodes)
	f.section(&s.sections.workload, &d.Workload)
	f.section(&s.sections.execution, &d.Execution)
	s.generatorKeys = d.Generators

	if s.Profiles == nil {
		s.Profiles = d.Profiles
	}
	for name, p := range s.Profiles {
		if p.Seeds == nil {
			p.Seeds = d.Profiles["quick"].Seeds
			s.Profiles[name] = p
		}
	}

	return nil
}

// nameModel gives the execution a model.
func (s *Scenario) nameModel(m workflow.Model) {
	e := &s.sections.execution
	at := s.doc.Pos(nil)
	if e.Kind == 0 || isNull(e) {
		*e = yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: at.Line, Column: at.Column}
	}
	if e = alias(e); e.Kind == yaml.MappingNode {
		e.Content = append(e.Content,
			&yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: "model", Line: e.Line, Column: e.Column},
			&yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: string(m), Line: e.Line, Column: e.Column})
	}
}

// chooseGenerator names the generator of a workload that has workflows itself.
func (s *Scenario) chooseGenerator() {
	w := alias(&s.sections.workload)
	if w.Kind != yaml.MappingNode || valueOf(w, "generator") != nil {
		return
	}
	for _, key := range []string{fromFile, fromScenario} {
		if own := valueOf(w, key); own != nil {
			w.Content = append(w.Content,
				&yaml.Node{Kind: yaml.ScalarNode, Value: "generator", Line: own.Line, Column: own.Column},
				&yaml.Node{Kind: yaml.ScalarNode, Value: key, Line: own.Line, Column: own.Column})
			return
		}
	}
}

// sets reports whether an axis or a parameter is of this name, or a value of an axis
// sets it.
func (s *Scenario) sets(name string) bool {
	return slices.ContainsFunc(s.Parameters, func(p Parameter) bool { return p.Name == name }) ||
		slices.ContainsFunc(s.Axes, func(a Axis) bool {
			return a.Name == name || slices.ContainsFunc(a.Values, func(v Value) bool {
				_, ok := v.Set[name]
				return ok
			})
		})
}

// fillWorkload gives a workload, whose values are known, the keys that its generator
// reads and the file lacks.
func (s *Scenario) fillWorkload(node *yaml.Node) {
	name := valueOf(node, "generator")
	if name == nil {
		return
	}
	if keys, ok := s.generatorKeys[name.Value]; ok {
		f := &filler{at: s.doc.At(node), left: maxFilled}
		f.fill(node, &keys)
	}
}

// generatorDefaults notes what fillWorkload may add, as a part of what decides
// results: of the one generator, or of all where an axis chooses it.
func (s *Scenario) generatorDefaults(into map[string]string) {
	given := valueOf(&s.sections.workload, "generator")
	for _, name := range slices.Sorted(maps.Keys(s.generatorKeys)) {
		if given == nil || given.Value != name && !variable.MatchString(given.Value) {
			continue
		}
		keys := s.generatorKeys[name]
		for i := 0; i+1 < len(keys.Content); i += 2 {
			if key := keys.Content[i].Value; valueOf(&s.sections.workload, key) == nil {
				into[fmt.Sprintf("default of %s: %s", name, key)] = canonical(keys.Content[i+1].Value)
			}
		}
	}
}

// keysOf returns the keys of a mapping, none of anything else.
func keysOf(node *yaml.Node) []string {
	node = alias(node)
	if node.Kind != yaml.MappingNode {
		return nil
	}
	var keys []string
	for i := 0; i < len(node.Content); i += 2 {
		keys = append(keys, node.Content[i].Value)
	}
	return keys
}
