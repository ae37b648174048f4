package scenario

import (
	"slices"

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
				axis.list = doc.Pos(yamlfile.Path{"matrix"})
				x.lost = append(x.lost, axis)
			}
		}
	}
	if err := doc.Extend(base); err != nil {
		return nil, doc.Errorf(at, "extend %s: %w", file, err)
	}
	return doc, nil
}
