package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"edgebed/harness/campaign"
	"edgebed/harness/escape"
	"edgebed/harness/job"
	"edgebed/harness/machine"
	"edgebed/harness/record"
	"edgebed/harness/report"
	"edgebed/harness/scenario"
	"edgebed/harness/testbed"
	"edgebed/nodes/yamlfile"
)

// selectionFlags are the flags that choose cells of a scenario.
type selectionFlags struct {
	profile string
	set     []string
	where   []string
	filter  string
	network string
	verify  bool
}

func (f *selectionFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.profile, "profile", "quick", "how much to run: a profile of the scenario")
	cmd.Flags().StringArrayVar(&f.set, "set", nil, "give a parameter a value, as `name=value`; repeatable")
	cmd.Flags().StringArrayVar(&f.where, "where", nil, "run only this value of an axis, as `axis=value`; repeatable")
	cmd.Flags().StringVar(&f.network, "network", "", "what makes the links: emulated (the kernel) or "+
		"virtual (computed, in virtual time); default: as the scenario says")
	cmd.Flags().StringVar(&f.filter, "filter", "",
		"run only cells whose identifier this regular `expression` matches, for instance part of it")
}

// expand returns the scenario's cells that the flags choose.
func (f *selectionFlags) expand(s *scenario.Scenario) (*scenario.Plan, error) {
	sel, err := f.selection()
	if err != nil {
		return nil, err
	}
	if f.network != "" {
		if err := scenario.CheckNetwork(sel.Network); err != nil {
			return nil, fmt.Errorf("--network: %w", err)
		}
	}

	plan, err := s.Expand(sel)
	if err != nil || plan.Broken || f.filter == "" {
		return plan, err
	}
	keep, err := regexp.Compile(f.filter)
	if err != nil {
		return nil, fmt.Errorf("--filter: %w", err)
	}
	all := len(plan.Cells)
	plan.Cells = slices.DeleteFunc(plan.Cells, func(c scenario.Cell) bool { return !keep.MatchString(c.ID) })
	if len(plan.Cells) == 0 {
		return nil, fmt.Errorf("--filter %s: none of the %d cells matches (see them with --dry-run)", f.filter, all)
	}
	return plan, nil
}

// prepare returns the plan and the jobs of the cells that the flags choose. They
// execute the workflows in the files, if any are given. Its error has all mistakes
// of all files.
func (f *selectionFlags) prepare(name string, workloads []string) (*scenario.Plan, *job.Prepared, error) {
	given, workloadErr := job.ReadWorkflows(workloads)
	s, find, err := loadScenario(name)
	if s == nil {
		return nil, nil, yamlfile.Join(err, workloadErr)
	}
	mistakes := []error{err, workloadErr}
	plan, err := f.expand(s)
	mistakes = append(mistakes, err)
	if plan == nil {
		return nil, nil, yamlfile.Join(mistakes...)
	}
	plan.Broken = plan.Broken || workloadErr != nil

	prepared, err := job.Prepare(plan, find.Read, given)
	if err := yamlfile.Join(append(mistakes, err)...); err != nil {
		return nil, nil, err
	}
	return plan, prepared, nil
}

// remark says what a topology of one form holds and another cannot.
func remark(cmd *cobra.Command, remarks []string) {
	for _, r := range remarks {
		fmt.Fprintln(cmd.ErrOrStderr(), "remark:", escape.Terminal(r))
	}
}

// oneScenario allows one scenario as the argument, and more arguments after
// --workload.
func oneScenario(workloads *[]string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return usage(fmt.Errorf("%s: name a scenario (see edgebed list)", cmd.Name()))
		}
		if len(args) > 1 && len(*workloads) == 0 {
			return usage(fmt.Errorf("%s: one scenario at a time, got %s", cmd.Name(), strings.Join(args, ", ")))
		}
		return nil
	}
}

func addWorkloads(cmd *cobra.Command, workloads *[]string) {
	cmd.Flags().StringArrayVar(workloads, "workload", nil,
		"execute the workflow in this JSON `file` instead of generated ones; more may follow")
}

// addConsent adds the flag by which the user allows a scenario's programs.
func addConsent(cmd *cobra.Command, allow *bool) {
	cmd.Flags().BoolVar(allow, "allow-exec", false,
		"start the programs that the scenario names, with your rights; look at them before")
}

