package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"edgebed/harness/scenario"
	"edgebed/harness/yamlfile"
	"edgebed/scenarios"
	"edgebed/topologies"
)

// loadScenario reads a scenario by file name, or by the name of a built-in one.
func loadScenario(name string) (*scenario.Scenario, error) {
	data, file, err := find(name, "scenario", scenarios.Files)
	if err != nil {
		return nil, err
	}
	return scenario.Parse(file, data)
}

// topologyFinder returns the function that finds the topology files which a
// scenario names: beside the scenario file, then under the path as it is, then
// among the built-in ones.
func topologyFinder(s *scenario.Scenario) func(string) ([]byte, string, error) {
	return func(name string) ([]byte, string, error) {
		beside := filepath.Join(filepath.Dir(s.File), name)
		if data, err := os.ReadFile(beside); err == nil {
			return data, beside, nil
		}
		return find(name, "topology", topologies.Files)
	}
}

func find(name, kind string, builtin fs.ReadDirFS) ([]byte, string, error) {
	data, err := os.ReadFile(name)
	if err == nil {
		return data, name, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, "", fmt.Errorf("read %s %s: %w", kind, name, err)
	}
	file := strings.TrimSuffix(path.Base(name), ".yaml") + ".yaml"
	if path.Base(name) == name {
		if data, err := fs.ReadFile(builtin, file); err == nil {
			return data, file, nil
		}
	}
	return nil, "", fmt.Errorf("read %s %s: no such file, and no built-in one%s", kind, name, yamlfile.Suggest(name, builtinNames(builtin)))
}

func builtinNames(files fs.ReadDirFS) []string {
	entries, err := files.ReadDir(".")
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".yaml"))
	}
	return names
}
