package campaign

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"edgebed/harness/audit"
	"edgebed/harness/job"
	"edgebed/harness/machine"
	"edgebed/harness/record"
)

// TestFindings: of several findings the first is told, with how many more there are.
func TestFindings(t *testing.T) {
	cpu := record.Finding{Check: "cpu", Value: 1.23456, Limit: 1, Unit: "cores"}
	link := record.Finding{Check: "rate", Where: "s1-s2", Value: 2, Limit: 1, Unit: "%"}
	for _, tt := range []struct {
		list []record.Finding
		want string
	}{
		{nil, "no finding given"},
		{[]record.Finding{cpu}, "cpu 1.235 cores, limit 1"},
		{[]record.Finding{link}, "rate 2 %, limit 1 at s1-s2"},
		{[]record.Finding{cpu, link}, "cpu 1.235 cores, limit 1 and 1 more"},
		{[]record.Finding{link, cpu, cpu}, "rate 2 %, limit 1 at s1-s2 and 2 more"},
	} {
		if got := findings(&record.Audit{Findings: tt.list}); got != tt.want {
			t.Errorf("%v is told as %q, want %q", tt.list, got, tt.want)
		}
	}
}

// TestSettled: a cell is settled when it is whole, and undisturbed or disturbed once more than it
// is run again.
func TestSettled(t *testing.T) {
	end := func(ok bool, v record.Verdict) *record.CellEnd {
		return &record.CellEnd{OK: ok, Audit: &record.Audit{Verdict: v}}
	}
	for _, tt := range []struct {
		cell record.CellResult
		want bool
	}{
		{record.CellResult{}, false},
		{record.CellResult{End: end(false, record.Faithful)}, false},
		{record.CellResult{End: end(true, record.Faithful)}, true},
		{record.CellResult{End: &record.CellEnd{OK: true}}, true},
		{record.CellResult{End: end(true, record.Disturbed), DisturbedAttempts: 1}, false},
		{record.CellResult{End: end(true, record.Disturbed), DisturbedAttempts: 2}, false},
		{record.CellResult{End: end(true, record.Disturbed), DisturbedAttempts: 3}, true},
	} {
		if got := Settled(tt.cell, 2); got != tt.want {
			t.Errorf("%+v settled: %v, want %v", tt.cell, got, tt.want)
		}
	}
}

// idle returns an admission of so many tasks on so many cores, none of them running: the
// machine does nothing else, and each task takes a load of guess.
func idle(n int, guess float64, o Options) *admission {
	a := newAdmission(nil, o)
	for range n {
		a.wait(&task{kind: "any", expected: time.Minute, guess: guess, allowed: unlimited})
	}
	return a
}

// started admits all that fit, and calls their networks built.
func (a *admission) started() int {
	for t := a.next(); t != nil; t = a.next() {
		t.ready = true
	}
	return len(a.running)
}

// TestNext: how many cells run at once is what the budget holds, what the limit of jobs says,
// or as many exact ones as there are cores; one runs always.
func TestNext(t *testing.T) {
	for _, tt := range []struct {
		name  string
		guess float64
		o     Options
		want  int
	}{
		{"the budget is 1.5 cores of 4", 0.25, Options{Cores: 4}, 6},
		{"one more would be beyond it", 0.251, Options{Cores: 4}, 5},
		{"a cell that is beyond it alone", 9, Options{Cores: 4}, 1},
		{"a limit of jobs", 0.25, Options{Cores: 4, Jobs: 2}, 2},
		{"a limit of jobs that is not reached", 0.5, Options{Cores: 4, Jobs: 8}, 3},
		{"exact cells", 9, Options{Cores: 4, Exact: true}, 4},
		{"exact cells on less than a core", 9, Options{Cores: 0.5, Exact: true}, 1},
		{"exact cells with a limit", 9, Options{Cores: 4, Exact: true, Jobs: 3}, 3},
	} {
		if got := idle(10, tt.guess, tt.o).started(); got != tt.want {
			t.Errorf("%s: %d run at once, want %d", tt.name, got, tt.want)
		}
	}
}

