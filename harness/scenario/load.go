package scenario

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"edgebed/harness/load"
	"edgebed/nodes/yamlfile"
)

// Clients says who executes workflows at the same time.
type Clients struct {
	Pos yamlfile.Pos `json:"-"`
	// Count is how many clients there are; by default one on each of Hosts.
	Count int `yaml:"count"`
	// Hosts that the clients are on, in turn; by default all are on the client's of
	// nodes.
	Hosts []string `yaml:"hosts"`
	// Groups are clients that differ in their workloads, instead of Count and Hosts.
	Groups []ClientGroup `yaml:"groups"`
}

// ClientGroup are clients with a workload of their own.
type ClientGroup struct {
	Pos yamlfile.Pos `json:"-"`
	// Name of the group, in records.
	Name string `yaml:"name" required:"true"`
	// Count is how many clients it has; by default one on each of Hosts.
	Count int `yaml:"count"`
	// Hosts that they are on, in turn; by default all are on the client's of nodes.
	Hosts []string `yaml:"hosts"`
	// Workload replaces keys of the scenario's; with another generator all but the
	// argument. Its workflows are drawn, as must be those of the scenario.
	Workload GroupWorkload `yaml:"workload"`
}

// GroupWorkload is the workload of a group of clients.
type GroupWorkload struct{ Workload }

// UnmarshalYAML leaves the keys for groupWorkloads.
func (*GroupWorkload) UnmarshalYAML(*yaml.Node) error { return nil }

// number returns how many clients are in a group.
func (g *ClientGroup) number() int { return max(1, cmp.Or(g.Count, len(g.Hosts))) }

// Number returns how many clients there are.
func (c *Clients) Number() int {
	if len(c.Groups) == 0 {
		return max(1, cmp.Or(c.Count, len(c.Hosts)))
	}
	n := 0
	for i := range c.Groups {
		n += c.Groups[i].number()
	}
	return n
}

// Group returns the index of a client's group, -1 without groups: the first clients are
// of the first one.
func (c *Clients) Group(client int) int {
	for i := range c.Groups {
		if client -= c.Groups[i].number(); client < 0 {
			return i
		}
	}
	return len(c.Groups) - 1
}

// Host returns the host of a client, numbered from 0; otherwise is where clients are
// that the file puts nowhere.
func (c *Clients) Host(client int, otherwise string) string {
	hosts, number := c.Hosts, client
	for i := range c.Groups {
		g := &c.Groups[i]
		if hosts = g.Hosts; number < g.number() {
			break
		}
		number -= g.number()
	}
	if len(hosts) == 0 {
		return otherwise
	}
	return hosts[number%len(hosts)]
}

// AllHosts returns the hosts that the file puts clients on, each with its place.
func (c *Clients) AllHosts() (hosts []string, places []yamlfile.Pos) {
	for k, h := range c.Hosts {
		hosts, places = append(hosts, h), append(places, c.Pos.At("hosts", k))
	}
	for i := range c.Groups {
		for k, h := range c.Groups[i].Hosts {
			hosts, places = append(hosts, h), append(places, c.Groups[i].Pos.At("hosts", k))
		}
	}
	return hosts, places
}

// Load says when clients begin executions, and for how long.
type Load struct {
	Pos yamlfile.Pos `json:"-"`
	// Arrivals is one of the arrivals below, back-to-back by default, or {file: NAME}
	// for those of a trace.
	Arrivals Arrivals `yaml:"arrivals"`
	// Rate is how often a client begins an execution on average, while it is on:
	// a number a second, or as 5/s, 300/min.
	Rate Frequency `yaml:"rate"`
	// Ramp changes the rate of periodic and of poisson evenly to another one.
	Ramp *Ramp `yaml:"ramp"`
	// On and Off are the mean times for which a client is on, and off, with
	// interrupted-poisson.
	On  time.Duration `yaml:"on"`
	Off time.Duration `yaml:"off"`
	// Loop is open or closed; open by default, but for back-to-back.
	Loop Loop `yaml:"loop"`
	// Duration ends the load after a time, which begins after WarmUp; the profile's
	// executions then do not matter. Executions that have begun are waited for.
	Duration time.Duration `yaml:"duration"`
	// WarmUp is how long executions are recorded as warm-ups at first. To give their
	// number instead is the discard of the execution.
	WarmUp time.Duration `yaml:"warm-up"`
	// Outstanding is how many executions of a client may be under way in an open loop;
	// those beyond fail at once. By default 100, and fewer where clients share a host.
	Outstanding int `yaml:"outstanding"`
}

