package scenario

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"edgebed/harness/emu"
	"edgebed/harness/record"
	"edgebed/harness/topology"
	"edgebed/nodes/units"
	"edgebed/nodes/workflow"
	"edgebed/nodes/yamlfile"
)

// Cell is one point of the matrix with one seed, ready to run.
type Cell struct {
	// ID is stable over runs, for instance
	// "rate=10 Mb/s/model=pure-faas/seed=1".
	ID    string
	Point []record.Coord
	Seed  uint64
	// Executions to measure, warm-ups not counted.
	Executions int
	Topology   Topology
	Nodes      Nodes
	Workload   Workload
	Execution  Execution
}

// Topology names a topology file and what the scenario changes in it.
type Topology struct {
	Pos yamlfile.Pos `json:"-"`
	// File is a path relative to the scenario file, or the name of a built-in
	// topology.
	File string `yaml:"file" required:"true"`
	// Classes overrides values of the topology's link classes.
	Classes map[string]topology.Override `yaml:"classes"`
	// Delay chooses how link delay is made: auto, netem or delayline.
	Delay emu.Backend `yaml:"delay"`
	// CongestionControl of TCP on all hosts; empty means cubic.
	CongestionControl string `yaml:"congestion-control"`
	// Sysctls of the hosts, over those that edgebed sets.
	Sysctls map[string]string `yaml:"sysctls"`
}

// Nodes says which programs run on which hosts. Every host runs a router.
type Nodes struct {
	Pos yamlfile.Pos `json:"-"`
	// Client is the client's host.
	Client string `yaml:"client" required:"true"`
	// Controller is the controller's host, the client's by default.
	Controller string `yaml:"controller"`
	// Computers are the hosts that run functions, in groups of equal ones.
	Computers []ComputerGroup `yaml:"computers" required:"true"`
	// SoftwareCost is the time that the nodes' software takes beyond our own.
	SoftwareCost SoftwareCost `yaml:"software-cost"`
}

// ComputerGroup describes equal computers on several hosts.
type ComputerGroup struct {
	Pos yamlfile.Pos `json:"-"`
	// Hosts of the topology that have such a computer.
	Hosts []string `yaml:"hosts" required:"true"`
	// Processors of each.
	Processors []Processor `yaml:"processors" required:"true"`
	// Functions that each serves.
	Functions []Function `yaml:"functions" required:"true"`
	// StateHost is the host whose computer's state server keeps the states that
	// functions of this group used (prototype: --no-state-server). {host}, the
	// default, stands for the computer's own.
	StateHost string `yaml:"state-host"`
	// StateMode says how functions use a state server on another host;
	// StateArtifact by default.
	StateMode StateMode `yaml:"state-mode"`
}

// StateMode is a way to use a state server on another host.
type StateMode string

const (
	// StateArtifact is what the prototype does: a state moves to the server when
	// it is first used, after the function has run, and is never read from it.
	StateArtifact StateMode = "artifact"
	// StateReadWrite reads a state from the server before each use, and writes
	// it back afterwards.
	StateReadWrite StateMode = "read-write"
)

// Keeper returns the host whose state server keeps the states that functions on
// the given host of the group used.
func (g *ComputerGroup) Keeper(host string) string {
	return cmp.Or(strings.ReplaceAll(g.StateHost, "{host}", host), host)
}

// Processor is an emulated processor.
type Processor struct {
	// Name that functions refer to.
	Name string `yaml:"name" required:"true"`
	// Cores is how many tasks run at full speed at a time.
	Cores int `yaml:"cores" required:"true"`
	// Speed in operations per second and core.
	Speed float64 `yaml:"speed" required:"true"`
	// Memory that its tasks share.
	Memory units.Size `yaml:"memory" required:"true"`
}

// Function is a function that a computer serves in a container of its own.
type Function struct {
	// Names of the functions; {address} and {host} stand for the computer's. In
	// a file, f{0..9} is short for f0, f1, to f9.
	Names []string `yaml:"names" required:"true"`
	// Processor that runs it; may be left out where there is only one.
	Processor string `yaml:"processor"`
	// Workers is how many calls of a function run at a time.
	Workers int `yaml:"workers" required:"true"`
	// ServiceTime is how long one call of the workload's argument size takes
	// on an idle processor.
	ServiceTime time.Duration `yaml:"service-time" required:"true"`
	// Memory that one call takes, in bytes per byte of argument.
	MemoryPerByte float64 `yaml:"memory-per-byte"`
}

