package job

import (
	"encoding/json"
	"errors"
	"fmt"

	"edgebed/harness/scenario"
	"edgebed/harness/topology"
	"edgebed/harness/topology/foreign"
	"edgebed/harness/topology/preset"
	"edgebed/nodes/yamlfile"
)

// origin is where a topology is from.
type origin int

const (
	fromFile origin = iota
	fromPreset
	fromScenario
)

// source is a topology that cells name; parsed is nil where it has mistakes.
type source struct {
	origin origin
	// name is what the scenario calls it, file what errors do.
	name, file string
	// data is the text that travels to workers.
	data    []byte
	parsed  *topology.Topology
	remarks []string
}

// topologies are those that cells name.
type topologies struct {
	find   func(name string) (data []byte, file string, err error)
	parsed map[string]source
	broken map[string]bool
	// name is what a network is called that the scenario describes itself.
	name string
}

// of returns the topology of a cell. A mistake in it is one mistake, not one in
// each cell: the second time a broken one is an empty source.
func (t *topologies) of(cell *scenario.Cell) (source, error) {
	key, err := keyOf(&cell.Topology)
	if err != nil {
		return source{}, err
	}
	if src, ok := t.parsed[key]; ok || t.broken[key] {
		return src, nil
	}

	src, err := t.read(&cell.Topology)
	if err != nil {
		t.broken[key] = true
		return source{}, err
	}
	if src.parsed != nil {
		t.parsed[key] = src
	}

	return src, nil
}

// keyOf tells topologies apart.
func keyOf(n *scenario.Topology) (string, error) {
	text, err := json.Marshal([]any{n.File, n.Preset, n.Subnet, n.Switches, n.Hosts, n.LinkClasses, n.Links})
	if err != nil {
		return "", fmt.Errorf("compare topologies: %w", err)
	}

	return string(text), nil
}

// read finds, or makes, a topology. A network that is not named at all, an empty
// source, is the scenario's mistake, which Expand has told.
func (t *topologies) read(n *scenario.Topology) (source, error) {
	switch {
	case n.Preset != "":
		parsed, err := preset.Build(n.Preset)
		if err != nil {
			return source{}, n.Pos.At("preset").Wrap(err)
		}
		return made(source{origin: fromPreset, name: n.Preset, file: "preset " + n.Preset, parsed: parsed})
	case n.IsInline():
		parsed, err := n.Inline(t.name)
		if err != nil {
			return source{}, err
		}
		return made(source{origin: fromScenario, name: t.name, file: n.Pos.File, parsed: parsed})
	case n.File == "":
		return source{}, nil
	}

	data, file, err := t.find(n.File)
	if err != nil {
		return source{}, n.Pos.At("file").Errorf("%w", err)
	}
	if foreign.Known(file) {
		read, err := foreign.Read(file, data)
		if err != nil {
			return source{}, placed(n, err)
		}
		return made(source{name: n.File, file: file, parsed: read.Topology, remarks: read.Remarks})
	}
	parsed, err := topology.Parse(file, data)
	if err != nil {
		return source{}, placed(n, err)
	}

	return source{name: n.File, file: file, data: data, parsed: parsed}, nil
}

// placed adds where a scenario names a file to what is wrong with the file as a whole.
func placed(n *scenario.Topology, err error) error {
	if mistake, ok := errors.AsType[*yamlfile.Error](err); ok && mistake.Line == 0 {
		return n.Pos.At("file").Errorf("%w", err)
	}
	return err
}

// made gives a topology that no file of ours holds the text of one.
func made(src source) (source, error) {
	text, err := src.parsed.YAML()
	if err != nil {
		return source{}, fmt.Errorf("write topology %s: %w", src.file, err)
	}
	src.data = text

	return src, nil
}
