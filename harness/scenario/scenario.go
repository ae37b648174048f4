// Package scenario reads the YAML files in which users describe experiments,
// and expands them into cells: one point of the scenario's matrix with one
// seed, fully resolved and checked before anything runs.
//
// The sections topology, nodes, workload and execution may use $name for the
// value that an axis of the matrix or a parameter has in the cell at hand. What a
// file leaves out has the defaults of DefaultsText.
package scenario

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/expr-lang/expr/vm"
	"gopkg.in/yaml.v3"

	"edgebed/harness/record"
	"edgebed/nodes/units"
	"edgebed/nodes/yamlfile"
)

// Scenario is one parsed scenario file. Its cells come from Expand.
type Scenario struct {
	Name        string
	Title       string
	Description string
	// File is the name that errors and records show.
	File string
	// Network is what makes the links unless whoever runs the scenario says so.
	Network    record.NetworkKind
	Parameters []Parameter
	Axes       []Axis
	// Exclude leaves out the points of the matrix that have, on each axis of an
	// element, one of its values.
	Exclude []map[string][]string
	// Include adds points to the matrix.
	Include  []map[string][]string
	Profiles map[string]Profile
	// Figures to draw: the file's, or where it does not say, those that the axes
	// suggest.
	Figures []record.Figure
	Claims  []record.Claim

	doc           *yamlfile.Document
	sections      sections
	generatorKeys map[string]yaml.Node // defaults by generator
	programs      map[string]*vm.Program
	broken        bool  // it has mistakes: see Parse
	vague         bool  // axes or parameters could not be read
	misread       error // what is wrong with the form of claims
	// lost are axes of files that the file extends which its own matrix does not have,
	// and told are those of them that Read has found to be used.
	lost []lostAxis
	told []string
}

// Parameter is a value that is the same in all cells of a campaign, and that
// the user may set when running it.
type Parameter struct {
	// Name that $name refers to.
	Name string `yaml:"name" required:"true"`
	// About says in a sentence what it is.
	About string `yaml:"about"`
	// Default is the value where neither the profile nor the user gives one.
	Default string `yaml:"default" required:"true"`
	// Values that it may have; empty means any.
	Values []string `yaml:"values"`
}

// Axis is one dimension of the matrix.
type Axis struct {
	Name   string
	Label  string
	Unit   string
	Values []Value
}

// Value is one value of an axis. Set holds the variables that it defines; a
// plain value defines the axis's own name.
type Value struct {
	Name   string
	Label  string
	Number float64
	Set    map[string]string

	isNumber bool // Number is what Name says
	extra    bool // only Include has it
	wrong    bool // Parse has said why
}

// Profile says how much of the matrix to run.
type Profile struct {
	// About says in a sentence what it is for.
	About string `yaml:"about"`
	// Executions per cell, warm-ups not counted.
	Executions int `yaml:"executions" required:"true"`
	// Seeds of the workload generator: a cell for each. 1 by default.
	Seeds []uint64 `yaml:"seeds"`
	// Where keeps only the given values of the named axes.
	Where map[string][]string `yaml:"where"`
	// Set gives parameters a value.
	Set map[string]string `yaml:"set"`
}

