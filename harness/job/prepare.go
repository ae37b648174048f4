package job

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"edgebed/harness/scenario"
	"edgebed/harness/topology"
	"edgebed/nodes/cost"
	"edgebed/nodes/workflow"
	"edgebed/nodes/workflow/foreign"
	"edgebed/nodes/yamlfile"
)

// Prepared is a plan that is ready to run: its topologies are read, and everything is checked against everything else.
type Prepared struct {
	Jobs []Job
	// Hash identifies what decides the results; Decides are its parts, values by
	// what they are of.
	Hash    string
	Decides map[string]string
	// Remarks say what topologies of other programs hold and ours cannot.
	Remarks []string
}

// Prepare reads the topologies that the plan's cells name, through find, and checks
// that every cell can run on the plan's network. If workflows are given, every cell executes those
// instead of its own. Of a Broken plan it only finds mistakes of the nodes' places.
//
// Workflows are drawn as they are needed. Of each cell the first ones, at most
// Checked, are drawn here too and checked; the numbers that decide whether one can run at all
// are the same for all.
func Prepare(
	plan *scenario.Plan, find func(name string) (data []byte, file string, err error), given []Workflow,
) (*Prepared, error) {
	p := &Prepared{Decides: plan.Decides()}
	if p.Decides == nil {
		p.Decides = map[string]string{} // nothing is known of a Broken plan
	}
	workflows := workflowFiles{find: find, read: map[string]*foreign.File{}, broken: map[string]bool{}}
	read := topologies{find: find, parsed: map[string]source{}, broken: map[string]bool{}, name: plan.Scenario.Name}
	given, errs := slices.Clone(given), []error(nil)
	places := map[string]bool{}
	same := sameCells{of: plan.Scenario, seen: map[[sha256.Size]byte]string{}}
	for _, cell := range plan.Cells {
		src, err := read.of(&cell)
		if err == nil && src.parsed == nil {
			continue // its mistakes have been told
		}
		job := Job{Cell: cell, TopologyFile: src.file, TopologyText: src.data, Given: given}
		if err == nil && !plan.Broken && len(given) == 0 {
			job.Listed, err = workflows.of(&cell)
			if err == nil && job.Listed == nil && cell.Workload.IsListed() {
				continue // its mistakes have been told
			}
		}
		if err == nil {
			err = job.readArrivals(find, p.Decides)
		}
		if err == nil {
			err = job.open(src.parsed.Clone())
		}
		if err == nil {
			err = yamlfile.Join(job.CanRunOn(plan.Network), job.checkEffects(), job.checkMTUs())
		}
		if err == nil && plan.Broken {
			err = job.checkEventNames()
		}
		if err == nil && !plan.Broken {
			job.countDue()
			err = yamlfile.Join(job.check(min(Checked, max(2, checkedInAll/len(plan.Cells)))), same.check(&job))
		}
		if err == nil {
			p.Jobs = append(p.Jobs, job)
			continue
		}

		// What another cell has said of a place says it all; and each cell would go
		// on finding the same.
		fresh := map[string]bool{}
		for _, err := range yamlfile.Each(err) {
			place := yamlfile.PlaceOf(err)
			if place == "" {
				err = fmt.Errorf("cell %s: %w", cell.ID, err)
				place = "cell"
			}
			if !places[place] {
				errs = append(errs, err)
				fresh[place] = true
			}
		}
		maps.Copy(places, fresh)
	}
	if len(errs) == 0 && !plan.Broken {
		errs = append(errs, checkFigures(plan.Scenario, p.Jobs))
	}
	if err := yamlfile.Join(errs...); err != nil {
		return nil, err
	}
	if plan.Broken {
		return nil, nil
	}

	// Presets, and networks in the scenario, are told by the scenario's own values,
	// which do not depend on the selection of cells.
	for _, key := range slices.Sorted(maps.Keys(read.parsed)) {
		src := read.parsed[key]
		if src.origin == fromFile {
			p.Decides["topology "+src.name] = src.parsed.Digest()
			p.Remarks = append(p.Remarks, idleClasses(src.name, src.parsed)...)
		}
		p.Remarks = append(p.Remarks, src.remarks...)
	}
	workflows.note(p)
	for i, w := range given {
		p.Decides[fmt.Sprintf("workflow %d", i)] = w.Workflow.Hash()
	}
	if slices.ContainsFunc(plan.Cells, func(c scenario.Cell) bool { return c.Nodes.SoftwareCost.Factor != 0 }) {
		p.Decides["fitted software cost"] = digest(cost.FitText())
	}
	p.Hash = hash(p.Decides)

	return p, nil
}

