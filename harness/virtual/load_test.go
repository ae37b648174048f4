package virtual

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"edgebed/harness/job"
	"edgebed/harness/record"
	"edgebed/harness/scenario/scenariotest"
	"edgebed/nodes/yamlfile"
)

// jobsOf prepares a scenario's text.
func jobsOf(t *testing.T, text string) []job.Job {
	t.Helper()
	p, err := job.Prepare(scenariotest.ExpandText(t, text), nil, nil)
	if err != nil {
		t.Fatal(yamlfile.Explain(err))
	}
	return p.Jobs
}

// ran runs a job and returns its records.
func ran(t *testing.T, program string, j job.Job) record.CellResult {
	t.Helper()
	var c record.CellResult
	for line := range bytes.Lines(run(t, program, j)) {
		_, err := job.Reporter{
			Cell:      func(of record.Cell) error { c.Cell = of; return nil },
			Execution: func(e record.Execution) error { c.Executions = append(c.Executions, e); return nil },
			CellEnd:   func(end record.CellEnd) error { c.End = &end; return nil },
		}.Receive(line)
		if err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// TestLoad runs cells under load.
func TestLoad(t *testing.T) {
	program := worker(t)
	t.Run("queueing", func(t *testing.T) { testQueueing(t, program) })
	t.Run("accounting", func(t *testing.T) { testAccounting(t, program) })
	t.Run("groups", func(t *testing.T) { testGroups(t, program) })
	t.Run("refused", func(t *testing.T) { testRefused(t, program) })
	t.Run("outage", func(t *testing.T) { testOutage(t, program) })
	t.Run("cut for good", func(t *testing.T) { testCut(t, program) })
	t.Run("computers", func(t *testing.T) { testComputerEvents(t, program) })
	t.Run("deterministic", func(t *testing.T) { testLoadDeterministic(t, program) })
}

// testQueueing holds eight Poisson clients at half of a computer's capacity against
// queueing theory. Links do not matter: there is one switch, and nothing is shaped.
//
// All calls of a function need the same work S, so that service times are deterministic.
// A processor (nodes/processor) shares its c cores equally: with n tasks each runs at
// min(c, n)/n of a core's speed. With workers for all, that is processor sharing, a
// symmetric queue, whose number of tasks has the same distribution for all service
// times of one mean (Kelly, Reversibility and Stochastic Networks, 3.3). For exponential
// ones it is that of M/M/c, since both go from n to n-1 at the rate min(c, n)/S. So the
// mean time in the system is M/M/c's: S + C(c, a) S / (c (1 - rho)), with Erlang's C.
// For one core that is M/G/1-PS, S / (1 - rho). With one worker the queue is first in,
// first out: M/D/1, S + rho S / (2 (1 - rho)).
//
// Routers and computers handle five calls at a time (the prototype's --num-threads), so
// that those beyond wait their turn: at half load one in fifty does, and the mean under
// processor sharing falls by some percent.
func testQueueing(t *testing.T, program string) {
	jobs := jobsOf(t, `
name: queueing
topology: {switches: [s], hosts: [{name: a, switch: s}, {name: b, switch: s}]}
nodes:
  computers:
    - processors: [{cores: $cores}]
      functions: [{names: [f], workers: $workers, service-time: 1 s}]
workload: {generator: chain, states: 1, length: 1, argument: 100 B}
clients: {count: 8}
load: {arrivals: poisson, rate: $rate}
matrix:
  - axis: system
    values:
      - {name: M/M/2, set: {cores: 2, workers: 100, rate: 0.125}}
      - {name: M/G/1-PS, set: {cores: 1, workers: 100, rate: 0.0625}}
      - {name: M/D/1, set: {cores: 1, workers: 1, rate: 0.0625}}
execution: {model: pure-faas, discard: 50}
profiles: {quick: {executions: 1000}}
`)
	// At rho = 1/2, in service times: Erlang's C(2, 1) is 1/3.
	theory := map[string]float64{"M/M/2": 1 + 1.0/3, "M/G/1-PS": 2, "M/D/1": 1.5}
	for _, j := range jobs {
		c := ran(t, program, j)
		var sum float64
		for _, e := range c.Counted() {
			sum += time.Duration(e.DelayNS).Seconds()
		}
		system, l := c.Cell.Point[0].Value, c.End.Load
		mean, want := sum/float64(len(c.Counted())), theory[system]
		if len(c.Counted()) != 1000 || math.Abs(mean/want-1) > 0.1 {
			t.Errorf("%s: %d executions take %.3f s on average, theory says %.3f", system, len(c.Counted()), mean, want)
		}
		t.Logf("%s: mean time %.3f, theory %.3f", system, mean, want)

		// Little's law, which needs no theory of queues.
		if ratio := l.Concurrency / (l.Throughput * mean); ratio < 0.97 || ratio > 1.03 {
			t.Errorf("%s: %.3f under way, %.3f a second for %.3f s each", system, l.Concurrency, l.Throughput, mean)
		}
	}
}

// testAccounting: every execution that is due is on record once, in each kind of load and
// each model, and the bytes are the cell's.
func testAccounting(t *testing.T, program string) {
	for _, load := range []string{
		"{arrivals: poisson, rate: 3}\nexecution: {discard: 4}",
		"{arrivals: periodic, rate: 2, duration: 2 s, warm-up: 1 s}",
		"{arrivals: poisson, rate: 5, loop: closed, duration: 2 s, warm-up: 1 s}",
		"{}\nexecution: {discard: 4, pause: 10 ms}",
		"{duration: 2 s}\nexecution: {keep-client: true, form: direct}",
	} {
		for _, j := range jobsOf(t, `
name: accounting
topology: {preset: "ring,switches=4,rate=20 Mb/s"}
clients: {count: 3, hosts: [host0, host1]}
workload: {length: 3, states: 2, argument: 5 kB}
profiles: {quick: {executions: 12}}
matrix: [{axis: model, values: [pure-faas, state-local]}]
load: `+load+"\n") {
			c := ran(t, program, j)
			name := load + ", " + c.Cell.ID
			seen, clients := map[int]bool{}, map[string]int{}
			for _, e := range c.Executions {
				if !e.OK || seen[e.Index] || e.Arrival == nil || e.WarmUp != (e.Index < 0) {
					t.Errorf("%s: execution %d: %q, seen %t, arrival %v", name, e.Index, e.Reason, seen[e.Index], e.Arrival)
				}
				if e.SwitchBytes != 0 || e.Ports != nil || e.CycleNS != 0 {
					t.Errorf("%s: execution %d has bytes of its own", name, e.Index)
				}
				seen[e.Index] = true
				clients[e.Arrival.Client]++
			}
			l := c.End.Load
			if len(clients) != 3 || clients["host0/0"] == 0 || clients["host1/1"] == 0 || clients["host0/2"] == 0 {
				t.Errorf("%s: executions by client %v", name, clients)
			}
			if n := j.Executions(); n > 0 && l.Executions != n {
				t.Errorf("%s: %d executions, want %d", name, l.Executions, n)
			}
			for k := range l.Executions {
				if j.Cell.Load.Duration == 0 && !seen[k] {
					t.Errorf("%s: execution %d is lost", name, k)
				}
			}
			if l.Traffic.Executions != len(c.Executions) || l.Traffic.SwitchBytes == 0 || len(l.Traffic.Ports) != 12 {
				t.Errorf("%s: traffic %+v of %d executions", name, l.Traffic, len(c.Executions))
			}
			checkSamples(t, name, l)
			if c.Cell.Settings[record.SettingBytes] != record.BytesOfCell || c.Cell.Settings["clients"] != "3" {
				t.Errorf("%s: settings %v", name, c.Cell.Settings)
			}
		}
	}
}

// checkSamples holds samples over time against the counts of the whole cell.
func checkSamples(t *testing.T, name string, l *record.Load) {
	t.Helper()
	if l.Samples == nil || len(l.Samples.Computers) == 0 {
		t.Fatalf("%s: there are no samples", name)
	}
	all := map[string]int64{}
	for _, p := range l.Traffic.Ports {
		all[p.Name] = p.TxBytes
	}
	if !slices.IsSorted(l.Samples.AtNS) || len(l.Samples.AtNS) > 200 {
		t.Errorf("%s: samples at %v", name, l.Samples.AtNS)
	}
	sent := int64(0)
	for _, p := range l.Samples.Ports {
		of := int64(0)
		for _, bytes := range p.SentBytes {
			of += bytes
		}
		sent += of
		// What came after the last sample is not in them.
		if len(p.SentBytes) != len(l.Samples.AtNS) || len(p.QueuedBytes) != len(l.Samples.AtNS) || of > all[p.Name] {
			t.Errorf("%s: port %s sent %d B in %d samples, %d B in all", name, p.Name, of, len(p.SentBytes), all[p.Name])
		}
	}
	if sent < l.Traffic.SwitchBytes/2 {
		t.Errorf("%s: samples have %d of %d B", name, sent, l.Traffic.SwitchBytes)
	}
	running := 0
	for _, c := range l.Samples.Computers {
		for _, n := range c.Running {
			running += n
		}
	}
	if running == 0 {
		t.Errorf("%s: no sample shows a call that runs", name)
	}
}

// testGroups: clients of a group execute its workflows, with its sizes, in each model.
func testGroups(t *testing.T, program string) {
	for _, j := range jobsOf(t, `
name: groups
topology: {preset: "ring,switches=6,rate=20 Mb/s"}
workload: {length: 3, states: 2, argument: 5 kB}
clients:
  groups:
    - {name: large, count: 2, hosts: [host0], workload: {argument: 100 kB}}
    - {name: small, hosts: [host1], workload: {generator: stages, stages: 2, branches: 2, argument: 1 kB}}
load: {arrivals: $arrivals, rate: 2/s, loop: $loop, duration: 4 s}
matrix:
  - {axis: model, values: [pure-faas, state-local]}
  - {axis: loop, values: [{name: open, set: {loop: open, arrivals: poisson}}, {name: closed, set: {loop: closed, arrivals: periodic}}]}
`) {
		c := ran(t, program, j)
		delays := map[string][]time.Duration{}
		for _, e := range c.Executions {
			number := 0
			if strings.HasSuffix(e.Arrival.Client, "/2") {
				number = 2
			}
			w, err := j.WorkflowOf(number, e.Index)
			if err != nil || !e.OK || e.Workload != w.Name || (e.Arrival.Group == "small") != (number == 2) {
				t.Errorf("%s: execution %d of %s in group %s: workload %s, want %s: %s %v",
					c.Cell.ID, e.Index, e.Arrival.Client, e.Arrival.Group, e.Workload, w.Name, e.Reason, err)
			}
			delays[e.Arrival.Group] = append(delays[e.Arrival.Group], time.Duration(e.DelayNS))
		}
		// 100 kB take 40 ms on each link.
		if len(delays["large"]) < 5 || len(delays["small"]) < 3 || slices.Min(delays["large"]) < 80*time.Millisecond ||
			slices.Min(delays["small"]) > slices.Min(delays["large"]) {
			t.Errorf("%s: delays %v", c.Cell.ID, delays)
		}
	}
}

// testRefused: an overloaded client begins no more than it may, and what it does not
// begin is on record.
func testRefused(t *testing.T, program string) {
	jobs := jobsOf(t, `
name: refused
topology: {preset: "ring,switches=4"}
load: {arrivals: periodic, rate: 100, outstanding: 5}
execution: {model: state-prop, timeout: 30 s}
profiles: {quick: {executions: 40}}
matrix: [{axis: work, values: [2 s]}]
nodes: {computers: [{functions: [{service-time: $work}]}]}
`)
	c := ran(t, program, jobs[0])
	l := c.End.Load
	if len(c.Executions) != 40 || l.Failures["refused"] != 35 || l.MostConcurrent != 5 {
		t.Errorf("%d executions, failures %v, %d at once; want 40, 35 refused, 5", len(c.Executions), l.Failures, l.MostConcurrent)
	}
	for _, e := range c.Executions {
		if !e.OK && (e.DelayNS != 0 || !strings.HasPrefix(e.Reason, "refused: 5 executions")) {
			t.Errorf("execution %d failed after %d ns: %s", e.Index, e.DelayNS, e.Reason)
		}
	}
}

// testLoadDeterministic runs an open and a closed loop twice, the second time on a busy
// machine: every byte of the records must be the same.
func testLoadDeterministic(t *testing.T, program string) {
	jobs := slices.Concat(jobsOf(t, `
name: open
topology: {preset: "ring,switches=4"}
clients: {count: 4}
load: {arrivals: interrupted-poisson, rate: 6, on: 1 s, off: 1 s}
execution: {model: state-local}
profiles: {quick: {executions: 30}}
matrix: [{axis: length, values: [3]}]
workload: {length: $length}
`), jobsOf(t, `
name: closed
topology: {preset: "ring,switches=4"}
clients: {count: 4}
load: {duration: 2 s}
execution: {model: state-prop}
matrix: [{axis: length, values: [3]}]
workload: {length: $length}
`))
	var first [][]byte
	for _, j := range jobs {
		first = append(first, run(t, program, j))
	}
	hog(t)
	for i, j := range jobs {
		if again := run(t, program, j); !bytes.Equal(first[i], again) {
			t.Errorf("%s: the records differ on a busy machine", j.Cell.ID)
		}
	}
}

// all checks that each of so many executions is on record once, well or with a reason, and
// returns them by index.
func all(t *testing.T, c record.CellResult, number int) []record.Execution {
	t.Helper()
	list := make([]record.Execution, number)
	seen := make([]bool, number)
	for _, e := range c.Executions {
		if e.Index < 0 || e.Index >= number || seen[e.Index] || e.OK != (e.Reason == "") {
			t.Fatalf("%s: execution %d: seen before or invented, or failed with the reason %q", c.Cell.ID, e.Index, e.Reason)
		}
		list[e.Index], seen[e.Index] = e, true
	}
	if len(c.Executions) != number {
		t.Fatalf("%s: %d executions, want %d", c.Cell.ID, len(c.Executions), number)
	}
	return list
}

// testOutage cuts a link of a ring, next to the client, for 5 s in the middle of 100
// executions, with time enough to wait for it and without.
func testOutage(t *testing.T, program string) {
	const cut, back = 8 * time.Second, 13 * time.Second
	for _, j := range jobsOf(t, `
name: outage
topology: {preset: "ring,switches=6,rate=10 Mb/s"}
events: [{at: 8 s, for: 5 s, link: [s0, s1], down: true}]
load: {arrivals: poisson, rate: 5/s}
execution: {timeout: $timeout}
matrix: [{axis: timeout, values: [60 s, 2 s]}, {axis: model, values: [pure-faas, state-local]}]
profiles: {quick: {executions: 100}}
`) {
		c := ran(t, program, j)
		var before, late, failed time.Duration // longest delays
		during := 0
		for _, e := range all(t, c, 100) {
			due, delay := e.Arrival.Due.Sub(c.End.Load.Started), time.Duration(e.DelayNS)
			switch {
			case !e.OK:
				failed = max(failed, delay)
				if due+delay < cut || due > back+5*time.Second {
					t.Errorf("%s: execution %d, due at %v, fails for no reason: %s", c.Cell.ID, e.Index, due, e.Reason)
				}
			case due+delay < cut:
				before = max(before, delay)
			case due < back:
				late = max(late, delay)
				during++
			}
		}

		events := c.End.Events
		if len(events) != 2 || events[0].At.Sub(c.End.Load.Started) != cut || events[1].At.Sub(c.End.Load.Started) != back ||
			events[0].What != "link s0-s1 is down" || !events[1].Over {
			t.Errorf("%s: events %+v", c.Cell.ID, events)
		}
		patient := j.Cell.Execution.Timeout > 10*time.Second
		if before > time.Second || patient && late < 3*time.Second || !patient && late > 2*time.Second {
			t.Errorf("%s: executions took up to %v before the cut, %v in it", c.Cell.ID, before, late)
		}
		if patient != (failed == 0) || patient && during < 10 {
			t.Errorf("%s: failures after up to %v; %d executions were due or under way in the cut", c.Cell.ID, failed, during)
		}
	}
}

// testCut: a client that is cut off for good ends with a failure of each execution that
// is left, on record, and a cell that is complete.
func testCut(t *testing.T, program string) {
	j := jobsOf(t, `
name: cut
topology: {preset: "ring,switches=4,rate=$rate"}
matrix: [{axis: rate, values: [1 Mb/s]}]
workload: {length: 2, states: 1, argument: 5 kB}
execution: {timeout: 5 s, model: pure-faas}
events: [{at: 450 ms, link: [s0, s1], down: true}, {at: 450 ms, link: [s0, s3], down: true}]
profiles: {quick: {executions: 6}}
`)[0]
	c := ran(t, program, j)
	if c.End == nil || !c.End.OK || len(c.Executions) != 6 {
		t.Fatalf("%d executions are on record, the end is %+v", len(c.Executions), c.End)
	}
	last := c.Executions[5]
	if last.OK || last.Reason == "" {
		t.Errorf("execution 5, after the cut: ok %t, reason %q", last.OK, last.Reason)
	}
}

// testComputerEvents stops the only computer that serves a function, and slows it down.
func testComputerEvents(t *testing.T, program string) {
	run := func(event string) []record.Execution {
		c := ran(t, program, jobsOf(t, `
name: computers
topology: {preset: "ring,switches=3"}
nodes: {computers: [{hosts: [host1], functions: [{names: [f], service-time: 20 ms}]}]}
workload: {length: $length, states: 1}
events: [`+event+`]
load: {arrivals: periodic, rate: 10/s}
execution: {model: state-prop, timeout: 20 s}
matrix: [{axis: length, values: [1]}]
profiles: {quick: {executions: 100}}
`)[0])
		if len(c.End.Events) != 2 {
			t.Errorf("%s: events %+v", event, c.End.Events)
		}
		return all(t, c, 100)
	}

	for k, e := range run("{at: 4 s, for: 3 s, computer: host1, stop: true}") {
		// Those that are due while it starts again may go either way.
		starts := k == 70 || k == 71
		if stopped := k >= 40 && k < 70; e.OK == stopped && !starts {
			t.Errorf("execution %d, due after %d ms: ok %t: %s", k, 100*k, e.OK, e.Reason)
		}
	}

	list := run("{at: 4 s, for: 3 s, computer: host1, speed: 0.5}")
	for k, e := range list {
		// The second execution is like all others but the first, of another size on the wire.
		if want := list[1].DelayNS + 20e6; !e.OK || k >= 40 && k < 70 && e.DelayNS != want || k < 40 && e.DelayNS >= want {
			t.Errorf("execution %d took %d ns, want %d at half speed: %s", k, e.DelayNS, want, e.Reason)
		}
	}
}
