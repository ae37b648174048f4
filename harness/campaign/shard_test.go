package campaign

import (
	"testing"
	"time"

	"edgebed/harness/job"
)

func TestShard(t *testing.T) {
	list := jobs(t, "1 Mb/s", "100 Mb/s")[8:16]
	for _, n := range []int{1, 2, 3, len(list) + 1} {
		seen := map[string]int{}
		var least, most, longest time.Duration
		for _, j := range list {
			longest = max(longest, j.Expected())
		}
		for i := 1; i <= n; i++ {
			var sum time.Duration
			for _, j := range Shard(list, i, n, (*job.Job).Expected) {
				seen[j.Cell.ID]++
				sum += j.Expected()
			}
			if i == 1 {
				least = sum
			}
			least, most = min(least, sum), max(most, sum)
		}
		if len(seen) != len(list) {
			t.Errorf("%d shards hold %d cells, want %d", n, len(seen), len(list))
		}
		for id, times := range seen {
			if times != 1 {
				t.Errorf("cell %s is in %d of %d shards", id, times, n)
			}
		}
		if most-least > longest {
			t.Errorf("%d shards take from %v to %v; the longest cell takes %v", n, least, most, longest)
		}
	}
}
