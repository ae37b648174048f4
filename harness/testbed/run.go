package testbed

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime/debug"
	"strings"
	"time"

	"edgebed/harness/apart"
	"edgebed/harness/cgroup"
	"edgebed/harness/job"
	"edgebed/harness/network"
	"edgebed/harness/program"
	"edgebed/harness/record"
	"edgebed/harness/scenario"
	"edgebed/nodes/client"
	"edgebed/nodes/cost"
	"edgebed/nodes/deploy"
	"edgebed/nodes/trace"
	"edgebed/nodes/workflow"
)

// quiet is how long no switch port may have moved a byte for an execution's
// traffic to count as complete: longer than Linux delays an ACK (40 ms). Weak hosts may take
// longer for their last work (Job.LastWork).
const quiet = 50 * time.Millisecond

// Run runs the job in the calling process, on the network that build makes. A
// failed execution is reported and is not an error.
func Run(ctx context.Context, build Build, j job.Job, report job.Reporter) error {
	// Collections inside an execution would show in its delay (see Network.Rest).
	defer debug.SetGCPercent(debug.SetGCPercent(apart.GCPercent))
	s, err := start(ctx, build, j)
	if err != nil {
		return err
	}
	err = s.whileLiving(ctx, func(ctx context.Context) error { return s.run(ctx, report) })
	closing := s.close()
	if s.ended {
		return err // and whatever closes complains of that
	}
	return errors.Join(err, closing)
}

// whileLiving does what needs the network, and the processes of limited hosts. Where one of them
// ends meanwhile its error says that: what fails then is no result.
func (s *setup) whileLiving(ctx context.Context, do func(context.Context) error) error {
	living, stop := s.network.Living(ctx)
	defer stop()
	living, forget := s.limited.living(living)
	defer forget()
	err := do(living)
	if err == nil || ctx.Err() != nil {
		return err
	}

	// An answer that did not come may be known before the end of who was asked.
	if ended := s.limited.ended(); ended != nil {
		s.ended = true
		return ended
	}
	if living.Err() != nil {
		s.ended = true
		return context.Cause(living)
	}
	return err
}

// setup is a cell's network with its nodes.
type setup struct {
	job        job.Job
	network    Network
	ended      bool // the network, or a host's process, before its time
	deployment *deploy.Deployment
	recorder   *trace.Recorder // nil where nothing is traced
	// cost is the software cost in full, with where it is from.
	cost string
	// groups are the control groups of programs and hosts with limits, limited those hosts;
	// nil where there are none.
	groups  *cgroup.Groups
	limited *limitedHosts
	// client is that of the last execution if the next one has the same.
	client deploy.ClientNode
	// before is the workflow that it executed, nil where there is no such client.
	before *workflow.Workflow
	// files is where logs go, programs are those of others; nil where there are none.
	files    *files
	programs *program.Set
	// capturer keeps frames; nil keeps none.
	capturer *capturer
	// answered is when the last execution had its answer: the pause before the
	// next one begins there.
	answered time.Time
}

