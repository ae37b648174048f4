package foreign

import (
	"maps"
	"math"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"edgebed/nodes/workflow"
	"edgebed/nodes/yamlfile"
)

// wfVersions are those of WfFormat that are read. From 1.5 on a file has the tasks'
// files beside the tasks, and what was measured apart from what was asked.
var wfVersions = []string{"1.3", "1.4", "1.5", "1.6"}

// others takes the keys that have no meaning here: WfFormat allows any.
type others map[string]yaml.Node

// wfFile is a WfFormat instance (github.com/wfcommons/WfFormat).
type wfFile struct {
	Version  string     `yaml:"schemaVersion" required:"true"`
	Workflow wfWorkflow `yaml:"workflow" required:"true"`
	Others   others     `yaml:",inline"`
}

type wfWorkflow struct {
	Pos           yamlfile.Pos
	Tasks         []wfTask         `yaml:"tasks"` // up to 1.4
	Specification *wfSpecification `yaml:"specification"`
	Execution     *wfExecution     `yaml:"execution"`
	Others        others           `yaml:",inline"`
}

type wfSpecification struct {
	Tasks  []wfTask `yaml:"tasks" required:"true"`
	Files  []wfData `yaml:"files"`
	Others others   `yaml:",inline"`
}

type wfExecution struct {
	Tasks  []wfRun `yaml:"tasks" required:"true"`
	Others others  `yaml:",inline"`
}

type wfTask struct {
	Pos      yamlfile.Pos
	Name     string   `yaml:"name" required:"true"`
	ID       string   `yaml:"id"`
	Category string   `yaml:"category"`
	Parents  []string `yaml:"parents"`
	Children []string `yaml:"children"`
	// Files and the runtimes are up to 1.4, the others from 1.5 on.
	Files       []wfData `yaml:"files"`
	Runtime     *float64 `yaml:"runtimeInSeconds"`
	OldRuntime  *float64 `yaml:"runtime"` // 1.3
	InputFiles  []string `yaml:"inputFiles"`
	OutputFiles []string `yaml:"outputFiles"`
	Others      others   `yaml:",inline"`
}

type wfData struct {
	Pos     yamlfile.Pos
	ID      string   `yaml:"id"`
	Name    string   `yaml:"name"` // up to 1.4
	Link    string   `yaml:"link"` // up to 1.4
	Size    *float64 `yaml:"sizeInBytes"`
	OldSize *float64 `yaml:"size"` // 1.3
	Others  others   `yaml:",inline"`
}

type wfRun struct {
	Pos     yamlfile.Pos
	ID      string   `yaml:"id" required:"true"`
	Runtime *float64 `yaml:"runtimeInSeconds" required:"true"`
	Others  others   `yaml:",inline"`
}

// wfReader reads an instance.
type wfReader struct {
	scale Scale
	tasks []wfTask
	index map[string]int // of tasks by identifier, and by name where that is unique
	// sizes of files in bytes, and which of them each task reads and writes.
	sizes          map[string]float64
	reads, writes  []map[string]bool
	errs           []error
	written, timed bool
}

// readWfFormat reads a WfFormat instance. A task puts out those of the files it writes that
// its children read, each of which gets the files that it reads; a last task all of them.
func readWfFormat(name string, data []byte, scale Scale) (*File, error) {
	doc, err := yamlfile.Parse(name, data)
	if err != nil {
		return nil, err
	}
	var f wfFile
	if err := doc.Decode(&f); err != nil {
		return nil, err
	}
	if !slices.Contains(wfVersions, f.Version) {
		return nil, doc.Errorf(yamlfile.Path{"schemaVersion"}, "expected one of %s, got %q",
			strings.Join(wfVersions, ", "), f.Version)
	}

	r := &wfReader{scale: scale, tasks: f.Workflow.Tasks, index: map[string]int{}, sizes: map[string]float64{}}
	if s := f.Workflow.Specification; s != nil {
		r.tasks = s.Tasks
		r.files(s.Files)
	}
	if n := len(r.tasks); n < 1 || n > MaxTasks {
		return nil, f.Workflow.Pos.Errorf("expected 1 to %d tasks, got %d", MaxTasks, n)
	}

	r.identify()
	r.data()
	d := &draft{at: f.Workflow.Pos, tasks: r.drafts(), input: unsaid}
	if f.Workflow.Execution != nil {
		r.runs(d, f.Workflow.Execution.Tasks)
	}
	if err := yamlfile.Join(r.errs...); err != nil {
		return nil, err
	}

	r.sizeUp(d)
	w, err := d.build()
	if err != nil {
		return nil, err
	}
	out := &File{Workflows: []*workflow.Workflow{w}}
	if !r.written {
		out.Remarks = append(out.Remarks, name+": no task has files; their outputs are as large as the argument")
	}
	if w.Times == nil {
		out.Remarks = append(out.Remarks, name+": no task has a runtime; their computers' service time is taken")
	}
	return out, nil
}

