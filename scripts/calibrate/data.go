package main

import (
	"edgebed/harness/prototype"
	"edgebed/harness/record"
	"edgebed/nodes/units"
	"edgebed/nodes/workflow"
)

// argument of the prototype's runs.
const argument units.Size = 10000

// observation is one workload under one model at one rate, with what a software cost
// could be charged for.
type observation struct {
	prototype.Observation
	counts counts
}

// readReference returns the prototype's runs, in the order in which they were made.
func readReference() ([]observation, error) {
	runs, err := prototype.Read(".")
	if err != nil {
		return nil, err
	}

	var list []observation
	open := &workflow.Connections{}
	for _, run := range runs {
		if run.Fresh {
			open = &workflow.Connections{}
		}
		n, err := count(run.Workflow, run.Model, open)
		if err != nil {
			return nil, err
		}
		list = append(list, observation{run, n})
	}
	return list, nil
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

// pair adds our measurements to the prototype's, and leaves out what our runs did not
// repeat.
func pair(reference []observation, results ...*record.Results) ([]observation, error) {
	paired, err := prototype.Pair(plain(reference), results...)
	if err != nil {
		return nil, err
	}
	of := map[prototype.Point]counts{}
	for _, o := range reference {
		of[o.Point] = o.counts
	}

	list := make([]observation, len(paired))
	for i, o := range paired {
		list[i] = observation{o, of[o.Point]}
	}
	return list, nil
}

// plain returns observations without the counts.
func plain(list []observation) []prototype.Observation {
	runs := make([]prototype.Observation, len(list))
	for i, o := range list {
		runs[i] = o.Observation
	}
	return runs
}