// parseShard reads i/n.
func parseShard(text string) (i, n int, err error) {
	if text == "" {
		return 1, 1, nil
	}
	a, b, _ := strings.Cut(text, "/")
	i, errI := strconv.Atoi(a)
	n, errN := strconv.Atoi(b)
	if errI != nil || errN != nil || i < 1 || i > n || n > maxShards {
		return 0, 0, fmt.Errorf("--shard %s: write it as i/n with i from 1 to n, for instance 2/4", text)
	}
	return i, n, nil
}

func (f *selectionFlags) selection() (scenario.Selection, error) {
	sel := scenario.Selection{
		Profile: f.profile, Set: map[string]string{}, Where: map[string][]string{}, Verify: f.verify,
		Network: record.NetworkKind(f.network),
	}
	for _, s := range f.set {
		name, value, ok := strings.Cut(s, "=")
		if !ok {
			return sel, fmt.Errorf("--set %s: write it as name=value", s)
		}
		if _, again := sel.Set[name]; again {
			return sel, fmt.Errorf("--set %s: %s has a value already; give it one", s, name)
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
		o         runOptions
		workloads []string
		shard     string
		dryRun    bool
		allowExec bool
	)
	cmd := &cobra.Command{
		Use:   "run SCENARIO [--workload FILE...]",
		Short: "Run a scenario: its cells, then figures and a report",
		Long: `Run a scenario, given by file or by the name of a built-in one ("edgebed list").

Records are appended to OUT/records.jsonl as executions end, so that a run that
is stopped at any moment loses nothing that was finished; --resume goes on with
the executions that are missing. When all cells are done, executions.csv, figures
(SVG and PNG), report.html and report.md are written beside them; "edgebed
report" makes them again from the records alone.

Where the kernel lacks what the network's settings ask for, no cell is run: one
message says what is missing, and the records and the report say so too.

Cells run side by side as far as the machine keeps up. A cell whose audit finds
that it was disturbed is run again with fewer others beside it, then alone; if it
never passes it stays marked.

--shard i/n runs one of n parts, each on a machine of its own, and "edgebed merge"
puts the parts together.

With --json, stdout carries one JSON object a line, each with "event":
  campaign      scenario, profile, out, cells (to run)
  cell-started  cell
  execution     cell, execution (as in records.jsonl)
  cell-ended    cell, ok, verdict (faithful, disturbed, or none), reason
  cell-again    cell, reason why it is going to run again
  progress      once a second
  done          failures by cell, error

All but the first carry "progress": cells, cells_done, cells_failed, executions,
executions_done, executions_failed, running, faithful, disturbed, again, fraction
(0 to 1), elapsed_ns, left_ns.

With --workload, each cell executes the given workflows (JSON files in the
prototype's chain or DAG format) instead of generated ones.`,
		Example: `  edgebed run exp400
  edgebed run exp400 --profile paper --out results/exp400-paper
  edgebed run exp400 --where 'rate=1 Mb/s' --where model=state-local --dry-run
  edgebed run my-scenario.yaml --set variant=text --out results/mine
  edgebed run exp400 --set 'link-delay=0 ms' --where 'rate=10 Mb/s' --workload chains/*.json`,
		Args: oneScenario(&workloads),
		RunE: func(cmd *cobra.Command, args []string) error {
			i, n, err := parseShard(shard)
			if err != nil {
				return usage(err)
			}
			if err := errors.Join(
				inRange("jobs", o.jobs, 0, maxJobs),
				inRange("reruns", o.reruns, 0, maxReruns),
			); err != nil {
				return usage(err)
			}
			// A shell expands --workload *.json to one flag and arguments.
			plan, prepared, err := flags.prepare(args[0], append(workloads, args[1:]...))
			if err != nil {
				return usage(err)
			}
			if err := prepared.Allow(allowExec || dryRun); err != nil {
				return usage(err)
			}
			remark(cmd, prepared.Remarks)
			if o.out == "" {
				o.out = filepath.Join("results", plan.Scenario.Name)
			}
			o.backend = testbed.BackendOf(plan.Network)
			part := campaign.Shard(prepared.Jobs, i, n, o.backend.Expected)
			if dryRun {
				p := estimate(cmd.Context(), plan, part, o)
				if o.json {
					return writeJSON(cmd.OutOrStdout(), p)
				}
				return p.Write(cmd.OutOrStdout())
			}
			return runCampaign(cmd, plan, prepared, part, o)
		},
	}
	flags.add(cmd)
	cmd.Flags().BoolVar(&flags.verify, "verify", false,
		"let every execution prove that its functions used each state in causal order, or fail")
	cmd.Flags().StringVar(&o.out, "out", "", "folder for records, figures and report (default results/NAME)")
	cmd.Flags().IntVar(&o.reruns, "reruns", campaign.Reruns,
		"how often to run a cell again that the audit calls disturbed: with fewer neighbours, at last alone")
	cmd.Flags().IntVar(&o.jobs, "jobs", 0,
		"largest number of cells at once (default: as many as the machine keeps up with)")
	addConsent(cmd, &allowExec)
	addWorkloads(cmd, &workloads)
	cmd.Flags().BoolVar(&o.resume, "resume", false, "go on with a campaign that was stopped")
	cmd.Flags().StringVar(&shard, "shard", "",
		"run only part `i/n` of the cells, counted from 1: one of n that take about as long; see edgebed merge")
	cmd.Flags().BoolVar(&o.json, "json", false, "write events to stdout as JSON lines")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false,
		"print the cells with their expected time and traffic, and run nothing but a few seconds of virtual time "+
			"(see edgebed plan)")
	return cmd
}

