package job

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"edgebed/harness/record"
	"edgebed/harness/scenario"
	"edgebed/harness/scenario/scenariotest"
	"edgebed/nodes/units"
	"edgebed/nodes/workflow"
	"edgebed/nodes/yamlfile"
)

// simple is a scenario whose numbers are easy: a client on c, computers on h and i that take
// 20 ms for a call of f, and between them a link that takes a microsecond for each byte. A call
// with its 100 kB takes 107 ms there and back, each with the headers.
const simple = `
name: simple
topology:
  switches: [a, b]
  hosts: [{name: c, switch: a}, {name: h, switch: b}, {name: i, switch: b}]
  link-classes: {wan: {rate: 8 Mb/s, delay: 10 ms, jitter: 3 ms}}
  links: [{between: [a, b], class: wan}]
nodes:
  client: c
  computers:
    - hosts: [h]
      processors: [{name: cpu, cores: 1, speed: 1000, memory: 1 GB}]
      functions: [{names: [f, g], workers: 1, service-time: 20 ms, memory-per-byte: 0}]
    - hosts: [i]
      processors: [{name: cpu, cores: 1, speed: 1000, memory: 1 GB}]
      functions: [{names: [g], workers: 1, service-time: 30 ms, memory-per-byte: 0}]
workload: {argument: 100 kB}
profiles: {quick: {executions: 4}}
execution: {model: pure-faas, pause: 1 s, timeout: 1 min}
`

// once is a workflow of a single function.
func once(function string) *workflow.Workflow {
	return &workflow.Workflow{
		Functions: []string{function}, Dependencies: map[string][]string{}, StateSizes: map[string]units.Size{},
	}
}

// chain is a workflow of functions one after the other.
func chain(functions ...string) *workflow.Workflow {
	w := once("")
	w.Functions = functions
	return w
}

// given returns the first job of a scenario's text, after edits, that executes workflows.
func given(t *testing.T, text string, list []*workflow.Workflow, edits ...string) *Job {
	t.Helper()
	for i := 0; i < len(edits); i += 2 {
		if !strings.Contains(text, edits[i]) {
			t.Fatalf("%q is not in the scenario", edits[i])
		}
		text = strings.Replace(text, edits[i], edits[i+1], 1)
	}
	var own []Workflow
	for k, w := range list {
		own = append(own, Workflow{Name: fmt.Sprint("w", k), Workflow: w})
	}
	find := func(name string) ([]byte, string, error) { return []byte("1\n7\n"), name, nil }
	p, err := Prepare(scenariotest.ExpandText(t, text), find, own)
	if err != nil {
		t.Fatal(yamlfile.Explain(err))
	}
	return &p.Jobs[0]
}

// TestExpected: a call takes four delays, 2 ms, its service and what it moves.
func TestExpected(t *testing.T) {
	timed := func(times ...time.Duration) *workflow.Workflow {
		w := chain("f", "g")
		w.Functions, w.Times = w.Functions[:len(times)], times
		return w
	}
	const (
		call   = 40*time.Millisecond + 2*time.Millisecond + 30*time.Millisecond + 214*time.Millisecond
		beside = 2600 * time.Millisecond
		pause  = time.Second
	)
	for _, c := range []struct {
		name  string
		w     *workflow.Workflow
		edits []string
		want  time.Duration
	}{
		{"a call", once("f"), nil, beside + pause + call},
		{"a time of its own", timed(50 * time.Millisecond), nil, beside + pause + call + 20*time.Millisecond},
		{"no time at all", timed(0), nil, beside + pause + call - 30*time.Millisecond},
		{"the computer's time", timed(-1), nil, beside + pause + call},
		{"times of some", timed(-1, 50*time.Millisecond), nil, beside + pause + 2*call + 20*time.Millisecond},
		{"a time-out", once("f"), []string{"timeout: 1 min", "timeout: 10 ms"}, beside + pause + 10*time.Millisecond},
		{"discarded ones", once("f"), []string{"pause: 1 s", "pause: 1 s, discard: 3"}, beside + 4*(pause+call)},
		{"a load with a duration", once("f"),
			[]string{"workload:", "load: {duration: 10 s, warm-up: 2 s}\nworkload:"}, beside + 12*time.Second + call},
		{"an open load by number", once("f"),
			[]string{"pause: 1 s, ", "", "workload:", "load: {arrivals: periodic, rate: 2}\nworkload:"}, beside + time.Second/2},
		{"two clients", once("f"),
			[]string{"workload:", "clients: {count: 2}\nload: {duration: 10 s}\nworkload:"}, beside + 10*time.Second + call},
		{"a trace", once("f"),
			[]string{"pause: 1 s, ", "", "workload:", "load: {arrivals: {file: t.csv}}\nworkload:"}, beside + 7*time.Second + call},
	} {
		if got := given(t, simple, []*workflow.Workflow{c.w}, c.edits...).Expected(); got != c.want {
			t.Errorf("%s: expected to take %v, want %v", c.name, got, c.want)
		}
	}
}

