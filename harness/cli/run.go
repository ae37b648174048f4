package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"edgebed/harness/campaign"
	"edgebed/harness/record"
	"edgebed/harness/report"
	"edgebed/harness/sandbox"
	"edgebed/harness/scenario"
	"edgebed/harness/testbed"
)

// selectionFlags are the flags that choose cells of a scenario.
type selectionFlags struct {
	profile string
	set     []string
	where   []string
}

func (f *selectionFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.profile, "profile", "quick", "how much to run: a profile of the scenario")
	cmd.Flags().StringArrayVar(&f.set, "set", nil, "give a parameter a value, as `name=value`; repeatable")
	cmd.Flags().StringArrayVar(&f.where, "where", nil, "run only this value of an axis, as `axis=value`; repeatable")
}

func (f *selectionFlags) selection() (scenario.Selection, error) {
	sel := scenario.Selection{Profile: f.profile, Set: map[string]string{}, Where: map[string][]string{}}
	for _, s := range f.set {
		name, value, ok := strings.Cut(s, "=")
		if !ok {
			return sel, fmt.Errorf("--set %s: write it as name=value", s)
		}
		sel.Set[name] = value
	}
	for _, s := range f.where {
		axis, value, ok := strings.Cut(s, "=")
		if !ok {
			return sel, fmt.Errorf("--where %s: write it as axis=value", s)
		}
		sel.Where[axis] = append(sel.Where[axis], value)
	}
	return sel, nil
}

func runCommand() *cobra.Command {
	var (
		flags     selectionFlags
		out       string
		jobs      int
		workloads []string
		resume    bool
		dryRun    bool
	)
	cmd := &cobra.Command{
		Use:   "run SCENARIO [--workload FILE...]",
		Short: "Run a scenario: its cells, then figures and a report",
		Long: `Run a scenario, given by file or by the name of a built-in one ("edgebed list").

Records are appended to OUT/records.jsonl as executions end, so that a run that
is stopped at any moment loses nothing that was finished; --resume goes on with
the cells that are missing. When all cells are done, executions.csv, figures
(SVG and PNG) and report.md are written beside them; "edgebed report" makes them
again from the records alone.

With --workload, each cell executes the given workflows (JSON files in the
prototype's chain or DAG format) instead of generated ones.`,
		Example: `  edgebed run exp400
  edgebed run exp400 --profile paper --out results/exp400-paper
  edgebed run exp400 --where 'rate=1 Mb/s' --where model=state-local --dry-run
  edgebed run my-scenario.yaml --set variant=text --out results/mine
  edgebed run exp400 --set 'link-delay=0 ms' --where 'rate=10 Mb/s' --workload chains/*.json`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage(errors.New("run: name a scenario (see edgebed list)"))
			}
			if len(args) > 1 && len(workloads) == 0 {
				return usage(fmt.Errorf("run: one scenario at a time, got %s", strings.Join(args, ", ")))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			sel, err := flags.selection()
			if err != nil {
				return usage(err)
			}
			s, find, err := loadScenario(args[0])
			if err != nil {
				return usage(err)
			}
			plan, err := s.Expand(sel)
			if err != nil {
				return usage(err)
			}
			// A shell expands --workload *.json to one flag and arguments.
			files, err := testbed.ReadWorkflows(append(workloads, args[1:]...))
			if err != nil {
				return usage(err)
			}
			prepared, err := testbed.Prepare(plan, find, files)
			if err != nil {
				return usage(err)
			}
			if out == "" {
				out = filepath.Join("results", s.Name)
			}
			if dryRun {
				return describe(cmd, plan, prepared)
			}
			return runCampaign(cmd, plan, prepared, out, jobs, resume)
		},
	}
	flags.add(cmd)
	cmd.Flags().StringVar(&out, "out", "", "folder for records, figures and report (default results/NAME)")
	cmd.Flags().IntVar(&jobs, "jobs", 0, "largest number of cells at once (default: as many as their load allows)")
	cmd.Flags().StringArrayVar(&workloads, "workload", nil, "execute the workflow in this JSON `file` instead of generated ones; more may follow")
	cmd.Flags().BoolVar(&resume, "resume", false, "go on with a campaign that was stopped")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "print the cells and their expected time, and run nothing")
	return cmd
}

func describe(cmd *cobra.Command, plan *scenario.Plan, p *testbed.Prepared) error {
	var total time.Duration
	for _, job := range p.Jobs {
		total += job.Expected()
		fmt.Fprintf(cmd.OutOrStdout(), "%-80s %4d executions %8.1f s\n", job.Cell.ID, len(job.Workflows), job.Expected().Seconds())
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%d cells of %s, profile %s; %v if run one after another\n",
		len(p.Jobs), plan.Scenario.Name, plan.Profile, total.Round(time.Second))
	return nil
}

