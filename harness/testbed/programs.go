package testbed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"edgebed/harness/emu"
	"edgebed/harness/network"
	"edgebed/harness/program"
	"edgebed/harness/record"
)

// programHosts is a Network on whose hosts programs of others, and processes with the nodes of
// limited hosts, can run.
type programHosts interface {
	// ProgramHost is the named host.
	ProgramHost(name string) (program.Host, error)
}

// programFolder is where programs have their folders: the sandbox's own file system in
// memory.
const programFolder = "/run"

// startPrograms starts the programs of others that run as long as the cell.
func (s *setup) startPrograms(ctx context.Context) (err error) {
	list := s.job.Cell.Programs
	if len(list) == 0 {
		return nil
	}
	if !s.job.AllowExec {
		return list[0].Pos.Errorf("%v: the job has no consent to programs of others (--allow-exec)", &list[0])
	}
	hosts, ok := s.network.(programHosts)
	if !ok {
		return list[0].Pos.Errorf("%v: %w", &list[0], network.Virtual().Can(network.Programs))
	}

	addresses := s.job.Addresses()
	if err := program.NameHosts(emu.HostAddresses(s.job.Topology())); err != nil {
		return err
	}
	s.programs, err = program.Open(list, program.Options{
		Host: hosts.ProgramHost, Groups: s.groups, Group: s.job.ProgramGroup,
		Addresses: addresses, Seed: s.job.Cell.Seed, Dir: programFolder,
		Log: func(name string) (io.WriteCloser, error) { return s.files.create(name + ".log") },
	})
	if err != nil {
		return err
	}
	return s.programs.Start(ctx)
}

// runPrograms makes one execution of those programs of others that run once in each,
// and measures it as executions of workflows are.
func (s *setup) runPrograms(ctx context.Context, index int) (record.Execution, error) {
	cell := s.job.Cell
	e := record.Execution{Cell: cell.ID, Index: index, WarmUp: index < 0, Workload: s.job.ProgramExecution(index)}

	before, err := s.rest(ctx)
	if err != nil {
		return e, err
	}

	e.Started = time.Now()
	running, cancel := context.WithTimeoutCause(ctx, cell.Execution.Timeout,
		fmt.Errorf("the execution's timeout of %v is over", cell.Execution.Timeout))
	outcomes, err := s.programs.Execute(running, index)
	cancel()
	s.answered = time.Now()
	if ctx.Err() != nil {
		return e, ctx.Err()
	}
	e.DelayNS = int64(s.answered.Sub(e.Started))
	e.OK = err == nil
	if err != nil {
		e.Reason = err.Error()
	}
	e.Programs = programRecords(outcomes)

	after, err := s.settle(ctx, settleLimit(s.job))
	var restless *restlessError
	if errors.As(err, &restless) {
		e.OK, e.Reason = false, joined(e.Reason, restless.Error())
	} else if err != nil {
		return e, err
	}
	account(&e, after.since(before))
	e.CycleNS = int64(cell.Execution.CycleTime(time.Duration(e.DelayNS)))
	return e, err
}

// measured notes what programs of others measured during an execution, and that all run
// that should.
func (s *setup) measured(e *record.Execution) error {
	if s.programs == nil {
		return nil
	}
	e.Quantities = s.programs.Take()
	return s.programs.Failed()
}

// stopPrograms ends the programs of others, and says how they ended.
func (s *setup) stopPrograms() []record.Program {
	if s.programs == nil {
		return nil
	}
	return programRecords(s.programs.Stop())
}

// programRecords are outcomes as the records have them.
func programRecords(outcomes []program.Outcome) []record.Program {
	var list []record.Program
	for _, o := range outcomes {
		list = append(list, record.Program{
			Name: o.Name, Host: o.Host, Code: o.Code, Stopped: o.Stopped, Restarts: o.Restarts, Reason: o.Reason,
			TookNS: int64(o.Took),
		})
	}
	return list
}
