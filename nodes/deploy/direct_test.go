package deploy_test

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"edgebed/nodes/client"
	"edgebed/nodes/deploy"
	"edgebed/nodes/processor"
	"edgebed/nodes/units"
	"edgebed/nodes/workflow"
)

// stateModels are the models that have a direct form of their own.
var stateModels = []workflow.Model{workflow.StateProp, workflow.StateLocal}

// direct executes in the direct form on a fresh client.
func direct(d *deploy.Deployment, w *workflow.Workflow, m workflow.Model, opts client.Options) (client.Result, error) {
	return executeForm(d, w, m, workflow.Direct, opts)
}

// warm starts a deployment and opens all connections that the direct form keeps.
func warm(t testing.TB, cfg deploy.Config) *deploy.Deployment {
	t.Helper()
	d := start(t, cfg)
	if err := d.WarmUp(t.Context(), workflow.Direct); err != nil {
		t.Fatal(err)
	}
	return d
}

// TestDirectWorkedExamples measures the worked chain and diamond in the direct
// form: Table 1's 130000 for the diamond, and Eq. (1) for the chain, a path.
func TestDirectWorkedExamples(t *testing.T) {
	noLeaks(t)
	network, cfg := ring(5, time.Millisecond)
	tap := newTap(t, network)
	d := warm(t, cfg)
	for _, tt := range []struct {
		name    string
		w       *workflow.Workflow
		model   workflow.Model
		payload int
		conns   int
		hops    int
	}{
		// The router's tables, two computers that the client sends to, two
		// callbacks; then the client's own state server and three fetches.
		{"chain", workedChain(), workflow.StateProp, 4*10000 + 2*40000 - 10000, 1 + 2 + 2, 3},
		{"chain", workedChain(), workflow.StateLocal, 80000, 1 + 2 + 2 + 1 + 3, 3},
		{"diamond", workedDiamond(), workflow.StateProp, 130000, 1 + 2 + 2, 3},
		{"diamond", workedDiamond(), workflow.StateLocal, 100000, 1 + 2 + 2 + 1 + 3, 3},
	} {
		t.Run(fmt.Sprintf("%s/%s", tt.name, tt.model), func(t *testing.T) {
			if bound, err := workflow.Table1(tt.w, workflow.Run{Model: tt.model, Form: workflow.Direct, Argument: argument}); err != nil || tt.payload > int(bound) ||
				tt.model == workflow.StateProp && tt.payload != int(bound) {
				t.Errorf("Eq. (1) gives %d, %v", bound, err)
			}
			for run := range 3 {
				tap.take()
				conns := network.Conns()
				result, err := direct(d, tt.w, tt.model, client.Options{})
				if err != nil {
					t.Fatal(err)
				}
				if got := between(tap.take()); got != tt.payload {
					t.Errorf("run %d: payload between hosts is %d, want %d", run, got, tt.payload)
				}
				if got := network.Conns() - conns; got != tt.conns {
					t.Errorf("run %d: %d connections opened, want %d", run, got, tt.conns)
				}
				last := tt.w.Functions[tt.w.Len()-1]
				if result.Hops != tt.hops || result.Responder != last+":10000" || len(result.Output) != int(argument) || result.Delay <= 0 || result.UUID == "" {
					t.Errorf("run %d: result %+v", run, result)
				}
				for i, f := range tt.w.Functions {
					if result.Bound[i] != f+":10000" {
						t.Errorf("run %d: bound to %q", run, result.Bound)
					}
				}
			}
			if _, err := direct(d, tt.w, tt.model, client.Options{Verify: true}); err != nil {
				t.Errorf("verified: %v", err)
			}
		})
	}
	waitIdle(t, d)
}

