package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"edgebed/harness/gate"
)

func compareCommand() *cobra.Command {
	var format string
	limits := gate.DefaultLimits
	cmd := &cobra.Command{
		Use:   "compare BASE NEW",
		Short: "Say whether a result is a regression against another one",
		Long: `Compare two results of one scenario: the delay and the bytes of each curve as a
whole and point by point, a delay's fixed part (connections, propagation, service
times, CPU) and its part per byte, and the same of each model in all panels and of
all curves together. Executions of the same workload are compared with each other.

A change counts where it is significant after adjustment for all tests and at
least as large as --delay or --bytes (of several curves together, half of that).
Delays at low rates are the network's on any machine; the rest may be longer by as
much as the calibrations in the records say that the new machine is slower.

Compared are the points of the matrix that both have. To see two results in one
figure, or results of two scenarios, use "edgebed report BASE NEW".

Exit codes: 0 no regression, 1 a regression, 2 results that cannot be compared.`,
		Example: `  edgebed compare results/baseline/exp400 results/exp400
  edgebed compare base new --json | jq .
  edgebed compare base new --format junit > compare.xml
  edgebed compare base new --format github --delay 0.05`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usage(errors.New("compare: name two result folders, the base and the new one"))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := oneOf("--format", format, gate.CompareFormats); err != nil {
				return usage(err)
			}
			if err := checkLimits(limits); err != nil {
				return usage(err)
			}
			base, err := readResults(cmd, args[0])
			if err != nil {
				return usage(err)
			}
			fresh, err := readResults(cmd, args[1])
			if err != nil {
				return usage(err)
			}
			c, err := gate.Compare(base, fresh, limits)
			if err != nil {
				return usage(fmt.Errorf("compare %s and %s: %w", args[0], args[1], err))
			}
			if err := c.Write(cmd.OutOrStdout(), format); err != nil {
				return err
			}
			if c.Change == gate.Regression {
				return fmt.Errorf("%s is a regression against %s", args[1], args[0])
			}
			return nil
		},
	}
	f := cmd.Flags()
	jsonFormat(cmd, &format)
	f.StringVar(&format, "format", "text", "how to write the outcome: "+strings.Join(gate.CompareFormats, ", "))
	f.Float64Var(&limits.Delay, "delay", limits.Delay, "smallest relative change of a curve's delay that matters")
	f.Float64Var(&limits.Bytes, "bytes", limits.Bytes, "smallest relative change of a curve's bytes that matters")
	f.Float64Var(&limits.Noise, "noise", limits.Noise,
		"relative standard deviation between runs of what a cell's delays have in common beside the links")
	f.BoolVar(&limits.AcrossNetworks, "across-networks", false,
		"compare a result of emulated links with one in virtual time")
	f.Float64Var(&limits.Alpha, "alpha", limits.Alpha, "probability of a false alarm, for each metric")
	return cmd
}

// mostChange is the largest limit that --delay, --bytes and --noise may be: with ten times
// as much nothing would be a regression.
const mostChange = 10

// checkLimits refuses limits that are none.
func checkLimits(limits gate.Limits) error {
	for _, l := range []struct {
		flag  string
		value float64
	}{{"delay", limits.Delay}, {"bytes", limits.Bytes}, {"noise", limits.Noise}} {
		if !(l.value >= 0 && l.value <= mostChange) {
			return fmt.Errorf("compare: --%s %v: expected 0 to %d, a share of what it was: 0.03 is 3 %%",
				l.flag, l.value, mostChange)
		}
	}
	if !(limits.Alpha > 0 && limits.Alpha < 1) {
		return fmt.Errorf("compare: --alpha %v: expected a probability between 0 and 1", limits.Alpha)
	}
	return nil
}
