package deploy_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"edgebed/nodes/client"
	"edgebed/nodes/deploy"
	"edgebed/nodes/router"
	"edgebed/nodes/units"
	"edgebed/nodes/wire"
	"edgebed/nodes/workflow"
)

// TestComputerDies: whichever model runs when a computer's host vanishes, the
// execution fails with a reason, the next ones run, and the computer comes back.
func TestComputerDies(t *testing.T) {
	noLeaks(t)
	network, cfg := ring(4, 200*time.Millisecond)
	d := start(t, cfg)
	if err := d.WarmUp(t.Context(), workflow.Carry); err != nil {
		t.Fatal(err)
	}
	without := &workflow.Workflow{Functions: []string{name(2), name(4)}}
	for _, model := range workflow.Models {
		// The host of the second function vanishes while the first one runs.
		go func() {
			for d.ComputerStats()[name(2)].Running == 0 {
				time.Sleep(time.Millisecond)
			}
			network.Cut(address(3))
		}()
		_, err := execute(d, workedChain(), model, client.Options{})
		var failure *client.Failure
		if !errors.As(err, &failure) {
			t.Fatalf("%s: %v, want a *Failure", model, err)
		}
		if errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), name(3)) {
			t.Errorf("%s: %v: want the reason, with the computer's name, before the deadline", model, err)
		}
		if _, err := execute(d, without, model, client.Options{Verify: true}); err != nil {
			t.Errorf("%s: next execution: %v", model, err)
		}

		network.Restore(address(3))
		if err := d.StopComputer(name(3)); err != nil {
			t.Error(err)
		}
		if err := d.StartComputer(t.Context(), name(3)); err != nil {
			t.Fatal(err)
		}
		if _, err := execute(d, workedChain(), model, client.Options{Verify: true}); err != nil {
			t.Errorf("%s: after the restart: %v", model, err)
		}
	}
}

// TestComputerStopsBusy: pure-faas notices at once that a computer ends in the
// middle of a function, and the next execution on the others runs.
func TestComputerStopsBusy(t *testing.T) {
	noLeaks(t)
	_, cfg := ring(4, 300*time.Millisecond)
	d := start(t, cfg)
	stopped := make(chan error, 1)
	go func() {
		for d.ComputerStats()[name(3)].Running == 0 {
			time.Sleep(time.Millisecond)
		}
		stopped <- d.StopComputer(name(3))
	}()
	_, err := execute(d, workedChain(), workflow.PureFaaS, client.Options{})
	if err == nil || errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), name(3)) {
		t.Errorf("%v: want the reason, with the computer's name, before the deadline", err)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	without := &workflow.Workflow{Functions: []string{name(2), name(4)}}
	for _, model := range workflow.Models {
		if _, err := execute(d, without, model, client.Options{}); err != nil {
			t.Errorf("%s: %v", model, err)
		}
	}
	if _, err := execute(d, workedChain(), workflow.PureFaaS, client.Options{}); err == nil || !strings.Contains(err.Error(), router.RetNoDestination) {
		t.Errorf("%v, want no destination for the stopped computer's function", err)
	}
}

// TestComputerDiesSilently: a computer that vanishes after its acknowledgement
// is noticed by nobody (prototype); the client's own deadline ends the wait, and
// the next client does not take what is left for its own.
func TestComputerDiesSilently(t *testing.T) {
	noLeaks(t)
	network, cfg := ring(4, 100*time.Millisecond)
	cfg.Timeout = time.Second
	d := start(t, cfg)
	go func() {
		// Until it runs the function and the computer before it is acknowledged.
		for d.ComputerStats()[name(3)].Running == 0 || d.ComputerStats()[name(2)].InFlight > 0 {
			time.Sleep(time.Millisecond)
		}
		network.Cut(address(3))
	}()
	_, err := execute(d, workedChain(), workflow.StateProp, client.Options{})
	var failure *client.Failure
	if !errors.As(err, &failure) || failure.Stage != client.StageCallback || !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("%v, want the callback's deadline", err)
	}
	without := &workflow.Workflow{Functions: []string{name(2), name(4)}}
	for _, model := range workflow.Models {
		if _, err := execute(d, without, model, client.Options{Verify: true}); err != nil {
			t.Errorf("%s: %v", model, err)
		}
	}
	network.Restore(address(3)) // so that the computer can say goodbye
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
								return d.ComputerStats()[name(2)].Running > 0
							}
							return d.ComputerStats()[name(3)].Running > 0 && d.ComputerStats()[name(2)].InFlight == 0
						}
						for t.Context().Err() == nil && !ready() {
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
			for d.ComputerStats()[name(3)].Running == 0 || d.ComputerStats()[name(2)].InFlight > 0 {
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
		if opened := network.Conns() - conns; opened != 0 || failures != 0 || c.(*client.Client).LateCallbacks() != 0 {
			t.Errorf("%s: afterwards %d connections were opened, %d failures reported, and %d callbacks came late",
				form, opened, -failures, c.(*client.Client).LateCallbacks())
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
			for d.ComputerStats()[name(3)].Running == 0 {
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
