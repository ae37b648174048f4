package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"edgebed/harness/gate"
	"edgebed/harness/record"
)

func checkCommand() *cobra.Command {
	var (
		format string
		from   string
		strict bool
	)
	cmd := &cobra.Command{
		Use:   "check DIR",
		Short: "Say which claims of the paper, or of a scenario, hold in a result",
		Long: `Hold the claims of a scenario against the records of a result folder, with the
data's own uncertainty: a claim holds, fails, or is undecided, and then about how
many more executions would decide it. Executions of the same workload are
compared with each other.

The claims are those that the scenario had when it ran, or those of the scenario
named by --claims. A claim that fails is a finding, not an error.

Exit codes: 0 judged, 1 a claim fails and --strict is given, 2 unusable input.`,
		Example: `  edgebed check results/exp400
  edgebed check results/exp400 --format markdown
  edgebed check results/mine --claims mine.yaml --strict`,
		Args: exactly(1, "a result folder"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := oneOf("--format", format, gate.ClaimFormats); err != nil {
				return usage(err)
			}
			results, err := record.Read(args[0])
			if err != nil {
				return usage(err)
			}
			claims := results.Campaign.Claims
			if from != "" {
				s, _, err := loadScenario(from)
				if err != nil {
					return usage(err)
				}
				if err := s.CheckClaims(); err != nil {
					return usage(err)
				}
				claims = s.Claims
			}
			if len(claims) == 0 {
				return usage(fmt.Errorf("check %s: no claims (name a scenario that has some: --claims %s)", args[0], results.Campaign.Scenario))
			}
			judgements := gate.Judge(results, claims)
			if err := gate.WriteClaims(cmd.OutOrStdout(), format, judgements); err != nil {
				return err
			}
			if n := gate.Failed(judgements); n > 0 && strict {
				return fmt.Errorf("%d of %d claims fail", n, len(judgements))
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&format, "format", "text", "how to write the table: "+strings.Join(gate.ClaimFormats, ", "))
	cmd.Flags().StringVar(&from, "claims", "", "take the claims of this `scenario` instead of those in the records")
	cmd.Flags().BoolVar(&strict, "strict", false, "fail (exit code 1) where a claim fails")
	return cmd
}

func oneOf(flag, value string, valid []string) error {
	for _, v := range valid {
		if v == value {
			return nil
		}
	}
	return fmt.Errorf("%s %s: expected one of %s", flag, value, strings.Join(valid, ", "))
}
