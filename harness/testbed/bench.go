package testbed

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"time"

	"edgebed/harness/emu"
	"edgebed/harness/job"
	"edgebed/harness/record"
	"edgebed/nodes/deploy"
)

// Bench is a cell that somebody touches by hand: its network, its nodes and the programs
// of others run, and executions are made when they are asked for. Nothing is recorded, and
// no audit watches. Its methods are called from one goroutine.
type Bench struct {
	setup   *setup
	network *emu.Network
}

// OpenBench starts the network, the nodes and the programs of a job. Links can be
// changed while they run. The calling process must be in a sandbox.
func OpenBench(ctx context.Context, j job.Job) (*Bench, error) {
	b := &Bench{}
	build := func(ctx context.Context, j *job.Job) (Network, error) {
		options := optionsOf(j)
		options.LiveDelay = true
		n, err := emu.Build(ctx, j.Topology(), options)
		if err != nil {
			return nil, err
		}
		b.network = n
		return emulated{n}, nil
	}

	var err error
	if b.setup, err = start(ctx, build, j); err != nil {
		return nil, err
	}
	if j.Cell.Execution.WarmUp {
		if err := b.setup.deployment.WarmUp(ctx, j.Cell.Execution.Form); err != nil {
			return nil, errors.Join(fmt.Errorf("warm up: %w", err), b.Close())
		}
	}
	return b, nil
}

// Network returns the emulated network. The Bench closes it.
func (b *Bench) Network() *emu.Network { return b.network }

// Deployment returns the nodes. The Bench closes them.
func (b *Bench) Deployment() *deploy.Deployment { return b.setup.deployment }

// Job returns what runs.
func (b *Bench) Job() *job.Job { return &b.setup.job }

// Execute makes an execution of a workflow that the nodes can run (Job.Runnable), under a
// number. Frames of other traffic that are still under way are no error here: there may be
// any.
func (b *Bench) Execute(ctx context.Context, index int, w job.Workflow) (record.Execution, error) {
	b.setup.answered = time.Time{}
	e, err := b.setup.execute(ctx, index, w)
	var restless *restlessError
	if errors.As(err, &restless) {
		err = nil
	}
	if err == nil {
		err = b.setup.measured(&e)
	}
	return e, err
}

// Machine is a host or a router of the network, on which programs can run.
type Machine interface {
	Do(fn func() error) error
	Start(*exec.Cmd) error
}

// Start starts a program on a machine, by its name, within the limit of a host that has one.
func (b *Bench) Start(name string, m Machine, cmd *exec.Cmd) error {
	if b.setup.limited.host(name) == nil {
		return m.Start(cmd)
	}
	return m.Do(func() error { return b.setup.groups.Start(job.OwnGroup(name), cmd) })
}

// States returns the sizes in bytes of the states on a host's state server, by name; none where it
// has no such server.
func (b *Bench) States(host string) (map[string]int, error) {
	sizes := b.setup.deployment.StateSizes(host)
	if h := b.setup.limited.host(host); h != nil {
		return sizes, h.process.Err()
	}
	return sizes, nil
}

// Close ends the programs, the nodes and the network.
func (b *Bench) Close() error { return b.setup.close() }
