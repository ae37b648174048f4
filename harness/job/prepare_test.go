package job

import (
	"fmt"
	"io/fs"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"edgebed/harness/scenario"
	"edgebed/harness/scenario/scenariotest"
	"edgebed/nodes/processor"
	"edgebed/nodes/units"
	"edgebed/nodes/workflow"
)

// shipped returns the prepared cells of a shipped scenario after edits, pairs of
// old and new text.
func shipped(t *testing.T, name string, sel scenario.Selection, edits ...string) (*Prepared, error) {
	t.Helper()
	return Prepare(scenariotest.Expand(t, name, sel, edits...), scenariotest.Topology, nil)
}

// TestShippedScenarios prepares every shipped scenario under each profile and
// reading: every cell's workflows are drawn, can be executed by its model and are
// served, and all cells that differ in the network or the model alone execute the
// same ones; a second time gives the same again.
func TestShippedScenarios(t *testing.T) {
	for _, tc := range []struct {
		name, profile string
		set           map[string]string
		// cells, and different lists of workflows among them.
		cells, workloads int
	}{
		{"exp400", "quick", nil, 84, 2},
		{"exp400", "quick", map[string]string{"variant": "text"}, 84, 2},
		{"exp401", "quick", nil, 70, 1},
		{"exp401", "quick", map[string]string{"variant": "text"}, 70, 1},
		{"exp402", "quick", nil, 60, 10},
		{"exp402", "paper", nil, 60, 10},
		{"alibaba-mix", "quick", nil, 18, 1},
		{"alibaba-mix", "full", nil, 54, 3},
	} {
		t.Run(fmt.Sprint(tc.name, "/", tc.profile, tc.set["variant"]), func(t *testing.T) {
			sel := scenario.Selection{Profile: tc.profile, Set: tc.set}
			p, err := shipped(t, tc.name, sel)
			if err != nil {
				t.Fatal(err)
			}
			if len(p.Jobs) != tc.cells {
				t.Errorf("%d cells, want %d", len(p.Jobs), tc.cells)
			}
			lists := map[string]bool{}
			for _, job := range p.Jobs {
				if job.Executions() != job.Cell.Executions {
					t.Fatalf("%s has %d workflows for %d executions", job.Cell.ID, job.Executions(), job.Cell.Executions)
				}
				lists[names(t, job)] = true
				computers, err := job.Computers()
				if err != nil {
					t.Fatal(err)
				}
				served := map[string]bool{}
				for _, c := range computers {
					for _, container := range c.Spec.Containers {
						served[container.Lambda.Name] = true
					}
				}
				for _, w := range workflows(t, job) {
					if err := w.Workflow.Validate(); err != nil {
						t.Fatalf("%s: %v", job.Cell.ID, err)
					}
					for _, f := range w.Workflow.Functions {
						if !served[f] {
							t.Fatalf("%s: nobody serves %s", job.Cell.ID, f)
						}
					}
				}
			}
			if len(lists) != tc.workloads {
				t.Errorf("%d different lists of workflows, want %d", len(lists), tc.workloads)
			}
			again, err := shipped(t, tc.name, sel)
			if err != nil {
				t.Fatal(err)
			}
			if again.Hash != p.Hash {
				t.Error("preparing a second time gave another hash")
			}
			for i := range p.Jobs {
				if names(t, again.Jobs[i]) != names(t, p.Jobs[i]) {
					t.Errorf("%s: preparing a second time gave other workflows", p.Jobs[i].Cell.ID)
				}
			}
		})
	}
}

// workflows returns what the job executes.
func workflows(t *testing.T, job Job) []Workflow {
	t.Helper()
	var list []Workflow
	for k := range job.Executions() {
		w, err := job.Workflow(k)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, w)
	}
	return list
}

func names(t *testing.T, job Job) string {
	var list []string
	for _, w := range workflows(t, job) {
		list = append(list, w.Name)
	}
	return strings.Join(list, " ")
}