// Execution says how each workflow is executed.
type Execution struct {
	Pos yamlfile.Pos `json:"-"`
	// Model is the execution model.
	Model workflow.Model `yaml:"model" required:"true"`
	// Form says how state-prop and state-local move states; carry by default.
	Form workflow.Form `yaml:"form"`
	// Pause before each execution: the client's inter-request time.
	Pause time.Duration `yaml:"pause"`
	// Cycle says what a traffic rate divides an execution's bytes by: CycleText,
	// the default, or CycleArtifact.
	Cycle Cycle `yaml:"cycle"`
	// ProcessStart and Interval are parts of CycleArtifact: how long the
	// prototype's client process takes to start and end, and the least time from
	// one request to the next.
	ProcessStart time.Duration `yaml:"process-start"`
	Interval     time.Duration `yaml:"interval"`
	// Timeout bounds one execution and every call in it.
	Timeout time.Duration `yaml:"timeout" required:"true"`
	// WarmUp opens all persistent connections before the first execution.
	WarmUp bool `yaml:"warm-up"`
	// Discard is how many executions come before those that are measured. They
	// are recorded as warm-ups, and no figure shows them.
	Discard int `yaml:"discard"`
	// KeepClient makes one client execute all workflows of the cell, so that
	// states stay where the last execution of the same workflow left them.
	// Otherwise each execution has a client of its own, which holds all states at
	// first, as in the prototype's experiments.
	KeepClient bool `yaml:"keep-client"`
	// Verify makes functions sign the states they use, and fails an execution
	// whose states were not used by the right functions in the right order.
	Verify bool `yaml:"verify"`
}

// Cycle is a reading of what a client does from one execution to the next.
type Cycle string

const (
	// CycleText is a client that pauses and executes, over and over.
	CycleText Cycle = "text"
	// CycleArtifact is the published scripts': for each workflow a new client
	// process, which waits for the pause, sends its request, and ends when it is
	// answered but not before the interval is over (prototype, UnifClient::loop
	// with --max-requests 1).
	CycleArtifact Cycle = "artifact"
)

// Cycles lists the readings.
var Cycles = []Cycle{CycleText, CycleArtifact}

// CycleTime returns the time from one execution to the next of a client that the
// testbed does not hold up.
func (e *Execution) CycleTime(delay time.Duration) time.Duration {
	if e.Cycle == CycleArtifact {
		return e.ProcessStart + e.Pause + max(e.Interval, delay)
	}
	return e.Pause + delay
}

// CycleWords says what CycleTime is made of, for records and reports.
func (e *Execution) CycleWords() string {
	if e.Cycle == CycleArtifact {
		return fmt.Sprintf("artifact: process start %v + pause %v + max(%v, delay)", e.ProcessStart, e.Pause, e.Interval)
	}
	return fmt.Sprintf("text: pause %v + delay", e.Pause)
}

// Selection says which cells of a scenario to run, and with what.
type Selection struct {
	Profile string
	// Set gives parameters a value, over the profile's.
	Set map[string]string
	// Where keeps only the given values of the named axes.
	Where map[string][]string
	// Verify makes every execution prove its causal order, whatever the scenario
	// says: see Execution.
	Verify bool
}

// Plan is a scenario's cells under a selection.
type Plan struct {
	Scenario   *Scenario
	Profile    string
	Parameters map[string]string
	// Axes with the values that the plan runs.
	Axes  []record.Axis
	Cells []Cell

	verify bool
}