// file is a scenario file as it is written.
type file struct {
	// Version of the file format: 1, also where it is left out.
	Version int `yaml:"version"`
	// Name of the scenario, a short one.
	Name string `yaml:"name" required:"true"`
	// Title stands above reports; the name by default.
	Title string `yaml:"title"`
	// Description says in a sentence what is measured.
	Description string `yaml:"description"`
	// Network says what the links are: emulated (the default) or virtual. What it cannot
	// do is a mistake.
	Network record.NetworkKind `yaml:"network"`
	// Extends names another scenario, in the same folder or built in, whose keys hold
	// where this file says nothing: mappings key by key, lists as a whole. A key without
	// a value takes away what stands there.
	Extends string `yaml:"extends"`
	// Templates are for anchors (&name) that other parts use (*name, or <<: *name).
	Templates yaml.Node `yaml:"templates"`
	// Parameters are values that are the same in all cells.
	Parameters []Parameter `yaml:"parameters"`
	// Matrix holds the axes of what varies. Where neither an axis nor a parameter sets
	// $model, and the execution names no model, an axis of all models is added. Without
	// any axis there is one cell for each seed.
	Matrix []axisFile `yaml:"matrix"`
	// Exclude leaves out the points of the matrix that have, on each axis of an
	// element, one of its values: {rate: [1 Mb/s], switches: [32, 64]}.
	Exclude []map[string][]string `yaml:"exclude"`
	// Include adds points: on the axes of an element those with its values, which the
	// axis need not have, and on the others all. {rate: [1 Gb/s], model: [pure-faas]}.
	Include []map[string][]string `yaml:"include"`
	// Topology is the network.
	Topology yaml.Node `yaml:"topology" required:"true"`
	// Nodes says which programs run on which hosts.
	Nodes yaml.Node `yaml:"nodes"`
	// Workload says which workflows to run.
	Workload yaml.Node `yaml:"workload"`
	// Execution says how each workflow is executed.
	Execution yaml.Node `yaml:"execution"`
	// Clients says who executes workflows at the same time; one client by default.
	Clients yaml.Node `yaml:"clients"`
	// Load says when clients begin executions; back to back by default.
	Load yaml.Node `yaml:"load"`
	// Events change links and computers while executions run.
	Events yaml.Node `yaml:"events"`
	// Programs are commands that run on hosts beside the nodes, or instead of workflows.
	// edgebed starts them only with --allow-exec.
	Programs yaml.Node `yaml:"programs"`
	// Capture keeps frames as pcapng: a list of ports and hosts, or what is below.
	Capture yaml.Node `yaml:"capture"`
	// Profiles say how much of the matrix to run; quick is what runs unless another
	// one is chosen.
	Profiles map[string]Profile `yaml:"profiles"`
	// Figures to draw. Without this key each axis of numbers gives curves of delay
	// and of traffic by model, and the other axes panels; without such an axis there
	// are bars. [] draws none.
	Figures []record.Figure `yaml:"figures"`
	// Claims to check.
	Claims []record.Claim `yaml:"claims"`
}

type sections struct {
	topology, nodes, workload, execution yaml.Node
	clients, load, events                yaml.Node // may be missing
	programs, capture                    yaml.Node // may be missing
}

// all are the sections of the file, by their keys; those that are missing have no kind.
func (s *sections) all() map[string]*yaml.Node {
	return map[string]*yaml.Node{
		"topology": &s.topology, "nodes": &s.nodes, "workload": &s.workload, "execution": &s.execution,
		"clients": &s.clients, "load": &s.load, "events": &s.events,
		"programs": &s.programs, "capture": &s.capture,
	}
}

// axisFile is an axis as it is written.
type axisFile struct {
	Pos yamlfile.Pos
	// Axis is the axis's name, which $name refers to where its values are plain.
	Axis string `yaml:"axis" required:"true"`
	// Label in figures and tables, the name by default.
	Label string `yaml:"label"`
	// Unit of the values: of a rate (Mb/s), a size (kB) or a time (ms); by default
	// that of the first, where all are rates, all sizes or all times; no other quantity
	// has one. Without one, values that are not numbers are names.
	Unit string `yaml:"unit"`
	// Values is a range, or a list of plain values, ranges, and values that have a
	// name and set several variables.
	Values yaml.Node `yaml:"values"`
	// Files is a pattern such as "workflows/*.json" instead of values: each file beside
	// the scenario that it matches is one, under its name without folder and end.
	Files string `yaml:"files"`
	// Zip sets several variables at once: of each a list of values, or a range, all of
	// one length, {rate: [1 Mb/s, 10 Mb/s], delay: [10 ms, 1 ms]}. The values of the
	// axis are those of the first.
	Zip yaml.Node `yaml:"zip"`
}

// valueFile is a value of an axis that sets several variables.
type valueFile struct {
	// Name of the value, as --where and the records have it.
	Name string `yaml:"name" required:"true"`
	// Label in figures and tables, the name by default.
	Label string `yaml:"label"`
	// Set gives variables their values in the cells that have this value.
	Set map[string]string `yaml:"set"`
}

// CheckNetwork refuses a network that there is not.
func CheckNetwork(n record.NetworkKind) error {
	if slices.Contains(record.NetworkKinds, n) {
		return nil
	}
	var names []string
	for _, known := range record.NetworkKinds {
		names = append(names, string(known))
	}
	return fmt.Errorf("unknown network %q%s", n, yamlfile.Suggest(string(n), names))
}

// Parse reads a scenario. Errors carry file, line and column. Beside an error it
// returns what could be read, nil where that is nothing: it is good for Expand to
// find the mistakes of the rest, and for nothing else.
func Parse(name string, data []byte) (*Scenario, error) { return Read(name, data, noFiles{}) }