// TestStages checks the placement of experiment 401 in both readings: fifty
// functions in the order of their numbers, ten per computer. The scripts' four
// stateful functions then share a computer, those of the text do not.
func TestStages(t *testing.T) {
	for _, variant := range []workflow.Variant{workflow.Artifact, workflow.Text} {
		p, err := shipped(t, "exp401", scenario.Selection{
			Profile: "quick", Set: map[string]string{"variant": string(variant)},
			Where: map[string][]string{"rate": {"1 Mb/s"}, "argument": {"10 kB"}, "model": {"state-local-carry"}},
		})
		if err != nil {
			t.Fatal(err)
		}
		job := p.Jobs[0]
		servers := job.serving
		if len(servers.functions) != 50 {
			t.Fatalf("%d functions, want 50", len(servers.functions))
		}
		for i, f := range servers.functions {
			if f != fmt.Sprintf("f%d", i) || !slices.Equal(servers.hosts[f], []string{fmt.Sprintf("host%d", 1+i/10)}) {
				t.Errorf("function %d is %s on %v", i, f, servers.hosts[f])
			}
		}
		keepers := map[string]bool{}
		for _, w := range workflows(t, job) {
			if n := len(w.Workflow.Functions); n != map[workflow.Variant]int{workflow.Artifact: 19, workflow.Text: 21}[variant] {
				t.Errorf("%s: a DAG of %d functions", variant, n)
			}
			for _, users := range w.Workflow.Dependencies {
				for _, f := range users {
					keepers[servers.hosts[f][0]] = true
				}
			}
		}
		if alone := len(keepers) == 1 && keepers["host1"]; alone != (variant == workflow.Artifact) {
			t.Errorf("%s: the stateful functions stand on %v", variant, keepers)
		}
	}
}

// TestMix checks the shares of the mix, and that it is refused in the carry form,
// which cannot keep its states consistent.
func TestMix(t *testing.T) {
	sel := scenario.Selection{Profile: "full", Where: map[string][]string{
		"rate": {"10 Mb/s"}, "argument": {"10 kB"}, "model": {"state-prop"},
	}}
	p, err := shipped(t, "alibaba-mix", sel)
	if err != nil {
		t.Fatal(err)
	}
	kinds, total := map[string]float64{}, 0.0
	for _, job := range p.Jobs {
		for _, w := range workflows(t, job) {
			kind := "DAG"
			switch {
			case w.Workflow.Len() == 1:
				kind = "single"
			case w.Workflow.IsChain():
				kind = "chain"
			}
			kinds[kind]++
			total++
		}
	}
	for kind, share := range map[string]float64{"single": 0.286, "chain": 0.497, "DAG": 0.217} {
		// Four standard deviations of a binomial share.
		if slack := 4 * math.Sqrt(share*(1-share)/total); math.Abs(kinds[kind]/total-share) > slack {
			t.Errorf("%.3f of %.0f workflows are of kind %s, want %.3f ± %.3f", kinds[kind]/total, total, kind, share, slack)
		}
	}
	_, err = shipped(t, "alibaba-mix", sel, "form: direct", "form: carry")
	if err == nil || !strings.Contains(err.Error(), "use the direct form or pure-faas") || !strings.Contains(err.Error(), "alibaba-mix.yaml:") {
		t.Errorf("the carry form: error %v, want one that names the other forms and the place", err)
	}
	sel.Where["model"] = []string{"pure-faas"}
	if _, err = shipped(t, "alibaba-mix", sel, "form: direct", "form: carry"); err != nil {
		t.Errorf("pure-faas, which has one form, is refused: %v", err)
	}
}

