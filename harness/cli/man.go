package cli

import (
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"edgebed/harness/record"
)

// manCommand writes the manual pages of a release; users have no reason to.
func manCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "man DIR",
		Short:  "Write manual pages into a folder",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o777); err != nil {
				return fmt.Errorf("write manual pages: %w", err)
			}
			header := doc.GenManHeader{Title: "EDGEBED", Section: "1", Manual: "edgebed", Source: record.ToolInfo().Version}
			// Of the same commit the pages are the same.
			if date, err := time.Parse(time.RFC3339, record.CommitDate()); err == nil {
				header.Date = &date
			}

			root := cmd.Root()
			root.DisableAutoGenTag = true
			if err := doc.GenManTree(root, &header, args[0]); err != nil {
				return fmt.Errorf("write manual pages: %w", err)
			}
			return nil
		},
	}
}