// Ramp is a change of a rate.
type Ramp struct {
	Pos yamlfile.Pos `json:"-"`
	// To is the rate at its end, which then stays.
	To Frequency `yaml:"to" required:"true"`
	// Over is how long it takes, from the start of the load.
	Over time.Duration `yaml:"over" required:"true"`
}

// Arrivals is a way in which executions begin, or the file of a trace.
type Arrivals struct {
	Process Process
	// File is the path of a trace relative to the scenario file: a line for each
	// arrival, with its time in seconds and, after a comma, its client from 0 on.
	File string
}

// UnmarshalYAML reads the name of a process, or {file: NAME}.
func (a *Arrivals) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		*a = Arrivals{Process: Process(node.Value)}
		return nil
	}
	var f struct {
		File string `yaml:"file" required:"true"`
	}
	if err := yamlfile.DecodeNode("", node, &f); err != nil {
		return err
	}
	*a = Arrivals{Process: Trace, File: f.File}
	return nil
}

// Process is a way in which executions begin.
type Process string

const (
	// BackToBack: a client begins an execution when it has the answer to the last one,
	// after the pause of the execution.
	BackToBack Process = "back-to-back"
	// Periodic: a client begins executions in equal intervals; several clients are
	// spread evenly over one.
	Periodic Process = "periodic"
	// Poisson: the times between a client's executions are independent and
	// exponential.
	Poisson Process = "poisson"
	// InterruptedPoisson: as poisson while a client is on; on and off take times that
	// are exponential, too.
	InterruptedPoisson Process = "interrupted-poisson"
	// Trace is what {file: NAME} means.
	Trace Process = "trace"
)

// Processes lists what a file can name.
var Processes = []Process{BackToBack, Periodic, Poisson, InterruptedPoisson}

// Loop says whether executions wait for each other.
type Loop string

const (
	// Open: executions begin when they are due, however many are under way. Their
	// delay counts from then.
	Open Loop = "open"
	// Closed: a client has one execution at a time; the times between arrivals are those
	// from its answer to the next one.
	Closed Loop = "closed"
)

// Frequency is a number of times a second.
type Frequency float64

// frequencyUnits are what a frequency may count by, longest first.
var frequencyUnits = []struct {
	name    string
	seconds float64
}{{"/min", 60}, {"/s", 1}, {"/h", 3600}, {"", 1}}

// UnmarshalText reads a frequency such as "5", "5 /s" or "300/min".
func (f *Frequency) UnmarshalText(text []byte) error {
	for _, unit := range frequencyUnits {
		number, ok := strings.CutSuffix(strings.TrimSpace(string(text)), unit.name)
		if !ok {
			continue
		}
		x, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if err != nil {
			break
		}
		*f = Frequency(x / unit.seconds)
		return nil
	}
	return fmt.Errorf("parse frequency %q: expected a number a second, such as 5, 5/s or 300/min", text)
}

// MarshalText writes what UnmarshalText reads.
func (f Frequency) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// String returns for instance "5/s".
func (f Frequency) String() string { return strconv.FormatFloat(float64(f), 'g', -1, 64) + "/s" }

// Mean returns the mean time between two.
func (f Frequency) Mean() time.Duration { return time.Duration(float64(time.Second) / float64(f)) }