// TestKeepers checks experiment 402: which computers keep states where, that
// nothing is predicted where routers choose among several servers, and how long
// the cells are expected to take.
func TestKeepers(t *testing.T) {
	p, err := shipped(t, "exp402", scenario.Selection{Profile: "quick", Where: map[string][]string{"state": {"1 kB", "1000 kB"}}})
	if err != nil {
		t.Fatal(err)
	}
	took := map[string]time.Duration{}
	for _, job := range p.Jobs {
		state, mode := job.Cell.Point[0].Value, job.Cell.Point[1].Value
		took[state+" "+mode] = job.Expected()
		computers, err := job.Computers()
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for host, c := range computers {
			got[host] = c.StateHost
			if readWrite := mode == "cloud" && strings.HasPrefix(host, "edge"); c.StateReadWrite != readWrite {
				t.Errorf("%s: the computer on %s reads and writes: %t, want %t", job.Cell.ID, host, c.StateReadWrite, readWrite)
			}
		}
		want := map[string]string{"client": "client", "cloud": "cloud"}
		for _, edge := range []string{"edge1", "edge2", "edge3", "edge4"} {
			want[edge] = edge
			if strings.HasPrefix(mode, "cloud") {
				want[edge] = "cloud"
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: state hosts (-want +got):\n%s", job.Cell.ID, diff)
		}
		w := workflows(t, job)[0].Workflow
		var before *workflow.Workflow
		if job.Cell.Execution.KeepClient {
			before = w
		}
		prediction, exact, err := job.Predict(w, before)
		if err != nil {
			t.Fatal(err)
		}
		bound := job.Cell.Execution.Form == workflow.Direct && job.Cell.Execution.Model != workflow.PureFaaS
		if exact != bound {
			t.Errorf("%s: the prediction is exact: %t; four computers serve anon_video, and only the direct form's client chooses", job.Cell.ID, exact)
		}
		if min := 7 * job.Cell.Workload.Argument; prediction.Payload() < min {
			t.Errorf("%s: predicted %v, want at least %v", job.Cell.ID, prediction.Payload(), min)
		}
		var cloud int64
		for _, tr := range prediction.Transfers {
			if tr.What == workflow.StateMove && (tr.From == "cloud" || tr.To == "cloud") {
				cloud += int64(tr.Bytes)
			}
		}
		all := int64(w.StateSizes["fe_video"] + w.StateSizes["fe_audio"] + w.StateSizes["sync"] + w.StateSizes["decision"])
		if want := map[string]int64{"cloud-artifact": all, "cloud": 2 * all}[mode]; cloud != want {
			t.Errorf("%s: %d B of states to and from the cloud, want %d", job.Cell.ID, cloud, want)
		}
		other := *w
		other.StateSizes = maps.Clone(w.StateSizes)
		other.StateSizes["fe_video"]++
		if _, exact, err := job.Predict(w, &other); exact || err != nil {
			t.Errorf("%s: after another workflow of the same client a prediction is exact: %t, %v", job.Cell.ID, exact, err)
		}
	}
	// 1.12 MB over 10 Mb/s take 0.9 s, in each of 5 executions once or twice.
	for _, tc := range []struct {
		less, more string
		by         time.Duration
	}{
		{"1000 kB edge", "1000 kB cloud-artifact", 4 * time.Second},
		{"1000 kB cloud-artifact", "1000 kB cloud", 4 * time.Second},
		{"1 kB cloud", "1000 kB cloud", 8 * time.Second},
		{"1 kB edge", "1000 kB edge", 0},
	} {
		if took[tc.more] < took[tc.less]+tc.by {
			t.Errorf("%s is expected to take %v, %s %v: want at least %v more", tc.less, took[tc.less], tc.more, took[tc.more], tc.by)
		}
	}
}

// TestSerialMoves checks that computers hold up others while they move states as
// the prototype's do, except in the paper's own reading.
func TestSerialMoves(t *testing.T) {
	for variant, want := range map[string]bool{"artifact": true, "text": false} {
		p, err := shipped(t, "exp401", scenario.Selection{Profile: "quick", Set: map[string]string{"variant": variant}})
		if err != nil {
			t.Fatal(err)
		}
		computers, err := p.Jobs[0].Computers()
		if err != nil {
			t.Fatal(err)
		}
		for host, c := range computers {
			if c.SerialMoves != want {
				t.Errorf("%s: the computer on %s holds up others: %t, want %t", variant, host, c.SerialMoves, want)
			}
		}
	}
}

// TestExpectedFollowsPaths checks that a slow link counts only for what crosses
// it.
func TestExpectedFollowsPaths(t *testing.T) {
	sel := scenario.Selection{Profile: "quick", Where: map[string][]string{"state": {"1000 kB"}, "mode": {"client"}}}
	expected := func(rate string) time.Duration {
		sel.Set = map[string]string{"cloud-rate": rate}
		p, err := shipped(t, "exp402", sel)
		if err != nil {
			t.Fatal(err)
		}
		return p.Jobs[0].Expected()
	}
	if slow, fast := expected("1 Mb/s"), expected("1 Gb/s"); slow != fast {
		t.Errorf("expected %v with a slow cloud that is not used, %v with a fast one", slow, fast)
	}
}

// TestKeepClientCarry checks that a client is not kept where the carry form would
// leave it with states out of date.
func TestKeepClientCarry(t *testing.T) {
	sel := scenario.Selection{Profile: "quick", Where: map[string][]string{"state": {"1 kB"}, "mode": {"cloud"}}}
	_, err := shipped(t, "exp402", sel, "state-mode: read-write, form: direct,", "state-mode: read-write, form: carry,")
	if err == nil || !strings.Contains(err.Error(), "use form: direct") || !strings.Contains(err.Error(), "exp402.yaml:") {
		t.Errorf("error %v, want one that names the direct form and the place", err)
	}
	if _, err := shipped(t, "exp400", scenario.Selection{Profile: "quick"}, "warm-up: true", "keep-client: true"); err != nil {
		t.Errorf("chains, which have no joins, are refused: %v", err)
	}
}

// TestWarmUps checks which workflows the executions before the first run.
func TestWarmUps(t *testing.T) {
	job := Job{Given: []Workflow{{Name: "a"}, {Name: "b"}, {Name: "c"}}}
	var got []string
	for k := -5; k < 3; k++ {
		w, err := job.Workflow(k)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, w.Name)
	}
	if diff := cmp.Diff([]string{"b", "c", "a", "b", "c", "a", "b", "c"}, got); diff != "" {
		t.Errorf("workflows of executions -5 to 2 (-want +got):\n%s", diff)
	}
}

