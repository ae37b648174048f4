package scenario

import (
	"fmt"
	"path"
	"strings"

	"edgebed/nodes/yamlfile"
)

// Files are what a scenario can refer to while it is read: those beside it, and what
// comes with edgebed.
type Files interface {
	// Glob returns the files that match a pattern of path.Match, as the scenario names
	// them, sorted.
	Glob(pattern string) ([]string, error)
	// Scenario returns the content of a scenario file by its name in the same folder,
	// or of a built-in scenario, and its name for errors.
	Scenario(name string) (data []byte, file string, err error)
}

// noFiles are those of a scenario that was read from elsewhere than a file.
type noFiles struct{}

func (noFiles) Glob(string) ([]string, error) {
	return nil, fmt.Errorf("this scenario has no folder to look in")
}

func (noFiles) Scenario(name string) (data []byte, file string, err error) {
	return nil, "", fmt.Errorf("read scenario %s: this scenario has no folder to look in", name)
}

// fileValues returns the values of an axis of files: their paths, named after the
// files.
func fileValues(doc *yamlfile.Document, f *axisFile, at yamlfile.Path, files Files) ([]Value, error) {
	found, err := files.Glob(f.Files)
	switch {
	case err != nil:
		return nil, doc.Errorf(at, "find files: %w", err)
	case len(found) == 0:
		return nil, doc.Errorf(at, "no file matches %s", f.Files)
	case len(found) > MaxCells:
		return nil, doc.Errorf(at, "expected at most %d files, got %d", MaxCells, len(found))
	}

	short := func(file string) string { return strings.TrimSuffix(path.Base(file), path.Ext(file)) }
	alike := map[string]int{}
	for _, file := range found {
		alike[short(file)]++
	}

	var values []Value
	for _, file := range found {
		name := short(file)
		if alike[name] > 1 {
			name = file
		}
		values = append(values, Value{Name: name, Set: map[string]string{f.Axis: file}})
	}
	return values, nil
}
