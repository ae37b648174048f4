package testbed

import (
	"context"
	"io"
	"runtime"
	"slices"
	"time"

	"edgebed/harness/audit"
	"edgebed/harness/emu"
	"edgebed/harness/job"
	"edgebed/harness/program"
	"edgebed/harness/record"
	"edgebed/harness/scenario"
	"edgebed/nodes/clock"
	"edgebed/nodes/wire"
)

// Emulated builds a job's network of the kernel's devices. The calling process
// must be in a sandbox.
func Emulated(ctx context.Context, j *job.Job) (Network, error) {
	n, err := emu.Build(ctx, j.Topology(), optionsOf(j))
	if err != nil {
		return nil, err
	}
	return emulated{n}, nil
}

// optionsOf are what a job's cell asks of the network.
func optionsOf(j *job.Job) emu.Options {
	return emu.Options{
		Delay:             j.Cell.Topology.Delay,
		CongestionControl: j.Cell.Topology.CongestionControl,
		Sysctls:           j.Cell.Topology.Sysctls,
		Seed:              j.Cell.Seed,
		LiveDelay:         slices.ContainsFunc(j.Cell.Events, func(e scenario.Event) bool { return e.Links() }),
	}
}

// emulated is an emulated network as the testbed uses it.
type emulated struct{ *emu.Network }

// Kind implements Network.
func (n emulated) Kind() record.NetworkKind { return record.Emulated }

// Net implements Network.
func (n emulated) Net(host string) (wire.Net, error) { return n.Host(host) }

// ProgramHost implements programHosts.
func (n emulated) ProgramHost(host string) (program.Host, error) { return n.Host(host) }

// Clock implements Network: the computers' own threads.
func (n emulated) Clock() clock.Clock { return nil }

// Sleep implements Network, with the kernel's timer: Go's own is up to a
// millisecond late.
func (n emulated) Sleep(ctx context.Context, d time.Duration) error {
	return emu.Sleep(ctx, d)
}

// Capture implements Network.
func (n emulated) Capture(port string, w io.Writer, comment string) (StopCapture, error) {
	c, err := n.Network.Capture(port, w, comment)
	if err != nil {
		return nil, err
	}
	return func() (int64, error) {
		stats, err := c.Stop()
		return stats.Lost, err
	}, nil
}

// Living implements Network: the delay line is a process of its own.
func (n emulated) Living(ctx context.Context) (context.Context, context.CancelFunc) {
	relay := n.Relay()
	if relay == nil {
		return context.WithCancel(ctx)
	}
	living, end := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-relay.Done():
			end(relay.Err())
		case <-living.Done():
		}
	}()
	return living, func() { end(nil) }
}

// Rest implements Network: a collection inside an execution would show in its
// delay, so that there is one before each instead.
func (n emulated) Rest() { runtime.GC() }

// Watch implements Network.
func (n emulated) Watch(ctx context.Context, apart []int) (Watch, error) {
	busy, err := audit.ReadCPU()
	if err != nil {
		return nil, err
	}
	s, err := audit.Start(ctx, n.Network, apart)
	if err != nil {
		return nil, err
	}
	return &auditor{s, busy}, nil
}

// auditor is the audit as a Watch.
type auditor struct {
	*audit.Sampler
	began audit.CPU
}

// Findings implements Watch.
func (a *auditor) Findings(ctx context.Context) ([]record.Finding, error) {
	e, err := a.Evidence(ctx)
	if err != nil {
		return nil, err
	}
	return audit.Judge(e).Findings, nil
}

// Stop implements Watch.
func (a *auditor) Stop(ctx context.Context) (*record.Audit, float64, error) {
	e, err := a.Sampler.Stop(ctx)
	if err != nil {
		return nil, 0, err
	}
	now, err := audit.ReadCPU()
	if err != nil {
		return nil, 0, err
	}
	return audit.Judge(e), a.began.Busy(now), nil
}
