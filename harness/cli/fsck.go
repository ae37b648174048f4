package cli

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"edgebed/harness/escape"
	"edgebed/harness/record"
)

func fsckCommand() *cobra.Command {
	var repair bool
	cmd := &cobra.Command{
		Use:   "fsck DIR...",
		Short: "Say what damaged result folders still hold, and repair them",
		Long: `Read records.jsonl of each folder DIR past whatever is wrong with it: lines that
are cut short or do not parse, that were changed after they were written (each has
a sum), that stand twice, or that contradict those before them, such as an execution
after its cell's end. The end of a cell that lost executions counts as damaged, too,
so that the cell is run again.

--repair leaves the damaged lines out. The file as it was stays beside it as
records.damaged-1.jsonl. "edgebed run --resume" then runs what was lost, and
"edgebed report" makes figures and reports of what is there.

Exit codes: 0 sound or repaired, 1 damaged, 2 no records, or a campaign is still
writing there.`,
		Example: `  edgebed fsck results/exp400
  edgebed fsck results/exp400 --repair && edgebed run exp400 --resume --out results/exp400`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage(errors.New("fsck: name the result folders"))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			damaged, stay := 0, 0
			for _, dir := range args {
				left, kept, err := fsck(cmd.OutOrStdout(), dir, repair)
				if err != nil {
					return err
				}
				damaged, stay = damaged+left, stay+kept
			}

			switch {
			case damaged > 0:
				return &exitError{exitFailed,
					fmt.Errorf("damaged lines: %d; --repair leaves them out, and keeps the file as it was", damaged)}
			case stay > 0:
				return &exitError{exitFailed, fmt.Errorf("damaged campaigns: %d, which nothing repairs", stay)}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&repair, "repair", false, "leave the damaged lines out")
	return cmd
}

// fsck says on w what the records of a folder hold, repairs them if asked to, and
// returns how many damaged lines are left, and how many more no repair leaves out.
func fsck(w io.Writer, dir string, repair bool) (left, stay int, err error) {
	x, err := record.Examine(dir)
	if err != nil {
		return 0, 0, usage(err)
	}

	// The first ones tell what happened; thousands would hide the summary.
	const most = 20
	for i, d := range x.Damage {
		if i == most {
			fmt.Fprintf(w, "and %d more\n", len(x.Damage)-most)
			break
		}
		fmt.Fprintf(w, "%s:%d: %s\n", dir+"/"+record.FileName, d.Line, escape.Terminal(d.Why))
	}
	if x.Results == nil {
		return 0, 0, &exitError{exitFailed, fmt.Errorf("%s: %w", dir, record.ErrLost)}
	}
	for _, line := range x.Results.Altered {
		fmt.Fprintf(w, "%s:%d: the campaign was changed after it was written; without it the other lines are of none, "+
			"so it stays: start it again in another folder\n", dir+"/"+record.FileName, line)
	}
	fmt.Fprintf(w, "%s: %s\n", dir, escape.Terminal(x.String()))
	if !repair || len(x.Damage) == 0 {
		return len(x.Damage), len(x.Results.Altered), nil
	}

	kept, err := record.Repair(dir)
	if errors.Is(err, record.ErrBusy) {
		return 0, 0, usage(err)
	}
	if err != nil {
		return 0, 0, err
	}
	fmt.Fprintf(w, "%s: repaired; the file as it was is %s\n", dir, kept)
	return 0, len(x.Results.Altered), nil
}
