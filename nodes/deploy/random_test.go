package deploy_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"edgebed/nodes/client"
	"edgebed/nodes/deploy"
	"edgebed/nodes/units"
	"edgebed/nodes/workflow"
)

// drawChain draws a chain over the ring's functions, with repetitions, unused
// states and states of size 0.
func drawChain(t *rapid.T, hosts int) *workflow.Workflow {
	w := &workflow.Workflow{Dependencies: map[string][]string{}, StateSizes: map[string]units.Size{}}
	function := rapid.IntRange(2, hosts)
	for _, i := range rapid.SliceOfN(function, 1, 7).Draw(t, "functions") {
		w.Functions = append(w.Functions, name(i))
	}
	for j := range rapid.IntRange(0, 4).Draw(t, "states") {
		s := fmt.Sprintf("s%d", j)
		w.StateSizes[s] = units.Size(rapid.SampledFrom([]int{0, 1, 127, 128, 5000}).Draw(t, "size"))
		w.Dependencies[s] = rapid.SliceOfN(rapid.SampledFrom(w.Functions), 0, 4).Draw(t, "users")
	}
	return w
}

// TestChainsAreConsistent: in every model, every state of any chain shows
// exactly its users in order, no node holds anything afterwards, and the
// connections are those of the prototype.
func TestChainsAreConsistent(t *testing.T) {
	noLeaks(t)
	network, cfg := ring(5, 0)
	d := start(t, cfg)
	if err := d.WarmUp(t.Context(), workflow.Carry); err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		w := drawChain(t, 5)
		for _, model := range workflow.Models {
			conns := network.Conns()
			result, err := execute(d, w, model, client.Options{Verify: true})
			if err != nil {
				t.Fatalf("%s: %v", model, err)
			}
			want := map[workflow.Model]int{workflow.PureFaaS: 1, workflow.StateProp: 2, workflow.StateLocal: 2}[model]
			if model == workflow.StateLocal && len(w.StateSizes) > 0 {
				// The client's Puts, the moves, and then the verification's Gets.
				want += 1 + fetches(w) + len(w.StateSizes)
			}
			if got := network.Conns() - conns; got != want {
				t.Fatalf("%s: %d connections, want %d", model, got, want)
			}
			if result.Hops != 2*w.Len() {
				t.Fatalf("%s: %d hops, want %d", model, result.Hops, 2*w.Len())
			}
			for s := range w.StateSizes {
				content := result.States[s].Content
				want := strings.Repeat("A", int(w.StateSizes[s]))
				for _, i := range w.Users(s) {
					want += fmt.Sprintf("|%d", i)
				}
				if string(content) != want {
					t.Fatalf("%s: state %s is %q, want %q", model, s, content, want)
				}
			}
		}
		waitIdle(t, d)
	})
}

// waitIdle waits until no computer holds anything. The last one of an execution
// does until it has the answer to its callback.
func waitIdle(t interface{ Fatalf(string, ...any) }, d *deploy.Deployment) {
	deadline := time.Now().Add(10 * time.Second)
	for d.Stats().Busy() > 0 {
		if time.Now().After(deadline) {
			t.Fatalf("computers still busy: %+v", d.Stats().Computers)
		}
		time.Sleep(time.Millisecond)
	}
}

// TestRandomWorkflows: for any workflow the payload between hosts and the
// number of connections are the predicted ones; pure-faas keeps all states of
// any DAG consistent, and the carry form those that it can.
func TestRandomWorkflows(t *testing.T) {
	noLeaks(t)
	const hosts, functions = 4, 8
	network, cfg := ring(hosts, 0)
	for i := 2; i <= hosts; i++ {
		var served []string
		for f := range functions {
			if 2+f%(hosts-1) == i {
				served = append(served, fmt.Sprintf("f%d", f))
			}
		}
		cfg.Computers[name(i)] = deploy.Computer{Spec: spec(0, served...)}
	}
	tap := newTap(t, network)
	d := start(t, cfg)
	if err := d.WarmUp(t.Context(), workflow.Carry); err != nil {
		t.Fatal(err)
	}
	carried := 0
	rapid.Check(t, func(t *rapid.T) {
		generator := workflow.Random{
			Size:    rapid.IntRange(1, functions).Draw(t, "size"),
			Density: rapid.Float64Range(0, 1).Draw(t, "density"),
			States:  rapid.IntRange(0, 3).Draw(t, "states"),
		}
		w, err := generator.Generate(rapid.Uint64().Draw(t, "seed"), 0)
		if err != nil {
			t.Fatal(err)
		}
		place := workflow.Placement{Client: name(1), Host: func(i int) string {
			host, err := d.Placement(w.Functions[i])
			if err != nil {
				t.Fatal(err)
			}
			return host
		}}
		for _, model := range workflow.Models {
			if model != workflow.PureFaaS && w.CheckCarry() != nil {
				continue
			}
			want, err := workflow.Predict(w, workflow.Run{Model: model, Form: workflow.Carry, Argument: argument}, place, nil)
			if err != nil {
				t.Fatal(err)
			}
			tap.take()
			conns := network.Conns()
			if _, err := execute(d, w, model, client.Options{}); err != nil {
				t.Fatalf("%s: %v", model, err)
			}
			if got := between(tap.take()); got != int(want.Payload()) {
				t.Fatalf("%s: payload between hosts is %d, predicted %d: %+v", model, got, want.Payload(), want.Transfers)
			}
			if got := network.Conns() - conns; got != want.ActiveOpens {
				t.Fatalf("%s: %d connections, predicted %d", model, got, want.ActiveOpens)
			}
			if model != workflow.PureFaaS {
				carried++
			} else if _, err := execute(d, w, model, client.Options{Verify: true}); err != nil {
				t.Fatalf("%s, verified: %v", model, err)
			}
			waitIdle(t, d)
		}
	})
	if carried == 0 {
		t.Error("no workflow could be carried")
	}
}

