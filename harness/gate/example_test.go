package gate_test

import (
	"fmt"
	"strings"

	"edgebed/harness/gate"
	"edgebed/harness/record"
)

// Compare a result with a baseline. Here they are the same, but that each
// execution of one model takes a tenth longer.
func ExampleCompare() {
	base, err := record.Read("../../results/baseline/exp400")
	if err != nil {
		fmt.Println(err)
		return
	}
	fresh, err := record.Read("../../results/baseline/exp400")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range fresh.Cells {
		if at, _ := c.Cell.Coord("model"); at.Value == "state-prop" {
			for i := range c.Executions {
				c.Executions[i].DelayNS += c.Executions[i].DelayNS / 10
			}
		}
	}

	comparison, err := gate.Compare(base, fresh, gate.DefaultLimits)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(comparison.Change)
	for _, curve := range comparison.Curves {
		if curve.Change != gate.Same && strings.HasPrefix(curve.Where, "model=") {
			fmt.Println(curve.Where, curve.Metric, curve.Change)
		}
	}

	// Output:
	// regression
	// model=state-prop delay regression
}
