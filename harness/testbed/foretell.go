package testbed

import (
	"cmp"
	"context"
	"runtime"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"edgebed/harness/job"
	"edgebed/harness/record"
)

// foretold is how many executions of a cell are run in virtual time to tell how long
// all of them take.
const foretold = 2

// Foretell runs the first executions of jobs for emulated links in virtual time, as
// many as the budget allows, and returns a better estimate of how long a job takes:
// the formula's, corrected by what the same executions took of what it says for them.
// A job that was not run has the correction of those with its execution model.
// Without the worker for virtual time, or where it fails, the formula stands.
func Foretell(ctx context.Context, jobs []job.Job, budget time.Duration) func(*job.Job) time.Duration {
	workers, err := readyForVirtual(ctx, jobs)
	if err != nil {
		return (*job.Job).Expected
	}
	ctx, stop := context.WithTimeout(ctx, budget)
	defer stop()

	var mu sync.Mutex
	corrections := map[string]float64{} // by cell
	var group errgroup.Group
	group.SetLimit(min(workers, runtime.NumCPU()))
	for _, j := range spread(jobs) {
		group.Go(func() error {
			correction, ok := foretell(ctx, *j)
			mu.Lock()
			defer mu.Unlock()
			if ok {
				corrections[j.Cell.ID] = correction
			}
			return nil
		})
	}
	_ = group.Wait() // the functions return no errors

	byModel := means(jobs, corrections)
	return func(j *job.Job) time.Duration {
		correction, ok := corrections[j.Cell.ID]
		if !ok {
			correction, ok = byModel[string(j.Cell.Execution.Model)]
		}
		if !ok {
			return j.Expected()
		}
		return corrected(j, correction)
	}
}

// corrected applies a correction to what the formula says for a job's executions, but
// not to what the cell takes beside them.
func corrected(j *job.Job, correction float64) time.Duration {
	return job.Beside + time.Duration(correction*float64(max(0, j.Expected()-job.Beside)))
}

// foretell runs a job's first executions, and returns what they took over what the
// formula says.
func foretell(ctx context.Context, j job.Job) (correction float64, ok bool) {
	if ctx.Err() != nil || j.First > 0 {
		return 0, false
	}
	if len(j.Given) > foretold {
		j.Given = j.Given[:foretold]
	}
	j.Cell.Executions = min(j.Cell.Executions, foretold)

	var took time.Duration
	err := SpawnVirtual(ctx, j, job.Reporter{
		Cell: func(record.Cell) error { return nil },
		Execution: func(e record.Execution) error {
			if !e.WarmUp {
				took += time.Duration(e.DelayNS) + j.Cell.Execution.Pause
			}
			return nil
		},
		CellEnd: func(record.CellEnd) error { return nil },
	})
	formula := corrected(&j, 1) - corrected(&j, 0)
	if err != nil || took <= 0 || formula <= 0 {
		return 0, false
	}
	return took.Seconds() / formula.Seconds(), true
}

// spread returns the jobs of one seed in an order in which any number of the first
// ones lie all over the list.
func spread(jobs []job.Job) []*job.Job {
	var list []*job.Job
	for i := range jobs {
		if jobs[i].Cell.Seed == jobs[0].Cell.Seed {
			list = append(list, &jobs[i])
		}
	}

	// Steps by the golden ratio never come near to where they have been.
	const golden = 0.6180339887
	place := make(map[*job.Job]float64, len(list))
	for i, j := range list {
		x := float64(i) * golden
		place[j] = x - float64(int(x))
	}
	slices.SortFunc(list, func(a, b *job.Job) int { return cmp.Compare(place[a], place[b]) })
	return list
}

// means returns the mean correction of each execution model.
func means(jobs []job.Job, corrections map[string]float64) map[string]float64 {
	sums, counts := map[string]float64{}, map[string]int{}
	for i := range jobs {
		if c, ok := corrections[jobs[i].Cell.ID]; ok {
			model := string(jobs[i].Cell.Execution.Model)
			sums[model] += c
			counts[model]++
		}
	}
	for model := range sums {
		sums[model] /= float64(counts[model])
	}
	return sums
}