// Expand returns the cells of the selection, each one checked. Cells differ in
// the order of the matrix, its last axis fastest, seeds outermost.
func (s *Scenario) Expand(sel Selection) (*Plan, error) {
	profile, ok := s.Profiles[sel.Profile]
	if !ok {
		return nil, fmt.Errorf("%s: unknown profile %q%s", s.File, sel.Profile,
			yamlfile.Suggest(sel.Profile, slices.Sorted(maps.Keys(s.Profiles))))
	}
	params, err := s.parameters(profile.Set, sel.Set)
	if err != nil {
		return nil, err
	}
	axes, err := s.selectAxes(profile.Where, sel.Where)
	if err != nil {
		return nil, err
	}
	plan := &Plan{Scenario: s, Profile: sel.Profile, Parameters: params, verify: sel.Verify}
	for _, a := range axes {
		plan.Axes = append(plan.Axes, record.Axis{Name: a.Name, Label: a.Label, Unit: a.Unit, Values: a.names()})
	}
	var errs []error
	for _, seed := range profile.Seeds {
		for point := range points(axes) {
			cell, err := s.cell(axes, point, params)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			cell.Seed = seed
			cell.Executions = profile.Executions
			cell.Execution.Verify = cell.Execution.Verify || sel.Verify
			cell.ID += fmt.Sprintf("/seed=%d", seed)
			plan.Cells = append(plan.Cells, cell)
		}
	}
	if err := yamlfile.Join(dedupe(errs)...); err != nil {
		return nil, err
	}
	// Claims name what the matrix has: only where that is right are their own
	// mistakes worth a line.
	if err := s.CheckClaims(); err != nil {
		return nil, err
	}
	return plan, nil
}

// Hash identifies what decides the plan's results beside the selection of
// cells: the scenario's text, the given topology texts, the parameters, and whether
// executions are verified.
func (p *Plan) Hash(topologies ...[]byte) string {
	var params strings.Builder
	for _, name := range slices.Sorted(maps.Keys(p.Parameters)) {
		fmt.Fprintf(&params, "%s=%s\n", name, p.Parameters[name])
	}
	if p.verify {
		params.WriteString("--verify\n") // no parameter has such a name
	}
	parts := append([][]byte{p.Scenario.text, []byte(params.String())}, topologies...)
	return hash(parts...)
}

func (s *Scenario) parameters(layers ...map[string]string) (map[string]string, error) {
	params := map[string]string{}
	var names []string
	for _, p := range s.Parameters {
		params[p.Name] = p.Default
		names = append(names, p.Name)
	}
	for _, set := range layers {
		for name, value := range set {
			i := slices.Index(names, name)
			if i < 0 {
				return nil, fmt.Errorf("%s: unknown parameter %s%s", s.File, name, yamlfile.Suggest(name, names))
			}
			if err := s.Parameters[i].accepts(value); err != nil {
				return nil, fmt.Errorf("%s: %w", s.File, err)
			}
			params[name] = value
		}
	}
	return params, nil
}

func (s *Scenario) selectAxes(layers ...map[string][]string) ([]Axis, error) {
	axes := slices.Clone(s.Axes)
	for _, where := range layers {
		for name, values := range where {
			for _, v := range values {
				if err := s.checkValue(name, v); err != nil {
					return nil, fmt.Errorf("%s: %w", s.File, err)
				}
			}
			i := slices.IndexFunc(axes, func(a Axis) bool { return a.Name == name })
			axes[i].Values = slices.DeleteFunc(slices.Clone(axes[i].Values), func(v Value) bool {
				return !slices.Contains(values, v.Name)
			})
			if len(axes[i].Values) == 0 {
				return nil, fmt.Errorf("%s: the selection leaves no value of axis %s", s.File, name)
			}
		}
	}
	return axes, nil
}

// points yields every combination of the axes' values.
func points(axes []Axis) func(yield func([]Value) bool) {
	return func(yield func([]Value) bool) {
		point := make([]Value, len(axes))
		var walk func(i int) bool
		walk = func(i int) bool {
			if i == len(axes) {
				return yield(point)
			}
			for _, v := range axes[i].Values {
				point[i] = v
				if !walk(i + 1) {
					return false
				}
			}
			return true
		}
		walk(0)
	}
}

