package alibaba

import (
	"bufio"
	"embed"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

//go:embed data/*.dat
var data embed.FS

// MaxTasks is the largest job that the distributions tell apart: those of critical
// paths are of one number of tasks each up to here. 0.13 % of all jobs are larger.
const MaxTasks = 34

// longestLevels is the longest critical path with a distribution of levels of its
// own; that of the next one is of all longer paths.
const longestLevels = 20

// Histogram is an empirical distribution of whole numbers.
type Histogram []Bin

// Bin is how often a value was observed.
type Bin struct{ Value, Count int }

// Tasks returns the distribution of the number of tasks of a job.
func Tasks() (Histogram, error) { return read("task_num_dist") }

// Paths returns the distribution of the number of tasks on the critical path of
// jobs with the given number of tasks, from 2 to MaxTasks. A path as long as the job
// makes it a chain.
func Paths(tasks int) (Histogram, error) { return read(fmt.Sprint("cpl_dist-", tasks)) }

// Levels returns the distribution of the levels, from 1 on, of the tasks of jobs
// whose critical path has the given number of tasks, from 2 on.
func Levels(path int) (Histogram, error) {
	h, err := read(fmt.Sprint("level_dist-", min(path, longestLevels)))
	return h.Keep(func(level int) bool { return level <= path }), err
}

// read parses one of the embedded files.
func read(name string) (Histogram, error) {
	file, err := data.Open("data/" + name + ".dat")
	if err != nil {
		return nil, fmt.Errorf("read distribution of job shapes: %w", err)
	}
	defer file.Close()

	var h Histogram
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		count, value, _ := strings.Cut(lines.Text(), " ")
		n, err := strconv.Atoi(count)
		if err != nil {
			return nil, fmt.Errorf("read distribution of job shapes %s: %w", name, err)
		}

		v, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		if err != nil {
			return nil, fmt.Errorf("read distribution of job shapes %s: %w", name, err)
		}
		h = append(h, Bin{int(v), n})
	}
	return h, lines.Err()
}

// Total returns the number of observations.
func (h Histogram) Total() (n int) {
	for _, b := range h {
		n += b.Count
	}
	return n
}

// Keep returns the observations whose value is wanted.
func (h Histogram) Keep(wanted func(value int) bool) Histogram {
	return slices.DeleteFunc(slices.Clone(h), func(b Bin) bool { return !wanted(b.Value) })
}

// Draw returns a random value, each as likely as it was observed. It returns 0
// where nothing was observed.
func (h Histogram) Draw(r *rand.Rand) int {
	total := h.Total()
	if total <= 0 {
		return 0
	}
	k := r.IntN(total)
	for _, b := range h {
		k -= b.Count
		if k < 0 {
			return b.Value
		}
	}
	return 0
}
