package scenario

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"edgebed/harness/load"
	"edgebed/harness/record"
	"edgebed/nodes/units"
	"edgebed/nodes/yamlfile"
)

// TestShortened: a section that is written as one value is told how it is written.
func TestShortened(t *testing.T) {
	for section, want := range map[string]string{
		"topology: ring":              `b.yaml:2:11: topology: expected a mapping, such as {preset: ring}, got "ring"`,
		"workload: chain":             `workload: expected a mapping, such as {generator: chain}, got "chain"`,
		"execution: pure-faas":        `execution: expected a mapping, such as {model: pure-faas}, got "pure-faas"`,
		"clients: 3":                  `clients: expected a mapping, such as {count: 3}, got "3"`,
		"load: poisson":               `load: expected a mapping, such as {arrivals: poisson}, got "poisson"`,
		"nodes: host0":                `b.yaml:2:8: nodes: expected a mapping, got "host0"`,
		"nodes: {computers: [host1]}": `nodes.computers[0]: expected a group of computers, such as {hosts: [host1]}, got "host1"`,
		"nodes: {computers: [{hosts: [host1]}, host2]}": `nodes.computers[1]: expected a group of computers, such as {hosts: [host2]}, got "host2"`,
	} {
		text := "name: s\n" + section + "\n"
		if !strings.Contains(section, "topology:") {
			text += "topology: {preset: ring}\n"
		}
		err := mistakesIn(text)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %q alone", section, err, want)
		}
	}
}

