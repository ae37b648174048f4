package scenario

import (
	"gopkg.in/yaml.v3"

	"edgebed/nodes/units"
	"edgebed/nodes/yamlfile"
)

// Capture says whose frames are kept, as pcapng beside the records: a file for each
// execution and port. A list alone is what Of says.
type Capture struct {
	Pos yamlfile.Pos `json:"-"`
	// Of are ports of switches, such as s0-s1 (the port of s0 to s1, in both directions),
	// and hosts, which stand for the switch's port to them.
	Of []string `yaml:"of" required:"true"`
	// Executions to capture, counted from 0; negative ones are warm-ups. By default all but
	// warm-ups.
	Executions []int `yaml:"executions"`
	// Size is the limit of one file; what comes after is left out. 100 MB by default.
	Size units.Size `yaml:"size"`
	// Files is of how many executions files are kept, the newest ones. 100 by default.
	Files int `yaml:"files"`
}

// Limits of captures, and what they are where the file says nothing.
const (
	usualCaptureSize  = 100 * units.MB
	usualCaptureFiles = 100

	leastCaptureSize = units.KB
	maxCaptureSize   = 1000 * units.GB
	maxCaptured      = 1000 // ports, and executions that are listed
)

// captureNode returns the section as a mapping where it is a list.
func captureNode(node *yaml.Node) *yaml.Node {
	if node.Kind != yaml.SequenceNode {
		return node
	}
	key := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: "of", Line: node.Line, Column: node.Column}
	return &yaml.Node{
		Kind: yaml.MappingNode, Tag: "!!map", Content: []*yaml.Node{key, node}, Line: node.Line, Column: node.Column,
	}
}

// check checks the section, and gives it what it lacks.
func (c *Capture) check() error {
	if c.Size == 0 {
		c.Size = usualCaptureSize
	}
	if c.Files == 0 {
		c.Files = usualCaptureFiles
	}
	return yamlfile.Join(
		within(c.Pos.At("of"), "number of ports and hosts", len(c.Of), 1, maxCaptured),
		within(c.Pos.At("executions"), "number of executions", len(c.Executions), 0, maxCaptured),
		within(c.Pos.At("size"), "size", c.Size, leastCaptureSize, maxCaptureSize),
		within(c.Pos.At("files"), "files", c.Files, 1, MaxExecutions),
	)
}
