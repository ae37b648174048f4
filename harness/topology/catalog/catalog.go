// Package catalog finds a topology by what a user calls it: a file, a file of
// another program, a preset with parameters, or one that comes with edgebed.
package catalog

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"edgebed/harness/topology"
	"edgebed/harness/topology/foreign"
	"edgebed/harness/topology/preset"
	"edgebed/nodes/yamlfile"
	"edgebed/topologies"
)

// Open returns the topology that a reference names, with remarks on what a file of
// another program holds and a topology cannot. A file that exists is what is meant,
// also where a preset or a built-in topology has the same name.
func Open(reference string) (*topology.Topology, []string, error) {
	data, err := yamlfile.ReadFile(reference)
	switch {
	case err == nil && foreign.Known(reference):
		n, err := foreign.Read(reference, data)
		if err != nil {
			return nil, nil, err
		}
		return n.Topology, n.Remarks, nil
	case err == nil:
		t, err := topology.Parse(reference, data)
		return t, nil, err
	case !errors.Is(err, fs.ErrNotExist):
		return nil, nil, fmt.Errorf("read topology: %w", err)
	}

	if preset.IsReference(reference) {
		t, err := preset.Build(reference)
		return t, nil, err
	}

	file := strings.TrimSuffix(reference, ".yaml") + ".yaml"
	data, err = topologies.Files.ReadFile(file)
	if err != nil {
		return nil, nil, fmt.Errorf("open topology %q: no such file, preset or built-in topology%s",
			reference, yamlfile.Suggest(reference, Names()))
	}
	t, err := topology.Parse(file, data)

	return t, nil, err
}

// Names returns what Open knows without a file: built-in topologies and presets.
func Names() []string {
	names := Builtin()
	for _, p := range preset.List() {
		names = append(names, p.Name)
	}
	slices.Sort(names)

	return slices.Compact(names)
}

// Builtin returns the topologies that come with edgebed.
func Builtin() []string {
	entries, err := topologies.Files.ReadDir(".")
	if err != nil {
		return nil
	}

	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".yaml"))
	}

	return names
}