// Read is Parse for a scenario that refers to other files.
func Read(name string, data []byte, files Files) (*Scenario, error) {
	extends := extension{files: files}
	doc, err := extends.parse(name, data)
	if err != nil {
		return nil, err
	}
	f := file{Version: 1}
	errs := []error{doc.Decode(&f)}
	if errs[0] == nil && f.Version != 1 {
		// Another version has other keys: there is no point in checking them.
		return nil, doc.Errorf(yamlfile.Path{"version"},
			"expected 1, the version that this edgebed reads, got %d", f.Version)
	}
	if err := CheckNetwork(f.Network); f.Network != "" && err != nil {
		return nil, doc.Errorf(yamlfile.Path{"network"}, "%w", err)
	}
	s := &Scenario{
		Name: f.Name, Title: cmp.Or(f.Title, f.Name), Description: f.Description, File: name,
		Network: cmp.Or(f.Network, record.Emulated), Parameters: f.Parameters, Exclude: f.Exclude, Include: f.Include,
		Profiles: f.Profiles, Figures: f.Figures, Claims: f.Claims, doc: doc,
		lost: extends.lost,
		sections: sections{
			topology: f.Topology, nodes: f.Nodes, workload: f.Workload, execution: f.Execution,
			clients: f.Clients, load: f.Load, events: f.Events,
			programs: f.Programs, capture: f.Capture,
		},
	}
	inMatrix := under(errs[0], "matrix")
	if wrong := mappedAxes(doc); wrong != nil {
		errs[0] = yamlfile.Beyond(wrong, errs[0])
		errs = append(errs, wrong)
	}
	s.misread = under(errs[0], "claims")
	s.vague = inMatrix != nil || under(errs[0], "parameters") != nil
	for i := range f.Matrix {
		axis, err := parseAxis(doc, i, &f.Matrix[i], files)
		errs = append(errs, yamlfile.Beyond(inMatrix, err))
		s.Axes = append(s.Axes, axis)
		s.vague = s.vague || err != nil && axis.Values == nil
	}
	errs = append(errs, s.addIncluded())
	if err := s.complete(); err != nil {
		return nil, fmt.Errorf("give %s what it lacks: %w", name, err)
	}

	errs = append(errs, s.checkModels())
	err = yamlfile.Beyond(yamlfile.Join(errs...), s.check())
	// With a section or an axis missing, much would be unused.
	if yamlfile.Join(errs...) == nil {
		err = yamlfile.Join(err, s.checkUses(), s.checkEffects())
	}
	if err == nil && s.Figures == nil {
		s.Figures = s.ownFigures()
	}
	s.broken = err != nil
	s.told, err = s.replaced(err)
	return s, err
}

// under returns the errors that are about a key of the file, or what is in it.
func under(err error, key string) error {
	return yamlfile.Join(slices.DeleteFunc(yamlfile.Each(err), func(err error) bool {
		var e *yamlfile.Error
		return !errors.As(err, &e) || !strings.HasPrefix(e.Path, key)
	})...)
}

func parseAxis(doc *yamlfile.Document, index int, f *axisFile, files Files) (Axis, error) {
	axis := Axis{Name: f.Axis, Label: cmp.Or(f.Label, f.Axis), Unit: f.Unit}
	var errs []error
	base := yamlfile.Path{"matrix", index, "values"}
	given, zipped := f.Values.Kind != 0 && !isNull(&f.Values), f.Zip.Kind != 0 && !isNull(&f.Zip)
	switch {
	case given && f.Files == "" && !zipped:
	case !given && f.Files != "" && !zipped:
		var err error
		axis.Values, err = fileValues(doc, f, yamlfile.Path{"matrix", index, "files"}, files)
		return axis, err
	case !given && f.Files == "" && zipped:
		var err error
		axis.Values, err = zippedValues(doc, &f.Zip, yamlfile.Path{"matrix", index, "zip"})
		axis.Unit = cmp.Or(axis.Unit, unitOf(axis.Values))
		for i := range axis.Values {
			if wrong := axis.Values[i].read(axis.Unit); wrong != nil {
				err = yamlfile.Join(err, doc.Errorf(yamlfile.Path{"matrix", index, "zip"}, "%w", wrong))
			}
		}
		return axis, err
	default:
		return axis, f.Pos.Errorf("expected one of the keys values, files and zip (missing required key %q)", "values")
	}

	nodes := []*yaml.Node{&f.Values}
	list := f.Values.Kind == yaml.SequenceNode
	if list {
		nodes = f.Values.Content
	} else if _, isRange, _ := expandRange(f.Values.Value); !isRange && f.Values.Kind != 0 {
		return axis, doc.Errorf(base, "expected a list of values, or a range such as 1..100 Mb/s log 7")
	}

	var places []yamlfile.Path
	for i, node := range nodes {
		path := base
		if list {
			path = append(slices.Clip(base), i)
		}
		values, err := axisValues(doc, alias(node), f.Axis, path)
		errs = append(errs, err)
		if len(axis.Values)+len(values) > MaxCells {
			axis.Values = nil // thousands of them would each be found wrong
			return axis, doc.Errorf(base, "expected at most %d values, got more", MaxCells)
		}
		axis.Values = append(axis.Values, values...)
		for range values {
			places = append(places, path)
		}
	}

	axis.Unit = cmp.Or(axis.Unit, unitOf(axis.Values))
	for i := range axis.Values {
		if err := axis.Values[i].read(axis.Unit); err != nil {
			errs = append(errs, doc.Errorf(places[i], "%w", err))
		}
	}
	return axis, yamlfile.Join(errs...)
}

