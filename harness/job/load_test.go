package job

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"edgebed/harness/scenario"
	"edgebed/nodes/yamlfile"
)

// loaded prepares a scenario on a ring with more lines.
func loaded(t *testing.T, lines ...string) (*Prepared, error) {
	t.Helper()
	s, err := scenario.Parse("l.yaml", []byte("name: l\ntopology: {preset: \"ring,switches=4\"}\n"+
		strings.Join(lines, "\n")+"\nmatrix: [{axis: model, values: [pure-faas, state-prop]}]\n"))
	if err != nil {
		t.Fatal(yamlfile.Explain(err))
	}
	plan, err := s.Expand(scenario.Selection{Profile: "quick"})
	if err != nil {
		t.Fatal(yamlfile.Explain(err))
	}
	return Prepare(plan, nil, nil)
}

// TestArrivals: executions of an open loop are numbered by when they are due, the same in
// every model, and end by number or by time.
func TestArrivals(t *testing.T) {
	for _, c := range []struct {
		line              string
		warmUps, measured int // -1: any
	}{
		{"load: {arrivals: poisson, rate: 4}", 0, 8},
		{"load: {arrivals: poisson, rate: 4}\nexecution: {discard: 3}", 3, 8},
		{"load: {arrivals: periodic, rate: 4, duration: 2 s}", 0, 16},
		{"load: {arrivals: periodic, rate: 4, duration: 2 s, warm-up: 1 s}", 8, 16},
		{"load: {arrivals: periodic, rate: 4, warm-up: 1 s}", 8, 8},
		{"load: {arrivals: poisson, rate: 4, duration: 20 s, warm-up: 1 s}", -1, -1},
	} {
		p, err := loaded(t, "clients: {count: 2}", c.line)
		if err != nil {
			t.Fatalf("%s: %v", c.line, err)
		}
		var of [2][]Arrival
		for i := range p.Jobs {
			for a := range p.Jobs[i].Arrivals() {
				of[i] = append(of[i], a)
			}
		}
		warmUps, last := 0, time.Duration(-1)
		for k, a := range of[0] {
			if a != of[1][k] {
				t.Fatalf("%s: execution %d is %v in one model and %v in another", c.line, k, a, of[1][k])
			}
			if a.Due < last || k > 0 && a.Index != of[0][k-1].Index+1 {
				t.Fatalf("%s: %v comes after %v", c.line, a, of[0][k-1])
			}
			last = a.Due
			if a.Index < 0 {
				warmUps++
			}
		}
		measured := len(of[0]) - warmUps
		if c.measured >= 0 && (warmUps != c.warmUps || measured != c.measured) {
			t.Errorf("%s: %d warm-ups, %d executions, want %d and %d", c.line, warmUps, measured, c.warmUps, c.measured)
		}
		if n := p.Jobs[0].Executions(); n != measured {
			t.Errorf("%s: %d executions are announced, %d are due", c.line, n, measured)
		}
		if l := p.Jobs[0].Cell.Load; l.WarmUp > 0 && of[0][0].Index < 0 && of[0][warmUps].Due < l.WarmUp {
			t.Errorf("%s: the first measured execution is due at %v", c.line, of[0][warmUps].Due)
		}
	}
}