func (s *Scenario) cell(axes []Axis, point []Value, params map[string]string) (Cell, error) {
	vars := maps.Clone(params)
	var c Cell
	var id []string
	for i, v := range point {
		c.Point = append(c.Point, record.Coord{Axis: axes[i].Name, Value: v.Name, Label: v.Label, Number: v.Number})
		id = append(id, axes[i].Name+"="+v.Name)
		maps.Copy(vars, v.Set)
	}
	c.ID = strings.Join(id, "/")
	c.Execution.Form = workflow.Carry
	c.Topology.Delay = emu.Auto
	for _, part := range []struct {
		node *yaml.Node
		into any
	}{
		{&s.sections.topology, &c.Topology},
		{&s.sections.nodes, &c.Nodes},
		{&s.sections.workload, &c.Workload},
		{&s.sections.execution, &c.Execution},
	} {
		node, err := substitute(s.File, part.node, vars)
		if err != nil {
			return Cell{}, err
		}
		if err := yamlfile.DecodeNode(s.File, node, part.into); err != nil {
			return Cell{}, err
		}
		if part.into == &c.Workload {
			if err := c.Workload.checkKeys(node); err != nil {
				return Cell{}, err
			}
		}
	}
	if err := c.Nodes.expandNames(); err != nil {
		return Cell{}, err
	}
	c.Nodes.Controller = cmp.Or(c.Nodes.Controller, c.Nodes.Client)
	return c, c.check()
}

// check holds what does not need the topology.
func (c *Cell) check() error {
	var errs []error
	if v := c.Workload.Variant; v != "" && v != workflow.Artifact && v != workflow.Text {
		errs = append(errs, c.Workload.Pos.Errorf("unknown variant %q%s", v,
			yamlfile.Suggest(string(v), []string{string(workflow.Artifact), string(workflow.Text)})))
	}
	if c.Workload.Argument < 12 {
		errs = append(errs, c.Workload.Pos.Errorf("argument %v is smaller than the 12 B of its framing", c.Workload.Argument))
	}
	if !slices.Contains(workflow.Models, c.Execution.Model) {
		var names []string
		for _, m := range workflow.Models {
			names = append(names, string(m))
		}
		errs = append(errs, c.Execution.Pos.Errorf("unknown model %q%s", c.Execution.Model, yamlfile.Suggest(string(c.Execution.Model), names)))
	}
	if c.Execution.Form != workflow.Carry && c.Execution.Form != workflow.Direct {
		errs = append(errs, c.Execution.Pos.Errorf("unknown form %q (valid: carry, direct)", c.Execution.Form))
	}
	if c.Execution.Discard < 0 {
		errs = append(errs, c.Execution.Pos.Errorf("discard must not be negative"))
	}
	if !slices.Contains(emu.Backends, c.Topology.Delay) {
		errs = append(errs, c.Topology.Pos.Errorf("unknown delay back end %q (valid: %v)", c.Topology.Delay, emu.Backends))
	}
	errs = append(errs, c.Execution.checkCycle())
	if c.Execution.Timeout <= 0 {
		errs = append(errs, c.Execution.Pos.Errorf("timeout must be positive"))
	}
	for _, g := range c.Nodes.Computers {
		for _, f := range g.Functions {
			if f.Workers < 1 || f.ServiceTime <= 0 {
				errs = append(errs, g.Pos.Errorf("function %s: workers and service-time must be positive", strings.Join(f.Names, ", ")))
			}
		}
	}
	return yamlfile.Join(append(errs, c.Nodes.checkKeepers())...)
}

// maxCycle bounds the parts of a cycle.
const maxCycle = time.Hour

func (e *Execution) checkCycle() error {
	switch {
	case e.Cycle != "" && !slices.Contains(Cycles, e.Cycle):
		return e.Pos.Errorf("unknown cycle %q%s", e.Cycle, yamlfile.Suggest(string(e.Cycle), []string{string(CycleText), string(CycleArtifact)}))
	case e.ProcessStart < 0 || e.ProcessStart > maxCycle || e.Interval < 0 || e.Interval > maxCycle:
		return e.Pos.Errorf("process-start and interval: expected 0 to %v", maxCycle)
	case e.Cycle == "" && (e.ProcessStart > 0 || e.Interval > 0):
		return e.Pos.Errorf("process-start and interval are parts of cycle: artifact; add it")
	}
	return nil
}

