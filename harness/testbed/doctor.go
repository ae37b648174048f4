package testbed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"edgebed/harness/cgroup"
	"edgebed/harness/emu"
	"edgebed/harness/job"
	"edgebed/harness/machine"
	"edgebed/harness/record"
	"edgebed/harness/sandbox"
	"edgebed/harness/tail"
	"edgebed/harness/topology"
	"edgebed/nodes/units"
	"edgebed/nodes/yamlfile"
)

// DoctorArg is the argument with which Doctor and Ready start the calling program:
// its main must pass control to Examine.
const DoctorArg = "examine"

// trial is a small network to build: two hosts on two switches, with the settings
// of cells.
type trial struct {
	Options emu.Options
	Delayed bool
	// Corrupt asks for corruption, Disciplines are those of queues beside the FIFO.
	Corrupt     bool                  `json:",omitzero"`
	Disciplines []topology.Discipline `json:",omitzero"`
	// IPv6 is what the topology says of it.
	IPv6 *bool `json:",omitzero"`
}

// outcome is what building it came to.
type outcome struct {
	// Error is empty where it could be built.
	Error string
	// Settings are the network's, and Netem what is known of netem.
	Settings map[string]string
	Netem    string
}

// Doctor finds out what the machine offers to the emulation, and returns one line
// for each fact. The error says in one sentence what is missing and what to do.
func Doctor(ctx context.Context) ([]string, error) {
	var facts []string
	if cores, limited := machine.Cores(); limited {
		facts = append(facts, fmt.Sprintf("processors: a control group allows %g of %d cores; "+
			"campaigns plan with that (raise its CPU quota to use more)", cores, runtime.NumCPU()))
	}
	if tasks, limited := machine.TasksLeft(); limited {
		facts = append(facts, fmt.Sprintf("processes and threads: %d more of %d are allowed, "+
			"a cell needs about %d and one for each delayed link", tasks.Left, tasks.Allowed, cellTasks()))
		if tasks.Left < cellTasks() {
			return facts, lacksTasks(tasks, cellTasks())
		}
	}
	if _, err := workersOfFiles(); err != nil {
		return facts, err
	}
	if memory, limited := machine.MemoryLimit(); limited {
		facts = append(facts, fmt.Sprintf("memory: a control group allows %.0f MB; edgebed plan says about how much a "+
			"campaign takes", float64(memory.Allowed)/1e6))
	}
	if _, err := workersOfMemory(nil); err != nil {
		return facts, err
	}
	if removed := cgroup.Sweep(); removed > 0 {
		facts = append(facts, fmt.Sprintf("control groups: %d were left by killed processes, and are removed",
			removed))
	}
	some := map[string]cgroup.Limits{"any": {CPU: 1, Memory: units.GB}}
	if err := cgroup.Ready(some); err != nil {
		facts = append(facts, fmt.Sprintf("limits of programs and hosts: not available: %v", err))
	} else {
		facts = append(facts, "limits of programs and hosts: available")
	}
	if err := sandbox.Probe(ctx, sandbox.Options{}); err != nil {
		return facts, fmt.Errorf("sandbox: not available: %w", err)
	}
	how := "as root"
	if !sandbox.Privileged() {
		how = "in a user namespace"
	}
	facts = append(facts, "sandbox: available, "+how)

	found, err := try(ctx, []trial{{Delayed: true}})
	if err != nil {
		return facts, err
	}
	o := found[0]
	if o.Error != "" {
		return facts, fmt.Errorf("examine this machine: %s", o.Error)
	}
	remark := ""
	if o.Netem != emu.Available.String() {
		remark = "; link delay is made in user space"
	}
	facts = append(facts, "netem: "+o.Netem+remark)
	for _, name := range []string{record.SettingDelayBackend, record.SettingCongestionControl} {
		if v, ok := o.Settings[name]; ok {
			facts = append(facts, name+": "+v)
		}
	}
	if o.Settings[emu.SettingIPv6] == emu.NoIPv6 {
		facts = append(facts, "ipv6: this kernel has none (it was built or booted without); hosts have IPv4 only")
	} else {
		facts = append(facts, "ipv6: beside IPv4")
	}
	return append(facts, "network: a shaped, delayed link was built and taken down"), nil
}