// TestLoadedJobs: where clients are, where computers are by default, what is not
// divisible, and what is expected.
func TestLoadedJobs(t *testing.T) {
	p, err := loaded(t, "clients: {count: 3, hosts: [host1, host3]}", "load: {duration: 30 s, warm-up: 10 s}")
	if err != nil {
		t.Fatal(err)
	}
	j := &p.Jobs[0]
	if got := j.Client(0) + j.Client(1) + j.Client(2); got != "host1host3host1" || j.Cell.Nodes.Controller != "host1" {
		t.Errorf("clients on %s, the controller on %s", got, j.Cell.Nodes.Controller)
	}
	computers, err := j.Computers()
	if err != nil || len(computers) != 2 {
		t.Errorf("%d computers, want those of the hosts without clients: %v", len(computers), err)
	}
	if j.Divisible() || j.Outstanding() != 1 {
		t.Errorf("divisible %t, %d outstanding executions", j.Divisible(), j.Outstanding())
	}
	if e := j.Expected(); e < 40*time.Second || e > 50*time.Second {
		t.Errorf("expected to take %v", e)
	}
	// Three clients for 40 s, some 100 ms an execution.
	if j.Executions() != 0 || j.Left() < 300 || j.Left() > 3000 {
		t.Errorf("%d executions are known, about %d expected", j.Executions(), j.Left())
	}
	if perExecution := j.Traffic() / 1000; perExecution < 10_000 {
		t.Errorf("traffic of %v is expected", j.Traffic())
	}
}

// TestLoadedMistakes: what a load needs of the rest is told with its place.
func TestLoadedMistakes(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"clients: {count: 9}", "l.yaml:3:18: clients.count: 9 clients share 8 executions"},
		{"clients: {hosts: [host0, hots1]}", "l.yaml:3:26: clients.hosts[1]: topology ring has no host hots1; did you mean host1?"},
		{"clients: {count: 100}\nload: {arrivals: poisson, rate: 1, outstanding: 16}", "1600 executions of 100 clients on one host"},
		{"load: {arrivals: poisson, rate: 0.001, duration: 1 ms}", "load.duration: no execution is due in 1ms"},
	} {
		_, err := loaded(t, c.line)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.line, err, c.want)
		}
	}
}

// TestRecordedArrivals runs a trace: its arrivals travel with the job, and what it says
// decides the results.
func TestRecordedArrivals(t *testing.T) {
	prepare := func(trace, load string) (*Prepared, error) {
		s, err := scenario.Parse("l.yaml", []byte("name: l\ntopology: {preset: \"ring,switches=4\"}\nload: "+load+"\n"+
			"matrix: [{axis: model, values: [pure-faas]}]\nprofiles: {quick: {executions: 2}}\n"))
		if err != nil {
			t.Fatal(err)
		}
		plan, err := s.Expand(scenario.Selection{Profile: "quick"})
		if err != nil {
			t.Fatal(err)
		}
		return Prepare(plan, func(name string) ([]byte, string, error) { return []byte(trace), name, nil }, nil)
	}
	p, err := prepare("1\n0.5\n7\n", "{arrivals: {file: t.csv}, duration: 5 s}")
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(p.Jobs[0])
	if err != nil {
		t.Fatal(err)
	}
	var sent Job
	if err := errors.Join(json.Unmarshal(text, &sent), sent.Open()); err != nil {
		t.Fatal(err)
	}
	var due []time.Duration
	for a := range sent.Arrivals() {
		due = append(due, a.Due)
	}
	if len(due) != 2 || due[0] != 500*time.Millisecond || due[1] != time.Second {
		t.Errorf("executions are due at %v", due)
	}

	other, err := prepare("1\n0.6\n7\n", "{arrivals: {file: t.csv}, duration: 5 s}")
	if err != nil || other.Hash == p.Hash {
		t.Errorf("another trace has the same hash: %v", err)
	}
	marked, err := prepare("\ufeff1\n0.5\n7\n", "{arrivals: {file: t.csv}, duration: 5 s}")
	if err != nil || marked.Hash != p.Hash {
		t.Errorf("a byte-order mark changes the trace: %v", err)
	}
	if _, err := prepare("1\n", "{arrivals: {file: t.csv}}"); err == nil || !strings.Contains(err.Error(), "the trace has 1 arrivals") {
		t.Errorf("%v, want that the trace is too short", err)
	}
	if _, err := prepare("1\n-1\n", "{arrivals: {file: t.csv}}"); err == nil || !strings.Contains(err.Error(), "l.yaml:3") || !strings.Contains(err.Error(), "t.csv:2") {
		t.Errorf("%v, want the places in both files", err)
	}
}
