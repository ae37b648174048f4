package alibaba

import (
	"math"
	"testing"
)

// TestDistributions checks that the data are what they are said to be: no path is
// longer than its job, no level beyond its path, and the counts of jobs and of the
// classes are those of the source.
func TestDistributions(t *testing.T) {
	sizes, err := Tasks()
	if err != nil {
		t.Fatal(err)
	}
	if n := sizes.Total(); n != 2857851 {
		t.Errorf("%d jobs, want 2857851", n)
	}
	chains := 0.0
	for tasks := 2; tasks <= MaxTasks; tasks++ {
		paths, err := Paths(tasks)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range paths {
			if b.Value < 1 || b.Value > tasks || b.Count < 1 {
				t.Errorf("jobs of %d tasks: %d with a path of %d", tasks, b.Count, b.Value)
			}
		}
		exactly := func(v int) bool { return v == tasks }
		chains += float64(sizes.Keep(exactly).Total()) * float64(paths.Keep(exactly).Total()) / float64(paths.Total())
	}
	if share := chains / float64(sizes.Total()); math.Abs(share-0.351) > 0.0005 {
		t.Errorf("a share of %.4f are chains, want 0.351", share)
	}
	for path := 2; path <= MaxTasks; path++ {
		levels, err := Levels(path)
		if err != nil || levels.Total() == 0 {
			t.Fatalf("path of %d: %v, %v", path, levels, err)
		}
		for _, b := range levels {
			if b.Value < 1 || b.Value > path {
				t.Errorf("path of %d: a task on level %d", path, b.Value)
			}
		}
	}
	for _, cut := range []struct {
		most int
		all  float64
	}{{20, 0.0091}, {MaxTasks, 0.0013}} {
		left := sizes.Keep(func(v int) bool { return v > cut.most }).Total()
		if share := float64(left) / float64(sizes.Total()); math.Abs(share-cut.all) > 0.00005 {
			t.Errorf("a share of %.5f has more than %d tasks, want %.4f", share, cut.most, cut.all)
		}
	}
	if _, err := Paths(MaxTasks + 1); err == nil {
		t.Errorf("paths of %d tasks, which the data do not tell apart, give no error", MaxTasks+1)
	}
}
