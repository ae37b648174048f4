package job

import (
	"fmt"
	"net/netip"
	"strings"

	"edgebed/harness/program"
	"edgebed/nodes/yamlfile"
)

// Addresses returns the addresses of the hosts, by name.
func (j *Job) Addresses() map[string]netip.Addr {
	hosts := map[string]netip.Addr{}
	for _, h := range j.topology.Hosts {
		hosts[h.Name] = h.Address
	}
	return hosts
}

// OfPrograms reports whether the job's executions are those of programs of others, so
// that no workflow is run.
func (j *Job) OfPrograms() bool { return program.PerExecution(j.Cell.Programs) }

// ProgramExecution names an execution of programs: the programs, and its number.
func (j *Job) ProgramExecution(execution int) string {
	var names []string
	for _, p := range j.Cell.Programs {
		if p.Runs == program.Execution {
			names = append(names, p.Name)
		}
	}
	return fmt.Sprintf("%s %d", strings.Join(names, "+"), execution)
}

// KeepsFiles reports whether the job leaves files beside the records.
func (j *Job) KeepsFiles() bool { return len(j.Cell.Programs)+len(j.Cell.Capture.Of) > 0 }

// Allow gives the jobs the consent of whoever starts them to programs of others, or
// refuses jobs that need it and do not have it: a scenario may come from anywhere, and
// its programs run with the user's rights.
func (p *Prepared) Allow(consent bool) error {
	for i := range p.Jobs {
		j := &p.Jobs[i]
		if len(j.Cell.Programs) > 0 && !consent {
			first := &j.Cell.Programs[0]
			return first.Pos.Errorf("the scenario starts programs of others with your rights, such as %v; "+
				"look at them, and allow it with --allow-exec", first)
		}
		j.AllowExec = consent
	}
	return nil
}

// Startable checks that this machine has the programs of the jobs.
func Startable(jobs []Job) error {
	var errs []error
	seen := map[string]bool{}
	for i := range jobs {
		for _, err := range yamlfile.Each(program.Missing(jobs[i].Cell.Programs)) {
			if !seen[err.Error()] {
				errs = append(errs, err)
			}
			seen[err.Error()] = true
		}
	}
	return yamlfile.Join(errs...)
}

// placePrograms checks the cell's programs against the network.
func (j *Job) placePrograms() error {
	if len(j.Cell.Programs) == 0 {
		return nil
	}
	return program.Place(j.Cell.Programs, j.Addresses())
}

// programsUnderLoad refuses what programs of others cannot do in a cell under load, where
// nothing is of a single execution.
func (j *Job) programsUnderLoad() error {
	var errs []error
	for i := range j.Cell.Programs {
		p := &j.Cell.Programs[i]
		if p.Runs == program.Execution {
			errs = append(errs, p.Pos.At("runs").Errorf("program %s runs once in each execution, one after "+
				"the other, and the cell is under load; let it run as long as the cell, "+
				"or leave clients and load out", p.Name))
		} else if len(p.Quantities) > 0 {
			errs = append(errs, p.Pos.At("quantities").Errorf("what program %s measures is noted for "+
				"single executions, and the cell is under load; "+
				"leave quantities, or clients and load, out", p.Name))
		}
	}
	return yamlfile.Join(errs...)
}
