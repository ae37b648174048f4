package cli

import (
	"errors"
	"fmt"
	"io"
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
		costs  bool
	)
	cmd := &cobra.Command{
		Use:   "check DIR...",
		Short: "Say which claims of the paper, or of a scenario, hold in a result",
		Long: `Hold the claims of a scenario against the records of a result folder, with the
data's own uncertainty: a claim holds, fails, or is undecided, and then about how
many more executions would decide it. Executions of the same workload are
compared with each other. Results of one scenario, such as those of two readings
of the paper, are shown side by side.

The claims are those that the scenario had when it ran, or those of the scenario
named by --claims. A claim that fails is a finding, not an error.

With --sensitivity the results are runs of one scenario that differ in the
parameter software-cost alone, usually with none, fit and 2x fit ("make
sensitivity" makes them), and the answer is which claims change their verdict:
"reverses" where a claim holds under one cost and fails under another, "opens"
where it is undecided or without data under one of them.

Exit codes: 0 judged, 1 a claim fails (with --sensitivity: reverses) and --strict is
given, 2 unusable input.`,
		Example: `  edgebed check results/exp400
  edgebed check results/exp400 results/exp400-text --format markdown
  edgebed check --sensitivity results/none results/fit results/twice
  edgebed check results/mine --claims mine.yaml --strict`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage(errors.New("check: name a result folder, or several"))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := oneOf("--format", format, gate.ClaimFormats); err != nil {
				return usage(err)
			}
			var asked []record.Claim
			if from != "" {
				s, _, err := loadScenario(from)
				if err != nil {
					return usage(err)
				}
				if err := s.CheckClaims(); err != nil {
					return usage(err)
				}
				asked = s.Claims
			}
			var results []gate.Checked
			claims, failed := 0, 0
			for _, dir := range args {
				r, err := readResults(cmd, dir)
				if err != nil {
					return usage(err)
				}
				own := r.Campaign.Claims
				if from != "" {
					own = asked
				}
				if len(own) == 0 {
					return usage(fmt.Errorf("check %s: no claims (name a scenario that has some: --claims %s)",
						dir, r.Campaign.Scenario))
				}
				c := gate.Check(r, own)
				results, claims, failed = append(results, c), claims+len(c.Claims), failed+c.Failed()
			}
			if costs {
				return checkSensitivity(cmd.OutOrStdout(), format, strict, results)
			}
			if err := gate.WriteClaims(cmd.OutOrStdout(), format, results...); err != nil {
				return err
			}
			if failed > 0 && strict {
				return fmt.Errorf("%d of %d claims fail", failed, claims)
			}
			return nil
		},
	}
	jsonFormat(cmd, &format)
	cmd.Flags().StringVar(&format, "format", "text", "how to write the table: "+strings.Join(gate.ClaimFormats, ", "))
	cmd.Flags().StringVar(&from, "claims", "", "take the claims of this `scenario` instead of those in the records")
	cmd.Flags().BoolVar(&strict, "strict", false, "fail (exit code 1) where a claim fails")
	cmd.Flags().BoolVar(&costs, "sensitivity", false,
		"say which claims depend on the software cost that the results were made with")
	return cmd
}

func checkSensitivity(w io.Writer, format string, strict bool, results []gate.Checked) error {
	s, err := gate.CompareCosts(results)
	if err != nil {
		return usage(fmt.Errorf("check --sensitivity: %w", err))
	}
	if err := s.Write(w, format); err != nil {
		return err
	}
	if n := s.Count(gate.Reverses); n > 0 && strict {
		return fmt.Errorf("%d of %d claims reverse with the software cost", n, len(s.Claims))
	}
	return nil
}

func oneOf(flag, value string, valid []string) error {
	for _, v := range valid {
		if v == value {
			return nil
		}
	}
	return fmt.Errorf("%s %s: expected one of %s", flag, value, strings.Join(valid, ", "))
}
