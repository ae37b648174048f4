package testbed

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"runtime/debug"
	"time"

	"edgebed/harness/audit"
	"edgebed/harness/emu"
	"edgebed/harness/job"
	"edgebed/harness/record"
	"edgebed/nodes/client"
	"edgebed/nodes/deploy"
	"edgebed/nodes/trace"
	"edgebed/nodes/workflow"
)

// quiet is how long no switch port may have moved a byte for an execution's
// traffic to count as complete: longer than Linux delays an ACK (40 ms).
const quiet = 50 * time.Millisecond

// settleLimit bounds the wait for quiet.
const settleLimit = 10 * time.Second

// Run runs the job in the calling process, which must be in a sandbox. A failed
// execution is reported and is not an error.
func Run(ctx context.Context, j job.Job, report job.Reporter) error {
	// Collections inside an execution would show in its delay; there is one
	// before each instead.
	defer debug.SetGCPercent(debug.SetGCPercent(800))
	b, err := build(ctx, j)
	if err != nil {
		return err
	}
	err = b.run(ctx, report)
	return errors.Join(err, b.close())
}

// bench is a cell's network with its nodes.
type bench struct {
	job        job.Job
	network    *emu.Network
	deployment *deploy.Deployment
	recorder   *trace.Recorder // nil where nothing is traced
	// kept is the client of the last execution if the next one has the same.
	kept *client.Client
	// answered is when the last execution had its answer: the pause before the
	// next one begins there.
	answered time.Time
}

func build(ctx context.Context, j job.Job) (*bench, error) {
	b := &bench{job: j}
	computers, err := j.Computers()
	if err != nil {
		return nil, err
	}
	b.network, err = emu.Build(ctx, j.Topology(), emu.Options{
		Delay:             j.Cell.Topology.Delay,
		CongestionControl: j.Cell.Topology.CongestionControl,
		Sysctls:           j.Cell.Topology.Sysctls,
		Seed:              j.Cell.Seed,
	})
	if err != nil {
		return nil, err
	}
	if j.Trace != nil {
		b.recorder = trace.New()
	}
	cfg := deploy.Config{
		Client:      j.Cell.Nodes.Client,
		Controller:  j.Cell.Nodes.Controller,
		Computers:   computers,
		Timeout:     j.Cell.Execution.Timeout,
		CallTimeout: j.Cell.Execution.Timeout,
		Seed:        j.Cell.Seed,
		Trace:       b.recorder,
	}
	for _, spec := range j.Topology().Hosts {
		h, err := b.network.Host(spec.Name)
		if err != nil {
			return nil, errors.Join(err, b.close())
		}
		cfg.Hosts = append(cfg.Hosts, deploy.Host{Name: spec.Name, Address: spec.Address, Net: costly{h, j.Cell.Nodes.ConnectionCost}})
	}
	if b.deployment, err = deploy.Start(ctx, cfg); err != nil {
		return nil, errors.Join(err, b.close())
	}
	return b, nil
}

func (b *bench) close() error {
	var errs []error
	if b.deployment != nil {
		errs = append(errs, b.deployment.Close())
	}
	if b.network != nil {
		errs = append(errs, b.network.Close())
	}
	return errors.Join(errs...)
}

func (b *bench) run(ctx context.Context, report job.Reporter) error {
	cell := b.job.Cell
	settings := b.network.Settings()
	maps.Copy(settings, map[string]string{
		"topology":        b.job.Topology().Name,
		"form":            string(cell.Execution.Form),
		"connection-cost": cell.Nodes.ConnectionCost.String(),
		"pause":           cell.Execution.Pause.String(),
		"timeout":         cell.Execution.Timeout.String(),
		"warm-up":         fmt.Sprint(cell.Execution.WarmUp),
		"discard":         fmt.Sprint(cell.Execution.Discard),
		"clients":         clients(cell.Execution.KeepClient),
	})
	busy, err := audit.ReadCPU()
	if err != nil {
		return err
	}
	if err := report.Cell(record.Cell{
		ID: cell.ID, Point: cell.Point, Seed: cell.Seed, Executions: b.job.Executions(), First: b.job.First,
		Started: time.Now(), Settings: settings,
	}); err != nil {
		return err
	}
	watch, err := audit.Start(ctx, b.network)
	if err != nil {
		return err
	}
	defer watch.Close()
	if cell.Execution.WarmUp {
		if err := b.deployment.WarmUp(ctx); err != nil {
			return fmt.Errorf("warm up: %w", err)
		}
	}
	b.answered = time.Now()
	for k := range b.job.All() {
		if err := ctx.Err(); err != nil {
			return err
		}
		w, err := b.job.Workflow(k)
		if err != nil {
			return fmt.Errorf("execution %d: %w", k, err)
		}
		e, err := b.execute(ctx, k, w)
		if err != nil {
			return fmt.Errorf("execution %d: %w", k, err)
		}
		so, err := watch.Evidence(ctx)
		if err != nil {
			return err
		}
		e.Findings = audit.Judge(so).Findings
		if b.traces(k) && report.Trace != nil {
			// No frame is under way any more: the last answers are in, too.
			if err := report.Trace(b.recorder.Trace()); err != nil {
				return err
			}
		}
		if err := report.Execution(e); err != nil {
			return err
		}
	}
	evidence, err := watch.Stop(ctx)
	if err != nil {
		return err
	}
	now, err := audit.ReadCPU()
	if err != nil {
		return err
	}
	return report.CellEnd(record.CellEnd{
		Cell: cell.ID, Ended: time.Now(), OK: true, BusyCPU: busy.Busy(now), Audit: audit.Judge(evidence),
	})
}