// TestEmptySections: a key without a value is as one that is not there.
func TestEmptySections(t *testing.T) {
	const text = "name: s\ntopology: {preset: ring}\n"
	want, err := Parse("s.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	got, err := Parse("s.yaml", []byte(text+"nodes:\nworkload:\nexecution:\nprofiles:\nfigures:\n"))
	if err != nil {
		t.Fatal(err)
	}
	plans := make([]*Plan, 2)
	for i, s := range []*Scenario{want, got} {
		if plans[i], err = s.Expand(Selection{Profile: "quick"}); err != nil {
			t.Fatal(err)
		}
	}
	if !maps.Equal(plans[0].Decides(), plans[1].Decides()) || len(want.Figures) != len(got.Figures) {
		t.Errorf("%v, with empty sections %v", plans[0].Decides(), plans[1].Decides())
	}
}

// TestFilledElements: each element of a list gets what it lacks, up to a number.
func TestFilledElements(t *testing.T) {
	plan, err := underLoad(t, "nodes: {computers: [{hosts: [host1], functions: [{names: [a]}, {names: [b], workers: 5}]}, "+
		"{hosts: [host2], processors: [{name: gpu, cores: 7}]}]}")
	if err != nil {
		t.Fatal(err)
	}
	one, two := plan.Cells[0].Nodes.Computers[0], plan.Cells[0].Nodes.Computers[1]
	if f := one.Functions; len(f) != 2 || f[0].Workers != 2 || f[1].Workers != 5 || f[1].ServiceTime != 10*time.Millisecond ||
		one.Processors[0].Name != "cpu" {
		t.Errorf("the first group is %+v", one)
	}
	if p := two.Processors; len(p) != 1 || p[0].Name != "gpu" || p[0].Cores != 7 || p[0].Speed != 1e12 || p[0].Memory != 512*units.MiB ||
		two.Functions[0].Names[0] != "{address}" {
		t.Errorf("the second group is %+v", two)
	}

	var three yaml.Node
	if err := yaml.Unmarshal([]byte("[{}, {}, {}]"), &three); err != nil {
		t.Fatal(err)
	}
	var usual yaml.Node
	if err := yaml.Unmarshal([]byte("[{a: 1}]"), &usual); err != nil {
		t.Fatal(err)
	}
	f := &filler{left: 2}
	f.fill(three.Content[0], usual.Content[0])
	var filled []int
	for _, element := range three.Content[0].Content {
		filled = append(filled, len(element.Content))
	}
	if !slices.Equal(filled, []int{2, 2, 0}) {
		t.Errorf("of three elements, of which two may be filled, %v keys and values are there", filled)
	}
}

// TestDecides: a scenario's results are decided by what stands in it, and by the defaults
// of the generators that it may use.
func TestDecides(t *testing.T) {
	const head = "name: d\ntopology: {preset: ring}\nexecution: {model: pure-faas}\n"
	keys := func(text string) []string {
		return slices.Sorted(maps.Keys(expand(t, head+text).Decides()))
	}
	has := func(list []string, key string) bool { return slices.Contains(list, key) }

	chain, both := keys(""), keys("matrix: [{axis: g, values: [chain, stages]}]\nworkload: {generator: $g}\n")
	if !has(chain, "default of chain: length") || has(chain, "default of stages: stages") {
		t.Errorf("chains are decided by %q", chain)
	}
	if !has(both, "default of chain: length") || !has(both, "default of stages: stages") || !has(both, "g=chain: g") {
		t.Errorf("what an axis chooses is decided by %q", both)
	}
	given := keys("workload: {length: 5}\n")
	if has(given, "default of chain: length") || !has(given, "workload.length") || !has(given, "default of chain: states") {
		t.Errorf("with a length it is decided by %q", given)
	}
	if captured := keys("capture: [s0-s1]\n"); !slices.Equal(captured, chain) {
		t.Errorf("with a capture it is decided by %q, without by %q", captured, chain)
	}
	if seeds := keys("profiles: {quick: {executions: 1, seeds: [1, 7]}}\n"); !has(seeds, "seed 7") || !has(seeds, "seed 1") || has(chain, "seed 7") {
		t.Errorf("with two seeds it is decided by %q", seeds)
	}

	s, err := Parse("d.yaml", []byte(head))
	if err != nil {
		t.Fatal(err)
	}
	for verify, want := range map[bool]string{true: "verified", false: ""} {
		plan, err := s.Expand(Selection{Profile: "quick", Verify: verify})
		if err != nil || plan.Decides()["every execution"] != want || plan.Cells[0].Execution.Verify != verify {
			t.Errorf("executions that are verified, %t: %q, %v", verify, plan.Decides()["every execution"], err)
		}
	}
}

// TestPrograms: programs need no workflow, two dollar signs stand for one, and what they
// measure has names.
func TestPrograms(t *testing.T) {
	s, err := Parse("p.yaml", []byte(`name: p
topology: {preset: ring}
matrix: [{axis: n, values: [1, 2]}]
programs:
  - {name: load, host: host0, runs: execution, command: [sh, -c, "echo $$HOME $n $$$$ ${n + 1}$$"],
     quantities: {rate: {label: Rate (1/s)}, size: {}}}
  - {name: other, host: host1, command: [true], environment: {A: $$}}
`))
	if err != nil {
		t.Fatal(yamlfile.Explain(err))
	}
	plan, err := s.Expand(Selection{Profile: "quick"})
	if err != nil {
		t.Fatal(yamlfile.Explain(err))
	}
	if len(plan.Cells) != 2 || plan.Cells[1].Programs[0].Command[2] != "echo $HOME 2 $$ 3$" || plan.Cells[1].Programs[1].Environment["A"] != "$" {
		t.Errorf("%d cells, the second of %+v", len(plan.Cells), plan.Cells[len(plan.Cells)-1].Programs)
	}
	if got := fmt.Sprint(s.Quantities()); got != "map[load.rate:Rate (1/s) load.size:load.size]" {
		t.Errorf("quantities %s", got)
	}
	if names := s.metrics(); !slices.Contains(names, "load.size") || !slices.Contains(names, record.Delay) || !slices.IsSorted(names) {
		t.Errorf("metrics %q", names)
	}

	one, err := Parse("p.yaml", []byte("name: p\ntopology: {preset: ring}\nexecution:\nprograms: [{name: a, host: host0, runs: execution, command: [true]}]\n"))
	if err != nil {
		t.Fatal(err)
	}
	if plan, err := one.Expand(Selection{Profile: "quick"}); err != nil || len(plan.Cells) != 1 || len(one.Axes) != 0 {
		t.Errorf("programs alone have axes %q: %v", one.axisNames(), err)
	}

	for _, runs := range []string{"", "runs: cell, "} { // beside workflows
		s, err := Parse("p.yaml", []byte("name: p\ntopology: {preset: ring}\nprograms: [{name: a, host: host0, "+runs+"command: [true]}]\n"))
		if err != nil || fmt.Sprint(s.axisNames()) != "[model]" {
			t.Errorf("programs with %q have axes %q: %v", runs, s.axisNames(), err)
		}
	}

	plain := builtin(t, "exp400")
	if got := plain.Quantities(); got != nil {
		t.Errorf("a scenario without programs measures %v", got)
	}
	err = mistakesIn("name: p\ntopology: {preset: ring}\nexecution: {model: pure-faas}\n" +
		"programs: [{name: load, host: host0, command: [echo, \"$$ $m\", \"$k\"]}]\n")
	if err == nil || !strings.Contains(err.Error(), "$m") || !strings.Contains(err.Error(), "$k") {
		t.Errorf("variables that there are not: %v", err)
	}
}

// TestCaptureSection: a list is short for what is captured, and limits have defaults.
func TestCaptureSection(t *testing.T) {
	for section, want := range map[string]string{
		"[s0-s1, host0]":                               "[s0-s1 host0] [] 100 MB 100",
		"{of: [s0-s1], size: 1 MB}":                    "[s0-s1] [] 1 MB 100",
		"{of: [s0-s1], files: 3, executions: [0, -1]}": "[s0-s1] [0 -1] 100 MB 3",
	} {
		plan, err := underLoad(t, "capture: "+section)
		if err != nil {
			t.Errorf("%s: %v", section, err)
			continue
		}
		c := plan.Cells[0].Capture
		if got := fmt.Sprint(c.Of, " ", c.Executions, " ", c.Size, " ", c.Files); got != want {
			t.Errorf("%s is %s, want %s", section, got, want)
		}
	}
	// How many executions a time has is known later.
	if _, err := underLoad(t, "capture: {of: [s0-s1], executions: [500]}", "load: {duration: 5 s}"); err != nil {
		t.Error(err)
	}
}

// TestMoreEffects: keys that can do nothing, where more than one thing decides that.
func TestMoreEffects(t *testing.T) {
	for _, c := range []struct{ name, more, want string }{
		{"process-start of another cycle", "execution: {cycle: text, process-start: 1 s}", "execution.process-start: it is a part of cycle: artifact"},
		{"no cycle, an interval", "execution: {interval: 1 s}", "process-start and interval are parts of cycle: artifact; add it"},
		{"no cycle, a process-start", "execution: {process-start: 1 s}", "process-start and interval are parts of cycle: artifact; add it"},
		{"a cycle of a parameter", "parameters: [{name: c, default: text, values: [text, artifact]}]\nexecution: {cycle: $c, interval: 1 s}", ""},
		{"an unknown cycle", "execution: {cycle: txt}", "unknown cycle \"txt\"; did you mean text?"},
		{"warm by default", "nodes: {computers: [{functions: [{names: [a], cold-start: 1 s}, {names: [b], keep-warm: 1 s}]}]}", "functions[1].keep-warm"},
		{"one processor of nobody", "nodes: {computers: [{processors: [{name: a}], functions: [{processor: a}]}]}", ""},
		{"a processor of another group", "nodes: {computers: [{hosts: [host1], processors: [{name: a}, {name: b}], functions: [{names: [x], processor: b}, {names: [y], processor: b}]}]}", "processors[0]: no function runs on processor a"},
		{"a processor of a parameter", "parameters: [{name: p, default: a, values: [a, b]}]\nnodes: {computers: [{processors: [{name: a}, {name: b}], functions: [{processor: $p}]}]}", ""},
		{"a point of two axes", "matrix: [{axis: rate, values: [1 Mb/s]}, {axis: size, values: [1 kB]}]\nworkload: {argument: $size}\ninclude: [{rate: [1 Mb/s], size: [2 kB]}]", ""},
		{"a value that an element before adds", "include: [{rate: [2 Mb/s]}, {rate: [2 Mb/s, 1 Mb/s]}]", ""},
		{"two executions that are not", "capture: {of: [host0], executions: [7, 8, 9]}", "no profile has an execution 9"},
		{"executions of another profile", "capture: {of: [host0], executions: [8]}\nprofiles: {quick: {executions: 2}, more: {executions: 9}}", ""},
	} {
		text := minimal(c.more)
		if strings.HasPrefix(c.more, "matrix") {
			text = strings.Replace(text, "matrix: [{axis: rate, values: [1 Mb/s, 10 Mb/s]}]\n", "", 1)
		}
		err := mistakesIn(text)
		if !says(err, c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// TestNoFunctions: computers that run nothing are one mistake, not another of each
// processor.
func TestNoFunctions(t *testing.T) {
	err := mistakesIn(minimal("nodes: {computers: [{processors: [{name: a}], functions: []}]}"))
	if err == nil || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "number of functions of 0") {
		t.Errorf("got %v", err)
	}
}

// TestLoadOfCell holds a load against the rest of its cell, at the edge of what is right.
func TestLoadOfCell(t *testing.T) {
	const poisson, events = "load: {arrivals: poisson, rate: 1%s}", "events: [{at: 30 s, link: [s0, s1], down: true}]"
	for lines, want := range map[string]string{
		fmt.Sprintf(poisson, "") + "\nexecution: {discard: 3}":                                        "",
		fmt.Sprintf(poisson, ", warm-up: 1 s"):                                                        "",
		fmt.Sprintf(poisson, ", warm-up: 1 s") + "\nexecution: {discard: 1}":                          "warm-ups are given by their number too",
		fmt.Sprintf(poisson, ", loop: closed") + "\nexecution: {keep-client: true}":                   "",
		"execution: {pause: 1 s, keep-client: true, cycle: artifact}":                                 "",
		"clients: {count: 2}\nexecution: {pause: 1 s}":                                                "",
		"load: {duration: 30 s}\n" + events:                                                           "events[0].at: the load is over after 30s",
		"load: {duration: 20 s, warm-up: 10 s}\n" + events:                                            "events[0].at: the load is over after 30s",
		"load: {duration: 20 s, warm-up: 10.1 s}\n" + events:                                          "",
		"load: {arrivals: poisson, rate: 1e6, warm-up: 1 h}":                                          "",
		"load: {warm-up: 1 s}\n" + events:                                                             "",
		"clients: {count: 10}\nload: {arrivals: poisson, rate: 1000, duration: 90 s, warm-up: 10 s}":  "",
		"clients: {count: 10}\nload: {arrivals: poisson, rate: 1000, duration: 90 s, warm-up: 11 s}":  "about 1010000 executions are due",
		"load: {arrivals: poisson, rate: 1e5, duration: 1 h, loop: closed}":                           "",
		"load: {arrivals: {file: x.csv}, loop: closed}":                                               "a trace says when executions begin",
		"load: {arrivals: {file: x.csv}, duration: 24 h}":                                             "",
		"load: {arrivals: poisson, rate: 1, ramp: {to: 2, over: 1 s}, loop: closed}":                  "in a closed loop rates are those from an answer on",
		"load: {arrivals: interrupted-poisson, rate: 1, on: 1 s, off: 1 s, ramp: {to: 2, over: 1 s}}": "interrupted-poisson does not use ramp",
		"clients: {groups: [{name: a}, {name: a}]}":                                                   "clients.groups[1].name: expected a name that no other group has",
		"clients: {groups: [{name: 1a}]}":                                                             "clients.groups[0].name: expected a name",
		"clients: {count: 2, groups: [{name: a}]}":                                                    "each group has its own count and hosts",
		"clients: {hosts: [host0], groups: [{name: a}]}":                                              "each group has its own count and hosts",
		"clients: {groups: []}":                                                                       "clients.groups: number of groups of 0 is out of range",
		"clients: {groups: [{name: a, count: 1, hosts: [host0, host1]}]}":                             "1 clients leave some of 2 hosts without one",
		"clients: {groups: [{name: a, workload: {generator: file, file: x.json}}]}":                   "clients of groups draw their workflows",
		"workload: {file: x.json}\nclients: {groups: [{name: a}]}":                                    "clients of groups draw their workflows",
		"clients: {groups: [{name: a, workload: {length: 0}}]}":                                       "length of 0 is out of range",
	} {
		_, err := underLoad(t, lines)
		if !says(err, want) {
			t.Errorf("%q: %v, want %q", lines, err, want)
		}
	}
}

// TestSameGenerator: a group that names the generator that all have keeps its keys.
func TestSameGenerator(t *testing.T) {
	plan, err := underLoad(t, "workload: {length: 4}", "clients: {groups: [{name: a, workload: {generator: chain, states: 1}}]}")
	if err != nil {
		t.Fatal(err)
	}
	if w := plan.Cells[0].Clients.Groups[0].Workload; w.Length != 4 || w.States != 1 || w.Generator != "chain" {
		t.Errorf("the group has %+v", w.Workload)
	}
}

// TestWords tells loads of all kinds.
func TestWords(t *testing.T) {
	for load, want := range map[string]string{
		"arrivals: {file: x.csv}":                                     "trace x.csv, open loop",
		"arrivals: poisson, rate: 5, loop: closed, duration: 3 s":     "poisson at 5/s a client, closed loop, for 3s",
		"arrivals: periodic, rate: 1/min, ramp: {to: 2/s, over: 4 s}": "periodic at 0.016666666666666666/s a client, within 4s to 2/s, open loop",
	} {
		plan, err := underLoad(t, "load: {"+load+"}")
		if err != nil {
			t.Errorf("%s: %v", load, err)
			continue
		}
		if got := plan.Cells[0].LoadWords(); got != want {
			t.Errorf("%s is told as %q, want %q", load, got, want)
		}
	}
}

// TestAlone: whatever else happens in a cell, its executions are not alone.
func TestAlone(t *testing.T) {
	for lines, alone := range map[string]bool{
		"": true, "clients: {count: 1}": true, "clients: {groups: [{name: a}]}": true, "clients: {count: 2}": false,
		"load: {warm-up: 1 s}": false, "load: {duration: 1 s}": false, "load: {arrivals: periodic, rate: 1}": false,
		"events: [{computer: host1, stop: true}]": false,
	} {
		plan, err := underLoad(t, lines)
		if err != nil {
			t.Errorf("%s: %v", lines, err)
			continue
		}
		if got := plan.Cells[0].Alone(); got != alone {
			t.Errorf("%s: alone %t", lines, got)
		}
	}
}

// TestShapes: what arrives is shaped by the process and its rate, or by its ramp.
func TestShapes(t *testing.T) {
	for text, want := range map[string]load.Shape{
		"arrivals: back-to-back":      nil,
		"arrivals: {file: x.csv}":     nil,
		"arrivals: periodic, rate: 4": load.Periodic{Every: 250 * time.Millisecond},
		"arrivals: poisson, rate: 4":  load.Poisson{Mean: 250 * time.Millisecond},
		"arrivals: interrupted-poisson, rate: 4, on: 1 s, off: 2 s": load.Interrupted{
			Mean: 250 * time.Millisecond, On: time.Second, Off: 2 * time.Second},
		"arrivals: periodic, rate: 4, ramp: {to: 8, over: 3 s}": load.Ramp{
			Unit: load.Periodic{Every: time.Second}, From: 4, To: 8, Over: 3 * time.Second},
		"arrivals: poisson, rate: 4, ramp: {to: 8, over: 3 s}": load.Ramp{
			Unit: load.Poisson{Mean: time.Second}, From: 4, To: 8, Over: 3 * time.Second},
	} {
		plan, err := underLoad(t, "load: {"+text+"}")
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := plan.Cells[0].Load.Shape(); got != want {
			t.Errorf("%s has the shape %+v, want %+v", text, got, want)
		}
	}
}

// TestDefaultsPlace: what is wrong with a default is told where the file could say
// otherwise.
func TestDefaultsPlace(t *testing.T) {
	const text = "name: p\ntopology: {preset: ring}\nmatrix: [{axis: model, values: [{name: a, set: {x: 1}}]}]\nload: {outstanding: $x}\n"
	for more, want := range map[string]string{"": "b.yaml:1:1: ", "execution:\n": "b.yaml:5:11: ", "execution: {}\n": "b.yaml:5:12: "} {
		err := mistakesIn(text + more)
		if err == nil || !strings.HasPrefix(err.Error(), want+"unknown variable $model") {
			t.Errorf("%q: %v, want a variable that is unknown at %s", more, err, want)
		}
	}
}

// TestMappedAxes: a matrix that is a mapping of axes to values is told how it is written.
func TestMappedAxes(t *testing.T) {
	for matrix, want := range map[string]string{
		"{rate: [1 Mb/s, 2 Mb/s]}": "matrix: expected a list, such as [{axis: rate, values: [1 Mb/s, 2 Mb/s]}], got a mapping",
		"{rate: [1 Mb/s], d: [2]}": "matrix: expected a list, such as [{axis: rate, values: [1 Mb/s]}], got a mapping",
		"{rate: 1 Mb/s}":           "matrix: expected a list, such as [{axis: rate, values: 1 Mb/s}], got a mapping",
	} {
		if err := mistakesIn("name: s\ntopology: {preset: ring}\nmatrix: " + matrix + "\n"); !says(err, want) || err == nil {
			t.Errorf("%s: %v, want %q", matrix, err, want)
		}
	}
}

// TestTimelinesOf: a timeline is of cells under load, which a load, clients and events make.
func TestTimelinesOf(t *testing.T) {
	const head = "name: s\ntopology: {preset: ring}\nfigures: [{name: f, title: F, kind: timeline, metric: delay}]\n"
	for section, want := range map[string]string{
		"": "a timeline shows cells under load",
		"load: {arrivals: poisson, rate: 1, duration: 10 s}": "",
		"clients: {count: 2}":                                "",
		"events: [{at: 1 s, link: [s0, s1], down: true}]":    "",
	} {
		if err := mistakesIn(head + section + "\n"); !says(err, want) {
			t.Errorf("with %q: %v, want %q", section, err, want)
		}
	}
}
