package job

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"edgebed/harness/record"
	"edgebed/harness/scenario"
	"edgebed/harness/scenario/scenariotest"
	"edgebed/nodes/trace"
	"edgebed/nodes/units"
	"edgebed/nodes/workflow"
	"edgebed/nodes/yamlfile"
)

// TestReceive: each line of a worker goes to whom it is for, with what it says and with their
// error; only the cell's end is one.
func TestReceive(t *testing.T) {
	var got string
	full := errors.New("disk full")
	reporter := Reporter{
		Cell:      func(c record.Cell) error { got = "cell " + c.ID; return full },
		Execution: func(e record.Execution) error { got = fmt.Sprint("execution ", e.DelayNS); return full },
		CellEnd:   func(e record.CellEnd) error { got = "end of " + e.Cell; return full },
		Trace:     func(trace.Trace) error { got = "trace"; return full },
	}
	blind := reporter
	blind.Trace = nil
	for _, c := range []struct {
		r          Reporter
		line, want string
		ended      bool
		err        string
	}{
		{reporter, `{"cell":{"id":"c1"}}`, "cell c1", false, "disk full"},
		{reporter, `{"execution":{"delay_ns":7}}`, "execution 7", false, "disk full"},
		{reporter, `{"cell_end":{"cell":"c2"}}`, "end of c2", true, "disk full"},
		{reporter, `{"trace":{}}`, "trace", false, "disk full"},
		{blind, `{"trace":{}}`, "", false, "<nil>"},
		{reporter, `{"traces":{}}`, "", false, "read the worker's report \"{\\\"traces\\\":{}}\": neither cell, execution, trace nor end"},
		{reporter, `{"cell":7}`, "", false, "read the worker's report \"{\\\"cell\\\":7}\": json: cannot unmarshal"},
		{reporter, strings.Repeat("x", 200), "", false, "read the worker's report \"" + strings.Repeat("x", 80) + "\": invalid character"},
	} {
		got = ""
		ended, err := c.r.Receive([]byte(c.line))
		if got != c.want || ended != c.ended || !strings.HasPrefix(fmt.Sprint(err), c.err) {
			t.Errorf("%s: %q, ended %t, %v; want %q, %t, %s", c.line, got, ended, err, c.want, c.ended, c.err)
		}
	}
}

// TestOutstanding: a closed loop's clients wait for their answers; in an open loop the clients of
// one host share its ports, of which there are 1500.
func TestOutstanding(t *testing.T) {
	for _, c := range []struct {
		clients, hosts, said int
		process              scenario.Process
		want                 int
	}{
		{1, 1, 0, scenario.BackToBack, 1}, {9, 1, 7, scenario.BackToBack, 1},
		{1, 1, 0, scenario.Poisson, 100}, {15, 1, 0, scenario.Poisson, 100}, {16, 1, 0, scenario.Poisson, 93},
		{30, 1, 0, scenario.Poisson, 50}, {60, 2, 0, scenario.Poisson, 50}, {61, 2, 0, scenario.Poisson, 48},
		{1500, 1, 0, scenario.Poisson, 1}, {1501, 1, 0, scenario.Poisson, 1}, {30, 1, 200, scenario.Poisson, 200},
	} {
		j := &Job{}
		j.Cell.Clients.Count, j.Cell.Clients.Hosts = c.clients, []string{"a", "b"}[:c.hosts]
		j.Cell.Load.Arrivals.Process, j.Cell.Load.Outstanding = c.process, c.said
		if got := j.Outstanding(); got != c.want {
			t.Errorf("%+v: %d executions may be under way", c, got)
		}
	}
}

// TestTraceMistakes: a trace that is not there, that cannot be read, and that is shorter than the
// executions, the discarded ones among them, is told where the scenario names it.
func TestTraceMistakes(t *testing.T) {
	for _, c := range []struct {
		csv, execution string
		want           string
	}{
		{"1\n2\n", "executions: 2", ""},
		{"1\n2\n3\n", "executions: 2", ""},
		{"1\n2\n", "executions: 3", "the trace has 2 arrivals, fewer than the profile's executions, 3; lower them"},
		{"1\n2\n", "discard: 1, executions: 1", ""},
		{"1\n2\n", "discard: 1, executions: 2", "the trace has 2 arrivals, fewer than the profile's executions, 3; lower them"},
		{"1\nx\n", "executions: 2", "t.csv:2"},
		{"", "executions: 2", "file does not exist"},
	} {
		discard, executions, both := strings.Cut(c.execution, ", ")
		if !both {
			discard, executions = "discard: 0", c.execution
		}
		text := "name: t\ntopology: {preset: \"ring,switches=3\"}\nload: {arrivals: {file: t.csv}}\nexecution: {model: pure-faas, " +
			discard + "}\nprofiles: {quick: {" + executions + "}}\n"
		_, err := Prepare(scenariotest.ExpandText(t, text), func(name string) ([]byte, string, error) {
			if c.csv == "" {
				return nil, "", fs.ErrNotExist
			}
			return []byte(c.csv), name, nil
		}, nil)
		const at = "test.yaml:3:18: load.arrivals: "
		if got := fmt.Sprint(err); c.want == "" && err != nil ||
			c.want != "" && (!strings.HasPrefix(got, at+c.want) || len(yamlfile.Each(err)) != 1) {
			t.Errorf("%q, %s: %v, want %q", c.csv, c.execution, err, at+c.want)
		}
	}
}