// Limits of flags.
const (
	maxJobs   = 10_000
	maxReruns = 1000
	maxShards = 100_000
)

// inRange returns an error where a flag's value is not from least to most.
func inRange(flag string, v, least, most int) error {
	if v < least || v > most {
		return fmt.Errorf("--%s %d: expected %d to %d", flag, v, least, most)
	}
	return nil
}

// runOptions are how a campaign is run, beside what.
type runOptions struct {
	backend testbed.Backend
	out     string
	jobs    int
	reruns  int
	resume  bool
	json    bool
}

// lacksRoom tells that it is the file system that fails, or a limit of files: nothing is wrong with
// what was asked for.
func lacksRoom(err error) bool {
	return slices.ContainsFunc([]error{syscall.ENOSPC, syscall.EDQUOT, syscall.EIO, syscall.EFBIG},
		func(of error) bool { return errors.Is(err, of) })
}

// within returns the largest number of cells at once where the machine has room for most,
// 0 for any number.
func (o runOptions) within(most int) int {
	cores, _ := machine.Cores()
	switch {
	case most == 0, o.jobs > 0 && o.jobs <= most:
		return o.jobs
	case o.jobs == 0 && o.backend.Exact && float64(most) >= cores:
		return 0 // one for each core is the campaign's own choice
	}
	return most
}