// TestExpectedInTurn: in a closed loop clients share the executions, the discarded ones among them.
func TestExpectedInTurn(t *testing.T) {
	w := once("f")
	for edit, want := range map[string]time.Duration{
		"clients: {count: 2}":                2 * (286*time.Millisecond + time.Second),
		"clients: {count: 4}":                286*time.Millisecond + time.Second,
		"load: {arrivals: poisson, rate: 2}": 2 * time.Second,
		"clients: {count: 2}\nload: {arrivals: periodic, loop: closed, rate: 2}": 2 * (286 + 500) * time.Millisecond,
	} {
		text := simple
		if strings.Contains(edit, "load") {
			text = strings.Replace(text, "pause: 1 s, ", "", 1)
		}
		j := given(t, text, []*workflow.Workflow{w, w, w, w}, "workload:", edit+"\nworkload:")
		if got := j.Expected(); got != 2600*time.Millisecond+want {
			t.Errorf("%s: expected to take %v, want %v", edit, got-2600*time.Millisecond, want)
		}
	}
}

// TestExpectedMeans: under load the mean over workflows decides.
func TestExpectedMeans(t *testing.T) {
	short, long := once("f"), once("g")
	short.Times, long.Times = []time.Duration{0}, []time.Duration{100 * time.Millisecond}
	j := given(t, simple, []*workflow.Workflow{short, long}, "workload:", "load: {duration: 10 s}\nworkload:")
	const each = 256*time.Millisecond + 50*time.Millisecond
	if got, want := j.Expected(), 2600*time.Millisecond+10*time.Second+each; got != want {
		t.Errorf("expected to take %v, want %v", got, want)
	}
	// An answer, a pause, and the next one.
	if got, want := j.Left(), int(1+10*time.Second/(each+time.Second)); got != want {
		t.Errorf("about %d executions, want %d", got, want)
	}
}

// TestFastestLink: the fastest of all directions, whatever is not shaped left out.
func TestFastestLink(t *testing.T) {
	for class, want := range map[string]units.Rate{
		"{rate: 8 Mb/s, delay: 10 ms, jitter: 3 ms}":            8 * units.Mbps,
		"{rate: 8 Mb/s, reverse: {rate: 9 Mb/s}, delay: 10 ms}": 9 * units.Mbps,
		"{rate: 8 Mb/s, reverse: {rate: 0 b/s}, delay: 10 ms}":  8 * units.Mbps,
		"{delay: 10 ms}": units.Gbps,
	} {
		j := given(t, simple, []*workflow.Workflow{once("f")}, "{rate: 8 Mb/s, delay: 10 ms, jitter: 3 ms}", class)
		if got := j.FastestLink(); got != want {
			t.Errorf("%s: the fastest link has %v, want %v", class, got, want)
		}
	}
}

// TestTraffic: each of two switches sends each frame, for each execution that is made.
func TestTraffic(t *testing.T) {
	w := once("f")
	j := given(t, simple, []*workflow.Workflow{w, w, w}, "pause: 1 s", "pause: 1 s, discard: 2")
	p, exact, err := j.Predict(w, nil)
	if err != nil || !exact || p.Payload() != 200*units.KB {
		t.Fatalf("%v of payload, exact %t, %v; want 200 kB there and back", p.Payload(), exact, err)
	}
	one := p.WireBytes(func(a, b string) int { return 2 })
	if got := j.Traffic(); got != 5*one {
		t.Errorf("%v of traffic, want 5 executions of %v", got, one)
	}

	j.First = 2
	if got := j.Traffic(); got != 3*one {
		t.Errorf("%v of traffic is left, want that of two warm-ups and an execution, of %v each", got, one)
	}
	j.First = 0

	j = given(t, simple, []*workflow.Workflow{w}, "pause: 1 s, ", "", "workload:", "load: {arrivals: periodic, rate: 2, duration: 3 s}\nworkload:")
	if got := j.Traffic(); got != 6*one {
		t.Errorf("%v of traffic, want 6 executions of %v", got, one)
	}
}