func (r *wfReader) fail(at yamlfile.Pos, format string, args ...any) {
	r.errs = append(r.errs, at.Errorf(format, args...))
}

// files notes sizes.
func (r *wfReader) files(list []wfData) {
	for _, f := range list {
		name, size := f.ID, f.Size
		if name == "" {
			name = f.Name
		}
		if size == nil {
			size = f.OldSize
		}

		switch {
		case size == nil:
			r.fail(f.Pos, "file %s has no sizeInBytes, which is how much a task sends on", name)
			r.sizes[name] = 0
		case *size < 0 || *size != math.Trunc(*size):
			r.fail(f.Pos.At("sizeInBytes"), "expected a whole number of bytes from 0 on, got %g", *size)
		default:
			r.sizes[name] = *size
		}
	}
}

// identify finds tasks by what parents and children call them.
func (r *wfReader) identify() {
	byName := map[string]int{}
	for i, t := range r.tasks {
		byName[t.Name]++
		if t.ID == "" {
			continue
		}
		if _, again := r.index[t.ID]; again {
			r.fail(t.Pos.At("id"), "a second task with the identifier %s", t.ID)
		}
		r.index[t.ID] = i
	}
	for i, t := range r.tasks {
		if _, taken := r.index[t.Name]; !taken && byName[t.Name] == 1 {
			r.index[t.Name] = i
		}
	}
}

// data notes which files each task reads and writes.
func (r *wfReader) data() {
	for i, t := range r.tasks {
		reads, writes := map[string]bool{}, map[string]bool{}
		r.files(t.Files)
		for _, f := range t.Files {
			switch name := f.ID + f.Name; f.Link {
			case "input":
				reads[name] = true
			case "output":
				writes[name] = true
			default:
				r.fail(f.Pos.At("link"), "expected input or output, got %q", f.Link)
			}
		}
		for k, name := range t.InputFiles {
			reads[name] = r.known(i, "inputFiles", k, name)
		}
		for k, name := range t.OutputFiles {
			writes[name] = r.known(i, "outputFiles", k, name)
		}
		r.reads, r.writes = append(r.reads, reads), append(r.writes, writes)
		r.written = r.written || len(reads)+len(writes) > 0
	}
}

// known checks that a file that a task uses has a size.
func (r *wfReader) known(task int, key string, k int, name string) bool {
	if _, ok := r.sizes[name]; !ok {
		r.fail(r.tasks[task].Pos.At(key, k), "file %s has no size: it is not among workflow.specification.files%s",
			name, yamlfile.Suggest(name, keys(r.sizes)))
	}
	return true
}

func keys(sizes map[string]float64) []string {
	var names []string
	for name := range sizes {
		names = append(names, name)
	}
	return names
}

