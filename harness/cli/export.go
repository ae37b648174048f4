package cli

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"edgebed/harness/export"
	"edgebed/harness/record"
)

func exportCommand() *cobra.Command {
	var format, out string
	formats := []string{"bench", "csv", "dat"}
	cmd := &cobra.Command{
		Use:   "export DIR",
		Short: "Write a result in the format of another program",
		Long: `Write the executions in DIR in another format:

  bench  Go benchmark format, which benchstat reads (standard output)
  csv    one row per execution (standard output)
  dat    the prototype's data files, under its names, for its gnuplot scripts: in
         the folder --out (DIR/dat by default) derived/ with delay and traffic of
         each curve, and graph/ with histograms, where its scripts are to run`,
		Example: `  edgebed export results/exp400 --format bench > new.txt && benchstat base.txt new.txt`,
		Args:    exactly(1, "a result folder"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := oneOf("--format", format, formats); err != nil {
				return usage(err)
			}
			r, err := readResults(cmd, args[0])
			if err != nil {
				return usage(err)
			}
			switch format {
			case "bench":
				return export.Bench(cmd.OutOrStdout(), r)
			case "csv":
				return record.ExecutionsCSV(cmd.OutOrStdout(), r)
			}
			if out == "" {
				out = filepath.Join(args[0], "dat")
			}
			files, err := export.Dat(out, r)
			for _, f := range files {
				fmt.Fprintln(cmd.OutOrStdout(), f)
			}
			return err
		},
	}
	cmd.Flags().StringVar(&format, "format", "bench", "bench, csv or dat")
	cmd.Flags().StringVar(&out, "out", "", "folder of dat files (default DIR/dat)")
	return cmd
}