// read finds the number that a value's name says, in the axis's unit.
func (v *Value) read(unit string) error {
	number, err := numberIn(v.Name, unit)
	_, notNumber := strconv.ParseFloat(v.Name, 64)
	v.Number, v.wrong = number, err != nil
	v.isNumber = unit != "" && err == nil || notNumber == nil
	return err
}

// axisValues returns the values that one element of an axis stands for.
func axisValues(doc *yamlfile.Document, node *yaml.Node, axis string, path yamlfile.Path) ([]Value, error) {
	switch node.Kind {
	case yaml.MappingNode:
		var f valueFile
		if err := doc.DecodeNode(node, &f, path...); err != nil {
			return nil, err
		}
		if f.Set == nil {
			f.Set = map[string]string{axis: f.Name}
		}
		return []Value{{Name: f.Name, Label: f.Label, Set: f.Set}}, nil
	case yaml.ScalarNode:
		names, isRange, err := expandRange(node.Value)
		if err != nil {
			return nil, doc.Errorf(path, "%w", err)
		}
		if !isRange {
			names = []string{node.Value}
		}
		var values []Value
		for _, name := range names {
			values = append(values, Value{Name: name, Set: map[string]string{axis: name}})
		}
		return values, nil
	}

	return nil, doc.Errorf(path, "expected a plain value, a range or {name, label, set}")
}

// numberIn returns the value in the given unit, which names a rate, a size or
// a time; without a unit a value that is no number counts as a name (0).
func numberIn(value, unit string) (float64, error) {
	switch {
	case unit == "":
		v, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return 0, nil
		}
		return v, nil
	case strings.HasSuffix(unit, "/s"):
		one, err := units.ParseRate("1 " + unit)
		if err != nil {
			return 0, err
		}
		v, err := units.ParseRate(value)
		return float64(v) / float64(one), err
	case strings.HasSuffix(unit, "B"):
		one, err := units.ParseSize("1 " + unit)
		if err != nil {
			return 0, err
		}
		v, err := units.ParseSize(value)
		return float64(v) / float64(one), err
	}

	one, err := units.ParseDuration("1" + unit)
	if err != nil {
		return 0, fmt.Errorf("unit %q is none of a rate, a size or a time", unit)
	}

	v, err := units.ParseDuration(value)
	if err != nil {
		return 0, fmt.Errorf("parse time %q: %w", value, err)
	}
	return float64(v) / float64(one), nil
}

