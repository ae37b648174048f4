package campaign

import (
	"cmp"
	"slices"
	"time"

	"edgebed/harness/job"
)

// Shard returns the part of the jobs that falls to shard number i of n, counted
// from 1. Every machine that is given the same jobs makes the same parts: the
// longest job that is left goes to the part that has the least to do. The order of
// the jobs is kept. Expected is about how long one takes.
func Shard(jobs []job.Job, i, n int, expected func(*job.Job) time.Duration) []job.Job {
	type item struct {
		index    int
		expected time.Duration
	}

	items := make([]item, len(jobs))
	for k, j := range jobs {
		items[k] = item{k, expected(&j)}
	}
	slices.SortStableFunc(items, func(a, b item) int { return cmp.Compare(b.expected, a.expected) })

	load := make([]time.Duration, n)

	// The longest first, each to the part that has least.
	var mine []int
	for _, it := range items {
		least := slices.Index(load, slices.Min(load))
		load[least] += it.expected
		if least == i-1 {
			mine = append(mine, it.index)
		}
	}

	slices.Sort(mine)
	part := make([]job.Job, len(mine))
	for k, index := range mine {
		part[k] = jobs[index]
	}
	return part
}
