package stats_test

import (
	"fmt"

	"edgebed/harness/stats"
)

// Compare two systems that executed the same workloads: most of the spread is the
// workloads', and falls out of the pairs.
func ExamplePairs_Ratio() {
	before := []stats.Keyed{{Key: "w1", Value: 1.00}, {Key: "w2", Value: 4.00}, {Key: "w3", Value: 9.00}}
	after := []stats.Keyed{{Key: "w3", Value: 8.15}, {Key: "w1", Value: 0.89}, {Key: "w2", Value: 3.58}}

	e := stats.Pair(before, after).Ratio()
	fmt.Printf("%.3f [%.3f, %.3f] from %d workloads\n", e.Value, e.Low, e.High, e.N)
	fmt.Println("faster for certain:", !e.Contains(1))

	// Unpaired, nothing could be said.
	m := stats.Mean([]float64{0.89, 3.58, 8.15})
	fmt.Printf("%.1f [%.1f, %.1f]\n", m.Value, m.Low, m.High)

	// Output:
	// 0.897 [0.877, 0.917] from 3 workloads
	// faster for certain: true
	// 4.2 [-4.9, 13.3]
}