// mostTrials is how many different settings of networks Ready tries.
const mostTrials = 8

// SettingsError says what a machine lacks that can run cells, but not these: a kernel
// without what their network's settings ask for. It has the settings' places.
type SettingsError struct{ err error }

func (e *SettingsError) Error() string { return e.err.Error() }
func (e *SettingsError) Unwrap() error { return e.err }

// Ready finds out whether the machine can run the jobs, before the first of them
// begins: the sandbox, what their networks' settings ask of the kernel, and how
// many files, processes and threads they need. It returns how many jobs may run at
// once, 0 for any number. The error says in one sentence what is missing and what
// to do; one about a setting is a *SettingsError.
func Ready(ctx context.Context, jobs []job.Job) (atOnce int, err error) {
	tasks, limited := machine.TasksLeft()
	if limited && tasks.Left < cellTasks() {
		return 0, lacksTasks(tasks, cellTasks())
	}
	workers, err := workersBeside(jobs)
	if err != nil {
		return 0, err
	}
	if err := sandbox.Probe(ctx, sandbox.Options{}); err != nil {
		return 0, err
	}
	if err := job.Startable(jobs); err != nil {
		return 0, err
	}
	if err := LimitsReady(jobs); err != nil {
		return 0, err
	}

	var trials []trial
	var places []yamlfile.Pos
	known := map[string]int{}
	of := make([]int, len(jobs)) // the trial of each job
	for i := range jobs {
		t := trialOf(&jobs[i])
		key, err := json.Marshal(t)
		if err != nil {
			return 0, err
		}
		k, ok := known[string(key)]
		if !ok && len(trials) < mostTrials {
			k, ok = len(trials), true
			known[string(key)] = k
			trials, places = append(trials, t), append(places, jobs[i].Cell.Topology.Pos)
		}
		if of[i] = k; !ok {
			of[i] = 0
		}
	}
	found, err := try(ctx, trials)
	if err != nil {
		return 0, err
	}
	var errs []error
	for k, o := range found {
		if o.Error != "" {
			errs = append(errs, places[k].Errorf("this machine cannot run the cells: %s", o.Error))
		}
	}
	if len(errs) > 0 {
		// What fails without any setting too is no matter of a setting.
		plain, err := try(ctx, []trial{{}})
		if err == nil && plain[0].Error != "" {
			err = fmt.Errorf("this machine cannot run the emulation: %s", plain[0].Error)
		}
		if err != nil {
			return 0, err
		}
		return 0, &SettingsError{yamlfile.Join(errs...)}
	}

	// The largest cell counts: it must run, be it alone.
	need, files := int64(0), uint64(0)
	for i := range jobs {
		t := jobs[i].Topology()
		threads := cellTasks() + int64(len(jobs[i].LimitedHosts()))*limitedHostTasks
		if found[of[i]].Settings["delay-backend"] == string(emu.DelayLine) {
			threads += int64(emu.DelayedLinks(t))
		}
		need, files = max(need, threads), max(files, emu.FilesNeeded(t))
	}
	if limited && need > tasks.Left {
		return 0, lacksTasks(tasks, need)
	}
	var open unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &open); err == nil && files > open.Max {
		return 0, lacksFiles(files, open.Max)
	}
	if limited && need > 0 {
		workers = min(workers, int(max(1, tasks.Left/need)))
	}
	return workers, nil
}

// LimitsReady finds out whether programs and hosts of the jobs can have the limits that they ask
// for, with the place of the first that cannot.
func LimitsReady(jobs []job.Job) error {
	type groups struct{ outer, inner cgroup.Limits }
	tried := map[groups]bool{{}: true} // none need no trial
	try := func(at yamlfile.Pos, of groups) error {
		if tried[of] {
			return nil
		}
		tried[of] = true
		trial := map[string]cgroup.Limits{"any": of.inner}
		if of.outer != (cgroup.Limits{}) {
			trial = map[string]cgroup.Limits{"any": of.outer, "any/own": of.inner}
		}
		if err := cgroup.Ready(trial); err != nil {
			return at.Errorf("%w", err)
		}
		return nil
	}

	for i := range jobs {
		for _, l := range jobs[i].Cell.Nodes.Limits {
			if err := try(l.Pos, groups{outer: cgroup.Limits{CPU: l.CPU}}); err != nil {
				return err
			}
		}
		for _, p := range jobs[i].Cell.Programs {
			within := cgroup.Limits{}
			within.CPU, _ = jobs[i].HostLimit(p.Host)
			if err := try(p.Pos.At("limits"), groups{within, p.Limits}); err != nil {
				return err
			}
		}
	}
	return nil
}