// TestBuilding: networks are built on half of the cores, and one always.
func TestBuilding(t *testing.T) {
	for _, tt := range []struct {
		cores float64
		want  int
	}{{1, 1}, {2, 1}, {3, 1}, {4, 2}, {5.9, 2}, {6, 3}, {8, 4}} {
		a := idle(10, 0.02, Options{Cores: tt.cores})
		for a.next() != nil {
		}
		if got := len(a.running); got != tt.want {
			t.Errorf("on %v cores %d networks are built at once, want %d", tt.cores, got, tt.want)
		}
	}
}

// TestAllowed: neither a task that waits nor one that runs gets more neighbours than it may have.
func TestAllowed(t *testing.T) {
	waits := idle(3, 0.02, Options{Cores: 4})
	waits.wait(&task{kind: "shy", expected: time.Hour, guess: 0.02, allowed: 2})
	if got := waits.started(); got != 3 || len(waits.waiting) != 1 || waits.waiting[0].kind != "shy" {
		t.Errorf("%d run, %d wait: that with two neighbours at most must wait", got, len(waits.waiting))
	}
	waits.remove(waits.running[0])
	if got := waits.started(); got != 3 || len(waits.waiting) != 0 {
		t.Errorf("%d run, %d wait: two neighbours are allowed", got, len(waits.waiting))
	}

	runs := idle(0, 0, Options{Cores: 4})
	runs.wait(&task{kind: "shy", expected: time.Hour, guess: 0.02, allowed: 1})
	runs.started()
	for range 3 {
		runs.wait(&task{kind: "any", expected: time.Minute, guess: 0.02, allowed: unlimited})
	}
	if got := runs.started(); got != 2 {
		t.Errorf("%d run beside each other where one may have one neighbour", got)
	}
}

// TestAudited: what verdicts do to the budget of 4 cores, and with how many neighbours a
// disturbed cell runs again.
func TestAudited(t *testing.T) {
	faithful, disturbed := &record.Audit{Verdict: record.Faithful}, &record.Audit{Verdict: record.Disturbed}
	const first = startBudget * 4
	for _, tt := range []struct {
		name    string
		found   *record.Audit
		t       task
		reruns  int
		budget  float64 // before
		want    float64
		again   bool
		allowed int
	}{
		{"no audit", nil, task{expected: time.Minute}, 2, 2, 2, false, unlimited},
		{"exact", &record.Audit{Verdict: record.Exact}, task{expected: time.Minute}, 2, 2, 2, false, unlimited},
		{"faithful", faithful, task{expected: time.Minute}, 2, 2, 2.04, false, unlimited},
		{"faithful, half as long", faithful, task{expected: 15 * time.Second}, 2, 2, 2.02, false, unlimited},
		{"faithful at the most", faithful, task{expected: time.Minute}, 2, 2.79, 2.8, false, unlimited},
		{"alone", disturbed, task{started: 9}, 2, 2, 2, true, 0},
		{"with a neighbour", disturbed, task{started: 9, neighbours: 1}, 2, 2.4, 1.8, true, 0},
		{"with five", disturbed, task{started: 9, neighbours: 5}, 2, 2.4, 1.8, true, 2},
		{"down to the first", disturbed, task{started: 9, neighbours: 5}, 2, 1.6, first, true, 2},
		{"began before the last cut", disturbed, task{started: 5, neighbours: 5}, 2, 2.4, 2.4, true, 2},
		{"for the second time", disturbed, task{started: 9, neighbours: 4, disturbed: 1}, 2, 2.4, 1.8, true, 0},
		{"for the last time", disturbed, task{started: 9, neighbours: 4, disturbed: 2}, 2, 2.4, 1.8, false, unlimited},
		{"nothing runs again", disturbed, task{started: 9, neighbours: 4}, 0, 2.4, 1.8, false, unlimited},
	} {
		a := newAdmission(nil, Options{Cores: 4, Reruns: tt.reruns})
		a.budget, a.admitted, a.lastCut = tt.budget, 20, 5
		tt.t.allowed, tt.t.guess = unlimited, 1
		again := a.audited(&tt.t, tt.found)
		if again != tt.again || tt.t.allowed != tt.allowed || !near(a.budget, tt.want) || len(a.waiting) == 1 != again {
			t.Errorf("%s: again %v with %d neighbours, budget %v, %d wait; want %v with %d, budget %v",
				tt.name, again, tt.t.allowed, a.budget, len(a.waiting), tt.again, tt.allowed, tt.want)
		}
		if cut := a.lastCut == a.admitted; cut != (tt.found == disturbed && tt.t.neighbours > 0 && tt.t.started > 5) {
			t.Errorf("%s: last cut at admission %d", tt.name, a.lastCut)
		}
	}
}

