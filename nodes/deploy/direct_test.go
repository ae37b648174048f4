package deploy_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"edgebed/nodes/client"
	"edgebed/nodes/deploy"
	"edgebed/nodes/processor"
	"edgebed/nodes/units"
	"edgebed/nodes/wire"
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

// waitForgotten waits until no computer holds anything, waiting tasks included.
func waitForgotten(t *testing.T, d *deploy.Deployment) {
	t.Helper()
	held := func() (n int) {
		for _, s := range d.Stats().Computers {
			n += s.Running + s.Queued + s.InFlight + s.Joins
		}
		return n
	}
	for end := time.Now().Add(20 * time.Second); held() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("computers still hold something: %+v", d.Stats().Computers)
		}
	}
}

// TestComputerDiesInDAG: in both forms, when a computer's host vanishes in the
// middle of a DAG, the execution fails with a reason by its deadline, the next
// ones run, and nothing is left.
func TestComputerDiesInDAG(t *testing.T) {
	noLeaks(t)
	network, cfg := ring(5, 50*time.Millisecond)
	cfg.Timeout = 2 * time.Second
	d := warm(t, cfg)
	without := &workflow.Workflow{
		Functions:    []string{name(2), name(4), name(5)},
		Dependencies: map[string][]string{"r": {name(2), name(5)}},
		StateSizes:   map[string]units.Size{"r": 100},
	}
	w := workedDiamond()
	for _, form := range []workflow.Form{workflow.Carry, workflow.Direct} {
		for _, model := range stateModels {
			// The host of one branch vanishes while the entry runs; or while it
			// runs its own function, when nobody waits for its acknowledgement.
			for _, silent := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%s/silent=%t", form, model, silent), func(t *testing.T) {
					cut := make(chan struct{})
					go func() {
						defer close(cut)
						ready := func() bool {
							if !silent {
								return d.Computer(name(2)).Stats().Running > 0
							}
							return d.Computer(name(3)).Stats().Running > 0 && d.Computer(name(2)).Stats().InFlight == 0
						}
						for !ready() {
							time.Sleep(time.Millisecond)
						}
						network.Cut(address(3))
					}()
					begin := time.Now()
					_, err := executeForm(d, w, model, form, client.Options{})
					var failure *client.Failure
					if !errors.As(err, &failure) {
						t.Fatalf("%v, want a *Failure", err)
					}
					<-cut
					if took := time.Since(begin); took > 2*cfg.Timeout {
						t.Errorf("the failure came after %v, the deadline is %v", took, cfg.Timeout)
					}
					told := form == workflow.Direct || !silent
					if told && (errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), name(3))) {
						t.Errorf("%v: want the reason, with the computer's name, before the deadline", err)
					}
					for _, f := range []workflow.Form{workflow.Carry, workflow.Direct} {
						if _, err := executeForm(d, without, model, f, client.Options{Verify: true}); err != nil {
							t.Errorf("next execution, %s: %v", f, err)
						}
					}

					network.Restore(address(3))
					// The controller may have forgotten the router on the host that was
					// cut off, and the router have given up on the others' computers.
					announceRouter(t, network.Host(address(3)), name(1), name(3))
					for _, i := range []int{3, 5} {
						if err := d.StopComputer(name(i)); err != nil {
							t.Error(err)
						}
						if err := d.StartComputer(t.Context(), name(i)); err != nil {
							t.Fatal(err)
						}
					}
					if _, err := executeForm(d, w, model, form, client.Options{}); err != nil {
						t.Errorf("after the restart: %v", err)
					}
				})
			}
		}
	}
	waitForgotten(t, d)
}

