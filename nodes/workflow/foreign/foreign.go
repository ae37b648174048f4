package foreign

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"edgebed/nodes/units"
	"edgebed/nodes/workflow"
	"edgebed/nodes/yamlfile"
)

// Limits of what is read: far above what an execution can use.
const (
	// MaxTasks of one workflow, and MaxJobs of one file.
	MaxTasks = 1000
	MaxJobs  = 10_000
	// MaxSize is the largest output of a task, after scaling: an output is one
	// message.
	MaxSize = 250 * units.MB
	// MaxFactor bounds a Scale.
	MaxFactor = 1000
	// maxName is the longest name of a task.
	maxName = 200
)

// Scale multiplies what a file says, whose workflows may be of another magnitude than
// an emulation can run. Zeros are 1.
type Scale struct{ Size, Time float64 }

// File is what a file holds: one workflow, or several where it is a trace of jobs.
type File struct {
	Workflows []*workflow.Workflow
	// Own tells the prototype's formats, in which functions have the names that
	// computers serve, from those in which tasks may run anywhere.
	Own bool
	// Remarks say what the file has and a workflow has not.
	Remarks []string
}

// Extensions are the endings of the names of files that Read knows.
var Extensions = []string{".json", ".csv", ".yaml", ".yml"}

// Read reads the workflows of a file. The end of its name and its content tell the
// format; errors carry file, line and column.
func Read(name string, data []byte, scale Scale) (*File, error) {
	if scale.Size == 0 {
		scale.Size = 1
	}
	if scale.Time == 0 {
		scale.Time = 1
	}

	switch ending := strings.ToLower(filepath.Ext(name)); ending {
	case ".csv":
		return readAlibaba(name, data, scale)
	case ".yaml", ".yml":
		var d Description
		if err := yamlfile.Decode(name, data, &d); err != nil {
			return nil, err
		}
		w, err := d.Workflow(scale)
		if err != nil {
			return nil, err
		}
		return &File{Workflows: []*workflow.Workflow{w}}, nil
	case ".json":
		return readJSON(name, data, scale)
	default:
		return nil, fmt.Errorf("read workflow %s: expected a file that ends with %s, got %q",
			name, strings.Join(Extensions, ", "), ending)
	}
}

// readJSON tells WfFormat from the prototype's formats.
func readJSON(name string, data []byte, scale Scale) (*File, error) {
	text, err := yamlfile.Text(name, data)
	if err != nil {
		return nil, err
	}
	// What is no JSON at all has its error from the prototype's reader.
	var keys struct{ Workflow, SchemaVersion json.RawMessage }
	if json.Unmarshal(text, &keys) == nil && (keys.Workflow != nil || keys.SchemaVersion != nil) {
		return readWfFormat(name, text, scale)
	}

	w, err := workflow.ParseJSON(name, data)
	if err != nil {
		return nil, err
	}
	return &File{Workflows: []*workflow.Workflow{w}, Own: true}, nil
}

// names returns names of tasks that are all different: the given ones, or where one
// stands several times, each of these as an alias that ends with its identifier.
func names(given, ids []string) []string {
	count := map[string]int{}
	for _, name := range given {
		count[name]++
	}
	out := slices.Clone(given)
	for i, name := range given {
		if count[name] > 1 && ids[i] != "" {
			out[i] = workflow.Task(name, ids[i])
		}
	}
	return out
}
