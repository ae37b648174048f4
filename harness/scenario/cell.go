package scenario

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"edgebed/harness/emu"
	"edgebed/harness/program"
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
	Clients    Clients
	Load       Load
	Events     Events
	Programs   []program.Program
	Capture    Capture

	placed bool // topology and nodes could be read
}

// Topology is the network: a file, a preset, or switches, hosts and links in the
// scenario itself; and what the scenario changes in it.
type Topology struct {
	Pos yamlfile.Pos `json:"-"`
	// File is a path relative to the scenario file, of a topology or of a file of
	// another program (edgebed topo says which), or the name of a built-in topology.
	File string `yaml:"file"`
	// Preset is a shape with parameters, such as "ring,switches=8,rate=5 Mb/s";
	// edgebed topo list shows them.
	Preset string `yaml:"preset"`
	// Subnet, Switches, Hosts, LinkClasses and Links describe a network here, as in
	// a topology file.
	Subnet      netip.Prefix              `yaml:"subnet"`
	Switches    []string                  `yaml:"switches"`
	Hosts       []topology.HostSpec       `yaml:"hosts"`
	LinkClasses map[string]topology.Class `yaml:"link-classes"`
	Links       []topology.LinkSpec       `yaml:"links"`
	// MTU is the network's, in place of the file's or the preset's.
	MTU int `yaml:"mtu" json:",omitzero"`
	// Mode says what switches do, and IPv6 whether hosts have such addresses, too, as in a
	// topology file, and in place of what that says.
	Mode topology.Mode `yaml:"mode" json:",omitzero"`
	IPv6 *bool         `yaml:"ipv6" json:",omitzero"`
	// Classes overrides values of the topology's link classes.
	Classes map[string]topology.Class `yaml:"classes"`
	// Changes override values of single links, and give hosts access links with
	// parameters.
	Changes []LinkChange `yaml:"changes" json:",omitzero"`
	// Delay chooses how link delay is made: auto, netem or delayline.
	Delay emu.Backend `yaml:"delay"`
	// CongestionControl of TCP on all hosts; empty means cubic.
	CongestionControl string `yaml:"congestion-control"`
	// Sysctls of the hosts, over those that edgebed sets.
	Sysctls map[string]string `yaml:"sysctls"`
}

// LinkChange overrides the parameters of one link of the topology, or of the access link
// of one host: Link or Host says which.
type LinkChange struct {
	Pos yamlfile.Pos `json:"-"`
	// Link names the two switches of a link.
	Link []string `yaml:"link"`
	// Forward and Reverse are the directions from the first of them to the second, and
	// back.
	Forward topology.Override `yaml:"forward" json:",omitzero"`
	Reverse topology.Override `yaml:"reverse" json:",omitzero"`
	// MTU of the link, or of the host and its link.
	MTU int `yaml:"mtu" json:",omitzero"`
	// Host names a host.
	Host string `yaml:"host"`
	// Uplink and Downlink are the directions from the host to its switch, and back.
	Uplink   topology.Override `yaml:"uplink" json:",omitzero"`
	Downlink topology.Override `yaml:"downlink" json:",omitzero"`
}

// check checks that the change is about one link, and says what changes.
func (c *LinkChange) check() error {
	var none topology.Override
	trunk, access := c.Forward != none || c.Reverse != none, c.Uplink != none || c.Downlink != none
	switch {
	case (c.Link != nil) == (c.Host != ""):
		return c.Pos.Errorf("expected either link, with two switches, or host")
	case c.Link != nil && len(c.Link) != 2:
		return c.Pos.At("link").Errorf("expected two switches, got %d", len(c.Link))
	case c.Link != nil && access:
		return c.Pos.Errorf("a link between switches has the directions forward and reverse; " +
			"uplink and downlink are of a host")
	case c.Host != "" && trunk:
		return c.Pos.Errorf("the link of a host has the directions uplink and downlink; " +
			"forward and reverse are of a link between switches")
	case !trunk && !access && c.MTU == 0:
		return c.Pos.Errorf("this changes nothing; expected parameters of a direction, or an mtu")
	}
	return nil
}

// IsInline reports whether the scenario describes the network itself.
func (t *Topology) IsInline() bool {
	return t.Switches != nil || t.Hosts != nil || t.Links != nil || t.LinkClasses != nil || t.Subnet.IsValid()
}