// How reports the process and the loop, with their defaults.
func (l *Load) How() (Process, Loop) {
	process := cmp.Or(l.Arrivals.Process, BackToBack)
	if process == BackToBack {
		return process, Closed
	}
	return process, cmp.Or(l.Loop, Open)
}

// Shape returns the process of arrivals; nil for BackToBack, and for Trace, whose file
// is to be read.
func (l *Load) Shape() load.Shape {
	process, _ := l.How()
	if l.Ramp != nil {
		r := l.ramp()
		if r.Unit = (load.Periodic{Every: time.Second}); process == Poisson {
			r.Unit = load.Poisson{Mean: time.Second}
		}
		return r
	}
	switch process {
	case Periodic:
		return load.Periodic{Every: l.Rate.Mean()}
	case Poisson:
		return load.Poisson{Mean: l.Rate.Mean()}
	case InterruptedPoisson:
		return load.Interrupted{Mean: l.Rate.Mean(), On: l.On, Off: l.Off}
	}
	return nil
}

// ramp is the course of the rate; without a Ramp it is level.
func (l *Load) ramp() load.Ramp {
	if l.Ramp == nil {
		return load.Ramp{From: float64(l.Rate), To: float64(l.Rate)}
	}
	return load.Ramp{From: float64(l.Rate), To: float64(l.Ramp.To), Over: l.Ramp.Over}
}

// Expected returns how many arrivals of a client with a rate are expected up to a time,
// Until when so many are expected.
func (l *Load) Expected(until time.Duration) float64 { return l.ramp().Expected(until) }
func (l *Load) Until(arrivals float64) time.Duration { return l.ramp().Until(arrivals) }

// Alone reports whether the cell's executions run one after the other, each with the
// network to itself: those of one client, back to back, as many as the profile says,
// while nothing happens. Only of such is known what each of them moved.
func (c *Cell) Alone() bool {
	process, _ := c.Load.How()
	return c.Clients.Number() == 1 && process == BackToBack &&
		c.Load.Duration == 0 && c.Load.WarmUp == 0 && len(c.Events) == 0
}

// LoadWords says how the cell's clients begin executions, for records.
func (c *Cell) LoadWords() string {
	process, loop := c.Load.How()
	words := string(process)
	if shape := c.Load.Shape(); shape != nil {
		words += fmt.Sprintf(" at %v a client", c.Load.Rate)
	}
	if l := c.Load.Ramp; l != nil {
		words += fmt.Sprintf(", within %v to %v", l.Over, l.To)
	}
	if process == InterruptedPoisson {
		words += fmt.Sprintf(", on for %v and off for %v", c.Load.On, c.Load.Off)
	}
	if process == Trace {
		words += " " + c.Load.Arrivals.File
	}
	words += fmt.Sprintf(", %s loop", loop)
	if c.Load.Duration > 0 {
		words += fmt.Sprintf(", for %v", c.Load.Duration)
	}
	return words
}

// Limits of a load.
const (
	// MaxClients of a cell.
	MaxClients = 1000
	// MaxOutstanding executions of one client.
	MaxOutstanding = 1000

	// MaxLoad is the longest of each of its times.
	MaxLoad = 24 * time.Hour

	minFrequency = 1e-5
	maxFrequency = 1e6
)