// hash returns the SHA-256 of the entries in hexadecimal digits.
func hash(entries map[string]string) string {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		fmt.Fprintf(h, "%q=%q\n", name, entries[name])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// digest returns the SHA-256 of a text in hexadecimal digits.
func digest(text []byte) string {
	sum := sha256.Sum256(text)

	return hex.EncodeToString(sum[:])
}

// ReadWorkflows reads workflows from files in the prototype's formats, or in those of
// others (package foreign). A workflow's name is its file's, without folder and
// extension; of a file of several their numbers follow.
func ReadWorkflows(files []string) ([]Workflow, error) {
	var list []Workflow
	var errs []error
	names := map[string]string{}
	for _, file := range files {
		data, err := yamlfile.ReadFile(file)
		if err != nil {
			errs = append(errs, fmt.Errorf("read workflow: %w", err))
			continue
		}

		read, err := foreign.Read(file, data, foreign.Scale{})
		if err != nil {
			errs = append(errs, err)
			continue
		}

		name := strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
		if other, again := names[name]; again {
			errs = append(errs, fmt.Errorf("read workflow %s: %s has the same name, "+
				"by which results are paired; rename one", file, other))
		}
		names[name] = file
		for k, w := range read.Workflows {
			one := Workflow{Name: name, Workflow: w, Anywhere: !read.Own}
			if len(read.Workflows) > 1 {
				one.Name = fmt.Sprintf("%s-%d", name, k)
			}
			if one.Anywhere && len(files) > 1 {
				one.Workflow = w.Prefixed(name + ".") // tasks of two files may have one name
			}
			list = append(list, one)
		}
	}

	return list, yamlfile.Join(errs...)
}

// Checked is how many executions of a cell are looked at beforehand, to check and to
// estimate; estimates for the others follow from these.
const Checked = 500

// checkedInAll is about how many executions of all cells together Prepare looks at.
const checkedInAll = 100_000

// check checks that the job can be run: of its executions so many.
func (j *Job) check(executions int) error {
	if err := yamlfile.Join(j.checkLoad(), j.checkEvents()); err != nil {
		return err
	}
	clients := j.oneOfEach()
	for k := range j.looked(max(1, executions/len(clients))) {
		for _, client := range clients {
			w, err := j.WorkflowOf(client, k)
			if err != nil {
				return err
			}
			if err := j.runnable(w, j.workloadOf(client)); err != nil {
				return err
			}
		}
	}
	_, err := j.Computers()
	return err
}

// oneOfEach returns a client of each group; the first one without groups.
func (j *Job) oneOfEach() []int {
	list := []int{0}
	for client := range j.Cell.Clients.Number() {
		if j.Cell.Clients.Group(client) != j.Cell.Clients.Group(list[len(list)-1]) {
			list = append(list, client)
		}
	}
	return list
}

// runnable checks that the job can execute a workflow of a workload.
func (j *Job) runnable(w Workflow, of *scenario.Workload) error {
	at := of.Pos
	if err := w.Workflow.Validate(); err != nil {
		return at.Errorf("workflow %s: %w", w.Name, err)
	}
	for _, f := range w.Workflow.Functions {
		if j.serving.of(f) == nil {
			return j.Cell.Nodes.Pos.At("computers").Errorf("workflow %s: no computer serves function %s%s", w.Name, f,
				yamlfile.Suggest(f, j.serving.functions))
		}
	}
	if err := j.feasible(w.Workflow); err != nil {
		return j.Cell.Execution.Pos.Errorf("workflow %s: %w", w.Name, err)
	}

	// All states may have to travel together: with the client they do.
	total := of.Argument
	for _, state := range slices.Sorted(maps.Keys(w.Workflow.StateSizes)) {
		if total += min(w.Workflow.StateSizes[state], 2*scenario.MaxState); total > scenario.MaxState {
			return at.Errorf("workflow %s: argument and states up to %s, of %v, are more than the %v "+
				"that fit into one message; make them smaller",
				w.Name, state, w.Workflow.StateSizes[state], scenario.MaxState)
		}
	}
	return j.fits(w)
}

// fits checks that no message of a workflow with sizes is too large.
func (j *Job) fits(w Workflow) error {
	if w.Workflow.Outputs == nil {
		return nil
	}
	run := j.Run()
	run.Model = workflow.PureFaaS // whose client sends a join all that it needs at once
	for i := range w.Workflow.Functions {
		if in := w.Workflow.InputOf(i, run); in > scenario.MaxState {
			return j.Cell.Workload.Pos.Errorf("workflow %s: what task %s reads, %v, is more than the %v that "+
				"fit into one message; make it smaller with size-factor",
				w.Name, w.Workflow.Functions[i], in, scenario.MaxState)
		}
	}
	return nil
}

// Open reads the job's topology, gives it the scenario's link classes, and finds
// which hosts serve which functions. Prepare has done so; a job that was read
// from elsewhere needs it before any other method.
func (j *Job) Open() error {
	t, err := topology.Parse(j.TopologyFile, j.TopologyText)
	if err != nil {
		return err
	}
	if err := j.open(t); err != nil {
		return err
	}
	j.countDue()
	return nil
}

// open is Open with a topology of the job's own, and without what is due in the load's
// times, whose numbers may be mistakes.
func (j *Job) open(t *topology.Topology) (err error) {
	errs := []error{j.changeNetwork(t)}

	j.topology = t
	j.serving, err = j.serve()
	_, captureErr := j.CapturePorts()
	errs = append(errs, err, j.placePrograms(), captureErr)
	if err := yamlfile.Join(errs...); err != nil {
		return err
	}
	if err := j.noteTasks(); err != nil {
		return err
	}

	switch w := j.Cell.Workload; {
	case len(j.Given) > 0:
	case j.Listed != nil:
		j.generator = workflow.Listed{Workflows: j.Listed, Functions: j.serving.functions}
	case !w.IsListed():
		if _, known := scenario.Generators[w.Generator]; known {
			j.generator, err = w.Draw(j.serving.functions)
		}
	}
	for i := range j.Cell.Clients.Groups {
		w := j.Cell.Clients.Groups[i].Workload
		if w.Generator == "" {
			break // it could not be read, which Expand has said
		}
		if len(j.Given) > 0 || w.IsListed() || j.Cell.Workload.IsListed() {
			break // given workflows are everybody's, and Expand has refused the rest
		}
		var one workflow.Generator
		if one, err = w.Draw(j.serving.functions); err != nil {
			return err
		}
		j.groups = append(j.groups, one)
	}
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
			return errors.New("keep the client after a DAG in the carry form: a join discards what its " +
				"other inputs say about states, so that the client's next execution would use states " +
				"out of date; use form: direct")
		}
		return w.CheckCarry()
	}
	_, err := workflow.Augment(w)
	return err
}

// Runnable checks that a workflow that is not the job's own can be run in it: its
// functions by their own names, as computers serve them.
func (j *Job) Runnable(w Workflow) error {
	for _, f := range w.Workflow.Functions {
		if j.serving.hosts[f] == nil {
			return fmt.Errorf("workflow %s: no computer serves function %s%s", w.Name, f,
				yamlfile.Suggest(f, j.serving.functions))
		}
	}
	return j.runnable(w, &j.Cell.Workload)
}

// Functions returns the names of the functions that computers serve, in the scenario's
// order.
func (j *Job) Functions() []string { return slices.Clone(j.serving.functions) }
