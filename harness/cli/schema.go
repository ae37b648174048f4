package cli

import (
	"github.com/spf13/cobra"

	"edgebed/harness/record"
	"edgebed/scenarios"
	"edgebed/topologies"
)

func schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema [records|scenario|topology]",
		Short: "Print the JSON Schema of records.jsonl, or of a kind of file",
		Long: `Print a JSON Schema (draft 2020-12): of a line of records.jsonl, with the meaning
and unit of each field and how versions are read; or of scenario or topology files,
with which editors complete and check them. They do so where a file begins with
  # yaml-language-server: $schema=FILE
and edgebed itself checks more.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			kind := "records"
			if len(args) > 0 {
				kind = args[0]
			}
			schemas := map[string][]byte{
				"records": record.Schema, "scenario": scenarios.Schema, "topology": topologies.Schema,
			}
			if err := oneOf("schema", kind, []string{"records", "scenario", "topology"}); err != nil {
				return usage(err)
			}

			_, err := cmd.OutOrStdout().Write(schemas[kind])
			return err
		},
	}
}