func trialOf(j *job.Job) trial {
	t := j.Cell.Topology
	one := trial{
		Options: emu.Options{Delay: t.Delay, CongestionControl: t.CongestionControl, Sysctls: t.Sysctls},
		Delayed: emu.DelayedLinks(j.Topology()) > 0, IPv6: j.Topology().IPv6,
	}
	for _, l := range j.Topology().AllLinks() {
		for _, p := range j.Topology().Directions(l) {
			one.Corrupt = one.Corrupt || p.Corrupt > 0
			special := p.Rate > 0 && p.Discipline != "" && p.Discipline != topology.Drop
			if special && !slices.Contains(one.Disciplines, p.Discipline) {
				one.Disciplines = append(one.Disciplines, p.Discipline)
			}
		}
	}
	slices.Sort(one.Disciplines)
	return one
}

// try builds the trials' networks in a sandbox.
func try(ctx context.Context, trials []trial) ([]outcome, error) {
	if len(trials) == 0 {
		return nil, nil
	}
	input, err := json.Marshal(trials)
	if err != nil {
		return nil, err
	}
	cmd := sandbox.Command(ctx, sandbox.Options{}, DoctorArg, string(input))
	log := tail.Writer{Max: logShown}
	cmd.Stderr = &log
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("examine this machine: %w%s", err, log.After("\n"))
	}
	var found []outcome
	if err := json.Unmarshal(out, &found); err != nil || len(found) != len(trials) {
		return nil, errors.Join(fmt.Errorf("examine this machine: got %d answers to %d trials%s",
			len(found), len(trials), log.After("\n")), err)
	}
	return found, nil
}

// Examine is the sandboxed side of Doctor and Ready: it builds the networks that
// input asks for, and writes what came of it.
func Examine(ctx context.Context, input string, w io.Writer) error {
	var trials []trial
	if err := json.Unmarshal([]byte(input), &trials); err != nil {
		return fmt.Errorf("examine this machine: read what to try: %w", err)
	}
	netem, netemErr := emu.ProbeNetem()
	found := make([]outcome, len(trials))
	for i, t := range trials {
		settings, err := t.build(ctx)
		found[i] = outcome{Settings: settings, Netem: netem.String()}
		if err != nil {
			found[i].Error = err.Error()
		} else if netemErr != nil {
			found[i].Netem += ": " + netemErr.Error()
		}
	}
	return json.NewEncoder(w).Encode(found)
}

func (t trial) build(ctx context.Context) (settings map[string]string, err error) {
	class := "{rate: 10 Mb/s"
	if t.Delayed {
		class += ", delay: 1 ms"
	}
	if t.Corrupt {
		class += ", corrupt: 1 %"
	}
	var switches, links strings.Builder
	for i, d := range t.Disciplines {
		fmt.Fprintf(&switches, ", q%d", i)
		fmt.Fprintf(&links, "  - {between: [s0, q%d], class: trunk, forward: {discipline: %s}}\n", i, d)
	}

	parsed, err := topology.Parse("examination", []byte(`
version: 1
name: examination
subnet: 10.9.0.0/16
switches: [s0, s1`+switches.String()+`]
hosts:
  - {name: a, address: 10.9.0.1, switch: s0}
  - {name: b, address: 10.9.0.2, switch: s1}
link-classes:
  trunk: `+class+`}
links:
  - {between: [s0, s1], class: trunk}
`+links.String()))
	if err != nil {
		return nil, err
	}

	parsed.IPv6 = t.IPv6

	n, err := emu.Build(ctx, parsed, t.Options)
	if err != nil {
		return nil, err
	}
	return n.Settings(), n.Close()
}
