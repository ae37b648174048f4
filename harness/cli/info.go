package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"edgebed/harness/emu"
	"edgebed/harness/record"
	"edgebed/harness/sandbox"
	"edgebed/harness/testbed"
	"edgebed/scenarios"
	"edgebed/topologies"
)

func reportCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "report DIR",
		Short: "Make CSV files, figures and report again from a folder's records",
		Long: `Make executions.csv, the figures and report.md again from DIR/records.jsonl.
It needs no privilege and no network, and works on any machine.`,
		Args: exactly(1, "a result folder"),
		RunE: func(cmd *cobra.Command, args []string) error { return writeReport(cmd, args[0], cmd.OutOrStdout()) },
	}
}

func validateCommand() *cobra.Command {
	var flags selectionFlags
	cmd := &cobra.Command{
		Use:   "validate SCENARIO",
		Short: "Check a scenario and its topology without running anything",
		Args:  exactly(1, "a scenario"),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, find, err := loadScenario(args[0])
			if err != nil {
				return usage(err)
			}
			plan, err := flags.expand(s)
			if err != nil {
				return usage(err)
			}
			p, err := testbed.Prepare(plan, find, nil)
			if err != nil {
				return usage(err)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s: fine, %d cells in profile %s\n", s.File, len(p.Jobs), plan.Profile)
			return nil
		},
	}
	flags.add(cmd)
	return cmd
}

func listCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the built-in scenarios and topologies",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			w := cmd.OutOrStdout()
			fmt.Fprintln(w, "scenarios:")
			for _, name := range builtinNames(scenarios.Files) {
				s, _, err := loadScenario(name)
				if err != nil {
					return err
				}
				fmt.Fprintf(w, "  %-16s %s\n", name, s.Description)
			}
			fmt.Fprintln(w, "topologies:")
			for _, name := range builtinNames(topologies.Files) {
				data, err := topologies.Files.ReadFile(name + ".yaml")
				if err != nil {
					return err
				}
				t, err := emu.ParseTopology(name+".yaml", data)
				if err != nil {
					return err
				}
				fmt.Fprintf(w, "  %-16s %s\n", name, t.Description)
			}
			return nil
		},
	}
}

func showCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show NAME",
		Short: "Print a built-in scenario or topology, to copy and change",
		Args:  exactly(1, "a scenario or topology"),
		RunE: func(cmd *cobra.Command, args []string) error {
			data, _, err := builtin(args[0], "scenario", scenarios.Files)
			if err != nil {
				var topologyErr error
				if data, _, topologyErr = builtinTopology(args[0]); topologyErr != nil {
					return usage(errors.Join(err, topologyErr))
				}
			}
			_, err = cmd.OutOrStdout().Write(data)
			return err
		},
	}
}

func workloadCommand() *cobra.Command {
	var flags selectionFlags
	var out string
	cmd := &cobra.Command{
		Use:   "workload SCENARIO",
		Short: "Export the workflows that a scenario's cells execute",
		Long: `Write the workflows of the selected cells as JSON files in the prototype's chain
or DAG format, one per workflow. "edgebed run --workload" executes such files,
and so does the prototype's client. The same workflow is in the cells of every
model and rate, and is written once.`,
		Args: exactly(1, "a scenario"),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, find, err := loadScenario(args[0])
			if err != nil {
				return usage(err)
			}
			plan, err := flags.expand(s)
			if err != nil {
				return usage(err)
			}
			p, err := testbed.Prepare(plan, find, nil)
			if err != nil {
				return usage(err)
			}
			if err := os.MkdirAll(out, 0o755); err != nil {
				return fmt.Errorf("create folder for workflows: %w", err)
			}
			written := map[string]bool{}
			for _, job := range p.Jobs {
				for _, w := range job.Workflows {
					if written[w.Name] {
						continue
					}
					written[w.Name] = true
					data, err := w.Workflow.MarshalJSON()
					if err != nil {
						return err
					}
					file := filepath.Join(out, w.Name+".json")
					if err := os.WriteFile(file, append(data, '\n'), 0o644); err != nil {
						return fmt.Errorf("write workflow: %w", err)
					}
				}
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%d workflows in %s\n", len(written), out)
			return nil
		},
	}
	flags.add(cmd)
	cmd.Flags().StringVar(&out, "out", "workload", "folder for the files")
	return cmd
}

func doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Say what this machine offers to the emulation, and what is missing",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			w := cmd.OutOrStdout()
			m := record.MachineInfo()
			fmt.Fprintf(w, "machine: %s, %d cores, kernel %s\n", m.CPU, m.Cores, m.Kernel)
			if err := sandbox.Probe(cmd.Context(), sandbox.Options{}); err != nil {
				fmt.Fprintf(w, "sandbox: not available: %v\n", err)
				return errors.New("this machine cannot run the emulation")
			}
			how := "as root"
			if !sandbox.Privileged() {
				how = "in a user namespace"
			}
			fmt.Fprintf(w, "sandbox: available, %s\n", how)
			facts, err := testbed.Doctor(cmd.Context())
			for _, f := range facts {
				fmt.Fprintln(w, f)
			}
			return err
		},
	}
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		Run: func(cmd *cobra.Command, _ []string) {
			t := record.ToolInfo()
			fmt.Fprintf(cmd.OutOrStdout(), "edgebed %s, commit %s, %s\n", t.Version, t.Commit, t.Go)
		},
	}
}

func exactly(n int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != n {
			return usage(fmt.Errorf("%s: name %s", cmd.Name(), what))
		}
		return nil
	}
}
