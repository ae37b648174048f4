package scenario

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"edgebed/nodes/yamlfile"
)

// underLoad expands a scenario with more lines.
func underLoad(t *testing.T, lines ...string) (*Plan, error) {
	t.Helper()
	text := "name: l\ntopology: {preset: \"ring,switches=4\"}\n" + strings.Join(lines, "\n") + "\n"
	if !strings.Contains(text, "matrix:") {
		text += "matrix: [{axis: model, values: [pure-faas]}]\n"
	}
	s, err := Parse("l.yaml", []byte(text))
	if err != nil {
		return nil, err
	}
	return s.Expand(Selection{Profile: "quick"})
}

// TestLoad reads loads as they are written in files, and as they travel to workers.
func TestLoad(t *testing.T) {
	for _, c := range []struct {
		lines   []string
		alone   bool
		process Process
		loop    Loop
		clients int
		words   string
	}{
		{nil, true, BackToBack, Closed, 1, "back-to-back, closed loop"},
		{[]string{"load: {arrivals: back-to-back}"}, true, BackToBack, Closed, 1, "back-to-back, closed loop"},
		{[]string{"clients: {count: 3}"}, false, BackToBack, Closed, 3, "back-to-back, closed loop"},
		{[]string{"clients: {hosts: [host0, host2]}"}, false, BackToBack, Closed, 2, "back-to-back, closed loop"},
		{[]string{"load: {duration: 5 s}"}, false, BackToBack, Closed, 1, "back-to-back, closed loop, for 5s"},
		{[]string{"load: {arrivals: poisson, rate: 300/min}"}, false, Poisson, Open, 1, "poisson at 5/s a client, open loop"},
		{[]string{"load: {arrivals: periodic, rate: 2, loop: closed}"}, false, Periodic, Closed, 1,
			"periodic at 2/s a client, closed loop"},
		{[]string{"load: {arrivals: interrupted-poisson, rate: 2 /s, on: 1 s, off: 2 s}"}, false, InterruptedPoisson, Open, 1,
			"interrupted-poisson at 2/s a client, on for 1s and off for 2s, open loop"},
	} {
		plan, err := underLoad(t, c.lines...)
		if err != nil {
			t.Errorf("%q: %v", c.lines, yamlfile.Explain(err))
			continue
		}
		text, err := json.Marshal(plan.Cells[0])
		if err != nil {
			t.Fatal(err)
		}
		var cell Cell
		if err := json.Unmarshal(text, &cell); err != nil {
			t.Fatal(err)
		}
		process, loop := cell.Load.How()
		if cell.Alone() != c.alone || process != c.process || loop != c.loop || cell.Clients.Number() != c.clients {
			t.Errorf("%q: alone %t, %s, %s, %d clients", c.lines, cell.Alone(), process, loop, cell.Clients.Number())
		}
		if got := cell.LoadWords(); got != c.words {
			t.Errorf("%q: %q, want %q", c.lines, got, c.words)
		}
	}
}

// TestClientsAxis varies the number of clients, and their rate, along axes.
func TestClientsAxis(t *testing.T) {
	plan, err := underLoad(t, "clients: {count: $n, hosts: [host0, host1]}", "load: {arrivals: poisson, rate: $rate}",
		"matrix: [{axis: n, values: [2, 8]}, {axis: rate, values: [0.5, 4]}]", "execution: {model: pure-faas}")
	if err != nil {
		t.Fatal(yamlfile.Explain(err))
	}
	var got []string
	for _, c := range plan.Cells {
		got = append(got, fmt.Sprintln(c.Clients.Number(), c.Load.Rate, c.Load.Rate.Mean(), c.Clients.Host(3, "")))
	}
	want := "2 0.5/s 2s host1\n2 4/s 250ms host1\n8 0.5/s 2s host1\n8 4/s 250ms host1\n"
	if strings.Join(got, "") != want {
		t.Errorf("cells %q, want %q", got, want)
	}
}

