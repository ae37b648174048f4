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

// finder finds a file that a scenario names: its content and its name for
// errors.
type finder func(name string) (data []byte, file string, err error)

// loadScenario reads a scenario by file name, or by the name of a built-in one,
// and returns how to find the topologies that it names: beside a scenario file
// and then among the built-in ones; a built-in scenario uses those only.
func loadScenario(name string) (*scenario.Scenario, finder, error) {
	data, err := yamlfile.ReadFile(name)
	if err == nil {
		s, err := scenario.Parse(name, data)
		return s, beside(name), err
	}
	// A folder is no scenario, though a result folder may be called like one.
	folder := errors.Is(err, syscall.EISDIR)
	if !folder && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("read scenario %s: %w", name, err)
	}
	data, file, err := builtin(name, "scenario", scenarios.Files, scenarios.Examples(), scenarios.Programs())
	if err != nil && folder {
		return nil, nil, fmt.Errorf("read scenario %s: it is a folder (name a scenario file, or a built-in scenario)",
			name)
	}
	if err != nil {
		return nil, nil, err
	}
	s, err := scenario.Parse(file, data)
	return s, builtinTopology, err
}

// beside finds topologies for a scenario file: by absolute path, in the file's
// folder, and among the built-in ones where nothing of the name is there. What is
// there and cannot be read is an error, and never replaced by another network.
func beside(scenario string) finder {
	return func(topology string) ([]byte, string, error) {
		file := topology
		if !filepath.IsAbs(file) {
			file = filepath.Join(filepath.Dir(scenario), topology)
		}
		data, err := yamlfile.ReadFile(file)
		if err == nil {
			return data, file, nil
		}
		_, there := os.Lstat(file)
		if there == nil || !errors.Is(there, fs.ErrNotExist) || filepath.IsAbs(topology) {
			return nil, "", fmt.Errorf("read topology: %w", err)
		}
		return builtinTopology(topology)
	}
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