// Inline returns the network that the scenario describes itself, under a name.
func (t *Topology) Inline(name string) (*topology.Topology, error) {
	return topology.Inline(topology.Topology{
		Name: name, Subnet: t.Subnet, MTU: t.MTU, Mode: t.Mode, IPv6: t.IPv6, Switches: t.Switches, Hosts: t.Hosts,
		Classes: t.LinkClasses, Links: t.Links,
	}, t.Pos)
}

// Nodes says which programs run on which hosts. Every host runs a router.
type Nodes struct {
	Pos yamlfile.Pos `json:"-"`
	// Client is the client's host, by default the topology's first.
	Client string `yaml:"client"`
	// Controller is the controller's host, the client's by default.
	Controller string `yaml:"controller"`
	// Computers are the hosts that run functions, in groups of equal ones; by
	// default one on each host but the client's.
	Computers []ComputerGroup `yaml:"computers"`
	// SoftwareCost is the time that the nodes' software takes beyond our own: none, the
	// default, what was fitted to the prototype, a multiple of it, or terms.
	SoftwareCost SoftwareCost `yaml:"software-cost"`
	// Limits are what all that runs on a host may have of the machine's own processors; any,
	// by default.
	Limits []HostLimits `yaml:"limits" json:",omitzero"`
}

// HostLimits are what all that runs on each of some hosts may have of the machine: its router,
// computer, state server and clients, which then have a process of their own, and programs.
type HostLimits struct {
	Pos yamlfile.Pos `json:"-"`
	// Hosts that each have so much; by default all but the clients'.
	Hosts []string `yaml:"hosts"`
	// CPU is how many processors' time a host has, 0.01 to 1024, such as 0.5 for half of one. It
	// has its share in each tenth of a second, and waits for the next one when that is used up.
	// The time that functions take on the processors of a computer is computed as always; the
	// limit adds to it what the software needs, and does not replace it.
	CPU float64 `yaml:"cpu" required:"true"`
}

// Place puts what the file puts nowhere on hosts of the topology, which are given in
// its order: the client and the controller on the first of the clients' hosts, or else
// of all, and a group of computers, or limits, without hosts on all but the clients'. It
// checks where states are kept.
func (n *Nodes) Place(hosts []string, clients ...string) error {
	if first := append(slices.Clip(clients), hosts...); n.Client == "" && len(first) > 0 {
		n.Client = first[0]
	}
	n.Controller = cmp.Or(n.Controller, n.Client)

	others := slices.DeleteFunc(slices.Clone(hosts), func(h string) bool {
		return h == n.Client || slices.Contains(clients, h)
	})
	n.Computers = slices.Clone(n.Computers)
	for i := range n.Computers {
		g := &n.Computers[i]
		if g.Hosts != nil {
			continue
		}
		if len(others) == 0 {
			return n.Pos.At("computers").Errorf(
				"the topology has no host but the client's, %s; add one, or say hosts: [%s]", n.Client, n.Client)
		}
		g.Hosts = others
	}

	n.Limits = slices.Clone(n.Limits)
	for i := range n.Limits {
		l := &n.Limits[i]
		if l.Hosts == nil && len(others) == 0 {
			return l.Pos.Errorf("the topology has no host but the client's, %s; say hosts: [%s]", n.Client, n.Client)
		}
		if l.Hosts == nil {
			l.Hosts = others
		}
	}

	return n.checkKeepers()
}

// ComputerGroup describes equal computers on several hosts.
type ComputerGroup struct {
	Pos yamlfile.Pos `json:"-"`
	// Hosts of the topology that have such a computer; by default all but the
	// client's.
	Hosts []string `yaml:"hosts"`
	// Processors of each.
	Processors []Processor `yaml:"processors"`
	// Functions that each serves.
	Functions []Function `yaml:"functions"`
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
	Name string `yaml:"name"`
	// Cores is how many tasks run at full speed at a time.
	Cores int `yaml:"cores"`
	// Speed in operations per second and core.
	Speed float64 `yaml:"speed"`
	// Memory that its tasks share.
	Memory units.Size `yaml:"memory"`
}

