package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"edgebed/harness/scenario"
	"edgebed/nodes/yamlfile"
	"edgebed/scenarios"
	"edgebed/topologies"
)

// beside finds what a scenario file names: topologies, workflows, other scenarios. They
// are there by absolute path, in the file's folder, or built in where nothing of the
// name is there. What is there and cannot be read is an error, and never replaced by
// something else.
type beside struct{ folder string }

// builtins finds what a built-in scenario names.
type builtins struct{}

// finder finds the files that a scenario names: see job.Prepare.
type finder interface {
	scenario.Files
	Read(name string) (data []byte, file string, err error)
}

// loadScenario reads a scenario by file name, or by the name of a built-in one,
// and returns how to find the files that it names.
func loadScenario(name string) (*scenario.Scenario, finder, error) {
	data, err := yamlfile.ReadFile(name)
	if err == nil {
		files := beside{filepath.Dir(name)}
		s, err := scenario.Read(name, data, files)
		return s, files, err
	}
	// A folder is no scenario, though a result folder may be called like one.
	folder := errors.Is(err, syscall.EISDIR)
	if !folder && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("read scenario %s: %w", name, err)
	}
	data, file, err := builtinScenario(name)
	if err != nil && folder {
		return nil, nil, fmt.Errorf("read scenario %s: it is a folder (name a scenario file, or a built-in scenario)",
			name)
	}
	if err != nil {
		return nil, nil, err
	}
	s, err := scenario.Read(file, data, builtins{})
	return s, builtins{}, err
}

// Read returns a topology or a file of workflows.
func (b beside) Read(name string) ([]byte, string, error) {
	data, file, err := b.read(name)
	if errors.Is(err, fs.ErrNotExist) && !filepath.IsAbs(name) {
		return builtins{}.Read(name)
	}
	return data, file, err
}

// read returns a file of the folder. The error is fs.ErrNotExist only where nothing of
// the name is there.
func (b beside) read(name string) ([]byte, string, error) {
	file := name
	if !filepath.IsAbs(file) {
		file = filepath.Join(b.folder, name)
	}
	data, err := yamlfile.ReadFile(file)
	if err == nil {
		return data, file, nil
	}
	if _, there := os.Lstat(file); there == nil { // such as a link to nothing
		return nil, "", fmt.Errorf("read %s: %v", file, err)
	}
	return nil, "", fmt.Errorf("read %s: %w", file, err)
}

// Scenario returns another scenario of the folder, or a built-in one.
func (b beside) Scenario(name string) ([]byte, string, error) {
	if strings.ContainsAny(name, `/\`) {
		return nil, "", fmt.Errorf("read scenario %s: expected a file of the same folder, whose paths mean "+
			"the same, or a built-in scenario", name)
	}
	data, file, err := b.read(name)
	if errors.Is(err, fs.ErrNotExist) {
		return builtinScenario(name)
	}
	return data, file, err
}

// Glob returns the files of the folder that match.
func (b beside) Glob(pattern string) ([]string, error) {
	if filepath.IsAbs(pattern) {
		return filepath.Glob(pattern)
	}
	// The folder's own name is not a part of the pattern.
	folder := strings.NewReplacer("[", `\[`, "*", `\*`, "?", `\?`).Replace(b.folder)
	found, err := filepath.Glob(filepath.Join(folder, pattern))
	for i, file := range found {
		if found[i], err = filepath.Rel(b.folder, file); err != nil {
			return nil, err
		}
		found[i] = filepath.ToSlash(found[i])
	}
	return found, err
}

// Read returns a topology that comes with edgebed, or a file that one of its scenarios
// names.
func (builtins) Read(name string) ([]byte, string, error) {
	switch filepath.Ext(name) {
	case ".json", ".csv":
		data, err := fs.ReadFile(scenarios.Examples(), name)
		if err != nil {
			return nil, "", fmt.Errorf("read %s: no such file", name)
		}
		return data, name, nil
	}
	return builtinTopology(name)
}

// Scenario returns another built-in scenario.
func (builtins) Scenario(name string) ([]byte, string, error) { return builtinScenario(name) }

// Glob returns the files beside the examples that match.
func (builtins) Glob(pattern string) ([]string, error) { return fs.Glob(scenarios.Examples(), pattern) }

func builtinScenario(name string) ([]byte, string, error) {
	return builtin(name, "scenario", scenarios.Files, scenarios.Examples(), scenarios.Programs())
}

func builtinTopology(name string) ([]byte, string, error) {
	return builtin(name, "topology", topologies.Files)
}

// builtin returns a file that comes with edgebed, by its name with or without
// extension, from the first of the sets that has it.
func builtin(name, kind string, sets ...fs.FS) ([]byte, string, error) {
	file := strings.TrimSuffix(name, ".yaml") + ".yaml"
	var names []string
	for _, files := range sets {
		data, err := fs.ReadFile(files, file)
		if err == nil {
			return data, file, nil
		}
		names = append(names, builtinNames(files)...)
	}
	return nil, "", fmt.Errorf("read %s %s: no such file, and no built-in one%s",
		kind, name, yamlfile.Suggest(name, names))
}

func builtinNames(files fs.FS) []string {
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".yaml"); ok {
			names = append(names, name)
		}
	}
	return names
}
