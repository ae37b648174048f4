package cli

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"edgebed/harness/baseline"
)

// baselineRoot is the folder of the baselines in the repository.
const baselineRoot = "results/baseline"

func baselineCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "baseline",
		Short: "Manage the results that later ones are compared with, and the tables made of them",
	}
	cmd.AddCommand(baselineUpdateCommand(), baselineTablesCommand())
	return cmd
}

func baselineUpdateCommand() *cobra.Command {
	var o baseline.Options
	cmd := &cobra.Command{
		Use:   "update DIR --reason TEXT",
		Short: "Make a result the baseline, with the reason for it",
		Long: `Copy a result's records (packed), report and figures to ROOT/NAME, in place of what
is there, append the reason to ROOT/log.md, and write the tables in ROOT/README.md
anew. With --table, the result is in the first table of that kind from then on.
Records that are large lose the traffic of single ports. Commit all of it.`,
		Example: `  edgebed baseline update results/regress --reason 'delay line with less CPU time'
  edgebed baseline update results/exp401 --reason 'first at this scale' --table claims`,
		Args: exactly(1, "a result folder"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.Table != "" {
				if err := oneOf("--table", o.Table, baseline.Kinds()); err != nil {
					return usage(err)
				}
			}

			entry, err := baseline.Update(args[0], o)
			var input *baseline.InputError
			if errors.As(err, &input) {
				return usage(err)
			}
			if err != nil {
				return err
			}

			fmt.Fprint(cmd.OutOrStdout(), entry)
			return nil
		},
	}

	cmd.Flags().StringVar(&o.Reason, "reason", "", "why the baseline changes")
	cmd.Flags().StringVar(&o.Root, "root", baselineRoot, "folder of the baselines")
	cmd.Flags().StringVar(&o.Name, "name", "", "name of the baseline (default that of DIR)")
	cmd.Flags().StringVar(&o.Table, "table", "",
		"also put the result into a table: "+strings.Join(baseline.Kinds(), ", "))

	return cmd
}

func baselineTablesCommand() *cobra.Command {
	var root string
	var check bool
	cmd := &cobra.Command{
		Use:   "tables",
		Short: "Write the tables of the published numbers anew from the records",
		Long: `Write each table in ROOT/README.md anew from the records beside it. A table stands
between the comments <!-- table KIND RESULT... --> and <!-- end -->; kinds are
` + strings.Join(baseline.Kinds(), ", ") + `.

Exit codes: 0 done, 1 with --check: a table differs from the records.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if check {
				return baseline.Check(root)
			}
			changed, err := baseline.Tables(root)
			if err != nil {
				return err
			}
			state := "is as the records have it"
			if changed {
				state = "written"
			}
			fmt.Fprintln(cmd.OutOrStdout(), filepath.Join(root, "README.md"), state)
			return nil
		},
	}
	cmd.Flags().StringVar(&root, "root", baselineRoot, "folder of the baselines")
	cmd.Flags().BoolVar(&check, "check", false,
		"write nothing, and fail (exit code 1) where a table differs from the records")
	return cmd
}