func near(got, want float64) bool { return got-want < 1e-9 && want-got < 1e-9 }

// TestSeenLoad: what a cell took moves the scale of its kind half the way, and is believed of
// kinds that have not been seen.
func TestSeenLoad(t *testing.T) {
	a := newAdmission(nil, Options{Cores: 4})
	of := &task{kind: "one", guess: 0.5, expected: time.Minute}
	a.audited(of, &record.Audit{Verdict: record.Faithful, Measures: map[string]float64{audit.CellCPU: 150}})
	if got := a.scale("one"); !near(got, 2) {
		t.Errorf("three times the guess, seen once: scale %v, want 2", got)
	}
	if got := a.load(of); !near(got, 1) {
		t.Errorf("the cell's load is %v, want 1", got)
	}
	if got := a.scale("two"); !near(got, 1.5) {
		t.Errorf("the scale of a kind that has not been seen is %v, want the mean of 1 and 2", got)
	}
	a.setScale("one", 3)
	if got := a.scale("two"); !near(got, 2) {
		t.Errorf("it is %v after the other became 3, want 2", got)
	}
	if got := a.load(&task{kind: "one", guess: 0.001}); got != leastLoad {
		t.Errorf("a cell that takes nearly nothing has the load %v, want %v", got, leastLoad)
	}
}

// TestObserve: a sample's difference to the prediction is shared by the running cells and the
// rest of the machine.
func TestObserve(t *testing.T) {
	a := newAdmission(nil, Options{Cores: 4})
	a.observe(0.5)
	if !near(a.others, 0.15) {
		t.Errorf("an idle campaign takes the machine's other load for %v, want 0.15", a.others)
	}
	a.observe(0.15)
	if !near(a.others, 0.15) {
		t.Errorf("a sample as predicted moves it to %v", a.others)
	}

	// Two cells of 0.5 and 0.15 are predicted to be 1.15, and are 2.15: of a norm of 5.
	a.running = []*task{{kind: "one", guess: 0.5}, {kind: "one", guess: 0.5}}
	a.observe(2.15)
	if got, want := a.scale("one"), 1+0.06*2/0.5; !near(got, want) || !near(a.others, 0.21) {
		t.Errorf("the cells' scale is %v, the rest %v; want %v and 0.21", got, a.others, want)
	}
	a.observe(-1e3)
	if a.scale("one") != 0 || a.others != 0 {
		t.Errorf("the cells' scale is %v, the rest %v: neither is below 0", a.scale("one"), a.others)
	}

	exact := newAdmission(nil, Options{Cores: 4, Exact: true})
	exact.observe(3)
	if exact.others != 0 {
		t.Errorf("exact cells are not disturbed by a load of %v", exact.others)
	}
}

// TestEstimate: a plan adds its cells up, and says what as many of them take as run at once.
func TestEstimate(t *testing.T) {
	list := jobs(t, "1 Mb/s", "100 Mb/s")
	expected := func(j *job.Job) time.Duration { return 2 * j.Expected() }
	p := Estimate(list, Options{Expected: expected})

	var total time.Duration
	var traffic, largest int64
	for i, c := range p.Cells {
		j := &list[i]
		total += 2 * j.Expected()
		traffic += int64(j.Traffic())
		largest = max(largest, int64(j.Memory()))
		if c.Cell != j.Cell.ID || c.Executions != 8 || c.ExpectedNS != 2*j.Expected() ||
			c.TrafficBytes != int64(j.Traffic()) || c.MemoryBytes != int64(j.Memory()) {
			t.Errorf("cell %d is planned as %+v", i, c)
		}
	}
	if len(p.Cells) != len(list) || p.TotalNS != total || p.TrafficBytes != traffic {
		t.Errorf("%d cells, %v, %d bytes; want %d, %v, %d", len(p.Cells), p.TotalNS, p.TrafficBytes, len(list), total, traffic)
	}

	cores, _ := machine.Cores()
	if want := Expected(list, Options{Cores: cores, Expected: expected}); p.SideBySideNS != want || p.Cores != cores {
		t.Errorf("side by side on %v cores: %v, want %v on %v", p.Cores, p.SideBySideNS, want, cores)
	}
	atOnce := int64((p.TotalNS + p.SideBySideNS - 1) / p.SideBySideNS)
	if p.MemoryBytes != atOnce*largest || atOnce < 2 {
		t.Errorf("%d bytes of memory, want %d times %d", p.MemoryBytes, atOnce, largest)
	}
	if none := Estimate(nil, Options{Expected: expected}); none.MemoryBytes != 0 || none.SideBySideNS != 0 || none.TotalNS != 0 {
		t.Errorf("a plan of nothing: %+v", none)
	}
}

