package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"edgebed/harness/campaign"
	"edgebed/harness/job"
	"edgebed/harness/machine"
	"edgebed/harness/record"
	"edgebed/harness/scenario"
	"edgebed/harness/testbed"
)

func planCommand() *cobra.Command {
	var (
		flags     selectionFlags
		o         runOptions
		workloads []string
	)
	cmd := &cobra.Command{
		Use:   "plan SCENARIO [--workload FILE...]",
		Short: "Say which cells a scenario has, what they take, and what this machine lacks",
		Long: `Say which cells a scenario has and, about, how long each takes and what its switches
send; then how long all take one after another and side by side, the memory of those
that run at once, and what this machine lacks to run them. Nothing is run but, where the worker for
virtual time is there, a few seconds of the cells in it.

With --json the same as JSON: times in nanoseconds, sizes in bytes.`,
		Example: `  edgebed plan exp400 --profile paper
  edgebed plan mine.yaml --network virtual --json`,
		Args: oneScenario(&workloads),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := inRange("jobs", o.jobs, 0, maxJobs); err != nil {
				return usage(err)
			}
			plan, prepared, err := flags.prepare(args[0], append(workloads, args[1:]...))
			if err != nil {
				return usage(err)
			}
			remark(cmd, prepared.Remarks)
			o.backend = testbed.BackendOf(plan.Network)

			p := estimate(cmd.Context(), plan, prepared.Jobs, o)
			if _, err := o.backend.Ready(cmd.Context(), prepared.Jobs); err != nil {
				p.Lacks = err.Error()
			} else if memory, limited := machine.MemoryLimit(); limited && memory.Allowed < p.MemoryBytes {
				p.Lacks = fmt.Sprintf("memory for as many cells at once: %.0f MB are allowed; %s, or fewer run",
					float64(memory.Allowed)/1e6, memory.Setting)
			}
			if o.json {
				return writeJSON(cmd.OutOrStdout(), p)
			}
			if err := p.Write(cmd.OutOrStdout()); err != nil {
				return err
			}
			lacks := "this machine has what it needs"
			if p.Lacks != "" {
				lacks = "this machine lacks: " + p.Lacks
			}
			fmt.Fprintf(cmd.OutOrStdout(), "about %.0f MB of memory; %s\n", float64(p.MemoryBytes)/1e6, lacks)
			return nil
		},
	}
	flags.add(cmd)
	addWorkloads(cmd, &workloads)
	cmd.Flags().IntVar(&o.jobs, "jobs", 0,
		"largest number of cells at once (default: as many as the machine keeps up with)")
	cmd.Flags().BoolVar(&o.json, "json", false, "the same as JSON")
	return cmd
}

// foretelling is how long may be spent on finding out how long a campaign takes.
const foretelling = 5 * time.Second

// estimate returns the plan of the jobs of a scenario. What emulated links take is told
// from a few executions in virtual time.
func estimate(ctx context.Context, plan *scenario.Plan, jobs []job.Job, o runOptions) campaign.Plan {
	if o.backend.Network == record.Emulated {
		o.backend.Expected = testbed.Foretell(ctx, jobs, foretelling)
	}
	p := campaign.Estimate(jobs, campaign.Options{
		Jobs: o.jobs, Expected: o.backend.Expected, Exact: o.backend.Exact,
	})
	p.Scenario, p.Profile = plan.Scenario.Name, plan.Profile
	return p
}