// Function is a function that a computer serves in a container of its own.
type Function struct {
	// Names of the functions; {address} and {host} stand for the computer's. In
	// a file, f{0..9} is short for f0, f1, to f9.
	Names []string `yaml:"names"`
	// Processor that runs it; may be left out where there is only one.
	Processor string `yaml:"processor"`
	// Workers is how many calls of a function run at a time.
	Workers int `yaml:"workers"`
	// ServiceTime is how long one call of the workload's argument size takes
	// on an idle processor.
	ServiceTime time.Duration `yaml:"service-time"`
	// Memory that one call takes, in bytes per byte of argument.
	MemoryPerByte float64 `yaml:"memory-per-byte"`
	// ColdStart is how long a container of the function takes to start, one for each call
	// that finds none idle; an idle one goes after KeepWarm. Without it all are warm.
	ColdStart time.Duration `yaml:"cold-start"`
	KeepWarm  time.Duration `yaml:"keep-warm"`
}

// Execution says how each workflow is executed.
type Execution struct {
	Pos yamlfile.Pos `json:"-"`
	// Model is the execution model, one; $model by default, which is an axis of all.
	Model workflow.Model `yaml:"model"`
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
	Timeout time.Duration `yaml:"timeout"`
	// WarmUp opens all persistent connections before the first execution; true by
	// default.
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
		return fmt.Sprintf("artifact: process start %v + pause %v + max(%v, delay)",
			e.ProcessStart, e.Pause, e.Interval)
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
	// Network is what makes the links, whatever the scenario says; empty leaves that to
	// it.
	Network record.NetworkKind
	// Verify makes every execution prove its causal order, whatever the scenario
	// says: see Execution.
	Verify bool
}

// Plan is a scenario's cells under a selection.
type Plan struct {
	Scenario *Scenario
	Profile  string
	// Network is what makes the links.
	Network    record.NetworkKind
	Parameters map[string]string
	// Axes with the values that the plan runs.
	Axes  []record.Axis
	Cells []Cell
	// Broken says that the scenario has mistakes that Parse or Expand returned:
	// the plan is good for finding more, and Cells are those of which topology and
	// nodes could be read.
	Broken bool

	decides map[string]string // see Decides
}

