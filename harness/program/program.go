package program

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"edgebed/harness/cgroup"
	"edgebed/nodes/yamlfile"
)

// Program is a command on a host. In command, environment and files, {{host}},
// {{address}} and {{port}} stand for its own, {{NAME.address}}, {{NAME.host}} and
// {{NAME.port}} for those of another program, {{NAME.address}} also for a host's, {{dir}}
// for its folder, {{seed}} for the cell's seed and {{execution}} for the number of the
// execution.
type Program struct {
	Pos yamlfile.Pos `json:"-"`
	// Name of the program: of its log, in records, and in placeholders.
	Name string `yaml:"name" required:"true"`
	// Host that it runs on.
	Host string `yaml:"host" required:"true"`
	// Command is the program, looked for in PATH, and its arguments. Its working
	// folder is that in which edgebed was started.
	Command []string `yaml:"command" required:"true"`
	// Environment of the program, beside PATH, HOME, USER and LANG.
	Environment map[string]string `yaml:"environment"`
	// Files are written into the program's own folder, {{dir}}, before it starts:
	// contents by name.
	Files map[string]string `yaml:"files"`
	// Port that it listens on, for {{port}} and for the probe.
	Port int `yaml:"port"`
	// Runs says when it runs: cell, the default, or execution.
	Runs Span `yaml:"runs"`
	// Ready says when it can be used; what follows waits for it.
	Ready Ready `yaml:"ready"`
	// Restart says whether it is started again when it ends; never by default.
	Restart Restart `yaml:"restart"`
	// Limits are what it gets of the machine at most, with all that it starts; any, by default.
	Limits cgroup.Limits `yaml:"limits" json:",omitzero"`
	// Samples says where it writes what it measures: to a descriptor, by default.
	Samples Source `yaml:"samples"`
	// Quantities are what it measures, by name; figures and claims have them as
	// metrics, PROGRAM.NAME. An execution has the mean of its samples.
	Quantities map[string]Quantity `yaml:"quantities"`
}

// Span is when a program runs.
type Span string

const (
	// Cell: from before the first execution to after the last one.
	Cell Span = "cell"
	// Execution: once in each execution, from its start; the execution is then that of
	// the programs, until the last of them has ended, and no workflow is run.
	Execution Span = "execution"
)

// Ready is how to find out that a program can be used. Without any of them it is
// when it has been started.
type Ready struct {
	// Port: it takes connections on its port.
	Port bool `yaml:"port"`
	// HTTP is a path, such as /health, that it answers without an error on its port.
	HTTP string `yaml:"http"`
	// Log is a regular expression for a line that it writes to stdout or stderr.
	Log string `yaml:"log"`
	// Within is how long that may take, 10 s by default.
	Within time.Duration `yaml:"within"`
}

// Restart is what happens when a program ends by itself.
type Restart string

const (
	// Never: it stays ended. A program that ends with another exit code than 0
	// ends the cell.
	Never Restart = "never"
	// OnFailure: it is started again after another exit code than 0.
	OnFailure Restart = "on-failure"
	// Always: it is started again.
	Always Restart = "always"
)

// Source is where a program's measurements come from.
type Source string

const (
	// Descriptor: it writes an object of JSON a line, {"name": number}, to the descriptor
	// whose number is in EDGEBED_SAMPLES.
	Descriptor Source = "descriptor"
	// Stdout: lines of its standard output that are objects of JSON; others are its log.
	Stdout Source = "stdout"
	// Document: its whole standard output is one object of JSON, such as that of
	// iperf3 -J. The names of objects in objects have dots.
	Document Source = "document"
	// Text: numbers in what it writes to its standard output, such as wrk's. From of a
	// quantity is a regular expression whose group is the number.
	Text Source = "text"
)

// Quantity is what a program measures.
type Quantity struct {
	// From is its name in the program's samples, by default the quantity's; with text a
	// regular expression.
	From string `yaml:"from"`
	// Times is a factor for the unit, 1 by default.
	Times float64 `yaml:"times"`
	// Label of its axis in figures, PROGRAM.NAME by default.
	Label string `yaml:"label"`
}