// check holds the file's parts against each other.
func (s *Scenario) check() error {
	var errs []error
	fail := func(path yamlfile.Path, format string, args ...any) {
		errs = append(errs, s.doc.Errorf(path, format, args...))
	}

	if err := record.CheckFileName(s.Name); err != nil {
		fail(yamlfile.Path{"name"}, "%w; the name of a scenario is that of its result folder", err)
	}

	seen := map[string]string{}
	take := func(path yamlfile.Path, name, kind string) {
		if !variableName.MatchString(name) {
			fail(path, "%q is not a name for %s; expected a letter and up to 63 letters, digits, - or _", name, kind)
		} else if what, dup := seen[name]; dup {
			fail(path, "the name %s is already %s", name, what)
		}
		seen[name] = kind
	}

	for i, p := range s.Parameters {
		path := yamlfile.Path{"parameters", i}
		take(append(path, "name"), p.Name, "a parameter")
		if err := p.accepts(p.Default); err != nil {
			fail(append(path, "default"), "%w", err)
		}
	}

	cells := s.points(s.Axes).number()
	for i, a := range s.Axes {
		path := yamlfile.Path{"matrix", i}
		take(append(path, "axis"), a.Name, "an axis")
		if len(a.Values) == 0 && !s.vague {
			fail(append(path, "values"), "axis %s needs at least one value", a.Name)
		}

		names := map[string]bool{}
		for k, v := range a.Values {
			switch {
			case v.Name == "" || len(v.Name) > maxValueName:
				fail(append(path, "values", k),
					"expected a value of 1 to %d bytes, got %.20q", maxValueName, v.Name)
			case strings.ContainsFunc(v.Name, unicode.IsControl):
				fail(append(path, "values", k), "expected a value without control characters, got %.40q", v.Name)
			case names[v.Name]:
				fail(append(path, "values", k), "value %q stands twice on axis %s", v.Name, a.Name)
			}
			names[v.Name] = true
			if len(errs) > maxTold {
				break // a range of a few characters can stand for thousands
			}
		}
	}

	for key, list := range map[string][]map[string][]string{"exclude": s.Exclude, "include": s.Include} {
		for i, points := range list {
			if len(points) == 0 {
				fail(yamlfile.Path{key, i}, "expected axes with values, such as {rate: [1 Mb/s]}")
			}
			for _, axis := range slices.Sorted(maps.Keys(points)) {
				if len(points[axis]) == 0 {
					fail(yamlfile.Path{key, i, axis}, "expected at least one value")
				}
				for _, v := range points[axis] {
					if err := s.checkValue(axis, v); err != nil {
						fail(yamlfile.Path{key, i, axis}, "%w", err)
					}
				}
			}
		}
	}

	if len(s.Profiles) == 0 {
		fail(yamlfile.Path{"profiles"}, "expected at least one profile")
	}
	for _, name := range slices.Sorted(maps.Keys(s.Profiles)) {
		p, path := s.Profiles[name], yamlfile.Path{"profiles", name}
		if p.Executions < 1 || p.Executions > MaxExecutions {
			fail(append(path, "executions"),
				"expected at least one execution and at most %d, got %d", MaxExecutions, p.Executions)
		}

		if n := len(p.Seeds); n < 1 || n > maxSeeds {
			fail(append(path, "seeds"), "expected at least one seed and at most %d, got %d", maxSeeds, n)
		} else if cells*n > MaxCells {
			fail(path, "expected at most %d cells, got more: the matrix times %d seeds", MaxCells, n)
		}

		first := map[uint64]int{}
		for k, seed := range p.Seeds {
			if before, again := first[seed]; again {
				fail(append(path, "seeds", k),
					"seed %d stands twice, first as number %d; each seed makes one cell", seed, before+1)
				continue
			}
			first[seed] = k
		}

		for axis, values := range p.Where {
			for _, v := range values {
				if err := s.checkValue(axis, v); err != nil {
					fail(append(path, "where", axis), "%w", err)
				}
			}
		}

		for _, parameter := range slices.Sorted(maps.Keys(p.Set)) {
			if _, err := s.parameters(map[string]string{parameter: p.Set[parameter]}); err != nil {
				fail(append(path, "set", parameter), "%w", err)
			}
		}
	}

	errs = append(errs, s.checkFigures(s.metrics()), s.checkShown())
	return yamlfile.Join(errs...)
}

