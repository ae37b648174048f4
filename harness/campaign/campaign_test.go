package campaign

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"edgebed/harness/record"
	"edgebed/harness/scenario"
	"edgebed/harness/testbed"
	"edgebed/scenarios"
	"edgebed/topologies"
)

// jobs returns the cells of experiment 400's quick profile at the given rates.
func jobs(t *testing.T, rates ...string) []testbed.Job {
	t.Helper()
	data, err := scenarios.Files.ReadFile("exp400.yaml")
	if err != nil {
		t.Fatal(err)
	}
	s, err := scenario.Parse("exp400.yaml", data)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := s.Expand(scenario.Selection{Profile: "quick", Where: map[string][]string{"rate": rates}})
	if err != nil {
		t.Fatal(err)
	}
	p, err := testbed.Prepare(plan, func(name string) ([]byte, string, error) {
		data, err := topologies.Files.ReadFile(name)
		return data, name, err
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p.Jobs
}

// worker is a worker without a network: it reports made-up executions, so that
// tests see what the engine makes of them.
type worker struct {
	mu      sync.Mutex
	load    float64
	peak    float64
	running int
	most    int
	calls   map[string]int
	order   []string
	fail    func(job testbed.Job, attempt, execution int) error
}

func (w *worker) run(ctx context.Context, job testbed.Job, report testbed.Reporter) error {
	id := job.Cell.ID
	w.mu.Lock()
	if w.calls == nil {
		w.calls = map[string]int{}
	}
	w.calls[id]++
	attempt := w.calls[id]
	w.order = append(w.order, id)
	w.load += Load(job)
	w.peak = max(w.peak, w.load)
	w.running++
	w.most = max(w.most, w.running)
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.load -= Load(job)
		w.running--
	}()
	if err := report.Cell(record.Cell{ID: id, Point: job.Cell.Point, Seed: job.Cell.Seed, Executions: len(job.Workflows), Started: time.Now()}); err != nil {
		return err
	}
	for k := range job.Workflows {
		if w.fail != nil {
			if err := w.fail(job, attempt, k); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Millisecond):
		}
		if err := report.Execution(record.Execution{Cell: id, Index: k, Workload: job.Workflows[k].Name, Started: time.Now(), DelayNS: 1, OK: k != 3, Reason: reason(k)}); err != nil {
			return err
		}
	}
	return report.CellEnd(record.CellEnd{Cell: id, Ended: time.Now(), OK: true})
}

func reason(k int) string {
	if k == 3 {
		return "made to fail"
	}
	return ""
}

func TestEveryCellOnce(t *testing.T) {
	list := jobs(t, "1 Mb/s", "100 Mb/s")
	dir := t.TempDir()
	w, err := record.Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Campaign(record.Campaign{Version: record.Version, Scenario: "exp400", Started: time.Now(), Cells: len(list)}); err != nil {
		t.Fatal(err)
	}
	var fake worker
	var last Progress
	s, err := Run(context.Background(), list, w, Options{Worker: fake.run, Progress: func(p Progress) {
		if p.Fraction < last.Fraction {
			t.Errorf("progress fell from %v to %v", last.Fraction, p.Fraction)
		}
		last = p
	}})
	if err != nil {
		t.Fatal(err)
	}
	if s.CellsDone != 24 || s.CellsFailed != 0 || s.ExecutionsDone != 24*8 || s.ExecutionsFailed != 24 {
		t.Errorf("summary %+v, want 24 cells, 192 executions, 24 of them failed", s)
	}
	if last.Fraction < 0.999 {
		t.Errorf("the last progress says %v of the work is done", last.Fraction)
	}
	if fake.peak > Capacity() && fake.most > 1 {
		t.Errorf("%d cells with a load of %.2f ran at once, the capacity is %.2f", fake.most, fake.peak, Capacity())
	}
	if fake.most < 2 {
		t.Error("slow cells did not run beside each other")
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := record.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	done := r.Complete()
	for _, j := range list {
		if !done[j.Cell.ID] || fake.calls[j.Cell.ID] != 1 {
			t.Errorf("cell %s: complete %v, ran %d times", j.Cell.ID, done[j.Cell.ID], fake.calls[j.Cell.ID])
		}
	}
}

func TestJobsLimitAndOrder(t *testing.T) {
	list := jobs(t, "1 Mb/s", "20 Mb/s")
	w, err := record.Create(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	var fake worker
	if _, err := Run(context.Background(), list, w, Options{Worker: fake.run, Jobs: 1}); err != nil {
		t.Fatal(err)
	}
	if fake.most != 1 {
		t.Errorf("%d cells ran at once, want 1", fake.most)
	}
	expected := map[string]time.Duration{}
	for _, j := range list {
		expected[j.Cell.ID] = j.Expected()
	}
	for i := 1; i < len(fake.order); i++ {
		if expected[fake.order[i]] > expected[fake.order[i-1]] {
			t.Errorf("cell %s ran before the longer %s", fake.order[i-1], fake.order[i])
		}
	}
}

func TestRetry(t *testing.T) {
	list := jobs(t, "10 Mb/s")
	flaky, broken := list[0].Cell.ID, list[1].Cell.ID
	dir := t.TempDir()
	w, err := record.Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Campaign(record.Campaign{Version: record.Version, Scenario: "exp400", Started: time.Now(), Cells: len(list)}); err != nil {
		t.Fatal(err)
	}
	fake := worker{fail: func(job testbed.Job, attempt, k int) error {
		switch {
		case job.Cell.ID == flaky && attempt == 1 && k == 5:
			return errors.New("worker killed")
		case job.Cell.ID == broken:
			return fmt.Errorf("no network, attempt %d", attempt)
		}
		return nil
	}}
	s, err := Run(context.Background(), list, w, Options{Worker: fake.run})
	if err != nil {
		t.Fatal(err)
	}
	if s.CellsDone != 11 || s.CellsFailed != 1 || s.ExecutionsDone != 11*8 {
		t.Errorf("summary %+v, want 11 cells done, 1 failed, 88 executions", s)
	}
	if s.Failures[broken] != "no network, attempt 2" {
		t.Errorf("reason of the failed cell is %q", s.Failures[broken])
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := record.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	done := r.Complete()
	if !done[flaky] || done[broken] || len(done) != 11 {
		t.Errorf("%d cells are complete, the flaky one: %v, the broken one: %v", len(done), done[flaky], done[broken])
	}
}

func TestCancel(t *testing.T) {
	list := jobs(t, "1 Mb/s", "2 Mb/s", "5 Mb/s")
	w, err := record.Create(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	ctx, cancel := context.WithCancel(context.Background())
	var fake worker
	s, err := Run(ctx, list, w, Options{Worker: fake.run, Progress: func(p Progress) {
		if p.ExecutionsDone == 20 {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v, want that of the context", err)
	}
	if s.Running != 0 || s.CellsDone == len(list) || s.CellsFailed != 0 {
		t.Errorf("summary after cancelling: %+v", s)
	}
}

func TestUnwritableRecords(t *testing.T) {
	list := jobs(t, "1 Mb/s")
	w, err := record.Create(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	w.Close()
	var fake worker
	if _, err := Run(context.Background(), list, w, Options{Worker: fake.run}); err == nil {
		t.Error("a campaign whose records cannot be written must end with an error")
	}
}