func clients(keep bool) string {
	if keep {
		return "one per cell"
	}
	return "one per execution"
}

// execute runs one workflow and measures it. The error is
// for what the testbed itself could not do.
func (b *bench) execute(ctx context.Context, index int, w job.Workflow) (record.Execution, error) {
	cell := b.job.Cell
	e := record.Execution{Cell: cell.ID, Index: index, WarmUp: index < 0, Workload: w.Name}
	prediction, exact, err := b.job.Predict(w.Workflow)
	if err != nil {
		return e, err
	}
	if exact { // 0 stands for not known
		e.PayloadBytes = int64(prediction.Payload())
		e.PayloadHopBytes = int64(prediction.Weighted(b.job.Topology().Hops))
		e.PredictedTrunkBytes = int64(prediction.WireBytes(b.job.Topology().Hops))
		if e.Bound, err = b.job.Bound(w.Workflow); err != nil {
			return e, err
		}
	}
	table1, err := workflow.Table1(w.Workflow, cell.Execution.Model, cell.Execution.Form, cell.Workload.Argument)
	if err != nil {
		return e, err
	}
	e.Table1Bytes = int64(table1)
	runtime.GC()
	if err := sleep(ctx, cell.Execution.Pause-time.Since(b.answered)); err != nil {
		return e, err
	}
	before, err := b.network.Counters()
	if err != nil {
		return e, err
	}
	tcpBefore, err := b.tcp()
	if err != nil {
		return e, err
	}
	c := b.kept
	if c == nil {
		if c, err = b.deployment.NewClient(ctx); err != nil {
			return e, err
		}
	}
	e.Started = time.Now()
	running := ctx
	if b.traces(index) {
		running = b.recorder.Begin(ctx, b.recorder.Node(cell.Nodes.Client, trace.Client), fmt.Sprintf("%s, execution %d", cell.ID, index))
	}
	result, err := c.Execute(running, w.Workflow, cell.Execution.Model, cell.Execution.Form, cell.Workload.Argument,
		client.Options{Verify: cell.Execution.Verify})
	b.answered = time.Now()
	b.recorder.End(result.UUID, err)
	if ctx.Err() != nil {
		return e, errors.Join(ctx.Err(), c.Close())
	}
	e.OK = err == nil
	if err != nil {
		e.Reason = err.Error()
	}
	e.DelayNS = int64(result.Delay)
	e.Hops = result.Hops
	e.PTimeMS = result.PTime.Milliseconds()
	if b.kept = c; !cell.Execution.KeepClient || c.Spent() {
		b.kept = nil
		if err := c.Close(); err != nil {
			return e, err
		}
	}
	settle, cancel := context.WithTimeout(ctx, settleLimit)
	defer cancel()
	counters, err := b.network.Idle(settle, quiet)
	if err != nil {
		return e, fmt.Errorf("wait for the last frames: %w", err)
	}
	tcp, err := b.tcp()
	if err != nil {
		return e, err
	}
	passed := counters.Sub(before)
	e.SwitchBytes, e.SwitchPackets = passed.Sent(false)
	e.TrunkBytes, e.TrunkPackets = passed.Sent(true)
	e.Drops = passed.Drops()
	for _, p := range passed.Ports {
		e.Ports = append(e.Ports, record.Port{
			Name: p.Name, TxBytes: p.TxBytes, TxPackets: p.TxPackets, RxBytes: p.RxBytes, RxPackets: p.RxPackets,
		})
	}
	e.Retransmissions = tcp.retransmissions - tcpBefore.retransmissions
	e.ActiveOpens = tcp.activeOpens - tcpBefore.activeOpens
	e.CycleNS = int64(cell.Execution.Pause + result.Delay)
	return e, nil
}

// traces tells whether an execution is the one to trace.
func (b *bench) traces(index int) bool { return b.job.Trace != nil && *b.job.Trace == index }

// tcpCounters are sums over all hosts.
type tcpCounters struct{ retransmissions, activeOpens int64 }

func (b *bench) tcp() (tcpCounters, error) {
	var sum tcpCounters
	for _, h := range b.network.Hosts() {
		c, err := h.TCP()
		if err != nil {
			return sum, err
		}
		sum.retransmissions += c["RetransSegs"]
		sum.activeOpens += c["ActiveOpens"]
	}
	return sum, nil
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