// Expand returns the cells of the selection, each one checked. Cells differ in
// the order of the matrix, its last axis fastest, seeds outermost. Beside an error
// about the file's content it returns a Broken plan.
func (s *Scenario) Expand(sel Selection) (*Plan, error) {
	on := cmp.Or(sel.Network, s.Network)
	if err := CheckNetwork(on); err != nil {
		return nil, err
	}
	profile, ok := s.Profiles[sel.Profile]
	if !ok && s.broken && len(s.Profiles) == 0 {
		return &Plan{Scenario: s, Profile: sel.Profile, Network: on, Broken: true}, nil
	}
	if !ok {
		return nil, fmt.Errorf("%s: unknown profile %q%s", s.File, sel.Profile,
			yamlfile.Suggest(sel.Profile, slices.Sorted(maps.Keys(s.Profiles))))
	}

	params, err := s.parameters(profile.Set, sel.Set)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.File, err)
	}
	axes, err := s.selectAxes(profile.Where, sel.Where)
	if err != nil {
		return nil, err
	}

	plan := &Plan{Scenario: s, Profile: sel.Profile, Network: on, Parameters: params, Broken: s.broken}
	for _, a := range axes {
		plan.Axes = append(plan.Axes, record.Axis{Name: a.Name, Label: a.Label, Unit: a.Unit, Values: a.names()})
	}
	if n := s.points(axes).number(); n*len(profile.Seeds) > MaxCells {
		return nil, s.doc.Errorf(yamlfile.Path{"matrix"}, "expected at most %d cells, got more", MaxCells)
	}

	var mistakes mistakes
	first := map[string]string{} // point by content
	for i, seed := range profile.Seeds {
		for point := range s.points(axes).all() {
			if slices.ContainsFunc(point, func(v Value) bool { return v.wrong }) || s.excluded(axes, point) {
				continue
			}

			cell, errs := s.cell(axes, point, params)
			mistakes.add(errs)
			if i == 0 && len(errs) == 0 && !s.broken {
				mistakes.add([]error{s.checkDifferent(first, &cell)})
			}
			if !cell.placed {
				continue
			}

			cell.Seed = seed
			cell.Executions = profile.Executions
			cell.Execution.Verify = cell.Execution.Verify || sel.Verify
			cell.ID = strings.TrimPrefix(cell.ID+fmt.Sprintf("/seed=%d", seed), "/")
			plan.Cells = append(plan.Cells, cell)
		}

		if len(mistakes.errs) > 0 || s.broken {
			break // another seed has the same ones
		}
	}

	if len(plan.Cells) == 0 && len(mistakes.errs) == 0 && !s.broken {
		mistakes.add([]error{s.doc.Errorf(yamlfile.Path{"exclude"}, "no cell is left of the matrix and the selection")})
	}
	plan.Broken = plan.Broken || len(mistakes.errs) > 0

	// Claims name values of the matrix: where cells are wrong, those that they name
	// may be right.
	errs := mistakes.errs
	said := yamlfile.Each(s.misread)
	for _, err := range yamlfile.Each(yamlfile.Beyond(s.misread, s.CheckClaims())) {
		if !slices.Contains(said, err) && (!plan.Broken || !errors.Is(err, errNoValue)) {
			errs = append(errs, err)
		}
	}

	if _, err := s.replaced(errs...); err != nil {
		plan.Broken = true
		return plan, err
	}

	plan.decides = s.decides(profile, params)
	if sel.Verify {
		plan.decides["every execution"] = "verified"
	}
	return plan, nil
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
				return nil, fmt.Errorf("unknown parameter %s%s", name, yamlfile.Suggest(name, names))
			}
			if err := s.Parameters[i].accepts(value); err != nil {
				return nil, err
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

// excluded reports whether the file leaves a point of the matrix out.
func (s *Scenario) excluded(axes []Axis, point []Value) bool {
	value := func(axis string) string {
		return point[slices.IndexFunc(axes, func(a Axis) bool { return a.Name == axis })].Name
	}

	return slices.ContainsFunc(s.Exclude, func(out map[string][]string) bool {
		for axis, values := range out {
			// Parse has told of an axis that there is not.
			if s.axis(axis) == nil || !slices.Contains(values, value(axis)) {
				return false
			}
		}
		return true
	})
}

// cell returns the cell at a point and what is wrong with it.
func (s *Scenario) cell(axes []Axis, point []Value, params map[string]string) (Cell, []error) {
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

	var errs []error
	read := map[any]bool{}
	var workload *yaml.Node // with values
	for _, part := range []struct {
		name  string
		node  *yaml.Node
		into  any
		check func() error
	}{
		{"topology", &s.sections.topology, &c.Topology, c.Topology.check},
		{"nodes", &s.sections.nodes, &c.Nodes, c.Nodes.check},
		{"workload", &s.sections.workload, &c.Workload, c.Workload.check},
		{"execution", &s.sections.execution, &c.Execution, c.Execution.check},
		{"clients", &s.sections.clients, &c.Clients, c.Clients.check},
		{"load", &s.sections.load, &c.Load, c.Load.check},
		{"events", &s.sections.events, &c.Events, c.Events.check},
		{"programs", &s.sections.programs, &c.Programs, c.checkPrograms},
		{"capture", &s.sections.capture, &c.Capture, c.Capture.check},
	} {
		if part.node.Kind == 0 {
			continue // Parse has said that it is missing, or it may be
		}
		substitute := s.substitute
		if part.into == &c.Programs {
			substitute = s.substituteAround
		}
		node, err := substitute(part.node, vars)
		if err == nil && part.into == &c.Capture {
			node = captureNode(node)
		}
		if err == nil && part.into == &c.Workload {
			s.fillWorkload(node)
			workload = node
		}
		if err == nil {
			err = s.doc.DecodeNode(node, part.into, part.name)
		}
		read[part.into] = err == nil
		if err != nil {
			err = yamlfile.Beyond(s.shortened(part.name, part.node), err)
		}
		if part.into == &c.Workload {
			err = beyond(err, c.Workload.checkKeys(node))
		}
		if part.into == &c.Clients && err == nil && workload != nil {
			err = s.groupWorkloads(&c.Clients, node, workload)
		}
		err = beyond(err, part.check())
		if err != nil {
			errs = append(errs, err)
		}
	}
	if s.vague {
		errs = slices.DeleteFunc(yamlfile.Each(yamlfile.Join(errs...)), func(err error) bool {
			return errors.Is(err, errVariable)
		})
	}
	c.placed = read[&c.Topology] && read[&c.Nodes]
	if len(errs) == 0 {
		errs = append(errs, yamlfile.Each(c.checkLoad())...)
	}
	return c, errs
}

// errVariable is a name that no axis and no parameter has.
var errVariable = errors.New("unknown variable")

// unknownVariable returns the error about a name that stands in a value as it is written.
func unknownVariable(name, written string, known []string) error {
	return &unknownError{name, fmt.Errorf("%w %s%s", errVariable, written, yamlfile.Suggest(name, known))}
}

// beyond is yamlfile.Beyond for what is wrong with values of which some could not be read:
// what has no place is about one of these.
func beyond(err, more error) error {
	if err != nil {
		more = yamlfile.Join(slices.DeleteFunc(yamlfile.Each(more), func(err error) bool {
			return yamlfile.PlaceOf(err) == ""
		})...)
	}
	return yamlfile.Beyond(err, more)
}

// checkDifferent returns an error where the cell is the same as one at another
// point: then an axis has values that mean the same, and figures would show one
// thing under two labels. In seen are the points of the cells before, by content.
func (s *Scenario) checkDifferent(seen map[string]string, c *Cell) error {
	content, err := json.Marshal([]any{
		c.Topology, c.Nodes, c.Workload, c.Execution, c.Clients, c.Load, c.Events, c.Programs,
	})
	if err != nil {
		return err
	}
	sum := sha256.Sum256(content)
	other, again := seen[string(sum[:])]
	seen[string(sum[:])] = c.ID
	if !again {
		return nil
	}

	return s.Same(c, other)
}

// Same returns the error about a cell that is the same as another one, at the value on the
// first axis that tells the two apart.
func (s *Scenario) Same(c *Cell, other string) error {
	for _, coord := range c.Point {
		if !strings.Contains("/"+other+"/", "/"+coord.Axis+"="+coord.Value+"/") {
			return s.placeOf(coord).Errorf("value %q of axis %s changes nothing: the cell is the same as %s",
				coord.Value, coord.Axis, other)
		}
	}
	return nil
}

// placeOf returns where a value stands: on its axis, or among the points that are added.
func (s *Scenario) placeOf(coord record.Coord) yamlfile.Pos {
	onAxis := slices.IndexFunc(s.Axes, func(a Axis) bool { return a.Name == coord.Axis })
	k := slices.IndexFunc(s.Axes[onAxis].Values, func(v Value) bool { return v.Name == coord.Value })
	if !s.Axes[onAxis].Values[k].extra {
		return s.Place("matrix", onAxis, "values", k)
	}
	i := slices.IndexFunc(s.Include, func(by map[string][]string) bool {
		return slices.Contains(by[coord.Axis], coord.Value)
	})
	return s.Place("include", i, coord.Axis, slices.Index(s.Include[i][coord.Axis], coord.Value))
}

// mistakes collects those of all cells. A place that an earlier cell has reported
// is not reported again: the mistake is the same, even where its words follow the
// cell's values.
type mistakes struct {
	errs   []error
	places map[string]bool
}

func (m *mistakes) add(errs []error) {
	err := yamlfile.Join(errs...)
	if err == nil {
		return
	}
	fresh := map[string]bool{}
	for _, err := range yamlfile.Each(err) {
		place := yamlfile.PlaceOf(err)
		if place == "" || !m.places[place] {
			m.errs = append(m.errs, err)
			fresh[place] = true
		}
	}
	if m.places == nil {
		m.places = map[string]bool{}
	}
	maps.Copy(m.places, fresh)
}

// maxCycle bounds the parts of a cycle.
const maxCycle = time.Hour

func (e *Execution) checkCycle() error {
	switch {
	case e.Cycle != "" && !slices.Contains(Cycles, e.Cycle):
		return e.Pos.Errorf("unknown cycle %q%s", e.Cycle,
			yamlfile.Suggest(string(e.Cycle), []string{string(CycleText), string(CycleArtifact)}))
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
				errs = append(errs, g.Pos.At("state-host").Errorf(
					"state-host %s: there is no computer on it, and so no state server%s", keeper,
					yamlfile.Suggest(keeper, slices.Sorted(maps.Keys(keepers)))))
			case own != keeper:
				errs = append(errs, g.Pos.At("state-host").Errorf(
					"state-host %s: its computer keeps its states on %s; name a host that keeps its own", keeper, own))
			}
		}

		switch g.StateMode {
		case "", StateArtifact:
		case StateReadWrite:
			if !elsewhere {
				errs = append(errs, g.Pos.At("state-mode").Errorf(
					"state-mode %s: it is for states that are kept on another host; add state-host", g.StateMode))
			}
		default:
			errs = append(errs, g.Pos.At("state-mode").Errorf("unknown state-mode %q%s", g.StateMode,
				yamlfile.Suggest(string(g.StateMode), []string{string(StateArtifact), string(StateReadWrite)})))
		}
	}
	return yamlfile.Join(errs...)
}