func TestPrepareErrors(t *testing.T) {
	for _, tc := range []struct{ old, new, want string }{
		{"client: host0", "client: host9", "no host host9"},
		{"host4, host5]", "host4, hots5]", "did you mean host5?"},
		{"host4, host5]", "host4, host4]", "has a computer already"},
		{"file: ring6.yaml", "file: ring7.yaml", "ring7.yaml"},
		{"trunk: {rate", "trunks: {rate", "trunk"},
		{"queue: 1000", "queue: 0", "queue"},
	} {
		_, err := shipped(t, "exp400", scenario.Selection{Profile: "quick"}, tc.old, tc.new)
		if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), "exp400.yaml:") {
			t.Errorf("%s: error %v does not say %q and where", tc.new, err, tc.want)
		}
	}
}

// TestPairedWorkloads checks that every model and rate executes the same
// workflows.
func TestPairedWorkloads(t *testing.T) {
	p, err := shipped(t, "exp400", scenario.Selection{Profile: "quick"}, "executions: 8", "executions: 5")
	if err != nil {
		t.Fatal(err)
	}
	first := map[string]string{}
	for _, job := range p.Jobs {
		var names []string
		for _, w := range workflows(t, job) {
			names = append(names, w.Name)
		}
		key := fmt.Sprint(job.Cell.Workload.States, job.Cell.Workload.Length)
		all := strings.Join(names, " ")
		if first[key] == "" {
			first[key] = all
		}
		if all != first[key] {
			t.Errorf("cell %s executes %s, another one %s", job.Cell.ID, all, first[key])
		}
	}
	if len(first) != 2 {
		t.Errorf("%d panels, want 2", len(first))
	}
}

// TestAliases: under the text's reading a computer serves a function once more for
// each further position that a workflow calls it at, and all of them take its time.
func TestAliases(t *testing.T) {
	for variant, want := range map[string]bool{"artifact": false, "text": true} {
		p, err := shipped(t, "exp400", scenario.Selection{
			Profile: "quick", Set: map[string]string{"variant": variant},
			Where: map[string][]string{"rate": {"1 Mb/s"}, "argument": {"10 kB"}, "model": {"state-prop"}},
		})
		if err != nil {
			t.Fatal(err)
		}
		found := false
		for _, job := range p.Jobs {
			computers, err := job.Computers()
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range workflows(t, job) {
				if _, exact, err := job.Predict(w.Workflow, nil); err != nil || !exact {
					t.Errorf("%s: a prediction that is not exact (%v)", w.Name, err)
				}
				for _, f := range w.Workflow.Functions {
					hosts := job.serving.of(f)
					if len(hosts) != 1 {
						t.Fatalf("%s is served by %v", f, hosts)
					}
					served := slices.ContainsFunc(computers[hosts[0]].Spec.Containers, func(c processor.Container) bool { return c.Lambda.Name == f })
					if !served || job.service(f, hosts[0]) != 10*time.Millisecond {
						t.Errorf("%s on %s: served %t, in %v", f, hosts[0], served, job.service(f, hosts[0]))
					}
					found = found || workflow.AliasOf(f) != f
				}
			}
		}
		if found != want {
			t.Errorf("%s: aliases are used: %t, want %t", variant, found, want)
		}
	}
}