func (c *Clients) check() error {
	number := c.Number()
	if c.Count < 0 {
		number = c.Count
	}
	errs := []error{
		within(c.Pos.At("count"), "number of clients", number, 1, MaxClients),
		within(c.Pos.At("hosts"), "number of hosts", len(c.Hosts), 0, MaxClients),
	}
	if c.Hosts != nil && len(c.Hosts) == 0 {
		errs = append(errs, c.Pos.At("hosts").Errorf("expected at least one host"))
	}
	errs = append(errs, everyHost(c.Pos, c.Count, len(c.Hosts)))
	if c.Groups == nil {
		return yamlfile.Join(errs...)
	}

	if c.Count > 0 || c.Hosts != nil {
		errs = append(errs, c.Pos.At("groups").Errorf("each group has its own count and hosts; "+
			"remove those of all clients"))
	}
	errs = append(errs, within(c.Pos.At("groups"), "number of groups", len(c.Groups), 1, MaxClients))
	names := map[string]bool{}
	for i := range c.Groups {
		g := &c.Groups[i]
		errs = append(errs, within(g.Pos.At("count"), "number of clients", g.Count, 0, MaxClients),
			everyHost(g.Pos, g.Count, len(g.Hosts)))
		if g.Workload.Generator != "" { // else it could not be read
			errs = append(errs, g.Workload.check())
		}
		if !variableName.MatchString(g.Name) || names[g.Name] {
			errs = append(errs, g.Pos.At("name").Errorf("expected a name that no other group has, "+
				"a letter and up to 63 letters, digits, - or _"))
		}
		names[g.Name] = true
	}
	return yamlfile.Join(errs...)
}

// everyHost checks that clients are enough for their hosts.
func everyHost(at yamlfile.Pos, clients, hosts int) error {
	if clients == 0 || clients >= hosts {
		return nil
	}
	return at.At("hosts").Errorf("%d clients leave some of %d hosts without one; name fewer hosts", clients, hosts)
}

// nodeText is the text of a scalar, empty for none.
func nodeText(node *yaml.Node) string {
	if node == nil {
		return ""
	}
	return node.Value
}

// groupWorkloads reads the workloads of clients' groups: their keys over those of the
// scenario's workload, which comes filled.
func (s *Scenario) groupWorkloads(c *Clients, node, base *yaml.Node) error {
	list := valueOf(node, "groups")
	if list == nil || list.Kind != yaml.SequenceNode {
		return nil
	}
	var errs []error
	for i, element := range list.Content {
		if i >= len(c.Groups) {
			break
		}
		own := alias(cmp.Or(valueOf(element, "workload"), &yaml.Node{Kind: yaml.MappingNode}))
		if own.Kind != yaml.MappingNode {
			continue // decoding has said so
		}

		merged := *own
		merged.Content = slices.Clone(own.Content)
		given, usual := valueOf(own, "generator"), valueOf(base, "generator")
		other := given != nil && usual != nil && given.Value != usual.Value
		for k := 0; k+1 < len(base.Content); k += 2 {
			key := base.Content[k].Value
			if valueOf(own, key) == nil && (!other || key == "argument") {
				merged.Content = append(merged.Content, base.Content[k], base.Content[k+1])
			}
		}
		s.fillWorkload(&merged)

		into := &c.Groups[i].Workload.Workload
		err := s.doc.DecodeNode(&merged, into, "clients", "groups", i, "workload")
		err = yamlfile.Beyond(err, into.checkKeys(&merged))
		if listed := (&Workload{Generator: nodeText(usual)}).IsListed(); err == nil && (listed || into.IsListed()) {
			err = c.Groups[i].Pos.Errorf("clients of groups draw their workflows, and so does the scenario's " +
				"workload then; the generators file and workflow are for clients that are all alike")
		}
		errs = append(errs, err)
	}
	return yamlfile.Join(errs...)
}