func start(ctx context.Context, build Build, j job.Job) (*setup, error) {
	s := &setup{job: j}
	cfg, err := j.Deployment()
	if err != nil {
		return nil, err
	}
	if s.groups, err = cgroup.Open(); err != nil {
		return nil, err
	}
	s.network, err = build(ctx, &s.job)
	if err != nil {
		return nil, err
	}

	software, origin, err := j.Cell.Nodes.SoftwareCost.Model(string(s.network.Kind()))
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	s.cost = fmt.Sprintf("%v (%s)", software, origin)

	if j.Trace != nil {
		s.recorder = trace.New()
	}
	cfg.Cost, cfg.Trace, cfg.Clock = cost.NewCharger(software, s.network.Sleep), s.recorder, s.network.Clock()
	for i := range cfg.Hosts {
		h := &cfg.Hosts[i]
		if h.Net, err = s.network.Net(h.Name); err != nil {
			return nil, errors.Join(err, s.close())
		}
	}
	if err := s.startLimited(ctx, cfg.Hosts); err != nil {
		return nil, errors.Join(err, s.close())
	}

	err = s.whileLiving(ctx, func(ctx context.Context) (err error) {
		s.deployment, err = deploy.Start(ctx, cfg)
		return err
	})
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	if s.files, err = openFiles(&s.job); err != nil {
		return nil, errors.Join(err, s.close())
	}
	if s.capturer, err = newCapturer(&s.job); err != nil {
		return nil, errors.Join(err, s.close())
	}
	if err := s.startPrograms(ctx); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *setup) close() error {
	var errs []error
	if s.programs != nil {
		errs = append(errs, s.programs.Close())
	}
	errs = append(errs, s.files.close())
	// Nodes take leave of each other over the network. Where that has ended each would wait for
	// a timeout, and they end with the process.
	if s.deployment != nil && !s.ended {
		errs = append(errs, s.deployment.Close())
	}
	if closing := s.limited.close(); !s.ended {
		errs = append(errs, closing) // else it was said already why a process ended
	}
	if s.network != nil {
		errs = append(errs, s.network.Close())
	}
	return errors.Join(errs...)
}

func (s *setup) run(ctx context.Context, report job.Reporter) error {
	cell := s.job.Cell
	settings := s.network.Settings()
	maps.Copy(settings, map[string]string{
		"topology":          s.job.Topology().Name,
		"network":           string(s.network.Kind()),
		"form":              string(cell.Execution.Form),
		"software-cost":     s.cost,
		record.SettingCycle: cell.Execution.CycleWords(),
		"pause":             cell.Execution.Pause.String(),
		"timeout":           cell.Execution.Timeout.String(),
		"warm-up":           fmt.Sprint(cell.Execution.WarmUp),
		"discard":           fmt.Sprint(cell.Execution.Discard),
		"clients":           clients(cell.Execution.KeepClient),
		"verify":            fmt.Sprint(cell.Execution.Verify),
	})
	maps.Copy(settings, stateSettings(cell.Nodes.Computers))
	maps.Copy(settings, s.limited.settings())
	if !cell.Alone() {
		settings[record.SettingLoad], settings[record.SettingBytes] = cell.LoadWords(), record.BytesOfCell
		settings["clients"] = fmt.Sprintf("%d", cell.Clients.Number())
		delete(settings, record.SettingCycle)
	}
	if err := report.Cell(record.Cell{
		ID: cell.ID, Point: cell.Point, Seed: cell.Seed, Executions: s.job.Executions(), First: s.job.First,
		Started: time.Now(), Settings: settings, Network: s.job.Network(),
		Files: s.job.Files,
	}); err != nil {
		return err
	}

	watch, err := s.network.Watch(ctx, s.limited.processes())
	if err != nil {
		return err
	}
	defer watch.Close()

	if cell.Execution.WarmUp {
		if err := s.deployment.WarmUp(ctx, cell.Execution.Form); err != nil {
			return fmt.Errorf("warm up: %w", err)
		}
	}

	if err := s.limited.begin(); err != nil {
		return err
	}
	end := record.CellEnd{Cell: cell.ID, OK: true}
	if cell.Alone() {
		err = s.oneByOne(ctx, watch, report)
	} else {
		err = s.captured(&end, func() (err error) {
			end.Load, end.Events, err = s.underLoad(ctx, report)
			return err
		})
	}
	if err != nil {
		return err
	}

	if end.Audit, end.BusyCPU, err = watch.Stop(ctx); err != nil {
		return err
	}
	end.Ended, end.Programs = time.Now(), s.stopPrograms()
	if end.Limits, err = s.limited.used(); err != nil {
		return err
	}
	return report.CellEnd(end)
}

