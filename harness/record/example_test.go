package record_test

import (
	"fmt"

	"edgebed/harness/record"
)

// Read the records of a campaign, and compute the mean delay of each cell.
func ExampleRead() {
	results, err := record.Read("testdata/first")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s, %d cells\n", results.Campaign.Scenario, len(results.Cells))

	for _, cell := range results.Cells {
		var sum float64
		counted := cell.Counted() // without warm-ups and failures
		for _, e := range counted {
			delay, _, _ := e.Measure("delay")
			sum += delay
		}
		fmt.Printf("%s: %.2f s\n", cell.Cell.ID, sum/float64(len(counted)))
	}

	// Output:
	// exp400, 1 cells
	// panel=S=6,L=3/argument=10 kB/rate=100 Mb/s/model=state-local/seed=1: 0.25 s
}