// TestDirectWarmUp: afterwards executions open no lasting connection.
func TestDirectWarmUp(t *testing.T) {
	network, cfg := ring(5, 0)
	d := warm(t, cfg)
	open, _ := network.Open()
	for _, model := range stateModels {
		for _, w := range []*workflow.Workflow{workedChain(), workedDiamond()} {
			if _, err := direct(d, w, model, client.Options{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	waitIdle(t, d)
	if now, _ := network.Open(); now != open {
		t.Errorf("%d connections open after executions, %d before", now, open)
	}
}

// parallel is the DAG of the paper's Fig. 9, whose two parallel functions share a
// state: no carried form can run it.
func parallel(order ...int) *workflow.Workflow {
	w := workedDiamond()
	w.Dependencies = map[string][]string{"S": {name(3), name(4)}}
	w.StateSizes = map[string]units.Size{"S": 10 * units.KB}
	w.Order = map[string][]int{"S": order}
	return w
}

// TestDirectParallelUsers: functions on parallel branches use a state in the
// author's order (paper Fig. 10), and one that cannot be met is refused (Fig. 11).
func TestDirectParallelUsers(t *testing.T) {
	noLeaks(t)
	network, cfg := ring(6, time.Millisecond)
	d := warm(t, cfg)
	// Fig. 12, as far as the text tells: f4 is parallel to f2 and uses S first.
	twelve := &workflow.Workflow{
		Functions:    []string{name(2), name(3), name(4), name(5), name(6)},
		Successors:   [][]int{{1, 3}, {2}, {4}, {4}},
		Dependencies: map[string][]string{"S": {name(5), name(4), name(6)}},
		StateSizes:   map[string]units.Size{"S": 10 * units.KB},
		Order:        map[string][]int{"S": {3, 2, 4}},
	}
	for _, model := range stateModels {
		for _, w := range []*workflow.Workflow{parallel(1, 2), parallel(2, 1), twelve} {
			result, err := direct(d, w, model, client.Options{Verify: true})
			if err != nil {
				t.Fatalf("%s: %v", model, err)
			}
			want := ""
			for _, i := range w.Order["S"] {
				want += fmt.Sprintf("|%d", i)
			}
			if got := string(result.States["S"].Content[10000:]); got != want {
				t.Errorf("%s: S shows %q, want %q", model, got, want)
			}
			last := w.Functions[w.Order["S"][len(w.Order["S"])-1]]
			if at := result.States["S"].Location; model == workflow.StateLocal && at != last+":30000" {
				t.Errorf("S is at %q, want at its last user's, %s", at, last)
			}
		}
		conns := network.Conns()
		for _, w := range []*workflow.Workflow{parallel(), func() *workflow.Workflow {
			w := parallel(2, 1)
			w.Successors = [][]int{{1}, {2}, {3}} // 1 -> 2, but 2 is to use S first
			return w
		}()} {
			if w.Order["S"] == nil {
				w.Order = nil // nobody says who is first
			}
			_, err := direct(d, w, model, client.Options{})
			var failure *client.Failure
			if !errors.As(err, &failure) || failure.Stage != client.StageCheck {
				t.Errorf("%s: %v, want a refusal", model, err)
			}
		}
		if opened := network.Conns() - conns; opened != 0 {
			t.Errorf("%s: %d connections were opened for what cannot run", model, opened)
		}
	}
	waitIdle(t, d)
}

// TestAnyOrder: parallel users of a state whose order does not matter run under every
// model, one after the other, so that no update is lost; the carry form, which has no
// way between them, refuses them.
func TestAnyOrder(t *testing.T) {
	noLeaks(t)
	network, cfg := ring(6, time.Millisecond)
	d := warm(t, cfg)
	w := parallel()
	w.Order, w.AnyOrder = nil, []string{"S"}
	for _, model := range workflow.Models {
		for range 3 {
			result, err := direct(d, w, model, client.Options{Verify: true})
			if err != nil {
				t.Fatalf("%s: %v", model, err)
			}
			if got := string(result.States["S"].Content[10000:]); got != "|1|2" && got != "|2|1" {
				t.Errorf("%s: S shows %q, want both users once", model, got)
			}
		}
	}
	conns := network.Conns()
	for _, model := range stateModels {
		_, err := execute(d, w, model, client.Options{})
		var carry *workflow.CarryError
		if !errors.As(err, &carry) {
			t.Errorf("%s, carried: %v, want a refusal that names the users", model, err)
		}
	}
	if opened := network.Conns() - conns; opened != 0 {
		t.Errorf("%d connections were opened for what cannot run", opened)
	}
	waitIdle(t, d)
}

// TestContradictoryOrder: no model and no form runs a workflow whose states are to be
// used in another order than its functions can run in.
func TestContradictoryOrder(t *testing.T) {
	network, cfg := ring(5, 0)
	d := warm(t, cfg)
	conns := network.Conns()
	chain := workedChain()
	chain.Order = map[string][]int{"s0": {2, 0}}
	diamond := workedDiamond()
	diamond.Order = map[string][]int{"s0": {3, 0}}
	for _, w := range []*workflow.Workflow{chain, diamond} {
		for _, model := range workflow.Models {
			for _, form := range []workflow.Form{workflow.Carry, workflow.Direct} {
				_, err := executeForm(d, w, model, form, client.Options{})
				var failure *client.Failure
				var cycle *workflow.CycleError
				if !errors.As(err, &failure) || failure.Stage != client.StageCheck || !errors.As(err, &cycle) {
					t.Errorf("%s, %s: %v, want a refusal that names the cycle", model, form, err)
				}
			}
		}
	}
	if opened := network.Conns() - conns; opened != 0 {
		t.Errorf("%d connections were opened for what cannot run", opened)
	}
	chain.Order["s0"] = []int{0, 2}
	for _, model := range workflow.Models {
		if _, err := execute(d, chain, model, client.Options{Verify: true}); err != nil {
			t.Errorf("%s: the chain's own order is refused: %v", model, err)
		}
	}
}

// TestFullState: under the text's reading, state-prop moves all states of a workflow,
// also those that nobody uses, in every message; the other models and the direct form
// do not. What crosses is what is predicted.
func TestFullState(t *testing.T) {
	network, cfg := ring(5, 0)
	tap := newTap(t, network)
	d := warm(t, cfg)
	for _, w := range []*workflow.Workflow{workedChain(), workedDiamond()} {
		w.Dependencies["free"], w.StateSizes["free"] = nil, 7*units.KB
		place := workflow.Placement{Client: name(1), Host: func(i int) string { return w.Functions[i] }}
		for _, model := range workflow.Models {
			for _, form := range []workflow.Form{workflow.Carry, workflow.Direct} {
				moved := map[workflow.Variant]int{}
				for _, variant := range []workflow.Variant{workflow.Artifact, workflow.Text} {
					w.Variant = variant
					want, err := workflow.Predict(w, workflow.Run{Model: model, Form: form, Argument: argument}, place, nil)
					if err != nil {
						t.Fatal(err)
					}
					tap.take()
					result, err := executeForm(d, w, model, form, client.Options{})
					if err != nil {
						t.Fatalf("%s, %s, %s: %v", model, form, variant, err)
					}
					moved[variant] = between(tap.take())
					if moved[variant] != int(want.Payload()) {
						t.Errorf("%s, %s, %s: %d bytes between hosts, predicted %d", model, form, variant, moved[variant], want.Payload())
					}
					if s := result.States["free"]; model != workflow.StateLocal && len(s.Content) != 7000 {
						t.Errorf("%s, %s, %s: the free state has %d bytes", model, form, variant, len(s.Content))
					}
				}
				more := 0
				if model == workflow.StateProp && form == workflow.Carry {
					more = (w.Edges() + 2) * 7000 // Table 1: N+1 in a chain
				}
				if got := moved[workflow.Text] - moved[workflow.Artifact]; got != more {
					t.Errorf("%s, %s: the text's reading moves %d bytes more, want %d", model, form, got, more)
				}
				if !w.IsChain() && model != workflow.PureFaaS && form == workflow.Carry {
					continue // the join may keep the reference of the other branch
				}
				if _, err := executeForm(d, w, model, form, client.Options{Verify: true}); err != nil {
					t.Errorf("%s, %s, verified: %v", model, form, err)
				}
			}
		}
	}
	waitIdle(t, d)
}

// TestDirectJoin: the last function's argument is made of both branches' outputs.
func TestDirectJoin(t *testing.T) {
	_, cfg := ring(5, 0)
	for i, value := range map[int]string{3: "bbbbbb", 4: "cccc"} {
		s := spec(0, name(i))
		s.Containers[0].Lambda.Output, s.Containers[0].Lambda.Value = processor.Fixed, value
		cfg.Computers[name(i)] = deploy.Computer{Spec: s}
	}
	d := start(t, cfg)
	for _, model := range stateModels {
		result, err := direct(d, workedDiamond(), model, client.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if result.Output != "bcbcbc" {
			t.Errorf("%s: output %q, want both branches' bytes in turn", model, result.Output)
		}
	}
}

// TestDirectStatesStay: on one client the next execution finds the states where
// the last one left them.
func TestDirectStatesStay(t *testing.T) {
	_, cfg := ring(5, 0)
	d := start(t, cfg)
	w := workedDiamond()
	w.StateSizes["free"], w.Dependencies["free"] = 100, nil
	for _, model := range stateModels {
		c, err := d.NewClient(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for run := range 3 {
			result, err := c.Execute(t.Context(), w, workflow.Run{Model: model, Form: workflow.Direct, Argument: argument}, client.Options{Verify: true})
			if err != nil {
				t.Fatalf("%s, run %d: %v", model, run, err)
			}
			if got, want := string(result.States["s0"].Content[10000:]), strings.Repeat("|0|3", run+1); got != want {
				t.Errorf("%s, run %d: s0 shows %q, want %q", model, run, got, want)
			}
			if len(result.States["free"].Content) != 100 {
				t.Errorf("%s, run %d: the unused state is %+v", model, run, result.States["free"])
			}
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestDirectChoosesComputers: of several computers of a function, one serves it
// for the whole execution, and the functions are spread.
func TestDirectChoosesComputers(t *testing.T) {
	_, cfg := ring(4, 0)
	for i := 2; i <= 4; i++ {
		cfg.Computers[name(i)] = deploy.Computer{Spec: spec(0, "f", "g", "h")}
	}
	d := warm(t, cfg)
	w := &workflow.Workflow{
		Functions:    []string{"f", "g", "h", "g", "f"},
		Successors:   [][]int{{1, 2, 3}, {4}, {4}, {4}},
		Dependencies: map[string][]string{"s": {"f", "h"}},
		StateSizes:   map[string]units.Size{"s": 100},
	}
	for range 3 {
		for _, model := range stateModels {
			result, err := direct(d, w, model, client.Options{Verify: true})
			if err != nil {
				t.Fatal(err)
			}
			b := result.Bound
			if b[0] != b[4] || b[1] != b[3] || b[0] == b[1] || b[1] == b[2] || b[0] == b[2] {
				t.Errorf("%s: bound to %q", model, b)
			}
		}
	}
	w.Functions[2], w.Dependencies = "nobody", nil
	_, err := direct(d, w, workflow.StateProp, client.Options{})
	var failure *client.Failure
	if !errors.As(err, &failure) || failure.Stage != client.StageResolve || !strings.Contains(err.Error(), "nobody") {
		t.Errorf("%v, want that no computer serves the function", err)
	}
}

// TestDirectConcurrent: many executions at a time, each on a client of its own,
// do not mix.
func TestDirectConcurrent(t *testing.T) {
	noLeaks(t)
	const clients, executions = 8, 10
	network, cfg := crowd(4, propertyFunctions)
	d := warm(t, cfg)
	var group sync.WaitGroup
	for k := range clients {
		group.Go(func() {
			at := func(port int) string { return netip.AddrPortFrom(address(1), uint16(port+k)).String() }
			c, err := client.New(t.Context(), client.Config{
				Net: network.Host(address(1)), Router: name(1) + ":6473", Tables: name(1) + ":6474",
				Callback: at(7000), State: at(8000), Timeout: 20 * time.Second,
			})
			if err != nil {
				t.Error(err)
				return
			}
			for n := range executions {
				w, err := randomWorkflow(uint64(1000*k+n), false)
				if err == nil {
					// State-local's names are the same in all executions, and a state
					// server keeps one of each.
					_, err = c.Execute(t.Context(), w, workflow.Run{Model: workflow.StateProp, Form: workflow.Direct, Argument: argument}, client.Options{Verify: true})
				}
				if err != nil {
					t.Errorf("client %d, execution %d: %v", k, n, err)
				}
			}
			if err := c.Close(); err != nil {
				t.Error(err)
			}
			if late := c.LateCallbacks(); late > 0 {
				t.Errorf("client %d: %d late callbacks", k, late)
			}
		})
	}
	group.Wait()
	waitIdle(t, d)
}

// TestDirectLoopback runs the direct form on the kernel's loopback device.
func TestDirectLoopback(t *testing.T) {
	noLeaks(t)
	d := warm(t, loopback())
	w := &workflow.Workflow{
		Functions:    []string{"fh2", "gh2", "fh3", "gh3"},
		Successors:   [][]int{{1, 2}, {3}, {3}},
		Dependencies: map[string][]string{"s": {"gh2", "fh3"}, "u": nil},
		StateSizes:   map[string]units.Size{"s": 100 * units.KB, "u": 3},
		Order:        map[string][]int{"s": {2, 1}},
	}
	for range 3 {
		for _, model := range workflow.Models {
			if _, err := direct(d, w, model, client.Options{Verify: true}); err != nil {
				t.Errorf("%s: %v", model, err)
			}
		}
	}
}
