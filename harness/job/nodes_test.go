package job

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"edgebed/harness/scenario"
	"edgebed/harness/scenario/scenariotest"
	"edgebed/nodes/processor"
	"edgebed/nodes/units"
	"edgebed/nodes/workflow"
	"edgebed/nodes/yamlfile"
)

// aliasesTo returns f@2 to f@most, sorted as texts.
func aliasesTo(f string, most int) string {
	var list []string
	for use := 2; use <= most; use++ {
		list = append(list, workflow.Alias(f, use))
	}
	if most >= 10 { // f@10 stands before f@2
		list = append(list[8:], list[:8]...)
	}
	return strings.Join(list, " ")
}

// TestAliasNames: of few executions the names are those that their workflows use; of more than
// are looked at, all that the generator can draw: a chain as long as its functions or its states
// are many, stages of their branches with one that collects, and the first.
func TestAliasNames(t *testing.T) {
	for _, c := range []struct {
		name       string
		executions int
		workload   scenario.Workload
		most       int
	}{
		{"a chain of five", Checked + 1, scenario.Workload{Length: 5, States: 3}, 5},
		{"five states", Checked + 1, scenario.Workload{Length: 3, States: 5}, 5},
		{"jobs of up to seven tasks", Checked + 1, scenario.Workload{MaxTasks: 7}, 7},
		{"three stages of two branches", Checked + 1, scenario.Workload{Stages: 3, Branches: 2}, 10},
		{"one stage of four branches", Checked + 1, scenario.Workload{Stages: 1, Branches: 4, Length: 5}, 6},
		{"nothing to repeat", Checked + 1, scenario.Workload{Length: 1}, 1},
	} {
		j := &Job{serving: &serving{functions: []string{"f", "g"}, hosts: map[string][]string{"f": {"h"}, "g": {"h"}}}}
		j.Cell.Executions, j.Cell.Workload = c.executions, c.workload
		got, err := j.aliases()
		if err != nil || strings.Join(got["f"], " ") != aliasesTo("f", c.most) || strings.Join(got["g"], " ") != aliasesTo("g", c.most) {
			t.Errorf("%s: %v, %v, want up to f@%d", c.name, got, err, c.most)
		}
	}
}

// TestAliasesInUse: the names of given workflows, those of tasks among them, and nothing that
// computers serve by that name already.
func TestAliasesInUse(t *testing.T) {
	j := &Job{serving: &serving{functions: []string{"f", "g@2"}, hosts: map[string][]string{"f": {"h"}, "g@2": {"h"}}}}
	j.Given = []Workflow{{Workflow: chain("f@3", "g@2", "f")}, {Workflow: chain("f@3", "f@2", "f~x")}}
	got, err := j.aliases()
	if want := "map[f:[f@2 f@3 f~x]]"; err != nil || fmt.Sprint(got) != want {
		t.Errorf("%v, %v, want %s", got, err, want)
	}

	// Groups draw what the widest of their workloads can, however few executions there are.
	two := &serving{functions: []string{"f", "g"}, hosts: map[string][]string{"f": {"h"}, "g": {"h"}}}
	j = &Job{serving: two, groups: []workflow.Generator{nil, nil}}
	j.Cell.Executions, j.Cell.Workload.Length = 3, 2
	j.Cell.Clients.Groups = make([]scenario.ClientGroup, 2)
	j.Cell.Clients.Groups[1].Workload.Length = 4
	got, err = j.aliases()
	if want := "map[f:[f@2 f@3 f@4] g:[g@2 g@3 g@4]]"; err != nil || fmt.Sprint(got) != want {
		t.Errorf("%v, %v, want %s", got, err, want)
	}

	// Of as many executions as are looked at, tasks run where they say.
	j = &Job{serving: two, tasks: map[string]task{"x": {}, "y": {}}}
	j.Given = slices.Repeat([]Workflow{{Workflow: chain("f", "g~y")}}, Checked)
	got, err = j.aliases()
	if want := "map[g:[g~y]]"; err != nil || fmt.Sprint(got) != want {
		t.Errorf("%v, %v, want %s", got, err, want)
	}

	// Tasks of very many executions may run on any function.
	j = &Job{serving: two, tasks: map[string]task{"x": {}, "y": {}}}
	j.Cell.Executions = Checked + 1
	got, err = j.aliases()
	if want := "map[f:[f~x f~y] g:[g~x g~y]]"; err != nil || fmt.Sprint(got) != want {
		t.Errorf("%v, %v, want %s", got, err, want)
	}
}