// oneByOne runs the executions of a cell one after the other, each with the network to
// itself.
func (s *setup) oneByOne(ctx context.Context, watch Watch, report job.Reporter) error {
	s.answered = time.Now()
	for k := range s.job.All() {
		if err := ctx.Err(); err != nil {
			return err
		}
		w, err := s.job.Workflow(k)
		if err != nil {
			return fmt.Errorf("execution %d: %w", k, err)
		}

		captures, err := s.beginCaptures(k, w.Name)
		if err != nil {
			return fmt.Errorf("execution %d: %w", k, err)
		}
		e, err := s.execute(ctx, k, w)
		var captureErr error
		e.Captures, captureErr = s.endCaptures(captures)
		var restless *restlessError
		if err != nil && !errors.As(err, &restless) {
			return fmt.Errorf("execution %d: %w", k, err)
		}
		if e.Findings, err = watch.Findings(ctx); err != nil {
			return err
		}

		if s.traces(k) && report.Trace != nil {
			// No frame is under way any more: the last answers are in, too.
			if err := report.Trace(s.recorder.Trace()); err != nil {
				return err
			}
		}

		lost := errors.Join(s.measured(&e), captureErr)
		if err := report.Execution(e); err != nil {
			return err
		}
		if lost != nil {
			return fmt.Errorf("execution %d: %w", k, lost)
		}
		if restless != nil {
			// The execution is on record; the next one would count its frames.
			return fmt.Errorf("execution %d: %w", k, restless)
		}
	}
	return nil
}

// stateSettings says where functions keep their states, and how they use them: one
// entry where all computers agree, else one for each.
func stateSettings(groups []scenario.ComputerGroup) map[string]string {
	states := network.Settings{}
	for _, g := range groups {
		for _, host := range g.Hosts {
			states.Put("state-host", host, cmp.Or(g.StateHost, "{host}"))
			states.Put("state-mode", host, string(cmp.Or(g.StateMode, scenario.StateArtifact)))
		}
	}
	settings := map[string]string{}
	states.Fold(settings)

	return settings
}

func clients(keep bool) string {
	if keep {
		return "one per cell"
	}
	return "one per execution"
}

// collect does, in all processes of the cell, what would disturb an execution.
func (s *setup) collect(ctx context.Context) error {
	s.network.Rest()
	return s.limited.rest(ctx)
}

// rest waits for the pause before an execution to end, and reads the counters of then:
// nothing else may be under way when the count begins.
func (s *setup) rest(ctx context.Context) (reading, error) {
	if err := s.collect(ctx); err != nil {
		return reading{}, err
	}
	if err := sleep(ctx, s.job.Cell.Execution.Pause-time.Since(s.answered)); err != nil {
		return reading{}, err
	}
	return s.read()
}

// execute runs one workflow and measures it. The error is for what the testbed
// itself could not do.
func (s *setup) execute(ctx context.Context, index int, w job.Workflow) (record.Execution, error) {
	if s.job.OfPrograms() {
		return s.runPrograms(ctx, index)
	}
	cell := s.job.Cell
	e := record.Execution{Cell: cell.ID, Index: index, WarmUp: index < 0, Workload: w.Name}
	if err := s.predict(&e, w.Workflow); err != nil {
		return e, err
	}

	before, err := s.rest(ctx)
	if err != nil {
		return e, err
	}

	c := s.client
	if c == nil {
		if c, err = s.deployment.NewClient(ctx); err != nil {
			return e, err
		}
	}
	verification, err := s.ask(ctx, c, &e, w)
	if err != nil {
		return e, errors.Join(err, c.Close())
	}
	before = before.plus(verification)

	s.client, s.before = c, w.Workflow
	if !cell.Execution.KeepClient || c.Spent() {
		s.client, s.before = nil, nil
		if err := c.Close(); err != nil {
			return e, err
		}
	}

	if !e.OK {
		// What is left of it is its own traffic, and not the next one's.
		if err := s.deployment.Settle(ctx); err != nil {
			if ctx.Err() == nil {
				err = &restlessError{0, err} // it is on record all the same
			}
			return e, err
		}
	}
	limit := settleLimit(s.job)
	if !e.OK {
		limit = failedLimit(s.job, w)
	}
	after, err := s.settle(ctx, limit)
	var restless *restlessError
	if errors.As(err, &restless) {
		e.OK = false
		e.Reason = joined(e.Reason, restless.Error())
	} else if err != nil {
		return e, err
	}
	account(&e, after.since(before))
	e.CycleNS = int64(cell.Execution.CycleTime(time.Duration(e.DelayNS)))

	return e, err
}

