package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"edgebed/harness/record"
	"edgebed/nodes/units"
	"edgebed/nodes/workflow"
)

// referenceDir has the prototype's measured runs with their workloads.
const referenceDir = "nodes/workflow/testdata/prototype"

// argument of the prototype's runs.
const argument units.Size = 10000

// models by the prototype's names, in the order of tables.
var models = []struct {
	theirs, title string
	ours          workflow.Model
}{
	{"embedded", "PureFaaS", workflow.PureFaaS},
	{"hopbyhop", "StateProp", workflow.StateProp},
	{"remotestate", "StateLocal", workflow.StateLocal},
}

// point is one workload under one model at one rate.
type point struct {
	workload string
	model    workflow.Model
	rate     float64 // Mb/s
}

// observation is a point as the prototype and as our nodes measured it.
type observation struct {
	point
	theirs, ours           float64 // delay in s, ours the median of the repetitions
	theirBytes, ourBytes   float64 // between switches
	counts                 counts
	repetitions, disturbed int    // of ours; disturbed are those in cells that the audit marked
	softwareCost           string // that ours were made with, as recorded
}

// prototype is one run of the prototype.
type prototype struct {
	Model    string  `json:"model"`
	Rate     float64 `json:"bw_mbps"`
	Run      int     `json:"run"`
	Workload string  `json:"workload"`
	Delay    float64 `json:"delay_s"`
	Bytes    float64 `json:"interswitch_bytes"`
}

// readReference returns the prototype's runs, in the order in which they were
// made, with what a software cost could be charged for in each.
func readReference() ([]observation, error) {
	data, err := os.ReadFile(filepath.Join(referenceDir, "prototype-400-f6s3.json"))
	if err != nil {
		return nil, fmt.Errorf("read the prototype's runs (start it in the source tree): %w", err)
	}
	var runs []prototype
	if err := json.Unmarshal(data, &runs); err != nil {
		return nil, fmt.Errorf("read the prototype's runs: %w", err)
	}

	var list []observation
	open := &workflow.Connections{}
	for _, run := range runs {
		text, err := os.ReadFile(filepath.Join(referenceDir, run.Workload))
		if err != nil {
			return nil, err
		}
		w, err := workflow.ParseJSON(run.Workload, text)
		if err != nil {
			return nil, err
		}
		if run.Run == 0 { // its nodes were started for it
			open = &workflow.Connections{}
		}
		model, err := modelOf(run.Model)
		if err != nil {
			return nil, err
		}
		n, err := count(w, model, open)
		if err != nil {
			return nil, err
		}
		list = append(list, observation{
			point:  point{strings.TrimSuffix(run.Workload, ".json"), model, run.Rate},
			theirs: run.Delay, theirBytes: run.Bytes, counts: n,
		})
	}
	return list, nil
}

func modelOf(name string) (workflow.Model, error) {
	for _, m := range models {
		if m.theirs == name {
			return m.ours, nil
		}
	}
	return "", fmt.Errorf("the prototype's runs name an unknown model %q", name)
}

// count follows a workload and counts what each term of a cost.Model is for.
func count(w *workflow.Workflow, model workflow.Model, open *workflow.Connections) (counts, error) {
	place := workflow.Placement{Client: "10.1.0.1", Host: func(i int) string { return w.Functions[i] }}
	p, err := workflow.Predict(w, workflow.Run{Model: model, Form: workflow.Carry, Argument: argument}, place, open)
	if err != nil {
		return counts{}, err
	}
	moves := 0
	for _, t := range p.Transfers {
		if t.What == workflow.StateMove {
			moves++
		}
	}
	return counts{
		clientStart: 1,
		stateMove:   float64(moves),
		connection:  float64(len(p.NewConnections) + len(p.Fetches)),
		call:        float64(2 * w.Len()), // a router and a computer for each function
	}, nil
}

// pair adds our measurements to the prototype's, and leaves out what our runs
// did not repeat. Of the repetitions' delays it takes the median: whatever else the
// machine does now and then makes an execution later, never earlier.
func pair(reference []observation, results ...*record.Results) ([]observation, error) {
	type sum struct {
		delays    []float64
		bytes     float64
		cost      string
		disturbed int
	}
	sums := map[point]*sum{}
	for _, r := range results {
		for _, cell := range r.Cells {
			p, err := pointOf(cell.Cell)
			if err != nil {
				return nil, err
			}
			for _, e := range cell.Executions {
				if !e.OK {
					return nil, fmt.Errorf("%s, execution %d failed: %s", e.Cell, e.Index, e.Reason)
				}
				p.workload = e.Workload
				if sums[p] == nil {
					sums[p] = &sum{}
				}
				s := sums[p]
				s.cost = cell.Cell.Settings["software-cost"]
				s.delays = append(s.delays, float64(e.DelayNS)/1e9)
				s.bytes += float64(e.TrunkBytes)
				if cell.End != nil && cell.End.Audit != nil && cell.End.Audit.Verdict == record.Disturbed {
					s.disturbed++
				}
			}
		}
	}

	var list []observation
	for _, o := range reference {
		if s := sums[o.point]; s != nil {
			o.ours, o.ourBytes = median(s.delays), s.bytes/float64(len(s.delays))
			o.repetitions, o.disturbed, o.softwareCost = len(s.delays), s.disturbed, s.cost
			list = append(list, o)
		}
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("none of our executions repeats one of the prototype's %d", len(reference))
	}
	return list, nil
}

// median of at least one value.
func median(values []float64) float64 {
	slices.Sort(values)
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}

func pointOf(c record.Cell) (point, error) {
	rate, hasRate := c.Coord("rate")
	model, hasModel := c.Coord("model")
	if !hasRate || !hasModel {
		return point{}, fmt.Errorf("cell %s has no rate or no model: is it a replay?", c.ID)
	}
	return point{model: workflow.Model(model.Value), rate: rate.Number}, nil
}

// ratesOf lists the rates, ascending.
func ratesOf(list []observation) []float64 {
	var rates []float64
	for _, o := range list {
		if !slices.Contains(rates, o.rate) {
			rates = append(rates, o.rate)
		}
	}
	slices.Sort(rates)
	return rates
}
