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
	// place, does not have, and base is the file of the last.
	lost []string
	base string
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

	if own := axesOf(doc); own != nil {
		for _, axis := range axesOf(base) {
			if !slices.Contains(own, axis) {
				x.lost, x.base = append(x.lost, axis), file
			}
		}
	}
	if err := doc.Extend(base); err != nil {
		return nil, doc.Errorf(at, "extend %s: %w", file, err)
	}
	return doc, nil
}

// axesOf returns the names of the axes of a document, nil where it has no matrix.
func axesOf(doc *yamlfile.Document) []string {
	var f struct {
		Matrix []map[string]yaml.Node `yaml:"matrix"`
		Others map[string]yaml.Node   `yaml:",inline"`
	}
	if doc.Decode(&f) != nil || f.Matrix == nil {
		return nil
	}
	names := []string{}
	for _, axis := range f.Matrix {
		name := axis["axis"]
		names = append(names, name.Value)
	}
	return names
}

// replaced says in one sentence what is wrong with a file that was extended for want of
// its axes: that file by itself has no mistakes. Other errors are joined as they are.
func (s *Scenario) replaced(errs ...error) error {
	var own []error
	others := 0
	for _, err := range errs {
		for _, err := range yamlfile.Each(err) {
			var e *yamlfile.Error
			if len(s.lost) > 0 && errors.As(err, &e) && e.File != "" && e.File != s.File {
				others++
				continue
			}
			own = append(own, err)
		}
	}
	if others == 0 {
		return yamlfile.Join(own...)
	}
	return yamlfile.Join(append(own, s.doc.Errorf(yamlfile.Path{"matrix"},
		"this list is in place of that of %s, which uses its axes %s elsewhere; add them here, or give the keys "+
			"that use them other values", s.base, strings.Join(s.lost, ", ")))...)
}