func runCampaign(cmd *cobra.Command, plan *scenario.Plan, p *job.Prepared, part []job.Job, o runOptions) error {
	ctx := cmd.Context()
	most, err := o.backend.Ready(ctx, part)
	var lacking *testbed.SettingsError
	if err != nil && !errors.As(err, &lacking) {
		return err
	}
	o.jobs = o.within(most)

	header := campaign.Header(plan, p)
	header.Network = o.backend.Network
	header.Command = append([]string{"edgebed"}, os.Args[1:]...)

	work, err := o.backend.Calibrate(ctx)
	if err != nil {
		return err
	}
	header.CalibrationNS = work.Nanoseconds()

	opened, err := campaign.Open(o.out, header, part, campaign.OpenOptions{
		Resume: o.resume, Reruns: o.reruns, Whole: o.backend.Exact,
	})
	switch {
	case lacksRoom(err):
		return err
	case err != nil:
		return usage(err)
	}
	todo, w := opened.Jobs, opened.Writer
	if len(todo) == 0 {
		lacking = nil // nothing of it is needed any more
	}
	for i := range todo {
		todo[i].Results = o.out
	}
	defer w.Close()

	if warning := w.Warning(); warning != "" {
		fmt.Fprintln(cmd.ErrOrStderr(), "warning:", warning)
	}

	view := newProgressView(cmd.ErrOrStderr())
	events := newEventStream(cmd.OutOrStdout(), o.json)
	files := cmd.OutOrStdout()
	if o.json {
		files = io.Discard
	}

	fmt.Fprintf(cmd.ErrOrStderr(), "%s, profile %s, %s network: %d cells to run, records in %s\n",
		plan.Scenario.Name, plan.Profile, o.backend.Network, len(todo), o.out)
	events.begin(header, len(todo), o.out)

	release := hold(ctx)
	var summary campaign.Summary
	if lacking != nil {
		summary, err = campaign.Refuse(todo, w, lacking)
	} else {
		summary, err = campaign.Run(ctx, todo, w, campaign.Options{
			Worker: o.backend.Spawn, Jobs: o.jobs, Reruns: o.reruns, Disturbed: opened.Disturbed,
			Expected: o.backend.Expected, Exact: o.backend.Exact,
			Observe: func(e campaign.Event) {
				view.show(e)
				events.pass(e)
			},
		})
	}

	release()
	view.close()
	events.end(summary, err)
	if err != nil {
		if ctx.Err() != nil {
			return &exitError{exitInterrupted,
				fmt.Errorf("interrupted after %d of %d cells; go on with --resume --out %s",
					summary.CellsDone, summary.Cells, o.out)}
		}
		return err
	}

	if err := w.Close(); err != nil {
		return err
	}
	results, err := readResults(cmd, o.out)
	if err != nil {
		return err
	}
	missing, err := writeReport(cmd, o.out, results, files)
	if err != nil {
		return err
	}
	if err := missingFigures(cmd, missing, ""); err != nil {
		return err
	}

	fmt.Fprintf(files, "%d of %d cells, %d executions, %d failed, %v\n",
		len(part)-len(todo)+summary.CellsDone, len(part),
		summary.ExecutionsDone, summary.ExecutionsFailed, summary.Elapsed.Round(time.Second))
	if lacking != nil {
		fmt.Fprintf(cmd.ErrOrStderr(), "no cell was run; run --resume --out %s where nothing is missing\n", o.out)
		return &exitError{exitIncomplete, lacking}
	}
	if n := summary.CellsFailed + summary.ExecutionsFailed; n > 0 {
		return &exitError{exitIncomplete,
			fmt.Errorf("%d cells and %d executions failed; their reasons are in %s, and each of them in %s",
				summary.CellsFailed, summary.ExecutionsFailed, filepath.Join(o.out, "report.md"),
				filepath.Join(o.out, "executions.csv"))}
	}
	return nil
}

// readResults reads the records of a folder, and says what is odd about them.
func readResults(cmd *cobra.Command, dir string) (*record.Results, error) {
	results, err := record.Read(dir)
	if err != nil {
		return nil, err
	}
	warn(cmd, results)
	return results, nil
}

// warn says what is odd about records.
func warn(cmd *cobra.Command, results *record.Results) {
	for _, warning := range results.Warnings {
		fmt.Fprintln(cmd.ErrOrStderr(), "warning:", escape.Terminal(warning))
	}
}

// writeReport makes everything that follows from the records, and lists the
// files. It returns why figures are not among them.
func writeReport(cmd *cobra.Command, dir string, results *record.Results, list io.Writer) ([]error, error) {
	files, missing, err := report.Write(dir, results)
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		fmt.Fprintln(list, f)
	}
	return missing, nil
}

// examineCommand is what testbed.Doctor starts; users have no reason to.
func examineCommand() *cobra.Command {
	return &cobra.Command{
		Use:    testbed.DoctorArg,
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return testbed.Examine(cmd.Context(), args[0], cmd.OutOrStdout())
		},
	}
}

// calibrateCommand is what testbed.Calibrate starts; users have no reason to.
func calibrateCommand() *cobra.Command {
	return &cobra.Command{
		Use:    testbed.CalibrateArg,
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			took, err := testbed.RoundTrip(cmd.Context())
			if err == nil {
				fmt.Fprintln(cmd.OutOrStdout(), took)
			}
			return err
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
			defer hold(cmd.Context())()
			return testbed.Main(context.WithoutCancel(cmd.Context()), os.Stdin, os.Stdout)
		},
	}
}
