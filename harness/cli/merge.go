package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"edgebed/harness/escape"
	"edgebed/harness/record"
)

func mergeCommand() *cobra.Command {
	var o record.MergeOptions
	cmd := &cobra.Command{
		Use:   "merge OUT DIR...",
		Short: "Put the result folders of a campaign's shards together",
		Long: `Write the records of the folders DIR, made with "edgebed run --shard" or on
different machines, to the new folder OUT, then figures and report: as if one
machine had run all cells. Folders of different campaigns, and folders with
different results of one cell, are refused. If cells are missing the exit code is
3; "edgebed run --resume --out OUT" runs them.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 2 {
				return usage(errors.New("merge: name the new folder and the folders to merge"))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := record.Merge(args[0], args[1:], o)
			if lacksRoom(err) {
				return err
			}
			if err != nil {
				return usage(err)
			}
			warn(cmd, r)
			notDrawn, err := writeReport(cmd, args[0], r, cmd.OutOrStdout())
			if err != nil {
				return err
			}
			if err := missingFigures(cmd, notDrawn, ""); err != nil {
				return err
			}

			complete := len(r.Complete())
			fmt.Fprintf(cmd.OutOrStdout(), "%d of %d cells from %d folders\n", complete, r.Campaign.Cells, len(args)-1)

			if missing := r.Campaign.Cells - complete; missing > 0 {
				listIncomplete(cmd, r)
				return &exitError{exitIncomplete,
					fmt.Errorf("%d of %d cells are missing; run them with --resume --out %s",
						missing, r.Campaign.Cells, args[0])}
			}
			return nil
		},
	}

	cmd.Flags().BoolVar(&o.AcrossNetworks, "across-networks", false,
		"merge results of emulated and virtual networks, and say which cells are whose")
	return cmd
}

// mostIncomplete bounds the cells that a merge names.
const mostIncomplete = 10

// listIncomplete names the first cells that began and are not complete.
func listIncomplete(cmd *cobra.Command, r *record.Results) {
	named := 0
	for _, c := range r.Cells {
		if c.Complete() {
			continue
		}
		named++
		if named <= mostIncomplete {
			fmt.Fprintln(cmd.ErrOrStderr(), "not complete:", escape.Terminal(c.Cell.ID))
		}
	}
	if more := named - mostIncomplete; more > 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "not complete: %d more; report.html lists every cell\n", more)
	}
}