// TestAll: warm-ups come first, also where the first executions have been made, and the traced
// execution is the last one.
func TestAll(t *testing.T) {
	traced, none := 1, -1
	for _, c := range []struct {
		discard, first, executions int
		trace                      *int
		want                       []int
	}{
		{0, 0, 3, nil, []int{0, 1, 2}},
		{2, 0, 2, nil, []int{-2, -1, 0, 1}},
		{2, 1, 3, nil, []int{-2, -1, 1, 2}},
		{1, 3, 3, nil, []int{-1}},
		{1, 0, 3, &traced, []int{-1, 0, 1}},
		{2, 0, 3, &none, []int{-2, -1}},
		{0, 0, 0, nil, nil},
	} {
		j := &Job{First: c.first, Trace: c.trace}
		j.Cell.Executions, j.Cell.Execution.Discard = c.executions, c.discard
		if got := slices.Collect(j.All()); !slices.Equal(got, c.want) {
			t.Errorf("%+v: executions %v", c, got)
		}
		for k := range j.All() {
			if k != c.want[0] {
				t.Errorf("%+v: %d comes first", c, k)
			}
			break
		}
	}
}

// TestExact: a prediction is exact where it is known who runs each function, and what the client
// and the computers still have.
func TestExact(t *testing.T) {
	other := chain("f", "f")
	for _, c := range []struct {
		model       workflow.Model
		form        workflow.Form
		function    string
		before      string // the workflow before: none, same or other
		exact, kept bool
	}{
		{"pure-faas", "carry", "f", "none", true, false},
		{"pure-faas", "carry", "g", "none", false, false},
		{"pure-faas", "direct", "g", "none", false, false},
		{"state-prop", "carry", "f", "none", true, false},
		{"state-prop", "carry", "g", "none", false, false},
		{"state-prop", "direct", "g", "none", true, false},
		{"state-local", "direct", "g", "same", true, true},
		{"state-local", "direct", "g", "other", false, false},
		{"pure-faas", "carry", "f", "same", true, true},
		{"pure-faas", "carry", "f", "other", false, false},
		{"pure-faas", "carry", "g", "same", false, true},
	} {
		w := once(c.function)
		j := given(t, simple, []*workflow.Workflow{w})
		j.Cell.Execution.Model, j.Cell.Execution.Form = c.model, c.form
		before := map[string]*workflow.Workflow{"none": nil, "same": once(c.function), "other": other}[c.before]
		place, known := j.placement(w, before)
		if known != c.exact || place.Kept != c.kept {
			t.Errorf("%+v: exact %t, kept %t", c, known, place.Kept)
		}
		if place.Client != "c" || place.Host(0) != "h" {
			t.Errorf("%+v: client on %s, function on %s", c, place.Client, place.Host(0))
		}
	}
}

// TestStatePlaces: a computer keeps states on its own host or on another one, and reads and writes
// them only there.
func TestStatePlaces(t *testing.T) {
	for state, want := range map[string]string{
		"":                  "h false",
		"read-write i":      "i true",
		"artifact i":        "i false",
		"read-write h":      "h false",
		"read-write {host}": "h false",
		"artifact {host}":   "h false",
	} {
		j := given(t, simple, []*workflow.Workflow{once("f")})
		g := &j.Cell.Nodes.Computers[0]
		mode, keeper, _ := strings.Cut(state, " ")
		g.StateMode, g.StateHost = scenario.StateMode(mode), keeper

		place, _ := j.placement(once("f"), nil)
		if got := fmt.Sprint(place.StateServer("h"), " ", place.ReadWrite("h")); got != want {
			t.Errorf("%q: predicted are %s, want %s", state, got, want)
		}
		computers, err := j.Computers()
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(computers["h"].StateHost, " ", computers["h"].StateReadWrite); got != want {
			t.Errorf("%q: the computer has %s, want %s", state, got, want)
		}
		if computers["i"].StateHost != "i" || computers["i"].StateReadWrite {
			t.Errorf("%q: the other computer has %+v", state, computers["i"])
		}
	}
}

// TestBound: frames of 1514 B carry 1448 B, of which the bucket passes one and HTB begins with the
// next; delay is the least that jitter leaves.
func TestBound(t *testing.T) {
	const way = 100_000*1514/1448 - 2*1514 // microseconds
	timed := once("f")
	timed.Times = []time.Duration{70 * time.Millisecond}
	for name, c := range map[string]struct {
		w         *workflow.Workflow
		computing time.Duration
	}{
		"a call":           {once("f"), 20 * time.Millisecond},
		"its own time":     {timed, 70 * time.Millisecond},
		"another use":      {once("f@2"), 20 * time.Millisecond},
		"the first of two": {once("g"), 20 * time.Millisecond},
	} {
		got, err := given(t, simple, []*workflow.Workflow{c.w}).Bound(c.w, nil)
		want := record.Bound{
			SerialisationNS: 2 * way * 1000, PropagationNS: 2 * int64(7*time.Millisecond), ComputingNS: int64(c.computing),
		}
		if err != nil || *got != want {
			t.Errorf("%s: %+v, %v, want %+v", name, got, err, want)
		}
	}
	if _, err := given(t, simple, []*workflow.Workflow{once("f")}).Bound(chain(), nil); err == nil {
		t.Error("a workflow of nothing has a bound")
	}
}