// checkKeepers checks where states are kept: on a host with a computer that
// keeps its own.
func (n *Nodes) checkKeepers() error {
	keepers := map[string]string{}
	for _, g := range n.Computers {
		for _, host := range g.Hosts {
			keepers[host] = g.Keeper(host)
		}
	}
	var errs []error
	for _, g := range n.Computers {
		elsewhere := false
		for _, host := range g.Hosts {
			keeper := g.Keeper(host)
			elsewhere = elsewhere || keeper != host
			switch own, ok := keepers[keeper]; {
			case !ok:
				errs = append(errs, g.Pos.Errorf("state-host %s: there is no computer on it, and so no state server%s", keeper,
					yamlfile.Suggest(keeper, slices.Sorted(maps.Keys(keepers)))))
			case own != keeper:
				errs = append(errs, g.Pos.Errorf("state-host %s: its computer keeps its states on %s; name a host that keeps its own", keeper, own))
			}
		}
		switch g.StateMode {
		case "", StateArtifact:
		case StateReadWrite:
			if !elsewhere {
				errs = append(errs, g.Pos.Errorf("state-mode %s: it is for states that are kept on another host; add state-host", g.StateMode))
			}
		default:
			errs = append(errs, g.Pos.Errorf("unknown state-mode %q%s", g.StateMode,
				yamlfile.Suggest(string(g.StateMode), []string{string(StateArtifact), string(StateReadWrite)})))
		}
	}
	return yamlfile.Join(dedupe(errs)...)
}

var variable = regexp.MustCompile(`\$([A-Za-z_][A-Za-z0-9_-]*)`)

// substitute returns a copy of the node in which $name in scalars is replaced
// by the variable's value. Positions are kept. An alias becomes a copy of what it
// stands for; yamlfile has bounded how much that is.
func substitute(file string, node *yaml.Node, vars map[string]string) (*yaml.Node, error) {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	out := *node
	if node.Kind == yaml.ScalarNode {
		var unknown string
		out.Value = variable.ReplaceAllStringFunc(node.Value, func(ref string) string {
			value, ok := vars[ref[1:]]
			if !ok {
				unknown = ref[1:]
			}
			return value
		})
		if unknown != "" {
			return nil, yamlfile.Pos{File: file, Line: node.Line, Column: node.Column}.Errorf(
				"unknown variable $%s%s", unknown, yamlfile.Suggest(unknown, slices.Sorted(maps.Keys(vars))))
		}
		if out.Value != node.Value {
			out.Tag = "" // the value decides anew what kind of scalar it is
		}
		return &out, nil
	}
	out.Content = make([]*yaml.Node, len(node.Content))
	for i, child := range node.Content {
		c, err := substitute(file, child, vars)
		if err != nil {
			return nil, err
		}
		out.Content[i] = c
	}
	return &out, nil
}

// maxNames bounds the names that one entry may stand for, so that a short file
// cannot take all memory.
const maxNames = 1000

// nameRange is a range of numbers in a function's name.
var nameRange = regexp.MustCompile(`^(.*)\{([0-9]{1,5})\.\.([0-9]{1,5})\}(.*)$`)

// expandNames writes out the ranges in the names of functions.
func (n *Nodes) expandNames() error {
	var errs []error
	for _, g := range n.Computers {
		for i, f := range g.Functions {
			var names []string
			for _, name := range f.Names {
				m := nameRange.FindStringSubmatch(name)
				if m == nil {
					names = append(names, name)
					continue
				}
				first, _ := strconv.Atoi(m[2]) // the expression lets only digits through
				last, _ := strconv.Atoi(m[3])
				if last < first || last-first >= maxNames-len(names) {
					errs = append(errs, g.Pos.Errorf("function %s: expected a range from the smaller number to the larger, and at most %d names", name, maxNames))
					continue
				}
				for k := first; k <= last; k++ {
					names = append(names, m[1]+strconv.Itoa(k)+m[4])
				}
			}
			g.Functions[i].Names = names
		}
	}
	return yamlfile.Join(errs...)
}

// dedupe drops errors that print alike: a mistake in a section shows in every
// cell.
func dedupe(errs []error) []error {
	seen := map[string]bool{}
	return slices.DeleteFunc(errs, func(err error) bool {
		dup := seen[err.Error()]
		seen[err.Error()] = true
		return dup
	})
}
