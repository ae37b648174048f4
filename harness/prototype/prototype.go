package prototype

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"edgebed/harness/record"
	"edgebed/nodes/workflow"
)

// Dir has the prototype's measured runs with their workloads, in the source tree.
const Dir = "nodes/workflow/testdata/prototype"

// Model is an execution model by the prototype's name and by ours.
type Model struct {
	Theirs, Title string
	Ours          workflow.Model
}

// Models lists the models in the order of tables.
func Models() []Model {
	return []Model{
		{"embedded", "PureFaaS", workflow.PureFaaS},
		{"hopbyhop", "StateProp", workflow.StateProp},
		{"remotestate", "StateLocal", workflow.StateLocal},
	}
}

// Point is one workload under one model at one rate.
type Point struct {
	Workload string
	Model    workflow.Model
	Rate     float64 // Mb/s
}

// Observation is a point as the prototype and, once paired, as our nodes measured it.
type Observation struct {
	Point
	// Theirs and Ours are delays in s, ours the median of the repetitions.
	Theirs, Ours float64
	// TheirBytes and OurBytes went between switches.
	TheirBytes, OurBytes float64
	// Repetitions are ours; Disturbed are those in cells that the audit marked.
	Repetitions, Disturbed int
	// SoftwareCost that ours were made with, as recorded.
	SoftwareCost string
	// Workflow is the workload's. Fresh tells that the prototype's nodes were started
	// for it.
	Workflow *workflow.Workflow
	Fresh    bool
}

// run is one run as the prototype's file has it.
type run struct {
	Model    string  `json:"model"`
	Rate     float64 `json:"bw_mbps"`
	Run      int     `json:"run"`
	Workload string  `json:"workload"`
	Delay    float64 `json:"delay_s"`
	Bytes    float64 `json:"interswitch_bytes"`
}

// Read returns the prototype's runs, in the order in which they were made, from a
// source tree.
func Read(tree string) ([]Observation, error) {
	dir := filepath.Join(tree, Dir)
	data, err := os.ReadFile(filepath.Join(dir, "prototype-400-f6s3.json"))
	if err != nil {
		return nil, fmt.Errorf("read the prototype's runs (they are in the source tree): %w", err)
	}
	var runs []run
	if err := json.Unmarshal(data, &runs); err != nil {
		return nil, fmt.Errorf("read the prototype's runs: %w", err)
	}

	var list []Observation
	for _, r := range runs {
		text, err := os.ReadFile(filepath.Join(dir, r.Workload))
		if err != nil {
			return nil, fmt.Errorf("read the prototype's workload: %w", err)
		}
		w, err := workflow.ParseJSON(r.Workload, text)
		if err != nil {
			return nil, err
		}
		model, err := modelOf(r.Model)
		if err != nil {
			return nil, err
		}
		list = append(list, Observation{
			Point:  Point{strings.TrimSuffix(r.Workload, ".json"), model, r.Rate},
			Theirs: r.Delay, TheirBytes: r.Bytes, Workflow: w, Fresh: r.Run == 0,
		})
	}
	return list, nil
}

func modelOf(name string) (workflow.Model, error) {
	for _, m := range Models() {
		if m.Theirs == name {
			return m.Ours, nil
		}
	}
	return "", fmt.Errorf("the prototype's runs name an unknown model %q", name)
}

// repeated is what our repetitions of a point measured.
type repeated struct {
	delays    []float64
	bytes     float64
	cost      string
	disturbed int
}

// Pair adds our measurements to the prototype's, and leaves out what our runs
// did not repeat. Of the repetitions' delays it takes the median: whatever else the
// machine does now and then makes an execution later, never earlier.
func Pair(reference []Observation, results ...*record.Results) ([]Observation, error) {
	ours := map[Point]*repeated{}
	for _, r := range results {
		for _, cell := range r.Cells {
			if err := add(ours, cell); err != nil {
				return nil, err
			}
		}
	}

	var list []Observation
	for _, o := range reference {
		if s := ours[o.Point]; s != nil {
			o.Ours, o.OurBytes = median(s.delays), s.bytes/float64(len(s.delays))
			o.Repetitions, o.Disturbed, o.SoftwareCost = len(s.delays), s.disturbed, s.cost
			list = append(list, o)
		}
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("none of our executions repeats one of the prototype's %d", len(reference))
	}
	return list, nil
}

// add adds a cell's executions.
func add(ours map[Point]*repeated, cell record.CellResult) error {
	p, err := pointOf(cell.Cell)
	if err != nil {
		return err
	}
	disturbed := cell.End != nil && cell.End.Audit != nil && cell.End.Audit.Verdict == record.Disturbed

	for _, e := range cell.Executions {
		if !e.OK {
			return fmt.Errorf("%s, execution %d failed: %s", e.Cell, e.Index, e.Reason)
		}
		p.Workload = e.Workload
		if ours[p] == nil {
			ours[p] = &repeated{}
		}
		s := ours[p]
		s.cost = cell.Cell.Settings["software-cost"]
		s.delays = append(s.delays, float64(e.DelayNS)/1e9)
		s.bytes += float64(e.TrunkBytes)
		if disturbed {
			s.disturbed++
		}
	}
	return nil
}

// median of at least one value.
func median(values []float64) float64 {
	slices.Sort(values)
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}

func pointOf(c record.Cell) (Point, error) {
	rate, hasRate := c.Coord("rate")
	model, hasModel := c.Coord("model")
	if !hasRate || !hasModel {
		return Point{}, fmt.Errorf("cell %s has no rate or no model: is it a replay?", c.ID)
	}
	return Point{Model: workflow.Model(model.Value), Rate: rate.Number}, nil
}

// Rates lists the rates, ascending.
func Rates(list []Observation) []float64 {
	var rates []float64
	for _, o := range list {
		if !slices.Contains(rates, o.Rate) {
			rates = append(rates, o.Rate)
		}
	}
	slices.Sort(rates)
	return rates
}