// TestContainers: a computer has a container for each function and each alias in use, whose
// operations for an argument take the service time at the processor's speed.
func TestContainers(t *testing.T) {
	j := given(t, simple, []*workflow.Workflow{chain("f", "f@2")},
		"memory-per-byte: 0}]\n    - hosts: [i]", "memory-per-byte: 3, cold-start: 2 s, keep-warm: 9 s}]\n    - hosts: [i]")
	computers, err := j.Computers()
	if err != nil || len(computers) != 2 {
		t.Fatalf("%d computers, %v", len(computers), err)
	}
	var got []string
	for _, c := range computers["h"].Spec.Containers {
		got = append(got, fmt.Sprintf("%s %s on %s, %d, %v, %v: %s %.6g %g %g", c.Name, c.Lambda.Name, c.Processor, c.Workers,
			c.ColdStart, c.KeepWarm, c.Lambda.Output, c.Lambda.OpCoeff*100_000, c.Lambda.OpOffset, c.Lambda.MemCoeff))
	}
	var want []string // 20 ms at 1000 operations per second
	for _, name := range []string{"f", "f@2", "g"} {
		want = append(want, fmt.Sprintf("%[1]s %[1]s on cpu, 1, 2s, 9s: copy-input 20 0 3", name))
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("containers\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	cpu := processor.Processor{Name: "cpu", Type: processor.GenericCPU, Speed: 1000, Cores: 1, Memory: units.GB}
	if got := computers["h"].Spec.Processors; len(got) != 1 || got[0] != cpu {
		t.Errorf("processors %+v", got)
	}

	cfg, err := j.Deployment()
	if err != nil || cfg.Client != "c" || cfg.Controller != "c" || cfg.Timeout != time.Minute || len(cfg.Hosts) != 3 ||
		cfg.Hosts[1].Name != "h" || cfg.Hosts[1].Address != j.Addresses()["h"] || len(cfg.Computers) != 2 {
		t.Errorf("deployed are %+v, %v", cfg, err)
	}
}

// tight is a computer whose calls take a byte of memory for each byte.
const tight = `
name: tight
topology: {switches: [a], hosts: [{name: c, switch: a}, {name: h, switch: a}]}
nodes:
  computers:
    - processors: [{name: cpu, cores: 1, speed: 1000, memory: 1 MB}]
      functions: [{names: ["f{0..9}"], workers: 1, service-time: 1 ms, memory-per-byte: 1}]
execution: {model: pure-faas}
profiles: {quick: {executions: 4}}
`

// TestCallMemory: an argument that is drawn must fit into a processor's memory; those of given and
// listed workflows have sizes of their own.
func TestCallMemory(t *testing.T) {
	const told = "test.yaml:7:89: nodes.computers[0].functions[0].memory-per-byte: a call with an argument of 2 MB needs " +
		"2000000 bytes of memory, more than the 1 MB of processor cpu"
	for _, c := range []struct {
		workload string
		given    []Workflow
		want     string
	}{
		{"workload: {argument: 1 MB}", nil, ""},
		{"workload: {argument: 2 MB}", nil, told},
		{"workload: {argument: 2 MB}", []Workflow{{Name: "one", Workflow: chain("f1")}}, ""},
		{"workload: {argument: 2 MB, workflow: {tasks: [{name: x}]}}", nil, ""},
		{"workload: {argument: 2 MB}\nclients: {groups: [{name: a, workload: {argument: 1 kB}}]}", nil, ""},
	} {
		_, err := Prepare(scenariotest.ExpandText(t, tight+c.workload), scenariotest.Topology, c.given)
		if got := fmt.Sprint(err); c.want == "" && err != nil || c.want != "" && got != c.want {
			t.Errorf("%s, %d given: %v, want %q", c.workload, len(c.given), err, c.want)
		}
	}
}

// TestNodeMistakes: a node's host that is not there is told once, where it is named.
func TestNodeMistakes(t *testing.T) {
	for edit, want := range map[string]string{
		"client: c":                                      "",
		"client: c\n  controller: h":                     "",
		"client: c\n  controller: hh":                    "test.yaml:10:15: nodes.controller: topology simple has no host hh; did you mean h? (valid: c, h, i)",
		"client: cc":                                     "test.yaml:9:11: nodes.client: topology simple has no host cc; did you mean c? (valid: c, h, i)",
		"client: cc\n  controller: cc":                   "test.yaml:9:11: nodes.client: topology simple has no host cc; did you mean c? (valid: c, h, i)",
		"client: c\n  limits: [{hosts: [h, k], cpu: 1}]": "test.yaml:10:24: nodes.limits[0].hosts[1]: topology simple has no host k (valid: c, h, i)",
		"client: c\n  limits: [{hosts: [h, h], cpu: 1}]": "test.yaml:10:24: nodes.limits[0].hosts[1]: host h has a limit already",
	} {
		plan := scenariotest.ExpandText(t, strings.Replace(simple, "client: c", edit, 1))
		_, err := Prepare(plan, nil, []Workflow{{Name: "w", Workflow: once("f")}})
		switch told := yamlfile.Each(err); {
		case want == "" && err != nil:
			t.Errorf("%s: %v", edit, err)
		case want != "" && (len(told) != 1 || told[0].Error() != want):
			t.Errorf("%s: %v, want only %q", edit, err, want)
		}
	}
}

// TestProgramLimit: a program has as much as its host, and not more.
func TestProgramLimit(t *testing.T) {
	for cpu, want := range map[string]string{
		"0.4": "", "0.5": "",
		"0.6": "test.yaml:11:59: programs[3].limits.cpu: program both may have 0.6 processors, and all on its host host2 " +
			"together 0.5; give it less, or the host more",
	} {
		text := strings.Replace(limited, "limits: {cpu: 0.5, memory", "limits: {cpu: "+cpu+", memory", 1)
		_, err := Prepare(scenariotest.ExpandText(t, text), scenariotest.Topology, nil)
		if got := fmt.Sprint(err); want == "" && err != nil || want != "" && got != want {
			t.Errorf("%s: %v, want %q", cpu, err, want)
		}
	}
}