// TestPlanWritten: a plan's numbers are written in the units that stand behind them.
func TestPlanWritten(t *testing.T) {
	p := Plan{
		Scenario: "s", Profile: "quick", TotalNS: 90 * time.Second, SideBySideNS: time.Minute, Cores: 2, TrafficBytes: 12_340_000,
		Cells: []PlannedCell{{Cell: "a cell", Executions: 8, ExpectedNS: 2500 * time.Millisecond, TrafficBytes: 12_340_000}},
	}
	var out bytes.Buffer
	if err := p.Write(&out); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("%-80s    8 executions      2.5 s      12.34 MB\n", "a cell") +
		"1 cells of s, profile quick, 12.3 MB sent by switches; 1m30s one after another, about 1m0s side by side on 2 cores\n"
	if out.String() != want {
		t.Errorf("written\n%swant\n%s", &out, want)
	}
	if err := p.Write(full{}); !errors.Is(err, errFull) {
		t.Errorf("where nothing can be written: %v", err)
	}
}

// errFull is what full says.
var errFull = errors.New("no room")

// full is a file on a full disk.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }

// TestVerdicts: what was believed before counts as five attempts, and what is older for less.
func TestVerdicts(t *testing.T) {
	var v verdicts
	if got := v.share(0.2); !near(got, 0.2) {
		t.Errorf("before any audit a share of %v, want the belief of 0.2", got)
	}
	v.add(record.Disturbed)
	if got := v.share(0.2); !near(got, 2.0/6) {
		t.Errorf("after a disturbed attempt %v, want 2 of 6", got)
	}
	v.add(record.Faithful)
	if got, want := v.share(0.2), 1.96/6.96; !near(got, want) {
		t.Errorf("after one more that was not %v, want %v", got, want)
	}
}

// TestPace: what took twice as long as expected makes others last longer, by what was seen
// before of all and of their kind; what is left of a running cell follows.
func TestPace(t *testing.T) {
	j := jobs(t, "1 Mb/s")[0] // 8 executions
	cell := &task{job: j, kind: "one", expected: 10 * time.Second, setUp: time.Second, ending: time.Second}
	other := &task{job: j, kind: "two", expected: 10 * time.Second, setUp: time.Second, ending: time.Second}
	if running(cell) != 8*time.Second || running(&task{expected: 1, setUp: 1, ending: 1}) != 0 {
		t.Errorf("executions are expected to take %v", running(cell))
	}

	var p pace
	if got := p.lasts(cell); got != 9*time.Second {
		t.Errorf("before anything was seen a cell lasts %v, want 9s", got)
	}
	p.got(cell, 2*time.Second) // expected is 1 s
	if got := p.factor(other); !near(got, 1.5) {
		t.Errorf("the other kind's factor is %v, want that of all, (2+1)/(1+1)", got)
	}
	if got, want := p.factor(cell), 1.5*(2+4*1.5)/(1+4*1.5); !near(got, want) {
		t.Errorf("the kind's factor is %v, want %v", got, want)
	}
	p.ended(cell, 4*time.Second)
	if got := p.ending(other); got != 2*time.Second {
		t.Errorf("after an end of 4 s for 1 s, one of 1 s is taken for %v, want 2s", got)
	}
	p.ready(3 * setUp)
	if got, want := p.building(&task{setUp: setUp}), 5*setUp/3; got.Round(time.Microsecond) != want {
		t.Errorf("building is taken for %v, want %v", got, want)
	}
	if got := p.building(&task{}); got != 0 {
		t.Errorf("what is expected to take no time takes %v", got)
	}

	now := time.Unix(100, 0)
	other.ready, other.made, other.moved = true, 6, now.Add(-time.Second)
	if got := p.left(other, now); got != 4*time.Second { // 1.5 times 2 s, 2 s, less 1 s
		t.Errorf("a cell with 2 of 8 executions to make has %v left, want 4s", got)
	}
	other.ready, other.setUp, other.began = false, setUp, now.Add(-setUp)
	if got, want := p.left(other, now), 2*setUp/3; got.Round(time.Microsecond) != want {
		t.Errorf("a cell that is being built has %v to its network, want %v", got, want)
	}
	if got := p.left(other, now.Add(time.Hour)); got != 0 {
		t.Errorf("a cell whose network is late has %v to it", got)
	}
}

