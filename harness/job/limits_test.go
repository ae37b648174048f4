package job

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"edgebed/harness/scenario/scenariotest"
	"edgebed/nodes/units"
)

// limited is a scenario of three hosts with programs, two of them with limits.
const limited = `
name: limited
topology: {preset: "linear,switches=3"}
nodes: {limits: [{hosts: [host2], cpu: 0.5}, {hosts: [host0], cpu: 2}]}
execution: {model: pure-faas}
profiles: {quick: {executions: 1}}
programs:
  - {name: free, host: host1, command: [a]}
  - {name: own, host: host1, command: [a], limits: {cpu: 4}}
  - {name: held, host: host2, command: [a]}
  - {name: both, host: host2, command: [a], limits: {cpu: 0.5, memory: 64 MB}}
`

// TestGroups: programs without limits on hosts without any need no group; those of a limited host
// are all in its group.
func TestGroups(t *testing.T) {
	p, err := Prepare(scenariotest.ExpandText(t, limited), scenariotest.Topology, nil)
	if err != nil {
		t.Fatal(err)
	}
	j := &p.Jobs[0]
	var of []string
	for i := range j.Cell.Programs {
		of = append(of, fmt.Sprintf("%s:%s", j.Cell.Programs[i].Name, j.ProgramGroup(&j.Cell.Programs[i])))
	}
	if got, want := strings.Join(of, " "), "free: own:own held:host.host2/_own both:host.host2/both"; got != want {
		t.Errorf("programs in groups %s, want %s", got, want)
	}
	want := "map[host.host0:{2 0 kB} host.host0/_own:{0 0 kB} host.host2:{0.5 0 kB} host.host2/_own:{0 0 kB} " +
		"host.host2/both:{0.5 64 MB} own:{4 0 kB}]"
	if got := fmt.Sprint(j.Groups()); strings.ReplaceAll(got, "0 B", "0 kB") != want {
		t.Errorf("groups %s, want %s", got, want)
	}
	if got := fmt.Sprint(j.LimitedHosts()); got != "[host0 host2]" {
		t.Errorf("hosts %s have limits", got)
	}
	if err := j.Traceable(); err == nil || !strings.Contains(err.Error(), "test.yaml:4:18: nodes.limits[0]: trace: ") {
		t.Errorf("traced: %v", err)
	}
}

// TestLastWork: the wait for the last work of the weakest host is as long as it takes shares, and
// the job takes so much longer; where no host has a limit nothing is waited for.
func TestLastWork(t *testing.T) {
	expected := map[string]time.Duration{}
	for text, want := range map[string]time.Duration{
		"[]":                            0,
		"[{hosts: [host1], cpu: 1024}]": 100 * time.Millisecond,
		"[{hosts: [host1], cpu: 0.05}]": 300 * time.Millisecond,
		"[{hosts: [host1], cpu: 0.01}, {hosts: [host2], cpu: 1}]": 1500 * time.Millisecond,
	} {
		p, err := Prepare(scenariotest.ExpandText(t, "name: x\ntopology: {preset: \"linear,switches=3\"}\n"+
			"execution: {model: pure-faas}\nprofiles: {quick: {executions: 10}}\nnodes: {limits: "+text+"}"),
			scenariotest.Topology, nil)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if got := p.Jobs[0].LastWork(); got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
		if expected[text] = p.Jobs[0].Expected(); want > 0 {
			expected[text] -= 10 * (want + 100*time.Millisecond)
		}
	}
	for text, took := range expected {
		if took != expected["[]"] {
			t.Errorf("%s: without what is waited for the job takes %v, want %v", text, took, expected["[]"])
		}
	}
}

// TestLimitsMemory: the process of a limited host takes what was seen, more where more is moved, and
// most under load, also where nobody knows how many executions there will be.
func TestLimitsMemory(t *testing.T) {
	for text, seen := range map[string]units.Size{
		"workload: {argument: 1 MB}": 110 * units.MB,
		"workload: {argument: 8 MB}": 142 * units.MB,
		"workload: {argument: 1 MB}\nload: {arrivals: periodic, rate: 10, duration: 6 s}": 140 * units.MB,
		"workload: {argument: 8 MB}\nload: {arrivals: periodic, rate: 10, duration: 6 s}": 380 * units.MB,
	} {
		var took [2]units.Size
		for k, limits := range []string{"[]", "[{hosts: [host1], cpu: 2}]"} {
			p, err := Prepare(scenariotest.ExpandText(t, "name: x\ntopology: {preset: \"linear,switches=3\"}\n"+
				"execution: {model: state-prop}\nprofiles: {quick: {executions: 3}}\nnodes: {limits: "+limits+"}\n"+text),
				scenariotest.Topology, nil)
			if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			took[k] = p.Jobs[0].Memory()
		}
		if apart := took[1] - took[0]; apart < seen*6/10 || apart > seen*14/10 {
			t.Errorf("%s: a limited host is taken for %v, %v were seen", text, apart, seen)
		}
	}
}

// TestLimitsOfOthers: a limit that names no hosts is for all but the clients'.
func TestLimitsOfOthers(t *testing.T) {
	for text, want := range map[string]string{
		"nodes: {limits: [{cpu: 1}]}":                                          "[host1 host2]",
		"nodes: {client: host1, limits: [{cpu: 1}]}":                           "[host0 host2]",
		"nodes: {limits: [{cpu: 1}]}\nclients: {hosts: [host1, host0]}":        "[host2]",
		"nodes: {limits: [{cpu: 1}, {hosts: [host0], cpu: 0.1}]}":              "[host0 host1 host2]",
		"nodes: {limits: []}":                                                  "[]",
		"nodes: {computers: [{hosts: [host1]}], limits: [{cpu: 1}]}":           "[host1 host2]",
		"nodes: {computers: [{hosts: [host0]}], limits: [{cpu: 1}]}\nload: {}": "[host1 host2]",
	} {
		plan := scenariotest.ExpandText(t, "name: x\ntopology: {preset: \"linear,switches=3\"}\n"+
			"execution: {model: pure-faas}\nprofiles: {quick: {executions: 2}}\n"+text)
		p, err := Prepare(plan, scenariotest.Topology, nil)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := fmt.Sprint(p.Jobs[0].LimitedHosts()); got != want {
			t.Errorf("%s: hosts %s, want %s", text, got, want)
		}
		if traced := p.Jobs[0].Traceable() == nil; traced != (want == "[]") {
			t.Errorf("%s: traceable: %t", text, traced)
		}
	}
}
