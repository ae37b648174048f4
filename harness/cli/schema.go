package cli

import (
	"github.com/spf13/cobra"

	"edgebed/harness/record"
)

func schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of the lines of records.jsonl",
		Long: `Print the JSON Schema (draft 2020-12) of a line of records.jsonl, with the meaning
and unit of each field and how versions are read.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := cmd.OutOrStdout().Write(record.Schema)
			return err
		},
	}
}