// drafts returns the tasks with those before them, by what both parents and children
// say.
func (r *wfReader) drafts() []task {
	var given, ids []string
	for _, t := range r.tasks {
		name := t.Category
		if name == "" {
			name = t.Name
		}
		id := t.ID
		if t.Category != "" || id == "" {
			id = t.Name
		}
		given, ids = append(given, name), append(ids, id)
	}

	list := make([]task, len(r.tasks))
	edge := func(at yamlfile.Pos, from, to int) {
		switch {
		case from == to:
			r.fail(at, "task %s waits for itself", r.tasks[to].Name)
		case !slices.Contains(list[to].after, from):
			list[to].after = append(list[to].after, from)
		}
	}
	for i, name := range names(given, ids) {
		list[i].name, list[i].output, list[i].time = name, unsaid, unsaid
	}
	for i, t := range r.tasks {
		list[i].at = t.Pos
		for k, parent := range t.Parents {
			if j, ok := r.find(t.Pos.At("parents", k), parent); ok {
				edge(t.Pos.At("parents", k), j, i)
			}
		}
		for k, child := range t.Children {
			if j, ok := r.find(t.Pos.At("children", k), child); ok {
				edge(t.Pos.At("children", k), i, j)
			}
		}

		runtime := t.Runtime
		if runtime == nil {
			runtime = t.OldRuntime
		}
		if runtime != nil {
			r.run(&list[i], t.Pos.At("runtimeInSeconds"), *runtime)
		}
	}
	r.allTimed(list)
	return list
}

// allTimed refuses a file in which some tasks have a runtime and others have none.
func (r *wfReader) allTimed(list []task) {
	if !r.timed {
		return
	}
	for _, t := range list {
		if t.time < 0 {
			r.fail(t.at, "task %s has no runtime, and others have one", t.name)
		}
	}
}

// find returns a task by what another one calls it.
func (r *wfReader) find(at yamlfile.Pos, name string) (int, bool) {
	i, ok := r.index[name]
	if !ok {
		var known []string
		for name := range r.index {
			known = append(known, name)
		}
		r.fail(at, "there is no task %s%s", name, yamlfile.Suggest(name, known))
	}
	return i, ok
}

// run gives a task its time.
func (r *wfReader) run(t *task, at yamlfile.Pos, runtime float64) {
	if runtime < 0 {
		r.fail(at, "expected a runtime from 0 on, got %g", runtime)
		return
	}
	t.time = seconds(runtime, r.scale.Time)
	r.timed = true
}

// runs gives tasks the times of a measured execution.
func (r *wfReader) runs(d *draft, list []wfRun) {
	for _, run := range list {
		i, ok := r.find(run.Pos.At("id"), run.ID)
		if ok && run.Runtime != nil {
			r.run(&d.tasks[i], run.Pos.At("runtimeInSeconds"), *run.Runtime)
		}
	}
	r.allTimed(d.tasks)
}

// sizeUp gives tasks the sizes of their outputs.
func (r *wfReader) sizeUp(d *draft) {
	if !r.written {
		return
	}
	shared := func(from, to int) (bytes float64) {
		for name := range r.writes[from] {
			if r.reads[to][name] {
				bytes += r.sizes[name]
			}
		}
		return bytes
	}

	read := make([]map[string]bool, len(d.tasks)) // of what each task writes, by those after it
	var input float64
	for i := range d.tasks {
		t := &d.tasks[i]
		for _, before := range t.after {
			if read[before] == nil {
				read[before] = map[string]bool{}
			}
			for name := range r.writes[before] {
				read[before][name] = read[before][name] || r.reads[i][name]
			}
			t.read(before, scaled(shared(before, i), r.scale.Size))
		}
		if len(t.after) == 0 {
			own := sum(r.reads[i], r.sizes)
			input = max(input, own)
			t.read(fromStart, scaled(own, r.scale.Size))
		}
	}

	d.input = scaled(input, r.scale.Size)
	for i := range d.tasks {
		bytes := sum(r.writes[i], r.sizes)
		if read[i] != nil {
			maps.DeleteFunc(read[i], func(_ string, read bool) bool { return !read })
			bytes = sum(read[i], r.sizes)
		}
		d.tasks[i].output = scaled(bytes, r.scale.Size)
	}
}

func sum(files map[string]bool, sizes map[string]float64) (bytes float64) {
	for name := range files {
		bytes += sizes[name]
	}
	return bytes
}