func (l *Load) check() error {
	process, loop := l.How()
	if process == Trace && l.Arrivals.File == "" {
		return l.Pos.At("arrivals").Errorf("a trace is written as {file: NAME}")
	}
	if process != Trace {
		if err := oneOf(l.Pos.At("arrivals"), "way in which executions begin", process, Processes...); err != nil {
			return err
		}
	}

	errs := []error{
		within(l.Pos.At("duration"), "duration", l.Duration, 0, MaxLoad),
		within(l.Pos.At("warm-up"), "warm-up", l.WarmUp, 0, MaxLoad),
		within(l.Pos.At("outstanding"), "outstanding", l.Outstanding, 0, MaxOutstanding),
	}
	if l.Loop != "" {
		errs = append(errs, oneOf(l.Pos.At("loop"), "loop", l.Loop, Open, Closed))
	}

	// needs checks a key that only some processes have.
	needs := func(key string, set bool, by ...Process) {
		switch wanted := slices.Contains(by, process); {
		case set && !wanted:
			errs = append(errs, l.Pos.At(key).Errorf("%s does not use %s; remove it", process, key))
		case !set && wanted:
			errs = append(errs, l.Pos.Errorf("%s needs %s", process, key))
		}
	}
	needs("rate", l.Rate != 0, Periodic, Poisson, InterruptedPoisson)
	needs("on", l.On != 0, InterruptedPoisson)
	needs("off", l.Off != 0, InterruptedPoisson)
	if l.Rate != 0 {
		errs = append(errs, within(l.Pos.At("rate"), "rate", float64(l.Rate), minFrequency, maxFrequency))
	}
	if r := l.Ramp; r != nil {
		needs("ramp", true, Periodic, Poisson)
		errs = append(errs, within(r.Pos.At("to"), "rate", float64(r.To), minFrequency, maxFrequency),
			within(r.Pos.At("over"), "over", r.Over, time.Millisecond, MaxLoad))
		if loop == Closed {
			errs = append(errs, r.Pos.Errorf("in a closed loop rates are those from an answer on, "+
				"so that none follows a ramp; use loop: open"))
		}
	}
	if process == InterruptedPoisson {
		errs = append(errs,
			within(l.Pos.At("on"), "on", l.On, 0, MaxLoad), within(l.Pos.At("off"), "off", l.Off, 0, MaxLoad))
	}

	switch {
	case process == BackToBack && l.Loop == Open:
		errs = append(errs, l.Pos.At("loop").Errorf("back-to-back waits for each answer: its loop is closed"))
	case process == Trace && loop == Closed:
		errs = append(errs, l.Pos.At("loop").Errorf("a trace says when executions begin: its loop is open"))
	case loop == Closed && l.Outstanding > 1:
		errs = append(errs, l.Pos.At("outstanding").Errorf("in a closed loop a client has one execution under way"))
	}
	return yamlfile.Join(errs...)
}

// checkLoad holds the load against the rest of the cell.
func (c *Cell) checkLoad() error {
	if c.Alone() {
		return nil
	}
	process, loop := c.Load.How()
	e := &c.Execution
	var errs []error
	fail := func(at yamlfile.Pos, text string) { errs = append(errs, at.Wrap(errors.New(text))) }

	if process != BackToBack && e.Pause > 0 {
		fail(e.Pos.At("pause"), "a pause is a part of back-to-back; with "+string(process)+" remove it")
	}
	if e.Cycle == CycleArtifact {
		fail(e.Pos.At("cycle"), "the artifact's cycle is of executions that run alone; remove it")
	}
	if loop == Open && e.KeepClient {
		fail(e.Pos.At("keep-client"), "a client that is kept executes one workflow at a time; use loop: closed")
	}
	if c.Load.WarmUp > 0 && e.Discard > 0 {
		fail(c.Load.Pos.At("warm-up"), "warm-ups are given by their number too, the execution's discard; remove one")
	}

	for _, event := range c.Events {
		if over := c.Load.WarmUp + c.Load.Duration; c.Load.Duration > 0 && event.At >= over {
			errs = append(errs, event.Pos.At("at").Errorf("the load is over after %v; choose an earlier time", over))
		}
	}
	// The first ones of an open loop, and those of a time, are expected to be so many.
	if loop == Open && c.Load.Duration > 0 && process != Trace {
		all := float64(c.Clients.Number()) * c.Load.Expected(c.Load.Duration+c.Load.WarmUp)
		if all > MaxExecutions {
			errs = append(errs, c.Load.Pos.At("duration").Errorf(
				"about %.0f executions are due in that time; expected at most %d", all, MaxExecutions))
		}
	}
	return yamlfile.Join(errs...)
}