// TestLoadMistakes: each is told where it stands.
func TestLoadMistakes(t *testing.T) {
	const poisson = "arrivals: poisson, rate: 1"
	for _, c := range []struct{ line, want string }{
		{"clients: {count: 0.5}", "l.yaml:3:18: clients.count: expected a whole number"},
		{"clients: {count: -1}", "l.yaml:3:18: clients.count: number of clients of -1 is out of range"},
		{"clients: {count: 1001}", "clients.count: number of clients of 1001 is out of range: expected 1 to 1000"},
		{"clients: {hosts: []}", "clients.hosts: expected at least one host"},
		{"clients: {count: 1, hosts: [host0, host1]}", "1 clients leave some of 2 hosts without one"},
		{"clients: {number: 3}", `unknown key "number"`},
		{"load: {arrivals: poison, rate: 1}", "did you mean poisson?"},
		{"load: {arrivals: trace}", "a trace is written as {file: NAME}"},
		{"load: {arrivals: {fil: x}}", "did you mean file?"},
		{"load: {arrivals: {file: x.csv}, rate: 3}", "trace does not use rate"},
		{"load: {arrivals: poisson}", "l.yaml:3:7: load: poisson needs rate"},
		{"load: {rate: 3}", "l.yaml:3:14: load.rate: back-to-back does not use rate"},
		{"load: {arrivals: poisson, rate: 5 Hz}", `expected a number a second, such as 5, 5/s or 300/min`},
		{"load: {arrivals: poisson, rate: -2}", "load.rate: rate of -2 is out of range"},
		{"load: {arrivals: poisson, rate: NaN}", "load.rate"},
		{"load: {arrivals: poisson, rate: 1e9}", "rate of 1e+09 is out of range: expected 1e-05 to 1e+06"},
		{"load: {arrivals: interrupted-poisson, rate: 1, on: 1 s}", "interrupted-poisson needs off"},
		{"load: {arrivals: poisson, rate: 1, on: 1 s}", "poisson does not use on"},
		{"load: {loop: open}", "back-to-back waits for each answer"},
		{"load: {" + poisson + ", loop: opne}", "did you mean open?"},
		{"load: {" + poisson + ", duration: -1 s}", "load.duration: duration of -1s is out of range"},
		{"load: {" + poisson + ", warm-up: 25 h}", "load.warm-up: warm-up of 25h0m0s is out of range"},
		{"load: {" + poisson + ", outstanding: 1001}", "load.outstanding"},
		{"load: {" + poisson + ", loop: closed, outstanding: 2}", "in a closed loop a client has one execution under way"},
		{"load: {arrivals: poisson, rate: 1000, duration: 1 h}", "about 3600000 executions are due in that time"},
		{"load: {" + poisson + "}\nexecution: {pause: 1 s}", "l.yaml:4:20: execution.pause: a pause is a part of back-to-back"},
		{"load: {" + poisson + "}\nexecution: {keep-client: true}", "use loop: closed"},
		{"clients: {count: 2}\nexecution: {cycle: artifact}", "execution.cycle: the artifact's cycle"},
		{"load: {" + poisson + ", warm-up: 1 s}\nexecution: {discard: 3}", "warm-ups are given by their number too"},
		{"load: {duration: $t}", "unknown variable $t"},
		{"nodes: {computers: [{functions: [{keep-warm: 1 s}]}]}", "keep-warm: containers are warm always; add cold-start"},
		{"nodes: {computers: [{functions: [{cold-start: 2 h}]}]}", "cold-start of 2h0m0s is out of range"},
		{"nodes: {computers: [{functions: [{cold-start: 1 s, keep-warm: -1 s}]}]}", "keep-warm of -1s is out of range"},
	} {
		_, err := underLoad(t, c.line)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "l.yaml:") {
			t.Errorf("%s: %v, want %q and its place", c.line, err, c.want)
		}
	}
}

// TestUnloadedDecides: what decides the results of a scenario without a load is what it
// was before there were any.
func TestUnloadedDecides(t *testing.T) {
	plan, err := underLoad(t)
	if err != nil {
		t.Fatal(err)
	}
	for name := range plan.Decides() {
		if strings.HasPrefix(name, "load") || strings.HasPrefix(name, "clients") {
			t.Errorf("%s is noted", name)
		}
	}
	plan, err = underLoad(t, "load: {arrivals: poisson, rate: 60/min, duration: 10 s}")
	if err != nil {
		t.Fatal(err)
	}
	if got := plan.Decides()["load.duration"]; got != (10 * time.Second).String() {
		t.Errorf("the duration is noted as %q", got)
	}
}

// TestGroups reads clients with workloads of their own: their keys replace those of the
// scenario's workload, all but the argument where they choose another generator.
func TestGroups(t *testing.T) {
	plan, err := underLoad(t, "workload: {length: 4, states: 2, argument: $argument}",
		"clients:", "  groups:", "    - {name: a, count: 2, workload: {length: 2}}",
		"    - {name: b, hosts: [host1, host2], workload: {generator: stages, argument: 3 kB}}", "    - {name: c}",
		"matrix: [{axis: argument, values: [5 kB]}, {axis: model, values: [pure-faas]}]")
	if err != nil {
		t.Fatal(yamlfile.Explain(err))
	}
	text, err := json.Marshal(plan.Cells[0])
	if err != nil {
		t.Fatal(err)
	}
	var cell Cell // as it travels to a worker
	if err := json.Unmarshal(text, &cell); err != nil {
		t.Fatal(err)
	}

	c := &cell.Clients
	var groups []int
	var hosts []string
	for k := range c.Number() {
		groups, hosts = append(groups, c.Group(k)), append(hosts, c.Host(k, "host0"))
	}
	if fmt.Sprint(groups, hosts) != "[0 0 1 1 2] [host0 host0 host1 host2 host0]" {
		t.Errorf("clients are in groups %v on %v", groups, hosts)
	}
	a, b, other := c.Groups[0].Workload, c.Groups[1].Workload, c.Groups[2].Workload
	if a.Generator != "chain" || a.Length != 2 || a.States != 2 || a.Argument != 5000 {
		t.Errorf("the first group has the workload %+v", a.Workload)
	}
	if b.Generator != "stages" || b.Length != 0 || b.Stages != 3 || b.Argument != 3000 {
		t.Errorf("the second group has the workload %+v", b.Workload)
	}
	if other.Length != 4 || other.Argument != 5000 || cell.Workload.Length != 4 {
		t.Errorf("a group without a workload has %+v", other.Workload)
	}
}

// TestRamp reads a rate that changes, and expects as many executions as are due.
func TestRamp(t *testing.T) {
	plan, err := underLoad(t, "load: {arrivals: poisson, rate: 60/min, ramp: {to: 3/s, over: 10 s}, duration: 20 s}")
	if err != nil {
		t.Fatal(yamlfile.Explain(err))
	}
	c := &plan.Cells[0]
	if n := c.Load.Expected(20 * time.Second); n != 20+30 {
		t.Errorf("%v executions are expected, want 50", n)
	}
	if words := c.LoadWords(); words != "poisson at 1/s a client, within 10s to 3/s, open loop, for 20s" {
		t.Errorf("the load is told as %q", words)
	}
	_, err = underLoad(t, "load: {arrivals: poisson, rate: 1/s, ramp: {to: 100000/s, over: 1 h}, duration: 24 h}")
	if err == nil || !strings.Contains(err.Error(), "executions are due in that time") {
		t.Errorf("a ramp to too many executions: %v", err)
	}
}