// variable is a $name, or an expression as ${2 * rate}.
var variable = regexp.MustCompile(`\$([A-Za-z_][A-Za-z0-9_-]*)|\$\{([^{}]*)\}`)

// substitute returns a copy of the node in which $name in scalars is replaced
// by the variable's value, and ${...} by that of the expression. Positions are kept. An alias becomes a copy of what it
// stands for; yamlfile has bounded how much that is.
func (s *Scenario) substitute(node *yaml.Node, vars map[string]string) (*yaml.Node, error) {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}

	out := *node
	if node.Kind == yaml.ScalarNode {
		var wrong []error
		out.Value = variable.ReplaceAllStringFunc(node.Value, func(ref string) string {
			if expression, ok := strings.CutPrefix(ref, "${"); ok {
				value, err := s.derive(strings.TrimSuffix(expression, "}"), vars)
				if err != nil {
					wrong = append(wrong, s.doc.At(node).Errorf("%w", err))
				}
				return value
			}
			value, ok := vars[ref[1:]]
			if !ok {
				err := unknownVariable(ref[1:], ref, slices.Sorted(maps.Keys(vars)))
				wrong = append(wrong, s.doc.At(node).Errorf("%w", err))
			}
			return value
		})
		if wrong != nil {
			return nil, yamlfile.Join(wrong...)
		}
		if out.Value != node.Value {
			out.Tag = "" // the value decides anew what kind of scalar it is
			unquote(&out, node.Value)
		}
		return &out, nil
	}

	out.Content = make([]*yaml.Node, len(node.Content))
	var errs []error
	for i, child := range node.Content {
		c, err := s.substitute(child, vars)
		errs = append(errs, err)
		out.Content[i] = c
	}
	return &out, yamlfile.Join(errs...)
}