// predict notes what an execution must move, and the bound of its delay.
func (s *setup) predict(e *record.Execution, w *workflow.Workflow) error {
	prediction, exact, err := s.job.Predict(w, s.before)
	if err != nil {
		return err
	}
	if exact { // 0 stands for not known
		e.PayloadBytes = int64(prediction.Payload())
		e.PayloadHopBytes = int64(prediction.Weighted(s.job.Topology().Hops))
		e.PredictedTrunkBytes = int64(prediction.WireBytes(s.job.Topology().Hops))
		if e.Bound, err = s.job.Bound(w, s.before); err != nil {
			return err
		}
	}

	table1, err := workflow.Table1(w, s.job.Run())
	e.Table1Bytes = int64(table1)
	return err
}

// ask has the client execute the workflow, and notes how that ended. It returns
// what was counted for verification, which fetches states and is no part of the
// execution. The error is for what leaves nothing to measure.
func (s *setup) ask(
	ctx context.Context, c deploy.ClientNode, e *record.Execution, w job.Workflow,
) (reading, error) {
	cell := s.job.Cell
	e.Started = time.Now()
	running := ctx
	if s.traces(e.Index) {
		running = s.recorder.Begin(ctx, s.recorder.Node(cell.Nodes.Client, trace.Client),
			fmt.Sprintf("%s, execution %d", cell.ID, e.Index))
	}

	var unverified reading
	var verifying bool
	result, err := c.Execute(running, w.Workflow, s.job.Run(),
		client.Options{Verify: cell.Execution.Verify, Answered: func() (err error) {
			unverified, err = s.settle(ctx, settleLimit(s.job))
			verifying = err == nil
			return err
		}})
	s.answered = time.Now()
	s.recorder.End(result.UUID, err)
	if ctx.Err() != nil {
		return reading{}, ctx.Err()
	}

	e.OK = err == nil
	if err != nil {
		e.Reason = err.Error()
	}
	e.DelayNS = int64(result.Delay)
	e.Hops = result.Hops
	e.PTimeMS = result.PTime.Milliseconds()

	if !verifying {
		return reading{}, nil
	}
	verified, err := s.settle(ctx, settleLimit(s.job))
	return verified.since(unverified), err
}

// account notes what the network counted for an execution.
func account(e *record.Execution, counted reading) {
	passed := counted.ports
	e.SwitchBytes, e.SwitchPackets = passed.SentAll()
	e.TrunkBytes, e.TrunkPackets = passed.SentTrunks()
	e.Drops = passed.Drops()
	for _, p := range passed.Ports {
		e.Ports = append(e.Ports, record.Port{
			Name: p.Name, TxBytes: p.TxBytes, TxPackets: p.TxPackets, RxBytes: p.RxBytes, RxPackets: p.RxPackets,
		})
	}
	e.Retransmissions, e.ActiveOpens = counted.tcp.Retransmissions, counted.tcp.ActiveOpens
}

// traces tells whether an execution is the one to trace.
func (s *setup) traces(index int) bool { return s.job.Trace != nil && *s.job.Trace == index }

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

// joined is a reason with another one after it.
func joined(reason, more string) string { return strings.TrimPrefix(reason+"; "+more, "; ") }
