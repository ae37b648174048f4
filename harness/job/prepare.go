package job

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"edgebed/harness/scenario"
	"edgebed/harness/topology"
	"edgebed/nodes/cost"
	"edgebed/nodes/workflow"
	"edgebed/nodes/yamlfile"
)

// Prepared is a plan that is ready to run: its topologies are read, its
// workflows drawn, and everything is checked against everything else.
type Prepared struct {
	Jobs []Job
	// Hash identifies what decides the results.
	Hash string
}

// Prepare reads the topologies that the plan's cells name, through find, draws
// each cell's workflows, and checks that every cell can run. If workflows are
// given, every cell executes those instead.
func Prepare(plan *scenario.Plan, find func(name string) (data []byte, file string, err error), given []Workflow) (*Prepared, error) {
	type source struct {
		data   []byte
		file   string
		parsed *topology.Topology
	}
	sources := map[string]source{}
	var texts [][]byte
	p := &Prepared{}
	var errs []error
	for _, cell := range plan.Cells {
		name := cell.Topology.File
		src, ok := sources[name]
		if !ok {
			data, file, err := find(name)
			if err != nil {
				return nil, cell.Topology.Pos.Errorf("%w", err)
			}
			// A mistake in the topology is one mistake, not one in each cell.
			parsed, err := topology.Parse(file, data)
			if err != nil {
				return nil, err
			}
			src = source{data, file, parsed}
			sources[name] = src
			texts = append(texts, data)
		}
		job := Job{Cell: cell, TopologyFile: src.file, TopologyText: src.data, Workflows: given}
		err := job.open(src.parsed.Clone())
		if err == nil {
			err = job.prepare()
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("cell %s: %w", cell.ID, err))
			if len(errs) == 3 {
				break // the other cells would most likely say the same
			}
			continue
		}
		p.Jobs = append(p.Jobs, job)
	}
	for _, w := range given {
		data, err := w.Workflow.MarshalJSON()
		if err != nil {
			return nil, err
		}
		texts = append(texts, data)
	}
	if slices.ContainsFunc(plan.Cells, func(c scenario.Cell) bool { return c.Nodes.SoftwareCost.Factor != 0 }) {
		texts = append(texts, cost.FitText())
	}
	p.Hash = plan.Hash(texts...)
	return p, yamlfile.Join(errs...)
}

// ReadWorkflows reads workflows from JSON files in the prototype's formats. A
// workflow's name is its file's, without folder and extension.
func ReadWorkflows(files []string) ([]Workflow, error) {
	var list []Workflow
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read workflow: %w", err)
		}
		w, err := workflow.ParseJSON(file, data)
		if err != nil {
			return nil, err
		}
		list = append(list, Workflow{Name: strings.TrimSuffix(filepath.Base(file), ".json"), Workflow: w})
	}
	return list, nil
}

// prepare draws the job's workflows unless it has some, and checks them.
func (j *Job) prepare() error {
	servers := j.serving
	if j.Workflows == nil {
		g, err := j.Cell.Workload.Draw(servers.functions)
		if err != nil {
			return err
		}
		for k := range j.Cell.Executions {
			w, err := g.Generate(j.Cell.Seed, k)
			if err != nil {
				return j.Cell.Workload.Pos.Errorf("%w", err)
			}
			j.Workflows = append(j.Workflows, Workflow{Name: w.Hash(), Workflow: w})
		}
	}
	for _, w := range j.Workflows {
		if err := w.Workflow.Validate(); err != nil {
			return fmt.Errorf("workflow %s: %w", w.Name, err)
		}
		for _, f := range w.Workflow.Functions {
			if servers.of(f) == nil {
				return fmt.Errorf("workflow %s: no computer serves function %s%s", w.Name, f,
					yamlfile.Suggest(f, servers.functions))
			}
		}
		if err := j.feasible(w.Workflow); err != nil {
			return j.Cell.Execution.Pos.Errorf("workflow %s: %w", w.Name, err)
		}
	}
	_, err := j.Computers()
	return err
}

// Open reads the job's topology, gives it the scenario's link classes, and finds
// which hosts serve which functions. Prepare has done so; a job that was read
// from elsewhere needs it before any other method.
func (j *Job) Open() error {
	t, err := topology.Parse(j.TopologyFile, j.TopologyText)
	if err != nil {
		return err
	}
	return j.open(t)
}

// open is Open with a topology of the job's own.
func (j *Job) open(t *topology.Topology) (err error) {
	for _, name := range slices.Sorted(maps.Keys(j.Cell.Topology.Classes)) {
		if err := t.SetClass(name, j.Cell.Topology.Classes[name]); err != nil {
			return j.Cell.Topology.Pos.Errorf("%w", err)
		}
	}
	j.topology = t
	j.serving, err = j.serve()
	return err
}

// feasible checks that the cell's model can execute the workflow and keep its
// states consistent.
func (j *Job) feasible(w *workflow.Workflow) error {
	if w.HasOrders() {
		if _, err := workflow.Augment(w); err != nil {
			return err
		}
	}

	if e := j.Cell.Execution; e.Model != workflow.PureFaaS && e.Form == workflow.Carry {
		if e.KeepClient && !w.IsChain() {
			return errors.New("keep the client after a DAG in the carry form: a join discards what its other inputs say about states, " +
				"so that the client's next execution would use states out of date; use form: direct")
		}
		return w.CheckCarry()
	}
	_, err := workflow.Augment(w)
	return err
}
