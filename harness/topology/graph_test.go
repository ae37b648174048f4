package topology

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestLeastSumProperty: of the shortest paths the one with the least sum of
// 2^(position in the file) is taken, parallel links among them.
func TestLeastSumProperty(t *testing.T) {
	const hop, nowhere = 1 << 40, 1 << 60 // any hop is worth more than all links
	rapid.Check(t, func(t *rapid.T) {
		topology := drawTopology(t)
		for range rapid.IntRange(0, min(4, len(topology.Links))).Draw(t, "parallel") {
			topology.Links = append(topology.Links, rapid.SampledFrom(topology.Links).Draw(t, "again"))
		}

		for end := range topology.Switches {
			want, worth := make([]int, len(topology.Switches)), make([]int, len(topology.Switches))
			for i := range worth {
				want[i], worth[i] = -1, nowhere
			}
			worth[end] = 0
			for range topology.Switches {
				for k, l := range topology.Links {
					a, b := slices.Index(topology.Switches, l.Between[0]), slices.Index(topology.Switches, l.Between[1])
					for _, ends := range [][2]int{{a, b}, {b, a}} {
						if through := worth[ends[1]] + hop + 1<<k; through < worth[ends[0]] {
							want[ends[0]], worth[ends[0]] = k, through
						}
					}
				}
			}
			if got := topology.graph().toward(end).next; !slices.Equal(got, want) {
				t.Fatalf("toward %s the links are %v, want %v", topology.Switches[end], got, want)
			}
		}
	})
}