// TestStatesStayBetweenExecutions: on one client, the next execution of the same
// workflow finds the states where the last one left them.
func TestStatesStayBetweenExecutions(t *testing.T) {
	network, cfg := ring(4, 0)
	d := start(t, cfg)
	w := workedChain()
	w.StateSizes["free"], w.Dependencies["free"] = 100, nil
	for _, model := range workflow.Models {
		c, err := d.NewClient(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for run := range 3 {
			conns := network.Conns()
			result, err := c.Execute(t.Context(), w, workflow.Run{Model: model, Form: workflow.Carry, Argument: argument}, client.Options{Verify: true})
			if err != nil {
				t.Fatalf("%s, run %d: %v", model, run, err)
			}
			if got, want := string(result.States["s0"].Content[10000:]), strings.Repeat("|0|2", run+1); got != want {
				t.Errorf("%s, run %d: s0 shows %q, want %q", model, run, got, want)
			}
			if model != workflow.StateLocal {
				continue
			}
			if at := result.States["s0"].Location; at != name(4)+":30000" {
				t.Errorf("run %d: s0 is at %q, want at its last user's", run, at)
			}
			if at := result.States["free"].Location; at != name(1)+":6481" {
				t.Errorf("run %d: the unused state is at %q, want at the client's", run, at)
			}
			// Later runs open no connection for Puts, nor to the router; s1 stays.
			if opened := network.Conns() - conns; run > 0 && opened != 1+2+3 {
				t.Errorf("run %d: %d connections, want a callback, 2 moves of s0 and 3 verifications", run, opened)
			}
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestDiamond: the carried diamond keeps the state whose users every path
// connects; pure-faas keeps all states.
func TestDiamond(t *testing.T) {
	_, cfg := ring(5, time.Millisecond)
	d := start(t, cfg)
	w := workedDiamond()
	result, err := execute(d, w, workflow.PureFaaS, client.Options{Verify: true})
	if err != nil {
		t.Fatal(err)
	}
	if got := string(result.States["s1"].Content[20000:]); got != "|1" {
		t.Errorf("pure-faas: s1 shows %q, want |1", got)
	}
	onlyS0 := workedDiamond()
	delete(onlyS0.StateSizes, "s1")
	delete(onlyS0.Dependencies, "s1")
	for _, model := range workflow.Models {
		for range 5 {
			result, err := execute(d, onlyS0, model, client.Options{Verify: true})
			if err != nil {
				t.Fatalf("%s: %v", model, err)
			}
			if got := string(result.States["s0"].Content[10000:]); got != "|0|3" {
				t.Errorf("%s: s0 shows %q, want |0|3", model, got)
			}
		}
	}
	waitIdle(t, d)
	for host, s := range d.Stats().Computers {
		if s.Joins != 0 || s.Failed != 0 {
			t.Errorf("computer %s: %d joins and %d failures left", host, s.Joins, s.Failed)
		}
	}
}

// TestPureFaaSDAGOrder: functions on parallel branches that share a state see
// each other's updates in the author's order.
func TestPureFaaSDAGOrder(t *testing.T) {
	_, cfg := ring(5, time.Millisecond)
	d := start(t, cfg)
	for _, order := range [][]int{{1, 2}, {2, 1}} {
		w := workedDiamond()
		w.Dependencies["s1"] = []string{name(3), name(4)}
		w.Order = map[string][]int{"s1": order}
		result, err := execute(d, w, workflow.PureFaaS, client.Options{Verify: true})
		if err != nil {
			t.Fatal(err)
		}
		if got, want := string(result.States["s1"].Content[20000:]), fmt.Sprintf("|%d|%d", order[0], order[1]); got != want {
			t.Errorf("s1 shows %q, want %q", got, want)
		}
	}
	w := workedDiamond()
	w.Dependencies["s1"] = []string{name(3), name(4)}
	_, err := execute(d, w, workflow.PureFaaS, client.Options{})
	var failure *client.Failure
	if !errors.As(err, &failure) || failure.Stage != client.StageCheck {
		t.Errorf("parallel users without an order: %v, want a refusal", err)
	}
}
