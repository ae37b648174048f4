package scenario

import (
	"errors"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"edgebed/nodes/yamlfile"
)

// extension reads a document, and those that it extends.
type extension struct {
	files Files
	// seen are the files that extend the one at hand.
	seen []string
	// lost are the axes of files that were extended which the list of another one, in its
	// place, does not have.
	lost []lostAxis
}

// parse reads a document with what it extends.
func (x *extension) parse(name string, data []byte) (*yamlfile.Document, error) {
	doc, err := yamlfile.Parse(name, data)
	if err != nil {
		return nil, err
	}
	var f struct {
		Extends string               `yaml:"extends"`
		Others  map[string]yaml.Node `yaml:",inline"`
	}
	if doc.Decode(&f) != nil || f.Extends == "" {
		return doc, nil // mistakes are found when all keys are read
	}

	at := yamlfile.Path{"extends"}
	data, file, err := x.files.Scenario(f.Extends)
	if err != nil {
		return nil, doc.Errorf(at, "%w", err)
	}
	if x.seen = append(x.seen, name); slices.Contains(x.seen, file) {
		return nil, doc.Errorf(at, "%s extends itself, through %v", file, x.seen)
	}
	base, err := x.parse(file, data)
	if err != nil {
		return nil, err
	}

	if own := axesOf(doc, name); own != nil {
		for _, axis := range axesOf(base, file) {
			if !slices.ContainsFunc(own, func(a lostAxis) bool { return a.name == axis.name }) {
				x.lost = append(x.lost, axis)
			}
		}
	}
	if err := doc.Extend(base); err != nil {
		return nil, doc.Errorf(at, "extend %s: %w", file, err)
	}
	return doc, nil
}

// lostAxis is an axis that the list of another file, in place of its own, does not have.
type lostAxis struct {
	name string
	// variables are those that its values set: its name where they are plain.
	variables []string
	file      string
}

// axesOf returns the axes of a document, nil where it has no matrix.
func axesOf(doc *yamlfile.Document, file string) []lostAxis {
	var f struct {
		Matrix []map[string]yaml.Node `yaml:"matrix"`
		Others map[string]yaml.Node   `yaml:",inline"`
	}
	if doc.Decode(&f) != nil || f.Matrix == nil {
		return nil
	}

	axes := []lostAxis{}
	for _, keys := range f.Matrix {
		name, values, zip := keys["axis"], keys["values"], keys["zip"]
		axis := lostAxis{name: name.Value, variables: []string{name.Value}, file: file}
		for _, value := range alias(&values).Content {
			if set := valueOf(value, "set"); set != nil {
				axis.variables = append(axis.variables, keysOf(set)...)
			}
		}
		axis.variables = append(axis.variables, keysOf(&zip)...)
		axes = append(axes, axis)
	}
	return axes
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

// unknownError is what is wrong with the name of an axis or a variable that there is not.
type unknownError struct {
	name string
	err  error
}

func (e *unknownError) Error() string { return e.err.Error() }
func (e *unknownError) Unwrap() error { return e.err }

// replaced says in one sentence which axes a file that was extended wants of the list that
// is in place of its own, and returns their names. Other errors are joined as they are.
func (s *Scenario) replaced(errs ...error) (wanted []string, err error) {
	var others []error
	for _, err := range errs {
		for _, err := range yamlfile.Each(err) {
			axis, ok := s.wants(err)
			switch {
			case !ok:
				others = append(others, err)
			case !slices.Contains(wanted, axis):
				wanted = append(wanted, axis)
			}
		}
	}
	if wanted == nil {
		return nil, yamlfile.Join(others...)
	}

	// Who joins what Read and Expand say is told of each axis once: two sentences that are
	// the same become one.
	tell := slices.DeleteFunc(slices.Clone(wanted), func(axis string) bool { return slices.Contains(s.told, axis) })
	if len(tell) == 0 {
		tell = s.told
	}
	var names []string
	var file string
	for _, axis := range s.lost {
		if slices.Contains(tell, axis.name) {
			names, file = append(names, axis.name), axis.file
		}
	}
	return wanted, yamlfile.Join(append(others, s.doc.Errorf(yamlfile.Path{"matrix"},
		"this list is in place of that of %s, which uses its axes %s elsewhere; add them here, or give the keys "+
			"that use them other values", file, strings.Join(names, ", ")))...)
}

// wants returns the lost axis for want of which an extended file has an error; false where
// that is about something else.
func (s *Scenario) wants(err error) (axis string, ok bool) {
	var at *yamlfile.Error
	var unknown *unknownError
	if !errors.As(err, &at) || at.File == "" || at.File == s.File || !errors.As(err, &unknown) {
		return "", false
	}
	i := slices.IndexFunc(s.lost, func(a lostAxis) bool { return slices.Contains(a.variables, unknown.name) })
	if i < 0 {
		return "", false
	}
	return s.lost[i].name, true
}