// TestContradictoryOrder: a workflow whose states are to be used in another order than
// its functions can run in is refused in every form, before anything runs.
func TestContradictoryOrder(t *testing.T) {
	given := []Workflow{{Name: "backwards", Workflow: &workflow.Workflow{
		Functions:    []string{"10.1.0.2", "10.1.0.3"},
		Dependencies: map[string][]string{"s": {"10.1.0.2", "10.1.0.3"}},
		StateSizes:   map[string]units.Size{"s": 10},
		Order:        map[string][]int{"s": {1, 0}},
	}}}
	for _, model := range []string{"pure-faas", "state-prop", "state-local"} {
		for _, form := range []string{"carry", "direct"} {
			plan := scenariotest.Expand(t, "exp400", scenario.Selection{Profile: "quick", Where: map[string][]string{"model": {model}}},
				"form: carry", "form: "+form)
			_, err := Prepare(plan, scenariotest.Topology, given)
			if err == nil || !strings.Contains(err.Error(), "workflow backwards: order tasks and states: cycle") {
				t.Errorf("%s, %s: %v, want a refusal that names the cycle", model, form, err)
			}
		}
	}
}

// TestWorkflowFiles prepares workloads from files: mistakes are told once, with their
// place, and what a file says decides the results.
func TestWorkflowFiles(t *testing.T) {
	const chain = `{"functions":["f","g"],"dependencies":{},"state-sizes":{}}`
	const text = "name: s\nexecution: {model: pure-faas}\ntopology: {preset: \"ring,switches=3,rate=$rate\"}\n" +
		"matrix: [{axis: rate, values: [1 Mb/s, 2 Mb/s]}]\nworkload: {file: w.json}\n"
	prepare := func(text, file string) (*Prepared, error) {
		s, err := scenario.Parse("s.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		plan, err := s.Expand(scenario.Selection{Profile: "quick"})
		if err != nil {
			return nil, err
		}
		return Prepare(plan, func(name string) ([]byte, string, error) {
			if file == "" {
				return nil, "", fs.ErrNotExist
			}
			return []byte(file), name, nil
		}, nil)
	}

	p, err := prepare(text, chain)
	if err != nil {
		t.Fatal(err)
	}
	w, err := p.Jobs[0].Workflow(0)
	if err != nil || w.Workflow.Len() != 2 || !strings.HasSuffix(w.Workflow.Functions[0], "~f") {
		t.Errorf("execution 0 is %+v, %v", w.Workflow, err)
	}
	other, err := prepare(text, strings.Replace(chain, "g", "h", 1))
	if err != nil || other.Hash == p.Hash {
		t.Errorf("another file gives the same hash, %v", err)
	}

	for _, c := range []struct{ from, to, file, want string }{
		{"", "", "", "s.yaml:5:18: workload.file: file does not exist"},
		{"", "", "{", "w.json:1:2: parse JSON"},
		{"w.json", "w.txt", chain, "expected a file that ends with"},
		{"{file: w.json}", "{file: w.json, size-factor: 0}", chain, "s.yaml:5:39: workload.size-factor: size-factor of 0 is out of range"},
		{"{file: w.json}", "{file: w.json, length: 3}", chain, "generator file does not use length"},
		{"{file: w.json}", "{file: }", chain, "expected a text, got nothing"},
		{"{file: w.json}", "{workflow: {tasks: [{name: a, after: [a]}]}}", chain, "s.yaml:5:49: workload.workflow.tasks[0].after[0]: task a waits for itself"},
		{"{file: w.json}", "{workflow: {tasks: [{name: a, output: 200 MB}, {name: b, output: 200 MB}, {name: c, after: [a, b]}]}}", chain,
			"~c reads, 400 MB, is more than the 250 MB"},
	} {
		_, err := prepare(strings.Replace(text, c.from, c.to, 1), c.file)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Count(err.Error(), c.want) != 1 {
			t.Errorf("%s with %.20q: got %v, want %q once", c.to, c.file, err, c.want)
		}
	}
}
