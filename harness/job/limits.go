package job

import (
	"math"
	"slices"
	"time"

	"edgebed/harness/cgroup"
	"edgebed/harness/program"
	"edgebed/nodes/yamlfile"
)

// hostGroup begins the name of a host's control group; the names of programs, beside which the
// groups of hosts are, have no dot.
const hostGroup = "host."

// ownGroup is the group, within that of a limited host, of what has no group of its own; the
// names of programs begin with a letter.
const ownGroup = "/_own"

// HostGroup is the control group of everything on a host that has a limit.
func HostGroup(host string) string { return hostGroup + host }

// OwnGroup is that part of HostGroup in which the host's nodes are, and whatever is started there
// without limits of its own.
func OwnGroup(host string) string { return hostGroup + host + ownGroup }

// ProgramGroup is the control group that a program is to run in; empty where it needs none.
func (j *Job) ProgramGroup(p *program.Program) string {
	_, limited := j.HostLimit(p.Host)
	switch {
	case limited && p.Limits == (cgroup.Limits{}):
		return OwnGroup(p.Host)
	case limited:
		return HostGroup(p.Host) + "/" + p.Name
	case p.Limits == (cgroup.Limits{}):
		return ""
	}
	return p.Name
}

// Groups are the control groups that the job needs, with their limits, by name.
func (j *Job) Groups() map[string]cgroup.Limits {
	groups := map[string]cgroup.Limits{}
	for _, l := range j.Cell.Nodes.Limits {
		for _, host := range l.Hosts {
			groups[HostGroup(host)], groups[OwnGroup(host)] = cgroup.Limits{CPU: l.CPU}, cgroup.Limits{}
		}
	}
	for i := range j.Cell.Programs {
		p := &j.Cell.Programs[i]
		if p.Limits != (cgroup.Limits{}) {
			groups[j.ProgramGroup(p)] = p.Limits
		}
	}
	return groups
}

// HostLimit returns how many processors' time everything on a host has; false where it has any.
func (j *Job) HostLimit(host string) (cpu float64, limited bool) {
	for _, l := range j.Cell.Nodes.Limits {
		if slices.Contains(l.Hosts, host) {
			return l.CPU, true
		}
	}
	return 0, false
}

// LimitedHosts lists the hosts with a limit, in the topology's order.
func (j *Job) LimitedHosts() []string {
	var hosts []string
	for _, h := range j.topology.Hosts {
		if _, limited := j.HostLimit(h.Name); limited {
			hosts = append(hosts, h.Name)
		}
	}
	return hosts
}

// lastWork is more than what a host's nodes may still compute when a client has its answer: they
// acknowledge it, and collect garbage. A collection after executions with 1 MB took 3.4 to 10.8 ms
// on 2 cores of an AMD EPYC.
const lastWork = 15 * time.Millisecond

// LastWork is how long the weakest of the limited hosts may take for its last work after an
// answer, in whole periods of shares; 0 where no host has a limit.
func (j *Job) LastWork() time.Duration {
	var longest time.Duration
	for _, l := range j.Cell.Nodes.Limits {
		shares := math.Ceil(lastWork.Seconds() / (l.CPU * cgroup.Period.Seconds()))
		longest = max(longest, time.Duration(shares)*cgroup.Period)
	}
	return longest
}

// placeLimits checks the limits of hosts against the network and its programs.
func (j *Job) placeLimits(known func(yamlfile.Pos, string) error) error {
	var errs []error
	seen := map[string]bool{}
	for _, l := range j.Cell.Nodes.Limits {
		for k, host := range l.Hosts {
			at := l.Pos.At("hosts", k)
			if seen[host] {
				errs = append(errs, at.Errorf("host %s has a limit already", host))
			}
			seen[host] = true
			errs = append(errs, known(at, host))
		}
	}

	for i := range j.Cell.Programs {
		p := &j.Cell.Programs[i]
		if cpu, limited := j.HostLimit(p.Host); limited && p.Limits.CPU > cpu {
			errs = append(errs, p.Pos.At("limits", "cpu").Errorf(
				"program %s may have %g processors, and all on its host %s together %g; give it less, or the host more",
				p.Name, p.Limits.CPU, p.Host, cpu))
		}
	}
	return yamlfile.Join(errs...)
}

// Traceable refuses to look into the nodes of a job that are in processes of their own.
func (j *Job) Traceable() error {
	if limits := j.Cell.Nodes.Limits; len(limits) > 0 {
		l := &limits[0]
		return l.Pos.Errorf("trace: the nodes of host %s have a limit, and with it a process of their own that "+
			"nobody sees into; leave limits out", l.Hosts[0])
	}
	return nil
}
