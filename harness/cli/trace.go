package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"edgebed/harness/escape"
	"edgebed/harness/job"
	"edgebed/harness/record"
	"edgebed/harness/report/whole"
	"edgebed/harness/scenario"
	"edgebed/harness/testbed"
	"edgebed/harness/traceview"
	"edgebed/nodes/trace"
)

func traceCommand() *cobra.Command {
	var (
		flags     selectionFlags
		execution int
		workloads []string
		out       string
		allowExec bool
	)
	cmd := &cobra.Command{
		Use:   "trace SCENARIO [--execution K] [--workload FILE...]",
		Short: "Record one execution message by message, and draw it",
		Long: `Run one cell of a scenario up to its execution K (0 is the first after warm-ups),
record that one message by message and function by function from inside the
nodes, print the messages, and write to OUT:

  sequence.svg   a sequence diagram in the manner of the paper's Fig. 6-8 and 13-15
  timeline.svg   what each node ran and sent, to scale
  trace.json     for https://ui.perfetto.dev (or chrome://tracing): open the file there
  spans.json     OTLP JSON, for collectors and viewers of OpenTelemetry

The selection must leave one cell. All nodes of a cell share one process and its
clock: times of different hosts compare. Sizes are those of gRPC messages, with
5 bytes of framing and without HTTP/2, TCP and IP. Nothing is added to the
messages; recording costs the nodes some microseconds a call.`,
		Example: `  # How a chain of six functions runs with its states kept at the edge, at 10 Mb/s:
  edgebed trace exp400 --where 'panel=S=3,L=6' --where 'argument=10 kB' --where 'rate=10 Mb/s' --where model=state-local

  # A DAG whose states go straight to their next user:
  edgebed trace exp401 --where 'argument=10 kB' --where 'rate=10 Mb/s' --where model=state-prop-direct --out dag`,
		Args: oneScenario(&workloads),
		RunE: func(cmd *cobra.Command, args []string) error {
			plan, prepared, err := flags.prepare(args[0], append(workloads, args[1:]...))
			if err != nil {
				return usage(err)
			}
			if len(plan.Cells) > 1 {
				return usage(severalCells(plan))
			}
			if err := prepared.Allow(allowExec); err != nil {
				return usage(err)
			}
			job := prepared.Jobs[0]
			if !job.Cell.Alone() {
				return usage(fmt.Errorf("trace: the cell is under load (%s), and one execution is traced "+
					"that runs alone; leave clients and load out", job.Cell.LoadWords()))
			}
			if job.OfPrograms() {
				return usage(job.Cell.Programs[0].Pos.Errorf("trace: the executions are those of programs of others, " +
					"which nobody sees into; their logs are with the results of edgebed run"))
			}
			if err := job.Traceable(); err != nil {
				return usage(err)
			}
			if n := job.Executions(); execution < 0 || execution >= n {
				return usage(fmt.Errorf("trace: --execution %d: the cell has executions 0 to %d (profile %s)",
					execution, n-1, plan.Profile))
			}
			job.Trace = &execution
			if out == "" {
				out = filepath.Join("results", plan.Scenario.Name+"-trace", folderName(job.Cell.ID),
					fmt.Sprint(execution))
			}
			return runTrace(cmd, testbed.BackendOf(plan.Network), job, out)
		},
	}
	flags.add(cmd)
	cmd.Flags().IntVar(&execution, "execution", 0, "which execution of the cell to trace; those before it run, too")
	addWorkloads(cmd, &workloads)
	addConsent(cmd, &allowExec)
	cmd.Flags().StringVar(&out, "out", "",
		"folder for the files, which replace those of an earlier trace (default results/NAME-trace/CELL/K)")
	return cmd
}

// severalCells says which cells a selection leaves, and how to choose one.
func severalCells(plan *scenario.Plan) error {
	const most = 10
	var b strings.Builder
	fmt.Fprintf(&b, "trace: the selection leaves %d cells, and one is traced:", len(plan.Cells))
	for i, c := range plan.Cells {
		if i == most {
			fmt.Fprintf(&b, "\n  and %d more", len(plan.Cells)-most)
			break
		}
		fmt.Fprintf(&b, "\n  %s", c.ID)
	}
	fmt.Fprint(&b, "\nchoose one with")
	for _, a := range plan.Axes {
		if len(a.Values) > 1 {
			fmt.Fprintf(&b, " --where '%s=%s'", a.Name, a.Values[0])
		}
	}
	fmt.Fprint(&b, ", or other values, or with --filter")
	return errors.New(b.String())
}

// folderName makes a cell's identifier fit for a folder's name.
func folderName(id string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune("=.,-_", r):
			return r
		case r == ' ':
			return -1
		}
		return '_'
	}, id)
}

// runTrace runs the job and writes what was traced.
func runTrace(cmd *cobra.Command, backend testbed.Backend, j job.Job, out string) error {
	ctx := cmd.Context()
	if _, err := backend.Ready(ctx, []job.Job{j}); err != nil {
		return err
	}

	var (
		traced *trace.Trace
		last   record.Execution
		end    record.CellEnd
	)

	// What is said on the way comes from files; that nobody reads it does not end the trace.
	say := func(format string, args ...any) {
		fmt.Fprintln(cmd.ErrOrStderr(), escape.Terminal(fmt.Sprintf(format, args...)))
	}
	say("%s", j.Cell.ID)
	defer hold(ctx)()
	err := backend.Spawn(ctx, j, job.Reporter{
		Cell: func(record.Cell) error { return nil },
		Execution: func(e record.Execution) error {
			last = e
			result := "ok"
			if !e.OK {
				result = e.Reason
			}
			say("execution %d: %.1f ms, %s", e.Index, float64(e.DelayNS)/1e6, result)
			return nil
		},
		CellEnd: func(e record.CellEnd) error { end = e; return nil },
		Trace:   func(t trace.Trace) error { traced = &t; return nil },
	})

	if err != nil {
		return err
	}
	if traced == nil {
		return fmt.Errorf("trace %s: the worker sent no trace", j.Cell.ID)
	}

	if end.Audit != nil && end.Audit.Verdict == record.Disturbed {
		for _, f := range end.Audit.Findings {
			say("warning: the cell was disturbed: %v", f)
		}
	}

	if err := traceview.WriteTable(cmd.OutOrStdout(), traced); err != nil {
		return err
	}
	if err := writeTrace(cmd.OutOrStdout(), traced, out); err != nil {
		return fmt.Errorf("write trace: %w", err)
	}

	if !last.OK {
		return &exitError{exitIncomplete,
			fmt.Errorf("execution %d failed; the trace shows how far it came: %s", last.Index, last.Reason)}
	}
	return nil
}

// writeTrace writes the trace's files and lists them.
func writeTrace(list io.Writer, t *trace.Trace, dir string) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	for _, f := range []struct {
		name  string
		write func(io.Writer, *trace.Trace) error
	}{
		{"sequence.svg", traceview.WriteSequence},
		{"timeline.svg", traceview.WriteTimeline},
		{"trace.json", traceview.WriteChrome},
		{"spans.json", traceview.WriteOTLP},
	} {
		name := filepath.Join(dir, f.name)
		if err := whole.Write(name, func(w io.Writer) error { return f.write(w, t) }); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		fmt.Fprintln(list, name)
	}

	return nil
}
