package scenario

import (
	"maps"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"edgebed/nodes/units"
	"edgebed/nodes/workflow"
	"edgebed/nodes/workflow/foreign"
	"edgebed/nodes/yamlfile"
)

// Workload says which workflows to run. A generator reads only the keys that
// Generators lists for it, which have defaults of its own.
type Workload struct {
	Pos yamlfile.Pos `json:"-"`
	// Generator is one of Generators.
	Generator string `yaml:"generator"`
	// Argument is the size of the input and of every function's output.
	Argument units.Size `yaml:"argument"`

	// Variant is the reading of the paper.
	Variant workflow.Variant `yaml:"variant"`
	// States is the number of states. For chains, States and Length are S and L
	// as the paper labels them.
	States int `yaml:"states"`
	Length int `yaml:"length"`
	// Stages of Branches parallel calls each.
	Stages   int `yaml:"stages"`
	Branches int `yaml:"branches"`
	// VideoState is the size of the state of fe_video, from which those of the
	// other functions follow.
	VideoState units.Size `yaml:"video-state"`
	// MaxTasks is the largest number of tasks of a job of the mix.
	MaxTasks int `yaml:"max-tasks"`

	// File is a path relative to the scenario file, of workflows in one of the formats
	// of workflow files; a file of several is executed one after the other.
	File string `yaml:"file"`
	// Workflow describes one here.
	Workflow *foreign.Description `yaml:"workflow"`
	// SizeFactor and TimeFactor multiply the sizes and the times that they say.
	SizeFactor float64 `yaml:"size-factor"`
	TimeFactor float64 `yaml:"time-factor"`
}

// Names of the generators that draw nothing: the workflows are given.
const (
	fromFile     = "file"
	fromScenario = "workflow"
)

// IsListed reports whether the workload names or describes its workflows.
func (w *Workload) IsListed() bool { return w.Generator == fromFile || w.Generator == fromScenario }

// Generator is a way to draw workflows.
type Generator struct {
	// About says what it draws.
	About string
	// Keys of a workload that it reads, beside generator and argument.
	Keys []string

	draw func(w Workload, functions []string) workflow.Generator
}

// Generators lists the workload generators by name. Those that draw nothing are chosen
// by the presence of their key.
var Generators = map[string]Generator{
	"chain": {
		About: "chains of functions, experiment 400 (paper Sec. 6.2)",
		Keys:  []string{"variant", "states", "length"},
		draw: func(w Workload, functions []string) workflow.Generator {
			return workflow.Chains{Variant: w.Variant, S: w.States, L: w.Length, Functions: functions}
		},
	},
	"stages": {
		About: "DAGs of stages that branch and collect, experiment 401 (paper Sec. 6.2)",
		Keys:  []string{"variant", "stages", "branches"},
		draw: func(w Workload, functions []string) workflow.Generator {
			return workflow.DAGs{Variant: w.Variant, Stages: w.Stages, Branches: w.Branches, Functions: functions}
		},
	},
	"marvel": {
		About: "the audio-video analytics of paper Fig. 1, experiment 402 (Sec. 2)",
		Keys:  []string{"video-state"},
		draw: func(w Workload, _ []string) workflow.Generator {
			return workflow.Marvel{VideoState: w.VideoState}
		},
	},
	fromFile: {
		About: "nothing: executes the workflows of a file",
		Keys:  []string{"file", "size-factor", "time-factor"},
	},
	fromScenario: {
		About: "nothing: executes the workflow that stands in the scenario",
		Keys:  []string{"workflow", "size-factor", "time-factor"},
	},
	"mix": {
		About: "single tasks, chains and DAGs as in a data centre's traces (paper Sec. 2)",
		Keys:  []string{"max-tasks", "states"},
		draw: func(w Workload, functions []string) workflow.Generator {
			return workflow.Mix{MaxTasks: w.MaxTasks, States: w.States, Functions: functions}
		},
	},
}

// Draw returns the generator that the workload names, drawing from the given
// function names. Generators of one fixed workflow, such as marvel, have names
// of their own and leave the given ones alone. It fails where the generator is
// unknown, which Expand has refused already, and for one that draws nothing.
func (w Workload) Draw(functions []string) (workflow.Generator, error) {
	g, ok := Generators[w.Generator]
	if !ok {
		return nil, w.unknown()
	}
	if g.draw == nil {
		return nil, w.Pos.At("generator").Errorf("generator %s draws nothing", w.Generator)
	}
	return g.draw(w, functions), nil
}

func (w *Workload) unknown() error {
	return w.Pos.At("generator").Errorf("unknown generator %q%s", w.Generator,
		yamlfile.Suggest(w.Generator, slices.Sorted(maps.Keys(Generators))))
}

// checkKeys checks that the mapping which the workload was read from has no keys
// that its generator does not read.
func (w *Workload) checkKeys(node *yaml.Node) error {
	g, ok := Generators[w.Generator]
	if !ok {
		return w.unknown()
	}

	var errs []error
	for i := 0; i+1 < len(node.Content); i += 2 {
		key := node.Content[i]
		if key.Value == "generator" || key.Value == "argument" || slices.Contains(g.Keys, key.Value) {
			continue
		}
		at := w.Pos
		at.Line, at.Column = key.Line, key.Column
		errs = append(errs, at.Errorf("generator %s does not use %s; remove it (used: %s)",
			w.Generator, key.Value, strings.Join(g.Keys, ", ")))
	}

	return yamlfile.Join(errs...)
}