// checkFigures holds the figures against the matrix and the metrics that there are.
func (s *Scenario) checkFigures(metrics []string) error {
	var errs []error
	fail := func(path yamlfile.Path, format string, args ...any) {
		errs = append(errs, s.doc.Errorf(path, format, args...))
	}

	var axes []record.Axis
	for _, a := range s.Axes {
		axes = append(axes, record.Axis{Name: a.Name})
	}

	names := map[string]string{}
	for i, f := range s.Figures {
		path, before := yamlfile.Path{"figures", i}, len(errs)
		roles := map[string]string{"x": f.X, "y": f.Y, "series": f.Series}

		for _, role := range slices.Sorted(maps.Keys(roles)) {
			if axis := roles[role]; axis != "" && s.axis(axis) == nil {
				fail(append(path, role), "%w", s.unknownAxis(axis))
			}
		}

		for k, axis := range f.Panels {
			if s.axis(axis) == nil {
				fail(append(path, "panels", k), "%w", s.unknownAxis(axis))
			}
		}

		for _, v := range f.Of {
			if f.Series == "" {
				fail(append(path, "of"), "it names values of the series, and there is none; add series, or remove it")
				break
			}
			if err := s.checkValue(f.Series, v); err != nil {
				fail(append(path, "of"), "%w", err)
			}
		}

		for axis, v := range f.Where {
			if err := s.checkValue(axis, v); err != nil {
				fail(append(path, "where", axis), "%w", err)
			}
		}

		known := slices.AppendSeq(slices.Clone(metrics), maps.Keys(record.Sampled))
		if !slices.Contains(known, f.Metric) {
			fail(append(path, "metric"), "unknown metric %q%s", f.Metric, yamlfile.Suggest(f.Metric, known))
		}

		if !slices.Contains(record.FigureKinds, f.Kind) {
			fail(append(path, "kind"), "unknown kind of figure %q%s", f.Kind,
				yamlfile.Suggest(f.Kind, record.FigureKinds))
		}

		if err := record.CheckFileName(f.Name); err != nil {
			fail(append(path, "name"), "%w; the name of a figure is that of its files", err)
		}

		// Case is not what tells files apart everywhere.
		folded := strings.ToLower(f.Name)
		if other, again := names[folded]; again {
			fail(append(path, "name"), "figure %s and figure %s would be the same files", f.Name, other)
		}
		names[folded] = f.Name

		if err := f.Check(axes); err != nil && len(errs) == before {
			fail(path, "%w", err)
		}
	}
	return yamlfile.Join(errs...)
}

// checkShown checks that the figures can show what cells have: of a result, drawing says so.
func (s *Scenario) checkShown() error {
	var errs []error
	for i, f := range s.Figures {
		x := s.axis(f.X)
		if f.LogX && x != nil && slices.ContainsFunc(x.Values, func(v Value) bool { return !v.isNumber && !v.wrong }) {
			errs = append(errs, s.Place("figures", i, "log-x").Errorf(
				"axis %s has values that are names, which stand side by side; remove it", f.X))
		}
		if f.Kind == record.KindTimeline && !s.loaded() {
			errs = append(errs, s.Place("figures", i, "kind").Errorf("a timeline shows cells under load, and these "+
				"have executions one after another; give the scenario a load section"))
		}
	}
	return yamlfile.Join(errs...)
}

// loaded reports whether cells may be under load: see Cell.Alone.
func (s *Scenario) loaded() bool {
	return s.sections.load.Kind != 0 || s.sections.clients.Kind != 0 || s.sections.events.Kind != 0
}

// unknownAxis returns the error about an axis that there is not.
func (s *Scenario) unknownAxis(name string) error {
	return &unknownError{name, fmt.Errorf("unknown axis %s%s", name, yamlfile.Suggest(name, s.axisNames()))}
}

// errNoValue is a value that an axis does not have.
var errNoValue = errors.New("unknown value")

func (s *Scenario) checkValue(axis, value string) error {
	a := s.axis(axis)
	if a == nil {
		return s.unknownAxis(axis)
	}
	if a.value(value) == nil {
		return fmt.Errorf("%w: axis %s has no value %q%s", errNoValue, axis, value, yamlfile.Suggest(value, a.names()))
	}
	return nil
}

// Place returns where the file has a value, for messages.
func (s *Scenario) Place(path ...any) yamlfile.Pos { return s.doc.Pos(path) }

func (s *Scenario) axis(name string) *Axis {
	for i := range s.Axes {
		if s.Axes[i].Name == name {
			return &s.Axes[i]
		}
	}
	return nil
}

func (s *Scenario) axisNames() []string {
	var names []string
	for _, a := range s.Axes {
		names = append(names, a.Name)
	}
	return names
}

func (a *Axis) names() []string {
	var names []string
	for _, v := range a.Values {
		names = append(names, v.Name)
	}
	return names
}

func (a *Axis) value(name string) *Value {
	for i := range a.Values {
		if a.Values[i].Name == name {
			return &a.Values[i]
		}
	}
	return nil
}

func (p Parameter) accepts(value string) error {
	if len(p.Values) > 0 && !slices.Contains(p.Values, value) {
		return fmt.Errorf("parameter %s does not take %q%s", p.Name, value, yamlfile.Suggest(value, p.Values))
	}
	return nil
}

// Recognize reports whether a file is a scenario rather than a topology: it has a section
// topology. It says nothing about whether the scenario is right.
func Recognize(data []byte) bool {
	var sections map[string]yaml.Node
	if yaml.Unmarshal(data, &sections) != nil {
		return false
	}
	_, ok := sections["topology"]
	return ok
}