// Host is where a program runs; *emu.Host is one.
type Host interface {
	// Start starts a command on the host.
	Start(*exec.Cmd) error
	// Do calls fn on a thread of the host, to which its goroutine is locked: what fn starts
	// there runs on the host.
	Do(fn func() error) error
	DialContext(ctx context.Context, address string) (net.Conn, error)
}

// PerExecution reports whether any of the programs runs once in each execution.
func PerExecution(programs []Program) bool {
	return slices.ContainsFunc(programs, func(p Program) bool { return p.Runs == Execution })
}

// Limits of what a scenario may ask for.
const (
	maxPrograms   = 1000
	maxText       = 1 << 20 // characters of an argument, a value, a file
	maxTexts      = 1000    // arguments, variables, files
	maxQuantities = 100
	maxWithin     = time.Hour
	usualWithin   = 10 * time.Second
)

var (
	validName     = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{0,63}$`)
	validVariable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,255}$`)
	validFile     = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$`)
)

// Check returns what is wrong with the programs of a cell that does not depend on
// the network: all mistakes, with their places.
func Check(programs []Program) error {
	var errs []error
	if n := len(programs); n > maxPrograms {
		return programs[0].Pos.Errorf("expected at most %d programs, got %d", maxPrograms, n)
	}

	names := map[string]bool{}
	for i := range programs {
		p := &programs[i]
		if names[p.Name] {
			errs = append(errs, p.Pos.At("name").Errorf("program %s stands twice", p.Name))
		}
		names[p.Name] = true
		errs = append(errs, p.check())
	}
	return yamlfile.Beyond(yamlfile.Join(errs...), idle(programs))
}

// check checks one program.
func (p *Program) check() error {
	var errs []error
	fail := func(at yamlfile.Pos, format string, args ...any) { errs = append(errs, at.Errorf(format, args...)) }

	if !validName.MatchString(p.Name) {
		fail(p.Pos.At("name"), "%q is not a name; expected a letter and up to 63 letters, digits, - or _", p.Name)
	}
	if len(p.Command) == 0 || p.Command[0] == "" {
		fail(p.Pos.At("command"), "expected a program and its arguments, as [nginx, -c, file]")
	}
	if n := max(len(p.Command), len(p.Environment), len(p.Files)); n > maxTexts {
		fail(p.Pos, "expected at most %d arguments, variables and files, got %d", maxTexts, n)
		return yamlfile.Join(errs...)
	}
	if p.Port < 0 || p.Port > 65535 {
		fail(p.Pos.At("port"), "port %d is out of range: expected 1 to 65535", p.Port)
	}

	for i, arg := range p.Command {
		errs = append(errs, text(p.Pos.At("command", i), arg))
	}
	for _, name := range slices.Sorted(maps.Keys(p.Environment)) {
		at := p.Pos.At("environment", name)
		if !validVariable.MatchString(name) {
			fail(at, "%q is not a name for a variable of the environment", name)
		}
		errs = append(errs, text(at, p.Environment[name]))
	}
	for _, name := range slices.Sorted(maps.Keys(p.Files)) {
		at := p.Pos.At("files", name)
		if !validFile.MatchString(name) || !filepath.IsLocal(name) {
			fail(at, "%q is not a name for a file; expected letters, digits, dots, - or _, without folders", name)
		}
		errs = append(errs, text(at, p.Files[name]))
	}

	if key, err := p.Limits.Check(); err != nil {
		fail(p.Pos.At("limits", key), "%w", err)
	}
	errs = append(errs,
		oneOf(p.Pos.At("runs"), "span", p.Runs, Cell, Execution),
		oneOf(p.Pos.At("restart"), "restart policy", p.Restart, Never, OnFailure, Always),
		oneOf(p.Pos.At("samples"), "source of samples", p.Samples, Descriptor, Stdout, Document, Text),
		p.checkReady(), p.checkQuantities())
	return yamlfile.Join(errs...)
}

// text refuses what the kernel does not take as an argument.
func text(at yamlfile.Pos, s string) error {
	if len(s) > maxText || strings.ContainsRune(s, 0) {
		return at.Errorf("expected at most %d characters, and no zero byte", maxText)
	}
	return nil
}

// oneOf refuses what is neither empty nor one of the valid names.
func oneOf[T ~string](at yamlfile.Pos, what string, v T, valid ...T) error {
	if v == "" || slices.Contains(valid, v) {
		return nil
	}
	var names []string
	for _, name := range valid {
		names = append(names, string(name))
	}
	return at.Errorf("unknown %s %q%s", what, v, yamlfile.Suggest(string(v), names))
}

func (p *Program) checkReady() error {
	r, at := &p.Ready, p.Pos.At("ready")
	switch {
	case p.Runs == Execution && (*r != Ready{}):
		return at.Errorf("nothing waits for a program that runs once in each execution; remove ready")
	case p.Runs == Execution && p.Restart != "" && p.Restart != Never:
		return p.Pos.At("restart").Errorf("a program that runs once in each execution is not started again; " +
			"remove restart")
	case (r.Port || r.HTTP != "") && p.Port == 0:
		return at.Errorf("the probe needs the program's port; add port")
	case r.HTTP != "" && !strings.HasPrefix(r.HTTP, "/"):
		return at.At("http").Errorf("expected a path such as /health, got %q", r.HTTP)
	case len(r.Log) > maxFrom || len(r.HTTP) > maxFrom:
		return at.Errorf("expected at most %d characters in http and log", maxFrom)
	case r.Within < 0 || r.Within > maxWithin:
		return at.At("within").Errorf("within of %v is out of range: expected 0 s to %v", r.Within, maxWithin)
	}
	if _, err := regexp.Compile(r.Log); err != nil {
		return at.At("log").Errorf("expected a regular expression: %w", err)
	}
	return nil
}

func (p *Program) checkQuantities() error {
	var errs []error
	if n := len(p.Quantities); n > maxQuantities {
		return p.Pos.At("quantities").Errorf("expected at most %d quantities, got %d", maxQuantities, n)
	}

	for _, name := range slices.Sorted(maps.Keys(p.Quantities)) {
		q, at := p.Quantities[name], p.Pos.At("quantities", name)
		if !validName.MatchString(name) {
			errs = append(errs, at.Errorf("%q is not a name for a quantity", name))
		}
		if len(q.From) > maxFrom || len(q.Label) > maxFrom {
			errs = append(errs, at.Errorf("expected at most %d characters in from and label", maxFrom))
		}

		if p.Samples != Text {
			continue
		}
		if pattern, err := regexp.Compile(q.From); err != nil {
			errs = append(errs, at.At("from").Errorf("expected a regular expression: %w", err))
		} else if pattern.NumSubexp() != 1 {
			errs = append(errs, at.At("from").Errorf("expected a regular expression with one group, the number, "+
				"such as 'Requests/sec: +([0-9.]+)'"))
		}
	}
	return yamlfile.Join(errs...)
}

// maxFrom bounds the texts of a quantity.
const maxFrom = 200

// Place checks the programs against the hosts of a network, by name: that hosts are
// there, and that all placeholders stand for something.
func Place(programs []Program, hosts map[string]netip.Addr) error {
	var errs []error
	for i := range programs {
		p := &programs[i]
		if _, ok := hosts[p.Host]; !ok {
			errs = append(errs, p.Pos.At("host").Errorf("the topology has no host %s%s", p.Host,
				yamlfile.Suggest(p.Host, slices.Collect(maps.Keys(hosts)))))
			continue
		}
		if _, taken := hosts[p.Name]; taken {
			errs = append(errs, p.Pos.At("name").Errorf("a host is called %s already; "+
				"{{%s.address}} would be either's", p.Name, p.Name))
		}
		if _, err := p.expand(valuesOf(programs, hosts, p)); err != nil {
			errs = append(errs, err)
		}
	}
	return yamlfile.Join(errs...)
}

// Missing returns the programs whose command this machine does not have, in words; an
// error for each.
func Missing(programs []Program) error {
	var errs []error
	for i := range programs {
		p := &programs[i]
		if strings.Contains(p.Command[0], "{{") {
			continue // found when it is started
		}
		if _, err := exec.LookPath(p.Command[0]); err != nil {
			errs = append(errs, p.Pos.At("command", 0).Errorf("program %s: %w; install it", p.Name, err))
		}
	}
	return yamlfile.Join(errs...)
}

// String says what would run, for messages.
func (p *Program) String() string {
	return fmt.Sprintf("program %s on %s (%.80s)", p.Name, p.Host, strings.Join(p.Command, " "))
}