// TestService: by host and name, also of an alias.
func TestService(t *testing.T) {
	j := given(t, simple, []*workflow.Workflow{once("f")}, "[f, g]", "[f, \"g\", \"at-{host}\"]")
	for _, c := range []struct {
		function, host string
		want           time.Duration
	}{
		{"f", "h", 20 * time.Millisecond}, {"f@3", "h", 20 * time.Millisecond}, {"g", "h", 20 * time.Millisecond},
		{"g", "i", 30 * time.Millisecond}, {"f", "i", 0}, {"f", "c", 0}, {"at-h", "h", 20 * time.Millisecond}, {"at-i", "h", 0},
	} {
		if got := j.service(c.function, c.host); got != c.want {
			t.Errorf("%s on %s takes %v, want %v", c.function, c.host, got, c.want)
		}
	}
}

// TestDivisible: executions that have been looked at decide; where there are more, all that could
// be called does.
func TestDivisible(t *testing.T) {
	list := func(n int, function string) []*workflow.Workflow {
		return slices.Repeat([]*workflow.Workflow{once(function)}, n)
	}
	for _, c := range []struct {
		name  string
		list  []*workflow.Workflow
		edits []string
		want  bool
	}{
		{"one server", list(3, "f"), nil, true},
		{"several servers", list(3, "g"), nil, false},
		{"several servers at the end", append(list(3, "f"), once("g")), nil, false},
		{"all looked at", list(Checked, "f"), nil, true},
		{"one more than looked at", list(Checked+1, "f"), nil, false},
		{"one more, and one server each", list(Checked+1, "f"), []string{"names: [g]", "names: [k]"}, true},
		{"a kept client", list(3, "f"), []string{"pause: 1 s", "keep-client: true"}, false},
		{"two clients", list(3, "f"), []string{"workload:", "clients: {count: 2}\nworkload:"}, false},
	} {
		if got := given(t, simple, c.list, c.edits...).Divisible(); got != c.want {
			t.Errorf("%s: divisible: %t", c.name, got)
		}
	}
}

// TestMemory: 60 MB, 2 MB for each host, and six times the largest payload, of argument, states
// and outputs; a limited host's process 60 MB and ten times, under load forty times the payload.
func TestMemory(t *testing.T) {
	states, outputs := once("f"), once("f")
	states.StateSizes, states.Dependencies = map[string]units.Size{"s": units.MB, "t": 2 * units.MB}, map[string][]string{"s": {"f"}, "t": {}}
	outputs.Outputs = []units.Size{4 * units.MB}
	unsaid := once("f")
	unsaid.Outputs = []units.Size{-1}
	limit := []string{"  computers:", "  limits: [{hosts: [h], cpu: 2}]\n  computers:"}
	load := []string{"pause: 1 s, ", "", "workload:", "load: {arrivals: periodic, rate: 2, duration: 3 s}\nworkload:"}
	megabyte := []string{"100 kB", "1 MB"}
	for _, c := range []struct {
		name  string
		list  []*workflow.Workflow
		edits []string
		want  units.Size
	}{
		{"an argument", []*workflow.Workflow{once("f")}, nil, 60 + 6},
		{"states", []*workflow.Workflow{states}, nil, 60 + 6 + 6*3},
		{"an output", []*workflow.Workflow{outputs}, nil, 60 + 6 + 6*4},
		{"an output that is the argument", []*workflow.Workflow{unsaid}, nil, 60 + 6},
		{"the largest decides", []*workflow.Workflow{once("f"), outputs, once("f")}, nil, 60 + 6 + 6*4},
		{"a limited host", []*workflow.Workflow{once("f")}, limit, 60 + 6 + 60 + 10},
		{"under load", []*workflow.Workflow{once("f")}, load, 60 + 6},
		{"a limited host under load", []*workflow.Workflow{once("f")}, slices.Concat(limit, load), 60 + 6 + 60 + 40},
	} {
		got := given(t, simple, c.list, slices.Concat(c.edits, megabyte)...).Memory()
		if want := (c.want + 6) * units.MB; got != want {
			t.Errorf("%s: %v, want %v", c.name, got, want)
		}
	}
}