// TestRefuse: none of the cells ran, and each says why.
func TestRefuse(t *testing.T) {
	list := jobs(t, "1 Mb/s")[:3]
	dir, w := writer(t, len(list))
	s, err := Refuse(list, w, errors.New("no network here"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := record.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	if s.Cells != 3 || s.CellsFailed != 3 || len(s.Failures) != 3 {
		t.Errorf("summary %+v", s)
	}
	for i := range list {
		if id := list[i].Cell.ID; s.Failures[id] != "no network here" {
			t.Errorf("cell %s failed for %q", id, s.Failures[id])
		}
	}
	if len(r.Complete()) != 0 {
		t.Errorf("complete: %v", r.Complete())
	}

	w.Close()
	if _, err := Refuse(list, w, errors.New("no network here")); err == nil {
		t.Error("records that cannot be written are no error")
	}
}

// TestTakenBack: executions of an attempt that fails are taken back, failed ones too, and a
// cell that was to go on from its third one runs whole then.
func TestTakenBack(t *testing.T) {
	list := jobs(t, "1 Mb/s")[:1]
	list[0].First = 2
	synctest.Test(t, func(t *testing.T) {
		_, w := writer(t, 1)
		fake := worker{fail: func(_ job.Job, attempt, k int) error {
			if attempt == 1 && k == 5 {
				return errors.New("worker killed")
			}
			return nil
		}}
		var ends []Event
		half := 0.0
		o := fake.options()
		o.Observe = func(e Event) {
			switch {
			case e.Type == CellAgain || e.Type == CellEnded:
				ends = append(ends, e)
			case e.Type == ExecutionDone && e.Progress.ExecutionsDone == 4:
				half = e.Progress.Fraction
			}
		}
		s, err := Run(t.Context(), list, w, o)
		if err != nil {
			t.Fatal(err)
		}
		if len(ends) != 2 || ends[0].Type != CellAgain || ends[0].Reason != "worker killed" || ends[1].Type != CellEnded || !ends[1].OK {
			t.Fatalf("events %+v", ends)
		}
		if p := ends[0].Progress; p.ExecutionsDone != 0 || p.ExecutionsFailed != 0 || p.Fraction != 0 || p.Executions != 8 {
			t.Errorf("after the failed attempt: %+v", p)
		}
		if half < 0.499 || half > 0.501 {
			t.Errorf("after 4 of 8 executions a fraction of %v is done", half)
		}
		if s.Executions != 8 || s.ExecutionsDone != 8 || s.ExecutionsFailed != 1 || s.Fraction < 0.999 || s.CellsDone != 1 {
			t.Errorf("summary %+v", s.Progress)
		}
	})
}

// TestResumeOther: records of another campaign are not gone on with, whatever it is in that
// they differ.
func TestResumeOther(t *testing.T) {
	list := jobs(t, "1 Mb/s")[:1]
	header := record.Campaign{
		Version: record.Version, Scenario: "s", Profile: "quick", ScenarioSHA256: "abc", Cells: 1, Executions: 8,
	}
	for name, tt := range map[string]struct {
		change func(*record.Campaign)
		want   string
	}{
		"nothing":       {func(*record.Campaign) {}, ""},
		"its title":     {func(c *record.Campaign) { c.Title = "Other" }, ""},
		"the hash":      {func(c *record.Campaign) { c.ScenarioSHA256 = "abd" }, "what decides its results has changed"},
		"the scenario":  {func(c *record.Campaign) { c.Scenario = "z" }, "the scenario was s and is z"},
		"the profile":   {func(c *record.Campaign) { c.Profile = "paper" }, "the profile was quick and is paper"},
		"the network":   {func(c *record.Campaign) { c.Network = record.Virtual }, "results of the emulated network, not the virtual one"},
		"named default": {func(c *record.Campaign) { c.Network = record.Emulated }, ""},
	} {
		dir := t.TempDir()
		first, err := Open(dir, header, list, OpenOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if err := first.Writer.Close(); err != nil {
			t.Fatal(err)
		}

		now := header
		tt.change(&now)
		again, err := Open(dir, now, list, OpenOptions{Resume: true})
		switch {
		case tt.want != "":
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("with %s changed: error %v, want %q", name, err, tt.want)
			}
		case err != nil:
			t.Errorf("with %s changed: %v", name, err)
		case len(again.Jobs) != 1 || again.Writer.Close() != nil:
			t.Errorf("with %s changed: %d jobs are left", name, len(again.Jobs))
		}
	}
}

// TestMissing: a cell goes on where it stopped only on the same machine with the same build,
// and where it can be divided.
func TestMissing(t *testing.T) {
	list := jobs(t, "1 Mb/s")[:2]
	settled, stopped := list[0].Cell.ID, list[1].Cell.ID
	header := record.Campaign{Machine: record.Machine{CPU: "a"}, Tool: record.Tool{Commit: "c"}}
	executions := []record.Execution{{Cell: stopped, Index: 0, OK: true}, {Cell: stopped, Index: 1, OK: true}}
	for name, tt := range map[string]struct {
		change func(*record.Results, *OpenOptions)
		first  int
	}{
		"the same":        {func(*record.Results, *OpenOptions) {}, 2},
		"whole cells":     {func(_ *record.Results, o *OpenOptions) { o.Whole = true }, 0},
		"mixed":           {func(r *record.Results, _ *OpenOptions) { r.Mixed = true }, 0},
		"another machine": {func(r *record.Results, _ *OpenOptions) { r.Campaign.Machine.CPU = "b" }, 0},
		"another build":   {func(r *record.Results, _ *OpenOptions) { r.Campaign.Tool.Commit = "d" }, 0},
		"none was made":   {func(r *record.Results, _ *OpenOptions) { r.Cells[1].Executions = nil }, 0},
	} {
		old := &record.Results{Campaign: header, Cells: []record.CellResult{
			{Cell: record.Cell{ID: settled}, End: &record.CellEnd{OK: true}},
			{Cell: record.Cell{ID: stopped}, Executions: executions, DisturbedAttempts: 1},
		}}
		var o OpenOptions
		tt.change(old, &o)
		todo := missing(old, header, list, o)
		if len(todo.Jobs) != 1 || todo.Jobs[0].Cell.ID != stopped || todo.Jobs[0].First != tt.first || todo.Disturbed[stopped] != 1 {
			t.Errorf("%s: %d jobs are left, disturbed %v; want one, from execution %d", name, len(todo.Jobs), todo.Disturbed, tt.first)
		}
	}
}

// TestBusyCores: the machine's processors are as busy as its counters say, in cores, and each
// time since the time before.
func TestBusyCores(t *testing.T) {
	busy := busyCores()
	for range 2 {
		before, err := audit.ReadCPU()
		if err != nil {
			t.Skip(err)
		}
		for end := time.Now().Add(100 * time.Millisecond); time.Now().Before(end); {
			runtime.Gosched() // one core is busy at least
		}
		got, ok := busy()
		after, err := audit.ReadCPU()
		if err != nil {
			t.Fatal(err)
		}
		if want := before.Busy(after) * float64(runtime.NumCPU()); !ok || got < want/2 || got > want*2 {
			t.Errorf("%v cores are busy, %v; want %v", got, ok, want)
		}
	}
}
