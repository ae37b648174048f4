package campaign

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"edgebed/harness/audit"
	"edgebed/harness/job"
	"edgebed/harness/record"
	"edgebed/harness/scenario"
	"edgebed/scenarios"
	"edgebed/topologies"
)

// jobs returns the cells of experiment 400's quick profile at the given rates.
func jobs(t *testing.T, rates ...string) []job.Job {
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
	p, err := job.Prepare(plan, func(name string) ([]byte, string, error) {
		data, err := topologies.Files.ReadFile(name)
		return data, name, err
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p.Jobs
}

// worker is a worker without a network: it takes as long as the job is expected
// to and reports made-up executions, so that tests see what the engine makes of
// them.
type worker struct {
	// load is what a job takes of the machine, in cores; loadAlone if nil.
	load func(job.Job) float64
	// audit judges an attempt by the largest load during it; no audit if nil.
	audit func(j job.Job, peak float64) *record.Audit
	fail  func(j job.Job, attempt, execution int) error
	// slow is how much longer than expected things take at the moment; 1 if nil.
	slow func() float64

	mu      sync.Mutex
	running map[string]float64 // load by cell
	peaks   map[string]float64 // largest load of the machine while a cell runs
	most    int
	calls   map[string]int
	order   []string
	// beside holds how many cells were running when an attempt started.
	beside map[string][]int
}

// busy is the machine's load: that of the running cells.
func (w *worker) busy() (float64, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sum(), true
}

// sum needs the lock.
func (w *worker) sum() float64 {
	sum := 0.0
	for _, l := range w.running {
		sum += l
	}
	return sum
}

// loadAlone is what the admission first takes a job's load for.
func loadAlone(j job.Job) float64 { return load(j, j.Expected()) }

func (w *worker) start(j job.Job) (attempt int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.calls == nil {
		w.calls, w.running, w.peaks, w.beside = map[string]int{}, map[string]float64{}, map[string]float64{}, map[string][]int{}
	}
	id := j.Cell.ID
	w.calls[id]++
	w.order = append(w.order, id)
	w.beside[id] = append(w.beside[id], len(w.running))
	load := loadAlone
	if w.load != nil {
		load = w.load
	}
	w.running[id] = load(j)
	w.most = max(w.most, len(w.running))
	w.peaks[id] = 0
	for other := range w.running {
		w.peaks[other] = max(w.peaks[other], w.sum())
	}
	return w.calls[id]
}

func (w *worker) run(ctx context.Context, j job.Job, report job.Reporter) error {
	id := j.Cell.ID
	attempt, step := w.start(j), (j.Expected()-setUp)/time.Duration(j.Executions())
	take := func(d time.Duration) <-chan time.Time {
		if w.slow != nil {
			d = time.Duration(w.slow() * float64(d))
		}
		return time.After(d)
	}
	defer func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.running, id)
	}()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-take(setUp):
	}
	if err := report.Cell(record.Cell{ID: id, Point: j.Cell.Point, Seed: j.Cell.Seed, Executions: j.Executions(), Started: time.Now()}); err != nil {
		return err
	}
	for k := range j.Executions() {
		drawn, err := j.Workflow(k)
		if err != nil {
			return err
		}
		if w.fail != nil {
			if err := w.fail(j, attempt, k); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-take(step):
		}
		if err := report.Execution(record.Execution{Cell: id, Index: k, Workload: drawn.Name, Started: time.Now(), DelayNS: 1, OK: k != 3, Reason: reason(k)}); err != nil {
			return err
		}
	}
	end := record.CellEnd{Cell: id, Ended: time.Now(), OK: true}
	if w.audit != nil {
		w.mu.Lock()
		end.Audit = w.audit(j, w.peaks[id])
		end.Audit.Measures = map[string]float64{audit.CellCPU: 100 * w.running[id]}
		w.mu.Unlock()
	}
	return report.CellEnd(end)
}

// overload calls a cell disturbed if the machine's load exceeded the limit.
func overload(limit float64) func(job.Job, float64) *record.Audit {
	return func(j job.Job, peak float64) *record.Audit {
		if peak <= limit {
			return &record.Audit{Verdict: record.Faithful}
		}
		return &record.Audit{Verdict: record.Disturbed, Findings: []record.Finding{{Check: "cpu", Value: peak, Limit: limit, Unit: "cores"}}}
	}
}

// options of a campaign on a simulated machine.
func (w *worker) options() Options {
	return Options{Reruns: Reruns, Worker: w.run, Busy: w.busy, Cores: 2}
}

// writer makes a record file in a new folder.
func writer(t *testing.T, cells int) (dir string, w *record.Writer) {
	t.Helper()
	dir = t.TempDir()
	w, err := record.Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	if err := w.Campaign(record.Campaign{Version: record.Version, Scenario: "exp400", Cells: cells}); err != nil {
		t.Fatal(err)
	}
	return dir, w
}

