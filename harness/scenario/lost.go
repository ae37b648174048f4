package scenario

import (
	"errors"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"edgebed/nodes/yamlfile"
)

// lostAxis is an axis that the list of another file, in place of its own, does not have.
type lostAxis struct {
	name string
	// variables are those that its values set: its name where they are plain.
	variables []string
	file      string
	// list is the list in place of the file's.
	list yamlfile.Pos
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
	var lists []lostList
	names := map[lostList][]string{}
	for _, axis := range s.lost {
		if slices.Contains(tell, axis.name) {
			list := lostList{axis.file, axis.list}
			if names[list] == nil {
				lists = append(lists, list)
			}
			names[list] = append(names[list], axis.name)
		}
	}
	for _, list := range lists {
		others = append(others, list.at.Errorf(
			"this list is in place of that of %s, which uses its axes %s elsewhere; add them here, or give the keys "+
				"that use them other values", list.file, strings.Join(names[list], ", ")))
	}
	return wanted, yamlfile.Join(others...)
}

// lostList is a file whose list of axes another one is in place of.
type lostList struct {
	file string
	at   yamlfile.Pos // of the other one
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