// unquote takes the quotes off a number or truth value that a variable or an expression
// alone stood for: they are there for the characters of the expression.
func unquote(node *yaml.Node, written string) {
	if variable.FindString(written) != written {
		return
	}
	plain := *node
	plain.Style &^= yaml.DoubleQuotedStyle | yaml.SingleQuotedStyle
	if slices.Contains([]string{"!!int", "!!float", "!!bool"}, plain.ShortTag()) {
		*node = plain
	}
}

// maxNames bounds the names that one entry may stand for, so that a short file
// cannot take all memory.
const maxNames = 1000

// nameRange is a range of numbers in a function's name.
var nameRange = regexp.MustCompile(`^(.*)\{([0-9]+)\.\.([0-9]+)\}(.*)$`)

// placeholders stand in a function's name for what its computer has.
var placeholders = strings.NewReplacer("{address}", "", "{host}", "")

// expandNames writes out the ranges in the names of functions.
func (n *Nodes) expandNames() error {
	var errs []error
	for _, g := range n.Computers {
		for i, f := range g.Functions {
			var names []string
			for k, name := range f.Names {
				at := g.Pos.At("functions", i, "names", k)
				m := nameRange.FindStringSubmatch(name)
				around := name
				if m != nil {
					around = m[1] + m[4]
				}
				if strings.ContainsAny(placeholders.Replace(around), "{}") {
					errs = append(errs, at.Errorf("function %s: braces hold one range of numbers, as in f{0..9}, "+
						"or stand as {address} or {host}", name))
					names = append(names, name)
					continue
				}
				if m == nil {
					names = append(names, name)
					continue
				}

				first, err := strconv.Atoi(m[2])
				last, tooLarge := strconv.Atoi(m[3])
				if err != nil || tooLarge != nil || last < first || last-first >= maxNames-len(names) {
					errs = append(errs, at.Errorf(
						"function %s: expected a range from the smaller number to the larger, and at most %d names",
						name, maxNames))
					names = append(names, name)
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

// unknownError is what is wrong with the name of an axis or a variable that there is not.
type unknownError struct {
	name string
	err  error
}

func (e *unknownError) Error() string { return e.err.Error() }
func (e *unknownError) Unwrap() error { return e.err }