func reason(k int) string {
	if k == 3 {
		return "made to fail"
	}
	return ""
}

func TestEveryCellOnce(t *testing.T) {
	list := jobs(t, "1 Mb/s", "100 Mb/s")
	synctest.Test(t, func(t *testing.T) {
		dir, w := writer(t, len(list))
		var fake worker
		var last Progress
		o := fake.options()
		o.Observe = func(e Event) {
			if e.Progress.Fraction < last.Fraction {
				t.Errorf("progress fell from %v to %v", last.Fraction, e.Progress.Fraction)
			}
			last = e.Progress
		}
		s, err := Run(t.Context(), list, w, o)
		if err != nil {
			t.Fatal(err)
		}
		if s.CellsDone != 24 || s.CellsFailed != 0 || s.ExecutionsDone != 24*8 || s.ExecutionsFailed != 24 {
			t.Errorf("summary %+v, want 24 cells, 192 executions, 24 of them failed", s)
		}
		if last.Fraction < 0.999 {
			t.Errorf("the last progress says %v of the work is done", last.Fraction)
		}
		if fake.most < 2 {
			t.Error("slow cells did not run beside each other")
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
	})
}

// TestBudgetRises: on a machine that keeps up, a campaign is faster than its
// first budget allows, and Expected says how long it takes.
func TestBudgetRises(t *testing.T) {
	list := jobs(t, "1 Mb/s", "2 Mb/s", "5 Mb/s", "10 Mb/s")
	elapsed := func(t *testing.T, audit func(job.Job, float64) *record.Audit) time.Duration {
		_, w := writer(t, len(list))
		fake := worker{audit: audit}
		o := fake.options()
		o.Cores = 1 // on more, building networks is what limits so few cells
		s, err := Run(t.Context(), list, w, o)
		if err != nil {
			t.Fatal(err)
		}
		return s.Elapsed
	}
	synctest.Test(t, func(t *testing.T) {
		blind, seeing := elapsed(t, nil), elapsed(t, overload(1))
		if seeing > blind*9/10 {
			t.Errorf("with faithful audits it took %v, without audits %v", seeing, blind)
		}
		if e := Expected(list, Options{Cores: 1}); e < seeing*9/10 || e > seeing*11/10 {
			t.Errorf("Expected says %v, it took %v", e, seeing)
		}
	})
}

// TestDisturbedRunAgain: a machine that keeps up with less than cells take in
// the estimates. The campaign learns how much it can admit, and what was
// disturbed is run again until it passes.
func TestDisturbedRunAgain(t *testing.T) {
	list := jobs(t, "1 Mb/s", "10 Mb/s", "50 Mb/s")
	hopeless := list[len(list)-1].Cell.ID
	synctest.Test(t, func(t *testing.T) {
		dir, w := writer(t, len(list))
		fake := worker{load: func(j job.Job) float64 { return 2 * loadAlone(j) }}
		fake.audit = func(j job.Job, peak float64) *record.Audit {
			if j.Cell.ID == hopeless {
				peak = 2
			}
			return overload(1.2)(j, peak)
		}
		s, err := Run(t.Context(), list, w, fake.options())
		if err != nil {
			t.Fatal(err)
		}
		if s.CellsDone != len(list) || s.Faithful != len(list)-1 || s.Disturbed != 1 {
			t.Errorf("summary %+v, want all cells faithful but one", s.Progress)
		}
		if s.ExecutionsDone != len(list)*8 || s.Fraction < 0.999 {
			t.Errorf("%d executions count, fraction %v; those of attempts that were repeated must not", s.ExecutionsDone, s.Fraction)
		}
		if n := fake.calls[hopeless]; n != 1+Reruns {
			t.Errorf("the cell that never passes ran %d times, want %d", n, 1+Reruns)
		}
		if b := fake.beside[hopeless]; b[len(b)-1] != 0 {
			t.Errorf("the cell that never passes ran beside %v cells, at last not alone", b)
		}
		if s.Again != len(fake.order)-len(list) || s.Again > len(list)/2 {
			t.Errorf("%d runs again in %d of %d cells: nothing was learnt, or not all is told",
				s.Again, len(fake.order), len(list))
		}
		r, err := record.Read(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range r.Cells {
			if !Settled(c, Reruns) || c.Disturbed() != (c.Cell.ID == hopeless) || len(c.Executions) != 8 {
				t.Errorf("cell %s: settled %v, disturbed %v, %d executions", c.Cell.ID, Settled(c, Reruns), c.Disturbed(), len(c.Executions))
			}
			if c.Attempts != fake.calls[c.Cell.ID] {
				t.Errorf("cell %s: %d attempts in the records, %d were made", c.Cell.ID, c.Attempts, fake.calls[c.Cell.ID])
			}
		}
	})
}

// TestAloneMeansAlone: a cell that must run alone has no neighbour at any time.
func TestAloneMeansAlone(t *testing.T) {
	list := jobs(t, "1 Mb/s")
	synctest.Test(t, func(t *testing.T) {
		_, w := writer(t, len(list))
		alone := list[3]
		fake := worker{audit: func(j job.Job, peak float64) *record.Audit {
			if j.Cell.ID == alone.Cell.ID && peak > loadAlone(j)*1.01 {
				t.Errorf("load %.2f while the cell ran, its own is %.2f", peak, loadAlone(j))
			}
			return overload(100)(j, peak)
		}}
		o := fake.options()
		o.Disturbed = map[string]int{alone.Cell.ID: 1}
		if _, err := Run(t.Context(), list, w, o); err != nil {
			t.Fatal(err)
		}
	})
}

// TestLearnsLoads: from samples of the machine's load follows what a mix of
// cells will make of it.
func TestLearnsLoads(t *testing.T) {
	a := newAdmission(jobs(t, "1 Mb/s", "2 Mb/s", "5 Mb/s", "10 Mb/s"), Options{Cores: 2, Reruns: Reruns, Expected: (*job.Job).Expected})
	list := a.waiting
	truth := map[string]float64{}
	for i, task := range list {
		truth[task.kind] = 0.05 + 0.02*float64(i%5)
	}
	random := rand.New(rand.NewPCG(1, 2))
	mix := func() (busy float64) {
		a.running, busy = nil, 0.3 // of which the campaign knows nothing
		share := random.Float64()
		for _, task := range list {
			if random.Float64() < share {
				a.running = append(a.running, task)
				busy += truth[task.kind]
			}
		}
		return busy
	}
	miss := func() (sum float64) {
		for range 100 {
			busy := mix()
			sum += math.Abs(a.predicted()-busy) / busy / 100
		}
		return sum
	}
	before := miss()
	for range 600 {
		a.observe(mix())
	}
	if after := miss(); after > 0.05 || before < 0.1 {
		t.Errorf("predictions miss by %.0f %% after 600 samples, by %.0f %% before", 100*after, 100*before)
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
	synctest.Test(t, func(t *testing.T) {
		o := fake.options()
		o.Jobs = 1
		if _, err := Run(t.Context(), list, w, o); err != nil {
			t.Fatal(err)
		}
	})
	if fake.most != 1 {
		t.Errorf("%d cells ran at once, want 1", fake.most)
	}
	expected := map[string]time.Duration{}
	for _, j := range list {
		expected[j.Cell.ID] = j.Expected()
	}
	left := slices.Sorted(maps.Values(expected))
	for i, id := range fake.order {
		k := len(left) - 1 // every second time the longest, or else the shortest
		if i%2 == 1 {
			k = 0
		}
		if expected[id] != left[k] {
			t.Errorf("cell %s of %v was number %d, want one of %v", id, expected[id], i, left[k])
		}
		left = slices.Delete(left, k, k+1)
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
	fake := worker{fail: func(j job.Job, attempt, k int) error {
		switch {
		case j.Cell.ID == flaky && attempt == 1 && k == 5:
			return errors.New("worker killed")
		case j.Cell.ID == broken:
			return fmt.Errorf("no network, attempt %d", attempt)
		}
		return nil
	}}
	var s Summary
	synctest.Test(t, func(t *testing.T) {
		if s, err = Run(t.Context(), list, w, fake.options()); err != nil {
			t.Fatal(err)
		}
	})
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
	var fake worker
	var s Summary
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		o := fake.options()
		o.Observe = func(e Event) {
			if e.Progress.ExecutionsDone == 20 {
				cancel()
			}
		}
		s, err = Run(ctx, list, w, o)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error is %v, want that of the context", err)
		}
	})
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
	if _, err := Run(t.Context(), list, w, fake.options()); err == nil {
		t.Error("a campaign whose records cannot be written must end with an error")
	}
}

// TestKindLimited: what a cell of hosts with limits took says nothing of one without that is alike
// otherwise.
func TestKindLimited(t *testing.T) {
	free := jobs(t, "10 Mb/s")[0]
	limited := free
	limited.Cell.Nodes.Limits = []scenario.HostLimits{{Hosts: []string{free.Topology().Hosts[0].Name}, CPU: 0.05}}
	a := newAdmission([]job.Job{free, limited}, Options{Cores: 4, Expected: (*job.Job).Expected})
	var of [2]*task
	for _, w := range a.waiting {
		of[len(w.job.LimitedHosts())] = w
	}
	a.setScale(of[0].kind, 1)
	before := a.load(of[0])

	took := map[string]float64{audit.CellCPU: 0}
	a.audited(of[1], &record.Audit{Verdict: record.Faithful, Measures: took})
	if after := a.load(of[0]); after != before || a.scale(of[1].kind) >= 1 {
		t.Errorf("the cell without limits is taken for %v cores, before for %v; scales %v", after, before, a.scales)
	}
}