// TestLateReports: what a failed execution leaves waiting at a join is forgotten
// before the next client starts. Nobody calls the old client back when the join's
// time is over, and no connection is opened in an execution that is under way then.
func TestLateReports(t *testing.T) {
	noLeaks(t)
	network, cfg := ring(5, 100*time.Millisecond)
	cfg.Timeout, cfg.CallTimeout = 600*time.Millisecond, 800*time.Millisecond
	d := warm(t, cfg)
	for _, form := range []workflow.Form{workflow.Carry, workflow.Direct} {
		cut := make(chan struct{})
		go func() {
			defer close(cut)
			for d.Computer(name(3)).Stats().Running == 0 || d.Computer(name(2)).Stats().InFlight > 0 {
				time.Sleep(time.Millisecond)
			}
			network.Cut(address(3))
		}()
		failed := time.Now()
		if _, err := executeForm(d, workedDiamond(), workflow.StateProp, form, client.Options{}); err == nil {
			t.Fatalf("%s: the execution succeeded without one branch's host", form)
		}
		<-cut

		c, err := d.NewClient(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		conns, failures := network.Conns(), 0
		for host, s := range d.Stats().Computers {
			if s.Joins+s.InFlight > 0 {
				t.Errorf("%s: the computer on %s still holds %+v when the next client is there", form, host, s)
			}
			failures += s.Failed
		}
		// A join would have expired by its call timeout and one round of housekeeping.
		time.Sleep(time.Until(failed.Add(cfg.Timeout + cfg.CallTimeout + 1200*time.Millisecond)))
		for _, s := range d.Stats().Computers {
			failures -= s.Failed
		}
		if opened := network.Conns() - conns; opened != 0 || failures != 0 || c.LateCallbacks() != 0 {
			t.Errorf("%s: afterwards %d connections were opened, %d failures reported, and %d callbacks came late",
				form, opened, -failures, c.LateCallbacks())
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		// The routers may have given up the computer: start it anew.
		network.Restore(address(3))
		announceRouter(t, network.Host(address(3)), name(1), name(3))
		for _, i := range []int{3, 5} {
			if err := d.StopComputer(name(i)); err != nil {
				t.Error(err)
			}
			if err := d.StartComputer(t.Context(), name(i)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// announceRouter makes a host's router known to the controller on another host.
func announceRouter(t *testing.T, n wire.Net, controller, host string) {
	t.Helper()
	cc, err := wire.Dial(n, fmt.Sprintf("%s:%d", controller, wire.PortController))
	if err != nil {
		t.Fatal(err)
	}
	defer cc.Close()
	if _, err := wire.NewEdgeControllerClient(cc).AnnounceRouter(t.Context(), &wire.RouterInfo{
		EdgeServerEndpoint:      fmt.Sprintf("%s:%d", host, wire.PortRouter),
		ForwardingTableEndpoint: fmt.Sprintf("%s:%d", host, wire.PortRouterConfig),
	}); err != nil {
		t.Fatal(err)
	}
}

// TestDirectComputerStops: a computer that is closed in the middle of an
// execution ends it, and the next ones run once it is back.
func TestDirectComputerStops(t *testing.T) {
	noLeaks(t)
	_, cfg := ring(5, 50*time.Millisecond)
	cfg.Timeout = 2 * time.Second
	d := warm(t, cfg)
	for _, model := range stateModels {
		stopped := make(chan error, 1)
		go func() {
			for d.Computer(name(3)).Stats().Running == 0 {
				time.Sleep(time.Millisecond)
			}
			stopped <- d.StopComputer(name(3))
		}()
		_, err := direct(d, workedDiamond(), model, client.Options{})
		var failure *client.Failure
		if !errors.As(err, &failure) || !strings.Contains(err.Error(), name(3)) {
			t.Errorf("%s: %v, want a failure that names the computer", model, err)
		}
		if err := <-stopped; err != nil {
			t.Error(err)
		}
		_, err = direct(d, workedDiamond(), model, client.Options{})
		if !errors.As(err, &failure) || failure.Stage != client.StageResolve {
			t.Errorf("%s: %v, want that nobody serves the function", model, err)
		}
		if err := d.StartComputer(t.Context(), name(3)); err != nil {
			t.Fatal(err)
		}
		if _, err := direct(d, workedDiamond(), model, client.Options{Verify: true}); err != nil {
			t.Errorf("%s: after the restart: %v", model, err)
		}
	}
	waitForgotten(t, d)
}

// TestReadWriteCloud: with every use a state is read from the cloud and written
// back there; without, it is moved there once.
func TestReadWriteCloud(t *testing.T) {
	noLeaks(t)
	for _, readWrite := range []bool{false, true} {
		network, cfg := ring(5, time.Millisecond)
		tap := newTap(t, network)
		for _, i := range []int{2, 3, 4} {
			c := cfg.Computers[name(i)]
			c.StateHost, c.StateReadWrite = name(5), readWrite
			cfg.Computers[name(i)] = c
		}
		d := warm(t, cfg)
		w := workedChain() // s0 is used twice, s1 once
		for _, form := range []workflow.Form{workflow.Carry, workflow.Direct} {
			for _, verify := range []bool{false, true} {
				tap.take()
				conns := network.Conns()
				result, err := executeForm(d, w, workflow.StateLocal, form, client.Options{Verify: verify})
				if err != nil {
					t.Fatalf("%s, read-write %t, verified %t: %v", form, readWrite, verify, err)
				}
				if at := result.States["s0"].Location; at != name(5)+":30000" {
					t.Errorf("%s: s0 is at %q, want in the cloud", form, at)
				}
				if verify {
					continue
				}
				opened := network.Conns() - conns
				var calls []string
				cloud := 0
				for _, m := range tap.take() {
					if strings.HasPrefix(m.method, "StateServer/") && m.from != m.to {
						if m.from == address(5) || m.to == address(5) {
							cloud += m.payload()
						}
						if m.request && m.to == address(5) {
							calls = append(calls, strings.TrimPrefix(m.method, "StateServer/"))
						}
					}
				}
				slices.Sort(calls)
				moved := 10000 + 20000
				wantCalls, wantCloud, extra := []string{"Put", "Put"}, moved, 0
				if readWrite {
					// Three uses: one Get and one Put each, over one connection.
					wantCalls = []string{"Get", "Get", "Get", "Put", "Put", "Put", "Put", "Put"}
					wantCloud, extra = moved+2*(2*10000+20000), 3
				}
				if !slices.Equal(calls, wantCalls) || cloud != wantCloud {
					t.Errorf("%s, read-write %t: calls %q and %d bytes at the cloud, want %q and %d", form, readWrite, calls, cloud, wantCalls, wantCloud)
				}
				// The client's router and own states, two moves from the client; and
				// the callback, or the tables (in the router's place), two computers
				// and two callbacks.
				want := map[workflow.Form]int{workflow.Carry: 1 + 1 + 2 + 1, workflow.Direct: 1 + 1 + 2 + 2 + 2}[form] + extra
				if opened != want {
					t.Errorf("%s, read-write %t: %d connections, want %d", form, readWrite, opened, want)
				}
			}
		}
		waitIdle(t, d)
	}
}

// TestReadWriteRefuses: a computer's own server is not a cloud.
func TestReadWriteRefuses(t *testing.T) {
	_, cfg := ring(3, 0)
	c := cfg.Computers[name(2)]
	c.StateReadWrite = true
	cfg.Computers[name(2)] = c
	if _, err := deploy.Start(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "name another host") {
		t.Errorf("%v, want a refusal", err)
	}
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
