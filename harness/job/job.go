package job

import (
	"encoding/json"
	"fmt"

	"edgebed/harness/load"
	"edgebed/harness/record"
	"edgebed/harness/scenario"
	"edgebed/harness/topology"
	"edgebed/nodes/trace"
	"edgebed/nodes/workflow"
)

// Job is a cell with everything that a worker needs to run it. It travels to
// the worker as JSON.
type Job struct {
	Cell scenario.Cell `json:"cell"`
	// TopologyFile and TopologyText are the topology file's name and content.
	TopologyFile string `json:"topology_file"`
	TopologyText []byte `json:"topology_text"`
	// Given are the workflows to execute, in order; none stands for those that the
	// cell's workload draws: see Workflow.
	Given []Workflow `json:"given,omitempty"`
	// Listed are the workflows that the cell's workload names or describes, which the
	// executions take in turn.
	Listed []*workflow.Workflow `json:"listed,omitempty"`
	// First is the execution to begin with: those before were made by an attempt
	// that was stopped.
	First int `json:"first,omitempty"`
	// Recorded are the arrivals of a trace, where the cell's load is one.
	Recorded load.Recorded `json:"recorded,omitempty"`
	// Trace is the index of the one execution to trace, which is then the last to
	// run; nil traces none.
	Trace *int `json:"trace,omitempty"`
	// AllowExec is the consent of whoever started the campaign to programs of others.
	AllowExec bool `json:"allow_exec,omitempty"`
	// Results is the folder of the results, which the worker does not see; empty where
	// nothing is kept.
	Results string `json:"-"`
	// Files is the folder below it that is the worker's own: see testbed.Spawn.
	Files string `json:"files,omitempty"`

	// topology has the cell's link classes, serving says who runs what, and
	// generator draws workflows, tasks are those of workflows
	// from elsewhere; all are set by Prepare or Open.
	topology  *topology.Topology
	serving   *serving
	generator workflow.Generator
	tasks     map[string]task
	// groups are the generators of groups of clients, nil where all have the same.
	groups []workflow.Generator
	// inTime is how many executions are due in the load's times; in a closed loop only
	// about how many is known.
	inTime struct{ warmUps, measured, likely int }
}

// Topology returns the job's network: the topology file's with the link classes
// of the scenario. It must not be changed.
func (j *Job) Topology() *topology.Topology { return j.topology }

// last returns the index of the last execution to run.
func (j *Job) last() int {
	if j.Trace != nil {
		return *j.Trace
	}
	return j.Executions() - 1
}

// Executions returns how many executions the job has, warm-ups not counted; 0 where
// only their time is known (see load.go).
func (j *Job) Executions() int {
	switch {
	case j.Cell.Load.Duration > 0:
		return j.dueInTime()
	case len(j.Given) > 0:
		return len(j.Given)
	}
	return j.Cell.Executions
}

// Left returns how many executions there are to make, or about how many where only
// their time is known.
func (j *Job) Left() int {
	if n := j.Executions(); n > 0 {
		return n - j.First
	}
	return j.inTime.likely
}

// Workflow is a workflow with the name that pairs it across cells.
type Workflow struct {
	Name     string             `json:"name"`
	Workflow *workflow.Workflow `json:"workflow"`
	// Anywhere says that the tasks run on whatever functions computers serve, where
	// they serve none of theirs: see workflow.Listed.
	Anywhere bool `json:"anywhere,omitempty"`
}

// Workflow returns the workflow of an execution: the given one, or one that is
// drawn now and is the same each time. Executions below 0 are warm-ups: for them
// the list repeats before its start. It fails where the workload's numbers do not
// fit together. Where clients have workloads of their own, it is that of the client
// which has the execution if all take turns: see WorkflowOf.
func (j *Job) Workflow(execution int) (Workflow, error) {
	n := j.Cell.Clients.Number()
	return j.WorkflowOf(((execution%n)+n)%n, execution)
}

// WorkflowOf is Workflow for an execution of a client, numbered from 0.
func (j *Job) WorkflowOf(client, execution int) (Workflow, error) {
	n := len(j.Given)
	if n == 0 {
		n = j.list()
	}
	k := ((execution % n) + n) % n
	if len(j.Given) > 0 && !j.Given[k].Anywhere {
		return j.Given[k], nil
	}
	if len(j.Given) > 0 {
		given := j.Given[k]
		list := workflow.Listed{Workflows: []*workflow.Workflow{given.Workflow}, Functions: j.serving.functions}
		w, err := list.Generate(j.Cell.Seed, k)
		return Workflow{Name: given.Name, Workflow: w}, err
	}

	generator := j.generator
	if j.groups != nil {
		generator = j.groups[j.Cell.Clients.Group(client)]
	}
	w, err := generator.Generate(j.Cell.Seed, k)
	if err != nil {
		return Workflow{}, j.workloadOf(client).Pos.Errorf("%w", err)
	}
	return Workflow{Name: w.Hash(), Workflow: w}, nil
}

// workloadOf returns the workload of a client.
func (j *Job) workloadOf(client int) *scenario.Workload {
	if g := j.Cell.Clients.Group(client); g >= 0 {
		return &j.Cell.Clients.Groups[g].Workload.Workload
	}
	return &j.Cell.Workload
}

// workloads returns all workloads of clients.
func (j *Job) workloads() []*scenario.Workload {
	all := []*scenario.Workload{&j.Cell.Workload}
	for i := range j.Cell.Clients.Groups {
		all = append(all, &j.Cell.Clients.Groups[i].Workload.Workload)
	}
	return all
}

// Reporter receives what happens in a job, in order: one Cell, then Executions,
// then one CellEnd. An error from it ends the job.
type Reporter struct {
	Cell      func(record.Cell) error
	Execution func(record.Execution) error
	CellEnd   func(record.CellEnd) error
	// Trace, which may be nil, gets the traced execution's trace before the
	// Execution.
	Trace func(trace.Trace) error
}

// Event is one line from a worker: one of its fields is set.
type Event struct {
	Cell      *record.Cell      `json:"cell,omitempty"`
	Execution *record.Execution `json:"execution,omitempty"`
	CellEnd   *record.CellEnd   `json:"cell_end,omitempty"`
	Trace     *trace.Trace      `json:"trace,omitempty"`
}

// Receive passes on one line from a worker, and tells whether it ended the cell.
func (r Reporter) Receive(line []byte) (ended bool, err error) {
	var e Event
	if err := json.Unmarshal(line, &e); err != nil {
		return false, fmt.Errorf("read the worker's report %.80q: %w", line, err)
	}
	switch {
	case e.Cell != nil:
		return false, r.Cell(*e.Cell)
	case e.Execution != nil:
		return false, r.Execution(*e.Execution)
	case e.CellEnd != nil:
		return true, r.CellEnd(*e.CellEnd)
	case e.Trace != nil:
		if r.Trace == nil {
			return false, nil
		}
		return false, r.Trace(*e.Trace)
	}
	return false, fmt.Errorf("read the worker's report %.80q: neither cell, execution, trace nor end", line)
}