func runCampaign(cmd *cobra.Command, plan *scenario.Plan, p *testbed.Prepared, out string, jobs int, resume bool) error {
	ctx := cmd.Context()
	if err := sandbox.Probe(ctx, sandbox.Options{}); err != nil {
		return err
	}
	header := record.Campaign{
		Version:        record.Version,
		Scenario:       plan.Scenario.Name,
		Title:          plan.Scenario.Title,
		ScenarioSHA256: p.Hash,
		Profile:        plan.Profile,
		Parameters:     plan.Parameters,
		Started:        time.Now(),
		Axes:           plan.Axes,
		Figures:        plan.Scenario.Figures,
		Claims:         plan.Scenario.Claims,
		Cells:          len(p.Jobs),
		Machine:        record.MachineInfo(),
		Tool:           record.ToolInfo(),
	}
	for _, job := range p.Jobs {
		header.Executions += len(job.Workflows)
	}
	todo, w, err := openResults(out, header, p.Jobs, resume)
	if err != nil {
		return usage(err)
	}
	defer w.Close()
	view := newProgressView(cmd.ErrOrStderr())
	fmt.Fprintf(cmd.ErrOrStderr(), "%s, profile %s: %d cells to run, records in %s\n", plan.Scenario.Name, plan.Profile, len(todo), out)
	summary, err := campaign.Run(ctx, todo, w, campaign.Options{Worker: testbed.Spawn, Jobs: jobs, Progress: view.show})
	view.close()
	if err != nil {
		if ctx.Err() != nil {
			return &exitError{exitInterrupted, fmt.Errorf("interrupted after %d of %d cells; go on with --resume --out %s", summary.CellsDone, summary.Cells, out)}
		}
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	if err := writeReport(cmd, out); err != nil {
		return err
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%d of %d cells, %d executions, %d failed, %v\n",
		header.Cells-len(todo)+summary.CellsDone, header.Cells, summary.ExecutionsDone, summary.ExecutionsFailed, summary.Elapsed.Round(time.Second))
	if n := summary.CellsFailed + summary.ExecutionsFailed; n > 0 {
		return &exitError{exitIncomplete, fmt.Errorf("%d cells and %d executions failed; their reasons are in %s", summary.CellsFailed, summary.ExecutionsFailed, filepath.Join(out, "report.md"))}
	}
	return nil
}

// openResults opens the records of a new campaign, or of a stopped one, and
// returns the jobs that are still to do.
func openResults(out string, header record.Campaign, jobs []testbed.Job, resume bool) ([]testbed.Job, *record.Writer, error) {
	if resume {
		old, err := record.Read(out)
		switch {
		case errors.Is(err, os.ErrNotExist):
			// Nothing to resume: a new campaign.
		case errors.Is(err, record.ErrNoCampaign):
			// Stopped before its first record was whole.
			w, err := record.OpenAppend(out)
			if err != nil {
				return nil, nil, err
			}
			return jobs, w, w.Campaign(header)
		case err != nil:
			return nil, nil, err
		default:
			c := old.Campaign
			if c.ScenarioSHA256 != header.ScenarioSHA256 || c.Scenario != header.Scenario || c.Profile != header.Profile {
				return nil, nil, fmt.Errorf("resume %s: it holds %s, profile %s, of another version (%.12s, now %.12s); choose another --out",
					out, c.Scenario, c.Profile, c.ScenarioSHA256, header.ScenarioSHA256)
			}
			done := old.Complete()
			jobs = slices.DeleteFunc(slices.Clone(jobs), func(j testbed.Job) bool { return done[j.Cell.ID] })
			w, err := record.OpenAppend(out)
			if err != nil {
				return nil, nil, err
			}
			// Again: it says on which machine, and by which build, this part ran.
			return jobs, w, w.Campaign(header)
		}
	}
	w, err := record.Create(out)
	if err != nil {
		return nil, nil, err
	}
	return jobs, w, w.Campaign(header)
}

// writeReport makes everything that follows from the records.
func writeReport(cmd *cobra.Command, dir string) error {
	results, err := record.Read(dir)
	if err != nil {
		return err
	}
	for _, warning := range results.Warnings {
		fmt.Fprintln(cmd.ErrOrStderr(), "warning:", warning)
	}
	files, err := report.Write(dir, results)
	if err != nil {
		return err
	}
	for _, f := range files {
		fmt.Fprintln(cmd.OutOrStdout(), f)
	}
	return nil
}

// examineCommand is what testbed.Doctor starts; users have no reason to.
func examineCommand() *cobra.Command {
	return &cobra.Command{
		Use:    testbed.DoctorArg,
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return testbed.Examine(cmd.Context(), cmd.OutOrStdout())
		},
	}
}

// workerCommand is what testbed.Spawn starts; users have no reason to.
func workerCommand() *cobra.Command {
	return &cobra.Command{
		Use:    testbed.WorkerArg,
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return testbed.Main(context.WithoutCancel(cmd.Context()), os.Stdin, os.Stdout)
		},
	}
}