// TestShareOfChecks: where cells are very many, fewer executions of each are looked at: a wrong
// one is found in the first ones only.
func TestShareOfChecks(t *testing.T) {
	prepare := func(cells, wrong int) error {
		list := make([]Workflow, wrong+1)
		for k := range list {
			list[k] = Workflow{Name: fmt.Sprint("w", k), Workflow: once("f1")}
		}
		list[wrong].Workflow = once("nobody")
		values := make([]string, cells)
		for i := range values {
			values[i] = fmt.Sprint(100+i, " B")
		}
		text := tight + "workload: {argument: $size}\nmatrix: [{axis: size, values: [" + strings.Join(values, ", ") + "]}]\n"
		_, err := Prepare(scenariotest.ExpandText(t, text), nil, list)
		return err
	}
	for _, c := range []struct {
		cells, wrong int
		found        bool
	}{{1, Checked - 1, true}, {1, Checked, false}, {400, 249, true}, {400, 250, false}} {
		err := prepare(c.cells, c.wrong)
		if (err != nil) != c.found {
			t.Errorf("of %d cells execution %d, which is wrong, gives %v", c.cells, c.wrong, err)
		}
	}
}

// TestMistakesOfCells: each mistake has its own place, is told once for all cells, and all of a
// cell are told.
func TestMistakesOfCells(t *testing.T) {
	_, err := loaded(t, "nodes: {computers: [{hosts: [host1, host8]}, {hosts: [host9]}]}")
	var got []string
	for _, err := range yamlfile.Each(err) {
		got = append(got, err.Error())
	}
	want := []string{
		"l.yaml:3:37: nodes.computers[0].hosts[1]: topology ring has no host host8",
		"l.yaml:3:55: nodes.computers[1].hosts[0]: topology ring has no host host9",
	}
	for i := range max(len(got), len(want)) {
		if len(got) != len(want) || !strings.HasPrefix(got[i], want[i]) {
			t.Fatalf("mistakes\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

// TestBrokenPlans: of a plan with mistakes only places are checked: those of events, too, where
// they name some.
func TestBrokenPlans(t *testing.T) {
	for events, want := range map[string]string{
		"[{at: 1 s, computer: h, stop: true}]":             "<nil>",
		"[{at: 1 s, link: [a, b], down: true}]":            "<nil>",
		"[{at: 1 s, computer: hh, stop: true}]":            "test.yaml:20:30: events[0].computer: there is no computer on host hh; did you mean h?",
		"[{at: 1 s, link: [a, c], down: true}]":            "test.yaml:20:26: events[0].link: ",
		"[{at: 1 s, link-class: wann, down: true}]":        "test.yaml:20:32: events[0].link-class: no link of topology simple is of class wann",
		"[{at: 1 s, link: [a, b], set: {rate: 0 b/s}}]":    "<nil>",
		"[{at: 1 s, direction: [b, c], down: true}]":       "test.yaml:20:31: events[0].direction: ",
		"[{at: 1 s, link-class: wan, set: {rate: 1 b/s}}]": "<nil>",
	} {
		plan := scenariotest.ExpandText(t, simple+"events: "+events+"\n")
		plan.Broken = true
		p, err := Prepare(plan, nil, nil)
		if p != nil || !strings.HasPrefix(fmt.Sprint(err), want) {
			t.Errorf("%s: %v, %v, want %s", events, p, err, want)
		}
	}
}

// TestDelayBackend: to choose how delay is made is for links that have some of what it makes, by
// themselves or by an event.
func TestDelayBackend(t *testing.T) {
	const none = "test.yaml:2:93: topology.delay: no link has one of delay, jitter, loss, gilbert-elliott, duplicate, corrupt; " +
		"give one to a link, or remove this"
	for _, c := range []struct{ class, delay, events, want string }{
		{"rate: 1 Mb/s", "auto", "", "<nil>"},
		{"rate: 1 Mb/s", "netem", "", none},
		{"delay: 1 ms", "netem", "", "<nil>"},
		{"forward: {loss: 1 %}", "netem", "", "<nil>"},
		{"reverse: {loss: 1 %}", "netem", "", "<nil>"},
		{"rate: 1 Mb/s", "netem", "events: [{at: 1 s, link: [a, b], set: {delay: 1 ms}}]\n", "<nil>"},
		{"rate: 1 Mb/s", "netem", "events: [{at: 1 s, link: [a, b], set: {rate: 2 Mb/s}}]\n", none},
	} {
		text := "name: d\ntopology: {switches: [a, b, d], hosts: [{name: x, switch: a}, {name: y, switch: b}], delay: " + c.delay +
			", links: [{between: [a, b], class: one}, {between: [b, d]}], link-classes: {one: {" + c.class + "}}}\n" +
			"execution: {model: pure-faas}\n" + c.events
		_, err := Prepare(scenariotest.ExpandText(t, text), nil, nil)
		if got := fmt.Sprint(err); got != c.want {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// TestPlacesOfMTU: that of a link is from the scenario's change of it, from the link itself, from
// the scenario's class, or from the file's class, in this order; the first of them is the place of
// what does not fit.
func TestPlacesOfMTU(t *testing.T) {
	for _, c := range []struct{ link, class, changes, want string }{
		{"mtu: 1500", "delay: 1 ms", "", "net.yaml:5:32: links[0].mtu: "},
		{"mtu: 1500", "mtu: 1600", "", "net.yaml:5:32: links[0].mtu: "},
		{"class: k", "mtu: 1600", "", "net.yaml:4:25: link-classes.k.mtu: "},
		{"class: k", "mtu: 1600", ", classes: {k: {mtu: 1300}}", "test.yaml:2:58: topology.classes.k.mtu: "},
		{"class: k", "delay: 1 ms", ", classes: {k: {mtu: 1300}}", "test.yaml:2:58: topology.classes.k.mtu: "},
		{"class: k", "mtu: 1600", ", classes: {k: {delay: 2 ms}}", "net.yaml:4:25: link-classes.k.mtu: "},
		{"class: k, mtu: 1500", "mtu: 1600", ", classes: {k: {mtu: 1300}}", "net.yaml:5:42: links[0].mtu: "},
		{"class: k, mtu: 1500", "mtu: 1600", ", changes: [{link: [b, a], mtu: 1200}]", "test.yaml:2:69: topology.changes[0].mtu: "},
		{"class: k", "mtu: 1600", ", changes: [{link: [b, a], forward: {delay: 1 ms}}]", "net.yaml:4:25: link-classes.k.mtu: "},
	} {
		file := "name: net\nswitches: [a, b]\nhosts: [{name: x, switch: a}, {name: y, switch: b}]\n" +
			"link-classes: {k: {" + c.class + "}}\nlinks: [{between: [a, b], " + c.link + "}]\n"
		find := func(string) ([]byte, string, error) { return []byte(file), "net.yaml", nil }
		text := "name: t\ntopology: {file: net.yaml, mtu: 9000" + c.changes + "}\nexecution: {model: pure-faas}\n"
		_, err := Prepare(scenariotest.ExpandText(t, text), find, nil)
		if got := fmt.Sprint(err); len(yamlfile.Each(err)) != 1 || !strings.HasPrefix(got, c.want) || !strings.Contains(got, "link a-b: ") {
			t.Errorf("%s, {%s}%s: %v, want only %q", c.link, c.class, c.changes, err, c.want)
		}
	}
}

// TestGivenAnywhere: given workflows are executed in turn, as they are where their functions are
// served by name, and else on functions that are drawn.
func TestGivenAnywhere(t *testing.T) {
	j := given(t, simple, []*workflow.Workflow{once("f"), once("g")})
	j.Given[1] = Workflow{Name: "far", Workflow: once("x"), Anywhere: true}
	for k, want := range map[int]string{-2: "f", -1: "x", 0: "f", 1: "x", 2: "f", 7: "x"} {
		w, err := j.Workflow(k)
		if err != nil || want == "f" && (w.Name != "w0" || w.Workflow.Functions[0] != "f") ||
			want == "x" && (w.Name != "far" || !strings.HasSuffix(w.Workflow.Functions[0], "~x")) {
			t.Errorf("execution %d is %s of %v, %v", k, w.Name, w.Workflow.Functions, err)
		}
	}
}

// TestExecutionsLeft: those of a load with a duration are the ones that are due.
func TestExecutionsLeft(t *testing.T) {
	j := given(t, tight+"workload: {argument: 1 kB}\nload: {arrivals: periodic, rate: 2, duration: 3 s, warm-up: 2 s}\n", nil)
	if j.Executions() != 6 || j.inTime.warmUps != 4 || j.Left() != 6 {
		t.Errorf("%d executions after %d warm-ups, %d left", j.Executions(), j.inTime.warmUps, j.Left())
	}
	var first, last Arrival
	n := 0
	for a := range j.Arrivals() {
		if n == 0 {
			first = a
		}
		last = a
		n++
	}
	if n != 10 || first.Index != -4 || last.Index != 5 || last.Due-first.Due != 9*time.Second/2 {
		t.Errorf("%d arrivals from %+v to %+v", n, first, last)
	}
	if j.First = 2; j.Left() != 4 {
		t.Errorf("%d executions are left after 2 of 6", j.Left())
	}
	if j.last() != 5 {
		t.Errorf("the last execution is %d", j.last())
	}
	traced := 3
	if j.Trace = &traced; j.last() != 3 {
		t.Errorf("the last execution of a traced job is %d", j.last())
	}
}

// TestRepeatedLists: the list of workflows repeats before its start, and does not where a load ends
// by time.
func TestRepeatedLists(t *testing.T) {
	name := func(j *Job, k int) string {
		t.Helper()
		w, err := j.Workflow(k)
		if err != nil {
			t.Fatal(err)
		}
		return w.Name
	}
	j := given(t, tight+"workload: {argument: 1 kB}\n", nil)
	for k := range 4 {
		if name(j, k-4) != name(j, k) || name(j, k+4) != name(j, k) {
			t.Errorf("of 4 executions number %d is not that of those before and after", k)
		}
	}
	j = given(t, tight+"workload: {argument: 1 kB}\nload: {arrivals: periodic, rate: 2, duration: 2 s}\n", nil)
	if name(j, 4) == name(j, 0) || name(j, -1) != name(j, scenario.MaxExecutions-1) {
		t.Error("executions of a load that ends by time repeat")
	}
}

// TestGroupsOfClients: each client has the workload of its group; given workflows are everybody's,
// and a group's workload that Expand has refused is nobody's.
func TestGroupsOfClients(t *testing.T) {
	const groups = "workload: {argument: 1 kB, generator: chain, states: 2, length: 2}\nclients: {groups: [" +
		"{name: one, count: 2, workload: {argument: 2 kB, length: 3}}, {name: two, workload: {argument: 3 kB, length: 5}}]}\n"
	j := given(t, tight+groups, nil)
	for client, c := range []struct {
		group    string
		argument units.Size
		length   int
	}{{"one", 2 * units.KB, 3}, {"one", 2 * units.KB, 3}, {"two", 3 * units.KB, 5}} {
		w, err := j.WorkflowOf(client, 0)
		if err != nil || w.Workflow.Len() != c.length || j.RunOf(client).Argument != c.argument || j.GroupOf(client) != c.group {
			t.Errorf("client %d of group %s has %v with %v, %v; want %+v", client, j.GroupOf(client), w.Workflow.Functions,
				j.RunOf(client).Argument, err, c)
		}
	}
	if got := fmt.Sprint(j.oneOfEach()); got != "[0 2]" {
		t.Errorf("one client of each group are %s", got)
	}
	if turn, err := j.Workflow(2); err != nil || turn.Workflow.Len() != 5 {
		t.Errorf("execution 2 is that of %v, %v", turn.Workflow, err)
	}

	j = given(t, tight+groups, slices.Repeat([]*workflow.Workflow{once("f1")}, 3))
	if w, err := j.WorkflowOf(2, 0); err != nil || w.Name != "w0" || j.groups != nil {
		t.Errorf("in a group with given workflows one is %+v, %v", w, err)
	}

	plan := scenariotest.ExpandText(t, tight+groups)
	plan.Broken = true
	plan.Cells[0].Clients.Groups[0].Workload.Generator = "file"
	if _, err := Prepare(plan, nil, nil); err != nil {
		t.Errorf("of a broken plan is told %v", err)
	}
}

// TestFoundOnce: a topology that many cells name is looked for once, also where it is wrong.
func TestFoundOnce(t *testing.T) {
	for file, mistakes := range map[string]int{
		"name: n\nswitches: [a]\nhosts: [{name: x, switch: a}, {name: y, switch: a}]\n": 0,
		"name: n\nswitches: [a]\nhosts: [{name: x, switch: b}]\n":                       1,
	} {
		found := 0
		_, err := Prepare(scenariotest.ExpandText(t, "name: t\ntopology: {file: n.yaml}\nexecution: {model: pure-faas}\n"+
			"workload: {argument: $size}\nmatrix: [{axis: size, values: [1 kB, 2 kB, 3 kB]}]\n"),
			func(name string) ([]byte, string, error) { found++; return []byte(file), name, nil }, nil)
		if found != 1 || len(yamlfile.Each(err)) != mistakes {
			t.Errorf("looked for %d times, %v", found, err)
		}
	}
}
